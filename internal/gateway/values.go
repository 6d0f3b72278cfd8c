package gateway

import (
	"strconv"
	"strings"

	"github.com/sallyport/sallyport/internal/awsapi"
	"github.com/sallyport/sallyport/internal/gateway/integration"
	"github.com/sallyport/sallyport/internal/gateway/loop"
	"github.com/sallyport/sallyport/internal/json"
)

// What templates and parameter mappings know as $context is the requestContext of the event, with members that AWS documents for the
// variables only.

// contextMember begins an event's requestContext.
const contextMember = `"requestContext":`

// appendVariables appends $context as a JSON object. extra are the members of one kind of event, each with a comma behind it.
func (m moment) appendVariables(dst []byte, st *stage, r *route, head string, event string, extra func([]byte) []byte) []byte {
	begin := len(dst)
	dst = m.appendContext(dst, head, r.quoted, event, func(dst []byte) []byte {
		dst = append(dst, `"accountId":"`...)
		dst = append(dst, st.account...)
		dst = append(dst, `","domainPrefix":`...)
		prefix, _, _ := strings.Cut(domainOf(head), ".")
		dst = json.AppendQuoted(dst, prefix)
		dst = append(dst, ',')
		if extra != nil {
			dst = extra(dst)
		}
		return dst
	})
	return append(dst[:begin], dst[begin+len(contextMember):]...)
}

// messageMember is what only messages have.
func messageMember(id loop.ID) func([]byte) []byte {
	return func(dst []byte) []byte {
		dst = append(dst, `"messageId":"`...)
		dst = id.Append(dst)
		return append(dst, `",`...)
	}
}

// closureMembers are what only the end of a connection has.
func closureMembers(e loop.Closure) func([]byte) []byte {
	return func(dst []byte) []byte {
		dst = append(dst, `"disconnectStatusCode":`...)
		dst = strconv.AppendInt(dst, int64(e.Code), 10)
		dst = append(dst, `,"disconnectReason":`...)
		dst = json.AppendQuoted(dst, e.Reason)
		return append(dst, ',')
	}
}

// values are what an integration of $connect can look up.
func (u *upgrade) values() integration.Values {
	at := later(u.g.now(), u.at)
	v := integration.Values{
		Context: moment{request: u.request, at: at}.appendVariables(nil, u.st, u.r, u.s.head, "CONNECT", nil),
		Headers: eventHeaders(u.st, domainOf(u.s.head), u.h, traceRoot(u.id)).values(),
	}
	if _, query, ok := strings.Cut(u.h.Target, "?"); ok {
		v.Query = queryFields(query).values()
	}
	return v
}

func (f fields) values() []integration.Field {
	out := make([]integration.Field, len(f))
	for i, field := range f {
		out[i] = integration.Field{Name: field.name, Values: field.values}
	}
	return out
}

// keepValues keeps $context for a call that runs later, or for one that runs at once.
func (c *call) keepValues() {
	if c.r.backend.Values {
		c.vars = c.m.appendVariables(c.vars[:0], c.st, c.r, c.s.head, "MESSAGE", messageMember(c.messageID()))
	}
}

// signer returns who signed the upgrade of a connection, nil if nobody did or no integration asked when it was made.
func (g *Gateway) signer(s *session) *awsapi.Caller {
	caller, _ := g.signers.Load(s)
	c, _ := caller.(*awsapi.Caller)
	return c
}
