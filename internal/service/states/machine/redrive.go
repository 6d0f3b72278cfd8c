package machine

import (
	"encoding/json"
	"strconv"

	"github.com/sallyport/sallyport/internal/service/states/asl"
)

// What is kept of an execution that ends without success is the threads that were under way, each at the state that it was in: those that
// failed, and those that were ended with them. A redrive lets them go on there. What had been done by then (the results of branches, of
// iterations and of child executions) stays.

// maxRedrives is how often a map run can be redriven. AWS: 1,000 times.
const maxRedrives = 1000

// kept returns a thread and all below it as they are to be kept. origin, if not nil, is the one whose own state failed with failure.
func (r *Turn) kept(top *Thread, origin *failing) []*Thread {
	list, in := []*Thread{}, map[int]bool{}
	for _, t := range r.X.Threads { // a parent stands before its children
		if t != top && !in[t.Parent] {
			continue
		}
		k := &Thread{
			ID: t.ID, Parent: t.Parent, Index: t.Index, Machine: t.Machine, InChild: t.InChild, State: t.State, Phase: Again, Input: t.Input, Vars: t.Vars,
			Item: t.Item, Entered: t.Entered, EnteredEvent: t.EnteredEvent, EnteredPrev: t.EnteredPrev, Prev: t.Prev,
		}
		list = append(list, k)
		switch g := t.Group; {
		case t.Phase == Enter, r.stateOf(t).Type == "Fail": // AWS: a Fail state is entered again
			k.Phase = Enter
		case g == nil:
		case g.Redrive != "": // it has not gone on since the last redrive
			k.Group = g
		case g.Run != nil:
			if origin == nil || origin.thread != t || resumable(origin.failure) {
				k.Group = &Group{Input: g.Input, Redrive: g.Run.ARN, Selected: g.Selected, Keys: g.Keys, Sources: g.Sources}
			}
		case origin == nil || origin.thread != t: // else all is done again
			inner := *g
			inner.Results = append([]json.RawMessage(nil), g.Results...)
			inner.Items = append([]json.RawMessage(nil), g.Items...)
			k.Phase, k.Group, in[t.ID] = Children, &inner, true
		}
	}
	return list
}

// A failing is the thread whose state failed, and what with.
type failing struct {
	thread  *Thread
	failure *asl.Failure
}

// resumable tells whether a redrive goes on with the map run that failed so. AWS: it begins a new one if the data were at fault.
func resumable(failure *asl.Failure) bool {
	switch failure.Error {
	case asl.ErrTolerated, asl.ErrItemReader, asl.ErrResultWriter:
		return true
	}
	return false
}

// fell notes where the execution that a thread is part of would go on, before what is below and beside the thread is ended.
func (r *Turn) fell(t *Thread, failure *asl.Failure) {
	if r.fallen != nil || r.Probe != nil {
		return
	}
	top := t
	for top.Parent != 0 {
		parent := r.X.Thread(top.Parent)
		if parent == nil || parent.Group != nil && parent.Group.Run != nil {
			break
		}
		top = parent
	}
	r.fallen = r.kept(top, &failing{t, failure})
}

// takeFallen returns what fell has noted.
func (r *Turn) takeFallen() []*Thread {
	kept := r.fallen
	r.fallen = nil
	return kept
}

// halt keeps, of an execution that ends without success, what is needed to take it up again.
func (r *Turn) halt() {
	x := r.X
	kept := r.takeFallen()
	if root := x.Thread(1); root != nil && kept == nil {
		kept = r.kept(root, nil)
	}
	for _, t := range append([]*Thread(nil), x.Threads...) {
		r.closeRun(t, Aborted)
	}
	x.Threads = kept
}

// Redrive marks an execution that ended without success as one that goes on. Resume lets it go on.
func (r *Turn) Redrive(clientToken string) {
	x := r.X
	x.Status, x.Stopped, x.Error, x.Cause, x.Output = Running, 0, nil, nil, nil
	x.Redriven++
	x.RedrivenAt = r.Now.UnixMilli()
	x.Resuming, x.Redriver = true, clientToken
	r.event(nil, x.LastEvent, "ExecutionRedriven", "redriveCount", json.Number(strconv.Itoa(x.Redriven)))
	if r.Def.TimeoutSeconds > 0 {
		x.Deadline = r.Now.UnixMilli() + 1000*r.Def.TimeoutSeconds
	}
}

// Resume lets a redriven execution go on where it ended. The children of its map runs must be there.
func (r *Turn) Resume() {
	x := r.X
	if x.Ended() || !x.Resuming {
		return
	}
	x.Resuming = false
	if len(x.Threads) == 0 {
		x.LastID = max(x.LastID, 1)
		x.Threads = []*Thread{{ID: 1, State: r.Def.StartAt, Input: asl.Encode(r.decode(x.Input))}}
	}
	for _, t := range x.Threads {
		t.Prev = x.LastEvent
	}
	r.Run()
}

// Resumed returns the map runs that a redrive goes on with.
func (x *Execution) Resumed() []*MapRun {
	var runs []*MapRun
	for _, t := range x.Threads {
		for _, run := range x.Runs {
			if t.Group != nil && t.Group.Redrive == run.ARN {
				runs = append(runs, run)
			}
		}
	}
	return runs
}

