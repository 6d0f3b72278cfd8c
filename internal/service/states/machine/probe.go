package machine

import (
	"encoding/json"
	"strconv"

	"github.com/sallyport/sallyport/internal/service/states/asl"
)

// A Probe watches one state, after which the execution ends. It is for TestState.
type Probe struct {
	// Result stands for what a Parallel or Map state would have worked out; nil if it is not given.
	Result json.RawMessage
	// Failure stands for what a Parallel or Map state would have failed with.
	Failure *asl.Failure
	// Items stand for what a distributed Map state would have read, with Keys if they are an object's members; nil if they are not given.
	Items []json.RawMessage
	Keys  []string
	// Failures says how many of a Map state's iterations failed.
	Failures int
	// Retries says how often each retrier has been used.
	Retries int

	// Seen gets what the state's data are after each step: "afterInputPath", "result", …
	Seen func(step string, v any)

	Status  string // SUCCEEDED, FAILED, RETRIABLE, CAUGHT_ERROR
	Next    string
	Output  json.RawMessage
	Failed  *asl.Failure
	Details *asl.Object // errorDetails
}

// see tells the probe what the data are after a step.
func (r *Turn) see(step string, v any) {
	if r.Probe != nil && r.Probe.Seen != nil {
		r.Probe.Seen(step, v)
	}
}

// end ends the probed execution.
func (p *Probe) end(r *Turn, status string) {
	if p.Status == "" {
		p.Status = status
	}
	r.X.Status, r.X.Threads = Succeeded, nil
}

// probed gives a Parallel or Map state the result that it was told to have.
func (r *Turn) probed(t *Thread, s *asl.State) *asl.Failure {
	p := r.Probe
	if p.Failure != nil {
		f := *p.Failure
		f.Bare = true
		return &f
	}
	return r.succeeded(t, s, r.decode(p.Result), true)
}

// probedMap is probed for a Map state, of which some iterations may have failed.
func (r *Turn) probedMap(t *Thread, s *asl.State, g *Group, items []any, most float64) *asl.Failure {
	if r.Probe.Items != nil {
		g.Items, g.Keys = r.Probe.Items, r.Probe.Keys
	} else {
		for _, v := range items {
			g.Items = append(g.Items, asl.Encode(v))
		}
	}
	if failure := r.probeItems(t, s, g); failure != nil {
		return failure
	}
	r.see("maxConcurrency", json.Number(strconv.Itoa(int(most))))
	if s.ToleratedCount.Given {
		r.see("toleratedFailureCount", json.Number(strconv.FormatInt(g.Run.TolCount, 10)))
	}
	if s.ToleratedPercentage.Given {
		r.see("toleratedFailurePercentage", json.Number(strconv.FormatFloat(g.Run.TolPct, 'f', -1, 64)))
	}
	tolerated := s.ToleratedCount.Given || s.ToleratedPercentage.Given
	if r.Probe.Failure == nil && tolerated && g.Run.exceeds(r.Probe.Failures, len(g.Items)) {
		return &asl.Failure{Error: asl.ErrTolerated, Bare: true, Cause: "The specified tolerated failure threshold was exceeded"}
	}
	return r.probed(t, s)
}

// probeItems shows what becomes of a Map state's items before they are iterated over.
func (r *Turn) probeItems(t *Thread, s *asl.State, g *Group) (failure *asl.Failure) {
	list := func(items []json.RawMessage) []any {
		all := make([]any, len(items))
		for i := range items {
			all[i] = items[i]
		}
		return all
	}
	if s.Reader != nil && s.Reader.Pointer != "" {
		r.see("afterItemsPointer", list(g.Items))
	}
	t.Group = g
	defer func() { t.Group = nil }()
	if s.ItemSelector != nil {
		selected := make([]json.RawMessage, len(g.Items))
		for i := range g.Items {
			if selected[i], failure = r.selected(t, s, i); failure != nil {
				return failure
			}
		}
		r.see("afterItemSelector", list(selected))
	}
	if s.Batcher == nil {
		return nil
	}
	whole := g.Items
	g.Items, g.Children = append([]json.RawMessage(nil), whole...), make([]Child, len(whole))
	if failure = r.batch(t, s); failure == nil {
		r.see("afterItemBatcher", list(g.Items))
	}
	g.Items = whole
	return failure
}

// Finish ends the task of a probed state with its result, whether it would wait for a callback or not.
func (r *Turn) Finish(thread int, res Result) {
	t := r.X.Thread(thread)
	resource, _ := asl.ParseResource(t.Task.Resource)
	r.done(t, resource, res)
}
