package gateway_test

import (
	"bufio"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/sallyport/sallyport/internal/apigateway"
	"github.com/sallyport/sallyport/internal/gateway"
	"github.com/sallyport/sallyport/internal/gateway/loop"
)

// variable sets a stage variable.
func variable(name, value string) change {
	return func(s *apigateway.Snapshot) {
		if s.Stage.Variables == nil {
			s.Stage.Variables = map[string]string{}
		}
		s.Stage.Variables[name] = value
	}
}

func selects(expression string) func(*apigateway.Integration) {
	return func(i *apigateway.Integration) { i.TemplateSelectionExpression = expression }
}

func passthrough(behavior string) func(*apigateway.Integration) {
	return func(i *apigateway.Integration) { i.PassthroughBehavior = behavior }
}

func template(key, text string) func(*apigateway.Integration) {
	return func(i *apigateway.Integration) {
		if i.RequestTemplates == nil {
			i.RequestTemplates = map[string]string{}
		}
		i.RequestTemplates[key] = text
	}
}

func TestHTTPRequests(t *testing.T) {
	const message = `{"action":"m","x":{"y":"deep value"},"list":[1,"a"],"kind":"t2","n":7}`
	for _, tt := range []struct {
		name     string
		kind     string
		uri      string // behind the backend's address
		changes  []func(*apigateway.Integration)
		message  string
		target   string // as the backend sees it
		header   map[string]string
		body     string
		wantFail string // of an error frame; the backend is not asked then
		cause    string
	}{
		{name: "DP-144 no_templates", kind: apigateway.HTTP, uri: "/a", message: message, target: "/a", body: message},
		{name: "DP-145 none_selected", kind: apigateway.HTTP, uri: "/a", changes: list(template("t9", "no"), selects("${request.body.kind}")), message: message, body: message},
		{name: "DP-146 none_selected_and_when_no_templates", kind: apigateway.HTTP, changes: list(template("t9", "no"), selects("${request.body.kind}"), passthrough("WHEN_NO_TEMPLATES")), message: message, wantFail: "Unsupported Media Type", cause: "no request template was chosen"},
		{name: "DP-147 never", kind: apigateway.HTTP, changes: list(passthrough("NEVER")), message: message, wantFail: "Unsupported Media Type", cause: "NEVER"},
		{name: "DP-148 by_body", kind: apigateway.HTTP, changes: list(template("t1", "one"), template("t2", "two"), selects("${request.body.kind}")), message: message, body: "two"},
		{name: "DP-149 default", kind: apigateway.HTTP, changes: list(template("t1", "one"), template("$default", "other"), selects("${request.body.kind}")), message: message, body: "other"},
		{name: "DP-150 escaped_default", kind: apigateway.HTTP, changes: list(template(`\$default`, "other"), selects("${request.body.kind}")), message: message, body: "other"},
		{name: "DP-151 json", kind: apigateway.HTTP, changes: list(template("application/json", "j")), message: message, body: "j"},
		{name: "DP-153 constant", kind: apigateway.HTTP, changes: list(maps("integration.request.header.X", "'v'")), message: message, header: map[string]string{"X": "v"}, body: message},
		{name: "constant_of_quotes", kind: apigateway.HTTP, changes: list(maps("integration.request.header.X", "'it''s'")), message: message, header: map[string]string{"X": "it''s"}, body: message},
		{name: "DP-154 path_in_body", kind: apigateway.HTTP, uri: "/p", changes: list(maps("integration.request.querystring.a", "route.request.body.x.y")), message: message, target: "/p?a=deep%20value", body: message},
		{name: "query_is_appended", kind: apigateway.HTTP, uri: "/p?z=1", changes: list(maps("integration.request.querystring.a", "route.request.body.n", "integration.request.querystring.b", "route.request.body.list")), message: message, target: "/p?z=1&a=7&b=%5B1%2C%20a%5D", body: message},
		{name: "whole_body", kind: apigateway.HTTP, uri: "/p", changes: list(maps("integration.request.header.X-Body", "route.request.body")), message: message, header: map[string]string{"X-Body": message}, body: message},
		{name: "nothing_at_path", kind: apigateway.HTTP, uri: "/p", changes: list(maps("integration.request.querystring.a", "route.request.body.none", "integration.request.header.X", "route.request.body.x.none")), message: message, target: "/p", header: map[string]string{"X": ""}, body: message},
		{name: "DP-156 upgrade_is_over", kind: apigateway.HTTP, uri: "/p", changes: list(maps("integration.request.header.T", "route.request.querystring.token", "integration.request.header.H", "route.request.header.User-Agent")), message: message, header: map[string]string{"T": "", "H": ""}, body: message},
		{name: "DP-157 stage_variable", kind: apigateway.HTTP, uri: "/p", changes: list(maps("integration.request.header.V", "stageVariables.v", "integration.request.header.W", "stageVariables.none")), message: message, header: map[string]string{"V": "variable", "W": ""}, body: message},
		{name: "DP-158 place_in_path", kind: apigateway.HTTP, uri: "/items/{id}/x", changes: list(maps("integration.request.path.id", "route.request.body.x.y")), message: message, target: "/items/deep%20value/x", body: message},
		{name: "slash_in_path", kind: apigateway.HTTP, uri: "/items/{id}", changes: list(maps("integration.request.path.id", "'../admin'")), message: message, target: "/items/..%2Fadmin", body: message},
		{name: "greedy_place", kind: apigateway.HTTP, uri: "/items/{rest+}", changes: list(maps("integration.request.path.rest", "'a/b c'")), message: message, target: "/items/a/b%20c", body: message},
		{name: "place_without_value", kind: apigateway.HTTP, uri: "/items/{id}", message: message, wantFail: "Internal server error", cause: "{id}"},
		{name: "DP-159 content_length", kind: apigateway.HTTP, changes: list(maps("integration.request.header.Content-Length", "'3'")), message: message, wantFail: "Internal server error", cause: "header Content-Length may not be mapped"},
		{name: "trace_id", kind: apigateway.HTTPProxy, changes: list(maps("integration.request.header.x-amzn-trace-id", "'3'")), message: message, wantFail: "Internal server error", cause: "may not be mapped"},
		{name: "header_with_line_end", kind: apigateway.HTTP, changes: list(maps("integration.request.header.X", "route.request.body.x")), message: `{"action":"m","x":"a\r\nEvil: yes"}`, wantFail: "Internal server error", cause: "cannot be that of header X"},
		{name: "DP-160 DP-161 defaults", kind: apigateway.HTTP, uri: "/p", message: message, header: map[string]string{
			"User-Agent": "AmazonAPIGateway_q7d3k9x2ab", "X-Amzn-Apigateway-Api-Id": "q7d3k9x2ab", "Accept": "application/json", "Content-Type": "application/json", "Accept-Encoding": "",
		}, body: message},
		{
			name: "defaults_can_be_mapped", kind: apigateway.HTTP, uri: "/p", changes: list(maps("integration.request.header.user-agent", "'me'", "integration.request.header.accept", "'*/*'", "integration.request.header.content-type", "'text/plain'", "integration.request.header.Host", "'other.example'")), message: message,
			header: map[string]string{"User-Agent": "me", "Accept": "*/*", "Content-Type": "text/plain", "Host": "other.example"}, body: message,
		},
		{name: "DP-307 variable_in_address", kind: apigateway.HTTP, uri: "${stageVariables.host}/x?q=${stageVariables.v}", message: message, target: "/x?q=variable", body: message},
		{name: "no_such_variable_in_address", kind: apigateway.HTTP, uri: "${stageVariables.none}/x", message: message, wantFail: "Internal server error", cause: "is no address"},
		{name: "DP-173 to_binary", kind: apigateway.HTTP, changes: list(converts("CONVERT_TO_BINARY")), message: "aGVsbG8=", body: "hello"},
		{name: "to_binary_of_a_proxy", kind: apigateway.HTTPProxy, changes: list(converts("CONVERT_TO_BINARY")), message: "/wA=", body: "\xff\x00"},
		{name: "DP-174 no_base64", kind: apigateway.HTTP, changes: list(converts("CONVERT_TO_BINARY")), message: "%%%", wantFail: "Internal server error", cause: "no base64"},
		{name: "to_binary_with_template", kind: apigateway.HTTP, changes: list(converts("CONVERT_TO_BINARY"), renders("x")), message: "aGVsbG8=", wantFail: "Internal server error", cause: "what a template rendered"},
		{name: "to_text", kind: apigateway.HTTP, changes: list(converts("CONVERT_TO_TEXT")), message: "aGVsbG8=", body: "aGVsbG8="},
		{name: "proxy", kind: apigateway.HTTPProxy, uri: "/p", message: "hi", target: "/p", header: map[string]string{"Content-Type": "application/json", "X-Forwarded-For": ""}, body: "hi"},
		{name: "proxy_has_no_templates", kind: apigateway.HTTPProxy, changes: list(renders("no"), passthrough("NEVER")), message: "hi", body: "hi"},
		{name: "empty_message", kind: apigateway.HTTPProxy, message: "", header: map[string]string{"Content-Type": ""}, body: ""},
		{name: "method_any", kind: apigateway.HTTP, changes: list(func(i *apigateway.Integration) { i.Method = "ANY" }), message: "hi", body: "hi"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			w := newWorld(t)
			b := w.backend(nil)
			n := w.node()
			uri := b.URL + tt.uri
			if strings.HasPrefix(tt.uri, "$") {
				uri = "http://" + tt.uri
			}
			w.deploy(variable("host", strings.TrimPrefix(b.URL, "http://")), variable("v", "variable"), route("$default", to(tt.kind, uri, tt.changes...)))
			c := n.connect("/prod?token=z")
			c.send(tt.message)
			if tt.wantFail != "" {
				c.wantError(tt.wantFail)
				if cause := fmt.Sprint(w.failure(gateway.Message).Cause); len(b.requests()) != 0 || !strings.Contains(cause, tt.cause) {
					t.Errorf("the backend was asked %d times; cause %q, want %q", len(b.requests()), cause, tt.cause)
				}
				return
			}
			w.eventually(func() bool { return len(b.requests()) == 1 }, "the backend was not asked: %v", w.records.last(gateway.Message))
			r := b.last()
			if r.Method != "POST" || r.body != tt.body || tt.target != "" && r.RequestURI != tt.target {
				t.Errorf("%s %s with %q, want %s with %q", r.Method, r.RequestURI, r.body, tt.target, tt.body)
			}
			for name, want := range tt.header {
				if got := r.Header.Get(name); got != want && (name != "Host" || r.Host != want) {
					t.Errorf("header %s: %q, want %q", name, got, want)
				}
			}
			if id := r.Header.Get("X-Amzn-Trace-Id"); !strings.HasPrefix(id, "Root=1-") {
				t.Errorf("DP-161: trace id %q", id)
			}
			c.quiet()
		})
	}
}

