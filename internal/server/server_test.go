package server

import (
	"context"
	"encoding/json"
	"net/http"
	"strings"
	"testing"
	"time"

	natsserver "github.com/nats-io/nats-server/v2/server"
)

// run runs a server until the test, or stop, ends it.
func run(t *testing.T, cfg Config) (s *Server, stop func()) {
	t.Helper()
	cfg.Listen = "127.0.0.1:0"
	s, err := New(t.Context(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- s.Run(ctx) }()
	stopped := false
	stop = func() {
		if stopped {
			return
		}
		stopped = true
		cancel()
		if err := <-done; err != nil {
			t.Errorf("Run = %v", err)
		}
	}
	t.Cleanup(stop)
	select {
	case <-s.Ready():
	case err := <-done:
		t.Fatalf("Run = %v", err)
	case <-time.After(2 * time.Minute):
		t.Fatal("the server does not get ready")
	}
	return s, stop
}

func external(t *testing.T) (url string) {
	t.Helper()
	ns, err := natsserver.NewServer(&natsserver.Options{Host: "127.0.0.1", Port: -1, JetStream: true, StoreDir: t.TempDir(), NoSigs: true})
	if err != nil {
		t.Fatal(err)
	}
	go ns.Start()
	t.Cleanup(func() {
		ns.Shutdown()
		ns.WaitForShutdown()
	})
	if !ns.ReadyForConnections(time.Minute) {
		t.Fatal("the NATS server does not get ready")
	}
	return ns.ClientURL()
}

// TestServer keeps what was made over a restart, on the embedded engine and on an external one.
func TestServer_CP092(t *testing.T) {
	for _, tt := range []struct {
		name   string
		config func(t *testing.T) Config
	}{
		{"embedded", func(t *testing.T) Config { return Config{Data: t.TempDir()} }},
		{"external", func(t *testing.T) Config { return Config{Data: t.TempDir(), NATS: external(t)} }},
	} {
		t.Run(tt.name, func(t *testing.T) {
			cfg := tt.config(t)
			s, stop := run(t, cfg)
			key, fresh := s.Credentials()
			if !fresh {
				t.Error("the first start has made no key")
			}
			made := call(t, s, "apigatewayv2", "CreateApi", `{"name":"a","protocolType":"WEBSOCKET","routeSelectionExpression":"$request.body.action"}`)
			stop()

			s, _ = run(t, cfg)
			if again, fresh := s.Credentials(); fresh || again != key {
				t.Error("the second start has another key")
			}
			got := call(t, s, "apigatewayv2", "GetApi", `{"apiId":"`+made["apiId"].(string)+`"}`)
			if got["apiEndpoint"] != made["apiEndpoint"] {
				t.Errorf("after the restart the API is %v, was %v", got, made)
			}
		})
	}
}

func call(t *testing.T, s *Server, service, operation, in string) map[string]any {
	t.Helper()
	out, err := s.Call(t.Context(), service, operation, []byte(in))
	if err != nil {
		t.Fatalf("%s: %v", operation, err)
	}
	var answer map[string]any
	if err := json.Unmarshal(out, &answer); err != nil {
		t.Fatal(err)
	}
	return answer
}

func TestOwn_AU087(t *testing.T) {
	s, _ := run(t, Config{Data: t.TempDir()})
	for path, want := range map[string]int{"health": http.StatusOK, "status": http.StatusForbidden, "nothing": http.StatusNotFound} {
		res, err := http.Get(s.Endpoint() + "/_sallyport/" + path)
		if err != nil {
			t.Fatal(err)
		}
		res.Body.Close()
		if res.StatusCode != want {
			t.Errorf("unsigned GET of %s: %d, want %d", path, res.StatusCode, want)
		}
	}
}

func TestNew_refusals(t *testing.T) {
	s, _ := run(t, Config{Data: t.TempDir()})
	for _, tt := range []struct {
		name string
		cfg  Config
		want string
	}{
		{"port in use", Config{Data: t.TempDir(), Listen: s.local()}, "is in use"},
		{"no such address", Config{Data: t.TempDir(), Listen: "203.0.113.1:0"}, "listen on 203.0.113.1:0"},
		{"data in use", Config{Data: s.cfg.Data, Listen: "127.0.0.1:0"}, "process"},
		{"no NATS there", Config{Data: t.TempDir(), Listen: "127.0.0.1:0", NATS: "nats://127.0.0.1:1"}, "connect to NATS"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			other, err := New(t.Context(), tt.cfg)
			if err == nil {
				other.Close()
				t.Fatal("New succeeded")
			}
			if !strings.Contains(err.Error(), tt.want) {
				t.Errorf("error = %v; want %q in it", err, tt.want)
			}
		})
	}
}

func TestNames(t *testing.T) {
	s := &Server{}
	for host, want := range map[string]bool{
		"dynamodb.us-east-1.amazonaws.com":                true,
		"q7d3k9x2ab.execute-api.eu-west-1.amazonaws.com":  true,
		"Q7D3K9X2AB.EXECUTE-API.eu-west-1.AMAZONAWS.COM.": true,
		"example.com":               false,
		"amazonaws.com.example.com": false,
	} {
		if got := s.isOurs(host); got != want {
			t.Errorf("isOurs(%q) = %t, want %t", host, got, want)
		}
	}
}
