package server

import (
	"bufio"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"fmt"
	"math/big"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/sallyport/sallyport/internal/awsapi/sigv4"
)

// An authority of a test signs certificates of clients.
type authority struct {
	t    *testing.T
	cert *x509.Certificate
	key  *ecdsa.PrivateKey
}

func newAuthority(t *testing.T, name string) *authority {
	a := &authority{t: t}
	a.cert, a.key = a.make(&x509.Certificate{Subject: pkix.Name{CommonName: name}, IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign})
	return a
}

// make makes a certificate, signed by the authority, or by itself if that has none yet.
func (a *authority) make(template *x509.Certificate) (*x509.Certificate, *ecdsa.PrivateKey) {
	a.t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		a.t.Fatal(err)
	}
	template.SerialNumber = big.NewInt(time.Now().UnixNano())
	if template.NotAfter.IsZero() {
		template.NotAfter = time.Now().Add(time.Hour)
	}
	template.NotBefore = time.Now().Add(-2 * time.Hour)
	parent, by := a.cert, a.key
	if parent == nil {
		parent, by = template, key
	}
	der, err := x509.CreateCertificate(rand.Reader, template, parent, &key.PublicKey, by)
	if err != nil {
		a.t.Fatal(err)
	}
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		a.t.Fatal(err)
	}
	return cert, key
}

// client returns a certificate of a client that is valid until end.
func (a *authority) client(end time.Time) tls.Certificate {
	cert, key := a.make(&x509.Certificate{Subject: pkix.Name{CommonName: "client"}, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}, NotAfter: end})
	return tls.Certificate{Certificate: [][]byte{cert.Raw}, PrivateKey: key}
}

func (a *authority) pem() string {
	return string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: a.cert.Raw}))
}

