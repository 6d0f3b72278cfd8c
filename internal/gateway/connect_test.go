package gateway_test

import (
	"bufio"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/sallyport/sallyport/internal/apigateway"
	"github.com/sallyport/sallyport/internal/awsapi/sigv4"
)

// mock makes an integration that answers with templates.
func mock(request string, responses map[string]string) func(*apigateway.Route, *apigateway.Integration) {
	return func(_ *apigateway.Route, i *apigateway.Integration) {
		i.Type, i.URI, i.Method = apigateway.Mock, "", ""
		i.RequestTemplates = map[string]string{"200": request}
		i.TemplateSelectionExpression = "200"
		for key, template := range responses {
			i.Responses = append(i.Responses, apigateway.IntegrationResponse{Key: key, ResponseTemplates: map[string]string{"$default": template}})
		}
	}
}

func TestConnectStatus_DP048(t *testing.T) {
	integrationOf := func(change func(*apigateway.Integration)) []func(*apigateway.Route, *apigateway.Integration) {
		return []func(*apigateway.Route, *apigateway.Integration){func(_ *apigateway.Route, i *apigateway.Integration) { change(i) }}
	}
	routeOf := func(change func(*apigateway.Route)) []func(*apigateway.Route, *apigateway.Integration) {
		return []func(*apigateway.Route, *apigateway.Integration){func(r *apigateway.Route, _ *apigateway.Integration) { change(r) }}
	}
	for _, tt := range []struct {
		name   string
		result string // of the function
		change []func(*apigateway.Route, *apigateway.Integration)
		status int
		body   string
	}{
		{"200", `{"statusCode":200}`, nil, 101, ""},
		{"DP-025 201", `{"statusCode":201}`, nil, 101, ""},
		{"DP-026 empty_object", `{}`, nil, 101, ""},
		{"DP-027 status_as_string", `{"statusCode":"200"}`, nil, 101, ""},
		{"DP-028 301", `{"statusCode":301,"headers":{"Location":"https://example.org"}}`, nil, 301, ""},
		{"DP-029 401", `{"statusCode":401,"body":"no"}`, nil, 401, ""},
		{"DP-030 400", `{"statusCode":400}`, nil, 400, ""},
		{"DP-031 501", `{"statusCode":501}`, nil, 501, ""},
		{"DP-032 throws", failed, nil, 502, `{"message":"Internal server error"}`},
		{"DP-033 null", `null`, nil, 502, `{"message":"Internal server error"}`},
		{"DP-034 further_member", `{"statusCode":200,"foo":1}`, nil, 502, `{"message":"Internal server error"}`},
		{"status_too_low", `{"statusCode":99}`, nil, 502, `{"message":"Internal server error"}`},
		{"status_too_high", `{"statusCode":600}`, nil, 502, `{"message":"Internal server error"}`},
		{"DP-036 no_function", "", integrationOf(func(i *apigateway.Integration) { i.URI = lambda + "nosuch" }), 500, `{"message":"Internal server error"}`},
		{"bad_uri", "", integrationOf(func(i *apigateway.Integration) { i.URI = "arn:aws:nonsense" }), 500, `{"message":"Internal server error"}`},
		{"DP-041 mock_200", "", []func(*apigateway.Route, *apigateway.Integration){mock(`{"statusCode":200}`, nil)}, 101, ""},
		{"DP-042 mock_403", "", []func(*apigateway.Route, *apigateway.Integration){mock(`{"statusCode":403}`, nil)}, 403, ""},
		{"no_target", "", routeOf(func(r *apigateway.Route) { r.Target = "" }), 101, ""},
		{"unsupported_type", "", integrationOf(func(i *apigateway.Integration) { i.Type = apigateway.HTTPProxy }), 500, `{"message":"Internal server error"}`},
		{"custom_authorizer", "", routeOf(func(r *apigateway.Route) { r.AuthorizationType = "CUSTOM" }), 500, `{"message":"Internal server error"}`},
		{"DP-260 api_key", "", routeOf(func(r *apigateway.Route) { r.APIKeyRequired = true }), 403, forbiddenBody},
		{"DP-265 required_parameter", "", routeOf(func(r *apigateway.Route) {
			r.RequestParameters = map[string]bool{"route.request.header.X": true, "route.request.querystring.y": true, "route.request.header.Z": false}
		}), 400, `{"message":"Missing required request parameters: [X, y]"}`},
	} {
		t.Run(tt.name, func(t *testing.T) {
			w := newWorld(t)
			n := w.node()
			w.on("connect", returns(tt.result))
			w.on("disconnect", returns(`{}`))
			w.deploy(route("$connect", tt.change...), route("$disconnect"))
			_, resp := n.upgrade("/prod")
			if resp.StatusCode != tt.status {
				t.Fatalf("status %d, want %d", resp.StatusCode, tt.status)
			}
			if tt.status == 101 {
				return
			}
			if body, _ := io.ReadAll(resp.Body); string(body) != tt.body {
				t.Errorf("body %q, want %q", body, tt.body)
			}
			if resp.Header.Get("Location") != "" || resp.Header.Get("x-amzn-RequestId") == "" {
				t.Errorf("headers %v", resp.Header)
			}
			w.eventually(func() bool { r := w.records.last("connect"); return r.Status == tt.status && r.Cause != nil }, "no record says why")
			if calls := w.functions.of("disconnect"); len(calls) > 0 {
				t.Error("DP-048: $disconnect ran after a refusal")
			}
		})
	}
}

