package machine

import (
	"encoding/json"
	"fmt"
	"slices"
	"time"

	"github.com/sallyport/sallyport/internal/service/states/asl"
)

// leaving is how a state is left.
type leaving struct {
	input       any // of expressions
	value       any // the result, or the input of a state without one
	result      bool
	errorOutput any
	assign      *asl.Template
	output      *asl.Template // JSONata
	next        string        // empty: the thread ends
	prev        int64         // the event before, if not the thread's
}

// succeeded leaves a state with a result. merge says that ResultPath may place it in the input.
func (r *Turn) succeeded(t *Thread, s *asl.State, result any, merge bool) *asl.Failure {
	l := leaving{input: result, value: result, assign: s.Assign, output: s.Output, next: s.Next}
	if s.JSONata {
		l.input = r.decode(t.Input)
		l.result = s.Type == "Task" || s.Type == "Parallel" || s.Type == "Map"
		return r.leave(t, s, l)
	}
	// The order of JSONPath: ResultSelector, ResultPath into the raw input, OutputPath.
	if s.ResultSelector != nil {
		var failure *asl.Failure
		if l.value, failure = s.ResultSelector.Eval(r.env(t, result)); failure != nil {
			return failure
		}
	}
	l.input = l.value
	if merge {
		r.see("afterResultSelector", l.value)
		var failure *asl.Failure
		if l.value, failure = r.place(t, s.ResultPath, l.value); failure != nil {
			return failure
		}
		r.see("afterResultPath", l.value)
	}
	return r.leave(t, s, l)
}

// place puts a result where ResultPath says.
func (r *Turn) place(t *Thread, path *asl.PathField, result any) (any, *asl.Failure) {
	switch {
	case path == nil:
		return result, nil
	case path.Null:
		return r.decode(t.Input), nil
	}
	v, err := path.Reference.Set(r.decode(t.Input), result)
	if err != nil {
		return nil, &asl.Failure{Error: asl.ErrResultPath, Cause: fmt.Sprintf("Unable to apply Reference Path '%s' to input '%s'", path.Reference, t.Input)}
	}
	return v, nil
}

// leave evaluates variables and output, and goes to the next state.
func (r *Turn) leave(t *Thread, s *asl.State, l leaving) *asl.Failure {
	env := r.env(t, l.input)
	env.ErrorOutput = l.errorOutput
	if l.result {
		env.Result, env.HasResult = l.value, true
	}
	var assigned *asl.Object
	if l.assign != nil {
		v, failure := l.assign.Eval(env)
		if failure != nil {
			return failure
		}
		assigned = v.(*asl.Object)
	}
	out := l.value
	switch {
	case s.JSONata && l.output != nil:
		v, failure := l.output.Eval(env)
		if failure != nil {
			return failure
		}
		out = v
	case !s.JSONata && s.OutputPath != nil && l.errorOutput == nil:
		if s.OutputPath.Null {
			out = asl.NewObject()
			break
		}
		after := *env
		after.Input = l.value
		v, failure := s.OutputPath.Expr.Lookup(&after)
		if failure != nil {
			return failure
		}
		out = v
	}
	text := asl.Encode(out)
	if len(text) > r.limit() {
		return tooLarge(s)
	}
	return r.exit(t, s, text, assigned, l)
}

func (r *Turn) limit() int {
	if r.MaxSize > 0 {
		return r.MaxSize
	}
	return maxPayload
}

func tooLarge(s *asl.State) *asl.Failure {
	return &asl.Failure{Error: asl.ErrDataLimit, Bare: true, Cause: fmt.Sprintf("The state/task '%s' returned a result with a size exceeding the maximum number of bytes service limit.", s.Name)}
}

