package lambda

import (
	"archive/zip"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"os/exec"
	"reflect"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/sallyport/sallyport/internal/awsapi"
	shape "github.com/sallyport/sallyport/internal/awsapi/shapes/lambda"
	"github.com/sallyport/sallyport/internal/awsapi/sigv4"
	"github.com/sallyport/sallyport/internal/bus"
	busmem "github.com/sallyport/sallyport/internal/bus/mem"
	"github.com/sallyport/sallyport/internal/service/lambda/runtime"
	"github.com/sallyport/sallyport/internal/service/lambda/worker"
	"github.com/sallyport/sallyport/internal/store"
	storemem "github.com/sallyport/sallyport/internal/store/mem"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const (
	account = "111111111111"
	region  = "us-east-1"
	role    = "arn:aws:iam::111111111111:role/r"
	secret  = "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY"
)

// identity is an Authenticator of one key per account, and an Authorizer that allows everything.
type identity struct{}

func (identity) Credential(_ context.Context, key, _ string) (string, awsapi.Caller, error) {
	id := strings.TrimPrefix(key, "AKID")
	return secret, awsapi.Caller{Account: id, ARN: "arn:aws:iam::" + id + ":user/ann", UserID: "AIDA" + id, AccessKeyID: key}, nil
}

func (identity) Authorize(context.Context, string, string, map[string][]string) error { return nil }

// A logSink keeps what functions log.
type logSink struct {
	mu     sync.Mutex // guards groups
	groups map[string][]string
}

func (s *logSink) Append(_ context.Context, group, _ string, _ time.Time, lines ...string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.groups == nil {
		s.groups = map[string][]string{}
	}
	s.groups[group] = append(s.groups[group], lines...)
}

func (s *logSink) lines(group string) []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([]string(nil), s.groups[group]...)
}

// A server is the service with all that it stands on.
type server struct {
	*Service
	t       testing.TB
	stores  store.Stores
	bus     bus.Bus
	pool    *worker.Pool
	catalog *awsapi.Catalog
	handler http.Handler
	logs    *logSink
	stop    func()
}

// start runs a service until the test ends. change may set what a test needs otherwise.
func start(t testing.TB, change func(*Config)) *server {
	t.Helper()
	log := slog.New(slog.NewTextHandler(t.Output(), &slog.HandlerOptions{Level: slog.LevelWarn}))
	s := &server{t: t, logs: &logSink{}}
	cfg := Config{
		Stores: storemem.New(), Bus: busmem.New(), Logs: s.logs, CodeDir: t.TempDir(), Log: log,
		RetryDelays: []time.Duration{20 * time.Millisecond, 20 * time.Millisecond},
	}
	s.pool = worker.New(worker.Options{Log: log, Runtimes: runtime.New(runtime.Options{Dir: t.TempDir()})})
	cfg.Pool = s.pool
	if change != nil {
		change(&cfg)
	}
	s.stores, s.bus = cfg.Stores, cfg.Bus
	s.Service = New(cfg)
	s.catalog = awsapi.NewCatalog([]awsapi.Service{s.Service})
	s.handler = awsapi.Handler(s.catalog, awsapi.NewGatekeeper(identity{}, log, awsapi.GateOptions{}), identity{}, awsapi.Options{Log: log})
	ctx, cancel := context.WithCancel(context.Background())
	var wg sync.WaitGroup
	for _, run := range []func(context.Context) error{s.pool.Run, s.Run} {
		wg.Go(func() {
			if err := run(ctx); err != nil {
				t.Errorf("run: %v", err)
			}
		})
	}
	s.stop = sync.OnceFunc(func() { cancel(); wg.Wait() })
	t.Cleanup(s.stop)
	return s
}

// admin is the context of a call by another service.
func admin(t testing.TB) context.Context {
	return awsapi.WithCaller(t.Context(), awsapi.Caller{Account: account, Region: region, Admin: true})
}

// need skips the test when a program is missing, except in CI.
func need(t testing.TB, program string) {
	t.Helper()
	if _, err := exec.LookPath(program); err != nil {
		if os.Getenv("CI") == "true" {
			t.Fatalf("%s is missing", program)
		}
		t.Skipf("%s is missing", program)
	}
}

type object = map[string]any

// An answer is what a client gets.
type answer struct {
	status int
	header http.Header
	body   []byte
	json   object
}

