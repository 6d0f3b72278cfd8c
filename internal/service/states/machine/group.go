package machine

import (
	"encoding/json"
	"fmt"
	"math"
	"strconv"
	"strings"

	"github.com/sallyport/sallyport/internal/service/states/asl"
)

// How many iterations run at once when the definition sets no limit, or a higher one.
const (
	maxInline      = 40 // AWS's
	maxDistributed = 256
	maxItems       = 100_000_000 // AWS's
)

// parallel begins all branches.
func (r *Turn) parallel(t *Thread, s *asl.State) *asl.Failure {
	_, args, failure := r.arguments(t, s)
	if failure != nil {
		return failure
	}
	if r.Probe != nil {
		return r.probed(t, s)
	}
	r.on(t, "ParallelStateStarted")
	r.park(t, Children, 0)
	t.Group = &Group{Count: len(s.Branches), Results: make([]json.RawMessage, len(s.Branches)), Input: asl.Encode(args)}
	for i, b := range s.Branches {
		r.spawn(t, inner(t, s.Name+"\x01"+strconv.Itoa(i)), b.StartAt, t.Group.Input)
	}
	return nil
}

// spawn starts the next child of a group.
func (r *Turn) spawn(t *Thread, machine, startAt string, input json.RawMessage) *Thread {
	g := t.Group
	r.X.LastID++
	c := &Thread{ID: r.X.LastID, Parent: t.ID, Index: g.Next, Machine: machine, Silent: t.Silent || g.Run != nil, State: startAt, Input: input, Prev: t.Prev}
	g.Next++
	g.Live++
	r.X.Threads = append(r.X.Threads, c)
	return c
}

// mapState begins a Map state.
func (r *Turn) mapState(t *Thread, s *asl.State) *asl.Failure {
	input, failure := r.input(t, s)
	if failure != nil {
		return failure
	}
	env := r.env(t, input)
	items := []any{}
	if s.Reader == nil {
		if items, failure = itemsOf(env, s, input); failure != nil {
			return failure
		}
	}
	g := &Group{Input: asl.Encode(input)}
	most, failure := limit(env, &s.MaxConcurrency, "integer")
	if failure != nil {
		return failure
	}
	r.on(t, "MapStateStarted", "length", json.Number(strconv.Itoa(len(items))))
	if failure = limits(env, s, g, most); failure != nil {
		return failure
	}
	if r.Probe != nil && s.ItemsPath != nil {
		r.see("afterItemsPath", items)
	}
	if r.Probe != nil {
		return r.probedMap(t, s, g, items, most)
	}
	r.park(t, Children, 0)
	t.Group = g
	for _, v := range items {
		g.Items = append(g.Items, asl.Encode(v))
	}
	if !s.Processor.Distributed {
		return r.begin(t, s)
	}
	r.mapRun(t, s)
	if s.Reader == nil {
		return r.begin(t, s)
	}
	args := any(asl.NewObject())
	if s.Reader.Args != nil {
		if args, failure = s.Reader.Args.Eval(env); failure != nil {
			return failure
		}
	}
	if most, failure = limit(env, &s.Reader.MaxItems, "integer"); failure != nil {
		return failure
	}
	if most < 0 || most > maxItems {
		return runtimeFailure("field MaxItems must be positive") // it is no failure of the reader
	}
	g.MaxItems = int(most)
	t.Task = &Task{Resource: s.Reader.Resource, Input: asl.Encode(args), RequestID: r.UUID()}
	r.park(t, Reading, 0)
	return nil
}

// mapRun gives a distributed Map state its name.
func (r *Turn) mapRun(t *Thread, s *asl.State) {
	label := s.Label
	if label == "" {
		label = r.UUID()
	}
	run := t.Group.Run
	run.ARN = arnOf(r.X, "mapRun") + "/" + label + ":" + r.UUID()
	run.Started, run.Status, run.Type = r.Now.UnixMilli(), Running, s.Processor.ExecutionType
	r.on(t, "MapRunStarted", "mapRunArn", run.ARN)
}

