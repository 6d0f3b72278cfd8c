package cloudformation_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/sallyport/sallyport/internal/awsapi"
	api "github.com/sallyport/sallyport/internal/awsapi/shapes/cloudformation"
	busmem "github.com/sallyport/sallyport/internal/bus/mem"
	"github.com/sallyport/sallyport/internal/resource"
	"github.com/sallyport/sallyport/internal/service/cloudformation"
	"github.com/sallyport/sallyport/internal/service/cloudformation/template"
	storemem "github.com/sallyport/sallyport/internal/store/mem"
)

// must returns the result of a call that has to succeed.
func must[T any](t *testing.T, out *T, err error) *T {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
	return out
}

func wantError(t *testing.T, err error, code string, status int, message string) {
	t.Helper()
	var e *awsapi.Error
	if !errors.As(err, &e) || e.Code != code || e.Status != status || e.Message != message {
		t.Errorf("error is %v (%+v), want %s %d %q", err, e, code, status, message)
	}
}

const oneTopic = `{"Resources":{"T":{"Type":"AWS::SNS::Topic","Properties":{"DisplayName":"one"}}}}`

func (w *world) create(t *testing.T, name, text string) string {
	t.Helper()
	out, err := call[api.CreateStackInput, api.CreateStackOutput](t, w, "CreateStack", &api.CreateStackInput{StackName: &name, TemplateBody: &text})
	return *must(t, out, err).StackId
}

func (w *world) delete(t *testing.T, name string) error {
	t.Helper()
	_, err := call[api.DeleteStackInput, api.DeleteStackOutput](t, w, "DeleteStack", &api.DeleteStackInput{StackName: &name})
	return err
}

func TestUnknownStacks(t *testing.T) {
	w := start(t, cloudformation.Options{})
	_, err := call[api.DescribeStacksInput, api.DescribeStacksOutput](t, w, "DescribeStacks", &api.DescribeStacksInput{StackName: new("ghost")})
	wantError(t, err, "ValidationError", 400, "Stack with id ghost does not exist") // DE-003
	_, err = call[api.DescribeStackEventsInput, api.DescribeStackEventsOutput](t, w, "DescribeStackEvents", &api.DescribeStackEventsInput{StackName: new("ghost")})
	wantError(t, err, "ValidationError", 400, "Stack [ghost] does not exist") // DE-004
	if err := w.delete(t, "ghost"); err != nil {
		t.Errorf("DE-013 DeleteStack: %v", err)
	}
	id := w.create(t, "real", oneTopic)
	_, err = call[api.CreateStackInput, api.CreateStackOutput](t, w, "CreateStack", &api.CreateStackInput{StackName: new("real"), TemplateBody: new(oneTopic)})
	wantError(t, err, "AlreadyExistsException", 400, "Stack [real] already exists") // DE-005
	w.settled(t, id)
	_, err = call[api.DescribeChangeSetInput, api.DescribeChangeSetOutput](t, w, "DescribeChangeSet", &api.DescribeChangeSetInput{StackName: new("real"), ChangeSetName: new("none")})
	wantError(t, err, "ChangeSetNotFound", 404, "ChangeSet [none] does not exist") // DE-008
	if _, err := call[api.DeleteChangeSetInput, api.DeleteChangeSetOutput](t, w, "DeleteChangeSet", &api.DeleteChangeSetInput{StackName: new("real"), ChangeSetName: new("none")}); err != nil {
		t.Errorf("DE-012 DeleteChangeSet: %v", err)
	}
	_, err = call[api.CreateStackInput, api.CreateStackOutput](t, w, "CreateStack", &api.CreateStackInput{StackName: new("*@x"), TemplateBody: new(oneTopic)})
	wantError(t, err, "ValidationError", 400, "1 validation error detected: Value '*@x' at 'stackName' failed to satisfy constraint: Member must satisfy regular expression pattern: [a-zA-Z][-a-zA-Z0-9]*|arn:[-a-zA-Z0-9:/._+]*")
}

func TestReviewAndNoChanges(t *testing.T) {
	w := start(t, cloudformation.Options{})
	create := func(name, kind, text string) (*api.CreateChangeSetOutput, error) {
		return call[api.CreateChangeSetInput, api.CreateChangeSetOutput](t, w, "CreateChangeSet", &api.CreateChangeSetInput{StackName: new("s"), ChangeSetName: &name, ChangeSetType: &kind, TemplateBody: &text})
	}
	cs, err := create("first", "CREATE", oneTopic)
	id := *must(t, cs, err).StackId
	st, err := call[api.DescribeStacksInput, api.DescribeStacksOutput](t, w, "DescribeStacks", &api.DescribeStacksInput{StackName: new("s")})
	if got := *must(t, st, err).Stacks[0].StackStatus; got != "REVIEW_IN_PROGRESS" {
		t.Errorf("DE-006 stack is %s", got)
	}
	_, err = call[api.GetTemplateSummaryInput, api.GetTemplateSummaryOutput](t, w, "GetTemplateSummary", &api.GetTemplateSummaryInput{StackName: new("s")})
	wantError(t, err, "ValidationError", 400, "GetTemplateSummary cannot be called on REVIEW_IN_PROGRESS stacks.") // DE-007
	_, err = call[api.ExecuteChangeSetInput, api.ExecuteChangeSetOutput](t, w, "ExecuteChangeSet", &api.ExecuteChangeSetInput{ChangeSetName: cs.Id})
	if err != nil {
		t.Fatal(err)
	}
	w.settled(t, id)
	_, err = create("again", "CREATE", oneTopic)
	wantError(t, err, "ValidationError", 400, "Stack [s] already exists and cannot be created again with the changeSet [again].")
	cs, err = create("same", "UPDATE", oneTopic)
	d, err := call[api.DescribeChangeSetInput, api.DescribeChangeSetOutput](t, w, "DescribeChangeSet", &api.DescribeChangeSetInput{ChangeSetName: must(t, cs, err).Id})
	if must(t, d, err); *d.Status != "FAILED" || *d.StatusReason != "The submitted information didn't contain changes. Submit different information to create a change set." {
		t.Errorf("DE-009 change set is %s: %s", *d.Status, *d.StatusReason)
	}
	_, err = call[api.ExecuteChangeSetInput, api.ExecuteChangeSetOutput](t, w, "ExecuteChangeSet", &api.ExecuteChangeSetInput{ChangeSetName: cs.Id})
	if awsapi.Code(err) != "InvalidChangeSetStatus" {
		t.Errorf("DE-011 ExecuteChangeSet: %v", err)
	}
	_, err = call[api.UpdateStackInput, api.UpdateStackOutput](t, w, "UpdateStack", &api.UpdateStackInput{StackName: new("s"), TemplateBody: new(oneTopic)})
	wantError(t, err, "ValidationError", 400, "No updates are to be performed.") // DE-010
}

