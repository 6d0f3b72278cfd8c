package wsapptest

import (
	"slices"

	"github.com/sallyport/sallyport/internal/gateway"
	"github.com/sallyport/sallyport/wsapp"
)

// Kinds of events.
const (
	Connect    = gateway.Connect
	Message    = gateway.Message
	Push       = gateway.Push
	Disconnect = gateway.Disconnect
)

// An Event is one thing that happened.
type Event struct {
	Kind         string
	Route        string // key; empty if none matched, and of a Push
	ConnectionID string
	Body         string         // of a Push
	Response     wsapp.Response // what the route's function answered
	Err          error          // why the function, or the push, failed

	// Status is the client's: of a Connect the answer to it (101 if it was let in), of a Message that of the function's answer or of the error
	// frame, of a Disconnect the close code.
	Status int

	// Error is the message of the error frame that the client got, or of its refusal.
	Error string
}

// Events waits as [Test.Settle] does and returns all that has happened, in the order of its end.
func (x *Test) Events() []Event {
	x.t.Helper()
	x.Settle()
	x.mu.Lock()
	defer x.mu.Unlock()
	return slices.Clone(x.events)
}

// Last waits as [Test.Settle] does and returns the last event of a route; there must be one.
func (x *Test) Last(route string) Event {
	x.t.Helper()
	for _, e := range slices.Backward(x.Events()) {
		if e.Route == route {
			return e
		}
	}
	x.t.Fatalf("wsapptest: nothing has happened on route %s", route)
	return Event{}
}

// observer is a Test as the gateway sees it.
type observer Test

// Observe implements gateway.Observer.
func (o *observer) Observe(r gateway.Record) {
	x := (*Test)(o)
	if r.Kind == gateway.Push {
		return // recorded with its text by engine
	}
	x.change(func() {
		e := Event{Kind: r.Kind, Route: r.Route, ConnectionID: r.Connection, Status: r.Status, Error: r.Error}
		f := x.running[r.RequestID]
		if f != nil {
			e.Response, e.Err = f.Response, f.Err
			delete(x.running, r.RequestID)
		}
		x.events = append(x.events, e)
		for _, c := range x.clients {
			switch {
			case r.Kind == gateway.Connect && c.address == r.SourceIP:
				c.id, c.status = r.Connection, r.Status
			case r.Kind == gateway.Message && c.id == r.Connection:
				c.handled++
				if f == nil {
					c.seen++
				}
			case r.Kind == gateway.Disconnect && c.id == r.Connection:
				c.ended = true
			}
		}
	})
}
