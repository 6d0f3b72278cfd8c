package vtl

import (
	"errors"
	"slices"

	"github.com/sallyport/sallyport/internal/json"
)

// Values are nil (null: the empty string), bool, int64, float64, json.Number, string, *List, *Map and Object.

// An Object is a value of another making. What costs more than a step it spends; a meter that is spent ends the render soon, so the error
// of Spend may be dropped.
type Object interface {
	// Property returns the value under name, nil if there is none.
	Property(m *Meter, name string) any
	// Call calls a method, and returns nil if there is none. args must not be kept.
	Call(m *Meter, method string, args []any) (any, error)
}

// A Printer is an Object that can print what a chain of names leads to without making a value of it.
type Printer interface {
	Object
	// AppendPath appends it to dst, or reports false and leaves it to Property.
	AppendPath(m *Meter, dst []byte, names []string) ([]byte, bool)
}

// A List is a list. Templates change it.
type List struct {
	Items []any
	JSON  bool // it came from JSON, and prints as JSON
	array bool // it is an array of Java: it has a length
}

// A Map keeps its entries in the order they were put in. Templates change it.
type Map struct {
	Hidden bool // AWS: $context's own maps print nothing

	entries []entry
	index   map[string]int // by key, once there are many
}

type entry struct {
	key   string
	value any
}

// manyEntries is when a Map makes an index.
const manyEntries = 16

func (m *Map) find(key string) int {
	if m.index != nil {
		if i, ok := m.index[key]; ok {
			return i
		}
		return -1
	}
	for i := range m.entries {
		if m.entries[i].key == key {
			return i
		}
	}
	return -1
}

// Get returns the value under key, nil if there is none.
func (m *Map) Get(key string) any {
	if i := m.find(key); i >= 0 {
		return m.entries[i].value
	}
	return nil
}

// Put sets the value under key and returns the one before, nil if there was none.
func (m *Map) Put(key string, value any) any {
	if i := m.find(key); i >= 0 {
		old := m.entries[i].value
		m.entries[i].value = value
		return old
	}
	if m.index == nil && len(m.entries) >= manyEntries {
		m.reindex()
	}
	if m.index != nil {
		m.index[key] = len(m.entries)
	}
	m.entries = append(m.entries, entry{key, value})
	return nil
}

func (m *Map) reindex() {
	m.index = make(map[string]int, len(m.entries)+1)
	for i, e := range m.entries {
		m.index[e.key] = i
	}
}

func (m *Map) remove(key string) any {
	i := m.find(key)
	if i < 0 {
		return nil
	}
	old := m.entries[i].value
	m.entries = slices.Delete(m.entries, i, i+1)
	if m.index != nil {
		m.reindex()
	}
	return old
}

// Len returns the number of entries.
func (m *Map) Len() int { return len(m.entries) }

// All yields the entries in order.
func (m *Map) All() func(yield func(string, any) bool) {
	return func(yield func(string, any) bool) {
		for _, e := range m.entries {
			if !yield(e.key, e.value) {
				return
			}
		}
	}
}

// FromJSON makes a value of one of ParseLenient's. Objects and lists are copied: templates may change them.
func FromJSON(v any) any {
	switch v := v.(type) {
	case []any:
		list := &List{Items: make([]any, len(v)), JSON: true}
		for i, e := range v {
			list.Items[i] = FromJSON(e)
		}
		return list
	case *json.Object:
		m := &Map{entries: make([]entry, len(v.Members))}
		for i, member := range v.Members {
			m.entries[i] = entry{member.Name, FromJSON(member.Value)}
		}
		if len(m.entries) > manyEntries {
			m.reindex()
		}
		return m
	}
	return v
}

// An entry of entrySet().
type mapEntry struct {
	m   *Map
	key string
}

func (e mapEntry) Property(_ *Meter, name string) any {
	switch name {
	case "key":
		return e.key
	case "value":
		return e.m.Get(e.key)
	}
	return nil
}

func (e mapEntry) Call(_ *Meter, method string, args []any) (any, error) {
	switch {
	case method == "getKey" && len(args) == 0:
		return e.key, nil
	case method == "getValue" && len(args) == 0:
		return e.m.Get(e.key), nil
	case method == "setValue" && len(args) == 1:
		return e.m.Put(e.key, args[0]), nil
	}
	return nil, nil
}

// An iterator goes over a list once.
type iterator struct{ items []any }

func (it *iterator) Property(*Meter, string) any { return nil }

func (it *iterator) Call(_ *Meter, method string, args []any) (any, error) {
	switch {
	case method == "hasNext" && len(args) == 0:
		return len(it.items) > 0, nil
	case method == "next" && len(args) == 0:
		if len(it.items) == 0 {
			return nil, errors.New("next: there are no more elements")
		}
		next := it.items[0]
		it.items = it.items[1:]
		return next, nil
	}
	return nil, nil
}

// A loop is $foreach.
type loop struct {
	index, count int
	parent       *loop
}

func (l *loop) hasNext() bool { return l.index+1 < l.count }

func (l *loop) Property(_ *Meter, name string) any {
	switch name {
	case "count":
		return int64(l.index + 1)
	case "index":
		return int64(l.index)
	case "hasNext":
		return l.hasNext()
	case "first":
		return l.index == 0
	case "last":
		return !l.hasNext()
	case "parent":
		if l.parent != nil {
			return l.parent
		}
	case "topmost":
		for l.parent != nil {
			l = l.parent
		}
		return l
	}
	return nil
}

func (l *loop) Call(m *Meter, method string, args []any) (any, error) {
	if len(args) > 0 {
		return nil, nil
	}
	switch method {
	case "hasNext":
		return l.Property(m, "hasNext"), nil
	case "isFirst", "isLast", "getCount", "getIndex", "getParent", "getTopmost":
		return l.Property(m, getter(method)), nil
	case "stop":
		return nil, errBreak
	}
	return nil, nil
}

// getter returns the property that a getter is of: "count" of getCount.
func getter(method string) string {
	for _, prefix := range [...]string{"get", "is"} {
		if n := len(prefix); len(method) > n && method[:n] == prefix && method[n] >= 'A' && method[n] <= 'Z' {
			return string(method[n]|0x20) + method[n+1:]
		}
	}
	return ""
}

// A definition is what #define gives a name to. It is rendered wherever it is used.
type definition struct{ nodes []node }
