package integration

import (
	"context"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/sallyport/sallyport/internal/apigateway"
	"github.com/sallyport/sallyport/internal/awsapi"
)

func TestReadAWSURI(t *testing.T) {
	const prefix = "arn:aws:apigateway:eu-west-1:"
	for _, tt := range []struct {
		name, uri string
		want      awsURI
		host      string
		region    string
		fails     bool
	}{
		{"action", prefix + "dynamodb:action/PutItem", awsURI{region: "eu-west-1", host: "dynamodb", service: "dynamodb", action: "PutItem"}, "dynamodb.eu-west-1.amazonaws.com", "eu-west-1", false},
		{"action_with_parameters", prefix + "sns:action/Publish&Version=1&A=b", awsURI{region: "eu-west-1", host: "sns", service: "sns", action: "Publish", rest: "Version=1&A=b"}, "sns.eu-west-1.amazonaws.com", "eu-west-1", false},
		{"path", prefix + "sqs:path/1/q", awsURI{region: "eu-west-1", host: "sqs", service: "sqs", rest: "/1/q"}, "sqs.eu-west-1.amazonaws.com", "eu-west-1", false},
		{"path_of_two_slashes", prefix + "s3:path//b/k?x", awsURI{region: "eu-west-1", host: "s3", service: "s3", rest: "/b/k?x"}, "s3.eu-west-1.amazonaws.com", "eu-west-1", false},
		{"empty_path", prefix + "s3:path/", awsURI{region: "eu-west-1", host: "s3", service: "s3", rest: "/"}, "s3.eu-west-1.amazonaws.com", "eu-west-1", false},
		{"path_with_colons", prefix + "x:path/a:b", awsURI{region: "eu-west-1", host: "x", service: "x", rest: "/a:b"}, "x.eu-west-1.amazonaws.com", "eu-west-1", false},
		{"subdomain", prefix + "abc.execute-api:path/prod/@connections/x", awsURI{region: "eu-west-1", host: "abc.execute-api", service: "execute-api", rest: "/prod/@connections/x"}, "abc.execute-api.eu-west-1.amazonaws.com", "eu-west-1", false},
		{"signed_for_another", prefix + "bedrock-runtime:path/model/m/invoke", awsURI{region: "eu-west-1", host: "bedrock-runtime", service: "bedrock", rest: "/model/m/invoke"}, "bedrock-runtime.eu-west-1.amazonaws.com", "eu-west-1", false},
		{"synchronous_execution", prefix + "states:action/StartSyncExecution", awsURI{region: "eu-west-1", host: "states", service: "states", action: "StartSyncExecution"}, "sync-states.eu-west-1.amazonaws.com", "eu-west-1", false},
		{"global", prefix + "iam:action/ListUsers", awsURI{region: "eu-west-1", host: "iam", service: "iam", action: "ListUsers"}, "iam.amazonaws.com", "us-east-1", false},
		{"no_form", prefix + "sqs:q", awsURI{}, "", "", true},
		{"no_action", prefix + "sqs:action/", awsURI{}, "", "", true},
		{"no_service", prefix + ":path/x", awsURI{}, "", "", true},
		{"no_region", "arn:aws:apigateway::sqs:path/x", awsURI{}, "", "", true},
		{"other_arn", "arn:aws:sqs:us-east-1:000000000000:q", awsURI{}, "", "", true},
		{"url", "https://sqs", awsURI{}, "", "", true},
	} {
		t.Run(tt.name, func(t *testing.T) {
			got, err := readAWSURI(tt.uri)
			if (err != nil) != tt.fails || got != tt.want {
				t.Fatalf("got %+v, %v", got, err)
			}
			if host, region := got.endpoint(); !tt.fails && (host != tt.host || region != tt.region) {
				t.Errorf("endpoint %s, %s", host, region)
			}
		})
	}
}

