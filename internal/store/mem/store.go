package mem

import (
	"bytes"
	"context"
	"fmt"
	"strings"
	"sync"

	"github.com/tidwall/btree"

	"github.com/sallyport/sallyport/internal/store"
)

// New returns empty stores that live in this process's memory.
func New() store.Stores {
	return &stores{byName: make(map[string]*documents), blobs: &blobs{}}
}

type stores struct {
	mu     sync.Mutex // guards byName
	byName map[string]*documents
	blobs  *blobs
}

func (s *stores) Open(ctx context.Context, name string) (store.Store, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	if err := store.CheckName(name); err != nil {
		return nil, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	d := s.byName[name]
	if d == nil {
		d = &documents{name: name, watchers: make(map[*watcher]struct{})}
		s.byName[name] = d
	}
	return d, nil
}

func (s *stores) Drop(ctx context.Context, name string) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	s.mu.Lock()
	d := s.byName[name]
	delete(s.byName, name)
	s.mu.Unlock()
	if d != nil {
		d.drop()
	}
	return nil
}

func (s *stores) Blobs(ctx context.Context) (store.Blobs, error) {
	return s.blobs, ctx.Err()
}

// documents is one store. Data in docs is never changed in place.
type documents struct {
	name string

	mu       sync.RWMutex // guards all below
	dropped  bool
	rev      uint64
	docs     btree.Map[string, store.Doc]
	watchers map[*watcher]struct{}
}

func (d *documents) Get(ctx context.Context, key string) (store.Doc, error) {
	if err := ctx.Err(); err != nil {
		return store.Doc{}, err
	}
	d.mu.RLock()
	defer d.mu.RUnlock()
	if d.dropped {
		return store.Doc{}, d.errDropped()
	}
	doc, ok := d.docs.Get(key)
	if !ok {
		return store.Doc{}, store.ErrNotFound
	}
	doc.Data = bytes.Clone(doc.Data)
	return doc, nil
}

func (d *documents) List(ctx context.Context, prefix string) ([]store.Doc, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	d.mu.RLock()
	defer d.mu.RUnlock()
	if d.dropped {
		return nil, d.errDropped()
	}
	return d.list(prefix), nil
}

// list is List for holders of mu.
func (d *documents) list(prefix string) []store.Doc {
	var list []store.Doc
	d.docs.Ascend(prefix, func(key string, doc store.Doc) bool {
		if !strings.HasPrefix(key, prefix) {
			return false
		}
		doc.Data = bytes.Clone(doc.Data)
		list = append(list, doc)
		return true
	})
	return list
}

func (d *documents) Apply(ctx context.Context, writes ...store.Write) (uint64, error) {
	if err := ctx.Err(); err != nil {
		return 0, err
	}
	if err := store.CheckWrites(writes); err != nil {
		return 0, err
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.dropped {
		return 0, d.errDropped()
	}
	for _, w := range writes {
		if want, ok := w.When.Rev(); ok {
			if doc, _ := d.docs.Get(w.Key); doc.Rev != want {
				return 0, store.ErrConflict
			}
		}
	}
	for _, w := range writes {
		d.rev++
		e := store.Event{Doc: store.Doc{Key: w.Key, Rev: d.rev}, Deleted: w.Delete}
		if w.Delete {
			d.docs.Delete(w.Key)
		} else {
			e.Data = append([]byte{}, w.Data...)
			d.docs.Set(w.Key, e.Doc)
		}
		for watcher := range d.watchers {
			watcher.offer(e)
		}
	}
	return d.rev, nil
}

func (d *documents) drop() {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.dropped = true
	d.docs.Clear()
	for w := range d.watchers {
		w.end(d.errDropped())
	}
}

func (d *documents) errDropped() error {
	return fmt.Errorf("store %s was dropped: %w", d.name, store.ErrUnavailable)
}
