package pattern

import (
	"regexp"
	"strconv"
	"strings"
)

// A comparison is an operator and what a value is compared with.
type comparison struct {
	op     string // = != < > <= >=
	number float64
	isNum  bool
	text   string         // compared as text, unless isNum
	like   *regexp.Regexp // compared as a pattern, instead of text
}

var operators = []string{"!=", "<=", ">=", "=", "<", ">"}

// comparison reads an operator and a value; ok is false when no operator comes next.
func (s *scanner) comparison() (c comparison, ok bool, err error) {
	for _, op := range operators {
		if s.take(op) {
			c.op = op
			break
		}
	}
	if c.op == "" {
		return c, false, nil
	}
	s.space()
	if s.end() {
		return c, false, syntaxf("a value is missing after %s", c.op)
	}
	quoted := false
	switch s.text[s.pos] {
	case '"':
		quoted = true
		c.text, err = s.quoted('"')
	case '%':
		c.like, err = s.regex()
	default:
		start := s.pos
		for !s.end() && strings.IndexByte(" \t\r\n,&|)}]\"", s.text[s.pos]) < 0 {
			s.pos++
		}
		if c.text = s.text[start:s.pos]; c.text == "" {
			err = syntaxf("a value is missing after %s", c.op)
		}
	}
	if err != nil {
		return c, false, err
	}
	// Words such as "inf" and "nan" are no numbers here.
	if c.like == nil && !quoted && strings.ContainsAny(c.text, "0123456789") {
		if n, err := strconv.ParseFloat(c.text, 64); err == nil {
			c.number, c.isNum = n, true
		}
	}
	if c.like == nil && !c.isNum && strings.Contains(c.text, "*") {
		c.like = wildcard(c.text)
	}
	if c.op != "=" && c.op != "!=" && !c.isNum {
		return c, false, syntaxf("%s compares numbers, and %q is none", c.op, c.text)
	}
	return c, true, nil
}

// wildcard makes a regular expression of a text in which * stands for anything.
func wildcard(text string) *regexp.Regexp {
	parts := strings.Split(text, "*")
	for i, p := range parts {
		parts[i] = regexp.QuoteMeta(p)
	}
	return regexp.MustCompile(`(?s)^` + strings.Join(parts, ".*") + `$`)
}

// texts compares a value that is text. Numbers in a text count as such when they are compared with one.
func (c comparison) texts(value string) bool {
	if c.isNum {
		if n, err := strconv.ParseFloat(value, 64); err == nil && n == n {
			return c.numbers(n)
		}
		return c.op == "!=" || c.op == "=" && value == c.text
	}
	equal := value == c.text
	if c.like != nil {
		equal = c.like.MatchString(value)
	}
	return equal == (c.op == "=")
}

func (c comparison) numbers(n float64) bool {
	switch c.op {
	case "=":
		return n == c.number
	case "!=":
		return n != c.number
	case "<":
		return n < c.number
	case ">":
		return n > c.number
	case "<=":
		return n <= c.number
	default:
		return n >= c.number
	}
}

// either reads conditions joined by || and &&, which binds tighter, with one that reads a single condition.
func either[T any](s *scanner, one func() (func(T) bool, error)) (func(T) bool, error) {
	left, err := both(s, one)
	if err != nil {
		return nil, err
	}
	for s.take("||") {
		a := left
		b, err := both(s, one)
		if err != nil {
			return nil, err
		}
		left = func(v T) bool { return a(v) || b(v) }
	}
	return left, nil
}

func both[T any](s *scanner, one func() (func(T) bool, error)) (func(T) bool, error) {
	left, err := grouped(s, one)
	if err != nil {
		return nil, err
	}
	for s.take("&&") {
		a := left
		b, err := grouped(s, one)
		if err != nil {
			return nil, err
		}
		left = func(v T) bool { return a(v) && b(v) }
	}
	return left, nil
}

func grouped[T any](s *scanner, one func() (func(T) bool, error)) (func(T) bool, error) {
	if !s.take("(") {
		return one()
	}
	if s.depth++; s.depth > maxNesting {
		return nil, syntaxf("parentheses are nested more than %d deep", maxNesting)
	}
	defer func() { s.depth-- }()
	f, err := either(s, one)
	if err != nil {
		return nil, err
	}
	if !s.take(")") {
		return nil, syntaxf("( without its end")
	}
	return f, nil
}
