package vtl

import (
	"fmt"
	"strings"
	"unicode/utf16"
	"unicode/utf8"
)

// callText calls a method of a string. Java counts in UTF-16 units, and so do indexes and lengths here.
func (s *state) callText(v, method string, args []any) (any, error) {
	if err := s.meter.Spend(len(v) / 16); err != nil {
		return nil, err
	}
	switch len(args) {
	case 0:
		return textMethod(v, method), nil
	case 1:
		if other, ok := args[0].(string); ok {
			return s.callTextWithText(v, method, other)
		}
		if i, ok := index(args, 0); ok {
			return callTextAt(v, method, i)
		}
		if method == "valueOf" {
			return s.string(args[0])
		}
	case 2:
		return s.callTextWithTwo(v, method, args)
	}
	return nil, nil
}

func textMethod(v, method string) any {
	switch method {
	case "length":
		return int64(units(v))
	case "isEmpty":
		return v == ""
	case "toLowerCase":
		return strings.ToLower(v)
	case "toUpperCase":
		return strings.ToUpper(v)
	case "trim":
		return strings.TrimFunc(v, func(r rune) bool { return r <= ' ' })
	case "intern":
		return v
	case "hashCode":
		var h int32
		for _, u := range utf16.Encode([]rune(v)) {
			h = 31*h + int32(u)
		}
		return int64(h)
	}
	return nil
}

func (s *state) callTextWithText(v, method, other string) (any, error) {
	if err := s.meter.Spend(len(other) / 16); err != nil {
		return nil, err
	}
	switch method {
	case "equalsIgnoreCase":
		return strings.EqualFold(v, other), nil
	case "contentEquals":
		return v == other, nil
	case "compareTo":
		return int64(compareTexts(v, other)), nil
	case "compareToIgnoreCase":
		return int64(compareTexts(strings.ToLower(v), strings.ToLower(other))), nil
	case "contains":
		return strings.Contains(v, other), nil
	case "startsWith":
		return strings.HasPrefix(v, other), nil
	case "endsWith":
		return strings.HasSuffix(v, other), nil
	case "indexOf":
		return indexOf(v, other, 0), nil
	case "lastIndexOf":
		if i := strings.LastIndex(v, other); i >= 0 {
			return int64(units(v[:i])), nil
		}
		return int64(-1), nil
	case "concat":
		return s.concat(v, other)
	case "matches":
		p, err := s.pattern(other, v)
		if err != nil {
			return nil, err
		}
		return p.whole().MatchString(v), nil
	case "split":
		return s.split(v, other, 0)
	case "valueOf":
		return other, nil
	}
	return nil, nil
}

func callTextAt(v, method string, i int) (any, error) {
	switch method {
	case "charAt":
		return between(v, method, i, i+1)
	case "substring", "subSequence":
		return between(v, method, i, units(v))
	}
	return nil, nil
}

func (s *state) callTextWithTwo(v, method string, args []any) (any, error) {
	a, isText := args[0].(string)
	if b, ok := args[1].(string); ok && isText {
		return s.replace(v, method, a, b)
	}
	if list, ok := args[1].(*List); ok && isText && method == "join" {
		return s.join(a, list)
	}
	to, ok := index(args, 1)
	if !ok {
		return nil, nil
	}
	if isText {
		switch method {
		case "indexOf":
			return indexOf(v, a, to), nil
		case "startsWith":
			if to < 0 || to > units(v) {
				return false, nil
			}
			return strings.HasPrefix(v[offset(v, to):], a), nil
		case "split":
			return s.split(v, a, to)
		}
		return nil, nil
	}
	if from, ok := index(args, 0); ok && (method == "substring" || method == "subSequence") {
		return between(v, method, from, to)
	}
	return nil, nil
}

func (s *state) replace(v, method, from, to string) (any, error) {
	if err := s.meter.Spend((len(from) + len(to)) / 16); err != nil {
		return nil, err
	}
	switch method {
	case "replace":
		if n := strings.Count(v, from); len(v)+n*(len(to)-len(from)) > maxOutput {
			return nil, ErrTooMuch
		}
		return strings.ReplaceAll(v, from, to), nil
	case "replaceAll", "replaceFirst":
		p, err := s.pattern(from, v)
		if err != nil {
			return nil, err
		}
		return p.replace(v, to, method == "replaceAll")
	}
	return nil, nil
}

func (s *state) join(separator string, list *List) (any, error) {
	var out strings.Builder
	for i, e := range list.Items {
		if i > 0 {
			out.WriteString(separator)
		}
		text, err := s.string(e)
		if err != nil {
			return nil, err
		}
		out.WriteString(text)
		if out.Len() > maxOutput {
			return nil, ErrTooMuch
		}
	}
	return out.String(), nil
}

func isASCII(s string) bool {
	for i := range len(s) {
		if s[i] >= utf8.RuneSelf {
			return false
		}
	}
	return true
}

// units returns the length of s in UTF-16 units.
func units(s string) int {
	n := 0
	for _, r := range s {
		n++
		if r > 0xffff {
			n++
		}
	}
	return n
}

// offset returns where unit i begins in s; i is not beyond its end.
func offset(s string, i int) int {
	n := 0
	for at, r := range s {
		if n >= i {
			return at
		}
		n++
		if r > 0xffff {
			n++
		}
	}
	return len(s)
}

// between returns the units from a to b.
func between(s, method string, a, b int) (any, error) {
	if n := units(s); a < 0 || b > n || a > b {
		return nil, fmt.Errorf("%s: %d to %d is not within a string of %d characters", method, a, b, n)
	}
	if isASCII(s) {
		return s[a:b], nil
	}
	return string(utf16.Decode(utf16.Encode([]rune(s))[a:b])), nil
}

func indexOf(s, part string, from int) any {
	from = max(from, 0)
	if from > units(s) {
		return int64(-1)
	}
	at := offset(s, from)
	i := strings.Index(s[at:], part)
	if i < 0 {
		return int64(-1)
	}
	return int64(units(s[:at+i]))
}

// compareTexts is Java's compareTo: the difference of the first characters that differ, or of the lengths.
func compareTexts(a, b string) int {
	x, y := utf16.Encode([]rune(a)), utf16.Encode([]rune(b))
	for i := range min(len(x), len(y)) {
		if x[i] != y[i] {
			return int(x[i]) - int(y[i])
		}
	}
	return len(x) - len(y)
}