func TestConnectWithoutPermission_DP035(t *testing.T) {
	w := newWorld(t)
	n := w.node()
	w.on("connect", returns(`{}`))
	w.functions.deny("connect")
	w.deploy(route("$connect"))
	if _, resp := n.upgrade("/prod"); resp.StatusCode != 500 {
		t.Errorf("status %d, want 500", resp.StatusCode)
	}
	w.eventually(func() bool { return w.records.last("connect").Cause != nil }, "no record")
	r := w.records.last("connect")
	arn := "arn:aws:execute-api:us-east-1:000000000000:q7d3k9x2ab/prod/$connect"
	if !strings.Contains(r.Hint, "apigateway.amazonaws.com") || !strings.Contains(r.Hint, arn) {
		t.Errorf("hint %q names no principal or SourceArn", r.Hint)
	}
	if c := w.functions.of("connect")[0]; c.principal != "apigateway.amazonaws.com" || c.sourceARN != arn || c.caller.Account != account || c.caller.Region != region {
		t.Errorf("invoked as %+v", c)
	}
}

func TestConnectTimeout_DP037(t *testing.T) {
	w := newWorld(t)
	n := w.node()
	block := make(chan struct{})
	defer close(block)
	w.on("connect", func(map[string]any) string { <-block; return `{}` })
	w.deploy(route("$connect", func(_ *apigateway.Route, i *apigateway.Integration) { i.TimeoutMillis = 50 }))
	_, resp := n.upgrade("/prod")
	if body, _ := io.ReadAll(resp.Body); resp.StatusCode != 504 || string(body) != `{"message":"Endpoint request timed out"}` {
		t.Errorf("status %d, body %s", resp.StatusCode, body)
	}
}

func TestConnectWithoutRoute_DP023_DP056(t *testing.T) {
	w := newWorld(t)
	n := w.node()
	w.deploy()
	if _, resp := n.upgrade("/prod", "Sec-WebSocket-Protocol: a"); resp.StatusCode != 101 || resp.Header.Get("Sec-WebSocket-Protocol") != "" {
		t.Errorf("DP-056: status %d, protocol %q", resp.StatusCode, resp.Header.Get("Sec-WebSocket-Protocol"))
	}
}

// TestConnectPending_DP024_DP045_DP046_DP047_DP051_DP052 follows an upgrade whose $connect takes its time.
func TestConnectPending_DP024_DP045_DP046_DP047_DP051_DP052(t *testing.T) {
	w := newWorld(t)
	n := w.node()
	entered, release := make(chan string), make(chan struct{})
	w.on("connect", func(e map[string]any) string {
		entered <- str(e, "requestContext", "connectionId")
		<-release
		return `{"statusCode":200,"headers":{"X-Foo":"1","Set-Cookie":"a=b"},"body":"greeting"}`
	})
	w.on("join", returns(`{"body":"joined"}`))
	w.deploy(route("$connect"), route("join", twoWay))
	type upgraded struct {
		c      *client
		header map[string][]string
	}
	done := make(chan upgraded)
	go func() {
		c, resp := n.upgrade("/prod")
		done <- upgraded{c, resp.Header}
	}()
	id := <-entered
	for _, method := range []string{"POST", "GET", "DELETE"} {
		if resp, _ := n.call(method, "/prod/@connections/"+id, "", "AKIAALL"); resp.StatusCode != 410 {
			t.Errorf("DP-051: %s while $connect runs: %d, want 410", method, resp.StatusCode)
		}
	}
	select {
	case <-done:
		t.Error("DP-024: the upgrade was answered while $connect ran")
	default:
	}
	close(release)
	u := <-done
	if u.header["X-Foo"] != nil || u.header["Set-Cookie"] != nil {
		t.Errorf("DP-045 DP-046: headers of $connect are visible: %v", u.header)
	}
	if resp, _ := n.call("POST", "/prod/@connections/"+id, "hi", "AKIAALL"); resp.StatusCode != 200 {
		t.Errorf("DP-052: POST right after 101: %d", resp.StatusCode)
	}
	u.c.want("hi") // DP-047: nothing else was sent
	u.c.send(`{"action":"join"}`)
	u.c.want("joined")
}

