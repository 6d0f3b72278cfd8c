package apigatewayv2

import (
	"context"
	"encoding/json"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/sallyport/sallyport/internal/awsapi"
	"github.com/sallyport/sallyport/internal/awsapi/sigv4"
	"github.com/sallyport/sallyport/internal/store"
	"github.com/sallyport/sallyport/internal/store/mem"
)

const (
	testAccount = "000000000000"
	testKey     = "AKIAEXAMPLE"
	testSecret  = "secret"
)

// keys knows one key, of an administrator.
type keys struct{}

func (keys) Credential(_ context.Context, accessKeyID, _ string) (string, awsapi.Caller, error) {
	if accessKeyID != testKey {
		return "", awsapi.Caller{}, awsapi.Errorf("UnrecognizedClientException", 403, "The security token included in the request is invalid.")
	}
	return testSecret, awsapi.Caller{Account: testAccount, AccessKeyID: accessKeyID, Admin: true}, nil
}

func (keys) Authorize(context.Context, string, string, map[string][]string) error { return nil }

// A fixture is the service behind its protocol.
type fixture struct {
	t       testing.TB
	service *Service
	handler http.Handler
	stores  store.Stores
	region  string
	scope   string // service that requests are signed for
}

func newFixture(t testing.TB, options ...Option) *fixture {
	return newFixtureOn(t, mem.New(), options...)
}

func newFixtureOn(t testing.TB, stores store.Stores, options ...Option) *fixture {
	t.Helper()
	log := slog.New(slog.DiscardHandler)
	s := New(stores, log, options...)
	catalog := awsapi.NewCatalog([]awsapi.Service{s, s.Account()})
	gate := awsapi.NewGatekeeper(keys{}, log, awsapi.GateOptions{})
	return &fixture{
		t: t, service: s, stores: stores, region: "us-east-1", scope: "apigateway",
		handler: awsapi.Handler(catalog, gate, keys{}, awsapi.Options{Log: log, Region: "us-east-1"}),
	}
}

// ctx is the context of an administrator.
func (f *fixture) ctx() context.Context {
	return awsapi.WithCaller(f.t.Context(), awsapi.Caller{Account: testAccount, Region: f.region, Admin: true})
}

// An answer is what came back.
type answer struct {
	status int
	header http.Header
	raw    string
	body   map[string]any
}

// message is that of an error.
func (a answer) message() string { s, _ := a.body["message"].(string); return s }

// text is a member that is a string.
func (a answer) text(name string) string { s, _ := a.body[name].(string); return s }

// call sends one signed request. body is JSON text, or "".
func (f *fixture) call(method, path, body string) answer {
	f.t.Helper()
	r := httptest.NewRequest(method, path, strings.NewReader(body))
	r.Host = "127.0.0.1:4566"
	if body != "" {
		r.Header.Set("Content-Type", "application/json")
	}
	f.sign(r, body)
	w := httptest.NewRecorder()
	f.handler.ServeHTTP(w, r)
	raw, err := io.ReadAll(w.Body)
	if err != nil {
		f.t.Fatal(err)
	}
	a := answer{status: w.Code, header: w.Header(), raw: string(raw)}
	if len(raw) > 0 {
		if err := json.Unmarshal(raw, &a.body); err != nil {
			f.t.Fatalf("%s %s: body is no JSON: %q", method, path, raw)
		}
	}
	return a
}

func (f *fixture) sign(r *http.Request, body string) {
	signed := sigv4.Request{Method: r.Method, Target: r.RequestURI, Host: r.Host, Body: []byte(body)}
	for name, values := range r.Header {
		for _, v := range values {
			signed.Header = append(signed.Header, sigv4.Field{Name: name, Value: v})
		}
	}
	before := len(signed.Header)
	signer := sigv4.Signer{AccessKeyID: testKey, Secret: testSecret, Region: f.region, Service: f.scope}
	signer.Sign(&signed, time.Now())
	for _, h := range signed.Header[before:] {
		r.Header.Set(h.Name, h.Value)
	}
}

// must is call that fails the test unless the answer has the status.
func (f *fixture) must(status int, method, path, body string) answer {
	f.t.Helper()
	a := f.call(method, path, body)
	if a.status != status {
		f.t.Fatalf("%s %s %s = %d %s, want %d", method, path, body, a.status, a.raw, status)
	}
	return a
}

// api makes an API and returns its path.
func (f *fixture) api() string {
	f.t.Helper()
	a := f.must(201, "POST", "/v2/apis", `{"name":"chat","protocolType":"WEBSOCKET","routeSelectionExpression":"$request.body.action"}`)
	return "/v2/apis/" + a.text("apiId")
}

// mock makes a MOCK integration and returns its id.
func (f *fixture) mock(api string) string {
	f.t.Helper()
	return f.must(201, "POST", api+"/integrations", `{"integrationType":"MOCK"}`).text("integrationId")
}

// route makes a route and returns its id.
func (f *fixture) route(api, key string) string {
	f.t.Helper()
	return f.must(201, "POST", api+"/routes", `{"routeKey":"`+key+`"}`).text("routeId")
}
