package frametest

import (
	"encoding/binary"
	"fmt"
	"io"
	"testing"
)

// beyond: frames that a test suite built on a correct library cannot send.
func beyond() (out []Case) {
	unmasked := func(first byte, payload string) []byte {
		return append(length([]byte{first}, 0, len(payload)), payload...)
	}
	for _, op := range []byte{contOp, textOp, binaryOp, closeOp, pingOp, pongOp} {
		out = append(out, Case{Name: fmt.Sprintf("B.1.%d unmasked, opcode %d", op, op), Send: unmasked(fin|op, "\x03\xE8"), Fails: 1002})
	}
	out = append(
		out,
		Case{Name: "B.1.11 unmasked and empty", Send: unmasked(fin|textOp, ""), Fails: 1002},
		Case{Name: "B.1.12 unmasked behind a message", Send: join(frame(fin|textOp, "a"), unmasked(fin|textOp, "b")), Want: echo(textOp, "a"), Fails: 1002},
	)
	long := func(first byte, n int, wide bool) []byte {
		b := []byte{first, 0x80 | 126}
		if wide {
			b = binary.BigEndian.AppendUint64([]byte{first, 0x80 | 127}, uint64(n))
		} else {
			b = binary.BigEndian.AppendUint16(b, uint16(n))
		}
		b = append(b, mask[:]...)
		return append(b, frame(first, repeat(n))[len(frame(first, repeat(n)))-n:]...)
	}
	for i, n := range []int{0, 1, 125} {
		out = append(out, Case{Name: fmt.Sprintf("B.2.%d length %d in 16 bits", i+1, n), Send: long(fin|textOp, n, false), Fails: 1002})
	}
	for i, n := range []int{0, 125, 126, 65535} {
		out = append(out, Case{Name: fmt.Sprintf("B.3.%d length %d in 64 bits", i+1, n), Send: long(fin|textOp, n, true), Fails: 1002})
	}
	header := func(first byte, n uint64) []byte {
		return append(binary.BigEndian.AppendUint64([]byte{first, 0x80 | 127}, n), mask[:]...)
	}
	over := func(prefix []byte, size int) []byte { return append(prefix, header(fin|textOp, uint64(size))...) }
	return append(
		out,
		Case{Name: "B.2.9 length of a ping in 16 bits", Send: long(fin|pingOp, 5, false), Fails: 1002},
		Case{Name: "B.4.1 the highest bit of a length", Send: header(fin|textOp, 1<<63|5), Fails: 1002},
		Case{Name: "B.4.2 the longest length", Send: header(fin|textOp, 1<<63-1), Fails: 1009},
		Case{Name: "B.4.3 one byte more than 16 MiB", Send: over(nil, 16*mib+1), Fails: 1009},
		Case{Name: "B.4.4 one byte more in fragments", Send: join(frame(textOp, "x"), header(contOp, 16*mib)), Fails: 1009},
		Case{Name: "B.4.5 too long, and what it announces", Send: append(over(nil, 64*mib), make([]byte, 8*mib)...), Fails: 1009},
		Case{Name: "B.5.1 a reserved bit before a reserved opcode", Send: []byte{fin | 0x40 | 3}, Fails: 1002},
		Case{Name: "B.5.2 a reserved bit before the end of nothing", Send: []byte{fin | 0x10}, Fails: 1002},
		Case{Name: "B.6.1 a mistake, and much behind it", Send: append(frame(fin|3, ""), make([]byte, 4*mib)...), Fails: 1002},
		Case{Name: "B.6.2 no text, and much behind it", Send: append(frame(fin|textOp, "\xFF"), make([]byte, 4*mib)...), Fails: 1007},
		Case{Name: "B.6.3 goodbye, and much behind it", Send: append(closing(3001, "bye"), make([]byte, 4*mib)...), Closed: 3001},
		Case{Name: "B.7.1 a mask of zeros", Send: []byte{fin | textOp, 0x80 | 2, 0, 0, 0, 0, 'h', 'i'}, Want: echo(textOp, "hi")},
		Case{Name: "B.7.2 a message and half of the next header", Send: join(frame(fin|textOp, "hi"), frame(fin|textOp, "there")), Chop: 9, Want: append(echo(textOp, "hi"), echo(textOp, "there")...)},
	)
}

// behaviour: clients that do not do their part.
func (e *Endpoint) behaviour(t *testing.T) {
	t.Run("B.8 deaf", func(t *testing.T) { e.deaf(t) })
	t.Run("B.9 gone without a word", func(t *testing.T) {
		c := e.connect(t)
		_ = c.write(frame(textOp, "half a message"), 0)
		c.nc.Close()
		e.connect(t).goodbye() // the endpoint is well
	})
	t.Run("B.10 half closed", func(t *testing.T) { // TCP says no more comes: nobody is there to answer
		c := e.connect(t)
		if half, ok := c.nc.(interface{ CloseWrite() error }); ok {
			_ = half.CloseWrite()
			_, _ = io.Copy(io.Discard, c.r)
		}
	})
	t.Run("B.11 two upgrades in one", func(t *testing.T) { // what follows the upgrade is frames, not HTTP
		c := e.connect(t)
		_ = c.write([]byte("GET / HTTP/1.1\r\n\r\n"), 0)
		m, err := c.read()
		if err != nil || m.Op != closeOp || codeOf(m) != 1002 {
			t.Fatalf("got %v %v, want 1002", m, err)
		}
		c.expectEnd()
	})
}

// deaf sends and sends, and reads only then: TCP holds the client back, and nothing is lost.
func (e *Endpoint) deaf(t *testing.T) {
	if e.Late {
		t.Skip("an endpoint that echoes late may close whom it cannot reach")
	}
	c := e.connect(t)
	const n = 2000
	data := repeat(8 * kib)
	sent := make(chan error, 1)
	go func() {
		f := frame(fin|textOp, data)
		for range n {
			if err := c.write(f, 0); err != nil {
				sent <- err
				return
			}
		}
		sent <- nil
	}()
	for range n {
		if m, err := c.read(); err != nil || m != (Message{textOp, data}) {
			t.Fatalf("got %v %v", m, err)
		}
	}
	if err := <-sent; err != nil {
		t.Fatal(err)
	}
	c.goodbye()
}