// inputs are the shapes from which call knows where members go.
var inputs = func() map[string]reflect.Type {
	all := map[string]reflect.Type{}
	for _, in := range []any{
		shape.AddPermissionInput{},
		shape.CreateAliasInput{},
		shape.CreateEventSourceMappingInput{},
		shape.CreateFunctionInput{},
		shape.CreateFunctionUrlConfigInput{},
		shape.DeleteFunctionUrlConfigInput{},
		shape.GetFunctionUrlConfigInput{},
		shape.ListFunctionUrlConfigsInput{},
		shape.UpdateFunctionUrlConfigInput{},
		shape.DeleteEventSourceMappingInput{},
		shape.GetEventSourceMappingInput{},
		shape.UpdateEventSourceMappingInput{},
		shape.DeleteAliasInput{},
		shape.DeleteFunctionInput{},
		shape.DeleteFunctionConcurrencyInput{},
		shape.DeleteFunctionEventInvokeConfigInput{},
		shape.DeleteLayerVersionInput{},
		shape.DeleteProvisionedConcurrencyConfigInput{},
		shape.GetAccountSettingsInput{},
		shape.GetAliasInput{},
		shape.GetFunctionInput{},
		shape.GetFunctionCodeSigningConfigInput{},
		shape.GetFunctionConcurrencyInput{},
		shape.GetFunctionConfigurationInput{},
		shape.GetFunctionEventInvokeConfigInput{},
		shape.GetFunctionRecursionConfigInput{},
		shape.GetLayerVersionInput{},
		shape.GetLayerVersionByArnInput{},
		shape.GetPolicyInput{},
		shape.GetProvisionedConcurrencyConfigInput{},
		shape.GetRuntimeManagementConfigInput{},
		shape.InvokeInput{},
		shape.InvokeAsyncInput{},
		shape.InvokeWithResponseStreamInput{},
		shape.ListAliasesInput{},
		shape.ListFunctionEventInvokeConfigsInput{},
		shape.ListFunctionsInput{},
		shape.ListLayersInput{},
		shape.ListLayerVersionsInput{},
		shape.ListProvisionedConcurrencyConfigsInput{},
		shape.ListTagsInput{},
		shape.ListVersionsByFunctionInput{},
		shape.PublishLayerVersionInput{},
		shape.PublishVersionInput{},
		shape.PutFunctionConcurrencyInput{},
		shape.PutFunctionEventInvokeConfigInput{},
		shape.PutFunctionRecursionConfigInput{},
		shape.PutProvisionedConcurrencyConfigInput{},
		shape.RemovePermissionInput{},
		shape.TagResourceInput{},
		shape.UntagResourceInput{},
		shape.UpdateAliasInput{},
		shape.UpdateFunctionCodeInput{},
		shape.UpdateFunctionConfigurationInput{},
		shape.UpdateFunctionEventInvokeConfigInput{},
	} {
		t := reflect.TypeOf(in)
		all[strings.TrimSuffix(t.Name(), "Input")] = t
	}
	return all
}()

// call makes a signed request over HTTP, as an SDK does.
func (s *server) call(operation string, in object) answer {
	s.t.Helper()
	return s.callAs(account, operation, in)
}

func (s *server) callAs(who, operation string, in object) answer {
	s.t.Helper()
	binding, ok := shape.API.Operations[operation]
	in2 := inputs[operation]
	if !ok || in2 == nil {
		s.t.Fatalf("the harness does not know %s", operation)
	}
	target, body, header := binding.URI, object{}, http.Header{}
	path, rawQuery, _ := strings.Cut(target, "?")
	query, _ := url.ParseQuery(rawQuery)
	var payload []byte
	raw := false
	for i := range in2.NumField() {
		f := in2.Field(i)
		value, given := in[f.Name]
		tag := strings.Split(f.Tag.Get("aws"), ",")
		place := ""
		if len(tag) > 1 {
			place = tag[1]
		}
		if place == "payload" {
			raw = true
		}
		if !given {
			continue
		}
		switch place {
		case "uri":
			path = strings.NewReplacer("{"+tag[0]+"}", url.PathEscape(fmt.Sprint(value)), "{"+tag[0]+"+}", url.PathEscape(fmt.Sprint(value))).Replace(path)
		case "query":
			if list, ok := value.([]any); ok {
				for _, v := range list {
					query.Add(tag[0], fmt.Sprint(v))
				}
				continue
			}
			query.Set(tag[0], fmt.Sprint(value))
		case "header":
			header.Set(tag[0], fmt.Sprint(value))
		case "payload":
			switch v := value.(type) {
			case string:
				payload = []byte(v)
			case []byte:
				payload = v
			}
		default:
			body[f.Name] = value
		}
	}
	if !raw && len(body) > 0 {
		payload, _ = json.Marshal(body)
	}
	if len(query) > 0 {
		path += "?" + query.Encode()
	}
	return s.request(who, binding.Method, path, payload, header)
}

