package wsapptest

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"strings"
	"sync"
)

// A Client is a WebSocket client. Its methods fail the test if what they wait for does not come.
type Client struct {
	x       *Test
	conn    net.Conn
	address string
	done    chan struct{} // closed when nothing comes any more
	writing sync.Mutex    // held while a frame is written

	// Subprotocol is what the app has chosen.
	Subprotocol string

	// What follows is guarded by x.mu.
	id            string
	status        int // the gateway's answer to the upgrade
	sent, handled int // messages
	seen          int // messages that have reached the app, or never will
	ended         bool
	inbox         []string
	code          int // of the close frame
	reason        string
	over          bool // nothing comes any more
	pings, pongs  int
}

// A DialOption changes how a client connects.
type DialOption func(*dial)

type dial struct {
	query  string
	header []string
}

// Query adds a query string to the address, such as "room=blue&token=x".
func Query(query string) DialOption { return func(d *dial) { d.query = "?" + query } }

// Header adds a header.
func Header(name, value string) DialOption {
	return func(d *dial) { d.header = append(d.header, name+": "+value) }
}

// Subprotocols offers subprotocols.
func Subprotocols(names ...string) DialOption {
	return Header("Sec-WebSocket-Protocol", strings.Join(names, ", "))
}

// Connect connects a client. The test fails if it is refused.
func (x *Test) Connect(options ...DialOption) *Client {
	x.t.Helper()
	c, status := x.Dial(options...)
	if c == nil {
		x.t.Fatalf("wsapptest: the client is refused with status %d", status)
	}
	return c
}

// Dial connects a client, or returns the status with which it is refused.
func (x *Test) Dial(options ...DialOption) (c *Client, status int) {
	x.t.Helper()
	var d dial
	for _, o := range options {
		o(&d)
	}
	ours, theirs := net.Pipe()
	c = &Client{x: x, conn: ours, done: make(chan struct{})}
	x.mu.Lock()
	x.dialled++
	n := x.dialled
	ip := netip.AddrFrom4([4]byte{10, byte(n >> 16), byte(n >> 8), byte(n)}) // so the gateway's records can be told apart
	c.address = ip.String()
	x.clients = append(x.clients, c)
	x.mu.Unlock()
	reading, client := false, c
	defer func() {
		if !reading { // refused, or the test has failed
			ours.Close()
			x.change(func() { client.over, client.ended = true, true })
			close(client.done)
		}
	}()
	x.sockets.ServeConn(serverConn{theirs, net.TCPAddrFromAddrPort(netip.AddrPortFrom(ip, 50000))})

	var head bytes.Buffer
	fmt.Fprintf(&head, "GET /%s%s HTTP/1.1\r\nHost: %s\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"+
		"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nUser-Agent: wsapptest\r\n", x.app.StageName(), d.query, host)
	for _, h := range d.header {
		head.WriteString(h + "\r\n")
	}
	head.WriteString("\r\n")
	if _, err := ours.Write(head.Bytes()); err != nil {
		x.t.Fatalf("wsapptest: connect: %v", err)
	}
	in := bufio.NewReaderSize(ours, 512)
	resp, err := http.ReadResponse(in, nil)
	if err != nil {
		x.t.Fatalf("wsapptest: connect: %v", err)
	}
	if resp.StatusCode != http.StatusSwitchingProtocols {
		x.wait("the refusal to be recorded", func() bool { return c.status != 0 })
		return nil, resp.StatusCode
	}
	c.Subprotocol = resp.Header.Get("Sec-WebSocket-Protocol")
	reading = true
	go c.read(in)
	x.wait("the connection to be recorded", func() bool { return c.id != "" })
	return c, 0
}

// ID returns the connection's id.
func (c *Client) ID() string {
	c.x.mu.Lock()
	defer c.x.mu.Unlock()
	return c.id
}

// Send sends one message: a string or []byte as it is, any other value as JSON. What the gateway makes of it shows later: it closes the
// connection when a message has more than 128 KB, and [Client.Closed] tells.
func (c *Client) Send(v any) {
	c.x.t.Helper()
	var data []byte
	switch v := v.(type) {
	case string:
		data = []byte(v)
	case []byte:
		data = v
	default:
		var err error
		if data, err = json.Marshal(v); err != nil {
			c.x.t.Fatalf("wsapptest: %v", err)
		}
	}
	c.x.mu.Lock()
	c.sent++
	over := c.over
	c.x.mu.Unlock()
	const most = 32 << 10 // of one frame, on AWS
	for op := byte(opText); ; op = opContinuation {
		n := min(len(data), most)
		if err := c.write(op, data[:n], n == len(data)); err != nil {
			if !over && errors.Is(err, io.ErrClosedPipe) {
				return // the gateway has closed it meanwhile
			}
			c.x.t.Fatalf("wsapptest: send: %v", err)
		}
		if data = data[n:]; len(data) == 0 {
			return
		}
	}
}

// Receive waits for the next message and returns it.
func (c *Client) Receive() string {
	c.x.t.Helper()
	var text string
	c.x.wait("a message to "+c.address, func() bool {
		if len(c.inbox) == 0 {
			return c.over
		}
		text, c.inbox = c.inbox[0], c.inbox[1:]
		return true
	})
	c.x.mu.Lock()
	defer c.x.mu.Unlock()
	if c.over && text == "" && len(c.inbox) == 0 {
		c.x.t.Fatalf("wsapptest: the connection was closed (%d %s) before a message came", c.code, c.reason)
	}
	return text
}

