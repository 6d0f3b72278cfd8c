package states

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/sallyport/sallyport/internal/bus"
	"github.com/sallyport/sallyport/internal/service/states/asl"
	"github.com/sallyport/sallyport/internal/service/states/machine"
	"github.com/sallyport/sallyport/internal/store"
)

// How often an execution is written while calls are under way.
const (
	firstSave = 50 * time.Millisecond // a call that takes longer is seen in the history
	nextSave  = 10 * time.Millisecond // results that come in together are written together
)

// An activation does one job: it takes an execution on until it waits for something that no call of its own brings.
type activation struct {
	s     *Service
	job   job
	owner string
	x     *execution
	turn  *machine.Turn
	dirty bool

	// since are the inputs since the last write. They are given again when somebody else was faster.
	since    []func(t *machine.Turn)
	inflight map[int64]context.CancelFunc // calls that are waited for, by the number of the wait
	pending  int                          // calls under way, with those that were given up
	results  chan called

	dirtyAt time.Time       // since when there is something to write
	ended   bool            // this activation ended the execution
	again   bool            // the job was begun before
	child   *machine.Result // of jobChild
}

// called is the result of a call.
type called struct {
	thread int
	seq    int64
	result machine.Result
}

func (s *Service) perform(ctx context.Context, j job, attempt int) error {
	if j.Kind == jobStart {
		s.awaitStarter(ctx, j.Key)
	}
	a := &activation{s: s, job: j, owner: j.owner(), inflight: map[int64]context.CancelFunc{}, results: make(chan called, 64), again: attempt > 1}
	callCtx, cancel := context.WithCancel(ctx)
	defer a.drain()
	defer cancel()
	if ok, err := a.load(ctx); err != nil || !ok {
		return err
	}
	if j.Kind == jobChild {
		if err := a.loadChild(ctx); err != nil {
			return err
		}
	}
	a.input(a.event)
	return a.loop(ctx, callCtx)
}

// load reads the execution, or takes its seed, which is written when it has begun. It is not ok if there is none.
func (a *activation) load(ctx context.Context) (ok bool, err error) {
	if a.x, err = a.s.load(ctx, a.job.Key); err != nil {
		return false, err
	}
	if a.x == nil {
		if a.job.Seed == nil {
			return false, nil
		}
		seed := *a.job.Seed
		a.x = &seed
		a.x.key = a.job.Key
	}
	if a.job.Kind == jobRedrive {
		if err := a.s.recallChildren(ctx, a.x); err != nil {
			return false, err
		}
	}
	a.turn, err = a.s.turn(ctx, a.x, a.owner)
	return err == nil, err
}

// input gives the execution something to go on with.
func (a *activation) input(f func(t *machine.Turn)) {
	a.since = append(a.since, f)
	a.apply(f)
}

func (a *activation) apply(f func(t *machine.Turn)) {
	before := a.mark()
	a.turn.Now = a.s.cfg.Now()
	f(a.turn)
	for a.turn.Run() {
		a.turn.Tick() // an endless loop without history is ended by its timeout
	}
	if a.mark() != before {
		if !a.dirty {
			a.dirtyAt = a.turn.Now
		}
		a.dirty = true
		a.ended = a.ended || a.x.Ended()
	}
}

// mark changes with every change of the execution.
func (a *activation) mark() [6]int64 {
	x := a.x
	return [6]int64{x.LastEvent, x.Seq, int64(x.Draws), int64(len(x.Threads)), int64(x.LastID), int64(len(x.Events))}
}

// event is the job's own event.
func (a *activation) event(t *machine.Turn) {
	x, j := a.x, &a.job
	switch j.Kind {
	case jobStart:
		if x.LastEvent == 0 {
			t.Begin()
		}
	case jobTimer:
		t.Tick()
	case jobToken:
		t.Completed(j.Thread, j.Token, j.Result.result())
	case jobChild:
		t.ChildEnded(j.Thread, j.Child, copyResult(*a.child))
	case jobStop:
		t.StopChild(j.Child, j.Count, j.Result.Error, j.Result.Cause)
	case jobRedrive:
		if x.Ended() && x.Redriven == j.Count && x.notRedrivable(t.Now.UnixMilli()) == "" {
			t.Redrive(j.Token)
		}
		t.Resume()
	}
}

// loop calls tasks and takes their results, until none is left.
func (a *activation) loop(ctx, callCtx context.Context) error {
	for {
		if a.mustSaveFirst() {
			if err := a.save(ctx); err != nil {
				return err
			}
		}
		a.call(callCtx)
		if len(a.inflight) == 0 {
			if err := a.save(ctx); err != nil {
				return err
			}
			if len(a.x.Calls(a.owner)) > 0 { // somebody else was faster, and there is more to do
				continue
			}
			return a.finish(ctx)
		}
		timer := time.NewTimer(max(a.patience(), time.Millisecond))
		select {
		case r := <-a.results:
			timer.Stop()
			a.take(r)
		case <-timer.C:
			if err := a.wake(ctx); err != nil {
				return err
			}
		case <-ctx.Done():
			timer.Stop()
			return ctx.Err()
		}
	}
}

// patience is how long to wait for results.
func (a *activation) patience() time.Duration {
	now, wait := a.s.cfg.Now(), time.Minute
	if a.dirty {
		wait = firstSave
		if len(a.since) > 1 {
			wait = nextSave
		}
		wait -= now.Sub(a.dirtyAt)
	}
	if at := a.x.NextTimer(); at > 0 {
		wait = min(wait, time.UnixMilli(at).Sub(now))
	}
	return wait
}

