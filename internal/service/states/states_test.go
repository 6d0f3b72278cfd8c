package states_test

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/sallyport/sallyport/internal/awsapi"
)

// inWorld runs a test on a server of its own, in virtual time.
func inWorld(t *testing.T, name string, f func(w *world)) {
	t.Helper()
	t.Run(name, func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			w := newWorld(t)
			defer func() { w.stop(); w.background.Wait() }()
			f(w)
		})
	})
}

// refused calls an operation that must be refused, and returns code and message.
func (w *world) refused(operation string, in any) string {
	w.t.Helper()
	out, err := w.call("states", operation, in)
	if err == nil {
		w.t.Fatalf("%s is not refused: %v", operation, out)
	}
	return err.Error()
}

const onePass = `{"StartAt":"P","States":{"P":{"Type":"Pass","End":true}}}`

func task(resource, more string) string {
	return `{"StartAt":"T","States":{"T":{"Type":"Task","Resource":"` + resource + `","End":true` + more + `}}}`
}

func TestStateMachines(t *testing.T) {
	inWorld(t, "SF-001 SF-002 SF-009 SF-010 SF-011 made, described, changed, removed", func(w *world) {
		in := m{"name": "a", "definition": " " + onePass + "\n", "roleArn": role}
		out := w.must("CreateStateMachine", in)
		arn := out["stateMachineArn"].(string)
		if again := w.must("CreateStateMachine", in); again["stateMachineArn"] != arn || again["creationDate"] == nil {
			w.t.Errorf("made again it is %v", again)
		}
		in["definition"] = task("arn:aws:states:::sqs:sendMessage", "")
		if got, want := w.refused("CreateStateMachine", in), "StateMachineAlreadyExists: State Machine Already Exists: '"+arn+"'"; got != want {
			w.t.Errorf("got %s, want %s", got, want)
		}
		d := w.must("DescribeStateMachine", m{"stateMachineArn": arn})
		delete(d, "creationDate")
		want := m{
			"stateMachineArn": arn, "name": "a", "status": "ACTIVE", "type": "STANDARD", "definition": " " + onePass + "\n", "roleArn": role,
			"loggingConfiguration": m{"level": "OFF", "includeExecutionData": false}, "tracingConfiguration": m{"enabled": false},
		}
		if diff := cmp.Diff(want, d); diff != "" {
			w.t.Error(diff)
		}
		if got := w.refused("UpdateStateMachine", m{"stateMachineArn": arn}); got != "MissingRequiredParameter: Either the definition, the role ARN, the LoggingConfiguration, or the TracingConfiguration must be specified" {
			w.t.Error(got)
		}
		w.must("DeleteStateMachine", m{"stateMachineArn": arn})
		if got := w.refused("DescribeStateMachine", m{"stateMachineArn": arn}); got != "StateMachineDoesNotExist: State Machine Does Not Exist: '"+arn+"'" {
			w.t.Error(got)
		}
	})
	inWorld(t, "SF-081 tags", func(w *world) {
		arn := w.create("a", "STANDARD", onePass)
		w.must("TagResource", m{"resourceArn": arn, "tags": []m{{"key": "k", "value": "v"}, {"key": "l", "value": "w"}}})
		w.must("UntagResource", m{"resourceArn": arn, "tagKeys": []string{"l"}})
		if diff := cmp.Diff(m{"tags": []any{m{"key": "k", "value": "v"}}}, w.must("ListTagsForResource", m{"resourceArn": arn})); diff != "" {
			w.t.Error(diff)
		}
	})
	inWorld(t, "SF-082 versions and aliases", func(w *world) {
		arn := w.create("a", "STANDARD", onePass)
		v1 := w.must("PublishStateMachineVersion", m{"stateMachineArn": arn})["stateMachineVersionArn"]
		if v1 != arn+":1" {
			w.t.Errorf("the first version is %v", v1)
		}
		w.must("UpdateStateMachine", m{"stateMachineArn": arn, "definition": `{"StartAt":"P","States":{"P":{"Type":"Pass","Result":2,"End":true}}}`})
		v2 := w.must("PublishStateMachineVersion", m{"stateMachineArn": arn})["stateMachineVersionArn"]
		alias := w.must("CreateStateMachineAlias", m{"name": "live", "routingConfiguration": []m{{"stateMachineVersionArn": v1, "weight": 50}, {"stateMachineVersionArn": v2, "weight": 50}}})["stateMachineAliasArn"]
		seen := map[any]int{}
		for range 60 {
			out := w.run(alias.(string), "1")
			if out["stateMachineAliasArn"] != alias {
				w.t.Fatalf("it was started by %v", out["stateMachineAliasArn"])
			}
			seen[out["stateMachineVersionArn"]]++
		}
		if seen[v1] == 0 || seen[v2] == 0 {
			w.t.Errorf("executions per version: %v", seen)
		}
		if got := w.refused("DeleteStateMachineVersion", m{"stateMachineVersionArn": v1}); !strings.HasPrefix(got, "ConflictException") {
			w.t.Error(got)
		}
	})
	inWorld(t, "SF-087 unknown operation", func(w *world) {
		if got := w.refused("NoSuchOperation", m{}); !strings.HasPrefix(got, "UnknownOperationException") {
			w.t.Error(got)
		}
	})
	inWorld(t, "SF-089 pages sorted by creation", func(w *world) {
		for _, name := range []string{"c", "a", "b"} {
			w.create(name, "STANDARD", onePass)
			time.Sleep(time.Second)
		}
		var names []any
		in := m{"maxResults": 2}
		for {
			out := w.must("ListStateMachines", in)
			for _, machine := range out["stateMachines"].([]any) {
				names = append(names, machine.(m)["name"])
			}
			if in["nextToken"] = out["nextToken"]; out["nextToken"] == nil {
				break
			}
		}
		if diff := cmp.Diff([]any{"c", "a", "b"}, names); diff != "" {
			w.t.Error(diff)
		}
	})
}

