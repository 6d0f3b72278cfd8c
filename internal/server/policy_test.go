package server

import (
	"bytes"
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/coder/websocket"
)

// TestPolicy makes a stage and lifts its limits by its tags, over the control plane, while it is served. Whoever connects afterwards has them.
func TestPolicy(t *testing.T) {
	slow := make(chan bool)
	backend := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		if string(body) == "slow" {
			<-slow
		}
		w.Header().Set("Content-Type", r.Header.Get("Content-Type"))
		_, _ = w.Write(body)
	}))
	defer backend.Close()
	defer close(slow) // before: Close waits for who is served
	var ahead atomic.Int64
	s, _ := run(t, Config{Data: t.TempDir(), Memory: true, Now: func() time.Time { return time.Now().Add(time.Duration(ahead.Load())) }})
	id := call(t, s, "apigatewayv2", "CreateApi", `{"name":"a","protocolType":"WEBSOCKET","routeSelectionExpression":"$request.body.action"}`)["apiId"].(string)
	target := call(t, s, "apigatewayv2", "CreateIntegration", `{"apiId":"`+id+`","integrationType":"HTTP_PROXY","integrationMethod":"POST","integrationUri":"`+backend.URL+`"}`)["integrationId"].(string)
	route := call(t, s, "apigatewayv2", "CreateRoute", `{"apiId":"`+id+`","routeKey":"$default","routeResponseSelectionExpression":"$default","target":"integrations/`+target+`"}`)["routeId"].(string)
	call(t, s, "apigatewayv2", "CreateRouteResponse", `{"apiId":"`+id+`","routeId":"`+route+`","routeResponseKey":"$default"}`)
	if _, err := s.Call(t.Context(), "apigatewayv2", "CreateStage", []byte(`{"apiId":"`+id+`","stageName":"prod","tags":{"sallyport:message-size":"huge"}}`)); err == nil || !strings.Contains(err.Error(), "Tag sallyport:message-size: it is a number of bytes") {
		t.Errorf("a stage with a policy that means nothing: %v", err)
	}
	call(t, s, "apigatewayv2", "CreateStage", `{"apiId":"`+id+`","stageName":"prod"}`)
	call(t, s, "apigatewayv2", "CreateDeployment", `{"apiId":"`+id+`","stageName":"prod"}`)
	if err := s.gateway.CatchUp(t.Context()); err != nil {
		t.Fatal(err)
	}
	stage := `"resourceArn":"arn:aws:apigateway:us-east-1::/apis/` + id + `/stages/prod"`
	large := strings.Repeat("x", 1<<20)
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	connect := func() *websocket.Conn {
		t.Helper()
		c, _, err := websocket.Dial(ctx, s.SocketURL(id, "prod"), nil)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { c.CloseNow() })
		c.SetReadLimit(-1)
		return c
	}
	ends := func(c *websocket.Conn, kind websocket.MessageType, data string, code websocket.StatusCode) {
		t.Helper()
		_ = c.Write(ctx, kind, []byte(data))
		if _, got, err := c.Read(ctx); websocket.CloseStatus(err) != code {
			t.Errorf("got %.100q %v, want the end with %d", got, err, code)
		}
	}
	echoes := func(c *websocket.Conn, kind websocket.MessageType, data string) {
		t.Helper()
		if err := c.Write(ctx, kind, []byte(data)); err != nil {
			t.Fatal(err)
		}
		if k, got, err := c.Read(ctx); err != nil || k != kind || string(got) != data {
			t.Fatalf("got %v %.100q %v", k, got, err)
		}
	}
	ends(connect(), websocket.MessageText, large, 1009)
	ends(connect(), websocket.MessageBinary, "\xFF", 1003)
	before := connect()
	echoes(before, websocket.MessageText, "hello")

	if _, err := s.Call(t.Context(), "apigatewayv2", "TagResource", []byte(`{`+stage+`,"tags":{"sallyport:lifetime":"none"}}`)); err == nil {
		t.Error("a tag that is not known is taken")
	}
	call(t, s, "apigatewayv2", "TagResource", `{`+stage+`,"tags":{"sallyport:message-size":"2MiB","sallyport:frame-size":"2MiB","sallyport:binary":"true",
		"sallyport:idle-timeout":"5h","sallyport:connection-lifetime":"none"}}`)
	if err := s.gateway.CatchUp(t.Context()); err != nil {
		t.Fatal(err)
	}
	c := connect()
	echoes(c, websocket.MessageText, large)
	echoes(c, websocket.MessageBinary, string(bytes.Repeat([]byte{0xFF, 0}, 1<<19)))
	ahead.Add(int64(4 * time.Hour))
	s.Sweep()
	ends(before, websocket.MessageText, "too late", 1001)
	echoes(c, websocket.MessageText, "still here")
	call(t, s, "apigatewayv2", "TagResource", `{`+stage+`,"tags":{"sallyport:integration-timeout":"100ms"}}`)
	if err := s.gateway.CatchUp(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := c.Write(ctx, websocket.MessageText, []byte("slow")); err != nil {
		t.Fatal(err)
	}
	if _, got, err := c.Read(ctx); err != nil || !strings.Contains(string(got), `"Endpoint request timed out"`) {
		t.Errorf("an integration that takes longer than 100 ms: %q %v", got, err)
	}

	call(t, s, "apigatewayv2", "UntagResource", `{`+stage+`,"tagKeys":["sallyport:message-size","sallyport:frame-size","sallyport:binary","sallyport:idle-timeout","sallyport:connection-lifetime","sallyport:integration-timeout"]}`)
	if err := s.gateway.CatchUp(t.Context()); err != nil {
		t.Fatal(err)
	}
	ends(connect(), websocket.MessageText, large, 1009)
}
