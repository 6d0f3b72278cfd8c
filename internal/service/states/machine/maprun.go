package machine

import (
	"encoding/json"

	"github.com/sallyport/sallyport/internal/service/states/asl"
)

// mapRun gives a distributed Map state its name.
func (r *Turn) mapRun(t *Thread, s *asl.State) {
	label := s.Label
	if label == "" {
		label = r.UUID()
	}
	run := t.Group.Run
	run.ARN = arnOf(r.X, "mapRun") + "/" + label + ":" + r.UUID()
	run.Kin = true
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
	if s.Processor.Distributed {
		g.Run = &MapRun{Max: int(most), TolCount: int64(count), TolPct: percentage}
		g.setMax()
	} else if g.Max = maxInline; most > 0 {
		g.Max = min(g.Max, int(most))
	}
	return nil
}

// setMax sets how many children of a map run run at once.
func (g *Group) setMax() {
	if g.Max = maxDistributed; g.Run.Max > 0 {
		g.Max = min(g.Max, g.Run.Max)
	}
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
	for i := range g.Items { // AWS: first they are selected
		if g.Items[i], failure = r.selected(t, s, i); failure != nil {
			return failure
		}
	}
	g.Selected = true
	if size == 0 || size > maxPayload { // AWS: it is what an execution's input may have
		size = maxPayload
	}
	frame := asl.NewObject()
	if with != nil {
		frame.Set("BatchInput", with)
	}
	frame.Set("Items", []any{})
	around := len(asl.Encode(frame))
	var batches []json.RawMessage
	for i := 0; i < len(g.Items); {
		var list []any
		bytes := around
		for ; i < len(g.Items); i++ {
			more := len(g.Items[i]) + min(len(list), 1) // and a comma
			if len(list) > 0 && (most > 0 && len(list) >= int(most) || bytes+more > int(size)) {
				break
			}
			bytes += more
			list = append(list, json.RawMessage(g.Items[i]))
		}
		b := frame.Clone()
		b.Set("Items", list)
		if g.Run != nil {
			g.Children[len(batches)].Items = len(list)
		}
		batches = append(batches, asl.Encode(b))
	}
	g.Items = batches
	return nil
}

// childTimedOut ends an express child execution that has taken too long.
func (r *Turn) childTimedOut(c *Thread) {
	r.childWanting(r.X.Thread(c.Parent), c, TimedOut, &asl.Failure{Error: asl.ErrTimeout})
}

// childWanting ends a child execution without success, and perhaps the map run with it.
func (r *Turn) childWanting(t, c *Thread, status string, failure *asl.Failure) {
	s, g := r.stateOf(t), t.Group
	kept := r.takeFallen()
	if kept == nil {
		kept = r.kept(c, nil)
	}
	g.Failures += g.child(c.Index).Size()
	r.childEnded(t, c, status, failure, kept)
	if !g.Run.exceeds(g.Failures, g.Run.Items) {
		r.proceed(t, s)
		return
	}
	if failure := r.tooMany(t, s); failure != nil {
		r.failed(t, s, failure)
	}
}

// tooMany ends a map run of which too many items have failed.
func (r *Turn) tooMany(t *Thread, s *asl.State) *asl.Failure {
	r.abort(t)
	t.Group.Exceeded = true
	return r.exceeded(t, s)
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
		g.Items, g.Keys, g.Sources = res.Items, res.Keys, res.Sources
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

// UpdateMapRun changes the limits of a map run that is not over. What is nil stays.
func (x *Execution) UpdateMapRun(arn string, most, count *int64, percentage *float64) {
	for _, t := range x.Threads {
		if t.Group == nil || t.Group.Run == nil || t.Group.Run.ARN != arn {
			continue
		}
		g, run := t.Group, t.Group.Run
		if most != nil {
			run.Max = int(*most)
			g.setMax()
		}
		if count != nil {
			run.TolCount = *count
		}
		if percentage != nil {
			run.TolPct = *percentage
		}
	}
}
