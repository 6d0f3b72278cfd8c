package apigatewayv2

import (
	"maps"
	"time"

	shapes "github.com/sallyport/sallyport/internal/awsapi/shapes/apigatewayv2"
)

// A patch follows one rule for all kinds: a member that is given replaces the value, one that is absent leaves it, and
// the empty string clears it.

// set gives *to the value, if there is one.
func set[T any](to *T, value *T) {
	if value != nil {
		*to = *value
	}
}

// setMap replaces a map by one that is given; an empty one clears it.
func setMap[V any](to *map[string]V, value map[string]V) {
	if value != nil {
		*to = maps.Clone(value)
	}
}

// merge adds what is given to a map. AWS: an empty value removes its key.
func merge(to *map[string]string, values map[string]string) {
	if values == nil {
		return
	}
	m := maps.Clone(*to)
	if m == nil {
		m = map[string]string{}
	}
	for k, v := range values {
		if v == "" {
			delete(m, k)
		} else {
			m[k] = v
		}
	}
	*to = m
}

// mergeConstraints is merge for parameters and whether they are required.
func mergeConstraints(to *map[string]bool, values map[string]*shapes.ParameterConstraints) {
	if values == nil {
		return
	}
	m := maps.Clone(*to)
	if m == nil {
		m = map[string]bool{}
	}
	for k, v := range values {
		m[k] = v != nil && v.Required != nil && *v.Required
	}
	*to = m
}

// text is what an answer shows of an optional string: nothing if it is empty.
func text(s string) *string {
	if s == "" {
		return nil
	}
	return &s
}

// shown is a map as an answer shows it: nothing if it is empty.
func shown[V any](m map[string]V) map[string]V {
	if len(m) == 0 {
		return nil
	}
	return m
}

// whole is a map as an answer always shows it.
func whole[V any](m map[string]V) map[string]V {
	if m == nil {
		return map[string]V{}
	}
	return m
}

func showConstraints(m map[string]bool) map[string]*shapes.ParameterConstraints {
	if len(m) == 0 {
		return nil
	}
	out := make(map[string]*shapes.ParameterConstraints, len(m))
	for k, required := range m {
		out[k] = &shapes.ParameterConstraints{Required: &required}
	}
	return out
}

// second is a time as AWS tells it.
func second(t time.Time) *time.Time { return new(t.Truncate(time.Second)) }
