package loop

import (
	"github.com/sallyport/sallyport/internal/gateway/frame"
)

// tlsHello is the first byte of a TLS handshake; no HTTP method begins with it.
const tlsHello = 0x16

// announce turns a connection whose request is a well-formed upgrade over to
// the handler. It is called by whoever calls Message for it.
func (s *Server) announce(slot uint32, r *record, q *request) {
	r.mu.Lock()
	if r.flags&flKill != 0 {
		r.mu.Unlock()
		return
	}
	q.hs.At = s.clock()
	ms := q.hs.At.UnixMilli()
	r.born.Store(ms)
	r.active.Store(ms)
	r.flags |= flUpgraded
	s.need(r).accept = acceptKey(q.key)
	s.pending.Add(1)
	r.state.Store(stPending)
	c := Conn{s, slot, r.gen.Load()}
	r.mu.Unlock()
	hs := q.hs
	s.handler.Open(c, &hs)
}

// consume takes input of an accepted connection along its path: frame, message,
// handler. It is called by whoever calls Message for it, with what it read.
func (s *Server) consume(slot uint32, r *record, p *frame.Partial, b []byte, now int64) {
	c, lim := Conn{s, slot, r.gen.Load()}, s.limits(r)
	for len(b) > 0 {
		st := r.state.Load()
		if st != stOpen && st != stClosing && (st != stLeaving || s.saidGoodbye(r)) {
			return
		}
		ev, n, err := lim.rules.Next(p, b)
		if err != nil {
			s.fail(slot, r, err)
			return
		}
		b = b[n:]
		if st != stOpen && ev.Op != frame.Close {
			continue // we say goodbye: nothing but the answer is of interest
		}
		switch ev.Op {
		case frame.Text:
			r.active.Store(now)
			s.handler.Message(c, ev.Data)
		case frame.Binary:
			r.active.Store(now)
			s.binary.Binary(c, ev.Data)
		case frame.Ping:
			s.pong(slot, r, ev.Data, now)
		case frame.Pong:
			if lim.IdleCountsControl {
				r.active.Store(now)
			}
		case frame.Close:
			s.answerClose(slot, r, ev.Data)
		}
	}
}

// pong answers a ping. A client that does not read gets no more of them.
func (s *Server) pong(slot uint32, r *record, data []byte, now int64) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if s.limits(r).IdleCountsControl {
		r.active.Store(now)
	}
	if r.state.Load() == stOpen {
		_ = s.message(slot, r, frame.Pong, data)
	}
}

// answerClose answers a close frame with the same code, or takes it for the
// answer to ours. Either way all is said.
func (s *Server) answerClose(slot uint32, r *record, data []byte) {
	code, reason, err := frame.ParseClose(data)
	if err != nil {
		s.fail(slot, r, err)
		return
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if code == frame.NoStatus {
		reason = ReasonNoStatus
	}
	e := Closure{Code: code, Reason: reason, Client: true}
	switch r.state.Load() {
	case stOpen:
		s.leaving(slot, r, e)
	case stLeaving: // it was faster than we
		s.rares.get(r.rare).ending = e
	case stClosing:
		r.state.Store(stDraining)
		r.flags |= flFin
	}
}

// saidGoodbye reports whether the client of a connection that waits for answers has sent its close frame.
func (s *Server) saidGoodbye(r *record) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.state.Load() == stLeaving && s.rares.get(r.rare).ending.Client
}

// fail ends a connection whose input cannot be read any further.
func (s *Server) fail(slot uint32, r *record, err *frame.Error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	switch r.state.Load() {
	case stOpen, stLeaving:
		s.end(slot, r, Closure{Code: err.Code, Reason: err.Reason}, true)
	case stClosing:
		r.state.Store(stDraining)
		r.flags |= flFin
	}
}
