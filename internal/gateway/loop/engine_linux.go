package loop

import (
	"encoding/binary"
	"fmt"
	"net"
	"os"
	"sync"
	"sync/atomic"
	"syscall"

	"golang.org/x/sys/unix"

	"github.com/sallyport/sallyport/internal/gateway/frame"
)

// An engine is the event loops of a server and what they listen to.
type engine struct {
	s         *Server
	loops     []*eventLoop
	listeners []listener
	next      atomic.Uint32 // loop of the next connection
	paused    atomic.Bool   // a listener was silenced for want of descriptors
}

// A listener is a listening socket of ours: a duplicate of the one given to us.
type listener struct {
	fd   int
	loop *eventLoop
	from net.Listener
}

// An eventLoop is one goroutine that serves a share of the connections. Its
// epoll descriptor is itself watched by Go's runtime, so that waiting blocks no thread.
type eventLoop struct {
	e      *engine
	s      *Server
	number uint16
	epoll  *os.File
	epfd   int
	wakefd int
	buf    []byte         // input of the present turn
	out    []byte         // the cork; guarded by the mu of the corked record
	spare  *frame.Partial // for the next connection that needs one
	inputs []*input       // by record.in - 1
	free   []uint32       // of inputs
	now    atomic.Int64   // milliseconds, read once per turn

	mu    sync.Mutex // guards what follows
	mail  []uint32   // slots to look at
	ended bool       // the loop is to return
	deaf  bool       // the loop is not to accept
}

// An input is what a connection sent and nobody could use yet.
type input struct {
	head    []byte         // of a request
	kept    []byte         // frames that came before Accept
	partial *frame.Partial // of a message
}

const (
	readSize    = 64 << 10
	eventsSize  = 256
	acceptBurst = 64 // connections accepted per turn
)

func newEngine(s *Server) *engine { return &engine{s: s} }

// start opens the loops if there is anything for them to listen to.
func (e *engine) start(listeners []net.Listener) error {
	if len(listeners) > 0 {
		e.s.http.setAddr(listeners[0].Addr())
	}
	var tcp []*net.TCPListener
	for _, l := range listeners {
		if t, ok := l.(*net.TCPListener); ok {
			tcp = append(tcp, t)
			continue
		}
		e.listeners = append(e.listeners, listener{fd: -1, from: l})
	}
	for i := 0; len(tcp) > 0 && i < e.s.cfg.Loops; i++ {
		l, err := newEventLoop(e, uint16(i))
		if err != nil {
			return fmt.Errorf("open event loop: %w", err)
		}
		e.loops = append(e.loops, l)
	}
	for _, t := range tcp {
		if err := e.listen(t); err != nil {
			return fmt.Errorf("listen on %s: %w", t.Addr(), err)
		}
	}
	for _, l := range e.loops {
		e.s.wg.Go(l.run)
	}
	for _, l := range e.listeners {
		if l.fd < 0 {
			e.s.wg.Go(func() { e.s.serveListener(l.from) })
		}
	}
	return nil
}

// listen duplicates a listener's socket and closes the original, so that Go's
// poller is not woken for each of our clients. Options set here are inherited by
// every connection.
func (e *engine) listen(t *net.TCPListener) error {
	raw, err := t.SyscallConn()
	if err != nil {
		return err
	}
	fd := -1
	var dupErr error
	if err := raw.Control(func(orig uintptr) {
		fd, dupErr = unix.FcntlInt(orig, unix.F_DUPFD_CLOEXEC, 0)
	}); err != nil {
		return err
	}
	if dupErr != nil {
		return dupErr
	}
	t.Close()
	for _, o := range []struct{ level, name, value int }{
		{unix.IPPROTO_TCP, unix.TCP_NODELAY, 1},
		{unix.SOL_SOCKET, unix.SO_KEEPALIVE, 1}, // finds peers that are gone without a word
		{unix.IPPROTO_TCP, unix.TCP_KEEPIDLE, 60},
		{unix.IPPROTO_TCP, unix.TCP_KEEPINTVL, 15},
		{unix.IPPROTO_TCP, unix.TCP_KEEPCNT, 4},
	} {
		unix.SetsockoptInt(fd, o.level, o.name, o.value)
	}
	l := e.loops[len(e.listeners)%len(e.loops)]
	i := len(e.listeners)
	e.listeners = append(e.listeners, listener{fd, l, t})
	ev := epollEvent(unix.EPOLLIN, slotListen|uint32(i), 0)
	return unix.EpollCtl(l.epfd, unix.EPOLL_CTL_ADD, fd, &ev)
}

