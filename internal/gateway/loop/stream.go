package loop

import (
	"context"
	"crypto/tls"
	"errors"
	"io"
	"net"
	"net/http"
	"net/netip"
	"sync"
	"time"

	"github.com/sallyport/sallyport/internal/gateway/frame"
)

// A stream is a connection served by a goroutine of its own, behind the same
// Conn and with the same record as those of the event loops.
type stream struct {
	s    *Server
	slot uint32
	r    *record
	raw  *countedConn // below TLS
	nc   net.Conn
	tls  *tls.Conn // nil for plain connections

	calls sync.Mutex // held during calls of the handler; guards what follows
	in    frame.Partial
	kept  []byte // input that waits for Accept

	answered   chan struct{}  // closed when the upgrade is answered
	background sync.WaitGroup // goroutines other than the reading one

	// Guarded by the record's mu:
	out     []byte // the cork
	told    bool   // answered is closed
	writing bool   // somebody is writing the queue
}

const (
	streamBuffer = 2 << 10  // what a stream holds for reading while it is idle
	keptMax      = 64 << 10 // what a client may send before it is accepted
)

// errHanded ends the service of a connection that HTTP has taken over.
var errHanded = errors.New("loop: handed to HTTP")

// ServeConn serves one connection that was made elsewhere, for example in a
// CONNECT tunnel or with net.Pipe, as if it had been accepted: TLS or plain,
// upgrade or HTTP. What was already read of it, as by http.Hijacker, comes
// first. It returns at once.
func (s *Server) ServeConn(nc net.Conn, read ...byte) {
	full, ok := s.admit()
	if !ok {
		nc.Close()
		return
	}
	s.serve(nc, read, full)
}

// serve takes over an admitted connection of which prefix was read already.
func (s *Server) serve(nc net.Conn, prefix []byte, full bool) {
	s.mu.Lock()
	ok := !s.stopping && s.handler != nil
	if ok {
		s.wg.Add(1)
	}
	s.mu.Unlock()
	if !ok {
		nc.Close()
		s.leave()
		return
	}
	go func() {
		defer s.wg.Done()
		s.stream(&countedConn{Conn: nc, s: s, prefix: prefix}, full)
	}()
}

// serveListener accepts what the event loops cannot.
func (s *Server) serveListener(l net.Listener) {
	for {
		nc, err := l.Accept()
		if errors.Is(err, net.ErrClosed) {
			return
		}
		if err != nil {
			s.log.Warn("accept", "err", err)
			time.Sleep(s.cfg.Sweep) // most likely out of descriptors
			continue
		}
		s.ServeConn(nc)
	}
}

// stream serves a connection from its first byte to its end.
func (s *Server) stream(raw *countedConn, full bool) {
	flags := flStream
	if full {
		flags |= flFull
	}
	slot, r, ok := s.begin(-1, flags, 0)
	if !ok {
		raw.Close()
		s.leave()
		return
	}
	st := &stream{s: s, slot: slot, r: r, raw: raw, nc: raw, answered: make(chan struct{})}
	s.need(r).st = st
	r.mu.Unlock()

	err := st.run()
	if !errors.Is(err, errHanded) {
		raw.Close()
		s.lose(r)
	}
	st.calls.Lock()
	s.report(slot, r)
	st.calls.Unlock()
	st.background.Wait()
	s.free(slot, r)
	if !errors.Is(err, errHanded) {
		s.leave()
	}
}

// run returns when the connection is at its end or handed on.
func (st *stream) run() error {
	if d := st.s.lim.Handshake; d > 0 {
		st.raw.SetDeadline(time.Now().Add(d))
	}
	var first [1]byte
	if _, err := io.ReadFull(st.raw, first[:]); err != nil {
		return err
	}
	st.raw.prefix = append(first[:1:1], st.raw.prefix...)
	scheme := "ws"
	if first[0] == tlsHello {
		scheme = "wss"
		if err := st.secure(); err != nil {
			return err
		}
	}
	rest, err := st.head(scheme)
	if err != nil {
		return err
	}
	return st.messages(rest)
}

// secure does the TLS handshake.
func (st *stream) secure() error {
	if st.s.cfg.TLS == nil {
		return errors.New("loop: no TLS here")
	}
	st.tls = tls.Server(st.raw, st.s.cfg.TLS)
	if err := st.tls.HandshakeContext(context.Background()); err != nil {
		st.s.log.Debug("TLS handshake", "remote", st.raw.RemoteAddr(), "err", err)
		return err
	}
	st.nc = st.tls
	if st.tls.ConnectionState().NegotiatedProtocol == "h2" && st.s.http.wanted.Load() {
		st.raw.SetDeadline(time.Time{})
		st.s.hand(st.raw, st.tls)
		return errHanded
	}
	return nil
}

// head reads the request and announces it if it is an upgrade; rest is what
// came behind it.
func (st *stream) head(scheme string) (rest []byte, err error) {
	s := st.s
	buf := make([]byte, 0, streamBuffer)
	for {
		if len(buf) == cap(buf) {
			buf = append(buf, make([]byte, len(buf))...)[:len(buf)]
		}
		n, err := st.nc.Read(buf[len(buf):cap(buf)])
		if err != nil {
			return nil, err
		}
		buf = buf[:len(buf)+n]
		q := parseRequest(buf, scheme, &s.lim)
		if q.verdict == undecided {
			continue
		}
		st.raw.SetDeadline(time.Time{})
		if status := s.turnAway(st.r, &q); status != 0 {
			st.r.mu.Lock()
			s.refuse(st.slot, st.r, appendError(nil, status, s.clock()))
			st.r.mu.Unlock()
			return nil, nil
		}
		if q.verdict == plain {
			st.handOn(buf)
			return nil, errHanded
		}
		q.hs.Remote = addrOf(st.nc.RemoteAddr())
		if st.tls != nil {
			state := st.tls.ConnectionState()
			q.hs.TLS, q.hs.ServerName, q.hs.Verified = true, state.ServerName, len(state.VerifiedChains) > 0
		}
		st.calls.Lock()
		s.announce(st.slot, st.r, &q)
		st.calls.Unlock()
		return buf[q.size:], nil
	}
}

