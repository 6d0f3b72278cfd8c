package pattern

import (
	"encoding/json"
	"strconv"
)

// Value returns what a selector finds in a line that matches: $.a.b in JSON, $name where the pattern names the fields of a line.
func (p *Pattern) Value(line, selector string) (string, bool) {
	if p.extract != nil {
		v, ok := p.extract(line)[selector]
		return v, ok
	}
	s := &scanner{text: selector}
	path, err := s.selector()
	if err != nil || !s.end() || len(path) == 0 {
		return "", false
	}
	var v any
	if json.Unmarshal([]byte(line), &v) != nil {
		return "", false
	}
	found, ok := lookup(v, path)
	if !ok {
		return "", false
	}
	switch found := found.(type) {
	case string:
		return found, true
	case float64:
		return strconv.FormatFloat(found, 'f', -1, 64), true
	case bool:
		return strconv.FormatBool(found), true
	}
	return "", false
}

// Values returns the fields of a line by the pattern's names for them; a pattern that names none has none.
func (p *Pattern) Values(line string) map[string]string {
	if p.extract == nil {
		return map[string]string{}
	}
	return p.extract(line)
}
