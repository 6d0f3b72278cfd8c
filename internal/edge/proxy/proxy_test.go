package proxy

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
)

// start serves a proxy to which host names ending in .ours belong; they answer one line.
func start(t *testing.T, outer *url.URL) (addr string) {
	t.Helper()
	p := &Proxy{
		Ours: func(host string) bool { return strings.HasSuffix(host, ".ours") },
		Serve: func(c net.Conn, read ...byte) {
			line, _ := bufio.NewReader(io.MultiReader(bytes.NewReader(read), c)).ReadString('\n')
			fmt.Fprintf(c, "here: %s", line)
			c.Close()
		},
		Outer: func(*http.Request) (*url.URL, error) { return outer, nil },
		Log:   slog.New(slog.DiscardHandler),
	}
	s := httptest.NewServer(p)
	t.Cleanup(s.Close)
	return s.Listener.Addr().String()
}

// tunnel asks proxy for target, writes a line in the same packet, and returns all that comes back.
func tunnel(t *testing.T, proxy, target string) string {
	t.Helper()
	c, err := net.Dial("tcp4", proxy)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	fmt.Fprintf(c, "CONNECT %s HTTP/1.1\r\nHost: %s\r\n\r\nhello\n", target, target)
	got, _ := io.ReadAll(c)
	return string(got)
}

// echo accepts connections that answer the first line they get.
func echo(t *testing.T) string {
	t.Helper()
	ln, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { ln.Close() })
	go func() {
		for {
			c, err := ln.Accept()
			if err != nil {
				return
			}
			line, _ := bufio.NewReader(c).ReadString('\n')
			fmt.Fprintf(c, "echo: %s", line)
			c.Close()
		}
	}()
	return ln.Addr().String()
}

func TestProxy(t *testing.T) {
	far := echo(t)
	direct := start(t, nil)
	chained := start(t, &url.URL{Scheme: "http", Host: direct})
	for _, tt := range []struct{ name, proxy, target, want string }{
		{"our name ends here", direct, "x.ours:443", "here: hello\n"},
		{"another host is reached", direct, far, "echo: hello\n"},
		{"another host is reached by the outer proxy", chained, far, "echo: hello\n"},
		{"an unreachable host", direct, "127.0.0.1:1", "502 Bad Gateway"},
		{"a target without port", direct, "x.ours", "400 Bad Request"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if got := tunnel(t, tt.proxy, tt.target); !strings.Contains(got, tt.want) {
				t.Errorf("CONNECT %s: got %q, want %q in it", tt.target, got, tt.want)
			}
		})
	}
}

func TestProxy_strangers(t *testing.T) {
	p := &Proxy{Ours: func(string) bool { return true }, Log: slog.New(slog.DiscardHandler)}
	w := httptest.NewRecorder()
	r := httptest.NewRequest(http.MethodConnect, "http://x.ours:443", nil)
	r.RemoteAddr = "203.0.113.9:1234"
	p.ServeHTTP(w, r)
	if w.Code != http.StatusForbidden {
		t.Errorf("a client from elsewhere got %d, want 403", w.Code)
	}
}
