package worker

import (
	"context"
	"errors"
	"log/slog"
	"os"
	stdruntime "runtime"
	"slices"
	"sync"
	"time"

	"github.com/sallyport/sallyport/internal/service/lambda/runtime"
)

// Options are the settings of a Pool; the zero value of each has a sensible meaning.
type Options struct {
	Log *slog.Logger

	// Runtimes finds interpreters; nil is one with its defaults.
	Runtimes *runtime.Finder

	// MaxProcesses is the most processes of all functions together; 0 is 1000, or less on a machine with little memory.
	MaxProcesses int

	// IdleTimeout is how long a process waits for work before it is ended; 0 is seven minutes.
	IdleTimeout time.Duration
}

// A Pool runs functions in warm processes, each of which handles one request at a time.
type Pool struct {
	opts      Options
	initLimit time.Duration
	starters  int           // processes that may be in their first moments at the same time
	spawns    chan spawn    // to the thread that starts processes
	stopping  chan struct{} // closed when Run ends
	wg        sync.WaitGroup

	mu      sync.Mutex // guards what follows
	groups  map[string]*group
	live    map[*environment]struct{} // processes that have been started and not ended
	starts  int                       // processes that will be in live in a moment
	first   int                       // processes in their first moments
	queue   []*group                  // starts that wait for others to get past their first moments
	stopped bool
	warned  map[string]bool
}

type spawn struct {
	command
	reply chan spawned
}

type spawned struct {
	process *os.Process
	out     *os.File
	err     error
}

// New returns a pool that starts nothing before Run.
func New(opts Options) *Pool {
	if opts.Log == nil {
		opts.Log = slog.New(slog.DiscardHandler)
	}
	if opts.Runtimes == nil {
		opts.Runtimes = runtime.New(runtime.Options{})
	}
	if opts.IdleTimeout <= 0 {
		opts.IdleTimeout = 7 * time.Minute
	}
	if opts.MaxProcesses <= 0 {
		opts.MaxProcesses = 1000
		if mb := machineMB(); mb > 0 {
			opts.MaxProcesses = min(1000, max(16, mb/48)) // a small Node process has some 48 MB
		}
	}
	return &Pool{
		opts: opts, initLimit: initLimit, starters: max(4, 2*stdruntime.NumCPU()),
		spawns: make(chan spawn), stopping: make(chan struct{}),
		groups: map[string]*group{}, live: map[*environment]struct{}{}, warned: map[string]bool{},
	}
}

// Run lets the pool work until ctx is done, then ends every process and returns when all are gone. It may be called once.
func (p *Pool) Run(ctx context.Context) error {
	quit := make(chan struct{})
	var thread sync.WaitGroup
	thread.Go(func() {
		// Linux kills a process when the thread that started it ends: this thread ends last.
		stdruntime.LockOSThread()
		humble()
		for {
			select {
			case s := <-p.spawns:
				proc, out, err := start(s.command)
				s.reply <- spawned{proc, out, err}
			case <-quit:
				return
			}
		}
	})
	tick := time.NewTicker(time.Second)
	defer tick.Stop()
	for done := false; !done; {
		select {
		case <-ctx.Done():
			done = true
		case now := <-tick.C:
			p.sweep(now)
		}
	}
	p.mu.Lock()
	p.stopped = true
	close(p.stopping)
	for e := range p.live {
		e.retireNow()
	}
	p.mu.Unlock()
	p.wg.Wait()
	close(quit)
	thread.Wait()
	return nil
}

// Invoke runs one request and waits for its outcome. Whatever goes wrong inside the function is in the Result; the error
// is ErrSaturated, ErrStopped or ctx's. When ctx ends, the function goes on to its own end, as on AWS.
func (p *Pool) Invoke(ctx context.Context, spec *Spec, in Invocation) (Result, error) {
	wait, err := p.Start(ctx, spec, in)
	if err != nil {
		return Result{}, err
	}
	return wait(ctx)
}

