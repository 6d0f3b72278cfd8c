package worker

import (
	"log/slog"
	"os"
	"sync"
	"sync/atomic"
	"time"

	"github.com/sallyport/sallyport/internal/service/lambda/runtime"
)

// A port is where a process waits for work.
type port interface {
	// deliver gives the process a request. An error means that the process is gone, or will be soon.
	deliver(c *call) error
}

// A call is one request on its way through an environment.
type call struct {
	spec     *Spec
	group    *group // guarded by Pool.mu: where it waits, or has waited
	in       Invocation
	id       string
	arn      string
	trace    string
	started  time.Time
	deadline time.Time
	sent     bool         // guarded by environment.mu: the process has it
	via      port         // guarded by environment.mu: where it got it; nil when that connection has ended
	done     chan outcome // takes one
	result   Result       // complete when there is an outcome
}

// An environment is one process of a Spec, and what it is doing. AWS calls it an execution environment.
type environment struct {
	pool   *Pool
	group  *group
	spec   *Spec
	log    *logStream
	launch runtime.Launch

	process *os.Process
	out     *output
	expires time.Time     // when the credentials are to be replaced; zero: never
	begun   time.Time     // start of the process
	ready   chan struct{} // closed when the process first asks for work, reports that it cannot, or ends
	once    sync.Once     // closes ready
	gone    chan struct{} // closed when the process has ended and its output is read
	close   func()        // ends what speaks with the process

	initTook time.Duration // until ready; zero once it has been reported
	second   bool          // the first attempt to start took too long
	late     time.Duration // of the first request's time, used by a second attempt to start
	idleFrom time.Time     // guarded by pool.mu
	settling bool          // guarded by pool.mu: it has answered, and is not yet idle
	overdue  bool          // guarded by pool.mu: it has not asked for work for long
	evicted  bool          // guarded by pool.mu: it is to be idle no more, but to end

	peak     atomic.Int64 // most memory seen, in MB
	measured atomic.Int64 // when, in Unix milliseconds

	mu       sync.Mutex // guards what follows
	asked    bool       // the process has asked for work at least once
	failed   *outcome   // why it could not be initialized
	port     port
	call     *call
	owing    time.Time   // since when it has answered, and not asked for the next request; zero: it has asked
	timer    *time.Timer // of a call's time; may run for one that is done
	ticking  bool        // timer runs
	lastID   string      // of the newest request
	dying    bool        // no more work for this process
	ended    bool
	exitedBy string
}

// ask is called when the process asks for work at p.
func (e *environment) ask(p port) {
	e.mu.Lock()
	e.port = p
	first := !e.asked
	e.asked = true
	c := e.call
	if c != nil && c.via != nil {
		c = nil // it asks again without having answered: that ends with the time limit
	}
	if c != nil { // one that has waited, or that got lost with the connection it was sent over
		c.sent, c.via = true, p
		e.port = nil
	}
	owing := !e.owing.IsZero()
	e.owing = time.Time{}
	e.mu.Unlock()
	if owing {
		e.pool.free(e, true)
	}
	if first {
		e.once.Do(func() {
			e.initTook = time.Since(e.begun)
			close(e.ready)
		})
	}
	if c != nil {
		p.deliver(c)
	}
}

// leave is called when the connection behind p ends.
func (e *environment) leave(p port) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.port == p {
		e.port = nil
	}
	if e.call != nil && e.call.via == p {
		e.call.via = nil
	}
}

// begin starts a request. The process gets it now if it waits, or else as soon as it asks.
func (e *environment) begin(c *call) {
	c.started = time.Now()
	limit := e.spec.timeout() - e.late
	c.deadline = c.started.Add(limit)
	initTook := e.initTook
	e.initTook, e.late = 0, 0
	c.result = Result{RequestID: c.id, LogStream: e.log.name, InitDuration: initTook}
	e.log.keepTail(c.in.Tail)
	e.log.start(c.started, c.id, e.spec.version())

	e.mu.Lock()
	if e.ended {
		e.mu.Unlock()
		e.pool.free(e, false)
		c.done <- outcome{again: true}
		return
	}
	e.call, e.lastID = c, c.id
	e.tick(limit)
	p := e.port
	if p != nil {
		c.sent, c.via = true, p
		e.port = nil
	}
	e.mu.Unlock()
	if p != nil {
		p.deliver(c) // if it fails, the end of the process is the outcome
	}
}

// tick makes sure that timeUp is called in time. A timer that still runs for an earlier request is left alone: it finds this
// one, and waits for the rest. The caller holds e.mu.
func (e *environment) tick(limit time.Duration) {
	switch {
	case e.ticking:
	case e.timer == nil:
		e.timer = time.AfterFunc(limit, e.timeUp)
	default:
		e.timer.Reset(limit)
	}
	e.ticking = true
}

