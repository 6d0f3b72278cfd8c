package sigv4

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"net/url"
	"path"
	"strings"
	"testing"
	"time"
)

const secret = "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY"

var signedAt = time.Date(2025, 1, 2, 3, 4, 5, 0, time.UTC)

func signer(service string) *Signer {
	return &Signer{AccessKeyID: "AKIDEXAMPLE", Secret: secret, Region: "us-east-1", Service: service}
}

// vector1 is V1 of the specification.
func vector1() *Request {
	return &Request{
		Method: "POST", Target: "/prod/@connections/L0SM9cOFIAMCIdw%3D", Host: "abc123.execute-api.us-east-1.amazonaws.com",
		Header: []Field{
			{"X-Amz-Date", "20250102T030405Z"},
			{"Authorization", "AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20250102/us-east-1/execute-api/aws4_request, SignedHeaders=host;x-amz-date, " +
				"Signature=be669d5b6a65b1e02e028db28c7b0ab24d9aa4acbf1a405a86c1094a99d2d30b"},
		},
		Body: []byte("hello"),
	}
}

func vector2() *Request {
	return &Request{
		Method: "GET", Host: "abc123.execute-api.us-east-1.amazonaws.com",
		Target: "/prod?b=2&a=x%20y&X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential=ASIAEXAMPLE%2F20250102%2Fus-east-1%2Fexecute-api%2Faws4_request" +
			"&X-Amz-Date=20250102T030405Z&X-Amz-Expires=300&X-Amz-SignedHeaders=host&X-Amz-Security-Token=TOKEN%2Fabc%3D%3D" +
			"&X-Amz-Signature=f7bff727ed05e438a1daf9f570328ba628015df669264ded6f2bcbbc5233eeb5",
	}
}

func vector3() *Request {
	return &Request{
		Method: "POST", Target: "/v2/apis", Host: "127.0.0.1:8099",
		Header: []Field{
			{"content-type", "application/json"},
			{"x-amz-date", "20250102T030405Z"},
			{"authorization", "AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20250102/us-east-1/apigateway/aws4_request,SignedHeaders=content-type;host;x-amz-date," +
				"Signature=f6bdfb8b1e29571dc49b13fab1d2b3883e7a5239749b41ddd260d0a6917b099a"},
		},
		Body: []byte(`{"name": "n", "protocolType": "WEBSOCKET", "routeSelectionExpression": "$request.body.action"}`),
	}
}

func TestVectors(t *testing.T) {
	with := func(r *Request, change func(*Request)) *Request {
		change(r)
		return r
	}
	for _, tt := range []struct {
		name string
		r    *Request
		at   time.Time
		ok   bool
	}{
		{"AU-001 V1", vector1(), signedAt, true},
		{"AU-001 V1 with another body", with(vector1(), func(r *Request) { r.Body[4] = 'O' }), signedAt, false},
		{"AU-077 V1 again, later", vector1(), signedAt.Add(4 * time.Minute), true},
		{"AU-002 V2", vector2(), signedAt.Add(55 * time.Second), true},
		{"AU-002 V2 expired", vector2(), signedAt.Add(301 * time.Second), false},
		{"AU-003 V3", vector3(), signedAt, true},
		{"AU-003 V3 without port", with(vector3(), func(r *Request) { r.Host = "127.0.0.1" }), signedAt, false},
		{"AU-015 four minutes fifty old", vector1(), signedAt.Add(4*time.Minute + 50*time.Second), true},
		{"AU-015 five minutes ten old", vector1(), signedAt.Add(5*time.Minute + 10*time.Second), false},
		{"AU-016 five minutes ten ahead", vector1(), signedAt.Add(-5*time.Minute - 10*time.Second), false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if err := verify(tt.r, secret, tt.at); (err == nil) != tt.ok {
				t.Errorf("verify: %v, want ok %v", err, tt.ok)
			}
		})
	}
}

func TestCanonicalHashes(t *testing.T) {
	for name, tt := range map[string]struct {
		r    *Request
		want string
	}{
		"V1": {vector1(), "ee7a4dfb448098cbbac795b2ed7961081eefdf0a419ca6bef5523e32a962cd2a"},
		"V2": {vector2(), "a21aad331df918e36393edae909996ba08d9de28466a560e6ec47e8d60352deb"},
		"V3": {vector3(), "d263c2052503fbb7ee6c0757903229e5f6594515f422b53fdfd22179890728a5"},
	} {
		s, err := Parse(tt.r)
		if err != nil {
			t.Fatal(err)
		}
		_, query := tt.r.split()
		canonical, _ := signer("x").stringToSign(tt.r, query, s.SignedHeaders, signer("x").hash(tt.r), s.Timestamp, false)
		if sum := sha256.Sum256([]byte(canonical)); hex.EncodeToString(sum[:]) != tt.want {
			t.Errorf("%s: hash %x, want %s, of\n%s", name, sum, tt.want, canonical)
		}
	}
}

