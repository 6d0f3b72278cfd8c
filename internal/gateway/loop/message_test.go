package loop

import (
	"fmt"
	"strings"
	"testing"

	"github.com/sallyport/sallyport/internal/gateway/frame"
)

func TestEcho_DP001_DP061_DP063_DP080(t *testing.T) {
	overEach(t, func(t *testing.T, tr transport) {
		g := serve(t, tr, Config{})
		c := g.open(t)
		for _, n := range []int{0, 1, 125, 126, 32767, 32768} {
			c.send(text(repeat(n)))
			c.expectMessage(repeat(n))
		}
		// a message of 128 KB in fragments, with a ping between them
		want := repeat(128 << 10)
		for i := range 4 {
			op := frame.Continuation
			if i == 0 {
				op = frame.Text
			}
			c.send(masked(frame.Header{Op: op, Fin: i == 3}, []byte(want[:32<<10])))
			if i == 2 {
				c.send(masked(frame.Header{Op: frame.Ping, Fin: true}, []byte("x")))
			}
		}
		if h, p := c.read(); h.Op != frame.Pong || string(p) != "x" {
			t.Fatalf("got %+v %q, want the pong first", h, p)
		}
		c.expectMessage(want)
		c.send(closing(1000, "done"))
		c.expectClose(1000, "done")
		c.expectEOF()
		c.Close()
		g.expectEnd(t, Closure{Code: 1000, Reason: "done", Client: true, Accepted: true})
		g.quiet(t)
	})
}

func TestMessagesOfOneSegmentKeepOrder(t *testing.T) {
	overEach(t, func(t *testing.T, tr transport) {
		g := serve(t, tr, Config{})
		c := g.connect(t)
		var all []byte
		all = append(all, upgradeRequest("/prod")...)
		for i := range 500 {
			all = append(all, text(fmt.Sprint("message ", i))...)
		}
		all = append(all, closing(4001, "bye")...)
		go c.Write(all)
		c.expectSwitching()
		for i := range 500 {
			c.expectMessage(fmt.Sprint("message ", i))
		}
		c.expectClose(4001, "bye")
		c.expectEOF()
		g.expectEnd(t, Closure{Code: 4001, Reason: "bye", Client: true, Accepted: true})
	})
}

func TestByteByByte(t *testing.T) {
	overEach(t, func(t *testing.T, tr transport) {
		g := serve(t, tr, Config{})
		c := g.connect(t)
		if tr.tls {
			c.send(nil)
		}
		c.tcp.SetNoDelay(true)
		all := upgradeRequest("/prod") + string(text("häl\U0001F600o")) +
			string(masked(frame.Header{Op: frame.Ping, Fin: true}, []byte("p"))) + string(closing(0, ""))
		go func() {
			for i := range len(all) {
				c.Write([]byte{all[i]})
			}
		}()
		c.expectSwitching()
		c.expectMessage("häl\U0001F600o")
		if h, p := c.read(); h.Op != frame.Pong || string(p) != "p" {
			t.Fatalf("got %+v %q, want pong", h, p)
		}
		c.expectClose(frame.NoStatus, "")
		c.expectEOF()
		g.expectEnd(t, Closure{Code: 1005, Reason: ReasonNoStatus, Client: true, Accepted: true})
	})
}