// exit writes down that the state is left, and moves on.
func (r *Turn) exit(t *Thread, s *asl.State, out json.RawMessage, assigned *asl.Object, l leaving) *asl.Failure {
	details := []any{"name", s.Name, "output", string(out), "outputDetails", untruncated}
	if assigned != nil && assigned.Len() > 0 {
		texts := asl.NewObject()
		vars := make(map[string]json.RawMessage, len(t.Vars)+assigned.Len())
		for name, v := range t.Vars {
			vars[name] = v
		}
		for _, name := range assigned.Names() {
			v, _ := assigned.Get(name)
			text := asl.Encode(v)
			if len(text) > maxPayload {
				return &asl.Failure{Error: asl.ErrDataLimit, Cause: fmt.Sprintf("The variable '%s' exceeds the maximum size.", name)}
			}
			vars[name] = text
			texts.Set(name, string(text))
		}
		t.Vars = vars
		details = append([]any{"assignedVariables", texts, "assignedVariablesDetails", untruncated}, details...)
	}
	if r.Probe != nil {
		r.Probe.Output, r.Probe.Next = out, l.next
		r.Probe.end(r, Succeeded)
		return nil
	}
	if l.prev > 0 {
		t.Prev = l.prev
	}
	r.on(t, s.Type+"StateExited", details...)
	t.Task, t.Group, t.At, t.Owner = nil, nil, 0, ""
	if l.next != "" {
		t.State, t.Input, t.Phase = l.next, out, Enter
		return nil
	}
	r.threadSucceeded(t, out)
	return nil
}

// failed deals with the failure of a thread's state: retry, catch, or the end of the thread.
func (r *Turn) failed(t *Thread, s *asl.State, failure *asl.Failure) {
	r.fell(t, failure)
	r.dropChildrenOf(t)
	cause := failure.Cause
	if !failure.Bare && r.Probe == nil {
		failure = &asl.Failure{
			Error: failure.Error, Location: failure.Location, Late: failure.Late, Bare: true,
			Cause: fmt.Sprintf("An error occurred while executing the state '%s' (entered at the event id #%d). %s", s.Name, t.EnteredEvent, cause),
		}
		if failure.Location != "" && failure.Error == asl.ErrQuery {
			r.evaluationFailed(t, s, failure)
		}
	}
	if r.retry(t, s, failure) {
		r.fallen = nil
		return
	}
	for i, c := range s.Catch {
		if !asl.Matches(c.ErrorEquals, failure.Error) {
			continue
		}
		if r.Probe != nil {
			r.Probe.Status, r.Probe.Failed, r.Probe.Details = "CAUGHT_ERROR", failure, asl.NewObject("catchIndex", i)
		}
		if again := r.catch(t, s, c, failure); again != nil {
			r.uncaught(t, s, again)
			return
		}
		r.fallen = nil
		return
	}
	if t.Group != nil {
		r.groupFailedEvent(t, s)
	}
	r.threadFailed(t, failure)
}

// uncaught ends a thread whose catcher failed itself.
func (r *Turn) uncaught(t *Thread, s *asl.State, failure *asl.Failure) {
	if !failure.Bare {
		failure = &asl.Failure{
			Error: failure.Error, Location: failure.Location, Late: failure.Late, Bare: true,
			Cause: fmt.Sprintf("An error occurred while executing the state '%s' (entered at the event id #%d). %s", s.Name, t.EnteredEvent, failure.Cause),
		}
		if failure.Location != "" {
			r.evaluationFailed(t, s, failure)
		}
	}
	r.threadFailed(t, failure)
}

// evaluationFailed writes the event of an expression that failed. AWS: it follows what the state's own first event follows.
func (r *Turn) evaluationFailed(t *Thread, s *asl.State, failure *asl.Failure) {
	if t.Prev == t.EnteredEvent && !failure.Late {
		t.Prev = t.EnteredPrev
	}
	details := []any{"cause", failure.Cause, "error", failure.Error}
	if failure.Location != asl.NoLocation {
		details = append(details, "location", failure.Location)
	}
	r.on(t, "EvaluationFailed", append(details, "state", s.Name)...)
	if s.Type == "Map" && t.Group == nil {
		r.on(t, "MapStateFailed")
	}
}