// refuseNew stops listening.
func (e *engine) refuseNew() {
	for _, l := range e.listeners {
		l.from.Close()
	}
	for _, l := range e.loops {
		l.mu.Lock()
		l.deaf = true
		l.mu.Unlock()
		l.wake()
	}
}

// stop makes the loops return.
func (e *engine) stop() {
	e.refuseNew()
	for _, l := range e.loops {
		l.mu.Lock()
		l.ended = true
		l.mu.Unlock()
		l.wake()
	}
}

// release closes what the loops used, after they have returned.
func (e *engine) release() {
	for _, l := range e.listeners {
		if l.fd >= 0 {
			unix.Close(l.fd)
		}
	}
	for _, l := range e.loops {
		l.epoll.Close()
		unix.Close(l.wakefd)
	}
}

// tick lets a silenced listener speak again.
func (e *engine) tick() {
	if !e.paused.CompareAndSwap(true, false) {
		return
	}
	for i, l := range e.listeners {
		if l.fd >= 0 {
			ev := epollEvent(unix.EPOLLIN, slotListen|uint32(i), 0)
			unix.EpollCtl(l.loop.epfd, unix.EPOLL_CTL_MOD, l.fd, &ev)
		}
	}
}

// pause silences a listener until the next tick: there are no descriptors left.
func (e *engine) pause(i int, err error) {
	e.s.log.Warn("accept", "err", err)
	l := e.listeners[i]
	ev := epollEvent(0, slotListen|uint32(i), 0)
	unix.EpollCtl(l.loop.epfd, unix.EPOLL_CTL_MOD, l.fd, &ev)
	e.paused.Store(true)
}

// write gives output to the kernel. Taking none of it is no error.
func (e *engine) write(fd int32, b []byte) (int, error) {
	n, errno := rawWrite(fd, b)
	switch errno {
	case 0:
		return n, nil
	case syscall.EAGAIN, syscall.EINTR:
		return 0, nil
	}
	return 0, errno
}

// cork returns the buffer of the loop that has corked the record.
func (e *engine) cork(r *record) *[]byte { return &e.loops[r.loop].out }

// turn returns the time of the loop's present turn.
func (e *engine) turn(r *record) int64 { return e.loops[r.loop].now.Load() }

// mail makes a loop look at a slot.
func (e *engine) mail(loop uint16, slot uint32) {
	l := e.loops[loop]
	l.mu.Lock()
	l.mail = append(l.mail, slot)
	first := len(l.mail) == 1
	l.mu.Unlock()
	if first {
		l.wake()
	}
}

func newEventLoop(e *engine, number uint16) (*eventLoop, error) {
	epfd, err := unix.EpollCreate1(unix.EPOLL_CLOEXEC)
	if err != nil {
		return nil, err
	}
	wakefd, err := unix.Eventfd(0, unix.EFD_CLOEXEC|unix.EFD_NONBLOCK)
	if err != nil {
		unix.Close(epfd)
		return nil, err
	}
	ev := epollEvent(unix.EPOLLIN, slotWake, 0)
	if err := unix.EpollCtl(epfd, unix.EPOLL_CTL_ADD, wakefd, &ev); err != nil {
		unix.Close(epfd)
		unix.Close(wakefd)
		return nil, err
	}
	unix.SetNonblock(epfd, true) // so that os.NewFile gives it to the runtime's poller
	return &eventLoop{
		e: e, s: e.s, number: number,
		epoll: os.NewFile(uintptr(epfd), "epoll"), epfd: epfd, wakefd: wakefd,
		buf: make([]byte, readSize), out: make([]byte, 0, corkSize), spare: new(frame.Partial),
	}, nil
}

