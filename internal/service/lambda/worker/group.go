package worker

import (
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"
)

// A group is the processes of one Spec. All its fields are guarded by Pool.mu.
type group struct {
	spec     *Spec
	idle     []*environment // which have asked for work; the last is the one used last, and used next
	waiters  []*call        // that wait for a process, the oldest first
	handing  bool           // somebody hands them to idle processes: one at a time, to keep their order
	starting int            // processes being started, or queued to be
	prepare  int            // of these, those that no request waits for
	busy     int            // processes that have a request, or have not asked for the next one
	settling int            // of these, those that have answered and will ask in a moment
	retired  bool
}

// A grant is the outcome of a start: an environment, or why there is none.
type grant struct {
	env    *environment
	err    error    // the process could not be started
	failed *outcome // the process could not be initialized
	log    *logStream
	init   time.Duration
	exit   string
	ended  bool
	ran    bool // there was a process
}

func newCall(spec *Spec, in Invocation) *call {
	c := &call{spec: spec, in: in, id: in.RequestID, arn: in.FunctionARN, trace: in.TraceID, done: make(chan outcome, 1)}
	if c.id == "" {
		c.id = newID()
	}
	if c.arn == "" {
		c.arn = spec.arn()
	}
	if c.trace == "" {
		var b [20]byte
		rand.Read(b[:])
		x := hex.EncodeToString(b[:])
		c.trace = "Root=1-" + strconv.FormatInt(time.Now().Unix(), 16) + "-" + x[:24] + ";Parent=" + x[24:] + ";Sampled=0"
	}
	if len(in.Payload) == 0 {
		c.in.Payload = []byte("{}")
	}
	return c
}

// newID makes the id of a request: a UUID.
func newID() string {
	var b [16]byte
	rand.Read(b[:])
	b[6], b[8] = b[6]&0x0f|0x40, b[8]&0x3f|0x80
	x := hex.EncodeToString(b[:])
	return x[:8] + "-" + x[8:12] + "-" + x[12:16] + "-" + x[16:20] + "-" + x[20:]
}

// root is the id in a trace header: "Root=1-…;Parent=…;Sampled=0".
func root(trace string) string {
	for part := range strings.SplitSeq(trace, ";") {
		if id, ok := strings.CutPrefix(part, "Root="); ok {
			return id
		}
	}
	return trace
}

func seconds(d time.Duration) string { return strconv.FormatFloat(d.Seconds(), 'f', 2, 64) }

// group returns the group of spec. The caller holds p.mu.
func (p *Pool) group(spec *Spec) *group {
	g := p.groups[spec.ID]
	if g == nil {
		g = &group{spec: spec}
		p.groups[spec.ID] = g
	}
	return g
}

// enter gives a request to the process that was used last, or puts it in line for the first that gets free or started.
func (p *Pool) enter(c *call) error {
	p.mu.Lock()
	if p.stopped {
		p.mu.Unlock()
		return ErrStopped
	}
	g := p.group(c.spec)
	if len(g.waiters) == 0 && !g.handing {
		if e := g.next(); e != nil {
			g.busy++
			p.mu.Unlock()
			e.begin(c)
			return nil
		}
	}
	defer p.mu.Unlock()
	if len(g.idle)+g.starting+g.settling <= len(g.waiters) && !p.grow(g) && g.busy+g.starting == 0 {
		return ErrSaturated
	}
	g.waiters = append(g.waiters, c)
	c.group = g
	return nil
}

// next takes an idle process for a request; nil if there is none. The caller holds Pool.mu.
func (g *group) next() *environment {
	for len(g.idle) > 0 {
		e := g.idle[len(g.idle)-1]
		g.idle = g.idle[:len(g.idle)-1]
		if e.usable(time.Now()) {
			return e
		}
		go e.retire()
	}
	return nil
}

