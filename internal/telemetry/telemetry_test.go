package telemetry

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/sallyport/sallyport/internal/apigateway"
	"github.com/sallyport/sallyport/internal/gateway"
)

// lines keeps what is appended, as group: line.
type lines struct {
	mu  sync.Mutex
	all []string
}

func (l *lines) Append(_ context.Context, group, _ string, _ time.Time, text ...string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, line := range text {
		l.all = append(l.all, group+": "+line)
	}
}

func stage(change func(*apigateway.Stage)) *apigateway.Stage {
	s := &apigateway.Stage{Name: "prod"}
	change(s)
	return s
}

func access(format string) *apigateway.Stage {
	return stage(func(s *apigateway.Stage) {
		s.AccessLog = &apigateway.AccessLogSettings{DestinationARN: "arn:aws:logs:us-east-1:000000000000:log-group:g", Format: format}
	})
}

var at = time.Unix(1_700_000_000, 0).UTC()

func record(change func(*gateway.Record)) gateway.Record {
	r := gateway.Record{
		Kind: gateway.Message, At: at, Account: "000000000000", Region: "us-east-1", API: "q7d3k9x2ab", Stage: "prod", Route: "join",
		Connection: "XB4qEefu52ECKcw=", RequestID: "XB4qEvKJs0kFHkA=", Integration: "AWS_PROXY arn:x", Status: 200, Answered: 200, Called: true,
		Latency: 20 * time.Millisecond, Integrated: 15 * time.Millisecond, In: 5,
		Variables: []byte(`{"connectionId":"XB4qEefu52ECKcw=","eventType":"MESSAGE","routeKey":"join","requestId":"XB4qEvKJs0kFHkA=","requestTimeEpoch":1700000000000,` +
			`"identity":{"sourceIp":"192.0.2.1"},"authorizer":{"principalId":"p","vip":"true","integrationLatency":7}}`),
	}
	change(&r)
	return r
}

func TestAccessLog_DP310_DP311_DP312(t *testing.T) {
	failed := func(r *gateway.Record) {
		r.Called, r.Answered, r.Integrated = false, 0, 0
		r.Status, r.Error, r.Cause = 400, "Invalid request body", errors.New("text is missing")
	}
	for _, tt := range []struct {
		name, format, want string
		change             func(*gateway.Record)
	}{
		{name: "DP-310 variables", format: "$context.connectionId $context.eventType $context.routeKey $context.requestId", want: "XB4qEefu52ECKcw= MESSAGE join XB4qEvKJs0kFHkA="},
		{name: "DP-311 absent", format: "$context.identity.userArn|$context.nothing|$context.error.message", want: "-|-|-"},
		{name: "DP-312 function_answers_500", format: "$context.integration.status $context.integration.integrationStatus", want: "500 200", change: func(r *gateway.Record) { r.Answered = 500 }},
		{name: "http_backend", format: "$context.integration.status $context.integration.integrationStatus", want: "404 404", change: func(r *gateway.Record) { r.Integration, r.Answered = "HTTP http://x", 404 }},
		{name: "authorizer", format: "$context.authorizer.principalId $context.authorizer.vip $context.authorizer.latency", want: "p true 7"},
		{name: "times", format: "$context.requestTimeEpoch $context.integrationLatency $context.integration.latency", want: "1700000000000 15 15"},
		{name: "json", format: `{"ip":"$context.identity.sourceIp","status":"$context.status"}`, want: `{"ip":"192.0.2.1","status":"200"}`},
		{name: "xml", format: `<request id="$context.requestId"><ip>$context.identity.sourceIp</ip></request>`, want: `<request id="XB4qEvKJs0kFHkA="><ip>192.0.2.1</ip></request>`},
		{name: "csv", format: "$context.identity.sourceIp,$context.routeKey,$context.status", want: "192.0.2.1,join,200"},
		{name: "sentence", format: "was $context.routeKey.", want: "was join."},
		{name: "no_variable", format: "$context. $context", want: "$context. $context"},
		{name: "validation", format: "$context.status $context.error.message $context.error.messageString $context.error.responseType $context.error.validationErrorString $context.integration.status", change: failed, want: `400 Invalid request body "Invalid request body" BAD_REQUEST_BODY text is missing -`},
		{name: "accepted", format: "$context.status", want: "200", change: func(r *gateway.Record) { r.Kind, r.Status = gateway.Connect, 101 }},
		{name: "refused", format: "$context.status $context.authorize.status $context.error.responseType", want: "401 401 UNAUTHORIZED", change: func(r *gateway.Record) {
			r.Kind, r.Called, r.Status, r.Error, r.Cause = gateway.Connect, false, 401, "Unauthorized", errors.New("no token")
		}},
		{name: "lines_of_clients", format: "$context.identity.userAgent", want: `a\nb`, change: func(r *gateway.Record) { r.Variables = []byte(`{"identity":{"userAgent":"a\nb"}}`) }},
	} {
		t.Run(tt.name, func(t *testing.T) {
			l := &lines{}
			x := New(Config{Logs: l})
			r := record(func(r *gateway.Record) {
				r.Settings = access(tt.format)
				if tt.change != nil {
					tt.change(r)
				}
			})
			x.writeAccess(&r)
			if diff := cmp.Diff([]string{"g: " + tt.want}, l.all); diff != "" {
				t.Error(diff)
			}
		})
	}
	t.Run("pushes_have_none", func(t *testing.T) {
		l := &lines{}
		r := record(func(r *gateway.Record) { r.Settings, r.Kind = access("$context.requestId"), gateway.Push })
		New(Config{Logs: l}).writeAccess(&r)
		if len(l.all) > 0 {
			t.Errorf("lines %q", l.all)
		}
	})
}

