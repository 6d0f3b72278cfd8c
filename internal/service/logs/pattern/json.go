package pattern

import (
	"encoding/json"
	"strconv"
	"strings"
)

// parseJSON reads { $.a.b = "x" && ($.n > 3 || $.z IS TRUE) && $.q NOT EXISTS }. Lines that are no JSON never match.
func parseJSON(text string) (func(string) bool, error) {
	s := &scanner{text: text, pos: 1}
	f, err := either(s, s.condition)
	if err != nil {
		return nil, err
	}
	if !s.take("}") {
		return nil, syntaxf("} is missing at character %d", s.pos+1)
	}
	if s.space(); !s.end() {
		return nil, syntaxf("unexpected %q after the closing brace", s.text[s.pos:])
	}
	return func(line string) bool {
		if i := strings.IndexByte(line, '{'); i < 0 {
			return false
		}
		var v any
		if json.Unmarshal([]byte(line), &v) != nil {
			return false
		}
		return f(v)
	}, nil
}

// condition reads one condition on the value of a selector.
func (s *scanner) condition() (func(any) bool, error) {
	path, err := s.selector()
	if err != nil {
		return nil, err
	}
	if s.word("NOT") {
		if !s.word("EXISTS") {
			return nil, syntaxf("EXISTS is missing after NOT")
		}
		return func(v any) bool { _, ok := lookup(v, path); return !ok }, nil
	}
	if s.word("IS") {
		return s.is(path)
	}
	c, ok, err := s.comparison()
	if err != nil {
		return nil, err
	}
	if !ok {
		return nil, syntaxf("an operator is missing at character %d", s.pos+1)
	}
	return func(v any) bool {
		found, ok := lookup(v, path)
		if !ok {
			return false
		}
		switch found := found.(type) {
		case string:
			return !c.isNum && c.texts(found) || c.isNum && c.op == "!="
		case float64:
			if c.isNum {
				return c.numbers(found)
			}
			return c.texts(strconv.FormatFloat(found, 'f', -1, 64))
		case bool:
			return !c.isNum && c.texts(strconv.FormatBool(found))
		}
		return false
	}, nil
}

func (s *scanner) is(path []string) (func(any) bool, error) {
	var want any
	switch {
	case s.word("TRUE"):
		want = true
	case s.word("FALSE"):
		want = false
	case s.word("NULL"):
	default:
		return nil, syntaxf("TRUE, FALSE or NULL is missing after IS")
	}
	return func(v any) bool {
		found, ok := lookup(v, path)
		switch found.(type) {
		case map[string]any, []any:
			return false
		}
		return ok && found == want
	}, nil
}

// selector reads $.a.b[0]["c d"] as its parts; indexes are kept as "[0]".
func (s *scanner) selector() ([]string, error) {
	if !s.take("$") {
		return nil, syntaxf("a selector that begins with $ is missing at character %d", s.pos+1)
	}
	var path []string
	for !s.end() {
		switch s.text[s.pos] {
		case '.':
			s.pos++
			start := s.pos
			for !s.end() && (isWordByte(s.text[s.pos]) || strings.IndexByte("-@/:+", s.text[s.pos]) >= 0 || s.text[s.pos] >= 0x80) {
				s.pos++
			}
			if start == s.pos {
				return nil, syntaxf("a name is missing at character %d", s.pos+1)
			}
			path = append(path, s.text[start:s.pos])
		case '[':
			s.pos++
			part, err := s.subscript()
			if err != nil {
				return nil, err
			}
			path = append(path, part)
		default:
			return path, nil
		}
	}
	return path, nil
}

func (s *scanner) subscript() (string, error) {
	if !s.end() && (s.text[s.pos] == '"' || s.text[s.pos] == '\'') {
		name, err := s.quoted(s.text[s.pos])
		if err == nil && !s.take("]") {
			err = syntaxf("] is missing at character %d", s.pos+1)
		}
		return name, err
	}
	index, _, ok := strings.Cut(s.text[s.pos:], "]")
	if n, err := strconv.Atoi(index); !ok || err != nil || n < 0 {
		return "", syntaxf("an index is missing at character %d", s.pos+1)
	}
	s.pos += len(index) + 1
	return "[" + index + "]", nil
}

// lookup follows path into v.
func lookup(v any, path []string) (any, bool) {
	for _, part := range path {
		switch in := v.(type) {
		case map[string]any:
			next, ok := in[part]
			if !ok {
				return nil, false
			}
			v = next
		case []any:
			i, err := strconv.Atoi(strings.Trim(part, "[]"))
			if err != nil || i < 0 || i >= len(in) {
				return nil, false
			}
			v = in[i]
		default:
			return nil, false
		}
	}
	return v, true
}