func TestRefusedFrames_DP062_DP064_DP065_DP066_DP068_DP069_DP020(t *testing.T) {
	big := make([]byte, 32<<10)
	fragments := func(n int) []byte {
		b := masked(frame.Header{Op: frame.Text}, big)
		for n -= len(big); n > len(big); n -= len(big) {
			b = append(b, masked(frame.Header{}, big)...)
		}
		return append(b, masked(frame.Header{Fin: true}, make([]byte, n))...)
	}
	unmasked := frame.Append(nil, frame.Text, []byte("hi"))
	for _, tt := range []struct {
		name   string
		frames []byte
		code   int
		reason string
	}{
		{"frame of 32769", text(repeat(32769)), 1009, ReasonTooBig},
		{"frame of 2^40", []byte{0x81, 0xFF, 0, 0, 1, 0, 0, 0, 0, 0, 1, 2, 3, 4}, 1009, ReasonTooBig},
		{"message of 131073", fragments(131073), 1009, ReasonTooBig},
		{"binary", masked(frame.Header{Fin: true, Op: frame.Binary}, []byte("x")), 1003, "Binary messages are not supported"},
		{"unmasked", unmasked, 1002, "Client frames must be masked"},
		{"invalid UTF-8", text("\xC0\xAF"), 1007, "Invalid UTF-8"},
		{"invalid UTF-8 in a fragment", masked(frame.Header{Op: frame.Text}, []byte("a\xED\xA0")), 1007, "Invalid UTF-8"},
		{"half a character", text("a\xE2\x82"), 1007, "Invalid UTF-8"},
		{"RSV1", masked(frame.Header{Fin: true, RSV: 4, Op: frame.Text}, []byte("x")), 1002, "Reserved bits must be zero"},
		{"RSV1 on a reserved opcode", masked(frame.Header{Fin: true, RSV: 4, Op: 3}, nil), 1002, "Reserved bits must be zero"},
		{"opcode 3", masked(frame.Header{Fin: true, Op: 3}, nil), 1002, "Reserved opcode"},
		{"opcode 15", masked(frame.Header{Fin: true, Op: 15}, nil), 1002, "Reserved opcode"},
		{"continuation of nothing", masked(frame.Header{Fin: true}, []byte("x")), 1002, "Continuation without a message"},
		{"text within a message", append(masked(frame.Header{Op: frame.Text}, []byte("x")), text("y")...), 1002, "Message within a fragmented message"},
		{"long ping", masked(frame.Header{Fin: true, Op: frame.Ping}, make([]byte, 126)), 1002, "Control frame too long"},
		{"fragmented ping", masked(frame.Header{Op: frame.Ping}, nil), 1002, "Control frames must not be fragmented"},
		{"long length", []byte{0x81, 0xFE, 0, 5, 1, 2, 3, 4, 0, 0, 0, 0, 0}, 1002, "Frame length is not in its shortest form"},
		{"close with one byte", masked(frame.Header{Fin: true, Op: frame.Close}, []byte{3}), 1002, "Invalid close frame"},
		{"close with 1005", closing(1005, ""), 1002, "Invalid close code"},
		{"close with 999", closing(999, ""), 1002, "Invalid close code"},
		{"close with invalid text", closing(1000, "\xFF"), 1007, "Invalid UTF-8"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			overEach(t, func(t *testing.T, tr transport) {
				g := serve(t, tr, Config{})
				c := g.open(t)
				c.send(text("before"))
				c.send(tt.frames)
				c.expectMessage("before")
				c.expectClose(tt.code, tt.reason)
				c.expectEOF()
				c.Close()
				g.expectEnd(t, Closure{Code: tt.code, Reason: tt.reason, Accepted: true})
				g.quiet(t)
			})
		})
	}
}

func TestMessageOf131072InFrames(t *testing.T) {
	overEach(t, func(t *testing.T, tr transport) {
		g := serve(t, tr, Config{}, func(g *rig) {
			g.onMessage = func(c Conn, text []byte) { c.Write(fmt.Append(nil, len(text))) }
		})
		c := g.open(t)
		for i := range 8 {
			h := frame.Header{Fin: i == 7, Op: frame.Text}
			if i > 0 {
				h.Op = frame.Continuation
			}
			c.send(masked(h, []byte(repeat(16<<10))))
		}
		c.expectMessage("131072")
	})
}

// A reader that stops gets its bounded queue, the sender ErrBusy, and all that was taken arrives.
func TestSlowReader(t *testing.T) {
	overEach(t, func(t *testing.T, tr transport) {
		g := serve(t, tr, Config{})
		c := g.open(t)
		conn := within(t, g.opened).c
		payload := repeat(16 << 10)
		sent, busy := 0, false
		for range 10000 {
			err := conn.Write([]byte(payload))
			if err == ErrBusy {
				busy = true
				break
			} else if err != nil {
				t.Fatal(err)
			}
			sent++
		}
		if !busy {
			t.Fatal("never busy")
		}
		for range sent {
			c.expectMessage(payload)
		}
		eventually(t, "writing again", func() bool { return conn.Write([]byte("again")) == nil })
		c.expectMessage("again")
		if tr.name == "loop" {
			r := conn.lock()
			rare := r.rare
			r.mu.Unlock()
			if rare != 0 {
				t.Error("the queue is kept though it is empty")
			}
		}
	})
}

// A client that floods without reading is held back by TCP, and loses nothing.
func TestPipeliningWithoutReading(t *testing.T) {
	overEach(t, func(t *testing.T, tr transport) {
		g := serve(t, tr, Config{})
		c := g.open(t)
		const n = 3000
		payload := strings.Repeat("y", 8<<10)
		go func() {
			f := text(payload)
			for range n {
				if _, err := c.Write(f); err != nil {
					return
				}
			}
		}()
		for range n {
			c.expectMessage(payload)
		}
	})
}

func TestPreparedReachesAll(t *testing.T) {
	overEach(t, func(t *testing.T, tr transport) {
		g := serve(t, tr, Config{})
		var clients []*client
		for range 20 {
			clients = append(clients, g.open(t))
		}
		want := repeat(100_000)
		p := Prepare([]byte(want))
		n := 0
		for c := range g.All() {
			if err := c.Send(p); err != nil {
				t.Fatal(err)
			}
			n++
		}
		if n != len(clients) {
			t.Fatalf("All yields %d connections, want %d", n, len(clients))
		}
		for _, c := range clients {
			c.expectMessage(want)
		}
	})
}
