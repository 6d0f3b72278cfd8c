package test

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/coder/websocket"
)

const postMessage = `{"action":"post","data":"hello world"}`

// TestClients has clients of all kinds talk to one app, plain and over TLS on the same port.
func TestClients(t *testing.T) {
	need(t, "node", "npm")
	s := dev(t, t.TempDir(), example("post"))

	for _, scheme := range []string{"ws", "wss"} {
		t.Run("coder_websocket_"+scheme, func(t *testing.T) {
			if got := ask(t, s, s.socket(scheme), postMessage); got != "hello world" {
				t.Errorf("got %q", got)
			}
		})
	}
	packages := install(t)
	for _, scheme := range []string{"ws", "wss"} {
		t.Run("wscat_"+scheme, func(t *testing.T) {
			keyboard, typist, err := os.Pipe() // wscat leaves when its input ends
			if err != nil {
				t.Fatal(err)
			}
			defer typist.Close()
			defer keyboard.Close()
			eventually(t, "wscat gets no answer within three seconds", func() bool {
				cmd := exec.Command("node", filepath.Join(packages, "node_modules", "wscat", "bin", "wscat"), "-c", s.socket(scheme), "-x", postMessage, "-w", "3")
				cmd.Env = append(os.Environ(), "NODE_EXTRA_CA_CERTS="+s.CAFile)
				cmd.Stdin = keyboard
				out, err := cmd.CombinedOutput()
				if err != nil {
					t.Fatalf("wscat: %v\n%s", err, out)
				}
				return strings.Contains(string(out), "hello world")
			})
		})
	}
	for _, scheme := range []string{"ws", "wss"} {
		t.Run("browser_"+scheme, func(t *testing.T) {
			need(t, "chromium")
			cmd := exec.Command("node", "browser.mjs", s.socket(scheme), postMessage)
			cmd.Env = append(os.Environ(), "NODE_PATH="+filepath.Join(packages, "node_modules"), "PLAYWRIGHT="+filepath.Join(packages, "node_modules", "playwright-core", "index.mjs"))
			out, err := cmd.CombinedOutput()
			if err != nil || !strings.Contains(string(out), "hello world") {
				t.Errorf("browser: %v\n%s", err, out)
			}
		})
	}
}

// ask connects, sends a message and returns the first answer.
func ask(t *testing.T, s *server, address, message string) string {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	c := connect(ctx, t, s, address)
	defer c.CloseNow()
	if err := c.Write(ctx, websocket.MessageText, []byte(message)); err != nil {
		t.Fatal(err)
	}
	_, data, err := c.Read(ctx)
	if err != nil {
		t.Fatalf("read answer: %v\n%s", err, s.out.String())
	}
	return string(data)
}

// connect opens a WebSocket that trusts the server's authority and nobody else.
func connect(ctx context.Context, t *testing.T, s *server, address string) *websocket.Conn {
	t.Helper()
	ca, err := os.ReadFile(s.CAFile)
	if err != nil {
		t.Fatal(err)
	}
	pool := x509.NewCertPool()
	pool.AppendCertsFromPEM(ca)
	c, _, err := websocket.Dial(ctx, address, &websocket.DialOptions{
		HTTPClient: &http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{RootCAs: pool}}},
	})
	if err != nil {
		t.Fatalf("connect to %s: %v\n%s", address, err, s.out.String())
	}
	return c
}

// install fetches the clients that tests use once into the user's cache.
func install(t *testing.T) (dir string) {
	t.Helper()
	return installed(t, "test-clients", "wscat@6.1.0", "playwright-core@1.56.1")
}

// installed returns a folder with packages of npm, which are kept for the next time.
func installed(t *testing.T, name string, packages ...string) (dir string) {
	t.Helper()
	cache, err := os.UserCacheDir()
	if err != nil {
		t.Fatal(err)
	}
	dir = filepath.Join(cache, "sallyport", name)
	if err := os.MkdirAll(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, "npm", append([]string{"install", "--prefix", dir, "--no-audit", "--no-fund", "--prefer-offline"}, packages...)...)
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("npm install: %v\n%s", err, out)
	}
	return dir
}
