package cloudformation_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"sort"
	"strings"
	"testing"
	"time"

	api "github.com/sallyport/sallyport/internal/awsapi/shapes/cloudformation"

	"github.com/sallyport/sallyport/internal/awsapi"
	"github.com/sallyport/sallyport/internal/resource"
	"github.com/sallyport/sallyport/internal/service/cloudformation"
)

// corpus returns the path of a file that was recorded on AWS, and skips the test where there are no such files.
func corpus(t *testing.T, file string) string {
	t.Helper()
	dir := os.Getenv("SALLYPORT_CORPORA")
	for up := "../"; dir == "" && len(up) < 30; up += "../" {
		if _, err := os.Stat(filepath.Join(up, "shared", "corpora")); err == nil {
			dir = filepath.Join(up, "shared", "corpora")
		}
	}
	path := filepath.Join(dir, file)
	if _, err := os.Stat(path); dir == "" || err != nil {
		t.Skip("the recordings of AWS are not here: ../shared/corpora/" + file)
	}
	return path
}

func readCorpus[T any](t *testing.T, file string) []T {
	t.Helper()
	data, err := os.ReadFile(corpus(t, file))
	if err != nil {
		t.Fatal(err)
	}
	var cases []T
	if err := json.Unmarshal(data, &cases); err != nil {
		t.Fatal(err)
	}
	return cases
}

type updateCase struct {
	ID          string
	Template1   any
	Parameters1 map[string]string
	Template2   any
	Parameters2 map[string]string
	Expected    map[string]any
}

// call calls an operation of the service.
func call[In, Out any](t *testing.T, w *world, name string, in *In) (*Out, error) {
	t.Helper()
	return awsapi.Invoke[In, Out](w.ctx, awsapi.NewCatalog([]awsapi.Service{w.Service}), "cloudformation", name, in)
}

// tokens matches recorded values, in which «…» stands for any text, the same everywhere in one case.
type tokens map[string]string

var tokenPattern = regexp.MustCompile(`«[^»]*»`)

func (k tokens) match(want, got any) bool {
	switch w := want.(type) {
	case map[string]any:
		if s, ok := got.(string); ok {
			var v any
			if json.Unmarshal([]byte(s), &v) != nil {
				return false
			}
			got = v
		}
		g, ok := got.(map[string]any)
		if !ok || len(g) != len(w) {
			return false
		}
		for key := range w {
			if _, has := g[key]; !has || !k.match(w[key], g[key]) {
				return false
			}
		}
		return true
	case []any:
		g, ok := got.([]any)
		if !ok || len(g) != len(w) {
			return false
		}
		for i := range w {
			if !k.match(w[i], g[i]) {
				return false
			}
		}
		return true
	case string:
		g, ok := got.(string)
		if !ok {
			return fmt.Sprint(got) == w
		}
		if !strings.Contains(w, "«") {
			return w == g || sameJSON(w, g)
		}
		return w == "«any»" || regexp.MustCompile("(?s)^"+tokenPattern.ReplaceAllString(regexp.QuoteMeta(w), ".*")+"$").MatchString(g)
	}
	return fmt.Sprint(want) == fmt.Sprint(got)
}

func sameJSON(a, b string) bool {
	var x, y any
	return json.Unmarshal([]byte(a), &x) == nil && json.Unmarshal([]byte(b), &y) == nil && fmt.Sprint(x) == fmt.Sprint(y)
}

// generic returns a shape as JSON would have it, without what is not set.
func generic(v any) any {
	b, _ := json.Marshal(v)
	var g any
	json.Unmarshal(b, &g)
	return prune(g)
}

func prune(v any) any {
	switch v := v.(type) {
	case map[string]any:
		for k := range v {
			if v[k] == nil {
				delete(v, k)
			} else {
				v[k] = prune(v[k])
			}
		}
	case []any:
		for i := range v {
			v[i] = prune(v[i])
		}
	}
	return v
}

func templateText(v any) string {
	if m, ok := v.(map[string]any); ok {
		if y, ok := m["yaml"].(string); ok && len(m) == 1 {
			return y
		}
	}
	b, _ := json.Marshal(v)
	return string(b)
}

// TestRecordedUpdates creates, updates and deletes stacks through change sets, and compares what can be seen with what was recorded.
func TestRecordedUpdates(t *testing.T) {
	cases := readCorpus[updateCase](t, "cfn/updates.dev.json")
	passed := 0
	var failed []string
	for _, c := range cases {
		t.Run(c.ID, func(t *testing.T) {
			w := start(t, cloudformation.Options{Parameters: fixedParameters{}}, storageOnly("AWS::Logs::LogGroup"), storageOnly("AWS::Lambda::Function"), storageOnly("AWS::IAM::Role"))
			problems := w.replay(t, c)
			if len(problems) == 0 {
				passed++
				return
			}
			failed = append(failed, c.ID+": "+problems[0])
			t.Log(strings.Join(problems, "\n"))
		})
	}
	t.Logf("%d of %d recorded updates agree", passed, len(cases))
	for _, f := range failed {
		t.Log(f)
	}
	if passed < len(cases)*9/10 {
		t.Errorf("only %d of %d recorded updates agree", passed, len(cases))
	}
}

