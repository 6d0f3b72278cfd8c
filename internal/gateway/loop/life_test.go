package loop

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"sync"
	"sync/atomic"
	"testing"
	"time"
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
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		result := make(chan error, 1)
		go func() { result <- g.Shutdown(ctx) }()
		good.expectClose(1001, "Going away")
		good.send(closing(1001, ""))
		good.expectEOF()
		if res := pending.response(); res.StatusCode != 503 {
			t.Errorf("pending upgrade got %s, want 503", res.Status)
		}
		mute.expectClose(1001, "Going away") // and answers nothing
		select {
		case err := <-result:
			t.Errorf("Shutdown = %v before the mute client has gone", err)
			result <- context.Canceled
		default:
		}
		cancel()
		if err := within(t, result); !errors.Is(err, context.Canceled) {
			t.Errorf("Shutdown with a mute client = %v, want a cancelation", err)
		}
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
		eventually(t, "the port is closed", func() bool { // by the loops, which look when they have a moment
			nc, err := net.Dial("tcp4", g.addr)
			if err == nil {
				nc.Close()
			}
			return err != nil
		})
		g.quiet(t)
	})
}

// TestLastMoment has a connection accepted when Shutdown has found that there is none.
func TestLastMoment(t *testing.T) {
	overEach(t, func(t *testing.T, tr transport) {
		g := serve(t, tr, Config{})
		<-g.Started()
		if err := g.Shutdown(t.Context()); err != nil {
			t.Fatal(err)
		}
		if _, ok := g.admit(); ok || g.total.Load() != 0 {
			t.Errorf("a connection is let in after the end: %t, %d are counted", ok, g.total.Load())
		}
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
