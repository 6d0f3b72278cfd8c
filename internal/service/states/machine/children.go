package machine

import (
	"cmp"
	"crypto/md5" //nolint:gosec // names of children are UUIDs of version 3
	"encoding/json"
	"fmt"
	"strconv"
	"strings"

	"github.com/sallyport/sallyport/internal/service/states/asl"
)

// A Child is an iteration of a distributed Map state, as the execution that it is known as. While it goes on it is threads.
type Child struct {
	ID         int             `json:"id,omitempty"` // of its events
	LastEvent  int64           `json:"le,omitempty"`
	Input      json.RawMessage `json:"in,omitempty"`
	Items      int             `json:"n,omitempty"` // that a batch has; zero is one
	Started    int64           `json:"b,omitempty"` // zero: it has not begun
	Stopped    int64           `json:"e,omitempty"`
	Status     string          `json:"s,omitempty"`
	Output     json.RawMessage `json:"out,omitempty"`
	Error      string          `json:"err,omitempty"`
	Cause      string          `json:"cause,omitempty"`
	Was        string          `json:"was,omitempty"` // how one ended that waits to be redriven
	Redriven   int             `json:"r,omitempty"`
	RedrivenAt int64           `json:"ra,omitempty"`
	Lost       bool            `json:"lost,omitempty"`    // a redrive has passed it over
	Threads    []*Thread       `json:"threads,omitempty"` // of one that ended without success: where a redrive goes on
}

// Size returns how many items the child has.
func (c *Child) Size() int { return max(1, c.Items) }

func (run *MapRun) express() bool { return run.Type == "EXPRESS" }

// Label returns the label of the Map state, which is part of the names of its children.
func (run *MapRun) Label() string {
	_, rest, _ := strings.Cut(run.ARN, "/")
	label, _, _ := strings.Cut(rest, ":")
	return label
}

// ID returns the run's own name: a UUID.
func (run *MapRun) ID() string { return run.ARN[strings.LastIndexByte(run.ARN, ':')+1:] }

// Kin returns what the ID of a run and the names of its children have in common.
func Kin(id string) string {
	kin, _, _ := strings.Cut(id, "-")
	return kin
}

// ChildName returns the name of a child: the same whenever it is asked for.
func (run *MapRun) ChildName(index int) string {
	b := md5.Sum([]byte(run.ID() + "/" + strconv.Itoa(index))) //nolint:gosec // as above
	b[6], b[8] = b[6]&0x0f|0x30, b[8]&0x3f|0x80
	if run.Kin {
		return fmt.Sprintf("%s-%x-%x-%x-%x", Kin(run.ID()), b[4:6], b[6:8], b[8:10], b[10:16])
	}
	return fmt.Sprintf("%x-%x-%x-%x-%x", b[0:4], b[4:6], b[6:8], b[8:10], b[10:16])
}

// MachineARN returns the state machine that the children are executions of.
func (run *MapRun) MachineARN() string {
	arn := strings.Replace(run.ARN, ":mapRun:", ":stateMachine:", 1)
	return arn[:strings.LastIndexByte(arn, ':')]
}

// ChildARN returns the ARN of a child.
func (run *MapRun) ChildARN(index int) string {
	name, kind := run.ChildName(index), ":execution:"
	if run.express() {
		kind, name = ":express:", name+":"+run.ID()
	}
	return strings.Replace(run.MachineARN(), ":stateMachine:", kind, 1) + ":" + name
}

// childOf returns the distributed Map state's group that a thread belongs to, and which of its children the thread is part of.
func (x *Execution) childOf(t *Thread) (*Group, int) {
	for t.Parent != 0 {
		parent := x.Thread(t.Parent)
		if parent == nil {
			return nil, 0
		}
		if parent.Group != nil && parent.Group.Run != nil {
			return parent.Group, t.Index
		}
		t = parent
	}
	return nil, 0
}

// child returns a child. An execution that an older version began has none noted.
func (g *Group) child(index int) *Child {
	for len(g.Children) <= index {
		g.Children = append(g.Children, Child{})
	}
	return &g.Children[index]
}

