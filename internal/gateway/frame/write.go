package frame

import (
	"encoding/binary"
	"unicode/utf8"
)

// Fragment is the longest payload of a frame that AppendMessage builds: what
// AWS asks of clients is what they get.
const Fragment = 32 << 10

// Append appends one final, unmasked frame.
func Append(dst []byte, op Opcode, payload []byte) []byte {
	dst = AppendHeader(dst, Header{Fin: true, Op: op, Len: uint64(len(payload))})
	return append(dst, payload...)
}

// AppendMessage appends a message in unmasked frames of at most Fragment bytes.
func AppendMessage(dst []byte, op Opcode, payload []byte) []byte {
	for len(payload) > Fragment {
		dst = AppendHeader(dst, Header{Op: op, Len: Fragment})
		dst = append(dst, payload[:Fragment]...)
		payload = payload[Fragment:]
		op = Continuation
	}
	return Append(dst, op, payload)
}

// MessageLen returns how many bytes AppendMessage appends for n bytes of payload.
func MessageLen(n int) int {
	full := 0
	if n > Fragment {
		full = (n - 1) / Fragment
	}
	rest := n - full*Fragment
	size := full*(4+Fragment) + 2 + rest
	if rest >= 126 {
		size += 2
	}
	return size
}

// AppendClose appends a close frame. NoStatus makes an empty one; a reason that
// is too long is cut at a character.
func AppendClose(dst []byte, code int, reason string) []byte {
	if code == NoStatus {
		return Append(dst, Close, nil)
	}
	if len(reason) > MaxControl-2 {
		n := MaxControl - 2
		for n > 0 && !utf8.RuneStart(reason[n]) {
			n--
		}
		reason = reason[:n]
	}
	dst = AppendHeader(dst, Header{Fin: true, Op: Close, Len: uint64(2 + len(reason))})
	dst = binary.BigEndian.AppendUint16(dst, uint16(code))
	return append(dst, reason...)
}