func FuzzFormat(f *testing.F) {
	f.Add("$context.requestId")
	f.Add("a $context.b.c. $context")
	f.Fuzz(func(t *testing.T, text string) {
		if strings.Count(text, variablePrefix) == 0 {
			if got := parseFormat(text).render(func(string) string { return "x" }); got != text {
				t.Errorf("text without variables became %q", got)
			}
		}
		got := parseFormat(text).render(func(path string) string { return variablePrefix + path })
		if got != text {
			t.Errorf("%q was taken apart and put together as %q", text, got)
		}
	})
}

func TestExecutionLog(t *testing.T) {
	with := func(level string, trace bool) *apigateway.Stage {
		return stage(func(s *apigateway.Stage) {
			s.DefaultSettings.LoggingLevel, s.DefaultSettings.DataTraceEnabled = level, &trace
			s.RouteSettings = map[string]apigateway.RouteSettings{"quiet": {LoggingLevel: "OFF"}}
		})
	}
	good := func(*gateway.Record) {}
	bad := func(r *gateway.Record) {
		r.Status, r.Answered, r.Error, r.Cause, r.Hint = 500, 0, "Internal server error", errors.New("no permission"), "allow it"
	}
	for _, tt := range []struct {
		name, level string
		trace       bool
		change      func(*gateway.Record)
		has, hasNot string
	}{
		{name: "off", level: "OFF", change: bad, hasNot: "(XB4"},
		{name: "error_of_success", level: "ERROR", change: good, hasNot: "(XB4"},
		{name: "error_of_failure", level: "ERROR", change: bad, has: "Execution failed: no permission", hasNot: "Endpoint request"},
		{name: "hint", level: "ERROR", change: bad, has: "What to do: allow it"},
		{name: "info", level: "INFO", change: good, has: "Endpoint response: status 200 after 15 ms", hasNot: "Endpoint request body"},
		{name: "trace", level: "INFO", trace: true, change: func(r *gateway.Record) { r.Request = []byte("the event") }, has: "Endpoint request body: the event"},
		{name: "long", level: "INFO", trace: true, change: func(r *gateway.Record) { r.Request = []byte(strings.Repeat("é", 2000)) }, has: "é[TRUNCATED]"},
		{name: "own_level_of_route", level: "INFO", change: func(r *gateway.Record) { r.Route = "quiet" }, hasNot: "(XB4"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			l := &lines{}
			r := record(func(r *gateway.Record) { r.Settings = with(tt.level, tt.trace); tt.change(r) })
			New(Config{Logs: l}).writeExecution(&r)
			all := strings.Join(l.all, "\n")
			if !strings.Contains(all, tt.has) || tt.hasNot != "" && strings.Contains(all, tt.hasNot) {
				t.Errorf("has %q, wants %q and not %q", all, tt.has, tt.hasNot)
			}
			for _, line := range l.all {
				group := "API-Gateway-Execution-Logs_q7d3k9x2ab/prod: "
				if text, ok := strings.CutPrefix(line, group); !ok || len(text) > maxLine {
					t.Errorf("line %q", line)
				}
			}
		})
	}
}