func parametersOf(m map[string]string) []*api.Parameter {
	var all []*api.Parameter
	for k, v := range m {
		all = append(all, &api.Parameter{ParameterKey: new(k), ParameterValue: new(v)})
	}
	return all
}

func (w *world) replay(t *testing.T, c updateCase) (problems []string) {
	keep := tokens{}
	complain := func(what string, want, got any) {
		a, _ := json.Marshal(want)
		b, _ := json.Marshal(got)
		problems = append(problems, fmt.Sprintf("%s\n  want %s\n  got  %s", what, a, b))
	}
	check := func(what string, got any) {
		want, ok := c.Expected[what].(map[string]any)
		if !ok {
			return
		}
		g := generic(got).(map[string]any)
		for _, field := range []string{"Status", "ExecutionStatus", "Changes", "StackStatus", "Outputs", "Parameters", "DisableRollback"} {
			wv, has := want[field]
			if !has {
				continue
			}
			gv := g[field]
			for _, v := range []any{wv, gv} {
				sortChanges(v)
			}
			if !keep.match(wv, gv) {
				complain(what+"."+field, wv, gv)
			}
		}
	}
	stackName := "stack-1"
	for i, tpl := range []any{c.Template1, c.Template2} {
		n := fmt.Sprint(i + 1)
		kind := "CREATE"
		parameters := c.Parameters1
		if i == 1 {
			kind, parameters = "UPDATE", c.Parameters2
		}
		out, err := call[api.CreateChangeSetInput, api.CreateChangeSetOutput](t, w, "CreateChangeSet", &api.CreateChangeSetInput{
			StackName: &stackName, ChangeSetName: new("cs-" + n), ChangeSetType: &kind, TemplateBody: new(templateText(tpl)),
			Parameters: parametersOf(parameters), Capabilities: []string{"CAPABILITY_NAMED_IAM", "CAPABILITY_AUTO_EXPAND", "CAPABILITY_IAM"},
		})
		if err != nil {
			return append(problems, "create change set "+n+": "+err.Error())
		}
		for _, values := range []bool{false, true} {
			d, err := call[api.DescribeChangeSetInput, api.DescribeChangeSetOutput](t, w, "DescribeChangeSet", &api.DescribeChangeSetInput{ChangeSetName: out.Id, IncludePropertyValues: &values})
			if err != nil {
				return append(problems, err.Error())
			}
			if values {
				check("changeSet"+n+"Values", d)
			} else {
				check("changeSet"+n, d)
			}
		}
		if _, err := call[api.ExecuteChangeSetInput, api.ExecuteChangeSetOutput](t, w, "ExecuteChangeSet", &api.ExecuteChangeSetInput{ChangeSetName: out.Id}); err != nil {
			return append(problems, "execute change set "+n+": "+err.Error())
		}
		check("stack"+n, w.settled(t, *out.StackId))
		if i == 1 {
			call[api.DeleteStackInput, api.DeleteStackOutput](t, w, "DeleteStack", &api.DeleteStackInput{StackName: &stackName})
			check("deleted", w.settled(t, *out.StackId))
			w.checkEvents(t, *out.StackId, c.Expected["perResourceEvents"].(map[string]any), keep, complain)
		}
	}
	return problems
}

func sortChanges(v any) {
	list, ok := v.([]any)
	if !ok {
		return
	}
	for _, e := range list {
		if m, ok := e.(map[string]any); ok {
			if rc, ok := m["ResourceChange"].(map[string]any); ok {
				delete(rc, "PhysicalResourceId") // recorded names are random
				if rc["Action"] == "Add" {
					delete(rc, "Replacement") // AWS: recordings before May 2025 say True here, newer ones nothing
				}
				sortChanges(rc["Details"])
			}
		}
	}
	sort.SliceStable(list, func(i, j int) bool { return sortKey(list[i]) < sortKey(list[j]) })
}

// sortKey orders changes by resource, details by cause, and parameters and outputs by key.
func sortKey(v any) string {
	b, _ := json.Marshal(v)
	m, _ := v.(map[string]any)
	if rc, ok := m["ResourceChange"].(map[string]any); ok {
		return fmt.Sprint(rc["LogicalResourceId"])
	}
	for _, k := range []string{"ParameterKey", "OutputKey"} {
		if s, ok := m[k].(string); ok {
			return s
		}
	}
	return string(b)
}

