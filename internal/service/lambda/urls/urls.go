// Package urls serves the URLs of functions: https://{id}.lambda-url.{region}.on.aws/. A request becomes an event of payload format
// 2.0 (event.go), the function's result a response (response.go); cors.go answers browsers.
//
// Results are sent when they are whole: InvokeMode RESPONSE_STREAM is kept and has no effect.
package urls

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"net/netip"
	"strings"

	"github.com/sallyport/sallyport/internal/awsapi"
	shape "github.com/sallyport/sallyport/internal/awsapi/shapes/lambda"
	"github.com/sallyport/sallyport/internal/awsapi/sigv4"
)

// A URL is one of a function, or of one of its aliases.
type URL struct {
	ID              string
	Account, Region string
	FunctionARN     string
	AuthType        string // NONE, AWS_IAM
	CORS            *shape.Cors
}

// Host is the URL's host name.
func (u *URL) Host() string { return u.ID + ".lambda-url." + u.Region + ".on.aws" }

// HostID returns the id of the URL whose host this is: AWS's name, or the like under another suffix, with or without port.
func HostID(host string) (id string, ok bool) {
	id, rest, _ := strings.Cut(host, ".")
	return strings.ToLower(id), id != "" && len(rest) > len("lambda-url.") && strings.EqualFold(rest[:len("lambda-url.")], "lambda-url.")
}

// Functions knows URLs and runs functions; *lambda.Service does.
type Functions interface {
	// URL returns the URL of an id.
	URL(ctx context.Context, id string) (*URL, error)

	// PermitsURL reports whether the function's own policy lets a caller use the URL; the zero Caller is anybody.
	PermitsURL(ctx context.Context, u *URL, caller awsapi.Caller) bool

	// InvokeFrom runs a function. Any principal that is no service needs no statement in the function's policy.
	InvokeFrom(ctx context.Context, principal, sourceARN, functionARN string, event []byte) (result []byte, functionError bool, err error)
}

// Signatures tells who signed a request; *awsapi.Gatekeeper does.
type Signatures interface {
	Verify(ctx context.Context, r *sigv4.Request, api *awsapi.API, peer netip.Addr) (awsapi.Caller, error)
}

// Config is what a handler is made of. All is needed.
type Config struct {
	Functions  Functions
	Signatures Signatures
	Authorizer awsapi.Authorizer
	Log        *slog.Logger
}

// maxBody is the largest body of a request. AWS: it counts the whole event, which has the body in base64 perhaps.
const maxBody = 6 << 20

// Handler returns the handler of requests to hosts that HostID knows.
func Handler(cfg Config) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		c := &call{cfg: cfg, w: w, r: r, id: awsapi.NewRequestID()}
		w.Header().Set("x-amzn-RequestId", c.id)
		if err := c.serve(); err != nil {
			c.fail(err)
		}
	})
}

// A call is one request.
type call struct {
	cfg Config
	w   http.ResponseWriter
	r   *http.Request
	id  string
	url *URL
}

var errForbidden = awsapi.Errorf("AccessDeniedException", http.StatusForbidden, "Forbidden")

func (c *call) serve() error {
	id, _ := HostID(c.r.Host)
	ctx := c.r.Context()
	u, err := c.cfg.Functions.URL(ctx, id)
	if err != nil {
		return err
	}
	c.url = u
	if allowCORS(c.w, c.r, u.CORS) {
		return nil
	}
	body, err := io.ReadAll(http.MaxBytesReader(c.w, c.r.Body, maxBody))
	if tooLarge := (*http.MaxBytesError)(nil); errors.As(err, &tooLarge) {
		return awsapi.Errorf("RequestEntityTooLargeException", http.StatusRequestEntityTooLarge, "Request must be smaller than %d bytes for the InvokeFunction operation", maxBody)
	} else if err != nil {
		return err
	}
	caller, err := c.caller(body)
	if err != nil {
		return err
	}
	event, err := json.Marshal(c.event(caller, body))
	if err != nil {
		return err
	}
	ctx = awsapi.WithCaller(ctx, awsapi.Caller{Account: u.Account, Region: u.Region, RequestID: c.id})
	result, failed, err := c.cfg.Functions.InvokeFrom(ctx, "url", "", u.FunctionARN, event)
	if err != nil {
		return err
	}
	if failed || !c.respond(result) {
		c.cfg.Log.Warn("the function behind a URL failed; its log says why", "function", u.FunctionARN, "requestId", c.id)
		return awsapi.Errorf("InternalServerErrorException", http.StatusBadGateway, "Internal Server Error")
	}
	return nil
}

// caller returns who calls; the zero Caller is anybody.
func (c *call) caller(body []byte) (awsapi.Caller, error) {
	ctx, u := c.r.Context(), c.url
	if u.AuthType == "NONE" {
		if !c.cfg.Functions.PermitsURL(ctx, u, awsapi.Caller{}) {
			return awsapi.Caller{}, errForbidden
		}
		return awsapi.Caller{}, nil
	}
	peer, _ := netip.ParseAddrPort(c.r.RemoteAddr)
	caller, err := c.cfg.Signatures.Verify(ctx, awsapi.SignedRequest(c.r, body), shape.API, peer.Addr())
	if err != nil {
		return caller, errForbidden
	}
	if caller.Admin || c.cfg.Functions.PermitsURL(ctx, u, caller) {
		return caller, nil
	}
	conditions := map[string][]string{"lambda:FunctionUrlAuthType": {u.AuthType}}
	if caller.Account != u.Account || c.cfg.Authorizer.Authorize(awsapi.WithCaller(ctx, caller), "lambda:InvokeFunctionUrl", u.FunctionARN, conditions) != nil {
		return caller, errForbidden
	}
	return caller, nil
}

// fail answers with an error in the words of function URLs.
func (c *call) fail(err error) {
	var own *awsapi.Error
	if !errors.As(err, &own) {
		c.cfg.Log.Error("a request to a function URL failed", "host", c.r.Host, "requestId", c.id, "err", err)
		own = awsapi.Errorf("InternalServerErrorException", http.StatusBadGateway, "Internal Server Error")
	}
	status := own.Status
	if status == http.StatusNotFound { // AWS: a URL that is not there says no more than one that is forbidden
		own, status = errForbidden, http.StatusForbidden
	}
	c.w.Header().Set("Content-Type", "application/json")
	c.w.Header().Set("x-amzn-ErrorType", own.Code)
	c.w.WriteHeader(status)
	_ = json.NewEncoder(c.w).Encode(map[string]string{"Message": own.Message})
}
