package acme

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"log/slog"
	"math/big"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/sallyport/sallyport/internal/edge/ca"
	"github.com/sallyport/sallyport/internal/store"
	"github.com/sallyport/sallyport/internal/store/mem"
)

// An authority speaks as much of RFC 8555 and RFC 8737 as one client needs. It looks whether a name leads to addr, whatever DNS says.
type authority struct {
	*httptest.Server
	t    *testing.T
	key  *ecdsa.PrivateKey
	cert *x509.Certificate
	addr string

	mu       sync.Mutex // guards what follows
	thumb    string     // of the account's key
	orders   []*order
	accounts int
	refuse   bool
}

type order struct {
	name, status, challenge string
	cert                    []byte
}

func newAuthority(t *testing.T) *authority {
	a := &authority{t: t}
	var err error
	if a.key, err = ecdsa.GenerateKey(elliptic.P256(), rand.Reader); err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "authority"}, IsCA: true, BasicConstraintsValid: true, NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(24 * time.Hour)}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &a.key.PublicKey, a.key)
	if err == nil {
		a.cert, err = x509.ParseCertificate(der)
	}
	if err != nil {
		t.Fatal(err)
	}
	a.Server = httptest.NewTLSServer(a)
	t.Cleanup(a.Close)
	return a
}

// ServeHTTP answers signed requests; it takes their signatures on trust.
func (a *authority) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	a.mu.Lock()
	defer a.mu.Unlock()
	w.Header().Set("Replay-Nonce", fmt.Sprint(time.Now().UnixNano()))
	path, n := r.URL.Path, 0
	if i := strings.LastIndexByte(path, '/'); i > 0 {
		_, _ = fmt.Sscan(path[i+1:], &n)
		path = path[:i]
	}
	var signed struct{ Protected, Payload string }
	_ = json.NewDecoder(r.Body).Decode(&signed)
	protected, _ := base64.RawURLEncoding.DecodeString(signed.Protected)
	payload, _ := base64.RawURLEncoding.DecodeString(signed.Payload)
	answer := func(status int, v any) {
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(status)
		_ = json.NewEncoder(w).Encode(v)
	}
	switch path {
	case "/directory":
		answer(200, map[string]any{"newNonce": a.URL + "/nonce", "newAccount": a.URL + "/account", "newOrder": a.URL + "/order", "meta": map[string]any{"termsOfService": a.URL + "/terms"}})
	case "/nonce":
	case "/account":
		var head struct {
			JWK struct{ Crv, Kty, X, Y string }
		}
		_ = json.Unmarshal(protected, &head)
		sum := sha256.Sum256(fmt.Appendf(nil, `{"crv":%q,"kty":%q,"x":%q,"y":%q}`, head.JWK.Crv, head.JWK.Kty, head.JWK.X, head.JWK.Y))
		a.thumb = base64.RawURLEncoding.EncodeToString(sum[:])
		a.accounts++
		w.Header().Set("Location", a.URL+"/account/1")
		answer(201, map[string]any{"status": "valid"})
	case "/order":
		if n == 0 {
			var in struct{ Identifiers []struct{ Value string } }
			_ = json.Unmarshal(payload, &in)
			if a.refuse {
				answer(403, map[string]any{"type": "urn:ietf:params:acme:error:rejectedIdentifier", "detail": "not for you"})
				return
			}
			a.orders = append(a.orders, &order{name: in.Identifiers[0].Value, status: "pending", challenge: "pending"})
			n = len(a.orders)
			w.Header().Set("Location", fmt.Sprint(a.URL, "/order/", n))
			answer(201, a.show(n))
			return
		}
		answer(200, a.show(n))
	case "/authorization":
		answer(200, map[string]any{"status": a.orders[n-1].challenge, "identifier": map[string]any{"type": "dns", "value": a.orders[n-1].name}, "challenges": []any{a.challenge(n)}})
	case "/challenge":
		o := a.orders[n-1]
		if err := a.validate(o.name, fmt.Sprint("token", n)); err != nil {
			o.challenge, o.status = "invalid", "invalid"
			a.t.Logf("validate %s: %v", o.name, err)
		} else {
			o.challenge, o.status = "valid", "ready"
		}
		answer(200, a.challenge(n))
	case "/finalize":
		var in struct{ CSR string }
		_ = json.Unmarshal(payload, &in)
		if err := a.sign(a.orders[n-1], in.CSR); err != nil {
			a.t.Error(err)
		}
		w.Header().Set("Location", fmt.Sprint(a.URL, "/order/", n))
		answer(200, a.show(n))
	case "/certificate":
		w.Header().Set("Content-Type", "application/pem-certificate-chain")
		_, _ = w.Write(a.orders[n-1].cert)
	default:
		http.NotFound(w, r)
	}
}

