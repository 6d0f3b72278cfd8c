package loop

import (
	"encoding/base64"
	"encoding/binary"
	"errors"
	"time"
)

// An ID names a connection for ever: eleven bytes, as on AWS.
//
//	0-3  seconds since 1970, so that ids grow with time
//	4-7  slot (24 bits) and generation (8 bits), mixed with a salt of the process
//	8    kind: what the id names
//	9-10 node
//
// Only the node that made an ID can find its connection; any node can tell
// whose it is.
type ID [11]byte

// Kinds of IDs. AWS: the ninth byte is 2 in connection and message ids, 5 in request ids.
const (
	KindConnection byte = 2
	KindMessage    byte = 2
	KindRequest    byte = 5
)

// ErrBadID is returned by ParseID for text that cannot be an ID.
var ErrBadID = errors.New("loop: no connection id")

// MakeID builds an ID from its parts. The gateway makes message and request ids
// with it; serial must differ within one second.
func MakeID(at time.Time, serial uint32, kind byte, node uint16) ID {
	var id ID
	binary.BigEndian.PutUint32(id[:], uint32(at.Unix()))
	binary.BigEndian.PutUint32(id[4:], serial)
	id[8] = kind
	binary.BigEndian.PutUint16(id[9:], node)
	return id
}

// ParseID reads the text form: fifteen characters of base64url and one "=".
func ParseID(s string) (ID, error) {
	var id ID
	if len(s) != 16 || s[15] != '=' {
		return id, ErrBadID
	}
	if n, err := base64.URLEncoding.Strict().Decode(id[:], []byte(s)); err != nil || n != len(id) {
		return ID{}, ErrBadID
	}
	return id, nil
}

// String returns the text form: sixteen characters, the last one "=".
func (id ID) String() string { return base64.URLEncoding.EncodeToString(id[:]) }

// Append appends the text form to dst.
func (id ID) Append(dst []byte) []byte { return base64.URLEncoding.AppendEncode(dst, id[:]) }

// Node returns the number of the node that made the ID.
func (id ID) Node() uint16 { return binary.BigEndian.Uint16(id[9:]) }

// Time returns when the ID was made, to the second.
func (id ID) Time() time.Time { return time.Unix(int64(binary.BigEndian.Uint32(id[:])), 0) }

func (id ID) seconds() uint32 { return binary.BigEndian.Uint32(id[:]) }
func (id ID) serial() uint32  { return binary.BigEndian.Uint32(id[4:]) }
