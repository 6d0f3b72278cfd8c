package loop

import (
	"bufio"
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/binary"
	"io"
	"math/big"
	"net"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/sallyport/sallyport/internal/gateway/frame"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// patience bounds every wait of these tests; none is expected to come near it.
const patience = time.Minute

// A transport is one of the ways into a server. The suite runs over each.
type transport struct {
	name string
	tls  bool
	wrap func(net.Listener) net.Listener
}

var transports = []transport{
	{name: "loop"},
	{name: "tls", tls: true},
	{name: "goroutine", wrap: func(l net.Listener) net.Listener { return foreign{l} }},
}

// A foreign listener is one that the event loops do not know.
type foreign struct{ net.Listener }

func overEach(t *testing.T, test func(t *testing.T, tr transport)) {
	for _, tr := range transports {
		t.Run(tr.name, func(t *testing.T) { test(t, tr) })
	}
}

// A rig is a running server with a handler that records and answers.
type rig struct {
	*Server
	transport
	addr   string
	stop   context.CancelFunc
	done   chan error
	opened chan opening
	closed chan ending
	texts  chan string

	// What the handler does; set before the first connection.
	onOpen    func(c Conn, h *Handshake)
	onMessage func(c Conn, text []byte)
	onClosed  func(c Conn, e Closure)
	handler   Handler      // nil: the rig itself
	now       atomic.Int64 // a clock that stands still unless moved; zero: the real one
}

type opening struct {
	c Conn
	h *Handshake
}

type ending struct {
	c Conn
	Closure
}

func (g *rig) Open(c Conn, h *Handshake) {
	if g.onOpen != nil {
		g.onOpen(c, h)
		return
	}
	if err := c.Accept(""); err != nil {
		panic(err)
	}
	g.opened <- opening{c, h}
}

func (g *rig) Message(c Conn, text []byte) {
	if g.onMessage != nil {
		g.onMessage(c, text)
		return
	}
	c.Write(text)
}

func (g *rig) Closed(c Conn, e Closure) {
	if g.onClosed != nil {
		g.onClosed(c, e)
		return
	}
	g.closed <- ending{c, e}
}

func serve(t *testing.T, tr transport, cfg Config, hooks ...func(*rig)) *rig {
	t.Helper()
	l, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	addr := l.Addr().String()
	if tr.wrap != nil {
		l = tr.wrap(l)
	}
	g := &rig{
		transport: tr, addr: addr, done: make(chan error, 1),
		opened: make(chan opening, 4096), closed: make(chan ending, 4096), texts: make(chan string, 4096),
	}
	cfg.TLS = serverTLS(t)
	if cfg.Sweep == 0 {
		cfg.Sweep = 5 * time.Millisecond
	}
	if cfg.Now == nil {
		cfg.Now = func() time.Time {
			if ms := g.now.Load(); ms != 0 {
				return time.UnixMilli(ms)
			}
			return time.Now()
		}
	}
	g.Server = New(cfg)
	for _, h := range hooks {
		h(g)
	}
	ctx, cancel := context.WithCancel(t.Context())
	g.stop = cancel
	var h Handler = g
	if g.handler != nil {
		h = g.handler
	}
	go func() { g.done <- g.Run(ctx, h, l) }()
	t.Cleanup(func() {
		cancel()
		if err := within(t, g.done); err != nil {
			t.Errorf("Run = %v", err)
		}
	})
	return g
}

// within receives from ch, or fails.
func within[T any](t *testing.T, ch <-chan T) T {
	t.Helper()
	select {
	case v := <-ch:
		return v
	case <-time.After(patience):
		t.Fatal("nothing happened")
		panic("unreachable")
	}
}

// eventually polls until ok.
func eventually(t *testing.T, what string, ok func() bool) {
	t.Helper()
	for end := time.Now().Add(patience); !ok(); time.Sleep(time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("%s did not come true", what)
		}
	}
}

var serverTLS = func() func(t *testing.T) *tls.Config {
	once := sync.OnceValues(func() (tls.Certificate, error) {
		key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
		if err != nil {
			return tls.Certificate{}, err
		}
		tmpl := &x509.Certificate{
			SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "test"}, DNSNames: []string{"localhost"},
			NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(24 * time.Hour),
		}
		der, err := x509.CreateCertificate(rand.Reader, tmpl, tmpl, &key.PublicKey, key)
		return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}, err
	})
	return func(t *testing.T) *tls.Config {
		cert, err := once()
		if err != nil {
			t.Fatal(err)
		}
		return &tls.Config{Certificates: []tls.Certificate{cert}, NextProtos: []string{"http/1.1"}}
	}
}()

var clientTLS = &tls.Config{InsecureSkipVerify: true, ServerName: "localhost"}

// A client is a WebSocket client that can also misbehave.
type client struct {
	net.Conn
	t   *testing.T
	br  *bufio.Reader
	tcp *net.TCPConn
}

func (g *rig) connect(t *testing.T) *client {
	t.Helper()
	nc, err := net.Dial("tcp4", g.addr)
	if err != nil {
		t.Fatal(err)
	}
	tcp := nc.(*net.TCPConn)
	if g.tls {
		nc = tls.Client(nc, clientTLS)
	}
	nc.SetDeadline(time.Now().Add(patience))
	t.Cleanup(func() { nc.Close() })
	c := newClient(t, nc)
	c.tcp = tcp
	return c
}

func newClient(t *testing.T, nc net.Conn) *client {
	return &client{Conn: nc, t: t, br: bufio.NewReader(nc)}
}

