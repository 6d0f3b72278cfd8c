package gateway_test

import (
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/sallyport/sallyport/internal/apigateway"
	"github.com/sallyport/sallyport/internal/gateway"
	"github.com/sallyport/sallyport/internal/gateway/loop"
)

const connectARN = "arn:aws:execute-api:" + region + ":" + account + ":" + apiID + "/prod/$connect"

// custom asks function "auth" for $connect, with identity sources.
func custom(sources ...string) change {
	return func(s *apigateway.Snapshot) {
		s.Deployment.Authorizers = []apigateway.Authorizer{{ID: "auth01", Name: "a", Type: "REQUEST", URI: lambda + "auth", IdentitySource: sources}}
		for i := range s.Deployment.Routes {
			if r := &s.Deployment.Routes[i]; r.Key == "$connect" {
				r.AuthorizationType, r.AuthorizerID = "CUSTOM", "auth01"
			}
		}
	}
}

// policy is what an authorizer returns: an effect on a resource, and further members.
func policy(effect, resource, rest string) string {
	return fmt.Sprintf(`{"principalId":"user-17","policyDocument":{"Version":"2012-10-17","Statement":[{"Action":"execute-api:Invoke","Effect":%q,"Resource":%q}]}%s}`, effect, resource, rest)
}

func bodyOf(resp *http.Response) string {
	body, _ := io.ReadAll(resp.Body)
	return string(body)
}

func TestAuthorizerDecides(t *testing.T) {
	prefix := strings.TrimSuffix(connectARN, "$connect")
	for _, tt := range []struct {
		name, target string
		sources      []string
		result       string
		status       int
		body         string
		asked        bool
	}{
		{"DP-239 source_missing", "/prod", []string{"route.request.querystring.token"}, policy("Allow", "*", ""), 401, `{"message":"Unauthorized"}`, false},
		{"DP-240 source_empty", "/prod?token=", []string{"route.request.querystring.token"}, policy("Allow", "*", ""), 401, `{"message":"Unauthorized"}`, false},
		{"DP-241 one_of_two", "/prod?token=a", []string{"route.request.querystring.token", "route.request.header.X-Second"}, policy("Allow", "*", ""), 401, `{"message":"Unauthorized"}`, false},
		{"header_source", "/prod", []string{"route.request.header.user-AGENT"}, policy("Allow", "*", ""), 101, "", true},
		{"context_source", "/prod", []string{"context.identity.sourceIp", "context.connectionId", "context.requestTimeEpoch"}, policy("Allow", "*", ""), 101, "", true},
		{"context_source_missing", "/prod", []string{"context.authorizer.principalId"}, policy("Allow", "*", ""), 401, `{"message":"Unauthorized"}`, false},
		{"variable_source", "/prod", []string{"stageVariables.table"}, policy("Allow", "*", ""), 101, "", true},
		{"variable_source_missing", "/prod", []string{"stageVariables.other"}, policy("Allow", "*", ""), 401, `{"message":"Unauthorized"}`, false},
		{"DP-242 allow", "/prod?token=a", []string{"route.request.querystring.token"}, policy("Allow", connectARN, ""), 101, "", true},
		{"DP-243 deny", "/prod", nil, policy("Deny", connectARN, ""), 403, `{"Message":"User is not authorized to access this resource with an explicit deny"}`, true},
		{"AU-091 deny_stage", "/prod", nil, policy("Deny", prefix+"*", ""), 403, `{"Message":"User is not authorized to access this resource with an explicit deny"}`, true},
		{"DP-244 rest_resource", "/prod", nil, policy("Allow", prefix+"*/*", ""), 403, `{"Message":"User is not authorized to access this resource"}`, true},
		{"DP-245 AU-091 stage", "/prod", nil, policy("Allow", prefix+"*", ""), 101, "", true},
		{"DP-246 unauthorized", "/prod", nil, failed + "Unauthorized", 401, `{"message":"Unauthorized"}`, true},
		{"DP-247 throws", "/prod", nil, failed + "other", 500, `{"message":"Internal server error"}`, true},
		{"DP-248 simple", "/prod", nil, `{"isAuthorized":true}`, 500, `{"message":"Internal server error"}`, true},
		{"DP-249 object_in_context", "/prod", nil, policy("Allow", "*", `,"context":{"a":{"b":1}}`), 500, `{"message":"Internal server error"}`, true},
		{"DP-250 no_context", "/prod", nil, policy("Allow", "*", ""), 101, "", true},
	} {
		t.Run(tt.name, func(t *testing.T) {
			w := newWorld(t)
			n := w.node()
			w.on("auth", returns(tt.result))
			w.on("connect", returns(`{}`))
			w.on("disconnect", returns(`{}`))
			w.deploy(route("$connect"), route("$disconnect"), custom(tt.sources...), func(s *apigateway.Snapshot) { s.Stage.Variables = map[string]string{"table": "t"} })
			_, resp := n.upgrade(tt.target)
			if resp.StatusCode != tt.status {
				t.Fatalf("status %d %s, want %d", resp.StatusCode, bodyOf(resp), tt.status)
			}
			if asked := len(w.functions.of("auth")) == 1; asked != tt.asked {
				t.Errorf("the authorizer was asked: %v, want %v", asked, tt.asked)
			}
			if tt.status == 101 {
				return
			}
			if body := bodyOf(resp); body != tt.body {
				t.Errorf("body %s, want %s", body, tt.body)
			}
			if len(w.functions.of("connect")) > 0 || len(w.functions.of("disconnect")) > 0 {
				t.Error("$connect or $disconnect ran")
			}
			w.eventually(func() bool { r := w.records.last("connect"); return r.Status == tt.status && r.Cause != nil }, "no record says why")
		})
	}
}

