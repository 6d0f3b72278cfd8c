package connections

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"net/netip"
	"time"

	"github.com/sallyport/sallyport/internal/awsapi"
	"github.com/sallyport/sallyport/internal/awsapi/sigv4"
)

// Stages knows the stages that are served; *gateway.Gateway does.
type Stages interface {
	// Ready is closed when all stages that existed at the start are known.
	Ready() <-chan struct{}

	// Stage returns whose an API's stage is; ok is false if its default endpoint does not serve it.
	Stage(api, stage string) (account, region string, ok bool)

	// Owner returns the API that a connection of a stage of this name belongs to; a gone connection may belong to any such API. ok is
	// false if there is none.
	Owner(ctx context.Context, stage, connectionID string) (api string, ok bool)
}

// Domains knows custom domain names; *gateway.Gateway does.
type Domains interface {
	// Domain reports whether a host is one.
	Domain(host string) bool

	// Mapping returns the stage that a path of such a host leads to, and what is left of the path. The API is empty if nothing is mapped
	// there.
	Mapping(host, path string) (api, stage, rest string)

	// Served returns whose a stage is, wherever it is reached; ok is false if it is not served.
	Served(api, stage string) (account, region string, ok bool)
}

// Sockets reaches connections, wherever they are; *gateway.Gateway does. Errors are *awsapi.Error: BadRequestException, GoneException,
// LimitExceededException, PayloadTooLargeException.
type Sockets interface {
	// MaxPayload returns the largest message that can be posted to a connection of a stage. On AWS it is 128 KB.
	MaxPayload(api, stage string) int

	Post(ctx context.Context, api, stage, connectionID string, data []byte) error
	Connection(ctx context.Context, api, stage, connectionID string) (connectedAt, lastActiveAt time.Time, sourceIP, userAgent string, err error)
	Disconnect(ctx context.Context, api, stage, connectionID string) error
}

// Signatures tells who signed a request; *awsapi.Gatekeeper does.
type Signatures interface {
	// Verify checks the signature of r, made for api; peer is whom r came from. The caller's Region is the signature's. The error is an
	// *awsapi.Error in AWS's words.
	Verify(ctx context.Context, r *sigv4.Request, api *awsapi.API, peer netip.Addr) (awsapi.Caller, error)
}

// Config is what a Service is made of. All but Domains and Log is needed.
type Config struct {
	Stages     Stages
	Domains    Domains // nil: there are none
	Sockets    Sockets
	Signatures Signatures
	Authorizer awsapi.Authorizer
	Log        *slog.Logger // nil: silent
}

// A Service is the handler of @connections.
type Service struct {
	cfg Config
	log *slog.Logger
}

// New returns the service.
func New(cfg Config) (*Service, error) {
	if cfg.Stages == nil || cfg.Sockets == nil || cfg.Signatures == nil || cfg.Authorizer == nil {
		return nil, errors.New("connections: stages, sockets, signatures and authorizer are needed")
	}
	log := cfg.Log
	if log == nil {
		log = slog.New(slog.DiscardHandler)
	}
	return &Service{cfg: cfg, log: log}, nil
}

// ServeHTTP implements http.Handler.
func (s *Service) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	c := &call{s: s, w: w, r: r, requestID: newRequestID()}
	w.Header().Set("x-amzn-RequestId", c.requestID)
	if err := c.serve(); err != nil {
		c.fail(err)
	}
}
