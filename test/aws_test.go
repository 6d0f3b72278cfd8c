package test

import (
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/coder/websocket"
)

// TestServe deploys to a server that verifies signatures, and drives it with the AWS command line.
func TestServe(t *testing.T) {
	need(t, "aws")
	dir := t.TempDir()
	s := serve(t, dir)

	if out, err := s.run("deploy", example("chat")); err != nil {
		t.Fatalf("deploy: %v\n%s", err, out)
	}
	t.Run("apigatewayv2 get-apis CP-084", func(t *testing.T) {
		out, err := s.aws("apigatewayv2", "get-apis", "--query", "Items[].[Name,ProtocolType]", "--output", "text")
		if err != nil || strings.TrimSpace(out) != "chat\tWEBSOCKET" {
			t.Errorf("got %q, %v", out, err)
		}
	})
	apiID := output(t, s, "apigatewayv2", "get-apis", "--query", "Items[0].ApiId", "--output", "text")
	table := output(t, s, "dynamodb", "list-tables", "--query", "TableNames[0]", "--output", "text")

	c := connect(t.Context(), t, s, strings.Replace(s.Endpoint, "http", "ws", 1)+"/"+apiID+"/prod")
	defer c.CloseNow()
	id := ""
	t.Run("dynamodb scan", func(t *testing.T) {
		id = output(t, s, "dynamodb", "scan", "--table-name", table, "--query", "Items[0].connectionId.S", "--output", "text")
		if len(id) != 16 || !strings.HasSuffix(id, "=") {
			t.Errorf("the table holds %q, no connection id", id)
		}
	})
	t.Run("LA-064 a function's role signs for the table and the connections", func(t *testing.T) {
		if err := c.Write(t.Context(), websocket.MessageText, []byte(`{"action":"sendmessage","data":"hello"}`)); err != nil {
			t.Fatal(err)
		}
		if _, data, err := c.Read(t.Context()); err != nil || string(data) != "hello" {
			t.Errorf("the client got %q, %v", data, err)
		}
	})
	t.Run("apigatewaymanagementapi AU-006", func(t *testing.T) {
		endpoint := s.Endpoint + "/" + apiID + "/prod"
		if out, err := s.aws("apigatewaymanagementapi", "post-to-connection", "--endpoint-url", endpoint, "--connection-id", id, "--data", "pushed"); err != nil {
			t.Fatalf("post-to-connection: %v\n%s", err, out)
		}
		if _, data, err := c.Read(t.Context()); err != nil || string(data) != "pushed" {
			t.Errorf("the client got %q, %v", data, err)
		}
		out, err := s.aws("apigatewaymanagementapi", "get-connection", "--endpoint-url", endpoint, "--connection-id", id)
		if err != nil {
			t.Errorf("get-connection: %v", err)
		}
		mustContain(t, "get-connection", out, "ConnectedAt", "LastActiveAt", "SourceIp")
		if out, err := s.aws("apigatewaymanagementapi", "delete-connection", "--endpoint-url", endpoint, "--connection-id", id); err != nil {
			t.Errorf("delete-connection: %v\n%s", err, out)
		}
		if _, _, err := c.Read(t.Context()); websocket.CloseStatus(err) != websocket.StatusNormalClosure {
			t.Errorf("the client saw %v, want close code 1000", err)
		}
		out, err = s.aws("apigatewaymanagementapi", "post-to-connection", "--endpoint-url", endpoint, "--connection-id", id, "--data", "late")
		if err == nil {
			t.Error("posting to a closed connection succeeded")
		}
		mustContain(t, "error", out, "GoneException")
	})
	t.Run("lambda invoke", func(t *testing.T) {
		name := output(t, s, "lambda", "list-functions", "--query", "Functions[?Handler=='connect'].FunctionName", "--output", "text")
		file := filepath.Join(dir, "out.json")
		if out, err := s.aws("lambda", "invoke", "--function-name", name, "--payload", `{"requestContext":{"connectionId":"by-hand"}}`, file); err != nil {
			t.Fatalf("invoke: %v\n%s", err, out)
		}
		data, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		mustContain(t, "result", string(data), `"statusCode":200`)
	})
	t.Run("wrong and missing signatures are refused AU-022 AU-027", func(t *testing.T) {
		wrong := *s
		wrong.Credentials.SecretAccessKey = "wrong"
		for _, args := range [][]string{{"apigatewayv2", "get-apis"}, {"dynamodb", "list-tables"}, {"lambda", "list-functions"}} {
			out, err := wrong.aws(args...)
			if err == nil || !strings.Contains(out, "InvalidSignatureException") {
				t.Errorf("aws %s with a wrong secret: %v\n%s", args, err, out)
			}
		}
		unknown := *s
		unknown.Credentials.AccessKeyID = "AKIAIOSFODNN7EXAMPLE"
		if out, err := unknown.aws("dynamodb", "list-tables"); err == nil || !strings.Contains(out, "UnrecognizedClientException") {
			t.Errorf("with an unknown key: %v\n%s", err, out)
		}
		res, err := http.Get(s.Endpoint + "/v2/apis")
		if err != nil {
			t.Fatal(err)
		}
		res.Body.Close()
		if res.StatusCode != http.StatusForbidden {
			t.Errorf("an unsigned call got %d", res.StatusCode)
		}
		res, err = http.Post(s.Endpoint+"/"+apiID+"/prod/@connections/"+id, "", strings.NewReader("x"))
		if err != nil {
			t.Fatal(err)
		}
		res.Body.Close()
		if res.StatusCode != http.StatusForbidden {
			t.Errorf("an unsigned push got %d", res.StatusCode)
		}
	})
	t.Run("a change is deployed and the stack removed", func(t *testing.T) {
		out, err := s.run("deploy", example("chat"))
		if err != nil {
			t.Errorf("deploy again: %v\n%s", err, out)
		}
		mustContain(t, "second deployment", out, "nothing has changed")
		if out, err := s.run("delete", "chat"); err != nil {
			t.Errorf("delete: %v\n%s", err, out)
		}
		if out := output(t, s, "apigatewayv2", "get-apis", "--query", "length(Items)"); out != "0" {
			t.Errorf("%s APIs are left", out)
		}
	})
}

func output(t *testing.T, s *server, args ...string) string {
	t.Helper()
	out, err := s.aws(args...)
	if err != nil {
		t.Fatalf("aws %s: %v\n%s", strings.Join(args, " "), err, out)
	}
	return strings.TrimSpace(out)
}
