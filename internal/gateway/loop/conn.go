package loop

import (
	"fmt"
	"strings"
	"time"

	"github.com/sallyport/sallyport/internal/gateway/frame"
)

// A Conn is a handle to a connection: small, comparable, copied freely, and
// harmless when its connection is gone. Its methods may be called from many
// goroutines.
type Conn struct {
	s    *Server
	slot uint32
	gen  uint32
}

// lock returns the locked record, or nil if the connection is gone.
func (c Conn) lock() *record {
	if c.s == nil {
		return nil
	}
	r := c.s.tab.at(c.slot)
	if r == nil {
		return nil
	}
	r.mu.Lock()
	if r.gen.Load() != c.gen || r.state.Load() == stFree {
		r.mu.Unlock()
		return nil
	}
	return r
}

// ID returns the name of the connection.
func (c Conn) ID() ID {
	r := c.lock()
	if r == nil {
		return ID{}
	}
	defer r.mu.Unlock()
	return MakeID(time.UnixMilli(r.born.Load()), c.s.tab.serial(c.slot, c.gen), KindConnection, c.s.cfg.Node)
}

// Accept answers the upgrade with 101. A subprotocol that is not empty is
// passed on as Sec-WebSocket-Protocol; AWS does not check that the client
// offered it. It returns ErrGone if the client has left meanwhile; Closed was or
// will be called with Accepted false then, and with Accepted true after nil.
func (c Conn) Accept(subprotocol string) error {
	if strings.ContainsAny(subprotocol, "\r\n\x00") {
		return fmt.Errorf("accept connection: subprotocol %q cannot be a header value", subprotocol)
	}
	r := c.lock()
	if r == nil {
		return ErrGone
	}
	defer r.mu.Unlock()
	if err := answerable(r); err != nil {
		return err
	}
	s := c.s
	x := s.rares.get(r.rare)
	s.pending.Add(-1)
	s.open.Add(1)
	r.flags |= flAccepted
	// From here the connection is found, before the client can know. If the
	// client is gone already, Closed follows.
	r.state.Store(stOpen)
	_ = s.emit(c.slot, r, appendSwitching(nil, x.accept[:], subprotocol), true, must)
	s.tidy(r)
	if r.flags&(flHeld|flStream) != 0 {
		s.nudge(c.slot, r)
	}
	return nil
}

// Refuse answers the upgrade with an HTTP status and closes the connection;
// Handler.Closed is not called. Content-Length, Date and Connection are added.
func (c Conn) Refuse(status int, headers []Header, body []byte) error {
	r := c.lock()
	if r == nil {
		return ErrGone
	}
	defer r.mu.Unlock()
	if err := answerable(r); err != nil {
		return err
	}
	c.s.refuse(c.slot, r, appendRefusal(nil, status, headers, body, c.s.clock()))
	return nil
}

func answerable(r *record) error {
	switch {
	case r.state.Load() == stPending:
		return nil
	case r.flags&flAccepted != 0 || r.state.Load() == stDraining && r.flags&flUpgraded == 0:
		return ErrAnswered
	}
	return ErrGone
}

// Write sends one text message, in frames of at most 32 KB. It does not wait
// for the client: nil means handed to the kernel or queued behind other output.
// Messages written one after the other arrive in that order. The caller checks
// size and UTF-8.
func (c Conn) Write(text []byte) error { return c.write(frame.Text, text) }

// WriteBinary sends one binary message.
func (c Conn) WriteBinary(data []byte) error { return c.write(frame.Binary, data) }

func (c Conn) write(op frame.Opcode, data []byte) error {
	r := c.lock()
	if r == nil {
		return ErrGone
	}
	defer r.mu.Unlock()
	if !writable(r) {
		return ErrGone
	}
	err := c.s.message(c.slot, r, op, data)
	if err == nil {
		r.active.Store(c.s.now(r))
	}
	return err
}

// A Prepared is a message in the form it has on the wire, built once to be sent to many.
type Prepared struct{ wire []byte }

// Prepare builds a text message for Send.
func Prepare(text []byte) Prepared {
	return Prepared{frame.AppendMessage(make([]byte, 0, frame.MessageLen(len(text))), frame.Text, text)}
}

// Send is Write for a prepared message.
func (c Conn) Send(p Prepared) error {
	r := c.lock()
	if r == nil {
		return ErrGone
	}
	defer r.mu.Unlock()
	if !writable(r) {
		return ErrGone
	}
	err := c.s.emit(c.slot, r, p.wire, true, ordinary)
	if err == nil {
		r.active.Store(c.s.now(r))
	}
	return err
}

