package worker

import (
	"context"
	"encoding/json"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/sallyport/sallyport/internal/service/lambda/runtime"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) {
	if dir := os.Getenv("WORKER_TEST_ORPHAN"); dir != "" {
		orphanServer(dir)
		return
	}
	goleak.VerifyTestMain(m)
}

// A logSink keeps what a function logs.
type logSink struct {
	mu     sync.Mutex
	events []logEvent
}

type logEvent struct{ group, stream, line string }

func (s *logSink) Append(_ context.Context, group, stream string, _ time.Time, lines ...string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, l := range lines {
		s.events = append(s.events, logEvent{group, stream, l})
	}
}

func (s *logSink) lines() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	var out []string
	for _, e := range s.events {
		out = append(out, e.line)
	}
	return out
}

// find returns the first line that contains part.
func (s *logSink) find(part string) (string, bool) {
	for _, l := range s.lines() {
		if strings.Contains(l, part) {
			return l, true
		}
	}
	return "", false
}

// startPool runs a pool until the test ends.
func startPool(t testing.TB, opts Options) *Pool {
	t.Helper()
	if opts.Log == nil {
		opts.Log = slog.New(slog.NewTextHandler(t.Output(), &slog.HandlerOptions{Level: slog.LevelInfo}))
	}
	opts.Runtimes = runtime.New(runtime.Options{Dir: t.TempDir()})
	p := New(opts)
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- p.Run(ctx) }()
	t.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
		if n := len(p.live); n != 0 {
			t.Errorf("%d processes are left", n)
		}
	})
	return p
}

// need skips the test when a program is missing, except in CI.
func need(t testing.TB, program string) string {
	t.Helper()
	path, err := exec.LookPath(program)
	if err != nil {
		if os.Getenv("CI") == "true" {
			t.Fatalf("%s is missing", program)
		}
		t.Skipf("%s is missing", program)
	}
	return path
}

// code writes a function's files: names and contents by turns. A bootstrap becomes executable.
func code(t testing.TB, files ...string) string {
	t.Helper()
	dir := t.TempDir()
	for i := 0; i < len(files); i += 2 {
		path := filepath.Join(dir, files[i])
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		mode := os.FileMode(0o644)
		if filepath.Base(path) == "bootstrap" {
			mode = 0o755
		}
		if err := os.WriteFile(path, []byte(files[i+1]), mode); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

// spec describes a function in dir, with a log of its own.
func spec(t testing.TB, runtimeName, handler, dir string) (*Spec, *logSink) {
	t.Helper()
	sink := &logSink{}
	return &Spec{
		ID: t.Name(), Account: "000000000000", Region: "us-east-1", FunctionName: "fn", Runtime: runtimeName, Handler: handler, CodeDir: dir,
		Timeout: time.Minute, Logs: sink,
	}, sink
}

func invoke(t testing.TB, p *Pool, s *Spec, event string) Result {
	t.Helper()
	r, err := p.Invoke(t.Context(), s, Invocation{Payload: []byte(event), Tail: true})
	if err != nil {
		t.Fatalf("invoke: %v", err)
	}
	return r
}

// succeeds invokes and expects a result.
func succeeds(t testing.TB, p *Pool, s *Spec, event, want string) Result {
	t.Helper()
	r := invoke(t, p, s, event)
	if r.FunctionError != "" || string(r.Payload) != want {
		t.Fatalf("result = %s %q, want %s\nlog:\n%s", r.Payload, r.FunctionError, want, r.LogTail)
	}
	return r
}

// A failureBody is the payload of a failed request.
type failureBody struct {
	Type       string   `json:"errorType"`
	Message    string   `json:"errorMessage"`
	RequestID  *string  `json:"requestId"`
	StackTrace []string `json:"stackTrace"`
	Trace      []string `json:"trace"`
}

// fails invokes and expects a failure.
func fails(t testing.TB, p *Pool, s *Spec, event, wantType, wantMessage string) (Result, failureBody) {
	t.Helper()
	r := invoke(t, p, s, event)
	var f failureBody
	if err := json.Unmarshal(r.Payload, &f); err != nil {
		t.Fatalf("payload %s: %v", r.Payload, err)
	}
	wantMessage = strings.ReplaceAll(wantMessage, "<id>", r.RequestID)
	if r.FunctionError != "Unhandled" || f.Type != wantType || f.Message != wantMessage {
		t.Fatalf("failure = %q %s\nwant %s %q\nlog:\n%s", r.FunctionError, r.Payload, wantType, wantMessage, r.LogTail)
	}
	return r, f
}
