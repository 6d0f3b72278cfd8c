package loop

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"regexp"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/coder/websocket"

	"github.com/sallyport/sallyport/internal/gateway/frame"
)

// hold makes the handler leave upgrades unanswered.
func hold(g *rig) {
	g.onOpen = func(c Conn, h *Handshake) { g.opened <- opening{c, h} }
}

func TestAcceptLater(t *testing.T) {
	overEach(t, func(t *testing.T, tr transport) {
		g := serve(t, tr, Config{}, hold)
		c := g.connect(t)
		c.send([]byte(upgradeRequest("/prod", "Sec-WebSocket-Protocol: a, b") + string(text("early"))))
		o := within(t, g.opened)
		if err := o.c.Write([]byte("too soon")); err != ErrGone {
			t.Errorf("Write while pending = %v, want ErrGone", err)
		}
		if err := o.c.Close(1000, ""); err != ErrGone {
			t.Errorf("Close while pending = %v, want ErrGone", err)
		}
		if _, ok := g.Lookup(o.c.ID()); ok {
			t.Error("a pending connection is found")
		}
		c.send(text("early too"))
		if got := g.Stats(); got.Pending != 1 || got.Open != 0 {
			t.Errorf("Stats = %+v, want one pending", got)
		}
		if err := o.c.Accept("b\r\nx: y"); err == nil {
			t.Error("a subprotocol with a line break is accepted")
		}
		if err := o.c.Accept("b"); err != nil {
			t.Fatal(err)
		}
		if err := o.c.Accept("b"); err != ErrAnswered {
			t.Errorf("second Accept = %v, want ErrAnswered", err)
		}
		if found, ok := g.Lookup(o.c.ID()); !ok || found != o.c {
			t.Error("an accepted connection is not found")
		}
		if got := g.Stats(); got.Pending != 0 || got.Open != 1 {
			t.Errorf("Stats = %+v, want one open", got)
		}
		res := c.expectSwitching()
		if len(res.Header) != 4 || res.Header.Get("Sec-WebSocket-Protocol") != "b" {
			t.Errorf("101 with headers %v", res.Header)
		}
		c.expectMessage("early")
		c.expectMessage("early too")
	})
}

func TestRefuse(t *testing.T) {
	overEach(t, func(t *testing.T, tr transport) {
		for _, later := range []bool{false, true} {
			t.Run(fmt.Sprint("later ", later), func(t *testing.T) {
				refuse := func(c Conn) error {
					return c.Refuse(403, []Header{{"x-amzn-ErrorType", "ForbiddenException"}, {"bad", "a\r\nb"}}, []byte(`{"message":"Forbidden"}`))
				}
				g := serve(t, tr, Config{}, func(g *rig) {
					g.onOpen = func(c Conn, h *Handshake) {
						if !later {
							if err := refuse(c); err != nil {
								t.Error(err)
							}
						}
						g.opened <- opening{c, h}
					}
				})
				c := g.connect(t)
				c.send([]byte(upgradeRequest("/prod") + string(text("never seen"))))
				o := within(t, g.opened)
				if later {
					if err := refuse(o.c); err != nil {
						t.Error(err)
					}
				}
				if err := o.c.Refuse(500, nil, nil); err != ErrAnswered && err != ErrGone {
					t.Errorf("second Refuse = %v", err)
				}
				res := c.response()
				body, err := io.ReadAll(res.Body)
				if err != nil || res.StatusCode != 403 || string(body) != `{"message":"Forbidden"}` ||
					res.Header.Get("X-Amzn-Errortype") != "ForbiddenException" || res.Header.Get("bad") != "" || !res.Close {
					t.Errorf("got %s %v %q %v", res.Status, res.Header, body, err)
				}
				c.expectEOF()
				c.Close()
				g.quiet(t) // Closed was not called
			})
		}
	})
}

