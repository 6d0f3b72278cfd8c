package server

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// TestParameters deploys a template that makes parameters, and others that look them up.
func TestParameters_DE039_DE055(t *testing.T) {
	s, _ := run(t, Config{Data: t.TempDir()})
	call(t, s, "ssm", "PutParameter", `{"Name":"/app/size","Value":"small","Type":"String"}`)
	call(t, s, "ssm", "PutParameter", `{"Name":"/app/size","Value":"large","Overwrite":true}`)
	call(t, s, "ssm", "PutParameter", `{"Name":"/app/zones","Value":"a,b","Type":"StringList"}`)
	deployed(t, s, "maker", `{"Resources":{"Made":{"Type":"AWS::SSM::Parameter","Properties":{"Name":"/app/made","Type":"String","Value":"by {{resolve:ssm:/app/size:1}} {{resolve:ssm:/app/size}}"}},
		"Copy":{"Type":"AWS::SSM::Parameter","Properties":{"Type":"String","Value":{"Fn::GetAtt":"Made.Value"}}}}}`)
	if got := call(t, s, "ssm", "GetParameter", `{"Name":"/app/made"}`)["Parameter"].(map[string]any)["Value"]; got != "by small large" {
		t.Errorf("the parameter that the template makes is %v", got)
	}
	stack := deployed(t, s, "reader", `{"Parameters":{"Made":{"Type":"AWS::SSM::Parameter::Value<String>","Default":"/app/made"},"Zones":{"Type":"AWS::SSM::Parameter::Value<List<String>>","Default":"/app/zones"}},
		"Resources":{"T":{"Type":"AWS::SNS::Topic","Properties":{"DisplayName":{"Ref":"Made"}}}},
		"Outputs":{"Name":{"Value":{"Ref":"Made"}},"Zone":{"Value":{"Fn::Select":[1,{"Ref":"Zones"}]}}}}`)
	outputs := map[string]any{}
	for _, o := range stack["Outputs"].([]any) {
		outputs[o.(map[string]any)["OutputKey"].(string)] = o.(map[string]any)["OutputValue"]
	}
	if diff := cmp.Diff(map[string]any{"Name": "by small large", "Zone": "b"}, outputs); diff != "" {
		t.Errorf("outputs (-want +got):\n%s", diff)
	}
	in, _ := json.Marshal(map[string]any{"StackName": "lost", "TemplateBody": `{"Parameters":{"P":{"Type":"AWS::SSM::Parameter::Value<String>","Default":"/no"}},"Resources":{"T":{"Type":"AWS::SNS::Topic"}}}`})
	if _, err := s.Call(t.Context(), "cloudformation", "CreateStack", in); err == nil || err.Error() != "ValidationError: Unable to fetch parameters [/no] from parameter store for this account." {
		t.Errorf("a parameter that is not there: %v", err)
	}
}

// deployed makes a stack and waits for it.
func deployed(t *testing.T, s *Server, name, template string) (stack map[string]any) {
	t.Helper()
	in, _ := json.Marshal(map[string]any{"StackName": name, "TemplateBody": template, "Capabilities": []string{"CAPABILITY_NAMED_IAM", "CAPABILITY_AUTO_EXPAND"}})
	call(t, s, "cloudformation", "CreateStack", string(in))
	within(t, time.Minute, func() bool {
		stack = call(t, s, "cloudformation", "DescribeStacks", `{"StackName":"`+name+`"}`)["Stacks"].([]any)[0].(map[string]any)
		return !strings.HasSuffix(stack["StackStatus"].(string), "IN_PROGRESS")
	})
	if stack["StackStatus"] != "CREATE_COMPLETE" {
		t.Fatalf("stack %s: %v", name, call(t, s, "cloudformation", "DescribeStackEvents", `{"StackName":"`+name+`"}`))
	}
	return stack
}