func TestCapabilities(t *testing.T) {
	w := start(t, cloudformation.Options{}, storageOnly("AWS::IAM::Role"), storageOnly("AWS::Lambda::Function"))
	for _, tt := range []struct{ name, text, want string }{
		{"DE-014 role", `{"Resources":{"R":{"Type":"AWS::IAM::Role","Properties":{}}}}`, "Requires capabilities : [CAPABILITY_IAM]"},
		{"DE-015 named role", `{"Resources":{"R":{"Type":"AWS::IAM::Role","Properties":{"RoleName":"x"}}}}`, "Requires capabilities : [CAPABILITY_NAMED_IAM]"},
		{"DE-016 serverless", `{"Transform":"AWS::Serverless-2016-10-31","Resources":{"F":{"Type":"AWS::Serverless::Function","Properties":{"InlineCode":"x","Handler":"i.h","Runtime":"nodejs22.x"}}}}`, "Requires capabilities : [CAPABILITY_AUTO_EXPAND]"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			_, err := call[api.CreateStackInput, api.CreateStackOutput](t, w, "CreateStack", &api.CreateStackInput{StackName: new("s"), TemplateBody: &tt.text})
			wantError(t, err, "InsufficientCapabilitiesException", 400, tt.want)
		})
	}
}

func TestEvents_DE017(t *testing.T) {
	w := start(t, cloudformation.Options{})
	id := w.create(t, "s", `{"Resources":{"A":{"Type":"AWS::SNS::Topic"},"B":{"Type":"AWS::SNS::Topic"},"C":{"Type":"AWS::SNS::Topic"}}}`)
	w.settled(t, id)
	out, err := call[api.DescribeStackEventsInput, api.DescribeStackEventsOutput](t, w, "DescribeStackEvents", &api.DescribeStackEventsInput{StackName: &id})
	events := must(t, out, err).StackEvents
	seen := map[string]bool{}
	for i, e := range events {
		if seen[*e.EventId] {
			t.Errorf("event id %s is there twice", *e.EventId)
		}
		seen[*e.EventId] = true
		if i > 0 && !e.Timestamp.Before(*events[i-1].Timestamp) {
			t.Errorf("event %d is not before the one above it: %v, %v", i, e.Timestamp, events[i-1].Timestamp)
		}
	}
	if *events[0].PhysicalResourceId != id || *events[0].ResourceStatus != "CREATE_COMPLETE" {
		t.Errorf("newest event: %+v", events[0])
	}
}

func TestRollback(t *testing.T) {
	w := start(t, cloudformation.Options{})
	st, events, err := w.deploy(t, "s", `
Resources:
  Good: {Type: AWS::SNS::Topic}
  Bad: {Type: AWS::SNS::Topic, DependsOn: Good, Properties: {Fail: true}}
  Never: {Type: AWS::SNS::Topic, DependsOn: Bad}
`)
	var failed *cloudformation.FailedError
	if !errors.As(err, &failed) || st.Status != "ROLLBACK_COMPLETE" || len(w.shelf.items) != 0 {
		t.Fatalf("DE-020 deploy gave %v, stack %s, left %v", err, st.Status, w.shelf.items)
	}
	if len(failed.Reasons) != 1 || !strings.HasPrefix(failed.Reasons[0], `Bad: Resource handler returned message: "Topic is not to be made (Service: SNS, Status Code: 400, Request ID: `) || !strings.HasSuffix(failed.Reasons[0], "HandlerErrorCode: InvalidRequest)") {
		t.Errorf("reasons: %q", failed.Reasons)
	}
	var got []string
	for _, e := range events {
		if strings.HasPrefix(e, "Bad CREATE_FAILED") {
			e = "Bad CREATE_FAILED"
		}
		got = append(got, e)
	}
	want := []string{
		"s CREATE_IN_PROGRESS User Initiated",
		"Good CREATE_IN_PROGRESS", "Good CREATE_IN_PROGRESS Resource creation Initiated", "Good CREATE_COMPLETE",
		"Bad CREATE_IN_PROGRESS", "Bad CREATE_FAILED",
		"s ROLLBACK_IN_PROGRESS The following resource(s) failed to create: [Bad]. Rollback requested by user.",
		"Good DELETE_IN_PROGRESS", "Good DELETE_COMPLETE",
		"s ROLLBACK_COMPLETE",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("events (-want +got):\n%s", diff)
	}
	_, err = call[api.UpdateStackInput, api.UpdateStackOutput](t, w, "UpdateStack", &api.UpdateStackInput{StackName: new("s"), TemplateBody: new(oneTopic)})
	wantError(t, err, "ValidationError", 400, "Stack:"+st.ID+" is in ROLLBACK_COMPLETE state and can not be updated.") // DE-021
	if st, _, err := w.deploy(t, "s", oneTopic); err != nil || st.Status != "CREATE_COMPLETE" {
		t.Errorf("deploy over a failed creation: %s, %v", st.Status, err)
	}
}