func (st *stream) handOn(read []byte) {
	st.r.mu.Lock()
	st.r.state.Store(stDraining)
	st.r.since.Store(st.s.millis())
	st.r.mu.Unlock()
	if st.tls != nil {
		st.s.hand(st.raw, &prefixedTLSConn{st.tls, read})
		return
	}
	st.raw.prefix = append(read, st.raw.prefix...)
	st.s.hand(st.raw, st.raw)
}

// turnAway returns the status with which a request is refused without a handler, or zero.
func (s *Server) turnAway(r *record, q *request) int {
	r.mu.Lock()
	defer r.mu.Unlock()
	switch {
	case r.flags&flFull != 0:
		return http.StatusServiceUnavailable
	case q.verdict == malformed:
		return q.status
	case q.verdict == plain && !s.http.wanted.Load():
		return http.StatusUpgradeRequired
	}
	return 0
}

// messages reads until the end of the connection; rest was read already.
func (st *stream) messages(rest []byte) error {
	buf := make([]byte, streamBuffer)
	for {
		if err := st.handle(rest); err != nil {
			return err
		}
		n, err := st.nc.Read(buf)
		if err != nil {
			return err
		}
		rest = buf[:n]
	}
}

// handle takes input along its path: kept while the upgrade is pending,
// consumed while the connection is accepted, dropped afterwards.
func (st *stream) handle(b []byte) error {
	st.calls.Lock()
	if st.r.state.Load() == stPending {
		st.kept = append(st.kept, b...)
		wait := len(st.kept) >= keptMax
		st.calls.Unlock()
		if wait {
			<-st.answered
		}
		return nil
	}
	st.work(b)
	st.calls.Unlock()
	return st.flush()
}

// work does what is due, with calls held. What the handler writes is collected.
func (st *stream) work(b []byte) {
	s, r := st.s, st.r
	r.mu.Lock()
	r.flags |= flCorked
	r.mu.Unlock()
	now := s.millis()
	if kept := st.kept; kept != nil && r.state.Load() != stPending {
		st.kept = nil
		s.consume(st.slot, r, &st.in, kept, now)
	}
	s.consume(st.slot, r, &st.in, b, now)
	if st.in.Idle() {
		st.in.Reset()
	}
	r.mu.Lock()
	r.flags &^= flCorked
	if len(st.out) > 0 { // flush, our caller's next step, writes it
		s.rares.get(r.rare).queue.push(st.out)
		st.out = nil
	}
	r.mu.Unlock()
	s.report(st.slot, r)
}

// nudge is called with the record locked, when something is due that the
// reading goroutine cannot know of.
func (st *stream) nudge() {
	kill := st.r.flags&flKill != 0
	if !st.told && (kill || st.r.state.Load() != stPending) {
		st.told = true
		close(st.answered)
	}
	if kill {
		st.raw.Close()
		return
	}
	st.background.Go(func() {
		st.calls.Lock()
		st.work(nil)
		st.calls.Unlock()
		st.flush()
	})
}

// drain is called with the record locked, after output was queued.
func (st *stream) drain() {
	if !st.writing {
		st.writing = true
		st.background.Go(func() { st.write() })
	}
}

// flush writes the queue unless somebody is at it.
func (st *stream) flush() error {
	r := st.r
	r.mu.Lock()
	x := st.s.rares.get(r.rare)
	idle := st.writing || x.queue.empty() && !finDue(r)
	if !idle {
		st.writing = true
	}
	r.mu.Unlock()
	if idle {
		return nil
	}
	return st.write()
}

// finDue reports whether all is said but FIN. While the cork is in there is more to come, and who pulls it flushes.
func finDue(r *record) bool { return r.flags&(flFin|flFinSent|flCorked) == flFin }

// write writes the queue until it is empty, and then FIN if all is said. The
// caller has set writing.
func (st *stream) write() error {
	r := st.r
	for {
		r.mu.Lock()
		q := &st.s.rares.get(r.rare).queue
		if q.empty() {
			st.writing = false
			fin := finDue(r)
			if fin {
				r.flags |= flFinSent
			}
			r.mu.Unlock()
			if fin {
				return st.closeWrite()
			}
			return nil
		}
		b := q.segs[0]
		r.mu.Unlock()
		if _, err := st.nc.Write(b); err != nil {
			st.raw.Close() // the reading goroutine reports it; writing stays set
			return err
		}
		r.mu.Lock()
		q.advance(len(b))
		r.mu.Unlock()
	}
}

func (st *stream) closeWrite() error {
	if st.tls != nil {
		return st.tls.CloseWrite()
	}
	return st.raw.CloseWrite()
}

// addrOf returns the address of a peer, if it has one.
func addrOf(a net.Addr) netip.AddrPort {
	if t, ok := a.(*net.TCPAddr); ok {
		ap := t.AddrPort()
		return netip.AddrPortFrom(ap.Addr().Unmap(), ap.Port())
	}
	ap, _ := netip.ParseAddrPort(a.String())
	return ap
}
