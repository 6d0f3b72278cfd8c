package loop

import (
	"context"
	"crypto/tls"
	"errors"
	"iter"
	"log/slog"
	"net"
	"runtime"
	"sync"
	"sync/atomic"
	"time"
)

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
	cfg   Config
	lim   Limits // cfg.Limits with defaults; no limit is zero
	log   *slog.Logger
	sets  limitSets
	tab   *table
	rares rares
	eng   *engine
	http  *acceptor

	total, open, pending, handed atomic.Int64 // connections: all, accepted, unanswered, given to HTTP
	max, spare                   atomic.Int64 // how many fit; how many more may be told so
	ran                          atomic.Bool  // Run was called

	mu       sync.Mutex // guards what follows
	handler  Handler
	binary   BinaryHandler
	leaver   Leaver
	stopping bool
	wg       sync.WaitGroup // everything that runs

	started  chan struct{} // closed when Run serves
	closing  atomic.Bool   // Shutdown has begun
	empty    chan struct{} // told when the last connection of a stopping server has ended
	shutdown chan struct{} // closed when Shutdown has done its work
	once     sync.Once
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

// New returns a server that listens to nothing yet.
func New(cfg Config) *Server {
	s := &Server{
		cfg:      cfg,
		lim:      cfg.Limits.or(DefaultLimits),
		log:      cfg.Log,
		tab:      newTable(),
		http:     newAcceptor(),
		started:  make(chan struct{}),
		empty:    make(chan struct{}, 1),
		shutdown: make(chan struct{}),
	}
	if s.log == nil {
		s.log = slog.New(slog.DiscardHandler)
	}
	if s.cfg.Now == nil {
		s.cfg.Now = time.Now
	}
	if s.cfg.Sweep <= 0 {
		s.cfg.Sweep = time.Second
	}
	if s.cfg.Grace <= 0 {
		s.cfg.Grace = 5 * time.Second
	}
	if s.cfg.Loops <= 0 {
		s.cfg.Loops = runtime.GOMAXPROCS(0)
	}
	s.sets.init(s.lim)
	s.setMax(s.cfg.MaxConns, 0)
	s.eng = newEngine(s)
	return s
}

// setMax sets how many connections fit. With files, the descriptors that the
// process may hold, some are left for everything that is no client.
func (s *Server) setMax(want, files int) {
	limit := maxChunks*chunkSize - restingSlots
	reserve := 64
	if files > 0 {
		reserve = min(512, files/10)
		limit = min(limit, files-reserve)
	}
	if want > 0 {
		limit = min(limit, want)
	}
	s.max.Store(int64(limit))
	s.spare.Store(int64(reserve / 2))
}

// Run serves the listeners until ctx is done, then says 1001 to every client,
// waits up to Config.Grace for them and returns when all has stopped. It owns
// the listeners. Without listeners it serves what comes through ServeConn.
// Run is called once.
func (s *Server) Run(ctx context.Context, h Handler, listeners ...net.Listener) error {
	if !s.ran.CompareAndSwap(false, true) {
		return errors.New("loop: Run is called once")
	}
	stop := make(chan struct{})
	if err := s.start(h, listeners); err != nil {
		for _, l := range listeners {
			l.Close()
		}
		s.finish(stop)
		return err
	}
	s.wg.Go(func() { s.sweeper(stop) })
	select {
	case <-ctx.Done():
		grace, cancel := context.WithTimeout(context.WithoutCancel(ctx), s.cfg.Grace)
		defer cancel()
		s.Shutdown(grace) // that clients do not close in time is no failure of Run
	case <-s.shutdown:
	}
	s.finish(stop)
	return nil
}

func (s *Server) start(h Handler, listeners []net.Listener) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.stopping {
		return errors.New("loop: the server was shut down before it ran")
	}
	s.handler = h
	s.binary, _ = h.(BinaryHandler)
	s.leaver, _ = h.(Leaver)
	if s.lim.Binary && s.binary == nil {
		return errors.New("loop: binary messages are allowed, but the handler does not take them")
	}
	files := liftFileLimit()
	s.setMax(s.cfg.MaxConns, files)
	if err := s.eng.start(listeners); err != nil {
		return err
	}
	s.log.Info("sockets ready", "connections", s.max.Load(), "descriptors", files)
	close(s.started)
	return nil
}

// Started is closed when Run serves: before that ServeConn turns everybody away.
func (s *Server) Started() <-chan struct{} { return s.started }

// finish ends what Run began, when no connection is left.
func (s *Server) finish(stop chan struct{}) {
	close(stop)
	s.mu.Lock()
	s.stopping = true
	s.mu.Unlock()
	s.eng.stop()
	s.http.Close()
	s.wg.Wait()
	s.eng.release()
}

// Shutdown stops accepting, sends every client a close frame with 1001 and
// returns when all connections have ended, or drops the rest when ctx is done
// (and returns its error). Run returns afterwards. Connections given to HTTP
// are not touched: they are their server's.
func (s *Server) Shutdown(ctx context.Context) error {
	s.mu.Lock()
	s.stopping = true
	running := s.handler != nil
	s.mu.Unlock()
	if !running {
		return nil
	}
	s.closing.Store(true)
	s.eng.refuseNew()
	act := s.dismiss
	var err error
	again := time.NewTicker(50 * time.Millisecond) // for those who were let in at the last moment
	defer again.Stop()
	for s.each(act); s.total.Load() > s.handed.Load(); {
		select {
		case <-s.empty:
		case <-again.C:
			s.each(act)
		case <-ctx.Done():
			err, ctx, act = ctx.Err(), context.Background(), s.drop
			s.each(act)
		}
	}
	s.once.Do(func() { close(s.shutdown) })
	return err
}

