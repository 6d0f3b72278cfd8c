package states_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/sallyport/sallyport/internal/store"
)

// distributed is a machine that fails for items "bad" and otherwise gives what its child sees of itself.
func distributed(fields, states string) string {
	if states == "" {
		states = `"StartAt":"C","States":{"C":{"Type":"Choice","Default":"S","Choices":[{"Variable":"$.v","StringEquals":"bad","Next":"F"}]},
			"S":{"Type":"Pass","Parameters":{"v.$":"$.v","id.$":"$$.Execution.Id","in.$":"$$.Execution.Input.v","machine.$":"$$.StateMachine.Name"},"End":true},"F":{"Type":"Fail","Error":"Bad","Cause":"it is"}}`
	}
	return `{"StartAt":"M","States":{"M":{"Type":"Map","Label":"L","End":true,` + fields + `"ItemProcessor":{"ProcessorConfig":{"Mode":"DISTRIBUTED","ExecutionType":"STANDARD"},` + states + `}}}}`
}

func (w *world) lastRun(out map[string]any) map[string]any {
	w.t.Helper()
	runs := w.must("ListMapRuns", m{"executionArn": out["executionArn"]})["mapRuns"].([]any)
	return w.must("DescribeMapRun", m{"mapRunArn": runs[len(runs)-1].(m)["mapRunArn"]})
}

func counts(v any) string {
	c := v.(m)
	return fmt.Sprintf("pending %v running %v succeeded %v failed %v aborted %v total %v written %v", c["pending"], c["running"], c["succeeded"], c["failed"], c["aborted"], c["total"], c["resultsWritten"])
}

