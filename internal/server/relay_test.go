package server

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/sallyport/sallyport/internal/awsapi/sigv4"
)

const bedrockHost = "bedrock-runtime.us-east-1.amazonaws.com"

// asked makes a signed request for a model, as a function does, by AWS's host name.
func asked(t *testing.T, s *Server, client *http.Client, key, secret, service string) (status int, body string) {
	t.Helper()
	const target, text = "/model/some.model-v1%3A0/invoke", `{"prompt":"hi"}`
	signed := &sigv4.Request{Method: "POST", Target: target, Host: bedrockHost, Body: []byte(text), Header: []sigv4.Field{{Name: "Content-Type", Value: "application/json"}}}
	(&sigv4.Signer{AccessKeyID: key, Secret: secret, Region: "us-east-1", Service: service}).Sign(signed, time.Now())
	req, err := http.NewRequestWithContext(t.Context(), "POST", "https://"+bedrockHost+target, strings.NewReader(text))
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range signed.Header {
		req.Header.Set(f.Name, f.Value)
	}
	res, err := client.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	answer, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	return res.StatusCode, string(answer)
}

// clientOf leads all host names to the server, over TLS with the given protocols.
func clientOf(t *testing.T, s *Server, http2 bool) *http.Client {
	t.Helper()
	pem, err := os.ReadFile(s.CAFile())
	if err != nil {
		t.Fatal(err)
	}
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM(pem)
	transport := &http.Transport{TLSClientConfig: &tls.Config{RootCAs: roots}, Protocols: new(http.Protocols)}
	transport.Protocols.SetHTTP1(!http2)
	transport.Protocols.SetHTTP2(http2)
	transport.DialContext = func(ctx context.Context, network, _ string) (net.Conn, error) {
		return new(net.Dialer).DialContext(ctx, network, s.Addr().String())
	}
	t.Cleanup(transport.CloseIdleConnections)
	return &http.Client{Transport: transport}
}

// TestRelay has calls of services that are elsewhere pass on, over HTTP/1.1 and, as the SDK for JavaScript calls Bedrock, over HTTP/2 alone.
func TestRelay(t *testing.T) {
	there := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		credential, _, _ := strings.Cut(strings.TrimPrefix(r.Header.Get("Authorization"), "AWS4-HMAC-SHA256 Credential="), "/")
		fmt.Fprintf(w, "%s %s %s by %s", r.Method, r.URL.EscapedPath(), body, credential)
	}))
	defer there.Close()
	s, _ := run(t, Config{Data: t.TempDir(), Endpoints: map[string]string{"bedrock": there.URL, "polly": "aws"}})
	key, _ := s.Credentials()
	for _, tt := range []struct {
		name, key, secret, service string
		here                       string // the server's own key for services elsewhere
		status                     int
		want                       string
	}{
		{"key_of_the_environment", key.AccessKeyID, key.Secret, "bedrock", "REAL", 200, `POST /model/some.model-v1%3A0/invoke {"prompt":"hi"} by REAL`},
		{"no_key_in_the_environment", key.AccessKeyID, key.Secret, "bedrock", "", 200, `POST /model/some.model-v1%3A0/invoke {"prompt":"hi"} by ` + key.AccessKeyID},
		{"key_of_the_function", "AKIAOTHER", "secret", "bedrock", "REAL", 200, `POST /model/some.model-v1%3A0/invoke {"prompt":"hi"} by AKIAOTHER`},
		{"wrong_signature", key.AccessKeyID, "wrong", "bedrock", "REAL", 403, "The request signature we calculated does not match"},
		{"aws_without_key", key.AccessKeyID, key.Secret, "polly", "", 403, "endpoints sends calls of polly to AWS: AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY are not set"},
		{"not_set", key.AccessKeyID, key.Secret, "textract", "REAL", 404, "Set endpoints.textract in its configuration"},
	} {
		for _, http2 := range []bool{false, true} {
			t.Run(fmt.Sprintf("%s/http2=%t", tt.name, http2), func(t *testing.T) {
				t.Setenv("AWS_ACCESS_KEY_ID", tt.here)
				t.Setenv("AWS_SECRET_ACCESS_KEY", tt.here)
				t.Setenv("AWS_SESSION_TOKEN", "")
				status, body := asked(t, s, clientOf(t, s, http2), tt.key, tt.secret, tt.service)
				if status != tt.status || !strings.Contains(body, tt.want) {
					t.Errorf("got %d %s, want %d and %q", status, body, tt.status, tt.want)
				}
			})
		}
	}
}