// arnOf makes an ARN beside that of the execution's machine: …:kind:name.
func arnOf(x *Execution, kind string) string {
	base := x.MachineARN
	for i, colons := 0, 0; i < len(base); i++ {
		if base[i] == ':' {
			if colons++; colons == 5 {
				return base[:i+1] + kind + ":" + x.MachineName
			}
		}
	}
	return base
}

// itemsOf returns what a Map state iterates over.
func itemsOf(env *asl.Env, s *asl.State, input any) ([]any, *asl.Failure) {
	v, where := input, "$"
	switch {
	case s.ItemsPath != nil:
		var failure *asl.Failure
		if v, failure = s.ItemsPath.Lookup(env); failure != nil {
			return nil, failure
		}
		where = "$" + strings.TrimLeft(s.ItemsPath.String(), "$")
	case s.Items != nil:
		var failure *asl.Failure
		if v, failure = s.Items.Eval(env); failure != nil {
			return nil, failure
		}
	}
	list, ok := v.([]any)
	switch {
	case ok:
		return list, nil
	case s.Items != nil && s.Items.Query() != nil:
		return nil, s.Items.Query().NotA("Items", "array", v)
	case s.JSONata:
		return nil, &asl.Failure{Error: asl.ErrQuery, Location: asl.NoLocation, Cause: "Map state input must be an array but was: " + string(asl.Encode(v))}
	}
	return nil, runtimeFailure("Reference path \"%s\" must point to array.", where)
}

// limits evaluates the numbers of a Map state. AWS: it does so after the event that the state started.
func limits(env *asl.Env, s *asl.State, g *Group, most float64) *asl.Failure {
	count, failure := limit(env, &s.ToleratedCount, "integer")
	if failure != nil {
		return failure
	}
	percentage, failure := limit(env, &s.ToleratedPercentage, "float")
	if failure != nil {
		return failure
	}
	if s.ToleratedPercentage.Given && (percentage < 0 || percentage > 100) {
		return runtimeFailure("ToleratedFailurePercentage must be between 0 and 100.")
	}
	g.Max = maxInline
	if s.Processor.Distributed {
		g.Run = &MapRun{
			Max: int(most), TolCount: int64(count), TolPct: percentage, HasCount: s.ToleratedCount.Given, HasPct: s.ToleratedPercentage.Given,
		}
		g.Max = maxDistributed
	}
	if most > 0 {
		g.Max = min(g.Max, int(most))
	}
	return nil
}

// limit evaluates one number; zero if it is not given.
func limit(env *asl.Env, f *asl.Field, kind string) (float64, *asl.Failure) {
	if !f.Given {
		return 0, nil
	}
	v, found, failure := f.Value(env)
	if failure != nil {
		return 0, failure
	}
	if !found {
		_, failure := f.Expr.Lookup(env)
		return 0, failure
	}
	n, ok := v.(json.Number)
	if digits, isText := v.(string); isText && f.Query == nil { // AWS: text that is a number counts
		n, ok = json.Number(digits), true
	}
	x, err := n.Float64()
	whole := kind == "float" || x == math.Trunc(x)
	switch {
	case ok && err == nil && whole:
		return x, nil
	case f.Query != nil:
		return 0, f.Query.NotA(f.Name, "number", v)
	}
	return 0, runtimeFailure("The %s field refers to value \"%s\" which is not a valid %s: %s", f.Name, text(v), kind, f.Expr)
}

