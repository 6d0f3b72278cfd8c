package frame

import (
	"encoding/binary"
	"unicode/utf8"
)

// Rules are what a server asks of its clients beyond RFC 6455.
type Rules struct {
	Frame   int  // longest payload of a data frame
	Message int  // longest payload of a message, all fragments together
	Binary  bool // take binary messages
}

// An Event is a complete message or control frame. The zero Event is none.
type Event struct {
	Op   Opcode // Text, Binary, Close, Ping or Pong
	Data []byte // valid until the next call of Next
}

// A Partial is the memory of one connection between two reads: an incomplete
// header, frame or message. The zero Partial is at the border of a message.
type Partial struct {
	head  [MaxHeader]byte
	nhead int

	open bool   // within the payload of the frame h
	h    Header // of that frame
	got  uint64 // payload bytes seen of it

	op     Opcode // of the message whose fragments are being collected, or zero
	msg    []byte
	valid  int    // msg[:valid] is checked UTF-8
	size   uint64 // payload of all its frames, the present one included
	ctl    []byte
	handed bool // msg was handed out by the last event
}

// Idle reports whether nothing needs to be remembered.
func (p *Partial) Idle() bool {
	return p.nhead == 0 && !p.open && (p.op == 0 || p.handed)
}

// Reset makes p a zero Partial, and keeps small buffers.
func (p *Partial) Reset() {
	msg, ctl := p.msg[:0], p.ctl[:0]
	if cap(msg) > 4<<10 {
		msg = nil
	}
	*p = Partial{msg: msg, ctl: ctl}
}

// Next takes bytes from the front of b, which it unmasks in place, and returns
// how many it took and the event they complete, if any. It stops after one
// event; the caller goes on with b[n:] until that is empty. After an error the
// connection is beyond reading.
func (r *Rules) Next(p *Partial, b []byte) (ev Event, n int, err *Error) {
	if p.handed {
		p.Reset()
	}
	if !p.open {
		n, err = r.header(p, b)
		if err != nil || !p.open {
			return Event{}, n, err
		}
		b = b[n:]
	}
	take := int(min(uint64(len(b)), p.h.Len-p.got))
	data := b[:take]
	Mask(data, p.h.Key, p.got)
	whole := p.got == 0 && uint64(take) == p.h.Len
	p.got += uint64(take)
	if p.got == p.h.Len {
		p.open = false
	}
	if p.h.Op.Control() {
		return p.control(data, whole), n + take, nil
	}
	ev, err = p.data(data, whole)
	return ev, n + take, err
}

// header opens the next frame. It returns how many bytes of b belong to the header.
func (r *Rules) header(p *Partial, b []byte) (n int, err *Error) {
	old := p.nhead
	head := b
	if old > 0 {
		p.nhead += copy(p.head[old:], b)
		head = p.head[:p.nhead]
	}
	if err := r.check(p, head); err != nil {
		return 0, err
	}
	h, n, err := ParseHeader(head)
	if err != nil {
		return 0, err
	}
	if n == 0 { // the rest of the header is yet to come
		if old == 0 {
			p.nhead = copy(p.head[:], b)
		}
		return len(b), nil
	}
	p.nhead = 0
	if !h.Op.Control() {
		if h.Len > uint64(r.Frame) || p.size+h.Len > uint64(r.Message) {
			return 0, errTooBig
		}
		p.size += h.Len
		if h.Op != Continuation {
			p.op = h.Op
		}
	}
	p.h, p.open, p.got = h, true, 0
	return n - old, nil
}

// check refuses what the first two bytes of a frame tell already. Reserved bits
// come first: with an extension they could change what the opcode means.
func (r *Rules) check(p *Partial, head []byte) *Error {
	if len(head) == 0 {
		return nil
	}
	op, fin := Opcode(head[0]&0xF), head[0]&0x80 != 0
	switch {
	case head[0]&0x70 != 0:
		return errReservedBits
	case !op.known():
		return errReservedOpcode
	case op.Control() && !fin:
		return errFragmented
	}
	if len(head) > 1 {
		if head[1]&0x80 == 0 {
			return errUnmasked
		}
		if op.Control() && head[1]&0x7F > MaxControl {
			return errControlLong
		}
		switch {
		case op == Continuation && p.op == 0:
			return errContinuation
		case (op == Text || op == Binary) && p.op != 0:
			return errInterleaved
		case op == Binary && !r.Binary:
			return errBinary
		}
	}
	return nil
}

func (p *Partial) control(data []byte, whole bool) Event {
	if whole {
		return Event{p.h.Op, data}
	}
	if p.got == uint64(len(data)) {
		p.ctl = p.ctl[:0]
	}
	p.ctl = append(p.ctl, data...)
	if p.open {
		return Event{}
	}
	return Event{p.h.Op, p.ctl}
}

func (p *Partial) data(data []byte, whole bool) (Event, *Error) {
	if whole && p.h.Fin && p.h.Op != Continuation { // the usual case: nothing is copied
		if p.op == Text && !utf8.Valid(data) {
			return Event{}, errUTF8
		}
		ev := Event{p.op, data}
		p.op, p.size = 0, 0
		return ev, nil
	}
	p.msg = append(p.msg, data...)
	done := !p.open && p.h.Fin
	if p.op == Text {
		n, ok := validPrefix(p.msg[p.valid:])
		p.valid += n
		if !ok || done && p.valid < len(p.msg) {
			return Event{}, errUTF8
		}
	}
	if !done {
		return Event{}, nil
	}
	p.handed = true
	return Event{p.op, p.msg}, nil
}

// validPrefix returns how many bytes of b are complete characters; ok is false
// if what follows them cannot become one.
func validPrefix(b []byte) (n int, ok bool) {
	n = len(b)
	for i := 1; i <= min(utf8.UTFMax-1, len(b)); i++ {
		if c := b[len(b)-i]; utf8.RuneStart(c) {
			if !utf8.FullRune(b[len(b)-i:]) {
				n = len(b) - i
			}
			break
		}
	}
	return n, utf8.Valid(b[:n])
}

// ParseClose reads the payload of a close frame: NoStatus if it is empty. Codes
// that must not be on the wire are an error.
func ParseClose(data []byte) (code int, reason string, err *Error) {
	if len(data) == 0 {
		return NoStatus, "", nil
	}
	if len(data) == 1 {
		return 0, "", errClosePayload
	}
	code = int(binary.BigEndian.Uint16(data))
	switch {
	case code >= 1000 && code <= 1003, code >= 1007 && code <= 1014, code >= 3000 && code <= 4999:
	default:
		return 0, "", errCloseCode
	}
	if !utf8.Valid(data[2:]) {
		return 0, "", errUTF8
	}
	return code, string(data[2:]), nil
}
