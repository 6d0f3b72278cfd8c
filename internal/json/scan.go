package json

import (
	"encoding/binary"
	"math/bits"
)

// maxDepth bounds the nesting of documents, so that a message of brackets cannot eat the stack.
const maxDepth = 10_000

// MaxPaths is how many paths a Picker takes.
const MaxPaths = 64

// A Step leads from a value to a part of it: the member Name of an object, or the element Index of an array.
type Step struct {
	Name  string
	Index int  // counted from zero
	Array bool // Index counts, not Name
}

// A Path leads from a document to a value in it. The empty path is the document.
type Path []Step

// A Span is where a value stands in a document; the zero Span is nowhere.
type Span struct{ From, To int }

// Of returns the value's text, nil for the zero Span.
func (s Span) Of(doc []byte) []byte {
	if s.To == 0 {
		return nil
	}
	return doc[s.From:s.To]
}

// A Picker finds the values at its paths in one pass over a document. It may be used from many goroutines.
type Picker struct {
	paths []Path
}

// NewPicker returns a Picker for at most MaxPaths paths.
func NewPicker(paths ...Path) *Picker {
	if len(paths) > MaxPaths {
		panic("json: too many paths")
	}
	return &Picker{paths: paths}
}

// Pick reports whether doc is JSON (RFC 8259), and sets values[i] to where the value at path i stands. Of members with the same name the last counts. values must be as long as there are paths.
func (p *Picker) Pick(doc []byte, values []Span) bool {
	s := scanner{doc: doc, paths: p.paths, values: values}
	var mask uint64
	for i, path := range p.paths {
		values[i] = Span{}
		if len(path) > 0 {
			mask |= 1 << i
		}
	}
	s.space()
	start := s.pos
	if !s.value(mask, 0) {
		return false
	}
	for i, path := range p.paths {
		if len(path) == 0 {
			values[i] = Span{start, s.pos}
		}
	}
	s.space()
	return s.pos == len(doc)
}

// Valid reports whether doc is JSON (RFC 8259). The caller vouches for UTF-8.
func Valid(doc []byte) bool {
	s := scanner{doc: doc}
	s.space()
	if !s.value(0, 0) {
		return false
	}
	s.space()
	return s.pos == len(doc)
}

// A scanner walks over a document. A set of paths is a mask of bits; those of mask are the paths whose first level
// steps lead to the value at hand, and lead on.
type scanner struct {
	doc    []byte
	pos    int
	depth  int
	paths  []Path
	values []Span
}

func (s *scanner) space() {
	for s.pos < len(s.doc) {
		switch s.doc[s.pos] {
		case ' ', '\t', '\n', '\r':
			s.pos++
		default:
			return
		}
	}
}

// value walks over one value, and stands behind it when it returns true.
func (s *scanner) value(mask uint64, level int) bool {
	if s.pos >= len(s.doc) {
		return false
	}
	switch c := s.doc[s.pos]; c {
	case '"':
		ok, _ := s.str()
		return ok
	case '{', '[':
		s.depth++
		if s.depth > maxDepth {
			return false
		}
		var ok bool
		if c == '{' {
			ok = s.object(mask, level)
		} else {
			ok = s.array(mask, level)
		}
		s.depth--
		return ok
	case 't':
		return s.literal("true")
	case 'f':
		return s.literal("false")
	case 'n':
		return s.literal("null")
	default:
		return s.number()
	}
}

func (s *scanner) literal(word string) bool {
	if len(s.doc)-s.pos < len(word) || string(s.doc[s.pos:s.pos+len(word)]) != word {
		return false
	}
	s.pos += len(word)
	return true
}

func (s *scanner) object(mask uint64, level int) bool {
	s.pos++
	s.space()
	if s.pos < len(s.doc) && s.doc[s.pos] == '}' {
		s.pos++
		return true
	}
	for {
		if s.pos >= len(s.doc) || s.doc[s.pos] != '"' {
			return false
		}
		start := s.pos
		ok, escaped := s.str()
		if !ok {
			return false
		}
		var part uint64
		if mask != 0 {
			part = s.member(mask, level, s.doc[start:s.pos], escaped)
		}
		s.space()
		if s.pos >= len(s.doc) || s.doc[s.pos] != ':' {
			return false
		}
		s.pos++
		s.space()
		if !s.part(part, level) {
			return false
		}
		if more, ok := s.next('}'); !more {
			return ok
		}
	}
}