// TestDefinitionsRefused holds what is said of definitions that are wrong.
func TestDefinitionsRefused(t *testing.T) {
	resource := func(text string) string {
		return "The resource provided " + text + " is not recognized. The value is not a valid resource ARN, or the resource is not available in this region. at /States/T/Resource"
	}
	for _, tt := range []struct{ name, kind, definition, want string }{
		{"SF-004 no states", "", `{"StartAt":"A"}`, "SCHEMA_VALIDATION_FAILED: These fields are required: [States] at /"},
		{"SF-005 unknown type", "", `{"StartAt":"X","States":{"X":{"Type":"None","End":true}}}`, "The field 'Type' should have one of these values: [Task, Wait, Pass, Succeed, Fail, Choice, Parallel, Map] at /States/X/Type"},
		{"SF-006 missing target", "", `{"StartAt":"X","States":{"X":{"Type":"Pass","Next":"Y"}}}`, "MISSING_TRANSITION_TARGET: Missing 'Next' target: Y at /States/X/Next"},
		{"SF-007 sync", "EXPRESS", task("arn:aws:states:::states:startExecution.sync", ""), "Express state machine does not support '.sync' service integration at /States/T/Resource"},
		{"SF-007 token", "EXPRESS", task("arn:aws:states:::lambda:invoke.waitForTaskToken", ""), "Express state machine does not support '.waitForTaskToken' service integration  at /States/T/Resource"},
		{"SF-007 activity", "EXPRESS", task("arn:aws:states:us-east-1:111111111111:activity:a", ""), "Express state machine does not support Activity ARN at /States/T/Resource"},
		{"SF-008 push by SDK", "", task("arn:aws:states:::aws-sdk:apigatewaymanagementapi:postToConnection", ""), resource("arn:aws:states:::aws-sdk:apigatewaymanagementapi:postToConnection")},
		{"SF-071 JSONPath in JSONata", "", `{"QueryLanguage":"JSONata","StartAt":"P","States":{"P":{"Type":"Pass","QueryLanguage":"JSONPath","End":true}}}`, "'QueryLanguage' can not be 'JSONPath' if set to 'JSONata' for whole state machine at /States/P"},
		{"SF-092 succeed and next", "", `{"StartAt":"S","States":{"S":{"Type":"Succeed","Next":"S"}}}`, "at /States/S/Next"},
		{"SF-092 fail and end", "", `{"StartAt":"S","States":{"S":{"Type":"Fail","End":true}}}`, "at /States/S/End"},
		{"SF-093 duplicate names", "", `{"StartAt":"A","States":{"A":{"Type":"Map","End":true,"ItemProcessor":{"StartAt":"A","States":{"A":{"Type":"Pass","End":true}}}}}}`, "DUPLICATE_STATE_NAME"},
		{"SF-094 two timings", "", `{"StartAt":"W","States":{"W":{"Type":"Wait","Seconds":1,"Timestamp":"2030-01-01T00:00:00Z","End":true}}}`, "SCHEMA_VALIDATION_FAILED: There should only be one of the following fields: [SecondsPath, Seconds, TimestampPath, Timestamp] at /States/W"},
		{"not JSON", "", `{"StartAt"`, "INVALID_JSON_DESCRIPTION"},
		{"no next", "", `{"StartAt":"P","States":{"P":{"Type":"Pass"}}}`, "SCHEMA_VALIDATION_FAILED: This object should have only one of the following fields: [Next, End] at /States/P"},
		{"next and end", "", `{"StartAt":"P","States":{"P":{"Type":"Pass","Next":"P","End":true}}}`, "SCHEMA_VALIDATION_FAILED: There should only be one of the following fields: [Next, End] at /States/P"},
		{"no end", "", `{"StartAt":"A","States":{"A":{"Type":"Pass","Next":"B"},"B":{"Type":"Pass","Next":"A"}}}`, "MISSING_END_STATE: Workflow has no terminal state'"},
		{"missing and unreachable", "", `{"StartAt":"pass1","States":{"pass1":{"Type":"Pass","Next":"pass3"},"pass2":{"Type":"Pass","End":true}}}`, "'MISSING_TRANSITION_TARGET: Missing 'Next' target: pass3 at /States/pass1/Next, MISSING_TRANSITION_TARGET: State \"pass2\" is not reachable. at /States/pass2'"},
		{"unknown field", "", `{"StartAt":"P","States":{"P":{"Type":"Pass","end":true,"End":true}}}`, "SCHEMA_VALIDATION_FAILED: Field 'end' is not supported"},
		{"JSONata's field", "", `{"StartAt":"P","States":{"P":{"Type":"Pass","Output":1,"End":true}}}`, "The QueryLanguage is set to 'JSONPath', but field 'Output' is only supported for the 'JSONata' QueryLanguage at /States/P/Output"},
		{"JSONPath's field", "", `{"StartAt":"P","States":{"P":{"Type":"Pass","QueryLanguage":"JSONata","ResultPath":"$","End":true}}}`, "The QueryLanguage is set to 'JSONata', but field 'ResultPath' is only supported for the 'JSONPath' QueryLanguage"},
		{"half an expression", "", `{"QueryLanguage":"JSONata","StartAt":"P","States":{"P":{"Type":"Pass","Output":"{% 1","End":true}}}`, "JSONata string must start with {% and end with %}"},
		{"language", "", `{"QueryLanguage":"XPath","StartAt":"P","States":{"P":{"Type":"Pass","End":true}}}`, "Value should be one of the following: [JSONPath, JSONata] at /QueryLanguage"},
		{"version", "", `{"Version":"2.0","StartAt":"P","States":{"P":{"Type":"Pass","End":true}}}`, "Value should be one of the following: [1.0] at /Version"},
		{"no path", "", `{"StartAt":"P","States":{"P":{"Type":"Pass","InputPath":"a","End":true}}}`, "Value must be a valid JSONPath. at /States/P/InputPath"},
		{"both timeouts", "", task("arn:aws:states:::sqs:sendMessage", `,"TimeoutSeconds":1,"TimeoutSecondsPath":"$.a"`), "There should only be one of the following fields: [TimeoutSeconds, TimeoutSecondsPath]"},
		{"too short", "", task("arn:aws:states:::sqs:sendMessage", `,"TimeoutSeconds":0`), "Minimum value is 1 at /States/T/TimeoutSeconds"},
		{"too many", "", task("arn:aws:states:::sqs:sendMessage", `,"Retry":[{"ErrorEquals":["A"],"MaxAttempts":100000000}]`), "Maximum value is 99999999 at /States/T/Retry[0]/MaxAttempts"},
		{"States.ALL first", "", task("arn:aws:states:::sqs:sendMessage", `,"Retry":[{"ErrorEquals":["States.ALL"]},{"ErrorEquals":["A"]}]`), "States.ALL must appear alone and at end of list at /States/T/Retry[0]/ErrorEquals"},
		{"a name", "", task("hello", ""), "Value is not a valid resource ARN at /States/T/Resource"},
		{"no tokens", "", task("arn:aws:states:::glue:startJobRun.waitForTaskToken", ""), resource("arn:aws:states:::glue:startJobRun.waitForTaskToken")},
		{"an activity's role", "", task("arn:aws:states:us-east-1:111111111111:activity:a", `,"Credentials":{"RoleArn":"r"}`), "The field 'Credentials' is not supported for activities at /States/T/Credentials"},
		{"reserved variable", "", `{"StartAt":"P","States":{"P":{"Type":"Pass","Assign":{"states":1},"End":true}}}`, "RESERVED_VARIABLE_NAME: Cannot assign to reserved variable '$states'."},
		{"variable", "", `{"StartAt":"P","States":{"P":{"Type":"Pass","Assign":{"a-b":1},"End":true}}}`, "INVALID_VARIABLE_NAME: Invalid variable name 'a-b': the variable name contains invalid characters."},
		{"long name", "", `{"StartAt":"` + strings.Repeat("x", 81) + `","States":{"` + strings.Repeat("x", 81) + `":{"Type":"Pass","End":true}}}`, "INVALID_STATE_NAME: "},
		{"two tests", "", `{"StartAt":"C","States":{"C":{"Type":"Choice","Choices":[{"Variable":"$.a","IsNull":true,"IsString":true,"Next":"S"}]},"S":{"Type":"Succeed"}}}`, "There should only be one of the following fields: [IsNull, IsString] at /States/C/Choices[0]"},
		{"no test", "", `{"StartAt":"C","States":{"C":{"Type":"Choice","Choices":[{"Next":"S"}]},"S":{"Type":"Succeed"}}}`, "The object must have only one of the following fields, [And, Or, Not, Variable, Condition] at /States/C/Choices[0]"},
		{"a nested next", "", `{"StartAt":"C","States":{"C":{"Type":"Choice","Choices":[{"Not":{"Variable":"$.a","IsNull":true,"Next":"S"},"Next":"S"}]},"S":{"Type":"Succeed"}}}`, "Field 'Next' is not supported at /States/C/Choices[0]/Not/Next"},
		{"no processor", "", `{"StartAt":"M","States":{"M":{"Type":"Map","End":true}}}`, "This object should have only one of the following fields: [ItemProcessor, Iterator] at /States/M"},
		{"distributed and express", "EXPRESS", distributed("", twoSteps), "The field 'Mode' with value 'DISTRIBUTED' is not supported inside 'EXPRESS' state machines"},
		{"no type of children", "", strings.Replace(distributed("", twoSteps), `,"ExecutionType":"STANDARD"`, "", 1), "These fields are required: [ExecutionType] at /States/M/ItemProcessor/ProcessorConfig"},
		{"inline with a type", "", strings.Replace(distributed("", twoSteps), "DISTRIBUTED", "INLINE", 1), "Field 'ExecutionType' is not supported"},
		{"reader", "", distributed(`"ItemReader":{"Resource":"arn:aws:states:::s3:headObject"},`, twoSteps), "The field 'Resource' does not match any of the allowed values at /States/M/ItemReader/Resource"},
		{"CSV without headers", "", distributed(`"ItemReader":{"Resource":"arn:aws:states:::s3:getObject","ReaderConfig":{"InputType":"CSV"}},`, twoSteps), "The field 'CSVHeaderLocation' is required"},
		{"headers that are not given", "", distributed(`"ItemReader":{"Resource":"arn:aws:states:::s3:getObject","ReaderConfig":{"InputType":"CSV","CSVHeaderLocation":"GIVEN"}},`, twoSteps), "These fields are required: [CSVHeaders]"},
		{"two labels", "", `{"StartAt":"P","States":{"P":{"Type":"Parallel","End":true,"Branches":[` + distributed("", twoSteps) + "," + strings.NewReplacer(`"One"`, `"Three"`, `"Two"`, `"Four"`, `"M"`, `"N"`).Replace(distributed("", twoSteps)) + `]}}}`, "DUPLICATE_LABEL_NAME: Duplicate Label name: L"},
		{"empty branches", "", `{"StartAt":"P","States":{"P":{"Type":"Parallel","Branches":[],"End":true}}}`, "Value cannot be empty at /States/P/Branches"},
	} {
		inWorld(t, tt.name, func(w *world) {
			kind := tt.kind
			if kind == "" {
				kind = "STANDARD"
			}
			got := w.refused("CreateStateMachine", m{"name": "a", "definition": tt.definition, "roleArn": role, "type": kind})
			if !strings.HasPrefix(got, "InvalidDefinition: Invalid State Machine Definition: '") || !strings.Contains(got, tt.want) {
				w.t.Errorf("got %s, want %s", got, tt.want)
			}
			out := w.must("ValidateStateMachineDefinition", m{"definition": tt.definition, "type": kind})
			if out["result"] != "FAIL" || len(out["diagnostics"].([]any)) == 0 {
				w.t.Errorf("SF-084: %v", out)
			}
		})
	}
	inWorld(t, "SF-084 warnings", func(w *world) {
		definition := `{"StartAt":"HelloWorld","States":{"HelloWorld":{"Type":"Pass","Parameters":{"a":"$.a","b":{"c":"States.UUID()"}},"Result":{"c.$":"$.c"},"Next":"FailState"},"FailState":{"Type":"Fail","Error":"$.error","Cause":"$.cause"}}}`
		warning := func(code, message, location string) m {
			return m{"severity": "WARNING", "code": code, "message": message, "location": location}
		}
		want := []any{
			warning("NO_DOLLAR", "The value of 'a' looks like a JSONPath. Instead of 'a', use 'a.$' to evaluate it as a JSONPath at runtime.", "/States/HelloWorld/Parameters"),
			warning("NO_DOLLAR", "The value of 'c' looks like an Intrinsic Function. Instead of 'c', use 'c.$' to evaluate it as an Intrinsic Function at runtime.", "/States/HelloWorld/Parameters/b"),
			warning("PASS_RESULT_IS_STATIC", "The value of 'c.$' will not evaluate as a JSONPath or Intrinsic Function at runtime. Instead of 'Result', use 'Parameters' to evaluate it as a JSONPath or Intrinsic Function at runtime.", "/States/HelloWorld/Result"),
			warning("NO_PATH", "The value of 'Error' looks like a JSONPath. Instead of 'Error', use 'ErrorPath' to evaluate it as a JSONPath at runtime.", "/States/FailState/Error"),
			warning("NO_PATH", "The value of 'Cause' looks like a JSONPath. Instead of 'Cause', use 'CausePath' to evaluate it as a JSONPath at runtime.", "/States/FailState/Cause"),
		}
		out := w.must("ValidateStateMachineDefinition", m{"definition": definition, "severity": "WARNING"})
		if diff := cmp.Diff(m{"result": "OK", "diagnostics": want, "truncated": false}, out); diff != "" {
			w.t.Error(diff)
		}
		for _, tt := range []struct {
			in        m
			count     int
			truncated bool
		}{{m{}, 0, false}, {m{"severity": "ERROR"}, 0, false}, {m{"severity": "WARNING", "maxResults": 2}, 2, true}, {m{"severity": "WARNING", "maxResults": 5}, 5, false}, {m{"severity": "WARNING", "maxResults": 0}, 5, false}} {
			tt.in["definition"] = definition
			if out := w.must("ValidateStateMachineDefinition", tt.in); len(out["diagnostics"].([]any)) != tt.count || out["truncated"] != tt.truncated || out["result"] != "OK" {
				w.t.Errorf("%v: %v", tt.in, out)
			}
		}
		w.create("warned", "STANDARD", definition)
	})
	inWorld(t, "SF-003 name with a blank", func(w *world) {
		if got := w.refused("CreateStateMachine", m{"name": "a b", "definition": onePass, "roleArn": role}); got != "InvalidName: Invalid Name: 'a b'" {
			w.t.Error(got)
		}
	})
}

