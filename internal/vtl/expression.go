package vtl

import (
	"strconv"
	"strings"
)

// An expr is an expression.
type expr interface {
	eval(s *state) (any, error)
}

type (
	literal  struct{ value any }
	compound struct{ nodes []node } // a string with references in it
	listOf   struct{ items []expr }
	mapOf    struct{ keys, values []expr }
	span     struct{ from, to int64 } // a range
	unary    struct {
		pos  int
		op   string
		expr expr
	}
	binary struct {
		pos         int
		op          string
		left, right expr
	}
)

// levels are the binary operators, those that bind weakest first, each with its other spelling.
var levels = [][][2]string{
	{{"||", "or"}},
	{{"&&", "and"}},
	{{"==", "eq"}, {"!=", "ne"}},
	{{"<=", "le"}, {">=", "ge"}, {"<", "lt"}, {">", "gt"}},
	{{"+", ""}, {"-", ""}},
	{{"*", ""}, {"/", ""}, {"%", ""}},
}

func (p *parser) expression() (expr, error) {
	if err := p.enter(); err != nil {
		return nil, err
	}
	defer p.leave()
	return p.level(0)
}

func (p *parser) level(n int) (expr, error) {
	if n == len(levels) {
		return p.unary()
	}
	left, err := p.level(n + 1)
	chain := 0
	for err == nil {
		p.space()
		pos := p.pos
		op := p.operator(levels[n])
		if op == "" {
			return left, nil
		}
		if chain++; chain > maxDeep {
			return nil, p.errorf(pos, "the expression is too long")
		}
		var right expr
		right, err = p.level(n + 1)
		left = &binary{p.offset + pos, op, left, right}
	}
	return nil, err
}

// operator reads one of the operators, if one is next.
func (p *parser) operator(ops [][2]string) string {
	for _, op := range ops {
		if strings.HasPrefix(p.s[p.pos:], op[0]) {
			p.pos += len(op[0])
			return op[0]
		}
		if op[1] != "" && p.keyword(op[1]) {
			return op[0]
		}
	}
	return ""
}

// keyword moves behind a word, if it is next.
func (p *parser) keyword(word string) bool {
	if !strings.HasPrefix(p.s[p.pos:], word) {
		return false
	}
	if c := p.byteAt(p.pos + len(word)); isLetter(c) || isDigit(c) || c == '_' {
		return false
	}
	p.pos += len(word)
	return true
}

func (p *parser) unary() (expr, error) {
	if err := p.enter(); err != nil {
		return nil, err
	}
	defer p.leave()
	p.space()
	pos := p.offset + p.pos
	switch c := p.peek(); {
	case c == '!':
		p.pos++
	case c == 'n' && p.keyword("not"):
	case c == '-' && !isDigit(p.byteAt(p.pos+1)) && p.byteAt(p.pos+1) != '.':
		p.pos++
		e, err := p.unary()
		return &unary{pos, "-", e}, err
	default:
		return p.primary()
	}
	e, err := p.unary()
	return &unary{pos, "!", e}, err
}

func (p *parser) primary() (expr, error) {
	switch c := p.peek(); {
	case c == '\'' || c == '"':
		return p.quoted()
	case c == '$' && p.atReference(p.pos):
		return p.reference()
	case c == '(':
		p.pos++
		e, err := p.expression()
		if err != nil {
			return nil, err
		}
		p.space()
		if p.peek() != ')' {
			return nil, p.errorf(p.pos, ") expected")
		}
		p.pos++
		return e, nil
	case c == '[':
		return p.brackets()
	case c == '{':
		return p.braces()
	case isDigit(c) || c == '-' || c == '.' && isDigit(p.byteAt(p.pos+1)):
		return p.number()
	case p.keyword("true"):
		return literal{true}, nil
	case p.keyword("false"):
		return literal{false}, nil
	case p.keyword("null"):
		return literal{""}, nil // AWS: null is the empty string
	}
	return nil, p.errorf(p.pos, "a value is missing")
}

