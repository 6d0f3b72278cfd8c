package states_test

import (
	"context"
	"encoding/json"
	"strings"
	"testing"
)

// TestStatements runs small machines and holds how they end: an output, or an error and what its cause ends in.
func TestStatements(t *testing.T) {
	fn := "arn:aws:lambda:us-east-1:111111111111:function:"
	pass := func(fields string) string {
		return `{"StartAt":"P","States":{"P":{"Type":"Pass","End":true` + fields + `}}}`
	}
	jsonata := func(fields string) string {
		return `{"QueryLanguage":"JSONata","StartAt":"P","States":{"P":{"Type":"Pass","End":true` + fields + `}}}`
	}
	for _, tt := range []struct{ name, definition, input, output, err, cause string }{
		{"SF-024 result path merges", pass(`,"Result":1,"ResultPath":"$.a.b"`), `{"x":2}`, `{"x":2,"a":{"b":1}}`, "", ""},
		{"SF-025 null result path discards", pass(`,"Result":1,"ResultPath":null`), `{"x":2}`, `{"x":2}`, "", ""},
		{"SF-025 null output path empties", pass(`,"OutputPath":null`), `{"x":2}`, `{}`, "", ""},
		{"SF-026 parameters", pass(`,"InputPath":"$.i","Parameters":{"p.$":"$.x","c.$":"$$.Execution.Input.i","l":[{"d.$":"$.x"}],"k":true}`), `{"i":{"x":2}}`, `{"p":2,"c":{"x":2},"l":[{"d":2}],"k":true}`, "", ""},
		{"SF-027 a path that leads nowhere", pass(`,"Parameters":{"a.$":"$.none"}`), `{}`, "", "States.Runtime", "An error occurred while executing the state 'P' (entered at the event id #2). The JSONPath '$.none' specified for the field 'a.$' could not be found in the input '{}'"},
		{"SF-028 result selector", task(fn+"echo", `,"Parameters":{"a":[1,2]},"ResultSelector":{"n.$":"States.ArrayLength($.a)"},"ResultPath":"$.r"`), `{"x":0}`, `{"x":0,"r":{"n":2}}`, "", ""},
		{"SF-031 no choice matches", `{"StartAt":"C","States":{"C":{"Type":"Choice","Choices":[{"Variable":"$.a","NumericEquals":1,"Next":"P"}]},"P":{"Type":"Pass","End":true}}}`, `{"a":2}`, "", "States.NoChoiceMatched", ""},
		{"SF-033 negative seconds", `{"StartAt":"W","States":{"W":{"Type":"Wait","SecondsPath":"$.s","End":true}}}`, `{"s":-1}`, "", "States.Runtime", "The SecondsPath parameter references a negative value: $.s == -1"},
		{"SF-033 half seconds", `{"StartAt":"W","States":{"W":{"Type":"Wait","SecondsPath":"$.s","End":true}}}`, `{"s":1.5}`, "", "States.Runtime", "The SecondsPath parameter cannot be parsed as a long value: $.s == 1.5"},
		{"SF-034 fail", `{"StartAt":"F","States":{"F":{"Type":"Fail","Error":"E","CausePath":"States.Format('because {}', $.w)"}}}`, `{"w":"x"}`, "", "E", "because x"},
		{"SF-038 item selector", `{"StartAt":"M","States":{"M":{"Type":"Map","ItemsPath":"$.l","ItemSelector":{"v.$":"$$.Map.Item.Value","i.$":"$$.Map.Item.Index","k.$":"$.k"},"End":true,"ItemProcessor":{"StartAt":"P","States":{"P":{"Type":"Pass","End":true}}}}}}`, `{"l":["a","b"],"k":9}`, `[{"v":"a","i":0,"k":9},{"v":"b","i":1,"k":9}]`, "", ""},
		{"SF-045 catch", task(fn+"bad", `,"Catch":[{"ErrorEquals":["Bad"],"ResultPath":"$.e","Next":"C"}]},"C":{"Type":"Pass","End":true`), `{"x":1}`, `{"x":1,"e":{"Error":"Bad","Cause":"{\"errorType\":\"Bad\"}"}}`, "", ""},
		{"SF-052 invoke", task("arn:aws:states:::lambda:invoke", `,"Parameters":{"FunctionName":"echo","Payload":{"a":1}},"ResultSelector":{"p.$":"$.Payload","v.$":"$.ExecutedVersion","s.$":"$.StatusCode","h.$":"$.SdkHttpMetadata.HttpStatusCode"}`), `{}`, `{"p":{"a":1},"v":"$LATEST","s":200,"h":200}`, "", ""},
		{"SF-053 no function", task("arn:aws:states:::lambda:invoke", `,"Parameters":{"FunctionName":"none"}`), `{}`, "", "Lambda.ResourceNotFoundException", "Proxy: null)"},
		{"SF-058 child's output as JSON", task("arn:aws:states:::states:startExecution.sync:2", `,"Parameters":{"StateMachineArn":"arn:aws:states:us-east-1:111111111111:stateMachine:child","Input":{"a":1}},"OutputPath":"$.Output"`), `{}`, `{"a":1}`, "", ""},
		{"SF-068 JSONata", `{"QueryLanguage":"JSONata","StartAt":"T","States":{"T":{"Type":"Task","Resource":"` + fn + `echo","Arguments":{"n":"{% $states.input.n + 1 %}"},"Assign":{"v":"{% $states.result.n %}"},"Next":"P"},"P":{"Type":"Pass","Output":"{% [$v, $states.input.n, $states.context.Execution.Input.n] %}","End":true}}}`, `{"n":1}`, `[2,2,1]`, "", ""},
		{"SF-069 undefined", jsonata(`,"Output":{"a":"{% $none %}"}`), `{}`, "", "States.QueryEvaluationError", "The JSONata expression '$none' specified for the field 'Output/a' returned nothing (undefined)."},
		{"SF-070 JSONata choice", `{"QueryLanguage":"JSONata","StartAt":"C","States":{"C":{"Type":"Choice","Choices":[{"Condition":"{% $states.input.a > 1 %}","Next":"Y","Output":"{% 'yes' %}"}],"Default":"N"},"Y":{"Type":"Succeed"},"N":{"Type":"Fail"}}}`, `{"a":2}`, `"yes"`, "", ""},
		{"SF-071 JSONata within JSONPath", `{"StartAt":"A","States":{"A":{"Type":"Pass","QueryLanguage":"JSONata","Output":"{% {'s': $sum($states.input)} %}","Next":"B"},"B":{"Type":"Pass","OutputPath":"$.s","End":true}}}`, `[1,2]`, `3`, "", ""},
		{"SF-073 variables and branches", `{"StartAt":"A","States":{"A":{"Type":"Pass","Assign":{"v":1},"Next":"B"},"B":{"Type":"Parallel","End":true,"Branches":[{"StartAt":"X","States":{"X":{"Type":"Pass","Assign":{"w":2},"Parameters":{"v.$":"$v"},"End":true}}},{"StartAt":"Y","States":{"Y":{"Type":"Pass","QueryLanguage":"JSONata","Output":"{% $exists($w) %}","End":true}}}]}}}`, `{}`, `[{"v":1},false]`, "", ""},
		{"SF-074 context", pass(`,"Parameters":{"m.$":"$$.StateMachine.Name","s.$":"$$.State.Name","t.$":"$$.State.EnteredTime"}`), `{}`, `{"m":"main","s":"P","t":"2000-01-01T00:00:00Z"}`, "", ""},
	} {
		inWorld(t, tt.name, func(w *world) {
			w.others.behave("echo", behavior{Behavior: "echo"})
			w.others.behave("bad", behavior{Behavior: "error", Payload: json.RawMessage(`{"errorType":"Bad"}`)})
			w.create("child", "STANDARD", onePass)
			out := w.run(w.create("main", "STANDARD", tt.definition), tt.input)
			output, _ := out["output"].(string)
			failure, _ := out["error"].(string)
			cause, _ := out["cause"].(string)
			if output != tt.output || failure != tt.err || !strings.HasSuffix(cause, tt.cause) {
				t.Errorf("got %q, error %q: %q", output, failure, cause)
			}
		})
	}
	inWorld(t, "SF-051 events of a function", func(w *world) {
		w.others.behave("echo", behavior{Behavior: "echo"})
		var kinds []string
		for _, e := range w.history(w.execute(task(fn+"echo", ""), "{}")["executionArn"].(string)) {
			kinds = append(kinds, e["type"].(string))
		}
		if got := strings.Join(kinds, " "); !strings.Contains(got, "TaskStateEntered LambdaFunctionScheduled LambdaFunctionStarted LambdaFunctionSucceeded TaskStateExited") {
			t.Error(got)
		}
	})
	inWorld(t, "SF-059 a token's failure is caught", func(w *world) {
		w.others.functions["ask"] = func(_ context.Context, event json.RawMessage) (json.RawMessage, bool, error) {
			var e struct{ T string }
			_ = json.Unmarshal(event, &e)
			w.must("SendTaskFailure", m{"taskToken": e.T, "error": "No", "cause": "why"})
			return json.RawMessage("null"), false, nil
		}
		out := w.execute(task("arn:aws:states:::lambda:invoke.waitForTaskToken", `,"Parameters":{"FunctionName":"ask","Payload":{"t.$":"$$.Task.Token"}},"Catch":[{"ErrorEquals":["No"],"Next":"C"}]},"C":{"Type":"Pass","End":true`), "{}")
		if out["output"] != `{"Error":"No","Cause":"why"}` {
			t.Error(out)
		}
	})
	inWorld(t, "SF-085 one state is tested", func(w *world) {
		w.others.behave("echo", behavior{Behavior: "echo"})
		out := w.must("TestState", m{"definition": `{"Type":"Task","Resource":"` + fn + `echo","Next":"N"}`, "roleArn": role, "input": `[1]`})
		if out["status"] != "SUCCEEDED" || out["output"] != "[1]" || out["nextState"] != "N" {
			t.Error(out)
		}
	})
}