func (a *authority) show(n int) map[string]any {
	o := a.orders[n-1]
	v := map[string]any{
		"status": o.status, "identifiers": []any{map[string]any{"type": "dns", "value": o.name}},
		"authorizations": []string{fmt.Sprint(a.URL, "/authorization/", n)}, "finalize": fmt.Sprint(a.URL, "/finalize/", n),
	}
	if o.cert != nil {
		v["certificate"] = fmt.Sprint(a.URL, "/certificate/", n)
	}
	return v
}

func (a *authority) challenge(n int) map[string]any {
	return map[string]any{"type": "tls-alpn-01", "url": fmt.Sprint(a.URL, "/challenge/", n), "token": fmt.Sprint("token", n), "status": a.orders[n-1].challenge}
}

// validate connects to the server as RFC 8737 says, and looks for the digest of the token and the account's key.
func (a *authority) validate(name, token string) error {
	c, err := tls.Dial("tcp4", a.addr, &tls.Config{ServerName: name, NextProtos: []string{Protocol}, InsecureSkipVerify: true})
	if err != nil {
		return err
	}
	defer c.Close()
	state := c.ConnectionState()
	if state.NegotiatedProtocol != Protocol {
		return fmt.Errorf("the protocol is %q", state.NegotiatedProtocol)
	}
	digest := sha256.Sum256([]byte(token + "." + a.thumb))
	want, err := asn1.Marshal(digest[:])
	if err != nil {
		return err
	}
	for _, e := range state.PeerCertificates[0].Extensions {
		if e.Id.Equal(asn1.ObjectIdentifier{1, 3, 6, 1, 5, 5, 7, 1, 31}) && e.Critical && bytes.Equal(e.Value, want) {
			return state.PeerCertificates[0].VerifyHostname(name)
		}
	}
	return errors.New("the certificate does not know the token")
}

func (a *authority) sign(o *order, encoded string) error {
	der, err := base64.RawURLEncoding.DecodeString(encoded)
	if err != nil {
		return err
	}
	csr, err := x509.ParseCertificateRequest(der)
	if err != nil {
		return err
	}
	if err := csr.CheckSignature(); err != nil || len(csr.DNSNames) != 1 || csr.DNSNames[0] != o.name || o.status != "ready" {
		return fmt.Errorf("asked to sign %v for an order of %s that is %s: %w", csr.DNSNames, o.name, o.status, err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(time.Now().UnixNano()), DNSNames: csr.DNSNames, NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(90 * 24 * time.Hour)}
	der, err = x509.CreateCertificate(rand.Reader, template, a.cert, csr.PublicKey, a.key)
	o.cert, o.status = pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}), "valid"
	return err
}

// node serves TLS with a manager of its own, and returns the address.
func node(t *testing.T, a *authority, stores store.Stores, names func() []string) (*Manager, string) {
	t.Helper()
	m := New(Config{Stores: stores, Names: names, Directory: a.URL + "/directory", Email: "ops@example.com", Client: a.Client(), Log: slog.New(slog.DiscardHandler)})
	own, err := ca.Load(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	secure := own.TLSConfig(m)
	secure.NextProtos = append(secure.NextProtos, Protocol)
	ln, err := tls.Listen("tcp4", "127.0.0.1:0", secure)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { ln.Close() })
	go func() {
		for {
			c, err := ln.Accept()
			if err != nil {
				return
			}
			go func() {
				defer c.Close()
				_ = c.(*tls.Conn).Handshake()
			}()
		}
	}()
	return m, ln.Addr().String()
}

