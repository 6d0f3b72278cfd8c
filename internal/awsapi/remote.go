package awsapi

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"

	"github.com/sallyport/sallyport/internal/awsapi/elsewhere"
	"github.com/sallyport/sallyport/internal/awsapi/wire"
)

// A Remote calls operations of services that are elsewhere: those that the setting endpoints names. Input and output are the documents that
// Catalog.Call takes and gives; those of services that are not in the catalog have the names of SDKs: PascalCase.
type Remote struct {
	Catalog   *Catalog
	Endpoints map[string]string // "aws", or a URL, by signing name
	By        http.RoundTripper
}

// maxRemote bounds an answer from elsewhere.
const maxRemote = 10 << 20

// Has reports whether calls of a service go elsewhere, by its name in the catalog, in signatures or in SDKs.
func (r *Remote) Has(service string) bool { return r.endpoint(service) != "" }

func (r *Remote) endpoint(service string) string {
	if len(r.Endpoints) == 0 {
		return ""
	}
	if e := r.Catalog.entry(service); e != nil {
		return cmp.Or(r.Endpoints[e.api.SigningName], r.Endpoints[service])
	}
	if s := elsewhere.Find(service); s != nil {
		return cmp.Or(r.Endpoints[s.Signing], r.Endpoints[s.Host], r.Endpoints[service])
	}
	return r.Endpoints[service]
}

// A remoteCall is one call as it is known from the service's model.
type remoteCall struct {
	host, signing string
	request       *elsewhere.Request
	answer        func(status int, header http.Header, body []byte) ([]byte, error)
}

