package wsapp

import (
	"context"
	"encoding/json"
	"fmt"

	"github.com/aws/aws-lambda-go/events"
)

// An Event is all that API Gateway says about a message, a new client or one that has gone. It is the type of aws-lambda-go, so functions
// written for that can be routes.
type Event = events.APIGatewayWebsocketProxyRequest

// A Response is what API Gateway wants to hear. It is the type of aws-lambda-go.
type Response = events.APIGatewayProxyResponse

// A Request is an event on its way to a route's function. It is valid until the function returns.
type Request struct {
	RouteKey     string
	ConnectionID string
	RequestID    string
	Body         []byte // the message; nil on $connect and $disconnect
	Raw          []byte // the whole event, JSON; empty if Source has it
	Source       EventSource

	// Authorized says that the gateway has asked the authorizer itself. Engines set it.
	Authorized bool

	event *Event
}

// An EventSource makes the event of a request when somebody asks for it. Engines that save themselves the work otherwise set it.
type EventSource interface {
	RawEvent() []byte
}

// NewRequest reads a whole event, as Lambda gives it to a function.
func NewRequest(raw []byte) (*Request, error) {
	e := new(Event)
	if err := json.Unmarshal(raw, e); err != nil {
		return nil, fmt.Errorf("read event: %w", err)
	}
	c := &e.RequestContext
	if c.RouteKey == "" || c.ConnectionID == "" {
		return nil, fmt.Errorf("read event: it is none of a WebSocket API")
	}
	r := &Request{RouteKey: c.RouteKey, ConnectionID: c.ConnectionID, RequestID: c.RequestID, Raw: raw, Authorized: true, event: e}
	if e.Body != "" {
		r.Body = []byte(e.Body)
	}
	return r, nil
}

// Event returns all that is known. It is decoded by the first who asks.
func (r *Request) Event() (*Event, error) {
	if r.event == nil {
		if len(r.Raw) == 0 && r.Source != nil {
			r.Raw = r.Source.RawEvent()
		}
		e := new(Event)
		if err := json.Unmarshal(r.Raw, e); err != nil {
			return nil, fmt.Errorf("read event: %w", err)
		}
		r.event = e
	}
	return r.event, nil
}

// A call is the context of a route's function.
type call struct {
	context.Context
	app     *App
	engine  Engine
	request *Request // nil outside a function
}

type callKey struct{}

func (c *call) Value(key any) any {
	if key == (callKey{}) {
		return c
	}
	return c.Context.Value(key)
}

func callOf(ctx context.Context) *call {
	c, _ := ctx.Value(callKey{}).(*call)
	return c
}
