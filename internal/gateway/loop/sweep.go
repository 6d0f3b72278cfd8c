package loop

import (
	"net/http"
	"time"
)

// sweeper holds connections against the limits of time until stop is closed.
// A big table is looked at in four parts, so that a turn stays short.
func (s *Server) sweeper(stop <-chan struct{}) {
	tick := time.NewTicker(s.cfg.Sweep)
	defer tick.Stop()
	for turn := uint32(0); ; turn++ {
		select {
		case <-stop:
			return
		case <-tick.C:
		}
		s.eng.tick()
		s.sweep(turn, 4)
	}
}

// Sweep looks at every connection at once, for those who move the clock of [Config].Now by hand and cannot wait for the next turn.
func (s *Server) Sweep() { s.sweep(0, 1) }

// sweep looks at one of several parts of the table.
func (s *Server) sweep(turn, parts uint32) {
	now := s.millis()
	used := s.tab.used.Load()
	chunks := (used + chunkSize - 1) >> chunkBits
	for c := range chunks {
		if chunks >= parts && c%parts != turn%parts {
			continue
		}
		for slot := c << chunkBits; slot < min(used, (c+1)<<chunkBits); slot++ {
			if r := s.tab.at(slot); s.overdue(r, now) {
				s.retire(slot, r, now)
			}
		}
	}
}

// overdue reports whether a limit of time has passed. Now is compared with
// what other goroutines write meanwhile; retire looks again under the lock.
func (s *Server) overdue(r *record, now int64) bool {
	switch r.state.Load() {
	case stReading:
		return past(r.since.Load(), now, s.lim.Handshake)
	case stOpen:
		return past(r.active.Load(), now, s.limits(r).Idle) || past(r.born.Load(), now, s.limits(r).Lifetime)
	case stLeaving:
		return past(r.since.Load(), now, s.limits(r).Answers)
	case stClosing, stDraining:
		return past(r.since.Load(), now, s.limits(r).Linger)
	}
	return false
}

// past reports whether limit has gone by since from. Milliseconds are cut off
// at the limit's end, so one more makes sure that it is never early.
func past(from, now int64, limit time.Duration) bool {
	return limit > 0 && now-from > limit.Milliseconds()
}

func (s *Server) retire(slot uint32, r *record, now int64) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if !s.overdue(r, now) {
		return
	}
	switch r.state.Load() {
	case stOpen:
		if s.leaving(slot, r, Closure{Code: CodeGoingAway, Reason: ReasonGoingAway}) {
			s.nudge(slot, r)
		}
	case stLeaving:
		s.left(slot, r)
		s.nudge(slot, r)
	default:
		s.drop(slot, r)
	}
}

// drop makes the loop end a locked connection without further words.
func (s *Server) drop(slot uint32, r *record) {
	r.flags |= flKill
	s.nudge(slot, r)
}

// each calls f for every locked record in use.
func (s *Server) each(f func(slot uint32, r *record)) {
	for slot := range s.tab.used.Load() {
		r := s.tab.at(slot)
		r.mu.Lock()
		if r.state.Load() != stFree {
			f(slot, r)
		}
		r.mu.Unlock()
	}
}

// dismiss says goodbye to one client of a server that stops.
func (s *Server) dismiss(slot uint32, r *record) {
	switch r.state.Load() {
	case stReading:
		s.drop(slot, r)
	case stPending:
		x := s.need(r)
		now := s.clock()
		x.ending = Closure{Code: CodeGoingAway, Reason: ReasonGoingAway, At: now}
		x.ended = true
		r.state.Store(stDraining)
		r.since.Store(now.UnixMilli())
		r.flags |= flFin
		s.emit(slot, r, appendError(nil, http.StatusServiceUnavailable, now), true, must)
		s.nudge(slot, r)
	case stOpen:
		if s.leaving(slot, r, Closure{Code: CodeGoingAway, Reason: ReasonGoingAway}) {
			s.nudge(slot, r)
		}
	}
}
