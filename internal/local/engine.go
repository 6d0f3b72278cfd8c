package local

import (
	"context"
	"fmt"

	"github.com/sallyport/sallyport/internal/awsapi"
	"github.com/sallyport/sallyport/internal/gateway"
	"github.com/sallyport/sallyport/wsapp"
)

// engine is a stage of a gateway. It implements wsapp.Engine and wsapp.Caster: the gateway knows its connections, so none have to be remembered.
type engine struct {
	gateway    *gateway.Gateway
	api, stage string
}

// Post implements wsapp.Engine.
func (e *engine) Post(ctx context.Context, id string, data []byte) error {
	return inWords(e.gateway.Post(called(ctx), e.api, e.stage, id, data))
}

// Close implements wsapp.Engine.
func (e *engine) Close(ctx context.Context, id string) error {
	return inWords(e.gateway.Disconnect(called(ctx), e.api, e.stage, id))
}

// Info implements wsapp.Engine.
func (e *engine) Info(ctx context.Context, id string) (info wsapp.Info, err error) {
	info.ConnectedAt, info.LastActiveAt, info.SourceIP, info.UserAgent, err = e.gateway.Connection(called(ctx), e.api, e.stage, id)
	return info, inWords(err)
}

// Add implements wsapp.Engine.
func (e *engine) Add(context.Context, string) error { return nil }

// Remove implements wsapp.Engine.
func (e *engine) Remove(context.Context, string) error { return nil }

// Scan implements wsapp.Engine.
func (e *engine) Scan(_ context.Context, segment, _ int, page func(ids []string) error) error {
	if segment != 0 {
		return nil
	}
	const size = 1000
	ids := make([]string, 0, size)
	for id := range e.gateway.Connections(e.api, e.stage) {
		if ids = append(ids, id); len(ids) == size {
			if err := page(ids); err != nil {
				return err
			}
			ids = make([]string, 0, size)
		}
	}
	return page(ids)
}

// Cast implements wsapp.Caster.
func (e *engine) Cast(ctx context.Context, data []byte, except []string) (wsapp.Delivery, error) {
	sent, failed, err := e.gateway.Cast(ctx, e.api, e.stage, data, except)
	if err == nil && failed > 0 {
		err = fmt.Errorf("%d clients do not read: %w", failed, wsapp.ErrThrottled)
	}
	return wsapp.Delivery{Sent: sent, Failed: failed}, inWords(err)
}

// called returns ctx with a caller: that of the function may be there or not.
func called(ctx context.Context) context.Context {
	return awsapi.WithCaller(ctx, awsapi.Caller{Service: "sallyport", Admin: true})
}

// inWords says an error of the gateway in wsapp's words.
func inWords(err error) error {
	switch awsapi.Code(err) {
	case "GoneException":
		return wsapp.ErrGone
	case "LimitExceededException":
		return wsapp.ErrThrottled
	case "PayloadTooLargeException":
		return wsapp.ErrTooLarge
	}
	return err
}
