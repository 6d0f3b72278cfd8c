package gateway_test

import (
	"strings"
	"testing"
	"time"

	"github.com/sallyport/sallyport/internal/apigateway"
	"github.com/sallyport/sallyport/internal/gateway"
	"github.com/sallyport/sallyport/internal/gateway/loop"
	"github.com/sallyport/sallyport/internal/json"
)

var here = apigateway.Place{Account: account, Region: region}

func (w *world) putJSON(key string, v any) {
	w.t.Helper()
	data, err := json.Marshal(v)
	if err != nil {
		w.t.Fatal(err)
	}
	w.put(key, data)
}

// key makes an enabled API key that is attached to a plan.
func (w *world) key(id, value, plan string) {
	prefix := here.AdmissionPrefix()
	w.putJSON(prefix+apigateway.KindAPIKey+id, apigateway.APIKey{ID: id, Value: value, Enabled: true})
	w.putJSON(prefix+apigateway.KindPlanKey+plan+"/"+id, apigateway.PlanKey{PlanID: plan, KeyID: id})
}

// plan makes a usage plan of a stage of the API.
func (w *world) plan(id, stage string, throttle *apigateway.Throttle, quota *apigateway.Quota) {
	w.putJSON(here.AdmissionPrefix()+apigateway.KindPlan+id, apigateway.UsagePlan{
		ID: id, Name: id, Stages: []apigateway.PlanStage{{APIID: apiID, Stage: stage}}, Throttle: throttle, Quota: quota,
	})
}

func keyRequired(r *apigateway.Route, _ *apigateway.Integration) { r.APIKeyRequired = true }

const key1, key2 = "key-1-key-1-key-1-key-1", "key-2-key-2-key-2-key-2"

func TestAPIKey(t *testing.T) {
	w := newWorld(t)
	w.plan("plan1", "prod", nil, nil)
	w.plan("plan2", "dev", nil, nil)
	w.key("id1", key1, "plan1")
	w.key("id2", key2, "plan2")
	w.putJSON(here.AdmissionPrefix()+apigateway.KindAPIKey+"id3", apigateway.APIKey{ID: "id3", Value: "no plan", Enabled: true})
	n := w.node()
	for _, name := range []string{"connect", "disconnect", "join"} {
		w.on(name, returns(`{"body":"ok"}`))
	}
	w.deploy(route("$connect", keyRequired), route("$disconnect"), route("join", twoWay))
	for _, tt := range []struct {
		name   string
		header []string
		status int
	}{
		{"DP-260 none", nil, 403},
		{"empty", []string{"x-api-key: "}, 403},
		{"unknown", []string{"x-api-key: nobody"}, 403},
		{"DP-262 other_stage", []string{"x-api-key: " + key2}, 403},
		{"no_plan", []string{"x-api-key: no plan"}, 403},
		{"in_the_query", nil, 403},
	} {
		t.Run(tt.name, func(t *testing.T) {
			_, resp := n.upgrade("/prod?x-api-key="+key1, tt.header...)
			if body := bodyOf(resp); resp.StatusCode != tt.status || body != forbiddenBody {
				t.Errorf("status %d %s", resp.StatusCode, body)
			}
		})
	}
	if len(w.functions.of("connect")) > 0 {
		t.Error("$connect ran")
	}
	c := n.connect("/prod", "X-API-KEY: "+key1)
	c.send(`{"action":"join"}`)
	c.want("ok")
	c.close(1000, "")
	w.eventually(func() bool { return len(w.functions.of("disconnect")) == 1 }, "$disconnect does not run")
	for _, name := range []string{"connect", "join", "disconnect"} {
		e := w.functions.of(name)[0].event
		if str(e, "requestContext", "identity", "apiKey") != key1 || str(e, "requestContext", "identity", "apiKeyId") != "id1" {
			t.Errorf("DP-261 %s: identity %v", name, dig(e, "requestContext", "identity"))
		}
	}
}

func TestAPIKeyOfAuthorizer_DP263(t *testing.T) {
	w := newWorld(t)
	w.plan("plan1", "prod", nil, nil)
	w.key("id1", key1, "plan1")
	n := w.node()
	w.on("auth", returns(policy("Allow", "*", `,"usageIdentifierKey":"`+key1+`"`)))
	w.on("connect", returns(`{}`))
	source := func(s *apigateway.Snapshot) {
		s.Deployment.API.APIKeySelectionExpression = "$context.authorizer.usageIdentifierKey"
	}
	w.deploy(route("$connect", keyRequired), custom(), source)
	n.connect("/prod")
	if got := str(w.functions.of("connect")[0].event, "requestContext", "identity", "apiKeyId"); got != "id1" {
		t.Errorf("apiKeyId %q", got)
	}
	w.on("auth", returns(policy("Allow", "*", "")))
	if _, resp := n.upgrade("/prod", "x-api-key: "+key1); resp.StatusCode != 403 {
		t.Errorf("a key in the header, where only the authorizer's counts: %d", resp.StatusCode)
	}
}

