package cloudformation_test

import (
	"context"
	"errors"
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
	storemem "github.com/sallyport/sallyport/internal/store/mem"
)

func TestRollback_DE020_DE021(t *testing.T) {
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
	for deadline := time.Now().Add(time.Minute); ; time.Sleep(time.Millisecond) {
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

func TestFailedRollbackGoesOn(t *testing.T) {
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
	w := start(t, cloudformation.Options{}, typ)
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
