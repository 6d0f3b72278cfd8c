package gateway

import (
	"encoding/base64"
	"time"

	"github.com/sallyport/sallyport/internal/apigateway"
	"github.com/sallyport/sallyport/internal/gateway/loop"
)

// maxMessage is the largest message in either direction, on AWS.
const maxMessage = 128 << 10

// maxMessage returns the largest message of a stage in either direction.
func (st *stage) maxMessage() int { return max(maxMessage, st.policy.Message) }

// MaxPayload returns the largest message that can be posted to a connection of a stage.
func (g *Gateway) MaxPayload(api, name string) int {
	if st := g.servedNow(api, name); st != nil {
		return st.maxMessage()
	}
	return maxMessage
}

// binary reports whether what is no text may be posted to a stage's connections, as a binary message.
func (g *Gateway) binary(api, name string) bool {
	st := g.servedNow(api, name)
	return st != nil && st.policy.Binary
}

// lift gives a connection that is about to be accepted the limits of its stage. It keeps them as long as it lives.
func (st *stage) lift(conn loop.Conn) {
	p := st.policy
	if p == (apigateway.Policy{}) {
		return
	}
	l := loop.Limits{Frame: p.Frame, Message: p.Message, Idle: p.Idle, Lifetime: p.Lifetime, Binary: p.Binary}
	if p.Integration > 0 {
		l.Answers = max(loop.DefaultLimits.Answers, p.Integration+time.Second)
	}
	conn.Limit(l)
}

// Binary implements loop.BinaryHandler: it takes one message of a stage whose policy allows binary ones. It is routed as others are; the
// event has it as base64.
func (g *Gateway) Binary(conn loop.Conn, data []byte) { g.take(conn, data, true) }

// payloadFor returns what the backend of a call gets of a message.
func (c *call) payloadFor(data []byte) []byte {
	if !c.m.binary || c.r.backend.Bytes {
		return data
	}
	return base64.StdEncoding.AppendEncode(nil, data)
}