func list(changes ...func(*apigateway.Integration)) []func(*apigateway.Integration) { return changes }

func converts(strategy string) func(*apigateway.Integration) {
	return func(i *apigateway.Integration) { i.ContentHandling = strategy }
}

func TestMappedContext_DP152(t *testing.T) {
	w := newWorld(t)
	b := w.backend(nil)
	n := w.node()
	mapping := maps("integration.request.header.connectionId", "context.connectionId", "integration.request.header.ip", "context.identity.sourceIp",
		"integration.request.header.stage", "context.stage", "integration.request.header.route", "context.routeKey", "integration.request.header.kind", "context.eventType",
		"integration.request.header.at", "context.connectedAt", "integration.request.header.message", "context.messageId", "integration.request.header.user", "context.authorizer.principalId",
		"integration.request.header.account", "context.accountId", "integration.request.header.prefix", "context.domainPrefix", "integration.request.header.code", "context.disconnectStatusCode")
	w.deploy(route("$connect", to(apigateway.HTTP, b.URL, mapping)), route("$default", to(apigateway.HTTP, b.URL, mapping)), route("$disconnect", to(apigateway.HTTPProxy, b.URL, mapping)))
	c := n.connect("/prod")
	c.send("hi")
	w.eventually(func() bool { return len(b.requests()) == 2 }, "the message did not arrive")
	c.close(1000, "bye")
	w.eventually(func() bool { return len(b.requests()) == 3 }, "$disconnect did not arrive")
	requests := b.requests()
	id := w.connections(1)[0]
	for i, kind := range []string{"CONNECT", "MESSAGE", "DISCONNECT"} {
		h := requests[i].Header
		for name, want := range map[string]string{"connectionId": id, "ip": "127.0.0.1", "stage": "prod", "kind": kind, "user": "", "account": account, "prefix": apiID} {
			if got := h.Get(name); got != want {
				t.Errorf("%s: %s is %q, want %q", kind, name, got, want)
			}
		}
		if has := h.Get("message") != ""; has != (kind == "MESSAGE") || len(h.Get("at")) != 13 {
			t.Errorf("%s: message id %q, connectedAt %q", kind, h.Get("message"), h.Get("at"))
		}
		if want := map[string]string{"DISCONNECT": "1000"}[kind]; h.Get("code") != want {
			t.Errorf("%s: close code %q, want %q", kind, h.Get("code"), want)
		}
	}
	if d := requests[2]; d.body != "" || d.Method != "POST" || d.Header.Get("User-Agent") != "AmazonAPIGateway_"+apiID {
		t.Errorf("A66: $disconnect of a proxy: %s %q %v", d.Method, d.body, d.Header)
	}
}

