package policy

import (
	"strings"
	"unicode/utf8"
)

// wildcard reports whether s matches pattern, in which * stands for any text and ? for one character.
func wildcard(pattern, s string) bool {
	return glob(literal(pattern)).match(s)
}

// A glob is a pattern whose wildcards are told apart from the text that variables put into it.
type glob struct {
	text string
	wild []int // where text has wildcards; nil means wherever it has * or ?
	all  bool
}

// literal is a glob of which every * and ? is a wildcard.
func literal(pattern string) glob { return glob{text: pattern, all: true} }

func (g glob) isWild(i int) bool {
	if g.all {
		return true
	}
	for _, w := range g.wild {
		if w == i {
			return true
		}
	}
	return false
}

// match takes time proportional to the lengths' product at worst.
func (g glob) match(s string) bool {
	p, i := 0, 0
	star, mark := -1, 0
	for i < len(s) {
		if p < len(g.text) {
			c := g.text[p]
			if (c == '*' || c == '?') && g.isWild(p) {
				if c == '*' {
					star, mark = p, i
					p++
					continue
				}
				_, n := utf8.DecodeRuneInString(s[i:])
				p++
				i += n
				continue
			}
			if c == s[i] {
				p++
				i++
				continue
			}
		}
		if star < 0 {
			return false
		}
		mark++
		p, i = star+1, mark
	}
	for p < len(g.text) && g.text[p] == '*' && g.isWild(p) {
		p++
	}
	return p == len(g.text)
}

// expand puts the values of policy variables, ${aws:username}, into a pattern. ok is false if one has no value.
func (e *evaluation) expand(pattern string, variables bool) (g glob, ok bool) {
	if !variables || !strings.Contains(pattern, "${") {
		return literal(pattern), true
	}
	var b strings.Builder
	plain := func(text string) {
		for i := range len(text) {
			if text[i] == '*' || text[i] == '?' {
				g.wild = append(g.wild, b.Len()+i)
			}
		}
		b.WriteString(text)
	}
	for {
		before, rest, found := strings.Cut(pattern, "${")
		if !found {
			plain(pattern)
			break
		}
		name, after, closed := strings.Cut(rest, "}")
		if !closed {
			plain(pattern)
			break
		}
		plain(before)
		value, ok := e.variable(name)
		if !ok {
			return g, false
		}
		b.WriteString(value)
		pattern = after
	}
	g.text = b.String()
	return g, true
}

// variable returns the value of ${name} or ${name, 'default'}.
func (e *evaluation) variable(name string) (string, bool) {
	switch name {
	case "*", "?", "$":
		return name, true
	}
	key, fallback, hasFallback := strings.Cut(name, ",")
	if values, ok := e.lookup(strings.TrimSpace(key)); ok && len(values) == 1 {
		return values[0], true
	}
	return strings.Trim(strings.TrimSpace(fallback), "'"), hasFallback
}

// matchARN compares the six parts of ARNs one by one. AWS: * within a part crosses slashes, and in the last part colons too.
func matchARN(g glob, s string) bool {
	parts := strings.SplitN(s, ":", 6)
	if len(parts) != 6 {
		return g.text == "*" && g.isWild(0)
	}
	start := 0
	for i, part := range parts {
		end := len(g.text)
		if i < 5 {
			n := strings.IndexByte(g.text[start:], ':')
			if n < 0 {
				return g.text == "*" && g.isWild(0)
			}
			end = start + n
		}
		if !g.sub(start, end).match(part) {
			return false
		}
		start = end + 1
	}
	return true
}

// sub is the glob of a part of the text.
func (g glob) sub(start, end int) glob {
	s := glob{text: g.text[start:end], all: g.all}
	for _, w := range g.wild {
		if w >= start && w < end {
			s.wild = append(s.wild, w-start)
		}
	}
	return s
}
