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
	head  []byte       // what its events have in common, see event.go; set before the connection is accepted

	mu   sync.Mutex // guards work
	work *work      // nil while nothing runs
}

// work is what runs and waits for one connection.
type work struct {
	waiting  []*call // in the order of arrival
	bytes    int     // of waiting
	running  int
	starting bool // a goroutine is about to start the first of waiting
	owed     int  // replies of what runs and waits
	leaving  bool // the connection closes when they are sent
}

// start runs c when its turn has come: after those before it have started, and when fewer than the allowed number run. It returns
// an error, and c is not run, if too many wait. urgent calls wait without bound.
func (s *session) start(g *Gateway, c *call, urgent bool) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	w := s.work
	if w == nil {
		w = &work{}
		s.work = w
	}
	if c.r.backend.Caller {
		c.who = g.signer(s)
	}
	size := len(c.event) + len(c.body)
	if !urgent && (len(w.waiting) >= maxWaiting || w.bytes+size > maxWaitingBytes) {
		return errTooFarAhead
	}
	if !g.calls.begin() {
		return errStopping
	}
	w.waiting = append(w.waiting, c)
	w.bytes += size
	if c.replies() {
		w.owed++
	}
	if !w.starting && w.running < g.cfg.Concurrency {
		w.starting = true
		go s.run(g)
	}
	return nil
}

// run runs the first waiting call, and what is waiting when that is done. The goroutine of the next call is made when this one is about
// to begin: so calls begin in order and run at the same time.
func (s *session) run(g *Gateway) {
	for {
		s.mu.Lock()
		w := s.work
		c := w.waiting[0]
		w.waiting[0] = nil
		w.waiting = w.waiting[1:]
		w.bytes -= len(c.event) + len(c.body)
		w.running++
		w.starting = len(w.waiting) > 0 && w.running < g.cfg.Concurrency
		next := w.starting
		s.mu.Unlock()
		ctx, cancel := c.context()
		if next {
			go s.run(g)
		}
		replies := c.replies()
		c.run(ctx)
		cancel()
		g.calls.end()

		s.mu.Lock()
		w.running--
		if replies {
			w.owed--
			if w.leaving && w.owed == 0 {
				s.conn.Leave()
			}
		}
		if len(w.waiting) == 0 || w.starting {
			if w.running == 0 && !w.starting {
				s.work = nil
			}
			s.mu.Unlock()
			return
		}
		w.starting = true
		s.mu.Unlock()
	}
}

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
	if s.work == nil || s.work.owed == 0 {
		return false
	}
	s.work.leaving = true
	return true
}
