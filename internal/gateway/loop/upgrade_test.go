package loop

import (
	"bytes"
	"fmt"
	"net/http"
	"net/netip"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
)

func TestParseRequest(t *testing.T) {
	good := upgradeRequest("/prod")
	without := func(s string) string { return strings.Replace(good, s, "", 1) }
	instead := func(old, with string) string { return strings.Replace(good, old, with, 1) }
	with := func(lines ...string) string { return upgradeRequest("/prod", lines...) }
	long := func(n int) string { // a URL of n characters
		return upgradeRequest("/prod?" + repeat(n-len("ws://localhost/prod?")))
	}
	for _, tt := range []struct {
		name, in string
		verdict  verdict
		status   int
	}{
		{name: "good", in: good, verdict: upgrade},
		{name: "good with bare line feeds", in: strings.ReplaceAll(good, "\r\n", "\n"), verdict: upgrade},
		{name: "tokens in any case and company", in: instead("Connection: Upgrade", "connection: keep-alive,  UPGRADE"), verdict: upgrade},
		{name: "Upgrade list", in: instead("Upgrade: websocket", "UPGRADE: h2c, WebSocket"), verdict: upgrade},
		{name: "browser's extensions", in: with("Sec-WebSocket-Extensions: permessage-deflate"), verdict: upgrade},
		{name: "DP-016 version 12", in: instead("Version: 13", "Version: 12"), verdict: malformed, status: 400},
		{name: "no version", in: without("Sec-WebSocket-Version: 13\r\n"), verdict: malformed, status: 400},
		{name: "two versions", in: with("Sec-WebSocket-Version: 13"), verdict: malformed, status: 400},
		{name: "no key", in: without("Sec-WebSocket-Key: " + key + "\r\n"), verdict: malformed, status: 400},
		{name: "short key", in: instead(key, "c2hvcnQ="), verdict: malformed, status: 400},
		{name: "key not base64", in: instead(key, "!!!!!!!!!!!!!!!!!!!!!!=="), verdict: malformed, status: 400},
		{name: "two keys", in: with("sec-websocket-key: " + key), verdict: malformed, status: 400},
		{name: "no Connection", in: without("Connection: Upgrade\r\n"), verdict: malformed, status: 400},
		{name: "no Host", in: without("Host: localhost\r\n"), verdict: malformed, status: 400},
		{name: "two Hosts", in: with("Host: other"), verdict: malformed, status: 400},
		{name: "HTTP/1.0", in: instead("HTTP/1.1", "HTTP/1.0"), verdict: malformed, status: 400},
		{name: "with a body", in: with("Content-Length: 5"), verdict: malformed, status: 400},
		{name: "with an empty body", in: with("Content-Length: 0"), verdict: upgrade},
		{name: "chunked", in: with("Transfer-Encoding: chunked"), verdict: malformed, status: 400},
		{name: "bad field", in: with("no colon"), verdict: malformed, status: 400},
		{name: "space before colon", in: with("X : y"), verdict: malformed, status: 400},
		{name: "folded field", in: with("X: y", " folded"), verdict: malformed, status: 400},
		{name: "NUL in a value", in: with("X: \x00"), verdict: malformed, status: 400},
		{name: "DP-018 URL of 4096", in: long(4096), verdict: upgrade},
		{name: "DP-017 URL of 4097", in: long(4097), verdict: malformed, status: 414},
		{name: "URL of 20000", in: long(20000), verdict: malformed, status: 414},
		{name: "fields of 10240", in: fieldsOf(t, 10240), verdict: upgrade},
		{name: "fields of 10241", in: fieldsOf(t, 10241), verdict: malformed, status: 431},
		{name: "DP-015 plain GET", in: "GET /prod HTTP/1.1\r\nHost: x\r\n\r\n", verdict: plain},
		{name: "other upgrade", in: instead("Upgrade: websocket", "Upgrade: h2c"), verdict: plain},
		{name: "POST", in: "POST /prod/@connections/x HTTP/1.1", verdict: plain},
		{name: "POST with Upgrade", in: instead("GET", "POST"), verdict: plain},
		{name: "CONNECT", in: "CONNECT a:443", verdict: plain},
		{name: "HTTP/2 preface", in: "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", verdict: plain},
		{name: "no target", in: "GET HTTP/1.1\r\n\r\n", verdict: plain},
		{name: "nothing", in: "", verdict: undecided},
		{name: "part of GET", in: "GE", verdict: undecided},
		{name: "no end", in: good[:len(good)-2], verdict: undecided},
		{name: "no end in sight", in: "GET /" + repeat(maxHead), verdict: plain},
	} {
		t.Run(tt.name, func(t *testing.T) {
			q := parseRequest([]byte(tt.in), "ws", &DefaultLimits)
			if q.verdict != tt.verdict || q.status != tt.status {
				t.Errorf("verdict %d status %d, want %d %d", q.verdict, q.status, tt.verdict, tt.status)
			}
		})
	}
}

// fieldsOf is an upgrade whose header fields take n bytes.
func fieldsOf(t *testing.T, n int) string {
	short := upgradeRequest("/prod", "X: ")
	have := len(short) - len("GET /prod HTTP/1.1\r\n") - len("\r\n")
	full := upgradeRequest("/prod", "X: "+repeat(n-have))
	if got := len(full) - len("GET /prod HTTP/1.1\r\n") - len("\r\n"); got != n {
		t.Fatalf("fields of %d bytes, want %d", got, n)
	}
	return full
}