func TestChoose(t *testing.T) {
	for _, tt := range []struct {
		name  string
		stage *apigateway.Stage
		trace string
		want  gateway.Wish
	}{
		{name: "nothing", stage: stage(func(*apigateway.Stage) {})},
		{name: "access_log", stage: access("x"), want: gateway.Wish{Successes: true, Variables: true}},
		{name: "errors", stage: stage(func(s *apigateway.Stage) { s.DefaultSettings.LoggingLevel = "ERROR" }), want: gateway.Wish{Variables: true}},
		{name: "info_of_one_route", stage: stage(func(s *apigateway.Stage) {
			s.RouteSettings = map[string]apigateway.RouteSettings{"a": {LoggingLevel: "INFO", DataTraceEnabled: new(true)}}
		}), want: gateway.Wish{Successes: true, Variables: true, Bodies: true}},
		{name: "traces", stage: stage(func(*apigateway.Stage) {}), trace: "http://127.0.0.1:1", want: gateway.Wish{Successes: true}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			got := New(Config{Traces: Traces{Endpoint: tt.trace}}).Choose(tt.stage)
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestCollect_DP313_DP315_DP318(t *testing.T) {
	readings := []gateway.Reading{
		{API: "a", Stage: "s", Route: "r", Detailed: true, Counts: gateway.Counts{MessageCount: 3, IntegrationError: 1, Latency: gateway.Latency{Count: 2, Sum: 30 * time.Millisecond, Min: 10 * time.Millisecond, Max: 20 * time.Millisecond}}},
		{API: "a", Stage: "s", Route: "mock", Counts: gateway.Counts{ConnectCount: 1}},
	}
	var got []string
	x := New(Config{
		Drain: func(tell func(gateway.Reading)) {
			for _, r := range readings {
				tell(r)
			}
			readings = nil
		},
		Metrics: func(_, _ string, m Metric) {
			data, _ := json.Marshal([]any{m.Name, m.Unit, m.Dimensions, m.Count, m.Sum, m.Min, m.Max})
			got = append(got, string(data))
		},
		Open: func() int { return 7 },
	})
	x.Collect()
	api, st, route := `["ApiId","a"]`, `["Stage","s"]`, `["Route","r"]`
	var want []string
	for _, d := range []string{"[" + api + "]", "[" + api + "," + st + "]", "[" + api + "," + st + "," + route + "]"} {
		want = append(want, `["MessageCount","Count",`+d+`,3,3,1,1]`, `["IntegrationError","Count",`+d+`,1,1,1,1]`, `["IntegrationLatency","Milliseconds",`+d+`,2,30,10,20]`)
	}
	want = append(want, `["ConnectCount","Count",[`+api+`],1,1,1,1]`, `["ConnectCount","Count",[`+api+","+st+`],1,1,1,1]`)
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	res := httptest.NewRecorder()
	x.Handler().ServeHTTP(res, httptest.NewRequest(http.MethodGet, "/", nil))
	for _, line := range []string{
		`sallyport_messages_total{api="a",route="r",stage="s"} 3`, `sallyport_connects_total{api="a",route="mock",stage="s"} 1`,
		`sallyport_integration_latency_seconds_count{api="a",route="r",stage="s"} 2`, `sallyport_connections 7`,
	} {
		if !strings.Contains(res.Body.String(), line+"\n") {
			t.Errorf("Prometheus is not told %s", line)
		}
	}
}

func TestTraces(t *testing.T) {
	got := make(chan []byte, 8)
	collector := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		if r.Header.Get("X-Key") == "k" && r.URL.Path == "/v1/traces" {
			got <- body
		}
	}))
	defer collector.Close()
	t.Setenv("OTEL_EXPORTER_OTLP_ENDPOINT", collector.URL)
	t.Setenv("OTEL_EXPORTER_OTLP_HEADERS", "x-key=k")
	x := New(Config{Traces: TracesOfEnvironment(), Drain: func(func(gateway.Reading)) {}})
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- x.Run(ctx) }()
	for _, kind := range []string{gateway.Connect, gateway.Message, gateway.Push, gateway.Disconnect} {
		x.Observe(record(func(r *gateway.Record) { r.Kind, r.RequestID, r.Called = kind, kind, kind != gateway.Push }))
	}
	for len(x.queue) > 0 {
		time.Sleep(time.Millisecond)
	}
	cancel()
	if err := <-done; err != nil {
		t.Fatal(err)
	}
	var spans []span
	close(got)
	for body := range got {
		var batch struct {
			ResourceSpans []struct{ ScopeSpans []struct{ Spans []span } }
		}
		if err := json.Unmarshal(body, &batch); err != nil {
			t.Fatal(err)
		}
		spans = append(spans, batch.ResourceSpans[0].ScopeSpans[0].Spans...)
	}
	var names []string
	ids := map[string]bool{"": true}
	for _, s := range spans {
		names = append(names, s.Name)
		ids[s.SpanID] = true
	}
	slices.Sort(names)
	if diff := cmp.Diff([]string{"AWS_PROXY arn:x", "AWS_PROXY arn:x", "AWS_PROXY arn:x", "connect join", "disconnect join", "message join", "push join"}, names); diff != "" {
		t.Error(diff)
	}
	for _, s := range spans {
		if s.TraceID != spans[0].TraceID || len(s.TraceID) != 32 || len(s.SpanID) != 16 || !ids[s.ParentID] {
			t.Errorf("span %+v is of another trace, or its parent is unknown", s)
		}
	}
}
