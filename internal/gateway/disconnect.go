package gateway

import (
	"fmt"

	"github.com/sallyport/sallyport/internal/gateway/integration"
	"github.com/sallyport/sallyport/internal/gateway/loop"
)

// Closed implements loop.Handler: it runs the $disconnect route. A connection that was never accepted has none; if its $connect is still
// running, its end decides (see upgrade.accept).
func (g *Gateway) Closed(conn loop.Conn, e loop.Closure) {
	s, ok := conn.Attached().(*session)
	if !ok {
		return
	}
	if e.Accepted {
		g.tellMistake(s, e)
		g.disconnect(s, e)
	}
	g.signers.Delete(s)
}

// mistakes are the close codes for what clients do wrong.
var mistakes = map[int]string{
	1002: "correct the client: its frames are against RFC 6455",
	1003: "send text: binary messages are not taken",
	1007: "send text that is UTF-8",
	1009: "send less at once: AWS takes messages of 128 KB, in frames of 32 KB",
	1011: "let the client read what it asked for",
}

// tellMistake logs that a connection was closed for a mistake of the client. Observers are told of the end itself.
func (g *Gateway) tellMistake(s *session, e loop.Closure) {
	st, hint := s.stage.current.Load(), mistakes[e.Code]
	if st == nil || hint == "" || e.Client {
		return
	}
	r := Record{
		Kind: Disconnect, At: e.At, Connection: s.id.String(), RequestID: g.requestID(e.At).String(), Status: e.Code,
		Cause: fmt.Errorf("closed with %d: %s", e.Code, e.Reason), Hint: hint,
	}
	st.told(&r)
	g.failures.Observe(r)
}

// disconnect runs $disconnect after what the connection sent before. Its result is told to nobody but the observer. AWS: a removed stage
// has no route left to run.
func (g *Gateway) disconnect(s *session, e loop.Closure) {
	st := s.stage.current.Load()
	if st == nil {
		return
	}
	at := e.At
	if at.IsZero() {
		at = g.now()
	}
	c := g.newCall()
	c.kind, c.s, c.st, c.r, c.code = Disconnect, s, st, st.disconnect, e.Code
	c.ended = e
	c.m = moment{request: g.requestID(at), at: at}
	switch {
	case c.r == nil:
		c.finish(integration.Response{}, nil)
	case c.r.backend == nil:
		c.finish(integration.Response{}, c.r.noTarget())
	default:
		if c.r.backend.Event || c.r.backend.Local {
			c.event = c.m.appendDisconnect(c.event[:0], st, c.r, s.head, e)
		}
		if c.r.backend.Values {
			c.vars = c.m.appendVariables(c.vars[:0], st, c.r, s.head, "DISCONNECT", closureMembers(e))
		}
		err := s.start(g, c, true)
		if err == nil {
			return
		}
		c.finish(integration.Response{}, notStarted(err))
	}
	g.free(c)
}
