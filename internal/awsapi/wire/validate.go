package wire

import (
	"encoding/base64"
	"fmt"
	"math"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"
)

// An InvalidError lists what is wrong with an input, in AWS's words.
type InvalidError struct {
	Violations []string
}

// maxViolations bounds the message; AWS reports ten.
const maxViolations = 10

func (e *InvalidError) Error() string {
	plural := "s"
	if len(e.Violations) == 1 {
		plural = ""
	}
	return fmt.Sprintf("%d validation error%s detected: %s", len(e.Violations), plural, strings.Join(e.Violations, "; "))
}

// Validate checks v, a pointer to a struct of this type, and returns an *InvalidError or nil.
func (t *Type) Validate(v any) error {
	c := checker{}
	c.structure(t, t.structOf(v), "")
	if len(c.violations) == 0 {
		return nil
	}
	return &InvalidError{c.violations}
}

type checker struct {
	violations []string
}

func (c *checker) fail(value, path, constraint string) {
	if len(c.violations) < maxViolations {
		c.violations = append(c.violations, "Value "+value+" at '"+path+"' failed to satisfy constraint: "+constraint)
	}
}

const notNull = "Member must not be null"

func (c *checker) structure(t *Type, v reflect.Value, path string) {
	for i := range t.fields {
		f := &t.fields[i]
		fv, ok := f.shape.given(v.Field(f.index))
		if !ok {
			// A scalar without a pointer does not tell zero from missing.
			if f.required && (f.shape.ptr || !f.shape.scalar() || f.shape.kind == kString || f.shape.kind == kBlob) {
				c.fail("null", path+f.name, notNull)
			}
			continue
		}
		if f.value0 == nil && f.elem == nil && f.keys == nil && f.shape.scalar() {
			continue
		}
		c.field(f, fv, path+f.name)
	}
}

func (c *checker) field(f *field, v reflect.Value, path string) {
	if f.value0 != nil {
		for _, broken := range f.value0.broken(f.shape, v, false) {
			c.fail("'"+text(f.shape, v)+"'", path, broken)
		}
	}
	switch f.shape.kind {
	case kList:
		if f.elem != nil && f.shape.elem.scalar() {
			if anyBroken(f.elem, f.shape.elem, v) {
				c.fail("'"+text(f.shape, v)+"'", path, "Member must satisfy constraint: ["+f.elem.describe(f.shape.elem, true)+"]")
			}
			return
		}
		c.elements(f.shape, f.elem, v, path)
	case kMap:
		c.keys(f, v, path)
		c.elements(f.shape, f.elem, v, path)
	case kStruct:
		c.structure(f.shape.st, v, path+".")
	}
}

func (c *checker) keys(f *field, v reflect.Value, path string) {
	if f.keys != nil {
		for _, k := range v.MapKeys() {
			if len(f.keys.broken(stringShape, k, true)) > 0 {
				c.fail("'"+text(f.shape, v)+"'", path, "Map keys must satisfy constraint: ["+f.keys.describe(stringShape, false)+"]")
				break
			}
		}
	}
	if f.elem != nil && f.shape.elem.scalar() {
		for it := v.MapRange(); it.Next(); {
			if len(f.elem.broken(f.shape.elem, it.Value(), true)) > 0 {
				c.fail("'"+text(f.shape, v)+"'", path, "Map value must satisfy constraint: ["+f.elem.describe(f.shape.elem, true)+"]")
				break
			}
		}
	}
}

// elements checks what is inside list elements and map values that are not scalars.
func (c *checker) elements(s *shape, l *limits, v reflect.Value, path string) {
	if s.elem.scalar() || s.elem.kind == kCustom || s.elem.kind == kAny {
		return
	}
	each := func(e reflect.Value, path string) {
		ev, ok := s.elem.given(e)
		if !ok {
			c.fail("null", path, notNull)
			return
		}
		if l != nil {
			for _, broken := range l.broken(s.elem, ev, false) {
				c.fail("'"+text(s.elem, ev)+"'", path, broken)
			}
		}
		switch s.elem.kind {
		case kStruct:
			c.structure(s.elem.st, ev, path+".")
		case kList, kMap:
			c.elements(s.elem, nil, ev, path)
		}
	}
	if s.kind == kList {
		for i := range v.Len() {
			each(v.Index(i), path+"."+strconv.Itoa(i+1)+".member")
		}
		return
	}
	for _, k := range sortedMapKeys(v) {
		each(v.MapIndex(k), path+"."+k.String()+".member")
	}
}

var stringShape = &shape{kind: kString, typ: reflect.TypeFor[string]()}

func anyBroken(l *limits, s *shape, list reflect.Value) bool {
	for i := range list.Len() {
		if len(l.broken(s, list.Index(i), true)) > 0 {
			return true
		}
	}
	return false
}