func TestCanonicalPath(t *testing.T) {
	for _, tt := range []struct{ name, path, want string }{
		{"AU-004 connection id", "/prod/@connections/L0SM9cOFIAMCIdw%3D", "/prod/%40connections/L0SM9cOFIAMCIdw%253D"},
		{"AU-007 escaped at sign", "/prod/%40connections/a", "/prod/%2540connections/a"},
		{"AU-008 trailing slash", "/a/b/", "/a/b/"},
		{"AU-008 dot segments", "/a/./b/../c", "/a/c"},
		{"AU-008 doubled slashes", "//a//b", "/a/b"},
		{"above the root", "/../../a", "/a"},
		{"empty", "", "/"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if got := string(appendPath(nil, &form{path: tt.path})); got != tt.want {
				t.Errorf("canonical path of %q = %q, want %q", tt.path, got, tt.want)
			}
		})
	}
}

func TestCanonicalQuery(t *testing.T) {
	for _, tt := range []struct{ name, query, want string }{
		{"AU-009 space plus slash empty", "b=a%20b&c=1+2&d=/&e", "b=a%20b&c=1%2B2&d=%2F&e="},
		{"AU-010 repeated keys", "a=2&a=10&a=1", "a=1&a=10&a=2"},
		{"upper case first", "a=1&X-Amz-Date=2", "X-Amz-Date=2&a=1"},
		{"signature left out", "a=1&X-Amz-Signature=zz", "a=1"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			var s scratch
			s.appendQuery(tt.query, &form{})
			if string(s.out) != tt.want {
				t.Errorf("canonical query of %q = %q, want %q", tt.query, s.out, tt.want)
			}
		})
	}
}

// TestForms signs requests as other clients do, and verifies what a server receives.
func TestForms(t *testing.T) {
	for _, tt := range []struct {
		name   string
		signed Request // as the client saw it
		got    func(*Request)
		signer func(*Signer)
	}{
		{"AU-007 signed as %40connections, sent as it was", Request{Target: "/prod/%40connections/a%3D"}, func(*Request) {}, nil},
		{"AU-007 signed as @connections, sent escaped", Request{Target: "/prod/@connections/a="}, func(r *Request) { r.Target = "/prod/%40connections/a%3D" }, nil},
		{"path encoded once", Request{Target: "/prod/%40connections/a%3D"}, func(*Request) {}, func(s *Signer) { s.EncodeOnce = true }},
		{"path not normalized", Request{Target: "/a//b/./c"}, func(*Request) {}, func(s *Signer) { s.KeepPath = true }},
		{"host signed without port", Request{Target: "/", Host: "localhost"}, func(r *Request) { r.Host = "localhost:4566" }, nil},
		{"AU-011 inner spaces", Request{Target: "/", Header: []Field{{"X-A", "a  b   c "}}}, func(r *Request) { r.Header[0].Value = "a b c" }, nil},
		{"AU-012 two headers", Request{Target: "/", Header: []Field{{"X-A", "1"}, {"X-A", "2"}}}, func(*Request) {}, nil},
		{"AU-035 unsigned payload", Request{Target: "/", Body: []byte("a")}, func(r *Request) { r.Body = []byte("b") }, func(s *Signer) { s.UnsignedBody = true }},
	} {
		t.Run(tt.name, func(t *testing.T) {
			r := tt.signed
			r.Method = "POST"
			if r.Host == "" {
				r.Host = "example.com"
			}
			s := signer("execute-api")
			if tt.signer != nil {
				tt.signer(s)
			}
			s.Sign(&r, signedAt)
			tt.got(&r)
			if err := verify(&r, secret, signedAt); err != nil {
				t.Error(err)
			}
		})
	}
}

func TestDateHeader_AU014(t *testing.T) {
	r := vector1()
	r.Header[0] = Field{"Date", "Thu, 02 Jan 2025 03:04:05 GMT"}
	s, err := Parse(r)
	if err != nil {
		t.Fatal(err)
	}
	s.SignedHeaders = "date;host"
	sig := signer("execute-api").signature(r, "", "date;host", signer("").hash(r), s.Timestamp, false)
	r.Header[1].Value = "AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20250102/us-east-1/execute-api/aws4_request, SignedHeaders=date;host, Signature=" + sig
	if err := verify(r, secret, signedAt); err != nil {
		t.Error(err)
	}
}

