package bus

import (
	"context"
	"sync"
	"time"
)

// A Later is a durable queue that is opened when it is first used, and then kept: opening one costs more than sending to it.
// Its methods may be called from many goroutines.
type Later struct {
	Bus  Bus
	Name string

	mu sync.Mutex // guards q
	q  Queue
}

// Queue opens the queue, or returns the one that is open.
func (l *Later) Queue(ctx context.Context) (Queue, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.q == nil {
		q, err := l.Bus.Queue(ctx, l.Name)
		if err != nil {
			return nil, err
		}
		l.q = q
	}
	return l.q, nil
}

// Send is Queue.Send.
func (l *Later) Send(ctx context.Context, id string, data []byte, at time.Time) error {
	q, err := l.Queue(ctx)
	if err != nil {
		return err
	}
	return q.Send(ctx, id, data, at)
}

// Run is Queue.Run. It returns nil when ctx is done.
func (l *Later) Run(ctx context.Context, workers int, f func(ctx context.Context, job Job) error) error {
	q, err := l.Queue(ctx)
	if err == nil {
		err = q.Run(ctx, workers, f)
	}
	if ctx.Err() != nil {
		return nil //nolint:nilerr // being stopped is no failure
	}
	return err
}
