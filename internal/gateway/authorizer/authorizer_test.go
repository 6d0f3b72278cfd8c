package authorizer

import (
	"context"
	"errors"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/sallyport/sallyport/internal/apigateway"
	"github.com/sallyport/sallyport/internal/json"
)

const (
	methodARN = "arn:aws:execute-api:us-east-1:000000000000:abc/prod/$connect"
	source    = "arn:aws:execute-api:us-east-1:000000000000:abc/authorizers/auth1"
	function  = "arn:aws:lambda:us-east-1:000000000000:function:auth"
)

// A lambda answers always the same, and remembers who asked.
type lambda struct {
	result, principal, source, function string
	failed                              bool
	calls                               int
}

func (l *lambda) InvokeFrom(_ context.Context, principal, sourceARN, functionARN string, _ []byte) ([]byte, bool, error) {
	l.calls++
	l.principal, l.source, l.function = principal, sourceARN, functionARN
	return []byte(l.result), l.failed, nil
}

func from(values map[string]string) func(string) string {
	return func(name string) string { return values[name] }
}

func request() *Request {
	none := from(nil)
	return &Request{Header: none, Query: none, Variable: none, Context: none, MethodARN: methodARN, Event: func() []byte { return nil }, Conditions: map[string][]string{"aws:SourceIp": {"192.0.2.7"}}}
}

func allow(resource, rest string) string {
	return `{"principalId":"u","policyDocument":{"Version":"2012-10-17","Statement":[{"Action":"execute-api:Invoke","Effect":"Allow","Resource":"` + resource + `"}]}` + rest + `}`
}

func statements(s string) string {
	return `{"principalId":"u","policyDocument":{"Version":"2012-10-17","Statement":` + s + `}}`
}

