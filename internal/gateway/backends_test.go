package gateway_test

import (
	"context"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"

	"github.com/sallyport/sallyport/internal/apigateway"
	"github.com/sallyport/sallyport/internal/awsapi"
	"github.com/sallyport/sallyport/internal/gateway"
	"github.com/sallyport/sallyport/internal/gateway/integration"
	"github.com/sallyport/sallyport/internal/service/dynamodb"
)

// backends are all that routes can call: functions, HTTP, and services of AWS behind their real HTTP handler. The services are there when a
// test asked for them by w.services.
func (w *world) backends() integration.Backends {
	client := integration.NewHTTPClient(w.http)
	w.t.Cleanup(client.Close)
	return integration.Backends{
		Lambda: w.functions, Queue: w.functions, HTTP: client,
		AWS: integration.AWS{Here: w.here, Roles: w.keys, Endpoints: w.endpoints, Authorizer: w.keys},
	}
}

// QueueFrom implements integration.Queue: the function runs when nobody waits any more.
func (f *functions) QueueFrom(ctx context.Context, principal, sourceARN, functionARN string, event []byte) error {
	go func() { _, _, _ = f.InvokeFrom(context.WithoutCancel(ctx), principal, sourceARN, functionARN, event) }()
	return nil
}

// ServiceRole implements integration.Roles: all roles of the account may be taken on but "untrusting".
func (k keys) ServiceRole(ctx context.Context, service, roleARN, session string) (awsapi.Caller, error) {
	name := roleARN[strings.LastIndexByte(roleARN, '/')+1:]
	if name == "untrusting" {
		return awsapi.Caller{}, awsapi.Errorf("AccessDenied", 403, "%s is not authorized to perform: sts:AssumeRole on resource: %s", service, roleARN)
	}
	return awsapi.Caller{Account: account, ARN: "arn:aws:sts::" + account + ":assumed-role/" + name + "/" + session, UserID: "AROA:" + session, AccessKeyID: name}, nil
}

// serve makes services of AWS reachable for integrations, and returns their catalog.
func (w *world) serve(services ...awsapi.Service) *awsapi.Catalog {
	log := slog.New(slog.DiscardHandler)
	catalog := awsapi.NewCatalog(services)
	w.handler = awsapi.Handler(catalog, awsapi.NewGatekeeper(w.keys, log, awsapi.GateOptions{}), w.keys, awsapi.Options{Log: log, Mounts: w.mounts})
	w.served = map[string]bool{}
	for _, s := range services {
		w.served[s.API().SigningName] = true
	}
	for name := range w.mounts {
		w.served[name] = true
	}
	return catalog
}

func (w *world) here(service string) http.Handler {
	switch {
	case service == "execute-api":
		return w.push
	case w.served[service]:
		return w.handler
	}
	return nil
}

// tables serves DynamoDB with a table of that name, whose key is "id".
func (w *world) tables(table string) *awsapi.Catalog {
	w.t.Helper()
	s := dynamodb.New(w.stores, slog.New(slog.DiscardHandler))
	run, cancel := context.WithCancel(context.Background())
	var done sync.WaitGroup
	done.Go(func() {
		if err := s.Run(run); err != nil {
			w.t.Errorf("dynamodb: %v", err)
		}
	})
	w.t.Cleanup(func() { cancel(); done.Wait() })
	catalog := w.serve(s)
	w.must(catalog, "dynamodb", "CreateTable", `{"TableName":"`+table+`","BillingMode":"PAY_PER_REQUEST",`+
		`"AttributeDefinitions":[{"AttributeName":"id","AttributeType":"S"}],"KeySchema":[{"AttributeName":"id","KeyType":"HASH"}]}`)
	return catalog
}

// must calls an operation as the administrator.
func (w *world) must(c *awsapi.Catalog, service, operation, in string) string {
	w.t.Helper()
	ctx := awsapi.WithCaller(w.t.Context(), awsapi.Caller{Account: account, Region: region, Admin: true})
	out, err := c.Call(ctx, service, operation, []byte(in))
	if err != nil {
		w.t.Fatalf("%s %s: %v", operation, in, err)
	}
	return string(out)
}