// HTTP returns the listener from which requests that are no WebSocket upgrade
// come, for an http.Server: each accepted net.Conn is at the first byte of a
// request. Those that came over TLS have a ConnectionState method, or are a
// *tls.Conn if HTTP/2 was negotiated, so Request.TLS is set. The listener ends
// when Run does. If HTTP is never called, such requests get 426.
func (s *Server) HTTP() net.Listener {
	s.http.wanted.Store(true)
	return s.http
}

// Lookup returns the accepted connection of that ID, if it is here and alive.
func (s *Server) Lookup(id ID) (Conn, bool) {
	if id.Node() != s.cfg.Node || id[8] != KindConnection {
		return Conn{}, false
	}
	slot, gen := s.tab.slotOf(id.serial())
	r := s.tab.at(slot)
	if r == nil {
		return Conn{}, false
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if !writable(r) || uint8(r.gen.Load()) != gen || uint32(r.born.Load()/1000) != id.seconds() {
		return Conn{}, false
	}
	return Conn{s, slot, r.gen.Load()}, true
}

// All yields the accepted connections, in no order. Connections that come or
// go meanwhile may or may not be among them.
func (s *Server) All() iter.Seq[Conn] {
	return func(yield func(Conn) bool) {
		for slot := range s.tab.used.Load() {
			r := s.tab.at(slot)
			if r.state.Load() != stOpen {
				continue
			}
			r.mu.Lock()
			c, open := Conn{s, slot, r.gen.Load()}, r.state.Load() == stOpen
			r.mu.Unlock()
			if open && !yield(c) {
				return
			}
		}
	}
}

// Stats counts the connections of a server.
type Stats struct {
	Open    int // accepted WebSocket connections
	Pending int // upgrades that wait for Accept or Refuse
	HTTP    int // handed to HTTP and not closed yet
	Max     int // connections of all kinds that fit
}

// Stats returns the present counts.
func (s *Server) Stats() Stats {
	return Stats{
		Open:    int(s.open.Load()),
		Pending: int(s.pending.Load()),
		HTTP:    int(s.handed.Load()),
		Max:     int(s.max.Load()),
	}
}

func (s *Server) clock() time.Time { return s.cfg.Now() }
func (s *Server) millis() int64    { return s.cfg.Now().UnixMilli() }

// now returns the time for a locked record: within a turn of its loop the
// clock is not read again.
func (s *Server) now(r *record) int64 {
	if r.flags&(flCorked|flStream) == flCorked {
		return s.eng.turn(r)
	}
	return s.millis()
}

// admit counts a new connection. It is full when the client is to be told so,
// and not ok when there is not even a descriptor for that.
func (s *Server) admit() (full, ok bool) {
	n := s.total.Add(1)
	if s.closing.Load() { // Shutdown need not have counted it
		s.leave()
		return true, false
	}
	if n <= s.max.Load() {
		return false, true
	}
	if n <= s.max.Load()+s.spare.Load() {
		return true, true
	}
	s.leave()
	return true, false
}

// leave counts the end of a connection.
func (s *Server) leave() {
	s.total.Add(-1)
	select {
	case s.empty <- struct{}{}:
	default:
	}
}

// begin makes a record for a new connection. It is returned locked, and nobody
// acts on it until the caller unlocks it.
func (s *Server) begin(fd int, flags, loop uint16) (uint32, *record, bool) {
	slot, r, ok := s.tab.take()
	if !ok {
		return 0, nil, false
	}
	r.mu.Lock()
	r.fd, r.flags, r.loop, r.rare, r.in = int32(fd), flags, loop, 0, 0
	r.since.Store(s.millis())
	r.state.begin()
	return slot, r, true
}

// report tells the handler of the end of a connection, if there is one to
// report. It is called by whoever calls Message for it.
func (s *Server) report(slot uint32, r *record) {
	r.mu.Lock()
	x := s.queueOf(r)
	if x == nil || !x.ended {
		r.mu.Unlock()
		return
	}
	c, e := Conn{s, slot, r.gen.Load()}, x.ending
	x.ended = false
	s.tidy(r)
	if e.Accepted {
		s.open.Add(-1)
	} else {
		s.pending.Add(-1)
	}
	r.mu.Unlock()
	s.handler.Closed(c, e)
	r.mu.Lock()
	s.tab.attach(slot, nil)
	r.mu.Unlock()
}

// lose notes that the client is gone without a close frame.
func (s *Server) lose(r *record) {
	r.mu.Lock()
	defer r.mu.Unlock()
	st := r.state.Load()
	switch st {
	case stPending, stOpen:
		x := s.need(r)
		x.ending = Closure{Code: CodeLost, Reason: ReasonLost, Client: true, Accepted: st == stOpen, At: s.clock()}
		x.ended = true
	case stLeaving: // it said goodbye, and did not wait for the answers
		x := s.need(r)
		x.ending.Accepted, x.ending.At = true, s.clock()
		x.ended, x.owed = true, false
	}
	r.state.Store(stDraining)
}

// free gives the slot of an ended connection back.
func (s *Server) free(slot uint32, r *record) {
	r.mu.Lock()
	if r.rare != 0 {
		s.rares.put(r.rare)
		r.rare = 0
	}
	r.mu.Unlock()
	s.tab.put(slot, r)
}
