package loop

import (
	"net"
	"os"
	"syscall"

	"golang.org/x/sys/unix"

	"github.com/sallyport/sallyport/internal/gateway/frame"
)

// event serves one connection for one turn: at most one buffer of input.
func (l *eventLoop) event(slot, gen, events uint32) {
	r := l.s.tab.at(slot)
	if r == nil || r.state.Load() == stFree || r.gen.Load() != gen { // only this loop frees it
		return
	}
	if events&unix.EPOLLOUT != 0 {
		l.flush(slot, r)
	}
	if events&^unix.EPOLLOUT == 0 {
		l.attend(slot, r, nil)
		return
	}
	st := r.state.Load()
	r.mu.Lock()
	held := st == stPending || st == stOpen && r.flags&flIn == 0
	if held && events&(unix.EPOLLRDHUP|unix.EPOLLHUP|unix.EPOLLERR) == 0 {
		r.flags |= flHeld // Accept is to tell us
		l.e.rearm(slot, r)
		r.mu.Unlock()
		return
	}
	r.mu.Unlock()
	if held { // nobody listens any more
		l.close(slot, r)
		return
	}
	n, errno := rawRead(r.fd, l.buf)
	switch {
	case n > 0 && errno == 0:
		l.attend(slot, r, l.buf[:n])
	case errno == syscall.EAGAIN, errno == syscall.EINTR:
	default:
		l.close(slot, r)
	}
}

// attend does everything that is due for a connection: input b, input that
// waited, an end to report, FIN. What the handler writes meanwhile leaves in one call.
func (l *eventLoop) attend(slot uint32, r *record, b []byte) {
	s := l.s
	r.mu.Lock()
	if r.flags&flKill != 0 {
		r.mu.Unlock()
		l.close(slot, r)
		return
	}
	r.flags |= flCorked
	r.mu.Unlock()

	if r.state.Load() == stReading && len(b) > 0 {
		var gone bool
		if b, gone = l.request(slot, r, b); gone {
			return
		}
	}
	for {
		l.frames(slot, r, b)
		r.mu.Lock()
		st, x := r.state.Load(), s.queueOf(r)
		accepted, ended := st == stOpen && r.flags&flHeld != 0, x != nil && x.ended
		if st != stPending {
			r.flags &^= flHeld
		}
		if !accepted && !ended { // leave the loop with the record locked
			break
		}
		r.mu.Unlock()
		s.report(slot, r)
		b = nil
	}
	s.uncork(slot, r)
	l.settle(slot, r)
	due := r.flags&flKill != 0
	r.mu.Unlock()
	if due {
		l.close(slot, r)
	}
}

// frames consumes the input of an accepted connection, or keeps it while the
// upgrade is pending.
func (l *eventLoop) frames(slot uint32, r *record, b []byte) {
	st := r.state.Load()
	if st == stPending {
		if len(b) > 0 {
			in := l.input(r)
			in.kept = append(in.kept, b...)
			r.mu.Lock()
			r.flags |= flHeld
			r.mu.Unlock()
		}
		return
	}
	if st != stOpen && st != stLeaving && st != stClosing {
		if st == stDraining {
			l.forget(r)
		}
		return
	}
	p, now := l.spare, l.now.Load()
	if r.in != 0 {
		in := l.inputs[r.in-1]
		if in.partial != nil {
			p = in.partial
		}
		if kept := in.kept; kept != nil {
			in.kept = nil
			l.s.consume(slot, r, p, kept, now)
		}
	}
	l.s.consume(slot, r, p, b, now)
	switch {
	case p.Idle() || r.state.Load() == stDraining:
		p.Reset()
		l.forget(r)
	case p == l.spare:
		l.input(r).partial = p
		l.spare = new(frame.Partial)
	}
}

// request reads the head of a request. It returns what came behind it; gone is
// true if the connection is no longer the loop's.
func (l *eventLoop) request(slot uint32, r *record, b []byte) (rest []byte, gone bool) {
	s := l.s
	if r.in != 0 {
		in := l.inputs[r.in-1]
		in.head = append(in.head, b...)
		b = in.head
	}
	if b[0] == tlsHello {
		l.detach(slot, r, b, false)
		return nil, true
	}
	q := parseRequest(b, "ws", &s.lim)
	if q.verdict == undecided {
		if r.in == 0 {
			in := l.input(r)
			in.head = append(in.head, b...)
		}
		return nil, false
	}
	rest = b[q.size:]
	l.forget(r)
	if status := s.turnAway(r, &q); status != 0 {
		r.mu.Lock()
		s.refuse(slot, r, appendError(nil, status, s.clock()))
		r.mu.Unlock()
		return nil, false
	}
	if q.verdict == plain {
		l.detach(slot, r, b, true)
		return nil, true
	}
	q.hs.Remote = peerOf(r.fd)
	s.announce(slot, r, &q)
	return rest, false
}

