package frame

import (
	"encoding/binary"
	"math"
	"math/bits"
)

// An Opcode says what a frame is.
type Opcode byte

// The opcodes of RFC 6455; all others are reserved.
const (
	Continuation Opcode = 0x0
	Text         Opcode = 0x1
	Binary       Opcode = 0x2
	Close        Opcode = 0x8
	Ping         Opcode = 0x9
	Pong         Opcode = 0xA
)

// Control reports whether frames of this kind may stand between the fragments of a message.
func (op Opcode) Control() bool { return op&0x8 != 0 }

func (op Opcode) known() bool { return op <= Binary || op >= Close && op <= Pong }

// Close codes that this package answers with.
const (
	ProtocolError   = 1002
	UnsupportedData = 1003
	NoStatus        = 1005 // never on the wire
	InvalidPayload  = 1007
	MessageTooBig   = 1009
)

// MaxControl is the longest payload of a control frame.
const MaxControl = 125

// MaxHeader is the longest frame header.
const MaxHeader = 14

// An Error says with which close code and reason a connection must end.
type Error struct {
	Code   int
	Reason string
}

func (e *Error) Error() string { return e.Reason }

var (
	errReservedBits   = &Error{ProtocolError, "Reserved bits must be zero"}
	errReservedOpcode = &Error{ProtocolError, "Reserved opcode"}
	errUnmasked       = &Error{ProtocolError, "Client frames must be masked"}
	errFragmented     = &Error{ProtocolError, "Control frames must not be fragmented"}
	errControlLong    = &Error{ProtocolError, "Control frame too long"}
	errLength         = &Error{ProtocolError, "Frame length is not in its shortest form"}
	errContinuation   = &Error{ProtocolError, "Continuation without a message"}
	errInterleaved    = &Error{ProtocolError, "Message within a fragmented message"}
	errClosePayload   = &Error{ProtocolError, "Invalid close frame"}
	errCloseCode      = &Error{ProtocolError, "Invalid close code"}
	errBinary         = &Error{UnsupportedData, "Binary messages are not supported"}
	errUTF8           = &Error{InvalidPayload, "Invalid UTF-8"}
	errTooBig         = &Error{MessageTooBig, "Message too big"}
)

// A Header is the head of one frame.
type Header struct {
	Fin    bool
	RSV    byte // three bits; zero unless an extension was negotiated
	Op     Opcode
	Masked bool
	Key    uint32 // as little-endian reading of the wire's four bytes
	Len    uint64
}

// ParseHeader reads a frame header of any endpoint. n is its length in bytes,
// or zero when b ends before the header does. Lengths that are not in their
// shortest form are an error.
func ParseHeader(b []byte) (h Header, n int, err *Error) {
	if len(b) < 2 {
		return h, 0, nil
	}
	h.Fin = b[0]&0x80 != 0
	h.RSV = b[0] >> 4 & 7
	h.Op = Opcode(b[0] & 0xF)
	h.Masked = b[1]&0x80 != 0
	h.Len = uint64(b[1] & 0x7F)
	n = 2
	switch h.Len {
	case 126:
		if len(b) < 4 {
			return h, 0, nil
		}
		h.Len = uint64(binary.BigEndian.Uint16(b[2:]))
		n = 4
		if h.Len < 126 {
			return h, 0, errLength
		}
	case 127:
		if len(b) < 10 {
			return h, 0, nil
		}
		h.Len = binary.BigEndian.Uint64(b[2:])
		n = 10
		if h.Len <= math.MaxUint16 || h.Len > math.MaxInt64 {
			return h, 0, errLength
		}
	}
	if h.Masked {
		if len(b) < n+4 {
			return h, 0, nil
		}
		h.Key = binary.LittleEndian.Uint32(b[n:])
		n += 4
	}
	return h, n, nil
}

// AppendHeader appends h in the shortest form.
func AppendHeader(dst []byte, h Header) []byte {
	b0, mask := h.RSV<<4|byte(h.Op), byte(0)
	if h.Fin {
		b0 |= 0x80
	}
	if h.Masked {
		mask = 0x80
	}
	switch {
	case h.Len < 126:
		dst = append(dst, b0, mask|byte(h.Len))
	case h.Len <= math.MaxUint16:
		dst = append(dst, b0, mask|126, byte(h.Len>>8), byte(h.Len))
	default:
		dst = binary.BigEndian.AppendUint64(append(dst, b0, mask|127), h.Len)
	}
	if h.Masked {
		dst = binary.LittleEndian.AppendUint32(dst, h.Key)
	}
	return dst
}

// Mask masks or unmasks p in place. The first byte of p is byte number pos of its frame's payload.
func Mask(p []byte, key uint32, pos uint64) {
	key = bits.RotateLeft32(key, -8*int(pos&3))
	k := uint64(key)<<32 | uint64(key)
	for len(p) >= 32 {
		q := p[:32:32]
		binary.LittleEndian.PutUint64(q, binary.LittleEndian.Uint64(q)^k)
		binary.LittleEndian.PutUint64(q[8:], binary.LittleEndian.Uint64(q[8:])^k)
		binary.LittleEndian.PutUint64(q[16:], binary.LittleEndian.Uint64(q[16:])^k)
		binary.LittleEndian.PutUint64(q[24:], binary.LittleEndian.Uint64(q[24:])^k)
		p = p[32:]
	}
	for len(p) >= 8 {
		binary.LittleEndian.PutUint64(p, binary.LittleEndian.Uint64(p)^k)
		p = p[8:]
	}
	for i := range p {
		p[i] ^= byte(key >> (8 * (i & 3)))
	}
}
