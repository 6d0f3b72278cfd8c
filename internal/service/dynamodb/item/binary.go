package item

import (
	"encoding/binary"
	"errors"
)

// The binary form of an item is its size as AWS counts (uvarint), the number of attributes (uvarint), and for each, in the
// order of names: name, kind (one byte), and the value: strings with their length in front, numbers as AppendSortable
// writes them, lists, sets and maps with their count in front. Unlike JSON, it is never much larger than the size AWS counts,
// so that any item fits into a document of the store.

var errBinary = errors.New("item: damaged binary form")

// An Encoded is an item in binary form. It is not changed once made.
type Encoded []byte

// Encode returns the binary form.
func Encode(it Item) Encoded {
	size := Size(it)
	dst := make([]byte, 0, size+size/8+16+4*len(it))
	dst = binary.AppendUvarint(dst, uint64(size))
	return appendAttrs(dst, it)
}

func appendAttrs(dst []byte, it Item) []byte {
	dst = binary.AppendUvarint(dst, uint64(len(it)))
	for _, a := range it {
		dst = appendString(dst, a.Name)
		dst = appendValue(append(dst, byte(a.Value.Kind)), a.Value)
	}
	return dst
}

func appendString(dst []byte, s string) []byte {
	return append(binary.AppendUvarint(dst, uint64(len(s))), s...)
}

// appendValue appends the value without its kind.
func appendValue(dst []byte, v Value) []byte {
	switch v.Kind {
	case S, B:
		return appendString(dst, v.Str)
	case N:
		return AppendSortable(dst, v.Str)
	case BOOL:
		if v.True {
			return append(dst, 1)
		}
		return append(dst, 0)
	case SS, NS, BS:
		dst = binary.AppendUvarint(dst, uint64(len(v.List)))
		for _, m := range v.List {
			dst = appendValue(dst, m)
		}
	case L:
		dst = binary.AppendUvarint(dst, uint64(len(v.List)))
		for _, e := range v.List {
			dst = appendValue(append(dst, byte(e.Kind)), e)
		}
	case M:
		return appendAttrs(dst, v.Map)
	}
	return dst
}

// Size returns the item's size as AWS counts it, without reading the item.
func (e Encoded) Size() int {
	n, _ := binary.Uvarint(e)
	return int(n)
}

// Valid reports whether e is the binary form of an item.
func (e Encoded) Valid() bool {
	r := reader{buf: e}
	r.count() // the size
	r.skip(M, 0)
	return !r.bad && len(r.buf) == 0
}

// Decode reads the item.
func (e Encoded) Decode() (Item, error) {
	r := reader{buf: e}
	r.count() // the size
	it := r.attrs(0)
	if r.bad || len(r.buf) != 0 {
		return nil, errBinary
	}
	return it, nil
}

// Get reads one attribute; its Kind is None if there is none.
func (e Encoded) Get(name string) Value {
	r := reader{buf: e}
	r.count()
	for n := r.count(); n > 0 && !r.bad; n-- {
		found := string(r.bytes()) == name // no copy: the compiler sees the comparison
		k := r.kind()
		if found {
			return r.value(k, 0)
		}
		r.skip(k, 0)
	}
	return Value{}
}

// A reader takes the parts of a binary form from the front of buf. After an error it returns zero values.
type reader struct {
	buf []byte
	bad bool
}

func (r *reader) fail() { r.buf, r.bad = nil, true }

func (r *reader) count() int {
	n, size := binary.Uvarint(r.buf)
	if size <= 0 || n > 1<<31 {
		r.fail()
		return 0
	}
	r.buf = r.buf[size:]
	return int(n)
}

// elements is count for what follows in buf: each takes at least one byte.
func (r *reader) elements() int {
	n := r.count()
	if n > len(r.buf) {
		r.fail()
		return 0
	}
	return n
}

func (r *reader) bytes() []byte {
	n := r.count()
	if n > len(r.buf) {
		r.fail()
		return nil
	}
	s := r.buf[:n]
	r.buf = r.buf[n:]
	return s
}

func (r *reader) byte() byte {
	if len(r.buf) == 0 {
		r.fail()
		return 0
	}
	b := r.buf[0]
	r.buf = r.buf[1:]
	return b
}

func (r *reader) kind() Kind {
	k := Kind(r.byte())
	if k == None || k > BOOL {
		r.fail()
		return NULL
	}
	return k
}

func (r *reader) number() string {
	n, rest, ok := readSortable(r.buf)
	if !ok {
		r.fail()
		return ""
	}
	r.buf = rest
	return n
}

func (r *reader) attrs(depth int) Item {
	n := r.elements()
	if depth > MaxDepth+1 {
		r.fail()
		return nil
	}
	it := make(Item, 0, n)
	for ; n > 0 && !r.bad; n-- {
		name := string(r.bytes())
		it = append(it, Attr{name, r.value(r.kind(), depth+1)})
	}
	return it
}

func (r *reader) value(k Kind, depth int) Value {
	v := Value{Kind: k}
	switch k {
	case S, B:
		v.Str = string(r.bytes())
	case N:
		v.Str = r.number()
	case BOOL:
		v.True = r.byte() != 0
	case SS, NS, BS:
		n := r.elements()
		v.List = make([]Value, 0, n)
		for ; n > 0 && !r.bad; n-- {
			v.List = append(v.List, r.value(k.Member(), depth))
		}
	case L:
		n := r.elements()
		if depth > MaxDepth+1 {
			r.fail()
			return v
		}
		v.List = make([]Value, 0, n)
		for ; n > 0 && !r.bad; n-- {
			v.List = append(v.List, r.value(r.kind(), depth+1))
		}
	case M:
		v.Map = r.attrs(depth)
	}
	return v
}

// skip passes over a value without making anything.
func (r *reader) skip(k Kind, depth int) {
	if depth > MaxDepth+1 {
		r.fail()
		return
	}
	switch k {
	case S, B:
		r.bytes()
	case N:
		r.number()
	case BOOL:
		r.byte()
	case SS, NS, BS:
		for n := r.elements(); n > 0 && !r.bad; n-- {
			r.skip(k.Member(), depth)
		}
	case L:
		for n := r.elements(); n > 0 && !r.bad; n-- {
			r.skip(r.kind(), depth+1)
		}
	case M:
		for n := r.elements(); n > 0 && !r.bad; n-- {
			r.bytes()
			r.skip(r.kind(), depth+1)
		}
	}
}
