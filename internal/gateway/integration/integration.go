package integration

import (
	"context"
	"fmt"
	"time"

	"github.com/sallyport/sallyport/internal/apigateway"
	"github.com/sallyport/sallyport/internal/awsapi"
)

// DefaultTimeout is that of integrations without timeoutInMillis, and AWS's maximum.
const DefaultTimeout = 29 * time.Second

// An Integration is a backend, ready to be called from many goroutines.
type Integration struct {
	Type    string        // AWS's name: "AWS_PROXY"
	Target  string        // whom it calls, for logs
	Event   bool          // it wants Request.Event
	Values  bool          // it wants Request.Values
	Upgrade bool          // on $connect it wants Request.Values
	Caller  bool          // it wants Request.Caller
	Inline  bool          // it never waits: it may be called where nothing may block
	Bytes   bool          // it takes binary messages as they are; others get them as base64
	Local   bool          // it wants Request.Source and the ids; at the beginning and the end of a connection the event, too
	Timeout time.Duration // of one call; the caller puts it into the context

	// InlineFor says of a local function for which routes it is Inline; nil: for none.
	InlineFor func(routeKey string) bool

	// Problems are what is wrong with its configuration. AWS: such an integration is deployed, and fails when it is called.
	Problems []error

	variables map[string]string // of the stage
	call      func(ctx context.Context, r *Request) (Response, error)
	begin     func(ctx context.Context, r *Request) (wait func() (Response, error)) // nil: call does it all
}

// Begin hands a request over to a backend that takes requests in order, which is a function in Lambda; wait waits for the answer, and must
// be called. Of other backends wait is nil, and Call is to be used.
func (i *Integration) Begin(ctx context.Context, r *Request) (wait func() (Response, error)) {
	if i.begin == nil {
		return nil
	}
	r.Variables = i.variables
	return i.begin(ctx, r)
}

// Call calls the backend. The error is a *Failure. A call that ends with its context's deadline is answered at once; the backend
// may still be at work.
func (i *Integration) Call(ctx context.Context, r *Request) (Response, error) {
	r.Variables = i.variables
	return i.call(ctx, r)
}

// A Request is what a route asks of its backend. It is valid during the call.
type Request struct {
	Event     []byte // the proxy event, for integrations that want it
	Body      []byte // the client's message; nil on $connect and $disconnect
	Connect   bool   // the status decides over an upgrade
	Binary    bool   // Body is binary; if the integration does not take that, it is base64
	TwoWay    bool   // the body of the response goes to the client
	Trace     string // X-Ray's header for the backend; empty: it begins one
	SourceARN string // arn:aws:execute-api:{region}:{account}:{apiId}/{stage}/{routeKey}

	Values // for integrations with Values set

	Caller *awsapi.Caller // who signed the upgrade, for integrations with Caller set; nil: nobody did

	// What follows is there for local functions only.
	RouteKey     string
	ConnectionID string
	ID           string
	Source       Source
}

// A Response is what a backend answered.
type Response struct {
	Status      int
	Body        []byte // what a two-way route sends; not to be changed
	Binary      bool   // Body goes out as a binary message
	Subprotocol string // Sec-WebSocket-Protocol, for $connect
}

// Backends is what integrations are made of.
type Backends struct {
	Lambda Lambda
	Queue  Queue       // of events for functions; nil: there is none
	HTTP   *HTTPClient // nil: no backend is called by HTTP
	AWS    AWS
	// Local finds functions of this process by their ARN. They are called without a permission. Nil: there are none.
	Local func(functionARN string) (Local, bool)
}

// Compile makes an integration of the model. It always returns one: what is wrong or not supported fails when it is called, as on
// AWS, with the reason.
func (b Backends) Compile(m *apigateway.Integration, st Stage) *Integration {
	i := &Integration{
		Type: m.Type, Target: apigateway.Expand(m.URI, st.Variables), Timeout: time.Duration(m.TimeoutMillis) * time.Millisecond, variables: st.Variables,
	}
	if i.Timeout <= 0 {
		i.Timeout = DefaultTimeout
	}
	if i.Timeout >= DefaultTimeout && st.Policy.Integration > 0 {
		i.Timeout = st.Policy.Integration
	}
	switch m.Type {
	case apigateway.AWSProxy:
		b.lambda(i, m, st)
	case apigateway.Mock:
		b.mock(i, m)
	case apigateway.HTTP, apigateway.HTTPProxy:
		b.http(i, m, st)
	case apigateway.AWS:
		b.aws(i, m, st)
	default:
		i.refuse(broken(fmt.Errorf("there are no integrations of type %q", m.Type), "use AWS, AWS_PROXY, HTTP, HTTP_PROXY or MOCK"))
	}
	return i
}

// refuse makes an integration of what cannot work.
func (i *Integration) refuse(f *Failure) {
	i.Inline = true
	i.Problems = append(i.Problems, f)
	i.call = func(context.Context, *Request) (Response, error) { return Response{}, f }
}