func TestUsagePlanQuota_DP264(t *testing.T) {
	w := newWorld(t)
	w.clock.stand() // at midnight the quota begins anew
	w.plan("plan1", "prod", nil, &apigateway.Quota{Limit: 3, Period: apigateway.Day})
	w.key("id1", key1, "plan1")
	n := w.node()
	w.on("join", returns(`{"body":"ok"}`))
	w.deploy(route("$connect", keyRequired, mock(`{"statusCode":200}`, nil)), route("join", twoWay))
	c := n.connect("/prod", "x-api-key: "+key1)
	for range 2 {
		c.send(`{"action":"join"}`)
		c.want("ok")
	}
	c.send(`{"action":"join"}`)
	if m := frameForm.FindStringSubmatch(c.text()); m == nil || m[1] != "Limit Exceeded" {
		t.Errorf("fourth request: %v", m)
	}
	c.quiet() // the connection stays open
	_, resp := n.upgrade("/prod", "x-api-key: "+key1)
	if body := bodyOf(resp); resp.StatusCode != 429 || body != `{"message":"Limit Exceeded"}` {
		t.Errorf("DP-264: status %d %s", resp.StatusCode, body)
	}
	w.clock.advance(24 * time.Hour)
	n.connect("/prod", "x-api-key: "+key1)
}

func TestUsagePlanThrottle(t *testing.T) {
	for _, connects := range []bool{false, true} {
		name := map[bool]string{false: "messages_count", true: "connects_only"}[connects]
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			w.plan("plan1", "prod", &apigateway.Throttle{Rate: 0.001, Burst: 2}, nil)
			w.key("id1", key1, "plan1")
			n := w.node(func(c *gateway.Config, _ *loop.Config) { c.PlansCountConnects = connects })
			w.on("join", returns(`{"body":"ok"}`))
			w.deploy(route("$connect", keyRequired, mock(`{"statusCode":200}`, nil)), route("join", twoWay))
			c := n.connect("/prod", "x-api-key: "+key1)
			c.send(`{"action":"join"}`)
			c.want("ok")
			c.send(`{"action":"join"}`)
			if text := c.text(); (text == "ok") != connects || !connects && !strings.Contains(text, "Too Many Requests") {
				t.Errorf("second message: %s", text)
			}
			status := 429
			if connects {
				status = 101
			}
			if _, resp := n.upgrade("/prod", "x-api-key: "+key1); resp.StatusCode != status {
				t.Errorf("second connection: %d, want %d", resp.StatusCode, status)
			}
		})
	}
}

// TestOrderOfChecks shows that an authorizer is asked before the key is looked at, and the key before required parameters.
func TestOrderOfChecks(t *testing.T) {
	w := newWorld(t)
	w.plan("plan1", "prod", nil, nil)
	w.key("id1", key1, "plan1")
	n := w.node()
	w.on("auth", returns(policy("Deny", "*", "")))
	w.deploy(route("$connect", keyRequired, mock(`{"statusCode":200}`, nil), func(r *apigateway.Route, _ *apigateway.Integration) {
		r.RequestParameters = map[string]bool{"route.request.querystring.q": true}
	}), custom())
	status := func(target string, header ...string) int {
		_, resp := n.upgrade(target, header...)
		return resp.StatusCode
	}
	if got := status("/prod"); got != 403 || len(w.functions.of("auth")) != 1 {
		t.Errorf("denied: %d, asked %d times", got, len(w.functions.of("auth")))
	}
	w.on("auth", returns(policy("Allow", "*", "")))
	if got := status("/prod"); got != 403 {
		t.Errorf("no key and no parameter: %d, want 403", got)
	}
	if got := status("/prod", "x-api-key: "+key1); got != 400 {
		t.Errorf("DP-265 no parameter: %d, want 400", got)
	}
	if got := status("/prod?q=", "x-api-key: "+key1); got != 101 {
		t.Errorf("an empty parameter counts: %d, want 101", got)
	}
}
