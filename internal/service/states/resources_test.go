package states_test

import (
	"encoding/json"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/sallyport/sallyport/internal/resource"
)

func (w *world) resource(name string) resource.Type {
	for _, r := range w.service.Resources() {
		if r.Name() == name {
			return r
		}
	}
	w.t.Fatalf("there is no type %s", name)
	return nil
}

func request(logical string, properties m) resource.Request {
	return resource.Request{LogicalID: logical, Token: "token-" + logical, Properties: properties, PhysicalName: func(int) string { return "stack-" + logical + "-ABC" }}
}

func TestResources(t *testing.T) {
	inWorld(t, "SF-086 a template's machine, version, alias and activity", func(w *world) {
		machines := w.resource("AWS::StepFunctions::StateMachine")
		r := request("M", m{
			"RoleArn": role, "DefinitionString": `{"StartAt":"P","States":{"P":{"Type":"Pass","Result":"${Who} \"${Unknown}\" ${N}","End":true}}}`,
			"DefinitionSubstitutions": m{"Who": `the "world"`, "N": json.Number("5")}, "StateMachineType": "EXPRESS",
			"LoggingConfiguration": m{"Level": "OFF"}, "Tags": []any{m{"Key": "k", "Value": "v"}},
		})
		if err := machines.Check(r.Properties); err != nil {
			t.Fatal(err)
		}
		made, err := machines.Create(w.ctx, r)
		if err != nil {
			t.Fatal(err)
		}
		arn := "arn:aws:states:us-east-1:111111111111:stateMachine:stack-M-ABC"
		if diff := cmp.Diff(resource.Result{PhysicalID: arn, Attributes: map[string]any{"Arn": arn, "Name": "stack-M-ABC", "StateMachineRevisionId": "INITIAL"}}, made); diff != "" {
			t.Error(diff)
		}
		if again, err := machines.Create(w.ctx, r); err != nil || again.PhysicalID != arn {
			t.Errorf("the step repeated: %v %v", again, err)
		}
		if out := w.must("StartSyncExecution", m{"stateMachineArn": arn}); out["output"] != `"the \"world\" \"${Unknown}\" 5"` {
			t.Error(out)
		}
		version, err := w.resource("AWS::StepFunctions::StateMachineVersion").Create(w.ctx, request("V", m{"StateMachineArn": arn}))
		if err != nil || version.PhysicalID != arn+":1" {
			t.Fatal(version, err)
		}
		alias, err := w.resource("AWS::StepFunctions::StateMachineAlias").Create(w.ctx, request("A", m{"Name": "live", "RoutingConfiguration": []any{m{"StateMachineVersionArn": version.PhysicalID, "Weight": json.Number("100")}}}))
		if err != nil || alias.PhysicalID != arn+":live" {
			t.Fatal(alias, err)
		}
		r.PhysicalID, r.Old = arn, r.Properties
		r.Properties = m{"RoleArn": role, "Definition": m{"StartAt": "P", "States": m{"P": m{"Type": "Pass", "Result": json.Number("2"), "End": true}}}, "StateMachineType": "EXPRESS"}
		if _, err := machines.Update(w.ctx, r); err != nil {
			t.Fatal(err)
		}
		for target, want := range map[string]string{arn: "2", alias.PhysicalID: `"the \"world\" \"${Unknown}\" 5"`} {
			if out := w.must("StartSyncExecution", m{"stateMachineArn": target}); out["output"] != want {
				t.Errorf("%s gives %v, want %s", target, out, want)
			}
		}
		for _, gone := range []struct{ kind, id string }{{"StateMachineAlias", alias.PhysicalID}, {"StateMachineVersion", version.PhysicalID}, {"StateMachine", arn}, {"StateMachine", arn}} {
			if err := w.resource("AWS::StepFunctions::"+gone.kind).Delete(w.ctx, resource.Request{PhysicalID: gone.id}); err != nil {
				t.Error(err)
			}
		}
		activity, err := w.resource("AWS::StepFunctions::Activity").Create(w.ctx, request("C", m{"Name": "act"}))
		if err != nil || activity.PhysicalID != "arn:aws:states:us-east-1:111111111111:activity:act" {
			t.Error(activity, err)
		}
	})
}