// begin starts the iterations.
func (r *Turn) begin(t *Thread, s *asl.State) *asl.Failure {
	g := t.Group
	if g.Run != nil {
		g.Run.Items, g.Children = len(g.Items), make([]Child, len(g.Items))
	}
	if s.Batcher != nil {
		if failure := r.batch(t, s); failure != nil {
			return failure
		}
	}
	g.Count = len(g.Items)
	g.Results = make([]json.RawMessage, g.Count)
	if g.Run != nil {
		g.Run.Total, g.Children = g.Count, g.Children[:g.Count]
	}
	if g.Count == 0 {
		return r.groupDone(t, s)
	}
	return r.fill(t, s)
}

// fill starts as many iterations as may run at once.
func (r *Turn) fill(t *Thread, s *asl.State) *asl.Failure {
	g := t.Group
	for g.Next < g.Count && g.Live < g.Max {
		index := g.Next
		c := r.spawn(t, inner(t, s.Name), s.Processor.StartAt, g.Items[index])
		c.Item = g.Items[index]
		if s.ItemSelector != nil {
			env := r.env(t, r.decode(g.Input))
			env.Context = env.Context.Clone()
			env.Context.Set("Map", asl.NewObject("Item", asl.NewObject("Index", json.Number(strconv.Itoa(index)), "Value", r.decode(c.Item))))
			v, failure := s.ItemSelector.Eval(env)
			if failure != nil {
				return failure
			}
			c.Input = asl.Encode(v)
		}
		g.started(index, c.Input, r.Now.UnixMilli())
		if g.Run == nil {
			r.on(c, "MapIterationStarted", "index", json.Number(strconv.Itoa(index)), "name", s.Name)
		}
	}
	return nil
}

// batch puts items together.
func (r *Turn) batch(t *Thread, s *asl.State) *asl.Failure {
	g, env := t.Group, r.env(t, r.decode(t.Group.Input))
	most, failure := limit(env, &s.Batcher.MaxItems, "integer")
	if failure != nil {
		return failure
	}
	size, failure := limit(env, &s.Batcher.MaxBytes, "integer")
	if failure != nil {
		return failure
	}
	var with any
	if s.Batcher.Input != nil {
		if with, failure = s.Batcher.Input.Eval(env); failure != nil {
			return failure
		}
	}
	var batches []json.RawMessage
	for i := 0; i < len(g.Items); {
		var list []any
		bytes := 0
		for ; i < len(g.Items); i++ {
			if len(list) > 0 && (most > 0 && len(list) >= int(most) || size > 0 && bytes+len(g.Items[i]) > int(size)) {
				break
			}
			bytes += len(g.Items[i])
			list = append(list, json.RawMessage(g.Items[i]))
		}
		b := asl.NewObject()
		if with != nil {
			b.Set("BatchInput", with)
		}
		b.Set("Items", list)
		if g.Run != nil {
			g.Children[len(batches)].Items = len(list)
		}
		batches = append(batches, asl.Encode(b))
	}
	g.Items = batches
	return nil
}

// childSucceeded ends a branch or iteration.
func (r *Turn) childSucceeded(c *Thread, out json.RawMessage) {
	t := r.X.Thread(c.Parent)
	s, g := r.stateOf(t), t.Group
	g.Results[c.Index] = out
	g.Live--
	g.Done++
	g.LastEvent = c.Prev
	t.Prev = max(t.Prev, c.Prev)
	if s.Type == "Map" {
		t.Prev = c.Prev
		if g.Run != nil {
			g.stopped(c.Index, Succeeded, r.Now.UnixMilli())
		} else if !c.Silent {
			g.LastEvent = r.event(c.Prev, "MapIterationSucceeded", "index", json.Number(strconv.Itoa(c.Index)), "name", s.Name)
		}
		g.Items[c.Index] = nil
	}
	r.drop(c)
	r.proceed(t, s)
}

// proceed starts further iterations, or ends the group.
func (r *Turn) proceed(t *Thread, s *asl.State) {
	g := t.Group
	var failure *asl.Failure
	switch {
	case g.Done == g.Count:
		failure = r.groupDone(t, s)
	case s.Type == "Map":
		failure = r.fill(t, s)
	}
	if failure != nil {
		r.failed(t, s, failure)
	}
}

