package telemetry

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/sallyport/sallyport/internal/gateway"
)

// How spans are sent.
const (
	spansOfBatch = 512
	sendEvery    = 2 * time.Second
	sendTimeout  = 10 * time.Second
	maxSpans     = 8192 // that wait; beyond it the oldest are dropped
)

// Traces says where spans go. The zero value is nowhere.
type Traces struct {
	Endpoint string // URL that takes OTLP in JSON: http://localhost:4318/v1/traces
	Header   map[string]string
	Service  string // service.name
}

// TracesOfEnvironment reads OpenTelemetry's variables.
func TracesOfEnvironment() Traces {
	t := Traces{Endpoint: os.Getenv("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT"), Header: map[string]string{}, Service: os.Getenv("OTEL_SERVICE_NAME")}
	if base := os.Getenv("OTEL_EXPORTER_OTLP_ENDPOINT"); t.Endpoint == "" && base != "" {
		t.Endpoint = strings.TrimSuffix(base, "/") + "/v1/traces"
	}
	for pair := range strings.SplitSeq(os.Getenv("OTEL_EXPORTER_OTLP_HEADERS"), ",") {
		if name, value, ok := strings.Cut(pair, "="); ok {
			t.Header[strings.TrimSpace(name)] = strings.TrimSpace(value)
		}
	}
	if t.Service == "" {
		t.Service = "sallyport"
	}
	return t
}

// A span is one of OTLP's.
type span struct {
	TraceID    string      `json:"traceId"`
	SpanID     string      `json:"spanId"`
	ParentID   string      `json:"parentSpanId,omitempty"`
	Name       string      `json:"name"`
	Kind       int         `json:"kind"`
	Start      string      `json:"startTimeUnixNano"`
	End        string      `json:"endTimeUnixNano"`
	Attributes []attribute `json:"attributes,omitempty"`
	Status     spanStatus  `json:"status"`
}

type spanStatus struct {
	Code    int    `json:"code,omitempty"` // 2: error
	Message string `json:"message,omitempty"`
}

type attribute struct {
	Key   string         `json:"key"`
	Value attributeValue `json:"value"`
}

type attributeValue struct {
	String *string `json:"stringValue,omitempty"`
	Int    *string `json:"intValue,omitempty"` // OTLP writes numbers of 64 bits as text
}

// Kinds of spans.
const (
	kindServer = 2
	kindClient = 3
)

func text(key, value string) attribute {
	return attribute{key, attributeValue{String: &value}}
}

func integer(key string, value int) attribute {
	return attribute{key, attributeValue{Int: new(strconv.Itoa(value))}}
}

// spansOf makes spans of a record. All of a connection are one trace: its connect is the root, messages, pushes and the disconnect are
// below it, integrations below those. The ids follow from those of connection and request, so every node makes the same ones.
func spansOf(r *gateway.Record) []span {
	trace := gateway.Trace(r.Connection)
	if trace == "" {
		return nil
	}
	root := gateway.Span(r.Connection)
	id, parent := gateway.Span(r.RequestID), root
	if r.Kind == gateway.Connect {
		id, parent = root, ""
	}
	name := r.Kind
	if r.Route != "" {
		name += " " + r.Route
	}
	nanos := func(t time.Time) string { return strconv.FormatInt(t.UnixNano(), 10) }
	end := r.At.Add(r.Latency)
	one := span{
		TraceID: trace, SpanID: id, ParentID: parent, Name: name, Kind: kindServer, Start: nanos(r.At), End: nanos(end),
		Attributes: []attribute{
			text("aws.api_gateway.api", r.API), text("aws.api_gateway.stage", r.Stage), text("aws.api_gateway.route", r.Route),
			text("aws.api_gateway.connection", r.Connection), text("aws.request_id", r.RequestID), integer("aws.api_gateway.status", r.Status),
			integer("messaging.message.body.size", max(r.In, r.Out)),
		},
	}
	if r.Cause != nil {
		one.Status = spanStatus{2, r.Cause.Error()}
	}
	spans := []span{one}
	if r.Called && r.Integrated > 0 {
		below := span{
			TraceID: trace, SpanID: gateway.Span(r.RequestID + "/integration"), ParentID: id, Name: r.Integration, Kind: kindClient,
			Start: nanos(end.Add(-r.Integrated)), End: nanos(end), Attributes: []attribute{integer("aws.api_gateway.integration.status", r.Answered)}, Status: one.Status,
		}
		spans = append(spans, below)
	}
	return spans
}

// An exporter sends spans in batches.
type exporter struct {
	cfg   Traces
	log   *slog.Logger
	in    chan []span
	http  *http.Client
	wrong bool // the last batch was not taken
}

func newExporter(cfg Traces, log *slog.Logger) *exporter {
	return &exporter{cfg: cfg, log: log, in: make(chan []span, maxSpans/2), http: &http.Client{Timeout: sendTimeout}}
}

// add never waits.
func (e *exporter) add(spans ...span) {
	if len(spans) == 0 {
		return
	}
	select {
	case e.in <- spans:
	default: // the collector is slow, and there are enough to see why
	}
}

func (e *exporter) run(ctx context.Context) {
	tick := time.NewTicker(sendEvery)
	defer tick.Stop()
	var batch []span
	send := func(ctx context.Context) {
		if len(batch) > 0 {
			e.send(ctx, batch)
			batch = nil
		}
	}
	for {
		select {
		case spans := <-e.in:
			if batch = append(batch, spans...); len(batch) >= spansOfBatch {
				send(ctx)
			}
		case <-tick.C:
			send(ctx)
		case <-ctx.Done():
			last, cancel := context.WithTimeout(context.WithoutCancel(ctx), time.Second)
			defer cancel()
			for {
				select {
				case spans := <-e.in:
					batch = append(batch, spans...)
				default:
					send(last)
					return
				}
			}
		}
	}
}

// send posts a batch. A batch that is not taken is lost; the log says so once, until one is taken again.
func (e *exporter) send(ctx context.Context, batch []span) {
	err := e.post(ctx, batch)
	if err != nil && !e.wrong && ctx.Err() == nil {
		e.log.Warn("spans were not taken", "endpoint", e.cfg.Endpoint, "cause", err)
	}
	e.wrong = err != nil
}

func (e *exporter) post(ctx context.Context, batch []span) error {
	type object = map[string]any
	data, err := json.Marshal(object{"resourceSpans": []object{{
		"resource":   object{"attributes": []attribute{text("service.name", e.cfg.Service)}},
		"scopeSpans": []object{{"scope": object{"name": "sallyport"}, "spans": batch}},
	}}})
	if err != nil {
		return fmt.Errorf("encode spans: %w", err)
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, e.cfg.Endpoint, bytes.NewReader(data))
	if err != nil {
		return fmt.Errorf("send spans: %w", err)
	}
	req.Header.Set("Content-Type", "application/json")
	for name, value := range e.cfg.Header {
		req.Header.Set(name, value)
	}
	res, err := e.http.Do(req)
	if err != nil {
		return fmt.Errorf("send spans: %w", err)
	}
	defer res.Body.Close()
	_, _ = io.Copy(io.Discard, io.LimitReader(res.Body, 64<<10))
	if res.StatusCode >= 300 {
		return fmt.Errorf("send spans: status %d", res.StatusCode)
	}
	return nil
}
