package gateway

import (
	"cmp"
	"encoding/base64"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/sallyport/sallyport/internal/gateway/loop"
	"github.com/sallyport/sallyport/internal/json"
)

// What a connection's events have in common is encoded once, when it connects, and kept as bytes: the connection's head. An event is
// then a few appends.

// appendHead appends the members of requestContext that do not change while the connection lives.
func appendHead(dst []byte, st *stage, id loop.ID, connectedAt time.Time, h *loop.Handshake, who *guest) []byte {
	dst = append(dst, `"stage":`...)
	dst = json.AppendQuoted(dst, st.name)
	dst = append(dst, `,"connectedAt":`...)
	dst = strconv.AppendInt(dst, connectedAt.UnixMilli(), 10)
	dst = append(dst, `,"identity":{`...)
	dst = who.appendIdentity(dst)
	if agent := h.Get("User-Agent"); agent != "" {
		dst = append(dst, `"userAgent":`...)
		dst = json.AppendQuoted(dst, agent)
		dst = append(dst, ',')
	}
	dst = append(dst, `"sourceIp":`...)
	dst = json.AppendQuoted(dst, sourceIP(h))
	dst = append(dst, `},`+domainMember...)
	dst = append(dst, cmp.Or(who.domain, st.domain)...)
	dst = append(dst, `",`+connectionMember...)
	dst = id.Append(dst)
	dst = append(dst, `","apiId":`...)
	dst = json.AppendQuoted(dst, st.api)
	if who.decision != nil {
		dst = append(dst, `,"authorizer":`...)
		dst = who.decision.AppendJSON(dst)
	}
	return dst
}

// A moment is what is particular about one event.
type moment struct {
	request    loop.ID
	at         time.Time
	connection loop.ID // of events with headers
	binary     bool    // of a message
}

// appendContext appends `"requestContext":{…}`; extra are members of one kind of event, each with a comma behind it.
func (m moment) appendContext(dst []byte, head string, quotedRoute []byte, event string, extra func([]byte) []byte) []byte {
	dst = append(dst, `"requestContext":{"routeKey":`...)
	dst = append(dst, quotedRoute...)
	dst = append(dst, `,"eventType":"`...)
	dst = append(dst, event...)
	dst = append(dst, `","extendedRequestId":"`...)
	dst = m.request.Append(dst)
	dst = append(dst, `","requestTime":"`...)
	dst = m.at.UTC().AppendFormat(dst, "02/Jan/2006:15:04:05 +0000")
	dst = append(dst, `","messageDirection":"IN",`...)
	if extra != nil {
		dst = extra(dst)
	}
	dst = append(dst, head...)
	dst = append(dst, `,"requestTimeEpoch":`...)
	dst = strconv.AppendInt(dst, m.at.UnixMilli(), 10)
	dst = append(dst, `,"requestId":"`...)
	dst = m.request.Append(dst)
	return append(dst, `"}`...)
}

// appendMessage appends a MESSAGE event.
func (m moment) appendMessage(dst []byte, st *stage, r *route, head string, message loop.ID, text []byte) []byte {
	dst = append(dst, '{')
	dst = m.appendContext(dst, head, r.quoted, "MESSAGE", func(dst []byte) []byte {
		dst = append(dst, `"messageId":"`...)
		dst = message.Append(dst)
		return append(dst, `",`...)
	})
	dst = append(dst, ',')
	dst = append(dst, st.variables...)
	dst = append(dst, `"body":`...)
	if m.binary {
		dst = base64.StdEncoding.AppendEncode(append(dst, '"'), text)
		return append(dst, `","isBase64Encoded":true}`...)
	}
	dst = json.AppendQuoted(dst, text)
	return append(dst, `,"isBase64Encoded":false}`...)
}

// appendDisconnect appends a DISCONNECT event. AWS: it has four headers, three of them empty.
func (m moment) appendDisconnect(dst []byte, st *stage, r *route, head string, e loop.Closure) []byte {
	domain := domainOf(head)
	dst = append(dst, `{"headers":{"Host":`...)
	dst = json.AppendQuoted(dst, domain)
	dst = append(dst, `,"x-api-key":"","X-Forwarded-For":"","x-restapi":""},"multiValueHeaders":{"Host":[`...)
	dst = json.AppendQuoted(dst, domain)
	dst = append(dst, `],"x-api-key":[""],"X-Forwarded-For":[""],"x-restapi":[""]},`...)
	dst = m.appendContext(dst, head, r.quoted, "DISCONNECT", func(dst []byte) []byte {
		dst = append(dst, `"disconnectStatusCode":`...)
		dst = strconv.AppendInt(dst, int64(e.Code), 10)
		dst = append(dst, `,"disconnectReason":`...)
		dst = json.AppendQuoted(dst, e.Reason)
		return append(dst, ',')
	})
	dst = append(dst, ',')
	dst = append(dst, st.variables...)
	return append(dst, `"isBase64Encoded":false}`...)
}