// wake is called when no result came for a while: a timer is due, or what happened has to be written.
func (a *activation) wake(ctx context.Context) error {
	a.input(func(t *machine.Turn) { t.Tick() })
	if a.dirty {
		if err := a.save(ctx); err != nil {
			return err
		}
	} else {
		a.since = nil
	}
	a.cancelStale()
	return nil
}

// take gives the execution a result, and all others that have come.
func (a *activation) take(first called) {
	for r := first; ; {
		a.pending--
		if cancel := a.inflight[r.seq]; cancel != nil {
			cancel()
			delete(a.inflight, r.seq)
			a.input(func(t *machine.Turn) { t.Called(r.thread, r.seq, copyResult(r.result)) })
		}
		select {
		case next := <-a.results:
			r = next
		default:
			a.cancelStale()
			return
		}
	}
}

// copyResult guards a result that may be given twice: a turn marks its failure.
func copyResult(r machine.Result) machine.Result {
	if r.Failure != nil {
		f := *r.Failure
		r.Failure = &f
	}
	return r
}

// mustSaveFirst tells whether the execution has to be written before its next calls begin: somebody else may write it meanwhile, or
// answer to a token.
func (a *activation) mustSaveFirst() bool {
	if !a.dirty {
		return false
	}
	calls := a.x.Calls(a.owner)
	if len(calls) == 0 {
		return false
	}
	if a.x.rev == 0 { // who started it may write it meanwhile
		return true
	}
	if len(a.x.Threads) > 1 {
		for _, t := range calls {
			if a.inflight[t.Seq] == nil {
				return true
			}
		}
		return false
	}
	r, _ := asl.ParseResource(calls[0].Task.Resource)
	return r != nil && r.Suffix != ""
}

// call begins the calls of the execution's tasks that are this activation's.
func (a *activation) call(ctx context.Context) {
	for _, t := range a.x.Calls(a.owner) {
		if a.inflight[t.Seq] != nil {
			continue
		}
		callCtx, cancel := context.WithCancel(ctx)
		a.inflight[t.Seq] = cancel
		c := a.s.newCall(a.x, a.turn, t)
		thread, seq := t.ID, t.Seq
		a.pending++
		go func() { a.results <- called{thread, seq, c.run(callCtx)} }() // drain waits for it
	}
}

// cancelStale gives up calls whose result nobody waits for any more.
func (a *activation) cancelStale() {
	wanted := map[int64]bool{}
	for _, t := range a.x.Calls(a.owner) {
		wanted[t.Seq] = true
	}
	for seq, cancel := range a.inflight {
		if !wanted[seq] {
			cancel()
			delete(a.inflight, seq)
		}
	}
}

// drain waits for the calls that are still under way; their context has ended.
func (a *activation) drain() {
	for ; a.pending > 0; a.pending-- {
		<-a.results
	}
}

// save writes the execution. When somebody else was faster it reads the newer one, and gives it all inputs since again.
func (a *activation) save(ctx context.Context) error {
	for a.dirty {
		err := a.s.save(ctx, a.x)
		if err == nil {
			a.dirty, a.since = false, nil
			a.s.logEvents(a.x, a.turn)
			return nil
		}
		if !errors.Is(err, store.ErrConflict) {
			return err
		}
		if ok, err := a.load(ctx); err != nil || !ok {
			a.dirty = false
			return err
		}
		a.dirty = false
		for _, f := range a.since {
			a.apply(f)
		}
	}
	return nil
}

// finish cares for what the execution waits for now, or tells that it ended. It may be done twice. The last timer takes the place of
// the activation's job, as a bus.Next: until then the job is still there.
func (a *activation) finish(ctx context.Context) error {
	x := a.x
	if x.Ended() {
		if a.ended || a.again {
			return a.s.ended(ctx, x)
		}
		return nil
	}
	if err := a.s.offer(ctx, x, a.owner); err != nil {
		return err
	}
	var timers []job
	for _, t := range x.Timers(a.owner) {
		timers = append(timers, job{Kind: jobTimer, Key: x.key, Thread: t.Thread, Seq: t.Seq, At: t.At})
	}
	if (a.job.Kind == jobStart || a.job.Kind == jobRedrive) && x.Deadline > 0 {
		timers = append(timers, job{Kind: jobTimer, Key: x.key, At: x.Deadline})
	}
	for i, j := range timers {
		if i == len(timers)-1 {
			data, err := json.Marshal(j)
			if err != nil {
				return fmt.Errorf("encode job: %w", err)
			}
			return &bus.Next{Data: data, At: timeOf(j.At)}
		}
		if err := a.s.send(ctx, j, j.At); err != nil {
			return err
		}
	}
	return nil
}

// ended tells whoever waits for the execution. It may be done twice.
func (s *Service) ended(ctx context.Context, x *execution) error {
	if x.Parent != nil {
		if err := s.send(ctx, job{Kind: jobChild, Key: x.Parent.Key, Thread: x.Parent.Thread, Child: x.key}, 0); err != nil {
			return err
		}
	}
	if x.Express {
		docs, err := s.executions(ctx)
		if err != nil {
			return err
		}
		return store.Delete(ctx, docs, "x/"+x.key, store.Always)
	}
	s.notify(ctx, x)
	return nil
}