func TestUpdates(t *testing.T) {
	w := start(t, cloudformation.Options{})
	first := `{"Resources":{"T":{"Type":"AWS::SNS::Topic","Properties":{"TopicName":"a","DisplayName":"one"}},"Keep":{"Type":"AWS::SNS::Topic"},"P":{"Type":"AWS::SSM::Parameter","Properties":{"Type":"String","Value":{"Ref":"T"}}}}}`
	if _, _, err := w.deploy(t, "s", first); err != nil {
		t.Fatal(err)
	}
	w.shelf.log = nil
	if _, _, err := w.deploy(t, "s", strings.Replace(first, "one", "two", 1)); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{"update T one to two"}, w.shelf.log); diff != "" {
		t.Errorf("DE-063 in place:\n%s", diff)
	}
	w.shelf.log = nil
	_, events, err := w.deploy(t, "s", strings.Replace(strings.Replace(first, "one", "two", 1), `"TopicName":"a"`, `"TopicName":"b"`, 1))
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{"create T", "update P", "delete T"}, w.shelf.log); diff != "" {
		t.Errorf("DE-023 replacement makes the new one before it removes the old one:\n%s", diff)
	}
	wantEvents := []string{
		"s UPDATE_IN_PROGRESS User Initiated",
		"T UPDATE_IN_PROGRESS Requested update requires the creation of a new physical resource; hence creating one.",
		"T UPDATE_IN_PROGRESS Resource creation Initiated", "T UPDATE_COMPLETE",
		"P UPDATE_IN_PROGRESS", "P UPDATE_COMPLETE",
		"s UPDATE_COMPLETE_CLEANUP_IN_PROGRESS", "T DELETE_IN_PROGRESS", "T DELETE_COMPLETE", "s UPDATE_COMPLETE",
	}
	if diff := cmp.Diff(wantEvents, events); diff != "" {
		t.Errorf("events:\n%s", diff)
	}
}

func TestFailedUpdateRestores_DE022(t *testing.T) {
	w := start(t, cloudformation.Options{})
	first := `{"Resources":{"A":{"Type":"AWS::SNS::Topic","Properties":{"DisplayName":"old"}},"R":{"Type":"AWS::SNS::Topic","Properties":{"TopicName":"r1"}},"Z":{"Type":"AWS::SNS::Topic","DependsOn":["A","R"]}}}`
	before, _, err := w.deploy(t, "s", first)
	if err != nil {
		t.Fatal(err)
	}
	w.shelf.log = nil
	st, _, err := w.deploy(t, "s", `{"Resources":{"A":{"Type":"AWS::SNS::Topic","Properties":{"DisplayName":"new"}},"R":{"Type":"AWS::SNS::Topic","Properties":{"TopicName":"r2"}},"N":{"Type":"AWS::SNS::Topic"},"Z":{"Type":"AWS::SNS::Topic","DependsOn":["A","R","N"],"Properties":{"Fail":true}}}}`)
	if st.Status != "UPDATE_ROLLBACK_COMPLETE" {
		t.Fatalf("stack is %s, %v", st.Status, err)
	}
	if diff := cmp.Diff(ids(before), ids(st)); diff != "" {
		t.Errorf("resources:\n%s", diff)
	}
	if len(w.shelf.items) != 3 {
		t.Errorf("left over: %v", w.shelf.items)
	}
	for id, p := range w.shelf.items {
		if p["DisplayName"] == "new" {
			t.Errorf("%s has its new property still", id)
		}
	}
	if st, _, err := w.deploy(t, "s", first); !errors.Is(err, cloudformation.ErrNoChanges) {
		t.Errorf("after the rollback the first template gives %s, %v", st.Status, err)
	}
}

func ids(st cloudformation.Stack) map[string]string {
	m := map[string]string{}
	for _, r := range st.Resources {
		m[r.LogicalID] = r.PhysicalID
	}
	return m
}

func TestPolicies(t *testing.T) {
	w := start(t, cloudformation.Options{})
	text := `{"Resources":{"Kept":{"Type":"AWS::SNS::Topic","DeletionPolicy":"Retain","UpdateReplacePolicy":"Retain","Properties":{"TopicName":"k1"}}}}`
	if _, _, err := w.deploy(t, "s", text); err != nil {
		t.Fatal(err)
	}
	if _, _, err := w.deploy(t, "s", strings.Replace(text, "k1", "k2", 1)); err != nil {
		t.Fatal(err)
	}
	if len(w.shelf.items) != 2 {
		t.Errorf("DE-025 there are %v", w.shelf.items)
	}
	var skipped bool
	if err := w.Delete(w.ctx, "s", func(e cloudformation.Event) {
		skipped = skipped || e.LogicalID == "Kept" && e.Status == "DELETE_SKIPPED"
	}); err != nil {
		t.Fatal(err)
	}
	if !skipped || len(w.shelf.items) != 2 {
		t.Errorf("DE-024 skipped %t, there are %v", skipped, w.shelf.items)
	}
}