// appendAuthorizer appends the event of a Lambda authorizer. AWS: it has Connection and Upgrade, other than a CONNECT event, and
// stageVariables also if there are none.
func (m moment) appendAuthorizer(dst []byte, st *stage, methodARN string, r *route, head string, h *loop.Handshake) []byte {
	dst = append(dst, `{"type":"REQUEST","methodArn":`...)
	dst = json.AppendQuoted(dst, methodARN)
	dst = append(dst, ',')
	f := eventHeaders(st, domainOf(head), h, traceRoot(m.connection))
	for _, name := range [...]string{"Connection", "Upgrade"} {
		f.add(name, h.Get(name), strings.EqualFold)
	}
	f.add("content-length", "0", strings.EqualFold)
	dst = f.append(dst, "headers", "multiValueHeaders")
	_, query, _ := strings.Cut(h.Target, "?")
	dst = queryFields(query).append(dst, "queryStringParameters", "multiValueQueryStringParameters")
	if len(st.variables) == 0 {
		dst = append(dst, `"stageVariables":{},`...)
	}
	dst = append(dst, st.variables...)
	dst = m.appendContext(dst, head, r.quoted, "CONNECT", nil)
	return append(dst, '}')
}

// appendConnect appends a CONNECT event.
func (m moment) appendConnect(dst []byte, st *stage, r *route, head string, h *loop.Handshake) []byte {
	dst = append(dst, '{')
	dst = eventHeaders(st, domainOf(head), h, traceRoot(m.connection)).append(dst, "headers", "multiValueHeaders")
	if _, query, ok := strings.Cut(h.Target, "?"); ok && query != "" {
		dst = queryFields(query).append(dst, "queryStringParameters", "multiValueQueryStringParameters")
	}
	dst = m.appendContext(dst, head, r.quoted, "CONNECT", nil)
	dst = append(dst, ',')
	dst = append(dst, st.variables...)
	return append(dst, `"isBase64Encoded":false}`...)
}

// fields are names with one or more values each, in order of appearance.
type fields []field

type field struct {
	name   string
	values []string
}

// add appends a value to the field of that name.
func (f *fields) add(name, value string, same func(a, b string) bool) {
	for i := range *f {
		if same((*f)[i].name, name) {
			(*f)[i].values = append((*f)[i].values, value)
			return
		}
	}
	*f = append(*f, field{name, []string{value}})
}

// append appends the fields as two members: with the last value of each name, and with all.
func (f fields) append(dst []byte, single, multi string) []byte {
	dst = json.AppendQuoted(dst, single)
	dst = append(dst, ":{"...)
	for i, field := range f {
		dst = appendName(dst, i, field.name)
		dst = json.AppendQuoted(dst, field.values[len(field.values)-1])
	}
	dst = append(dst, "},"...)
	dst = json.AppendQuoted(dst, multi)
	dst = append(dst, ":{"...)
	for i, field := range f {
		dst = appendName(dst, i, field.name)
		for i, value := range field.values {
			dst = append(dst, "[,"[min(i, 1)])
			dst = json.AppendQuoted(dst, value)
		}
		dst = append(dst, ']')
	}
	return append(dst, "},"...)
}

// appendName appends the name of member i of an object.
func appendName(dst []byte, i int, name string) []byte {
	if i > 0 {
		dst = append(dst, ',')
	}
	dst = json.AppendQuoted(dst, name)
	return append(dst, ':')
}

// eventHeaders are the headers that a function sees: the client's, with their case, without those of the connection itself, and those that
// AWS's edge adds. Host is the API's own name or a custom domain, whatever other address the client used: functions build callback URLs
// of it.
func eventHeaders(st *stage, domain string, h *loop.Handshake, trace string) fields {
	f := make(fields, 0, len(h.Headers)+5)
	f.add("Host", domain, strings.EqualFold)
	forwarded := ""
	for _, field := range h.Headers {
		switch strings.ToLower(field.Name) {
		case "host", "connection", "upgrade", "x-forwarded-port", "x-forwarded-proto", "x-amzn-trace-id":
		case "x-forwarded-for":
			forwarded += field.Value + ", "
		default:
			f.add(field.Name, field.Value, strings.EqualFold)
		}
	}
	proto, port := "http", "80"
	if h.TLS || st.forwardedAsAWS {
		proto, port = "https", "443"
	}
	if i := strings.LastIndexByte(h.Host, ':'); i >= 0 && !strings.HasSuffix(h.Host, "]") && !st.forwardedAsAWS {
		port = h.Host[i+1:]
	}
	f.add("X-Amzn-Trace-Id", trace, strings.EqualFold)
	f.add("X-Forwarded-For", forwarded+sourceIP(h), strings.EqualFold)
	f.add("X-Forwarded-Port", port, strings.EqualFold)
	f.add("X-Forwarded-Proto", proto, strings.EqualFold)
	return f
}

// sourceIP is the client's address.
func sourceIP(h *loop.Handshake) string { return h.Remote.Addr().Unmap().WithZone("").String() }

// queryFields reads a query string. What is wrongly escaped stands for itself.
func queryFields(query string) fields {
	var f fields
	for part := range strings.SplitSeq(query, "&") {
		if part == "" {
			continue
		}
		name, value, _ := strings.Cut(part, "=")
		f.add(unescape(name), unescape(value), func(a, b string) bool { return a == b })
	}
	return f
}

func unescape(s string) string {
	if u, err := url.QueryUnescape(s); err == nil {
		return u
	}
	return s
}