func TestAuthorizerWithoutPermission(t *testing.T) {
	w := newWorld(t)
	n := w.node()
	w.on("auth", returns(policy("Allow", "*", "")))
	w.functions.deny("auth")
	w.deploy(route("$connect"), custom())
	if _, resp := n.upgrade("/prod"); resp.StatusCode != 500 || resp.Header.Get("x-amzn-ErrorType") != "AuthorizerConfigurationException" {
		t.Errorf("status %d, type %s", resp.StatusCode, resp.Header.Get("x-amzn-ErrorType"))
	}
	source := "arn:aws:execute-api:us-east-1:000000000000:q7d3k9x2ab/authorizers/auth01"
	c := w.functions.of("auth")[0]
	if c.principal != "apigateway.amazonaws.com" || c.sourceARN != source || c.caller.ARN != source || c.caller.Account != account || c.caller.Region != region {
		t.Errorf("asked as %+v", c)
	}
	w.eventually(func() bool { return strings.Contains(w.records.last("connect").Hint, source) }, "no hint names the SourceArn")
}

func TestAuthorizerEvent_DP252_DP253(t *testing.T) {
	w := newWorld(t)
	n := w.node()
	w.on("auth", returns(policy("Allow", "*", "")))
	w.on("connect", returns(`{}`))
	w.deploy(route("$connect"), custom())
	n.connect("/prod?token=a&token=b%20c", "X-Two: 1", "x-two: 2")
	n.connect("/prod")
	calls := w.functions.of("auth")
	e := calls[0].event
	if got := keysOf(e); !cmp.Equal(got, []string{
		"headers", "methodArn", "multiValueHeaders", "multiValueQueryStringParameters", "queryStringParameters", "requestContext", "stageVariables", "type",
	}) {
		t.Errorf("DP-252: members %v", got)
	}
	if e["type"] != "REQUEST" || e["methodArn"] != connectARN {
		t.Errorf("DP-252: type %v, methodArn %v", e["type"], e["methodArn"])
	}
	if v, ok := e["stageVariables"].(map[string]any); !ok || len(v) != 0 {
		t.Errorf("DP-252: stageVariables %v", e["stageVariables"])
	}
	headers, _ := e["headers"].(map[string]any)
	if headers["Upgrade"] != "websocket" || headers["Connection"] != "Upgrade" || headers["content-length"] != "0" || headers["Host"] != host || headers["X-Two"] != "2" {
		t.Errorf("DP-253: headers %v", headers)
	}
	if got := dig(e, "multiValueQueryStringParameters", "token"); !cmp.Equal(got, []any{"a", "b c"}) || str(e, "queryStringParameters", "token") != "b c" {
		t.Errorf("query %v", got)
	}
	c, _ := e["requestContext"].(map[string]any)
	if c["eventType"] != "CONNECT" || c["routeKey"] != "$connect" || c["authorizer"] != nil || c["connectionId"] != dig(w.functions.of("connect")[0].event, "requestContext", "connectionId") {
		t.Errorf("requestContext %v", c)
	}
	if q, ok := calls[1].event["queryStringParameters"].(map[string]any); !ok || len(q) != 0 {
		t.Errorf("without a query: %v, want {}", calls[1].event["queryStringParameters"])
	}
}