func TestExecutions(t *testing.T) {
	inWorld(t, "SF-012 SF-015 SF-016 SF-020 names, status, stop", func(w *world) {
		arn := w.create("a", "STANDARD", `{"StartAt":"W","States":{"W":{"Type":"Wait","Seconds":60,"End":true}}}`)
		in := m{"stateMachineArn": arn, "name": "x", "input": `{"a":1}`}
		x := w.must("StartExecution", in)["executionArn"].(string)
		if x != "arn:aws:states:us-east-1:111111111111:execution:a:x" {
			w.t.Error(x)
		}
		if again := w.must("StartExecution", in)["executionArn"]; again != x {
			w.t.Errorf("started again it is %v", again)
		}
		in["input"] = `{"a":2}`
		if got := w.refused("StartExecution", in); got != "ExecutionAlreadyExists: Execution Already Exists: '"+x+"'" {
			w.t.Error(got)
		}
		w.must("StopExecution", m{"executionArn": x, "error": "E", "cause": "C"})
		out := w.must("DescribeExecution", m{"executionArn": x})
		if out["status"] != "ABORTED" || out["error"] != "E" || out["stopDate"] == nil {
			w.t.Error(out)
		}
		if h := w.history(x); h[len(h)-1]["type"] != "ExecutionAborted" {
			w.t.Error(h)
		}
		out = w.run(w.create("b", "STANDARD", onePass), `{"o":1}`)
		if out["status"] != "SUCCEEDED" || out["output"] != `{"o":1}` || out["stopDate"] == nil || out["redriveStatus"] != "NOT_REDRIVABLE" {
			w.t.Error(out)
		}
	})
	inWorld(t, "SF-013 SF-014 input", func(w *world) {
		arn := w.create("a", "STANDARD", onePass)
		if got := w.refused("StartExecution", m{"stateMachineArn": arn, "input": "hello"}); !strings.HasPrefix(got, "InvalidExecutionInput: Invalid State Machine Execution Input: 'Unrecognized token 'hello'") {
			w.t.Error(got)
		}
		if got := w.refused("StartExecution", m{"stateMachineArn": arn, "input": `"` + strings.Repeat("x", 262143) + `"`}); !strings.HasPrefix(got, "ValidationException") {
			w.t.Error(got[:200])
		}
	})
	inWorld(t, "SF-017 SF-018 SF-019 express", func(w *world) {
		x := w.create("x", "EXPRESS", onePass)
		out := w.must("StartSyncExecution", m{"stateMachineArn": x, "input": "[1]"})
		if out["status"] != "SUCCEEDED" || out["output"] != "[1]" || out["billingDetails"] == nil {
			w.t.Error(out)
		}
		if got := w.refused("DescribeExecution", m{"executionArn": out["executionArn"]}); got != "StateMachineTypeNotSupported: This operation is not supported by this type of state machine" {
			w.t.Error(got)
		}
		if got := w.refused("StartSyncExecution", m{"stateMachineArn": w.create("s", "STANDARD", onePass)}); !strings.HasPrefix(got, "StateMachineTypeNotSupported") {
			w.t.Error(got)
		}
	})
	inWorld(t, "SF-021 SF-022 history", func(w *world) {
		arn := w.execute(`{"StartAt":"A","States":{"A":{"Type":"Pass","Next":"B"},"B":{"Type":"Pass","End":true}}}`, "{}")["executionArn"]
		var ids []any
		in := m{"executionArn": arn, "maxResults": 4, "reverseOrder": true}
		for {
			out := w.must("GetExecutionHistory", in)
			for _, e := range out["events"].([]any) {
				ids = append(ids, e.(m)["id"])
			}
			if in["nextToken"] = out["nextToken"]; out["nextToken"] == nil {
				break
			}
		}
		if diff := cmp.Diff([]any{6.0, 5.0, 4.0, 3.0, 2.0, 1.0}, ids); diff != "" {
			w.t.Error(diff)
		}
		if h := w.history(arn.(string)); h[1]["previousEventId"] != 0.0 || h[2]["previousEventId"] != 2.0 {
			w.t.Error(h)
		}
	})
	inWorld(t, "SF-023 listed by status", func(w *world) {
		arn := w.create("a", "STANDARD", onePass)
		w.run(arn, "1")
		time.Sleep(time.Second)
		last := w.run(arn, "2")["executionArn"]
		list := w.must("ListExecutions", m{"stateMachineArn": arn, "statusFilter": "SUCCEEDED"})["executions"].([]any)
		if len(list) != 2 || list[0].(m)["executionArn"] != last {
			w.t.Error(list)
		}
		if list := w.must("ListExecutions", m{"stateMachineArn": arn, "statusFilter": "RUNNING"})["executions"].([]any); len(list) != 0 {
			w.t.Error(list)
		}
		if got := w.refused("ListExecutions", m{"stateMachineArn": arn, "statusFilter": "succeeded"}); !strings.HasPrefix(got, "ValidationException") {
			w.t.Error(got)
		}
	})
	inWorld(t, "SF-049 SF-041 SF-047 timeouts and retries take their time", func(w *world) {
		start := time.Now()
		out := w.execute(`{"TimeoutSeconds":5,"StartAt":"W","States":{"W":{"Type":"Wait","Seconds":60,"End":true}}}`, "{}")
		if took := time.Since(start); out["status"] != "TIMED_OUT" || took < 5*time.Second || took > 5100*time.Millisecond {
			w.t.Errorf("%v after %v", out, took)
		}
		var at []time.Duration
		w.others.functions["f"] = func(context.Context, json.RawMessage) (json.RawMessage, bool, error) {
			at = append(at, time.Since(start).Round(100*time.Millisecond))
			return json.RawMessage(`{"errorType":"CustomError"}`), true, nil
		}
		start = time.Now()
		out = w.execute(task("arn:aws:lambda:us-east-1:111111111111:function:f", `,"Retry":[{"ErrorEquals":["Other"],"MaxAttempts":5},{"ErrorEquals":["CustomError"],"IntervalSeconds":1,"BackoffRate":2,"MaxAttempts":2}]`), "{}")
		if diff := cmp.Diff([]time.Duration{0, time.Second, 3 * time.Second}, at); diff != "" || out["error"] != "CustomError" || out["cause"] != `{"errorType":"CustomError"}` {
			w.t.Errorf("SF-046 SF-050: %v %s", out, diff)
		}
		w.others.behave("slow", behavior{Behavior: "sleep", Seconds: 30})
		start = time.Now()
		out = w.execute(task("arn:aws:lambda:us-east-1:111111111111:function:slow", `,"TimeoutSeconds":1,"Retry":[{"ErrorEquals":["States.TaskFailed"]}]`), "{}")
		if took := time.Since(start); out["error"] != "States.Timeout" || took > 1100*time.Millisecond {
			w.t.Errorf("%v after %v", out, took)
		}
	})
	inWorld(t, "SF-042 SF-043 caps, jitter and no attempts", func(w *world) {
		count := 0
		w.others.functions["f"] = func(context.Context, json.RawMessage) (json.RawMessage, bool, error) {
			count++
			return json.RawMessage(`{"errorType":"E"}`), true, nil
		}
		timed := func(retry string) (time.Duration, int) {
			count = 0
			start := time.Now()
			w.execute(task("arn:aws:lambda:us-east-1:111111111111:function:f", `,"Retry":[{"ErrorEquals":["E"],`+retry+`}]`), "{}")
			return time.Since(start), count
		}
		if took, n := timed(`"IntervalSeconds":2,"BackoffRate":10,"MaxDelaySeconds":3,"MaxAttempts":3`); n != 4 || took < 8*time.Second || took > 8500*time.Millisecond {
			w.t.Errorf("capped: %d attempts in %v", n, took)
		}
		if took, n := timed(`"IntervalSeconds":100,"BackoffRate":1,"JitterStrategy":"FULL","MaxAttempts":3`); n != 4 || took >= 300*time.Second || took < time.Second {
			w.t.Errorf("jitter: %d attempts in %v", n, took)
		}
		if took, n := timed(`"MaxAttempts":0`); n != 1 || took > time.Second {
			w.t.Errorf("none: %d attempts in %v", n, took)
		}
	})
	inWorld(t, "SF-044 SF-075 what States.ALL does not take", func(w *world) {
		w.others.behave("big", behavior{Behavior: "return", Payload: json.RawMessage(`"` + strings.Repeat("x", 262145) + `"`)})
		out := w.execute(task("arn:aws:lambda:us-east-1:111111111111:function:big", `,"Retry":[{"ErrorEquals":["States.ALL"]}]`), "{}")
		if out["error"] != "States.DataLimitExceeded" || out["cause"] != "The state/task 'T' returned a result with a size exceeding the maximum number of bytes service limit." {
			w.t.Error(out)
		}
	})
	inWorld(t, "SF-076 too many events", func(w *world) {
		out := w.execute(`{"StartAt":"A","States":{"A":{"Type":"Pass","Next":"B"},"B":{"Type":"Choice","Choices":[{"Variable":"$.end","IsPresent":true,"Next":"C"}],"Default":"A"},"C":{"Type":"Succeed"}}}`, "{}")
		if out["status"] != "FAILED" || out["cause"] != "The execution reached the maximum number of history events (25000)." {
			w.t.Error(out)
		}
		if h := w.history(out["executionArn"].(string)); len(h) != 25000 {
			w.t.Errorf("%d events", len(h))
		}
	})
	inWorld(t, "SF-083 redrive", func(w *world) {
		bad := true
		w.others.functions["f"] = func(context.Context, json.RawMessage) (json.RawMessage, bool, error) {
			return json.RawMessage(`{"errorType":"E"}`), bad, nil
		}
		out := w.execute(`{"StartAt":"P","States":{"P":{"Type":"Pass","Result":7,"Next":"T"},"T":{"Type":"Task","Resource":"arn:aws:lambda:us-east-1:111111111111:function:f","ResultPath":null,"End":true}}}`, "{}")
		if out["status"] != "FAILED" || out["redriveStatus"] != "REDRIVABLE" {
			w.t.Fatal(out)
		}
		bad = false
		w.must("RedriveExecution", m{"executionArn": out["executionArn"]})
		time.Sleep(time.Second)
		out = w.wait(out["executionArn"].(string))
		if out["status"] != "SUCCEEDED" || out["output"] != "7" || out["redriveCount"] != 1.0 {
			w.t.Error(out)
		}
		if got := w.refused("RedriveExecution", m{"executionArn": out["executionArn"]}); !strings.HasPrefix(got, "ExecutionNotRedrivable") {
			w.t.Error(got)
		}
	})
	inWorld(t, "SF-090 an execution keeps its definition", func(w *world) {
		wait := `{"StartAt":"W","States":{"W":{"Type":"Wait","Seconds":9,"End":true}}}`
		arn := w.create("a", "STANDARD", wait)
		x := w.must("StartExecution", m{"stateMachineArn": arn})["executionArn"]
		w.must("UpdateStateMachine", m{"stateMachineArn": arn, "definition": onePass})
		if out := w.must("DescribeStateMachineForExecution", m{"executionArn": x}); out["definition"] != wait {
			w.t.Error(out)
		}
	})
	inWorld(t, "SF-088 a hundred at once", func(w *world) {
		text := `{"StartAt":"S0","States":{`
		for i := range 4 {
			text += fmt.Sprintf(`"S%d":{"Type":"Pass","Next":"S%d"},`, i, i+1)
		}
		arn := w.create("a", "STANDARD", text+`"S4":{"Type":"Wait","Seconds":1,"End":true}}}`)
		start := time.Now()
		var all []string
		for range 100 {
			all = append(all, w.must("StartExecution", m{"stateMachineArn": arn})["executionArn"].(string))
		}
		for _, x := range all {
			w.wait(x)
		}
		if took := time.Since(start); took > 10*time.Second {
			w.t.Errorf("it took %v", took)
		}
	})
}

