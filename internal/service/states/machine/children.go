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

// A Child is an iteration of a distributed Map state, as the execution that it is known as. While it goes on it is a thread.
type Child struct {
	Input   json.RawMessage `json:"in,omitempty"`
	Items   int             `json:"n,omitempty"` // that a batch has; zero is one
	Started int64           `json:"b,omitempty"` // zero: it has not begun
	Stopped int64           `json:"e,omitempty"`
	Status  string          `json:"s,omitempty"`
	Output  json.RawMessage `json:"out,omitempty"`
	Error   string          `json:"err,omitempty"`
	Cause   string          `json:"cause,omitempty"`
}

// Size returns how many items the child has.
func (c *Child) Size() int { return max(1, c.Items) }

// Label returns the label of the Map state, which is part of the names of its children.
func (run *MapRun) Label() string {
	_, rest, _ := strings.Cut(run.ARN, "/")
	label, _, _ := strings.Cut(rest, ":")
	return label
}

// ID returns the run's own name: a UUID.
func (run *MapRun) ID() string { return run.ARN[strings.LastIndexByte(run.ARN, ':')+1:] }

// ChildName returns the name of a child: the same whenever it is asked for.
func (run *MapRun) ChildName(index int) string {
	b := md5.Sum([]byte(run.ID() + "/" + strconv.Itoa(index))) //nolint:gosec // as above
	b[6], b[8] = b[6]&0x0f|0x30, b[8]&0x3f|0x80
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
	if run.Type == "EXPRESS" {
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
func (g *Group) started(index int, input json.RawMessage, now int64) {
	if g.Run == nil {
		return
	}
	c := g.child(index)
	c.Input, c.Started, c.Status = input, now, Running
}

// stopped notes how a child ended, and counts it and its items.
func (g *Group) stopped(index int, status string, now int64) {
	c := g.child(index)
	c.Stopped, c.Status = now, status
	switch status {
	case Succeeded:
		g.Run.Succeeded++
		g.Run.ItemsSucceeded += c.Size()
	case Failed:
		g.Run.Failed++
		g.Run.ItemsFailed += c.Size()
	default:
		g.Run.Aborted++
		g.Run.ItemsAborted += c.Size()
	}
}

// abort notes that the children that go on are given up.
func (g *Group) abort(now int64) {
	for i := range g.Children {
		if c := &g.Children[i]; c.Started > 0 && c.Stopped == 0 {
			g.stopped(i, Aborted, now)
		}
	}
}

// known returns the children with what came of them.
func (g *Group) known() []Child {
	all := make([]Child, len(g.Children))
	for i, c := range g.Children {
		switch c.Status {
		case Succeeded:
			c.Output = g.Results[i]
		case Failed:
			c.Error, c.Cause = g.ItemErrs[i][0], g.ItemErrs[i][1]
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

// exceeds tells whether too many items have failed. AWS: of two thresholds either counts; without any no item may fail.
func (run *MapRun) exceeds(failures, items int) bool {
	switch {
	case failures == 0:
		return false
	case run.HasCount && int64(failures) > run.TolCount:
		return true
	case run.HasPct && float64(failures)*100 > run.TolPct*float64(items):
		return true
	}
	return !run.HasCount && !run.HasPct
}

// closeRun ends the map run of a thread's group, if it has one, and remembers it.
func (r *Turn) closeRun(t *Thread, status string) {
	if t.Group != nil && t.Group.Run != nil {
		r.X.closeRun(t.Group, status, r.Now.UnixMilli())
	}
}

func (x *Execution) closeRun(g *Group, status string, now int64) {
	g.abort(now)
	g.Run.Status, g.Run.Stopped, g.Run.Children = status, now, g.known()
	if len(x.Runs) < 100 {
		x.Runs = append(x.Runs, g.Run)
	}
	g.Run = nil
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
	if c.Status == Failed {
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
	o.Set("RedriveCount", 0)
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

// RedriveStatus says whether the child would run again if its parent was redriven.
func (c *Child) RedriveStatus() string {
	if c.Status == Failed || c.Status == Aborted || c.Status == TimedOut {
		return "REDRIVABLE_BY_MAP_RUN"
	}
	return "NOT_REDRIVABLE"
}

// RedriveReason says why it would not; empty if it would.
func (c *Child) RedriveReason() string {
	if c.RedriveStatus() == "NOT_REDRIVABLE" {
		return "Execution is " + c.Status + " and cannot be redriven"
	}
	return ""
}