// readRaw takes one HTTP request off a connection as it is written, and answers it.
func readRaw(t *testing.T) (addr string, head func() string) {
	l, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	got := make(chan string, 1)
	var done sync.WaitGroup
	done.Go(func() {
		c, err := l.Accept()
		if err != nil {
			return
		}
		defer c.Close()
		var b strings.Builder
		for r := bufio.NewReader(c); ; {
			line, err := r.ReadString('\n')
			if b.WriteString(line); err != nil || line == "\r\n" {
				break
			}
		}
		_, _ = io.WriteString(c, "HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
		got <- b.String()
	})
	t.Cleanup(func() { l.Close(); done.Wait() })
	return l.Addr().String(), func() string { return <-got }
}

func TestConnectOfHTTPProxy_DP155_DP162_DP163_DP164(t *testing.T) {
	w := newWorld(t)
	n := w.node()
	addr, head := readRaw(t)
	w.deploy(route("$connect", to(apigateway.HTTPProxy, "http://"+addr+"/in?a=1", maps(
		"integration.request.header.Sec-WebSocket-Version", "'0'",
		"integration.request.header.T", "route.request.querystring.token",
		"integration.request.header.Multi", "route.request.multivalueheader.X-Two",
		"integration.request.querystring.all", "route.request.multivaluequerystring.r",
		"integration.request.header.lower-Case", "'as written'",
	))))
	n.connect("/prod?token=z&r=1&r=2&sp=a%20b", "X-My-Own: yes", "Cookie: a=b", "Origin: http://o", "X-Two: one", "X-Two: two", "Via: 1.1 x", "TE: trailers",
		"Authorization: AWS4-HMAC-SHA256 Credential=x", "Sec-WebSocket-Extensions: permessage-deflate")
	lines := strings.Split(strings.TrimSpace(head()), "\r\n")
	if want := "POST /in?a=1&token=z&r=1&r=2&sp=a%20b&all=1&all=2 HTTP/1.1"; lines[0] != want {
		t.Errorf("request line %q, want %q", lines[0], want)
	}
	all := "\n" + strings.Join(lines[1:], "\n") + "\n"
	for _, want := range []string{
		"Host: " + addr, "X-My-Own: yes", "Cookie: a=b", "Origin: http://o", "Sec-WebSocket-Version: 0", "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==",
		"Sec-WebSocket-Extensions: permessage-deflate", "X-Forwarded-For: 127.0.0.1", "X-Forwarded-Proto: http", "User-Agent: test/1", "T: z", "Multi: one", "Multi: two",
		"lower-Case: as written", "X-Amzn-Apigateway-Api-Id: " + apiID, "Content-Length: 0",
	} {
		if !strings.Contains(all, "\n"+want+"\n") {
			t.Errorf("no line %q in %s", want, all)
		}
	}
	for _, name := range []string{"Upgrade", "Connection", "Via", "TE", "Authorization", "Content-Type", "Transfer-Encoding", "Sec-WebSocket-Version: 13"} {
		if strings.Contains(strings.ToLower(all), "\n"+strings.ToLower(name)) {
			t.Errorf("%s is passed on: %s", name, all)
		}
	}
	for _, name := range []string{"X-Forwarded-Port: ", "X-Amzn-Trace-Id: Root=1-"} {
		if strings.Count(all, "\n"+name) != 1 {
			t.Errorf("not one %s in %s", name, all)
		}
	}
}

func TestConnectByHTTP(t *testing.T) {
	redirect := func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, "/elsewhere", http.StatusFound) }
	for _, tt := range []struct {
		name    string
		kind    string
		answer  http.HandlerFunc
		changes []func(*apigateway.Integration)
		status  int
	}{
		{"DP-038 proxy_418", apigateway.HTTPProxy, answers(418, "teapot"), nil, 418},
		{"DP-039 proxy_204", apigateway.HTTPProxy, answers(204, ""), nil, 101},
		{"proxy_500", apigateway.HTTPProxy, answers(500, "x"), nil, 500},
		{"proxy_302", apigateway.HTTPProxy, redirect, nil, 302},
		{"http_403", apigateway.HTTP, answers(403, ""), nil, 403},
		{"http_200", apigateway.HTTP, answers(200, "x"), nil, 101},
		{"http_no_response_fits", apigateway.HTTP, answers(200, "x"), list(responds(`/5\d\d/`, "")), 500},
		{"http_response_keeps_status", apigateway.HTTP, answers(401, "x"), list(responds("$default", "")), 401},
		{"timeout", apigateway.HTTPProxy, func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() }, list(within(500)), 504},
		{"broken_off", apigateway.HTTPProxy, func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }, nil, 504},
	} {
		t.Run(tt.name, func(t *testing.T) {
			w := newWorld(t)
			b := w.backend(tt.answer)
			n := w.node()
			w.deploy(route("$connect", to(tt.kind, b.URL, tt.changes...)))
			if _, resp := n.upgrade("/prod"); resp.StatusCode != tt.status {
				t.Errorf("status %d, want %d (%v)", resp.StatusCode, tt.status, w.records.last(gateway.Connect).Cause)
			}
			if len(b.requests()) != 1 {
				t.Errorf("the backend was asked %d times", len(b.requests()))
			}
		})
	}
}

