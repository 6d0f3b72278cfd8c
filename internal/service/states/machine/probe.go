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
	r.see("maxConcurrency", json.Number(strconv.Itoa(int(most))))
	if s.ToleratedCount.Given {
		r.see("toleratedFailureCount", json.Number(strconv.FormatInt(g.Run.TolCount, 10)))
	}
	if s.ToleratedPercentage.Given {
		r.see("toleratedFailurePercentage", json.Number(strconv.FormatFloat(g.Run.TolPct, 'f', -1, 64)))
	}
	tolerated := s.ToleratedCount.Given || s.ToleratedPercentage.Given
	if r.Probe.Failure == nil && tolerated && g.Run.exceeds(r.Probe.Failures, len(items)) {
		return &asl.Failure{Error: asl.ErrTolerated, Bare: true, Cause: "The specified tolerated failure threshold was exceeded"}
	}
	return r.probed(t, s)
}

// Finish ends the task of a probed state with its result, whether it would wait for a callback or not.
func (r *Turn) Finish(thread int, res Result) {
	t := r.X.Thread(thread)
	resource, _ := asl.ParseResource(t.Task.Resource)
	r.done(t, resource, res)
}
