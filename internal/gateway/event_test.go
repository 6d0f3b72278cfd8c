package gateway_test

import (
	"regexp"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/sallyport/sallyport/internal/apigateway"
)

var (
	idForm   = regexp.MustCompile(`^[A-Za-z0-9_-]{15}=$`)
	timeForm = regexp.MustCompile(`^\d{2}/[A-Z][a-z]{2}/\d{4}:\d{2}:\d{2}:\d{2} \+0000$`)
)

// lifeOf connects with these headers, sends a message and closes, and returns the three events.
func lifeOf(w *world, n *node, target, message string, header ...string) (connect, msg, disconnect map[string]any) {
	w.t.Helper()
	for _, name := range []string{"connect", "default", "disconnect"} {
		w.on(name, returns(`{"body":"ok"}`))
	}
	c := n.connect(target, header...)
	c.send(message)
	c.want("ok")
	c.close(1000, "done")
	w.eventually(func() bool { return len(w.functions.of("disconnect")) == 1 }, "$disconnect did not run")
	return w.functions.of("connect")[0].event, w.functions.of("default")[0].event, w.functions.of("disconnect")[0].event
}

func all(changes ...change) []change {
	return append(changes, route("$connect"), route("$default", twoWay), route("$disconnect"))
}

func TestEvents_DP076_DP077_DP078_DP079_DP193_DP194_DP195_DP196_DP200(t *testing.T) {
	w := newWorld(t)
	n := w.node()
	w.deploy(all()...)
	text := "{\"action\":\"x\",\"t\":\"\u00e9\u2028\\n\U0001F600 \\u0041\"}\t"
	connect, message, disconnect := lifeOf(w, n, "/prod", text, "x-CuStom: 1", "X-Twice: a", "X-Twice: b", "X-Forwarded-For: 9.9.9.9", "Origin: https://app.example.org")
	type members = []string
	shared := members{"apiId", "connectedAt", "connectionId", "domainName", "eventType", "extendedRequestId", "identity", "messageDirection", "requestId", "requestTime", "requestTimeEpoch", "routeKey", "stage"}
	ids := map[string]bool{}
	for _, tt := range []struct {
		proves, kind, route string
		event               map[string]any
		top, context        members
	}{
		{"DP-181 DP-182 DP-192 DP-198", "CONNECT", "$connect", connect, members{"headers", "isBase64Encoded", "multiValueHeaders", "requestContext"}, shared}, // DP-181 DP-182 DP-192 DP-198
		{"DP-189", "MESSAGE", "$default", message, members{"body", "isBase64Encoded", "requestContext"}, append(slices.Clone(shared), "messageId")},           // DP-189
		{"DP-092", "DISCONNECT", "$disconnect", disconnect, members{"headers", "isBase64Encoded", "multiValueHeaders", "requestContext"}, append(slices.Clone(shared), "disconnectReason", "disconnectStatusCode")},
	} {
		t.Run(tt.proves+" "+tt.kind, func(t *testing.T) {
			if diff := cmp.Diff(sorted(tt.top), keysOf(tt.event)); diff != "" {
				t.Errorf("members (-want +got):\n%s", diff)
			}
			c := dig(tt.event, "requestContext").(map[string]any)
			if diff := cmp.Diff(sorted(tt.context), keysOf(c)); diff != "" {
				t.Errorf("members of requestContext (-want +got):\n%s", diff)
			}
			want := map[string]any{
				"routeKey": tt.route, "eventType": tt.kind, "messageDirection": "IN", "stage": "prod", "apiId": apiID, "domainName": host,
				"connectedAt": dig(connect, "requestContext", "connectedAt"), "connectionId": dig(connect, "requestContext", "connectionId"),
				"identity": map[string]any{"sourceIp": "127.0.0.1", "userAgent": "test/1"}, "extendedRequestId": c["requestId"],
			} // DP-079 DP-195 DP-196 DP-200
			for name, v := range want {
				if diff := cmp.Diff(v, c[name]); diff != "" {
					t.Errorf("%s (-want +got):\n%s", name, diff)
				}
			}
			if s := str(c, "requestTime"); !timeForm.MatchString(s) {
				t.Errorf("DP-193: requestTime %q", s)
			}
			at, _ := c["requestTimeEpoch"].(float64)
			since, _ := c["connectedAt"].(float64)
			if since < 1e12 || at < since {
				t.Errorf("DP-194: requestTimeEpoch %v, connectedAt %v", c["requestTimeEpoch"], c["connectedAt"])
			}
			for _, name := range []string{"requestId", "messageId"} {
				if id, ok := c[name]; ok {
					if !idForm.MatchString(id.(string)) || ids[id.(string)] {
						t.Errorf("DP-077 DP-078: %s %v", name, id)
					}
					ids[id.(string)] = true
				}
			}
			if id := str(c, "connectionId"); !idForm.MatchString(id) || ids[id] {
				t.Errorf("DP-076: connectionId %q", id)
			}
			if tt.event["isBase64Encoded"] != false {
				t.Errorf("isBase64Encoded %v", tt.event["isBase64Encoded"])
			}
		})
	}
	t.Run("DP-190 body", func(t *testing.T) {
		if got := str(message, "body"); got != text {
			t.Errorf("body %q, want %q", got, text)
		}
	})
	t.Run("DP-185 DP-186 DP-187 DP-188 headers", func(t *testing.T) {
		h := dig(connect, "headers").(map[string]any)
		for name, want := range map[string]any{
			"Host": host, "x-CuStom": "1", "X-Twice": "b", "X-Forwarded-For": "9.9.9.9, 127.0.0.1", "X-Forwarded-Proto": "http", "X-Forwarded-Port": "80",
			"Connection": nil, "Upgrade": nil, "Origin": "https://app.example.org", "Sec-WebSocket-Version": "13", "User-Agent": "test/1",
		} { // DP-185 DP-186 DP-187
			if h[name] != want {
				t.Errorf("header %s = %v, want %v", name, h[name], want)
			}
		}
		if !regexp.MustCompile(`^Root=1-[0-9a-f]{8}-[0-9a-f]{24}$`).MatchString(str(h, "X-Amzn-Trace-Id")) {
			t.Errorf("X-Amzn-Trace-Id %v", h["X-Amzn-Trace-Id"])
		}
		if diff := cmp.Diff([]any{"a", "b"}, dig(connect, "multiValueHeaders", "X-Twice")); diff != "" { // DP-188
			t.Error(diff)
		}
	})
	t.Run("DP-093 disconnect_headers", func(t *testing.T) {
		want := map[string]any{"Host": host, "x-api-key": "", "X-Forwarded-For": "", "x-restapi": ""}
		if diff := cmp.Diff(want, dig(disconnect, "headers")); diff != "" {
			t.Error(diff)
		}
		multi := map[string]any{"Host": []any{host}, "x-api-key": []any{""}, "X-Forwarded-For": []any{""}, "x-restapi": []any{""}}
		if diff := cmp.Diff(multi, dig(disconnect, "multiValueHeaders")); diff != "" {
			t.Error(diff)
		}
	})
}