// trusts reports whether a client that trusts the authority alone gets through.
func (a *authority) trusts(addr, name string) error {
	pool := x509.NewCertPool()
	pool.AddCert(a.cert)
	c, err := tls.DialWithDialer(&net.Dialer{Timeout: time.Minute}, "tcp4", addr, &tls.Config{ServerName: name, RootCAs: pool, NextProtos: []string{"http/1.1"}})
	if err != nil {
		return err
	}
	return c.Close()
}

func TestCertificates(t *testing.T) {
	a := newAuthority(t)
	stores := mem.New()
	names := func() []string { return []string{"*.example.com", "chat.example.com", "late.example.com"} }
	m, addr := node(t, a, stores, names)
	a.addr = addr
	if err := a.trusts(addr, "chat.example.com"); err != nil {
		t.Fatalf("the first client: %v", err)
	}
	if err := a.trusts(addr, "CHAT.example.com"); err != nil {
		t.Errorf("a second client: %v", err)
	}
	if len(a.orders) != 1 || a.accounts != 1 {
		t.Errorf("%d orders of %d accounts, want one", len(a.orders), a.accounts)
	}
	if err := a.trusts(addr, "stranger.example.com"); err == nil {
		t.Error("there is a certificate for a name that nobody wants")
	}

	// Another node, or the same after a restart, has it without asking.
	_, other := node(t, a, stores, names)
	if err := a.trusts(other, "chat.example.com"); err != nil {
		t.Errorf("another node: %v", err)
	}
	// The authority may come to any node.
	a.addr = other
	if err := a.trusts(addr, "late.example.com"); err != nil {
		t.Errorf("validated by way of another node: %v", err)
	}
	if len(a.orders) != 2 || a.accounts != 1 {
		t.Errorf("%d orders of %d accounts, want two of one", len(a.orders), a.accounts)
	}
	_ = m
}

// TestRun gets what is wanted before a client asks.
func TestRun(t *testing.T) {
	a := newAuthority(t)
	m, addr := node(t, a, mem.New(), func() []string { return []string{"*.example.com", "chat.example.com"} })
	a.addr = addr
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- m.Run(ctx) }()
	for end := time.Now().Add(time.Minute); ; time.Sleep(5 * time.Millisecond) {
		a.mu.Lock()
		have := len(a.orders) == 1 && a.orders[0].status == "valid"
		a.mu.Unlock()
		if have {
			break
		}
		if time.Now().After(end) {
			t.Fatal("no certificate was asked for")
		}
	}
	cancel()
	if err := <-done; err != nil {
		t.Error(err)
	}
}

// TestFailure shows the server's own certificate, and leaves the authority alone for an hour.
func TestFailure(t *testing.T) {
	a := newAuthority(t)
	a.refuse = true
	m, addr := node(t, a, mem.New(), func() []string { return []string{"chat.example.com"} })
	a.addr = addr
	hello := &tls.ClientHelloInfo{ServerName: "chat.example.com", CipherSuites: []uint16{tls.TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256}}
	if m.Certificate(hello) != nil {
		t.Fatal("there is a certificate although the authority refuses")
	}
	c, err := tls.Dial("tcp4", addr, &tls.Config{ServerName: "chat.example.com", InsecureSkipVerify: true})
	if err != nil {
		t.Fatalf("a client gets none at all: %v", err)
	}
	c.Close()
	a.mu.Lock()
	a.refuse = false
	a.mu.Unlock()
	if m.Certificate(hello) != nil {
		t.Error("the authority was asked again at once")
	}
	at := m.now()
	m.now = func() time.Time { return at.Add(again + time.Minute) }
	m.mu.Lock()
	_, failed := m.failed["chat.example.com"]
	m.mu.Unlock()
	if !failed {
		t.Error("the failure is forgotten")
	}
}
