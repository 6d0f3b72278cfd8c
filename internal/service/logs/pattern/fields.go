package pattern

import (
	"slices"
	"strings"
)

// A field is one place of a pattern in brackets; cond is nil for a place that only has a name.
type field struct {
	name string
	cond func(string) bool
	rest bool // "...": any number of fields
}

// parseFields reads [ip, user, status = 4*, bytes > 1000, ...] for lines whose fields stand apart by spaces.
func parseFields(text string) (*Pattern, error) {
	s := &scanner{text: text, pos: 1}
	var fields []field
	rest := -1
	for {
		f, err := s.field()
		if err != nil {
			return nil, err
		}
		if f.rest {
			if rest >= 0 {
				return nil, syntaxf("... stands twice")
			}
			rest = len(fields)
		}
		fields = append(fields, f)
		if s.take("]") {
			break
		}
		if !s.take(",") {
			return nil, syntaxf(", or ] is missing at character %d", s.pos+1)
		}
	}
	if s.space(); !s.end() {
		return nil, syntaxf("unexpected %q after the closing bracket", s.text[s.pos:])
	}
	named := func(line string) (values []string, ok bool) { // one for each field; "" for the rest
		values = splitFields(line)
		if rest < 0 {
			return values, len(values) == len(fields)
		}
		after := len(fields) - rest - 1
		if len(values) < rest+after {
			return nil, false
		}
		return slices.Concat(values[:rest], []string{""}, values[len(values)-after:]), true
	}
	return &Pattern{
		match: func(line string) bool {
			values, ok := named(line)
			return ok && matchFields(fields, values)
		},
		extract: func(line string) map[string]string {
			out := map[string]string{}
			values, _ := named(line)
			for i, v := range values {
				if fields[i].name != "" {
					out["$"+fields[i].name] = v
				}
			}
			return out
		},
	}, nil
}

func matchFields(fields []field, values []string) bool {
	for i, f := range fields {
		if f.cond != nil && !f.cond(values[i]) {
			return false
		}
	}
	return true
}

func (s *scanner) field() (field, error) {
	if s.take("...") {
		return field{rest: true}, nil
	}
	bare, name := false, ""
	f, err := either(s, func() (func(string) bool, error) {
		s.space()
		start := s.pos
		for !s.end() && (isWordByte(s.text[s.pos]) || s.text[s.pos] == '-' || s.text[s.pos] == '.') {
			s.pos++
		}
		if start == s.pos {
			return nil, syntaxf("the name of a field is missing at character %d", s.pos+1)
		}
		name = s.text[start:s.pos]
		c, ok, err := s.comparison()
		if err != nil {
			return nil, err
		}
		if !ok {
			bare = true
			return func(string) bool { return true }, nil
		}
		return c.texts, nil
	})
	if err != nil || bare {
		return field{name: name}, err
	}
	return field{name: name, cond: f}, nil
}

// splitFields cuts a line at its spaces; what stands in double quotes or brackets is one field.
func splitFields(line string) []string {
	var fields []string
	for {
		line = strings.TrimLeft(line, " \t\r\n")
		if line == "" {
			return fields
		}
		end := byte(0)
		switch line[0] {
		case '"':
			end = '"'
		case '[':
			end = ']'
		}
		if end != 0 {
			if i := strings.IndexByte(line[1:], end); i >= 0 {
				fields = append(fields, line[1:1+i])
				line = line[i+2:]
				continue
			}
		}
		i := strings.IndexAny(line, " \t\r\n")
		if i < 0 {
			return append(fields, line)
		}
		fields = append(fields, line[:i])
		line = line[i:]
	}
}