// claim takes the request from the environment, so that only one outcome counts. id may be "" for the current one.
func (e *environment) claim(id string) *call {
	e.mu.Lock()
	defer e.mu.Unlock()
	c := e.call
	if c == nil || !c.sent || (id != "" && c.id != id) {
		return nil
	}
	e.call = nil
	return c
}

// answer ends request id with o, and makes the environment free for the next one.
func (e *environment) answer(id string, o outcome) bool {
	c := e.claim(id)
	if c == nil {
		return false
	}
	e.finish(c, o)
	return true
}

// finish writes the last lines of a claimed request, frees the environment, and hands out the outcome.
func (e *environment) finish(c *call, o outcome) {
	e.out.sync()
	now := time.Now()
	r := &c.result
	r.Duration = now.Sub(c.started)
	r.Payload = o.payload
	if o.failed {
		r.FunctionError = "Unhandled"
	}
	rep := report{id: c.id, took: r.Duration, initTook: r.InitDuration, memoryMB: e.spec.memoryMB(), usedMB: e.memory(now), status: o.status}
	if o.status != "" {
		rep.errorType = o.errorType
	}
	if e.spec.Tracing == "Active" {
		rep.traceID = root(c.trace)
	}
	e.log.end(now, rep)
	if c.in.Tail {
		r.LogTail = e.log.keepTail(false)
	}
	e.mu.Lock()
	asked := e.port != nil || e.dying || e.ended
	if !asked {
		e.owing = now
	}
	e.mu.Unlock()
	e.pool.settle(e)
	c.done <- o
	if asked {
		e.pool.free(e, true)
	}
}

// owes says since when the process has answered and not asked for the next request.
func (e *environment) owes() time.Time {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.owing
}

// memory is the most memory that the process has used. It is measured now and then: reading it costs more than the rest.
func (e *environment) memory(now time.Time) int {
	if ms := now.UnixMilli(); e.process != nil && ms-e.measured.Load() > 1000 {
		e.measured.Store(ms)
		if peak, _ := memoryUsed(e.process.Pid); peak > 0 {
			e.peak.Store(int64(peak))
		}
	}
	return int(e.peak.Load())
}

// timeUp ends a request whose time is over, and the process with it.
func (e *environment) timeUp() {
	e.mu.Lock()
	e.ticking = false
	c := e.call
	if c == nil {
		e.mu.Unlock()
		return
	}
	if left := time.Until(c.deadline); left > 0 {
		e.tick(left)
		e.mu.Unlock()
		return
	}
	e.call = nil
	e.dying = true
	e.mu.Unlock()
	e.kill()
	<-e.gone
	now := time.Now()
	o := timedOut(c.id, e.spec.timeout())
	if !e.log.json {
		e.log.platform(now, iso(now)+" "+c.id+" Task timed out after "+seconds(e.spec.timeout())+" seconds")
	}
	e.finish(c, o)
}

// working says whether the process has a request, or is still starting.
func (e *environment) working() bool {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.call != nil || !e.asked
}

// retire lets the process end: now if it is idle, after its request otherwise.
func (e *environment) retire() {
	e.mu.Lock()
	e.dying = true
	busy := e.call != nil
	e.mu.Unlock()
	if !busy {
		e.kill()
	}
}

// last is like answer, for a process that will end itself.
func (e *environment) last(o outcome) {
	e.mu.Lock()
	e.dying = true
	e.mu.Unlock()
	e.answer("", o)
}

// initFailed is called when the process reports that it cannot be initialized.
func (e *environment) initFailed(o outcome) bool {
	e.mu.Lock()
	if e.asked || e.failed != nil {
		e.mu.Unlock()
		return false
	}
	e.failed = &o
	e.dying = true
	e.mu.Unlock()
	e.once.Do(func() { close(e.ready) })
	return true
}

func (e *environment) kill() {
	select {
	case <-e.gone:
	default:
		killGroup(e.process.Pid)
	}
}

// watch waits for the end of the process and tells everybody.
func (e *environment) watch() {
	st, err := e.process.Wait()
	killGroup(e.process.Pid) // what it has left behind
	e.out.stop()
	e.close()
	e.mu.Lock()
	e.ended, e.dying = true, true
	e.exitedBy = how(st, err)
	c := e.call
	e.call = nil
	owing := !e.owing.IsZero()
	e.owing = time.Time{}
	if e.timer != nil {
		e.timer.Stop()
	}
	e.mu.Unlock()
	e.once.Do(func() { close(e.ready) })
	close(e.gone)
	e.pool.lost(e, owing)
	e.pool.opts.Log.Debug("function process ended", slog.String("function", e.spec.FunctionName), slog.Int("pid", e.process.Pid), slog.String("how", e.exitedBy))
	switch {
	case c == nil:
	case !c.sent:
		e.pool.free(e, false)
		c.done <- outcome{again: true}
	default:
		e.finish(c, exited(c.id, e.exitedBy))
	}
}
