package ssm_test

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/sallyport/sallyport/internal/awsapi"
	"github.com/sallyport/sallyport/internal/resource"
	"github.com/sallyport/sallyport/internal/service/ssm"
	"github.com/sallyport/sallyport/internal/store/mem"
)

// A fixture is a running Parameter Store and who calls it.
type fixture struct {
	t       *testing.T
	ctx     context.Context
	service *ssm.Service
	catalog *awsapi.Catalog
}

func start(t *testing.T) *fixture {
	t.Helper()
	s := ssm.New(mem.New(), slog.New(slog.NewTextHandler(t.Output(), nil)))
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error)
	go func() { done <- s.Run(ctx) }()
	t.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
	caller := awsapi.Caller{Account: "111111111111", Region: "eu-west-1", ARN: "arn:aws:iam::111111111111:user/ann", Admin: true}
	return &fixture{t, awsapi.WithCaller(ctx, caller), s, awsapi.NewCatalog([]awsapi.Service{s})}
}

// call returns the answer without times, or the error as "code: message".
func (f *fixture) call(operation, in string) string {
	f.t.Helper()
	out, err := f.catalog.Call(f.ctx, "ssm", operation, []byte(in))
	if err != nil {
		return err.Error()
	}
	var v any
	if err := json.Unmarshal(out, &v); err != nil {
		f.t.Fatal(err)
	}
	text, _ := json.Marshal(strip(v))
	return string(text)
}

// strip drops what is another at each run.
func strip(v any) any {
	switch v := v.(type) {
	case map[string]any:
		delete(v, "LastModifiedDate")
		for k := range v {
			v[k] = strip(v[k])
		}
	case []any:
		for i := range v {
			v[i] = strip(v[i])
		}
	}
	return v
}

// expect makes calls in order: operation, input, answer.
func (f *fixture) expect(steps [][3]string) {
	f.t.Helper()
	for i, s := range steps {
		if got := f.call(s[0], s[1]); got != s[2] && !(strings.HasSuffix(s[2], "…") && strings.HasPrefix(got, strings.TrimSuffix(s[2], "…"))) {
			f.t.Errorf("step %d, %s %s:\n got %s\nwant %s", i, s[0], s[1], got, s[2])
		}
	}
}

func TestVersions(t *testing.T) {
	start(t).expect([][3]string{
		{"PutParameter", `{"Name":"/app/db","Value":"one","Type":"String","Description":"where"}`, `{"Tier":"Standard","Version":1}`},
		{"PutParameter", `{"Name":"/app/db","Value":"two","Type":"String"}`, "ParameterAlreadyExists: The parameter already exists. To overwrite this value, set the overwrite option in the request to true."},
		{"PutParameter", `{"Name":"/app/db","Value":"two","Overwrite":true}`, `{"Tier":"Standard","Version":2}`},
		{"GetParameter", `{"Name":"/app/db"}`, `{"Parameter":{"ARN":"arn:aws:ssm:eu-west-1:111111111111:parameter/app/db","DataType":"text","Name":"/app/db","Type":"String","Value":"two","Version":2}}`},
		{"GetParameter", `{"Name":"/app/db:1"}`, `{"Parameter":{"ARN":"arn:aws:ssm:eu-west-1:111111111111:parameter/app/db","DataType":"text","Name":"/app/db","Selector":":1","Type":"String","Value":"one","Version":1}}`},
		{"GetParameter", `{"Name":"arn:aws:ssm:eu-west-1:111111111111:parameter/app/db:1"}`, `{"Parameter":{"ARN":"arn:aws:ssm:eu-west-1:111111111111:parameter/app/db","DataType":"text","Name":"/app/db","Selector":":1","Type":"String","Value":"one","Version":1}}`},
		{"GetParameter", `{"Name":"arn:aws:ssm:eu-west-2:111111111111:parameter/app/db"}`, "ParameterNotFound"},
		{"GetParameter", `{"Name":"/app/db:3"}`, "ParameterVersionNotFound: Systems Manager could not find version 3 of /app/db. Verify the version and try again."},
		{"GetParameter", `{"Name":"/app"}`, "ParameterNotFound"},
		{"GetParameterHistory", `{"Name":"/app/db","MaxResults":1}`, `{"NextToken":"MTAwMDAwMDAwMQ","Parameters":[{"DataType":"text","Description":"where","Labels":[],"LastModifiedUser":"arn:aws:iam::111111111111:user/ann","Name":"/app/db","Policies":[],"Tier":"Standard","Type":"String","Value":"one","Version":1}]}`},
		{"GetParameterHistory", `{"Name":"/app/db","NextToken":"MTAwMDAwMDAwMQ"}`, `{"Parameters":[{"DataType":"text","Description":"where","Labels":[],"LastModifiedUser":"arn:aws:iam::111111111111:user/ann","Name":"/app/db","Policies":[],"Tier":"Standard","Type":"String","Value":"two","Version":2}]}`},
		{"GetParameters", `{"Names":["/app/db","/no","/app/db:9"]}`, `{"InvalidParameters":["/no","/app/db:9"],"Parameters":[{"ARN":"arn:aws:ssm:eu-west-1:111111111111:parameter/app/db","DataType":"text","Name":"/app/db","Type":"String","Value":"two","Version":2}]}`},
		{"DeleteParameters", `{"Names":["/app/db","/no"]}`, `{"DeletedParameters":["/app/db"],"InvalidParameters":["/no"]}`},
		{"DeleteParameter", `{"Name":"/app/db"}`, "ParameterNotFound"},
		{"GetParameterHistory", `{"Name":"/app/db"}`, "ParameterNotFound"},
	})
}

