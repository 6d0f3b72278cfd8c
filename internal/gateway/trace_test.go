package gateway_test

import (
	"strings"
	"testing"

	"github.com/sallyport/sallyport/internal/gateway"
)

// TestTrace holds all requests of a connection to one trace, which functions are told.
func TestTrace(t *testing.T) {
	w := newWorld(t)
	n := w.node()
	for _, name := range []string{"connect", "default", "disconnect"} {
		w.on(name, returns(`{}`))
	}
	w.deploy(route("$connect"), route("$default"), route("$disconnect"))
	c := n.connect("/prod")
	c.send("hello")
	w.eventually(func() bool { return len(w.functions.of("default")) == 1 }, "no message")
	c.close(1000, "")
	w.eventually(func() bool { return len(w.functions.of("disconnect")) == 1 }, "no disconnect")
	var root string
	parents := map[string]bool{}
	for _, name := range []string{"connect", "default", "disconnect"} {
		call := w.functions.of(name)[0]
		got, rest, _ := strings.Cut(call.caller.Trace, ";")
		parent, sampled, _ := strings.Cut(rest, ";")
		if root == "" {
			root = got
		}
		if got != root || sampled != "Sampled=0" || parents[parent] {
			t.Errorf("%s was told the trace %q, others %s with parents %v", name, call.caller.Trace, root, parents)
		}
		parents[parent] = true
		id := str(call.event, "requestContext", "connectionId")
		if trace := gateway.Trace(id); root != "Root=1-"+trace[:8]+"-"+trace[8:] {
			t.Errorf("trace %s of connection %s, want %s", root, id, trace)
		}
	}
	if got := str(w.functions.of("connect")[0].event, "headers", "X-Amzn-Trace-Id"); got != root {
		t.Errorf("the header of $connect says %q, want %q", got, root)
	}
}

// TestDrain holds what is counted against what happened.
func TestDrain_DP313_DP314_DP316_DP317_DP318(t *testing.T) {
	w := newWorld(t)
	n := w.node()
	w.on("connect", returns(`{}`))
	w.on("one", returns(`{"statusCode":500}`))
	w.on("fails", returns(failed))
	w.deploy(route("$connect"), route("one"), route("fails"), route("ping", mock(`{"statusCode":200}`, map[string]string{"$default": "pong"})))
	c := n.connect("/prod")
	for _, text := range []string{`{"action":"one"}`, `{"action":"fails"}`, `{"action":"nope"}`, `{"action":"ping"}`} {
		c.send(text)
	}
	got := map[string]gateway.Counts{}
	w.eventually(func() bool {
		n.gateway.Drain(func(r gateway.Reading) {
			sum := got[r.Route]
			sum.ConnectCount += r.ConnectCount
			sum.MessageCount += r.MessageCount
			sum.IntegrationError += r.IntegrationError
			sum.ClientError += r.ClientError
			sum.ExecutionError += r.ExecutionError
			sum.Latency.Count += r.Latency.Count
			got[r.Route] = sum
		})
		return got["one"].IntegrationError == 1 && got["fails"].ExecutionError == 1 && got[""].ClientError == 1 && got["ping"].MessageCount >= 1
	}, "not counted")
	for route, latencies := range map[string]uint64{"$connect": 1, "one": 1, "fails": 1, "ping": 0, "": 0} {
		if got[route].Latency.Count != latencies {
			t.Errorf("%d latencies of route %q, want %d", got[route].Latency.Count, route, latencies)
		}
	}
	if got["$connect"].ConnectCount != 1 {
		t.Errorf("counted %+v", got)
	}
}
