package gateway_test

import (
	"fmt"
	"net"
	"testing"
	"time"

	"github.com/sallyport/sallyport/internal/gateway"
	"github.com/sallyport/sallyport/internal/gateway/loop"
)

// TestCloseWaitsForReplies sends questions and a close frame behind them: the replies arrive, then the answer to the close frame, and
// $disconnect runs last.
func TestCloseWaitsForReplies(t *testing.T) {
	w := newWorld(t)
	n := w.node()
	asked, answer := make(chan string, 10), make(chan bool)
	w.on("ask", func(e map[string]any) string {
		asked <- str(e, "requestContext", "connectionId")
		<-answer
		return fmt.Sprintf(`{"statusCode":200,"body":"answer to %s"}`, `{\"action\":\"ask\"}`)
	})
	w.on("disconnect", returns(`{}`))
	w.deploy(route("ask", twoWay), route("$disconnect"))
	c := n.connect("/prod")
	c.send(`{"action":"ask"}`)
	c.send(`{"action":"ask"}`)
	c.close(4002, "bye")
	id := <-asked
	<-asked
	// what the function does before it returns reaches the client, too
	if resp, body := n.call("POST", "/prod/@connections/"+id, "pushed", "AKIAALL"); resp.StatusCode != 200 {
		t.Fatalf("POST while replies are under way: %d %s", resp.StatusCode, body)
	}
	c.want("pushed")
	if r := w.records.last(gateway.Disconnect); r.Kind != "" {
		t.Fatalf("$disconnect ran before the replies: %+v", r)
	}
	answer <- true
	c.want(`answer to {"action":"ask"}`)
	answer <- true
	c.want(`answer to {"action":"ask"}`)
	c.wantClose(4002, "bye")
	w.eventually(func() bool { return len(w.functions.of("disconnect")) == 1 }, "$disconnect did not run")
	if code := dig(w.functions.of("disconnect")[0].event, "requestContext", "disconnectStatusCode"); code != 4002.0 {
		t.Errorf("disconnectStatusCode %v", code)
	}
	if resp, _ := n.call("POST", "/prod/@connections/"+id, "x", "AKIAALL"); resp.StatusCode != 410 {
		t.Errorf("POST afterwards: %d, want 410", resp.StatusCode)
	}
}

// TestCloseWaitsForErrors: a failure is an answer, too.
func TestCloseWaitsForErrors(t *testing.T) {
	w := newWorld(t)
	n := w.node()
	asked, answer := make(chan bool), make(chan bool)
	w.on("ask", func(map[string]any) string { asked <- true; <-answer; return failed })
	w.deploy(route("ask", twoWay))
	c := n.connect("/prod")
	c.send(`{"action":"ask"}`)
	c.close(1000, "")
	<-asked
	answer <- true
	c.wantError("Internal server error")
	c.wantClose(1000, "")
}

// TestCloseDoesNotWaitForOneWayRoutes: nobody waits for what they do.
func TestCloseDoesNotWaitForOneWayRoutes(t *testing.T) {
	w := newWorld(t)
	n := w.node()
	told, done := make(chan bool), make(chan bool)
	w.on("tell", func(map[string]any) string { told <- true; <-done; return `{}` })
	w.deploy(route("tell"))
	c := n.connect("/prod")
	c.send(`{"action":"tell"}`)
	<-told
	c.close(1000, "")
	c.wantClose(1000, "")
	close(done)
}

// TestShutdownWaitsForReplies: a server that stops answers what it took.
func TestShutdownWaitsForReplies(t *testing.T) {
	w := newWorld(t)
	n := w.node(func(_ *gateway.Config, sockets *loop.Config) { sockets.Grace = 10 * time.Second })
	asked, answer := make(chan bool), make(chan bool)
	w.on("ask", func(map[string]any) string { asked <- true; <-answer; return `{"statusCode":200,"body":"the last"}` })
	w.deploy(route("ask", twoWay))
	c := n.connect("/prod")
	c.send(`{"action":"ask"}`)
	<-asked
	stopped := make(chan bool)
	go func() { n.stop(); close(stopped) }()
	w.eventually(func() bool {
		nc, err := net.Dial("tcp4", n.addr)
		if err == nil {
			nc.Close()
		}
		return err != nil
	}, "the server takes connections still")
	answer <- true
	c.want("the last")
	c.wantClose(1001, "Going away")
	c.close(1001, "")
	<-stopped
}
