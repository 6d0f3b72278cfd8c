package conformance

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/sallyport/sallyport/internal/awsapi/sigv4"
)

// An answer is what a service said.
type answer struct {
	status int
	header http.Header
	body   string
}

// get returns a member of a JSON answer by its dotted path.
func (a *answer) get(path string) (string, error) {
	v, err := parseJSON(a.body)
	if err != nil {
		return "", fmt.Errorf("got no JSON but %s", brief(a.body))
	}
	for name := range strings.SplitSeq(path, ".") {
		switch at := v.(type) {
		case map[string]any:
			v = at[name]
		case []any:
			v = nil
			if len(at) > 0 {
				v = at[0]
			}
		default:
			v = nil
		}
	}
	if v == nil {
		return "", fmt.Errorf("there is no %s in %s", path, brief(a.body))
	}
	if text, ok := v.(string); ok {
		return text, nil
	}
	data, err := json.Marshal(v)
	return string(data), err
}

// A key signs requests.
type key struct{ id, secret, token string }

// A request is a call of AWS.
type request struct {
	service string // in the signature
	method  string
	url     string // up to the path
	target  string // path and query as they go over the wire
	host    string // of the Host header, if not the URL's
	header  map[string]string
	body    string
	once    bool // sign the path encoded once
	key     *key // nil: unsigned
}

// do sends a request and reads the answer, whatever its status.
func (t *Target) do(ctx context.Context, r request) (*answer, error) {
	req, err := http.NewRequestWithContext(ctx, r.method, r.url, strings.NewReader(r.body))
	if err != nil {
		return nil, err
	}
	path, query, _ := strings.Cut(r.target, "?")
	plain, err := url.PathUnescape(path)
	if err != nil {
		return nil, err
	}
	req.URL.Path, req.URL.RawPath, req.URL.RawQuery = plain, path, query
	if r.host != "" {
		req.Host = r.host
	}
	signed := sigv4.Request{Method: r.method, Target: r.target, Host: req.Host, Body: []byte(r.body), Header: []sigv4.Field{{Name: "Host", Value: req.Host}}}
	for name, value := range r.header {
		signed.Header = append(signed.Header, sigv4.Field{Name: name, Value: value})
	}
	if r.key != nil {
		signer := sigv4.Signer{AccessKeyID: r.key.id, Secret: r.key.secret, Token: r.key.token, Region: t.signingRegion(r.service), Service: r.service, EncodeOnce: r.once}
		signer.Sign(&signed, time.Now())
	}
	for _, f := range signed.Header {
		if f.Name != "Host" {
			req.Header[http.CanonicalHeaderKey(f.Name)] = []string{f.Value}
		}
	}
	res, err := t.http.Do(req)
	if err != nil {
		return nil, err
	}
	defer res.Body.Close()
	data, err := io.ReadAll(res.Body)
	if err != nil {
		return nil, err
	}
	return &answer{res.StatusCode, res.Header, string(data)}, nil
}

// jsonTargets are the X-Amz-Target of services with a JSON protocol.
var jsonTargets = map[string]struct{ prefix, version string }{
	"logs":       {"Logs_20140328.", "1.1"},
	"dynamodb":   {"DynamoDB_20120810.", "1.0"},
	"sqs":        {"AmazonSQS.", "1.0"},
	"states":     {"AWSStepFunctions.", "1.0"},
	"events":     {"AWSEvents.", "1.1"},
	"monitoring": {"GraniteServiceVersion20100801.", "1.0"},
}

// queryVersions are the API versions of services with the query protocol.
var queryVersions = map[string]string{"iam": "2010-05-08", "sts": "2011-06-15", "sns": "2010-03-31"}

// call runs an operation: a REST one if operation is "METHOD /path", else by the service's own protocol.
func (t *Target) call(ctx context.Context, service, operation, body string) (*answer, error) {
	if t.Rival != nil {
		return nil, errors.New("the target has no AWS APIs")
	}
	r := request{service: service, method: http.MethodPost, url: t.serviceURL(service), target: "/", body: body, key: &t.key, header: map[string]string{}}
	method, path, rest := strings.Cut(operation, " ")
	switch target, isJSON := jsonTargets[service]; {
	case rest:
		r.method, r.target = method, path
		if body != "" {
			r.header["Content-Type"] = "application/json"
		}
	case isJSON:
		r.header["Content-Type"] = "application/x-amz-json-" + target.version
		r.header["X-Amz-Target"] = target.prefix + operation
	default:
		form, err := formOf(operation, queryVersions[service], body)
		if err != nil {
			return nil, err
		}
		r.body = form
		r.header["Content-Type"] = "application/x-www-form-urlencoded"
	}
	for wait := 200 * time.Millisecond; ; wait = min(2*wait, 10*time.Second) {
		a, err := t.do(ctx, r)
		if err != nil || a.status != http.StatusTooManyRequests || t.Endpoint != "" {
			return a, err
		}
		select { // AWS lets few calls per second manage APIs
		case <-ctx.Done():
			return a, nil
		case <-time.After(wait):
		}
	}
}

// formOf writes flat JSON as a form of the query protocol.
func formOf(action, version, body string) (string, error) {
	members := map[string]string{}
	if body != "" {
		if err := json.NewDecoder(bytes.NewReader([]byte(body))).Decode(&members); err != nil {
			return "", fmt.Errorf("arguments of %s: %w", action, err)
		}
	}
	form := url.Values{"Action": {action}, "Version": {version}}
	for name, value := range members {
		form.Set(name, value)
	}
	return form.Encode(), nil
}

// must runs an operation that has to succeed, and returns a member of its answer.
func (t *Target) must(ctx context.Context, service, operation string, in any, member string) (string, error) {
	body := ""
	if in != nil {
		data, err := json.Marshal(in)
		if err != nil {
			return "", err
		}
		body = string(data)
	}
	a, err := t.call(ctx, service, operation, body)
	if err != nil {
		return "", fmt.Errorf("%s %s: %w", service, operation, err)
	}
	if a.status >= 300 {
		return "", fmt.Errorf("%s %s: status %d %s: %w", service, operation, a.status, brief(a.body), errRefused)
	}
	if member == "" || member == raw {
		return a.body, nil
	}
	return a.get(member)
}

// raw asks for an answer that is not JSON.
const raw = "-raw"

var errRefused = errors.New("refused")
