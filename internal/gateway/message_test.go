package gateway_test

import (
	"fmt"
	"regexp"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/sallyport/sallyport/internal/apigateway"
	"github.com/sallyport/sallyport/internal/gateway"
	"github.com/sallyport/sallyport/internal/gateway/loop"
)

// echoes answers with the route key that was chosen, and the body.
func echoes(e map[string]any) string {
	return fmt.Sprintf(`{"body":%q}`, str(e, "requestContext", "routeKey")+" "+str(e, "body"))
}

var frameForm = regexp.MustCompile(`^\{"message": "([^"]*)", "connectionId":"([A-Za-z0-9_-]{15}=)", "requestId":"([A-Za-z0-9_-]{15}=)"\}$`)

// wantError expects an error frame.
func (c *client) wantError(text string) (connectionID, requestID string) {
	c.t.Helper()
	got := c.text()
	m := frameForm.FindStringSubmatch(got)
	if m == nil || m[1] != text {
		c.t.Fatalf("got %q, want the error frame %q", got, text)
	}
	return m[2], m[3]
}

func TestRouteSelection(t *testing.T) {
	const action, none = "$request.body.action", "Forbidden"
	for _, tt := range []struct {
		name, expr string
		routes     []string // beside $connect and $disconnect; all answer with the key and the body
		message    string
		want       string // key; none is the error frame
	}{
		{"DP-094 match", action, []string{"join"}, `{"action":"join"}`, "join"},
		{"DP-095 case", action, []string{"join"}, `{"action":"Join"}`, none},
		{"DP-096 default", action, []string{"join", "$default"}, `{"action":"nope"}`, "$default"},
		{"DP-097 no_default", action, []string{"join"}, `{"action":"nope"}`, none},
		{"DP-098 no_json", action, []string{"join", "$default"}, `hi`, "$default"},
		{"DP-099 no_json_no_default", action, []string{"join"}, `hi`, none},
		{"DP-100 missing", action, []string{"$default"}, `{"other":1}`, "$default"},
		{"DP-101 array", action, []string{"$default"}, `[1,2]`, "$default"},
		{"DP-102 default_by_name", action, []string{"$default"}, `{"action":"$default"}`, "$default"},
		{"DP-103 connect", action, []string{"join"}, `{"action":"$connect"}`, none},
		{"DP-104 disconnect", action, []string{"$default"}, `{"action":"$disconnect"}`, "$default"},
		{"DP-105 two_variables", "${request.body.service}/${request.body.action}", []string{"chat/join"}, `{"service":"chat","action":"join"}`, "chat/join"},
		{"DP-106 missing_variable", "${request.body.action}-${request.body.none}", []string{"join-"}, `{"action":"join"}`, "join-"},
		{"DP-107 nested", "$request.body.message.kind", []string{"a"}, `{"message":{"kind":"a"}}`, "a"},
		{"DP-108 hyphen", "$request.body.detail-type", []string{"x"}, `{"detail-type":"x"}`, "x"},
		{"DP-109 number", "$request.body.n", []string{"5"}, `{"n":5}`, "5"},
		{"DP-110 boolean", "$request.body.b", []string{"true"}, `{"b":true}`, "true"},
		{"DP-111 list", "$request.body.a", []string{"[x, y]"}, `{"a":["x","y"]}`, "[x, y]"},
		{"DP-112 null", "$request.body.a", []string{"$default"}, `{"a":null}`, "$default"},
		{"DP-113 static", "fixed", []string{"fixed"}, `{"a":1}`, "fixed"},
		{"DP-114 static_default", `\$default`, []string{"$default", "join"}, `{"action":"join"}`, "$default"},
		{"DP-115 unquoted_name", action, []string{"join"}, `{"action":"join", body:"hello"}`, "join"},
		{"DP-116 not_deployed", action, []string{"join"}, `{"action":"new"}`, none},
		{"empty", action, []string{"$default"}, ``, "$default"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			w := newWorld(t)
			n := w.node()
			changes := []change{selector(tt.expr), route("$connect"), route("$disconnect")}
			w.on("connect", returns(`{}`))
			w.on("disconnect", returns(`{}`))
			w.on("echo", echoes)
			for _, key := range tt.routes {
				changes = append(changes, route(key, twoWay, func(_ *apigateway.Route, i *apigateway.Integration) { i.URI = lambda + "echo" }))
			}
			w.deploy(changes...)
			c := n.connect("/prod")
			c.send(tt.message)
			if tt.want == none {
				c.wantError(none)
			} else {
				c.want(tt.want + " " + tt.message)
			}
			if a, b := len(w.functions.of("connect")), len(w.functions.of("disconnect")); a != 1 || b != 0 {
				t.Errorf("$connect ran %d times, $disconnect %d", a, b)
			}
			c.quiet()
		})
	}
}