func within(millis int) func(*apigateway.Integration) {
	return func(i *apigateway.Integration) { i.TimeoutMillis = millis }
}

// AWS: without a proxy nothing of the client reaches the backend but what is mapped.
func TestConnectByHTTPForwardsNothing(t *testing.T) {
	w := newWorld(t)
	b := w.backend(nil)
	n := w.node()
	w.deploy(route("$connect", to(apigateway.HTTP, b.URL+"/in", maps("integration.request.header.mine", "route.request.header.X-Mine"))))
	n.connect("/prod?token=z", "X-Mine: yes", "Cookie: a=b", "Origin: http://o")
	r := b.last()
	if r.RequestURI != "/in" || r.Header.Get("mine") != "yes" || r.body != "" {
		t.Errorf("%s with %v", r.RequestURI, r.Header)
	}
	for _, name := range []string{"X-Mine", "Cookie", "Origin", "Sec-Websocket-Key", "X-Forwarded-For", "Content-Type"} {
		if value := r.Header.Get(name); value != "" {
			t.Errorf("%s: %s is forwarded", name, value)
		}
	}
}

func TestDisconnectIsTriedAgain_A21(t *testing.T) {
	w := newWorld(t)
	var calls atomic.Int32
	b := w.backend(func(http.ResponseWriter, *http.Request) {
		if calls.Add(1) == 1 {
			panic(http.ErrAbortHandler)
		}
	})
	n := w.node()
	w.deploy(route("$disconnect", to(apigateway.HTTP, b.URL)))
	n.connect("/prod").close(1000, "")
	w.eventually(func() bool { return calls.Load() == 2 }, "the backend was asked %d times, want twice", calls.Load())
}