// TestMessageBehindHandshake_DP050 sends a message together with the upgrade.
func TestMessageBehindHandshake_DP050(t *testing.T) {
	w := newWorld(t)
	n := w.node()
	w.on("connect", returns(`{}`))
	w.on("join", returns(`{"body":"joined"}`))
	w.deploy(route("$connect"), route("join", twoWay))
	nc := n.dial()
	fmt.Fprintf(nc, "GET /prod HTTP/1.1\r\nHost: %s\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n\x81\x91\x00\x00\x00\x00{\"action\":\"join\"}", host)
	c := &client{t: t, nc: nc, r: bufio.NewReader(nc)}
	if resp, err := http.ReadResponse(c.r, nil); err != nil || resp.StatusCode != 101 {
		t.Fatalf("upgrade: %v, %v", resp, err)
	}
	c.want("joined")
	if calls := w.functions.of(""); len(calls) != 2 || calls[0].name != "connect" {
		t.Errorf("calls %+v", calls)
	}
}

func TestClientGoneDuringConnect_DP049(t *testing.T) {
	for _, tt := range []struct {
		name, result string
		want         int
	}{{"accepted", `{}`, 1}, {"refused", `{"statusCode":401}`, 0}} {
		t.Run(tt.name, func(t *testing.T) {
			w := newWorld(t)
			n := w.node()
			entered, release := make(chan string), make(chan struct{})
			w.on("connect", func(e map[string]any) string {
				entered <- str(e, "requestContext", "connectionId")
				<-release
				return tt.result
			})
			w.on("disconnect", returns(`{}`))
			w.deploy(route("$connect"), route("$disconnect"))
			nc := n.dial()
			fmt.Fprintf(nc, "GET /prod HTTP/1.1\r\nHost: %s\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n", host)
			id := <-entered
			nc.Close()
			w.eventually(func() bool { return n.sockets.Stats().Pending == 0 }, "the gateway does not see that the client left")
			close(release)
			w.eventually(func() bool { return w.records.last("connect").Cause != nil }, "no record of the upgrade")
			if r := w.records.last("connect"); tt.want == 1 && strings.Contains(r.Hint, "backend") {
				t.Errorf("%v: %s; the backend has accepted", r.Cause, r.Hint)
			}
			if tt.want == 0 {
				n.stop()
			}
			w.eventually(func() bool { return len(w.functions.of("disconnect")) == tt.want }, "$disconnect did not run %d times", tt.want)
			if tt.want == 0 {
				return
			}
			e := w.functions.of("disconnect")[0].event
			if got := str(e, "requestContext", "connectionId"); got != id {
				t.Errorf("connection %q, want %q", got, id)
			}
			if code := dig(e, "requestContext", "disconnectStatusCode"); code != 1006.0 {
				t.Errorf("code %v, want 1006", code)
			}
		})
	}
}

func TestSubprotocols_DP057(t *testing.T) {
	for _, tt := range []struct {
		name, offer, result string
		status              int
		want                string
	}{
		{"DP-054 chosen", "a, b", `{"statusCode":200,"headers":{"Sec-WebSocket-Protocol":"b"}}`, 101, "b"},
		{"DP-055 not_chosen", "a", `{"statusCode":200}`, 101, ""},
		{"DP-058 other_case", "a", `{"headers":{"sec-websocket-protocol":"a"}}`, 101, "a"},
		{"multi_value", "a", `{"multiValueHeaders":{"Sec-WebSocket-Protocol":["a","b"]}}`, 101, "a"},
		{"DP-059 refused", "chat1", `{"statusCode":400}`, 400, ""},
		{"DP-060 not_offered", "a", `{"headers":{"Sec-WebSocket-Protocol":"zzz"}}`, 101, "zzz"},
		{"not_a_header_value", "a", `{"headers":{"Sec-WebSocket-Protocol":"a\r\nX: y"}}`, 502, ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			w := newWorld(t)
			n := w.node()
			w.on("connect", returns(tt.result))
			w.deploy(route("$connect"))
			_, resp := n.upgrade("/prod", "Sec-WebSocket-Protocol: "+tt.offer)
			if got := resp.Header.Get("Sec-WebSocket-Protocol"); resp.StatusCode != tt.status || got != tt.want {
				t.Errorf("status %d, protocol %q, want %d, %q", resp.StatusCode, got, tt.status, tt.want)
			}
			offered := str(w.functions.of("connect")[0].event, "headers", "Sec-WebSocket-Protocol")
			if offered != tt.offer {
				t.Errorf("DP-057: the function saw %q offered, want %q", offered, tt.offer)
			}
		})
	}
}

