package integration

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/sallyport/sallyport/internal/apigateway"
)

// Decisions where AWS is silent.
const (
	contentTypeOfMessages = "application/json" // of what HTTP_PROXY sends
	contentTypeOfBinary   = "application/octet-stream"
	methodOfAny           = http.MethodPost // of integrationMethod ANY, for messages; an upgrade is a GET
)

// http completes an HTTP or HTTP_PROXY integration.
func (b Backends) http(i *Integration, m *apigateway.Integration, st Stage) {
	uri := apigateway.Expand(m.URI, st.Variables)
	h := &httpBackend{api: st.API, name: uri, method: m.Method, proxy: m.Type == apigateway.HTTPProxy, target: readTarget(uri)}
	var err error
	if h.requests, err = b.outgoings(m, st); err != nil {
		i.refuse(broken(err, "correct the integration's requestParameters"))
		return
	}
	if len(h.target.names) == 0 {
		if h.fixed, err = readAddress(uri); err != nil {
			i.refuse(AsFailure(err))
			return
		}
	}
	if b.HTTP == nil {
		i.refuse(broken(errors.New("this server calls no HTTP backends"), ""))
		return
	}
	if h.method == "" {
		h.method = methodOfAny
	}
	link := ""
	if m.ConnectionType == "VPC_LINK" {
		link = apigateway.Expand(m.ConnectionID, st.Variables)
	}
	h.by = b.HTTP.transport(link)
	i.Upgrade, i.Values, i.Bytes = h.proxy, h.requests.values(), h.proxy
	h.binary, h.most = st.Policy.Binary, max(maxAnswer, st.Policy.Message)
	if !h.proxy {
		h.responses = b.responses(m.Responses)
		i.Values = i.Values || h.responses.values()
		i.Problems = append(problems(h.requests.requests.templates), h.responses.problems()...)
	}
	i.call = h.call
}

// An httpBackend is called by HTTP.
type httpBackend struct {
	api       string
	name      string
	method    string
	proxy     bool
	target    target
	fixed     *url.URL // the address if it has no places
	requests  outgoings
	responses responses
	by        *http.Transport
	binary    bool // its answer may be a binary message
	most      int  // bytes of an answer
}

func (h *httpBackend) call(ctx context.Context, r *Request) (Response, error) {
	req, err := h.request(r)
	if err != nil {
		return Response{}, err
	}
	got, err := exchange(ctx, h.by, req, h.name, h.most)
	if err != nil {
		return Response{}, err
	}
	if !h.proxy {
		return h.responses.answer(got, got.statusText(), r)
	}
	resp := Response{Status: got.status}
	if values := got.get("Content-Type"); h.binary && len(values) > 0 && values[0] == contentTypeOfBinary {
		resp.Body, resp.Binary = got.body, true
	} else {
		resp.Body = asText(got.body)
	}
	if values := got.get("Sec-WebSocket-Protocol"); r.Connect && len(values) > 0 {
		resp.Subprotocol = values[0] // AWS: not published; as for functions
	}
	return resp, nil
}

// request makes the HTTP request for one call.
func (h *httpBackend) request(r *Request) (*http.Request, error) {
	var out outgoing
	var query []Field
	if h.proxy && r.Connect {
		out.header = forwarded(r.Headers)
		query = r.Query
	}
	if err := h.requests.make(&out, r); err != nil {
		return nil, err
	}
	u, err := h.address(out.path)
	if err != nil {
		return nil, err
	}
	u.RawQuery = appendQuery(appendQuery(u.RawQuery, query), out.query)
	out.add("Accept", "application/json")
	if r.Binary && h.proxy {
		out.add("Content-Type", contentTypeOfBinary)
	}
	if len(out.body) > 0 {
		out.add("Content-Type", contentTypeOfMessages)
	}
	out.add("User-Agent", "AmazonAPIGateway_"+h.api)
	out.setHeader("X-Amzn-Apigateway-Api-Id", []string{h.api})
	out.add("X-Amzn-Trace-Id", traceOf(r))
	method := h.method
	if method == "ANY" {
		method = methodOfAny
		if r.Connect {
			method = http.MethodGet
		}
	}
	return out.http(method, u)
}

