package sigv4

import (
	"encoding/json"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

type corpusCase struct {
	ID      string
	Context struct {
		Credentials struct {
			AccessKeyID string `json:"access_key_id"`
			Secret      string `json:"secret_access_key"`
			Token       string
		}
		Expiration int `json:"expiration_in_seconds"`
		Normalize  bool
		Region     string
		Service    string
		SignBody   bool `json:"sign_body"`
		OmitToken  bool `json:"omit_session_token"`
		Timestamp  time.Time
	}
	Request       corpusRequest
	Header, Query struct {
		CanonicalRequest string
		StringToSign     string
		Signature        string
		Authorization    string
		SignedRequest    corpusRequest
	}
}

type corpusRequest struct {
	Method, Target, Body string
	Headers              [][2]string
}

func (c corpusRequest) request() *Request {
	r := &Request{Method: c.Method, Target: c.Target, Body: []byte(c.Body)}
	for _, h := range c.Headers {
		if h[0] == "Host" {
			r.Host = h[1]
			continue
		}
		r.Header = append(r.Header, Field{h[0], h[1]})
	}
	return r
}

// corpus reads AWS's signing test suite, or skips the test.
func corpus(t testing.TB) []corpusCase {
	dir := os.Getenv("SALLYPORT_CORPORA")
	if dir == "" {
		root, _ := os.Getwd()
		for root != "/" {
			if _, err := os.Stat(filepath.Join(root, "go.mod")); err == nil {
				break
			}
			root = filepath.Dir(root)
		}
		dir = filepath.Join(root, "..", "shared", "corpora")
	}
	data, err := os.ReadFile(filepath.Join(dir, "sigv4", "cases.json"))
	if err != nil {
		t.Skip("no corpora: ", err)
	}
	var cases []corpusCase
	if err := json.Unmarshal(data, &cases); err != nil {
		t.Fatal(err)
	}
	return cases
}

func TestVerifyCorpus(t *testing.T) {
	for _, c := range corpus(t) {
		for form, signed := range map[string]corpusRequest{"header": c.Header.SignedRequest, "query": c.Query.SignedRequest} {
			t.Run(c.ID+"/"+form, func(t *testing.T) {
				r := signed.request()
				if err := verify(r, c.Context.Credentials.Secret, c.Context.Timestamp); err != nil {
					t.Fatal(err)
				}
				r.Method = "PATCH"
				if err := verify(r, c.Context.Credentials.Secret, c.Context.Timestamp); err == nil {
					t.Error("another method verifies")
				}
				r.Method = signed.Method
				r.Body = append(r.Body, 'x')
				if err := verify(r, c.Context.Credentials.Secret, c.Context.Timestamp); err == nil {
					t.Error("another body verifies")
				}
			})
		}
	}
}

func verify(r *Request, secret string, at time.Time) error {
	s, err := Parse(r)
	if err != nil {
		return err
	}
	if err := s.CheckScope(""); err != nil {
		return err
	}
	if err := s.CheckTime(at); err != nil {
		return err
	}
	return NewVerifier().Verify(r, &s, secret)
}

func TestSignCorpus(t *testing.T) {
	for _, c := range corpus(t) {
		signer := Signer{
			AccessKeyID: c.Context.Credentials.AccessKeyID, Secret: c.Context.Credentials.Secret, Token: c.Context.Credentials.Token,
			Region: c.Context.Region, Service: c.Context.Service,
			SignBody: c.Context.SignBody, KeepPath: !c.Context.Normalize, TokenUnsaid: c.Context.OmitToken,
		}
		t.Run(c.ID+"/header", func(t *testing.T) {
			r := c.Request.request()
			signer.Sign(r, c.Context.Timestamp)
			if got := r.Get("Authorization"); got != c.Header.Authorization {
				t.Errorf("Authorization\n got %s\nwant %s", got, c.Header.Authorization)
			}
			s, err := Parse(r)
			if err != nil {
				t.Fatal(err)
			}
			_, query := r.split()
			canonical, toSign := signer.stringToSign(r, query, s.SignedHeaders, signer.hash(r), s.Timestamp, false)
			if diff := cmp.Diff(c.Header.CanonicalRequest, canonical); diff != "" {
				t.Errorf("canonical request (-want +got):\n%s", diff)
			}
			if diff := cmp.Diff(c.Header.StringToSign, toSign); diff != "" {
				t.Errorf("string to sign (-want +got):\n%s", diff)
			}
		})
		t.Run(c.ID+"/query", func(t *testing.T) {
			r := c.Request.request()
			signer.Presign(r, c.Context.Timestamp, time.Duration(c.Context.Expiration)*time.Second)
			_, query := r.split()
			if got := queryValue(query, "X-Amz-Signature"); got != c.Query.Signature {
				s, _ := Parse(r)
				canonical, _ := signer.stringToSign(r, query, s.SignedHeaders, signer.hash(r), s.Timestamp, signer.TokenUnsaid)
				t.Errorf("signature %s, want %s; canonical request (-want +got):\n%s", got, c.Query.Signature, cmp.Diff(c.Query.CanonicalRequest, canonical))
			}
		})
	}
}