// hand gives waiting requests to idle processes. The caller holds p.mu, which is free while a process gets its request.
func (p *Pool) hand(g *group) {
	if g.handing {
		return // whoever does it already looks again
	}
	g.handing = true
	for len(g.waiters) > 0 {
		e := g.next()
		if e == nil {
			break
		}
		c := g.waiters[0]
		g.waiters = g.waiters[1:]
		g.busy++
		p.mu.Unlock()
		e.begin(c)
		p.mu.Lock()
	}
	g.handing = false
}

// giveUp takes a request out of the line. One that a process has runs on.
func (p *Pool) giveUp(c *call) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if g := c.group; g != nil {
		if i := slices.Index(g.waiters, c); i >= 0 {
			g.waiters = slices.Delete(g.waiters, i, i+1)
		}
	}
}

// usable says whether a process may take a request: it lives, and its credentials last to the request's end.
func (e *environment) usable(now time.Time) bool {
	e.mu.Lock()
	defer e.mu.Unlock()
	return !e.dying && !e.ended && (e.expires.IsZero() || now.Before(e.expires))
}

// free is called when an environment may have another request: the oldest waiter's, or it becomes idle. settled says that
// it was settling.
func (p *Pool) free(e *environment, settled bool) {
	ok := e.usable(time.Now())
	p.mu.Lock()
	if settled {
		p.settled(e)
	}
	g := e.group
	g.busy--
	ok = ok && !p.stopped && !e.evicted
	if ok && !g.retired {
		e.idleFrom = time.Now()
		g.idle = append(g.idle, e)
		p.hand(g)
		p.mu.Unlock()
		return
	}
	if ok && len(g.waiters) > 0 { // they came before the function was changed, and nobody else takes them
		c := g.waiters[0]
		g.waiters = g.waiters[1:]
		g.busy++
		p.mu.Unlock()
		e.begin(c)
		return
	}
	p.serve(g)
	p.mu.Unlock()
	e.retire()
}

// settle is called when an environment has answered, and before anybody knows: it will ask for the next request in a moment, so
// nobody needs another process meanwhile.
func (p *Pool) settle(e *environment) {
	p.mu.Lock()
	defer p.mu.Unlock()
	e.settling = true
	e.group.settling++
}

// settled is called when such an environment has asked, or has ended. The caller holds mu.
func (p *Pool) settled(e *environment) {
	e.settling = false
	if e.overdue {
		e.overdue = false
		return
	}
	e.group.settling--
}

// askLimit is how long a process that has answered may take to ask for the next request before others are started in its place.
const askLimit = time.Second

// overdue has others started in the place of processes that do not ask for work. The caller holds mu.
func (p *Pool) overdue(now time.Time) {
	for e := range p.live {
		if since := e.owes(); !e.overdue && !since.IsZero() && now.Sub(since) > askLimit {
			e.overdue = true
			e.group.settling--
			p.serve(e.group)
		}
	}
}

// refuseFirst tells the oldest waiter why there is no process for it. The caller holds p.mu and knows that there is one.
func (p *Pool) refuseFirst(g *group, why grant) {
	c := g.waiters[0]
	g.waiters = g.waiters[1:]
	c.done <- outcome{refused: &why}
}

// lost is called when a process has ended.
func (p *Pool) lost(e *environment, owing bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	delete(p.live, e)
	g := e.group
	if owing {
		p.settled(e)
		g.busy--
	}
	if i := slices.Index(g.idle, e); i >= 0 {
		g.idle = slices.Delete(g.idle, i, i+1)
	}
	p.serve(g)
}

// serve has as many processes started as there are requests that wait for one. The caller holds p.mu.
func (p *Pool) serve(g *group) {
	for len(g.waiters) > g.starting+g.settling && p.grow(g) {
	}
	for g.busy+g.starting == 0 && len(g.waiters) > 0 {
		p.refuseFirst(g, grant{err: ErrSaturated}) // nobody is left who could serve it
	}
}

