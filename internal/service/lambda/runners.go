package lambda

import (
	"context"
	"errors"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/sallyport/sallyport/internal/awsapi"
	"github.com/sallyport/sallyport/internal/service/lambda/worker"
	"github.com/sallyport/sallyport/internal/store"
)

// runners are the versions of an entry that have been asked for. What is still good moves on when the entry is replaced.
type runners struct {
	mu    sync.RWMutex // guards what follows
	all   map[string]*runner
	moved bool // the entry has been replaced
}

// A runner is what the pool runs for one version, made ready by the first who asks.
type runner struct {
	id     string
	spec   atomic.Pointer[worker.Spec]
	making chan struct{} // holds a token while somebody makes spec
}

// runner returns the runner of a configuration.
func (r *runners) runner(fn *function, c *configuration) *runner {
	r.mu.RLock()
	rn := r.all[c.Version]
	r.mu.RUnlock()
	if rn != nil {
		return rn
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if rn := r.all[c.Version]; rn != nil {
		return rn
	}
	rn = &runner{id: specID(fn, c), making: make(chan struct{}, 1)}
	if r.all == nil {
		r.all = map[string]*runner{}
	}
	r.all[c.Version] = rn
	return rn
}

// stale reports whether the entry has been replaced. Then others may have ended, or never have known, what its users start.
func (r *runners) stale() bool {
	r.mu.RLock()
	defer r.mu.RUnlock()
	return r.moved
}

// moveTo takes the runners that are still good over to the next revision of the function, and returns the ids of the others.
func (r *runners) moveTo(next *runners, fn *function) (retired []string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.moved = true
	next.all = map[string]*runner{}
	for version, rn := range r.all {
		if fn != nil {
			if c := fn.version(version); c != nil && specID(fn, c) == rn.id {
				next.all[version] = rn
				continue
			}
		}
		retired = append(retired, rn.id)
	}
	return retired
}

// get returns the runner's spec, made by build if this is the first time. Others wait meanwhile.
func (rn *runner) get(ctx context.Context, build func(context.Context) (*worker.Spec, error)) (*worker.Spec, error) {
	if spec := rn.spec.Load(); spec != nil {
		return spec, nil
	}
	select {
	case rn.making <- struct{}{}:
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	defer func() { <-rn.making }()
	if spec := rn.spec.Load(); spec != nil {
		return spec, nil
	}
	spec, err := build(ctx)
	if err == nil {
		rn.spec.Store(spec)
	}
	return spec, err
}

// specID names a version with its code and settings; the pool keeps processes by it.
func specID(fn *function, c *configuration) string { return fn.arn(c.Version) + "@" + c.BuildID }

// runner returns what the pool runs for a configuration, with its code unpacked.
func (s *Service) runner(ctx context.Context, e *entry, c *configuration) (*worker.Spec, error) {
	rn := e.runners.runner(e.fn, c)
	spec, err := rn.get(ctx, func(ctx context.Context) (*worker.Spec, error) { return s.build(ctx, e.fn, c) })
	if errors.Is(err, store.ErrNotFound) { // the code of before an update, which has been deleted
		if current := s.catalog.get(e.fn.key()); current != nil && current != e {
			if now := current.fn.version(c.Version); now != nil {
				return s.runner(ctx, current, now)
			}
		}
	}
	return spec, err
}

// release ends the processes of a runner that was in use while its function was changed or deleted.
func (s *Service) release(e *entry, spec *worker.Spec) {
	if !e.runners.stale() {
		return
	}
	if current := s.catalog.get(e.fn.key()); current != nil {
		if now := current.fn.version(spec.Version); now != nil && specID(current.fn, now) == spec.ID {
			return
		}
	}
	s.cfg.Pool.Retire(spec.ID)
}

func (s *Service) build(ctx context.Context, fn *function, c *configuration) (*worker.Spec, error) {
	dir, err := s.unpacked(ctx, c.Code)
	if err != nil {
		return nil, err
	}
	layers, err := s.unpackedLayers(ctx, c.Layers)
	if err != nil {
		return nil, err
	}
	spec := s.spec(fn, c, dir)
	spec.LayerDir = layers
	if s.cfg.Modules != nil {
		if spec.Modules, err = s.cfg.Modules(ctx, c.Runtime, dir); err != nil {
			if ctx.Err() != nil {
				return nil, ctx.Err()
			}
			s.cfg.Log.Warn("the runtime's SDK is missing; code that needs it will fail", "function", fn.Name, "err", err)
		}
	}
	return spec, nil
}

func (s *Service) spec(fn *function, c *configuration, dir string) *worker.Spec {
	spec := &worker.Spec{
		ID: specID(fn, c), Account: fn.Account, Region: fn.Region, FunctionName: fn.Name, Version: c.Version,
		Runtime: c.Runtime, Handler: c.Handler, CodeDir: dir, Env: c.Environment,
		Timeout: time.Duration(c.Timeout) * time.Second, MemoryMB: int(c.MemorySize),
		LogGroup: deref(c.Logging.LogGroup), LogFormat: deref(c.Logging.LogFormat),
		LogLevel: deref(c.Logging.ApplicationLogLevel), SystemLevel: deref(c.Logging.SystemLogLevel),
		Tracing: c.Tracing, Logs: s.cfg.Logs,
	}
	if s.cfg.Extra != nil {
		spec.Extra = s.cfg.Extra()
	}
	if s.cfg.Roles != nil {
		role, name := c.Role, fn.Name
		caller := awsapi.Caller{Account: fn.Account, Region: fn.Region, Service: "lambda.amazonaws.com", Admin: true}
		spec.Credentials = func(ctx context.Context) (worker.Credentials, error) {
			key, secret, token, expires, err := s.cfg.Roles.SessionCredentials(awsapi.WithCaller(ctx, caller), role, name)
			return worker.Credentials{AccessKeyID: key, SecretAccessKey: secret, SessionToken: token, Expires: expires}, err
		}
	}
	return spec
}

// prepareSoon is prepare without waiting: fetching an SDK can take longer than a client waits for CreateFunction.
func (s *Service) prepareSoon(fn *function) {
	select {
	case s.unprepared <- fn:
	default: // the first call prepares it
	}
}

// prepareAll works off what prepareSoon has put aside until ctx is done.
func (s *Service) prepareAll(ctx context.Context) {
	for {
		select {
		case fn := <-s.unprepared:
			s.prepare(ctx, fn)
		case <-ctx.Done():
			return
		}
	}
}

// prepare makes ready what the first call would have to wait for, and tells the log what will not work.
func (s *Service) prepare(ctx context.Context, fn *function) {
	if slices.Contains(retired, fn.Latest.Runtime) {
		s.cfg.Log.Warn("the runtime is retired on AWS: a new function could not be made there", "function", fn.Name, "runtime", fn.Latest.Runtime)
	}
	e := s.catalog.get(fn.key())
	if e == nil {
		return // deleted meanwhile
	}
	spec, err := s.runner(ctx, e, &e.fn.Latest)
	if err == nil {
		err = s.cfg.Pool.Check(spec)
	}
	if err != nil && ctx.Err() == nil {
		s.cfg.Log.Warn("the function cannot run on this machine", "function", fn.Name, "err", err)
	}
}
