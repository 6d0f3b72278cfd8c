package worker

import (
	"context"
	"log/slog"
	"time"
)

// Options are the settings of a Pool; the zero value of each has a sensible meaning.
type Options struct {
	Log *slog.Logger

	// MaxProcesses is the most processes of all functions together; 0 is 1000, or less on a machine with little memory.
	MaxProcesses int

	// IdleTimeout is how long a process waits for work before it is ended; 0 is seven minutes.
	IdleTimeout time.Duration
}

// A Pool runs functions in warm processes, each of which handles one request at a time.
type Pool struct{ opts Options }

// New returns a pool that starts nothing before Run.
func New(opts Options) *Pool { return &Pool{opts: opts} }

// Run lets the pool work until ctx is done, then ends every process and returns when all are gone.
func (p *Pool) Run(ctx context.Context) error { <-ctx.Done(); return nil }

// Invoke runs one request and waits for its outcome. Whatever goes wrong inside the function is in the Result; the error
// is ErrSaturated, ErrStopped or ctx's. When ctx ends, the function goes on to its own end, as on AWS.
func (p *Pool) Invoke(ctx context.Context, spec *Spec, in Invocation) (Result, error) {
	return Result{}, ErrStopped
}

// Prepare has n environments of spec started and waiting, for provisioned concurrency or to spare the first request its
// cold start. It does not wait for them.
func (p *Pool) Prepare(spec *Spec, n int) {}

// Check says, without starting anything, why spec cannot run on this machine: a missing interpreter, for instance. The
// text is a sentence for people.
func (p *Pool) Check(spec *Spec) error { return nil }

// Retire ends the processes of a Spec: idle ones now, busy ones after their request.
func (p *Pool) Retire(specID string) {}