func (l *eventLoop) wake() {
	var one [8]byte
	binary.NativeEndian.PutUint64(one[:], 1)
	rawWrite(int32(l.wakefd), one[:])
}

// run waits for events and serves them until the engine stops.
func (l *eventLoop) run() {
	conn, err := l.epoll.SyscallConn()
	if err != nil {
		l.s.log.Error("event loop", "err", err)
		return
	}
	events := make([]unix.EpollEvent, eventsSize)
	n := 0
	wait := func(fd uintptr) bool {
		n = rawEpollWait(fd, events)
		return n > 0 // false parks the goroutine until something is ready
	}
	for {
		if err := conn.Read(wait); err != nil {
			l.s.log.Error("event loop", "err", err)
			return
		}
		l.now.Store(l.s.millis())
		woken := false
		for _, ev := range events[:n] {
			switch slot := uint32(ev.Fd); {
			case slot == slotWake:
				woken = true
			case slot >= slotListen:
				l.accept(int(slot - slotListen))
			default:
				l.event(slot, uint32(ev.Pad), ev.Events)
			}
		}
		if woken && l.letters() {
			return
		}
	}
}

// letters looks at the slots that others asked for. It returns true when the loop is to end.
func (l *eventLoop) letters() (ended bool) {
	var count [8]byte
	rawRead(int32(l.wakefd), count[:])
	l.mu.Lock()
	mail := l.mail
	l.mail = nil
	ended = l.ended
	deaf := l.deaf
	l.deaf = false
	l.mu.Unlock()
	if deaf {
		for _, li := range l.e.listeners {
			if li.loop == l {
				unix.EpollCtl(l.epfd, unix.EPOLL_CTL_DEL, li.fd, nil)
				unix.Shutdown(li.fd, unix.SHUT_RDWR)
			}
		}
	}
	for _, slot := range mail {
		r := l.s.tab.at(slot)
		r.mu.Lock()
		mine := r.flags&flMailed != 0 && r.loop == l.number && r.flags&flStream == 0
		if mine {
			r.flags &^= flMailed
		}
		r.mu.Unlock()
		if mine {
			l.attend(slot, r, nil)
		}
	}
	return ended
}

// accept takes what waits at a listener, and spreads it over the loops.
func (l *eventLoop) accept(i int) {
	for range acceptBurst {
		fd, errno := rawAccept(l.e.listeners[i].fd)
		switch errno {
		case 0:
		case syscall.EAGAIN, syscall.EINVAL: // EINVAL: shut down
			return
		case syscall.EMFILE, syscall.ENFILE, syscall.ENOBUFS, syscall.ENOMEM:
			l.e.pause(i, errno)
			return
		default:
			continue // the client has left already
		}
		full, ok := l.s.admit()
		if !ok {
			unix.Close(fd)
			continue
		}
		var flags uint16 = flIn
		if full {
			flags |= flFull
		}
		to := l.e.loops[l.e.next.Add(1)%uint32(len(l.e.loops))]
		slot, r, ok := l.s.begin(fd, flags, to.number)
		if !ok {
			unix.Close(fd)
			l.s.leave()
			continue
		}
		errno = epollCtl(to.epfd, unix.EPOLL_CTL_ADD, int32(fd), unix.EPOLLIN|unix.EPOLLRDHUP, slot, r.gen.Load())
		if errno != 0 {
			r.state.Store(stFree) // nobody has seen it
		}
		r.mu.Unlock()
		if errno != 0 {
			l.s.log.Warn("watch connection", "err", errno)
			unix.Close(fd)
			l.s.free(slot, r)
			l.s.leave()
		}
	}
}