func TestClientLeavesWhilePending(t *testing.T) {
	overEach(t, func(t *testing.T, tr transport) {
		g := serve(t, tr, Config{}, hold)
		c := g.connect(t)
		c.send([]byte(upgradeRequest("/prod") + string(text("early"))))
		o := within(t, g.opened)
		c.Close()
		if got := g.expectEnd(t, Closure{Code: 1006, Reason: ReasonLost, Client: true}); got != o.c {
			t.Error("another connection was closed")
		}
		eventually(t, "Accept finds it gone", func() bool { return o.c.Accept("") == ErrGone })
		g.quiet(t)
	})
}

func TestLostPeer_DP086(t *testing.T) {
	overEach(t, func(t *testing.T, tr transport) {
		for _, how := range []string{"reset", "FIN"} {
			t.Run(how, func(t *testing.T) {
				g := serve(t, tr, Config{})
				c := g.open(t)
				conn := within(t, g.opened).c
				conn.Attach("kept")
				id := conn.ID()
				if how == "reset" {
					c.tcp.SetLinger(0)
				}
				c.tcp.Close()
				g.expectEnd(t, Closure{Code: 1006, Reason: ReasonLost, Client: true, Accepted: true})
				if _, ok := g.Lookup(id); ok {
					t.Error("a lost connection is found")
				}
				if err := conn.Write([]byte("x")); err != ErrGone {
					t.Errorf("Write = %v, want ErrGone", err)
				}
				if err := conn.Send(Prepare([]byte("x"))); err != ErrGone {
					t.Errorf("Send = %v, want ErrGone", err)
				}
				g.quiet(t)
			})
		}
	})
}

func TestCloseCodesOfTheClient_DP070_DP081_DP082_DP083(t *testing.T) {
	overEach(t, func(t *testing.T, tr transport) {
		for _, tt := range []struct {
			code       int
			reason     string
			want       int
			wantReason string
			echo       int
		}{
			{code: 4001, reason: "bye", want: 4001, wantReason: "bye", echo: 4001},
			{code: 1000, reason: "done", want: 1000, wantReason: "done", echo: 1000},
			{code: 1001, want: 1001, echo: 1001},
			{code: 0, want: 1005, wantReason: ReasonNoStatus, echo: 1005},
		} {
			t.Run(fmt.Sprint(tt.code), func(t *testing.T) {
				g := serve(t, tr, Config{})
				c := g.open(t)
				c.send(closing(tt.code, tt.reason))
				c.expectClose(tt.echo, tt.reason)
				c.expectEOF()
				g.expectEnd(t, Closure{Code: tt.want, Reason: tt.wantReason, Client: true, Accepted: true})
			})
		}
	})
}

func TestCloseByServer_DP085(t *testing.T) {
	overEach(t, func(t *testing.T, tr transport) {
		g := serve(t, tr, Config{})
		c := g.open(t)
		conn := within(t, g.opened).c
		conn.Write([]byte("last words"))
		if err := conn.Close(1000, ReasonDeleted); err != nil {
			t.Fatal(err)
		}
		if err := conn.Close(1000, ReasonDeleted); err != ErrGone {
			t.Errorf("second Close = %v, want ErrGone", err)
		}
		if err := conn.Write([]byte("x")); err != ErrGone {
			t.Errorf("Write after Close = %v, want ErrGone", err)
		}
		// reported at once, without waiting for the client
		g.expectEnd(t, Closure{Code: 1000, Reason: ReasonDeleted, Accepted: true})
		c.expectMessage("last words")
		c.expectClose(1000, ReasonDeleted)
		c.send(text("this is ignored"))
		c.send(closing(1000, ""))
		c.expectEOF()
		c.Close()
		g.quiet(t)
	})
}

func TestCloseInMessage(t *testing.T) {
	overEach(t, func(t *testing.T, tr transport) {
		g := serve(t, tr, Config{}, func(g *rig) {
			g.onMessage = func(c Conn, text []byte) {
				c.Write(text)
				c.Close(4000, "enough")
			}
		})
		c := g.open(t)
		c.send(append(text("one"), text("two")...))
		c.expectMessage("one")
		c.expectClose(4000, "enough")
		g.expectEnd(t, Closure{Code: 4000, Reason: "enough", Accepted: true})
	})
}

