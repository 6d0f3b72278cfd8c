package selection

import (
	"strings"
	"unicode/utf8"

	"github.com/sallyport/sallyport/internal/json"
)

const body = "request.body"

// An Expression is a parsed selection expression. It may be used from many goroutines.
type Expression struct {
	parts  []part
	picker *json.Picker
	picked int  // paths of picker
	body   bool // a part reads the body
}

// A part is static text or a variable.
type part struct {
	text string // static
	name string // of a variable outside the body
	kind partKind
	path path // of a variable in the body
	pick int  // its number in picker; -1 if the picker cannot find it
}

type partKind uint8

const (
	static partKind = iota
	inBody
	other
)

// Parse reads an expression. Every text is one: what is not a variable stands for itself.
func Parse(text string) *Expression {
	e := &Expression{}
	var plain strings.Builder
	flush := func() {
		if plain.Len() > 0 {
			e.parts = append(e.parts, part{text: plain.String()})
			plain.Reset()
		}
	}
	for text != "" {
		switch {
		case strings.HasPrefix(text, `\$`):
			plain.WriteByte('$')
			text = text[2:]
			continue
		case text[0] != '$':
			plain.WriteByte(text[0])
			text = text[1:]
			continue
		}
		name, rest := variable(text[1:])
		switch name {
		case "": // a dollar that begins no variable
			plain.WriteByte('$')
		case "default": // AWS: "$default" is found without the backslash, too
			plain.WriteString("$default")
		default:
			flush()
			e.add(name)
		}
		text = rest
	}
	flush()
	e.compile()
	return e
}

// variable splits what follows a dollar into a name and the rest. The name is empty if there is none.
func variable(s string) (name, rest string) {
	if strings.HasPrefix(s, "{") {
		if end := strings.IndexByte(s, '}'); end > 1 {
			return s[1:end], s[end+1:]
		}
		return "", s
	}
	n := 0
	for n < len(s) {
		switch size := nameLen(s[n:]); {
		case size > 0:
			n += size
		case s[n] == '.' && n > 0 && goesOn(s[n+1:]):
			n++
		case s[n] == '*' && n > 0 && s[n-1] == '.':
			n++
		case s[n] == '[' && n > 0 && strings.IndexByte(s[n:], ']') > 0:
			n += strings.IndexByte(s[n:], ']') + 1
		default:
			return s[:n], s[n:]
		}
	}
	return s, ""
}

// goesOn reports whether a name goes on behind a dot.
func goesOn(s string) bool {
	return nameLen(s) > 0 || strings.HasPrefix(s, "*") || strings.HasPrefix(s, ".") && (nameLen(s[1:]) > 0 || strings.HasPrefix(s[1:], "*"))
}

// nameLen returns the length of the character that s begins with, if names have such characters, else 0.
// AWS: a hyphen belongs to the name.
func nameLen(s string) int {
	if s == "" {
		return 0
	}
	c := s[0]
	switch {
	case c >= utf8.RuneSelf:
		_, size := utf8.DecodeRuneInString(s)
		return size
	case c >= 'a' && c <= 'z', c >= 'A' && c <= 'Z', c >= '0' && c <= '9', c == '_', c == '-', c == '@':
		return 1
	}
	return 0
}

// add appends a variable.
func (e *Expression) add(name string) {
	p := part{name: name, kind: other, pick: -1}
	if rest, ok := strings.CutPrefix(name, body); ok {
		if path, ok := parsePath(rest); ok {
			p.kind, p.path = inBody, path
			e.body = true
		}
	}
	e.parts = append(e.parts, p)
}

// compile gives the paths that one pass can find to a picker.
func (e *Expression) compile() {
	var paths []json.Path
	for i := range e.parts {
		p := &e.parts[i]
		if p.kind != inBody || len(paths) == json.MaxPaths {
			continue
		}
		if definite, ok := p.path.definite(); ok {
			p.pick = len(paths)
			paths = append(paths, definite)
		}
	}
	e.picked = len(paths)
	e.picker = json.NewPicker(paths...)
}

// Static returns the expression's value if it has no variables.
func (e *Expression) Static() (value string, ok bool) {
	switch {
	case len(e.parts) == 0:
		return "", true
	case len(e.parts) == 1 && e.parts[0].kind == static:
		return e.parts[0].text, true
	}
	return "", false
}

// Append appends the expression's value to dst. Variables in the body are looked up in message, all others with lookup,
// which may be nil: what is not found is the empty string. ok is false, and dst as it was, if the expression needs the
// body and message is no JSON object or array, by the lenient reading of json.ParseLenient.
func (e *Expression) Append(dst, message []byte, lookup func(name string) string) (value []byte, ok bool) {
	var few [4]json.Span
	values := few[:]
	if e.picked > len(few) {
		values = make([]json.Span, e.picked)
	}
	values = values[:e.picked]
	var tree any
	if e.body {
		if strict := e.picker.Pick(message, values); !strict || !isContainer(message) || e.needsTree() {
			var err error
			if tree, err = json.ParseLenient(message); err != nil {
				return dst, false
			}
			switch tree.(type) {
			case *json.Object, []any:
			default:
				return dst, false
			}
		}
	}
	for i := range e.parts {
		switch p := &e.parts[i]; {
		case p.kind == static:
			dst = append(dst, p.text...)
		case p.kind == other:
			if lookup != nil {
				dst = append(dst, lookup(p.name)...)
			}
		case tree != nil:
			if v := p.path.find(tree); v != nil {
				dst = json.AppendString(dst, v)
			}
		default:
			dst = appendText(dst, values[p.pick].Of(message))
		}
	}
	return dst, true
}

// needsTree reports whether there are paths that the picker cannot find.
func (e *Expression) needsTree() bool {
	for i := range e.parts {
		if e.parts[i].kind == inBody && e.parts[i].pick < 0 {
			return true
		}
	}
	return false
}

func isContainer(message []byte) bool {
	for _, c := range message {
		switch c {
		case ' ', '\t', '\r', '\n':
		default:
			return c == '{' || c == '['
		}
	}
	return false
}

// appendText appends the value that JSON text stands for. AWS: lists print as [a, b]; null and what is missing as nothing.
func appendText(dst, text []byte) []byte {
	if len(text) == 0 {
		return dst
	}
	switch text[0] {
	case '"':
		return json.AppendUnquoted(dst, text[1:len(text)-1])
	case 'n':
		return dst
	case '{', '[':
		v, err := json.ParseLenient(text)
		if err != nil {
			return dst
		}
		return json.AppendString(dst, v)
	}
	return append(dst, text...)
}