func TestProtection_DE026(t *testing.T) {
	w := start(t, cloudformation.Options{})
	id := w.create(t, "s", oneTopic)
	w.settled(t, id)
	if _, err := call[api.UpdateTerminationProtectionInput, api.UpdateTerminationProtectionOutput](t, w, "UpdateTerminationProtection", &api.UpdateTerminationProtectionInput{StackName: new("s"), EnableTerminationProtection: new(true)}); err != nil {
		t.Fatal(err)
	}
	wantError(t, w.delete(t, "s"), "ValidationError", 400, "Stack [s] cannot be deleted while TerminationProtection is enabled")
	if st := w.settled(t, id); !*st.EnableTerminationProtection {
		t.Error("DescribeStacks does not show the protection")
	}
}

// objects is where the templates of these tests lie.
type objects map[string]string

func (o objects) Open(_ context.Context, bucket, key, _ string) (io.ReadCloser, error) {
	text, ok := o[bucket+"/"+key]
	if !ok {
		return nil, awsapi.Errorf("NoSuchKey", 404, "The specified key does not exist.")
	}
	return io.NopCloser(strings.NewReader(text)), nil
}

func TestTemplateURL(t *testing.T) {
	large := `{"Description":"x","Metadata":{"a":"` + strings.Repeat("x", 400<<10) + `"},"Resources":{"T":{"Type":"AWS::SNS::Topic"}}}`
	w := start(t, cloudformation.Options{Objects: objects{"b/dir/t.json": oneTopic, "b/large": large}})
	for i, location := range []string{
		"https://s3.us-east-1.amazonaws.com/b/dir/t.json", "https://b.s3.us-east-1.amazonaws.com/dir/t.json", "http://127.0.0.1:4566/b/dir/t.json", "https://b.s3.amazonaws.com/large",
	} {
		name := fmt.Sprintf("s%d", i)
		out, err := call[api.CreateStackInput, api.CreateStackOutput](t, w, "CreateStack", &api.CreateStackInput{StackName: &name, TemplateURL: &location})
		if err != nil {
			t.Errorf("DE-027 DE-029 %s: %v", location, err)
			continue
		}
		if st := w.settled(t, *out.StackId); *st.StackStatus != "CREATE_COMPLETE" {
			t.Errorf("%s ends as %s", location, *st.StackStatus)
		}
	}
	long := oneTopic + strings.Repeat(" ", 51_201-len(oneTopic))
	_, err := call[api.CreateStackInput, api.CreateStackOutput](t, w, "CreateStack", &api.CreateStackInput{StackName: new("long"), TemplateBody: &long})
	if awsapi.Code(err) != "ValidationError" || !strings.HasSuffix(err.Error(), "at 'templateBody' failed to satisfy constraint: Member must have length less than or equal to 51200") {
		t.Errorf("DE-028 %.120v", err)
	}
}

func TestDeleted_DE030(t *testing.T) {
	w := start(t, cloudformation.Options{})
	id := w.create(t, "s", oneTopic)
	w.settled(t, id)
	if err := w.delete(t, "s"); err != nil {
		t.Fatal(err)
	}
	if st := w.settled(t, id); *st.StackStatus != "DELETE_COMPLETE" || st.DeletionTime == nil {
		t.Errorf("stack is %s", *st.StackStatus)
	}
	_, err := call[api.DescribeStacksInput, api.DescribeStacksOutput](t, w, "DescribeStacks", &api.DescribeStacksInput{StackName: new("s")})
	wantError(t, err, "ValidationError", 400, "Stack with id s does not exist")
	if again := w.create(t, "s", oneTopic); again == id {
		t.Error("the new stack has the old one's id")
	}
}

func TestExports(t *testing.T) {
	w := start(t, cloudformation.Options{})
	if _, _, err := w.deploy(t, "producer", `{"Resources":{"T":{"Type":"AWS::SNS::Topic","Properties":{"TopicName":"shared"}}},"Outputs":{"O":{"Value":{"Ref":"T"},"Export":{"Name":{"Fn::Sub":"${AWS::StackName}-topic"}}}}}`); err != nil {
		t.Fatal(err)
	}
	if _, _, err := w.deploy(t, "consumer", `{"Resources":{"P":{"Type":"AWS::SSM::Parameter","Properties":{"Type":"String","Value":{"Fn::ImportValue":"producer-topic"}}}},"Outputs":{"V":{"Value":{"Fn::GetAtt":["P","Value"]}}}}`); err != nil {
		t.Fatal(err)
	}
	exports, err := call[api.ListExportsInput, api.ListExportsOutput](t, w, "ListExports", &api.ListExportsInput{})
	if e := must(t, exports, err).Exports; len(e) != 1 || *e[0].Name != "producer-topic" || *e[0].Value != "arn:aws:sns:us-east-1:111111111111:shared" {
		t.Errorf("DE-031 exports: %+v", e)
	}
	imports, err := call[api.ListImportsInput, api.ListImportsOutput](t, w, "ListImports", &api.ListImportsInput{ExportName: new("producer-topic")})
	if diff := cmp.Diff([]string{"consumer"}, must(t, imports, err).Imports); diff != "" {
		t.Error(diff)
	}
	wantError(t, w.delete(t, "producer"), "ValidationError", 400, "Export producer-topic cannot be deleted as it is in use by consumer") // DE-032
	if _, _, err := w.deploy(t, "thief", `{"Resources":{"T":{"Type":"AWS::SNS::Topic"}},"Outputs":{"O":{"Value":"x","Export":{"Name":"producer-topic"}}}}`); err == nil || !strings.Contains(err.Error(), "Export with name producer-topic is already exported by stack producer") {
		t.Errorf("a second export of the name: %v", err)
	}
	if _, _, err := w.deploy(t, "lost", `{"Resources":{"P":{"Type":"AWS::SSM::Parameter","Properties":{"Type":"String","Value":{"Fn::ImportValue":"nothing"}}}}}`); err == nil || !strings.Contains(err.Error(), "No export named nothing found.") {
		t.Errorf("a missing export: %v", err)
	}
}