// started notes that a child begins.
func (r *Turn) started(t, c *Thread) {
	g, now := t.Group, r.Now.UnixMilli()
	child := g.child(c.Index)
	if child.ID == 0 {
		r.X.LastChild++
		child.ID = r.X.LastChild
	}
	child.Input, child.Started, child.Status = c.Input, now, Running
	if g.Run.express() {
		c.End = now + maxExpress.Milliseconds()
	}
	r.event(c, 0, "ExecutionStarted", "input", string(c.Input), "inputDetails", untruncated, "roleArn", r.X.RoleARN)
}

// stopped notes that a child has ended, and writes the last event of its history.
func (r *Turn) stopped(t, c *Thread, status string, details ...any) {
	child := t.Group.child(c.Index)
	child.Stopped, child.Status = r.Now.UnixMilli(), status
	prev := c.Prev
	if c.Group != nil {
		prev = child.LastEvent
	}
	r.event(c, prev, map[string]string{Succeeded: "ExecutionSucceeded", Failed: "ExecutionFailed", TimedOut: "ExecutionTimedOut", Aborted: "ExecutionAborted"}[status], details...)
}

// childEnded ends a child that had no success. failure may be nil; kept is where a redrive goes on.
func (r *Turn) childEnded(t, c *Thread, status string, failure *asl.Failure, kept []*Thread) {
	g := t.Group
	child := g.child(c.Index)
	child.Threads = kept
	r.stopped(t, c, status, failureDetails(failure)...)
	if failure != nil {
		child.Error, child.Cause = failure.Error, failure.Cause
	}
	g.Done++
	g.Live--
	r.discard(c)
}

// failureDetails are the details of an event that something ended with a failure, which may be nil.
func failureDetails(failure *asl.Failure) []any {
	details := []any{}
	if failure != nil && failure.Cause != "" {
		details = append(details, "cause", failure.Cause)
	}
	if failure != nil && failure.Error != "" {
		details = append(details, "error", failure.Error)
	}
	return details
}

// StopChild ends a child from outside. It tells whether the child was running.
func (r *Turn) StopChild(runARN string, index int, errorName, cause string) bool {
	if r.X.Ended() {
		return false
	}
	for _, c := range r.X.Threads {
		t := r.X.Thread(c.Parent)
		if t == nil || t.Group == nil || t.Group.Run == nil || t.Group.Run.ARN != runARN || c.Index != index {
			continue
		}
		r.childEnded(t, c, Aborted, &asl.Failure{Error: errorName, Cause: cause}, r.kept(c, nil))
		r.proceed(t, r.stateOf(t))
		r.Run()
		return true
	}
	return false
}

// abort ends the children of a thread's map run that go on.
func (r *Turn) abort(t *Thread) {
	for _, c := range append([]*Thread(nil), r.X.Threads...) {
		if c.Parent == t.ID {
			r.childEnded(t, c, Aborted, nil, r.kept(c, nil))
		}
	}
	for _, i := range t.Group.Todo {
		child := t.Group.child(i)
		child.Status = child.Was
	}
	t.Group.Todo = nil
}

// known returns the children with what came of them.
func (g *Group) known() []Child {
	all := make([]Child, len(g.Children))
	for i, c := range g.Children {
		switch c.Status {
		case Succeeded:
			c.Output = g.Results[i]
		case "":
			c.Input, c.Status = g.Items[i], "PENDING"
		}
		all[i] = c
	}
	return all
}

// ChildrenOf returns the children of a map run that is not over.
func (x *Execution) ChildrenOf(arn string) []Child {
	for _, t := range x.Threads {
		if t.Group != nil && t.Group.Run != nil && t.Group.Run.ARN == arn {
			return t.Group.known()
		}
	}
	return nil
}

// count counts children and their items by what came of them.
func (run *MapRun) count(children []Child) {
	run.Executions, run.ItemCounts = Counts{}, Counts{}
	for i := range children {
		c := &children[i]
		run.Executions.add(c, 1)
		run.ItemCounts.add(c, c.Size())
	}
}

func (n *Counts) add(c *Child, by int) {
	switch c.Status {
	case Running:
		n.Running += by
	case Succeeded:
		n.Succeeded += by
	case Failed:
		n.Failed += by
	case TimedOut:
		n.TimedOut += by
	case Aborted:
		n.Aborted += by
	case PendingRedrive:
		n.PendingRedrive += by
	default:
		n.Pending += by
	}
	if c.wanting() && !c.redrivable() {
		n.NotRedrivable += by
	}
}

