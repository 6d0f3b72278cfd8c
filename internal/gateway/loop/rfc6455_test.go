package loop

import (
	"net"
	"testing"
	"time"

	"github.com/sallyport/sallyport/internal/gateway/frame"
	"github.com/sallyport/sallyport/internal/gateway/frametest"
)

// An echo is a handler that lifts the limits of each connection and echoes: text as text, binary as binary.
type echo struct{ *rig }

var lifted = Limits{Frame: 16 << 20, Message: 16 << 20, Binary: true}

func (e echo) Open(c Conn, _ *Handshake) {
	c.Limit(lifted)
	_ = c.Accept("")
}

func (e echo) Message(c Conn, text []byte) { _ = c.Write(text) }
func (e echo) Binary(c Conn, data []byte)  { _ = c.WriteBinary(data) }
func (e echo) Closed(Conn, Closure)        {}

// TestRFC6455 holds every way into a server to the protocol.
func TestRFC6455(t *testing.T) {
	overEach(t, func(t *testing.T, tr transport) {
		g := serve(t, tr, Config{}, func(g *rig) { g.handler = echo{g} })
		frametest.Run(t, frametest.Endpoint{
			Host: "localhost", Target: "/prod",
			Dial: func(t *testing.T) net.Conn { return g.connect(t).Conn },
		})
		eventually(t, "all are gone", func() bool { return g.total.Load() == 0 })
	})
}

// TestLimitsOfOneConnection: what one may, others may not.
func TestLimitsOfOneConnection(t *testing.T) {
	overEach(t, func(t *testing.T, tr transport) {
		g := serve(t, tr, Config{}, still, func(g *rig) {
			g.onOpen = func(c Conn, h *Handshake) {
				if h.Target == "/lifted" {
					c.Limit(Limits{Frame: 1 << 20, Message: 2 << 20, Idle: 2000 * time.Second, Lifetime: -1, Binary: true})
				}
				_ = c.Accept("")
			}
		})
		lift := func() *client {
			c := g.connect(t)
			c.send([]byte(upgradeRequest("/lifted")))
			c.expectSwitching()
			return c
		}
		c, plain := lift(), g.open(t)
		c.send(text(repeat(1 << 20)))
		c.expectMessage(repeat(1 << 20))
		c.send(text(repeat(1<<20 + 1)))
		c.expectClose(1009, ReasonTooBig)
		g.expectEnd(t, Closure{Code: 1009, Reason: ReasonTooBig, Accepted: true})

		c = lift()
		c.send(masked(frame.Header{Fin: true, Op: frame.Binary}, []byte("binary")))
		c.expectClose(1003, "Binary messages are not supported") // the handler takes none, whatever it asks for
		g.expectEnd(t, Closure{Code: 1003, Reason: "Binary messages are not supported", Accepted: true})

		c = lift()
		g.advance(601 * time.Second)
		plain.expectClose(1001, ReasonGoingAway)
		g.expectEnd(t, Closure{Code: 1001, Reason: ReasonGoingAway, Accepted: true})
		for range 10 { // beyond two hours
			c.send(text("here"))
			c.expectMessage("here")
			g.advance(1999 * time.Second)
		}
		c.send(text("here"))
		c.expectMessage("here")
		g.advance(2001 * time.Second)
		c.expectClose(1001, ReasonGoingAway)

		if n := len(*g.sets.all.Load()); n != 2 {
			t.Errorf("%d sets of limits are kept, want 2", n)
		}
		slot, r, _ := g.begin(-1, 0, 0)
		if l := g.limits(r); l.Message != DefaultLimits.Message {
			t.Errorf("the next connection in a slot begins with %+v", l)
		}
		r.mu.Unlock()
		g.free(slot, r)
	})
}
