package json

import (
	"errors"
	"fmt"
	"strings"
)

// ErrSyntax is wrapped by what ParseLenient returns for text that even the lenient parser does not take.
var ErrSyntax = errors.New("json: syntax error")

// maxLenientDepth bounds the nesting of what ParseLenient reads. AWS: json-smart stops at 400.
const maxLenientDepth = 400

// ParseLenient reads text as AWS's parser does (json-smart in its permissive mode), and returns nil, a bool, a Number,
// a string, []any or *Object.
//
// AWS: names and strings may be unquoted or in single quotes; commas too many are ignored; text after the document is
// ignored; text that begins with neither { nor [ and is no other JSON value is the string itself.
func ParseLenient(text []byte) (any, error) {
	p := lenient{text: string(text)}
	return p.value(atEnd)
}

// A stop is the set of characters that end an unquoted string.
type stop string

const (
	atEnd     stop = ""
	inName    stop = ":"
	inMember  stop = ",}"
	inElement stop = ",]"
)

type lenient struct {
	text  string
	pos   int
	depth int
}

func (p *lenient) errorf(format string, args ...any) error {
	return fmt.Errorf("%w at byte %d: %s", ErrSyntax, p.pos, fmt.Sprintf(format, args...))
}

// end is what peek returns behind the last byte.
const end = 0

// peek returns the next byte, or end.
func (p *lenient) peek() byte {
	if p.pos >= len(p.text) {
		return end
	}
	return p.text[p.pos]
}

func (p *lenient) done() bool { return p.pos >= len(p.text) }

func (p *lenient) space() {
	for !p.done() && strings.IndexByte(" \t\r\n", p.text[p.pos]) >= 0 {
		p.pos++
	}
}

func (p *lenient) value(until stop) (any, error) {
	p.space()
	switch c := p.peek(); c {
	case ':', '}', ']':
		return nil, p.errorf("unexpected %q", c)
	case '{', '[':
		p.depth++
		defer func() { p.depth-- }()
		if p.depth > maxLenientDepth {
			return nil, p.errorf("nested too deep")
		}
		if c == '{' {
			return p.object()
		}
		return p.array()
	case '"', '\'':
		return p.quoted()
	case '-', '0', '1', '2', '3', '4', '5', '6', '7', '8', '9':
		return p.number(until), nil
	}
	word := p.bare(until)
	switch word {
	case "null":
		return nil, nil
	case "true":
		return true, nil
	case "false":
		return false, nil
	case "NaN":
		return Number(word), nil
	}
	return word, nil
}

// bare reads an unquoted string, without the blanks behind it.
func (p *lenient) bare(until stop) string {
	rest := p.text[p.pos:]
	n := len(rest)
	if until != atEnd {
		if i := strings.IndexAny(rest, string(until)); i >= 0 {
			n = i
		}
	}
	p.pos += n
	return trimBlanks(rest[:n])
}

// trimBlanks trims as Java does: everything up to the space is a blank.
func trimBlanks(s string) string {
	return strings.TrimFunc(s, func(r rune) bool { return r <= ' ' })
}

// number reads a number, or what only begins like one as an unquoted string.
func (p *lenient) number(until stop) any {
	start := p.pos
	p.pos++
	p.digits()
	if p.peek() == '.' {
		p.pos++
		p.digits()
	}
	valid := true
	if c := p.peek(); c == 'e' || c == 'E' {
		p.pos++
		if c := p.peek(); c == '+' || c == '-' {
			p.pos++
		}
		before := p.pos
		p.digits()
		valid = p.pos > before
	}
	text := p.text[start:p.pos]
	p.space()
	if valid && text != "-" && (p.done() || strings.IndexByte(string(until), p.peek()) >= 0) {
		return Number(text)
	}
	p.pos = start
	return p.bare(until)
}

func (p *lenient) digits() {
	for c := p.peek(); c >= '0' && c <= '9'; c = p.peek() {
		p.pos++
	}
}

func (p *lenient) object() (any, error) {
	p.pos++
	o := &Object{}
	index := map[string]int(nil) // by name, once there are many
	comma := true
	for {
		p.space()
		if p.done() {
			return nil, p.errorf("unexpected end in an object")
		}
		switch c := p.peek(); c {
		case ':', ']', '[', '{':
			return nil, p.errorf("unexpected %q", c)
		case '}':
			p.pos++
			return o, nil
		case ',':
			p.pos++
			comma = true
			continue
		}
		if !comma {
			return nil, p.errorf("a comma is missing")
		}
		name, value, err := p.member()
		if err != nil {
			return nil, err
		}
		index = o.put(index, name, value)
		comma = false
	}
}

