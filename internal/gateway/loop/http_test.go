package loop

import (
	"context"
	"crypto/tls"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/coder/websocket"
)

func TestHandshakeTellsAll_DP008_DP019_DP021(t *testing.T) {
	overEach(t, func(t *testing.T, tr transport) {
		g := serve(t, tr, Config{}, hold)
		c := g.connect(t)
		c.send([]byte(upgradeRequest("/prod?room=blue", "ORIGIN: http://evil", "x-dup: 1", "X-Dup:2 ",
			"Sec-WebSocket-Extensions: permessage-deflate; client_max_window_bits")))
		o := within(t, g.opened)
		want := []Header{
			{"Host", "localhost"},
			{"Upgrade", "websocket"},
			{"Connection", "Upgrade"},
			{"Sec-WebSocket-Key", key},
			{"Sec-WebSocket-Version", "13"},
			{"ORIGIN", "http://evil"},
			{"x-dup", "1"},
			{"X-Dup", "2"},
			{"Sec-WebSocket-Extensions", "permessage-deflate; client_max_window_bits"},
		}
		h := o.h
		if h.Method != "GET" || h.Target != "/prod?room=blue" || h.Host != "localhost" || fmt.Sprint(h.Headers) != fmt.Sprint(want) ||
			h.Remote.String() != c.LocalAddr().String() || h.TLS != tr.tls || (h.ServerName == "localhost") != tr.tls || time.Since(h.At) > time.Minute {
			t.Errorf("Handshake = %+v", h)
		}
		if h.Get("x-DUP") != "1" || h.Get("none") != "" {
			t.Error("Get does not find the first value")
		}
		if !o.c.ConnectedAt().Equal(h.At.Truncate(time.Millisecond)) {
			t.Errorf("ConnectedAt = %v, want %v", o.c.ConnectedAt(), h.At)
		}
		o.c.Accept("")
		if res := c.expectSwitching(); len(res.Header) != 3 {
			t.Errorf("101 with headers %v", res.Header)
		}
	})
}

// Whatever is no upgrade reaches the HTTP server, and so do later requests of its connection.
func TestHTTPOnTheSamePort_DP015(t *testing.T) {
	overEach(t, func(t *testing.T, tr transport) {
		g := serve(t, tr, Config{})
		hs := &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if r.Method == http.MethodConnect {
				w.WriteHeader(200)
				nc, brw, err := http.NewResponseController(w).Hijack()
				if err != nil {
					t.Error(err)
					return
				}
				read, _ := brw.Reader.Peek(brw.Reader.Buffered())
				g.ServeConn(nc, read...)
				return
			}
			body, _ := io.ReadAll(r.Body)
			if (r.TLS != nil) != tr.tls {
				t.Errorf("TLS = %v", r.TLS)
			}
			if strings.HasPrefix(r.URL.Path, "/plain") {
				w.WriteHeader(http.StatusUpgradeRequired)
			}
			fmt.Fprintf(w, "%s %s %s", r.Method, r.URL.Path, body)
		})}
		var wg sync.WaitGroup
		wg.Go(func() { hs.Serve(g.HTTP()) })
		defer wg.Wait()
		defer hs.Close()
		c := g.connect(t)
		for _, tt := range []struct{ request, want string }{
			{"GET /plain HTTP/1.1\r\nHost: x\r\n\r\n", "426 GET /plain "},
			{"POST /prod/@connections/a HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\n\r\nabc", "200 POST /prod/@connections/a abc"},
			{upgradeRequest("/second-request"), "200 GET /second-request "},
		} {
			c.send([]byte(tt.request))
			res := c.response()
			body, err := io.ReadAll(res.Body)
			if got := fmt.Sprint(res.StatusCode, " ", string(body)); err != nil || got != tt.want {
				t.Errorf("got %q %v, want %q", got, err, tt.want)
			}
		}
		if n := g.Stats().HTTP; n != 1 {
			t.Errorf("%d connections belong to HTTP, want 1", n)
		}
		// a tunnel to ourselves, with TLS within
		c = g.connect(t)
		c.send([]byte("CONNECT a.execute-api.us-east-1.amazonaws.com:443 HTTP/1.1\r\nHost: a\r\n\r\n"))
		if res := c.response(); res.StatusCode != 200 {
			t.Fatalf("CONNECT: %s", res.Status)
		}
		inner := newClient(t, tls.Client(c.Conn, clientTLS))
		inner.send([]byte(upgradeRequest("/prod")))
		inner.expectSwitching()
		inner.send(text("through the tunnel"))
		inner.expectMessage("through the tunnel")
		inner.Close()
	})
}

func TestWithoutHTTP(t *testing.T) {
	overEach(t, func(t *testing.T, tr transport) {
		g := serve(t, tr, Config{})
		c := g.connect(t)
		c.send([]byte("GET / HTTP/1.1\r\nHost: x\r\n\r\n"))
		if res := c.response(); res.StatusCode != http.StatusUpgradeRequired {
			t.Errorf("got %s, want 426", res.Status)
		}
	})
}

func TestRealClient(t *testing.T) {
	overEach(t, func(t *testing.T, tr transport) {
		g := serve(t, tr, Config{})
		ctx, cancel := context.WithTimeout(t.Context(), patience)
		defer cancel()
		transport := &http.Transport{TLSClientConfig: clientTLS}
		defer transport.CloseIdleConnections()
		url := "ws://" + g.addr + "/prod"
		if tr.tls {
			url = "wss://" + g.addr + "/prod"
		}
		ws, _, err := websocket.Dial(ctx, url, &websocket.DialOptions{
			HTTPClient: &http.Client{Transport: transport}, CompressionMode: websocket.CompressionContextTakeover,
		})
		if err != nil {
			t.Fatal(err)
		}
		for _, n := range []int{0, 1, 4096, 32768} {
			if err := ws.Write(ctx, websocket.MessageText, []byte(repeat(n))); err != nil {
				t.Fatal(err)
			}
			typ, got, err := ws.Read(ctx)
			if err != nil || typ != websocket.MessageText || string(got) != repeat(n) {
				t.Fatalf("echo of %d bytes: %v %d bytes %v", n, typ, len(got), err)
			}
		}
		if err := ws.Close(4321, "so long"); err != nil {
			t.Error(err)
		}
		g.expectEnd(t, Closure{Code: 4321, Reason: "so long", Client: true, Accepted: true})
		g.quiet(t)
	})
}