// TestAuthority verifies what was signed for HTTP/2, where :authority has the place of the Host header.
func TestAuthority(t *testing.T) {
	r := vector1()
	const signed = ":authority;x-amz-date"
	sig := signer("execute-api").signature(r, "", signed, signer("").hash(r), r.Get("X-Amz-Date"), false)
	r.Header[1].Value = "AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20250102/us-east-1/execute-api/aws4_request, SignedHeaders=" + signed + ", Signature=" + sig
	if err := verify(r, secret, signedAt); err != nil {
		t.Error(err)
	}
	r.Host = "elsewhere.example.com"
	if err := verify(r, secret, signedAt); err == nil {
		t.Error("another host has the same signature")
	}
}

func TestErrors(t *testing.T) {
	auth := func(a string) *Request {
		return &Request{Method: "GET", Target: "/", Host: "h", Header: []Field{{"X-Amz-Date", "20250102T030405Z"}, {"Authorization", a}}}
	}
	const cred = "Credential=AKIDEXAMPLE/20250102/us-east-1/execute-api/aws4_request"
	both := vector1()
	both.Target += "?X-Amz-Algorithm=AWS4-HMAC-SHA256"
	week := vector2()
	week.Target = strings.Replace(week.Target, "Expires=300", "Expires=604801", 1)
	noHost := signer("execute-api")
	hostless := auth("")
	hostless.Header = hostless.Header[:1]
	sig := noHost.signature(hostless, "", "x-amz-date", noHost.hash(hostless), "20250102T030405Z", false)
	for _, tt := range []struct {
		name string
		r    *Request
		at   time.Time
		kind Kind
		want string
	}{
		{"nothing", &Request{Method: "GET", Target: "/"}, signedAt, Missing, "Request is missing Authentication Token"},
		{
			"AU-029 no signature", auth("AWS4-HMAC-SHA256 " + cred + ", SignedHeaders=host"), signedAt, Incomplete,
			"Authorization header requires 'Signature' parameter. Authorization=AWS4-HMAC-SHA256 " + cred + ", SignedHeaders=host",
		},
		{
			"AU-030 algorithm alone", auth("AWS4-HMAC-SHA256"), signedAt, Incomplete,
			"Authorization header requires 'Credential' parameter. Authorization header requires 'Signature' parameter. " +
				"Authorization header requires 'SignedHeaders' parameter. Authorization=AWS4-HMAC-SHA256",
		},
		{
			"AU-031 header and query", both, signedAt, Conflict,
			"Found both 'X-Amz-Algorithm' as a query-string param and 'Authorization' as HTTP header.",
		},
		{"AU-038 more than a week", week, signedAt, Incomplete, "X-Amz-Expires must be less than a week"},
		{"AU-013 host not signed", auth("AWS4-HMAC-SHA256 " + cred + ", SignedHeaders=x-amz-date, Signature=" + sig), signedAt, Incomplete, "must be a 'SignedHeader'"},
		{
			"AU-015 old", vector1(), signedAt.Add(11 * time.Minute), Skewed,
			"Signature expired: 20250102T030405Z is now earlier than 20250102T031005Z (20250102T031505Z - 5 min.)",
		},
		{
			"AU-016 ahead", vector1(), signedAt.Add(-time.Hour), Skewed,
			"Signature not yet current: 20250102T030405Z is still later than 20250102T020905Z (20250102T020405Z + 5 min.)",
		},
		{
			"AU-020 terminator", auth("AWS4-HMAC-SHA256 Credential=A/20250102/us-east-1/execute-api/x, SignedHeaders=host, Signature=0"), signedAt, Invalid,
			"Credential should be scoped with a valid terminator: 'aws4_request', not 'x'. ",
		},
		{
			"AU-017 day", auth("AWS4-HMAC-SHA256 Credential=A/20130101/us-east-1/execute-api/aws4_request, SignedHeaders=host, Signature=0"), signedAt, Invalid,
			"Date in Credential scope does not match YYYYMMDD from ISO-8601 version of date from HTTP: '20130101' != '20250102', from '20250102T030405Z'.",
		},
		{
			"AU-076 region", auth("AWS4-HMAC-SHA256 Credential=A/20250102/nowhere/execute-api/aws4_request, SignedHeaders=host, Signature=0"), signedAt, Invalid,
			"Credential should be scoped to a valid region. ",
		},
		{
			"four parts", auth("AWS4-HMAC-SHA256 Credential=A/20250102/us-east-1/aws4_request, SignedHeaders=host, Signature=0"), signedAt, Incomplete,
			"Credential must have exactly 5 slash-delimited elements",
		},
		{"SigV4a", auth("AWS4-ECDSA-P256-SHA256 Credential=A"), signedAt, Incomplete, "SigV4a"},
		{
			"AU-025 wrong signature", auth("AWS4-HMAC-SHA256 " + cred + ", SignedHeaders=host;x-amz-date, Signature=" + strings.Repeat("0", 64)), signedAt, Invalid,
			"The Canonical String for this request should have been\n'GET\n/\n\nhost:h\nx-amz-date:20250102T030405Z\n\nhost;x-amz-date\n" + emptyHash + "'\n\nThe String-to-Sign should have been\n'AWS4-HMAC-SHA256\n",
		},
	} {
		t.Run(tt.name, func(t *testing.T) {
			err := verify(tt.r, secret, tt.at)
			var e *Error
			if !errors.As(err, &e) {
				t.Fatalf("error %v, want one of kind %d", err, tt.kind)
			}
			if e.Kind != tt.kind || !strings.Contains(e.Message, tt.want) {
				t.Errorf("error %d %q, want %d %q", e.Kind, e.Message, tt.kind, tt.want)
			}
		})
	}
}

