package lambda

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"sync"

	"github.com/sallyport/sallyport/internal/store"
)

// The catalog holds every function in memory, so that an invocation asks no store. It follows the store; a change made
// here is seen here at once, one made on another node as soon as the store tells.
type catalog struct {
	caughtUp chan struct{} // closed when all functions have been read

	mu      sync.RWMutex // guards entries
	entries map[string]*entry
}

// An entry is a function as of one revision.
type entry struct {
	rev     uint64
	fn      *function // nil: deleted at rev
	runners runners
}

func (c *catalog) init() {
	c.caughtUp = make(chan struct{})
	c.entries = map[string]*entry{}
}

// put takes in a document unless a newer one is known, and returns the runners that nobody needs any more.
func (c *catalog) put(key string, rev uint64, fn *function) (retired []string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	old := c.entries[key]
	if old != nil && old.rev >= rev {
		return nil
	}
	e := &entry{rev: rev, fn: fn}
	c.entries[key] = e
	if old == nil {
		return nil
	}
	return old.runners.moveTo(&e.runners, fn)
}

func (c *catalog) get(key string) *entry {
	c.mu.RLock()
	defer c.mu.RUnlock()
	e := c.entries[key]
	if e == nil || e.fn == nil {
		return nil
	}
	return e
}

// list returns the functions whose keys begin with prefix.
func (c *catalog) list(prefix string) []*function {
	c.mu.RLock()
	defer c.mu.RUnlock()
	var all []*function
	for key, e := range c.entries {
		if e.fn != nil && strings.HasPrefix(key, prefix) {
			all = append(all, e.fn)
		}
	}
	return all
}

// follow keeps the catalog up to date until ctx is done.
func (s *Service) follow(ctx context.Context) error {
	st, err := s.cfg.Stores.Open(ctx, storeName)
	if err != nil {
		return fmt.Errorf("open store of functions: %w", err)
	}
	err = st.Watch(ctx, "", func(e store.Event) error {
		if e.CaughtUp {
			close(s.catalog.caughtUp)
			return nil
		}
		var fn *function
		if !e.Deleted {
			fn = new(function)
			if err := json.Unmarshal(e.Data, fn); err != nil {
				return fmt.Errorf("read function %s: %w", e.Key, err)
			}
		}
		s.take(e.Key, e.Rev, fn)
		return nil
	})
	if ctx.Err() != nil {
		return nil
	}
	return err
}

func (s *Service) take(key string, rev uint64, fn *function) {
	for _, id := range s.catalog.put(key, rev, fn) {
		s.cfg.Pool.Retire(id)
	}
}

// lookup returns the entry of a function that is known to exist.
func (s *Service) lookup(ctx context.Context, t target) (*entry, error) {
	select {
	case <-s.catalog.caughtUp:
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	e := s.catalog.get(t.key())
	if e == nil {
		return nil, errFunctionNotFound(t.arn())
	}
	return e, nil
}

// errUnchanged is returned by an edit that has nothing to write.
var errUnchanged = errors.New("unchanged")

// edit changes a function by compare-and-set: f gets a copy that it may change, and may be called again when somebody else was
// faster. f is given nil when there is no function; it returns what is to be written, or nil to delete.
func (s *Service) edit(ctx context.Context, t target, f func(*function) (*function, error)) (*function, error) {
	st, err := s.cfg.Stores.Open(ctx, storeName)
	if err != nil {
		return nil, fmt.Errorf("open store of functions: %w", err)
	}
	for {
		var fn *function
		doc, err := st.Get(ctx, t.key())
		switch {
		case err == nil:
			fn = new(function)
			if err := json.Unmarshal(doc.Data, fn); err != nil {
				return nil, fmt.Errorf("read function %s: %w", t.name, err)
			}
		case !errors.Is(err, store.ErrNotFound):
			return nil, fmt.Errorf("read function %s: %w", t.name, err)
		}
		next, err := f(fn)
		if errors.Is(err, errUnchanged) {
			return fn, nil
		} else if err != nil {
			return nil, err
		}
		write := store.Write{Key: t.key(), Delete: next == nil, When: store.AtRev(doc.Rev)}
		if next != nil {
			if write.Data, err = json.Marshal(next); err != nil {
				return nil, fmt.Errorf("encode function %s: %w", t.name, err)
			}
		}
		rev, err := st.Apply(ctx, write)
		if errors.Is(err, store.ErrConflict) {
			continue
		} else if err != nil {
			return nil, fmt.Errorf("write function %s: %w", t.name, err)
		}
		s.take(t.key(), rev, next)
		return next, nil
	}
}

// change is edit for a function that must exist.
func (s *Service) change(ctx context.Context, t target, f func(*function) error) (*function, error) {
	return s.edit(ctx, t, func(fn *function) (*function, error) {
		if fn == nil {
			return nil, errFunctionNotFound(t.arn())
		}
		return fn, f(fn)
	})
}
