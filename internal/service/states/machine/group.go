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
		t.Group.Next++
	}
	return nil
}

// spawn starts the next child of a group.
func (r *Turn) spawn(t *Thread, machine, startAt string, input json.RawMessage) *Thread {
	g := t.Group
	r.X.LastID++
	c := &Thread{ID: r.X.LastID, Parent: t.ID, Index: g.Next, Machine: machine, InChild: t.InChild || g.Run != nil, State: startAt, Input: input}
	if g.Run == nil {
		c.Prev = t.Prev
	}
	g.Live++
	r.X.Threads = append(r.X.Threads, c)
	return c
}

// mapState begins a Map state.
func (r *Turn) mapState(t *Thread, s *asl.State) *asl.Failure {
	if t.Group != nil && t.Group.Redrive != "" {
		if begun, failure := r.redriveRun(t, s); begun || failure != nil {
			return failure
		}
	}
	var redriven *MapRun
	if t.Group != nil {
		redriven = t.Group.Run
	}
	input, failure := r.input(t, s)
	if failure != nil {
		return failure
	}
	env := r.env(t, input)
	items, g := []any{}, &Group{Input: asl.Encode(input)}
	if s.Reader == nil {
		if items, g.Keys, failure = itemsOf(env, s, input); failure != nil {
			return failure
		}
	}
	most, failure := limit(env, &s.MaxConcurrency, "integer")
	if failure != nil {
		return failure
	}
	if redriven == nil {
		r.on(t, "MapStateStarted", "length", json.Number(strconv.Itoa(len(items))))
	}
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
	if redriven != nil {
		g.Run = redriven
		g.setMax()
	} else {
		r.mapRun(t, s)
	}
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

// itemContext is the context's Map.Item of an iteration, as ItemSelector sees it.
func (r *Turn) itemContext(g *Group, index int) *asl.Object {
	value := r.decode(g.Items[index])
	o := asl.NewObject("Index", json.Number(strconv.Itoa(index)))
	if index < len(g.Keys) {
		o.Set("Key", g.Keys[index])
		value, _ = value.(*asl.Object).Get("Value")
	}
	o.Set("Value", value)
	if g.Run == nil {
		return o
	}
	source := "STATE_DATA"
	for _, from := range g.Sources {
		if from.From <= index {
			source = from.URI
		}
	}
	o.Set("Source", source)
	return o
}

// Pairs makes items of an object's members.
func Pairs(o *asl.Object) (items []any, keys []string) {
	items, keys = make([]any, 0, o.Len()), make([]string, 0, o.Len())
	for _, m := range o.Members {
		items, keys = append(items, asl.NewObject("Key", m.Name, "Value", m.Value)), append(keys, m.Name)
	}
	return items, keys
}

// itemsOf returns what a Map state iterates over. AWS: a distributed one takes the members of an object, too.
func itemsOf(env *asl.Env, s *asl.State, input any) ([]any, []string, *asl.Failure) {
	v, where := input, "$"
	switch {
	case s.ItemsPath != nil:
		var failure *asl.Failure
		if v, failure = s.ItemsPath.Lookup(env); failure != nil {
			return nil, nil, failure
		}
		where = "$" + strings.TrimLeft(s.ItemsPath.String(), "$")
	case s.Items != nil:
		var failure *asl.Failure
		if v, failure = s.Items.Eval(env); failure != nil {
			return nil, nil, failure
		}
	}
	list, ok := v.([]any)
	o, isObject := v.(*asl.Object)
	switch {
	case ok:
		return list, nil, nil
	case isObject && s.Processor.Distributed:
		items, keys := Pairs(o)
		return items, keys, nil
	case s.Items != nil && s.Items.Query() != nil:
		return nil, nil, s.Items.Query().NotA("Items", "array", v)
	case s.JSONata:
		return nil, nil, &asl.Failure{Error: asl.ErrQuery, Location: asl.NoLocation, Cause: "Map state input must be an array but was: " + string(asl.Encode(v))}
	}
	return nil, nil, runtimeFailure("Reference path \"%s\" must point to array.", where)
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
	for g.Live < g.Max && len(g.Todo) > 0 {
		r.redriveChild(t, s)
	}
	for g.Live < g.Max && g.Next < g.Count {
		index := g.Next
		input, failure := r.selected(t, s, index)
		if failure != nil {
			return failure
		}
		c := r.spawn(t, inner(t, s.Name), s.Processor.StartAt, input)
		c.Item = g.Items[index]
		g.Next++
		if g.Run == nil {
			r.on(c, "MapIterationStarted", "index", json.Number(strconv.Itoa(index)), "name", s.Name)
		} else {
			r.started(t, c)
		}
	}
	return nil
}

// selected returns the input of an iteration.
func (r *Turn) selected(t *Thread, s *asl.State, index int) (json.RawMessage, *asl.Failure) {
	g := t.Group
	if s.ItemSelector == nil || g.Selected {
		return g.Items[index], nil
	}
	env := r.env(t, r.decode(g.Input))
	env.Context = env.Context.Clone()
	env.Context.Set("Map", asl.NewObject("Item", r.itemContext(g, index)))
	v, failure := s.ItemSelector.Eval(env)
	if failure != nil {
		return nil, failure
	}
	return asl.Encode(v), nil
}

// childSucceeded ends a branch or iteration.
func (r *Turn) childSucceeded(c *Thread, out json.RawMessage) {
	t := r.X.Thread(c.Parent)
	s, g := r.stateOf(t), t.Group
	g.Results[c.Index] = out
	g.Live--
	g.Done++
	if g.Run == nil {
		g.LastEvent = c.Prev
		t.Prev = max(t.Prev, c.Prev)
	}
	if s.Type == "Map" {
		if g.Run != nil {
			r.stopped(t, c, Succeeded, "output", string(out), "outputDetails", untruncated)
		} else {
			t.Prev = c.Prev
			g.LastEvent = r.event(c, c.Prev, "MapIterationSucceeded", "index", json.Number(strconv.Itoa(c.Index)), "name", s.Name)
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
		r.dropChildrenOf(t)
		r.failed(t, s, failure)
		return
	}
	if g.Run != nil {
		r.childWanting(t, c, Failed, failure)
		return
	}
	r.event(c, c.Prev, "MapIterationFailed", "index", json.Number(strconv.Itoa(c.Index)), "name", s.Name)
	t.Prev = c.Prev
	r.drop(c)
	for _, other := range append([]*Thread(nil), r.X.Threads...) {
		if other.Parent == t.ID {
			r.event(other, other.Prev, "MapIterationAborted", "index", json.Number(strconv.Itoa(other.Index)), "name", s.Name)
		}
	}
	r.dropChildrenOf(t)
	r.failed(t, s, failure)
}

// aborted writes that the state a thread is in ends with the thread.
func (r *Turn) aborted(c *Thread) {
	switch s := r.stateOf(c); s.Type {
	case "Task", "Wait", "Parallel", "Map":
		r.event(c, c.Prev, s.Type+"StateAborted")
	}
}

// groupFailedEvent writes that a Parallel or Map state failed for good.
func (r *Turn) groupFailedEvent(t *Thread, s *asl.State) {
	r.closeRun(t, Failed)
	t.Group = nil
	r.on(t, s.Type+"StateFailed")
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
		if g.Run == nil || g.Children[i].Status == Succeeded {
			list = append(list, r.decode(text))
		} else if c := g.Children[i]; c.Started > 0 { // AWS: all is told of one that has failed
			list = append(list, Show(g.Run, i, &c))
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
	if s.Type == "Map" && !distributed && g.LastEvent > 0 {
		t.Prev = g.LastEvent
	}
	r.event(t, t.Prev, s.Type+"StateSucceeded")
	t.Phase = Children
	return r.succeeded(t, s, result, true)
}

// String shows where an execution is, for tests and logs.
func (x *Execution) String() string {
	return fmt.Sprintf("%s %s, %d threads, %d events", x.ARN, x.Status, len(x.Threads), x.LastEvent)
}