func TestSubprotocolOfHTTPProxy(t *testing.T) {
	w := newWorld(t)
	b := w.backend(func(w http.ResponseWriter, _ *http.Request) { w.Header().Set("sec-websocket-protocol", "chat") })
	n := w.node()
	w.deploy(route("$connect", to(apigateway.HTTPProxy, b.URL)))
	if _, resp := n.upgrade("/prod", "Sec-WebSocket-Protocol: chat, other"); resp.Header.Get("Sec-WebSocket-Protocol") != "chat" {
		t.Errorf("A8: subprotocol %q", resp.Header.Get("Sec-WebSocket-Protocol"))
	}
	if got := b.last().Header.Get("Sec-WebSocket-Protocol"); got != "chat, other" {
		t.Errorf("the backend saw %q", got)
	}
}

func TestUnreachableBackends(t *testing.T) {
	selfSigned := httptest.NewUnstartedServer(answers(200, "secret"))
	selfSigned.Config.ErrorLog = slog.NewLogLogger(slog.DiscardHandler, 0) // that clients do not trust it is what is tested
	selfSigned.StartTLS()
	t.Cleanup(selfSigned.Close)
	for _, tt := range []struct{ name, uri, hint string }{
		{"DP-040 refused", "http://127.0.0.1:1/", "nothing accepts connections there"},
		{"self_signed", selfSigned.URL, "certificate must be valid"},
		{"no_such_host", "http://no-such-host.invalid/", "has no address"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			w := newWorld(t)
			n := w.node()
			const stage = "prod"
			w.deployAs(apiID, stage, route("$connect", to(apigateway.HTTPProxy, tt.uri)))
			if _, resp := n.upgrade("/" + stage); resp.StatusCode != 504 {
				t.Errorf("status %d, want 504", resp.StatusCode)
			}
			if r := w.failure(gateway.Connect); r.Stage != stage || !strings.Contains(r.Hint, tt.hint) {
				t.Errorf("hint %q, want %q (%v)", r.Hint, tt.hint, r.Cause)
			}
			w.deployAs(apiID, stage+"2", route("$default", to(apigateway.HTTP, tt.uri)))
			c := n.connect("/" + stage + "2")
			c.send("hi")
			c.wantError("Internal server error") // A65
			c.quiet()
		})
	}
}

