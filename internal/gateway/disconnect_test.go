package gateway_test

import (
	"net"
	"testing"

	"github.com/sallyport/sallyport/internal/apigateway"
	"github.com/sallyport/sallyport/internal/gateway"
)

func TestDisconnect_DP088_DP090_DP091(t *testing.T) {
	for _, tt := range []struct {
		name   string
		end    func(n *node, c *client, id string)
		code   float64
		reason string
	}{
		{"DP-081 code_and_text", func(_ *node, c *client, _ string) { c.close(1000, "done"); c.wantClose(1000, "*") }, 1000, "done"},
		{"DP-082 code", func(_ *node, c *client, _ string) { c.close(1001, ""); c.wantClose(1001, "*") }, 1001, ""},
		{"DP-070 own_code", func(_ *node, c *client, _ string) { c.close(4001, "bye"); c.wantClose(4001, "*") }, 4001, "bye"},
		{"DP-083 no_code", func(_ *node, c *client, _ string) { c.frame(0x88, nil) }, 1005, "Client-side close frame status not set"},
		{"DP-085 DP-289 DP-290 deleted", func(n *node, c *client, id string) {
			if resp, _ := n.call("DELETE", "/prod/@connections/"+id, "", "AKIAALL"); resp.StatusCode != 204 {
				c.t.Errorf("DELETE: %d", resp.StatusCode)
			}
			c.wantClose(1000, "*")
			if resp, _ := n.call("DELETE", "/prod/@connections/"+id, "", "AKIAALL"); resp.StatusCode != 410 {
				c.t.Errorf("DP-290: second DELETE: %d", resp.StatusCode)
			}
		}, 1000, "Connection Closed Normally"},
		{"DP-086 reset", func(_ *node, c *client, _ string) {
			_ = c.nc.(*net.TCPConn).SetLinger(0)
			c.nc.Close()
		}, 1006, "Connection closed abnormally"},
		{"eof", func(_ *node, c *client, _ string) { c.nc.Close() }, 1006, "Connection closed abnormally"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			w := newWorld(t)
			n := w.node()
			w.on("connect", returns(`{}`))
			posted := make(chan int, 10)
			w.on("disconnect", func(e map[string]any) string {
				resp, _ := n.call("POST", "/prod/@connections/"+str(e, "requestContext", "connectionId"), "x", "AKIAALL")
				posted <- resp.StatusCode
				return failed // DP-088: told to nobody, and not tried again
			})
			w.deploy(route("$connect"), route("$disconnect"))
			c := n.connect("/prod")
			tt.end(n, c, str(w.functions.of("connect")[0].event, "requestContext", "connectionId"))
			w.eventually(func() bool { return w.records.last(gateway.Disconnect).Route != "" }, "$disconnect did not run")
			if status := <-posted; status != 410 {
				t.Errorf("DP-090: POST from $disconnect: %d, want 410", status)
			}
			c.nc.Close()
			n.stop()
			calls := w.functions.of("disconnect")
			if len(calls) != 1 {
				t.Fatalf("DP-091: $disconnect ran %d times", len(calls))
			}
			e := calls[0].event
			if code, reason := dig(e, "requestContext", "disconnectStatusCode"), str(e, "requestContext", "disconnectReason"); code != tt.code || reason != tt.reason {
				t.Errorf("code %v, reason %q, want %v, %q", code, reason, tt.code, tt.reason)
			}
		})
	}
}

func TestDisconnectRetry(t *testing.T) {
	for _, tt := range []struct {
		name        string
		busy, calls int
	}{{"once", 1, 2}, {"only_once", 5, 2}} {
		t.Run(tt.name, func(t *testing.T) {
			w := newWorld(t)
			n := w.node()
			w.on("disconnect", returns(`{}`))
			w.functions.throttle("disconnect", tt.busy)
			w.deploy(route("$disconnect"))
			n.connect("/prod").nc.Close()
			w.eventually(func() bool { return w.records.last(gateway.Disconnect).Route != "" }, "no record")
			n.stop()
			if got := len(w.functions.of("disconnect")); got != tt.calls {
				t.Errorf("tried %d times, want %d", got, tt.calls)
			}
		})
	}
}

func TestNoDisconnectRoute_DP089(t *testing.T) {
	w := newWorld(t)
	n := w.node()
	w.deploy()
	c := n.connect("/prod")
	c.close(1000, "")
	c.wantClose(1000, "*")
	w.eventually(func() bool { return w.records.last(gateway.Disconnect).Status == 1000 }, "no record")
	if r := w.records.last(gateway.Disconnect); r.Cause != nil || r.Route != "" {
		t.Errorf("record %+v", r)
	}
}

func TestStageRemoved_DP319(t *testing.T) {
	w := newWorld(t)
	n := w.node()
	w.on("disconnect", returns(`{}`))
	w.deploy(route("$disconnect"))
	w.deployAs(apiID, "dev", route("$disconnect"))
	c, other := n.connect("/prod"), n.connect("/dev")
	w.remove(apigateway.SnapshotKey(apiID, "prod"))
	c.wantClose(1001, "Going away")
	if _, resp := n.upgrade("/prod"); resp.StatusCode != 403 {
		t.Errorf("upgrade to a removed stage: %d", resp.StatusCode)
	}
	other.quiet()
	c.nc.Close()
	w.eventually(func() bool { return n.sockets.Stats().Open == 1 }, "connection is not gone")
	if len(w.functions.of("disconnect")) > 0 {
		t.Error("$disconnect ran for a removed stage")
	}
}

func TestShutdown(t *testing.T) {
	w := newWorld(t)
	n := w.node()
	entered, release := make(chan struct{}), make(chan struct{})
	w.on("slow", func(map[string]any) string { close(entered); <-release; return `{}` })
	w.on("disconnect", returns(`{}`))
	w.deploy(route("slow"), route("$disconnect"))
	c := n.connect("/prod")
	c.send(`{"action":"slow"}`)
	<-entered
	stopped := make(chan struct{})
	go func() { n.stop(); close(stopped) }()
	c.wantClose(1001, "Going away")
	c.close(1001, "")
	w.eventually(func() bool { return len(w.functions.of("disconnect")) == 1 }, "$disconnect did not run")
	select {
	case <-stopped:
		t.Error("Run returned while an integration was running")
	default:
	}
	close(release)
	<-stopped
	if _, err := net.Dial("tcp", n.addr); err == nil {
		t.Error("still listening")
	}
}