func TestRequestParameters(t *testing.T) {
	vars := map[string]string{"v": "stage"}
	r := &Request{
		Body: []byte(`{"a":{"b":[1,{"c":null}],"s":"text","e":""},"t":true}`),
		Values: Values{
			Context: []byte(`{"connectionId":"id=","authorizer":{"principalId":"me","n":"5"},"requestTimeEpoch":12}`),
			Headers: []Field{{"X-One", []string{"a", "b"}}}, Query: []Field{{"q", []string{"1", "2"}}},
		},
	}
	for _, tt := range []struct{ name, source, want string }{
		{"text", "'a b'", "a b"},
		{"empty_text", "''", ""},
		{"quotes", "'it''s'", "it''s"},
		{"stage_variable", "stageVariables.v", "stage"},
		{"no_stage_variable", "stageVariables.w", "-"},
		{"context", "context.connectionId", "id="},
		{"context_object", "context.authorizer.principalId", "me"},
		{"context_number", "context.requestTimeEpoch", "12"},
		{"no_context", "context.nothing", "-"},
		{"context_below_text", "context.connectionId.x", "-"},
		{"header", "route.request.header.x-one", "b"},
		{"no_header", "route.request.header.x-two", "-"},
		{"headers", "route.request.multivalueheader.X-One", "a,b"},
		{"query", "route.request.querystring.q", "2"},
		{"query_has_case", "route.request.querystring.Q", "-"},
		{"queries", "route.request.multivaluequerystring.q", "1,2"},
		{"method_for_route", "method.request.querystring.q", "2"},
		{"path", "route.request.path.x", "-"},
		{"body_text", "route.request.body.a.s", "text"},
		{"body_boolean", "route.request.body.t", "true"},
		{"body_empty_text", "route.request.body.a.e", ""},
		{"body_element", "route.request.body.a.b[0]", "1"},
		{"body_null", "route.request.body.a.b[1].c", "-"},
		{"no_body_member", "route.request.body.z.y", "-"},
		{"no_source", "'open", "!"},
		{"unknown_source", "route.request.cookie.x", "!"},
		{"nothing", "", "!"},
		{"no_path", "route.request.body.[", "!"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			p, err := compileParameters(map[string]string{"integration.request.header.H": tt.source}, vars, false)
			if (err != nil) != (tt.want == "!") {
				t.Fatalf("error %v", err)
			} else if err != nil {
				return
			}
			var out outgoing
			p.apply(&out, r)
			got := "-"
			for _, f := range out.header {
				got = strings.Join(f.Values, ",")
			}
			if got != tt.want {
				t.Errorf("%s is %q, want %q", tt.source, got, tt.want)
			}
		})
	}
	for _, target := range []string{"integration.request.cookie.x", "integration.request.header.", "header.x", "", "integration.request.header.transfer-encoding"} {
		if _, err := compileParameters(map[string]string{target: "'x'"}, nil, false); err == nil {
			t.Errorf("target %q is taken", target)
		}
	}
	if _, err := compileParameters(map[string]string{"integration.request.header.authorization": "'x'"}, nil, false); err != nil {
		t.Errorf("HTTP backends may get Authorization: %v", err)
	}
}

func TestOverrides(t *testing.T) {
	o := outgoings{}
	out := outgoing{header: []Field{{"x-Kept", []string{"1"}}, {"x-old", []string{"mapped"}}}, query: []Field{{"q", []string{"mapped"}}, {"k", []string{"kept"}}}}
	err := o.override(&out, &Overrides{
		Header: map[string][]string{"X-Old": {"a", "b"}}, Query: map[string][]string{"q": {"1", "2"}}, Path: map[string][]string{"id": {"7"}},
	})
	if err != nil {
		t.Fatal(err)
	}
	want := outgoing{
		header: []Field{{"x-Kept", []string{"1"}}, {"X-Old", []string{"a", "b"}}}, query: []Field{{"k", []string{"kept"}}, {"q", []string{"1", "2"}}},
		path: map[string]string{"id": "7"},
	}
	if diff := cmp.Diff(want, out, cmp.AllowUnexported(outgoing{})); diff != "" {
		t.Error(diff)
	}
	if err := o.override(&out, &Overrides{Header: map[string][]string{"content-length": {"1"}}}); err == nil {
		t.Error("a template may set Content-Length")
	}
}

