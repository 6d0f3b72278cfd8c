package lambda

import (
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// TestCommand drives the service with the aws command: what it sends is understood, and it understands what it gets.
func TestCommand(t *testing.T) {
	need(t, "aws")
	need(t, "node")
	s := start(t, nil)
	endpoint := httptest.NewServer(s.handler)
	defer endpoint.Close()
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "fn.zip"), node(t, "async (e) => ({ got: e })"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "event.json"), []byte(`{"a":1}`), 0o600); err != nil {
		t.Fatal(err)
	}
	aws := func(want string, args ...string) {
		t.Helper()
		cmd := exec.Command("aws", append([]string{"lambda", "--output", "json"}, args...)...)
		cmd.Dir = dir
		cmd.Env = append(os.Environ(), "AWS_ENDPOINT_URL="+endpoint.URL, "AWS_ACCESS_KEY_ID=AKID"+account, "AWS_SECRET_ACCESS_KEY="+secret,
			"AWS_REGION="+region, "AWS_DEFAULT_REGION="+region, "AWS_CONFIG_FILE="+dir+"/none", "AWS_SHARED_CREDENTIALS_FILE="+dir+"/none", "AWS_PAGER=", "AWS_MAX_ATTEMPTS=1", "AWS_EC2_METADATA_DISABLED=true")
		out, err := cmd.CombinedOutput()
		if err != nil || !strings.Contains(string(out), want) {
			t.Fatalf("aws lambda %s: %v\n%s\nwant %s", strings.Join(args, " "), err, out, want)
		}
	}
	aws(`"State": "Pending"`, "create-function", "--function-name", "fn", "--runtime", "nodejs20.x", "--handler", "index.handler", "--role", role, "--zip-file", "fileb://fn.zip")
	aws("", "wait", "function-active-v2", "--function-name", "fn")
	aws(`"LastUpdateStatus": "InProgress"`, "update-function-configuration", "--function-name", "fn", "--timeout", "9")
	aws("", "wait", "function-updated-v2", "--function-name", "fn")
	aws(`"StatusCode": 200`, "invoke", "--function-name", arnFn+"fn", "--payload", "fileb://event.json", "out.json")
	if out, err := os.ReadFile(filepath.Join(dir, "out.json")); err != nil || !strings.HasPrefix(string(out), `{"got":{"a":1}}`) {
		t.Errorf("%s %v", out, err)
	}
	aws(`"Statement"`, "add-permission", "--function-name", "fn", "--statement-id", "s", "--action", "lambda:InvokeFunction", "--principal", "apigateway.amazonaws.com", "--source-arn", executeAPI+"api/*")
	aws(`"LayerVersionArn": "`+arnLayer+`lib:1"`, "publish-layer-version", "--layer-name", "lib", "--zip-file", "fileb://fn.zip")
	aws(`"LayerArn"`, "list-layers")
	aws(`"FunctionName": "fn"`, "list-functions")
	aws("", "delete-function", "--function-name", "fn")
}
