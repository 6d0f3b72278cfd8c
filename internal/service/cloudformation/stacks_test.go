package cloudformation_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/sallyport/sallyport/internal/awsapi"
	api "github.com/sallyport/sallyport/internal/awsapi/shapes/cloudformation"
	"github.com/sallyport/sallyport/internal/resource"
	"github.com/sallyport/sallyport/internal/service/cloudformation"
	"github.com/sallyport/sallyport/internal/service/cloudformation/template"
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

func TestUnknownStacks_DE003_DE004_DE005_DE008(t *testing.T) {
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

func TestReviewAndNoChanges_DE007_DE010(t *testing.T) {
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

func TestExports_DE032(t *testing.T) {
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
	const all = 8
	var begun atomic.Int32
	together := make(chan struct{})
	w.shelf.meet = func() {
		if begun.Add(1) == all {
			close(together)
		}
		select {
		case <-together:
		case <-time.After(time.Minute):
			t.Errorf("%d of %d resources are made at once", begun.Load(), all)
		}
	}
	var b strings.Builder
	for i := range all {
		fmt.Fprintf(&b, `,"T%d":{"Type":"AWS::SNS::Topic"}`, i)
	}
	if _, _, err := w.deploy(t, "s", `{"Resources":{`+b.String()[1:]+`}}`); err != nil {
		t.Fatal(err)
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
	text := `{"Resources":{` + b.String()[1:] + `}}`
	st, _, err := w.deploy(t, "s", text)
	if err != nil || len(st.Resources) != 300 {
		t.Fatalf("%v, %d resources", err, len(st.Resources))
	}
	seen := map[string]bool{}
	for token := (*string)(nil); ; {
		out, err := call[api.DescribeStackEventsInput, api.DescribeStackEventsOutput](t, w, "DescribeStackEvents", &api.DescribeStackEventsInput{StackName: new("s"), NextToken: token})
		for _, e := range must(t, out, err).StackEvents {
			seen[*e.EventId] = true
		}
		if token = out.NextToken; token == nil {
			break
		}
	}
	if len(seen) != 902 {
		t.Errorf("the pages have %d events", len(seen))
	}
	for i := range 5 {
		if _, _, err := w.deploy(t, "s", strings.ReplaceAll(text, `"AWS::SNS::Topic"`, fmt.Sprintf(`"AWS::SNS::Topic","Properties":{"DisplayName":"%d"}`, i))); err != nil {
			t.Fatal(err)
		}
	}
	kept := 0
	stop := errors.New("stop")
	err = w.Watch(w.ctx, st.ID, func(e cloudformation.Event) error {
		if kept++; e.PhysicalID == st.ID && kept > 2000 && e.Status == "UPDATE_COMPLETE" {
			return stop
		}
		return nil
	})
	if !errors.Is(err, stop) || kept > 3500 {
		t.Errorf("%d events are kept, %v", kept, err)
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

func TestTransformFails(t *testing.T) {
	w := start(t, cloudformation.Options{})
	text := "Transform: AWS::Serverless-2016-10-31\nResources:\n  F: {Type: AWS::Serverless::Function, Properties: {CodeUri: ./src, Handler: h, Runtime: r}}\n"
	const reason = "Transform AWS::Serverless-2016-10-31 failed with: Invalid Serverless Application Specification document. Number of errors found: 1. Resource with id [F] is invalid. 'CodeUri' is not a valid S3 Uri of the form 's3://bucket/key' with optional versionId query parameter."
	_, err := call[api.CreateStackInput, api.CreateStackOutput](t, w, "CreateStack", &api.CreateStackInput{StackName: new("s"), TemplateBody: &text, Capabilities: []string{"CAPABILITY_AUTO_EXPAND"}})
	wantError(t, err, "ValidationError", 400, reason)
	cs, err := call[api.CreateChangeSetInput, api.CreateChangeSetOutput](t, w, "CreateChangeSet", &api.CreateChangeSetInput{StackName: new("s"), ChangeSetName: new("c"), ChangeSetType: new("CREATE"), TemplateBody: &text, Capabilities: []string{"CAPABILITY_AUTO_EXPAND"}})
	d, err := call[api.DescribeChangeSetInput, api.DescribeChangeSetOutput](t, w, "DescribeChangeSet", &api.DescribeChangeSetInput{ChangeSetName: must(t, cs, err).Id})
	if must(t, d, err); *d.Status != "FAILED" || *d.StatusReason != reason {
		t.Errorf("change set is %s: %s", *d.Status, *d.StatusReason)
	}
	if _, _, err := w.deploy(t, "s", text); err == nil || err.Error() != reason+" (line 3, column 3)" {
		t.Errorf("Deploy says %v", err)
	}
}
