package states_test

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// A workshop is functions that count their calls: "first" succeeds, "second" fails for the items named in bad.
type workshop struct {
	mu    sync.Mutex
	bad   map[string]bool
	slow  map[string]bool
	calls map[string]int // by function and item
}

func (w *world) workshop(bad ...string) *workshop {
	shop := &workshop{bad: map[string]bool{}, slow: map[string]bool{}, calls: map[string]int{}}
	for _, item := range bad {
		shop.bad[item] = true
	}
	for _, name := range []string{"first", "second"} {
		w.others.functions[name] = func(ctx context.Context, event json.RawMessage) (json.RawMessage, bool, error) {
			var item string
			_ = json.Unmarshal(event, &item)
			shop.mu.Lock()
			shop.calls[name+" "+item]++
			slow, bad := shop.slow[item], shop.bad[item] && name == "second"
			shop.mu.Unlock()
			if slow {
				select {
				case <-time.After(time.Hour):
				case <-ctx.Done():
					return nil, false, ctx.Err()
				}
			}
			return json.RawMessage(`{"errorType":"Bad"}`), bad, nil
		}
	}
	return shop
}

func (shop *workshop) repair() {
	shop.mu.Lock()
	defer shop.mu.Unlock()
	clear(shop.bad)
	clear(shop.slow)
}

// expect compares the calls since the last time with "first a:1 second a:2".
func (shop *workshop) expect(t *testing.T, want string) {
	t.Helper()
	shop.mu.Lock()
	defer shop.mu.Unlock()
	var got []string
	for name, n := range shop.calls {
		got = append(got, fmt.Sprintf("%s:%d", name, n))
	}
	slices.Sort(got)
	if diff := cmp.Diff(want, strings.Join(got, " ")); diff != "" {
		t.Errorf("calls: %s", diff)
	}
	clear(shop.calls)
}

// twoSteps are states that do one task after the other for an item.
const twoSteps = `"StartAt":"One","States":{
	"One":{"Type":"Task","Resource":"arn:aws:lambda:us-east-1:111111111111:function:first","ResultPath":null,"Next":"Two"},
	"Two":{"Type":"Task","Resource":"arn:aws:lambda:us-east-1:111111111111:function:second","ResultPath":null,"End":true}}`

func kinds(events []map[string]any) (list []string) {
	for i, e := range events {
		if e["id"] != float64(i+1) {
			list = append(list, fmt.Sprint("!", e["id"]))
		}
		list = append(list, e["type"].(string))
	}
	return list
}

func (w *world) redrive(arn any) map[string]any {
	w.t.Helper()
	w.must("RedriveExecution", m{"executionArn": arn})
	if out := w.must("DescribeExecution", m{"executionArn": arn}); out["status"] != "RUNNING" && out["redriveDate"] == nil {
		w.t.Errorf("right after the redrive the execution is %v", out)
	}
	return w.wait(arn.(string))
}

