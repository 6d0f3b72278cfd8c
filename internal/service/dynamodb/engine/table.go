package engine

import (
	"sync"

	"github.com/tidwall/btree"

	"github.com/sallyport/sallyport/internal/service/dynamodb/item"
)

// A Table is a table in memory. Its methods may be called from many goroutines.
type Table struct {
	id string

	mu      sync.RWMutex // guards all below
	schema  *Schema      // nil while the table's document has not been seen; never changed in place
	rev     uint64       // of the table's document
	items   btree.Map[position, *entry]
	indexes []*index
	gone    map[position]uint64 // revisions of removals made here that the watch has not reported yet
	watched uint64              // the newest revision that the watch has reported of an item
	bytes   int
	records recordLog
}

// An entry is an item in memory. It is never changed.
type entry struct {
	rev  uint64
	data item.Encoded
}

// An index is a tree over some of the table's items.
type index struct {
	Index
	ttl   bool // the hidden index by time of expiry: a range attribute only
	items btree.Map[position, *entry]
}

func newTable(id string) *Table { return &Table{id: id, gone: map[position]uint64{}} }

// Schema returns the table's schema, which the caller must not change.
func (t *Table) Schema() *Schema {
	t.mu.RLock()
	defer t.mu.RUnlock()
	return t.schema
}

// setSchema takes a newer schema and builds what indexes are new.
func (t *Table) setSchema(s *Schema, rev uint64) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if rev <= t.rev {
		return
	}
	t.schema, t.rev = s, rev
	have := map[Index]*index{}
	for _, x := range t.indexes {
		have[x.Index] = x
	}
	want := s.Indexes
	if s.TTL != "" {
		want = append(want[:len(want):len(want)], Index{Key: KeySchema{Hash: KeyAttr{s.TTL, item.N}}})
	}
	t.indexes = nil
	for _, w := range want {
		x := have[w]
		if x == nil {
			x = &index{Index: w, ttl: w.Name == ""}
			t.items.Scan(func(p position, e *entry) bool {
				x.add(p, e)
				return true
			})
		}
		t.indexes = append(t.indexes, x)
	}
}

// position returns where an item stands in the index; ok is false if it does not belong there.
func (x *index) position(p position, e *entry) (position, bool) {
	if x.ttl {
		v := e.data.Get(x.Key.Hash.Name)
		return KeyBytes(v) + p, v.Kind == item.N
	}
	key, ok := x.Key.keyOf(e.data.Get)
	if !ok {
		return "", false
	}
	return key.position() + p, true
}

func (x *index) add(p position, e *entry) {
	if at, ok := x.position(p, e); ok {
		x.items.Set(at, e)
	}
}

func (x *index) remove(p position, e *entry) {
	if at, ok := x.position(p, e); ok {
		x.items.Delete(at)
	}
}

// put takes what a document has become at revision rev: an item, or nothing when data is nil. What is older than what is
// known is ignored. watched says that the store's watch reported it.
func (t *Table) put(p position, rev uint64, data item.Encoded, watched bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if watched {
		t.watched = max(t.watched, rev)
	}
	old, _ := t.items.Get(p)
	if old != nil && old.rev >= rev {
		return
	}
	if g, ok := t.gone[p]; ok {
		if watched && g <= rev || g < rev {
			delete(t.gone, p)
		}
		if g >= rev {
			return
		}
	}
	if old != nil {
		t.unlink(p, old)
	}
	if data == nil {
		if t.watched < rev { // until the watch reports it, older news may come
			t.gone[p] = rev
		}
		return
	}
	e := &entry{rev, data}
	t.items.Set(p, e)
	t.bytes += data.Size()
	for _, x := range t.indexes {
		x.add(p, e)
	}
}

// unlink takes an entry out of the trees, for holders of mu.
func (t *Table) unlink(p position, e *entry) {
	t.items.Delete(p)
	t.bytes -= e.data.Size()
	for _, x := range t.indexes {
		x.remove(p, e)
	}
}

// drop removes the item if it is of revision rev still.
func (t *Table) drop(p position, rev uint64) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if e, ok := t.items.Get(p); ok && e.rev == rev {
		t.unlink(p, e)
	}
}

// get returns the item and its revision; both are zero if there is none.
func (t *Table) get(p position) (item.Encoded, uint64) {
	t.mu.RLock()
	defer t.mu.RUnlock()
	if e, ok := t.items.Get(p); ok {
		return e.data, e.rev
	}
	return nil, 0
}

// Get returns the item, or nil.
func (t *Table) Get(k Key) item.Encoded {
	data, _ := t.get(k.position())
	return data
}

// Size returns how many items the table has and how many bytes they are. For an index it returns the number of its items.
func (t *Table) Size() (items, bytes int) {
	t.mu.RLock()
	defer t.mu.RUnlock()
	return t.items.Len(), t.bytes
}

// IndexSize returns how many items an index has.
func (t *Table) IndexSize(name string) int {
	t.mu.RLock()
	defer t.mu.RUnlock()
	for _, x := range t.indexes {
		if x.Name == name && !x.ttl {
			return x.items.Len()
		}
	}
	return 0
}

// A Read asks for a page of a table or of one of its indexes.
type Read struct {
	Index     string // empty for the table itself
	Span      Span
	Backwards bool
	Limit     int // items; 0 means no limit
	MaxBytes  int // the page ends with the item that reaches it
}

// A Page is what a Read gave.
type Page struct {
	Items []item.Encoded
	Bytes int
	Full  bool // the page ended because of a limit, so there may be more
}

// Read reads a page.
func (t *Table) Read(r Read) Page {
	t.mu.RLock()
	defer t.mu.RUnlock()
	tree := &t.items
	if r.Index != "" {
		tree = nil
		for _, x := range t.indexes {
			if x.Name == r.Index && !x.ttl {
				tree = &x.items
			}
		}
		if tree == nil {
			return Page{}
		}
	}
	return readPage(tree, r)
}

func readPage(tree *btree.Map[position, *entry], r Read) Page {
	var page Page
	take := func(p position, e *entry) bool {
		if !r.Span.Contains(p) {
			return r.Backwards && r.Span.To != "" && p >= r.Span.To // the first of a Descend may be To itself
		}
		page.Items = append(page.Items, e.data)
		page.Bytes += e.data.Size()
		page.Full = len(page.Items) == r.Limit || page.Bytes >= r.MaxBytes
		return !page.Full
	}
	switch {
	case !r.Backwards:
		tree.Ascend(r.Span.From, take)
	case r.Span.To == "":
		tree.Reverse(take)
	default:
		tree.Descend(r.Span.To, take)
	}
	return page
}

// Position returns where an item that has the given keys stands in the table, or in an index.
func (s *Schema) Position(index string, it item.Item) (position, bool) {
	key, ok := s.Key.KeyOf(it)
	if !ok {
		return "", false
	}
	p := key.position()
	if index == "" {
		return p, true
	}
	x, ok := s.Index(index)
	if !ok {
		return "", false
	}
	k, ok := x.Key.KeyOf(it)
	return k.position() + p, ok
}