// Call runs an operation. The error is an *Error, or that the service was not reached.
func (r *Remote) Call(ctx context.Context, service, operation string, in []byte) ([]byte, error) {
	c, err := r.prepare(service, operation, in)
	if err != nil {
		return nil, err
	}
	at, err := NewElsewhere(c.signing, r.endpoint(service))
	if err != nil {
		return nil, err
	}
	host, region := regional(c.host, CallerOf(ctx).Region)
	u := &url.URL{Scheme: "https", Host: host, RawQuery: c.request.Query.Encode()}
	if u.Path, err = url.PathUnescape(c.request.Path); err != nil {
		return nil, fmt.Errorf("path %s of %s: %w", c.request.Path, operation, err)
	}
	u.RawPath = c.request.Path
	u = at.Address(u)
	req, err := http.NewRequestWithContext(ctx, c.request.Method, u.String(), bytes.NewReader(c.request.Body))
	if err != nil {
		return nil, fmt.Errorf("call %s of %s: %w", operation, service, err)
	}
	req.Header = c.request.Header
	if err := at.Sign(req, u.RequestURI(), c.request.Body, c.signing, region); err != nil {
		return nil, fmt.Errorf("endpoints.%s sends calls elsewhere: %w", c.signing, err)
	}
	resp, err := r.By.RoundTrip(req)
	if err != nil {
		return nil, fmt.Errorf("call %s of %s: %w", operation, service, err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(io.LimitReader(resp.Body, maxRemote))
	if err != nil {
		return nil, fmt.Errorf("read the answer to %s of %s: %w", operation, service, err)
	}
	if resp.StatusCode >= 300 {
		return nil, remoteError(resp.StatusCode, resp.Header, body)
	}
	return c.answer(resp.StatusCode, resp.Header, body)
}

// regional returns AWS's host and the region of signatures. AWS: some services have one host for all regions.
func regional(host, region string) (name, signed string) {
	switch host {
	case "iam", "route53", "cloudfront", "organizations":
		return host + ".amazonaws.com", "us-east-1"
	}
	return host + "." + region + ".amazonaws.com", region
}

// prepare makes the request of a call.
func (r *Remote) prepare(service, operation string, in []byte) (*remoteCall, error) {
	e := r.Catalog.entry(service)
	if e != nil {
		if op, ok := e.ops[e.nameOf(operation)]; ok {
			return e.remote(e.nameOf(operation), op, in)
		}
	}
	s := elsewhere.For(service, operation)
	if s == nil && e != nil {
		s = elsewhere.For(e.api.SigningName, operation)
	}
	if s == nil {
		return nil, Errorf("UnknownOperationException", 404, "Sallyport does not know how the operation %s of %s is called.", operation, service)
	}
	req, err := s.Request(operation, in)
	if err != nil {
		return nil, Errorf("ValidationException", 400, "%s", err)
	}
	return &remoteCall{s.Host, s.Signing, req, func(_ int, header http.Header, body []byte) ([]byte, error) { return s.Answer(req, header, body) }}, nil
}

// remote makes the request of an operation whose input and output are known.
func (e *entry) remote(name string, op Operation, in []byte) (*remoteCall, error) {
	input, b := op.in().NewValue(), e.api.Operations[name]
	if err := op.in().ReadDocument(in, input, dialectOf(e.api)); err != nil {
		return nil, e.api.badInput(err)
	}
	req := &elsewhere.Request{Method: http.MethodPost, Path: "/", Header: http.Header{}}
	c := &remoteCall{host: e.api.host(), signing: e.api.SigningName, request: req}
	output := op.out().NewValue()
	read := func(int, http.Header, []byte) error { return nil }
	var err error
	switch e.api.Protocol {
	case JSON:
		req.Header.Set("Content-Type", "application/x-amz-json-"+e.api.JSONVersion)
		req.Header.Set("X-Amz-Target", e.api.TargetPrefix+"."+name)
		req.Body, err = op.in().AppendJSON(nil, input)
		read = func(_ int, _ http.Header, body []byte) error {
			return op.out().ReadJSON(body, output, dialectOf(e.api))
		}
	case Query:
		form := url.Values{"Action": {name}, "Version": {e.api.Version}}
		op.in().AppendForm(form, input)
		req.Header.Set("Content-Type", "application/x-www-form-urlencoded; charset=utf-8")
		req.Body = []byte(form.Encode())
		read = func(_ int, _ http.Header, body []byte) error { return op.out().ReadXML(body, b.ResultWrapper, output) }
	case RestJSON:
		var parts wire.Request
		if parts, err = op.in().AppendRequest(input); err == nil {
			err = restParts(req, &b, &parts)
		}
		read = func(status int, header http.Header, body []byte) error {
			return op.out().ReadAnswer(status, header, body, output)
		}
	default:
		return nil, Errorf("UnknownOperationException", 404, "Sallyport does not call %s elsewhere.", e.api.Name)
	}
	if err != nil {
		return nil, fmt.Errorf("encode input of %s: %w", name, err)
	}
	c.answer = func(status int, header http.Header, body []byte) ([]byte, error) {
		if err := read(status, header, body); err != nil {
			return nil, fmt.Errorf("read the answer to %s: %w", name, err)
		}
		return op.out().AppendDocument(nil, output)
	}
	return c, nil
}

// host is the first part of the name of AWS's host.
func (a *API) host() string {
	if a.Name == "dynamodbstreams" {
		return "streams.dynamodb"
	}
	return a.SigningName
}

// restParts puts members where the binding says.
func restParts(req *elsewhere.Request, b *Binding, parts *wire.Request) error {
	path, query, _ := strings.Cut(b.URI, "?")
	for name, value := range parts.Path {
		path = strings.ReplaceAll(path, "{"+name+"}", url.PathEscape(value))
		path = strings.ReplaceAll(path, "{"+name+"+}", strings.ReplaceAll(url.PathEscape(value), "%2F", "/"))
	}
	if strings.Contains(path, "{") {
		return errors.New("a member of the path is missing")
	}
	req.Method, req.Path, req.Header, req.Query, req.Body = b.Method, path, parts.Header, parts.Query, parts.Body
	if fixed, err := url.ParseQuery(query); err == nil {
		for name, values := range fixed {
			req.Query[name] = append(req.Query[name], values...)
		}
	}
	if len(req.Body) > 0 && req.Header.Get("Content-Type") == "" {
		req.Header.Set("Content-Type", "application/json")
	}
	return nil
}

// remoteError reads an error as the protocols of AWS have it.
func remoteError(status int, header http.Header, body []byte) *Error {
	var doc map[string]any
	_ = json.Unmarshal(body, &doc) // else it is XML, or nothing of AWS's
	first := func(names ...string) string {
		for _, name := range names {
			if s, ok := doc[name].(string); ok && s != "" {
				return s
			}
		}
		return ""
	}
	code := cmp.Or(header.Get("X-Amzn-Errortype"), first("__type", "code", "Code"), wire.XMLText(body, "Code"), http.StatusText(status))
	code, _, _ = strings.Cut(code, ":")
	code = code[strings.LastIndexByte(code, '#')+1:]
	return Errorf(code, status, "%s", cmp.Or(first("message", "Message", "errorMessage"), wire.XMLText(body, "Message")))
}

// Handler returns a handler that sends requests on, to the service that stands behind a host, for callers that speak HTTP.
func (r *Remote) Handler(service, host string) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, in *http.Request) {
		if err := r.forward(w, in, service, host); err != nil {
			http.Error(w, err.Error(), http.StatusBadGateway)
		}
	})
}

func (r *Remote) forward(w http.ResponseWriter, in *http.Request, service, host string) error {
	at, err := NewElsewhere(service, r.endpoint(service))
	if err != nil {
		return err
	}
	body, err := io.ReadAll(in.Body)
	if err != nil {
		return err
	}
	host, region := regional(host, CallerOf(in.Context()).Region)
	u := *in.URL
	u.Scheme, u.Host = "https", host
	to := at.Address(&u)
	req, err := http.NewRequestWithContext(in.Context(), in.Method, to.String(), bytes.NewReader(body))
	if err != nil {
		return err
	}
	req.Header = in.Header.Clone()
	if err := at.Sign(req, to.RequestURI(), body, service, region); err != nil {
		return fmt.Errorf("endpoints.%s sends calls elsewhere: %w", service, err)
	}
	resp, err := r.By.RoundTrip(req)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	for name, values := range resp.Header {
		w.Header()[name] = values
	}
	w.WriteHeader(resp.StatusCode)
	_, err = io.Copy(w, resp.Body)
	return err
}
