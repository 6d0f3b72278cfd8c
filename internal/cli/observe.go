package cli

import (
	"context"
	"fmt"
	"strings"
	"sync/atomic"
	"time"

	"github.com/sallyport/sallyport/internal/gateway"
)

// An observer prints a line for each connection and message. It is told on event loops, so it prints on a goroutine of its own,
// and leaves lines out where the terminal does not keep up.
type observer struct {
	term    *terminal
	records chan gateway.Record
	missed  atomic.Int64
}

// observerQueue is how many lines may wait for the terminal.
const observerQueue = 4096

func newObserver(term *terminal) *observer {
	return &observer{term: term, records: make(chan gateway.Record, observerQueue)}
}

// Observe implements gateway.Observer.
func (o *observer) Observe(r gateway.Record) {
	select {
	case o.records <- r:
	default:
		o.missed.Add(1)
	}
}

// run prints until ctx is done.
func (o *observer) run(ctx context.Context) {
	for {
		select {
		case <-ctx.Done():
			return
		case r := <-o.records:
			o.print(r)
			if n := o.missed.Swap(0); n > 0 {
				o.term.tell("missed", map[string]any{"count": n}, fmt.Sprintf("           … %d more", n))
			}
		}
	}
}

func (o *observer) print(r gateway.Record) {
	if o.term.json {
		data := map[string]any{
			"kind": r.Kind, "api": r.API, "stage": r.Stage, "route": r.Route, "connectionId": r.Connection, "requestId": r.RequestID,
			"integration": r.Integration, "status": r.Status, "milliseconds": float64(r.Latency.Microseconds()) / 1000,
		}
		if r.Cause != nil {
			data["cause"], data["hint"] = r.Cause.Error(), r.Hint
		}
		o.term.tell("request", data, "")
		return
	}
	t := o.term
	mark := t.style(green, arrow(r.Kind))
	if r.Cause != nil {
		mark = t.style(red, arrow(r.Kind))
	}
	parts := []string{t.style(faint, r.At.Local().Format(time.TimeOnly)), mark, what(r)}
	if target := integrationName(r.Integration); target != "" {
		parts = append(parts, "→ "+target)
	}
	if r.Status != 0 {
		parts = append(parts, fmt.Sprint(r.Status))
	}
	parts = append(parts, t.style(faint, elapsed(r.Latency)+"  "+r.Connection))
	line := strings.Join(parts, " ")
	if r.Cause != nil {
		line += "\n           " + t.style(red, r.Cause.Error())
	}
	if r.Hint != "" {
		line += "\n           " + t.style(yellow, r.Hint)
	}
	t.println(line)
}

func arrow(kind string) string {
	if kind == gateway.Push {
		return "←"
	}
	return "→"
}

// what says what a record is about: a route, or a push.
func what(r gateway.Record) string {
	switch {
	case r.Kind == gateway.Push:
		return fmt.Sprintf("push, %d bytes", r.Out)
	case r.Route == "":
		return r.Kind + ", no route"
	default:
		return r.Route
	}
}

// integrationName shortens "AWS_PROXY arn:…:function:name" to what people call it.
func integrationName(integration string) string {
	kind, target, ok := strings.Cut(integration, " ")
	if !ok {
		return kind
	}
	if _, name, ok := strings.Cut(target, ":function:"); ok {
		return strings.TrimSuffix(name, "/invocations")
	}
	return target
}