func TestTasks(t *testing.T) {
	inWorld(t, "SF-032 SF-077 a wait is kept, also over a restart", func(w *world) {
		arn := w.create("a", "STANDARD", `{"StartAt":"W","States":{"W":{"Type":"Wait","Seconds":60,"Next":"V"},"V":{"Type":"Wait","Timestamp":"2001-01-01T00:00:00Z","End":true}}}`)
		time.Sleep(time.Until(time.Date(2002, 1, 1, 0, 0, 0, 0, time.UTC)))
		start := time.Now()
		x := w.must("StartExecution", m{"stateMachineArn": arn})["executionArn"].(string)
		time.Sleep(time.Second)
		w.stop()
		time.Sleep(10 * time.Second)
		w.start()
		w.wait(x)
		if took := time.Since(start); took < time.Minute || took > time.Minute+100*time.Millisecond {
			w.t.Errorf("it took %v", took)
		}
	})
	inWorld(t, "SF-048 heartbeats", func(w *world) {
		w.others.behave("f", behavior{Behavior: "echo"})
		start := time.Now()
		arn := w.create("a", "STANDARD", task("arn:aws:states:::lambda:invoke.waitForTaskToken", `,"HeartbeatSeconds":2,"TimeoutSeconds":60,"Parameters":{"FunctionName":"f","Payload":{"t.$":"$$.Task.Token"}},"Catch":[{"ErrorEquals":["States.HeartbeatTimeout"],"Next":"C"}]},"C":{"Type":"Pass","End":true`))
		x := w.must("StartExecution", m{"stateMachineArn": arn})["executionArn"].(string)
		token := ""
		for range 3 { // three heartbeats make it live longer
			time.Sleep(1500 * time.Millisecond)
			for _, e := range w.history(x) {
				if d, ok := e["taskScheduledEventDetails"].(m); ok {
					var p struct{ Payload struct{ T string } }
					_ = json.Unmarshal([]byte(d["parameters"].(string)), &p)
					token = p.Payload.T
				}
			}
			w.must("SendTaskHeartbeat", m{"taskToken": token})
		}
		out := w.wait(x)
		if took := time.Since(start); out["status"] != "SUCCEEDED" || took < 6*time.Second || took > 7*time.Second {
			w.t.Errorf("%v after %v", out, took)
		}
		if got := w.refused("SendTaskSuccess", m{"taskToken": token, "output": "1"}); got != "TaskTimedOut: Task Timed Out: 'Provided task does not exist anymore'" {
			w.t.Errorf("SF-060: %s", got)
		}
		if got := w.refused("SendTaskSuccess", m{"taskToken": "nonsense", "output": "1"}); got != "InvalidToken: Invalid Token: 'Invalid token'" {
			w.t.Errorf("SF-060: %s", got)
		}
	})
	inWorld(t, "SF-056 SF-057 events, queues and topics take objects", func(w *world) {
		w.must2("sqs", "CreateQueue", m{"QueueName": "q"})
		out := w.execute(task("arn:aws:states:::events:putEvents", `,"Parameters":{"Entries":[{"Source":"s","DetailType":"d","Detail":{"a.$":"$.a"}}]}`), `{"a":1}`)
		var e struct {
			Detail    string
			Resources []string
		}
		_ = json.Unmarshal(w.others.events[0], &e)
		if out["status"] != "SUCCEEDED" || e.Detail != `{"a":1}` || e.Resources[0] != out["executionArn"] {
			w.t.Errorf("%v %+v", out, e)
		}
		out = w.execute(task("arn:aws:states:::sqs:sendMessage", `,"Parameters":{"QueueUrl":"http://x/q","MessageBody":{"b":2}}`), `{}`)
		if out["status"] != "SUCCEEDED" || !strings.Contains(string(w.others.queues["q"][0]), `{\"b\":2}`) {
			w.t.Errorf("%v %s", out, w.others.queues["q"])
		}
		if out = w.execute(task("arn:aws:states:::sns:publish", `,"Parameters":{"TopicArn":"arn:aws:sns:us-east-1:1:t","Message":{"b":2}}`), `{}`); out["status"] != "SUCCEEDED" {
			w.t.Error(out)
		}
	})
	inWorld(t, "SF-054 SF-055 errors of tables", func(w *world) {
		w.must2("dynamodb", "CreateTable", m{"TableName": "tab", "KeySchema": []m{{"AttributeName": "id", "KeyType": "HASH"}}, "AttributeDefinitions": []m{{"AttributeName": "id", "AttributeType": "S"}}, "BillingMode": "PAY_PER_REQUEST"})
		put := `,"Parameters":{"TableName":"tab","Item":{"id":{"S":"1"}},"ConditionExpression":"attribute_exists(id)"}`
		if out := w.execute(task("arn:aws:states:::dynamodb:putItem", put), "{}"); out["error"] != "DynamoDB.ConditionalCheckFailedException" {
			w.t.Error(out)
		}
		if out := w.execute(task("arn:aws:states:::aws-sdk:dynamodb:getItem", `,"Parameters":{"TableName":"none","Key":{"id":{"S":"1"}}}`), "{}"); out["error"] != "DynamoDb.ResourceNotFoundException" {
			w.t.Error(out)
		}
	})
	inWorld(t, "SF-061 SF-062 pushing to sockets", func(w *world) {
		push := func(id string) m {
			return w.execute(task("arn:aws:states:::apigateway:invoke", `,"Parameters":{"ApiEndpoint":"abc.execute-api.us-east-1.amazonaws.com","Method":"POST","Stage":"prod","AuthType":"IAM_ROLE","Path.$":"States.Format('/@connections/{}',$.id)","RequestBody":{"hello.$":"$.id"}},"Catch":[{"ErrorEquals":["ApiGateway.410"],"ResultPath":"$.gone","Next":"Gone"}]},"Gone":{"Type":"Pass","End":true`), `{"id":"`+id+`"}`)
		}
		out := push("L0SM9cOFvHcCIhw=")
		if diff := cmp.Diff([]string{`abc/prod/L0SM9cOFvHcCIhw= {"hello":"L0SM9cOFvHcCIhw="}`}, w.others.posts); diff != "" || !strings.Contains(out["output"].(string), `"StatusCode":200`) {
			w.t.Error(out, diff)
		}
		if out := push("gone"); !strings.Contains(out["output"].(string), `"Error":"ApiGateway.410"`) {
			w.t.Error(out)
		}
	})
	inWorld(t, "SF-063 activities", func(w *world) {
		arn := w.must("CreateActivity", m{"name": "act"})["activityArn"].(string)
		if out := w.must("GetActivityTask", m{"activityArn": arn}); out["taskToken"] != nil {
			w.t.Errorf("after a minute: %v", out)
		}
		x := w.create("a", "STANDARD", task(arn, ""))
		w.background.Go(func() {
			time.Sleep(3 * time.Second)
			w.must("StartExecution", m{"stateMachineArn": x, "name": "x", "input": `{"a":1}`})
		})
		start := time.Now()
		out := w.must("GetActivityTask", m{"activityArn": arn, "workerName": "me"})
		if out["input"] != `{"a":1}` || time.Since(start) > 3100*time.Millisecond {
			w.t.Errorf("%v after %v", out, time.Since(start))
		}
		w.must("SendTaskSuccess", m{"taskToken": out["taskToken"], "output": `"done"`})
		if end := w.wait(strings.Replace(x, "stateMachine", "execution", 1) + ":x"); end["output"] != `"done"` {
			w.t.Error(end)
		}
	})
	inWorld(t, "SF-035 SF-036 branches and iterations", func(w *world) {
		var order []string
		w.others.functions["f"] = func(_ context.Context, event json.RawMessage) (json.RawMessage, bool, error) {
			order = append(order, string(event))
			time.Sleep(time.Second)
			order = append(order, string(event))
			return event, false, nil
		}
		out := w.execute(`{"StartAt":"M","States":{"M":{"Type":"Map","MaxConcurrency":1,"End":true,"ItemProcessor":{"StartAt":"T","States":{"T":{"Type":"Task","Resource":"arn:aws:lambda:us-east-1:111111111111:function:f","End":true}}}}}}`, "[1,2,3]")
		if diff := cmp.Diff([]string{"1", "1", "2", "2", "3", "3"}, order); diff != "" || out["output"] != "[1,2,3]" {
			w.t.Error(out, diff)
		}
		start := time.Now()
		out = w.execute(`{"StartAt":"P","States":{"P":{"Type":"Parallel","End":true,"Branches":[{"StartAt":"W","States":{"W":{"Type":"Wait","Seconds":600,"End":true}}},{"StartAt":"F","States":{"F":{"Type":"Fail","Error":"E","Cause":"C"}}}]}}}`, "{}")
		if out["error"] != "E" || time.Since(start) > time.Second {
			w.t.Error(out, time.Since(start))
		}
	})
	inWorld(t, "SF-037 a Map over no list", func(w *world) {
		out := w.execute(`{"StartAt":"M","States":{"M":{"Type":"Map","ItemsPath":"$.a","End":true,"ItemProcessor":{"StartAt":"P","States":{"P":{"Type":"Pass","End":true}}}}}}`, `{"a":1}`)
		if out["error"] != "States.Runtime" || !strings.HasSuffix(out["cause"].(string), `Reference path "$.a" must point to array.`) {
			w.t.Error(out)
		}
	})
	inWorld(t, "SF-039 SF-040 distributed maps", func(w *world) {
		w.must2("s3", "CreateBucket", m{"Bucket": "b"})
		w.must2("s3", "PutObject", m{"Bucket": "b", "Key": "k.csv", "Body": b64("n,v\n1,good\n2,bad\n3,good\n")})
		definition := func(tolerated int) string {
			return fmt.Sprintf(`{"StartAt":"M","States":{"M":{"Type":"Map","ToleratedFailureCount":%d,"Label":"L","End":true,
				"ItemReader":{"Resource":"arn:aws:states:::s3:getObject","ReaderConfig":{"InputType":"CSV","CSVHeaderLocation":"FIRST_ROW"},"Parameters":{"Bucket":"b","Key":"k.csv"}},
				"ResultWriter":{"Resource":"arn:aws:states:::s3:putObject","Parameters":{"Bucket":"b","Prefix":"out"}},
				"ItemProcessor":{"ProcessorConfig":{"Mode":"DISTRIBUTED","ExecutionType":"STANDARD"},"StartAt":"C","States":{"C":{"Type":"Choice","Default":"F","Choices":[{"Variable":"$.v","StringEquals":"good","Next":"S"}]},"S":{"Type":"Succeed"},"F":{"Type":"Fail","Error":"Bad"}}}}}}`, tolerated)
		}
		out := w.execute(definition(1), "{}")
		if out["status"] != "SUCCEEDED" || !strings.Contains(out["output"].(string), `"ResultWriterDetails":{"Bucket":"b","Key":"out/`) {
			w.t.Fatal(out)
		}
		found := false
		for key, body := range w.others.objects {
			found = found || strings.HasSuffix(key, "SUCCEEDED_0.json") && strings.Contains(string(body), `{\"n\":\"3\",\"v\":\"good\"}`)
		}
		if !found {
			w.t.Errorf("written: %v", w.others.objects)
		}
		runs := w.must("ListMapRuns", m{"executionArn": out["executionArn"]})["mapRuns"].([]any)
		d := w.must("DescribeMapRun", m{"mapRunArn": runs[0].(m)["mapRunArn"]})
		if counts := d["itemCounts"].(m); d["status"] != "SUCCEEDED" || counts["failed"] != 1.0 || counts["succeeded"] != 2.0 || counts["total"] != 3.0 {
			w.t.Error(d)
		}
		if out := w.execute(definition(0), "{}"); out["error"] != "States.ExceedToleratedFailureThreshold" {
			w.t.Error(out)
		}
	})
	inWorld(t, "SF-072 functions of JSONata", func(w *world) {
		out := w.execute(`{"QueryLanguage":"JSONata","StartAt":"P","States":{"P":{"Type":"Pass","End":true,"Output":{
			"parse":"{% $parse('{\"a\":[1]}').a %}","partition":"{% $partition([1,2,3],2) %}","range":"{% $range(0,4,2) %}","hash":"{% $hash('x','MD5') %}","uuid":"{% $length($uuid()) %}","now":"{% $now() %}","random":"{% $random() < 1 %}"}}}}`, "{}")
		want := `{"parse":[1],"partition":[[1,2],[3]],"range":[0,2,4],"hash":"9dd4e461268c8034f5c8564e155c67a6","uuid":36,"now":"2000-01-01T00:00:00.000Z","random":true}`
		if out["output"] != want {
			w.t.Errorf("got %v, want %s", out, want)
		}
		out = w.execute(`{"QueryLanguage":"JSONata","StartAt":"P","States":{"P":{"Type":"Pass","End":true,"Output":"{% $eval('1') %}"}}}`, "{}")
		if out["error"] != "States.QueryEvaluationError" {
			w.t.Error(out)
		}
	})
}