func TestChildExecutions(t *testing.T) {
	const items = `[{"v":"a"},{"v":"bad"},{"v":"c"}]`
	inWorld(t, "SF-039 children", func(w *world) {
		out := w.execute(distributed(`"ToleratedFailurePercentage":40,"ItemSelector":{"v.$":"$$.Map.Item.Value.v"},"MaxConcurrency":1,`, ""), items)
		if out["status"] != "SUCCEEDED" {
			w.t.Fatal(out)
		}
		run := w.lastRun(out)
		if got, want := counts(run["executionCounts"]), "pending 0 running 0 succeeded 2 failed 1 aborted 0 total 3 written 0"; got != want || run["status"] != "SUCCEEDED" || run["maxConcurrency"] != 1.0 {
			w.t.Errorf("counts are %s, want %s: %v", got, want, run)
		}
		list := func(in m) []any {
			in["mapRunArn"] = run["mapRunArn"]
			return w.must("ListExecutions", in)["executions"].([]any)
		}
		if all, failed := list(m{}), list(m{"statusFilter": "FAILED"}); len(all) != 3 || len(failed) != 1 || len(list(m{"maxResults": 2})) != 2 {
			w.t.Errorf("children: %v, those that failed: %v", all, failed)
		}
		child := list(m{"statusFilter": "SUCCEEDED"})[0].(m)
		arn := child["executionArn"].(string)
		d := w.must("DescribeExecution", m{"executionArn": arn})
		machine := out["stateMachineArn"].(string) + "/L"
		if !strings.HasPrefix(arn, strings.Replace(machine, ":stateMachine:", ":execution:", 1)+":") || d["stateMachineArn"] != machine || d["mapRunArn"] != run["mapRunArn"] || child["itemCount"] != 1.0 {
			w.t.Errorf("child %v of %s: %v", child, machine, d)
		}
		_, name, _ := strings.Cut(machine, ":stateMachine:")
		if want := `{"v":"a","id":"` + arn + `","in":"a","machine":"` + name + `"}`; d["input"] != `{"v":"a"}` || d["output"] != want || d["status"] != "SUCCEEDED" || d["redriveStatusReason"] != "Execution is SUCCEEDED and cannot be redriven" {
			w.t.Errorf("child is %v, want output %s", d, want)
		}
		bad := w.must("DescribeExecution", m{"executionArn": list(m{"statusFilter": "FAILED"})[0].(m)["executionArn"]})
		if bad["error"] != "Bad" || bad["cause"] != "it is" || bad["redriveStatus"] != "REDRIVABLE_BY_MAP_RUN" {
			w.t.Error(bad)
		}
		var kinds []string
		for _, e := range w.history(bad["executionArn"].(string)) {
			kinds = append(kinds, e["type"].(string))
		}
		if diff := cmp.Diff([]string{"ExecutionStarted", "ChoiceStateEntered", "ChoiceStateExited", "FailStateEntered", "ExecutionFailed"}, kinds); diff != "" {
			w.t.Error(diff)
		}
		if of := w.must("DescribeStateMachineForExecution", m{"executionArn": arn}); of["label"] != "L" || of["mapRunArn"] != run["mapRunArn"] {
			w.t.Error(of)
		}
		for _, wrong := range []m{{"executionArn": arn + "x"}, {"executionArn": strings.Replace(arn, "/L:", "/K:", 1)}} {
			if _, err := w.call("states", "DescribeExecution", wrong); err == nil || !strings.Contains(err.Error(), "Execution Does Not Exist") {
				w.t.Errorf("%v: %v", wrong, err)
			}
		}
	})
	inWorld(t, "SF-039 thresholds", func(w *world) {
		for _, tt := range []struct {
			fields string
			want   string
		}{
			{"", "FAILED"},
			{`"ToleratedFailureCount":1,`, "SUCCEEDED"},
			{`"ToleratedFailurePercentage":33,`, "FAILED"},
			{`"ToleratedFailurePercentage":34,`, "SUCCEEDED"},
		} {
			if out := w.execute(distributed(tt.fields, ""), items); out["status"] != tt.want {
				w.t.Errorf("%s: %v, want %s", tt.fields, out, tt.want)
			}
		}
		for _, tt := range []struct {
			failed, total, count, percentage int
			exceeded                         bool
		}{ // as AWS decides
			{1, 3, 0, 0, true},
			{1, 3, 1, 100, false},
			{3, 3, 1, 100, true},
			{3, 3, 3, 100, false},
			{1, 3, 0, 100, false},
			{1, 3, 100_000, 34, false},
			{1, 3, 100_000, 33, true},
			{1, 4, 100_000, 25, false},
			{1, 4, 100_000, 24, true},
			{1, 3, 0, 50, false},
			{3, 3, 0, 50, true},
			{1, 3, 5, 0, false},
			{3, 3, 5, 0, false},
			{2, 3, 1, 90, true},
			{2, 3, 5, 50, true},
			{2, 5, 1, 100, true},
			{2, 5, 2, 100, false},
			{2, 5, 100_000, 39, true},
			{2, 5, 100_000, 40, false},
		} {
			list := make([]string, tt.total)
			for i := range list {
				if list[i] = `{"v":"ok"}`; i < tt.failed {
					list[i] = `{"v":"bad"}`
				}
			}
			fields := fmt.Sprintf(`"ToleratedFailureCountPath":"$.count","ToleratedFailurePercentagePath":"$.percentage","ItemsPath":"$.items","MaxConcurrency":%d,`, tt.total)
			out := w.execute(distributed(fields, ""), fmt.Sprintf(`{"count":%d,"percentage":%d,"items":[%s]}`, tt.count, tt.percentage, strings.Join(list, ",")))
			if exceeded := out["status"] == "FAILED"; exceeded != tt.exceeded || exceeded && (out["error"] != "States.ExceedToleratedFailureThreshold" || out["cause"] != "The specified tolerated failure threshold was exceeded") {
				w.t.Errorf("%+v: %v", tt, out)
			}
		}
		out := w.execute(distributed(`"ToleratedFailureCount":1,`, ""), `[{"v":"bad"}]`)
		var list []map[string]any // AWS: what failed is told as with ResultWriter
		if err := json.Unmarshal([]byte(out["output"].(string)), &list); err != nil || len(list) != 1 || list[0]["Status"] != "FAILED" || list[0]["Error"] != "Bad" || list[0]["Cause"] != "it is" {
			w.t.Errorf("%v: %v", out["output"], err)
		}
		batches := `"StartAt":"C","States":{"C":{"Type":"Choice","Default":"S","Choices":[{"Variable":"$.Items[0].v","StringEquals":"bad","Next":"F"}]},"S":{"Type":"Succeed"},"F":{"Type":"Fail"}}`
		out = w.execute(distributed(`"ToleratedFailureCount":1,"MaxConcurrency":1,"ItemBatcher":{"MaxItemsPerBatch":2},`, batches), `[{"v":"a"},{"v":"b"},{"v":"bad"},{"v":"c"},{"v":"d"}]`)
		run := w.lastRun(out)
		got := counts(run["itemCounts"]) + "; " + counts(run["executionCounts"])
		want := "pending 1 running 0 succeeded 2 failed 2 aborted 0 total 5 written 0; pending 1 running 0 succeeded 1 failed 1 aborted 0 total 3 written 0"
		if out["error"] != "States.ExceedToleratedFailureThreshold" || got != want || run["status"] != "FAILED" {
			w.t.Errorf("two items of a batch failed, one may: %v\n%s, want\n%s", out, got, want)
		}
	})
	inWorld(t, "SF-040 results", func(w *world) {
		w.must2("s3", "CreateBucket", m{"Bucket": "b"})
		write := func(config string) (files map[string]string, out m) {
			clear(w.others.objects)
			w.must2("s3", "CreateBucket", m{"Bucket": "b"})
			out = w.execute(distributed(`"MaxConcurrency":1,"ResultWriter":{"Resource":"arn:aws:states:::s3:putObject","Parameters":{"Bucket":"b","Prefix":"out/"}`+config+`},`,
				`"StartAt":"C","States":{"C":{"Type":"Choice","Default":"S","Choices":[{"Variable":"$","StringEquals":"bad","Next":"F"}]},"S":{"Type":"Pass","Result":[1,[2]],"End":true},"F":{"Type":"Fail","Error":"Bad"}}`), `["a","bad","c"]`)
			files = map[string]string{}
			for key, body := range w.others.objects {
				if body != nil {
					files[key[strings.LastIndexByte(key, '/')+1:]] = string(body)
				}
			}
			return files, out
		}
		files, out := write("")
		run := w.lastRun(out)
		if out["error"] != "States.ExceedToleratedFailureThreshold" || counts(run["itemCounts"]) != "pending 1 running 0 succeeded 1 failed 1 aborted 0 total 3 written 2" {
			w.t.Errorf("%v: %s", out, counts(run["itemCounts"]))
		}
		var manifest struct {
			ResultFiles map[string][]struct{ Key string }
		}
		if err := json.Unmarshal([]byte(files["manifest.json"]), &manifest); err != nil {
			w.t.Fatal(err)
		}
		for _, name := range []string{"SUCCEEDED", "FAILED", "PENDING"} {
			var children []map[string]any
			if err := json.Unmarshal([]byte(files[name+"_0.json"]), &children); err != nil || len(children) != 1 || children[0]["Status"] != name || len(manifest.ResultFiles[name]) != 1 {
				w.t.Errorf("%s: %s (%v), %s", name, files[name+"_0.json"], err, files["manifest.json"])
			}
		}
		id := run["mapRunArn"].(string)
		machine := strings.Replace(id[:strings.LastIndexByte(id, ':')], ":mapRun:", ":stateMachine:", 1)
		var child map[string]any
		if err := json.Unmarshal([]byte(strings.Trim(files["SUCCEEDED_0.json"], "[]")), &child); err != nil {
			w.t.Fatalf("%v: %s", err, files["SUCCEEDED_0.json"])
		}
		delete(child, "ExecutionArn")
		delete(child, "Name")
		want := map[string]any{
			"Input": `"a"`, "InputDetails": m{"Included": true}, "Output": "[1,[2]]", "OutputDetails": m{"Included": true}, "RedriveCount": 0.0, "RedriveStatus": "NOT_REDRIVABLE",
			"RedriveStatusReason": "Execution is SUCCEEDED and cannot be redriven", "StartDate": "2000-01-01T00:00:00Z", "StateMachineArn": machine, "Status": "SUCCEEDED", "StopDate": "2000-01-01T00:00:00Z",
		}
		if diff := cmp.Diff(want, child); diff != "" {
			w.t.Error(diff)
		}
		if files, _ := write(`,"WriterConfig":{"Transformation":"COMPACT","OutputType":"JSON"}`); files["SUCCEEDED_0.json"] != "[[1,[2]]]" {
			w.t.Error(files)
		}
		if files, _ := write(`,"WriterConfig":{"Transformation":"FLATTEN","OutputType":"JSONL"}`); files["SUCCEEDED_0.jsonl"] != "1\n[2]\n" {
			w.t.Error(files)
		}
		out = w.execute(distributed(`"ResultWriter":{"WriterConfig":{"Transformation":"FLATTEN","OutputType":"JSON"}},`, `"StartAt":"S","States":{"S":{"Type":"Pass","End":true}}`), `[[1,2],[3],4]`)
		if out["output"] != "[1,2,3,4]" {
			w.t.Error(out)
		}
	})
	inWorld(t, "SF-020 a run that is stopped", func(w *world) {
		arn := w.create("waits", "STANDARD", distributed(`"MaxConcurrency":2,`, `"StartAt":"W","States":{"W":{"Type":"Wait","Seconds":1000,"End":true}}`))
		x := w.must("StartExecution", m{"stateMachineArn": arn, "input": `["a","b","c"]`})
		time.Sleep(time.Second)
		run := w.lastRun(x)
		if got, want := counts(run["itemCounts"]), "pending 1 running 2 succeeded 0 failed 0 aborted 0 total 3 written 0"; got != want {
			w.t.Errorf("counts are %s, want %s", got, want)
		}
		if list := w.must("ListExecutions", m{"mapRunArn": run["mapRunArn"], "statusFilter": "RUNNING"})["executions"].([]any); len(list) != 2 {
			w.t.Error(list)
		}
		w.must("StopExecution", m{"executionArn": x["executionArn"]})
		if run = w.lastRun(x); run["status"] != "ABORTED" || counts(run["itemCounts"]) != "pending 1 running 0 succeeded 0 failed 0 aborted 2 total 3 written 0" {
			w.t.Errorf("%v %s", run, counts(run["itemCounts"]))
		}
	})
}

