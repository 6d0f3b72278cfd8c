package loop

import (
	"context"
	"errors"
	"io"
	"net"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/sallyport/sallyport/internal/gateway/frame"
)

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
		open := func() (*client, Conn) { // one after the other: several loops accept
			c := g.open(t)
			return c, within(t, g.opened).c
		}
		silent, silentConn := open()
		pinging, _ := open()
		pushed, pushedConn := open()
		sending, sendingConn := open()
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

func TestGarbage(t *testing.T) {
	overEach(t, func(t *testing.T, tr transport) {
		g := serve(t, tr, Config{})
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