// childFailed ends a branch or iteration, and mostly all others with it.
func (r *Turn) childFailed(c *Thread, failure *asl.Failure) {
	t := r.X.Thread(c.Parent)
	s, g := r.stateOf(t), t.Group
	if s.Type == "Parallel" {
		r.aborted(c)
		t.Prev = max(t.Prev, c.Prev)
		r.drop(c)
		r.dropChildren(t)
		r.failed(t, s, failure)
		return
	}
	if g.Run == nil {
		if !c.Silent {
			r.event(c.Prev, "MapIterationFailed", "index", json.Number(strconv.Itoa(c.Index)), "name", s.Name)
		}
		t.Prev = c.Prev
		r.drop(c)
		for _, other := range append([]*Thread(nil), r.X.Threads...) {
			if other.Parent == t.ID && !other.Silent {
				r.event(other.Prev, "MapIterationAborted", "index", json.Number(strconv.Itoa(other.Index)), "name", s.Name)
			}
		}
		r.dropChildren(t)
		r.failed(t, s, failure)
		return
	}
	g.stopped(c.Index, Failed, r.Now.UnixMilli())
	g.Failures += g.child(c.Index).Size()
	g.Done++
	g.Live--
	if g.ItemErrs == nil {
		g.ItemErrs = map[int][2]string{}
	}
	g.ItemErrs[c.Index] = [2]string{failure.Error, failure.Cause}
	r.drop(c)
	if g.Run.exceeds(g.Failures, g.Run.Items) {
		r.dropChildren(t)
		g.Live = 0
		g.abort(r.Now.UnixMilli())
		g.Exceeded = true
		if failure := r.exceeded(t, s); failure != nil {
			r.failed(t, s, failure)
		}
		return
	}
	r.proceed(t, s)
}

// exceeded ends a distributed Map state of which too many items have failed. AWS: ResultWriter tells of them, too.
func (r *Turn) exceeded(t *Thread, s *asl.State) *asl.Failure {
	if writing, failure := r.write(t, s); writing || failure != nil {
		return failure
	}
	failure := &asl.Failure{Error: asl.ErrTolerated, Bare: true, Cause: "The specified tolerated failure threshold was exceeded"}
	r.on(t, "MapRunFailed", "cause", failure.Cause, "error", failure.Error)
	return failure
}

// write begins to write the results of a distributed Map state, if it has a place for them and has not written them.
func (r *Turn) write(t *Thread, s *asl.State) (writing bool, failure *asl.Failure) {
	g := t.Group
	if s.Writer == nil || s.Writer.Resource == "" || g.Run == nil || g.Writing {
		return false, nil
	}
	args, failure := r.writerArgs(t, s)
	if failure != nil {
		return false, failure
	}
	t.Task = &Task{Resource: s.Writer.Resource, Input: args, RequestID: r.UUID()}
	g.Writing = true
	r.park(t, Reading, 0)
	return true, nil
}

// aborted writes that the state a thread is in ends with the thread.
func (r *Turn) aborted(c *Thread) {
	switch s := r.stateOf(c); s.Type {
	case "Task", "Wait", "Parallel", "Map":
		if !c.Silent {
			r.event(c.Prev, s.Type+"StateAborted")
		}
	}
}

// groupFailedEvent writes that a Parallel or Map state failed for good.
func (r *Turn) groupFailedEvent(t *Thread, s *asl.State) {
	r.closeRun(t, Failed)
	t.Group = nil
	if t.Silent {
		return
	}
	switch s.Type {
	case "Parallel":
		t.Prev = r.event(t.Prev, "ParallelStateFailed")
	case "Map":
		t.Prev = r.event(t.Prev, "MapStateFailed")
	}
}