func TestErrorFrames_DP117_DP118_DP123(t *testing.T) {
	w := newWorld(t)
	n := w.node()
	w.on("connect", returns(`{}`))
	w.deploy(route("$connect"))
	c := n.connect("/prod")
	seen := map[string]bool{}
	for range 10 { // DP-123
		c.send(`{"action":"nope"}`)
		connection, request := c.wantError("Forbidden") // DP-117
		if want := str(w.functions.of("connect")[0].event, "requestContext", "connectionId"); connection != want {
			t.Fatalf("DP-118: connectionId %q, want %q", connection, want)
		}
		if seen[request] {
			t.Fatalf("DP-078: request id %s twice", request)
		}
		seen[request] = true
		w.eventually(func() bool { return w.records.last(gateway.Message).RequestID == request }, "no record of request %s", request)
	}
	c.quiet()
}

func TestFunctionAnswers(t *testing.T) {
	const internal = "!Internal server error"
	for _, tt := range []struct {
		name, result string
		oneWay       string // frame; "" is none, "!x" the error frame x
		twoWay       string // "=" is the empty message
	}{
		{"DP-119 DP-120 throws", failed, internal, internal},
		{"DP-124 DP-125 body", `{"statusCode":200,"body":"x"}`, "", "x"},
		{"DP-128 no_body", `{"statusCode":200}`, "", "="},
		{"null_body", `{"body":null}`, "", "="},
		{"DP-129 DP-130 status_500", `{"statusCode":500,"body":"bad"}`, "", "bad"},
		{"DP-131 headers", `{"headers":{"X":"y","Z":true,"N":null},"multiValueHeaders":{"A":["b"]},"body":"x"}`, "", "x"},
		{"DP-132 object_body", `{"body":{"a":1}}`, internal, internal},
		{"DP-133 other_members", `{"ConnectionId":"x","Data":"y","statusCode":200}`, internal, internal},
		{"DP-134 string", `"ok"`, internal, internal},
		{"DP-135 null", `null`, internal, internal},
		{"nothing", ``, internal, internal},
		{"array", `[]`, internal, internal},
		{"number_header", `{"headers":{"X":1}}`, internal, internal},
		{"word_status", `{"statusCode":"OK"}`, internal, internal},
		{"DP-136 base64", `{"isBase64Encoded":true,"body":"dGVzdA=="}`, "", "dGVzdA=="},
		{"escapes", `{"body":"\u00e9\n\"{}\""}`, "", "é\n\"{}\""},
		{"too_large", `{"body":"` + strings.Repeat("x", 128<<10+1) + `"}`, "", internal},
		{"largest", `{"body":"` + strings.Repeat("x", 128<<10) + `"}`, "", strings.Repeat("x", 128<<10)},
	} {
		t.Run(tt.name, func(t *testing.T) {
			w := newWorld(t)
			n := w.node()
			w.on("one", returns(tt.result))
			w.on("two", returns(tt.result))
			w.deploy(route("one"), route("two", twoWay))
			for key, want := range map[string]string{"one": tt.oneWay, "two": tt.twoWay} {
				c := n.connect("/prod")
				c.send(`{"action":"` + key + `"}`)
				w.eventually(func() bool { return w.records.last(gateway.Message).Route == key }, "no record")
				if want == "" {
					c.quiet()
					continue
				}
				if text, ok := strings.CutPrefix(want, "!"); ok {
					c.wantError(text)
					if r := w.records.last(gateway.Message); r.Cause == nil || r.Error != text {
						t.Errorf("record %+v does not say why", r)
					}
				} else {
					c.want(strings.TrimPrefix(want, "="))
				}
				c.quiet()
			}
		})
	}
}