// A client that does not answer our close frame is dropped after Linger.
func TestSlowCloser(t *testing.T) {
	overEach(t, func(t *testing.T, tr transport) {
		g := serve(t, tr, Config{Limits: Limits{Linger: 50 * time.Millisecond}})
		c := g.open(t)
		within(t, g.opened).c.Close(1000, "")
		g.expectEnd(t, Closure{Code: 1000, Accepted: true})
		eventually(t, "the slot is free", func() bool { return g.total.Load() == 0 })
		c.expectClose(1000, "")
	})
}

func TestSlowHandshake(t *testing.T) {
	overEach(t, func(t *testing.T, tr transport) {
		g := serve(t, tr, Config{Limits: Limits{Handshake: 50 * time.Millisecond}})
		if !tr.tls {
			c := g.connect(t)
			c.send([]byte("GET /prod HTTP/1.1\r\nHost: x\r\n"))
			if _, err := c.br.ReadByte(); err == nil {
				t.Error("got an answer")
			}
		}
		silent, err := net.Dial("tcp4", g.addr)
		if err != nil {
			t.Fatal(err)
		}
		defer silent.Close()
		silent.SetDeadline(time.Now().Add(patience))
		if _, err := silent.Read(make([]byte, 1)); err == nil || errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("a silent client got %v", err)
		}
		eventually(t, "nothing is left", func() bool { return g.total.Load() == 0 })
		g.quiet(t)
	})
}

// advance moves the clock of the rig, and lets the sweep see it.
func (g *rig) advance(d time.Duration) {
	g.now.Add(d.Milliseconds())
	time.Sleep(4 * 5 * time.Millisecond) // more than one sweep of real time
}

func still(g *rig) { g.now.Store(1_800_000_000_000) }

func TestIdle_DP071_DP072_DP073_DP074_DP084(t *testing.T) {
	overEach(t, func(t *testing.T, tr transport) {
		g := serve(t, tr, Config{}, still)
		silent, pinging, pushed, sending := g.open(t), g.open(t), g.open(t), g.open(t)
		silentConn := within(t, g.opened).c
		within(t, g.opened)
		pushedConn := within(t, g.opened).c
		sendingConn := within(t, g.opened).c
		g.advance(300 * time.Second)
		pinging.send(masked(frame.Header{Fin: true, Op: frame.Ping}, []byte("x")))
		pinging.read()
		if err := pushedConn.Write([]byte("push")); err != nil {
			t.Fatal(err)
		}
		pushed.expectMessage("push")
		sending.send(text("hello"))
		sending.expectMessage("hello")
		g.advance(300 * time.Second) // exactly 600 s: not too early
		if n := g.Stats().Open; n != 4 {
			t.Fatalf("%d connections are open after 600 s, want 4", n)
		}
		if got := silentConn.LastActive(); !got.Equal(silentConn.ConnectedAt()) {
			t.Errorf("LastActive of a silent client = %v", got)
		}
		for _, c := range []Conn{pushedConn, sendingConn} {
			if got := c.LastActive().Sub(c.ConnectedAt()); got != 300*time.Second {
				t.Errorf("LastActive is %v after ConnectedAt, want 300 s", got)
			}
		}
		g.advance(time.Millisecond)
		silent.expectClose(1001, "Going away")
		pinging.expectClose(1001, "Going away")
		for range 2 {
			g.expectEnd(t, Closure{Code: 1001, Reason: "Going away", Accepted: true})
		}
		if n := g.Stats().Open; n != 2 {
			t.Fatalf("%d connections are open after 600.001 s, want 2", n)
		}
	})
}

func TestIdleCountsControl(t *testing.T) {
	overEach(t, func(t *testing.T, tr transport) {
		g := serve(t, tr, Config{Limits: Limits{IdleCountsControl: true}}, still)
		c := g.open(t)
		for range 4 {
			g.advance(500 * time.Second)
			c.send(masked(frame.Header{Fin: true, Op: frame.Ping}, []byte("x")))
			if h, _ := c.read(); h.Op != frame.Pong {
				t.Fatalf("got %+v, want pong", h)
			}
		}
	})
}