func TestManyVersions(t *testing.T) {
	f := start(t)
	for i := range 103 {
		if got, want := f.call("PutParameter", fmt.Sprintf(`{"Name":"n","Value":"%d","Type":"String","Overwrite":true}`, i)), fmt.Sprintf(`{"Tier":"Standard","Version":%d}`, i+1); got != want {
			t.Fatalf("got %s, want %s", got, want)
		}
	}
	f.expect([][3]string{
		{"GetParameter", `{"Name":"n:3"}`, "ParameterVersionNotFound…"},
		{"GetParameter", `{"Name":"n:4"}`, `{"Parameter":{"ARN":"arn:aws:ssm:eu-west-1:111111111111:parameter/n","DataType":"text","Name":"n","Selector":":4","Type":"String","Value":"3","Version":4}}`},
	})
}

func TestChecks(t *testing.T) {
	long := strings.Repeat("x", 4097)
	start(t).expect([][3]string{
		{"PutParameter", `{"Name":"n","Value":"v"}`, "ValidationException: A parameter type is required when you create a parameter."},
		{"PutParameter", `{"Name":"n","Value":"","Type":"String"}`, "ValidationException: 1 validation error detected: Value '' at 'value' failed to satisfy constraint: Member must have length greater than or equal to 1."},
		{"PutParameter", `{"Name":"a/b","Value":"v","Type":"String"}`, "ValidationException: Parameter name must be a fully qualified name."},
		{"PutParameter", `{"Name":"/aws/x","Value":"v","Type":"String"}`, "AccessDeniedException: No access to reserved parameter name: /aws/x."},
		{"PutParameter", `{"Name":"SSMx","Value":"v","Type":"String"}`, `ValidationException: Parameter name: can't be prefixed with "ssm"…`},
		{"PutParameter", `{"Name":"/a//b","Value":"v","Type":"String"}`, "ValidationException: Parameter name: …"},
		{"PutParameter", `{"Name":"` + strings.Repeat("/a", 16) + `","Value":"v","Type":"String"}`, "HierarchyLevelLimitExceededException…"},
		{"PutParameter", `{"Name":"n","Value":"` + long + `","Type":"String"}`, "ValidationException: Standard tier parameters support a maximum parameter value of 4096 characters.…"},
		{"PutParameter", `{"Name":"big","Value":"` + long + `","Type":"String","Tier":"Intelligent-Tiering"}`, `{"Tier":"Advanced","Version":1}`},
		{"PutParameter", `{"Name":"n","Value":"v","Type":"String","AllowedPattern":"\\d+"}`, `ParameterPatternMismatchException: Parameter value, cannot be validated against allowedPattern: \d+`},
		{"PutParameter", `{"Name":"n","Value":"v","Type":"String","AllowedPattern":"("}`, "InvalidAllowedPatternException: The request does not meet the regular expression requirement."},
		{"PutParameter", `{"Name":"n","Value":"v","Type":"String","Policies":"[{}]"}`, "InvalidPolicyTypeException…"},
		{"PutParameter", `{"Name":"n","Value":"v","Type":"Number"}`, "ValidationException: 1 validation error detected: Value 'Number' at 'type' failed to satisfy constraint: …"},
		{"GetParametersByPath", `{"Path":"a"}`, "ValidationException: The parameter doesn't meet the parameter name requirements.…"},
		{"DescribeParameters", `{"ParameterFilters":[{"Key":"Name","Option":"Like","Values":["a"]}]}`, "InvalidFilterOption: …"},
		{"LabelParameterVersion", `{"Name":"big","Labels":["a"]}`, "UnknownOperationException: Sallyport does not support the operation LabelParameterVersion of ssm."},
	})
}