func TestInsideBreaksOff(t *testing.T) {
	w := inside{http.HandlerFunc(func(http.ResponseWriter, *http.Request) { panic("a programmer's mistake") }), awsURI{service: "x", host: "x", region: "r"}}
	_, err := w.call(context.Background(), "POST", &url.URL{Scheme: "https", Host: "x", Path: "/"}, &outgoing{}, awsapi.Caller{})
	if f := AsFailure(err); f.Status != 500 || !strings.Contains(f.Error(), "programmer") {
		t.Errorf("failure %+v", f)
	}
	w.handler = http.HandlerFunc(func(rw http.ResponseWriter, _ *http.Request) {
		rw.WriteHeader(http.StatusContinue)
		rw.Header().Set("x-a", "b")
		rw.WriteHeader(http.StatusTeapot)
		rw.WriteHeader(http.StatusOK)
		_, _ = rw.Write([]byte("tea"))
	})
	got, err := w.call(context.Background(), "POST", &url.URL{Scheme: "https", Host: "x", Path: "/"}, &outgoing{header: []Field{{"lower-case", []string{"v"}}}}, awsapi.Caller{})
	if err != nil || got.status != http.StatusTeapot || string(got.body) != "tea" || got.get("X-A")[0] != "b" {
		t.Errorf("%+v, %v", got, err)
	}
}

// FuzzTarget asserts that an address without places is itself, and that a value cannot leave its place.
func FuzzTarget(f *testing.F) {
	f.Add("http://h/{id}/x", "a/../b?c#d")
	f.Add("http://h/{rest+}", "a/b c")
	f.Add("{", "}")
	f.Fuzz(func(t *testing.T, uri, value string) {
		target := readTarget(uri)
		if len(target.names) == 0 {
			if got, err := target.fill(nil); err != nil || got != uri {
				t.Fatalf("%q becomes %q, %v", uri, got, err)
			}
			return
		}
		values := map[string]string{}
		greedy := false
		for _, name := range target.names {
			plain, g := strings.CutSuffix(name, "+")
			greedy = greedy || g
			values[plain] = value
		}
		got, err := target.fill(values)
		if err != nil {
			t.Fatal(err)
		}
		fixed := strings.Join(target.text, "")
		for _, c := range "?#/\r\n " {
			if greedy && c == '/' {
				continue
			}
			if strings.Count(got, string(c)) != strings.Count(fixed, string(c)) {
				t.Errorf("%q with %q becomes %q", uri, value, got)
			}
		}
	})
}

// FuzzParameters asserts that what a message puts into headers cannot end them, whatever it is.
func FuzzParameters(f *testing.F) {
	f.Add(`{"a":"b"}`, "route.request.body.a")
	f.Add("x\r\ny", "route.request.body")
	f.Fuzz(func(t *testing.T, body, source string) {
		b := Backends{HTTP: &HTTPClient{}}
		i := b.Compile(&apigateway.Integration{
			Type: apigateway.HTTP, URI: "http://h/{p}", Method: "POST",
			RequestParameters: map[string]string{"integration.request.header.h": source, "integration.request.querystring.q": source, "integration.request.path.p": source},
		}, Stage{})
		if len(i.Problems) > 0 {
			return
		}
		h := &httpBackend{target: readTarget("http://h/{p}"), method: "POST"}
		h.requests, _ = b.outgoings(&apigateway.Integration{Type: apigateway.HTTP, RequestParameters: map[string]string{"integration.request.header.h": source, "integration.request.querystring.q": source, "integration.request.path.p": source}}, Stage{})
		req, err := h.request(&Request{Body: []byte(body)})
		if err != nil {
			return
		}
		for name, values := range req.Header {
			if strings.ContainsAny(name+strings.Join(values, ""), "\r\n\x00") {
				t.Errorf("header %q: %q", name, values)
			}
		}
		if u := req.URL.RequestURI(); strings.ContainsAny(u, " \r\n#") || strings.Count(u, "?") > 1 {
			t.Errorf("target %q", u)
		}
	})
}
