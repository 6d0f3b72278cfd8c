// Package bus is the contract for what moves between the parts of a cluster: events to whoever listens, requests
// to one who answers, and durable queues with timers. Two implementations keep it, bus/mem and bus/nats; the suite
// in bus/bustest holds both to it.
package bus

import (
	"context"
	"errors"
	"time"
)

// Sentinels of the contract, tested with errors.Is.
var (
	// ErrNoResponder says that nobody answers requests to the subject: the node is gone.
	ErrNoResponder = errors.New("bus: no responder")
	// ErrUnavailable says that the bus cannot be reached or cannot write.
	ErrUnavailable = errors.New("bus: unavailable")
)

// A Bus carries messages on subjects such as "node.k3.push": tokens of [A-Za-z0-9_-]+ joined by dots.
// Subscriptions may use * for one token and > for the rest.
type Bus interface {
	// Publish hands data to every subscriber of subject that is there now, at most once. It does not wait for them.
	// Messages of one publisher on one subject arrive in order.
	Publish(ctx context.Context, subject string, data []byte) error

	// Subscribe calls f for each message until cancel is called, one call at a time. f must not keep data.
	// A subscriber that falls more than 65,536 messages behind loses the oldest.
	Subscribe(subject string, f func(subject string, data []byte)) (cancel func(), err error)

	// Request sends data to one who serves subject and returns the answer, or ErrNoResponder at once.
	Request(ctx context.Context, subject string, data []byte) ([]byte, error)

	// Serve answers requests to subject until cancel is called; calls run concurrently. Of several who serve a subject, one gets
	// each request. f may keep data. cancel ends the context of running calls, and returns when they have returned.
	Serve(subject string, f func(ctx context.Context, subject string, data []byte) []byte) (cancel func(), err error)

	// Queue opens the durable queue of this name, making it if it does not exist. Names are [A-Za-z0-9_-]+.
	Queue(ctx context.Context, name string) (Queue, error)
}

// A Queue keeps jobs until one worker has done them: at least once, also over restarts and kill -9.
type Queue interface {
	// Send stores a job, durable on return. It is given to a worker at or after the time at (zero: now).
	// While a job with the same non-empty id waits or runs, Send of another with that id does nothing.
	Send(ctx context.Context, id string, data []byte, at time.Time) error

	// Run takes jobs and calls f, at most workers at a time, until ctx is done; it returns when all calls have returned.
	// A job is finished when f returns nil. When f returns a Next, the next job takes its place. After another error, or when
	// the process died, it is given to a worker again, after the delay of Retry if the error is one, else after one second.
	Run(ctx context.Context, workers int, f func(ctx context.Context, job Job) error) error
}

// A Job is one delivery.
type Job struct {
	ID      string
	Data    []byte
	Attempt int // 1 for the first delivery; it may count one too many after a stop or a kill -9
}

// Next is an error that finishes a job and puts another in its place, under the same id, in one durable step: Data, due at At.
// A chain of timers costs one write each. Where somebody else has finished the job meanwhile, there is no next.
type Next struct {
	Data []byte
	At   time.Time
}

func (*Next) Error() string { return "another job takes this one's place" }

// Retry is an error that says when a job should be tried again.
type Retry struct {
	After time.Duration
	Err   error
}

func (r *Retry) Error() string { return r.Err.Error() }
func (r *Retry) Unwrap() error { return r.Err }