// exceeds tells whether too many items have failed. AWS: of two thresholds either counts, but one of zero is none; without any no item may
// fail.
func (run *MapRun) exceeds(failures, items int) bool {
	switch {
	case failures == 0:
		return false
	case run.TolCount > 0 && int64(failures) > run.TolCount:
		return true
	case run.TolPct > 0 && float64(failures)*100 > run.TolPct*float64(items):
		return true
	}
	return run.TolCount == 0 && run.TolPct == 0
}

// closeRun ends the map run of a thread's group, if it has one, and remembers it.
func (r *Turn) closeRun(t *Thread, status string) {
	if t.Group == nil || t.Group.Run == nil {
		return
	}
	r.abort(t)
	x, g, run := r.X, t.Group, t.Group.Run
	run.Status, run.Stopped, run.Children = status, r.Now.UnixMilli(), g.known()
	run.count(run.Children)
	if len(x.Runs) < 100 {
		x.Runs = append(x.Runs, run)
	}
	g.Run = nil
}

// MapRuns returns the execution's map runs, the newest last.
func (x *Execution) MapRuns() []*MapRun {
	runs := append([]*MapRun(nil), x.Runs...)
	for _, t := range x.Threads {
		if t.Group != nil && t.Group.Run != nil {
			run := *t.Group.Run
			run.count(t.Group.Children)
			runs = append(runs, &run)
		}
	}
	return runs
}

// Unlisted returns the map runs that cannot be found by their IDs yet.
func (x *Execution) Unlisted() []*MapRun {
	var runs []*MapRun
	for _, run := range x.Runs {
		if run.Kin && !run.Listed {
			runs = append(runs, run)
		}
	}
	for _, t := range x.Threads {
		if t.Group != nil && t.Group.Run != nil && t.Group.Run.Kin && !t.Group.Run.Listed {
			runs = append(runs, t.Group.Run)
		}
	}
	return runs
}

// transformed makes the result of a distributed Map state of its children, as WriterConfig says.
func (r *Turn) transformed(g *Group, how string) []any {
	list := []any{}
	for i, c := range g.known() {
		if c.Started > 0 {
			list = append(list, Transform(g.Run, i, &c, cmp.Or(how, "COMPACT"))...)
		}
	}
	return list
}

// Transform returns what a child adds to the results. AWS: of one that has failed all is told, whatever the transformation is.
func Transform(run *MapRun, index int, c *Child, how string) []any {
	if how == "" || how == "NONE" || c.Status != Succeeded {
		return []any{Show(run, index, c)}
	}
	v, err := asl.Decode(c.Output)
	if err != nil { // the machine wrote it
		v = string(c.Output)
	}
	if inner, ok := v.([]any); ok && how == "FLATTEN" {
		return inner
	}
	return []any{v}
}

// Show writes a child as ResultWriter does.
func Show(run *MapRun, index int, c *Child) *asl.Object {
	included := asl.NewObject("Included", true)
	o := asl.NewObject()
	if c.Status == Failed || c.Status == TimedOut {
		o.Set("Cause", c.Cause)
		o.Set("Error", c.Error)
	}
	o.Set("ExecutionArn", run.ChildARN(index))
	o.Set("Input", string(c.Input))
	o.Set("InputDetails", included)
	o.Set("Name", run.ChildName(index))
	if c.Status == Succeeded {
		o.Set("Output", string(c.Output))
	}
	o.Set("OutputDetails", included)
	o.Set("RedriveCount", c.Redriven)
	if c.Redriven > 0 {
		o.Set("RedriveDate", Timestamp(c.RedrivenAt))
	}
	o.Set("RedriveStatus", c.RedriveStatus())
	if reason := c.RedriveReason(); reason != "" {
		o.Set("RedriveStatusReason", reason)
	}
	if c.Started > 0 {
		o.Set("StartDate", Timestamp(c.Started))
	}
	o.Set("StateMachineArn", run.MachineARN())
	o.Set("Status", c.Status)
	if c.Stopped > 0 {
		o.Set("StopDate", Timestamp(c.Stopped))
	}
	return o
}