func TestLogs(t *testing.T) {
	for level, want := range map[string][]string{
		"ALL":   {"ExecutionStarted", "PassStateEntered", "PassStateExited", "FailStateEntered", "ExecutionFailed"},
		"ERROR": {"FailStateEntered", "ExecutionFailed"},
		"FATAL": {"ExecutionFailed"},
	} {
		inWorld(t, "SF-079 SF-080 "+level, func(w *world) {
			arn := w.must("CreateStateMachine", m{
				"name": "x", "type": "EXPRESS", "roleArn": role, "definition": `{"StartAt":"P","States":{"P":{"Type":"Pass","Next":"F"},"F":{"Type":"Fail","Error":"E"}}}`,
				"loggingConfiguration": m{"level": level, "includeExecutionData": true, "destinations": []m{{"cloudWatchLogsLogGroup": m{"logGroupArn": "arn:aws:logs:us-east-1:111111111111:log-group:/g:*"}}}},
			})["stateMachineArn"]
			w.must("StartExecution", m{"stateMachineArn": arn, "input": `{"in":1}`})
			synctest.Wait()
			var got []string
			for _, line := range w.logs.all {
				parts := strings.SplitN(line, " ", 3)
				var e struct{ Type, Execution_arn string }
				if err := json.Unmarshal([]byte(parts[2]), &e); err != nil || parts[0] != "/g" || !strings.HasPrefix(parts[1], "states/x/2000-01-01-00-00/") || e.Execution_arn == "" {
					w.t.Errorf("%s: %v", line, err)
				}
				got = append(got, e.Type)
			}
			if diff := cmp.Diff(want, got); diff != "" {
				w.t.Error(diff)
			}
		})
	}
}