func TestLifetime_DP075(t *testing.T) {
	overEach(t, func(t *testing.T, tr transport) {
		g := serve(t, tr, Config{}, still)
		c := g.open(t)
		for range 14 {
			g.advance(500 * time.Second)
			c.send(text("busy"))
			c.expectMessage("busy")
		}
		g.advance(200 * time.Second)
		c.send(text("exactly two hours"))
		c.expectMessage("exactly two hours")
		g.advance(time.Millisecond)
		c.expectClose(1001, "Going away")
		g.expectEnd(t, Closure{Code: 1001, Reason: "Going away", Accepted: true})
	})
}

func TestNoLimits(t *testing.T) {
	g := serve(t, transports[0], Config{Limits: Limits{Idle: -1, Lifetime: -1}}, still)
	c := g.open(t)
	g.advance(1000 * time.Hour)
	c.send(text("still here"))
	c.expectMessage("still here")
}

func TestShutdown(t *testing.T) {
	overEach(t, func(t *testing.T, tr transport) {
		g := serve(t, tr, Config{}, func(g *rig) {
			g.onOpen = func(c Conn, h *Handshake) {
				if h.Target != "/pending" {
					c.Accept("")
				}
				g.opened <- opening{c, h}
			}
		})
		good, mute := g.open(t), g.open(t)
		pending := g.connect(t)
		pending.send([]byte(upgradeRequest("/pending")))
		for range 3 {
			within(t, g.opened)
		}
		half := g.connect(t)
		if !tr.tls {
			half.send([]byte("GET /"))
		}
		ctx, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
		defer cancel()
		result := make(chan error, 1)
		go func() { result <- g.Shutdown(ctx) }()
		good.expectClose(1001, "Going away")
		good.send(closing(1001, ""))
		good.expectEOF()
		if res := pending.response(); res.StatusCode != 503 {
			t.Errorf("pending upgrade got %s, want 503", res.Status)
		}
		if err := within(t, result); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("Shutdown with a mute client = %v, want a deadline", err)
		}
		mute.expectClose(1001, "Going away")
		accepted := 0
		for range 3 {
			e := within(t, g.closed)
			if e.Code != 1001 || e.Reason != "Going away" {
				t.Errorf("Closed with %+v", e.Closure)
			}
			if e.Accepted {
				accepted++
			}
		}
		if accepted != 2 {
			t.Errorf("%d of the closed were accepted, want 2", accepted)
		}
		if _, err := net.Dial("tcp4", g.addr); err == nil {
			t.Error("the port still listens")
		}
		g.quiet(t)
	})
}

func TestFull(t *testing.T) {
	overEach(t, func(t *testing.T, tr transport) {
		g := serve(t, tr, Config{MaxConns: 2})
		g.open(t)
		second := g.open(t)
		third := g.connect(t)
		third.send([]byte(upgradeRequest("/prod")))
		res := third.response()
		body, _ := io.ReadAll(res.Body)
		if res.StatusCode != 503 || string(body) != `{"message":"Service Unavailable"}` {
			t.Errorf("one too many got %s %q, want 503", res.Status, body)
		}
		third.Close()
		second.Close()
		eventually(t, "room again", func() bool { return g.total.Load() == 1 })
		g.open(t)
	})
}

func TestIDs_DP076(t *testing.T) {
	form := regexp.MustCompile(`^[A-Za-z0-9_-]{15}=$`)
	overEach(t, func(t *testing.T, tr transport) {
		g := serve(t, tr, Config{Node: 0xABCD})
		seen := map[ID]bool{}
		for range 300 {
			c := g.open(t)
			conn := within(t, g.opened).c
			id := conn.ID()
			if seen[id] {
				t.Fatalf("id %v was used before", id)
			}
			seen[id] = true
			if !form.MatchString(id.String()) || string(id.Append(nil)) != id.String() {
				t.Errorf("id %v has the wrong form", id)
			}
			parsed, err := ParseID(id.String())
			if err != nil || parsed != id || parsed.Node() != 0xABCD || time.Since(parsed.Time()) > time.Minute {
				t.Errorf("ParseID(%v) = %v %v", id, parsed, err)
			}
			if found, ok := g.Lookup(parsed); !ok || found != conn {
				t.Errorf("Lookup(%v) = %v %v", id, found, ok)
			}
			other := id
			other[7]++ // generation
			if _, ok := g.Lookup(other); ok {
				t.Error("another id is found")
			}
			other = id
			other[10]++ // node
			if _, ok := g.Lookup(other); ok {
				t.Error("another node's id is found")
			}
			c.Close()
		}
	})
}