// Close sends what is queued and a close frame; Handler.Closed is called with
// this code and reason, or with those of a closing that waited for answers. It
// does not wait itself. It returns ErrGone if the connection is closed already
// or not accepted yet.
func (c Conn) Close(code int, reason string) error {
	r := c.lock()
	if r == nil {
		return ErrGone
	}
	defer r.mu.Unlock()
	switch r.state.Load() {
	case stOpen:
		c.s.end(c.slot, r, Closure{Code: code, Reason: reason}, false)
	case stLeaving:
		c.s.left(c.slot, r)
	default:
		return ErrGone
	}
	c.s.nudge(c.slot, r)
	return nil
}

// Leave says that no answer is under way any more. It closes the connection if
// Leaver.Leaving had it wait, and does nothing otherwise.
func (c Conn) Leave() {
	r := c.lock()
	if r == nil {
		return
	}
	defer r.mu.Unlock()
	if r.state.Load() == stLeaving {
		c.s.left(c.slot, r)
		c.s.nudge(c.slot, r)
	}
}

// writable reports whether messages still go to the client of a locked record.
func writable(r *record) bool {
	st := r.state.Load()
	return st == stOpen || st == stLeaving
}

// Attach keeps v with the connection until Handler.Closed has returned.
func (c Conn) Attach(v any) {
	if r := c.lock(); r != nil {
		c.s.tab.attach(c.slot, v)
		r.mu.Unlock()
	}
}

// Attached returns what was attached, or nil.
func (c Conn) Attached() any {
	r := c.lock()
	if r == nil {
		return nil
	}
	defer r.mu.Unlock()
	return c.s.tab.attached(c.slot)
}

// ConnectedAt returns when the upgrade request was complete, to the millisecond.
func (c Conn) ConnectedAt() time.Time {
	r := c.lock()
	if r == nil {
		return time.Time{}
	}
	defer r.mu.Unlock()
	return time.UnixMilli(r.born.Load())
}

// LastActive returns when the last data message went in or out; ConnectedAt
// before the first one.
func (c Conn) LastActive() time.Time {
	r := c.lock()
	if r == nil {
		return time.Time{}
	}
	defer r.mu.Unlock()
	return time.UnixMilli(r.active.Load())
}

// leaving closes an open connection whose record is locked, after the answers
// that are under way. It reports whether that is done already; if not, the record
// may be another's by now.
func (s *Server) leaving(slot uint32, r *record, e Closure) (ended bool) {
	if s.leaver == nil || s.limits(r).Answers <= 0 {
		s.end(slot, r, e, e.Client)
		return true
	}
	c := Conn{s, slot, r.gen.Load()}
	x := s.need(r)
	x.ending, x.owed = e, true
	r.since.Store(s.now(r))
	r.state.Store(stLeaving) // before the handler is asked: it may be done before we know that it is not
	r.mu.Unlock()
	wait := s.leaver.Leaving(c)
	r.mu.Lock()
	if wait || r.gen.Load() != c.gen || r.state.Load() != stLeaving {
		return false
	}
	s.left(slot, r)
	return true
}

// left closes a connection that has waited for answers; its record is locked.
func (s *Server) left(slot uint32, r *record) {
	e := s.rares.get(r.rare).ending
	s.end(slot, r, e, e.Client)
}

// end begins the closing of a connection whose record is locked: the close frame
// goes out behind other output. With fin nothing more is expected of the client.
// The loop reports the closure and waits for the end of TCP.
func (s *Server) end(slot uint32, r *record, e Closure, fin bool) {
	e.Accepted, e.At = true, s.clock()
	x := s.need(r)
	x.ending, x.ended, x.owed = e, true, false
	r.since.Store(e.At.UnixMilli())
	if fin {
		r.state.Store(stDraining)
		r.flags |= flFin
	} else {
		r.state.Store(stClosing)
	}
	s.emit(slot, r, frame.AppendClose(nil, e.Code, e.Reason), true, must)
}

// refuse answers a request whose record is locked, for the last time.
func (s *Server) refuse(slot uint32, r *record, response []byte) {
	if r.flags&flUpgraded != 0 {
		r.flags &^= flUpgraded
		s.pending.Add(-1)
	}
	r.state.Store(stDraining)
	r.since.Store(s.millis())
	r.flags |= flFin
	s.emit(slot, r, response, true, must)
	s.tidy(r)
	s.nudge(slot, r)
}

// nudge makes the loop look at a connection whose record is locked: it holds
// input, has an end to report, or is to send FIN. While the loop is at it
// already, it looks by itself.
func (s *Server) nudge(slot uint32, r *record) {
	if r.flags&flStream != 0 {
		s.rares.get(r.rare).st.nudge()
		return
	}
	if r.flags&(flMailed|flCorked) != 0 {
		return
	}
	r.flags |= flMailed
	s.eng.mail(r.loop, slot)
}
