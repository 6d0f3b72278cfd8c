package loop

import (
	"bytes"
	"crypto/sha1"
	"encoding/base64"
	"net/http"
	"strings"
)

// A verdict says whose a request is.
type verdict uint8

const (
	undecided verdict = iota // more bytes are needed
	plain                    // no upgrade: HTTP's
	upgrade                  // a well-formed upgrade
	malformed                // an upgrade that is to be refused with request.status
)

// A request is what parseRequest found.
type request struct {
	verdict verdict
	status  int       // why it is malformed
	size    int       // bytes of the head
	hs      Handshake // of an upgrade: Method, Target, Host, Headers
	key     string
}

// maxHead bounds what is kept of a head. What is longer and not yet known to be
// an upgrade is HTTP's to refuse.
const maxHead = 32 << 10

var methodGet = []byte("GET ")

// parseRequest reads the head of the request at the start of b. scheme is "ws"
// or "wss" and counts in the length of the URL.
func parseRequest(b []byte, scheme string, lim *Limits) request {
	if !bytes.HasPrefix(b, methodGet[:min(len(b), len(methodGet))]) {
		return request{verdict: plain} // WebSockets begin with GET
	}
	end := headEnd(b)
	if end == 0 {
		if len(b) < maxHead {
			return request{verdict: undecided}
		}
		return request{verdict: plain}
	}
	line, rest, _ := strings.Cut(string(b[:end]), "\n") // the one copy of the head
	r := request{verdict: plain, size: end}
	target, proto, ok := strings.Cut(strings.TrimSuffix(line, "\r")[len(methodGet):], " ")
	if !ok || target == "" {
		return r
	}
	r.hs.Method, r.hs.Target = http.MethodGet, target
	wellFormed := r.fields(rest)
	if !hasToken(&r.hs, "Upgrade", "websocket") {
		return request{verdict: plain, size: end}
	}
	r.verdict = upgrade
	r.hs.Host = r.hs.Get("Host")
	switch {
	case len(scheme)+len("://")+len(r.hs.Host)+len(target) > lim.URL:
		r.refuse(http.StatusRequestURITooLong)
	case len(rest)-len("\r\n") > lim.Head:
		r.refuse(http.StatusRequestHeaderFieldsTooLarge)
	case !wellFormed || !r.valid(proto):
		r.refuse(http.StatusBadRequest)
	}
	return r
}

func (r *request) refuse(status int) { r.verdict, r.status = malformed, status }

// headEnd returns the length of the head with its empty line, or zero. Lines
// may end without a carriage return, as in net/http.
func headEnd(b []byte) int {
	for i := 0; ; {
		n := bytes.IndexByte(b[i:], '\n')
		if n < 0 {
			return 0
		}
		i += n + 1
		switch {
		case i < len(b) && b[i] == '\n':
			return i + 1
		case i+1 < len(b) && b[i] == '\r' && b[i+1] == '\n':
			return i + 2
		}
	}
}

// fields reads the header lines up to the empty one. It goes on after a bad
// line, so that an upgrade is known as one.
func (r *request) fields(lines string) (ok bool) {
	ok = true
	r.hs.Headers = make([]Header, 0, strings.Count(lines, "\n"))
	for lines != "" {
		var line string
		line, lines, _ = strings.Cut(lines, "\n")
		if line = strings.TrimSuffix(line, "\r"); line == "" {
			return ok
		}
		name, value, found := strings.Cut(line, ":")
		value = strings.Trim(value, " \t")
		if !found || !isToken(name) || !isValue(value) {
			ok = false
			continue
		}
		r.hs.Headers = append(r.hs.Headers, Header{name, value})
	}
	return ok
}

// valid holds an upgrade against RFC 6455, section 4.2.1.
func (r *request) valid(proto string) bool {
	minor, http1 := strings.CutPrefix(proto, "HTTP/1.")
	if !http1 || len(minor) != 1 || minor[0] < '1' || minor[0] > '9' || !isTarget(r.hs.Target) {
		return false
	}
	host, hosts := r.only("Host")
	version, versions := r.only("Sec-WebSocket-Version")
	key, keys := r.only("Sec-WebSocket-Key")
	r.key = key
	raw, err := base64.StdEncoding.DecodeString(key)
	_, chunked := r.only("Transfer-Encoding")
	length, lengths := r.only("Content-Length")
	return hosts == 1 && host != "" && versions == 1 && version == "13" &&
		keys == 1 && err == nil && len(raw) == 16 && len(key) == 24 &&
		chunked == 0 && (lengths == 0 || lengths == 1 && length == "0") &&
		hasToken(&r.hs, "Connection", "upgrade")
}

// only returns the first value of a field and how often the field occurs.
func (r *request) only(name string) (value string, n int) {
	for _, f := range r.hs.Headers {
		if strings.EqualFold(f.Name, name) {
			if n == 0 {
				value = f.Value
			}
			n++
		}
	}
	return value, n
}

// hasToken reports whether a comma-separated field holds a token, in any case.
func hasToken(h *Handshake, name, token string) bool {
	for _, f := range h.Headers {
		if !strings.EqualFold(f.Name, name) {
			continue
		}
		for t := range strings.SplitSeq(f.Value, ",") {
			if strings.EqualFold(strings.Trim(t, " \t"), token) {
				return true
			}
		}
	}
	return false
}

// isToken reports whether s can be the name of a field.
func isToken(s string) bool {
	for i := range len(s) {
		c := s[i]
		if c <= ' ' || c >= 0x7F || strings.IndexByte("\"(),/:;<=>?@[\\]{}", c) >= 0 {
			return false
		}
	}
	return s != ""
}

// isValue reports whether s can be the value of a field.
func isValue(s string) bool {
	for i := range len(s) {
		if c := s[i]; c < ' ' && c != '\t' || c == 0x7F {
			return false
		}
	}
	return true
}

func isTarget(s string) bool {
	for i := range len(s) {
		if c := s[i]; c <= ' ' || c == 0x7F {
			return false
		}
	}
	return true
}

const websocketGUID = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"

// acceptKey answers a client's Sec-WebSocket-Key.
func acceptKey(key string) (out [28]byte) {
	var in [24 + len(websocketGUID)]byte
	copy(in[copy(in[:], key):], websocketGUID)
	sum := sha1.Sum(in[:])
	base64.StdEncoding.Encode(out[:], sum[:])
	return out
}
