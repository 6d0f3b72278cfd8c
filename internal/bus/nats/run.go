package nats

import (
	"container/heap"
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"

	"github.com/nats-io/nats.go"

	"github.com/sallyport/sallyport/internal/bus"
)

const (
	pullWait   = 30 * time.Second
	pullBeat   = 10 * time.Second       // the server speaks at least so often
	pullPause  = 250 * time.Millisecond // after an error, for example while the server moves the queue
	ackTimeout = 5 * time.Second

	// holdTime is how long before it is due a job may be kept in this process. The server's own delays are imprecise by as much as it has
	// to do, so it keeps a job with a delay only until half of that.
	holdTime = 10 * time.Second
	// maxHeld is how many jobs, and maxHeldBytes how much of them, are kept here; the server keeps the others until they are due.
	maxHeld      = 50_000
	maxHeldBytes = 64 << 20
)

func (q *queue) Run(ctx context.Context, workers int, f func(ctx context.Context, job bus.Job) error) error {
	r := &runner{q: q, workers: workers, f: f, finished: make(chan struct{}, workers), ours: deliveries{set: map[uint64]*delivery{}, over: map[uint64]struct{}{}}}
	stop := make(chan struct{})
	var reporter sync.WaitGroup
	reporter.Go(func() { r.ours.report(stop) })
	if q.reclaim != nil {
		q.reclaim(ctx)
	}
	for ctx.Err() == nil {
		r.serve(ctx)
		sleep(ctx, pullPause)
	}
	r.running.Wait()
	close(stop)
	reporter.Wait()
	return ctx.Err()
}

// A runner gives the jobs of a queue to workers. All but ours belongs to the goroutine of serve.
type runner struct {
	q       *queue
	workers int
	f       func(ctx context.Context, job bus.Job) error

	ready     []*delivery
	held      heldJobs
	heldBytes int
	busy      int // workers
	running   sync.WaitGroup
	finished  chan struct{} // one for each worker that has become free

	inbox string
	pull  int       // counts the requests for jobs
	open  int       // how many jobs the last one may still bring
	heard time.Time // when the server last said something about it
	pause time.Time // until when nothing is asked for

	ours deliveries
}

// serve takes jobs until ctx is done, or the subscription breaks.
func (r *runner) serve(ctx context.Context) {
	r.inbox, r.open = r.q.conn.NewInbox(), 0
	msgs := make(chan *nats.Msg, r.workers+64)
	sub, err := r.q.conn.ChanSubscribe(r.inbox+".*", msgs)
	if err != nil {
		return
	}
	defer r.giveAllBack()
	defer sub.Unsubscribe() //nolint:errcheck // the connection is closed then
	beat := time.NewTicker(pullBeat)
	defer beat.Stop()
	timer := time.NewTimer(0)
	defer timer.Stop()
	for sub.IsValid() {
		r.work(ctx)
		r.ask()
		timer.Reset(r.idle())
		select {
		case <-ctx.Done():
			return
		case m := <-msgs:
			r.take(m)
		case <-r.finished:
			r.busy--
		case <-timer.C:
		case <-beat.C:
			if time.Since(r.heard) > 3*pullBeat {
				r.open = 0 // the request is lost
			}
		}
	}
}

// idle is how long there is nothing to do.
func (r *runner) idle() time.Duration {
	wait := time.Hour
	if len(r.held) > 0 {
		wait = time.Until(r.held[0].due)
	}
	if r.open == 0 {
		if pause := time.Until(r.pause); pause > 0 {
			wait = min(wait, pause)
		}
	}
	return max(wait, 0)
}

// ask asks for as many jobs as there are free workers, when none is asked for.
func (r *runner) ask() {
	n := r.workers - r.busy - len(r.ready)
	if r.open > 0 || n <= 0 || time.Now().Before(r.pause) {
		return
	}
	r.pull++
	r.open, r.heard = n, time.Now()
	request := fmt.Appendf(nil, `{"batch":%d,"expires":%d,"idle_heartbeat":%d}`, n, pullWait.Nanoseconds(), pullBeat.Nanoseconds())
	if err := r.q.conn.PublishRequest(r.q.pulls, fmt.Sprintf("%s.%d", r.inbox, r.pull), request); err != nil {
		r.open, r.pause = 0, time.Now().Add(pullPause)
	}
}