func TestOperatorsAuthority(t *testing.T) {
	b := &backend{}
	b.Server = httptest.NewTLSServer(b.handler(answers(200, "ok")))
	t.Cleanup(b.Close)
	w := newWorld(t)
	w.http.RootCAs = x509.NewCertPool()
	w.http.RootCAs.AppendCertsFromPEM(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: b.Certificate().Raw}))
	n := w.node()
	w.deploy(route("$default", twoWay, to(apigateway.HTTPProxy, b.URL)))
	c := n.connect("/prod")
	for range 3 {
		c.send("hi")
		c.want("ok")
	}
	if r := b.last(); r.ProtoMajor != 1 {
		t.Errorf("protocol %s", r.Proto)
	}
}

func TestHTTPReplies(t *testing.T) {
	both := list(responds(`/4\d\d/`, "four"), responds("$default", "other"))
	for _, tt := range []struct {
		name    string
		kind    string
		answer  http.HandlerFunc
		changes []func(*apigateway.Integration)
		want    string // "!x" is the error frame x
	}{
		{"DP-137 proxy", apigateway.HTTPProxy, answers(200, "pong"), nil, "pong"},
		{"DP-138 proxy_500", apigateway.HTTPProxy, answers(500, "err"), nil, "err"},
		{"proxy_has_no_responses", apigateway.HTTPProxy, answers(404, "as it is"), both, "as it is"},
		{"proxy_no_utf8", apigateway.HTTPProxy, answers(200, "a\xffb"), nil, "a\uFFFDb"},
		{"DP-165 pattern", apigateway.HTTP, answers(404, "x"), both, "four"},
		{"DP-166 default", apigateway.HTTP, answers(200, "x"), both, "other"},
		{"DP-167 none_fits", apigateway.HTTP, answers(200, "x"), list(responds(`/5\d\d/`, "five")), "!Internal server error"},
		{"none_at_all", apigateway.HTTP, answers(200, "x"), nil, "!Internal server error"},
		{"first_of_two", apigateway.HTTP, answers(404, "x"), list(responds(`/40\d/`, "first"), responds(`/4\d\d/`, "second")), "first"},
		{"DP-169 no_template", apigateway.HTTP, answers(404, `{"b":1}`), list(responds("$default", "")), `{"b":1}`},
		{"DP-170 by_status", apigateway.HTTP, answers(404, "x"), list(chosenBy("${integration.response.statuscode}", "200", "ok", "404", "none")), "none"},
		{"by_header", apigateway.HTTP, func(w http.ResponseWriter, _ *http.Request) { w.Header()["x-kind"] = []string{"k"} }, list(chosenBy("${integration.response.header.X-Kind}", "k", "kind")), "kind"},
		{"by_headers", apigateway.HTTP, func(w http.ResponseWriter, _ *http.Request) { w.Header()["X-Kind"] = []string{"a", "b"} }, list(chosenBy("${integration.response.multivalueheader.x-kind}", "[a, b]", "kinds")), "kinds"},
		{"by_message", apigateway.HTTP, answers(200, "x"), list(chosenBy("${request.body.action}", "m", "of the message")), "of the message"},
		{"DP-175 to_text", apigateway.HTTP, answers(200, "\xff\x00"), list(responds("$default", ""), handled("CONVERT_TO_TEXT")), "/wA="},
		{"to_binary", apigateway.HTTP, answers(200, "aGVsbG8="), list(responds("$default", ""), handled("CONVERT_TO_BINARY")), "hello"},
		{"to_binary_no_base64", apigateway.HTTP, answers(200, "%%"), list(responds("$default", ""), handled("CONVERT_TO_BINARY")), "!Internal server error"},
		{"redirect_is_not_followed", apigateway.HTTPProxy, func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Location", "/elsewhere")
			answers(302, "moved")(w, nil)
		}, nil, "moved"},
		{"DP-179 timeout", apigateway.HTTPProxy, func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() }, list(within(500)), "!Endpoint request timed out"},
		{"timeout_in_the_body", apigateway.HTTP, func(w http.ResponseWriter, r *http.Request) {
			answers(200, "begun")(w, r)
			_ = http.NewResponseController(w).Flush()
			<-r.Context().Done()
		}, list(within(500), responds("$default", "")), "!Endpoint request timed out"},
		{"broken_off", apigateway.HTTP, func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }, nil, "!Internal server error"},
		{"too_long", apigateway.HTTPProxy, answers(200, strings.Repeat("x", 128<<10+1)), nil, "!Internal server error"},
		{"longer_than_a_backend_may", apigateway.HTTP, func(w http.ResponseWriter, _ *http.Request) { w.Header().Set("Content-Length", "999999999") }, list(responds("$default", "x")), "!Internal server error"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			w := newWorld(t)
			b := w.backend(tt.answer)
			n := w.node()
			w.deploy(route("$default", twoWay, to(tt.kind, b.URL, tt.changes...)))
			c := n.connect("/prod")
			c.send(`{"action":"m"}`)
			if text, isError := strings.CutPrefix(tt.want, "!"); isError {
				c.wantError(text)
			} else {
				c.want(tt.want)
			}
			c.quiet()
		})
	}
}