func TestTwoWayByRouteResponse_DP126_DP127(t *testing.T) {
	w := newWorld(t)
	n := w.node()
	w.on("response", returns(`{"body":"x"}`))
	w.on("expression", returns(`{"body":"x"}`))
	w.deploy(
		route("response", twoWay, func(r *apigateway.Route, _ *apigateway.Integration) { r.RouteResponseSelectionExpression = "" }),
		route("expression", func(r *apigateway.Route, _ *apigateway.Integration) { r.RouteResponseSelectionExpression = "$default" }),
	)
	c := n.connect("/prod")
	c.send(`{"action":"response"}`)
	c.want("x") // DP-126
	w.eventually(func() bool { return w.records.last(gateway.Message).Route == "response" }, "no record")
	c.send(`{"action":"expression"}`)
	w.eventually(func() bool { return w.records.last(gateway.Message).Route == "expression" }, "no record")
	c.quiet() // DP-127

	lax := newWorld(t)
	n = lax.node(func(c *gateway.Config, _ *loop.Config) { c.TwoWayByExpression = true })
	lax.on("expression", returns(`{"body":"x"}`))
	lax.deploy(route("expression", func(r *apigateway.Route, _ *apigateway.Integration) { r.RouteResponseSelectionExpression = "$default" }))
	c = n.connect("/prod")
	c.send(`{"action":"expression"}`)
	c.want("x")
}

func TestMessageFailures(t *testing.T) {
	w := newWorld(t)
	n := w.node()
	block := make(chan struct{})
	defer close(block)
	w.on("denied", returns(`{}`))
	w.functions.deny("denied")
	w.on("slow", func(map[string]any) string { <-block; return `{}` })
	w.deploy(route("denied"), route("gone"),
		route("slow", func(_ *apigateway.Route, i *apigateway.Integration) { i.TimeoutMillis = 50 }),
		route("get", func(_ *apigateway.Route, i *apigateway.Integration) { i.Method = "GET" }),
		route("http", func(_ *apigateway.Route, i *apigateway.Integration) { i.Type = "FTP" }),
		route("bare", func(r *apigateway.Route, _ *apigateway.Integration) { r.Target = "" }),
		route("lost", func(r *apigateway.Route, _ *apigateway.Integration) { r.Target = "integrations/nosuch" }),
	)
	c := n.connect("/prod")
	for _, tt := range []struct{ name, key, want, cause string }{
		{"DP-121 no_permission", "denied", "Internal server error", "SourceArn arn:aws:execute-api:us-east-1:000000000000:q7d3k9x2ab/prod/denied"},
		{"no_function", "gone", "Internal server error", "does not exist"},
		{"DP-122 DP-179 timeout", "slow", "Endpoint request timed out", "timeoutInMillis"},
		{"DP-176 method", "get", "Internal server error", "set integrationMethod to POST"},
		{"unknown_type", "http", "Internal server error", "no integrations of type"},
		{"no_target", "bare", "Internal server error", "has no integration"},
		{"lost_target", "lost", "Internal server error", "not in the deployment"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			c.t = t
			c.send(`{"action":"` + tt.key + `"}`)
			_, request := c.wantError(tt.want)
			w.eventually(func() bool { return w.records.last(gateway.Message).RequestID == request }, "no record")
			if r := w.records.last(gateway.Message); !strings.Contains(fmt.Sprint(r.Cause, r.Hint), tt.cause) {
				t.Errorf("the record says %v, %s; want %s", r.Cause, r.Hint, tt.cause)
			}
		})
	}
	c.quiet()
}

func TestCompletionOrder_DP139(t *testing.T) {
	w := newWorld(t)
	n := w.node()
	release := make(chan struct{})
	w.on("slow", func(map[string]any) string { <-release; return `{"body":"slow"}` })
	w.on("fast", returns(`{"body":"fast"}`))
	w.deploy(route("slow", twoWay), route("fast", twoWay))
	c := n.connect("/prod")
	c.send(`{"action":"slow"}`)
	c.send(`{"action":"fast"}`)
	c.want("fast")
	close(release)
	c.want("slow")
}

func TestPushBeforeReply_DP053_DP140(t *testing.T) {
	w := newWorld(t)
	n := w.node()
	w.on("join", func(e map[string]any) string {
		// DP-053: the function posts to its own connection.
		resp, _ := n.call("POST", "/prod/@connections/"+str(e, "requestContext", "connectionId"), "A", "AKIAALL")
		return fmt.Sprintf(`{"body":"B %d"}`, resp.StatusCode)
	})
	w.deploy(route("join", twoWay))
	c := n.connect("/prod")
	c.send(`{"action":"join"}`)
	c.want("A")
	c.want("B 200")
}

