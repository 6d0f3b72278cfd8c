package states_test

import (
	"context"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/sallyport/sallyport/internal/awsapi"
	"github.com/sallyport/sallyport/internal/bus/bustest"
)

// everything is a machine with each thing that an execution may wait for.
const everything = `{"StartAt":"Begin","States":{
  "Begin":{"Type":"Pass","Parameters":{"items":[1,2,3],"id.$":"States.UUID()"},"Assign":{"v.$":"$.id"},"Next":"Both"},
  "Both":{"Type":"Parallel","Next":"Each","ResultPath":"$.both","Branches":[
    {"StartAt":"Pause","States":{"Pause":{"Type":"Wait","Seconds":3,"Next":"Left"},"Left":{"Type":"Task","Resource":"arn:aws:states:::lambda:invoke","Parameters":{"FunctionName":"work","Payload":{"id":"left"}},"ResultSelector":{"id.$":"$.Payload.id"},"End":true}}},
    {"StartAt":"Right","States":{"Right":{"Type":"Task","Resource":"arn:aws:lambda:us-east-1:111111111111:function:work","Parameters":{"id":"right"},"Next":"After"},"After":{"Type":"Wait","Seconds":1,"End":true}}}]},
  "Each":{"Type":"Map","ItemsPath":"$.items","MaxConcurrency":2,"ResultPath":"$.each","Next":"Spread","ItemProcessor":{"StartAt":"One","States":{"One":{"Type":"Task","Resource":"arn:aws:lambda:us-east-1:111111111111:function:work","Parameters":{"id.$":"States.Format('item{}',$)"},"End":true}}}},
  "Spread":{"Type":"Map","ItemsPath":"$.items","MaxConcurrency":2,"ResultPath":"$.spread","Next":"Fails","ItemProcessor":{"ProcessorConfig":{"Mode":"DISTRIBUTED","ExecutionType":"STANDARD"},"StartAt":"Kid","States":{
    "Kid":{"Type":"Task","Resource":"arn:aws:lambda:us-east-1:111111111111:function:work","Parameters":{"id.$":"States.Format('kid{}',$)"},"Next":"Nap"},"Nap":{"Type":"Wait","Seconds":1,"End":true}}}},
  "Fails":{"Type":"Task","Resource":"arn:aws:lambda:us-east-1:111111111111:function:fails","Parameters":{"id":"fails"},"Retry":[{"ErrorEquals":["Again"],"IntervalSeconds":2,"MaxAttempts":2}],"Catch":[{"ErrorEquals":["States.ALL"],"ResultPath":"$.error","Next":"Token"}],"End":true},
  "Token":{"Type":"Task","Resource":"arn:aws:states:::lambda:invoke.waitForTaskToken","Parameters":{"FunctionName":"callback","Payload":{"id":"token","token.$":"$$.Task.Token"}},"ResultPath":"$.token","Next":"Child"},
  "Child":{"Type":"Task","Resource":"arn:aws:states:::states:startExecution.sync:2","Parameters":{"StateMachineArn":"arn:aws:states:us-east-1:111111111111:stateMachine:child","Input":{"a":1}},"ResultSelector":{"out.$":"$.Output"},"ResultPath":"$.child","Next":"Done"},
  "Done":{"Type":"Pass","Parameters":{"both.$":"$.both","each.$":"$.each","spread.$":"$.spread","error.$":"$.error.Error","token.$":"$.token","child.$":"$.child","same.$":"States.ArrayContains(States.Array($v),$.id)"},"End":true}}}`

const everythingChild = `{"StartAt":"W","States":{"W":{"Type":"Wait","Seconds":2,"Next":"P"},"P":{"Type":"Pass","Result":"child","End":true}}}`

// tally counts the calls of functions by the request that they belong to.
type tally struct {
	mu       sync.Mutex
	requests map[string]map[string]int // by the event's id
}

func (c *tally) count(ctx context.Context, event json.RawMessage) string {
	var e struct{ ID string }
	_ = json.Unmarshal(event, &e)
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.requests == nil {
		c.requests = map[string]map[string]int{}
	}
	if c.requests[e.ID] == nil {
		c.requests[e.ID] = map[string]int{}
	}
	c.requests[e.ID][awsapi.CallerOf(ctx).RequestID]++
	return e.ID
}