func (s *server) request(who, method, path string, payload []byte, header http.Header) answer {
	s.t.Helper()
	r := httptest.NewRequestWithContext(s.t.Context(), method, path, bytes.NewReader(payload))
	r.RemoteAddr = "192.0.2.7:1234"
	r.Header = header
	sign(r, who, r.RequestURI, payload)
	w := httptest.NewRecorder()
	s.handler.ServeHTTP(w, r)
	a := answer{status: w.Code, header: w.Header(), body: w.Body.Bytes()}
	_ = json.Unmarshal(a.body, &a.json)
	return a
}

// sign signs a request for a target with an account's key.
func sign(r *http.Request, who, target string, payload []byte) {
	signer := &sigv4.Signer{AccessKeyID: "AKID" + who, Secret: secret, Region: region, Service: "lambda"}
	sr := &sigv4.Request{Method: r.Method, Target: target, Host: r.Host, Body: payload}
	for name := range r.Header {
		sr.Header = append(sr.Header, sigv4.Field{Name: name, Value: r.Header.Get(name)})
	}
	signer.Sign(sr, time.Now())
	for _, f := range sr.Header {
		r.Header.Set(f.Name, f.Value)
	}
}

// ok makes a call that must succeed.
func (s *server) ok(operation string, in object) answer {
	s.t.Helper()
	a := s.call(operation, in)
	if a.status >= 300 {
		s.t.Fatalf("%s: %d %s", operation, a.status, a.body)
	}
	return a
}

// refused makes a call that must fail with this code and message.
func (s *server) refused(operation string, in object, status int, code, message string) answer {
	s.t.Helper()
	a := s.call(operation, in)
	a.mustBe(s.t, operation, status, code, message)
	return a
}

func (a answer) mustBe(t testing.TB, operation string, status int, code, message string) {
	t.Helper()
	if got := a.header.Get("X-Amzn-Errortype"); a.status != status || got != code || a.json["Message"] != message && a.json["message"] != message {
		t.Errorf("%s: %d %s %s\nwant %d %s %q", operation, a.status, got, a.body, status, code, message)
	}
}

// source makes a zip: names and contents by turns. A bootstrap becomes executable.
func source(t testing.TB, files ...string) []byte {
	t.Helper()
	var buf bytes.Buffer
	z := zip.NewWriter(&buf)
	for i := 0; i < len(files); i += 2 {
		h := &zip.FileHeader{Name: files[i], Method: zip.Deflate}
		h.SetMode(0o644)
		if files[i] == "bootstrap" {
			h.SetMode(0o755)
		}
		w, err := z.CreateHeader(h)
		if err == nil {
			_, err = io.WriteString(w, files[i+1])
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	return buf.Bytes()
}

// node is the zip of a Node.js function with this handler.
func node(t testing.TB, handler string) []byte {
	return source(t, "index.js", "exports.handler = "+handler)
}

const echo = "async (event) => event"

// create makes a Node.js function. more adds to the input.
func (s *server) create(name, handler string, more ...object) answer {
	s.t.Helper()
	in := object{"FunctionName": name, "Runtime": "nodejs20.x", "Handler": "index.handler", "Role": role, "Timeout": 60, "Code": object{"ZipFile": node(s.t, handler)}}
	for _, m := range more {
		for k, v := range m {
			in[k] = v
		}
	}
	return s.ok("CreateFunction", in)
}

// invoke runs a function and wants this result.
func (s *server) invoke(name, event, want string) answer {
	s.t.Helper()
	a := s.ok("Invoke", object{"FunctionName": name, "Payload": event})
	if string(a.body) != want || a.header.Get("X-Amz-Function-Error") != "" {
		s.t.Fatalf("invoke %s: %s %s, want %s", name, a.header.Get("X-Amz-Function-Error"), a.body, want)
	}
	return a
}

// eventually waits until f is true.
func eventually(t testing.TB, what string, f func() bool) {
	t.Helper()
	for end := time.Now().Add(time.Minute); !f(); {
		if time.Now().After(end) {
			t.Fatalf("%s: not in time", what)
		}
		time.Sleep(5 * time.Millisecond)
	}
}
