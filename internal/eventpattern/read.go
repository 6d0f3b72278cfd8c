package eventpattern

import (
	"encoding/json"
	"fmt"
	"unicode/utf8"
)

// A SyntaxError says why a text is no pattern, in AWS's words.
type SyntaxError struct {
	Reason string // one line
	Where  string // the rest of AWS's message, "" where it has none
}

func (e *SyntaxError) Error() string { return e.Reason + e.Where }

type kind uint8

const (
	null kind = iota
	boolean
	number
	text
	object
	array
)

// A node is a JSON value with its place in the text.
type node struct {
	kind    kind
	text    string // of strings unquoted, of other scalars as written
	members []member
	items   []*node
	from    int // offset after the value's first character
	to      int // offset after the value
}

type member struct {
	name  string
	after int // offset after the name
	value *node
}

// last returns the members, of those with one name the last, as AWS does.
func (n *node) last() []member {
	seen := map[string]int{}
	var out []member
	for _, m := range n.members {
		if i, ok := seen[m.name]; ok {
			out[i] = m
			continue
		}
		seen[m.name] = len(out)
		out = append(out, m)
	}
	return out
}

// maxDepth bounds how deep a pattern may be nested.
const maxDepth = 200

type reader struct {
	in  string
	pos int
}

func (r *reader) fail(at int, format string, args ...any) error {
	line, column := 1, 1
	for _, c := range r.in[:min(at, len(r.in))] {
		if column++; c == '\n' {
			line, column = line+1, 1
		}
	}
	return &SyntaxError{
		Reason: fmt.Sprintf(format, args...),
		Where:  fmt.Sprintf("\n at [Source: (String)\"%s\"; line: %d, column: %d]", r.in, line, column),
	}
}

func (r *reader) space() {
	for r.pos < len(r.in) && (r.in[r.pos] == ' ' || r.in[r.pos] == '\t' || r.in[r.pos] == '\n' || r.in[r.pos] == '\r') {
		r.pos++
	}
}

// next returns the next character that is no white space, without taking it; 0 at the end.
func (r *reader) next() byte {
	r.space()
	if r.pos == len(r.in) {
		return 0
	}
	return r.in[r.pos]
}

func (r *reader) unexpected(expected string) error {
	if r.pos >= len(r.in) {
		return r.fail(r.pos, "Unexpected end-of-input")
	}
	c, _ := utf8.DecodeRuneInString(r.in[r.pos:])
	return r.fail(r.pos, "Unexpected character ('%c' (code %d)): %s", c, c, expected)
}

func (r *reader) value(depth int) (*node, error) {
	if depth > maxDepth {
		return nil, r.fail(r.pos, "Document nesting depth (%d) exceeds the maximum allowed (%d)", depth, maxDepth)
	}
	c := r.next()
	start := r.pos
	var n *node
	var err error
	switch {
	case c == '{':
		n, err = r.object(depth)
	case c == '[':
		n, err = r.array(depth)
	case c == '"':
		var s string
		s, err = r.str()
		n = &node{kind: text, text: s}
	case c == '-' || c >= '0' && c <= '9':
		n, err = r.number()
	default:
		n, err = r.word()
	}
	if err != nil {
		return nil, err
	}
	n.from, n.to = start+1, r.pos
	return n, nil
}

func (r *reader) word() (*node, error) {
	start := r.pos
	for r.pos < len(r.in) && (r.in[r.pos] == '_' || r.in[r.pos] >= '0' && r.in[r.pos] <= '9' || r.in[r.pos]|0x20 >= 'a' && r.in[r.pos]|0x20 <= 'z') {
		r.pos++
	}
	switch w := r.in[start:r.pos]; w {
	case "true", "false":
		return &node{kind: boolean, text: w}, nil
	case "null":
		return &node{kind: null, text: w}, nil
	case "":
		return nil, r.unexpected("expected a valid value (JSON String, Number, Array, Object or token 'null', 'true' or 'false')")
	default:
		return nil, r.fail(r.pos+1, "Unrecognized token '%s': was expecting (JSON String, Number, Array, Object or token 'null', 'true' or 'false')", w)
	}
}

func (r *reader) number() (*node, error) {
	start := r.pos
	for r.pos < len(r.in) {
		switch c := r.in[r.pos]; {
		case c >= '0' && c <= '9', c == '-', c == '+', c == '.', c == 'e', c == 'E':
			r.pos++
			continue
		}
		break
	}
	w := r.in[start:r.pos]
	if !json.Valid([]byte(w)) {
		r.pos = start + 1
		return nil, r.unexpected("Invalid numeric value")
	}
	return &node{kind: number, text: w}, nil
}

func (r *reader) str() (string, error) {
	start := r.pos
	for r.pos++; r.pos < len(r.in); r.pos++ {
		switch c := r.in[r.pos]; {
		case c == '\\':
			r.pos++
		case c == '"':
			r.pos++
			var s string
			if err := json.Unmarshal([]byte(r.in[start:r.pos]), &s); err != nil {
				return "", r.fail(r.pos, "Unrecognized character escape")
			}
			return s, nil
		case c < ' ':
			return "", r.fail(r.pos+1, "Illegal unquoted character ((CTRL-CHAR, code %d)): has to be escaped using backslash to be included in string value", c)
		}
	}
	return "", r.fail(len(r.in), "Unexpected end-of-input in VALUE_STRING")
}

func (r *reader) object(depth int) (*node, error) {
	n := &node{kind: object}
	open := r.pos
	r.pos++
	for first := true; ; first = false {
		c := r.next()
		switch {
		case c == '}' && first:
			r.pos++
			return n, nil
		case c == 0:
			return nil, r.fail(r.pos, "Unexpected end-of-input: expected close marker for Object (start marker at [Source: (String)\"%s\"; line: 1, column: %d])", r.in, open+1)
		case c != '"':
			return nil, r.unexpected("was expecting double-quote to start field name")
		}
		name, err := r.str()
		if err != nil {
			return nil, err
		}
		m := member{name: name, after: r.pos}
		if r.next() != ':' {
			return nil, r.unexpected("was expecting a colon to separate field name and value")
		}
		r.pos++
		if m.value, err = r.value(depth + 1); err != nil {
			return nil, err
		}
		n.members = append(n.members, m)
		switch r.next() {
		case ',':
			r.pos++
		case '}':
			r.pos++
			return n, nil
		default:
			return nil, r.unexpected("was expecting comma to separate Object entries")
		}
	}
}

func (r *reader) array(depth int) (*node, error) {
	n := &node{kind: array}
	r.pos++
	if r.next() == ']' {
		r.pos++
		return n, nil
	}
	for {
		v, err := r.value(depth + 1)
		if err != nil {
			return nil, err
		}
		n.items = append(n.items, v)
		switch r.next() {
		case ',':
			r.pos++
		case ']':
			r.pos++
			return n, nil
		default:
			return nil, r.unexpected("was expecting comma to separate Array entries")
		}
	}
}
