package asl

import (
	"encoding/json"
	"strings"
)

// A filter is the condition in [?(…)].
type filter struct {
	op          string // "&&", "||", "!", "exists" or a comparison
	left, right *filter
	a, b        operand
}

// An operand is a path from the element (@) or the document ($), or a literal.
type operand struct {
	path    *Path
	root    bool
	literal any
}

func (o *operand) value(element, root any) (any, bool) {
	if o.path == nil {
		return o.literal, true
	}
	from := element
	if o.root {
		from = root
	}
	v, err := o.path.Get(from)
	return v, err == nil
}

func (f *filter) holds(element, root any) bool {
	switch f.op {
	case "&&":
		return f.left.holds(element, root) && f.right.holds(element, root)
	case "||":
		return f.left.holds(element, root) || f.right.holds(element, root)
	case "!":
		return !f.left.holds(element, root)
	}
	a, okA := f.a.value(element, root)
	if f.op == "exists" {
		return okA
	}
	b, okB := f.b.value(element, root)
	if !okA || !okB {
		return f.op == "!=" && okA != okB
	}
	switch f.op {
	case "==":
		return Equal(a, b)
	case "!=":
		return !Equal(a, b)
	case "in", "nin":
		list, _ := b.([]any)
		for _, v := range list {
			if Equal(a, v) {
				return f.op == "in"
			}
		}
		return f.op == "nin"
	}
	c, ok := compare(a, b)
	if !ok {
		return false
	}
	switch f.op {
	case "<":
		return c < 0
	case "<=":
		return c <= 0
	case ">":
		return c > 0
	}
	return c >= 0
}

// compare orders two numbers or two strings.
func compare(a, b any) (int, bool) {
	if x, ok := floatOf(a); ok {
		y, ok := floatOf(b)
		switch {
		case !ok:
			return 0, false
		case x < y:
			return -1, true
		case x > y:
			return 1, true
		}
		return 0, true
	}
	x, ok1 := a.(string)
	y, ok2 := b.(string)
	return strings.Compare(x, y), ok1 && ok2
}

func (p *pathParser) filterOr(depth int) (*filter, error) {
	return p.filterChain(depth, "||", func() (*filter, error) {
		return p.filterChain(depth, "&&", func() (*filter, error) { return p.filterOne(depth) })
	})
}

func (p *pathParser) filterChain(depth int, op string, next func() (*filter, error)) (*filter, error) {
	if depth > 20 {
		return nil, errPath
	}
	f, err := next()
	if err != nil {
		return nil, err
	}
	for {
		p.space()
		if !strings.HasPrefix(p.text[p.pos:], op) {
			return f, nil
		}
		p.pos += len(op)
		right, err := next()
		if err != nil {
			return nil, err
		}
		f = &filter{op: op, left: f, right: right}
	}
}

func (p *pathParser) filterOne(depth int) (*filter, error) {
	p.space()
	rest := p.text[p.pos:]
	if strings.HasPrefix(rest, "!") && !strings.HasPrefix(rest, "!=") {
		p.pos++
		f, err := p.filterOne(depth + 1)
		return &filter{op: "!", left: f}, err
	}
	if p.take('(') {
		f, err := p.filterOr(depth + 1)
		if err == nil && !p.take(')') {
			err = errPath
		}
		return f, err
	}
	a, err := p.operand(depth)
	if err != nil {
		return nil, err
	}
	p.space()
	for _, op := range []string{"==", "!=", "<=", ">=", "<", ">", "nin ", "in "} {
		if strings.HasPrefix(p.text[p.pos:], op) {
			p.pos += len(op)
			b, err := p.operand(depth)
			return &filter{op: strings.TrimSpace(op), a: a, b: b}, err
		}
	}
	if a.path == nil {
		return nil, errPath
	}
	return &filter{op: "exists", a: a}, nil
}

func (p *pathParser) operand(depth int) (operand, error) {
	p.space()
	if p.pos >= len(p.text) {
		return operand{}, errPath
	}
	switch c := p.text[p.pos]; {
	case c == '@' || c == '$':
		from := p.pos
		p.pos++
		steps, err := p.steps(depth + 1)
		if err != nil {
			return operand{}, err
		}
		return operand{path: newPath(p.text[from:p.pos], steps), root: c == '$'}, nil
	case c == '\'' || c == '"':
		s, err := p.quoted()
		return operand{literal: s}, err
	}
	d := json.NewDecoder(strings.NewReader(p.text[p.pos:]))
	d.UseNumber()
	v, err := decodeValue(d, 0)
	if err != nil {
		return operand{}, errPath
	}
	p.pos += int(d.InputOffset())
	return operand{literal: v}, nil
}