// detach gives a connection away, with what was read of it: to HTTP, or to a
// goroutine that speaks TLS.
func (l *eventLoop) detach(slot uint32, r *record, b []byte, plain bool) {
	s := l.s
	read := append([]byte(nil), b...)
	unix.EpollCtl(l.epfd, unix.EPOLL_CTL_DEL, int(r.fd), nil)
	f := os.NewFile(uintptr(r.fd), "tcp")
	nc, err := net.FileConn(f)
	f.Close()
	r.mu.Lock()
	r.fd = -1
	full := r.flags&flFull != 0
	r.flags &^= flCorked
	r.mu.Unlock()
	l.forget(r)
	s.free(slot, r)
	if err != nil {
		s.log.Warn("hand connection on", "err", err)
		s.leave()
		return
	}
	if plain {
		c := &countedConn{Conn: nc, s: s, prefix: read}
		s.hand(c, c)
		return
	}
	s.serve(nc, read, full)
}

// flush writes what is stuck, now that there is room.
func (l *eventLoop) flush(slot uint32, r *record) {
	r.mu.Lock()
	defer r.mu.Unlock()
	x := l.s.queueOf(r)
	for x != nil && !x.queue.empty() {
		b := x.queue.segs[0]
		n, err := l.e.write(r.fd, b)
		if err != nil {
			x.queue = queue{}
			break // reading finds the end
		}
		x.queue.advance(n)
		if n < len(b) {
			break
		}
	}
	l.s.tidy(r)
}

// settle brings a locked record to rest: FIN if all is said, and the events
// that matter from now on.
func (l *eventLoop) settle(slot uint32, r *record) {
	x := l.s.queueOf(r)
	if r.flags&(flFin|flFinSent) == flFin && (x == nil || x.queue.empty()) {
		r.flags |= flFinSent
		rawFin(r.fd)
	}
	l.e.rearm(slot, r)
}

// rearm asks epoll for what matters to a locked record. Input of a connection
// whose upgrade is pending stays in the kernel, and so does that of a client
// that does not read what it is sent.
func (e *engine) rearm(slot uint32, r *record) {
	var want uint16
	st := r.state.Load()
	x := e.s.queueOf(r)
	if x != nil && !x.queue.empty() {
		want |= flOut
	}
	held := r.flags&flHeld != 0 && st == stPending
	if !held && !(st == stOpen && e.s.crowded(r)) {
		want |= flIn
	}
	if want == r.flags&(flIn|flOut) {
		return
	}
	r.flags = r.flags&^(flIn|flOut) | want
	var events uint32
	if want&flIn != 0 {
		events |= unix.EPOLLIN | unix.EPOLLRDHUP
	}
	if want&flOut != 0 {
		events |= unix.EPOLLOUT
	}
	if st == stPending {
		events |= unix.EPOLLRDHUP
	}
	epollCtl(e.loops[r.loop].epfd, unix.EPOLL_CTL_MOD, r.fd, events, slot, r.gen.Load())
}

// close ends a connection: what there is to report is reported, then the
// descriptor and the slot are free.
func (l *eventLoop) close(slot uint32, r *record) {
	s := l.s
	s.lose(r)
	s.report(slot, r)
	l.forget(r)
	r.mu.Lock()
	rawClose(r.fd)
	r.fd = -1
	r.mu.Unlock()
	s.free(slot, r)
	s.leave()
}

// input returns the input of a record, made if necessary.
func (l *eventLoop) input(r *record) *input {
	if r.in != 0 {
		return l.inputs[r.in-1]
	}
	in := new(input)
	if n := len(l.free); n > 0 {
		r.in = l.free[n-1] + 1
		l.free = l.free[:n-1]
		l.inputs[r.in-1] = in
		return in
	}
	l.inputs = append(l.inputs, in)
	r.in = uint32(len(l.inputs))
	return in
}

// forget drops the input of a record.
func (l *eventLoop) forget(r *record) {
	if r.in != 0 {
		l.inputs[r.in-1] = nil
		l.free = append(l.free, r.in-1)
		r.in = 0
	}
}
