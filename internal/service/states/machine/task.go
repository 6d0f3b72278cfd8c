package machine

import (
	"encoding/json"
	"strconv"
	"strings"

	"github.com/sallyport/sallyport/internal/service/states/asl"
)

// defaultTimeout is that of a task without TimeoutSeconds; AWS names it in no event.
const defaultTimeout = 99999999

// task begins a Task state.
func (r *Turn) task(t *Thread, s *asl.State) *asl.Failure {
	resource, _ := asl.ParseResource(s.Resource)
	task := &Task{Resource: s.Resource, RequestID: r.UUID()}
	t.Task = task
	if resource.Suffix == "waitForTaskToken" || resource.Kind == asl.ResourceActivity {
		task.Token = r.token(t)
	}
	input, args, failure := r.arguments(t, s)
	if failure != nil {
		return failure
	}
	env := r.env(t, input)
	timeout, failure := seconds(env, &s.Timeout)
	if failure != nil {
		return failure
	}
	heartbeat, failure := seconds(env, &s.Heartbeat)
	if failure != nil {
		return failure
	}
	task.Input = asl.Encode(args)
	if len(task.Input) > r.limit() {
		return tooLarge(s)
	}
	if s.Credentials != nil {
		c, failure := s.Credentials.Eval(env)
		if failure != nil {
			return failure
		}
		o, _ := c.(*asl.Object)
		role, _ := o.Get("RoleArn")
		task.Role, _ = role.(string)
	}
	task.Heartbeat = heartbeat
	if timeout > 0 && timeout < defaultTimeout {
		task.Deadline = r.Now.UnixMilli() + 1000*timeout
	}
	r.scheduled(t, resource, timeout, heartbeat)
	if resource.Kind == asl.ResourceActivity {
		r.park(t, Callback, 0)
		r.beat(t)
		return nil
	}
	r.park(t, Calling, 0)
	return nil
}

// token makes a task token around a secret that nobody can guess.
func (r *Turn) token(t *Thread) string {
	b := strconv.AppendUint(nil, r.random(), 36)
	b = strconv.AppendUint(append(b, '-'), r.random(), 36)
	if r.Token == nil {
		return string(b)
	}
	return r.Token(t.ID, string(b))
}

// seconds evaluates TimeoutSeconds or HeartbeatSeconds; zero is none.
func seconds(env *asl.Env, f *asl.Field) (int64, *asl.Failure) {
	if !f.Given {
		return 0, nil
	}
	if f.Expr != nil {
		v, failure := f.Expr.Lookup(env)
		if failure != nil {
			return 0, failure
		}
		n, ok := v.(json.Number)
		if i, err := n.Int64(); ok && err == nil && i > 0 {
			return i, nil
		}
		return 0, runtimeFailure("The %s parameter does not reference a positive integer: %s == %s", f.Name, f.Expr, text(v))
	}
	v, _, failure := f.Value(env)
	if failure != nil {
		return 0, failure
	}
	n, ok := v.(json.Number)
	i, err := n.Int64()
	if f.Query != nil && (!ok || err != nil || i < 1) {
		return 0, f.Query.NotA(f.Name, "number", v)
	}
	return i, nil
}

// scheduled writes the events of a task that begins.
func (r *Turn) scheduled(t *Thread, resource *asl.Resource, timeout, heartbeat int64) {
	var details []any
	if heartbeat > 0 && resource.Kind != asl.ResourceFunction {
		details = append(details, "heartbeatInSeconds", json.Number(strconv.FormatInt(heartbeat, 10)))
	}
	if timeout > 0 {
		details = append(details, "timeoutInSeconds", json.Number(strconv.FormatInt(timeout, 10)))
	}
	switch resource.Kind {
	case asl.ResourceFunction:
		r.on(t, "LambdaFunctionScheduled", append(details, "input", string(t.Task.Input), "inputDetails", untruncated, "resource", resource.ARN)...)
		r.on(t, "LambdaFunctionStarted")
	case asl.ResourceActivity:
		r.on(t, "ActivityScheduled", append(details, "input", string(t.Task.Input), "inputDetails", untruncated, "resource", resource.ARN)...)
	default:
		name, kind := resource.HistoryResource(), resource.HistoryType()
		r.on(t, "TaskScheduled", append(details, "parameters", string(t.Task.Input), "region", r.Region, "resource", name, "resourceType", kind)...)
		r.on(t, "TaskStarted", "resource", name, "resourceType", kind)
	}
}

// A Result is what came of a call or a callback.
type Result struct {
	Output json.RawMessage
	// Failure is what the task failed with; its cause is as it is.
	Failure *asl.Failure
	// Child is the execution that the task waits for.
	Child string
	// Items are what a Reading thread asked for, with the keys of an object's members, and where they were read.
	Items   []json.RawMessage
	Keys    []string
	Sources []Source
	// Kind of the failure event: "Failed" if empty, or "SubmitFailed", "StartFailed", "ScheduleFailed".
	Kind string
}

// Called says how the call of a thread's task, of the number seq, ended.
func (r *Turn) Called(thread int, seq int64, res Result) {
	t := r.X.Thread(thread)
	if r.X.Ended() || t == nil || t.Seq != seq {
		return
	}
	switch t.Phase {
	case Reading:
		r.read(t, res)
	case Calling:
		resource, _ := asl.ParseResource(t.Task.Resource)
		if res.Failure == nil && resource.Suffix != "" {
			r.submitted(t, resource, res)
			break
		}
		if resource.Suffix != "" && res.Kind == "" {
			res.Kind = "SubmitFailed"
		}
		r.done(t, resource, res)
	default:
		return
	}
	r.Run()
}