func TestEventQuery_DP183_DP184_DP197(t *testing.T) {
	w := newWorld(t)
	n := w.node()
	w.deploy(all()...)
	connect, message, disconnect := lifeOf(w, n, "/prod?t=a&t=b&q=a%20b+c&empty=&flag&%zz=1", "x", "User-Agent:-")
	if diff := cmp.Diff(map[string]any{"t": "b", "q": "a b c", "empty": "", "flag": "", "%zz": "1"}, dig(connect, "queryStringParameters")); diff != "" {
		t.Errorf("DP-183 DP-184: %s", diff)
	}
	if diff := cmp.Diff([]any{"a", "b"}, dig(connect, "multiValueQueryStringParameters", "t")); diff != "" {
		t.Errorf("DP-183: %s", diff)
	}
	for _, e := range []map[string]any{connect, message, disconnect} {
		if diff := cmp.Diff(map[string]any{"sourceIp": "127.0.0.1"}, dig(e, "requestContext", "identity")); diff != "" {
			t.Errorf("DP-197: %s", diff)
		}
	}
	if message["queryStringParameters"] != nil || disconnect["queryStringParameters"] != nil {
		t.Error("the query is in a later event")
	}
}

func TestStageVariables_DP191_DP309(t *testing.T) {
	w := newWorld(t)
	n := w.node()
	variables := func(v map[string]string) change {
		return func(s *apigateway.Snapshot) { s.Stage.Variables = v }
	}
	w.deploy(all(variables(map[string]string{"b": "2", "a": "http://x/?y=\"1\""}))...)
	connect, message, disconnect := lifeOf(w, n, "/prod", "x")
	for _, e := range []map[string]any{connect, message, disconnect} {
		if diff := cmp.Diff(map[string]any{"b": "2", "a": "http://x/?y=\"1\""}, e["stageVariables"]); diff != "" {
			t.Errorf("DP-191: %s", diff)
		}
	}
	// DP-309: the stage's variables count as they are, on connections that were there before.
	c := n.connect("/prod")
	w.deploy(all(variables(map[string]string{"a": "new"}))...)
	w.eventually(func() bool {
		c.send("y")
		c.want("ok")
		calls := w.functions.of("default")
		return str(calls[len(calls)-1].event, "stageVariables", "a") == "new"
	}, "the variable stays")
}