func TestAuthorizerContext_DP199_DP251_DP254_DP255(t *testing.T) {
	w := newWorld(t)
	n := w.node()
	w.on("auth", returns(policy("Allow", "*", `,"context":{"tenant":"acme","level":3,"vip":true,"none":null}`)))
	for _, name := range []string{"connect", "disconnect", "join"} {
		w.on(name, returns(`{"body":"ok"}`))
	}
	w.deploy(route("$connect"), route("$disconnect"), route("join", twoWay), custom())
	c := n.connect("/prod")
	c.send(`{"action":"join"}`)
	c.want("ok")
	c.send(`{"action":"join"}`)
	c.want("ok")
	if asked := len(w.functions.of("auth")); asked != 1 {
		t.Errorf("DP-254: asked %d times for one connection", asked)
	}
	n.connect("/prod")
	if asked := len(w.functions.of("auth")); asked != 2 {
		t.Errorf("DP-251: asked %d times for two connections", asked)
	}
	// DP-255: the authorizer goes, the connection stays.
	w.deploy(route("$connect"), route("$disconnect"), route("join", twoWay), func(s *apigateway.Snapshot) { s.Deployment.ID = "d2" })
	c.send(`{"action":"join"}`)
	c.want("ok")
	c.close(1000, "")
	w.eventually(func() bool { return len(w.functions.of("disconnect")) == 1 }, "$disconnect does not run")
	for _, name := range []string{"connect", "join", "disconnect"} {
		got, _ := dig(w.functions.of(name)[0].event, "requestContext", "authorizer").(map[string]any)
		if _, ok := got["integrationLatency"].(float64); !ok {
			t.Errorf("%s: integrationLatency is %v", name, got["integrationLatency"])
		}
		delete(got, "integrationLatency")
		if diff := cmp.Diff(map[string]any{"principalId": "user-17", "tenant": "acme", "level": "3", "vip": "true"}, got); diff != "" {
			t.Errorf("DP-199 %s: %s", name, diff)
		}
	}
}

func TestAuthorizerSettings(t *testing.T) {
	w := newWorld(t)
	n := w.node()
	w.on("auth", returns(policy("Allow", "*", "")))
	w.on("connect", returns(`{}`))
	w.deploy(route("$connect"), custom(), func(s *apigateway.Snapshot) {
		s.Stage.Variables = map[string]string{"fn": "auth"}
		a := &s.Deployment.Authorizers[0]
		a.URI, a.CredentialsARN = lambda+"${stageVariables.fn}", "arn:aws:iam::000000000000:role/invoker"
	})
	n.connect("/prod")
	if c := w.functions.of("auth"); len(c) != 1 || c[0].principal != "arn:aws:iam::000000000000:role/invoker" {
		t.Errorf("asked as %+v", c)
	}
	t.Run("not_in_the_deployment", func(t *testing.T) {
		w.deploy(route("$connect"), custom(), func(s *apigateway.Snapshot) { s.Deployment.Authorizers = nil })
		w.eventually(func() bool { _, resp := n.upgrade("/prod"); return resp.StatusCode == 500 }, "still lets in")
	})
}

