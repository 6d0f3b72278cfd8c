package jsonpath

import (
	"cmp"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"unicode/utf16"

	"github.com/sallyport/sallyport/internal/json"
)

// A condition decides over the value that @ stands for.
type condition interface {
	holds(w *walker, current any) (bool, error)
}

func (w *walker) holds(all []condition, current any) (bool, error) {
	for _, c := range all {
		if ok, err := c.holds(w, current); err != nil || !ok {
			return false, err
		}
	}
	return true, nil
}

type either struct{ a, b condition }

func (c either) holds(w *walker, current any) (bool, error) {
	if ok, err := c.a.holds(w, current); err != nil || ok {
		return ok, err
	}
	return c.b.holds(w, current)
}

type both struct{ a, b condition }

func (c both) holds(w *walker, current any) (bool, error) {
	if ok, err := c.a.holds(w, current); err != nil || !ok {
		return false, err
	}
	return c.b.holds(w, current)
}

type negated struct{ c condition }

func (c negated) holds(w *walker, current any) (bool, error) {
	ok, err := c.c.holds(w, current)
	return !ok && err == nil, err
}

type exists struct{ path *Path }

func (c exists) holds(w *walker, current any) (bool, error) {
	if err := w.visit(); err != nil {
		return false, err
	}
	_, found, err := w.get(c.path, current)
	return found, err
}

// undefined is the value of a path that leads nowhere. It equals nothing, not even itself.
type undefined struct{}

// An operand is one side of a relation: a path, a pattern or a value.
type operand struct {
	path    *Path
	pattern *regexp.Regexp
	value   any
}

func (o operand) get(w *walker, current any) (any, error) {
	if o.path == nil {
		return o.value, nil
	}
	v, found, err := w.get(o.path, current)
	if err == nil && !found {
		v = undefined{}
	}
	return v, err
}

type relation struct {
	left, right operand
	test        func(w *walker, a, b any) bool
}

func (r relation) holds(w *walker, current any) (bool, error) {
	if err := w.visit(); err != nil {
		return false, err
	}
	a, err := r.left.get(w, current)
	if err != nil {
		return false, err
	}
	b, err := r.right.get(w, current)
	if err != nil {
		return false, err
	}
	switch {
	case r.right.pattern != nil && r.left.pattern == nil:
		return matches(w, r.right.pattern, a), nil
	case r.left.pattern != nil && r.right.pattern == nil:
		return matches(w, r.left.pattern, b), nil
	case r.left.pattern != nil:
		return false, nil
	}
	ok := r.test(w, a, b)
	if w.left < 0 {
		return false, ErrTooMuch
	}
	return ok, nil
}

// matches reports whether the pattern matches the text of v, or of an element of it.
func matches(w *walker, re *regexp.Regexp, v any) bool {
	if list, ok := v.([]any); ok {
		return slices.ContainsFunc(list, func(e any) bool { return matchesOne(w, re, e) })
	}
	return matchesOne(w, re, v)
}

func matchesOne(w *walker, re *regexp.Regexp, v any) bool {
	switch v := v.(type) {
	case string:
		w.left -= len(v) / 16
		return re.MatchString(v)
	case json.Number, bool:
		return re.Match(json.AppendString(nil, v))
	}
	return re.MatchString("")
}

// operators by name, in lower case. A pattern beside any of them is matched, see relation.
var operators = map[string]func(w *walker, a, b any) bool{
	"==":       equal,
	"===":      strictlyEqual,
	"!=":       func(w *walker, a, b any) bool { return !equal(w, a, b) },
	"!==":      func(w *walker, a, b any) bool { return !strictlyEqual(w, a, b) },
	"<":        func(_ *walker, a, b any) bool { c, ok := compare(a, b); return ok && c < 0 },
	"<=":       func(_ *walker, a, b any) bool { c, ok := compare(a, b); return ok && c <= 0 },
	">":        func(_ *walker, a, b any) bool { c, ok := compare(a, b); return ok && c > 0 },
	">=":       func(_ *walker, a, b any) bool { c, ok := compare(a, b); return ok && c >= 0 },
	"=~":       func(*walker, any, any) bool { return false },
	"in":       in,
	"nin":      func(w *walker, a, b any) bool { return !in(w, a, b) },
	"contains": contains,
	"all":      func(w *walker, a, b any) bool { return everyIn(w, b, a) },
	"subsetof": func(w *walker, a, b any) bool { return everyIn(w, a, b) },
	"anyof":    anyOf,
	"noneof":   noneOf,
	"size":     sized,
	"empty":    emptied,
}

