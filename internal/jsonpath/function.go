package jsonpath

import (
	"math"
	"strconv"
	"strings"

	"github.com/sallyport/sallyport/internal/json"
)

// A call computes a function of the value it stands behind, and of its parameters. It says errMissing where Jayway fails.
type call func(v any, args []any) (any, error)

// calls are the functions by name. Jayway: numbers come out as doubles.
var calls = map[string]call{
	"length": length,
	"size":   length,
	"keys":   keys,
	"min":    aggregate(func(n []float64) float64 { return fold(n, math.Min) }),
	"max":    aggregate(func(n []float64) float64 { return fold(n, math.Max) }),
	"sum":    aggregate(sum),
	"avg":    aggregate(func(n []float64) float64 { return sum(n) / float64(len(n)) }),
	"stddev": aggregate(deviation),
	"concat": concat,
	"append": appendTo,
	"first":  func(v any, _ []any) (any, error) { return element(v, 0) },
	"last":   func(v any, _ []any) (any, error) { return element(v, -1) },
	"index":  at,
}

// function evaluates the parameters and calls.
func (w *walker) function(s *step, v any) (any, error) {
	args := make([]any, 0, len(s.params))
	for _, p := range s.params {
		if p.path == nil {
			args = append(args, p.value)
			continue
		}
		a, found, err := w.get(p.path, v)
		if err != nil {
			return nil, err
		}
		if !found {
			return nil, errMissing
		}
		args = append(args, a)
	}
	if list, ok := v.([]any); ok {
		w.left -= len(list)
	}
	return s.call(v, args)
}

func length(v any, args []any) (any, error) {
	if len(args) > 0 {
		v = args[0]
	}
	switch v := v.(type) {
	case []any:
		return json.Number(strconv.Itoa(len(v))), nil
	case *json.Object:
		return json.Number(strconv.Itoa(len(v.Members))), nil
	}
	return nil, nil
}

func keys(v any, _ []any) (any, error) {
	o, ok := v.(*json.Object)
	if !ok {
		return nil, nil
	}
	names := make([]any, len(o.Members))
	for i, m := range o.Members {
		names[i] = m.Name
	}
	return names, nil
}

// aggregate makes a function over all numbers of a list and of the parameters. Jayway fails where there is none.
func aggregate(f func([]float64) float64) call {
	return func(v any, args []any) (any, error) {
		numbers := appendNumbers(nil, v)
		for _, a := range args {
			if n, ok := number(a); ok {
				numbers = append(numbers, n)
			}
			numbers = appendNumbers(numbers, a)
		}
		if len(numbers) == 0 {
			return nil, errMissing
		}
		return json.Number(json.AppendDouble(nil, f(numbers))), nil
	}
}

func appendNumbers(dst []float64, v any) []float64 {
	list, _ := v.([]any)
	for _, e := range list {
		if n, ok := number(e); ok {
			dst = append(dst, n)
		}
	}
	return dst
}

func number(v any) (float64, bool) {
	text, ok := v.(json.Number)
	if !ok {
		return 0, false
	}
	n, err := strconv.ParseFloat(string(text), 64)
	return n, err == nil
}

func fold(numbers []float64, f func(a, b float64) float64) float64 {
	out := numbers[0]
	for _, n := range numbers[1:] {
		out = f(out, n)
	}
	return out
}

func sum(numbers []float64) float64 {
	return fold(numbers, func(a, b float64) float64 { return a + b })
}

func deviation(numbers []float64) float64 {
	mean, squares := sum(numbers)/float64(len(numbers)), 0.0
	for _, n := range numbers {
		squares += (n - mean) * (n - mean)
	}
	return math.Sqrt(squares / float64(len(numbers)))
}

// concat joins the strings of a list and the parameters.
func concat(v any, args []any) (any, error) {
	var out strings.Builder
	list, _ := v.([]any)
	for _, e := range list {
		if s, ok := e.(string); ok {
			out.WriteString(s)
		}
	}
	for _, a := range args {
		if list, ok := a.([]any); ok {
			for _, e := range list {
				if s, ok := e.(string); ok {
					out.WriteString(s)
				}
			}
			continue
		}
		out.Write(json.AppendString(nil, a))
	}
	return out.String(), nil
}

func appendTo(v any, args []any) (any, error) {
	list, ok := v.([]any)
	if !ok {
		return v, nil
	}
	return append(list[:len(list):len(list)], args...), nil
}

func at(v any, args []any) (any, error) {
	if len(args) == 0 {
		return nil, errMissing
	}
	n, ok := number(args[0])
	if !ok || math.Abs(n) > math.MaxInt32 {
		return nil, errMissing
	}
	return element(v, int(n))
}

func element(v any, i int) (any, error) {
	list, _ := v.([]any)
	if i < 0 {
		i += len(list)
	}
	if i < 0 || i >= len(list) {
		return nil, errMissing
	}
	return list[i], nil
}
