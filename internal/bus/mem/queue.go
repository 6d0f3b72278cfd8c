package mem

import (
	"bytes"
	"container/heap"
	"context"
	"errors"
	"sync"
	"time"

	"github.com/sallyport/sallyport/internal/bus"
)

func (b *memBus) Queue(ctx context.Context, name string) (bus.Queue, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	if err := bus.CheckQueue(name); err != nil {
		return nil, err
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	q := b.queues[name]
	if q == nil {
		q = &queue{ids: make(map[string]struct{}), changed: make(chan struct{})}
		b.queues[name] = q
	}
	return q, nil
}

type queue struct {
	mu      sync.Mutex // guards all below
	waiting jobs
	ids     map[string]struct{} // of jobs that wait or run
	changed chan struct{}       // closed, and made anew, when a job was added
}

type job struct {
	bus.Job
	at time.Time
}

func (q *queue) Send(ctx context.Context, id string, data []byte, at time.Time) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	q.mu.Lock()
	defer q.mu.Unlock()
	if id != "" {
		if _, there := q.ids[id]; there {
			return nil
		}
		q.ids[id] = struct{}{}
	}
	q.add(job{Job: bus.Job{ID: id, Data: bytes.Clone(data)}, at: at})
	return nil
}

// add queues j; the caller holds mu.
func (q *queue) add(j job) {
	heap.Push(&q.waiting, j)
	close(q.changed)
	q.changed = make(chan struct{})
}

func (q *queue) Run(ctx context.Context, workers int, f func(ctx context.Context, job bus.Job) error) error {
	var wg sync.WaitGroup
	for range workers {
		wg.Go(func() {
			for {
				j, ok := q.take(ctx)
				if !ok {
					return
				}
				delivery := j.Job
				delivery.Data = bytes.Clone(j.Data) // f may keep it and write to it
				q.finish(j, f(ctx, delivery))
			}
		})
	}
	wg.Wait()
	return ctx.Err()
}

// take waits for a job that is due.
func (q *queue) take(ctx context.Context) (job, bool) {
	for ctx.Err() == nil {
		q.mu.Lock()
		changed, wait := q.changed, time.Hour
		if len(q.waiting) > 0 {
			wait = time.Until(q.waiting[0].at)
			if wait <= 0 {
				j := heap.Pop(&q.waiting).(job)
				j.Attempt++
				q.mu.Unlock()
				return j, true
			}
		}
		q.mu.Unlock()
		t := time.NewTimer(wait)
		select {
		case <-t.C:
		case <-changed:
		case <-ctx.Done():
		}
		t.Stop()
	}
	return job{}, false
}

func (q *queue) finish(j job, err error) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if err == nil {
		delete(q.ids, j.ID)
		return
	}
	if next, ok := errors.AsType[*bus.Next](err); ok {
		q.add(job{Job: bus.Job{ID: j.ID, Data: bytes.Clone(next.Data)}, at: next.At})
		return
	}
	j.at = time.Now().Add(bus.RetryDelay(err))
	q.add(j)
}

// jobs is a heap: the job that is due first stands first.
type jobs []job

func (h jobs) Len() int           { return len(h) }
func (h jobs) Less(i, j int) bool { return h[i].at.Before(h[j].at) }
func (h jobs) Swap(i, j int)      { h[i], h[j] = h[j], h[i] }
func (h *jobs) Push(x any)        { *h = append(*h, x.(job)) }
func (h *jobs) Pop() any {
	old := *h
	j := old[len(old)-1]
	*h = old[:len(old)-1]
	return j
}