const key = "dGhlIHNhbXBsZSBub25jZQ=="

// upgradeRequest is a good one, with more header lines if wanted.
func upgradeRequest(target string, lines ...string) string {
	return "GET " + target + " HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n" +
		"Sec-WebSocket-Key: " + key + "\r\nSec-WebSocket-Version: 13\r\n" + strings.Join(append(lines, "", ""), "\r\n")
}

// open connects and upgrades.
func (g *rig) open(t *testing.T) *client {
	t.Helper()
	c := g.connect(t)
	c.send([]byte(upgradeRequest("/prod")))
	c.expectSwitching()
	return c
}

func (c *client) send(b []byte) {
	c.t.Helper()
	if _, err := c.Write(b); err != nil {
		c.t.Fatalf("send: %v", err)
	}
}

func (c *client) response() *http.Response {
	c.t.Helper()
	res, err := http.ReadResponse(c.br, nil)
	if err != nil {
		c.t.Fatalf("read response: %v", err)
	}
	return res
}

func (c *client) expectSwitching() *http.Response {
	c.t.Helper()
	res := c.response()
	if res.StatusCode != 101 || res.Header.Get("Sec-WebSocket-Accept") != "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=" {
		c.t.Fatalf("upgrade: %s %v", res.Status, res.Header)
	}
	return res
}

// masked builds a client's frame.
func masked(h frame.Header, payload []byte) []byte {
	h.Masked, h.Key, h.Len = true, 0x9A3B5C7D, uint64(len(payload))
	b := frame.AppendHeader(nil, h)
	n := len(b)
	b = append(b, payload...)
	frame.Mask(b[n:], h.Key, 0)
	return b
}

func text(s string) []byte { return masked(frame.Header{Fin: true, Op: frame.Text}, []byte(s)) }

func closing(code int, reason string) []byte {
	var p []byte
	if code != 0 {
		p = binary.BigEndian.AppendUint16(nil, uint16(code))
	}
	return masked(frame.Header{Fin: true, Op: frame.Close}, append(p, reason...))
}

// read returns the next frame of the server.
func (c *client) read() (frame.Header, []byte) {
	c.t.Helper()
	h, p, err := c.tryRead()
	if err != nil {
		c.t.Fatalf("read frame: %v", err)
	}
	return h, p
}

func (c *client) tryRead() (frame.Header, []byte, error) {
	b := make([]byte, 0, frame.MaxHeader)
	for {
		x, err := c.br.ReadByte()
		if err != nil {
			return frame.Header{}, nil, err
		}
		b = append(b, x)
		h, n, ferr := frame.ParseHeader(b)
		if ferr != nil {
			return h, nil, ferr
		}
		if n == 0 {
			continue
		}
		p := make([]byte, h.Len)
		_, err = io.ReadFull(c.br, p)
		return h, p, err
	}
}

// message returns the next text message, put together.
func (c *client) message() string {
	c.t.Helper()
	var all []byte
	for op := frame.Text; ; op = frame.Continuation {
		h, p := c.read()
		if h.Op != op || h.Masked || h.RSV != 0 || len(p) > frame.Fragment {
			c.t.Fatalf("got frame %+v, want opcode %d; payload %.100q", h, op, p)
		}
		if all = append(all, p...); h.Fin {
			return string(all)
		}
	}
}

func (c *client) expectMessage(want string) {
	c.t.Helper()
	if got := c.message(); got != want {
		c.t.Fatalf("got message %.100q (%d bytes), want %.100q (%d)", got, len(got), want, len(want))
	}
}

// expectClose reads up to the close frame and the end of TCP.
func (c *client) expectClose(code int, reason string) {
	c.t.Helper()
	h, p := c.read()
	if h.Op != frame.Close {
		c.t.Fatalf("got frame %+v %.100q, want close %d", h, p, code)
	}
	gotCode, gotReason, ferr := frame.ParseClose(p)
	if ferr != nil || gotCode != code || gotReason != reason {
		c.t.Fatalf("got close %d %q (%v), want %d %q", gotCode, gotReason, ferr, code, reason)
	}
}

func (c *client) expectEOF() {
	c.t.Helper()
	if b, err := io.ReadAll(c.br); err != nil || len(b) > 0 {
		c.t.Fatalf("got %d bytes %.100q and %v, want the end", len(b), b, err)
	}
}

func (g *rig) expectEnd(t *testing.T, want Closure) Conn {
	t.Helper()
	e := within(t, g.closed)
	got := e.Closure
	if got.At.IsZero() {
		t.Error("closure has no time")
	}
	got.At = time.Time{}
	if got != want {
		t.Fatalf("Closed with %+v, want %+v", got, want)
	}
	return e.c
}

// quiet fails if more has ended than was expected.
func (g *rig) quiet(t *testing.T) {
	t.Helper()
	g.stop()
	if err := within(t, g.done); err != nil {
		t.Errorf("Run = %v", err)
	}
	g.done <- nil
	select {
	case e := <-g.closed:
		t.Errorf("unexpected end of %v: %+v", e.c, e.Closure)
	default:
	}
	if n := g.total.Load() - g.handed.Load(); n != 0 {
		t.Errorf("%d connections are left", n)
	}
	if n := g.Stats(); n != (Stats{Max: n.Max, HTTP: n.HTTP}) {
		t.Errorf("counts at the end: %+v", n)
	}
}

func repeat(n int) string { return string(bytes.Repeat([]byte("x"), n)) }
