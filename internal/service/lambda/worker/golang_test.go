package worker

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

const goFunction = `package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"time"

	"github.com/aws/aws-lambda-go/lambda"
	"github.com/aws/aws-lambda-go/lambdacontext"
)

type event struct {
	Fail, Panic bool
	Exit, Sleep int
	N           int
}

func main() {
	fmt.Println("loading")
	lambda.Start(func(ctx context.Context, e event) (any, error) {
		lc, _ := lambdacontext.FromContext(ctx)
		fmt.Println("hello")
		time.Sleep(time.Duration(e.Sleep) * time.Second)
		switch {
		case e.Fail:
			return nil, errors.New("Error: some_error_msg")
		case e.Panic:
			panic("oh")
		case e.Exit > 0:
			os.Exit(e.Exit)
		}
		deadline, _ := ctx.Deadline()
		return map[string]any{"n": e.N + 1, "id": lc.AwsRequestID, "arn": lc.InvokedFunctionArn, "left": time.Until(deadline) > 20*time.Second && time.Until(deadline) <= time.Minute}, nil
	})
}
`

const goTrivial = `package main

import (
	"context"

	"github.com/aws/aws-lambda-go/events"
	"github.com/aws/aws-lambda-go/lambda"
)

func main() {
	lambda.Start(func(ctx context.Context, e events.APIGatewayWebsocketProxyRequest) (events.APIGatewayProxyResponse, error) {
		return events.APIGatewayProxyResponse{StatusCode: 200, Body: "ok"}, nil
	})
}
`

// goBinary builds the function with a version of AWS's library.
func goBinary(t *testing.T, version string) string {
	t.Helper()
	return buildGo(t, version, goFunction)
}

func buildGo(t testing.TB, version, source string) string {
	t.Helper()
	need(t, "go")
	dir := code(t, "main.go", source, "go.mod", "module fn\n\ngo 1.21\n\nrequire github.com/aws/aws-lambda-go "+version+"\n")
	out := t.TempDir()
	cmd := exec.Command("go", "build", "-mod=mod", "-o", filepath.Join(out, "bootstrap"), ".")
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), "GOFLAGS=", "GOWORK=off", "CGO_ENABLED=0")
	if b, err := cmd.CombinedOutput(); err != nil {
		if os.Getenv("CI") != "true" && strings.Contains(string(b), "dial tcp") {
			t.Skipf("the Go module proxy cannot be reached: %s", b)
		}
		t.Fatalf("go build: %v\n%s", err, b)
	}
	return out
}

func TestGo_LA055(t *testing.T) {
	p := startPool(t, Options{})
	for _, tt := range []struct{ runtime, version string }{
		{"provided.al2023", "v1.55.1"},
		{"provided.al2", "v1.55.1"},
		{"go1.x", "v1.55.1"},
		{"go1.x", "v1.13.3"}, // speaks net/rpc only
	} {
		t.Run(tt.runtime+" "+tt.version, func(t *testing.T) {
			s, sink := spec(t, tt.runtime, "bootstrap", goBinary(t, tt.version))
			for n := range 3 {
				r, err := p.Invoke(t.Context(), s, Invocation{RequestID: "r-1", FunctionARN: "arn:f", Payload: []byte(`{"N":1}`)})
				if want := `{"arn":"arn:f","id":"r-1","left":true,"n":2}`; err != nil || string(r.Payload) != want {
					t.Fatalf("result %d = %s, %v, want %s\n%q", n, r.Payload, err, want, sink.lines())
				}
			}
			r, _ := fails(t, p, s, `{"Fail":true}`, "errorString", "Error: some_error_msg")
			if string(r.Payload) != `{"errorMessage":"Error: some_error_msg","errorType":"errorString"}` {
				t.Errorf("payload = %s", r.Payload)
			}
			r = invoke(t, p, s, `{"Panic":true}`)
			var f struct {
				Type       string `json:"errorType"`
				Message    string `json:"errorMessage"`
				StackTrace []struct {
					Path, Label string
					Line        int
				} `json:"stackTrace"`
			}
			if err := json.Unmarshal(r.Payload, &f); err != nil || f.Type != "string" || f.Message != "oh" || len(f.StackTrace) == 0 || f.StackTrace[0].Line == 0 {
				t.Errorf("panic = %s, %v", r.Payload, err)
			}
			fails(t, p, s, `{"Exit":3}`, "Runtime.ExitError", "RequestId: <id> Error: Runtime exited with error: exit status 3")
			if all, idle := p.Processes(s.ID); idle > all {
				t.Errorf("%d processes, %d idle", all, idle)
			}
			if l, ok := sink.find("hello"); !ok || l != "hello" {
				t.Errorf("log = %q", sink.lines())
			}
			s, _ = spec(t, tt.runtime, "bootstrap", s.CodeDir)
			s.ID += "short"
			s.Timeout = time.Second
			fails(t, p, s, `{"Sleep":5}`, "Sandbox.Timedout", "RequestId: <id> Error: Task timed out after 1.00 seconds")
		})
	}
}