func TestParametersShown(t *testing.T) {
	w := start(t, cloudformation.Options{Parameters: fixedParameters{}})
	text := `
Parameters:
  Secret: {Type: String, NoEcho: true}
  Looked: {Type: "AWS::SSM::Parameter::Value<String>", Default: /a/b}
Resources:
  P: {Type: AWS::SSM::Parameter, Properties: {Type: String, Value: !Ref Looked, Description: "{{resolve:ssm:/x}}!"}}
Outputs:
  V: {Value: !GetAtt P.Value}
`
	out, err := call[api.CreateStackInput, api.CreateStackOutput](t, w, "CreateStack", &api.CreateStackInput{StackName: new("s"), TemplateBody: &text, Parameters: parametersOf(map[string]string{"Secret": "hush"})})
	st := w.settled(t, *must(t, out, err).StackId)
	if got := *st.Parameters[0].ParameterValue; got != "****" {
		t.Errorf("DE-038 secret is shown as %q", got)
	}
	if got := *st.Parameters[1].ResolvedValue; got != "value of /a/b" || *st.Outputs[0].OutputValue != got {
		t.Errorf("DE-039 resolved value is %q, used as %q", got, *st.Outputs[0].OutputValue)
	}
	for _, p := range w.shelf.items {
		if p["Description"] != "value of /x!" {
			t.Errorf("DE-055 dynamic reference gives %v", p["Description"])
		}
	}
}

func TestUnknownType_DE060(t *testing.T) {
	w := start(t, cloudformation.Options{})
	text := "Resources:\n  A: {Type: AWS::SNS::Topic}\n  B:\n    Type: AWS::Quantum::Computer\n"
	_, err := call[api.CreateStackInput, api.CreateStackOutput](t, w, "CreateStack", &api.CreateStackInput{StackName: new("s"), TemplateBody: &text})
	wantError(t, err, "ValidationError", 400, "Template format error: Unrecognized resource types: [AWS::Quantum::Computer]")
	_, _, err = w.deploy(t, "s", text)
	var e *template.Error
	if !errors.As(err, &e) || e.Line != 4 {
		t.Errorf("Deploy says %v, want line 4", err)
	}
	if len(w.shelf.log) != 0 {
		t.Errorf("something was made: %v", w.shelf.log)
	}
}

func TestExtraneousProperty_DE059(t *testing.T) {
	w := start(t, cloudformation.Options{})
	_, _, err := w.deploy(t, "s", `{"Resources":{"T":{"Type":"AWS::SNS::Topic","Properties":{"Foo":1}}}}`)
	if err == nil || !strings.Contains(err.Error(), "Properties validation failed for resource T with message:\n#: extraneous key [Foo] is not permitted") {
		t.Errorf("Deploy says %v", err)
	}
}

func TestParallel_DE054(t *testing.T) {
	w := start(t, cloudformation.Options{})
	w.shelf.delay = 50 * time.Millisecond
	began := time.Now()
	var b strings.Builder
	for i := range 8 {
		fmt.Fprintf(&b, `,"T%d":{"Type":"AWS::SNS::Topic"}`, i)
	}
	if _, _, err := w.deploy(t, "s", `{"Resources":{`+b.String()[1:]+`}}`); err != nil {
		t.Fatal(err)
	}
	if took := time.Since(began); took > 300*time.Millisecond {
		t.Errorf("eight resources of 50 ms took %v", took)
	}
}

