package machine

import (
	"cmp"
	"fmt"
	"slices"
	"time"

	"github.com/sallyport/sallyport/internal/service/states/asl"
)

// A Turn takes an execution from one moment, at which something happened, to the next at which all its threads wait.
type Turn struct {
	X   *Execution
	Def *asl.Definition
	Now time.Time

	// Owner is who does what the turn asks for. It is written with each timer and task, so that whoever takes an activation up again
	// after a crash knows what was its own.
	Owner string
	// NoHistory is for executions without history: express ones.
	NoHistory bool
	// Log gets every event, with the ARN of the execution or child execution that it is of.
	Log func(arn string, e Event)
	// Context replaces the context object, and Region is where events say that tasks are.
	Context *asl.Object
	Region  string
	// Token makes a task token of a secret, by which the thread is found again.
	Token func(thread int, secret string) string
	// MaxSize bounds payloads; zero is AWS's limit.
	MaxSize int
	// Steps bounds how many steps are taken at once; zero is maxSteps.
	Steps int

	// Probe watches the one state that is run, if not nil.
	Probe *Probe

	overflowing bool
	fallen      []*Thread // where a failure that is being dealt with began
}

// maxPayload is how large inputs and outputs may be.
const maxPayload = 256 << 10

// maxExpress is how long an express execution may take.
const maxExpress = 5 * time.Minute

// maxSteps bounds what a turn does at once of an execution without history, so that an endless loop gives way to the clock.
const maxSteps = 10_000

// Begin starts a new execution.
func (r *Turn) Begin() {
	x := r.X
	x.Status = Running
	r.event(nil, 0, "ExecutionStarted", "input", string(x.Input), "inputDetails", untruncated, "roleArn", x.RoleARN)
	input := asl.Encode(r.decode(x.Input))
	x.LastID = 1
	x.Threads = []*Thread{{ID: 1, State: r.Def.StartAt, Input: input}}
	if r.Def.TimeoutSeconds > 0 {
		x.Deadline = r.Now.UnixMilli() + 1000*r.Def.TimeoutSeconds
	}
	if limit := r.Now.Add(maxExpress).UnixMilli(); r.NoHistory && (x.Deadline == 0 || x.Deadline > limit) {
		x.Deadline = limit
	}
	r.Run()
}

// Run takes every thread as far as it goes. It tells whether there is more to do at once, which is so only after very many steps.
func (r *Turn) Run() (more bool) {
	for range cmp.Or(r.Steps, maxSteps) {
		if r.X.Ended() || r.X.Resuming {
			return false
		}
		t := r.runnable()
		if t == nil {
			return false
		}
		if r.overflowing {
			r.end(Failed, ErrRuntimeOverflow())
			return false
		}
		if t.InChild && r.childOverflows(t) {
			continue
		}
		r.step(t)
	}
	return true
}

// childOverflows ends the child execution that a thread is part of if its history is full.
func (r *Turn) childOverflows(t *Thread) bool {
	g, i := r.X.childOf(t)
	if g == nil || g.Run.express() || g.child(i).LastEvent < maxEvents-1 {
		return false
	}
	for r.X.Thread(t.Parent).Group != g {
		t = r.X.Thread(t.Parent)
	}
	r.childFailed(t, ErrRuntimeOverflow())
	return true
}

// ErrRuntimeOverflow is the failure of an execution with too many events.
func ErrRuntimeOverflow() *asl.Failure {
	return &asl.Failure{Error: asl.ErrRuntime, Cause: tooManyEvents}
}

// runnable returns a thread that waits for nothing.
func (r *Turn) runnable() *Thread {
	for _, t := range r.X.Threads {
		if t.Phase == Enter || t.Phase == Again {
			return t
		}
	}
	return nil
}

// step enters a thread's state, or does it again.
func (r *Turn) step(t *Thread) {
	s := r.stateOf(t)
	if s == nil { // the definition of a running execution does not change
		r.end(Failed, &asl.Failure{Error: asl.ErrRuntime, Cause: fmt.Sprintf("The state '%s' does not exist.", t.State)})
		return
	}
	if t.Phase == Enter {
		t.Entered = r.Now.UnixMilli()
		t.Retries, t.RetryCount = nil, 0
		t.Task, t.Group = nil, nil
		prev := t.Prev
		t.Prev = r.event(t, prev, s.Type+"StateEntered", "input", string(t.Input), "inputDetails", untruncated, "name", s.Name)
		t.EnteredEvent, t.EnteredPrev, t.Phase = t.Prev, prev, Again
	}
	var failure *asl.Failure
	switch s.Type {
	case "Pass":
		failure = r.pass(t, s)
	case "Choice":
		failure = r.choice(t, s)
	case "Wait":
		failure = r.wait(t, s)
	case "Succeed":
		failure = r.succeed(t, s)
	case "Fail":
		r.fail(t, s)
	case "Task":
		failure = r.task(t, s)
	case "Parallel":
		failure = r.parallel(t, s)
	case "Map":
		failure = r.mapState(t, s)
	}
	if failure != nil {
		r.failed(t, s, failure)
	}
}

