package test

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"encoding/xml"
	"io"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"
)

// A request is made and signed by AWS's signer, one attempt each; the zero values are those of an administrator's good request.
type request struct {
	service, method, path string
	header                map[string]string
	body                  string
	host                  string // that is signed, if it is not the endpoint's

	key      aws.Credentials
	region   string
	at       time.Time
	unsigned bool
	chunked  bool                // send the body without saying how long it is
	spoil    func(*http.Request) // after signing
}

// An answer is what came back.
type answer struct {
	status int
	header http.Header
	body   string
}

// admin returns the administrator's key.
func (s *server) admin() aws.Credentials {
	return aws.Credentials{AccessKeyID: s.Credentials.AccessKeyID, SecretAccessKey: s.Credentials.SecretAccessKey}
}

// do makes the request.
func (s *server) do(t *testing.T, r request) answer {
	t.Helper()
	if r.key.AccessKeyID == "" {
		r.key = s.admin()
	}
	if r.region == "" {
		r.region = "us-east-1"
	}
	if r.at.IsZero() {
		r.at = time.Now()
	}
	if r.method == "" {
		r.method = http.MethodPost
	}
	req, err := http.NewRequestWithContext(t.Context(), r.method, s.Endpoint+r.path, strings.NewReader(r.body))
	if err != nil {
		t.Fatal(err)
	}
	for name, value := range r.header {
		req.Header.Set(name, value)
	}
	req.Host = r.host
	if r.chunked {
		req.ContentLength = -1
	}
	if !r.unsigned {
		sum := sha256.Sum256([]byte(r.body))
		if err := v4.NewSigner().SignHTTP(context.Background(), r.key, req, hex.EncodeToString(sum[:]), r.service, r.region, r.at); err != nil {
			t.Fatal(err)
		}
	}
	if r.spoil != nil {
		r.spoil(req)
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	data, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	return answer{res.StatusCode, res.Header, string(data)}
}

// management makes a call of apigatewayv2 and returns a member of the answer.
func (s *server) management(t *testing.T, method, path, body, member string) string {
	t.Helper()
	a := s.do(t, request{service: "apigateway", method: method, path: path, body: body, header: map[string]string{"Content-Type": "application/json"}})
	if a.status >= 300 {
		t.Fatalf("%s %s: %d %s", method, path, a.status, a.body)
	}
	var out map[string]any
	_ = json.Unmarshal([]byte(a.body), &out)
	text, _ := out[member].(string)
	return text
}

// query makes a call of IAM or STS.
func (s *server) query(t *testing.T, service string, key aws.Credentials, form url.Values) answer {
	t.Helper()
	form.Set("Version", map[string]string{"iam": "2010-05-08", "sts": "2011-06-15"}[service])
	return s.do(t, request{service: service, path: "/", key: key, body: form.Encode(), header: map[string]string{"Content-Type": "application/x-www-form-urlencoded; charset=utf-8"}})
}

// must is the body of an answer that must be a success.
func (a answer) must(t *testing.T) string {
	t.Helper()
	if a.status >= 300 {
		t.Fatalf("status %d: %s", a.status, a.body)
	}
	return a.body
}

// user makes a user with a policy, and returns the user's key.
func (s *server) user(t *testing.T, name, policy string) aws.Credentials {
	t.Helper()
	s.query(t, "iam", aws.Credentials{}, url.Values{"Action": {"CreateUser"}, "UserName": {name}}).must(t)
	if policy != "" {
		s.query(t, "iam", aws.Credentials{}, url.Values{"Action": {"PutUserPolicy"}, "UserName": {name}, "PolicyName": {"p"}, "PolicyDocument": {policy}}).must(t)
	}
	var out struct {
		Key struct{ AccessKeyId, SecretAccessKey string } `xml:"CreateAccessKeyResult>AccessKey"`
	}
	body := s.query(t, "iam", aws.Credentials{}, url.Values{"Action": {"CreateAccessKey"}, "UserName": {name}}).must(t)
	if err := xml.Unmarshal([]byte(body), &out); err != nil {
		t.Fatal(err)
	}
	return aws.Credentials{AccessKeyID: out.Key.AccessKeyId, SecretAccessKey: out.Key.SecretAccessKey}
}

func policy(effect, action, resource string) string {
	return `{"Version":"2012-10-17","Statement":[{"Effect":"` + effect + `","Action":"` + action + `","Resource":"` + resource + `"}]}`
}

// presign returns the address of a stage with a signature in its query, as pages sign.
func (s *server) presign(t *testing.T, address string, key aws.Credentials) string {
	t.Helper()
	req, err := http.NewRequest(http.MethodGet, strings.Replace(address, "ws", "http", 1), nil)
	if err != nil {
		t.Fatal(err)
	}
	empty := sha256.Sum256(nil)
	signed, _, err := v4.NewSigner().PresignHTTP(context.Background(), key, req, hex.EncodeToString(empty[:]), "execute-api", "us-east-1", time.Now())
	if err != nil {
		t.Fatal(err)
	}
	return strings.Replace(signed, "http", "ws", 1)
}

// sign returns the header fields of a signed upgrade.
func (s *server) sign(t *testing.T, address string, key aws.Credentials) http.Header {
	t.Helper()
	req, err := http.NewRequest(http.MethodGet, strings.Replace(address, "ws", "http", 1), nil)
	if err != nil {
		t.Fatal(err)
	}
	empty := sha256.Sum256(nil)
	if err := v4.NewSigner().SignHTTP(context.Background(), key, req, hex.EncodeToString(empty[:]), "execute-api", "us-east-1", time.Now()); err != nil {
		t.Fatal(err)
	}
	return req.Header
}
