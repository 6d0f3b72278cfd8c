package asl

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"reflect"
	"strings"
	"sync"
	"time"

	"github.com/recolabs/gnata"
)

// A Query is a compiled JSONata expression.
type Query struct {
	text string
	expr *gnata.Expression
}

// maxQueryTime bounds one evaluation: a range of ten million elements takes longer.
const maxQueryTime = 5 * time.Second

// errUndefined says that an expression has no value.
var errUndefined = errors.New("returned nothing (undefined)")

// QueryText returns the expression in "{% … %}".
func QueryText(s string) (string, bool) {
	inner, ok := strings.CutPrefix(s, "{%")
	if !ok {
		return "", false
	}
	return strings.CutSuffix(inner, "%}")
}

// ParseQuery compiles the text within {% and %}.
func ParseQuery(text string) (q *Query, err error) {
	defer func() {
		if r := recover(); r != nil {
			q, err = nil, fmt.Errorf("parse expression: %v", r)
		}
	}()
	text = strings.TrimSpace(text)
	if len(text) > 64<<10 || strings.Count(text, "(")+strings.Count(text, "[")+strings.Count(text, "{") > 2000 {
		return nil, errors.New("the expression is too long")
	}
	expr, err := gnata.Compile(text)
	if err != nil {
		return nil, err
	}
	return &Query{text: text, expr: expr}, nil
}

// Eval returns the expression's value. field names where it stands, for messages.
func (q *Query) Eval(env *Env, field string) (any, *Failure) {
	v, err := q.eval(env)
	if errors.Is(err, errUndefined) {
		return nil, q.failure(field, "returned nothing (undefined).")
	} else if errors.Is(err, errUnsupported) {
		return nil, q.failure(field, "returned an unsupported result type.")
	} else if err != nil {
		return nil, q.failure(field, "threw an error: "+err.Error()+".")
	}
	return v, nil
}

func (q *Query) failure(field, what string) *Failure {
	return &Failure{Error: ErrQuery, Location: field, Cause: fmt.Sprintf("The JSONata expression '%s' specified for the field '%s' %s", q.text, field, what)}
}

// NotA is the failure of an expression whose value has the wrong type.
func (q *Query) NotA(field, want string, v any) *Failure {
	return q.failure(field, fmt.Sprintf("returned an unexpected result type. Expected '%s', but was '%s' for value: %s", want, TypeOf(v), Encode(v)))
}

// TypeOf names a value's type.
func TypeOf(v any) string {
	switch v.(type) {
	case nil:
		return "null"
	case bool:
		return "boolean"
	case string:
		return "string"
	case []any:
		return "array"
	case *Object:
		return "object"
	}
	return "number"
}

func (q *Query) eval(env *Env) (v any, err error) {
	defer func() {
		if r := recover(); r != nil {
			v, err = nil, fmt.Errorf("%v", r)
		}
	}()
	ctx, cancel := context.WithTimeout(context.Background(), maxQueryTime)
	defer cancel()
	vars := map[string]any{}
	q.bindFunctions(env, vars)
	for name, value := range env.Vars {
		if strings.Contains(q.text, name) {
			if vars[name], err = toQuery(value); err != nil {
				return nil, err
			}
		}
	}
	if strings.Contains(q.text, "$states") {
		states := NewObject("input", env.Input, "context", env.Context)
		if env.HasResult {
			states.Set("result", env.Result)
		}
		if env.ErrorOutput != nil {
			states.Set("errorOutput", env.ErrorOutput)
		}
		if vars["states"], err = toQuery(states); err != nil {
			return nil, err
		}
	}
	// AWS: there is no document; $ and bare names are undefined.
	out, err := q.expr.EvalWithVars(ctx, nil, vars)
	if err != nil {
		return nil, err
	}
	if out == nil {
		return nil, errUndefined
	}
	return fromQuery(out)
}

var errUnsupported = errors.New("unsupported result type")

func toQuery(v any) (any, error) { return gnata.DecodeJSON(Encode(v)) }

// fromQuery turns the library's values into ours.
func fromQuery(v any) (any, error) {
	if gnata.IsNull(v) {
		return nil, nil
	}
	switch v := v.(type) {
	case nil, bool, string, json.Number:
		return v, nil
	case float64:
		if math.IsNaN(v) || math.IsInf(v, 0) {
			return nil, errors.New("D1001: number out of range")
		}
		return numberOf(v), nil
	case int:
		return number(int64(v)), nil
	case []any:
		list := make([]any, 0, len(v))
		for _, e := range v {
			e, err := fromQuery(e)
			if err != nil {
				return nil, err
			}
			list = append(list, e)
		}
		return list, nil
	case map[string]any:
		return fromMembers(v)
	case interface {
		Range(f func(name string, v any) bool)
	}:
		return fromMembers(v)
	}
	return nil, errUnsupported
}

