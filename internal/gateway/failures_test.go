package gateway_test

import (
	"bytes"
	stdjson "encoding/json"
	"errors"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/sallyport/sallyport/internal/apigateway"
	"github.com/sallyport/sallyport/internal/awsapi"
	"github.com/sallyport/sallyport/internal/gateway"
	"github.com/sallyport/sallyport/internal/gateway/loop"
)

// lines keeps what is logged.
type lines struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (l *lines) Write(b []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.buf.Write(b)
}

// failures returns the lines that tell of a failure.
func (l *lines) failures(t *testing.T) (all []map[string]any) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for text := range strings.Lines(l.buf.String()) {
		var line map[string]any
		if err := stdjson.Unmarshal([]byte(text), &line); err != nil {
			t.Fatalf("log line %q: %v", text, err)
		}
		if line["msg"] == "request failed" {
			all = append(all, line)
		}
	}
	return all
}

// TestFailuresAreLogged makes every kind of failure, and looks that exactly one line says where, why, and what to do.
func TestFailuresAreLogged(t *testing.T) {
	noTarget := func(r *apigateway.Route, _ *apigateway.Integration) { r.Target = "" }
	iam := func(r *apigateway.Route, _ *apigateway.Integration) { r.AuthorizationType = "AWS_IAM" }
	keyed := func(r *apigateway.Route, _ *apigateway.Integration) { r.APIKeyRequired = true }
	requires := func(r *apigateway.Route, _ *apigateway.Integration) {
		r.RequestParameters = map[string]bool{"route.request.querystring.room": true}
	}
	fast := func(_ *apigateway.Route, i *apigateway.Integration) { i.TimeoutMillis = 50 }
	modelled := func(r *apigateway.Route, _ *apigateway.Integration) {
		r.ModelSelectionExpression, r.RequestModels = "$request.body.none", map[string]string{"x": "y"}
	}
	throttled := func(s *apigateway.Snapshot) {
		s.Stage.DefaultSettings.ThrottlingRateLimit, s.Stage.DefaultSettings.ThrottlingBurstLimit = new(0.0), new(0)
	}
	upgrade := func(target string) func(*node) { return func(n *node) { n.upgrade(target) } }
	send := func(text string) func(*node) {
		return func(n *node) { n.connect("/prod").send(text) }
	}
	join := send(`{"action":"join"}`)
	push := func(id, text string) func(*node) {
		return func(n *node) {
			ctx := awsapi.WithCaller(t.Context(), awsapi.Caller{Account: account, Region: region, RequestID: "r-1"})
			_ = n.gateway.Post(ctx, apiID, "prod", id, []byte(text))
		}
	}
	gone := loop.ID{8: loop.KindConnection, 10: 1}.String()
	for _, tt := range []struct {
		name    string
		changes []change
		do      func(n *node)
		route   string
	}{
		{"upgrade_unknown_stage", nil, upgrade("/nope"), ""},
		{"upgrade_unknown_path", nil, func(n *node) { n.upgrade("/other/nope", "Host: localhost") }, ""},
		{"upgrade_throttled", []change{route("$connect"), throttled}, upgrade("/prod"), "$connect"},
		{"upgrade_unsigned", []change{route("$connect", iam)}, upgrade("/prod"), "$connect"},
		{"upgrade_without_key", []change{route("$connect", keyed)}, upgrade("/prod"), "$connect"},
		{"upgrade_without_parameter", []change{route("$connect", requires)}, upgrade("/prod"), "$connect"},
		{"upgrade_without_identity", []change{route("$connect"), custom("route.request.header.Auth")}, upgrade("/prod"), "$connect"},
		{"upgrade_authorizer_missing", []change{route("$connect"), custom()}, upgrade("/prod"), "$connect"},
		{"connect_declined", []change{route("$connect")}, func(n *node) { n.w.on("connect", returns(`{"statusCode":418}`)); n.upgrade("/prod") }, "$connect"},
		{"connect_odd_status", []change{route("$connect")}, func(n *node) { n.w.on("connect", returns(`{"statusCode":99}`)); n.upgrade("/prod") }, "$connect"},
		{"connect_failed", []change{route("$connect")}, func(n *node) { n.w.on("connect", returns(failed)); n.upgrade("/prod") }, "$connect"},
		{"connect_no_function", []change{route("$connect")}, upgrade("/prod"), "$connect"},
		{"connect_bad_subprotocol", []change{route("$connect")}, func(n *node) {
			n.w.on("connect", returns(`{"headers":{"Sec-WebSocket-Protocol":"a\r\nb"}}`))
			n.upgrade("/prod")
		}, "$connect"},
		{"message_no_route", []change{route("join")}, send(`{"action":"leave"}`), ""},
		{"message_no_target", []change{route("join", noTarget)}, join, "join"},
		{"message_throttled", []change{route("join"), func(s *apigateway.Snapshot) {
			s.Stage.RouteSettings = map[string]apigateway.RouteSettings{"join": {ThrottlingRateLimit: new(0.0), ThrottlingBurstLimit: new(0)}}
		}}, join, "join"},
		{"message_no_model", []change{route("join", modelled)}, join, "join"},
		{"function_missing", []change{route("join")}, join, "join"},
		{"function_denied", []change{route("join")}, func(n *node) { n.w.on("join", returns(`{}`)); n.w.functions.deny("join"); join(n) }, "join"},
		{"function_busy", []change{route("join")}, func(n *node) { n.w.on("join", returns(`{}`)); n.w.functions.throttle("join", 9); join(n) }, "join"},
		{"function_failed", []change{route("join")}, func(n *node) { n.w.on("join", returns(failed)); join(n) }, "join"},
		{"function_malformed", []change{route("join")}, func(n *node) { n.w.on("join", returns(`[]`)); join(n) }, "join"},
		{"function_too_slow", []change{route("join", fast)}, func(n *node) {
			n.w.on("join", func(map[string]any) string { <-t.Context().Done(); return `{}` })
			join(n)
		}, "join"},
		{"reply_too_large", []change{route("join", twoWay)}, func(n *node) {
			n.w.on("join", returns(`{"body":"`+strings.Repeat("x", 200<<10)+`"}`))
			join(n)
		}, "join"},
		{"disconnect_failed", []change{route("$disconnect")}, func(n *node) {
			n.w.on("disconnect", returns(failed))
			n.connect("/prod").close(1000, "")
		}, "$disconnect"},
		{"closed_too_large", []change{route("join")}, send(strings.Repeat("x", 200<<10)), ""},
		{"closed_binary", []change{route("join")}, func(n *node) { n.connect("/prod").frame(0x82, []byte("x")) }, ""},
		{"closed_no_utf8", []change{route("join")}, send("\xff"), ""},
		{"push_gone", []change{route("join")}, push(gone, "x"), ""},
		{"push_no_id", []change{route("join")}, push("nobody", "x"), ""},
		{"push_no_text", []change{route("join")}, push(gone, "\xff"), ""},
		{"push_too_large", []change{route("join")}, push(gone, strings.Repeat("x", 200<<10)), ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			w := newWorld(t)
			out := &lines{}
			n := w.node(func(c *gateway.Config, _ *loop.Config) {
				c.Observer, c.Log = nil, slog.New(slog.NewJSONHandler(out, &slog.HandlerOptions{Level: slog.LevelDebug}))
			})
			w.deploy(tt.changes...)
			tt.do(n)
			w.eventually(func() bool { return len(out.failures(t)) > 0 }, "nothing was logged")
			n.stop()
			all := out.failures(t)
			if len(all) != 1 {
				t.Fatalf("%d lines: %v", len(all), all)
			}
			line := all[0]
			for _, name := range []string{"kind", "api", "stage", "connection", "request", "cause", "hint"} {
				if s, _ := line[name].(string); s == "" {
					t.Errorf("%s is missing: %v", name, line)
				}
			}
			if line["route"] != tt.route {
				t.Errorf("route %q, want %q", line["route"], tt.route)
			}
		})
	}
}

// TestLogger_flood lets a client make mistakes without end: the log tells of some, counts the others, and never leaves out what is the owner's.
func TestLogger_flood(t *testing.T) {
	out := &lines{}
	l := gateway.NewLogger(slog.New(slog.NewJSONHandler(out, nil)))
	at := time.Unix(1_700_000_000, 0)
	observe := func(status int) {
		l.Observe(gateway.Record{Kind: gateway.Message, At: at, Status: status, Cause: errors.New("mistake")})
	}
	for range 1000 {
		observe(403)
	}
	if n := len(out.failures(t)); n != 100 {
		t.Fatalf("%d lines of 1,000 mistakes at once", n)
	}
	observe(500)
	at = at.Add(time.Second)
	observe(403)
	all := out.failures(t)
	if len(all) != 102 || all[100]["level"] != "WARN" || all[100]["untold"] != nil || all[101]["untold"] != float64(900) {
		t.Errorf("%d lines, at the end %v", len(all), all[100:])
	}
}
