package frametest

import (
	"bufio"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"testing"
	"time"
)

// Opcodes, as the first byte of a final frame has them.
const (
	contOp   = 0x0
	textOp   = 0x1
	binaryOp = 0x2
	closeOp  = 0x8
	pingOp   = 0x9
	pongOp   = 0xA
	fin      = 0x80
)

// noStatus stands for a close frame without a code.
const noStatus = 1005

// patience bounds every wait; none is expected to come near it.
const patience = time.Minute

// A client is one connection after its upgrade.
type client struct {
	t  *testing.T
	nc net.Conn
	r  *bufio.Reader
}

// connect upgrades a new connection to the endpoint.
func (e *Endpoint) connect(t *testing.T) *client {
	t.Helper()
	nc := e.Dial(t)
	t.Cleanup(func() { nc.Close() })
	_ = nc.SetDeadline(time.Now().Add(patience))
	fmt.Fprintf(nc, "GET %s HTTP/1.1\r\nHost: %s\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"+
		"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n", e.Target, e.Host)
	c := &client{t: t, nc: nc, r: bufio.NewReaderSize(nc, 64<<10)}
	res, err := http.ReadResponse(c.r, nil)
	if err != nil || res.StatusCode != 101 || res.Header.Get("Sec-WebSocket-Accept") != "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=" {
		t.Fatalf("upgrade: %v %v", res, err)
	}
	return c
}

// mask is the key of all frames: its four bytes differ.
var mask = [4]byte{0xA1, 0x0B, 0xFF, 0x3C}

// frame builds a masked frame: first is FIN, the reserved bits and the opcode.
func frame(first byte, payload string) []byte {
	b := length([]byte{first}, 0x80, len(payload))
	b = append(b, mask[:]...)
	n := len(b)
	b = append(b, payload...)
	for i := range b[n:] {
		b[n+i] ^= mask[i&3]
	}
	return b
}

// length appends the second byte of a frame and what belongs to it, in the shortest form.
func length(b []byte, masked byte, n int) []byte {
	switch {
	case n < 126:
		return append(b, masked|byte(n))
	case n <= 0xFFFF:
		return binary.BigEndian.AppendUint16(append(b, masked|126), uint16(n))
	}
	return binary.BigEndian.AppendUint64(append(b, masked|127), uint64(n))
}

// closing builds a close frame.
func closing(code int, reason string) []byte {
	if code == noStatus {
		return frame(fin|closeOp, "")
	}
	return frame(fin|closeOp, string(binary.BigEndian.AppendUint16(nil, uint16(code)))+reason)
}

// fragments builds a message in frames of at most n bytes.
func fragments(op byte, payload string, n int) []byte {
	var out []byte
	for len(payload) > n {
		out = append(out, frame(op, payload[:n])...)
		op, payload = contOp, payload[n:]
	}
	return append(out, frame(fin|op, payload)...)
}

// join puts frames one behind the other.
func join(frames ...[]byte) []byte {
	var out []byte
	for _, f := range frames {
		out = append(out, f...)
	}
	return out
}

// write sends b in pieces of n bytes, all at once if n is zero.
func (c *client) write(b []byte, n int) error {
	if n == 0 {
		n = len(b)
	}
	for len(b) > 0 {
		piece := b[:min(n, len(b))]
		if _, err := c.nc.Write(piece); err != nil {
			return err
		}
		b = b[len(piece):]
	}
	return nil
}

// A Message is what an endpoint says: a message put together, or a control frame.
type Message struct {
	Op   byte
	Data string
}

func (m Message) String() string {
	if len(m.Data) > 60 {
		return fmt.Sprintf("opcode %d with %d bytes %.60q…", m.Op, len(m.Data), m.Data)
	}
	return fmt.Sprintf("opcode %d with %q", m.Op, m.Data)
}

// read returns what comes next, and holds the endpoint's own frames to the protocol.
func (c *client) read() (Message, error) {
	var m Message
	var data []byte
	for begun := false; ; {
		h, err := c.r.Peek(2)
		if err != nil {
			return m, err
		}
		first, n := h[0], uint64(h[1]&0x7F)
		if h[1]&0x80 != 0 {
			return m, errors.New("the endpoint masks its frames")
		}
		_, _ = c.r.Discard(2)
		if extra := map[uint64]int{126: 2, 127: 8}[n]; extra > 0 {
			var b [8]byte
			if _, err := io.ReadFull(c.r, b[8-extra:]); err != nil {
				return m, err
			}
			if n = binary.BigEndian.Uint64(b[:]); len(length(nil, 0, int(n))) != 1+extra {
				return m, fmt.Errorf("a length of %d is not in its shortest form", n)
			}
		}
		op := first & 0xF
		if first&0x70 != 0 || op > pongOp || op > binaryOp && op < closeOp || begun != (op == contOp) {
			return m, fmt.Errorf("a frame that begins with %#x breaks the protocol", first)
		}
		at := len(data)
		data = append(data, make([]byte, n)...)
		if _, err := io.ReadFull(c.r, data[at:]); err != nil {
			return m, err
		}
		if !begun {
			m.Op, begun = op, true
		}
		if first&fin != 0 {
			m.Data = string(data)
			return m, nil
		}
		if op >= closeOp {
			return m, errors.New("a control frame is fragmented")
		}
	}
}

// codeOf returns the code of a close frame.
func codeOf(m Message) int {
	if len(m.Data) < 2 {
		return noStatus
	}
	return int(binary.BigEndian.Uint16([]byte(m.Data)))
}
