package engine

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"time"

	"github.com/sallyport/sallyport/internal/service/dynamodb/item"
	"github.com/sallyport/sallyport/internal/store"
)

// stripes is how many locks the keys of a space share.
const stripes = 1024

// A Space is the tables of one account in one region.
type Space struct {
	docs     store.Store
	log      *slog.Logger
	register func(context.Context) error
	locks    [stripes]chan struct{} // of keys: this node's writers put one in while they write, in the order of the array

	mu      sync.RWMutex // guards all below
	ready   chan struct{}
	isReady bool
	byID    map[string]*Table
	byName  map[string]*Table
	tokens  map[string]time.Time // documents of client request tokens: when they were written
	known   bool                 // the space is in the catalog
}

func newSpace(docs store.Store, log *slog.Logger) *Space {
	s := &Space{docs: docs, log: log, ready: make(chan struct{})}
	for i := range s.locks {
		s.locks[i] = make(chan struct{}, 1)
	}
	s.clear()
	return s
}

// clear forgets all, for holders of mu (or nobody else).
func (s *Space) clear() {
	s.byID, s.byName, s.tokens = map[string]*Table{}, map[string]*Table{}, map[string]time.Time{}
}

// wait returns when the space has caught up with its store.
func (s *Space) wait(ctx context.Context) error {
	s.mu.RLock()
	ready := s.ready
	s.mu.RUnlock()
	select {
	case <-ready:
		return nil
	default:
	}
	select {
	case <-ready:
		return nil
	case <-ctx.Done():
		return fmt.Errorf("wait for tables: %w", ctx.Err())
	}
}

// follow keeps the space up to date until ctx is done. When the store cannot be followed any more, all is read anew:
// who wants to use the space waits meanwhile.
func (s *Space) follow(ctx context.Context) {
	for {
		err := s.docs.Watch(ctx, "", s.event)
		if ctx.Err() != nil {
			return
		}
		s.log.Warn("lost sight of the tables, reading them anew", "error", err)
		s.mu.Lock()
		s.clear()
		if s.isReady {
			s.ready, s.isReady = make(chan struct{}), false
		}
		s.mu.Unlock()
		select {
		case <-ctx.Done():
			return
		case <-time.After(time.Second):
		}
	}
}

// event takes one event of the store's watch. A document that cannot be read is left out, so that it does not take all others with it.
func (s *Space) event(e store.Event) error {
	if e.CaughtUp {
		s.caughtUp()
		return nil
	}
	if err := s.take(e); err != nil {
		s.log.Error("left out a document that cannot be read", "key", e.Key, "error", err)
	}
	return nil
}

var errDamaged = errors.New("dynamodb: damaged item")

func (s *Space) take(e store.Event) error {
	kind, rest, _ := strings.Cut(e.Key, "/")
	switch kind {
	case "i":
		id, key, ok := parseDocument(e.Key)
		if !ok {
			return fmt.Errorf("item has the unknown key %q", e.Key)
		}
		if e.Deleted {
			if t := s.byIDOf(id); t != nil {
				t.put(key.position(), e.Rev, nil, true)
			}
			return nil
		}
		if !item.Encoded(e.Data).Valid() {
			return errDamaged
		}
		s.table(id).put(key.position(), e.Rev, item.Encoded(e.Data), true)
	case "t":
		if e.Deleted {
			s.forget(rest, e.Rev)
			return nil
		}
		schema := &Schema{}
		if err := json.Unmarshal(e.Data, schema); err != nil {
			return fmt.Errorf("read table %s: %w", rest, err)
		}
		s.know(schema, e.Rev)
	case "s":
		id, _, _ := strings.Cut(rest, "/")
		if e.Deleted {
			if t := s.byIDOf(id); t != nil {
				t.forgetRecords(e.Key)
			}
			return nil
		}
		return s.table(id).addRecords(e.Key, e.Rev, e.Data)
	case "x":
		s.mu.Lock()
		defer s.mu.Unlock()
		delete(s.tokens, e.Key)
		if !e.Deleted {
			s.tokens[e.Key] = tokenTime(e.Data)
		}
	}
	return nil
}

func (s *Space) caughtUp() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, t := range s.byID {
		t.sortRecords()
	}
	if !s.isReady {
		s.isReady = true
		close(s.ready)
	}
}

func (s *Space) byIDOf(id string) *Table {
	s.mu.RLock()
	defer s.mu.RUnlock()
	return s.byID[id]
}

// table returns the table with this ID, which may not have a schema yet.
func (s *Space) table(id string) *Table {
	if t := s.byIDOf(id); t != nil {
		return t
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	t := s.byID[id]
	if t == nil {
		t = newTable(id)
		s.byID[id] = t
	}
	return t
}

// know takes a table's schema.
func (s *Space) know(schema *Schema, rev uint64) {
	t := s.table(schema.ID)
	t.setSchema(schema, rev)
	s.mu.Lock()
	defer s.mu.Unlock()
	if have := s.byName[schema.Name]; have == nil || have == t || have.revision() < rev {
		s.byName[schema.Name] = t
	}
}

func (t *Table) revision() uint64 {
	t.mu.RLock()
	defer t.mu.RUnlock()
	return t.rev
}

// forget takes the removal of a table at revision rev. Its items are removed by the sweep.
func (s *Space) forget(name string, rev uint64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if t := s.byName[name]; t != nil && t.revision() < rev {
		delete(s.byName, name)
	}
}
