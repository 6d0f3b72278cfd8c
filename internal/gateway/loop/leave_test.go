package loop

import (
	"sync/atomic"
	"testing"
	"time"

	"github.com/sallyport/sallyport/internal/gateway/frame"
)

// A debtor is a rig whose answers are under way as long as it owes some.
type debtor struct {
	*rig
	owes    atomic.Bool
	leaving chan Conn
}

func (d *debtor) Leaving(c Conn) bool {
	d.leaving <- c
	return d.owes.Load()
}

// serveDebtor serves with a handler that answers nothing by itself.
func serveDebtor(t *testing.T, tr transport, cfg Config) *debtor {
	d := &debtor{leaving: make(chan Conn, 64)}
	d.owes.Store(true)
	serve(t, tr, cfg, func(g *rig) {
		d.rig = g
		g.handler = d
		g.onMessage = func(_ Conn, text []byte) { g.texts <- string(text) }
	})
	return d
}

func (g *rig) expectNoEnd(t *testing.T) {
	t.Helper()
	select {
	case e := <-g.closed:
		t.Fatalf("Closed with %+v before the answers were out", e.Closure)
	default:
	}
}

// What is answered after the client's close frame still arrives, before ours.
func TestCloseWaitsForAnswers(t *testing.T) {
	overEach(t, func(t *testing.T, tr transport) {
		d := serveDebtor(t, tr, Config{})
		c := d.open(t)
		c.send(append(text("question"), closing(4000, "bye")...))
		conn := within(t, d.leaving)
		if got := within(t, d.texts); got != "question" {
			t.Fatalf("message %q", got)
		}
		c.send(text("too late")) // a client that breaks its word is not heard
		if err := conn.Write([]byte("answer")); err != nil {
			t.Fatalf("Write while the close waits: %v", err)
		}
		c.expectMessage("answer")
		if err := conn.Write([]byte(repeat(100_000))); err != nil {
			t.Fatalf("Write while the close waits: %v", err)
		}
		c.expectMessage(repeat(100_000))
		if _, ok := d.Lookup(conn.ID()); !ok {
			t.Error("the connection is not found while its close waits")
		}
		d.expectNoEnd(t)
		conn.Leave()
		c.expectClose(4000, "bye")
		c.expectEOF()
		d.expectEnd(t, Closure{Code: 4000, Reason: "bye", Client: true, Accepted: true})
		if err := conn.Write([]byte("x")); err != ErrGone {
			t.Errorf("Write afterwards = %v", err)
		}
		conn.Leave()
		c.Close()
		select {
		case late := <-d.texts:
			t.Errorf("message %q after the close frame", late)
		default:
		}
		d.quiet(t)
	})
}

func TestCloseDoesNotWaitWithoutAnswers(t *testing.T) {
	overEach(t, func(t *testing.T, tr transport) {
		d := serveDebtor(t, tr, Config{})
		d.owes.Store(false)
		c := d.open(t)
		c.send(closing(0, ""))
		c.expectClose(frame.NoStatus, "")
		c.expectEOF()
		d.expectEnd(t, Closure{Code: 1005, Reason: ReasonNoStatus, Client: true, Accepted: true})
		c.Close()
		d.quiet(t)
	})
}

// Answers that take too long are given up.
func TestCloseWaitsNotForEver(t *testing.T) {
	overEach(t, func(t *testing.T, tr transport) {
		d := serveDebtor(t, tr, Config{Limits: Limits{Answers: 3 * time.Second}})
		start := time.Now().UnixMilli()
		d.now.Store(start)
		c := d.open(t)
		c.send(closing(1000, ""))
		conn := within(t, d.leaving)
		d.now.Store(start + 3000)
		d.Sweep()
		if err := conn.Write([]byte("just in time")); err != nil {
			t.Fatal(err)
		}
		c.expectMessage("just in time")
		d.now.Store(start + 3001)
		c.expectClose(1000, "")
		d.expectEnd(t, Closure{Code: 1000, Client: true, Accepted: true})
		c.Close()
		d.now.Store(0)
		d.quiet(t)
	})
}