// settled waits until nothing is under way on a stack.
func (w *world) settled(t *testing.T, id string) *api.Stack {
	t.Helper()
	for deadline := time.Now().Add(time.Minute); ; {
		out, err := call[api.DescribeStacksInput, api.DescribeStacksOutput](t, w, "DescribeStacks", &api.DescribeStacksInput{StackName: &id})
		if err != nil {
			t.Fatal(err)
		}
		st := out.Stacks[0]
		if !strings.HasSuffix(*st.StackStatus, "_IN_PROGRESS") {
			return st
		}
		if time.Now().After(deadline) {
			t.Fatalf("stack is still %s", *st.StackStatus)
		}
		time.Sleep(time.Millisecond)
	}
}

func (w *world) checkEvents(t *testing.T, id string, want map[string]any, keep tokens, complain func(string, any, any)) {
	t.Helper()
	out, err := call[api.DescribeStackEventsInput, api.DescribeStackEventsOutput](t, w, "DescribeStackEvents", &api.DescribeStackEventsInput{StackName: &id})
	if err != nil {
		t.Fatal(err)
	}
	got := map[string][]string{}
	for _, e := range slices.Backward(out.StackEvents) {
		key := *e.LogicalResourceId
		if *e.PhysicalResourceId == id {
			key = "Stack"
		}
		if n := len(got[key]); *e.ResourceStatus != "UPDATE_COMPLETE_CLEANUP_IN_PROGRESS" && (n == 0 || got[key][n-1] != *e.ResourceStatus) {
			got[key] = append(got[key], *e.ResourceStatus)
		}
	}
	for key, v := range want {
		var statuses []string
		for _, e := range v.([]any) {
			s := e.(map[string]any)["ResourceStatus"].(string)
			if n := len(statuses); s != "UPDATE_COMPLETE_CLEANUP_IN_PROGRESS" && (n == 0 || statuses[n-1] != s) {
				statuses = append(statuses, s)
			}
		}
		if !slices.Equal(statuses, got[key]) && !slices.Equal(statuses, got[key][:max(0, len(got[key])-2)]) {
			complain("events of "+key, statuses, got[key])
		}
	}
}

type fixedParameters struct{}

// storageOnly is a resource type that takes any property and makes nothing.
func storageOnly(name string) resource.Type { return &anyType{name} }

type anyType struct{ name string }

func (a *anyType) Name() string               { return a.name }
func (a *anyType) Check(map[string]any) error { return nil }
func (a *anyType) CreateOnly() []string       { return nil }
func (a *anyType) Create(_ context.Context, r resource.Request) (resource.Result, error) {
	return resource.Result{PhysicalID: r.PhysicalName(64)}, nil
}

func (a *anyType) Update(_ context.Context, r resource.Request) (resource.Result, error) {
	return resource.Result{PhysicalID: r.PhysicalID}, nil
}
func (a *anyType) Delete(context.Context, resource.Request) error { return nil }

func (fixedParameters) Parameter(_ context.Context, name string, _ int64) (string, error) {
	return "value of " + name, nil
}

type errorCase struct {
	ID, Op, Code, Message string
	HTTPStatus            int
	Params                map[string]any
}

// TestRecordedErrors makes the calls that were recorded with their errors, as far as a recording has all that is needed.
func TestRecordedErrors(t *testing.T) {
	cases := readCorpus[errorCase](t, "cfn/errors.dev.json")
	passed, run := 0, 0
	for _, c := range cases {
		if c.Op == "" || c.Params == nil || strings.Contains(fmt.Sprint(c.Params), "«") {
			continue // it refers to what other calls have made
		}
		w := start(t, cloudformation.Options{Objects: objects{}})
		if _, offered := w.Operations()[c.Op]; !offered {
			continue // another service, or an operation that is not offered
		}
		run++
		t.Run(c.ID, func(t *testing.T) {
			switch {
			case strings.Contains(c.Message, "already exists"):
				w.settled(t, w.create(t, c.Params["StackName"].(string), c.Params["TemplateBody"].(string)))
			case c.Code == "ChangeSetNotFound" && c.Params["StackName"] != nil:
				w.settled(t, w.create(t, c.Params["StackName"].(string), oneTopic))
			case c.Op == "GetTemplate" && c.Params["ChangeSetName"] != nil, strings.Contains(c.Message, "does not exist"):
			}
			in, _ := json.Marshal(c.Params)
			_, err := awsapi.NewCatalog([]awsapi.Service{w.Service}).Call(w.ctx, "cloudformation", c.Op, in)
			var e *awsapi.Error
			if !errors.As(err, &e) || e.Code != c.Code || e.Status != c.HTTPStatus || !(tokens{}).match(c.Message, e.Message) {
				t.Errorf("%s(%s)\n got  %v\n want %s %d %s", c.Op, in, err, c.Code, c.HTTPStatus, c.Message)
				return
			}
			passed++
		})
	}
	t.Logf("%d of %d recorded errors agree", passed, run)
}