// timers returns when a thread has to be looked at again: the timers of one activation.
func (t *Thread) timers() []int64 {
	var at []int64
	switch t.Phase {
	case Waiting, Retrying:
		at = append(at, t.At)
	case Calling, Callback:
		if t.Task.Deadline > 0 {
			at = append(at, t.Task.Deadline)
		}
		if t.Task.HeartbeatAt > 0 && t.Phase == Callback {
			at = append(at, t.Task.HeartbeatAt)
		}
	}
	if t.End > 0 { // what is sooner looks at the thread again
		at = slices.DeleteFunc(at, func(ms int64) bool { return ms > t.End })
		if len(at) == 0 {
			at = append(at, t.End)
		}
	}
	return at
}

// A Timer is when a thread has to be looked at again.
type Timer struct {
	Thread int
	Seq    int64
	At     int64
}

// Timers returns the timers of the threads of an owner.
func (x *Execution) Timers(owner string) []Timer {
	var list []Timer
	for _, t := range x.Threads {
		if t.Owner != owner {
			continue
		}
		for _, at := range t.timers() {
			list = append(list, Timer{t.ID, t.Seq, at})
		}
	}
	return list
}

// NextTimer returns the earliest timer of all, zero if there is none.
func (x *Execution) NextTimer() int64 {
	first := x.Deadline
	for _, t := range x.Threads {
		for _, at := range t.timers() {
			if first == 0 || at < first {
				first = at
			}
		}
	}
	return first
}

// Calls returns the threads of an owner whose task is to be called, or whose items are to be read.
func (x *Execution) Calls(owner string) []*Thread {
	var list []*Thread
	for _, t := range x.Threads {
		if t.Owner == owner && (t.Phase == Calling || t.Phase == Reading) {
			list = append(list, t)
		}
	}
	return list
}

// Places gives a thread that reads or writes outside what its state says of that.
func (r *Turn) Places(t *Thread) (*asl.Reader, *asl.Writer) {
	s := r.stateOf(t)
	return s.Reader, s.Writer
}

// Tick fires the timers that are due.
func (r *Turn) Tick() {
	now := r.Now.UnixMilli()
	x := r.X
	if x.Ended() {
		return
	}
	if x.Deadline > 0 && now >= x.Deadline {
		r.end(TimedOut, nil)
		return
	}
	if x.Resuming {
		return
	}
	for _, t := range append([]*Thread(nil), x.Threads...) {
		if x.Ended() || x.Thread(t.ID) != t {
			continue
		}
		switch {
		case t.End > 0 && t.End <= now:
			r.childTimedOut(t)
		case t.Phase == Waiting && t.At <= now:
			r.waited(t)
		case t.Phase == Retrying && t.At <= now:
			t.Phase, t.At = Again, 0
		case (t.Phase == Calling || t.Phase == Callback) && t.Task.Deadline > 0 && t.Task.Deadline <= now:
			r.timedOut(t, asl.ErrTimeout)
		case t.Phase == Callback && t.Task.HeartbeatAt > 0 && t.Task.HeartbeatAt <= now:
			r.timedOut(t, asl.ErrHeartbeatTimeout)
		}
	}
	r.Run()
}

// park makes a thread wait.
func (r *Turn) park(t *Thread, phase Phase, at int64) {
	r.X.Seq++
	t.Phase, t.At, t.Seq, t.Owner = phase, at, r.X.Seq, r.Owner
}

// Abort stops the execution from outside.
func (r *Turn) Abort(errorName, cause *string) {
	x := r.X
	r.halt()
	x.Status, x.Stopped, x.Error, x.Cause, x.Deadline, x.Resuming = Aborted, r.Now.UnixMilli(), errorName, cause, 0, false
	details := []any{}
	if cause != nil {
		details = append(details, "cause", *cause)
	}
	if errorName != nil {
		details = append(details, "error", *errorName)
	}
	r.event(nil, x.LastEvent, "ExecutionAborted", details...)
}

// end ends the execution without output.
func (r *Turn) end(status string, failure *asl.Failure) {
	x := r.X
	prev := x.LastEvent
	if root := x.Thread(1); root != nil && root.Prev > 0 && root.Group == nil {
		prev = root.Prev
	}
	r.halt()
	x.Status, x.Stopped, x.Deadline, x.Resuming = status, r.Now.UnixMilli(), 0, false
	kind := "ExecutionFailed"
	if status == TimedOut {
		kind = "ExecutionTimedOut"
	}
	if failure != nil && failure.Cause != "" {
		x.Cause = new(failure.Cause)
	}
	if failure != nil && failure.Error != "" {
		x.Error = new(failure.Error)
	}
	r.event(nil, prev, kind, failureDetails(failure)...)
}