// The client that does not wait for the answers is gone, with what it said.
func TestClientDoesNotWaitForAnswers(t *testing.T) {
	overEach(t, func(t *testing.T, tr transport) {
		d := serveDebtor(t, tr, Config{})
		c := d.open(t)
		c.send(closing(1001, ""))
		conn := within(t, d.leaving)
		c.Close()
		d.expectEnd(t, Closure{Code: 1001, Client: true, Accepted: true})
		if err := conn.Write([]byte("x")); err != ErrGone {
			t.Errorf("Write = %v", err)
		}
		conn.Leave()
		d.quiet(t)
	})
}

// A deletion does not wait: the client may be the reason for it.
func TestCloseByServerDoesNotWait(t *testing.T) {
	overEach(t, func(t *testing.T, tr transport) {
		for _, tt := range []struct {
			name string
			said bool // the client has said goodbye before
			want Closure
		}{
			{"open", false, Closure{Code: 1000, Reason: ReasonDeleted, Accepted: true}},
			{"leaving", true, Closure{Code: 4001, Reason: "bye", Client: true, Accepted: true}},
		} {
			t.Run(tt.name, func(t *testing.T) {
				d := serveDebtor(t, tr, Config{})
				c := d.open(t)
				conn := within(t, d.opened).c
				if tt.said {
					c.send(closing(4001, "bye"))
					within(t, d.leaving)
				}
				if err := conn.Close(CodeNormal, ReasonDeleted); err != nil {
					t.Fatal(err)
				}
				c.expectClose(tt.want.Code, tt.want.Reason)
				d.expectEnd(t, tt.want)
			})
		}
	})
}

// Limits of time and the end of the server wait as well, and a client that closes meanwhile has the last word.
func TestGoingAwayWaitsForAnswers(t *testing.T) {
	overEach(t, func(t *testing.T, tr transport) {
		for _, tt := range []struct {
			name  string
			begin func(d *debtor)
			said  bool
			want  Closure
		}{
			{"idle", func(d *debtor) { d.now.Add(601_000) }, false, Closure{Code: 1001, Reason: ReasonGoingAway, Accepted: true}},
			{"shutdown", func(d *debtor) { d.stop() }, false, Closure{Code: 1001, Reason: ReasonGoingAway, Accepted: true}},
			{"client_closes_too", func(d *debtor) { d.now.Add(601_000) }, true, Closure{Code: 3000, Reason: "me too", Client: true, Accepted: true}},
		} {
			t.Run(tt.name, func(t *testing.T) {
				d := serveDebtor(t, tr, Config{})
				d.now.Store(time.Now().UnixMilli())
				c := d.open(t)
				tt.begin(d)
				conn := within(t, d.leaving)
				if tt.said {
					c.send(closing(3000, "me too"))
					eventually(t, "hearing the client", func() bool { return d.saidGoodbye(d.tab.at(conn.slot)) })
				}
				if err := conn.Write([]byte("answer")); err != nil {
					t.Fatal(err)
				}
				c.expectMessage("answer")
				d.expectNoEnd(t)
				conn.Leave()
				c.expectClose(tt.want.Code, tt.want.Reason)
				if !tt.said {
					c.send(closing(tt.want.Code, ""))
				}
				c.expectEOF()
				d.expectEnd(t, tt.want)
				c.Close()
			})
		}
	})
}

// What breaks the protocol ends the connection at once, answers or not.
func TestMistakesDoNotWait(t *testing.T) {
	overEach(t, func(t *testing.T, tr transport) {
		d := serveDebtor(t, tr, Config{})
		c := d.open(t)
		c.send(text("\xFF"))
		c.expectClose(1007, "Invalid UTF-8")
		d.expectEnd(t, Closure{Code: 1007, Reason: "Invalid UTF-8", Accepted: true})
	})
}