// ReceiveJSON waits for the next message and decodes it.
func (c *Client) ReceiveJSON(v any) {
	c.x.t.Helper()
	text := c.Receive()
	if err := json.Unmarshal([]byte(text), v); err != nil {
		c.x.t.Fatalf("wsapptest: message %q: %v", text, err)
	}
}

// Expect waits for the next message, which must be want.
func (c *Client) Expect(want string) {
	c.x.t.Helper()
	if got := c.Receive(); got != want {
		c.x.t.Errorf("client received %q, want %q", got, want)
	}
}

// ExpectNothing waits as [Test.Settle] does; no message may have come that was not received.
func (c *Client) ExpectNothing() {
	c.x.t.Helper()
	c.x.Settle()
	c.x.mu.Lock()
	defer c.x.mu.Unlock()
	if len(c.inbox) > 0 {
		c.x.t.Errorf("client received %q, want nothing", c.inbox)
	}
}

// Close closes the connection with a code and a reason and waits until the app has been told. A code of 0 sends a frame without one, as browsers do.
func (c *Client) Close(code int, reason string) {
	c.x.t.Helper()
	var payload []byte
	if code != 0 {
		payload = append(binary.BigEndian.AppendUint16(nil, uint16(code)), reason...)
	}
	_ = c.write(opClose, payload, true)
	c.x.wait("the end of a connection", func() bool { return c.ended })
}

// Vanish cuts the connection without a word, and no $disconnect reaches the app: what is left is a stale connection in its table.
func (c *Client) Vanish() {
	c.x.t.Helper()
	c.x.faults.mu.Lock()
	c.x.faults.silent[c.ID()] = true
	c.x.faults.mu.Unlock()
	c.conn.Close()
	c.x.wait("the end of a connection", func() bool { return c.ended })
}

// Closed waits until the gateway closes the connection, and returns its code and reason.
func (c *Client) Closed() (code int, reason string) {
	c.x.t.Helper()
	c.x.wait("the gateway to close a connection", func() bool { return c.over && c.ended })
	c.x.mu.Lock()
	defer c.x.mu.Unlock()
	return c.code, c.reason
}

// flush waits until what the gateway has written so far is here: a pong comes behind it.
func (c *Client) flush() {
	c.x.t.Helper()
	c.x.mu.Lock()
	c.pings++
	n, over := c.pings, c.over
	c.x.mu.Unlock()
	if over || c.write(opPing, nil, true) != nil {
		return
	}
	c.x.wait("a pong", func() bool { return c.over || c.pongs >= n })
}

// Opcodes of frames.
const (
	opContinuation = 0
	opText         = 1
	opClose        = 8
	opPing         = 9
	opPong         = 10
)

// write sends one frame. Its mask is zero, which masks nothing.
func (c *Client) write(op byte, payload []byte, fin bool) error {
	frame := []byte{op, 0x80}
	if fin {
		frame[0] |= 0x80
	}
	switch n := len(payload); {
	case n < 126:
		frame[1] |= byte(n)
	default: // a frame has at most 32 KB
		frame[1] |= 126
		frame = binary.BigEndian.AppendUint16(frame, uint16(n))
	}
	frame = append(append(frame, 0, 0, 0, 0), payload...)
	c.writing.Lock()
	defer c.writing.Unlock()
	_, err := c.conn.Write(frame)
	return err
}

// read takes in what comes until the end.
func (c *Client) read(in *bufio.Reader) {
	defer close(c.done)
	var message []byte
	for {
		op, fin, payload, err := readFrame(in)
		if err != nil {
			c.x.change(func() { c.over = true })
			c.conn.Close()
			return
		}
		switch op {
		case opText, opContinuation:
			message = append(message, payload...)
			if fin {
				c.x.change(func() { c.inbox = append(c.inbox, string(message)) })
				message = message[:0]
			}
		case opPong:
			c.x.change(func() { c.pongs++ })
		case opClose:
			c.x.change(func() {
				if len(payload) >= 2 {
					c.code, c.reason = int(binary.BigEndian.Uint16(payload)), string(payload[2:])
				}
			})
			// The gateway may be writing, too, and a pipe holds nothing.
			go func() { _ = c.write(opClose, payload, true) }()
		}
	}
}

func readFrame(in *bufio.Reader) (op byte, fin bool, payload []byte, err error) {
	var head [2]byte
	if _, err := io.ReadFull(in, head[:]); err != nil {
		return 0, false, nil, err
	}
	size := uint64(head[1] & 0x7f)
	switch size {
	case 126:
		var n [2]byte
		_, err = io.ReadFull(in, n[:])
		size = uint64(binary.BigEndian.Uint16(n[:]))
	case 127:
		var n [8]byte
		_, err = io.ReadFull(in, n[:])
		size = binary.BigEndian.Uint64(n[:])
	}
	if err != nil {
		return 0, false, nil, err
	}
	payload = make([]byte, size)
	_, err = io.ReadFull(in, payload)
	return head[0] & 0xf, head[0]&0x80 != 0, payload, err
}
