package engine

import (
	"encoding/binary"
	"strings"

	"github.com/sallyport/sallyport/internal/service/dynamodb/item"
)

// A Key is a primary key, or the key in an index, as bytes: strings and binaries themselves, numbers in their sortable form.
type Key struct {
	Hash, Range string
}

// KeyBytes returns a key attribute's value as a part of a Key.
func KeyBytes(v item.Value) string {
	if v.Kind == item.N {
		return string(item.AppendSortable(nil, v.Str))
	}
	return v.Str
}

// KeyOf takes the key out of an item. ok is false if an attribute is missing or of another kind.
func (k KeySchema) KeyOf(it item.Item) (key Key, ok bool) {
	return k.keyOf(it.Get)
}

func (k KeySchema) keyOf(get func(string) item.Value) (key Key, ok bool) {
	v := get(k.Hash.Name)
	if v.Kind != k.Hash.Kind {
		return Key{}, false
	}
	key.Hash = KeyBytes(v)
	if k.Range.Name != "" {
		v := get(k.Range.Name)
		if v.Kind != k.Range.Kind {
			return Key{}, false
		}
		key.Range = KeyBytes(v)
	}
	return key, true
}

// document returns the key's document in the store. Its length is that of the key and little more, whatever bytes are in it.
func (k Key) document(tableID string) string {
	b := make([]byte, 0, len("i//")+len(tableID)+3+len(k.Hash)+len(k.Range))
	b = append(append(append(b, "i/"...), tableID...), '/')
	b = binary.AppendUvarint(b, uint64(len(k.Hash)))
	return string(append(append(b, k.Hash...), k.Range...))
}

// parseDocument is the inverse of document.
func parseDocument(doc string) (tableID string, k Key, ok bool) {
	tableID, rest, ok := strings.Cut(strings.TrimPrefix(doc, "i/"), "/")
	if !ok {
		return "", Key{}, false
	}
	n, size := binary.Uvarint([]byte(rest[:min(len(rest), binary.MaxVarintLen64)]))
	if size <= 0 || n > uint64(len(rest)-size) {
		return "", Key{}, false
	}
	rest = rest[size:]
	return tableID, Key{rest[:n], rest[n:]}, true
}

// A position is where a key stands in a tree: the bucket of its hash attribute, the hash attribute, the range attribute. Both end in
// a mark that sorts before all else, so that positions sort as the attributes do, and a position of an index may go on
// with that of the table.
type position = string

// Buckets spread hash keys, so that segments of a scan are of like size.
const bucketBytes = 4

func (k Key) position() position {
	b := make([]byte, 0, bucketBytes+len(k.Hash)+len(k.Range)+8)
	b = binary.BigEndian.AppendUint32(b, bucket(k.Hash))
	b = appendEscaped(b, k.Hash)
	b = append(b, 0, 1)
	b = appendEscaped(b, k.Range)
	return string(append(b, 0, 1))
}

// partition returns the beginning that all positions with the hash attribute have.
func partition(hash string) position {
	b := make([]byte, 0, bucketBytes+len(hash)+4)
	b = binary.BigEndian.AppendUint32(b, bucket(hash))
	b = appendEscaped(b, hash)
	return string(append(b, 0, 1))
}

func appendEscaped(b []byte, s string) []byte {
	for {
		i := strings.IndexByte(s, 0)
		if i < 0 {
			return append(b, s...)
		}
		b = append(append(b, s[:i]...), 0, 0xff)
		s = s[i+1:]
	}
}

// after returns the least string that is greater than all that begin with p; empty means that there is none.
func after(p string) string {
	for i := len(p) - 1; i >= 0; i-- {
		if p[i] != 0xff {
			return p[:i] + string([]byte{p[i] + 1})
		}
	}
	return ""
}

// bucket is FNV-1a with a stir at the end, because short keys leave its high bits alike.
func bucket(hash string) uint32 {
	h := uint64(14695981039346656037)
	for i := range len(hash) {
		h = (h ^ uint64(hash[i])) * 1099511628211
	}
	h = (h ^ h>>33) * 0xff51afd7ed558ccd
	return uint32(h >> 32)
}

// A Span is the part of a tree from From up to, and without, To. An empty To means the end.
type Span struct {
	From, To position
}

// Partition returns the span of a hash attribute.
func Partition(hash string) Span {
	p := partition(hash)
	return Span{p, after(p)}
}

// Where narrows the span of a hash attribute to range attributes for which op holds: = < <= > >= BETWEEN begins_with.
func Where(hash, op string, values ...string) Span {
	s := Partition(hash)
	at := func(v string) position { return partition(hash) + string(append(appendEscaped(nil, v), 0, 1)) }
	switch op {
	case "=":
		return Span{at(values[0]), after(at(values[0]))}
	case "<":
		s.To = at(values[0])
	case "<=":
		s.To = after(at(values[0]))
	case ">":
		s.From = after(at(values[0]))
	case ">=":
		s.From = at(values[0])
	case "BETWEEN":
		return Span{at(values[0]), after(at(values[1]))}
	case "begins_with":
		p := partition(hash) + string(appendEscaped(nil, values[0]))
		return Span{p, after(p)}
	}
	return s
}

// Segment returns one of total spans that together are all of a tree.
func Segment(segment, total int) Span {
	at := func(n int) position {
		if n <= 0 || n >= total {
			return ""
		}
		return string(binary.BigEndian.AppendUint32(nil, uint32((uint64(n)<<32+uint64(total)-1)/uint64(total))))
	}
	return Span{at(segment), at(segment + 1)}
}

// Contains reports whether p lies in the span.
func (s Span) Contains(p position) bool { return p >= s.From && (s.To == "" || p < s.To) }

// Beyond narrows the span to what comes after p, in the direction of reading.
func (s Span) Beyond(p position, backwards bool) Span {
	if backwards {
		if s.To == "" || p < s.To {
			s.To = p
		}
		return s
	}
	if next := p + "\x00"; next > s.From {
		s.From = next
	}
	return s
}

// parsePosition is the inverse of Key.position.
func parsePosition(p position) (k Key, ok bool) {
	if len(p) < bucketBytes {
		return Key{}, false
	}
	rest := p[bucketBytes:]
	if k.Hash, rest, ok = unescape(rest); !ok {
		return Key{}, false
	}
	k.Range, _, ok = unescape(rest)
	return k, ok
}

// unescape reads an attribute up to its mark.
func unescape(s string) (value, rest string, ok bool) {
	var b []byte
	for {
		i := strings.IndexByte(s, 0)
		if i < 0 || i+1 == len(s) {
			return "", "", false
		}
		b = append(b, s[:i]...)
		if s[i+1] == 1 {
			return string(b), s[i+2:], true
		}
		b = append(b, 0)
		s = s[i+2:]
	}
}
