package loop

import (
	"net/netip"
	"strings"
	"time"
)

// A Handler is told what happens on the connections of a [Server].
//
// Its methods are called on an event loop that serves thousands of other
// connections, so they must not block: what may wait is done on a goroutine of
// the handler's own. Calls for one connection never overlap, except that Closed
// may overlap with nothing but the handler's own goroutines: order is always
// Open, then any number of Message, then Closed.
type Handler interface {
	// Open announces a well-formed upgrade request. The handler answers it with
	// c.Accept or c.Refuse, now or later and from any goroutine. Until then
	// nothing is read from the client. h belongs to the handler.
	Open(c Conn, h *Handshake)

	// Message delivers one complete text message, which is valid UTF-8. The
	// bytes are valid during the call only. What is written to c during the
	// call leaves in one system call when the bytes at hand are used up.
	Message(c Conn, text []byte)

	// Closed reports the end of a connection, exactly once for each that was
	// opened and not refused: also for one whose client left before c.Accept
	// (Accepted is false then, and Accept returns ErrGone). At that time
	// c.Write already answers ErrGone and the ID is no longer found;
	// c.ID, c.Attached, c.ConnectedAt and c.LastActive still answer during the call.
	Closed(c Conn, e Closure)
}

// A Leaver is a Handler whose answers may be under way when a connection is to
// be closed.
type Leaver interface {
	// Leaving tells that the client has sent its close frame, or that a limit of
	// time or the end of the server is about to close the connection. No more
	// messages are taken. If it returns true, the close frame waits until c.Leave
	// is called, at most Limits.Answers, and what is written to c until then still
	// reaches the client. It must not block; unlike the others it may be called
	// while Message is.
	Leaving(c Conn) (wait bool)
}

// A BinaryHandler is a Handler that also takes binary messages. It is asked
// only when [Limits].Binary is set; AWS refuses binary frames.
type BinaryHandler interface {
	// Binary is Message for a binary message.
	Binary(c Conn, data []byte)
}

// A Header is one header field, as it stood in the request.
type Header struct{ Name, Value string }

// A Handshake is the head of an upgrade request that passed RFC 6455.
type Handshake struct {
	Method     string         // always GET
	Target     string         // as sent: "/prod?room=blue"
	Host       string         // value of the Host field, port included
	Headers    []Header       // in the client's order, with the client's case
	Remote     netip.AddrPort // the TCP peer
	TLS        bool           // came over wss
	ServerName string         // SNI of the TLS hello
	Verified   bool           // the client showed a certificate that the TLS configuration asked for
	At         time.Time      // when the head was complete: the connection's ConnectedAt
}

// Get returns the value of the first field of that name, in any case, or "".
func (h *Handshake) Get(name string) string {
	for _, f := range h.Headers {
		if strings.EqualFold(f.Name, name) {
			return f.Value
		}
	}
	return ""
}

// A Closure says how a connection ended, in the words of $disconnect.
type Closure struct {
	Code     int    // as in disconnectStatusCode
	Reason   string // as in disconnectReason
	Client   bool   // the client began: by a close frame or by vanishing
	Accepted bool   // false if the client left while the upgrade was pending
	At       time.Time
}

// Codes and texts of closings that do not come from a close frame of the client.
// AWS: the texts of 1000, 1001, 1005 and 1009 were recorded there.
const (
	CodeNormal    = 1000
	CodeGoingAway = 1001
	CodeProtocol  = 1002
	CodeBinary    = 1003
	CodeNoStatus  = 1005 // never on the wire: a close frame without a code
	CodeLost      = 1006 // never on the wire: the peer vanished
	CodeNotUTF8   = 1007
	CodeTooBig    = 1009
	CodeInternal  = 1011

	ReasonDeleted   = "Connection Closed Normally" // DELETE @connections, with CodeNormal
	ReasonGoingAway = "Going away"
	ReasonNoStatus  = "Client-side close frame status not set"
	ReasonLost      = "Connection closed abnormally"
	ReasonTooBig    = "Message too big"
)
