package wsapp

import (
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// An object is a mapping whose order is kept.
type object []field

type field struct {
	name  string
	value any
}

type list []any

// plain are texts that mean themselves without quotes.
var plain = regexp.MustCompile(`^[A-Za-z/$]([A-Za-z0-9/_$.-]|::?[A-Za-z])*( [A-Za-z0-9/_$.]+)*$`)

var notPlain = regexp.MustCompile(`(?i)^(true|false|null|yes|no|on|off|y|n)$`)

// yamlOf writes v in the subset of YAML that a template needs.
func yamlOf(v object) []byte {
	var b strings.Builder
	writeYAML(&b, v, 0)
	return []byte(b.String())
}

// writeYAML writes v, which is not empty, as lines of a depth.
func writeYAML(b *strings.Builder, v any, depth int) {
	indent := strings.Repeat("  ", depth)
	switch v := normal(v).(type) {
	case object:
		for _, f := range v {
			b.WriteString(indent + scalar(f.name) + ":")
			writeValue(b, f.value, depth)
			if depth == 1 {
				b.WriteByte('\n')
			}
		}
	case list:
		for _, e := range v {
			if empty(e) || !compound(e) {
				b.WriteString(indent + "- " + inline(e) + "\n")
				continue
			}
			var inner strings.Builder
			writeYAML(&inner, e, depth+1)
			b.WriteString(indent + "- " + strings.TrimPrefix(inner.String(), indent+"  "))
		}
	}
}

func writeValue(b *strings.Builder, v any, depth int) {
	v = normal(v)
	if empty(v) || !compound(v) {
		b.WriteString(" " + inline(v) + "\n")
		return
	}
	b.WriteByte('\n')
	writeYAML(b, v, depth+1)
}

// normal turns what users give into objects and lists.
func normal(v any) any {
	switch v := v.(type) {
	case []string:
		l := make(list, len(v))
		for i, s := range v {
			l[i] = s
		}
		return l
	case []any:
		return list(v)
	case map[string]string:
		var o object
		for _, name := range slices.Sorted(maps.Keys(v)) {
			o = append(o, field{name, v[name]})
		}
		return o
	case map[string]any:
		var o object
		for _, name := range slices.Sorted(maps.Keys(v)) {
			o = append(o, field{name, v[name]})
		}
		return o
	}
	return v
}

func compound(v any) bool {
	switch normal(v).(type) {
	case object, list:
		return true
	}
	return false
}

func empty(v any) bool {
	switch v := normal(v).(type) {
	case object:
		return len(v) == 0
	case list:
		return len(v) == 0
	}
	return false
}

func inline(v any) string {
	switch v := normal(v).(type) {
	case object:
		return "{}"
	case list:
		return "[]"
	case string:
		return scalar(v)
	default:
		return fmt.Sprint(v)
	}
}

func scalar(s string) string {
	if plain.MatchString(s) && !notPlain.MatchString(s) {
		return s
	}
	return strconv.Quote(s) // YAML knows all of Go's escapes
}