func TestResults(t *testing.T) {
	prefix := "arn:aws:execute-api:us-east-1:000000000000:abc/"
	for _, tt := range []struct {
		name, result string
		failed       bool
		want         int // status; 0 comes in
		message      string
	}{
		{"DP-242 method", allow(methodARN, ""), false, 0, ""},
		{"DP-245 stage", allow(prefix+"prod/*", ""), false, 0, ""},
		{"AU-091 api", allow(prefix+"*", ""), false, 0, ""},
		{"everything", allow("*", ""), false, 0, ""},
		{"one_character", allow(prefix+"prod/?connect", ""), false, 0, ""},
		{"DP-244 rest_form", allow(prefix+"prod/*/*", ""), false, 403, "User is not authorized to access this resource"},
		{"other_stage", allow(prefix+"dev/*", ""), false, 403, "User is not authorized to access this resource"},
		{"case_of_resource", allow(prefix+"PROD/*", ""), false, 403, "User is not authorized to access this resource"},
		{"case_of_action", statements(`{"Action":["EXECUTE-api:invoke"],"Effect":"Allow","Resource":["*"]}`), false, 0, ""},
		{"not_action", statements(`{"NotAction":"lambda:*","Effect":"Allow","Resource":"*"}`), false, 0, ""},
		{"not_resource", statements(`{"Action":"*","Effect":"Allow","NotResource":"` + prefix + `prod/*"}`), false, 403, "User is not authorized to access this resource"},
		{"other_action", statements(`{"Action":"execute-api:ManageConnections","Effect":"Allow","Resource":"*"}`), false, 403, "User is not authorized to access this resource"},
		{
			"DP-243 deny", statements(`[{"Action":"*","Effect":"Allow","Resource":"*"},{"Action":"execute-api:Invoke","Effect":"Deny","Resource":"` + methodARN + `"}]`), false, 403,
			"User is not authorized to access this resource with an explicit deny",
		},
		{"condition_holds", statements(`{"Action":"*","Effect":"Allow","Resource":"*","Condition":{"IpAddress":{"aws:SourceIp":"192.0.2.0/24"}}}`), false, 0, ""},
		{"condition_fails", statements(`{"Action":"*","Effect":"Allow","Resource":"*","Condition":{"IpAddress":{"aws:SourceIp":"198.51.100.0/24"}}}`), false, 403, "User is not authorized to access this resource"},
		{"DP-246 unauthorized", `{"errorMessage":"Unauthorized","errorType":"Error"}`, true, 401, "Unauthorized"},
		{"DP-247 other_message", `{"errorMessage":"Unauthorized!"}`, true, 500, "Internal server error"},
		{"DP-247 other_case", `{"errorMessage":"unauthorized"}`, true, 500, "Internal server error"},
		{"failed_without_message", `oops`, true, 500, "Internal server error"},
		{"DP-248 simple_response", `{"isAuthorized":true}`, false, 500, "Internal server error"},
		{"no_policy", `{"principalId":"u"}`, false, 500, "Internal server error"},
		{"null_policy", `{"principalId":"u","policyDocument":null}`, false, 500, "Internal server error"},
		{"no_principal", strings.Replace(allow("*", ""), "principalId", "principal", 1), false, 500, "Internal server error"},
		{"number_principal", strings.Replace(allow("*", ""), `"u"`, `1`, 1), false, 500, "Internal server error"},
		{"malformed_policy", statements(`{"Action":"*","Resource":"*"}`), false, 500, "Internal server error"},
		{"null", `null`, false, 500, "Internal server error"},
		{"text", `"Allow"`, false, 500, "Internal server error"},
		{"empty", ``, false, 500, "Internal server error"},
		{"DP-249 object_in_context", allow("*", `,"context":{"a":{}}`), false, 500, "Internal server error"},
		{"DP-249 list_in_context", allow("*", `,"context":{"a":[]}`), false, 500, "Internal server error"},
		{"context_is_no_object", allow("*", `,"context":"a"`), false, 500, "Internal server error"},
		{"DP-250 null_context", allow("*", `,"context":null`), false, 0, ""},
		{"just_small_enough", allow("*", `,"context":{"a":"`+strings.Repeat("x", 8192-len(allow("*", `,"context":{"a":""}`)))+`"}`), false, 0, ""},
		{"too_large", allow("*", `,"context":{"a":"`+strings.Repeat("x", 8193-len(allow("*", `,"context":{"a":""}`)))+`"}`), false, 500, "Internal server error"},
		{"long_resource", statements(`{"Action":"*","Effect":"Allow","Resource":["*","` + strings.Repeat("x", 513) + `"]}`), false, 500, "Internal server error"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			l := &lambda{result: tt.result, failed: tt.failed}
			_, err := Compile(&apigateway.Authorizer{URI: function}, l, source, nil).Authorize(t.Context(), request())
			if tt.want == 0 {
				if err != nil {
					t.Fatal(err)
				}
				return
			}
			refusal, ok := errors.AsType[*Refusal](err)
			if !ok || refusal.Status != tt.want || refusal.Message != tt.message || refusal.Cause == nil {
				t.Errorf("got %+v (%v), want %d %q", refusal, err, tt.want, tt.message)
			}
		})
	}
}

func TestIdentitySources(t *testing.T) {
	all := []string{"route.request.header.Token", "route.request.querystring.q", "stageVariables.v", "context.identity.sourceIp"}
	given := func() *Request {
		r := request()
		r.Header, r.Query = from(map[string]string{"Token": "t"}), from(map[string]string{"q": "1"})
		r.Variable, r.Context = from(map[string]string{"v": "x"}), from(map[string]string{"identity.sourceIp": "192.0.2.7"})
		return r
	}
	for _, tt := range []struct {
		name    string
		sources []string
		change  func(*Request)
		in      bool
	}{
		{"all", all, func(*Request) {}, true},
		{"none_asked_for", nil, func(r *Request) { *r = *request() }, true},
		{"DP-239 DP-241 query", all, func(r *Request) { r.Query = from(nil) }, false},
		{"header", all, func(r *Request) { r.Header = from(nil) }, false},
		{"variable", all, func(r *Request) { r.Variable = from(nil) }, false},
		{"context", all, func(r *Request) { r.Context = from(nil) }, false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			l := &lambda{result: allow("*", "")}
			r := given()
			tt.change(r)
			_, err := Compile(&apigateway.Authorizer{URI: function, IdentitySource: tt.sources}, l, source, nil).Authorize(t.Context(), r)
			refusal, _ := errors.AsType[*Refusal](err)
			switch {
			case tt.in && (err != nil || l.calls != 1):
				t.Errorf("err %v, %d calls", err, l.calls)
			case !tt.in && (refusal == nil || refusal.Status != 401 || l.calls != 0):
				t.Errorf("err %v, %d calls, want 401 and none", err, l.calls)
			}
		})
	}
}

