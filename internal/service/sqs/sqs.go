package sqs

import (
	"context"
	"log/slog"
	"sync"
	"time"

	"github.com/sallyport/sallyport/internal/awsapi"
	shapes "github.com/sallyport/sallyport/internal/awsapi/shapes/sqs"
	"github.com/sallyport/sallyport/internal/service/sqs/box"
	"github.com/sallyport/sallyport/internal/store"
	"github.com/sallyport/sallyport/internal/store/follow"
)

// storeName is the store of the queues, by {account}/{region}/{name}. The messages of each have one of their own.
const storeName = "sqs"

// A Config says what the service stands on.
type Config struct {
	Stores store.Stores
	Log    *slog.Logger

	// LaxPermissions only warns where the policy of a queue does not let a service send to it.
	LaxPermissions bool
}

// Service is Amazon SQS.
type Service struct {
	cfg    Config
	queues *follow.Copy[queue]
	starts chan func(context.Context) // boxes that Run is to run

	mu    sync.Mutex // guards boxes
	boxes map[string]openBox
}

// An openBox is a box that this node runs.
type openBox struct {
	*box.Box
	stop context.CancelFunc
}

// A queue is what is kept of a queue.
type queue struct {
	Account    string
	Region     string
	Name       string
	Store      string // of its messages; drawn anew when it is purged
	Attributes map[string]string
	Tags       map[string]string `json:",omitempty"`
	Created    int64
	Modified   int64
	Token      string `json:",omitempty"`
}

// New returns the service. It answers while Run runs.
func New(cfg Config) *Service {
	s := &Service{cfg: cfg, starts: make(chan func(context.Context)), boxes: map[string]openBox{}}
	s.queues = follow.New[queue](cfg.Stores, storeName, "", cfg.Log, nil)
	return s
}

// Run follows the store and the queues that are in use, until ctx is done.
func (s *Service) Run(ctx context.Context) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	var parts sync.WaitGroup
	defer parts.Wait()
	parts.Go(func() {
		for {
			select {
			case <-ctx.Done():
				return
			case start := <-s.starts:
				parts.Go(func() { start(ctx) })
			}
		}
	})
	parts.Go(func() { s.closeLoop(ctx) })
	err := s.queues.Run(ctx)
	cancel()
	return err
}

// open returns the box of a queue, and has it run.
func (s *Service) open(ctx context.Context, q *queue) (*box.Box, error) {
	s.mu.Lock()
	if o, ok := s.boxes[q.Store]; ok {
		s.mu.Unlock()
		return o.Box, nil
	}
	b := box.New(s.cfg.Stores, q.Store, q.fifo(), s.cfg.Log)
	life, stop := context.WithCancel(context.WithoutCancel(ctx))
	s.boxes[q.Store] = openBox{b, stop}
	s.mu.Unlock()
	run := func(ctx context.Context) {
		defer stop()
		defer context.AfterFunc(ctx, stop)()
		if err := b.Run(life); err != nil && ctx.Err() == nil {
			s.cfg.Log.Error("a queue can no longer be followed", "queue", q.Name, "err", err)
			s.forget(q.Store)
		}
	}
	select {
	case s.starts <- run:
		return b, nil
	case <-ctx.Done():
		stop()
		s.forget(q.Store)
		return nil, ctx.Err()
	}
}

func (s *Service) forget(storeName string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if o, ok := s.boxes[storeName]; ok {
		o.stop()
		delete(s.boxes, storeName)
	}
}

// closeLoop closes the boxes of queues that are gone.
func (s *Service) closeLoop(ctx context.Context) {
	for {
		select {
		case <-ctx.Done():
			return
		case <-time.After(10 * time.Second):
		}
		all, err := s.queues.List(ctx, "")
		if err != nil {
			return
		}
		used := map[string]bool{}
		for _, q := range all {
			used[q.Store] = true
		}
		s.mu.Lock()
		for name, o := range s.boxes {
			if !used[name] {
				o.stop()
				delete(s.boxes, name)
			}
		}
		s.mu.Unlock()
	}
}

// API implements awsapi.Service.
func (s *Service) API() *awsapi.API { return shapes.API }

// Operations implements awsapi.Service.
func (s *Service) Operations() map[string]awsapi.Operation {
	return map[string]awsapi.Operation{
		"CreateQueue":                  awsapi.Op(s.createQueue),
		"GetQueueUrl":                  awsapi.Op(s.getQueueURL),
		"ListQueues":                   awsapi.Op(s.listQueues),
		"DeleteQueue":                  awsapi.Op(s.deleteQueue),
		"PurgeQueue":                   awsapi.Op(s.purgeQueue),
		"GetQueueAttributes":           awsapi.Op(s.getQueueAttributes),
		"SetQueueAttributes":           awsapi.Op(s.setQueueAttributes),
		"AddPermission":                awsapi.Op(s.addPermission),
		"RemovePermission":             awsapi.Op(s.removePermission),
		"TagQueue":                     awsapi.Op(s.tagQueue),
		"UntagQueue":                   awsapi.Op(s.untagQueue),
		"ListQueueTags":                awsapi.Op(s.listQueueTags),
		"ListDeadLetterSourceQueues":   awsapi.Op(s.listDeadLetterSourceQueues),
		"SendMessage":                  awsapi.Op(s.sendMessage),
		"SendMessageBatch":             awsapi.Op(s.sendMessageBatch),
		"ReceiveMessage":               awsapi.Op(s.receiveMessage),
		"DeleteMessage":                awsapi.Op(s.deleteMessage),
		"DeleteMessageBatch":           awsapi.Op(s.deleteMessageBatch),
		"ChangeMessageVisibility":      awsapi.Op(s.changeMessageVisibility),
		"ChangeMessageVisibilityBatch": awsapi.Op(s.changeMessageVisibilityBatch),
	}
}

// value returns what p points to, or the zero value.
func value[T any](p *T) T {
	var zero T
	if p == nil {
		return zero
	}
	return *p
}
