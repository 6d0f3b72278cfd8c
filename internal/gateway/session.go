package gateway

import (
	"errors"
	"sync"

	"github.com/sallyport/sallyport/internal/gateway/loop"
	"github.com/sallyport/sallyport/internal/gateway/usage"
)

// Bounds of what is kept of a client that sends faster than its messages are handled. Beyond them messages are answered with Too Many
// Requests.
const (
	maxWaiting      = 1024    // messages
	maxWaitingBytes = 4 << 20 // of their events
)

var errTooFarAhead = errors.New("the client is too many messages ahead of their integrations")

// A session is a connection as the gateway knows it. It is attached to the socket.
type session struct {
	conn  loop.Conn
	id    loop.ID // of conn, also when that is gone
	stage *served
	meter *usage.Meter // of the API key that it connected with; nil if there is none
	head  string       // what its events have in common, see event.go; set before the connection is accepted

	mu       sync.Mutex // guards what follows
	running  int32      // calls that have been handed to the runners
	owed     int32      // replies of what runs and waits
	starting bool       // one of what runs has not begun yet
	leaving  bool       // the connection closes when no reply is owed
	backlog  *backlog   // of calls that wait for their turn; nil if none does
}

// A backlog is what waits, in the order of arrival.
type backlog struct {
	calls []*call
	bytes int
}

// start runs c when its turn has come: after those before it have begun, and when fewer than the allowed number run. It returns
// an error, and c is not run, if too many wait. urgent calls wait without bound.
func (s *session) start(g *Gateway, c *call, urgent bool) error {
	if c.r.backend.Caller {
		c.who = g.signer(s)
	}
	if !g.calls.begin() {
		return errStopping
	}
	s.mu.Lock()
	now := !s.starting && int(s.running) < g.cfg.Concurrency
	if now {
		s.running++
		s.starting = true
	} else if !s.keep(c, urgent) {
		s.mu.Unlock()
		g.calls.end()
		return errTooFarAhead
	}
	if c.replies() {
		s.owed++
	}
	s.mu.Unlock()
	if now {
		g.runners.submit(c)
	}
	return nil
}

// keep puts a call into the backlog, unless too much is there. The caller holds mu.
func (s *session) keep(c *call, urgent bool) bool {
	b, size := s.backlog, c.size()
	if b == nil {
		b = &backlog{}
	}
	if !urgent && (len(b.calls) >= maxWaiting || b.bytes+size > maxWaitingBytes) {
		return false
	}
	s.backlog = b
	b.calls = append(b.calls, c)
	b.bytes += size
	return true
}

// begun is called when a call has begun: the next may.
func (s *session) begun(g *Gateway) {
	s.mu.Lock()
	s.starting = false
	next := s.next(g)
	s.mu.Unlock()
	if next != nil {
		g.runners.submit(next)
	}
}

// done is called when a call is done: another may take its place. replied tells that its reply was awaited.
func (s *session) done(g *Gateway, replied bool) {
	s.mu.Lock()
	s.running--
	if replied {
		s.owed--
		if s.leaving && s.owed == 0 {
			s.conn.Leave()
		}
	}
	next := s.next(g)
	s.mu.Unlock()
	if next != nil {
		g.runners.submit(next)
	}
	g.calls.end()
}

// next takes the call out of the backlog whose turn it is, nil if there is none. The caller holds mu.
func (s *session) next(g *Gateway) *call {
	b := s.backlog
	if b == nil || s.starting || int(s.running) >= g.cfg.Concurrency {
		return nil
	}
	c := b.calls[0]
	b.calls[0] = nil
	b.calls = b.calls[1:]
	b.bytes -= c.size()
	if len(b.calls) == 0 {
		s.backlog = nil
	}
	s.running++
	s.starting = true
	return c
}

// size is what a call keeps of its message.
func (c *call) size() int { return len(c.event) + len(c.body) }

// replies reports whether the client awaits what the backend answers.
func (c *call) replies() bool { return c.kind == Message && c.r.twoWay }

// Leaving implements loop.Leaver: the connection is to be closed, and that waits for the replies under way.
func (g *Gateway) Leaving(conn loop.Conn) (wait bool) {
	s, _ := conn.Attached().(*session)
	if s == nil {
		return false
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.leaving = s.owed > 0
	return s.leaving
}