// must2 is must for another service.
func (w *world) must2(service, operation string, in any) {
	w.t.Helper()
	if _, err := w.call(service, operation, in); err != nil {
		w.t.Fatalf("%s: %v", operation, err)
	}
}

func TestEncryption(t *testing.T) {
	inWorld(t, "SF-009 a key", func(w *world) {
		const definition = `{"StartAt":"S","States":{"S":{"Type":"Succeed"}}}`
		key := m{"type": "CUSTOMER_MANAGED_KMS_KEY", "kmsKeyId": "alias/mine", "kmsDataKeyReusePeriodSeconds": 60}
		in := m{"name": "m", "definition": definition, "roleArn": role, "encryptionConfiguration": key}
		arn := w.must("CreateStateMachine", in)["stateMachineArn"]
		got := func() any {
			return w.must("DescribeStateMachine", m{"stateMachineArn": arn})["encryptionConfiguration"]
		}
		if diff := cmp.Diff(m{"type": "CUSTOMER_MANAGED_KMS_KEY", "kmsKeyId": "alias/mine", "kmsDataKeyReusePeriodSeconds": 60.0}, got()); diff != "" {
			w.t.Error(diff)
		}
		delete(in, "encryptionConfiguration")
		if got := w.refused("CreateStateMachine", in); !strings.HasPrefix(got, "StateMachineAlreadyExists") {
			w.t.Error(got)
		}
		w.must("UpdateStateMachine", m{"stateMachineArn": arn, "encryptionConfiguration": m{"type": "AWS_OWNED_KEY"}})
		if diff := cmp.Diff(m{"type": "AWS_OWNED_KEY"}, got()); diff != "" {
			w.t.Error(diff)
		}
		in["name"], in["encryptionConfiguration"] = "n", m{"type": "CUSTOMER_MANAGED_KMS_KEY"}
		if got := w.refused("CreateStateMachine", in); !strings.HasPrefix(got, "InvalidEncryptionConfiguration") {
			w.t.Error(got)
		}
	})
}