func (w *world) withFunctions() *tally {
	c := &tally{}
	add := func(name string, f func(ctx context.Context, event json.RawMessage) (json.RawMessage, bool, error)) {
		w.others.functions[name] = func(ctx context.Context, event json.RawMessage) (json.RawMessage, bool, error) {
			c.count(ctx, event)
			select { // a call takes its time
			case <-time.After(70 * time.Millisecond):
			case <-ctx.Done():
				return nil, false, ctx.Err()
			}
			return f(ctx, event)
		}
	}
	add("work", func(_ context.Context, event json.RawMessage) (json.RawMessage, bool, error) {
		return event, false, nil
	})
	add("fails", func(context.Context, json.RawMessage) (json.RawMessage, bool, error) {
		return json.RawMessage(`{"errorType":"Again","errorMessage":"no"}`), true, nil
	})
	add("callback", func(_ context.Context, event json.RawMessage) (json.RawMessage, bool, error) {
		var e struct{ Token string }
		if err := json.Unmarshal(event, &e); err != nil {
			return nil, false, err
		}
		w.background.Go(func() { // somebody outside, who tries until it is heard
			for range 100 {
				time.Sleep(time.Second)
				_, err := w.call("states", "SendTaskSuccess", m{"taskToken": e.Token, "output": `"called back"`})
				if err == nil || awsapi.Code(err) == "TaskTimedOut" {
					return
				}
			}
		})
		return json.RawMessage(`{}`), false, nil
	})
	return c
}

// childrenHave tells whether the last map run of an execution has as many children, with these events each.
func (w *world) childrenHave(arn any, want int, events ...string) {
	w.t.Helper()
	run := w.lastRun(m{"executionArn": arn})
	children := w.must("ListExecutions", m{"mapRunArn": run["mapRunArn"]})["executions"].([]any)
	if len(children) != want {
		w.t.Errorf("%d children, want %d", len(children), want)
	}
	for _, c := range children {
		if diff := cmp.Diff(events, kinds(w.history(c.(m)["executionArn"].(string)))); diff != "" {
			w.t.Error(diff)
		}
	}
}

// TestCrash_SF077_SF078 lets the process die after every single write of an execution: the next one takes it to the same end, by the
// same events, and what is called twice is called with the same request id.
func TestCrash_SF077_SF078(t *testing.T) {
	type trace struct {
		output string
		events []string
		ids    int // distinct requests
	}
	run := func(t *testing.T, deaths []int64) (tr trace) {
		w := newWorld(t)
		defer func() { w.stop(); w.background.Wait() }()
		calls := w.withFunctions()
		w.create("child", "STANDARD", everythingChild)
		machine := w.create("main", "STANDARD", everything)
		arn := strings.Replace(machine, ":stateMachine:", ":execution:", 1) + ":x"
		begin := true
		for _, writes := range deaths {
			w.stop()
			p := bustest.NewMortal(writes)
			w.restart(p.Stores(w.stores), p.Bus(w.bus))
			if begin {
				_, err := w.call("states", "StartExecution", m{"stateMachineArn": machine, "name": "x", "input": "{}"})
				begin = err != nil // else the client tries again
			}
			select {
			case <-p.Dead():
			case <-time.After(time.Hour):
			}
		}
		w.stop()
		w.restart(w.stores, w.bus)
		if begin {
			w.must("StartExecution", m{"stateMachineArn": machine, "name": "x", "input": "{}"})
		}
		out := w.wait(arn)
		tr.output = fmt.Sprint(out["status"], out["output"])
		last := 0.0
		for _, e := range w.history(arn) {
			if e["id"].(float64) != last+1 {
				t.Errorf("event %v after event %v", e["id"], last)
			}
			last = e["id"].(float64)
			if e["type"] != "TaskSubmitted" { // missing when the answer to a token overtakes the call that handed it out
				tr.events = append(tr.events, e["type"].(string))
			}
		}
		slices.Sort(tr.events) // branches take turns as they like
		w.childrenHave(arn, 3, "ExecutionStarted", "TaskStateEntered", "LambdaFunctionScheduled", "LambdaFunctionStarted", "LambdaFunctionSucceeded", "TaskStateExited", "WaitStateEntered", "WaitStateExited", "ExecutionSucceeded")
		for _, ids := range calls.requests {
			tr.ids += len(ids)
		}
		return tr
	}
	bubble := func(deaths ...int64) (tr trace) {
		t.Run(fmt.Sprint("after", deaths), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) { tr = run(t, deaths) })
		})
		return tr
	}
	want := bubble()
	if !strings.Contains(want.output, `"same":true`) || !strings.HasPrefix(want.output, "SUCCEEDED") {
		t.Fatalf("without a crash: %s", want.output)
	}
	check := func(deaths ...int64) {
		got := bubble(deaths...)
		if got.output != want.output || !slices.Equal(got.events, want.events) || got.ids != want.ids {
			t.Errorf("after deaths %v:\n got %s, %d events, %d requests: %v\nwant %s, %d events, %d requests: %v", deaths, got.output, len(got.events), got.ids, got.events, want.output, len(want.events), want.ids, want.events)
		}
	}
	for writes := range int64(60) {
		check(writes)
	}
	random := rand.New(rand.NewPCG(7, 7))
	for range 60 {
		var deaths []int64
		for range 1 + random.IntN(6) {
			deaths = append(deaths, random.Int64N(12))
		}
		check(deaths...)
	}
}