// groupDone ends a Parallel or Map state with its results.
func (r *Turn) groupDone(t *Thread, s *asl.State) *asl.Failure {
	g := t.Group
	if writing, failure := r.write(t, s); writing || failure != nil {
		return failure
	}
	if s.Writer != nil && g.Run != nil {
		return r.groupSucceeded(t, s, r.transformed(g, s.Writer.Transformation))
	}
	list := make([]any, 0, len(g.Results))
	for i, text := range g.Results {
		if _, failed := g.ItemErrs[i]; !failed {
			list = append(list, r.decode(text))
		}
	}
	return r.groupSucceeded(t, s, list)
}

func (r *Turn) groupSucceeded(t *Thread, s *asl.State, result any) *asl.Failure {
	g := t.Group
	distributed := g.Run != nil
	if distributed {
		r.closeRun(t, Succeeded)
		r.on(t, "MapRunSucceeded")
	}
	if !t.Silent {
		if s.Type == "Parallel" {
			r.event(t.Prev, "ParallelStateSucceeded")
		} else {
			if !distributed && g.LastEvent > 0 {
				t.Prev = g.LastEvent
			}
			r.event(t.Prev, "MapStateSucceeded")
		}
	}
	t.Phase = Children
	return r.succeeded(t, s, result, true)
}

func (r *Turn) writerArgs(t *Thread, s *asl.State) (json.RawMessage, *asl.Failure) {
	if s.Writer.Args == nil {
		return []byte("{}"), nil
	}
	v, failure := s.Writer.Args.Eval(r.env(t, r.decode(t.Group.Input)))
	if failure != nil {
		return nil, failure
	}
	return asl.Encode(v), nil
}

// read takes what was outside: the items of a distributed Map state, or the place where its results now are.
func (r *Turn) read(t *Thread, res Result) {
	s, g := r.stateOf(t), t.Group
	if res.Failure != nil {
		res.Failure.Bare = true
		r.on(t, "MapRunFailed", "cause", res.Failure.Cause, "error", res.Failure.Error)
		r.failed(t, s, res.Failure)
		return
	}
	var failure *asl.Failure
	switch {
	case !g.Writing:
		g.Items = res.Items
		t.Phase, t.Task = Children, nil
		failure = r.begin(t, s)
	case g.Exceeded:
		g.Run.Written = true
		failure = r.exceeded(t, s)
	default:
		g.Run.Written = true
		failure = r.groupSucceeded(t, s, r.decode(res.Output))
	}
	if failure != nil {
		r.failed(t, s, failure)
	}
}

// MapRuns returns the execution's map runs, the newest last.
func (x *Execution) MapRuns() []*MapRun {
	runs := append([]*MapRun(nil), x.Runs...)
	for _, t := range x.Threads {
		if t.Group != nil && t.Group.Run != nil {
			run := *t.Group.Run
			run.Running = t.Group.Live
			for i := range t.Group.Children {
				if c := &t.Group.Children[i]; c.Status == Running {
					run.ItemsRunning += c.Size()
				}
			}
			runs = append(runs, &run)
		}
	}
	return runs
}

// String shows where an execution is, for tests and logs.
func (x *Execution) String() string {
	return fmt.Sprintf("%s %s, %d threads, %d events", x.ARN, x.Status, len(x.Threads), x.LastEvent)
}

// UpdateMapRun changes the limits of a map run that is not over. What is nil stays.
func (x *Execution) UpdateMapRun(arn string, most, count *int64, percentage *float64) {
	for _, t := range x.Threads {
		if t.Group == nil || t.Group.Run == nil || t.Group.Run.ARN != arn {
			continue
		}
		g, run := t.Group, t.Group.Run
		if most != nil {
			run.Max, g.Max = int(*most), maxDistributed
			if *most > 0 {
				g.Max = min(g.Max, int(*most))
			}
		}
		if count != nil {
			run.TolCount, run.HasCount = *count, true
		}
		if percentage != nil {
			run.TolPct, run.HasPct = *percentage, true
		}
	}
}
