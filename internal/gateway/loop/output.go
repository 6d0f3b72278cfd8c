package loop

import (
	"sync"

	"github.com/sallyport/sallyport/internal/gateway/frame"
)

// A queue is output that the kernel did not take. Its segments are messages,
// or what was collected during one turn.
type queue struct {
	segs  [][]byte
	bytes int
}

func (q *queue) empty() bool { return len(q.segs) == 0 }

func (q *queue) push(b []byte) {
	q.segs = append(q.segs, b)
	q.bytes += len(b)
}

// advance forgets the first n bytes.
func (q *queue) advance(n int) {
	q.bytes -= n
	for n > 0 && n >= len(q.segs[0]) {
		n -= len(q.segs[0])
		q.segs[0] = nil
		q.segs = q.segs[1:]
	}
	if n > 0 {
		q.segs[0] = q.segs[0][n:]
	}
	if len(q.segs) == 0 {
		q.segs = nil
	}
}

// corkSize is how much output of one turn is collected before it is written.
const corkSize = 64 << 10

// wires lends buffers in which messages get their wire form.
var wires = sync.Pool{New: func() any { return new([]byte) }}

// An urgency says whether output may be refused when the client does not read.
type urgency bool

const (
	ordinary urgency = false
	must     urgency = true // answers to the upgrade and close frames
)

// message sends one message to a connection whose record is locked.
func (s *Server) message(slot uint32, r *record, op frame.Opcode, data []byte) error {
	if r.flags&flCorked != 0 {
		if out, err := s.room(slot, r, frame.MessageLen(len(data)), ordinary); out != nil || err != nil {
			if err == nil {
				*out = frame.AppendMessage(*out, op, data)
			}
			return err
		}
	}
	buf := wires.Get().(*[]byte)
	*buf = frame.AppendMessage((*buf)[:0], op, data)
	err := s.emit(slot, r, *buf, false, ordinary)
	if cap(*buf) <= corkSize {
		wires.Put(buf)
	}
	return err
}

// emit sends wire to a connection whose record is locked: into the cork, to the
// kernel, or into the queue. Bytes that are not lasting are copied if they must stay.
func (s *Server) emit(slot uint32, r *record, wire []byte, lasting bool, u urgency) error {
	if r.flags&flCorked != 0 {
		if out, err := s.room(slot, r, len(wire), u); out != nil || err != nil {
			if err == nil {
				*out = append(*out, wire...)
			}
			return err
		}
	}
	return s.forward(slot, r, wire, lasting, u)
}

// room finds room for n bytes in the cork of a locked record, and sends what is
// in it if need be. It returns nil if they are too many for any cork.
func (s *Server) room(slot uint32, r *record, n int, u urgency) (*[]byte, error) {
	out := s.cork(r)
	if x := s.queueOf(r); u != must && x != nil && !x.queue.empty() && x.queue.bytes+len(*out)+n > s.limits(r).QueueBytes {
		return nil, ErrBusy
	}
	if len(*out)+n <= corkSize {
		return out, nil
	}
	if err := s.pour(slot, r); err != nil {
		return nil, err
	}
	if n > corkSize {
		return nil, nil
	}
	return out, nil
}

// pour sends what is in the cork.
func (s *Server) pour(slot uint32, r *record) error {
	out := s.cork(r)
	if len(*out) == 0 {
		return nil
	}
	err := s.forward(slot, r, *out, false, must)
	*out = (*out)[:0]
	return err
}

// uncork sends what was collected and ends the collecting.
func (s *Server) uncork(slot uint32, r *record) {
	r.flags &^= flCorked
	_ = s.pour(slot, r) // a lost client is found by reading
}

// forward gives wire to the kernel, or into the queue.
func (s *Server) forward(slot uint32, r *record, wire []byte, lasting bool, u urgency) error {
	if len(wire) == 0 {
		return nil
	}
	x := s.queueOf(r)
	if x != nil && !x.queue.empty() {
		if lim := s.limits(r); u != must && (len(x.queue.segs) >= lim.QueueMessages || x.queue.bytes+len(wire) > lim.QueueBytes) {
			return ErrBusy
		}
		x.queue.push(keep(wire, lasting))
		return nil
	}
	if r.flags&flStream != 0 {
		x.queue.push(keep(wire, lasting))
		x.st.drain()
		return nil
	}
	n, err := s.eng.write(r.fd, wire)
	if err != nil {
		return ErrGone // the loop finds the end by reading
	}
	if n < len(wire) {
		s.need(r).queue.push(keep(wire[n:], lasting))
		s.eng.rearm(slot, r)
	}
	return nil
}

func keep(b []byte, lasting bool) []byte {
	if lasting {
		return b
	}
	return append([]byte(nil), b...)
}

// cork returns the buffer into which the output of a corked connection goes.
func (s *Server) cork(r *record) *[]byte {
	if r.flags&flStream != 0 {
		return &s.rares.get(r.rare).st.out
	}
	return s.eng.cork(r)
}

// queueOf returns the rare of a record if it has one.
func (s *Server) queueOf(r *record) *rare {
	if r.rare == 0 {
		return nil
	}
	return s.rares.get(r.rare)
}

// need returns the rare of a locked record, made if necessary.
func (s *Server) need(r *record) *rare {
	if r.rare != 0 {
		return s.rares.get(r.rare)
	}
	i, x := s.rares.take()
	r.rare = i
	return x
}

// tidy gives back the rare of a locked record if it holds nothing.
func (s *Server) tidy(r *record) {
	if r.rare != 0 && r.state.Load() != stPending && s.rares.get(r.rare).empty() {
		s.rares.put(r.rare)
		r.rare = 0
	}
}

// crowded reports whether so much output is stuck that a client's input must wait.
func (s *Server) crowded(r *record) bool {
	x, lim := s.queueOf(r), s.limits(r)
	return x != nil && (x.queue.bytes > lim.QueueBytes/2 || len(x.queue.segs) > lim.QueueMessages/2)
}