func TestParseIDRefuses(t *testing.T) {
	for _, s := range []string{"", "=", "XB4qEefu52ECKcw", "XB4qEefu52ECKc==", "XB4qEefu52ECKcx=", "XB4qEefu52ECK+w=", "XB4qEefu52ECKcwA", "XB4qEefu52ECKcw=="} {
		if id, err := ParseID(s); err == nil {
			t.Errorf("ParseID(%q) = %v", s, id)
		}
	}
	if _, err := ParseID("XB4qEefu52ECKcw="); err != nil {
		t.Error(err)
	}
}

func TestAttach(t *testing.T) {
	overEach(t, func(t *testing.T, tr transport) {
		g := serve(t, tr, Config{}, func(g *rig) {
			g.onMessage = func(c Conn, text []byte) { c.Write([]byte(c.Attached().(string))) }
		})
		c := g.open(t)
		conn := within(t, g.opened).c
		conn.Attach("session")
		c.send(text("who am I"))
		c.expectMessage("session")
		c.Close()
		within(t, g.closed)
		eventually(t, "the attachment is gone", func() bool { return conn.Attached() == nil })
	})
}

func TestHandshakeTellsAll_DP008_DP019_DP021(t *testing.T) {
	overEach(t, func(t *testing.T, tr transport) {
		g := serve(t, tr, Config{}, hold)
		c := g.connect(t)
		c.send([]byte(upgradeRequest("/prod?room=blue", "ORIGIN: http://evil", "x-dup: 1", "X-Dup:2 ",
			"Sec-WebSocket-Extensions: permessage-deflate; client_max_window_bits")))
		o := within(t, g.opened)
		want := []Header{{"Host", "localhost"}, {"Upgrade", "websocket"}, {"Connection", "Upgrade"}, {"Sec-WebSocket-Key", key},
			{"Sec-WebSocket-Version", "13"}, {"ORIGIN", "http://evil"}, {"x-dup", "1"}, {"X-Dup", "2"},
			{"Sec-WebSocket-Extensions", "permessage-deflate; client_max_window_bits"}}
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

func TestGarbage(t *testing.T) {
	overEach(t, func(t *testing.T, tr transport) {
		g := serve(t, tr, Config{Limits: Limits{Handshake: 100 * time.Millisecond}})
		for _, s := range []string{"\x00\x00", "\x16", "\x16\x03\x01\x00\x05hello", "GET", "\r\n\r\n", repeat(70000), "GET " + repeat(70000), "GET / HTTP/1.1\r\n" + strings.Repeat("a: b\r\n", 20000)} {
			c := g.connect(t)
			c.Write([]byte(s))
			c.tcp.CloseWrite()
			io.Copy(io.Discard, c.br)
			c.Close()
		}
		for range 10 { // noise after a good upgrade ends in a close frame
			c := g.open(t)
			c.Write([]byte(repeat(100)))
			if h, _ := c.read(); h.Op != frame.Close {
				t.Errorf("got %+v, want a close frame", h)
			}
			c.Close()
			g.expectEnd(t, Closure{Code: 1002, Reason: "Reserved bits must be zero", Accepted: true})
		}
		g.quiet(t)
	})
}

func TestManyConnections(t *testing.T) {
	overEach(t, func(t *testing.T, tr transport) {
		n := 2000
		if tr.tls {
			n = 200
		}
		g := serve(t, tr, Config{})
		clients := make([]*client, n)
		for i := range clients {
			clients[i] = g.open(t)
		}
		var wg sync.WaitGroup
		for part := range 4 {
			wg.Go(func() {
				for i := part; i < n; i += 4 {
					want := fmt.Sprint("client ", i)
					clients[i].Write(text(want))
					if _, got, err := clients[i].tryRead(); err != nil || string(got) != want {
						t.Errorf("client %d got %q %v", i, got, err)
					}
				}
			})
		}
		wg.Wait()
		p := Prepare([]byte("to all"))
		for c := range g.All() {
			c.Send(p)
		}
		for _, c := range clients {
			c.expectMessage("to all")
			c.Close()
		}
		for range n {
			within(t, g.closed)
		}
		g.quiet(t)
	})
}

// Everything at once from many goroutines: for the race detector, and for what is left behind.
func TestTurmoil(t *testing.T) {
	overEach(t, func(t *testing.T, tr transport) {
		var accepted, ended atomic.Int64
		g := serve(t, tr, Config{Limits: Limits{Linger: 20 * time.Millisecond}}, func(g *rig) {
			g.onClosed = func(c Conn, e Closure) {
				if e.Accepted {
					ended.Add(1)
				}
			}
			g.onOpen = func(c Conn, h *Handshake) {
				go func() { // as a gateway with a slow $connect
					if h.Target == "/refuse" {
						c.Refuse(401, nil, nil)
					} else if c.Accept("") == nil {
						accepted.Add(1)
						c.Attach(h)
						c.Write([]byte("welcome"))
					}
				}()
			}
			g.onMessage = func(c Conn, text []byte) {
				c.Write(text)
				if string(text) == "close" {
					c.Close(4000, "as you wish")
				} else {
					own := string(text)
					go c.Write([]byte(own))
				}
			}
		})
		stop := make(chan struct{})
		var wg, pushers sync.WaitGroup
		pushers.Go(func() {
			p := Prepare([]byte(repeat(1000)))
			for {
				select {
				case <-stop:
					return
				default:
					for c := range g.All() {
						c.Send(p)
						if c.LastActive().Nanosecond()%7 == 0 {
							c.Close(1000, ReasonDeleted)
						}
					}
				}
			}
		})
		for i := range 8 {
			wg.Go(func() {
				for k := range 30 {
					c := g.connect(t)
					target := "/prod"
					if k%5 == 4 {
						target = "/refuse"
					}
					c.Write([]byte(upgradeRequest(target) + string(text("hello")) + string(text("again"))))
					switch (i + k) % 4 {
					case 0:
						c.tcp.SetLinger(0)
					case 1:
						c.Write(text("close"))
						io.Copy(io.Discard, c.br)
					case 2:
						c.Write(closing(1000, ""))
						io.Copy(io.Discard, c.br)
					}
					c.tcp.Close()
				}
			})
		}
		wg.Wait()
		close(stop)
		pushers.Wait()
		eventually(t, "all is over", func() bool { return g.total.Load() == 0 })
		if n := g.Stats(); n.Open != 0 || n.Pending != 0 {
			t.Errorf("counts at the end: %+v", n)
		}
		if a, e := accepted.Load(), ended.Load(); a != e || a == 0 {
			t.Errorf("%d connections were accepted, %d ended", a, e)
		}
		g.rares.mu.Lock()
		defer g.rares.mu.Unlock()
		if left := len(g.rares.items) - len(g.rares.free); left != 0 {
			t.Errorf("%d rares are left", left)
		}
	})
}

// Over a pipe, the whole layer runs on synthetic time.
func TestIdleInABubble_DP071(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := &rig{opened: make(chan opening, 1), closed: make(chan ending, 1)}
		g.Server = New(Config{})
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan error)
		go func() { done <- g.Run(ctx, g) }()
		synctest.Wait()
		ours, theirs := net.Pipe()
		g.ServeConn(theirs)
		c := newClient(t, ours)
		c.send([]byte(upgradeRequest("/prod")))
		c.expectSwitching()
		start := time.Now()
		c.send(text("hello"))
		c.expectMessage("hello")
		c.expectClose(1001, "Going away")
		if d := time.Since(start); d < 600*time.Second || d > 605*time.Second {
			t.Errorf("idle close after %v", d)
		}
		c.send(closing(1001, ""))
		c.expectEOF()
		ours.Close()
		g.expectEnd(t, Closure{Code: 1001, Reason: "Going away", Accepted: true})
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
}