// Start begins one request: on return a process has it, or it stands in line for one. Requests of a Spec that were begun
// one after the other reach their processes in that order. wait is the rest of Invoke, and must be called.
func (p *Pool) Start(_ context.Context, spec *Spec, in Invocation) (wait func(context.Context) (Result, error), err error) {
	c := newCall(spec, in)
	if err := p.enter(c); err != nil {
		return nil, err
	}
	return func(ctx context.Context) (Result, error) { return p.await(ctx, c) }, nil
}

// maxTries is how many processes may end before they have seen a request.
const maxTries = 10

func (p *Pool) await(ctx context.Context, c *call) (Result, error) {
	for tries := 1; ; tries++ {
		select {
		case o := <-c.done:
			switch {
			case o.refused != nil && errors.Is(o.refused.err, ErrSaturated):
				return Result{}, ErrSaturated
			case o.refused != nil:
				return p.refuse(c.spec, c, *o.refused), nil
			case !o.again:
				return c.result, nil
			}
		case <-ctx.Done():
			p.giveUp(c)
			return Result{}, ctx.Err()
		case <-p.stopping:
			return Result{}, ErrStopped
		}
		if tries == maxTries {
			return Result{}, ErrSaturated
		}
		if err := p.enter(c); err != nil {
			return Result{}, err
		}
	}
}

// Prepare has n environments of spec started and waiting, for provisioned concurrency or to spare the first request its
// cold start. It does not wait for them, and they end after their idle time like all others.
func (p *Pool) Prepare(spec *Spec, n int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	g := p.group(spec)
	for n -= len(g.idle) + g.starting; n > 0 && p.grow(g); n-- {
		g.prepare++
	}
}

// Check says, without starting anything, why spec cannot run on this machine: a missing interpreter, for instance. The
// text is a sentence for people.
func (p *Pool) Check(spec *Spec) error {
	_, err := p.opts.Runtimes.Launch(spec.function())
	return err
}

// Retire ends the processes of a Spec: idle ones now, busy ones after their request.
func (p *Pool) Retire(specID string) {
	p.mu.Lock()
	g := p.groups[specID]
	if g == nil {
		p.mu.Unlock()
		return
	}
	delete(p.groups, specID)
	g.retired = true
	idle := g.idle
	g.idle = nil
	p.mu.Unlock()
	for _, e := range idle {
		e.retire()
	}
}

// Processes returns how many processes a Spec has, and how many of them are idle.
func (p *Pool) Processes(specID string) (all, idle int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for e := range p.live {
		if e.spec.ID == specID {
			all++
		}
	}
	if g := p.groups[specID]; g != nil {
		idle = len(g.idle)
	}
	return all, idle
}

// sweep ends processes that have been idle for long, and those that have taken far more memory than they may.
func (p *Pool) sweep(now time.Time) {
	p.mu.Lock()
	var end, check []*environment
	for id, g := range p.groups {
		n := 0
		for n < len(g.idle) && now.Sub(g.idle[n].idleFrom) > p.opts.IdleTimeout {
			n++
		}
		end = append(end, g.idle[:n]...)
		g.idle = g.idle[n:]
		if len(g.idle) == 0 && g.starting == 0 && g.busy == 0 && len(g.waiters) == 0 {
			delete(p.groups, id)
		}
	}
	for e := range p.live {
		check = append(check, e)
	}
	p.overdue(now)
	p.mu.Unlock()
	check = slices.DeleteFunc(check, func(e *environment) bool { return !e.working() })
	for _, e := range end {
		e.retire()
	}
	for _, e := range check {
		// Half more than its limit, and what another version of the interpreter may need: our interpreters are not AWS's.
		if _, used := memoryUsed(e.process.Pid); used > e.spec.memoryMB()*3/2+64 {
			p.opts.Log.Warn("function uses more memory than it may", "function", e.spec.FunctionName, "usedMB", used, "limitMB", e.spec.memoryMB())
			e.kill()
		}
	}
}
