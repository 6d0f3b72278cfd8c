package integration

import "fmt"

// A Template is a mapping template that was read.
type Template interface {
	// Render appends what the template makes of body ($input) and r to dst. Nobody changes what it returns.
	Render(dst, body []byte, r *Request) ([]byte, error)
}

// literal is a template without references and directives.
type literal []byte

func (l literal) Render(dst, _ []byte, _ *Request) ([]byte, error) {
	if dst == nil {
		return l[:len(l):len(l)], nil
	}
	return append(dst, l...), nil
}

// notLiteral is a template that cannot be rendered yet.
type notLiteral string

func (n notLiteral) Render([]byte, []byte, *Request) ([]byte, error) {
	return nil, fmt.Errorf("mapping templates are not supported yet, only plain text: %s", brief([]byte(n)))
}

// plainText reads templates that stand for themselves.
func plainText(source string) (Template, error) {
	for i := 0; i+1 < len(source); i++ {
		switch next := source[i+1]; source[i] {
		case '$':
			if next == '{' || next == '!' || isLetter(next) {
				return notLiteral(source), nil
			}
		case '#':
			if next == '{' || next == '#' || next == '*' || next == '[' || isLetter(next) {
				return notLiteral(source), nil
			}
		}
	}
	return literal(source), nil
}

func isLetter(c byte) bool { return c|0x20 >= 'a' && c|0x20 <= 'z' }

// invalid is a template that could not be read.
type invalid struct{ err error }

func (i invalid) Render([]byte, []byte, *Request) ([]byte, error) { return nil, i.err }

// templates reads all templates of a map. AWS: a template that is wrong fails when it is used.
func (b Backends) templates(sources map[string]string) map[string]Template {
	read := b.Templates
	if read == nil {
		read = plainText
	}
	out := make(map[string]Template, len(sources))
	for key, source := range sources {
		t, err := read(source)
		if err != nil {
			t = invalid{fmt.Errorf("read template %q: %w", key, err)}
		}
		out[key] = t
	}
	return out
}