func TestFunctionByVariable_DP308(t *testing.T) {
	w := newWorld(t)
	n := w.node()
	w.on("join:live", returns(`{"body":"live"}`))
	w.deploy(func(s *apigateway.Snapshot) { s.Stage.Variables = map[string]string{"alias": "live"} },
		route("join", twoWay, func(_ *apigateway.Route, i *apigateway.Integration) {
			i.URI = "arn:aws:apigateway:us-east-1:lambda:path/2015-03-31/functions/" + lambda + "join:${stageVariables.alias}/invocations"
		}))
	c := n.connect("/prod")
	c.send(`{"action":"join"}`)
	c.want("live")
}

// TestRedeploy_DP304 changes the deployment under an open connection; before, an edit that is not deployed changes nothing (DP-305: it
// is in no snapshot).
func TestRedeploy_DP304(t *testing.T) {
	w := newWorld(t)
	n := w.node()
	w.on("old", returns(`{"body":"old"}`))
	w.on("new", returns(`{"body":"new"}`))
	w.deploy(route("old", twoWay))
	c := n.connect("/prod")
	c.send(`{"action":"old"}`)
	c.want("old")
	c.send(`{"action":"new"}`)
	c.wantError("Forbidden")
	w.deploy(route("new", twoWay))
	w.eventually(func() bool { c.send(`{"action":"new"}`); return c.text() == "new" }, "the new route does not answer")
	c.send(`{"action":"old"}`)
	c.wantError("Forbidden")
}

func TestCredentials(t *testing.T) {
	w := newWorld(t)
	n := w.node()
	role := "arn:aws:iam::000000000000:role/caller"
	w.keys["caller"] = []string{"lambda:InvokeFunction " + lambda + "join"}
	w.on("join", returns(`{"body":"ok"}`))
	w.deploy(route("join", twoWay, func(_ *apigateway.Route, i *apigateway.Integration) { i.CredentialsARN = role }),
		route("user", func(_ *apigateway.Route, i *apigateway.Integration) { i.CredentialsARN = "arn:aws:iam::*:user/*" }))
	c := n.connect("/prod")
	c.send(`{"action":"join"}`)
	c.want("ok")
	if got, want := w.functions.of("join")[0].principal, "arn:aws:sts::000000000000:assumed-role/caller/BackplaneAssumeRoleSession"; got != want {
		t.Errorf("principal %q, want a session of the role", got)
	}
	c.send(`{"action":"user"}`)
	c.wantError("Internal server error")
}

func TestBrokenSnapshot(t *testing.T) {
	w := newWorld(t)
	n := w.node()
	w.on("old", returns(`{"body":"old"}`))
	w.deploy(route("old", twoWay))
	w.put(apigateway.SnapshotKey(apiID, "prod"), []byte(`{"broken`))
	w.put(apigateway.SnapshotKey(apiID, "other"), []byte(`{}`))
	w.deployAs(apiID, "later")
	c := n.connect("/prod")
	c.send(`{"action":"old"}`)
	c.want("old")
}

func sorted(s []string) []string { s = slices.Clone(s); slices.Sort(s); return s }

func keysOf(m map[string]any) []string {
	var out []string
	for k := range m {
		out = append(out, k)
	}
	return sorted(out)
}