// chosenBy adds a default response whose templates are chosen by an expression.
func chosenBy(expression string, templates ...string) func(*apigateway.Integration) {
	return func(i *apigateway.Integration) {
		r := apigateway.IntegrationResponse{ID: "r", Key: "$default", TemplateSelectionExpression: expression, ResponseTemplates: map[string]string{}}
		for n := 0; n < len(templates); n += 2 {
			r.ResponseTemplates[templates[n]] = templates[n+1]
		}
		i.Responses = append(i.Responses, r)
	}
}

// handled sets contentHandlingStrategy of the responses.
func handled(strategy string) func(*apigateway.Integration) {
	return func(i *apigateway.Integration) {
		for n := range i.Responses {
			i.Responses[n].ContentHandling = strategy
		}
	}
}

func TestConnectionsAreKept(t *testing.T) {
	var opened sync.Map
	b := &backend{}
	b.Server = httptest.NewUnstartedServer(b.handler(answers(200, "ok")))
	b.Config.ConnState = func(c net.Conn, s http.ConnState) {
		if s == http.StateNew {
			opened.Store(c.RemoteAddr().String(), true)
		}
	}
	b.Start()
	t.Cleanup(b.Close)
	w := newWorld(t)
	n := w.node()
	w.deploy(route("$default", twoWay, to(apigateway.HTTPProxy, b.URL)))
	c := n.connect("/prod")
	for range 50 {
		c.send("hi")
		c.want("ok")
	}
	count := 0
	opened.Range(func(any, any) bool { count++; return true })
	if count != 1 {
		t.Errorf("50 messages, one after the other, took %d connections", count)
	}
}

