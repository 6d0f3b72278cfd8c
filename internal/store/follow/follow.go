// Package follow keeps a decoded copy of a store's documents in memory, so that those who are asked often need not ask the store.
//
// A Copy follows the store by Watch: a change made by this node is seen at once, one made by another as soon as the store tells.
// Edit changes a document by compare-and-set on what the store itself has. It knows nothing of what the documents mean.
package follow

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/sallyport/sallyport/internal/store"
)

// ErrUnchanged is returned by an edit that has nothing to write; Edit then returns the document as it is.
var ErrUnchanged = errors.New("unchanged")

// A Copy holds the documents of a store below a prefix as values of type T. Values that it gives must not be changed.
type Copy[T any] struct {
	stores       store.Stores
	name, prefix string
	log          *slog.Logger
	changed      func(key string, v *T)
	caughtUp     chan struct{}
	once         sync.Once

	mu    sync.RWMutex // guards both
	store store.Store  // opened when it is first needed: opening costs more than writing
	docs  map[string]held[T]
}

type held[T any] struct {
	v   *T // nil: deleted at rev
	rev uint64
}

// New returns a Copy that is empty until Run. Changed, which may be nil, is told of every document that is new or another one, and
// with nil of one that is gone; it must not block, and may be called by Edit as well as by Run.
func New[T any](stores store.Stores, name, prefix string, log *slog.Logger, changed func(key string, v *T)) *Copy[T] {
	if changed == nil {
		changed = func(string, *T) {}
	}
	return &Copy[T]{stores: stores, name: name, prefix: prefix, log: log, changed: changed, caughtUp: make(chan struct{}), docs: map[string]held[T]{}}
}

// Run follows the store until ctx is done.
func (c *Copy[T]) Run(ctx context.Context) error {
	for {
		err := c.watch(ctx)
		if ctx.Err() != nil {
			return nil
		}
		if !errors.Is(err, store.ErrUnavailable) {
			return err
		}
		c.log.Warn("a store is out of reach; trying again", "store", c.name, "err", err)
		select {
		case <-ctx.Done():
			return nil
		case <-time.After(time.Second):
		}
	}
}

// open returns the store. Again opens it anew, after it was out of reach.
func (c *Copy[T]) open(ctx context.Context, again bool) (store.Store, error) {
	c.mu.RLock()
	st := c.store
	c.mu.RUnlock()
	if st != nil && !again {
		return st, nil
	}
	st, err := c.stores.Open(ctx, c.name)
	if err != nil {
		return nil, fmt.Errorf("open store %s: %w", c.name, err)
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.store = st
	return st, nil
}

func (c *Copy[T]) watch(ctx context.Context) error {
	st, err := c.open(ctx, true)
	if err != nil {
		return err
	}
	missing := c.known()
	return st.Watch(ctx, c.prefix, func(e store.Event) error {
		if e.CaughtUp {
			for key, rev := range missing { // deleted while nobody told us
				c.take(key, rev+1, nil)
			}
			c.once.Do(func() { close(c.caughtUp) })
			return nil
		}
		delete(missing, e.Key)
		if e.Deleted {
			c.take(e.Key, e.Rev, nil)
			c.forget(e.Key, e.Rev)
			return nil
		}
		v := new(T)
		if err := json.Unmarshal(e.Data, v); err != nil { // one that cannot be read must not stop the others
			c.log.Error("a document cannot be read", "store", c.name, "key", e.Key, "err", err)
			return nil
		}
		c.take(e.Key, e.Rev, v)
		return nil
	})
}

func (c *Copy[T]) known() map[string]uint64 {
	c.mu.RLock()
	defer c.mu.RUnlock()
	revs := make(map[string]uint64, len(c.docs))
	for key, h := range c.docs {
		revs[key] = h.rev
	}
	return revs
}

func (c *Copy[T]) take(key string, rev uint64, v *T) {
	c.mu.Lock()
	if old, ok := c.docs[key]; ok && old.rev >= rev {
		c.mu.Unlock()
		return
	}
	c.docs[key] = held[T]{v, rev}
	c.mu.Unlock()
	c.changed(key, v)
}

// forget drops what is known of a document that is gone, when the store will not report anything older any more.
func (c *Copy[T]) forget(key string, rev uint64) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if h, ok := c.docs[key]; ok && h.v == nil && h.rev <= rev {
		delete(c.docs, key)
	}
}

// Ready waits until all documents have been read.
func (c *Copy[T]) Ready(ctx context.Context) error {
	select {
	case <-c.caughtUp:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// Get returns a document, or nil. It waits until all have been read.
func (c *Copy[T]) Get(ctx context.Context, key string) (*T, error) {
	if err := c.Ready(ctx); err != nil {
		return nil, err
	}
	c.mu.RLock()
	defer c.mu.RUnlock()
	return c.docs[key].v, nil
}

// List returns the documents whose keys begin with prefix, sorted by key. It waits until all have been read.
func (c *Copy[T]) List(ctx context.Context, prefix string) ([]*T, error) {
	if err := c.Ready(ctx); err != nil {
		return nil, err
	}
	c.mu.RLock()
	var keys []string
	for key, h := range c.docs {
		if h.v != nil && strings.HasPrefix(key, prefix) {
			keys = append(keys, key)
		}
	}
	slices.Sort(keys)
	all := make([]*T, len(keys))
	for i, key := range keys {
		all[i] = c.docs[key].v
	}
	c.mu.RUnlock()
	return all, nil
}

// Edit changes a document by compare-and-set. f gets a copy that it may change, nil if there is none, and may be called again when
// somebody else was faster; it returns what is to be written, nil to delete, or an error, which Edit returns.
func (c *Copy[T]) Edit(ctx context.Context, key string, f func(*T) (*T, error)) (*T, error) {
	st, err := c.open(ctx, false)
	if err != nil {
		return nil, err
	}
	for {
		old, rev, err := read[T](ctx, st, key)
		if err != nil {
			return nil, err
		}
		next, err := f(old)
		if errors.Is(err, ErrUnchanged) {
			return old, nil
		} else if err != nil {
			return nil, err
		}
		if next == nil && rev == 0 {
			return nil, nil
		}
		w := store.Write{Key: key, Delete: next == nil, When: store.AtRev(rev)}
		if next != nil {
			if w.Data, err = json.Marshal(next); err != nil {
				return nil, fmt.Errorf("encode %s: %w", key, err)
			}
		}
		rev, err = st.Apply(ctx, w)
		if errors.Is(err, store.ErrConflict) {
			continue
		} else if err != nil {
			return nil, fmt.Errorf("write %s: %w", key, err)
		}
		c.take(key, rev, next)
		return next, nil
	}
}

// read returns nil for a document that is not there.
func read[T any](ctx context.Context, st store.Store, key string) (*T, uint64, error) {
	doc, err := st.Get(ctx, key)
	if errors.Is(err, store.ErrNotFound) {
		return nil, 0, nil
	} else if err != nil {
		return nil, 0, fmt.Errorf("read %s: %w", key, err)
	}
	v := new(T)
	if err := json.Unmarshal(doc.Data, v); err != nil {
		return nil, 0, fmt.Errorf("decode %s: %w", key, err)
	}
	return v, doc.Rev, nil
}