// takeRun takes the map run that a redrive goes on with from those that are over.
func (x *Execution) takeRun(arn string) *MapRun {
	for i, run := range x.Runs {
		if run.ARN == arn {
			x.Runs = append(x.Runs[:i:i], x.Runs[i+1:]...)
			return run
		}
	}
	return nil
}

// redriveRun goes on with the map run of a redriven thread. It has not begun if its items are still to be read; then all is as for a new one.
func (r *Turn) redriveRun(t *Thread, s *asl.State) (begun bool, failure *asl.Failure) {
	run := r.X.takeRun(t.Group.Redrive)
	if run == nil {
		t.Group = nil
		return false, nil
	}
	if run.Redriven >= maxRedrives {
		r.X.Runs = append(r.X.Runs, run)
		return true, runtimeFailure("The Map Run has reached the maximum number of redrives (%d).", maxRedrives)
	}
	run.Redriven++
	run.RedrivenAt = r.Now.UnixMilli()
	run.Status, run.Stopped, run.Written = Running, 0, false
	g := &Group{Input: t.Group.Input, Run: run, Children: run.Children, Selected: t.Group.Selected, Keys: t.Group.Keys, Sources: t.Group.Sources}
	run.Children, run.Kept = nil, ""
	t.Group = g
	r.on(t, "MapRunRedriven", "mapRunArn", run.ARN, "redriveCount", json.Number(strconv.Itoa(run.Redriven)))
	if len(g.Children) == 0 {
		return false, nil
	}
	g.setMax()
	g.Count, g.Next = len(g.Children), len(g.Children)
	g.Items, g.Results = make([]json.RawMessage, g.Count), make([]json.RawMessage, g.Count)
	for i := range g.Children {
		r.recall(g, i)
	}
	r.park(t, Children, 0)
	if run.exceeds(g.Failures, run.Items) {
		return true, r.tooMany(t, s)
	}
	if g.Done == g.Count {
		return true, r.groupDone(t, s)
	}
	return true, r.fill(t, s)
}

// recall puts a child of a redriven map run where it belongs: among the done, those to be redriven, or those that have not begun.
func (r *Turn) recall(g *Group, i int) {
	c := &g.Children[i]
	switch {
	case c.Status == Succeeded:
		g.Results[i], c.Output = c.Output, nil
		g.Done++
	case c.Status == "PENDING":
		g.Items[i], c.Input, c.Status = c.Input, nil, ""
		g.Next = min(g.Next, i)
	case g.Run.express() || c.redrivable() && r.Now.UnixMilli()-c.Stopped < RedrivePeriod:
		c.Was, c.Status = c.Status, PendingRedrive
		g.Todo = append(g.Todo, i)
	default:
		c.Lost = true
		g.Done++
		if c.Status != Aborted {
			g.Failures += c.Size()
		}
	}
}

// redriveChild lets the next child that is to be redriven go on. AWS: an express one begins anew.
func (r *Turn) redriveChild(t *Thread, s *asl.State) {
	g := t.Group
	i := g.Todo[0]
	g.Todo = g.Todo[1:]
	c := &g.Children[i]
	threads := c.Threads
	c.Threads, c.Error, c.Cause, c.Was, c.Stopped = nil, "", "", "", 0
	if g.Run.express() || len(threads) == 0 {
		thread := r.spawn(t, inner(t, s.Name), s.Processor.StartAt, c.Input)
		thread.Index = i
		if len(threads) > 0 {
			thread.Item = threads[0].Item
		}
		r.started(t, thread)
		return
	}
	c.Redriven++
	c.Status, c.RedrivenAt = Running, r.Now.UnixMilli()
	r.X.Threads = append(r.X.Threads, threads...)
	g.Live++
	prev := r.event(threads[0], c.LastEvent, "ExecutionRedriven", "redriveCount", json.Number(strconv.Itoa(c.Redriven)))
	for _, thread := range threads {
		thread.Prev = prev
	}
}

// RedrivePeriod is for how many milliseconds an execution can be redriven after its end. AWS: 14 days.
const RedrivePeriod = 14 * 24 * 3600 * 1000

// MaxRedrivable is below how many events an execution must be to be redriven. AWS: it needs room for two more.
const MaxRedrivable = maxEvents - 1

// wanting tells whether the child ended without success.
func (c *Child) wanting() bool {
	return c.Status == Failed || c.Status == Aborted || c.Status == TimedOut
}

func (c *Child) redrivable() bool { return c.LastEvent < MaxRedrivable && !c.Lost }

// RedriveStatus says whether the child would run again if its parent was redriven.
func (c *Child) RedriveStatus() string {
	if c.wanting() && c.redrivable() {
		return "REDRIVABLE_BY_MAP_RUN"
	}
	return "NOT_REDRIVABLE"
}

// RedriveReason says why it would not; empty if it would.
func (c *Child) RedriveReason() string {
	switch {
	case c.RedriveStatus() != "NOT_REDRIVABLE":
		return ""
	case !c.wanting():
		return "Execution is " + c.Status + " and cannot be redriven"
	case c.LastEvent >= MaxRedrivable:
		return "Execution history event limit exceeded"
	}
	return "Execution redrivable period exceeded"
}