func TestNamesAndTags(t *testing.T) {
	var got resource.Request
	typ := resource.New("Test::Named::Thing", resource.Handlers[struct{}]{
		Create: func(_ context.Context, r resource.Request, _ *struct{}) (resource.Result, error) {
			got = r
			return resource.Result{PhysicalID: r.PhysicalName(64)}, nil
		},
		Delete: func(context.Context, resource.Request) error { return nil },
	})
	w := start(t, cloudformation.Options{}, typ)
	st, err := w.Deploy(w.ctx, cloudformation.DeployInput{StackName: "a-stack-with-a-name-that-is-rather-long-for-a-function", Template: []byte(`{"Resources":{"AndALogicalIDThatIsLongToo":{"Type":"Test::Named::Thing"}}}`), Tags: map[string]string{"team": "x"}})
	if err != nil {
		t.Fatal(err)
	}
	name := st.Resources[0].PhysicalID
	if len(name) != 64 || !strings.HasPrefix(name, "a-stack-with-a-name") {
		t.Errorf("DE-066 name is %q, %d characters", name, len(name))
	}
	if got.PhysicalName(255) != "a-stack-with-a-name-that-is-rather-long-for-a-function-AndALogicalIDThatIsLongToo-"+name[len(name)-12:] {
		t.Errorf("DE-066 name is %q", got.PhysicalName(255))
	}
	want := map[string]string{"team": "x", "aws:cloudformation:stack-name": st.Name, "aws:cloudformation:stack-id": st.ID, "aws:cloudformation:logical-id": "AndALogicalIDThatIsLongToo"}
	if diff := cmp.Diff(want, got.Tags); diff != "" {
		t.Errorf("DE-067 tags:\n%s", diff)
	}
}

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