func TestSecureString(t *testing.T) {
	f := start(t)
	f.expect([][3]string{
		{"PutParameter", `{"Name":"pw","Value":"sesame","Type":"SecureString"}`, `{"Tier":"Standard","Version":1}`},
		{"GetParameter", `{"Name":"pw","WithDecryption":true}`, `{"Parameter":{"ARN":"arn:aws:ssm:eu-west-1:111111111111:parameter/pw","DataType":"text","Name":"pw","Type":"SecureString","Value":"sesame","Version":1}}`},
		{"DescribeParameters", `{"ParameterFilters":[{"Key":"KeyId","Values":["alias/aws/ssm"]}]}`, `{"Parameters":[{"ARN":"arn:aws:ssm:eu-west-1:111111111111:parameter/pw","DataType":"text","KeyId":"alias/aws/ssm","LastModifiedUser":"arn:aws:iam::111111111111:user/ann","Name":"pw","Policies":[],"Tier":"Standard","Type":"SecureString","Version":1}]}`},
	})
	if got := f.call("GetParameter", `{"Name":"pw"}`); strings.Contains(got, "sesame") || !strings.Contains(got, `"Value":"AQICAH`) {
		t.Errorf("without decryption: %s", got)
	}
}

func TestPathsAndFilters(t *testing.T) {
	f := start(t)
	for name, kind := range map[string]string{"/a/b": "String", "/a/b/c": "StringList", "/a/b/c/d": "String", "/ab": "String", "plain": "String"} {
		f.call("PutParameter", fmt.Sprintf(`{"Name":%q,"Value":"v","Type":%q,"Tags":[{"Key":"k","Value":%q}]}`, name, kind, name))
	}
	for _, tt := range []struct{ name, operation, in, want string }{
		{"one level", "GetParametersByPath", `{"Path":"/a"}`, "/a/b"},
		{"slash at the end", "GetParametersByPath", `{"Path":"/a/b/"}`, "/a/b/c"},
		{"recursive", "GetParametersByPath", `{"Path":"/a","Recursive":true}`, "/a/b /a/b/c /a/b/c/d"},
		{"top", "GetParametersByPath", `{"Path":"/"}`, "/ab plain"},
		{"all", "GetParametersByPath", `{"Path":"/","Recursive":true}`, "/a/b /a/b/c /a/b/c/d /ab plain"},
		{"type below path", "GetParametersByPath", `{"Path":"/","Recursive":true,"ParameterFilters":[{"Key":"Type","Values":["StringList"]}]}`, "/a/b/c"},
		{"pages", "GetParametersByPath", `{"Path":"/a","Recursive":true,"MaxResults":2}`, "/a/b /a/b/c +"},
		{"begins", "DescribeParameters", `{"ParameterFilters":[{"Key":"Name","Option":"BeginsWith","Values":["/ab","pl"]}]}`, "/ab plain"},
		{"contains", "DescribeParameters", `{"ParameterFilters":[{"Key":"Name","Option":"Contains","Values":["b/c"]}]}`, "/a/b/c /a/b/c/d"},
		{"path", "DescribeParameters", `{"ParameterFilters":[{"Key":"Path","Option":"Recursive","Values":["/a/b"]}]}`, "/a/b/c /a/b/c/d"},
		{"tag", "DescribeParameters", `{"ParameterFilters":[{"Key":"tag:k","Values":["/ab"]}]}`, "/ab"},
		{"old filter", "DescribeParameters", `{"Filters":[{"Key":"Name","Values":["/a/b/c"]}]}`, "/a/b/c /a/b/c/d"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			var out struct {
				Parameters []struct{ Name string }
				NextToken  string
			}
			answer := f.call(tt.operation, tt.in)
			if err := json.Unmarshal([]byte(answer), &out); err != nil {
				t.Fatalf("%s: %v", answer, err)
			}
			var names []string
			for _, p := range out.Parameters {
				names = append(names, p.Name)
			}
			if out.NextToken != "" {
				names = append(names, "+")
			}
			if got := strings.Join(names, " "); got != tt.want {
				t.Errorf("got %s, want %s", got, tt.want)
			}
		})
	}
}

