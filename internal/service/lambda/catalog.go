package lambda

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/sallyport/sallyport/internal/policy"
	"github.com/sallyport/sallyport/internal/service/lambda/urls"
	"github.com/sallyport/sallyport/internal/store"
)

// The catalog holds every function in memory, so that an invocation asks no store. It follows the store; a change made
// here is seen here at once, one made on another node as soon as the store tells.
type catalog struct {
	caughtUp chan struct{} // closed when all functions have been read
	once     sync.Once     // closes it

	mu      sync.RWMutex // guards entries and urls
	entries map[string]*entry
	urls    map[string]*urls.URL // by id
}

// An entry is a function as of one revision.
type entry struct {
	rev      uint64
	fn       *function                   // nil: deleted at rev
	policies map[string]*policy.Document // by qualifier, as fn.Policies
	granted  grants
	runners  runners
	flying   *atomic.Int64 // running invocations, over all revisions
}

func (c *catalog) init() {
	c.caughtUp = make(chan struct{})
	c.entries = map[string]*entry{}
	c.urls = map[string]*urls.URL{}
}

// put takes in a document unless a newer one is known, and returns the ids of the runners that nobody needs any more.
func (c *catalog) put(key string, rev uint64, fn *function) (retired []string, err error) {
	e := &entry{rev: rev, fn: fn, flying: new(atomic.Int64)}
	if fn != nil {
		e.policies, err = fn.parsePolicies()
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	old := c.entries[key]
	if old != nil && old.rev >= rev {
		return nil, nil
	}
	c.entries[key] = e
	c.moveURLs(old, fn)
	if old == nil {
		return nil, err
	}
	if old.fn != nil && fn != nil {
		e.flying = old.flying
	}
	return old.runners.moveTo(&e.runners, fn), err
}

// moveURLs knows a function's URLs as they are now. The caller holds mu.
func (c *catalog) moveURLs(old *entry, fn *function) {
	if old != nil && old.fn != nil {
		for _, u := range old.fn.URLs {
			delete(c.urls, u.ID)
		}
	}
	if fn != nil {
		for qualifier, u := range fn.URLs {
			c.urls[u.ID] = fn.url(qualifier)
		}
	}
}

// url returns the URL of an id, or nil.
func (c *catalog) url(id string) *urls.URL {
	c.mu.RLock()
	defer c.mu.RUnlock()
	return c.urls[id]
}

// forget drops what is known of a function that was deleted at rev, when the store will not report anything older any more.
func (c *catalog) forget(key string, rev uint64) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if e := c.entries[key]; e != nil && e.fn == nil && e.rev <= rev {
		delete(c.entries, key)
	}
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

// known returns the revisions of all functions that are there.
func (c *catalog) known() map[string]uint64 {
	c.mu.RLock()
	defer c.mu.RUnlock()
	revs := make(map[string]uint64, len(c.entries))
	for key, e := range c.entries {
		revs[key] = e.rev
	}
	return revs
}

// follow keeps the catalog up to date until ctx is done.
func (s *Service) follow(ctx context.Context) error {
	for {
		err := s.watch(ctx)
		if ctx.Err() != nil {
			return nil
		}
		if !errors.Is(err, store.ErrUnavailable) {
			return err
		}
		s.cfg.Log.Warn("the store of functions is out of reach; trying again", "err", err)
		select {
		case <-ctx.Done():
			return nil
		case <-time.After(time.Second):
		}
	}
}

// watch follows the store as long as it can. Functions that were known before, and are not reported, have been deleted meanwhile.
func (s *Service) watch(ctx context.Context) error {
	st, err := s.cfg.Stores.Open(ctx, storeName)
	if err != nil {
		return fmt.Errorf("open store of functions: %w", err)
	}
	missing := s.catalog.known()
	return st.Watch(ctx, "", func(e store.Event) error {
		if e.CaughtUp {
			for key, rev := range missing {
				s.take(key, rev+1, nil)
				s.catalog.forget(key, rev+1)
			}
			s.catalog.once.Do(func() { close(s.catalog.caughtUp) })
			return nil
		}
		if !isFunctionKey(e.Key) {
			return nil
		}
		delete(missing, e.Key)
		if e.Deleted {
			s.take(e.Key, e.Rev, nil)
			s.catalog.forget(e.Key, e.Rev)
			return nil
		}
		fn := new(function)
		if err := json.Unmarshal(e.Data, fn); err != nil { // one that cannot be read must not stop the others
			s.cfg.Log.Error("a function cannot be read", "key", e.Key, "err", err)
			return nil
		}
		s.take(e.Key, e.Rev, fn)
		return nil
	})
}

func (s *Service) take(key string, rev uint64, fn *function) {
	retired, err := s.catalog.put(key, rev, fn)
	if err != nil {
		s.cfg.Log.Error("a resource policy cannot be read; nobody is allowed by it", "function", key, "err", err)
	}
	for _, id := range retired {
		s.cfg.Pool.Retire(id)
	}
}

// ready waits until all functions have been read.
func (s *Service) ready(ctx context.Context) error {
	select {
	case <-s.catalog.caughtUp:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// lookup returns the entry of a function that is known to exist.
func (s *Service) lookup(ctx context.Context, t target) (*entry, error) {
	if err := s.ready(ctx); err != nil {
		return nil, err
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
// faster. f is given nil when there is no function; it returns what is to be written, or nil to delete. Code that no version
// has any more is deleted.
func (s *Service) edit(ctx context.Context, t target, f func(*function) (*function, error)) (*function, error) {
	var before map[string]bool
	next, rev, err := editDocument(ctx, s.cfg.Stores, t.key(), func(fn *function) (*function, error) {
		before = fn.blobs()
		return f(fn)
	})
	if err != nil || rev == 0 {
		return next, err
	}
	s.take(t.key(), rev, next)
	after := next.blobs()
	for blob := range before {
		if !after[blob] {
			s.discard(ctx, blob)
		}
	}
	return next, nil
}

// editDocument is edit for any document. The revision is zero if nothing was written.
func editDocument[T any](ctx context.Context, stores store.Stores, key string, f func(*T) (*T, error)) (*T, uint64, error) {
	st, err := stores.Open(ctx, storeName)
	if err != nil {
		return nil, 0, fmt.Errorf("open store of functions: %w", err)
	}
	for {
		old, doc, err := readDocument[T](ctx, st, key)
		if err != nil {
			return nil, 0, err
		}
		next, err := f(old)
		if errors.Is(err, errUnchanged) {
			return old, 0, nil
		} else if err != nil {
			return nil, 0, err
		}
		write := store.Write{Key: key, Delete: next == nil, When: store.AtRev(doc.Rev)}
		if next != nil {
			if write.Data, err = json.Marshal(next); err != nil {
				return nil, 0, fmt.Errorf("encode %s: %w", key, err)
			}
		}
		rev, err := st.Apply(ctx, write)
		switch {
		case errors.Is(err, store.ErrConflict):
			continue
		case errors.Is(err, store.ErrTooLarge):
			return nil, 0, failure("CodeStorageExceededException", 400, "Too many versions: delete some that are not used any more.")
		case err != nil:
			return nil, 0, fmt.Errorf("write %s: %w", key, err)
		}
		return next, rev, nil
	}
}

// readDocument returns nil for a document that is not there.
func readDocument[T any](ctx context.Context, st store.Store, key string) (*T, store.Doc, error) {
	doc, err := st.Get(ctx, key)
	if errors.Is(err, store.ErrNotFound) {
		return nil, store.Doc{}, nil
	} else if err != nil {
		return nil, doc, fmt.Errorf("read %s: %w", key, err)
	}
	v := new(T)
	if err := json.Unmarshal(doc.Data, v); err != nil {
		return nil, doc, fmt.Errorf("decode %s: %w", key, err)
	}
	return v, doc, nil
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