// submitted makes a task wait for its callback.
func (r *Turn) submitted(t *Thread, resource *asl.Resource, res Result) {
	r.on(t, "TaskSubmitted", "output", string(res.Output), "outputDetails", untruncated, "resource", resource.HistoryResource(), "resourceType", resource.HistoryType())
	seq := t.Seq
	r.park(t, Callback, 0)
	t.Seq = seq // the same task
	t.Task.Submitted = true
	t.Task.Child = res.Child
	r.beat(t)
}

// beat sets when the next heartbeat is missed.
func (r *Turn) beat(t *Thread) {
	if t.Task.Heartbeat > 0 {
		t.Task.HeartbeatAt = r.Now.UnixMilli() + 1000*t.Task.Heartbeat
	}
}

// Taken says that an activity's worker took the task of a token.
func (r *Turn) Taken(thread int, token, worker string) bool {
	t := r.waiting(thread, token)
	if t == nil || t.Task.StartedBy {
		return false
	}
	t.Task.StartedBy = true
	if worker != "" {
		r.on(t, "ActivityStarted", "workerName", worker)
	} else {
		r.on(t, "ActivityStarted")
	}
	r.beat(t)
	return true
}

// Beat says that the task of a token is still at work.
func (r *Turn) Beat(thread int, token string) bool {
	t := r.waiting(thread, token)
	if t == nil {
		return false
	}
	r.beat(t)
	return true
}

// waiting returns the thread that waits for a token.
func (r *Turn) waiting(thread int, token string) *Thread {
	t := r.X.Thread(thread)
	if r.X.Ended() || t == nil || t.Task == nil || t.Task.Token != token || t.Phase != Callback && t.Phase != Calling {
		return nil
	}
	return t
}

// Waits tells whether a thread waits for a token.
func (x *Execution) Waits(thread int, token string) bool {
	return (&Turn{X: x}).waiting(thread, token) != nil
}

// Completed says how the task of a token ended. It may come before the call that handed out the token has returned.
func (r *Turn) Completed(thread int, token string, res Result) {
	t := r.waiting(thread, token)
	if t == nil {
		return
	}
	resource, _ := asl.ParseResource(t.Task.Resource)
	r.done(t, resource, res)
	r.Run()
}

// ChildEnded says how the execution that a thread waits for ended.
func (r *Turn) ChildEnded(thread int, child string, res Result) {
	t := r.X.Thread(thread)
	if r.X.Ended() || t == nil || t.Phase != Callback || t.Task.Child != child {
		return
	}
	resource, _ := asl.ParseResource(t.Task.Resource)
	r.done(t, resource, res)
	r.Run()
}

// prefix is how events of a kind of task begin.
func prefix(resource *asl.Resource) string {
	switch resource.Kind {
	case asl.ResourceFunction:
		return "LambdaFunction"
	case asl.ResourceActivity:
		return "Activity"
	}
	return "Task"
}

// done ends a task.
func (r *Turn) done(t *Thread, resource *asl.Resource, res Result) {
	s := r.stateOf(t)
	var tail []any
	if prefix(resource) == "Task" {
		tail = []any{"resource", resource.HistoryResource(), "resourceType", resource.HistoryType()}
	}
	if res.Failure != nil {
		kind := res.Kind
		if kind == "" || prefix(resource) != "Task" {
			kind = "Failed"
		}
		var details []any
		if res.Failure.Cause != "" {
			details = append(details, "cause", res.Failure.Cause)
		}
		if res.Failure.Error != "" {
			details = append(details, "error", res.Failure.Error)
		}
		r.on(t, prefix(resource)+kind, append(details, tail...)...)
		res.Failure.Bare = true
		r.failed(t, s, res.Failure)
		return
	}
	if len(res.Output) > r.limit() {
		failure := tooLarge(s)
		r.on(t, prefix(resource)+"Failed", append([]any{"cause", failure.Cause, "error", failure.Error}, tail...)...)
		r.failed(t, s, failure)
		return
	}
	r.on(t, prefix(resource)+"Succeeded", append([]any{"output", string(res.Output), "outputDetails", untruncated}, tail...)...)
	v, err := asl.Decode(res.Output)
	if err != nil {
		v = string(res.Output)
	}
	if failure := r.succeeded(t, s, v, true); failure != nil {
		r.failed(t, s, failure)
	}
}

// timedOut ends a task that took too long.
func (r *Turn) timedOut(t *Thread, name string) {
	s := r.stateOf(t)
	resource, _ := asl.ParseResource(t.Task.Resource)
	details := []any{"error", asl.ErrTimeout}
	if prefix(resource) == "Task" {
		details = append(details, "resource", resource.HistoryResource(), "resourceType", resource.HistoryType())
	}
	r.on(t, prefix(resource)+"TimedOut", details...)
	// AWS: a missed heartbeat is reported as States.Timeout; catchers may name it States.HeartbeatTimeout.
	failure := &asl.Failure{Error: asl.ErrTimeout, Bare: true}
	if name == asl.ErrHeartbeatTimeout && catches(s, name) {
		failure.Error = name
	}
	r.failed(t, s, failure)
}

// catches tells whether the state names an error itself.
func catches(s *asl.State, name string) bool {
	for _, c := range s.Catch {
		if strings.Contains(strings.Join(c.ErrorEquals, " "), name) {
			return true
		}
	}
	for _, rt := range s.Retry {
		if strings.Contains(strings.Join(rt.ErrorEquals, " "), name) {
			return true
		}
	}
	return false
}