// TestStartOrder sends many messages at once and looks at the order in which the function gets them, with as many running as may.
func TestStartOrder(t *testing.T) {
	for _, concurrency := range []int{1, 4, 0} {
		t.Run(fmt.Sprint(concurrency), func(t *testing.T) {
			w := newWorld(t)
			n := w.node(func(c *gateway.Config, _ *loop.Config) { c.Concurrency = concurrency })
			var mu sync.Mutex
			running, most := 0, 0
			w.on("join", func(map[string]any) string {
				mu.Lock()
				running++
				most = max(most, running)
				mu.Unlock()
				runtime.Gosched()
				mu.Lock()
				running--
				mu.Unlock()
				return `{}`
			})
			w.deploy(route("join"))
			c := n.connect("/prod")
			const messages = 200
			for i := range messages {
				c.send(fmt.Sprintf(`{"action":"join","i":%d}`, i))
			}
			w.eventually(func() bool { return len(w.functions.of("join")) == messages }, "not all messages arrived")
			mu.Lock()
			defer mu.Unlock()
			if concurrency > 0 && most > concurrency {
				t.Errorf("%d ran at once, want at most %d", most, concurrency)
			}
			late, last := 0, -1
			w.functions.mu.Lock()
			defer w.functions.mu.Unlock()
			for _, event := range w.functions.arrived {
				var i int
				_, _ = fmt.Sscanf(event[strings.Index(event, `\"i\":`):], `\"i\":%d`, &i)
				if i < last {
					late++
				}
				last = i
			}
			if concurrency == 1 && late > 0 || late > messages/5 {
				// With more than one, calls begin in order, but which of two that have begun takes the test's mutex first is not said.
				t.Errorf("%d of %d calls came out of order", late, messages)
			}
			t.Logf("%d calls out of order", late)
		})
	}
}

func TestTooFarAhead(t *testing.T) {
	w := newWorld(t)
	n := w.node(func(c *gateway.Config, _ *loop.Config) { c.Concurrency = 1 })
	release := make(chan struct{})
	w.on("slow", func(map[string]any) string { <-release; return `{"body":"done"}` })
	w.deploy(route("slow", twoWay))
	c := n.connect("/prod")
	const kept = 1 + 1024
	c.send(`{"action":"slow"}`)
	w.eventually(func() bool { return len(w.functions.of("slow")) == 1 }, "first message did not start")
	for range kept + 2 {
		c.send(`{"action":"slow"}`)
	}
	for range 3 {
		c.wantError("Too Many Requests")
	}
	close(release)
	for range kept {
		c.want("done")
	}
	c.quiet()
}

// TestClientDoesNotRead asks for more than is taken: nothing is lost in silence, the connection is closed.
func TestClientDoesNotRead(t *testing.T) {
	w := newWorld(t)
	n := w.node()
	w.on("big", returns(`{"body":"`+strings.Repeat("x", 128<<10)+`"}`))
	w.on("disconnect", returns(`{}`))
	w.deploy(route("big", twoWay), route("$disconnect"))
	c := n.connect("/prod")
	for range 400 {
		if len(w.functions.of("disconnect")) > 0 {
			break
		}
		_, _ = c.nc.Write([]byte("\x81\x90\x00\x00\x00\x00{\"action\":\"big\"}"))
	}
	w.eventually(func() bool { return len(w.functions.of("disconnect")) == 1 }, "the connection is open")
	if code := dig(w.functions.of("disconnect")[0].event, "requestContext", "disconnectStatusCode"); code != 1011.0 {
		t.Errorf("closed with %v, want 1011", code)
	}
}

