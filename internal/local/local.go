// Package local runs an app of package wsapp on the gateway of this very process: its functions are called as they are, and its connections are
// the gateway's own.
//
// local.go is the function that routes call; engine.go what the app runs on; snapshot.go a stage for those who have no control plane.
// Package sallyport uses it beside a whole server, package wsapptest without one.
package local

import (
	"context"
	"encoding/json"
	"strings"
	"sync/atomic"

	"github.com/sallyport/sallyport/internal/gateway"
	"github.com/sallyport/sallyport/internal/gateway/integration"
	"github.com/sallyport/sallyport/wsapp"
)

// A Host runs one app.
type Host struct {
	App     *wsapp.App
	Gateway *gateway.Gateway

	// Authorized says that the gateway asks the app's authorizer, by way of a function, and not the app itself.
	Authorized bool

	// Engine wraps the host's engine; nil leaves it as it is.
	Engine func(wsapp.Engine) wsapp.Engine

	// Serve wraps the app's Serve; nil leaves it as it is.
	Serve func(ctx context.Context, e wsapp.Engine, r *wsapp.Request) (wsapp.Response, error)

	engine atomic.Pointer[wsapp.Engine]
	inline map[string]bool // by route key
}

// Function returns the function of all routes of the app. The Gateway must be set before it is called.
func (h *Host) Function() integration.Local {
	h.inline = map[string]bool{}
	for _, r := range h.App.Routes() {
		h.inline[r.Key()] = r.Inline
	}
	return integration.Local{Call: h.call, Inline: func(key string) bool { return h.inline[key] }}
}

// call answers one event.
func (h *Host) call(ctx context.Context, r *integration.Request) (integration.Response, error) {
	req := wsapp.Request{RouteKey: r.RouteKey, ConnectionID: r.ConnectionID, RequestID: r.ID, Body: r.Body, Raw: r.Event, Source: r, Authorized: h.Authorized}
	serve := h.Serve
	if serve == nil {
		serve = h.App.Serve
	}
	resp, err := serve(ctx, h.engineOf(r.SourceARN), &req)
	if err != nil {
		return integration.Response{}, err
	}
	out := integration.Response{Status: resp.StatusCode, Body: []byte(resp.Body)}
	if out.Status == 0 {
		out.Status = 200
	}
	for name, value := range resp.Headers {
		if strings.EqualFold(name, "Sec-WebSocket-Protocol") {
			out.Subprotocol = value
		}
	}
	return out, nil
}

// Invoke answers an event for all who are no route: an authorizer's, or one that somebody made up.
func (h *Host) Invoke(ctx context.Context, event []byte) ([]byte, error) {
	var e wsapp.Engine
	if known := h.engine.Load(); known != nil {
		e = *known
	}
	out, err := h.App.InvokeOn(ctx, e, event)
	if err != nil {
		return nil, err
	}
	return json.Marshal(out)
}

// engineOf returns the engine for the stage that a source ARN names: arn:aws:execute-api:{region}:{account}:{api}/{stage}/{route}.
// An app has one stage.
func (h *Host) engineOf(sourceARN string) wsapp.Engine {
	if e := h.engine.Load(); e != nil {
		return *e
	}
	path := sourceARN[strings.LastIndexByte(sourceARN, ':')+1:]
	api, rest, _ := strings.Cut(path, "/")
	stage, _, _ := strings.Cut(rest, "/")
	return h.At(api, stage)
}

// Context returns a context that reaches the connections from outside the app's functions; At has been called.
func (h *Host) Context(ctx context.Context) context.Context {
	return h.App.On(ctx, *h.engine.Load())
}

// At says which stage the app's is, and returns its engine.
func (h *Host) At(api, stage string) wsapp.Engine {
	var e wsapp.Engine = &engine{gateway: h.Gateway, api: api, stage: stage}
	if h.Engine != nil {
		e = h.Engine(e)
	}
	if h.engine.CompareAndSwap(nil, &e) {
		return e
	}
	return *h.engine.Load()
}