func TestDecision(t *testing.T) {
	l := &lambda{result: allow("*", `,"context":{"tenant":"a\"cme","level":3,"share":1.50,"vip":true,"none":null,"principalId":"other"},"usageIdentifierKey":"key-1"`)}
	m := &apigateway.Authorizer{URI: "arn:aws:apigateway:us-east-1:lambda:path/2015-03-31/functions/" + strings.Replace(function, "auth", "${stageVariables.fn}", 1) + "/invocations", CredentialsARN: "arn:aws:iam::000000000000:role/r"}
	d, err := Compile(m, l, source, map[string]string{"fn": "auth"}).Authorize(t.Context(), request())
	if err != nil {
		t.Fatal(err)
	}
	if l.function != function || l.principal != "arn:aws:iam::000000000000:role/r" || l.source != source {
		t.Errorf("called %s as %s for %s", l.function, l.principal, l.source)
	}
	d.Latency = 21e6
	want := `{"principalId":"u","level":"3","share":"1.50","tenant":"a\"cme","vip":"true","integrationLatency":21}`
	if diff := cmp.Diff(want, string(d.AppendJSON(nil))); diff != "" || d.APIKey != "key-1" {
		t.Errorf("key %q\n%s", d.APIKey, diff)
	}
}

func TestBroken(t *testing.T) {
	for _, m := range []*apigateway.Authorizer{{URI: "arn:aws:s3:::x"}, {URI: function, IdentitySource: []string{"$request.header.x"}}} {
		_, err := Compile(m, &lambda{}, source, nil).Authorize(t.Context(), request())
		if r, ok := errors.AsType[*Refusal](err); !ok || r.Status != 500 {
			t.Errorf("%+v: %v", m, err)
		}
	}
	if _, err := Compile(&apigateway.Authorizer{URI: function}, nil, source, nil).Authorize(t.Context(), request()); err == nil {
		t.Error("no Lambda, and let in")
	}
}

// slow is a function that never answers.
type slow struct{}

func (slow) InvokeFrom(ctx context.Context, _, _, _ string, _ []byte) ([]byte, bool, error) {
	<-ctx.Done()
	return nil, false, ctx.Err()
}

func TestTimeout(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		began := time.Now()
		_, err := Compile(&apigateway.Authorizer{URI: function}, slow{}, source, nil).Authorize(t.Context(), request())
		if r, ok := errors.AsType[*Refusal](err); !ok || r.Status != 500 || time.Since(began) != Timeout {
			t.Errorf("%v after %v", err, time.Since(began))
		}
	})
}

// FuzzRead asserts that whatever a function answers, who comes in has a principal and a context that is JSON.
func FuzzRead(f *testing.F) {
	f.Add([]byte(allow("*", `,"context":{"a":1e9,"b":"\u0000"}`)))
	f.Add([]byte(statements(`[]`)))
	f.Fuzz(func(t *testing.T, result []byte) {
		d, err := read(result, request())
		if err != nil {
			return
		}
		if text := d.AppendJSON(nil); !json.Valid(text) {
			t.Fatalf("no JSON: %s", text)
		}
	})
}
