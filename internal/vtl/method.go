package vtl

import (
	"fmt"
	"math"
	"strconv"
	"strings"

	"github.com/sallyport/sallyport/internal/json"
)

// call calls a method of v. One that v does not have gives null, as Velocity does where nothing fits: so nothing of Java's own is reachable
// that is not written here.
func (s *state) call(v any, method string, args []any) (any, error) {
	switch method {
	case "toString":
		if len(args) == 0 {
			return s.string(v)
		}
	case "equals":
		if len(args) == 1 {
			return s.equals(v, args[0])
		}
	}
	switch v := v.(type) {
	case string:
		return s.callText(v, method, args)
	case *List:
		return s.callList(v, method, args)
	case *Map:
		return s.callMap(v, method, args)
	case bool:
		if method == "booleanValue" && len(args) == 0 {
			return v, nil
		}
	case int64, float64, json.Number:
		return callNumber(v, method, args)
	case Object:
		return v.Call(&s.meter, method, args)
	}
	return nil, nil
}

// equals is Java's equals: values of different kinds are different.
func (s *state) equals(a, b any) (bool, error) {
	if a == nil || b == nil {
		return a == b, nil
	}
	if kindOf(a) != kindOf(b) {
		return false, nil
	}
	return s.equal(a, b, 0)
}

func kindOf(v any) string {
	switch v := v.(type) {
	case int64:
		return "integer"
	case float64:
		return "double"
	case json.Number:
		if n, _ := numberOf(v); n.kind == fraction {
			return "double"
		}
		return "integer"
	case *List:
		return "list"
	case *Map:
		return "map"
	case string:
		return "string"
	case bool:
		return "boolean"
	}
	return "object"
}

// callNumber calls a method of a number. AWS: a number lends its class's static methods, such as parseInt.
func callNumber(v any, method string, args []any) (any, error) {
	n, ok := numberOf(v)
	if !ok {
		return nil, nil
	}
	switch len(args) {
	case 0:
		switch method {
		case "intValue":
			return int64(int32(n.integer())), nil
		case "longValue":
			return n.integer(), nil
		case "doubleValue", "floatValue":
			return n.float(), nil
		case "hashCode":
			return int64(int32(n.integer() ^ n.integer()>>32)), nil
		case "isNaN":
			return math.IsNaN(n.float()), nil
		}
	case 1:
		text, isText := args[0].(string)
		switch {
		case method == "compareTo" || method == "compare":
			if other, ok := numberOf(args[0]); ok {
				return int64(compareNumbers(n, other)), nil
			}
		case isText && (method == "parseInt" || method == "parseLong" || method == "valueOf" && n.kind != fraction):
			i, err := strconv.ParseInt(text, 10, 64)
			if err != nil {
				return nil, fmt.Errorf("%s: %q is no integer", method, brief(text))
			}
			return i, nil
		case isText && (method == "parseDouble" || method == "parseFloat" || method == "valueOf"):
			f, err := strconv.ParseFloat(strings.TrimSpace(text), 64)
			if err != nil {
				return nil, fmt.Errorf("%s: %q is no number", method, brief(text))
			}
			return f, nil
		}
	}
	return nil, nil
}

// integer returns the number without its fraction.
func (n number) integer() int64 {
	switch n.kind {
	case whole:
		return n.i
	case long:
		return int64(n.big().Uint64())
	}
	switch {
	case math.IsNaN(n.f):
		return 0
	case n.f >= math.MaxInt64:
		return math.MaxInt64
	case n.f <= math.MinInt64:
		return math.MinInt64
	}
	return int64(n.f)
}

func brief(s string) string {
	const most = 40
	if len(s) > most {
		return s[:most] + "…"
	}
	return s
}

// index returns argument i as an index.
func index(args []any, i int) (int, bool) {
	n, ok := integerOf(args[i])
	return int(n), ok && n >= math.MinInt32 && n <= math.MaxInt32
}
