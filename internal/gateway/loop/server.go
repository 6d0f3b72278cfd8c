package loop

import (
	"context"
	"crypto/tls"
	"errors"
	"iter"
	"log/slog"
	"net"
	"time"
)

// Limits bound what one client may do and for how long. A zero field means
// AWS's value (see DefaultLimits); a negative duration means no limit.
type Limits struct {
	Frame     int           // payload of one frame from the client
	Message   int           // payload of one message from the client
	URL       int           // characters of the URL, scheme and host included
	Head      int           // bytes of the header fields of an upgrade
	Idle      time.Duration // without a data message in either direction
	Lifetime  time.Duration // of a connection
	Handshake time.Duration // from the first byte to the end of the request head
	Linger    time.Duration // from our close frame to the end of TCP

	QueueBytes    int // output that a slow client may leave unread, beyond the kernel's buffer
	QueueMessages int

	Binary            bool // take binary messages; AWS closes with 1003
	IdleCountsControl bool // pings and pongs from the client keep it alive; on AWS they do not
}

// DefaultLimits are AWS's, and our decisions where AWS is silent.
var DefaultLimits = Limits{
	Frame:         32 << 10,
	Message:       128 << 10,
	URL:           4096,
	Head:          10240,
	Idle:          600 * time.Second,
	Lifetime:      7200 * time.Second,
	Handshake:     10 * time.Second,
	Linger:        5 * time.Second,
	QueueBytes:    1 << 20,
	QueueMessages: 64,
}

// A Config says how a Server is to be. The zero value is usable.
type Config struct {
	Node     uint16           // written into every ID
	Limits   Limits           // zero fields: DefaultLimits
	TLS      *tls.Config      // nil: TLS clients are turned away
	Now      func() time.Time // nil: time.Now
	Sweep    time.Duration    // how often limits of time are checked; 0: every second
	Loops    int              // event loops; 0: GOMAXPROCS
	MaxConns int              // connections of all kinds; 0: what RLIMIT_NOFILE leaves
	Grace    time.Duration    // how long Run lets clients close at the end; 0: 5 s
	Log      *slog.Logger     // nil: silent
}

// A Server holds all connections of a process.
type Server struct {
	cfg Config
}

// Errors of the methods of Conn.
var (
	// ErrGone: the connection is closed, was refused, or is not accepted yet.
	ErrGone = errors.New("loop: connection is gone")
	// ErrBusy: the client does not read, and its queue is full. Nothing of the message was sent.
	ErrBusy = errors.New("loop: client does not keep up")
	// ErrAnswered: the upgrade was accepted or refused before.
	ErrAnswered = errors.New("loop: upgrade already answered")
)

var errNotBuilt = errors.New("loop: not built yet")

// New returns a server that listens to nothing yet.
func New(cfg Config) *Server { return &Server{cfg: cfg} }

// Run serves the listeners until ctx is done, then says 1001 to every client,
// waits up to Config.Grace for them and returns when all has stopped. It owns
// the listeners. Without listeners it serves what comes through ServeConn.
// Run is called once.
func (s *Server) Run(ctx context.Context, h Handler, listeners ...net.Listener) error {
	return errNotBuilt
}

// Shutdown stops accepting, sends every client a close frame with 1001 and
// returns when all connections have ended, or drops the rest when ctx is done
// (and returns its error). Run returns afterwards.
func (s *Server) Shutdown(ctx context.Context) error { return errNotBuilt }

// HTTP returns the listener from which requests that are no WebSocket upgrade
// come, for an http.Server: each accepted net.Conn is at the first byte of a
// request. See ConnInfo for what is behind it. It ends when Run does.
func (s *Server) HTTP() net.Listener { return nil }

// ServeConn serves one connection that was made elsewhere, for example in a
// CONNECT tunnel or with net.Pipe, as if it had been accepted: TLS or plain,
// upgrade or HTTP. It returns at once.
func (s *Server) ServeConn(nc net.Conn) { nc.Close() }

// Lookup returns the accepted connection of that ID, if it is here and alive.
func (s *Server) Lookup(id ID) (Conn, bool) { return Conn{}, false }

// All yields the accepted connections, in no order. Connections that come or
// go meanwhile may or may not be among them.
func (s *Server) All() iter.Seq[Conn] { return func(func(Conn) bool) {} }

// Stats counts the connections of a server.
type Stats struct {
	Open    int // accepted WebSocket connections
	Pending int // upgrades that wait for Accept or Refuse
	HTTP    int // handed to HTTP and not closed yet
	Max     int // connections of all kinds that fit
}

// Stats returns the present counts.
func (s *Server) Stats() Stats { return Stats{} }

// ConnInfo tells about a connection accepted from Server.HTTP: the TLS state if
// it came over TLS, else nil. It sees through what the server wrapped around it.
func ConnInfo(nc net.Conn) *tls.ConnectionState { return nil }