func TestScope_AU018(t *testing.T) {
	s, err := Parse(vector3())
	if err != nil {
		t.Fatal(err)
	}
	if err := s.CheckScope("apigateway"); err != nil {
		t.Error(err)
	}
	err = s.CheckScope("execute-api")
	if err == nil || err.Error() != "Credential should be scoped to correct service: 'execute-api'. " {
		t.Errorf("error %v", err)
	}
}

func TestBodyHash_AU034(t *testing.T) {
	r := &Request{Method: "PUT", Target: "/", Host: "h", Body: []byte("a")}
	s := signer("s3")
	s.SignBody = true
	s.Sign(r, signedAt)
	if err := verify(r, secret, signedAt); err != nil {
		t.Fatal(err)
	}
	r.Body = []byte("b")
	if err := verify(r, secret, signedAt); err == nil {
		t.Error("a body other than its hash verifies")
	}
}

func TestTokenIsMasked(t *testing.T) {
	r := vector2()
	r.Host = "elsewhere"
	err := verify(r, secret, signedAt)
	if err == nil || strings.Contains(err.Error(), "TOKEN") || !strings.Contains(err.Error(), "X-Amz-Security-Token=***") {
		t.Errorf("error %v", err)
	}
}

func TestCacheFollowsTheSecret(t *testing.T) {
	v := NewVerifier()
	r := vector1()
	s, err := Parse(r)
	if err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if err := v.Verify(r, &s, secret); err != nil {
			t.Fatal(err)
		}
		if err := v.Verify(r, &s, "another"); err == nil {
			t.Fatal("verified with another secret")
		}
	}
	if len(v.keys) != 1 {
		t.Errorf("%d keys kept, want 1", len(v.keys))
	}
}

// FuzzAltered changes a signed request; it may verify only if it still says the same.
func FuzzAltered(f *testing.F) {
	f.Add("POST", "/prod/@connections/a=", "h:1", "v", "body")
	f.Add("POST", "/prod/%40connections/a%3D", "h", "v  w", "")
	f.Add("GET", "/a/../b?x=1&y=%20&x=0", "h:443", "", "x")
	f.Add("POST", "/a%2Fb", "h:1", "v", "body")
	f.Fuzz(func(t *testing.T, method, target, host, value, body string) {
		for _, base := range []Request{
			{Method: "POST", Target: "/prod/@connections/a=", Host: "h:1", Body: []byte("body")},
			{Method: "GET", Target: "/a/../b?x=1&y=%20&x=0", Host: "h", Body: []byte("x")},
			{Method: "POST", Target: "/a%2Fb", Host: "h:1", Body: []byte("body")},
		} {
			base.Header = []Field{{"X-V", "v w"}}
			signed := base
			signer("execute-api").Sign(&signed, signedAt)
			got := signed
			got.Method, got.Target, got.Host, got.Body = method, target, host, []byte(body)
			got.Header = append([]Field{{"X-V", value}}, signed.Header[1:]...)
			if verify(&got, secret, signedAt) == nil && meaning(&got) != meaning(&signed) {
				t.Errorf("%q verifies as %q", meaning(&got), meaning(&signed))
			}
		}
	})
}

// meaning is what must not change: method, host, decoded path, parameters, signed header and body.
func meaning(r *Request) string {
	p, query := r.split()
	host, _, _ := strings.Cut(r.Host, ":")
	full := string(appendNormalized(nil, p))
	if d, err := url.PathUnescape(full); err == nil {
		full = path.Clean("/" + d)
	}
	var s scratch
	s.appendQuery(query, &form{})
	return strings.Join([]string{r.Method, host, full, string(s.out), string(appendCollapsed(nil, r.Get("X-V"))), string(r.Body)}, "\n")
}

func BenchmarkVerify(b *testing.B) {
	for name, r := range map[string]*Request{"header": vector1(), "presigned": vector2()} {
		b.Run(name, func(b *testing.B) {
			v := NewVerifier()
			b.ReportAllocs()
			for b.Loop() {
				s, err := Parse(r)
				if err != nil {
					b.Fatal(err)
				}
				if err := s.CheckScope("execute-api"); err != nil {
					b.Fatal(err)
				}
				if err := v.Verify(r, &s, secret); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
