package engine

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/sallyport/sallyport/internal/store"
)

// Sentinels, tested with errors.Is.
var (
	ErrTableExists = errors.New("dynamodb: table exists")
	ErrNoTable     = errors.New("dynamodb: no such table")
	// ErrContention says that others kept writing the same items faster.
	ErrContention = errors.New("dynamodb: too many conflicting writes")
	// ErrStopped says that the engine does not run, or no more.
	ErrStopped = errors.New("dynamodb: stopped")
)

// catalog is the store that lists the spaces, so that a node sweeps all of them from its start.
const catalog = "dynamodb"

// An Engine keeps the spaces of all accounts and regions. Make it with New; it works while Run runs.
type Engine struct {
	stores store.Stores
	log    *slog.Logger
	sweep  time.Duration

	running chan struct{} // closed by Run
	tasks   sync.WaitGroup

	mu      sync.Mutex // guards all below
	ctx     context.Context
	stopped bool
	spaces  map[string]*Space
}

// New returns an engine that looks for what has expired once in every interval sweep.
func New(stores store.Stores, log *slog.Logger, sweep time.Duration) *Engine {
	return &Engine{stores: stores, log: log, sweep: sweep, running: make(chan struct{}), spaces: make(map[string]*Space)}
}

// Run follows the stores until ctx is done. It must be called once.
func (e *Engine) Run(ctx context.Context) error {
	e.mu.Lock()
	e.ctx = ctx
	e.mu.Unlock()
	close(e.running)

	if err := e.openAll(ctx); err != nil && ctx.Err() == nil {
		// The spaces open anyway when they are asked for.
		e.log.Warn("could not list tables at start", "error", err)
	}
	<-ctx.Done()
	e.mu.Lock()
	e.stopped = true // nothing is started after this
	e.mu.Unlock()
	e.tasks.Wait()
	return nil
}

type location struct{ Account, Region string }

func (e *Engine) openAll(ctx context.Context) error {
	s, err := e.stores.Open(ctx, catalog)
	if err != nil {
		return fmt.Errorf("open store %s: %w", catalog, err)
	}
	docs, err := s.List(ctx, "space/")
	if err != nil {
		return fmt.Errorf("list spaces: %w", err)
	}
	for _, d := range docs {
		var l location
		if err := json.Unmarshal(d.Data, &l); err != nil {
			return fmt.Errorf("read %s: %w", d.Key, err)
		}
		if _, err := e.open(ctx, l); err != nil {
			return err
		}
	}
	return nil
}

// Space returns the space of an account and region when it knows all that its store holds.
func (e *Engine) Space(ctx context.Context, account, region string) (*Space, error) {
	select {
	case <-e.running:
	case <-ctx.Done():
		return nil, fmt.Errorf("wait for tables: %w", ctx.Err())
	}
	s, err := e.open(ctx, location{account, region})
	if err != nil {
		return nil, err
	}
	return s, s.wait(ctx)
}

func (e *Engine) open(ctx context.Context, l location) (*Space, error) {
	name := "ddb-" + l.Account + "-" + l.Region
	e.mu.Lock()
	defer e.mu.Unlock()
	if s := e.spaces[name]; s != nil {
		return s, nil
	}
	if e.stopped || e.ctx.Err() != nil {
		return nil, ErrStopped
	}
	docs, err := e.stores.Open(ctx, name)
	if err != nil {
		return nil, fmt.Errorf("open store %s: %w", name, err)
	}
	s := newSpace(docs, e.log.With("store", name))
	s.register = func(ctx context.Context) error { return e.register(ctx, name, l) }
	e.spaces[name] = s
	e.tasks.Go(func() { s.follow(e.ctx) })
	e.tasks.Go(func() { s.sweepLoop(e.ctx, e.sweep) })
	return s, nil
}

// register writes the space into the catalog, at the latest before its first table.
func (e *Engine) register(ctx context.Context, name string, l location) error {
	s, err := e.stores.Open(ctx, catalog)
	if err != nil {
		return fmt.Errorf("open store %s: %w", catalog, err)
	}
	doc, err := json.Marshal(l)
	if err != nil {
		return err
	}
	_, err = store.Put(ctx, s, "space/"+name, doc, store.Always)
	return err
}
