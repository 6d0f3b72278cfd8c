package wsapp

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"runtime/debug"
	"slices"
	"strings"
)

// Serve takes one event along its path: authorizer, middleware, the route's function, and the table of connections. Engines call it; an error is
// a failure of the function.
func (a *App) Serve(ctx context.Context, e Engine, r *Request) (resp Response, err error) {
	a.compile()
	h := a.chains[r.RouteKey]
	if h == nil {
		return Response{}, fmt.Errorf("the app has no route %s", r.RouteKey)
	}
	defer failed(&err)
	c := &call{Context: ctx, app: a, engine: e, request: r}
	switch r.RouteKey {
	case ConnectKey:
		return a.connect(c, h)
	case DisconnectKey:
		return a.disconnect(c, h)
	}
	return answer(h(c, r))
}

// failed makes an error of a panic: it ends the function, and nothing else that runs in this process.
func failed(err *error) {
	if v := recover(); v != nil {
		*err = fmt.Errorf("panic: %v\n%s", v, debug.Stack())
	}
}

// answer makes a response of what a function decided on by an error.
func answer(resp Response, err error) (Response, error) {
	if err == nil {
		return resp, nil
	}
	if e, ok := errors.AsType[*Error](err); ok {
		return Response{StatusCode: e.Status, Body: e.Message}, nil
	}
	return Response{}, err
}

func (a *App) connect(c *call, h Handler) (Response, error) {
	r := c.request
	if a.Authorizer != nil && !r.Authorized {
		if err := a.admit(c, r); err != nil {
			return answer(Response{}, err)
		}
	}
	protocol, err := a.subprotocol(r)
	if err != nil {
		a.identities.Delete(r.ConnectionID)
		return answer(Response{}, err)
	}
	resp, err := answer(h(c, r))
	if ok := err == nil && (resp.StatusCode == 0 || resp.StatusCode >= 200 && resp.StatusCode <= 299); !ok {
		a.identities.Delete(r.ConnectionID)
		return resp, err
	}
	if protocol != "" && resp.Headers[protocolHeader] == "" {
		resp.Headers = map[string]string{protocolHeader: protocol}
	}
	if a.Table != nil {
		if err := c.engine.Add(c, r.ConnectionID); err != nil {
			return Response{}, fmt.Errorf("remember connection: %w", err)
		}
	}
	return resp, nil
}

// disconnect forgets the connection, whatever the function says.
func (a *App) disconnect(c *call, h Handler) (Response, error) {
	id := c.request.ConnectionID
	defer a.identities.Delete(id)
	var forgotten error
	if a.Table != nil {
		forgotten = c.engine.Remove(c, id)
	}
	resp, err := answer(h(c, c.request))
	return resp, errors.Join(err, forgotten)
}

const protocolHeader = "Sec-WebSocket-Protocol"

// subprotocol chooses among those that the client offers.
func (a *App) subprotocol(r *Request) (string, error) {
	if len(a.Subprotocols) == 0 {
		return "", nil
	}
	e, err := r.Event()
	if err != nil {
		return "", err
	}
	var offered []string
	for name, value := range e.Headers {
		if strings.EqualFold(name, protocolHeader) {
			for p := range strings.SplitSeq(value, ",") {
				offered = append(offered, strings.TrimSpace(p))
			}
		}
	}
	for _, p := range a.Subprotocols {
		if slices.Contains(offered, p) {
			return p, nil
		}
	}
	return "", Errorf(400, "offer one of the subprotocols %s", strings.Join(a.Subprotocols, ", "))
}

// Invoke answers one event as a Lambda function does: events of routes, and those of an authorizer. It is the app's function on AWS; it can be given to
// aws-lambda-go's Start, too.
func (a *App) Invoke(ctx context.Context, event json.RawMessage) (any, error) {
	return a.InvokeOn(ctx, nil, event)
}

// InvokeOn is Invoke where the app runs on e; nil means AWS.
func (a *App) InvokeOn(ctx context.Context, e Engine, event json.RawMessage) (any, error) {
	var kind struct {
		Type      string `json:"type"`
		MethodARN string `json:"methodArn"`
	}
	if err := json.Unmarshal(event, &kind); err != nil {
		return nil, fmt.Errorf("read event: %w", err)
	}
	if kind.Type == "REQUEST" && kind.MethodARN != "" {
		return a.authorize(ctx, event)
	}
	r, err := NewRequest(event)
	if err != nil {
		return nil, err
	}
	if e == nil {
		if e, err = a.awsEngine(r.event); err != nil {
			return nil, err
		}
	}
	return a.Serve(ctx, e, r)
}

// Context returns a context that reaches the connections of the app on AWS from outside its functions. The address of the stage comes from the
// environment variable WSAPP_ENDPOINT, the table's name from the table's variable, and credentials from AWS's.
func (a *App) Context(ctx context.Context) (context.Context, error) {
	e, err := a.awsEngine(nil)
	if err != nil {
		return nil, err
	}
	return &call{Context: ctx, app: a, engine: e}, nil
}

// On returns a context that reaches the connections of the app from outside its functions, where the app runs on e.
func (a *App) On(ctx context.Context, e Engine) context.Context {
	return &call{Context: ctx, app: a, engine: e}
}
