package cloudformation

import (
	"crypto/rand"
	"crypto/sha256"
	"fmt"
	"strings"
)

// token names one step of an operation: always the same, for a step that is repeated.
func token(parts ...string) string {
	h := sha256.Sum256([]byte(strings.Join(parts, "\x00")))
	return uuidOf(h[:16])
}

func newUUID() string {
	var b [16]byte
	rand.Read(b[:])
	return uuidOf(b[:])
}

func uuidOf(b []byte) string {
	b[6] = b[6]&0x0f | 0x40
	b[8] = b[8]&0x3f | 0x80
	return fmt.Sprintf("%x-%x-%x-%x-%x", b[0:4], b[4:6], b[6:8], b[8:10], b[10:16])
}

// physicalName is {stack}-{logical id}-{12 letters or digits}, cut to max characters: first the logical id, then the stack's name.
func physicalName(stack, id, seed string, max int) string {
	const letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
	h := sha256.Sum256([]byte("name\x00" + seed))
	suffix := make([]byte, 12)
	for i := range suffix {
		suffix[i] = letters[int(h[i])%len(letters)]
	}
	room := max - len(suffix) - 2 // for stack and id
	if room < 2 {
		return string(suffix[:min(len(suffix), max)])
	}
	if len(stack)+len(id) > room {
		half := room / 2
		switch {
		case len(stack) <= half:
			id = id[:room-len(stack)]
		case len(id) <= room-half:
			stack = stack[:room-len(id)]
		default:
			stack, id = stack[:half], id[:room-half]
		}
	}
	return stack + "-" + id + "-" + string(suffix)
}