func TestVPCLinks(t *testing.T) {
	w := newWorld(t)
	b := w.backend(answers(200, "behind the link"))
	w.http.Links = map[string]string{"link1": strings.TrimPrefix(b.URL, "http://")}
	n := w.node()
	link := func(id string) func(*apigateway.Integration) {
		return func(i *apigateway.Integration) { i.ConnectionType, i.ConnectionID = "VPC_LINK", id }
	}
	w.deploy(variable("link", "link1"),
		route("known", twoWay, to(apigateway.HTTPProxy, "http://internal.example/x", link("${stageVariables.link}"))),
		route("unknown", twoWay, to(apigateway.HTTPProxy, b.URL+"/y", link("link2"))))
	c := n.connect("/prod")
	c.send(`{"action":"known"}`)
	c.want("behind the link")
	if r := b.last(); r.Host != "internal.example" || r.RequestURI != "/x" {
		t.Errorf("%s %s", r.Host, r.RequestURI)
	}
	c.send(`{"action":"unknown"}`)
	c.want("behind the link")
}

func TestOneIntegrationOfTwoRoutes_DP180(t *testing.T) {
	w := newWorld(t)
	b := w.backend(answers(200, "same"))
	n := w.node()
	w.deploy(route("a", twoWay, to(apigateway.HTTPProxy, b.URL)), route("b", twoWay, func(r *apigateway.Route, _ *apigateway.Integration) { r.Target = "integrations/i0" }))
	c := n.connect("/prod")
	for _, key := range []string{"a", "b"} {
		c.send(`{"action":"` + key + `"}`)
		c.want("same")
	}
	if len(b.requests()) != 2 {
		t.Errorf("%d calls", len(b.requests()))
	}
}

func TestProblemsAreLoggedWhenDeployed(t *testing.T) {
	w := newWorld(t)
	var log lockedBuffer
	n := w.node(func(c *gateway.Config, _ *loop.Config) { c.Log = slog.New(slog.NewTextHandler(&log, nil)) })
	w.deploy(func(s *apigateway.Snapshot) { s.Stage.ClientCertificateID = "cert1" },
		route("length", to(apigateway.HTTP, "http://h", maps("integration.request.header.Content-Length", "'1'"))),
		route("pattern", to(apigateway.HTTP, "http://h", responds("/(?!x)/", ""))),
		route("template", to(apigateway.HTTP, "http://h", renders("#if("))),
		route("role", to(apigateway.AWS, service("dynamodb:action/PutItem"))))
	for _, want := range []string{"client certificate cert1 is not presented", "integration i0", "Content-Length may not be mapped", "integration i1", "looking ahead or behind", "integration i2", "integration i3", "credentialsArn"} {
		if !strings.Contains(log.String(), want) {
			t.Errorf("no %q in the log:\n%s", want, log.String())
		}
	}
	c := n.connect("/prod")
	for _, key := range []string{"length", "template", "role"} {
		c.send(`{"action":"` + key + `"}`)
		c.wantError("Internal server error")
	}
}

// A lockedBuffer is a log that may be read while it is written.
type lockedBuffer struct {
	mu sync.Mutex // guards b
	b  strings.Builder
}

func (l *lockedBuffer) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *lockedBuffer) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}