// equal compares. Jayway: a number equals the string that reads as it.
func equal(w *walker, a, b any) bool {
	w.left--
	switch a := a.(type) {
	case nil:
		return b == nil
	case bool:
		return a == b
	case json.Number:
		if s, ok := b.(string); ok {
			b = json.Number(s)
		}
		c, ok := compare(a, b)
		return ok && c == 0
	case string:
		switch b := b.(type) {
		case string:
			return a == b
		case json.Number:
			return a == string(b)
		}
	case []any:
		b, ok := b.([]any)
		return ok && w.left >= 0 && slices.EqualFunc(a, b, func(x, y any) bool { return equal(w, x, y) })
	case *json.Object:
		b, ok := b.(*json.Object)
		return ok && len(a.Members) == len(b.Members) && w.left >= 0 && !slices.ContainsFunc(a.Members, func(m json.Member) bool {
			w.left -= len(b.Members) / 16
			other, ok := b.Get(m.Name)
			return !ok || !equal(w, m.Value, other)
		})
	}
	return false
}

// strictlyEqual is equal for values of the same type.
func strictlyEqual(w *walker, a, b any) bool {
	_, s := a.(string)
	_, t := b.(string)
	return s == t && equal(w, a, b)
}

// compare orders two numbers or two strings.
func compare(a, b any) (order int, ok bool) {
	switch a := a.(type) {
	case json.Number:
		b, ok := b.(json.Number)
		if !ok {
			return 0, false
		}
		i, err := strconv.ParseInt(string(a), 10, 64)
		if err == nil {
			var j int64
			if j, err = strconv.ParseInt(string(b), 10, 64); err == nil {
				return cmp.Compare(i, j), true
			}
		}
		x, okX := number(a)
		y, okY := number(b)
		return cmp.Compare(x, y), okX && okY
	case string:
		b, ok := b.(string)
		return cmp.Compare(a, b), ok
	}
	return 0, false
}

func in(w *walker, a, b any) bool {
	list, ok := b.([]any)
	return ok && slices.ContainsFunc(list, func(e any) bool { return w.left >= 0 && equal(w, a, e) })
}

func contains(w *walker, a, b any) bool {
	if s, ok := a.(string); ok {
		part, ok := b.(string)
		return ok && strings.Contains(s, part)
	}
	return in(w, b, a)
}

func everyIn(w *walker, a, b any) bool {
	part, ok := a.([]any)
	all, isList := b.([]any)
	return ok && isList && !slices.ContainsFunc(part, func(e any) bool { return !in(w, e, all) })
}

func anyOf(w *walker, a, b any) bool {
	some, ok := a.([]any)
	return ok && slices.ContainsFunc(some, func(e any) bool { return in(w, e, b) })
}

func noneOf(w *walker, a, b any) bool {
	_, ok := a.([]any)
	_, isList := b.([]any)
	return ok && isList && !anyOf(w, a, b)
}

func sizeOf(v any) (int, bool) {
	switch v := v.(type) {
	case string:
		return len(utf16.Encode([]rune(v))), true
	case []any:
		return len(v), true
	case *json.Object:
		return len(v.Members), true
	}
	return 0, false
}

func sized(_ *walker, a, b any) bool {
	n, ok := sizeOf(a)
	want, isNumber := number(b)
	return ok && isNumber && n == int(want)
}

func emptied(_ *walker, a, b any) bool {
	n, ok := sizeOf(a)
	return ok && (n == 0) == b
}