// address returns the backend's address for one call.
func (h *httpBackend) address(path map[string]string) (*url.URL, error) {
	if h.fixed != nil {
		u := *h.fixed
		return &u, nil
	}
	text, err := h.target.fill(path)
	if err != nil {
		return nil, broken(err, "map integration.request.path, or take the placeholder out of the URI")
	}
	return readAddress(text)
}

func readAddress(text string) (*url.URL, error) {
	u, err := url.Parse(text)
	if err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" {
		return nil, broken(fmt.Errorf("integration URI %q is no address", text), "write http://… or https://…; a stage variable that does not exist is empty")
	}
	u.Fragment = ""
	return u, nil
}

// dropped are the headers of the client that no backend gets. AWS: an Authorization that is a signature for the gateway neither.
var dropped = map[string]bool{
	"host": true, "connection": true, "upgrade": true, "content-length": true, "transfer-encoding": true, "content-encoding": true, "expect": true,
	"proxy-authenticate": true, "proxy-connection": true, "keep-alive": true, "te": true, "trailer": true, "via": true,
}

// forwarded returns the headers of an upgrade that HTTP_PROXY passes on.
func forwarded(headers []Field) []Field {
	out := make([]Field, 0, len(headers)+4)
	for _, f := range headers {
		if dropped[strings.ToLower(f.Name)] {
			continue
		}
		if strings.EqualFold(f.Name, "Authorization") && len(f.Values) > 0 && strings.HasPrefix(f.Values[0], "AWS4-HMAC-SHA256") {
			continue
		}
		out = append(out, f)
	}
	return out
}

// http returns o as an HTTP request.
func (o *outgoing) http(method string, u *url.URL) (*http.Request, error) {
	req := &http.Request{Method: method, URL: u, Host: u.Host, Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1, Header: make(http.Header, len(o.header))}
	if len(o.body) > 0 {
		// The transport may still be reading the body when the call is over, and the message's memory is used again then.
		body := bytes.Clone(o.body)
		req.Body = io.NopCloser(bytes.NewReader(body))
		req.ContentLength = int64(len(body))
		req.GetBody = func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(body)), nil }
	}
	for _, f := range o.header {
		if err := checkField(f); err != nil {
			return nil, broken(err, "")
		}
		switch {
		case strings.EqualFold(f.Name, "Host"):
			req.Host = f.Values[len(f.Values)-1]
		case strings.EqualFold(f.Name, "User-Agent"): // net/http knows this one only as it writes it itself
			req.Header["User-Agent"] = f.Values[len(f.Values)-1:]
		default:
			req.Header[f.Name] = f.Values // as it is written
		}
	}
	return req, nil
}

// checkField refuses what cannot stand in a header: a message must not be able to write headers of its own.
func checkField(f Field) error {
	for _, c := range []byte(f.Name) {
		if c <= ' ' || c >= 0x7f || strings.IndexByte(`"(),/:;<=>?@[\]{}`, c) >= 0 {
			return fmt.Errorf("%q cannot be the name of a header", f.Name)
		}
	}
	for _, value := range f.Values {
		if strings.ContainsFunc(value, func(c rune) bool { return c < ' ' && c != '\t' || c == 0x7f }) {
			return fmt.Errorf("the value %q cannot be that of header %s", value, f.Name)
		}
	}
	if len(f.Name) == 0 || len(f.Values) == 0 {
		return fmt.Errorf("header %q has no name or no value", f.Name)
	}
	return nil
}

// traceOf returns the trace that a request belongs to, in the form of X-Ray.
func traceOf(r *Request) string {
	if r.Trace != "" {
		return r.Trace
	}
	return fmt.Sprintf("Root=1-%08x-%08x%016x", time.Now().Unix(), rand.Uint32(), rand.Uint64())
}

// asText makes a message of bytes, as Java does: what is no UTF-8 becomes U+FFFD.
func asText(b []byte) []byte { return bytes.ToValidUTF8(b, []byte("\uFFFD")) }