func (s *scanner) array(mask uint64, level int) bool {
	s.pos++
	s.space()
	if s.pos < len(s.doc) && s.doc[s.pos] == ']' {
		s.pos++
		return true
	}
	for i := 0; ; i++ {
		var part uint64
		for m := mask; m != 0; m &= m - 1 {
			p := bits.TrailingZeros64(m)
			if step := &s.paths[p][level]; step.Array && step.Index == i {
				part |= 1 << p
			}
		}
		if !s.part(part, level) {
			return false
		}
		if more, ok := s.next(']'); !more {
			return ok
		}
	}
}

// next walks over the comma before the next part, or over end.
func (s *scanner) next(end byte) (more, ok bool) {
	s.space()
	if s.pos >= len(s.doc) {
		return false, false
	}
	c := s.doc[s.pos]
	s.pos++
	if c == end {
		return false, true
	}
	if c != ',' {
		return false, false
	}
	s.space()
	return true, true
}

// member returns the paths of mask that go on with the member of this quoted name.
func (s *scanner) member(mask uint64, level int, quoted []byte, escaped bool) uint64 {
	name := quoted[1 : len(quoted)-1]
	if escaped {
		name = AppendUnquoted(nil, name)
	}
	var part uint64
	for m := mask; m != 0; m &= m - 1 {
		p := bits.TrailingZeros64(m)
		if step := &s.paths[p][level]; !step.Array && step.Name == string(name) {
			part |= 1 << p
		}
	}
	return part
}

// part walks over a member's value or an element, which the paths of mask lead to.
func (s *scanner) part(mask uint64, level int) bool {
	if mask == 0 {
		return s.value(0, 0)
	}
	var on uint64
	for m := mask; m != 0; m &= m - 1 {
		p := bits.TrailingZeros64(m)
		s.values[p] = Span{} // an earlier member of the same name does not count
		if len(s.paths[p]) > level+1 {
			on |= 1 << p
		}
	}
	start := s.pos
	if !s.value(on, level+1) {
		return false
	}
	for m := mask &^ on; m != 0; m &= m - 1 {
		s.values[bits.TrailingZeros64(m)] = Span{start, s.pos}
	}
	return true
}

const (
	ones  = 0x0101010101010101
	highs = 0x8080808080808080
)

// str walks over a string, and tells whether it has escapes.
func (s *scanner) str() (ok, escaped bool) {
	i, doc := s.pos+1, s.doc
	for {
		for i+8 <= len(doc) {
			w := binary.LittleEndian.Uint64(doc[i:])
			quote, slash := w^(ones*'"'), w^(ones*'\\')
			// A byte's high bit is set where the byte is below 0x20, a quote or a backslash. Borrows may set bits
			// above the first one, which alone is used.
			hit := ((w-ones*0x20)&^w | (quote-ones)&^quote | (slash-ones)&^slash) & highs
			if hit != 0 {
				i += bits.TrailingZeros64(hit) / 8
				break
			}
			i += 8
		}
		if i >= len(doc) {
			return false, escaped
		}
		switch c := doc[i]; {
		case c == '"':
			s.pos = i + 1
			return true, escaped
		case c == '\\':
			escaped = true
			n := escapeLen(doc[i:])
			if n == 0 {
				return false, true
			}
			i += n
		case c < 0x20:
			return false, escaped
		default:
			i++
		}
	}
}

// escapeLen returns the length of the escape that b begins with, or 0 if it is none.
func escapeLen(b []byte) int {
	if len(b) < 2 {
		return 0
	}
	switch b[1] {
	case '"', '\\', '/', 'b', 'f', 'n', 'r', 't':
		return 2
	case 'u':
		if _, ok := hex4(b[2:]); ok {
			return 6
		}
	}
	return 0
}

func (s *scanner) number() bool {
	i, doc := s.pos, s.doc
	if i < len(doc) && doc[i] == '-' {
		i++
	}
	switch {
	case i >= len(doc):
		return false
	case doc[i] == '0':
		i++
	case doc[i] >= '1' && doc[i] <= '9':
		i = digits(doc, i)
	default:
		return false
	}
	if i < len(doc) && doc[i] == '.' {
		j := digits(doc, i+1)
		if j == i+1 {
			return false
		}
		i = j
	}
	if i < len(doc) && doc[i]|0x20 == 'e' {
		i++
		if i < len(doc) && (doc[i] == '+' || doc[i] == '-') {
			i++
		}
		j := digits(doc, i)
		if j == i {
			return false
		}
		i = j
	}
	s.pos = i
	return true
}

func digits(b []byte, i int) int {
	for i < len(b) && b[i] >= '0' && b[i] <= '9' {
		i++
	}
	return i
}