func TestRedriveMapRun_SF083(t *testing.T) {
	inWorld(t, "only what had no success", func(w *world) {
		shop := w.workshop("b")
		shop.slow["c"] = true
		machine := w.create("parent", "STANDARD", distributed(`"MaxConcurrency":2,`, twoSteps))
		out := w.run(machine, `["c","a","b","d"]`)
		if out["error"] != "States.ExceedToleratedFailureThreshold" || out["redriveStatus"] != "REDRIVABLE" {
			w.t.Fatal(out)
		}
		run := w.lastRun(out)
		if got, want := counts(run["executionCounts"]), "pending 1 running 0 succeeded 1 failed 1 aborted 1 total 4 written 0"; got != want {
			w.t.Errorf("counts are %s, want %s", got, want)
		}
		shop.expect(w.t, "first a:1 first b:1 first c:1 second a:1 second b:1")
		shop.repair()
		out = w.redrive(out["executionArn"])
		if out["status"] != "SUCCEEDED" || out["output"] != `["c","a","b","d"]` || out["redriveCount"] != 1.0 {
			w.t.Error(out)
		}
		shop.expect(w.t, "first c:1 first d:1 second b:1 second c:1 second d:1")
		again := w.lastRun(out)
		if again["mapRunArn"] != run["mapRunArn"] || again["redriveCount"] != 1.0 || again["redriveDate"] == nil || again["status"] != "SUCCEEDED" {
			w.t.Errorf("the run %v was redriven to %v", run, again)
		}
		if got, want := counts(again["executionCounts"]), "pending 0 running 0 succeeded 4 failed 0 aborted 0 total 4 written 0"; got != want {
			w.t.Errorf("counts are %s, want %s", got, want)
		}
		h := w.history(out["executionArn"].(string))
		if diff := cmp.Diff([]string{
			"ExecutionStarted", "MapStateEntered", "MapStateStarted", "MapRunStarted", "MapRunFailed", "MapStateFailed", "ExecutionFailed",
			"ExecutionRedriven", "MapRunRedriven", "MapRunSucceeded", "MapStateSucceeded", "MapStateExited", "ExecutionSucceeded",
		}, kinds(h)); diff != "" {
			w.t.Error(diff)
		}
		if d := h[8]["mapRunRedrivenEventDetails"].(m); d["mapRunArn"] != run["mapRunArn"] || d["redriveCount"] != 1.0 || h[8]["previousEventId"] != 8.0 {
			w.t.Error(h[8])
		}
		for _, filter := range []struct {
			in   m
			want int
		}{{m{"redriveFilter": "REDRIVEN"}, 2}, {m{"statusFilter": "SUCCEEDED"}, 4}, {m{"statusFilter": "FAILED"}, 0}} {
			filter.in["mapRunArn"] = run["mapRunArn"]
			if list := w.must("ListExecutions", filter.in)["executions"].([]any); len(list) != filter.want {
				w.t.Errorf("%v: %d children, want %d", filter.in, len(list), filter.want)
			}
		}
		for _, c := range w.must("ListExecutions", m{"mapRunArn": run["mapRunArn"]})["executions"].([]any) {
			arn := c.(m)["executionArn"].(string)
			d := w.must("DescribeExecution", m{"executionArn": arn})
			if d["input"] != `"b"` {
				continue
			}
			if d["redriveCount"] != 1.0 || d["redriveDate"] == nil || d["status"] != "SUCCEEDED" || d["error"] != nil {
				w.t.Error(d)
			}
			if diff := cmp.Diff([]string{
				"ExecutionStarted", "TaskStateEntered", "LambdaFunctionScheduled", "LambdaFunctionStarted", "LambdaFunctionSucceeded", "TaskStateExited",
				"TaskStateEntered", "LambdaFunctionScheduled", "LambdaFunctionStarted", "LambdaFunctionFailed", "ExecutionFailed",
				"ExecutionRedriven", "LambdaFunctionScheduled", "LambdaFunctionStarted", "LambdaFunctionSucceeded", "TaskStateExited", "ExecutionSucceeded",
			}, kinds(w.history(arn))); diff != "" {
				w.t.Error(diff)
			}
			page := w.must("GetExecutionHistory", m{"executionArn": arn, "maxResults": 2, "reverseOrder": true})
			if e := page["events"].([]any); len(e) != 2 || e[0].(m)["type"] != "ExecutionSucceeded" || page["nextToken"] == nil {
				w.t.Error(page)
			}
		}
	})
	inWorld(t, "children wait for their turn", func(w *world) {
		shop := w.workshop("a", "b", "c")
		machine := w.create("parent", "STANDARD", distributed(`"MaxConcurrency":1,"ToleratedFailureCount":2,`, twoSteps))
		out := w.run(machine, `["a","b","c"]`)
		shop.repair()
		shop.slow["a"] = true
		shop.expect(w.t, "first a:1 first b:1 first c:1 second a:1 second b:1 second c:1")
		w.must("RedriveExecution", m{"executionArn": out["executionArn"]})
		time.Sleep(time.Minute)
		run := w.lastRun(out)
		c, i := run["executionCounts"].(m), run["itemCounts"].(m)
		if c["pendingRedrive"] != 2.0 || i["pendingRedrive"] != 2.0 || c["running"] != 1.0 || c["failed"] != 0.0 || run["status"] != "RUNNING" {
			w.t.Error(run)
		}
		if list := w.must("ListExecutions", m{"mapRunArn": run["mapRunArn"], "statusFilter": "PENDING_REDRIVE"})["executions"].([]any); len(list) != 2 {
			w.t.Error(list)
		}
		w.must("StopExecution", m{"executionArn": out["executionArn"]})
		run = w.lastRun(out)
		if c = run["executionCounts"].(m); c["pendingRedrive"] != 0.0 || c["aborted"] != 1.0 || c["failed"] != 2.0 || run["status"] != "ABORTED" {
			w.t.Error(run)
		}
		shop.repair()
		out = w.redrive(out["executionArn"])
		if run = w.lastRun(out); out["status"] != "SUCCEEDED" || out["redriveCount"] != 2.0 || run["redriveCount"] != 2.0 {
			w.t.Error(out, run)
		}
		shop.expect(w.t, "second a:2 second b:1 second c:1")
	})
	inWorld(t, "express children begin anew", func(w *world) {
		shop := w.workshop("b")
		machine := w.create("parent", "STANDARD", strings.Replace(distributed(`"MaxConcurrency":1,`, twoSteps), `"ExecutionType":"STANDARD"`, `"ExecutionType":"EXPRESS"`, 1))
		out := w.run(machine, `["a","b"]`)
		shop.repair()
		shop.expect(w.t, "first a:1 first b:1 second a:1 second b:1")
		if out = w.redrive(out["executionArn"]); out["status"] != "SUCCEEDED" || out["output"] != `["a","b"]` {
			w.t.Error(out)
		}
		shop.expect(w.t, "first b:1 second b:1")
	})
	inWorld(t, "a reader that failed reads again", func(w *world) {
		shop := w.workshop()
		machine := w.create("parent", "STANDARD", distributed(`"ItemReader":{"Resource":"arn:aws:states:::s3:getObject","Parameters":{"Bucket":"b","Key":"k"}},`, twoSteps))
		out := w.run(machine, `{}`)
		if out["error"] != "States.ItemReaderFailed" {
			w.t.Fatal(out)
		}
		run := w.lastRun(out)
		w.must2("s3", "CreateBucket", m{"Bucket": "b"})
		w.must2("s3", "PutObject", m{"Bucket": "b", "Key": "k", "Body": b64(`["a"]`)})
		out = w.redrive(out["executionArn"])
		if again := w.lastRun(out); out["output"] != `["a"]` || again["mapRunArn"] != run["mapRunArn"] || again["redriveCount"] != 1.0 {
			w.t.Error(out, again)
		}
		shop.expect(w.t, "first a:1 second a:1")
	})
	inWorld(t, "data that were too large begin a new run", func(w *world) {
		states := `"StartAt":"S","States":{"S":{"Type":"Pass","End":true}}`
		big := `"` + strings.Repeat("x", 100_000) + `"`
		machine := w.create("parent", "STANDARD", distributed(`"ItemSelector":{"a.$":"$$.Map.Item.Value","b.$":"$$.Map.Item.Value"},`, states))
		out := w.run(machine, "["+big+","+big+"]")
		if out["error"] != "States.DataLimitExceeded" {
			w.t.Fatal(out["error"])
		}
		out = w.redrive(out["executionArn"])
		if runs := w.must("ListMapRuns", m{"executionArn": out["executionArn"]})["mapRuns"].([]any); len(runs) != 2 {
			w.t.Errorf("%d runs, want 2", len(runs))
		}
	})
	inWorld(t, "a child that is stopped", func(w *world) {
		machine := w.create("parent", "STANDARD", distributed("", `"StartAt":"W","States":{"W":{"Type":"Wait","Seconds":100,"End":true}}`))
		x := w.must("StartExecution", m{"stateMachineArn": machine, "input": `["a","b"]`})["executionArn"]
		time.Sleep(time.Second)
		run := w.lastRun(m{"executionArn": x})
		child := w.must("ListExecutions", m{"mapRunArn": run["mapRunArn"]})["executions"].([]any)[0].(m)["executionArn"]
		w.must("StopExecution", m{"executionArn": child, "error": "Enough", "cause": "I say"})
		d := w.wait(child.(string))
		if d["status"] != "ABORTED" || d["error"] != "Enough" || d["cause"] != "I say" {
			w.t.Error(d)
		}
		if got := w.refused("RedriveExecution", m{"executionArn": child}); !strings.HasPrefix(got, "ExecutionNotRedrivable") {
			w.t.Error(got)
		}
		out := w.wait(x.(string)) // AWS: only failures and timeouts count
		if got := counts(w.lastRun(out)["executionCounts"]); out["status"] != "SUCCEEDED" || got != "pending 0 running 0 succeeded 1 failed 0 aborted 1 total 2 written 0" {
			w.t.Error(out, got)
		}
	})
	inWorld(t, "express children have five minutes", func(w *world) {
		states := `"StartAt":"W","States":{"W":{"Type":"Wait","Seconds":1000,"End":true}}`
		machine := w.create("parent", "STANDARD", strings.Replace(distributed(`"ToleratedFailureCount":1,`, states), `"ExecutionType":"STANDARD"`, `"ExecutionType":"EXPRESS"`, 1))
		began := time.Now()
		out := w.run(machine, `["a"]`)
		if took := time.Since(began).Round(time.Second); out["status"] != "SUCCEEDED" || took != 5*time.Minute {
			w.t.Error(took, out)
		}
		if c := w.lastRun(out)["executionCounts"].(m); c["timedOut"] != 1.0 {
			w.t.Error(c)
		}
	})
}