// take takes what the server sends: a job, or word about the request for jobs.
func (r *runner) take(m *nats.Msg) {
	r.heard = time.Now()
	if status := m.Header.Get("Status"); status != "" && len(m.Data) == 0 && strings.HasPrefix(m.Subject, r.inbox) {
		if status == "100" || m.Subject != fmt.Sprintf("%s.%d", r.inbox, r.pull) {
			return
		}
		r.open = 0
		if status != "408" { // 408: the time is over
			r.pause = r.heard.Add(pullPause)
		}
		return
	}
	r.open = max(r.open-1, 0)
	d, err := r.q.decode(m)
	if err != nil {
		r.q.conn.Publish(m.Reply, fmt.Appendf(nil, "+TERM %s", err)) //nolint:errcheck // not ours: nobody can do it
		return
	}
	wait := d.due.Sub(r.heard)
	switch {
	case r.ours.know(d):
	case d.due.IsZero() || wait <= 0:
		r.ours.add(d)
		r.ready = append(r.ready, d)
	case d.far || wait > 2*holdTime:
		d.giveBack(max(wait-holdTime/2, 0))
	case len(r.held) >= maxHeld || r.heldBytes+len(m.Data) > maxHeldBytes:
		d.giveBack(wait)
	default:
		r.ours.add(d)
		r.heldBytes += len(m.Data)
		heap.Push(&r.held, d)
	}
}

// work gives what is due to free workers.
func (r *runner) work(ctx context.Context) {
	for len(r.held) > 0 && time.Until(r.held[0].due) <= 0 {
		d := heap.Pop(&r.held).(*delivery)
		r.heldBytes -= len(d.msg.Data)
		r.ready = append(r.ready, d)
	}
	for len(r.ready) > 0 && r.busy < r.workers {
		d := r.ready[0]
		r.ready = r.ready[1:]
		r.busy++
		r.running.Go(func() {
			r.settle(ctx, d, r.f(ctx, d.job))
			r.finished <- struct{}{}
		})
	}
}

// giveAllBack returns the jobs that no worker has.
func (r *runner) giveAllBack() {
	for _, d := range r.ready {
		r.ours.remove(d)
		d.giveBack(0)
	}
	for _, d := range r.held {
		r.ours.remove(d)
		d.giveBack(time.Until(d.due))
	}
	r.ready, r.held, r.heldBytes = nil, nil, 0
}

// heldJobs is a heap: the job that is due first stands first.
type heldJobs []*delivery

func (h heldJobs) Len() int           { return len(h) }
func (h heldJobs) Less(i, j int) bool { return h[i].due.Before(h[j].due) }
func (h heldJobs) Swap(i, j int)      { h[i], h[j] = h[j], h[i] }
func (h *heldJobs) Push(x any)        { *h = append(*h, x.(*delivery)) }
func (h *heldJobs) Pop() any {
	old := *h
	d := old[len(old)-1]
	old[len(old)-1] = nil
	*h = old[:len(old)-1]
	return d
}

// settle tells the server what came of a job.
func (r *runner) settle(ctx context.Context, d *delivery, err error) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), ackTimeout)
	defer cancel()
	next, more := errors.AsType[*bus.Next](err)
	switch {
	case err == nil:
		d.finish(ctx)
	case more:
		if err := d.follow(ctx, next); err != nil {
			r.ours.remove(d)
			d.giveBack(time.Second)
			return
		}
	default:
		r.ours.remove(d) // a report that came after would undo the delay
		d.giveBack(bus.RetryDelay(err))
		return
	}
	r.ours.done(d)
}

// sleep returns after d, or when ctx is done.
func sleep(ctx context.Context, d time.Duration) {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
	case <-t.C:
	}
}
