package states

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"hash/fnv"
	"strconv"
	"time"

	"github.com/sallyport/sallyport/internal/awsapi"
	"github.com/sallyport/sallyport/internal/bus"
	"github.com/sallyport/sallyport/internal/service/states/machine"
)

const queueName = "states"

// A job is what wakes an execution.
type job struct {
	Kind   string     `json:"kind"`
	Key    string     `json:"key"` // of the execution
	Seed   *execution `json:"seed,omitempty"`
	Thread int        `json:"thread,omitempty"`
	Seq    int64      `json:"seq,omitempty"`
	At     int64      `json:"at,omitempty"`
	Token  string     `json:"token,omitempty"`
	Child  string     `json:"child,omitempty"` // key of the execution that ended
	Count  int        `json:"count,omitempty"`
	Result *outcome   `json:"result,omitempty"`
}

// Kinds of jobs.
const (
	jobStart   = "start"
	jobTimer   = "timer"
	jobToken   = "token"
	jobChild   = "child"
	jobRedrive = "redrive"
	jobStop    = "stop" // a child execution: Child is the map run, Count its index
)

// An outcome is what SendTaskSuccess or SendTaskFailure said.
type outcome struct {
	Output json.RawMessage `json:"output,omitempty"`
	Failed bool            `json:"failed,omitempty"`
	Error  string          `json:"error,omitempty"`
	Cause  string          `json:"cause,omitempty"`
}

// id names a job so that it is there once.
func (j *job) id() string {
	switch j.Kind {
	case jobStart:
		return j.Key + "/start"
	case jobTimer:
		return j.Key + "/" + strconv.Itoa(j.Thread) + "/" + strconv.FormatInt(j.Seq, 36) + "/" + strconv.FormatInt(j.At, 36)
	case jobToken:
		return j.Key + "/token/" + j.Token
	case jobStop:
		return j.Key + "/stop/" + j.Child + "/" + strconv.Itoa(j.Count) + "/" + strconv.FormatInt(j.Seq, 10)
	case jobChild:
		return j.Key + "/child/" + j.Child
	}
	return j.Key + "/redrive/" + strconv.Itoa(j.Count)
}

// owner is who does what a turn asks for that the job brought about.
func (j *job) owner() string {
	h := fnv.New64a()
	h.Write([]byte(j.id()))
	return strconv.FormatUint(h.Sum64(), 36)
}

func (s *Service) openQueue(ctx context.Context) (bus.Queue, error) {
	s.mu.Lock()
	q := s.queue
	s.mu.Unlock()
	if q != nil {
		return q, nil
	}
	q, err := s.cfg.Bus.Queue(ctx, queueName)
	if err != nil {
		return nil, fmt.Errorf("open queue %s: %w", queueName, err)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.queue = q
	return q, nil
}

// send puts a job into the queue, to be done at a time in milliseconds, or now.
func (s *Service) send(ctx context.Context, j job, at int64) error {
	q, err := s.openQueue(ctx)
	if err != nil {
		return err
	}
	data, err := json.Marshal(j)
	if err != nil {
		return fmt.Errorf("encode job: %w", err)
	}
	if err := q.Send(ctx, j.id(), data, timeOf(at)); err != nil {
		return fmt.Errorf("wake execution %s: %w", j.Key, err)
	}
	return nil
}

// timeOf is a time in milliseconds; zero is now.
func timeOf(at int64) time.Time {
	if at <= 0 {
		return time.Time{}
	}
	return time.UnixMilli(at)
}

// Run takes the steps of executions until ctx is done.
func (s *Service) Run(ctx context.Context) error {
	q, err := s.openQueue(ctx)
	if err != nil {
		return err
	}
	stop, err := s.serveActivities()
	if err != nil {
		return err
	}
	defer stop()
	err = q.Run(ctx, s.cfg.Workers, func(ctx context.Context, d bus.Job) error {
		var j job
		if err := json.Unmarshal(d.Data, &j); err != nil {
			s.cfg.Log.Error("a job of the queue is unreadable", "queue", queueName, "id", d.ID, "err", err)
			return nil
		}
		err := s.perform(ctx, j, d.Attempt)
		if retry, ok := errors.AsType[*bus.Retry](err); ok {
			return retry
		}
		if next, ok := errors.AsType[*bus.Next](err); ok {
			return next
		}
		if err != nil && ctx.Err() == nil {
			s.cfg.Log.Warn("an execution's step has to be repeated", "execution", j.Key, "err", err)
			return &bus.Retry{After: time.Duration(min(d.Attempt, 30)) * time.Second, Err: err}
		}
		return err
	})
	if ctx.Err() != nil && errors.Is(err, ctx.Err()) {
		return nil
	}
	return err
}

// as returns ctx with who makes the calls of an execution: its role, as Step Functions.
func (s *Service) as(ctx context.Context, x *execution, requestID string) context.Context {
	p := placeOfKey(x.key)
	return awsapi.WithCaller(ctx, awsapi.Caller{
		Account: p.Account, Region: p.Region, RequestID: requestID, ARN: x.RoleARN, UserID: p.Account, Service: "states.amazonaws.com", SourceIP: "states.amazonaws.com", Admin: true, Repeats: true,
	})
}

// turn makes a turn of an execution.
func (s *Service) turn(ctx context.Context, x *execution, owner string) (*machine.Turn, error) {
	d, err := s.definition(ctx, x.Definition)
	if err != nil {
		return nil, err
	}
	t := &machine.Turn{X: &x.Execution, Def: d, Now: s.cfg.Now(), Owner: owner, NoHistory: x.Express, Region: placeOfKey(x.key).Region}
	t.Token = func(thread int, secret string) string { return encodeToken(x.key, thread, secret) }
	if x.Logging.active() {
		t.Log = func(arn string, e machine.Event) { x.logged = append(x.logged, logged{arn, e}) }
	}
	return t, nil
}
