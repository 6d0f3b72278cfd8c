package vtl

import (
	"fmt"
	"strings"
)

// A parser reads a template, or a string with references.
type parser struct {
	t      *Template
	s      string
	pos    int
	offset int // of s in the template
	nested int
	slots  map[string]int
}

// An end is the directive that ends a block; its word is empty at the end of the template.
type end struct {
	word string
	pos  int
}

func (p *parser) errorf(pos int, format string, args ...any) error {
	return position(p.t.source, p.offset+pos, fmt.Sprintf(format, args...), nil)
}

// slot returns where a variable's value is kept during a render.
func (p *parser) slot(name string) int {
	i, ok := p.slots[name]
	if !ok {
		i = len(p.t.names)
		p.slots[name] = i
		p.t.names = append(p.t.names, name)
	}
	return i
}

func (p *parser) enter() error {
	if p.nested++; p.nested > maxNested {
		return p.errorf(p.pos, "nested deeper than %d", maxNested)
	}
	return nil
}

func (p *parser) leave() { p.nested-- }

func (p *parser) peek() byte { return p.byteAt(p.pos) }

func (p *parser) byteAt(i int) byte {
	if i < len(p.s) {
		return p.s[i]
	}
	return 0
}

// block reads nodes up to #end, #else or #elseif, or the end of the template.
func (p *parser) block() ([]node, end, error) {
	if err := p.enter(); err != nil {
		return nil, end{}, err
	}
	defer p.leave()
	var nodes []node
	for p.pos < len(p.s) {
		var n node
		var e end
		var err error
		// AWS: blanks before #set belong to it where they do not follow other text.
		if body, ok := p.atSet(); ok {
			n, err = p.set(body)
		} else {
			switch p.peek() {
			case '$':
				n, err = p.dollar()
			case '\\':
				n, err = p.escape()
			case '#':
				n, e, err = p.hash()
			default:
				n = p.text()
			}
		}
		if err != nil {
			return nil, end{}, err
		}
		if n != nil {
			nodes = append(nodes, n)
		}
		if e.word != "" {
			return joined(nodes), e, nil
		}
	}
	return joined(nodes), end{pos: p.pos}, nil
}

// joined makes one text of several in a row, and leaves out what is empty.
func joined(nodes []node) []node {
	out := nodes[:0]
	var run []byte
	for i, n := range nodes {
		t, ok := n.(text)
		if !ok {
			out = append(out, n)
			continue
		}
		run = append(run, t...)
		if i+1 < len(nodes) {
			if _, more := nodes[i+1].(text); more {
				continue
			}
		}
		if len(run) > 0 {
			out = append(out, text(run))
		}
		run = run[:0]
	}
	return out
}

// text reads up to the next character that may mean something.
func (p *parser) text() node {
	start := p.pos
	if n := strings.IndexAny(p.s[p.pos:], `$#\`); n >= 0 {
		p.pos += n
	} else {
		p.pos = len(p.s)
	}
	return text(p.s[start:p.pos])
}

// take returns the next n bytes as text.
func (p *parser) take(n int) node {
	p.pos += n
	return text(p.s[p.pos-n : p.pos])
}

// dollar reads a reference, or a dollar sign that is none.
func (p *parser) dollar() (node, error) {
	if !p.atReference(p.pos) {
		if rest := p.s[p.pos:]; p.offset == 0 && (rest == "$" || rest == "$!") {
			return nil, p.errorf(p.pos, "the template ends in %s", rest) // AWS: an error
		}
		return p.take(1), nil
	}
	r, err := p.reference()
	if err != nil {
		return nil, err
	}
	return r, nil
}

// escape reads backslashes: before references and directives two are one, and an odd one takes the meaning away. All others stay.
func (p *parser) escape() (node, error) {
	n := 0
	for p.byteAt(p.pos+n) == '\\' {
		n++
	}
	after := p.pos + n
	switch p.byteAt(after) {
	case '$':
		if !p.atReference(after) {
			break
		}
		slashes := p.s[p.pos : p.pos+n/2]
		p.pos = after
		if n%2 == 0 {
			return text(slashes), nil
		}
		if _, err := p.reference(); err != nil {
			return nil, err
		}
		return text(slashes + p.s[after:p.pos]), nil
	case '#':
		if p.offset > 0 { // no directives in strings
			break
		}
		word, size := p.word(after)
		if !directives[word] {
			break
		}
		slashes := p.s[p.pos : p.pos+n/2]
		p.pos = after
		if n%2 == 0 {
			return text(slashes), nil
		}
		p.pos += size
		return text(slashes + p.s[after:p.pos]), nil
	}
	return p.take(n), nil
}

// hash reads a directive, a comment, or a # that is neither.
func (p *parser) hash() (node, end, error) {
	rest := p.s[p.pos:]
	switch {
	case rest == "#":
		return nil, end{}, p.errorf(p.pos, "the template ends in #") // AWS: an error
	case strings.HasPrefix(rest, "##"):
		if n := strings.IndexAny(rest, "\r\n"); n >= 0 {
			p.pos += n
			p.newline()
		} else {
			p.pos = len(p.s)
		}
		return nil, end{}, nil
	case strings.HasPrefix(rest, "#*"):
		n := strings.Index(rest[2:], "*#")
		if n < 0 {
			return nil, end{}, p.errorf(p.pos, "#* without *#")
		}
		p.pos += n + 4
		return nil, end{}, nil
	case strings.HasPrefix(rest, "#[["):
		n := strings.Index(rest, "]]#")
		if n < 0 {
			return nil, end{}, p.errorf(p.pos, "#[[ without ]]#")
		}
		p.pos += n + 3
		return text(rest[3:n]), end{}, nil
	}
	return p.directive()
}

// newline moves behind one line end.
func (p *parser) newline() {
	if p.peek() == '\r' {
		p.pos++
		if p.peek() == '\n' {
			p.pos++
		}
	} else if p.peek() == '\n' {
		p.pos++
	}
}

// swallow moves behind blanks with a line end, if there is one: what follows a directive on its line.
func (p *parser) swallow() {
	i := p.pos
	for p.byteAt(i) == ' ' || p.byteAt(i) == '\t' {
		i++
	}
	if c := p.byteAt(i); c == '\n' || c == '\r' {
		p.pos = i
		p.newline()
	}
}

// space moves behind white space.
func (p *parser) space() {
	for p.pos < len(p.s) && strings.IndexByte(" \t\r\n", p.s[p.pos]) >= 0 {
		p.pos++
	}
}

func isLetter(c byte) bool { return c|0x20 >= 'a' && c|0x20 <= 'z' }

func isDigit(c byte) bool { return c >= '0' && c <= '9' }
