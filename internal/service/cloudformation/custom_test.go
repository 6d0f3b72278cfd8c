package cloudformation_test

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/sallyport/sallyport/internal/awsapi"
	api "github.com/sallyport/sallyport/internal/awsapi/shapes/cloudformation"
	"github.com/sallyport/sallyport/internal/service/cloudformation"
)

// function is the function behind the custom resources of these tests.
type function struct {
	service *cloudformation.Service
	events  []map[string]any
	answer  func(event map[string]any) map[string]any
}

func (f *function) InvokeFrom(ctx context.Context, _, _, _ string, event []byte) ([]byte, bool, error) {
	var e map[string]any
	if err := json.Unmarshal(event, &e); err != nil {
		return nil, false, err
	}
	f.events = append(f.events, e)
	a := f.answer(e)
	if a == nil {
		return []byte(`{"errorMessage":"boom"}`), true, nil
	}
	body, _ := json.Marshal(a)
	return []byte("null"), false, f.service.Respond(ctx, strings.TrimPrefix(e["ResponseURL"].(string), "http://here/"), body)
}

func startCustom(t *testing.T, answer func(event map[string]any) map[string]any) (*world, *function) {
	f := &function{answer: answer}
	w := start(t, cloudformation.Options{Functions: f, ResponseURL: func(token string) string { return "http://here/" + token }})
	f.service = w.Service
	return w, f
}

const customTemplate = `
Resources:
  C:
    Type: Custom::Thing
    Properties: {ServiceToken: "arn:aws:lambda:us-east-1:111111111111:function:f", Size: 5, Deep: {Flag: true}}
Outputs:
  O: {Value: !GetAtt C.Answer}
`

func TestCustomResource(t *testing.T) {
	n := 0
	w, f := startCustom(t, func(e map[string]any) map[string]any {
		n++
		return map[string]any{"Status": "SUCCESS", "PhysicalResourceId": fmt.Sprintf("thing-%d", n), "Data": map[string]any{"Answer": "42"}}
	})
	st, _, err := w.deploy(t, "s", customTemplate)
	if err != nil || st.Outputs[0].Value != "42" {
		t.Fatalf("DE-068 %v %+v", err, st)
	}
	properties := f.events[0]["ResourceProperties"]
	if diff := cmp.Diff(map[string]any{"ServiceToken": "arn:aws:lambda:us-east-1:111111111111:function:f", "Size": "5", "Deep": map[string]any{"Flag": "true"}}, properties); diff != "" {
		t.Errorf("ResourceProperties:\n%s", diff)
	}
	if _, _, err := w.deploy(t, "s", strings.Replace(customTemplate, "5", "6", 1)); err != nil {
		t.Fatal(err)
	}
	var seen []string
	for _, e := range f.events {
		seen = append(seen, fmt.Sprint(e["RequestType"], " ", e["PhysicalResourceId"]))
	}
	if diff := cmp.Diff([]string{"Create <nil>", "Update thing-1", "Delete thing-1"}, seen); diff != "" {
		t.Errorf("DE-070 requests:\n%s", diff)
	}
	if err := w.Respond(w.ctx, "unknown", nil); awsapi.Code(err) != "AccessDenied" {
		t.Errorf("an answer that nobody waits for: %v", err)
	}
}

func TestCustomResourceFails(t *testing.T) {
	w, _ := startCustom(t, func(e map[string]any) map[string]any {
		return map[string]any{"Status": "FAILED", "Reason": "no such thing", "PhysicalResourceId": "x"}
	})
	st, _, err := w.deploy(t, "s", customTemplate)
	if st.Status != "ROLLBACK_COMPLETE" || err == nil || !strings.Contains(err.Error(), "no such thing") {
		t.Errorf("DE-069 %s, %v", st.Status, err)
	}
	w, f := startCustom(t, func(map[string]any) map[string]any { return nil })
	_, _, err = w.deploy(t, "s", customTemplate)
	if err == nil || !strings.Contains(err.Error(), "boom") || len(f.events) != 3 {
		t.Errorf("a function that fails was called %d times: %v", len(f.events), err)
	}
}

func TestNestedStack_DE044_DE071(t *testing.T) {
	child := `{"Parameters":{"Name":{"Type":"String"}},"Resources":{"T":{"Type":"AWS::SNS::Topic","Properties":{"TopicName":{"Ref":"Name"}}}},"Outputs":{"ARN":{"Value":{"Ref":"T"}}}}`
	o := objects{"b/child": child}
	w := start(t, cloudformation.Options{Objects: o})
	parent := `{"Resources":{"N":{"Type":"AWS::CloudFormation::Stack","Properties":{"TemplateURL":"https://s3.amazonaws.com/b/child","Parameters":{"Name":"inner"}}}},"Outputs":{"O":{"Value":{"Fn::GetAtt":["N","Outputs.ARN"]}}}}`
	st, _, err := w.deploy(t, "outer", parent)
	if err != nil || st.Outputs[0].Value != "arn:aws:sns:us-east-1:111111111111:inner" { // DE-044
		t.Fatalf("%v %+v", err, st)
	}
	id := st.Resources[0].PhysicalID
	inner := w.settled(t, id)
	if *inner.ParentId != st.ID || !strings.HasPrefix(*inner.StackName, "outer-N-") {
		t.Errorf("inner stack: %+v", inner)
	}
	events, err := call[api.DescribeStackEventsInput, api.DescribeStackEventsOutput](t, w, "DescribeStackEvents", &api.DescribeStackEventsInput{StackName: &id})
	if n := len(must(t, events, err).StackEvents); n != 5 {
		t.Errorf("inner stack has %d events", n)
	}
	o["b/child2"] = strings.Replace(child, `"TopicName"`, `"DisplayName":"d","TopicName"`, 1)
	if _, _, err := w.deploy(t, "outer", strings.Replace(parent, "b/child", "b/child2", 1)); err != nil {
		t.Fatal(err)
	}
	if got := *w.settled(t, id).StackStatus; got != "UPDATE_COMPLETE" {
		t.Errorf("inner stack is %s", got)
	}
	if err := w.Delete(w.ctx, "outer", nil); err != nil || len(w.shelf.items) != 0 {
		t.Errorf("Delete: %v, left %v", err, w.shelf.items)
	}
	o["b/bad"] = `{"Resources":{"T":{"Type":"AWS::SNS::Topic","Properties":{"Fail":true}}}}`
	st, _, err = w.deploy(t, "outer2", `{"Resources":{"N":{"Type":"AWS::CloudFormation::Stack","Properties":{"TemplateURL":"https://s3.amazonaws.com/b/bad"}}}}`)
	if st.Status != "ROLLBACK_COMPLETE" || err == nil || !strings.Contains(err.Error(), "was not successfully created: The following resource(s) failed to create: [T]") {
		t.Errorf("outer stack %s: %v", st.Status, err)
	}
}