// A map run and its children are found among many executions, and those of older versions still.
func TestFindMapRun(t *testing.T) {
	inWorld(t, "SF-039 among many", func(w *world) {
		out := w.execute(distributed(`"ItemSelector":{"v.$":"$$.Map.Item.Value.v"},`, ""), `[{"v":"a"},{"v":"b"}]`)
		run := w.lastRun(out)
		child := w.must("ListExecutions", m{"mapRunArn": run["mapRunArn"]})["executions"].([]any)[1].(m)
		docs, err := w.stores.Open(w.t.Context(), "executions")
		if err != nil {
			w.t.Fatal(err)
		}
		found := func() {
			w.t.Helper()
			if d := w.must("DescribeMapRun", m{"mapRunArn": run["mapRunArn"]}); d["executionArn"] != out["executionArn"] {
				w.t.Error(d)
			}
			if d := w.must("DescribeExecution", m{"executionArn": child["executionArn"]}); d["mapRunArn"] != run["mapRunArn"] || d["name"] != child["name"] {
				w.t.Error(d)
			}
		}
		parts := strings.Split(out["executionArn"].(string), ":")
		unreadable := "x/" + parts[4] + "/" + parts[3] + "/" + parts[6] + "/unreadable"
		if _, err := store.Put(w.t.Context(), docs, unreadable, []byte("{]"), store.Always); err != nil {
			w.t.Fatal(err)
		}
		found() // and nothing else is read
		listed, err := docs.List(w.t.Context(), "m/")
		if err != nil || len(listed) != 1 {
			w.t.Fatal(listed, err)
		}
		for _, key := range []string{unreadable, listed[0].Key} {
			if err := store.Delete(w.t.Context(), docs, key, store.Always); err != nil {
				w.t.Fatal(err)
			}
		}
		found()
	})
}