// broken returns the constraints that v does not satisfy. In a list or map, first is enough.
func (l *limits) broken(s *shape, v reflect.Value, first bool) []string {
	var out []string
	n := measure(s, v)
	add := func(bad bool, describe func() string) {
		if bad && !(first && len(out) > 0) {
			out = append(out, describe())
		}
	}
	if l.pattern != nil && s.kind == kString {
		add(!l.pattern.matches(v.String()), l.describePattern)
	}
	add(n > l.max, func() string { return describeMax(s, l.max) })
	add(n < l.min, func() string { return describeMin(s, l.min) })
	if len(l.enum) > 0 && s.kind == kString {
		add(!slices.Contains(l.enum, v.String()), l.describeEnum)
	}
	return out
}

// measure returns what min and max are about.
func measure(s *shape, v reflect.Value) float64 {
	switch s.kind {
	case kString:
		return float64(utf8.RuneCountInString(v.String()))
	case kBlob, kList, kMap:
		return float64(v.Len())
	case kInt:
		return float64(v.Int())
	case kFloat:
		return v.Float()
	}
	return math.NaN()
}

// describe lists all constraints, as AWS does for elements of a list.
func (l *limits) describe(s *shape, nullable bool) string {
	var out []string
	if !math.IsNaN(l.max) {
		out = append(out, describeMax(s, l.max))
	}
	if !math.IsNaN(l.min) {
		out = append(out, describeMin(s, l.min))
	}
	if l.pattern != nil {
		out = append(out, l.describePattern())
	}
	if len(l.enum) > 0 {
		out = append(out, l.describeEnum())
	}
	if nullable && !(s.kind == kString && l.min == 0) {
		out = append(out, notNull)
	}
	return strings.Join(out, ", ")
}

func (l *limits) describePattern() string {
	return "Member must satisfy regular expression pattern: " + l.pattern.text
}

func (l *limits) describeEnum() string {
	return "Member must satisfy enum value set: [" + strings.Join(l.enum, ", ") + "]"
}

func describeMax(s *shape, n float64) string {
	return "Member must have " + measureName(s) + " less than or equal to " + number(s, n)
}

func describeMin(s *shape, n float64) string {
	return "Member must have " + measureName(s) + " greater than or equal to " + number(s, n)
}

func measureName(s *shape) string {
	if s.kind == kInt || s.kind == kFloat {
		return "value"
	}
	return "length"
}

func number(s *shape, n float64) string {
	if s.kind == kFloat {
		return javaDouble(n)
	}
	return strconv.FormatInt(int64(n), 10)
}

func javaDouble(n float64) string {
	if n == math.Trunc(n) && math.Abs(n) < 1e7 {
		return strconv.FormatFloat(n, 'f', 1, 64)
	}
	return strconv.FormatFloat(n, 'f', -1, 64)
}

// text writes v as Java's toString does, which AWS quotes in its messages: [a, b], {k=v}, Name(member=value, …).
func text(s *shape, v reflect.Value) string {
	v, ok := s.givenElem(v)
	if !ok {
		return "null"
	}
	switch s.kind {
	case kString:
		return v.String()
	case kInt:
		return strconv.FormatInt(v.Int(), 10)
	case kFloat:
		return javaDouble(v.Float())
	case kBool:
		return strconv.FormatBool(v.Bool())
	case kBlob:
		return base64.StdEncoding.EncodeToString(v.Bytes())
	case kTime:
		return v.Interface().(time.Time).UTC().Format(time.RFC3339)
	case kList:
		var parts []string
		for i := range v.Len() {
			parts = append(parts, text(s.elem, v.Index(i)))
		}
		return "[" + strings.Join(parts, ", ") + "]"
	case kMap:
		var parts []string
		for _, k := range sortedMapKeys(v) {
			parts = append(parts, k.String()+"="+text(s.elem, v.MapIndex(k)))
		}
		return "{" + strings.Join(parts, ", ") + "}"
	case kStruct:
		var parts []string
		for i := range s.st.fields {
			f := &s.st.fields[i]
			parts = append(parts, f.name+"="+text(f.shape, v.Field(f.index)))
		}
		return s.st.typ.Name() + "(" + strings.Join(parts, ", ") + ")"
	}
	return fmt.Sprint(v.Interface())
}

// givenElem is given for elements, of which zero values count, and for values that have been unwrapped already.
func (s *shape) givenElem(v reflect.Value) (reflect.Value, bool) {
	if s.ptr && v.Kind() != reflect.Pointer || !s.ptr && s.scalar() && s.kind != kBlob {
		return v, true
	}
	return s.given(v)
}

func sortedMapKeys(v reflect.Value) []reflect.Value {
	keys := v.MapKeys()
	slices.SortFunc(keys, func(a, b reflect.Value) int { return strings.Compare(a.String(), b.String()) })
	return keys
}
