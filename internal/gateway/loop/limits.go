package loop

import (
	"cmp"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/sallyport/sallyport/internal/gateway/frame"
)

// Limits bound what one client may do and for how long. A zero field means
// AWS's value (see DefaultLimits); a negative one means no limit, where that is
// possible: of times.
type Limits struct {
	Frame     int           // payload of one frame from the client
	Message   int           // payload of one message from the client
	URL       int           // characters of the URL, scheme and host included
	Head      int           // bytes of the header fields of an upgrade
	Idle      time.Duration // without a data message in either direction
	Lifetime  time.Duration // of a connection
	Handshake time.Duration // from the first byte to the end of the request head
	Linger    time.Duration // from our close frame to the end of TCP
	Answers   time.Duration // that a close frame of ours waits for answers under way, see Leaver

	QueueBytes    int // output that a slow client may leave unread, beyond the kernel's buffer; at least two messages
	QueueMessages int

	Binary            bool // take binary messages; AWS closes with 1003
	IdleCountsControl bool // pings and pongs from the client keep it alive; on AWS they do not
}

// DefaultLimits are AWS's, and our decisions where AWS is silent.
var DefaultLimits = Limits{
	Frame:         32 << 10,
	Message:       128 << 10,
	URL:           4096,
	Head:          10240,
	Idle:          600 * time.Second,
	Lifetime:      7200 * time.Second,
	Handshake:     10 * time.Second,
	Linger:        5 * time.Second,
	Answers:       30 * time.Second, // no integration runs longer
	QueueBytes:    1 << 20,
	QueueMessages: 64,
}

// or returns l with the fields of d where it has none.
func (l Limits) or(d Limits) Limits {
	l.Frame = cmp.Or(l.Frame, d.Frame)
	l.Message = cmp.Or(l.Message, d.Message)
	l.URL = cmp.Or(l.URL, d.URL)
	l.Head = cmp.Or(l.Head, d.Head)
	l.Idle = max(0, cmp.Or(l.Idle, d.Idle))
	l.Lifetime = max(0, cmp.Or(l.Lifetime, d.Lifetime))
	l.Handshake = max(0, cmp.Or(l.Handshake, d.Handshake))
	l.Linger = max(0, cmp.Or(l.Linger, d.Linger))
	l.Answers = max(0, cmp.Or(l.Answers, d.Answers))
	l.QueueBytes = cmp.Or(l.QueueBytes, d.QueueBytes)
	l.QueueMessages = cmp.Or(l.QueueMessages, d.QueueMessages)
	l.QueueBytes = max(l.QueueBytes, 2*l.Message)
	l.Binary, l.IdleCountsControl = l.Binary || d.Binary, l.IdleCountsControl || d.IdleCountsControl
	return l
}

// A limitSet is what holds for some connections.
type limitSet struct {
	Limits
	rules frame.Rules
}

func newLimitSet(l Limits) *limitSet {
	return &limitSet{l, frame.Rules{Frame: l.Frame, Message: l.Message, Binary: l.Binary}}
}

// limitSets are all that were ever asked for, found by the index in a record.
// The first is the server's. Few are ever made: one per policy that a handler has.
type limitSets struct {
	mu  sync.Mutex // guards changes of all
	all atomic.Pointer[[]*limitSet]
}

func (s *limitSets) init(l Limits) { s.all.Store(&[]*limitSet{newLimitSet(l)}) }

func (s *limitSets) at(i uint32) *limitSet { return (*s.all.Load())[i] }

// index finds limits, or adds them.
func (s *limitSets) index(l Limits) uint32 {
	s.mu.Lock()
	defer s.mu.Unlock()
	all := *s.all.Load()
	i := slices.IndexFunc(all, func(have *limitSet) bool { return have.Limits == l })
	if i < 0 {
		i = len(all)
		all = append(slices.Clip(all), newLimitSet(l))
		s.all.Store(&all)
	}
	return uint32(i)
}

// limits returns what holds for a connection.
func (s *Server) limits(r *record) *limitSet { return s.sets.at(r.state.limits()) }

// Limit gives the connection limits of its own, before it is accepted. Zero
// fields are the server's; URL, Head and Handshake are over by now. Binary needs
// a handler that is a [BinaryHandler].
func (c Conn) Limit(l Limits) {
	if c.s == nil {
		return
	}
	l = l.or(c.s.lim)
	l.Binary = l.Binary && c.s.binary != nil
	i := c.s.sets.index(l)
	if r := c.lock(); r != nil {
		r.state.setLimits(i)
		r.mu.Unlock()
	}
}
