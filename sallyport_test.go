//go:build !lambda.norpc

package sallyport_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/coder/websocket"

	"github.com/sallyport/sallyport"
	"github.com/sallyport/sallyport/wsapp"
)

// need skips a test whose program is not installed here.
func need(t *testing.T, program string) {
	t.Helper()
	if _, err := exec.LookPath(program); err != nil {
		if os.Getenv("CI") == "true" {
			t.Fatal(err)
		}
		t.Skipf("%s is not installed", program)
	}
}

// dial connects a client until the test ends.
func dial(t *testing.T, url string, header http.Header) *websocket.Conn {
	t.Helper()
	c, resp, err := websocket.Dial(t.Context(), url, &websocket.DialOptions{HTTPHeader: header})
	if err != nil {
		t.Fatalf("dial %s: %v (%+v)", url, err, resp)
	}
	t.Cleanup(func() { c.CloseNow() })
	return c
}

func send(t *testing.T, c *websocket.Conn, text string) {
	t.Helper()
	if err := c.Write(t.Context(), websocket.MessageText, []byte(text)); err != nil {
		t.Fatal(err)
	}
}

func receive(t *testing.T, c *websocket.Conn) string {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	_, data, err := c.Read(ctx)
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}

// newApp returns an app with replies, a broadcast and an authorizer.
func newApp() *wsapp.App {
	app := &wsapp.App{
		Name: "chat", Table: &wsapp.Table{}, IdentitySource: []string{"route.request.header.Token"},
		Authorizer: func(_ context.Context, e *wsapp.AuthorizerEvent) (wsapp.Identity, error) {
			switch e.Headers["Token"] {
			case "":
				return wsapp.Identity{}, wsapp.ErrUnauthorized
			case "bad":
				return wsapp.Identity{}, wsapp.ErrForbidden
			case "bug":
				panic("a bug")
			}
			return wsapp.Identity{Principal: e.Headers["Token"], Context: map[string]any{"level": 3}}, nil
		},
	}
	wsapp.Reply(app, "who", func(ctx context.Context, _ string) (string, error) {
		id, _ := wsapp.IdentityOf(ctx)
		return fmt.Sprint(id.Principal, " ", id.Context["level"]), nil
	})
	wsapp.On(app, "say", func(ctx context.Context, m struct{ Text string }) error {
		_, err := wsapp.Broadcast(ctx, m.Text, wsapp.ConnOf(ctx).ID())
		return err
	})
	wsapp.Reply(app, "info", func(ctx context.Context, e *wsapp.Event) (map[string]any, error) {
		info, err := wsapp.ConnOf(ctx).Info(ctx)
		return map[string]any{"ip": info.SourceIP, "domain": e.RequestContext.DomainName}, err
	})
	wsapp.Reply(app, "inline", func(_ context.Context, body string) (string, error) { return body, nil }).Inline = true
	return app
}

func TestApp(t *testing.T) {
	t.Parallel()
	app := newApp()
	s := sallyport.Test(t, sallyport.App(app))
	a := dial(t, s.URL(), http.Header{"Token": {"ann"}})
	b := dial(t, s.URL("chat"), http.Header{"Token": {"bob"}})
	for _, tt := range []struct{ send, want string }{
		{`{"action":"who"}`, "ann 3"},
		{`{"action":"inline"}`, `{"action":"inline"}`},
	} {
		send(t, a, tt.send)
		if got := receive(t, a); got != tt.want {
			t.Errorf("%s: got %s, want %s", tt.send, got, tt.want)
		}
	}
	if lines, err := s.Logs(t.Context(), "Nobody"); err == nil {
		t.Errorf("the log of no function is %v", lines)
	}
	if lines, err := s.Logs(t.Context(), "App"); err != nil {
		t.Errorf("the log of a function that has not written: %v, %v", lines, err)
	}
	send(t, a, `{"action":"info"}`)
	if got := receive(t, a); !strings.Contains(got, ".execute-api.us-east-1.amazonaws.com") || !strings.Contains(got, `"ip":"127.0.0.1"`) {
		t.Errorf("info = %s", got)
	}
	send(t, a, `{"action":"say","text":"hi"}`)
	if got := receive(t, b); got != "hi" {
		t.Errorf("got %q", got)
	}
	if d, err := wsapp.Broadcast(s.Context(t.Context(), app), "all"); err != nil || d.Sent != 2 {
		t.Errorf("%+v, %v", d, err)
	}
	for status, header := range map[int]http.Header{401: nil, 403: {"Token": {"bad"}}, 500: {"Token": {"bug"}}} {
		_, resp, err := websocket.Dial(t.Context(), s.URL(), &websocket.DialOptions{HTTPHeader: header})
		if err == nil || resp.StatusCode != status {
			t.Errorf("%v is answered with %+v, want %d", header, resp, status)
		}
	}
}

// A stage is found among more APIs than a page of them has.
func TestServer_URL(t *testing.T) {
	t.Parallel()
	s := sallyport.Test(t)
	for i := range 30 {
		var api struct{ APIID string }
		in := map[string]any{"name": fmt.Sprint("api", i), "protocolType": "WEBSOCKET", "routeSelectionExpression": "$request.body.action"}
		if err := s.Call(t.Context(), "apigatewayv2", "CreateApi", in, &api); err != nil {
			t.Fatal(err)
		}
		if err := s.Call(t.Context(), "apigatewayv2", "CreateStage", map[string]any{"apiId": api.APIID, "stageName": "prod"}, nil); err != nil {
			t.Fatal(err)
		}
	}
	for i := range 30 {
		if s.URL(fmt.Sprint("api", i)) == "" {
			t.Errorf("api%d has no URL", i)
		}
	}
}

