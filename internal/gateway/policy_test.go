package gateway_test

import (
	"encoding/base64"
	stdjson "encoding/json"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/sallyport/sallyport/internal/apigateway"
	"github.com/sallyport/sallyport/internal/gateway"
	"github.com/sallyport/sallyport/internal/gateway/frametest"
	"github.com/sallyport/sallyport/internal/gateway/integration"
	"github.com/sallyport/sallyport/internal/gateway/loop"
)

// tags gives the stage tags, which are its policy.
func tags(pairs ...string) change {
	return func(s *apigateway.Snapshot) {
		s.Stage.Tags = map[string]string{}
		for i := 0; i < len(pairs); i += 2 {
			s.Stage.Tags[pairs[i]] = pairs[i+1]
		}
	}
}

var everythingLifted = tags("sallyport:frame-size", "16MiB", "sallyport:message-size", "16MiB", "sallyport:binary", "true",
	"sallyport:idle-timeout", "none", "sallyport:connection-lifetime", "none", "sallyport:integration-timeout", "5m")

// echoBackend answers with what it is sent, and of the same type.
func echoBackend(t *testing.T) string {
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			return
		}
		w.Header().Set("Content-Type", r.Header.Get("Content-Type"))
		_, _ = w.Write(body)
	}))
	t.Cleanup(s.Close)
	return s.URL
}

// TestRFC6455 holds stages that echo to the protocol, with all limits lifted by their policy: by a function and by an HTTP backend.
func TestRFC6455(t *testing.T) {
	w := newWorld(t)
	w.on("echo", func(e map[string]any) string {
		answer, err := stdjson.Marshal(map[string]any{"statusCode": 200, "body": str(e, "body"), "isBase64Encoded": e["isBase64Encoded"]})
		if err != nil {
			t.Error(err)
		}
		return string(answer)
	})
	n := w.node(func(_ *gateway.Config, sockets *loop.Config) { sockets.Limits.QueueBytes = 64 << 20 })
	url := echoBackend(t)
	w.deployAs(apiID, "function", everythingLifted, route("$default", twoWay, func(_ *apigateway.Route, i *apigateway.Integration) {
		i.URI = "arn:aws:apigateway:" + region + ":lambda:path/2015-03-31/functions/" + lambda + "echo/invocations"
	}))
	w.deployAs(apiID, "backend", everythingLifted, route("$default", twoWay, func(_ *apigateway.Route, i *apigateway.Integration) {
		i.Type, i.URI = apigateway.HTTPProxy, url
	}))
	for _, stage := range []string{"function", "backend"} {
		t.Run(stage, func(t *testing.T) {
			if testing.Short() && stage == "function" {
				t.Skip("the same with more work")
			}
			frametest.Run(t, frametest.Endpoint{
				Host: host, Target: "/" + stage, Late: true,
				Dial: func(t *testing.T) net.Conn {
					nc, err := net.Dial("tcp4", n.addr)
					if err != nil {
						t.Fatal(err)
					}
					return nc
				},
			})
		})
	}
}

// TestPolicyOfOneStage: another stage of the same API has AWS's limits.
func TestPolicyOfOneStage(t *testing.T) {
	w := newWorld(t)
	n := w.node()
	w.on("default", func(e map[string]any) string {
		answer, _ := stdjson.Marshal(map[string]any{"body": str(e, "body"), "isBase64Encoded": e["isBase64Encoded"]})
		return string(answer)
	})
	w.deploy(everythingLifted, route("$default", twoWay))
	w.deployAs(apiID, "plain", route("$default", twoWay))
	large := strings.Repeat("x", 200_000)

	t.Run("binary", func(t *testing.T) {
		c := n.connect("/prod")
		c.frame(0x82, []byte{0xFF, 0})
		if op, data := c.read(); op != 2 || string(data) != "\xFF\x00" {
			t.Errorf("got opcode %d %q", op, data)
		}
		if body := str(w.functions.of("default")[0].event, "body"); body != base64.StdEncoding.EncodeToString([]byte{0xFF, 0}) {
			t.Errorf("the function got %q", body)
		}
		plain := n.connect("/plain")
		plain.frame(0x82, []byte{0xFF, 0})
		plain.wantClose(1003, "*")
	})
	t.Run("base64_on_AWS", func(t *testing.T) { // DP-136: what a function says of its body means nothing there
		w.on("plain", returns(`{"body":"dGVzdA==","isBase64Encoded":true}`))
		w.deployAs(apiID, "two", route("plain", twoWay))
		c := n.connect("/two")
		c.send(`{"action":"plain"}`)
		c.want("dGVzdA==")
	})
	t.Run("sizes", func(t *testing.T) {
		c := n.connect("/prod")
		c.send(large)
		c.want(large)
		plain := n.connect("/plain")
		plain.send(large)
		plain.wantClose(1009, "Message too big")
	})
	t.Run("pushes", func(t *testing.T) {
		for _, tt := range []struct {
			stage, payload string
			status         int
			opcode         byte
		}{
			{"prod", large, 200, 1},
			{"prod", "\xFF\x00", 200, 2},
			{"plain", large, 413, 0},
			{"plain", "\xFF\x00", 400, 0},
		} {
			c := n.connect("/" + tt.stage)
			c.send("who am I")
			c.read()
			calls := w.functions.of("default")
			id := str(calls[len(calls)-1].event, "requestContext", "connectionId")
			resp, body := n.call("POST", "/"+tt.stage+"/@connections/"+id, tt.payload, "AKIAALL")
			if resp.StatusCode != tt.status {
				t.Errorf("POST of %d bytes on %s: %d %s, want %d", len(tt.payload), tt.stage, resp.StatusCode, body, tt.status)
			}
			if tt.opcode > 0 {
				if op, data := c.read(); op != tt.opcode || string(data) != tt.payload {
					t.Errorf("got opcode %d with %d bytes", op, len(data))
				}
			}
		}
	})
	t.Run("time", func(t *testing.T) {
		c, plain := n.connect("/prod"), n.connect("/plain")
		w.clock.advance(3 * time.Hour)
		plain.wantClose(1001, "Going away")
		c.send("still here")
		c.want("still here")
	})
}

// TestPolicyOfIntegrations: those that ask for AWS's longest get what the policy says, others what they ask for.
func TestPolicyOfIntegrations(t *testing.T) {
	for _, tt := range []struct {
		millis int
		policy time.Duration
		want   time.Duration
	}{
		{29000, 0, 29 * time.Second},
		{0, 5 * time.Minute, 5 * time.Minute},
		{29000, 5 * time.Minute, 5 * time.Minute},
		{5000, 5 * time.Minute, 5 * time.Second},
		{29000, time.Second, time.Second},
	} {
		got := integration.Backends{}.Compile(&apigateway.Integration{Type: "MOCK", TimeoutMillis: tt.millis}, integration.Stage{Policy: apigateway.Policy{Integration: tt.policy}})
		if got.Timeout != tt.want {
			t.Errorf("timeoutInMillis %d, policy %v: %v, want %v", tt.millis, tt.policy, got.Timeout, tt.want)
		}
	}
}
