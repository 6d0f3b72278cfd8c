package nats

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/sallyport/sallyport/internal/bus"
)

const (
	pullWait   = 30 * time.Second
	pullPause  = 250 * time.Millisecond // after an error, for example while the server moves the queue
	ackTimeout = 5 * time.Second
)

func (q *queue) Run(ctx context.Context, workers int, f func(ctx context.Context, job bus.Job) error) error {
	running := &deliveries{set: make(map[jetstream.Msg]struct{})}
	stop := make(chan struct{})
	var reporter, work sync.WaitGroup
	reporter.Go(func() { running.report(stop) })
	for range workers {
		work.Go(func() { q.work(ctx, running, f) })
	}
	work.Wait()
	close(stop)
	reporter.Wait()
	return ctx.Err()
}

// work is one worker.
func (q *queue) work(ctx context.Context, running *deliveries, f func(ctx context.Context, job bus.Job) error) {
	for ctx.Err() == nil {
		m, err := q.next(ctx)
		switch {
		case err == nil:
			q.deliver(ctx, m, running, f)
		case errors.Is(err, nats.ErrTimeout), errors.Is(err, context.DeadlineExceeded):
		case ctx.Err() == nil:
			t := time.NewTimer(pullPause)
			select {
			case <-ctx.Done():
			case <-t.C:
			}
			t.Stop()
		}
	}
}

func (q *queue) next(ctx context.Context) (jetstream.Msg, error) {
	wait, cancel := context.WithTimeout(ctx, pullWait)
	defer cancel()
	return q.consumer.Next(jetstream.FetchContext(wait))
}

// deliver gives one job to f, or back to the queue if it came too early.
func (q *queue) deliver(ctx context.Context, m jetstream.Msg, running *deliveries, f func(ctx context.Context, job bus.Job) error) {
	job, due, err := decode(m)
	if err != nil {
		m.TermWithReason(err.Error()) //nolint:errcheck // not ours: nobody can do it
		return
	}
	if !due.IsZero() {
		if wait := time.Until(due); wait > 0 {
			m.NakWithDelay(wait) //nolint:errcheck // else it comes again after ackWait
			return
		}
		if job.Attempt > 1 {
			job.Attempt-- // the delivery that was too early
		}
	}
	running.add(m)
	err = f(ctx, job)
	running.remove(m)
	if err != nil {
		m.NakWithDelay(max(bus.RetryDelay(err), time.Nanosecond)) //nolint:errcheck // else it comes again after ackWait
		return
	}
	// The answer is waited for: whoever heard that the job is done may send its id again.
	ack, cancel := context.WithTimeout(context.WithoutCancel(ctx), ackTimeout)
	defer cancel()
	m.DoubleAck(ack) //nolint:errcheck // else it is done once more, as the contract allows
}

// deliveries are the jobs that run.
type deliveries struct {
	mu  sync.Mutex // guards set
	set map[jetstream.Msg]struct{}
}

func (d *deliveries) add(m jetstream.Msg) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.set[m] = struct{}{}
}

func (d *deliveries) remove(m jetstream.Msg) {
	d.mu.Lock()
	defer d.mu.Unlock()
	delete(d.set, m)
}

// report tells the server, well within ackWait, that jobs are still running.
func (d *deliveries) report(stop <-chan struct{}) {
	t := time.NewTicker(ackWait / 3)
	defer t.Stop()
	for {
		select {
		case <-stop:
			return
		case <-t.C:
		}
		d.mu.Lock()
		for m := range d.set {
			m.InProgress() //nolint:errcheck // the next one may arrive
		}
		d.mu.Unlock()
	}
}
