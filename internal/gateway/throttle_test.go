package gateway_test

import (
	"io"
	"testing"
	"time"

	"github.com/sallyport/sallyport/internal/apigateway"
)

func limits(rate float64, burst int) apigateway.RouteSettings {
	return apigateway.RouteSettings{ThrottlingRateLimit: &rate, ThrottlingBurstLimit: &burst}
}

func TestRouteThrottle_DP272_DP274_DP275(t *testing.T) {
	w := newWorld(t)
	w.clock.stand()
	n := w.node()
	w.on("join", returns(`{"body":"ok"}`))
	w.on("leave", returns(`{"body":"ok"}`))
	settings := func(s *apigateway.Snapshot) {
		s.Stage.RouteSettings = map[string]apigateway.RouteSettings{"join": limits(1, 1)}
	}
	w.deploy(settings, route("join", twoWay), route("leave", twoWay))
	c := n.connect("/prod")
	for range 5 {
		c.send(`{"action":"join"}`)
	}
	for range 4 {
		// The one that is let through may answer at any time.
		if text := c.text(); text != "ok" && frameForm.FindStringSubmatch(text)[1] != "Too Many Requests" {
			t.Fatalf("DP-272: got %s", text)
		}
	}
	c.text()
	if got := len(w.functions.of("join")); got != 1 {
		t.Errorf("DP-272: %d of five messages came through", got)
	}
	for range 5 {
		c.send(`{"action":"leave"}`)
		c.want("ok") // DP-274
	}
	w.clock.advance(2 * time.Second)
	c.send(`{"action":"join"}`)
	c.want("ok")
	// DP-275: the stage's settings are no part of the deployment.
	w.deploy(route("join", twoWay), route("leave", twoWay))
	w.eventually(func() bool {
		c.send(`{"action":"join"}`)
		first := c.text()
		c.send(`{"action":"join"}`)
		return c.text() == "ok" && first == "ok"
	}, "still throttled")
}

func TestStageThrottle_DP273(t *testing.T) {
	w := newWorld(t)
	n := w.node()
	w.on("connect", returns(`{}`))
	w.deploy(func(s *apigateway.Snapshot) { s.Stage.DefaultSettings = limits(0, 0) }, route("$connect"))
	_, resp := n.upgrade("/prod")
	if body, _ := io.ReadAll(resp.Body); resp.StatusCode != 429 || string(body) != `{"message":"Too Many Requests"}` {
		t.Errorf("status %d, body %s", resp.StatusCode, body)
	}
	if len(w.functions.of("connect")) > 0 {
		t.Error("$connect ran")
	}
}