// retry lets a retrier that takes the failure do the state again later.
func (r *Turn) retry(t *Thread, s *asl.State, failure *asl.Failure) bool {
	for i, rt := range s.Retry {
		if !asl.Matches(rt.ErrorEquals, failure.Error) {
			continue
		}
		for len(t.Retries) <= i {
			t.Retries = append(t.Retries, 0)
		}
		if r.Probe != nil {
			t.Retries[i] = r.Probe.Retries
			r.Probe.Details = asl.NewObject("retryIndex", i)
		}
		if int64(t.Retries[i]) >= rt.MaxAttempts {
			return false
		}
		t.Retries[i]++
		t.RetryCount++
		if r.Probe != nil {
			delay := rt.Delay(t.Retries[i], r.random)
			r.Probe.Details = asl.NewObject("retryBackoffIntervalSeconds", int64(delay/time.Second), "retryIndex", i)
			r.Probe.Failed = failure
			r.Probe.end(r, "RETRIABLE")
			return true
		}
		delay := rt.Delay(t.Retries[i], r.random)
		r.closeRun(t, Failed)
		t.Task, t.Group = nil, nil
		r.park(t, Retrying, r.Now.Add(delay+time.Millisecond-1).UnixMilli())
		return true
	}
	return false
}

// catch goes on where a catcher says.
func (r *Turn) catch(t *Thread, s *asl.State, c *asl.Catcher, failure *asl.Failure) *asl.Failure {
	if t.Group != nil {
		r.groupFailedEvent(t, s)
	}
	output := asl.NewObject("Error", failure.Error)
	output.Set("Cause", failure.Cause)
	l := leaving{input: output, value: output, errorOutput: output, assign: c.Assign, output: c.Output, next: c.Next}
	if s.JSONata {
		l.input = r.decode(t.Input)
		return r.leave(t, s, l)
	}
	var wrong *asl.Failure
	if l.value, wrong = r.place(t, c.ResultPath, output); wrong != nil {
		return wrong
	}
	return r.leave(t, s, l)
}

// threadSucceeded ends a thread with its output.
func (r *Turn) threadSucceeded(t *Thread, out json.RawMessage) {
	if t.Parent == 0 {
		x := r.X
		x.Status, x.Output, x.Stopped, x.Deadline, x.Threads = Succeeded, out, r.Now.UnixMilli(), 0, nil
		r.event(t, t.Prev, "ExecutionSucceeded", "output", string(out), "outputDetails", untruncated)
		return
	}
	r.childSucceeded(t, out)
}

// threadFailed ends a thread, and so what it is part of.
func (r *Turn) threadFailed(t *Thread, failure *asl.Failure) {
	if t.Parent == 0 {
		r.endRoot(t, failure)
		return
	}
	r.childFailed(t, failure)
}

func (r *Turn) endRoot(t *Thread, failure *asl.Failure) {
	if r.Probe != nil {
		r.Probe.Failed, r.Probe.Status = failure, Failed
		r.Probe.end(r, Failed)
		return
	}
	t.Group = nil
	r.end(Failed, failure)
}

// drop removes a thread and all below it.
func (r *Turn) drop(t *Thread) {
	r.dropChildrenOf(t)
	r.closeRun(t, Aborted)
	for i := range r.X.Threads {
		if r.X.Threads[i] == t {
			r.X.Threads = append(r.X.Threads[:i:i], r.X.Threads[i+1:]...)
			return
		}
	}
}

// dropChildrenOf ends the branches or iterations of a thread. Those of a map run end with it.
func (r *Turn) dropChildrenOf(t *Thread) {
	if t.Group == nil || t.Group.Run != nil {
		return
	}
	for _, c := range append([]*Thread(nil), r.X.Threads...) {
		if c.Parent == t.ID {
			if c.Item == nil {
				r.aborted(c)
			}
			r.drop(c)
		}
	}
}

// discard removes a thread and all below it, of which nothing is told.
func (r *Turn) discard(t *Thread) {
	gone := map[int]bool{t.ID: true}
	for _, c := range append([]*Thread(nil), r.X.Threads...) { // a parent stands before its children
		if gone[c.Parent] {
			r.closeRun(c, Aborted)
			gone[c.ID] = true
		}
	}
	r.closeRun(t, Aborted)
	r.X.Threads = slices.DeleteFunc(r.X.Threads, func(c *Thread) bool { return gone[c.ID] })
}
