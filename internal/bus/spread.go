package bus

import (
	"context"
	"fmt"
	"hash/fnv"
	"math/rand/v2"
	"strconv"
	"sync"
	"time"
)

// spread is one queue made of several.
type spread []Queue

// OpenSpread opens a queue that is made of parts: what is written to one does not wait for what is written to another, so that more
// jobs per second are durable. Jobs of one id are in one part. The number of parts of a name must not become smaller.
func OpenSpread(ctx context.Context, b Bus, name string, parts int) (Queue, error) {
	if parts <= 1 {
		return b.Queue(ctx, name)
	}
	if err := CheckQueue(name); err != nil {
		return nil, err
	}
	q := make(spread, parts)
	errs := make([]error, parts)
	var opening sync.WaitGroup
	for i := range q {
		opening.Go(func() { q[i], errs[i] = b.Queue(ctx, name+"-"+strconv.Itoa(i)) })
	}
	opening.Wait()
	for _, err := range errs {
		if err != nil {
			return nil, fmt.Errorf("open the parts of queue %s: %w", name, err)
		}
	}
	return q, nil
}

func (q spread) Send(ctx context.Context, id string, data []byte, at time.Time) error {
	return q[q.part(id)].Send(ctx, id, data, at)
}

// part returns where jobs of an id are.
func (q spread) part(id string) int {
	if id == "" {
		return rand.IntN(len(q))
	}
	h := fnv.New32a()
	h.Write([]byte(id))
	return int(h.Sum32() % uint32(len(q)))
}

// Run lets each part have up to twice its share of the workers, and all of them not more than there are.
func (q spread) Run(ctx context.Context, workers int, f func(ctx context.Context, job Job) error) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	free := make(chan struct{}, workers)
	share := min(workers, 2*(workers+len(q)-1)/len(q))
	var running sync.WaitGroup
	for _, part := range q {
		running.Go(func() {
			cancel(part.Run(ctx, share, func(ctx context.Context, job Job) error { // all end with the first
				select {
				case free <- struct{}{}:
				case <-ctx.Done():
					return ctx.Err()
				}
				defer func() { <-free }()
				return f(ctx, job)
			}))
		})
	}
	running.Wait()
	return context.Cause(ctx)
}