func (p *lenient) member() (name string, value any, err error) {
	if c := p.peek(); c == '"' || c == '\'' {
		name, err = p.quoted()
		if err != nil {
			return "", nil, err
		}
	} else {
		name = p.bare(inName)
	}
	p.space()
	if p.peek() != ':' {
		return "", nil, p.errorf("a colon is missing")
	}
	p.pos++
	value, err = p.value(inMember) // AWS: {a:,} has the empty string under a
	return name, value, err
}

// put is Set that does not search long lists of members again and again.
func (o *Object) put(index map[string]int, name string, value any) map[string]int {
	const many = 16
	if len(o.Members) < many {
		o.Set(name, value)
		return nil
	}
	if index == nil {
		index = make(map[string]int, 2*many)
		for i, m := range o.Members {
			index[m.Name] = i
		}
	}
	if i, ok := index[name]; ok {
		o.Members[i].Value = value
		return index
	}
	index[name] = len(o.Members)
	o.Members = append(o.Members, Member{Name: name, Value: value})
	return index
}

func (p *lenient) array() (any, error) {
	p.pos++
	list := []any{}
	for {
		p.space()
		if p.done() {
			return nil, p.errorf("unexpected end in an array")
		}
		switch p.peek() {
		case ']':
			p.pos++
			return list, nil
		case ',':
			p.pos++
			continue
		}
		// AWS: a comma between elements may be missing where they can be told apart.
		v, err := p.value(inElement)
		if err != nil {
			return nil, err
		}
		list = append(list, v)
	}
}

// quoted reads a string in double or single quotes.
func (p *lenient) quoted() (string, error) {
	quote := p.text[p.pos]
	rest := p.text[p.pos+1:]
	n := strings.IndexByte(rest, quote)
	if n < 0 {
		return "", p.errorf("unexpected end in a string")
	}
	if strings.IndexByte(rest[:n], '\\') < 0 {
		p.pos += n + 2
		return rest[:n], nil
	}
	var out []byte
	for i := 0; i < len(rest); {
		switch c := rest[i]; {
		case c == quote:
			p.pos += i + 2
			return string(out), nil
		case c == '\\' && i+1 < len(rest):
			var n int
			out, n = appendEscape(out, rest[i:])
			i += n
		case c < 0x20 || c == 0x7f: // AWS: dropped, but only in strings with escapes
			i++
		default:
			out = append(out, c)
			i++
		}
	}
	return "", p.errorf("unexpected end in a string")
}

// appendEscape appends the character of the escape that s begins with, and tells the escape's length. Escapes that
// JSON does not have are dropped.
func appendEscape(out []byte, s string) ([]byte, int) {
	switch c := s[1]; c {
	case '"', '\\', '/', '\'':
		return append(out, c), 2
	case 'b', 'f', 'n', 'r', 't':
		return AppendUnquoted(out, []byte(s[:2])), 2
	case 'u':
		short := s[:min(len(s), 12)]
		if _, ok := hex4([]byte(short[2:])); ok {
			_, n := unescapeRune([]byte(short))
			return AppendUnquoted(out, []byte(short[:n])), n
		}
	}
	return out, 2
}

// AppendString appends a value of ParseLenient to dst as Java prints it: [a, b] and {k=v, k2=v2}, strings without quotes.
func AppendString(dst []byte, value any) []byte {
	switch v := value.(type) {
	case nil:
		return append(dst, "null"...)
	case bool:
		if v {
			return append(dst, "true"...)
		}
		return append(dst, "false"...)
	case Number:
		return append(dst, v...)
	case string:
		return append(dst, v...)
	case []any:
		dst = append(dst, '[')
		for i, e := range v {
			if i > 0 {
				dst = append(dst, ", "...)
			}
			dst = AppendString(dst, e)
		}
		return append(dst, ']')
	case *Object:
		dst = append(dst, '{')
		for i, m := range v.Members {
			if i > 0 {
				dst = append(dst, ", "...)
			}
			dst = append(dst, m.Name...)
			dst = append(dst, '=')
			dst = AppendString(dst, m.Value)
		}
		return append(dst, '}')
	}
	panic(fmt.Sprintf("json: no value of ParseLenient: %T", value))
}
