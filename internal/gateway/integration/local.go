package integration

import (
	"context"
	"errors"
	"fmt"
)

// A Local is a function of this very process. It is called as it is: its event is made only if it asks, and its answer is not JSON.
type Local struct {
	// Call runs the function. An error is a failure of the function, as when a function in Lambda throws; a *Failure is what it says.
	Call func(ctx context.Context, r *Request) (Response, error)

	// Inline reports whether the function never waits when it is called for a route. Nil: it may.
	Inline func(routeKey string) bool
}

// A Source makes the proxy event of a request.
type Source interface {
	AppendEvent(dst []byte) []byte
}

// RawEvent returns the proxy event; it is made if it is not there yet.
func (r *Request) RawEvent() []byte {
	if len(r.Event) == 0 && r.Source != nil {
		r.Event = r.Source.AppendEvent(nil)
	}
	return r.Event
}

// complete makes an integration of a local function.
func (l Local) complete(i *Integration, function string) {
	i.Event, i.Local, i.Bytes, i.InlineFor = false, true, true, l.Inline
	i.call = func(ctx context.Context, r *Request) (Response, error) {
		resp, err := l.Call(ctx, r)
		if err == nil {
			return resp, nil
		}
		if f, ok := errors.AsType[*Failure](err); ok {
			return Response{}, f
		}
		if f := timeout(ctx, function); f != nil {
			return Response{}, f
		}
		return Response{}, &Failure{Status: 502, Message: internalError, Cause: fmt.Errorf("function %s failed: %w", function, err)}
	}
}
