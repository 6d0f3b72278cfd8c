package jsonpath

import (
	"regexp"
	"strings"

	"github.com/sallyport/sallyport/internal/json"
)

// filters reads ?(…) with the ] behind it; several conditions must all hold.
func (p *parser) filters() (step, error) {
	s := step{kind: filter}
	for {
		p.space()
		if p.peek() != '?' {
			return s, syntax("? expected at byte %d", p.pos)
		}
		p.pos++
		p.space()
		if p.peek() != '(' {
			return s, syntax("( expected at byte %d", p.pos)
		}
		p.nested++
		c, err := p.or()
		p.nested--
		if err != nil {
			return s, err
		}
		s.test = append(s.test, c)
		p.space()
		if p.peek() != ',' {
			return s, p.close()
		}
		p.pos++
	}
}

func (p *parser) takes(token string) bool {
	p.space()
	if !strings.HasPrefix(p.s[p.pos:], token) {
		return false
	}
	p.pos += len(token)
	return true
}

func (p *parser) or() (condition, error) {
	c, err := p.and()
	for err == nil && p.takes("||") {
		var right condition
		right, err = p.and()
		c = either{c, right}
	}
	return c, err
}

func (p *parser) and() (condition, error) {
	c, err := p.not()
	for err == nil && p.takes("&&") {
		var right condition
		right, err = p.not()
		c = both{c, right}
	}
	return c, err
}

func (p *parser) not() (condition, error) {
	if p.nested++; p.nested > maxNested {
		return nil, syntax("it is nested too deep")
	}
	defer func() { p.nested-- }()
	switch {
	case p.takes("!"):
		c, err := p.not()
		return negated{c}, err
	case p.takes("("):
		c, err := p.or()
		if err == nil && !p.takes(")") {
			err = syntax(") is missing at byte %d", p.pos)
		}
		return c, err
	}
	return p.relation()
}

// relation reads an operand, and an operator with another if there are. A path alone asks whether there is a value.
func (p *parser) relation() (condition, error) {
	left, err := p.operand()
	if err != nil {
		return nil, err
	}
	start := p.pos
	name := p.operator()
	test := operators[strings.ToLower(name)]
	if test == nil {
		if p.pos = start; left.path == nil {
			return nil, syntax("operator expected at byte %d", p.pos)
		}
		return exists{left.path}, nil
	}
	right, err := p.operand()
	if err == nil && name == "=~" && left.pattern == nil && right.pattern == nil {
		err = syntax("=~ without a pattern")
	}
	return relation{left, right, test}, err
}

// operator reads signs or a word.
func (p *parser) operator() string {
	p.space()
	start := p.pos
	for p.pos < len(p.s) && strings.IndexByte("=<>!~", p.s[p.pos]) >= 0 {
		p.pos++
	}
	if p.pos > start {
		return p.s[start:p.pos]
	}
	for p.pos < len(p.s) && isLetter(p.s[p.pos]) {
		p.pos++
	}
	return p.s[start:p.pos]
}

func isLetter(c byte) bool { return c|0x20 >= 'a' && c|0x20 <= 'z' }

// operand reads a path, a value or a pattern.
func (p *parser) operand() (operand, error) {
	p.space()
	start := p.pos
	switch c := p.peek(); c {
	case '$', '@':
		return p.path()
	case '\'', '"':
		s, err := p.quoted()
		return operand{value: s}, err
	case '/':
		return p.pattern()
	case '[', '{':
		if err := p.literal(); err != nil {
			return operand{}, err
		}
	default:
		for p.pos < len(p.s) && strings.IndexByte(" \t\r\n=<>!~&|),]", p.s[p.pos]) < 0 {
			p.pos++
		}
	}
	text := p.s[start:p.pos]
	v, err := json.ParseLenient([]byte(text))
	if _, word := v.(string); err != nil || word {
		return operand{}, syntax("%q at byte %d is no value", text, start)
	}
	return operand{value: v}, nil
}

// literal moves behind a list or object.
func (p *parser) literal() error {
	depth := 0
	for p.pos < len(p.s) {
		switch p.s[p.pos] {
		case '[', '{':
			depth++
		case ']', '}':
			depth--
		case '"', '\'':
			if _, err := p.quoted(); err != nil {
				return err
			}
			continue
		}
		p.pos++
		if depth == 0 {
			return nil
		}
	}
	return syntax("a list or object is not closed")
}

// path reads a path that ends where it cannot go on.
func (p *parser) path() (operand, error) {
	start := p.pos
	p.pos++
	depth := 0
scan:
	for p.pos < len(p.s) {
		switch c := p.s[p.pos]; c {
		case '[', '(':
			depth++
		case ']', ')':
			if depth == 0 {
				break scan
			}
			depth--
		case '\'', '"':
			if depth > 0 {
				if _, err := p.quoted(); err != nil {
					return operand{}, err
				}
				continue
			}
		case ' ', '\t', '\r', '\n', '=', '<', '>', '!', '~', '&', '|', ',':
			if depth == 0 {
				break scan
			}
		}
		p.pos++
	}
	path, err := compile(p.s[start:p.pos], p.nested+1)
	return operand{path: path}, err
}

// pattern reads /expression/flags. Jayway: it must match all of the text.
func (p *parser) pattern() (operand, error) {
	start := p.pos + 1
	for i := start; i < len(p.s); i++ {
		switch p.s[i] {
		case '\\':
			i++
		case '/':
			source := p.s[start:i]
			for p.pos = i + 1; p.pos < len(p.s) && isLetter(p.s[p.pos]); p.pos++ {
				if f := p.s[p.pos]; f == 'i' || f == 'm' || f == 's' {
					source = "(?" + string(f) + ")" + source
				}
			}
			re, err := regexp.Compile(`\A(?:` + source + `)\z`)
			if err != nil {
				return operand{}, syntax("pattern: %v", err)
			}
			return operand{pattern: re}, nil
		}
	}
	return operand{}, syntax("a pattern is not closed")
}