func TestMalformedUpgradesAreAnswered_DP016_DP017(t *testing.T) {
	overEach(t, func(t *testing.T, tr transport) {
		for _, tt := range []struct {
			name, in string
			status   int
			message  string
		}{
			{"version", strings.Replace(upgradeRequest("/prod"), "13", "12", 1), 400, "Bad Request"},
			{"URL", upgradeRequest("/prod?" + repeat(4100)), 414, "Request URI too long"},
			{"fields", fieldsOf(t, 10241), 431, "Request header fields too large"},
		} {
			t.Run(tt.name, func(t *testing.T) {
				g := serve(t, tr, Config{})
				c := g.connect(t)
				c.send([]byte(tt.in))
				res := c.response()
				var body bytes.Buffer
				body.ReadFrom(res.Body)
				if res.StatusCode != tt.status || body.String() != fmt.Sprintf(`{"message":%q}`, tt.message) ||
					res.Header.Get("X-Amzn-Errortype") == "" || len(res.Header.Get("X-Amzn-Requestid")) != 16 ||
					res.Header.Get("Content-Type") != "application/json" {
					t.Errorf("got %s %v %s", res.Status, res.Header, body.String())
				}
				c.expectEOF()
				c.Close()
				select {
				case <-g.opened:
					t.Error("the handler was asked")
				default:
				}
				g.quiet(t)
			})
		}
	})
}

// What is serialized is read back in order and case, whatever the chunks.
func FuzzParseRequestRoundTrip(f *testing.F) {
	f.Add("/prod?a=b", "localhost:4566", "X-Custom", "value", uint8(3))
	f.Add("*", "[::1]", "sec-websocket-protocol", "a, b", uint8(1))
	f.Fuzz(func(t *testing.T, target, host, name, value string, chunk uint8) {
		if target == "" || host == "" || strings.ContainsAny(target, " \r\n\x7F") || !isTarget(target) || !isToken(name) || !isValue(value) || !isValue(host) {
			t.Skip()
		}
		switch http.CanonicalHeaderKey(name) {
		case "Host", "Connection", "Upgrade", "Content-Length", "Transfer-Encoding", "Sec-Websocket-Key", "Sec-Websocket-Version":
			t.Skip()
		}
		value, host = strings.Trim(value, " \t"), strings.Trim(host, " \t")
		if host == "" {
			t.Skip()
		}
		want := Handshake{Method: "GET", Target: target, Host: host, Headers: []Header{
			{"Host", host},
			{name, value},
			{"upgrade", "WebSocket"},
			{"Connection", "x, upgrade"},
			{"Sec-WebSocket-Key", key},
			{"Sec-WebSocket-Version", "13"},
			{name, value},
		}}
		head := "GET " + target + " HTTP/1.1\r\n"
		for _, h := range want.Headers {
			head += h.Name + ": " + h.Value + "\r\n"
		}
		head += "\r\n"
		step := max(1, int(chunk), len(head)/100)
		for n := 0; n < len(head); n += step {
			if q := parseRequest([]byte(head[:n]), "ws", &DefaultLimits); q.verdict != undecided && len(head) < maxHead {
				t.Fatalf("%d of %d bytes: verdict %d", n, len(head), q.verdict)
			}
		}
		q := parseRequest([]byte(head+"more"), "ws", &DefaultLimits)
		if q.verdict == malformed && (q.status == 414 || q.status == 431) {
			if len(target)+len(host) <= 4000 && len(head) <= 10000 {
				t.Fatalf("status %d for a head of %d bytes", q.status, len(head))
			}
			return
		}
		if diff := cmp.Diff(want, q.hs, cmpopts.EquateComparable(netip.AddrPort{})); diff != "" || q.verdict != upgrade || q.size != len(head) || q.key != key {
			t.Fatalf("verdict %d status %d size %d of %d (-want +got):\n%s", q.verdict, q.status, q.size, len(head), diff)
		}
	})
}

// Any bytes: no panic, and a decision once made is not changed by what follows.
func FuzzParseRequest(f *testing.F) {
	f.Add([]byte(upgradeRequest("/prod")), []byte("more"))
	f.Add([]byte("GET / HTTP/1.1\n\nx"), []byte(""))
	f.Add([]byte("GET / HTTP/1.1\r\nUpgrade: websocket\r\n bad\r\n\r\n"), []byte("\r\n\r\n"))
	f.Fuzz(func(t *testing.T, b, more []byte) {
		q := parseRequest(b, "wss", &DefaultLimits)
		if q.size > len(b) || q.verdict == malformed && q.status < 400 {
			t.Fatalf("%+v of %d bytes", q, len(b))
		}
		if q.verdict == undecided {
			return
		}
		again := parseRequest(append(bytes.Clone(b), more...), "wss", &DefaultLimits)
		if q.size > 0 {
			if diff := cmp.Diff(q.hs, again.hs, cmpopts.EquateComparable(netip.AddrPort{})); diff != "" || q.verdict != again.verdict || q.status != again.status || q.size != again.size {
				t.Fatalf("%+v became %+v", q, again)
			}
		}
	})
}

func BenchmarkParseRequest(b *testing.B) {
	head := []byte(upgradeRequest("/prod", "User-Agent: Mozilla/5.0", "Origin: https://example.com", "Sec-WebSocket-Extensions: permessage-deflate"))
	b.ReportAllocs()
	for b.Loop() {
		if q := parseRequest(head, "ws", &DefaultLimits); q.verdict != upgrade {
			b.Fatal(q.verdict)
		}
	}
}
