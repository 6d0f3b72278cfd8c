package gateway

import (
	stdjson "encoding/json"
	"net/netip"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/sallyport/sallyport/internal/gateway/authorizer"
	"github.com/sallyport/sallyport/internal/gateway/loop"
	"github.com/sallyport/sallyport/internal/json"
)

func TestForwardedHeaders(t *testing.T) {
	st, _ := benchStage()
	for _, tt := range []struct {
		name, host  string
		tls         bool
		remote      string
		proto, port string
		ip          string
	}{
		{"plain", "abc.execute-api.us-east-1.amazonaws.com", false, "192.0.2.1:5", "http", "80", "192.0.2.1"},
		{"tls", "abc.execute-api.us-east-1.amazonaws.com", true, "192.0.2.1:5", "https", "443", "192.0.2.1"},
		{"port", "localhost:4566", false, "[::ffff:192.0.2.1]:5", "http", "4566", "192.0.2.1"},
		{"ipv6", "[::1]", true, "[fe80::1%eth0]:5", "https", "443", "fe80::1"},
		{"ipv6_port", "[::1]:4566", true, "[2001:db8::1]:5", "https", "4566", "2001:db8::1"},
	} {
		t.Run("DP-187 "+tt.name, func(t *testing.T) {
			f := eventHeaders(st, st.domain, &loop.Handshake{Host: tt.host, TLS: tt.tls, Remote: netip.MustParseAddrPort(tt.remote)}, "Root=1-x")
			for name, want := range map[string]string{"X-Forwarded-Proto": tt.proto, "X-Forwarded-Port": tt.port, "X-Forwarded-For": tt.ip, "Host": st.domain} {
				if got := f.get(name); got != want {
					t.Errorf("%s = %q, want %q", name, got, want)
				}
			}
		})
	}
	st.forwardedAsAWS = true
	f := eventHeaders(st, st.domain, &loop.Handshake{Host: "localhost:4566", Remote: netip.MustParseAddrPort("192.0.2.1:5")}, "Root=1-x")
	if f.get("X-Forwarded-Proto") != "https" || f.get("X-Forwarded-Port") != "443" {
		t.Errorf("as AWS: %v", f)
	}
}

// get returns the last value of a field.
func (f fields) get(name string) string {
	for _, field := range f {
		if strings.EqualFold(field.name, name) {
			return field.values[len(field.values)-1]
		}
	}
	return ""
}

// FuzzEvents asserts that whatever a client sends, events are JSON, and that text arrives as it was sent.
func FuzzEvents(f *testing.F) {
	f.Add("x-CuStom", "a\"b", "/prod?a=%20&a=\xff&%zz", "body\n\"\\\u2028", "reason\x01")
	f.Fuzz(func(t *testing.T, name, value, target, body, reason string) {
		st, _ := benchStage()
		r := st.fallback
		h := &loop.Handshake{
			Target: target, Host: value, Remote: netip.MustParseAddrPort("[::1]:1"),
			Headers: []loop.Header{{Name: name, Value: value}, {Name: "User-Agent", Value: body}, {Name: strings.ToUpper(name), Value: body}},
		}
		m := moment{at: time.Now()}
		who := &guest{domain: "ws.example.com", key: value, keyID: name, decision: &authorizer.Decision{PrincipalID: reason, Context: []authorizer.Member{{Name: body, Value: value}}}}
		head := string(appendHead(nil, st, loop.ID{}, m.at, h, who))
		if got := domainOf(head); got != who.domain {
			t.Fatalf("the domain is read back as %q", got)
		}
		connect := m.appendConnect(nil, st, r, head, h)
		message := m.appendMessage(nil, st, r, head, loop.ID{}, []byte(body))
		disconnect := m.appendDisconnect(nil, st, r, head, loop.Closure{Code: 4000, Reason: reason})
		frame := appendErrorFrame(nil, reason, loop.ID{}, loop.ID{})
		asked := m.appendAuthorizer(nil, st, value, r, head, h)
		for _, event := range [][]byte{connect, asked, message, disconnect, frame} {
			if !json.Valid(event) || !utf8.Valid(event) {
				t.Fatalf("no JSON: %q", event)
			}
		}
		var decoded struct{ Body string }
		if err := stdjson.Unmarshal(message, &decoded); err != nil {
			t.Fatal(err)
		}
		if utf8.ValidString(body) && decoded.Body != body {
			t.Fatalf("body %q arrives as %q", body, decoded.Body)
		}
	})
}
