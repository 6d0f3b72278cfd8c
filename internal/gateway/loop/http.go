package loop

import (
	"crypto/tls"
	"net"
	"sync"
	"sync/atomic"
)

// An acceptor is the listener through which connections leave for HTTP. It is
// bounded by the number of connections of the server.
type acceptor struct {
	wanted atomic.Bool

	mu     sync.Mutex // guards what follows
	cond   sync.Cond
	queue  []net.Conn
	closed bool
	addr   net.Addr
}

func newAcceptor() *acceptor {
	a := &acceptor{addr: &net.TCPAddr{}}
	a.cond.L = &a.mu
	return a
}

func (a *acceptor) put(nc net.Conn) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.closed {
		nc.Close()
		return
	}
	a.queue = append(a.queue, nc)
	a.cond.Signal()
}

// Accept implements net.Listener.
func (a *acceptor) Accept() (net.Conn, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	for len(a.queue) == 0 && !a.closed {
		a.cond.Wait()
	}
	if a.closed {
		return nil, net.ErrClosed
	}
	nc := a.queue[0]
	a.queue[0] = nil
	a.queue = a.queue[1:]
	return nc, nil
}

// Close implements net.Listener.
func (a *acceptor) Close() error {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.closed = true
	for _, nc := range a.queue {
		nc.Close()
	}
	a.queue = nil
	a.cond.Broadcast()
	return nil
}

// Addr implements net.Listener: the address of the server's first listener.
func (a *acceptor) Addr() net.Addr {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.addr
}

func (a *acceptor) setAddr(addr net.Addr) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.addr = addr
}

// A countedConn begins with bytes that were read before it was known whose they
// are. Once it is handed to HTTP, its Close is counted.
type countedConn struct {
	net.Conn
	s      *Server
	prefix []byte // read by one goroutine at a time, as net.Conn's users do
	handed atomic.Bool
	once   sync.Once
}

func (c *countedConn) Read(p []byte) (int, error) {
	if len(c.prefix) > 0 {
		return takePrefix(&c.prefix, p), nil
	}
	return c.Conn.Read(p)
}

func (c *countedConn) Close() error {
	err := c.Conn.Close()
	if c.handed.Load() {
		c.once.Do(func() {
			c.s.handed.Add(-1)
			c.s.leave()
		})
	}
	return err
}

// CloseWrite lets an http.Server end its half first, so that answers are not lost.
func (c *countedConn) CloseWrite() error {
	if w, ok := c.Conn.(interface{ CloseWrite() error }); ok {
		return w.CloseWrite()
	}
	return c.Close()
}

func takePrefix(prefix *[]byte, p []byte) int {
	n := copy(p, *prefix)
	if *prefix = (*prefix)[n:]; len(*prefix) == 0 {
		*prefix = nil
	}
	return n
}

// A prefixedTLSConn is a *tls.Conn of which some bytes were read already.
type prefixedTLSConn struct {
	*tls.Conn
	prefix []byte
}

func (c *prefixedTLSConn) Read(p []byte) (int, error) {
	if len(c.prefix) > 0 {
		return takePrefix(&c.prefix, p), nil
	}
	return c.Conn.Read(p)
}

// hand gives a connection to HTTP. Its end is counted by c, which lies below nc.
func (s *Server) hand(c *countedConn, nc net.Conn) {
	s.handed.Add(1)
	c.handed.Store(true)
	s.http.put(nc)
}
