package selection

import (
	"strconv"
	"strings"

	"github.com/sallyport/sallyport/internal/json"
)

// A path leads from the body to a value, or to a list of values if a segment is a wildcard or goes deep.
type path []segment

type segment struct {
	name  string
	index int
	array bool // index counts, not name
	wild  bool // every member or element
	deep  bool // also at any depth below
}

// parsePath reads what stands behind "request.body": dotted names, [0], [-1], ['a b'], *, [*] and ..name.
func parsePath(s string) (path, bool) {
	var p path
	for s != "" {
		var seg segment
		if strings.HasPrefix(s, "..") {
			seg.deep = true
			s = s[1:]
		}
		var ok bool
		switch {
		case strings.HasPrefix(s, ".["):
			s, ok = seg.bracket(s[1:])
		case s[0] == '.':
			s, ok = seg.dotted(s[1:])
		case s[0] == '[':
			s, ok = seg.bracket(s)
		}
		if !ok {
			return nil, false
		}
		p = append(p, seg)
	}
	return p, true
}

func (seg *segment) dotted(s string) (rest string, ok bool) {
	n := strings.IndexAny(s, ".[")
	if n < 0 {
		n = len(s)
	}
	if s[:n] == "*" {
		seg.wild = true
	}
	seg.name = s[:n]
	return s[n:], n > 0
}

func (seg *segment) bracket(s string) (rest string, ok bool) {
	if len(s) < 3 {
		return "", false
	}
	if quote := s[1]; quote == '\'' || quote == '"' {
		end := strings.IndexByte(s[2:], quote)
		if end < 0 || !strings.HasPrefix(s[2+end+1:], "]") {
			return "", false
		}
		seg.name = s[2 : 2+end]
		return s[2+end+2:], true
	}
	end := strings.IndexByte(s, ']')
	if end < 0 {
		return "", false
	}
	inner := strings.TrimSpace(s[1:end])
	if inner == "*" {
		seg.wild = true
		return s[end+1:], true
	}
	n, err := strconv.Atoi(inner)
	seg.index, seg.array = n, true
	return s[end+1:], err == nil
}

// definite returns p as a path for a picker, if it leads to one value and counts from the beginning.
func (p path) definite() (json.Path, bool) {
	out := make(json.Path, 0, len(p))
	for _, seg := range p {
		if seg.wild || seg.deep || seg.index < 0 {
			return nil, false
		}
		out = append(out, json.Step{Name: seg.name, Index: seg.index, Array: seg.array})
	}
	return out, true
}

// find returns the value at p, or the list of values if p leads to many; nil if there is none.
func (p path) find(v any) any {
	many := false
	found := []any{v}
	for _, seg := range p {
		many = many || seg.wild || seg.deep
		var next []any
		for _, v := range found {
			next = seg.from(next, v)
		}
		found = next
	}
	switch {
	case many:
		return append([]any{}, found...)
	case len(found) == 0:
		return nil
	}
	return found[0]
}

// from appends the values that seg leads to from v.
func (seg *segment) from(out []any, v any) []any {
	switch c := v.(type) {
	case *json.Object:
		if seg.wild {
			for _, m := range c.Members {
				out = append(out, m.Value)
			}
		} else if m, ok := c.Get(seg.name); ok && !seg.array {
			out = append(out, m)
		}
		if seg.deep {
			for _, m := range c.Members {
				out = seg.from(out, m.Value)
			}
		}
	case []any:
		if seg.wild {
			out = append(out, c...)
		} else if i := seg.index; seg.array {
			if i < 0 {
				i += len(c)
			}
			if i >= 0 && i < len(c) {
				out = append(out, c[i])
			}
		}
		if seg.deep {
			for _, e := range c {
				out = seg.from(out, e)
			}
		}
	}
	return out
}