func TestFrames(t *testing.T) {
	for _, tt := range []struct {
		name  string
		send  func(c *client)
		body  int // length of the body that arrives; -1: none does
		code  int
		cause string
	}{
		{"DP-061 largest_frame", func(c *client) { c.send(strings.Repeat("x", 32768)) }, 32768, 0, ""},
		{"DP-062 larger_frame", func(c *client) { c.send(strings.Repeat("x", 32769)) }, -1, 1009, "*"},
		{"DP-063 fragments", func(c *client) { fragments(c, 100<<10) }, 100 << 10, 0, ""},
		{"largest_message", func(c *client) { fragments(c, 128<<10) }, 128 << 10, 0, ""},
		{"DP-064 DP-065 larger_message", func(c *client) { fragments(c, 128<<10+1) }, -1, 1009, "Message too big"},
		{"DP-066 DP-087 binary", func(c *client) { c.frame(0x82, []byte("x")) }, -1, 1003, "*"},
		{"DP-069 utf8", func(c *client) { c.send("\xff\xfe") }, -1, 1007, "*"},
		{"DP-068 unmasked", func(c *client) { _, _ = c.nc.Write([]byte("\x81\x01x")) }, -1, 1002, "*"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			w := newWorld(t)
			n := w.node()
			w.on("default", returns(`{"body":"got"}`))
			w.on("disconnect", returns(`{}`))
			w.deploy(route("$default", twoWay), route("$disconnect"))
			c := n.connect("/prod")
			tt.send(c)
			if tt.body >= 0 {
				c.want("got")
				if got := str(w.functions.of("default")[0].event, "body"); len(got) != tt.body {
					t.Errorf("body has %d bytes, want %d", len(got), tt.body)
				}
				return
			}
			c.wantClose(tt.code, tt.cause)
			w.eventually(func() bool { return len(w.functions.of("disconnect")) == 1 }, "$disconnect did not run")
			if code := dig(w.functions.of("disconnect")[0].event, "requestContext", "disconnectStatusCode"); code != float64(tt.code) {
				t.Errorf("$disconnect with %v, want %d", code, tt.code)
			}
			if len(w.functions.of("default")) > 0 {
				t.Error("the function ran")
			}
		})
	}
}

func TestPing_DP067(t *testing.T) {
	w := newWorld(t)
	n := w.node()
	w.deploy()
	c := n.connect("/prod")
	c.frame(0x89, []byte("x"))
	if op, payload := c.read(); op != 10 || string(payload) != "x" {
		t.Errorf("got opcode %d with %q, want a pong with x", op, payload)
	}
}

func TestSharedIntegration_DP180(t *testing.T) {
	w := newWorld(t)
	n := w.node()
	w.on("one", echoes)
	w.deploy(route("one", twoWay), func(s *apigateway.Snapshot) {
		second := s.Deployment.Routes[0]
		second.ID, second.Key = "r2", "two"
		s.Deployment.Routes = append(s.Deployment.Routes, second)
	})
	c := n.connect("/prod")
	for _, key := range []string{"one", "two"} {
		c.send(`{"action":"` + key + `"}`)
		c.want(key + ` {"action":"` + key + `"}`)
	}
}

// fragments sends a message of n bytes in frames of at most 32 KB.
func fragments(c *client, n int) {
	first := byte(0x01)
	for n > 0 {
		size := min(n, 32<<10)
		n -= size
		if n == 0 {
			first |= 0x80
		}
		c.frame(first, []byte(strings.Repeat("x", size)))
		first = 0
	}
}

func TestIdle_DP071_DP072_DP073_DP074_DP075_DP084(t *testing.T) {
	w := newWorld(t)
	n := w.node()
	w.on("disconnect", returns(`{}`))
	w.on("default", returns(`{"body":"ok"}`))
	w.deploy(route("$disconnect"), route("$default", twoWay))
	silent, pinging, talking, pushed := n.connect("/prod"), n.connect("/prod"), n.connect("/prod"), n.connect("/prod")
	pushed.send("who am I")
	pushed.want("ok")
	id := str(w.functions.of("default")[0].event, "requestContext", "connectionId")
	for i := range 3 {
		w.clock.advance(500 * time.Second)
		talking.send("hello")
		talking.want("ok") // DP-074
		if resp, _ := n.call("POST", "/prod/@connections/"+id, "ping", "AKIAALL"); resp.StatusCode != 200 {
			t.Fatalf("DP-073: POST after %d s: %d", 500*(i+1), resp.StatusCode)
		}
		pushed.want("ping")
		if i == 0 {
			pinging.quiet() // a ping, and open: not before the limit
			silent.quiet()
			continue
		}
		if i == 1 {
			silent.wantClose(1001, "Going away")  // DP-071
			pinging.wantClose(1001, "Going away") // DP-072
		}
	}
	w.eventually(func() bool { return len(w.functions.of("disconnect")) == 2 }, "$disconnect did not run for both")
	for _, call := range w.functions.of("disconnect") { // DP-084
		if code, reason := dig(call.event, "requestContext", "disconnectStatusCode"), str(call.event, "requestContext", "disconnectReason"); code != 1001.0 || reason != "Going away" {
			t.Errorf("$disconnect with %v %q", code, reason)
		}
	}
	for age := 1500; age < 7000; age += 500 {
		w.clock.advance(500 * time.Second)
		talking.send("hello")
		talking.want("ok")
	}
	w.clock.advance(200 * time.Second)
	talking.wantClose(1001, "Going away") // DP-075: a busy connection ends at its age
}
