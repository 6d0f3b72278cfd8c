package gateway_test

import (
	"net/http"
	"net/http/httptest"
	"regexp"
	"strings"
	"testing"

	"github.com/sallyport/sallyport/internal/apigateway"
)

// answering makes a MOCK that answers with a template.
func answering(request, response string) []func(*apigateway.Route, *apigateway.Integration) {
	return []func(*apigateway.Route, *apigateway.Integration){twoWay, mock(request, map[string]string{"$default": response})}
}

const ok200 = `{"statusCode":200}`

func TestTemplatesOfMessages(t *testing.T) {
	const failure = `{"message": "Internal server error", "connectionId":"`
	for _, tt := range []struct{ name, request, response, message, want string }{
		{"DP-141 pong", ok200, `{"message":"pong"}`, `{"action":"x"}`, `{"message":"pong"}`},
		{"DP-142 unquoted", `#set($s = 200){statusCode: $s}`, "ok", `{"action":"x"}`, "ok"},
		{"DP-143 no_json", `#set($s = 1)hello`, "ok", `{"action":"x"}`, failure},
		{"DP-201 missing", ok200, "Hi $who", `{"action":"x"}`, "Hi "},
		{"DP-207 body_of_a_mock", ok200, "$input.body", `{"action":"x"}`, "{}"},
		{"DP-223 bad_request_template", `#set($n = "\"x\"")` + ok200, "ok", `{"action":"x"}`, failure},
		{"DP-224 bad_response_template", ok200, "$", `{"action":"x"}`, failure},
		{"DP-230 context", ok200, "$context.routeKey,$context.eventType,$context.stage,$context.apiId", `{"action":"x"}`, "x,MESSAGE,prod," + apiID},
		{"DP-234 no_parameters", ok200, "[$input.params('t')]", `{"action":"x"}`, "[]"},
		{"DP-232 stage_variables", ok200, "$stageVariables.v ($stageVariables.none)", `{"action":"x"}`, "variable ()"},
		{"status_of_the_message", `{"statusCode":$input.json('$.status')}`, "$context.status", `{"action":"x","status":418}`, "418"},
		{"handed_on", `#set($context.requestOverride.path.text = $input.path('$.text'))` + ok200, "<$context.requestOverride.path.text>", `{"action":"x","text":"hi"}`, "<hi>"},
		{
			"handed_on_in_a_loop", `#foreach($n in $input.path('$.n'))#set($context.requestOverride.path["n$n"] = $n)#end` + ok200,
			"#foreach($k in $context.requestOverride.path.keySet())$k;#end", `{"action":"x","n":[1,2]}`, "n1;n2;",
		},
		{"message_that_is_no_json", `$input.json('$.x')` + ok200, "ok", `{"action":"x",`, failure},
	} {
		t.Run(tt.name, func(t *testing.T) {
			w := newWorld(t)
			n := w.node()
			w.deploy(
				route("x", answering(tt.request, tt.response)...), route("$default", answering(tt.request, tt.response)...),
				func(s *apigateway.Snapshot) { s.Stage.Variables = map[string]string{"v": "variable"} },
			)
			c := n.connect("/prod")
			c.send(tt.message)
			got := c.text()
			if tt.want == failure {
				if !strings.HasPrefix(got, failure) {
					t.Errorf("got %q, want %q…", got, failure)
				}
				return
			}
			if got != tt.want {
				t.Errorf("got %q, want %q", got, tt.want)
			}
		})
	}
}

// TestTemplateValues_DP230 compares what a template sees with what the function of the same connection sees.
func TestTemplateValues_DP230(t *testing.T) {
	w := newWorld(t)
	n := w.node()
	w.on("connect", returns(`{"statusCode":200}`))
	const template = `$context.connectionId $context.connectedAt $context.identity.sourceIp $context.identity.userAgent $context.domainName` +
		`#set($later = $context.requestTimeEpoch + 86400) $later $context.requestId $context.extendedRequestId $context.messageId`
	w.deploy(route("$connect"), route("x", answering(ok200, template)...))
	c := n.connect("/prod")
	c.send(`{"action":"x"}`)
	got := strings.Fields(c.text())
	if len(got) != 9 {
		t.Fatalf("got %q, want nine values", got)
	}
	event := w.functions.of("connect")[0].event
	if id := str(event, "requestContext", "connectionId"); got[0] != id {
		t.Errorf("connection %s, the function saw %s", got[0], id)
	}
	for i, pattern := range []string{`.`, `^1\d{12}$`, `^127\.0\.0\.1$`, `^test/1$`, "^" + regexp.QuoteMeta(host) + "$", `^1\d{12}$`, `.`, `^` + regexp.QuoteMeta(got[6]) + `$`, `.`} {
		if !regexp.MustCompile(pattern).MatchString(got[i]) {
			t.Errorf("value %d is %q, want %s", i, got[i], pattern)
		}
	}
}

func TestTemplatesOfConnect_DP233(t *testing.T) {
	w := newWorld(t)
	n := w.node()
	request := `#if($input.params('t') == "z" && $input.params('x-key') == "k")` + ok200 + `#{else}{"statusCode":403}#end`
	w.deploy(route("$connect", mock(request, nil)))
	n.connect("/prod?t=a&t=z", "X-Key: k")
	for _, target := range []string{"/prod?t=z", "/prod?t=y&k=z"} {
		if _, resp := n.upgrade(target); resp.StatusCode != 403 {
			t.Errorf("%s: status %d, want 403", target, resp.StatusCode)
		}
	}
	w.deploy(route("$connect", mock(ok200, map[string]string{"$default": "#set($context.responseOverride.status = 401)"})))
	w.eventually(func() bool { _, resp := n.upgrade("/prod"); return resp.StatusCode == 401 }, "the override does not decide over the upgrade")
}

func TestTemplateOverridesHeaders_DP235(t *testing.T) {
	seen := make(chan http.Header, 1)
	backend := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { seen <- r.Header }))
	t.Cleanup(backend.Close)
	w := newWorld(t)
	n := w.node()
	w.deploy(route("x", func(_ *apigateway.Route, i *apigateway.Integration) {
		i.Type, i.URI, i.Method = apigateway.HTTP, backend.URL, "POST"
		i.RequestParameters = map[string]string{"integration.request.header.X-Foo": "'mapped'"}
		i.RequestTemplates = map[string]string{"$default": `#set($context.requestOverride.header.X-Foo = "1"){"id":"$context.connectionId"}`}
	}))
	c := n.connect("/prod")
	c.send(`{"action":"x"}`)
	if got := (<-seen).Values("X-Foo"); len(got) != 1 || got[0] != "1" {
		t.Errorf("the backend got X-Foo %q, want 1", got)
	}
}
