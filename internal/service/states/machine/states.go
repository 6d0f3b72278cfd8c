package machine

import (
	"encoding/json"
	"fmt"
	"time"

	"github.com/sallyport/sallyport/internal/service/states/asl"
)

// input returns what the state works on: its input after InputPath.
func (r *Turn) input(t *Thread, s *asl.State) (any, *asl.Failure) {
	raw := r.decode(t.Input)
	var failure *asl.Failure
	switch {
	case s.InputPath == nil:
	case s.InputPath.Null:
		raw = asl.NewObject()
	default:
		raw, failure = s.InputPath.Expr.Lookup(r.env(t, raw))
	}
	if failure == nil && !s.JSONata {
		r.see("afterInputPath", raw)
	}
	return raw, failure
}

// arguments returns what the state does its work with: Parameters or Arguments, or else its input.
func (r *Turn) arguments(t *Thread, s *asl.State) (input, args any, failure *asl.Failure) {
	if input, failure = r.input(t, s); failure != nil {
		return nil, nil, failure
	}
	args = input
	switch {
	case s.Parameters != nil:
		args, failure = s.Parameters.Eval(r.env(t, input))
	case s.Arguments != nil:
		args, failure = s.Arguments.Eval(r.env(t, input))
	}
	if failure == nil && !s.JSONata {
		r.see("afterParameters", args)
	} else if failure == nil && s.Arguments != nil {
		r.see("afterArguments", args)
	}
	return input, args, failure
}

func (r *Turn) pass(t *Thread, s *asl.State) *asl.Failure {
	_, result, failure := r.arguments(t, s)
	if failure != nil {
		return failure
	}
	if s.HasResult {
		result = s.Result
		r.see("result", result)
	}
	return r.succeeded(t, s, result, !s.JSONata)
}

func (r *Turn) succeed(t *Thread, s *asl.State) *asl.Failure {
	input, failure := r.input(t, s)
	if failure != nil {
		return failure
	}
	return r.succeeded(t, s, input, false)
}

func (r *Turn) choice(t *Thread, s *asl.State) *asl.Failure {
	input, failure := r.input(t, s)
	if failure != nil {
		return failure
	}
	env := r.env(t, input)
	for _, rule := range s.Choices {
		ok, failure := rule.Holds(env)
		if failure != nil {
			return failure
		}
		if ok {
			return r.chosen(t, s, input, rule)
		}
	}
	if s.Default == "" {
		return &asl.Failure{Error: asl.ErrNoChoice, Cause: "Failed to transition out of the state. The state's choice rules matched nothing, and it has no Default."}
	}
	return r.chosen(t, s, input, &asl.Rule{Next: s.Default, Assign: s.Assign, Output: s.Output})
}

func (r *Turn) chosen(t *Thread, s *asl.State, input any, rule *asl.Rule) *asl.Failure {
	output := rule.Output
	if output == nil {
		output = s.Output
	}
	return r.leave(t, s, leaving{input: input, value: input, assign: rule.Assign, output: output, next: rule.Next})
}

func (r *Turn) wait(t *Thread, s *asl.State) *asl.Failure {
	input, failure := r.input(t, s)
	if failure != nil {
		return failure
	}
	at, failure := r.until(r.env(t, input), s)
	if failure != nil {
		return failure
	}
	if at <= r.Now.UnixMilli() {
		return r.succeeded(t, s, input, false)
	}
	r.park(t, Waiting, at)
	return nil
}

// waited ends a Wait state.
func (r *Turn) waited(t *Thread) {
	s := r.stateOf(t)
	input, failure := r.input(t, s)
	if failure == nil {
		failure = r.succeeded(t, s, input, false)
	}
	if failure != nil {
		r.failed(t, s, failure)
	}
}

// until returns when a Wait state is over.
func (r *Turn) until(env *asl.Env, s *asl.State) (int64, *asl.Failure) {
	f := &s.Seconds
	if s.Timestamp.Given {
		f = &s.Timestamp
	}
	v, found, failure := f.Value(env)
	if failure != nil {
		return 0, failure
	}
	if !found {
		return 0, runtimeFailure("The %s parameter does not reference an input value: %s", f.Name, f.Expr)
	}
	if s.Timestamp.Given {
		return timestamp(f, v)
	}
	n, isNumber := v.(json.Number)
	seconds, err := n.Int64()
	switch {
	case f.Query != nil && (!isNumber || err != nil):
		return 0, f.Query.NotA(f.Name, "number", v)
	case f.Query != nil && seconds < 0:
		return 0, &asl.Failure{Error: asl.ErrQuery, Location: f.Name, Late: true, Cause: fmt.Sprintf("The Seconds field must be a positive integer: %d", seconds)}
	case !isNumber || err != nil:
		return 0, runtimeFailure("The SecondsPath parameter cannot be parsed as a long value: %s == %s", f.Expr, text(v))
	case seconds < 0:
		return 0, runtimeFailure("The SecondsPath parameter references a negative value: %s == %d", f.Expr, seconds)
	}
	return r.Now.UnixMilli() + 1000*min(seconds, 1<<40), nil
}

func timestamp(f *asl.Field, v any) (int64, *asl.Failure) {
	s, _ := v.(string)
	at, err := asl.ParseTime(s)
	switch {
	case err == nil:
		return at.Add(time.Millisecond - 1).UnixMilli(), nil
	case f.Query != nil:
		return 0, &asl.Failure{Error: asl.ErrQuery, Location: f.Name, Late: true, Cause: "The Timestamp field cannot be parsed as an ISO-8601 extended offset date-time format string: " + text(v)}
	}
	return 0, runtimeFailure("The TimestampPath parameter does not reference a valid ISO-8601 extended offset date-time format string: %s == %s", f.Expr, text(v))
}

// text writes a value for a message: strings bare.
func text(v any) string {
	if s, ok := v.(string); ok {
		return s
	}
	return string(asl.Encode(v))
}

func runtimeFailure(format string, args ...any) *asl.Failure {
	return &asl.Failure{Error: asl.ErrRuntime, Cause: fmt.Sprintf(format, args...)}
}

// fail ends the thread as a Fail state says.
func (r *Turn) fail(t *Thread, s *asl.State) {
	env := r.env(t, r.decode(t.Input))
	if !s.JSONata {
		r.see("afterInputPath", env.Input)
	}
	failure := &asl.Failure{Bare: true}
	for _, part := range []struct {
		f  *asl.Field
		to *string
	}{{&s.Error, &failure.Error}, {&s.Cause, &failure.Cause}} {
		if !part.f.Given {
			continue
		}
		v, found, wrong := part.f.Value(env)
		name, isString := v.(string)
		switch {
		case wrong != nil:
		case !found:
			wrong = runtimeFailure("The JSONPath '%s' specified for the field '%s' could not be found in the input '%s'", part.f.Expr, part.f.Name, t.Input)
		case !isString && part.f.Query != nil:
			wrong = part.f.Query.NotA(part.f.Name, "string", v)
		case !isString:
			wrong = runtimeFailure("The %s field refers to value which is not a string: %s", part.f.Name, part.f.Expr)
		}
		if wrong != nil {
			r.failed(t, s, wrong)
			return
		}
		*part.to = name
	}
	r.fell(t, failure)
	r.threadFailed(t, failure)
}