func TestRedrive_SF083(t *testing.T) {
	parallel := `{"StartAt":"P","States":{"P":{"Type":"Parallel","End":true,"Branches":[
		{"StartAt":"A1","States":{"A1":{"Type":"Task","Resource":"arn:aws:lambda:us-east-1:111111111111:function:second","Parameters":"a","ResultPath":null,"End":true}}},
		{"StartAt":"B1","States":{"B1":{"Type":"Task","Resource":"arn:aws:lambda:us-east-1:111111111111:function:first","Parameters":"b","ResultPath":null,"Next":"BW"},
			"BW":{"Type":"Wait","Seconds":10,"Next":"B2"},
			"B2":{"Type":"Task","Resource":"arn:aws:lambda:us-east-1:111111111111:function:second","Parameters":"b","ResultPath":null,"End":true}}},
		{"StartAt":"CW","States":{"CW":{"Type":"Wait","Seconds":10,"Next":"M"},"M":{"Type":"Map","MaxConcurrency":1,"ItemsPath":"$.items","End":true,"ItemProcessor":{"StartAt":"C1","States":{"C1":{"Type":"Wait","Seconds":100,"Next":"C2"},
			"C2":{"Type":"Task","Resource":"arn:aws:lambda:us-east-1:111111111111:function:second","ResultPath":null,"End":true}}}}}}]}}}`
	inWorld(t, "branches and iterations", func(w *world) {
		shop := w.workshop("b")
		machine := w.create("m", "STANDARD", strings.ReplaceAll(strings.ReplaceAll(parallel, `"Parameters":"a"`, `"InputPath":"$.items[0]"`), `"Parameters":"b"`, `"InputPath":"$.items[1]"`))
		out := w.run(machine, `{"items":["a","b","c"]}`)
		if out["error"] != "Bad" {
			w.t.Fatal(out)
		}
		shop.expect(w.t, "first b:1 second a:1 second b:1")
		shop.bad["b"] = false
		shop.bad["c"] = true
		if out = w.redrive(out["executionArn"]); out["error"] != "Bad" {
			w.t.Fatal(out)
		}
		shop.expect(w.t, "second a:1 second b:2 second c:1")
		shop.repair()
		out = w.redrive(out["executionArn"])
		if out["status"] != "SUCCEEDED" || out["output"] != `[{"items":["a","b","c"]},{"items":["a","b","c"]},["a","b","c"]]` || out["redriveCount"] != 2.0 {
			w.t.Error(out)
		}
		shop.expect(w.t, "second c:1")
		enters := 0
		for _, e := range w.history(out["executionArn"].(string)) {
			if e["type"] == "ParallelStateEntered" {
				enters++
			}
		}
		if enters != 1 {
			w.t.Errorf("the state was entered %d times", enters)
		}
	})
	inWorld(t, "what was stopped", func(w *world) {
		w.workshop()
		machine := w.create("m", "STANDARD", `{"StartAt":"W","TimeoutSeconds":100,"States":{"W":{"Type":"Wait","Seconds":60,"End":true}}}`)
		x := w.must("StartExecution", m{"stateMachineArn": machine})["executionArn"]
		time.Sleep(50 * time.Second)
		w.must("StopExecution", m{"executionArn": x})
		one := w.must("RedriveExecution", m{"executionArn": x, "clientToken": "token"})
		two := w.must("RedriveExecution", m{"executionArn": x, "clientToken": "token"})
		if diff := cmp.Diff(one, two); diff != "" {
			w.t.Error(diff)
		}
		if got := w.refused("RedriveExecution", m{"executionArn": x, "clientToken": "other"}); !strings.Contains(got, "Execution is RUNNING and cannot be redriven") {
			w.t.Error(got)
		}
		began := time.Now()
		out := w.wait(x.(string))
		if took := time.Since(began).Round(time.Second); out["status"] != "SUCCEEDED" || took != time.Minute || out["redriveCount"] != 1.0 {
			w.t.Error(took, out)
		}
	})
	inWorld(t, "the time is over", func(w *world) {
		out := w.execute(`{"StartAt":"F","States":{"F":{"Type":"Fail"}}}`, "{}")
		time.Sleep(14 * 24 * time.Hour)
		if got := w.refused("RedriveExecution", m{"executionArn": out["executionArn"]}); !strings.Contains(got, "Execution redrivable period exceeded") {
			w.t.Error(got)
		}
		if d := w.must("DescribeExecution", m{"executionArn": out["executionArn"]}); d["redriveStatus"] != "NOT_REDRIVABLE" || d["redriveStatusReason"] != "Execution redrivable period exceeded" {
			w.t.Error(d)
		}
	})
	inWorld(t, "a Fail state is entered again", func(w *world) {
		out := w.execute(`{"StartAt":"F","States":{"F":{"Type":"Fail"}}}`, "{}")
		out = w.redrive(out["executionArn"])
		if diff := cmp.Diff([]string{"ExecutionStarted", "FailStateEntered", "ExecutionFailed", "ExecutionRedriven", "FailStateEntered", "ExecutionFailed"}, kinds(w.history(out["executionArn"].(string)))); diff != "" {
			w.t.Error(diff)
		}
	})
	inWorld(t, "a map run in a branch", func(w *world) {
		shop := w.workshop("x")
		shop.slow["b"] = true
		machine := w.create("m", "STANDARD", `{"StartAt":"P","States":{"P":{"Type":"Parallel","End":true,"Branches":[
			{"StartAt":"W","States":{"W":{"Type":"Wait","Seconds":10,"Next":"T"},"T":{"Type":"Task","InputPath":"$.x","Resource":"arn:aws:lambda:us-east-1:111111111111:function:second","End":true,"ResultPath":null}}},
			{"StartAt":"M","States":{"M":{"Type":"Map","Label":"L","ItemsPath":"$.items","End":true,"ItemProcessor":{"ProcessorConfig":{"Mode":"DISTRIBUTED","ExecutionType":"STANDARD"},`+twoSteps+`}}}}]}}}`)
		out := w.run(machine, `{"x":"x","items":["a","b"]}`)
		shop.expect(w.t, "first a:1 first b:1 second a:1 second x:1")
		run := w.lastRun(out)
		if got := counts(run["executionCounts"]); got != "pending 0 running 0 succeeded 1 failed 0 aborted 1 total 2 written 0" || run["status"] != "ABORTED" {
			w.t.Error(run["status"], got)
		}
		shop.repair()
		out = w.redrive(out["executionArn"])
		if out["status"] != "SUCCEEDED" || out["output"] != `[{"x":"x","items":["a","b"]},["a","b"]]` {
			w.t.Error(out)
		}
		shop.expect(w.t, "first b:1 second b:1 second x:1")
		if again := w.lastRun(out); again["mapRunArn"] != run["mapRunArn"] || again["status"] != "SUCCEEDED" {
			w.t.Error(again)
		}
	})
}
