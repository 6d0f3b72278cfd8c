package iam_test

import (
	"bytes"
	"context"
	"encoding/xml"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/sallyport/sallyport/internal/awsapi"
	"github.com/sallyport/sallyport/internal/awsapi/sigv4"
	"github.com/sallyport/sallyport/internal/service/iam"
	"github.com/sallyport/sallyport/internal/service/sts"
	"github.com/sallyport/sallyport/internal/store"
	"github.com/sallyport/sallyport/internal/store/mem"
)

// A server is IAM and STS behind one port.
type server struct {
	*iam.Service
	url   string
	admin iam.AdminKey
	log   *syncBuffer
	file  string
}

type syncBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (s *syncBuffer) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.b.Write(p)
}

func (s *syncBuffer) String() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.b.String()
}

func start(t *testing.T, cfg iam.Config) *server { return startOn(t, mem.New(), cfg) }

func startOn(t *testing.T, stores store.Stores, cfg iam.Config) *server {
	t.Helper()
	if cfg.AdminKeyFile == "" {
		cfg.AdminKeyFile = filepath.Join(t.TempDir(), "admin.json")
	}
	s := &server{log: &syncBuffer{}, file: cfg.AdminKeyFile}
	log := slog.New(slog.NewTextHandler(s.log, &slog.HandlerOptions{Level: slog.LevelDebug}))
	s.Service = iam.New(stores, log, cfg)
	var err error
	if s.admin, _, err = s.AdminKey(t.Context()); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- s.Run(ctx) }()
	t.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
	gate := awsapi.NewGatekeeper(s.Service, log, awsapi.GateOptions{})
	catalog := awsapi.NewCatalog([]awsapi.Service{s.Service, sts.New(s.Service)})
	srv := httptest.NewServer(awsapi.Handler(catalog, gate, s.Service, awsapi.Options{Log: log, Region: "us-east-1"}))
	t.Cleanup(srv.Close)
	s.url = srv.URL
	return s
}

// A key signs calls.
type key struct {
	ID     string `xml:"AccessKeyId"`
	Secret string `xml:"SecretAccessKey"`
	Token  string `xml:"SessionToken"`
}

func (s *server) adminKey() key { return key{ID: s.admin.AccessKeyID, Secret: s.admin.Secret} }

// An answer is an XML document, or an error.
type answer struct {
	status  int
	body    string
	code    string
	message string
}

// into decodes what stands in the result element.
func (a answer) into(t *testing.T, v any) {
	t.Helper()
	if a.status != 200 {
		t.Fatalf("status %d: %s", a.status, a.body)
	}
	if err := xml.Unmarshal([]byte(a.body), v); err != nil {
		t.Fatalf("%v in %s", err, a.body)
	}
}

// call makes a signed call of the Query protocol: action and parameters.
func (s *server) call(t *testing.T, k key, service, action string, params ...string) answer {
	t.Helper()
	form := url.Values{"Action": {action}, "Version": {map[string]string{"iam": "2010-05-08", "sts": "2011-06-15"}[service]}}
	for i := 0; i+1 < len(params); i += 2 {
		form.Set(params[i], params[i+1])
	}
	body := form.Encode()
	r, err := http.NewRequestWithContext(t.Context(), "POST", s.url+"/", strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	sr := &sigv4.Request{Method: "POST", Target: "/", Host: r.URL.Host, Body: []byte(body), Header: []sigv4.Field{{Name: "Content-Type", Value: "application/x-www-form-urlencoded"}}}
	(&sigv4.Signer{AccessKeyID: k.ID, Secret: k.Secret, Token: k.Token, Region: "us-east-1", Service: service}).Sign(sr, time.Now())
	for _, f := range sr.Header {
		r.Header.Set(f.Name, f.Value)
	}
	res, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	data, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	a := answer{status: res.StatusCode, body: string(data)}
	var e struct {
		Error struct{ Code, Message string }
	}
	if res.StatusCode >= 300 && xml.Unmarshal(data, &e) == nil {
		a.code, a.message = e.Error.Code, e.Error.Message
	}
	return a
}

// ok is call by the administrator, which must succeed.
func (s *server) ok(t *testing.T, action string, params ...string) answer {
	t.Helper()
	a := s.call(t, s.adminKey(), "iam", action, params...)
	if a.status != 200 {
		t.Fatalf("%s %v: %d %s", action, params, a.status, a.body)
	}
	return a
}

const lambdaTrust = `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"Service":"lambda.amazonaws.com"},"Action":"sts:AssumeRole"}]}`

func allow(action, resource string) string {
	return `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"` + action + `","Resource":"` + resource + `"}]}`
}

// newUser makes a user with an inline policy and a key.
func (s *server) newUser(t *testing.T, name, document string) key {
	t.Helper()
	s.ok(t, "CreateUser", "UserName", name)
	if document != "" {
		s.ok(t, "PutUserPolicy", "UserName", name, "PolicyName", "p", "PolicyDocument", document)
	}
	var out struct {
		Key key `xml:"CreateAccessKeyResult>AccessKey"`
	}
	s.ok(t, "CreateAccessKey", "UserName", name).into(t, &out)
	return out.Key
}

// as returns a context with the caller behind a key, as the HTTP side makes it.
func (s *server) as(t *testing.T, k key) context.Context {
	t.Helper()
	_, c, err := s.Credential(t.Context(), k.ID, k.Token)
	if err != nil {
		t.Fatal(err)
	}
	c.Region = "us-east-1"
	c.SourceIP = "10.1.2.3"
	return awsapi.WithCaller(t.Context(), c)
}

// role makes a session of a role, as functions get it.
func (s *server) session(t *testing.T, roleARN, name string) key {
	t.Helper()
	id, secret, token, _, err := s.SessionCredentials(t.Context(), roleARN, name)
	if err != nil {
		t.Fatal(err)
	}
	return key{id, secret, token}
}
