package connections

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/netip"
	"strconv"
	"time"

	"github.com/sallyport/sallyport/internal/arn"
	"github.com/sallyport/sallyport/internal/awsapi"
	shapes "github.com/sallyport/sallyport/internal/awsapi/shapes/connections"
	"github.com/sallyport/sallyport/internal/json"
)

// A call is one request.
type call struct {
	s         *Service
	w         http.ResponseWriter
	r         *http.Request
	requestID string
}

// serve takes a request along its path: address, stage, signature, permission, operation. A caller without permission does not learn
// whether the connection exists.
func (c *call) serve() error {
	select {
	case <-c.s.cfg.Stages.Ready():
	case <-c.r.Context().Done():
		return c.r.Context().Err()
	}
	a, ok := parse(c.r, c.s.cfg.Domains != nil && c.s.cfg.Domains.Domain(c.r.Host))
	if !ok {
		return errForbidden
	}
	account, region, err := c.find(&a)
	if err != nil {
		return err
	}
	if a.connection == "" {
		if c.r.Method == http.MethodGet {
			return errUpgrade
		}
		return errMissingToken
	}
	switch c.r.Method {
	case http.MethodPost, http.MethodGet, http.MethodDelete:
	default:
		return errMissingToken
	}
	body, err := c.body(c.s.cfg.Sockets.MaxPayload(a.api, a.stage))
	if err != nil {
		return err
	}
	ctx, err := c.authorize(a, account, region, body)
	if err != nil {
		return err
	}
	return c.operate(ctx, a, body)
}

// find completes the address, and returns whose the stage is.
func (c *call) find(a *address) (account, region string, err error) {
	var ok bool
	if a.custom {
		var rest string
		a.api, a.stage, rest = c.s.cfg.Domains.Mapping(c.r.Host, a.path)
		switch account, region, ok = c.s.cfg.Domains.Served(a.api, a.stage); {
		case !ok:
			return "", "", errForbidden
		case rest != "" && a.connection != "":
			return "", "", errNoMethod(rest+"/"+collection+"/"+a.connection, c.r.Method)
		case rest != "":
			return "", "", errForbidden
		}
		a.region = region
		return account, region, nil
	}
	if a.api == "" {
		if a.api, ok = c.s.cfg.Stages.Owner(c.r.Context(), a.stage, a.connection); !ok {
			return "", "", errForbidden
		}
	}
	account, region, ok = c.s.cfg.Stages.Stage(a.api, a.stage)
	if !ok || a.region != "" && a.region != region {
		return "", "", errForbidden
	}
	return account, region, nil
}

// body reads the payload, and no more than can be posted.
func (c *call) body(most int) ([]byte, error) {
	if c.r.ContentLength > int64(most) {
		return nil, errTooLarge
	}
	body, err := io.ReadAll(io.LimitReader(c.r.Body, int64(most)+1))
	if err != nil {
		return nil, awsapi.Errorf("BadRequestException", 400, "The request body could not be read")
	}
	if len(body) > most {
		return nil, errTooLarge
	}
	return body, nil
}

// authorize checks who signed the request and whether they may manage connections of the stage. AWS: policies are evaluated for the
// literal {connectionId}, so none can name a single connection.
func (c *call) authorize(a address, account, region string, body []byte) (context.Context, error) {
	peer, err := netip.ParseAddrPort(c.r.RemoteAddr)
	if err != nil {
		return nil, fmt.Errorf("read the client's address: %w", err)
	}
	caller, err := c.s.cfg.Signatures.Verify(c.r.Context(), awsapi.SignedRequest(c.r, body), shapes.API, peer.Addr())
	if err != nil {
		return nil, err
	}
	if a.region != "" && caller.Region != "" && caller.Region != a.region {
		return nil, errRegion
	}
	resource := arn.New("execute-api", region, account, a.api+"/"+a.stage+"/"+c.r.Method+"/"+collection+"/{connectionId}").String()
	const action = "execute-api:ManageConnections"
	if caller.Account != account && !caller.Admin {
		return nil, errDenied(awsapi.Errorf("AccessDeniedException", 403, "User: %s is not authorized to perform: %s on resource: %s", caller.ARN, action, resource), resource)
	}
	caller.Account, caller.Region, caller.RequestID = account, region, c.requestID
	caller.SourceIP, caller.UserAgent = peer.Addr().Unmap().String(), c.r.UserAgent()
	ctx := awsapi.WithCaller(c.r.Context(), caller)
	if err := c.s.cfg.Authorizer.Authorize(ctx, action, resource, nil); err != nil {
		if e, ok := errors.AsType[*awsapi.Error](err); ok {
			return nil, errDenied(e, resource)
		}
		return nil, fmt.Errorf("authorize %s on %s: %w", action, resource, err)
	}
	return ctx, nil
}

func (c *call) operate(ctx context.Context, a address, body []byte) error {
	sockets, h := c.s.cfg.Sockets, c.w.Header()
	switch c.r.Method {
	case http.MethodPost:
		if err := sockets.Post(ctx, a.api, a.stage, a.connection, body); err != nil {
			return err
		}
		h.Set("Content-Length", "0")
		c.w.WriteHeader(http.StatusOK)
	case http.MethodDelete:
		if err := sockets.Disconnect(ctx, a.api, a.stage, a.connection); err != nil {
			return err
		}
		c.w.WriteHeader(http.StatusNoContent)
	default:
		connectedAt, lastActiveAt, sourceIP, userAgent, err := sockets.Connection(ctx, a.api, a.stage, a.connection)
		if err != nil {
			return err
		}
		text := appendInfo(nil, connectedAt, lastActiveAt, sourceIP, userAgent)
		h.Set("Content-Type", "application/json")
		h.Set("Content-Length", strconv.Itoa(len(text)))
		_, _ = c.w.Write(text)
	}
	return nil
}

// appendInfo appends what GetConnection tells. AWS: a client without User-Agent has an empty one, since the model requires it.
func appendInfo(b []byte, connectedAt, lastActiveAt time.Time, sourceIP, userAgent string) []byte {
	const layout = `"2006-01-02T15:04:05.000Z"`
	b = append(b, `{"connectedAt":`...)
	b = connectedAt.UTC().AppendFormat(b, layout)
	b = append(b, `,"identity":{"sourceIp":`...)
	b = json.AppendQuoted(b, sourceIP)
	b = append(b, `,"userAgent":`...)
	b = json.AppendQuoted(b, userAgent)
	b = append(b, `},"lastActiveAt":`...)
	b = lastActiveAt.UTC().AppendFormat(b, layout)
	return append(b, '}')
}