func fromMembers(v any) (any, error) {
	o := &Object{}
	var failed error
	set := func(name string, e any) bool {
		var err error
		if e, err = fromQuery(e); err != nil {
			failed = err
			return false
		}
		o.Set(name, e)
		return true
	}
	switch v := v.(type) {
	case map[string]any:
		text, err := json.Marshal(v) // sorted, since a map has no order
		if err != nil {
			return nil, errUnsupported
		}
		return Decode(text)
	case interface {
		Range(f func(name string, v any) bool)
	}:
		v.Range(set)
	}
	return o, failed
}

// bindFunctions adds to vars the functions that Step Functions adds to JSONata, and those that it forbids or that must give the
// same again. They are bound as variables: the library keeps its table of functions to itself.
func (q *Query) bindFunctions(env *Env, vars map[string]any) {
	for name, f := range queryFunctions {
		if strings.Contains(q.text, "$"+name) {
			vars[name] = builtin(func(args []any, _ any) (any, error) { return f(env, args) })
		}
	}
}

var queryFunctions = map[string]func(env *Env, args []any) (any, error){
	"eval":      func(*Env, []any) (any, error) { return nil, errors.New("the function $eval is not supported") },
	"now":       func(env *Env, _ []any) (any, error) { return env.Now.UTC().Format("2006-01-02T15:04:05.000Z"), nil },
	"millis":    func(env *Env, _ []any) (any, error) { return float64(env.Now.UnixMilli()), nil },
	"uuid":      func(env *Env, _ []any) (any, error) { return env.uuid(), nil },
	"random":    queryRandom,
	"partition": queryPartition,
	"range":     queryRange,
	"hash":      queryHash,
	"parse":     queryParse,
}

// builtinType is the library's own type of functions, which it does not export.
var builtinType = sync.OnceValue(func() reflect.Type {
	env := gnata.NewCustomEnv(map[string]gnata.CustomFunc{"f": func([]any, any) (any, error) { return nil, nil }})
	f, _ := env.Lookup("f")
	return reflect.TypeOf(f)
})

func builtin(f func(args []any, focus any) (any, error)) any {
	return reflect.ValueOf(f).Convert(builtinType()).Interface()
}

func queryRandom(env *Env, args []any) (any, error) {
	bits := env.Random
	if len(args) > 0 && args[0] != nil {
		seed, ok := queryNumber(args[0])
		if !ok {
			return nil, errors.New("argument 1 of function $random must be a number")
		}
		bits = rand.NewPCG(math.Float64bits(seed), 0).Uint64
	}
	return float64(bits()>>11) / (1 << 53), nil
}

func queryNumber(v any) (float64, bool) {
	switch v := v.(type) {
	case float64:
		return v, true
	case json.Number:
		f, err := v.Float64()
		return f, err == nil
	}
	return 0, false
}

func queryPartition(_ *Env, args []any) (any, error) {
	if len(args) != 2 || args[0] == nil {
		return nil, nil
	}
	list, ok := args[0].([]any)
	if !ok {
		list = []any{args[0]}
	}
	size, ok := queryNumber(args[1])
	if !ok || size < 1 {
		return nil, errors.New("argument 2 of function $partition must be a positive number")
	}
	parts := []any{}
	for len(list) > 0 {
		n := min(int(size), len(list))
		parts = append(parts, append([]any(nil), list[:n]...))
		list = list[n:]
	}
	return parts, nil
}

func queryRange(_ *Env, args []any) (any, error) {
	if len(args) != 3 {
		return nil, errors.New("function $range takes three numbers")
	}
	var n [3]float64
	for i := range n {
		var ok bool
		if n[i], ok = queryNumber(args[i]); !ok {
			return nil, fmt.Errorf("argument %d of function $range must be a number", i+1)
		}
	}
	if n[2] == 0 {
		return nil, errors.New("argument 3 of function $range must not be zero")
	}
	if (n[1]-n[0])/n[2] >= maxRange {
		return nil, fmt.Errorf("function $range makes at most %d elements", maxRange)
	}
	list := []any{}
	for v := n[0]; n[2] > 0 && v <= n[1] || n[2] < 0 && v >= n[1]; v += n[2] {
		list = append(list, v)
	}
	if len(list) == 1 { // AWS: a list of one is that one
		return list[0], nil
	}
	return list, nil
}

func queryHash(_ *Env, args []any) (any, error) {
	if len(args) == 0 || args[0] == nil {
		return nil, nil
	}
	algorithm := any("SHA-256")
	if len(args) > 1 {
		algorithm = args[1]
	}
	data, ok := args[0].(string)
	if !ok {
		return nil, errors.New("argument 1 of function $hash must be a string")
	}
	return hashOf(nil, []any{data, algorithm})
}

func queryParse(_ *Env, args []any) (any, error) {
	if len(args) == 0 || args[0] == nil {
		return nil, nil
	}
	s, ok := args[0].(string)
	if !ok {
		return nil, errors.New("argument 1 of function $parse must be a string")
	}
	v, err := gnata.DecodeJSON(json.RawMessage(s))
	if err != nil {
		return nil, errors.New("the argument of function $parse is not valid JSON")
	}
	return v, nil
}