func TestConnectIAM(t *testing.T) {
	signer := func(key, secret string) *sigv4.Signer {
		return &sigv4.Signer{AccessKeyID: key, Secret: secret, Region: region, Service: "execute-api"}
	}
	scoped := func(region, service string) *sigv4.Signer {
		return &sigv4.Signer{AccessKeyID: "AKIAALL", Secret: "secret", Region: region, Service: service}
	}
	for _, tt := range []struct {
		name    string
		signer  *sigv4.Signer
		presign bool
		status  int
		body    string
	}{
		{"DP-256 AU-042 unsigned", nil, false, 403, `{"message":"Missing Authentication Token"}`},
		{"DP-257 AU-039 presigned", signer("AKIAALL", "secret"), true, 101, ""},
		{"AU-041 header", signer("AKIAALL", "secret"), false, 101, ""},
		{"DP-258 AU-040 wrong_secret", signer("AKIAALL", "wrong"), true, 403, "*"},
		{"other_region", scoped("eu-west-1", "execute-api"), false, 403, `{"message":"Credential should be scoped to a valid region. "}`},
		{"other_service", scoped(region, "apigateway"), false, 403, "*"},
		{"AU-044 allowed", signer("AKIAPROD", "secret"), false, 101, ""},
		{"AU-044 allowed_another_stage", signer("AKIADEV", "secret"), false, 403, "*"},
		{"unknown_key", signer("AKIAZZZ", "secret"), false, 403, `{"message":"The security token included in the request is invalid."}`},
		{"DP-259 AU-043 not_allowed", signer("AKIANONE", "secret"), false, 403, `{"Message":"User: arn:aws:iam::000000000000:user/AKIANONE is not authorized to perform: execute-api:Invoke on resource: arn:aws:execute-api:us-east-1:********0000:q7d3k9x2ab/prod/$connect"}`},
	} {
		t.Run(tt.name, func(t *testing.T) {
			w := newWorld(t)
			n := w.node()
			w.on("connect", returns(`{}`))
			w.on("join", returns(`{}`))
			w.deploy(route("$connect", func(r *apigateway.Route, _ *apigateway.Integration) { r.AuthorizationType = "AWS_IAM" }), route("join"))
			r := &sigv4.Request{Method: "GET", Target: "/prod?x=y", Host: host}
			switch {
			case tt.signer == nil:
			case tt.presign:
				tt.signer.Presign(r, time.Now(), 5*time.Minute)
			default:
				tt.signer.Sign(r, time.Now())
			}
			var header []string
			for _, f := range r.Header {
				header = append(header, f.Name+": "+f.Value)
			}
			c, resp := n.upgrade(r.Target, header...)
			if resp.StatusCode != tt.status {
				t.Fatalf("status %d, want %d", resp.StatusCode, tt.status)
			}
			if tt.status != 101 {
				if body, _ := io.ReadAll(resp.Body); tt.body != "*" && string(body) != tt.body {
					t.Errorf("body %s, want %s", body, tt.body)
				}
				if len(w.functions.of("connect")) > 0 {
					t.Error("$connect ran")
				}
				return
			}
			c.send(`{"action":"join"}`)
			w.eventually(func() bool { return len(w.functions.of("join")) == 1 }, "message did not arrive")
			for _, name := range []string{"connect", "join"} {
				id := dig(w.functions.of(name)[0].event, "requestContext", "identity")
				if str(id, "userArn") != "arn:aws:iam::000000000000:user/"+tt.signer.AccessKeyID || str(id, "accessKey") != tt.signer.AccessKeyID || str(id, "accountId") != account || str(id, "caller") == "" || str(id, "user") == "" {
					t.Errorf("identity of %s: %v", name, id)
				}
			}
		})
	}
}