// TestTimestamps holds the forms that times have: Java's of an instant in the context object, seconds in answers.
func TestTimestamps_SF074(t *testing.T) {
	inWorld(t, "forms", func(w *world) {
		time.Sleep(120 * time.Millisecond)
		out := w.execute(`{"StartAt":"P","States":{"P":{"Type":"Pass","Parameters":{"t.$":"$$.Execution.StartTime"},"Next":"W"},"W":{"Type":"Wait","Seconds":2,"End":true}}}`, "{}")
		start := time.Date(2000, 1, 1, 0, 0, 0, 0, time.UTC).Unix()
		if out["output"] != `{"t":"2000-01-01T00:00:00.120Z"}` || out["startDate"] != float64(start)+0.12 || out["stopDate"] != float64(start)+2.12 {
			w.t.Error(out)
		}
		if first := w.history(out["executionArn"].(string))[0]; first["timestamp"] != float64(start)+0.12 {
			w.t.Error(first)
		}
	})
}

// TestStartedAgain has a call that starts an execution come again when that has ended: a crash had kept its answer back.
func TestStartedAgain_SF058(t *testing.T) {
	inWorld(t, "by a task", func(w *world) {
		arn := w.create("quick", "STANDARD", `{"StartAt":"S","States":{"S":{"Type":"Succeed"}}}`)
		start := func(id string) (string, error) {
			c := awsapi.CallerOf(w.ctx)
			c.Repeats, c.RequestID = true, id
			out, err := w.Call(awsapi.WithCaller(w.ctx, c), "states", "StartExecution", []byte(`{"stateMachineArn":"`+arn+`","name":"x"}`))
			return string(out), err
		}
		first, err := start("one")
		if err != nil {
			w.t.Fatal(err)
		}
		w.wait(strings.Replace(arn, ":stateMachine:", ":execution:", 1) + ":x")
		if again, err := start("one"); err != nil || again != first {
			w.t.Errorf("again: %s, %v; first: %s", again, err, first)
		}
		if _, err := start("two"); awsapi.Code(err) != "ExecutionAlreadyExists" {
			w.t.Errorf("another call: %v", err)
		}
	})
}
