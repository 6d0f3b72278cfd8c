package conformance

import (
	"bufio"
	"context"
	"crypto/rand"
	"crypto/sha1"
	"crypto/tls"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"time"
)

// Opcodes of RFC 6455.
const (
	opContinue = 0
	opText     = 1
	opBinary   = 2
	opClose    = 8
	opPing     = 9
	opPong     = 10
)

// A field is one header field of an upgrade.
type field struct{ name, value string }

// A heard is what came from the gateway: a text, a pong, a close frame, or the end of TCP.
type heard struct {
	op   int // 0: the end of TCP
	text string
	code int // of a close frame; 1005: it had none
}

func (h heard) String() string {
	switch h.op {
	case 0:
		return "the end of the TCP connection"
	case opClose:
		return fmt.Sprintf("a close frame %d %q", h.code, h.text)
	case opPong:
		return "a pong " + brief(h.text)
	}
	return "a frame " + brief(h.text)
}

// A socket is a client's side of a connection. It does what it is told, also what RFC 6455 forbids.
type socket struct {
	conn   net.Conn
	in     chan heard // closed after the end of TCP
	deaf   chan bool  // told whether to stop reading
	mu     sync.Mutex // guards writes
	closed bool       // we sent a close frame
}

// dial sends an upgrade and returns the answer; the socket is nil if it was refused.
func dial(ctx context.Context, network dialer, target, host string, header []field, behind []byte) (*socket, *answer, error) {
	conn, err := network(ctx)
	if err != nil {
		return nil, nil, err
	}
	var nonce [16]byte
	_, _ = rand.Read(nonce[:])
	secret := base64.StdEncoding.EncodeToString(nonce[:])
	fields := []field{{"Host", host}, {"Upgrade", "websocket"}, {"Connection", "Upgrade"}, {"Sec-WebSocket-Key", secret}, {"Sec-WebSocket-Version", "13"}}
	defaults := len(fields)
next:
	for _, h := range header {
		for i := range fields[:defaults] {
			if strings.EqualFold(fields[i].name, h.name) {
				fields[i].value = h.value
				continue next
			}
		}
		fields = append(fields, h)
	}
	var b strings.Builder
	b.WriteString("GET " + target + " HTTP/1.1\r\n")
	for _, f := range fields {
		if f.value != "" {
			b.WriteString(f.name + ": " + f.value + "\r\n")
		}
	}
	b.WriteString("\r\n")
	deadline, _ := ctx.Deadline()
	_ = conn.SetDeadline(deadline)
	if _, err := conn.Write(append([]byte(b.String()), behind...)); err != nil {
		conn.Close()
		return nil, nil, err
	}
	r := bufio.NewReaderSize(conn, 64<<10)
	res, err := http.ReadResponse(r, &http.Request{Method: http.MethodGet})
	if err != nil {
		conn.Close()
		return nil, nil, fmt.Errorf("read the answer to the upgrade: %w", err)
	}
	a := &answer{status: res.StatusCode, header: res.Header}
	if res.StatusCode != http.StatusSwitchingProtocols {
		body, _ := io.ReadAll(res.Body)
		a.body = string(body)
		conn.Close()
		return nil, a, nil
	}
	sum := sha1.Sum([]byte(secret + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"))
	if got, want := res.Header.Get("Sec-WebSocket-Accept"), base64.StdEncoding.EncodeToString(sum[:]); got != want {
		conn.Close()
		return nil, nil, fmt.Errorf("Sec-WebSocket-Accept is %q, want %q", got, want)
	}
	_ = conn.SetDeadline(time.Time{})
	s := &socket{conn: conn, in: make(chan heard, 4096), deaf: make(chan bool, 8)}
	go s.listen(r)
	return s, a, nil
}

// A dialer opens the TCP connection.
type dialer func(ctx context.Context) (net.Conn, error)

func dialerOf(addr string, secure *tls.Config) dialer {
	return func(ctx context.Context) (net.Conn, error) {
		d := net.Dialer{}
		if secure == nil {
			return d.DialContext(ctx, "tcp", addr)
		}
		return (&tls.Dialer{NetDialer: &d, Config: secure}).DialContext(ctx, "tcp", addr)
	}
}

// listen reads until TCP ends. It answers pings and close frames, as clients do.
func (s *socket) listen(r *bufio.Reader) {
	defer close(s.in)
	defer s.conn.Close() // when the gateway has ended TCP, so does a client
	var message []byte
	for {
		for deaf := s.isDeaf(false); deaf; {
			deaf = <-s.deaf
		}
		op, fin, payload, err := readFrame(r)
		if err != nil {
			s.in <- heard{}
			return
		}
		switch op {
		case opPing:
			_ = s.write(true, 0, opPong, true, payload)
		case opPong:
			s.in <- heard{op: opPong, text: string(payload)}
		case opClose:
			h := heard{op: opClose, code: 1005}
			if len(payload) >= 2 {
				h.code, h.text = int(binary.BigEndian.Uint16(payload)), string(payload[2:])
			}
			s.in <- h
			if !s.hasClosed() {
				_ = s.write(true, 0, opClose, true, payload)
			}
		default:
			message = append(message, payload...)
			if fin {
				s.in <- heard{op: opText, text: string(message)}
				message = nil
			}
		}
	}
}

// isDeaf reports whether the client was told to stop reading.
func (s *socket) isDeaf(deaf bool) bool {
	for {
		select {
		case deaf = <-s.deaf:
		default:
			return deaf
		}
	}
}

func readFrame(r *bufio.Reader) (op int, fin bool, payload []byte, err error) {
	var h [10]byte
	if _, err = io.ReadFull(r, h[:2]); err != nil {
		return
	}
	n := int(h[1] & 0x7F)
	switch n {
	case 126:
		if _, err = io.ReadFull(r, h[2:4]); err != nil {
			return
		}
		n = int(binary.BigEndian.Uint16(h[2:4]))
	case 127:
		if _, err = io.ReadFull(r, h[2:10]); err != nil {
			return
		}
		n = int(binary.BigEndian.Uint64(h[2:10]))
	}
	if n < 0 || n > 64<<20 || h[1]&0x80 != 0 {
		return 0, false, nil, errors.New("the gateway sent a frame that is none")
	}
	payload = make([]byte, n)
	_, err = io.ReadFull(r, payload)
	return int(h[0] & 0x0F), h[0]&0x80 != 0, payload, err
}

// frameOf writes one frame.
func frameOf(fin bool, rsv, op int, masked bool, payload []byte) []byte {
	b := []byte{byte(op | rsv<<4)}
	if fin {
		b[0] |= 0x80
	}
	mask := byte(0)
	if masked {
		mask = 0x80
	}
	switch n := len(payload); {
	case n < 126:
		b = append(b, mask|byte(n))
	case n < 1<<16:
		b = binary.BigEndian.AppendUint16(append(b, mask|126), uint16(n))
	default:
		b = binary.BigEndian.AppendUint64(append(b, mask|127), uint64(n))
	}
	if masked {
		key := [4]byte{0x37, 0xfa, 0x21, 0x3d}
		b = append(b, key[:]...)
		for i, c := range payload {
			b = append(b, c^key[i&3])
		}
	} else {
		b = append(b, payload...)
	}
	return b
}

// write sends one frame.
func (s *socket) write(fin bool, rsv, op int, masked bool, payload []byte) error {
	b := frameOf(fin, rsv, op, masked, payload)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.closed = s.closed || op == opClose
	_, err := s.conn.Write(b)
	return err
}

// hasClosed reports whether a close frame was sent.
func (s *socket) hasClosed() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.closed
}

// reset ends TCP with a reset and not with an orderly end.
func (s *socket) reset() error {
	if tcp, ok := s.conn.(*net.TCPConn); ok {
		_ = tcp.SetLinger(0)
	}
	return s.conn.Close()
}