// TestCrash_SF083 lets the process die after every single write of a redrive of a map run.
func TestCrash_SF083(t *testing.T) {
	if testing.Short() {
		t.Skip("takes some seconds of real time")
	}
	for writes := range int64(25) {
		inWorld(t, fmt.Sprint("after", writes), func(w *world) {
			shop := w.workshop("b", "c")
			machine := w.create("parent", "STANDARD", distributed(`"MaxConcurrency":1,"ToleratedFailureCount":1,`,
				strings.Replace(twoSteps, `"Next":"Two"},`, `"Next":"Nap"},"Nap":{"Type":"Wait","Seconds":1,"Next":"Two"},`, 1)))
			arn := w.run(machine, `["a","b","c","d"]`)["executionArn"]
			shop.expect(w.t, "first a:1 first b:1 first c:1 second a:1 second b:1 second c:1")
			shop.repair()
			p := bustest.NewMortal(writes)
			w.stop()
			w.restart(p.Stores(w.stores), p.Bus(w.bus))
			_, err := w.call("states", "RedriveExecution", m{"executionArn": arn})
			select {
			case <-p.Dead():
			case <-time.After(time.Hour):
			}
			w.stop()
			w.restart(w.stores, w.bus)
			if err != nil {
				if _, err = w.call("states", "RedriveExecution", m{"executionArn": arn}); err != nil && !strings.Contains(err.Error(), "RUNNING") && !strings.Contains(err.Error(), "SUCCEEDED") {
					w.t.Fatal(err)
				}
			}
			time.Sleep(time.Second)
			out := w.wait(arn.(string))
			if out["status"] != "SUCCEEDED" || out["output"] != `["a","b","c","d"]` || out["redriveCount"] != 1.0 {
				w.t.Error(out)
			}
			shop.mu.Lock()
			defer shop.mu.Unlock()
			if shop.calls["first a"]+shop.calls["second a"]+shop.calls["first b"]+shop.calls["first c"] > 0 {
				w.t.Error("done again: ", shop.calls)
			}
			run := w.lastRun(out)
			for _, c := range w.must("ListExecutions", m{"mapRunArn": run["mapRunArn"]})["executions"].([]any) {
				h := kinds(w.history(c.(m)["executionArn"].(string)))
				want := map[bool]int{false: 14, true: 19}[c.(m)["redriveCount"] == 1.0]
				if len(h) != want {
					w.t.Errorf("%d events, want %d: %v", len(h), want, h)
				}
			}
		})
	}
}