// put writes an object into S3, signed by the administrator.
func put(t *testing.T, s *Server, target, body string) {
	t.Helper()
	key, _ := s.Credentials()
	host := s.local()
	signed := &sigv4.Request{Method: "PUT", Target: target, Host: host, Body: []byte(body)}
	(&sigv4.Signer{AccessKeyID: key.AccessKeyID, Secret: key.Secret, Region: "us-east-1", Service: "s3", SignBody: true}).Sign(signed, time.Now())
	req, err := http.NewRequestWithContext(t.Context(), "PUT", "http://"+host+target, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range signed.Header {
		req.Header.Set(f.Name, f.Value)
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	res.Body.Close()
	if res.StatusCode != 200 {
		t.Fatalf("PUT %s: %s", target, res.Status)
	}
}

// upgradeBy connects to a name over TLS, or in plain if it is empty, and asks for a host. It returns the status, zero if TLS failed.
func upgradeBy(t *testing.T, s *Server, name, host string, certificates ...tls.Certificate) int {
	t.Helper()
	nc, err := net.Dial("tcp4", s.local())
	if err != nil {
		t.Fatal(err)
	}
	defer nc.Close()
	_ = nc.SetDeadline(time.Now().Add(time.Minute))
	if name != "" {
		nc = tls.Client(nc, &tls.Config{RootCAs: s.ca.Pool(), ServerName: name, Certificates: certificates})
	}
	fmt.Fprintf(nc, "GET / HTTP/1.1\r\nHost: %s\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n", host)
	res, err := http.ReadResponse(bufio.NewReader(nc), &http.Request{Method: "GET"})
	if err != nil {
		return 0
	}
	res.Body.Close()
	return res.StatusCode
}

// TestMutualTLS makes a domain with a truststore, and looks whom it lets in.
func TestMutualTLS(t *testing.T) {
	cfg := Config{Data: t.TempDir()}
	s, stop := run(t, cfg)
	known, stranger := newAuthority(t, "known"), newAuthority(t, "stranger")
	put(t, s, "/trust", "")
	put(t, s, "/trust/store.pem", known.pem())
	put(t, s, "/trust/nothing.pem", "no certificate")
	id := call(t, s, "apigatewayv2", "CreateApi", `{"name":"a","protocolType":"WEBSOCKET","routeSelectionExpression":"$request.body.action"}`)["apiId"].(string)
	target := call(t, s, "apigatewayv2", "CreateIntegration", `{"apiId":"`+id+`","integrationType":"MOCK"}`)["integrationId"].(string)
	call(t, s, "apigatewayv2", "CreateRoute", `{"apiId":"`+id+`","routeKey":"$default","target":"integrations/`+target+`"}`)
	call(t, s, "apigatewayv2", "CreateStage", `{"apiId":"`+id+`","stageName":"prod"}`)
	call(t, s, "apigatewayv2", "CreateDeployment", `{"apiId":"`+id+`","stageName":"prod"}`)
	for name, tls := range map[string]string{
		"mutual.example.com": `"mutualTlsAuthentication":{"truststoreUri":"s3://trust/store.pem"},`, "open.example.com": "",
	} {
		call(t, s, "apigatewayv2", "CreateDomainName", `{"domainName":"`+name+`",`+tls+`"domainNameConfigurations":[{"certificateArn":"arn:aws:acm:us-east-1:000000000000:certificate/c"}]}`)
		call(t, s, "apigatewayv2", "CreateApiMapping", `{"domainName":"`+name+`","apiId":"`+id+`","stage":"prod","apiMappingKey":""}`)
	}
	for uri, want := range map[string]string{"s3://trust/nothing.pem": "no certificate authority in PEM", "s3://trust/missing.pem": "could not be read", "https://trust/store.pem": "s3://bucket-name/key-name"} {
		_, err := s.Call(t.Context(), "apigatewayv2", "UpdateDomainName", []byte(`{"domainName":"mutual.example.com","mutualTlsAuthentication":{"truststoreUri":"`+uri+`"}}`))
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("truststore %s: %v, want %q", uri, err, want)
		}
	}
	shown := call(t, s, "apigatewayv2", "GetDomainName", `{"domainName":"mutual.example.com"}`)
	if m, _ := shown["mutualTlsAuthentication"].(map[string]any); m["truststoreUri"] != "s3://trust/store.pem" {
		t.Errorf("GetDomainName shows %v", shown["mutualTlsAuthentication"])
	}
	soon, past := time.Now().Add(time.Hour), time.Now().Add(-time.Hour)
	check := func(t *testing.T) {
		eventually(t, 101, func() int {
			return upgradeBy(t, s, "mutual.example.com", "mutual.example.com", known.client(soon))
		})
		for _, tt := range []struct {
			name, by, host string
			with           []tls.Certificate
			want           int
		}{
			{"without", "mutual.example.com", "mutual.example.com", nil, 0},
			{"strangers", "mutual.example.com", "mutual.example.com", []tls.Certificate{stranger.client(soon)}, 0},
			{"expired", "mutual.example.com", "mutual.example.com", []tls.Certificate{known.client(past)}, 0},
			{"by_another_name", "open.example.com", "mutual.example.com", []tls.Certificate{known.client(soon)}, 403},
			{"by_its_name_in_capitals", "MUTUAL.example.com", "mutual.example.com", nil, 0},
			{"in_plain", "", "mutual.example.com", nil, 403},
			{"another_host_by_its_name", "mutual.example.com", "open.example.com", []tls.Certificate{known.client(soon)}, 101},
			{"open_domain", "open.example.com", "open.example.com", nil, 101},
		} {
			if got := upgradeBy(t, s, tt.by, tt.host, tt.with...); got != tt.want {
				t.Errorf("%s: %d, want %d", tt.name, got, tt.want)
			}
		}
	}
	t.Run("made", check)
	stop()
	s, _ = run(t, cfg)
	t.Run("after_a_restart", check)
	t.Run("another_truststore", func(t *testing.T) {
		put(t, s, "/trust/store.pem", stranger.pem())
		if got := upgradeBy(t, s, "mutual.example.com", "mutual.example.com", known.client(soon)); got != 101 {
			t.Errorf("before the domain is updated: %d", got)
		}
		call(t, s, "apigatewayv2", "UpdateDomainName", `{"domainName":"mutual.example.com","mutualTlsAuthentication":{"truststoreUri":"s3://trust/store.pem"}}`)
		eventually(t, 101, func() int {
			return upgradeBy(t, s, "mutual.example.com", "mutual.example.com", stranger.client(soon))
		})
		if got := upgradeBy(t, s, "mutual.example.com", "mutual.example.com", known.client(soon)); got != 0 {
			t.Errorf("who was known before: %d", got)
		}
	})
	t.Run("taken_away", func(t *testing.T) {
		call(t, s, "apigatewayv2", "UpdateDomainName", `{"domainName":"mutual.example.com","mutualTlsAuthentication":{"truststoreUri":""}}`)
		eventually(t, 101, func() int { return upgradeBy(t, s, "mutual.example.com", "mutual.example.com") })
	})
}

// TestACMEIsAway shows clients our own certificate while the authority does not answer.
func TestACMEIsAway(t *testing.T) {
	s, _ := run(t, Config{Data: t.TempDir(), Memory: true, ACME: &ACME{Directory: "https://127.0.0.1:1/directory"}})
	call(t, s, "apigatewayv2", "CreateDomainName", `{"domainName":"chat.example.com","domainNameConfigurations":[{"certificateArn":"arn:aws:acm:us-east-1:000000000000:certificate/c"}]}`)
	eventually(t, 1, func() int { return len(s.gateway.DomainNames()) })
	if got := upgradeBy(t, s, "chat.example.com", "chat.example.com"); got != 403 { // nothing is mapped there
		t.Errorf("status %d, want 403 by way of TLS", got)
	}
	if _, err := New(t.Context(), Config{Data: t.TempDir(), Listen: "127.0.0.1:0", Memory: true, ACME: &ACME{CA: "missing.pem"}}); err == nil {
		t.Error("a file that is missing is no error")
	}
}