// A backend is an HTTP server that remembers what it was asked.
type backend struct {
	*httptest.Server
	mu    sync.Mutex // guards asked
	asked []request
}

type request struct {
	*http.Request
	body string
}

// backend starts a server; what it was asked is remembered before answer runs, which may be nil.
func (w *world) backend(answer http.HandlerFunc) *backend {
	b := &backend{}
	b.Server = httptest.NewServer(b.handler(answer))
	w.t.Cleanup(b.Close)
	return b
}

func (b *backend) handler(answer http.HandlerFunc) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		b.mu.Lock()
		b.asked = append(b.asked, request{Request: r, body: string(body)})
		b.mu.Unlock()
		if answer != nil {
			answer(w, r)
		}
	}
}

func (b *backend) requests() []request {
	b.mu.Lock()
	defer b.mu.Unlock()
	return append([]request(nil), b.asked...)
}

// last returns the newest request.
func (b *backend) last() request {
	b.mu.Lock()
	defer b.mu.Unlock()
	if len(b.asked) == 0 {
		return request{Request: &http.Request{Header: http.Header{}}}
	}
	return b.asked[len(b.asked)-1]
}

// answers writes a status and a body.
func answers(status int, body string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(status)
		_, _ = io.WriteString(w, body)
	}
}

// with changes the integration of a route.
func with(change func(*apigateway.Integration)) func(*apigateway.Route, *apigateway.Integration) {
	return func(_ *apigateway.Route, i *apigateway.Integration) { change(i) }
}

// to makes an integration with an address.
func to(kind, uri string, more ...func(*apigateway.Integration)) func(*apigateway.Route, *apigateway.Integration) {
	return with(func(i *apigateway.Integration) {
		i.Type, i.URI, i.Method = kind, uri, "POST"
		for _, change := range more {
			change(i)
		}
	})
}

// maps adds requestParameters.
func maps(pairs ...string) func(*apigateway.Integration) {
	return func(i *apigateway.Integration) {
		i.RequestParameters = map[string]string{}
		for n := 0; n < len(pairs); n += 2 {
			i.RequestParameters[pairs[n]] = pairs[n+1]
		}
	}
}

// renders adds a default request template.
func renders(template string) func(*apigateway.Integration) {
	return func(i *apigateway.Integration) { i.RequestTemplates = map[string]string{"$default": template} }
}

// responds adds an integration response; template may be empty.
func responds(key, template string) func(*apigateway.Integration) {
	return func(i *apigateway.Integration) {
		r := apigateway.IntegrationResponse{ID: "r" + key, Key: key}
		if template != "" {
			r.ResponseTemplates = map[string]string{"$default": template}
		}
		i.Responses = append(i.Responses, r)
	}
}

const role = "arn:aws:iam::" + account + ":role/gateway"

// as sets the role that an integration acts as.
func as(roleARN string) func(*apigateway.Integration) {
	return func(i *apigateway.Integration) { i.CredentialsARN = roleARN }
}

// failure waits for the record of a failure, which is written after the client was told.
func (w *world) failure(kind string) gateway.Record {
	w.t.Helper()
	w.eventually(func() bool { return w.records.last(kind).Cause != nil }, "no record of a failure")
	return w.records.last(kind)
}

// connections waits until so many have been made, and returns their ids in order.
func (w *world) connections(count int) []string {
	w.t.Helper()
	var ids []string
	w.eventually(func() bool {
		w.records.mu.Lock()
		defer w.records.mu.Unlock()
		ids = nil
		for _, r := range w.records.all {
			if r.Kind == gateway.Connect {
				ids = append(ids, r.Connection)
			}
		}
		return len(ids) >= count
	}, "no records of %d connections", count)
	return ids
}
