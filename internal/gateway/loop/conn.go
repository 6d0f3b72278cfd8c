package loop

import (
	"time"
)

// A Conn is a handle to a connection: small, comparable, copied freely, and
// harmless when its connection is gone. Its methods may be called from many
// goroutines.
type Conn struct {
	s    *Server
	slot uint32
	gen  uint32
}

// ID returns the name of the connection.
func (c Conn) ID() ID { return ID{} }

// Accept answers the upgrade with 101. A subprotocol that is not empty is
// passed on as Sec-WebSocket-Protocol; AWS does not check that the client offered it.
func (c Conn) Accept(subprotocol string) error { return errNotBuilt }

// Refuse answers the upgrade with an HTTP status and closes the connection;
// Handler.Closed is not called. Content-Length, Date and Connection are added.
func (c Conn) Refuse(status int, headers []Header, body []byte) error { return errNotBuilt }

// Write sends one text message, in frames of at most 32 KB. It does not wait
// for the client: nil means handed to the kernel or queued behind other output.
// Messages written one after the other arrive in that order. The caller checks
// size and UTF-8.
func (c Conn) Write(text []byte) error { return errNotBuilt }

// WriteBinary sends one binary message.
func (c Conn) WriteBinary(data []byte) error { return errNotBuilt }

// A Prepared is a message in the form it has on the wire, built once to be sent to many.
type Prepared struct{ wire []byte }

// Prepare builds a text message for Send.
func Prepare(text []byte) Prepared { return Prepared{} }

// Send is Write for a prepared message.
func (c Conn) Send(p Prepared) error { return errNotBuilt }

// Close sends what is queued and a close frame; Handler.Closed is called with
// this code and reason. It returns ErrGone if the connection is closed already
// or not accepted yet.
func (c Conn) Close(code int, reason string) error { return errNotBuilt }

// Attach keeps v with the connection until Handler.Closed has returned.
func (c Conn) Attach(v any) {}

// Attached returns what was attached, or nil.
func (c Conn) Attached() any { return nil }

// ConnectedAt returns when the upgrade request was complete, to the millisecond.
func (c Conn) ConnectedAt() time.Time { return time.Time{} }

// LastActive returns when the last data message went in or out; ConnectedAt
// before the first one.
func (c Conn) LastActive() time.Time { return time.Time{} }
