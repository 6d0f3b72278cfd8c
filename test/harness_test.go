// Package test drives the binary as its users do: with AWS's SDKs and command line, with WebSocket clients of all kinds, with a
// browser, and with accidents. `make test` builds the binary and names it in SALLYPORT.
package test

import (
	"bytes"
	"encoding/json"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// patience is how long a test waits for another process.
const patience = 3 * time.Minute

// A server is a running sallyport process.
type server struct {
	t    *testing.T
	cmd  *exec.Cmd
	env  []string
	out  *lockedBuffer
	done chan struct{}

	Endpoint    string
	CAFile      string
	Credentials struct{ AccessKeyID, SecretAccessKey string }
	Outputs     map[string]string
	APIs        []struct{ APIID, Name, Stage, URL string }
}

// lockedBuffer is what a process printed so far.
type lockedBuffer struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (b *lockedBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.Write(p)
}

func (b *lockedBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.String()
}

func binary(t *testing.T) string {
	t.Helper()
	name := os.Getenv("SALLYPORT")
	if name == "" {
		name, _ = filepath.Abs("../bin/sallyport")
	}
	if _, err := os.Stat(name); err != nil {
		t.Fatalf("no binary to test: %v (make test builds it)", err)
	}
	return name
}

func example(name string) string {
	path, err := filepath.Abs(filepath.Join("..", "examples", name))
	if err != nil {
		panic(err)
	}
	return path
}

// environment keeps what a server leaves for other commands inside dir.
func environment(dir string) []string {
	return append(os.Environ(), "XDG_CONFIG_HOME="+filepath.Join(dir, "config"), "XDG_DATA_HOME="+filepath.Join(dir, "share"))
}

// launch starts a server in dir and does not wait for it.
func launch(t *testing.T, dir string, args ...string) *server {
	t.Helper()
	s := &server{t: t, env: environment(dir), out: new(lockedBuffer), done: make(chan struct{})}
	s.cmd = exec.Command(binary(t), append(args, "--ready-file", filepath.Join(dir, "ready.json"))...)
	s.cmd.Env = s.env
	s.cmd.Stdout, s.cmd.Stderr = s.out, s.out
	_ = os.Remove(filepath.Join(dir, "ready.json"))
	if err := s.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	go func() {
		defer close(s.done)
		_ = s.cmd.Wait()
	}()
	t.Cleanup(func() { s.stop(os.Interrupt) })
	return s
}

// start starts a server in dir and waits until it is ready.
func start(t *testing.T, dir string, args ...string) *server {
	t.Helper()
	s := launch(t, dir, args...)
	for deadline := time.Now().Add(patience); ; time.Sleep(10 * time.Millisecond) {
		data, err := os.ReadFile(filepath.Join(dir, "ready.json"))
		if err == nil {
			if err := json.Unmarshal(data, s); err != nil {
				t.Fatal(err)
			}
			return s
		}
		select {
		case <-s.done:
			t.Fatalf("sallyport %s ended:\n%s", strings.Join(args, " "), s.out.String())
		default:
		}
		if time.Now().After(deadline) {
			t.Fatalf("sallyport %s was not ready in time:\n%s", strings.Join(args, " "), s.out.String())
		}
	}
}

// serve starts a server without apps.
func serve(t *testing.T, dir string, args ...string) *server {
	t.Helper()
	return start(t, dir, append([]string{"serve", "--listen", "127.0.0.1:0", "--data", filepath.Join(dir, "data")}, args...)...)
}

// dev runs an app.
func dev(t *testing.T, dir, app string, args ...string) *server {
	t.Helper()
	return start(t, dir, append([]string{"dev", app, "--port", "0", "--no-watch", "--data", filepath.Join(dir, "data")}, args...)...)
}

// stop sends a signal and waits for the end.
func (s *server) stop(signal os.Signal) {
	s.t.Helper()
	_ = s.cmd.Process.Signal(signal)
	select {
	case <-s.done:
	case <-time.After(patience):
		_ = s.cmd.Process.Signal(syscall.SIGKILL)
		<-s.done
		s.t.Errorf("the server did not stop:\n%s", s.out.String())
	}
}

// run runs a sallyport command against the server and returns its output.
func (s *server) run(args ...string) (string, error) {
	cmd := exec.Command(s.cmd.Path, args...)
	cmd.Env = s.env
	out, err := cmd.CombinedOutput()
	return string(out), err
}

// aws runs the AWS command line against the server.
func (s *server) aws(args ...string) (string, error) {
	cmd := exec.Command("aws", args...)
	cmd.Env = append(os.Environ(), "AWS_ENDPOINT_URL="+s.Endpoint, "AWS_ACCESS_KEY_ID="+s.Credentials.AccessKeyID,
		"AWS_SECRET_ACCESS_KEY="+s.Credentials.SecretAccessKey, "AWS_REGION=us-east-1", "AWS_DEFAULT_REGION=us-east-1", "AWS_PAGER=", "AWS_CLI_FILE_ENCODING=UTF-8")
	out, err := cmd.CombinedOutput()
	return string(out), err
}

// socket returns the address of the only stage with another scheme.
func (s *server) socket(scheme string) string {
	s.t.Helper()
	if len(s.APIs) != 1 {
		s.t.Fatalf("the server has %d stages, not one", len(s.APIs))
	}
	u, err := url.Parse(s.APIs[0].URL)
	if err != nil {
		s.t.Fatal(err)
	}
	u.Scheme = scheme
	return u.String()
}

// need skips the test when a program is missing, but fails it in CI.
func need(t *testing.T, programs ...string) {
	t.Helper()
	for _, p := range programs {
		if _, err := exec.LookPath(p); err != nil {
			if os.Getenv("CI") == "true" {
				t.Fatalf("%s is not installed", p)
			}
			t.Skipf("%s is not installed", p)
		}
	}
}

// eventually repeats f until it is true.
func eventually(t *testing.T, what string, f func() bool) {
	t.Helper()
	for deadline := time.Now().Add(patience); time.Now().Before(deadline); time.Sleep(20 * time.Millisecond) {
		if f() {
			return
		}
	}
	t.Fatal(what)
}

func mustContain(t *testing.T, what, text string, parts ...string) {
	t.Helper()
	for _, p := range parts {
		if !strings.Contains(text, p) {
			t.Errorf("%s: %q is not in:\n%s", what, p, text)
		}
	}
}