// quoted reads a string. In double quotes references are replaced, and nothing else: a backslash is a character.
func (p *parser) quoted() (expr, error) {
	quote := p.s[p.pos : p.pos+1]
	start := p.pos + 1
	i := start
	for {
		n := strings.Index(p.s[i:], quote)
		if n < 0 {
			return nil, p.errorf(start-1, "a string is not closed")
		}
		i += n + 1
		if p.byteAt(i) != quote[0] {
			break
		}
		i++ // two quotes are one
	}
	p.pos = i
	content := strings.ReplaceAll(p.s[start:i-1], quote+quote, quote)
	if quote == "'" || !strings.Contains(content, "$") {
		return literal{content}, nil
	}
	inner := &parser{t: p.t, s: content, offset: p.offset + start, nested: p.nested, slots: p.slots}
	nodes, err := inner.interpolated()
	if err != nil {
		return nil, err
	}
	switch len(nodes) {
	case 0:
		return literal{""}, nil
	case 1:
		if t, ok := nodes[0].(text); ok {
			return literal{string(t)}, nil
		}
	}
	return &compound{nodes}, nil
}

// interpolated reads the content of a string in double quotes.
func (p *parser) interpolated() ([]node, error) {
	if err := p.enter(); err != nil {
		return nil, err
	}
	var nodes []node
	plain := 0 // where text began that is not yet a node
	for p.pos < len(p.s) {
		if c := p.peek(); c != '$' && c != '\\' {
			p.pos++
			continue
		}
		before := p.s[plain:p.pos]
		var n node
		var err error
		if p.peek() == '$' {
			n, err = p.dollar()
		} else {
			n, err = p.escape()
		}
		if err != nil {
			return nil, err
		}
		nodes = append(nodes, text(before), n)
		plain = p.pos
	}
	return joined(append(nodes, text(p.s[plain:]))), nil
}

// brackets reads a list or a range.
func (p *parser) brackets() (expr, error) {
	start := p.pos
	p.pos++
	p.space()
	if from, ok := p.integer(); ok {
		p.space()
		if strings.HasPrefix(p.s[p.pos:], "..") {
			p.pos += 2
			p.space()
			to, ok := p.integer()
			p.space()
			if !ok || p.peek() != ']' {
				return nil, p.errorf(start, "a range is [1..9], without references") // AWS: references are not supported here
			}
			p.pos++
			return &span{from, to}, nil
		}
	}
	p.pos = start + 1
	items, err := p.list(']')
	return &listOf{items}, err
}

// integer reads an integer, if one is next.
func (p *parser) integer() (int64, bool) {
	start := p.pos
	if p.peek() == '-' {
		p.pos++
	}
	for isDigit(p.peek()) {
		p.pos++
	}
	n, err := strconv.ParseInt(p.s[start:p.pos], 10, 64)
	return n, err == nil
}

func (p *parser) braces() (expr, error) {
	p.pos++
	m := &mapOf{}
	for {
		p.space()
		if p.peek() == '}' {
			p.pos++
			return m, nil
		}
		if len(m.keys) > 0 {
			if p.peek() != ',' {
				return nil, p.errorf(p.pos, "} or , expected")
			}
			p.pos++
		}
		key, err := p.expression()
		if err != nil {
			return nil, err
		}
		p.space()
		if p.peek() != ':' {
			return nil, p.errorf(p.pos, ": expected")
		}
		p.pos++
		value, err := p.expression()
		if err != nil {
			return nil, err
		}
		m.keys, m.values = append(m.keys, key), append(m.values, value)
	}
}

// number reads a number. Two dots behind an integer belong to a range.
func (p *parser) number() (expr, error) {
	start := p.pos
	if p.peek() == '-' {
		p.pos++
	}
	for isDigit(p.peek()) {
		p.pos++
	}
	whole := true
	if p.peek() == '.' && p.byteAt(p.pos+1) != '.' {
		whole = false
		for p.pos++; isDigit(p.peek()); {
			p.pos++
		}
	}
	if e := p.pos; p.peek()|0x20 == 'e' {
		if p.pos++; p.peek() == '+' || p.peek() == '-' {
			p.pos++
		}
		if !isDigit(p.peek()) {
			p.pos = e
		} else {
			whole = false
		}
		for isDigit(p.peek()) {
			p.pos++
		}
	}
	image := p.s[start:p.pos]
	if whole {
		if n, err := strconv.ParseInt(image, 10, 64); err == nil {
			return literal{n}, nil
		}
		if n, ok := parseBig(image); ok {
			return literal{n}, nil
		}
	} else if f, err := strconv.ParseFloat(image, 64); err == nil {
		return literal{f}, nil
	}
	return nil, p.errorf(start, "%q is no number", image)
}