// A template of Node functions: the server is three lines of the test.
func TestTemplate(t *testing.T) {
	t.Parallel()
	need(t, "node")
	s := sallyport.Test(t, sallyport.Template("examples/post"))
	c := dial(t, s.URL(), nil)
	send(t, c, `{"action":"post","data":"hello world"}`)
	if got := receive(t, c); got != "hello world" {
		t.Errorf("got %q", got)
	}
}

// An app of package wsapp as it runs on AWS: as a function's program, with a table.
func TestWorker(t *testing.T) {
	t.Parallel()
	if testing.Short() {
		t.Skip("builds a program")
	}
	s := sallyport.Test(t, sallyport.Template("examples/broadcast"))
	a, b := dial(t, s.URL(), nil), dial(t, s.URL(), nil)
	items, err := s.Table(t.Context(), "Connections")
	if err != nil || len(items) != 2 {
		t.Fatalf("%v, %v", items, err)
	}
	// Somebody whose $disconnect was lost.
	stale := map[string]any{"TableName": s.Resource("Connections"), "Item": map[string]any{"connectionID": map[string]any{"S": "XB4qEefu52ECKcw="}}}
	if err := s.Call(t.Context(), "dynamodb", "PutItem", stale, nil); err != nil {
		t.Fatal(err)
	}
	send(t, a, `{"message":"sendmessage","data":"hello world !"}`)
	for _, c := range []*websocket.Conn{a, b} {
		if got := receive(t, c); got != `"hello world !"` {
			t.Errorf("got %s", got)
		}
	}
	eventually(t, "two connections are left", func() bool {
		items, err = s.Table(t.Context(), "Connections")
		return err == nil && len(items) == 2
	})
	eventually(t, "the function's log", func() bool {
		lines, err := s.Logs(t.Context(), "App")
		if err != nil {
			t.Fatal(err)
		}
		return slices.ContainsFunc(lines, func(l string) bool { return strings.Contains(l, "sent to=2 stale=1") })
	})
	b.Close(websocket.StatusNormalClosure, "")
	eventually(t, "one connection is left", func() bool {
		items, err = s.Table(t.Context(), "Connections")
		return err == nil && len(items) == 1
	})
}

func eventually(t *testing.T, what string, f func() bool) {
	t.Helper()
	for deadline := time.Now().Add(time.Minute); !f(); time.Sleep(20 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("waited for: %s", what)
		}
	}
}

// The AWS tools of other languages get along with Env.
func TestEnv(t *testing.T) {
	t.Parallel()
	need(t, "python3")
	if exec.Command("python3", "-c", "import boto3").Run() != nil {
		t.Skip("boto3 is not installed")
	}
	s := sallyport.Test(t)
	cmd := exec.CommandContext(t.Context(), "python3", "-c", `import boto3; print(boto3.client("sts").get_caller_identity()["Account"])`)
	cmd.Env = append(os.Environ(), s.Env()...)
	out, err := cmd.CombinedOutput()
	if err != nil || strings.TrimSpace(string(out)) != "000000000000" {
		t.Errorf("%s, %v", out, err)
	}
}

func TestStart(t *testing.T) {
	t.Parallel()
	t.Run("what is kept", func(t *testing.T) {
		dir := t.TempDir()
		for i := range 2 {
			s, err := sallyport.Start(t.Context(), sallyport.Data(dir), sallyport.App(newApp()))
			if err != nil {
				t.Fatal(err)
			}
			first := s.Credentials()
			if i == 1 && first.AccessKeyID == "" || s.URL() == "" {
				t.Errorf("%+v %s", first, s.URL())
			}
			if err := s.Close(); err != nil {
				t.Error(err)
			}
		}
	})
	t.Run("no template", func(t *testing.T) {
		if _, err := sallyport.Start(t.Context(), sallyport.Template(filepath.Join(t.TempDir(), "none"))); err == nil || !strings.Contains(err.Error(), "does not exist") {
			t.Errorf("Start = %v", err)
		}
	})
	t.Run("no app", func(t *testing.T) {
		if _, err := sallyport.Start(t.Context(), sallyport.App(&wsapp.App{Name: "empty"})); err == nil || !strings.Contains(err.Error(), "has no routes") {
			t.Errorf("Start = %v", err)
		}
	})
	t.Run("in-process invocation", func(t *testing.T) {
		s := sallyport.Test(t, sallyport.App(newApp()))
		var out struct{ Payload json.RawMessage }
		event := map[string]any{"type": "REQUEST", "methodArn": "arn:x", "headers": map[string]string{"Token": "ann"}}
		if err := s.Call(t.Context(), "lambda", "Invoke", map[string]any{"FunctionName": "chat-App", "Payload": event}, &out); err != nil {
			t.Fatal(err)
		}
		if !bytes.Contains(out.Payload, []byte(`"principalId":"ann"`)) {
			t.Errorf("%s", out.Payload)
		}
	})
}