func TestTags(t *testing.T) {
	start(t).expect([][3]string{
		{"PutParameter", `{"Name":"n","Value":"v","Type":"String","Tags":[{"Key":"a","Value":"1"}]}`, `{"Tier":"Standard","Version":1}`},
		{"PutParameter", `{"Name":"n","Value":"v","Overwrite":true,"Tags":[{"Key":"a","Value":"1"}]}`, "ValidationException: Invalid request: tags and overwrite can't be used together.…"},
		{"AddTagsToResource", `{"ResourceType":"Parameter","ResourceId":"n","Tags":[{"Key":"b","Value":"2"}]}`, `{}`},
		{"RemoveTagsFromResource", `{"ResourceType":"Parameter","ResourceId":"n","TagKeys":["a"]}`, `{}`},
		{"ListTagsForResource", `{"ResourceType":"Parameter","ResourceId":"n"}`, `{"TagList":[{"Key":"b","Value":"2"}]}`},
		{"ListTagsForResource", `{"ResourceType":"Parameter","ResourceId":"m"}`, "InvalidResourceId: …"},
		{"AddTagsToResource", `{"ResourceType":"Document","ResourceId":"n","Tags":[]}`, "InvalidResourceType: …"},
	})
}

func TestResource(t *testing.T) {
	f := start(t)
	typ := f.service.Resources()[0]
	request := resource.Request{
		LogicalID: "Limit", StackName: "s", Token: "t1", Tags: map[string]string{"aws:cloudformation:stack-name": "s"},
		PhysicalName: func(int) string { return "s-Limit-ABCDEFGHIJKL" },
		Properties:   map[string]any{"Type": "String", "Value": "1", "Tags": map[string]any{"team": "red"}},
	}
	made, err := typ.Create(f.ctx, request)
	if diff := cmp.Diff(resource.Result{PhysicalID: "CFN-Limit-ABCDEFGHIJKL", Attributes: map[string]any{"Type": "String", "Value": "1"}}, made); diff != "" || err != nil {
		t.Fatalf("%v (-want +got):\n%s", err, diff)
	}
	if _, err := typ.Create(f.ctx, request); err != nil {
		t.Errorf("the step again: %v", err)
	}
	other := request
	other.Token = "t2"
	if _, err := typ.Create(f.ctx, other); awsapi.Code(err) != "ParameterAlreadyExists" {
		t.Errorf("another step: %v", err)
	}
	update := request
	update.Token, update.PhysicalID, update.Old = "t3", made.PhysicalID, request.Properties
	update.Properties = map[string]any{"Type": "String", "Value": "2"}
	if _, err := typ.Update(f.ctx, update); err != nil {
		t.Fatal(err)
	}
	if got, err := f.service.Parameter(f.ctx, made.PhysicalID, 0); got != "2" || err != nil {
		t.Errorf("Parameter = %q, %v", got, err)
	}
	if got, err := f.service.Parameter(f.ctx, made.PhysicalID, 1); got != "1" || err != nil {
		t.Errorf("Parameter of version 1 = %q, %v", got, err)
	}
	f.expect([][3]string{{"ListTagsForResource", `{"ResourceType":"Parameter","ResourceId":"CFN-Limit-ABCDEFGHIJKL"}`, `{"TagList":[{"Key":"aws:cloudformation:stack-name","Value":"s"}]}`}})
	for range 2 {
		if err := typ.Delete(f.ctx, update); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := f.service.Parameter(f.ctx, made.PhysicalID, 0); awsapi.Code(err) != "ParameterNotFound" {
		t.Errorf("after deletion: %v", err)
	}
	secret := request
	secret.Properties = map[string]any{"Type": "SecureString", "Value": "1"}
	if _, err := typ.Create(f.ctx, secret); awsapi.Code(err) != "ValidationException" {
		t.Errorf("a secret in a template: %v", err)
	}
}