func TestNestedStack_DE071(t *testing.T) {
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

func TestTemplates(t *testing.T) {
	w := start(t, cloudformation.Options{})
	text := "Transform: AWS::LanguageExtensions\nResources:\n  'Fn::ForEach::Topics':\n    - Name\n    - [A, B]\n    - 'T${Name}': {Type: AWS::SNS::Topic, Properties: {TopicName: !Sub 'topic-${Name}'}}\n"
	st, _, err := w.deploy(t, "s", text)
	if err != nil || len(st.Resources) != 2 {
		t.Fatalf("DE-050 %v %+v", err, st.Resources)
	}
	get := func(stage string) string {
		out, err := call[api.GetTemplateInput, api.GetTemplateOutput](t, w, "GetTemplate", &api.GetTemplateInput{StackName: new("s"), TemplateStage: &stage})
		return *must(t, out, err).TemplateBody
	}
	if got := get("Original"); got != text {
		t.Errorf("DE-101 original is %q", got)
	}
	if got := get("Processed"); !strings.Contains(got, `"TB":`) {
		t.Errorf("DE-101 processed is %q", got)
	}
	list, err := call[api.ListStackResourcesInput, api.ListStackResourcesOutput](t, w, "ListStackResources", &api.ListStackResourcesInput{StackName: new("s")})
	all, err2 := call[api.DescribeStackResourcesInput, api.DescribeStackResourcesOutput](t, w, "DescribeStackResources", &api.DescribeStackResourcesInput{StackName: new("s")})
	for i, r := range must(t, list, err).StackResourceSummaries {
		if d := must(t, all, err2).StackResources[i]; *d.PhysicalResourceId != *r.PhysicalResourceId || *d.LogicalResourceId != *r.LogicalResourceId {
			t.Errorf("DE-102 %+v and %+v", d, r)
		}
	}
}

// TestRestart_DE106 ends Run in the middle of a creation, as a crash would, and begins again.
func TestRestart_DE106(t *testing.T) {
	stores, b := storemem.New(), busmem.New()
	sh := &shelf{items: map[string]map[string]any{}, hold: make(chan struct{})}
	newService := func() *cloudformation.Service {
		return cloudformation.New(stores, b, slog.New(slog.NewTextHandler(t.Output(), nil)), []resource.Type{sh.topic(), sh.parameter()}, cloudformation.Options{})
	}
	first := newService()
	stop := run(t, first)
	w := &world{first, sh, awsapi.WithCaller(t.Context(), awsapi.Caller{Account: "111111111111", Region: "us-east-1"})}
	id := w.create(t, "s", `{"Resources":{"P":{"Type":"AWS::SSM::Parameter","Properties":{"Type":"String","Value":"x"}},"T":{"Type":"AWS::SNS::Topic","DependsOn":"P"}}}`)
	for deadline := time.Now().Add(5 * time.Second); ; time.Sleep(time.Millisecond) {
		sh.mu.Lock()
		begun := slices.Contains(sh.log, "create P")
		sh.mu.Unlock()
		if begun {
			break
		}
		if time.Now().After(deadline) {
			t.Fatal("nothing was made")
		}
	}
	stop()
	sh.hold = nil
	second := newService()
	run(t, second)
	w = &world{second, sh, w.ctx}
	if st := w.settled(t, id); *st.StackStatus != "CREATE_COMPLETE" {
		t.Errorf("stack is %s", *st.StackStatus)
	}
	if diff := cmp.Diff([]string{"create P", "create T"}, sh.log); diff != "" {
		t.Errorf("made:\n%s", diff)
	}
}

func TestTwoStacks_DE107(t *testing.T) {
	w := start(t, cloudformation.Options{})
	w.shelf.delay = time.Millisecond
	a, b := w.create(t, "a", oneTopic), w.create(t, "b", oneTopic)
	for _, id := range []string{a, b} {
		w.settled(t, id)
		out, err := call[api.DescribeStackEventsInput, api.DescribeStackEventsOutput](t, w, "DescribeStackEvents", &api.DescribeStackEventsInput{StackName: &id})
		for _, e := range must(t, out, err).StackEvents {
			if *e.StackId != id {
				t.Errorf("events of %s have one of %s", id, *e.StackId)
			}
		}
	}
}

func TestLargeStack(t *testing.T) {
	w := start(t, cloudformation.Options{})
	var b bytes.Buffer
	for i := range 300 {
		fmt.Fprintf(&b, `,"T%d":{"Type":"AWS::SNS::Topic"}`, i)
	}
	st, _, err := w.deploy(t, "s", `{"Resources":{`+b.String()[1:]+`}}`)
	if err != nil || len(st.Resources) != 300 {
		t.Fatalf("%v, %d resources", err, len(st.Resources))
	}
	if err := w.Delete(w.ctx, "s", nil); err != nil || len(w.shelf.items) != 0 {
		t.Errorf("Delete: %v", err)
	}
}

func updateTo(t *testing.T, w *world, name, text string) (string, error) {
	t.Helper()
	out, err := call[api.UpdateStackInput, api.UpdateStackOutput](t, w, "UpdateStack", &api.UpdateStackInput{StackName: &name, TemplateBody: &text})
	if err != nil {
		return "", err
	}
	return *out.StackId, nil
}

func TestInvalidAttribute(t *testing.T) {
	w := start(t, cloudformation.Options{})
	st, _, err := w.deploy(t, "s", `{"Resources":{"P":{"Type":"AWS::SSM::Parameter","Properties":{"Type":"String","Value":"x"}},"M":{"Type":"AWS::CDK::Metadata","Properties":{"Analytics":"v2:deflate64:x"}}},"Outputs":{"O":{"Value":{"Fn::GetAtt":["P","Invalid"]}}}}`)
	if st.Status != "ROLLBACK_COMPLETE" || err == nil || !strings.Contains(err.Error(), "[Error] /Outputs/O/Value/Fn::GetAtt: Resource type AWS::SSM::Parameter does not support attribute {Invalid}. Rollback requested by user.") {
		t.Errorf("stack is %s: %v", st.Status, err)
	}
}

func TestFailedRollbackGoesOn(t *testing.T) {
	w := start(t, cloudformation.Options{})
	broken := false
	typ := resource.New("Test::Sticky::Thing", resource.Handlers[struct{ V string }]{
		Create: func(_ context.Context, r resource.Request, _ *struct{ V string }) (resource.Result, error) {
			return resource.Result{PhysicalID: "sticky"}, nil
		},
		Update: func(_ context.Context, r resource.Request, p, _ *struct{ V string }) (resource.Result, error) {
			if broken && p.V == "1" {
				return resource.Result{}, errors.New("stuck")
			}
			return resource.Result{PhysicalID: "sticky"}, nil
		},
		Delete: func(context.Context, resource.Request) error { return nil },
	})
	w = start(t, cloudformation.Options{}, typ)
	text := `{"Resources":{"S":{"Type":"Test::Sticky::Thing","Properties":{"V":"1"}},"T":{"Type":"AWS::SNS::Topic","DependsOn":"S"}}}`
	if _, _, err := w.deploy(t, "s", text); err != nil {
		t.Fatal(err)
	}
	broken = true
	st, _, _ := w.deploy(t, "s", `{"Resources":{"S":{"Type":"Test::Sticky::Thing","Properties":{"V":"2"}},"T":{"Type":"AWS::SNS::Topic","DependsOn":"S","Properties":{"Fail":true}}}}`)
	if st.Status != "UPDATE_ROLLBACK_FAILED" {
		t.Fatalf("stack is %s", st.Status)
	}
	broken = false
	if _, err := call[api.ContinueUpdateRollbackInput, api.ContinueUpdateRollbackOutput](t, w, "ContinueUpdateRollback", &api.ContinueUpdateRollbackInput{StackName: new("s")}); err != nil {
		t.Fatal(err)
	}
	if st := w.settled(t, st.ID); *st.StackStatus != "UPDATE_ROLLBACK_COMPLETE" {
		t.Errorf("stack is %s", *st.StackStatus)
	}
	if _, _, err := w.deploy(t, "s", text); !errors.Is(err, cloudformation.ErrNoChanges) {
		t.Errorf("the first template now gives %v", err)
	}
}

func TestLeftAsItFailed(t *testing.T) {
	w := start(t, cloudformation.Options{})
	bad := `{"Resources":{"A":{"Type":"AWS::SNS::Topic"},"B":{"Type":"AWS::SNS::Topic","DependsOn":"A","Properties":{"Fail":true}}}}`
	out, err := call[api.CreateStackInput, api.CreateStackOutput](t, w, "CreateStack", &api.CreateStackInput{StackName: new("s"), TemplateBody: &bad, OnFailure: new("DO_NOTHING")})
	id := *must(t, out, err).StackId
	if st := w.settled(t, id); *st.StackStatus != "CREATE_FAILED" || len(w.shelf.items) != 1 {
		t.Fatalf("stack is %s, there are %v", *st.StackStatus, w.shelf.items)
	}
	if _, err := call[api.RollbackStackInput, api.RollbackStackOutput](t, w, "RollbackStack", &api.RollbackStackInput{StackName: new("s")}); err != nil {
		t.Fatal(err)
	}
	if st := w.settled(t, id); *st.StackStatus != "ROLLBACK_COMPLETE" || len(w.shelf.items) != 0 {
		t.Errorf("stack is %s, there are %v", *st.StackStatus, w.shelf.items)
	}
	out, err = call[api.CreateStackInput, api.CreateStackOutput](t, w, "CreateStack", &api.CreateStackInput{StackName: new("gone"), TemplateBody: &bad, OnFailure: new("DELETE")})
	if st := w.settled(t, *must(t, out, err).StackId); *st.StackStatus != "DELETE_COMPLETE" {
		t.Errorf("stack is %s", *st.StackStatus)
	}
	good := `{"Resources":{"A":{"Type":"AWS::SNS::Topic","Properties":{"DisplayName":"1"}},"B":{"Type":"AWS::SNS::Topic","DependsOn":"A"}}}`
	before, _, err := w.deploy(t, "u", good)
	if err != nil {
		t.Fatal(err)
	}
	worse := strings.Replace(strings.Replace(good, `"1"`, `"2"`, 1), `"DependsOn":"A"`, `"DependsOn":"A","Properties":{"Fail":true}`, 1)
	if _, err := call[api.UpdateStackInput, api.UpdateStackOutput](t, w, "UpdateStack", &api.UpdateStackInput{StackName: new("u"), TemplateBody: &worse, DisableRollback: new(true)}); err != nil {
		t.Fatal(err)
	}
	if st := w.settled(t, before.ID); *st.StackStatus != "UPDATE_FAILED" {
		t.Fatalf("stack is %s", *st.StackStatus)
	}
	if _, err := call[api.RollbackStackInput, api.RollbackStackOutput](t, w, "RollbackStack", &api.RollbackStackInput{StackName: new("u")}); err != nil {
		t.Fatal(err)
	}
	if st := w.settled(t, before.ID); *st.StackStatus != "UPDATE_ROLLBACK_COMPLETE" {
		t.Errorf("stack is %s", *st.StackStatus)
	}
	if _, _, err := w.deploy(t, "u", good); !errors.Is(err, cloudformation.ErrNoChanges) {
		t.Errorf("the first template now gives %v", err)
	}
}

func TestCancelUpdate(t *testing.T) {
	w := start(t, cloudformation.Options{})
	first := `{"Resources":{"A":{"Type":"AWS::SNS::Topic","Properties":{"DisplayName":"1"}},"B":{"Type":"AWS::SNS::Topic","DependsOn":"A","Properties":{"DisplayName":"1"}}}}`
	st, _, err := w.deploy(t, "s", first)
	if err != nil {
		t.Fatal(err)
	}
	w.shelf.hold = make(chan struct{})
	if _, err := updateTo(t, w, "s", `{"Resources":{"A":{"Type":"AWS::SNS::Topic","Properties":{"TopicName":"new"}},"B":{"Type":"AWS::SNS::Topic","DependsOn":"A","Properties":{"DisplayName":"2"}}}}`); err != nil {
		t.Fatal(err)
	}
	if _, err := call[api.CancelUpdateStackInput, api.CancelUpdateStackOutput](t, w, "CancelUpdateStack", &api.CancelUpdateStackInput{StackName: new("s")}); err != nil {
		t.Fatal(err)
	}
	close(w.shelf.hold)
	if got := *w.settled(t, st.ID).StackStatus; got != "UPDATE_ROLLBACK_COMPLETE" {
		t.Errorf("stack is %s", got)
	}
	if len(w.shelf.items) != 2 {
		t.Errorf("there are %v", w.shelf.items)
	}
}

func TestResourceTypes(t *testing.T) {
	w := start(t, cloudformation.Options{})
	_, err := call[api.CreateStackInput, api.CreateStackOutput](t, w, "CreateStack", &api.CreateStackInput{StackName: new("s"), TemplateBody: new(oneTopic), ResourceTypes: []string{"AWS::EC2::*"}})
	wantError(t, err, "ValidationError", 400, "Resource type AWS::SNS::Topic is not allowed by parameter ResourceTypes [AWS::EC2::*]")
	_, err = call[api.CreateStackInput, api.CreateStackOutput](t, w, "CreateStack", &api.CreateStackInput{StackName: new("s"), TemplateBody: new(oneTopic), RollbackConfiguration: &api.RollbackConfiguration{RollbackTriggers: []*api.RollbackTrigger{{Arn: new("3"), Type: new("Another")}}}})
	wantError(t, err, "ValidationError", 400, "Rollback Trigger Type not supported")
	if _, err := call[api.CreateStackInput, api.CreateStackOutput](t, w, "CreateStack", &api.CreateStackInput{StackName: new("s"), TemplateBody: new(oneTopic), ResourceTypes: []string{"AWS::SNS::*"}}); err != nil {
		t.Error(err)
	}
}

func TestPanicIsAnError(t *testing.T) {
	typ := resource.New("Test::Bad::Thing", resource.Handlers[struct{}]{
		Create: func(context.Context, resource.Request, *struct{}) (resource.Result, error) { panic("oh") },
		Delete: func(context.Context, resource.Request) error { return nil },
	})
	w := start(t, cloudformation.Options{}, typ)
	st, _, err := w.deploy(t, "s", `{"Resources":{"B":{"Type":"Test::Bad::Thing"}}}`)
	if st.Status != "ROLLBACK_COMPLETE" || err == nil || !strings.Contains(err.Error(), "create of Test::Bad::Thing panicked: oh") {
		t.Errorf("stack is %s: %v", st.Status, err)
	}
}

func TestDeployWaitsForWhatRuns(t *testing.T) {
	w := start(t, cloudformation.Options{})
	w.shelf.hold = make(chan struct{})
	w.create(t, "s", oneTopic)
	time.AfterFunc(20*time.Millisecond, func() { close(w.shelf.hold) })
	if st, _, err := w.deploy(t, "s", oneTopic); !errors.Is(err, cloudformation.ErrNoChanges) || st.Status != "CREATE_COMPLETE" {
		t.Errorf("stack is %s: %v", st.Status, err)
	}
}
