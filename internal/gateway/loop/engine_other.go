//go:build !linux

package loop

import "net"

// An engine without event loops: every connection has a goroutine of its own.
type engine struct {
	s         *Server
	listeners []net.Listener
}

func newEngine(s *Server) *engine { return &engine{s: s} }

func (e *engine) start(listeners []net.Listener) error {
	e.listeners = listeners
	for i, l := range listeners {
		if i == 0 {
			e.s.http.setAddr(l.Addr())
		}
		e.s.wg.Go(func() { e.s.serveListener(l) })
	}
	return nil
}

func (e *engine) refuseNew() {
	for _, l := range e.listeners {
		l.Close()
	}
}

func (e *engine) stop()    { e.refuseNew() }
func (e *engine) release() {}
func (e *engine) tick()    {}

// What follows is asked of records without flStream only; here there are none.

func (e *engine) write(int32, []byte) (int, error) { return 0, net.ErrClosed }
func (e *engine) rearm(uint32, *record)            {}
func (e *engine) cork(*record) *[]byte             { return new([]byte) }
func (e *engine) turn(*record) int64               { return e.s.millis() }
func (e *engine) mail(uint16, uint32)              {}