// grow has one more process of a group started, or queued to be, unless there are too many. The caller holds p.mu.
func (p *Pool) grow(g *group) bool {
	if p.stopped || len(p.live)+p.starts+len(p.queue) >= p.opts.MaxProcesses && !p.evict() {
		return false
	}
	g.starting++
	if p.first >= p.starters {
		p.queue = append(p.queue, g)
		return true
	}
	p.startOne(g)
	return true
}

// evict ends the process that has been idle longest, to make room. The caller holds p.mu.
func (p *Pool) evict() bool {
	var oldest *group
	for _, g := range p.groups {
		if len(g.idle) > 0 && (oldest == nil || g.idle[0].idleFrom.Before(oldest.idle[0].idleFrom)) {
			oldest = g
		}
	}
	if oldest == nil {
		for e := range p.live {
			if e.settling { // it would be idle in a moment
				e.evicted = true
				delete(p.live, e)
				go e.retire()
				return true
			}
		}
		return false
	}
	e := oldest.idle[0]
	oldest.idle = oldest.idle[1:]
	delete(p.live, e)
	go e.retire()
	return true
}

// startOne starts a process in the background. The caller holds p.mu.
func (p *Pool) startOne(g *group) {
	p.starts++
	p.first++
	p.wg.Go(func() {
		past := func() {
			p.mu.Lock()
			defer p.mu.Unlock()
			p.first--
			p.startQueued()
		}
		// A process that is slow to start, perhaps because it waits for another function, must not hold up the rest.
		slot := time.AfterFunc(2*time.Second, past)
		got := p.startEnvironment(g.spec, g)
		if slot.Stop() {
			past()
		}
		p.started(g, got)
	})
}

// startQueued starts what has waited for others. The caller holds p.mu.
func (p *Pool) startQueued() {
	for len(p.queue) > 0 && p.first < p.starters {
		g := p.queue[0]
		p.queue = p.queue[1:]
		if p.stopped || g.starting > len(g.waiters)+g.prepare {
			g.starting-- // served by another process meanwhile
			continue
		}
		p.startOne(g)
	}
}

// started is called with the outcome of a start.
func (p *Pool) started(g *group, got grant) {
	p.mu.Lock()
	if !got.ran {
		p.starts--
	}
	g.starting--
	g.prepare = max(0, g.prepare-1)
	if got.env == nil {
		if len(g.waiters) > 0 {
			p.refuseFirst(g, got)
		}
		p.serve(g)
		p.mu.Unlock()
		return
	}
	g.busy++
	p.mu.Unlock()
	p.free(got.env, false)
}

// refuse is the Result of a request for which there is no process.
func (p *Pool) refuse(spec *Spec, c *call, g grant) Result {
	var o outcome
	switch {
	case g.err != nil:
		o = notStarted(c.id, g.err)
	case g.failed != nil:
		o = *g.failed
	case g.ended:
		o = exited(c.id, g.exit)
	default:
		o = timedOut(c.id, spec.timeout())
	}
	l := g.log
	now := time.Now()
	l.start(now, c.id, spec.version())
	if g.err != nil {
		l.write(now, string(o.payload))
	}
	if o.status == "timeout" && !l.json {
		l.platform(now, fmt.Sprintf("%s %s Task timed out after %s seconds", iso(now), c.id, seconds(spec.timeout())))
	}
	rep := report{id: c.id, took: g.init, memoryMB: spec.memoryMB(), status: o.status, errorType: o.errorType}
	l.end(now, rep)
	r := Result{RequestID: c.id, Payload: o.payload, FunctionError: "Unhandled", LogStream: l.name, Duration: g.init}
	if tail := l.keepTail(false); c.in.Tail {
		r.LogTail = tail // with what was logged before it failed
	}
	return r
}

// errInitTime says that a process did not ask for work in time.
var errInitTime = errors.New("worker: initialization takes too long")