// TestModels_DP266 deploys one route with models, and looks what a message does.
func TestModels_DP266(t *testing.T) {
	models := []apigateway.Model{
		{Name: "Text", Schema: `{"type":"object","required":["text"],"properties":{"text":{"type":"string"}}}`},
		{Name: "Any", Schema: `{}`},
	}
	for _, tt := range []struct {
		name, expression string
		requestModels    map[string]string
		message          string
		in               bool
	}{
		{"DP-266 DP-270 missing_property", "$request.body.action", map[string]string{"join": "Text"}, `{"action":"join"}`, false},
		{"DP-267 valid", "$request.body.action", map[string]string{"join": "Text"}, `{"action":"join","text":"x"}`, true},
		{"DP-268 no_model_for_value", "$request.body.kind", map[string]string{"join": "Text"}, `{"action":"join","kind":"other","text":"x"}`, false},
		{"DP-269 default_model", "$request.body.kind", map[string]string{"$default": "Text"}, `{"action":"join","kind":"other"}`, false},
		{"DP-269 default_model_fits", "$request.body.kind", map[string]string{"$default": "Text"}, `{"action":"join","text":"x"}`, true},
		{"static_expression", "$default", map[string]string{"$default": "Any"}, `{"action":"join"}`, true},
		{"DP-271 no_expression", "", map[string]string{"join": "Text"}, `{"action":"join"}`, true},
		{"model_not_deployed", "$default", map[string]string{"$default": "Nobody"}, `{"action":"join"}`, false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			w := newWorld(t)
			n := w.node()
			w.on("join", returns(`{"body":"ok"}`))
			w.deploy(route("join", twoWay, func(r *apigateway.Route, _ *apigateway.Integration) {
				r.ModelSelectionExpression, r.RequestModels = tt.expression, tt.requestModels
			}), func(s *apigateway.Snapshot) { s.Deployment.Models = models })
			c := n.connect("/prod")
			c.send(tt.message)
			if tt.in {
				c.want("ok")
				return
			}
			if m := frameForm.FindStringSubmatch(c.text()); m == nil || m[1] != "Invalid request body" {
				t.Errorf("got %v", m)
			}
			c.quiet() // the connection stays open
			if len(w.functions.of("join")) > 0 {
				t.Error("the function was invoked")
			}
			w.eventually(func() bool { return w.records.last("message").Cause != nil }, "no record says why")
		})
	}
	t.Run("no_json", func(t *testing.T) {
		w := newWorld(t)
		n := w.node()
		w.on("default", returns(`{}`))
		w.deploy(route("$default", func(r *apigateway.Route, _ *apigateway.Integration) {
			r.ModelSelectionExpression, r.RequestModels = "$request.body.action", map[string]string{"$default": "Text"}
		}), func(s *apigateway.Snapshot) { s.Deployment.Models = models })
		c := n.connect("/prod")
		c.send("hello")
		if m := frameForm.FindStringSubmatch(c.text()); m == nil || m[1] != "Invalid request body" {
			t.Errorf("got %v", m)
		}
	})
}

func TestAccountLimits(t *testing.T) {
	w := newWorld(t)
	w.clock.stand()
	n := w.node(func(c *gateway.Config, _ *loop.Config) { c.Limits = gateway.Limits{Rate: 1, Burst: 4, ConnectRate: 2} })
	w.on("join", returns(`{"body":"ok"}`))
	w.deploy(route("join", twoWay))
	w.deployAs("q7d3k9x2ac", "prod", route("join", twoWay))
	c := n.connect("/prod")
	n.connect("/prod")
	if _, resp := n.upgrade("/prod"); resp.StatusCode != 429 || bodyOf(resp) != `{"message":"Too Many Requests"}` {
		t.Errorf("third connection within a second: %d", resp.StatusCode)
	}
	c.send(`{"action":"join"}`) // the fourth request: even the refused upgrade was one
	if m := frameForm.FindStringSubmatch(c.text()); m != nil {
		t.Errorf("fourth request: %v", m)
	}
	c.send(`{"action":"join"}`)
	if m := frameForm.FindStringSubmatch(c.text()); m == nil || m[1] != "Too Many Requests" {
		t.Errorf("fifth request: %v", m)
	}
	if resp, _ := n.call("GET", "/prod/@connections/L0SM9cOFIAMCIdw=", "", "AKIAALL"); resp.StatusCode != 429 || resp.Header.Get("x-amzn-ErrorType") != "LimitExceededException" {
		t.Errorf("@connections: %d %s", resp.StatusCode, resp.Header.Get("x-amzn-ErrorType"))
	}
	if _, resp := n.upgrade("/prod", "Host: q7d3k9x2ac.execute-api.us-east-1.amazonaws.com"); resp.StatusCode != 429 {
		t.Errorf("another API of the account: %d", resp.StatusCode)
	}
	w.clock.advance(5 * time.Second)
	c.send(`{"action":"join"}`)
	c.want("ok")
}

// TestBucketsStay shows that a change of something else gives no stage a full bucket.
func TestBucketsStay(t *testing.T) {
	w := newWorld(t)
	n := w.node()
	w.on("join", returns(`{"body":"ok"}`))
	throttled := func(s *apigateway.Snapshot) {
		s.Stage.RouteSettings = map[string]apigateway.RouteSettings{"join": limits(0.001, 1)}
	}
	w.deploy(throttled, route("join", twoWay))
	c := n.connect("/prod")
	c.send(`{"action":"join"}`)
	c.want("ok")
	w.on("leave", returns(`{"body":"bye"}`))
	w.deploy(throttled, route("join", twoWay), route("leave", twoWay))
	w.eventually(func() bool { c.send(`{"action":"leave"}`); return c.text() == "bye" }, "the new deployment is not served")
	c.send(`{"action":"join"}`)
	if text := c.text(); !strings.Contains(text, "Too Many Requests") {
		t.Errorf("got %s", text)
	}
	if got := len(w.functions.of("join")); got != 1 {
		t.Errorf("%d messages came through a burst of 1", got)
	}
}
