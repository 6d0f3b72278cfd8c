package cloudformation

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"sync"
	"time"

	"github.com/sallyport/sallyport/internal/arn"
	"github.com/sallyport/sallyport/internal/awsapi"
	api "github.com/sallyport/sallyport/internal/awsapi/shapes/cloudformation"
	"github.com/sallyport/sallyport/internal/bus"
	"github.com/sallyport/sallyport/internal/resource"
	"github.com/sallyport/sallyport/internal/store"
)

// Objects is where templates given by URL are kept: Amazon S3.
type Objects interface {
	// Open returns an object; version may be empty.
	Open(ctx context.Context, bucket, key, version string) (io.ReadCloser, error)
}

// Parameters is where parameters of type AWS::SSM::Parameter::Value and {{resolve:ssm:...}} are looked up.
type Parameters interface {
	// Parameter returns the value of a parameter; version zero is the newest. A missing one is an *awsapi.Error.
	Parameter(ctx context.Context, name string, version int64) (string, error)
}

// Functions calls the functions behind custom resources.
type Functions interface {
	// InvokeFrom hands the event to the function of this ARN, as principal, and returns its result. functionError says that the result
	// is an error that the function raised.
	InvokeFrom(ctx context.Context, principal, sourceARN, functionARN string, event []byte) (result []byte, functionError bool, err error)
}

// Options are the parts of CloudFormation that other services bring. Any may be nil.
type Options struct {
	Objects    Objects
	Parameters Parameters
	Functions  Functions
	// ResponseURL returns the URL to which a custom resource's function sends its answer, which has to reach Respond with token.
	ResponseURL func(token string) string
	// Workers is how many stacks are worked on at the same time; zero means 64.
	Workers int
}

// A Service is CloudFormation.
type Service struct {
	stores  store.Stores
	bus     bus.Bus
	log     *slog.Logger
	options Options
	types   map[string]resource.Type

	mu    sync.Mutex // guards what follows
	store store.Store
	queue bus.Queue
}

// New makes a CloudFormation that can make resources of the given types, besides nested stacks, custom resources, and those that it
// only remembers (recordedTypes).
func New(stores store.Stores, b bus.Bus, log *slog.Logger, types []resource.Type, options Options) *Service {
	s := &Service{stores: stores, bus: b, log: log, options: options, types: map[string]resource.Type{}}
	for _, t := range recordedTypes {
		s.types[t.name] = t
	}
	for _, t := range types {
		s.types[t.Name()] = guard{t, log}
	}
	s.types[nestedStack] = (&nested{s}).typ()
	return s
}

// Run works on stacks until ctx is done. An operation that is under way then stops between two resources, and goes on with the
// next Run, here or on another node.
func (s *Service) Run(ctx context.Context) error {
	if err := s.open(ctx); err != nil {
		return err
	}
	if err := s.recover(ctx); err != nil {
		return err
	}
	workers := s.options.Workers
	if workers == 0 {
		workers = 64
	}
	return s.queue.Run(ctx, workers, s.work)
}

// recover sends the operations that a crash has kept from reaching the queue.
func (s *Service) recover(ctx context.Context) error {
	docs, err := s.docs().List(ctx, "stacks/")
	if err != nil {
		return fmt.Errorf("list stacks: %w", err)
	}
	for _, d := range docs {
		st := &stack{}
		if err := decode(d.Data, st); err != nil {
			return fmt.Errorf("decode %s: %w", d.Key, err)
		}
		if st.Deleted != nil && time.Since(*st.Deleted) > keepDeleted {
			if err := s.purge(ctx, d.Key, st); err != nil {
				return err
			}
		}
		if st.Op == nil || st.ParentID != "" {
			continue // a nested stack goes on with its parent
		}
		a, err := arn.Parse(st.ID)
		if err != nil {
			return fmt.Errorf("recover stack %s: %w", d.Key, err)
		}
		caller := awsapi.Caller{Account: a.Account, Region: a.Region, Admin: true}
		if err := s.send(awsapi.WithCaller(ctx, caller), st); err != nil {
			return err
		}
	}
	return nil
}

// keepDeleted is how long a deleted stack can be asked for. AWS: 90 days.
const keepDeleted = 90 * 24 * time.Hour

// purge removes all documents of a deleted stack.
func (s *Service) purge(ctx context.Context, key string, st *stack) error {
	a, err := arn.Parse(st.ID)
	if err != nil {
		return fmt.Errorf("purge stack %s: %w", key, err)
	}
	docs, err := s.docs().List(ctx, keys(a.Account+"/"+a.Region+"/").of(st.UUID))
	if err != nil {
		return fmt.Errorf("list documents of stack %s: %w", st.ID, err)
	}
	for _, d := range docs {
		if err := store.Delete(ctx, s.docs(), d.Key, store.Always); err != nil {
			return fmt.Errorf("purge stack %s: %w", st.ID, err)
		}
	}
	return store.Delete(ctx, s.docs(), key, store.Always)
}

// open opens store and queue once.
func (s *Service) open(ctx context.Context) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.store != nil {
		return nil
	}
	docs, err := s.stores.Open(ctx, "cloudformation")
	if err != nil {
		return fmt.Errorf("open store cloudformation: %w", err)
	}
	queue, err := s.bus.Queue(ctx, "cloudformation")
	if err != nil {
		return fmt.Errorf("open queue cloudformation: %w", err)
	}
	s.store, s.queue = docs, queue
	return nil
}

// docs returns the store; open has been called.
func (s *Service) docs() store.Store { return s.store }

// API implements awsapi.Service.
func (s *Service) API() *awsapi.API { return api.API }

// op makes an operation that runs when the store is open, and whose errors are CloudFormation's.
func op[In, Out any](s *Service, f func(context.Context, *In) (*Out, error)) awsapi.Operation {
	return awsapi.Op(func(ctx context.Context, in *In) (*Out, error) {
		if err := s.open(ctx); err != nil {
			return nil, err
		}
		out, err := f(ctx, in)
		return out, visible(err)
	})
}

// A job is what the queue carries: one operation on one stack.
type job struct {
	Account, Region string
	Stack           string // UUID
	Operation       string
}

// send gives the operation of a stack to the workers.
func (s *Service) send(ctx context.Context, st *stack) error {
	c := awsapi.CallerOf(ctx)
	data := encode(job{c.Account, c.Region, st.UUID, st.Op.ID})
	if err := s.queue.Send(ctx, st.Op.ID, data, time.Time{}); err != nil {
		return fmt.Errorf("queue the operation on stack %s: %w", st.Name, err)
	}
	return nil
}

// work works off one job.
func (s *Service) work(ctx context.Context, j bus.Job) error {
	var what job
	if err := decode(j.Data, &what); err != nil {
		s.log.Error("drop a malformed job", "error", err)
		return nil
	}
	ctx = awsapi.WithCaller(ctx, awsapi.Caller{Account: what.Account, Region: what.Region, Admin: true, Service: "cloudformation.amazonaws.com"})
	err := s.perform(ctx, what.Stack, what.Operation)
	if err != nil && !errors.Is(err, context.Canceled) {
		s.log.Error("operation on a stack is interrupted and will be repeated", "stack", what.Stack, "error", err)
	}
	return err
}