func TestProvided_LA054(t *testing.T) {
	p := startPool(t, Options{})
	t.Run("without a bootstrap", func(t *testing.T) {
		s, _ := spec(t, "provided.al2023", "x", t.TempDir())
		fails(t, p, s, `{}`, "Runtime.InvalidEntrypoint", "RequestId: <id> Error: Couldn't find valid bootstrap(s): [/var/task/bootstrap /opt/bootstrap]")
	})
	t.Run("bootstrap that is not executable", func(t *testing.T) {
		dir := code(t, "bootstrap", "#!/bin/sh\n")
		if err := os.Chmod(filepath.Join(dir, "bootstrap"), 0o644); err != nil {
			t.Fatal(err)
		}
		s, _ := spec(t, "provided.al2023", "x", dir)
		fails(t, p, s, `{}`, "Runtime.InvalidEntrypoint", "RequestId: <id> Error: fork/exec /var/task/bootstrap: permission denied")
	})
	t.Run("binary of another machine", func(t *testing.T) {
		s, _ := spec(t, "provided.al2023", "x", code(t, "bootstrap", "\x7fELF\x02\x01\x01"+strings.Repeat("\x00", 100)))
		fails(t, p, s, `{}`, "Runtime.InvalidEntrypoint", "RequestId: <id> Error: fork/exec /var/task/bootstrap: exec format error")
	})
	t.Run("unknown command", func(t *testing.T) {
		s, _ := spec(t, "provided.al2023", "x", code(t, "bootstrap", "#!/bin/sh\nnope-nope\n"))
		fails(t, p, s, `{}`, "Runtime.ExitError", "RequestId: <id> Error: Runtime exited with error: exit status 127")
	})
	t.Run("shell script", func(t *testing.T) {
		need(t, "curl")
		s, sink := spec(t, "provided.al2023", "fn.hello", code(t, "bootstrap", `#!/bin/sh
set -eu
cd "$LAMBDA_TASK_ROOT"
while true; do
  headers=$(mktemp)
  event=$(curl -sS -D "$headers" "http://$AWS_LAMBDA_RUNTIME_API/2018-06-01/runtime/invocation/next")
  id=$(grep -i Lambda-Runtime-Aws-Request-Id "$headers" | tr -d '[:space:]' | cut -d: -f2)
  rm "$headers"
  echo "handling $_HANDLER" >&2
  curl -sS "http://$AWS_LAMBDA_RUNTIME_API/2018-06-01/runtime/invocation/$id/response" -d "{\"event\":$event}" >/dev/null
done
`))
		succeeds(t, p, s, `{"a":1}`, `{"event":{"a":1}}`)
		succeeds(t, p, s, `{"a":2}`, `{"event":{"a":2}}`)
		if _, ok := sink.find("handling fn.hello"); !ok {
			t.Errorf("log = %q", sink.lines())
		}
	})
	t.Run("bootstrap of a layer", func(t *testing.T) {
		s, _ := spec(t, "provided.al2023", "x", t.TempDir())
		s.LayerDir = code(t, "bootstrap", "#!/bin/sh\nexit 5\n")
		fails(t, p, s, `{}`, "Runtime.ExitError", "RequestId: <id> Error: Runtime exited with error: exit status 5")
	})
	t.Run("unknown runtime", func(t *testing.T) {
		s, _ := spec(t, "java21", "x", t.TempDir())
		fails(t, p, s, `{}`, "Runtime.NotInstalled", "RequestId: <id> Error: java21 is not a runtime that Sallyport runs: it runs nodejs, python, provided and go1.x")
	})
}

func TestGo_NotStarted(t *testing.T) {
	p := startPool(t, Options{})
	s, _ := spec(t, "go1.x", "main", code(t, "main", "text"))
	fails(t, p, s, `{}`, "Runtime.InvalidEntrypoint", "RequestId: <id> Error: fork/exec /var/task/main: permission denied")
	s, _ = spec(t, "go1.x", "gone", s.CodeDir)
	s.ID += "gone"
	fails(t, p, s, `{}`, "Runtime.InvalidEntrypoint", "RequestId: <id> Error: fork/exec /var/task/gone: no such file or directory")
}

// TestGo_Evict has two functions take turns where there is room for one process: that which has answered makes room at once, also
// before it has asked for more work.
func TestGo_Evict(t *testing.T) {
	need(t, "go")
	p := startPool(t, Options{MaxProcesses: 1})
	dir := buildGo(t, "v1.55.1", goTrivial)
	a, _ := spec(t, "provided.al2023", "x", dir)
	b, _ := spec(t, "provided.al2023", "x", dir)
	b.ID += "b"
	for i := range 20 {
		for _, s := range []*Spec{a, b} {
			if r, err := p.Invoke(t.Context(), s, Invocation{}); err != nil || r.FunctionError != "" {
				t.Fatalf("turn %d: %s, %v", i, r.Payload, err)
			}
		}
	}
}

// TestEvict_Settling looks at the moment between an answer and the time when the process is idle: it can be evicted, and then takes
// no other request.
func TestEvict_Settling(t *testing.T) {
	p := New(Options{MaxProcesses: 1})
	s, _ := spec(t, "provided.al2023", "x", t.TempDir())
	gone := make(chan struct{})
	close(gone)
	e := &environment{pool: p, group: p.group(s), spec: s, gone: gone}
	e.group.busy = 1
	p.live[e] = struct{}{}
	p.settle(e)
	p.mu.Lock()
	evicted := p.evict()
	p.mu.Unlock()
	if !evicted {
		t.Fatal("a process that has answered does not make room")
	}
	p.free(e, true)
	if g := e.group; len(g.idle) != 0 || g.busy != 0 || g.settling != 0 {
		t.Errorf("after its end: %d idle, %d busy, %d settling", len(g.idle), g.busy, g.settling)
	}
}
