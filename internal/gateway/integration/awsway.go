package integration

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"

	"github.com/sallyport/sallyport/internal/awsapi"
)

// AWS says how services of AWS are called.
//
// Those of this server are called by HTTP, too, but inside of the process: the request goes to the handler that answers clients, with a
// context that says who calls. So paths, forms, targets, policies and the answers' form are the same for integrations as for SDKs, for
// every protocol and for services, such as S3, that are no table of operations; what would be saved by calling operations directly is
// microseconds.
type AWS struct {
	// Here returns the handler of a service of this server, by signing name, or nil if there is none. It is asked when a stage is
	// deployed. The handler takes requests with awsapi.WithVerified.
	Here func(service string) http.Handler

	// Endpoints sends calls elsewhere: "aws", or a URL, by signing name.
	Endpoints map[string]string

	Roles      Roles             // for credentialsArn; nil: there are none
	Authorizer awsapi.Authorizer // whether a role may invoke a function; nil: any may
}

// A way leads to a service.
type way interface {
	call(ctx context.Context, method string, u *url.URL, out *outgoing, who awsapi.Caller) (reply, error)
}

// wayTo returns how a service is reached.
func (b Backends) wayTo(u awsURI) (way, error) {
	endpoint := cmp.Or(b.AWS.Endpoints[u.service], b.AWS.Endpoints[u.host])
	if endpoint == "" {
		if b.AWS.Here != nil {
			if h := b.AWS.Here(u.service); h != nil {
				return inside{h, u}, nil
			}
		}
		return nil, fmt.Errorf("this server does not have the service %s: set endpoints.%s to aws, or to the URL of a server that has it", u.service, u.service)
	}
	if b.HTTP == nil {
		return nil, errors.New("this server calls no other")
	}
	e, err := awsapi.NewElsewhere(u.service, endpoint)
	return outside{uri: u, elsewhere: e, by: b.HTTP.internet}, err
}

// inside is the way to a service of this server.
type inside struct {
	handler http.Handler
	uri     awsURI
}

// insideAddress is where requests of the process itself come from: no machine has it, so that nothing is allowed for its sake.
const insideAddress = "0.0.0.0:0"

func (w inside) call(ctx context.Context, method string, u *url.URL, out *outgoing, who awsapi.Caller) (got reply, err error) {
	req, err := out.http(method, u)
	if err != nil {
		return reply{}, err
	}
	_, who.Region = w.uri.endpoint()
	req.RequestURI, req.RemoteAddr = u.RequestURI(), insideAddress
	if req.Body == nil {
		req.Body = http.NoBody
	}
	for name, values := range req.Header { // handlers expect the case that net/http gives
		if canonical := http.CanonicalHeaderKey(name); canonical != name {
			delete(req.Header, name)
			req.Header[canonical] = values
		}
	}
	rec := recorder{header: http.Header{}}
	defer func() {
		if p := recover(); p != nil {
			err = broken(fmt.Errorf("service %s broke off: %v", w.uri.service, p), "")
		}
	}()
	w.handler.ServeHTTP(&rec, req.WithContext(awsapi.WithVerified(ctx, who, w.uri.service)))
	if f := timeout(ctx, w.uri.host); f != nil {
		return reply{}, f
	}
	return reply{status: max(rec.status, http.StatusOK), header: rec.header, body: rec.body.Bytes()}, nil
}

// A recorder keeps what a handler answers.
type recorder struct {
	header http.Header
	status int
	body   bytes.Buffer
}

func (r *recorder) Header() http.Header { return r.header }

func (r *recorder) WriteHeader(status int) {
	if r.status == 0 && status >= http.StatusOK {
		r.status = status
	}
}

func (r *recorder) Write(b []byte) (int, error) {
	r.WriteHeader(http.StatusOK)
	if r.body.Len()+len(b) > maxAnswer {
		return 0, errTooLong
	}
	return r.body.Write(b)
}

// outside is the way to AWS, or to a server that stands in for it.
type outside struct {
	uri       awsURI
	elsewhere *awsapi.Elsewhere
	by        *http.Transport
}

func (w outside) call(ctx context.Context, method string, u *url.URL, out *outgoing, _ awsapi.Caller) (reply, error) {
	u = w.elsewhere.Address(u)
	req, err := out.http(method, u)
	if err != nil {
		return reply{}, err
	}
	_, region := w.uri.endpoint()
	if err := w.elsewhere.Sign(req, u.RequestURI(), out.body, w.uri.service, region); err != nil {
		return reply{}, broken(fmt.Errorf("endpoints.%s sends calls elsewhere, and there are no credentials for it", w.uri.service),
			"set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY in the server's environment")
	}
	return exchange(ctx, w.by, req, w.uri.host, maxAnswer)
}
