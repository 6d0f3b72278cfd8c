package gateway

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/sallyport/sallyport/internal/apigateway"
	"github.com/sallyport/sallyport/internal/awsapi"
	"github.com/sallyport/sallyport/internal/gateway/integration"
	"github.com/sallyport/sallyport/internal/gateway/loop"
)

// Message implements loop.Handler.
func (g *Gateway) Message(conn loop.Conn, text []byte) { g.take(conn, text, false) }

// take takes one message along its path: route, integration, reply.
func (g *Gateway) take(conn loop.Conn, text []byte, binary bool) {
	s, _ := conn.Attached().(*session)
	if s == nil {
		return
	}
	st := s.stage.current.Load()
	if st == nil {
		return // the stage was removed, and its connections are being closed
	}
	at := g.now()
	c := g.newCall()
	c.kind, c.s, c.st, c.r = Message, s, st, st.route(text)
	c.m = moment{request: g.requestID(at), at: at, binary: binary}
	c.in = len(text)
	st.meterOf(c.r).message()
	switch {
	case c.r == nil:
		c.finish(integration.Response{}, &integration.Failure{
			Status: 403, Message: forbidden,
			Cause: g.noRoute(st, text),
			Hint:  "send a message for one of them, or add the route and deploy it",
		})
	case !c.admit(text):
	case c.r.backend == nil:
		c.finish(integration.Response{}, c.r.noTarget())
	case c.r.inline:
		c.called = true
		c.keepValues()
		c.finish(c.r.backend.Call(g.working, c.request(c.payloadFor(text))))
	default:
		c.prepare(text)
		if err := s.start(g, c, false); err != nil {
			c.finish(integration.Response{}, notStarted(err))
			break
		}
		return
	}
	g.free(c)
}

// admit takes a message against all limits and the route's models. If it may not go on, the client is told.
func (c *call) admit(text []byte) bool {
	var failure *integration.Failure
	if c.s.meter != nil && !c.g.cfg.PlansCountConnects {
		failure = overPlan(c.s.meter, c.st, c.r.key, c.m.at)
	}
	switch {
	case failure != nil:
	case !c.r.throttle.Take(c.m.at):
		failure = &integration.Failure{Status: 429, Message: tooManyRequests, Cause: errThrottled, Hint: throttledHint}
	case !c.st.limits.requests.Take(c.m.at):
		failure = &integration.Failure{Status: 429, Message: tooManyRequests, Cause: errAccountThrottled, Hint: limitsHint}
	default:
		failure = c.r.models.check(text)
	}
	if failure == nil {
		return true
	}
	c.finish(integration.Response{}, failure)
	return false
}

var errNoRoute = errors.New("no route matches the message, and the deployment has no $default route")

// noRoute says why there is no route, at length if somebody is there to read it: many clients keep their connections open with messages
// that have none.
func (g *Gateway) noRoute(st *stage, text []byte) error {
	if st.wish == (Wish{}) && !g.log.Enabled(g.working, slog.LevelDebug) {
		return errNoRoute
	}
	return st.noRoute(text)
}

// notStarted is the failure of a message whose turn does not come.
func notStarted(err error) *integration.Failure {
	if errors.Is(err, errTooFarAhead) {
		return &integration.Failure{Status: 429, Message: tooManyRequests, Cause: err, Hint: "wait for answers before sending more"}
	}
	return &integration.Failure{Status: 500, Message: internalError, Cause: err}
}

// noTarget is the failure of a route without integration.
func (r *route) noTarget() *integration.Failure {
	cause := r.target
	if cause == nil {
		cause = fmt.Errorf("route %s has no integration", r.key)
	}
	return &integration.Failure{Status: 500, Message: internalError, Cause: cause, Hint: "give the route a target and deploy it"}
}

// A call is one run of a route's integration.
type call struct {
	next *call // in the runners' queue
	g    *Gateway
	kind string
	s    *session
	st   *stage
	r    *route // nil if there is none
	m    moment

	event  []byte         // for backends that want one
	body   []byte         // for those that do not
	vars   []byte         // $context, for those that look values up
	who    *awsapi.Caller // who signed the upgrade, for those that act as whoever it was
	req    integration.Request
	in     int     // bytes of the message
	code   int     // of a disconnect
	id     loop.ID // of a message
	ended  loop.Closure
	called bool          // the backend was called
	trace  string        // for the backend
	took   time.Duration // of the backend's call
	kept   bool          // the backend may still read event: it must not be used again
}

func (g *Gateway) newCall() *call {
	if c, ok := g.idle.Get().(*call); ok {
		return c
	}
	return &call{g: g}
}

// maxIdle bounds the memory that an unused call keeps.
const maxIdle = 64 << 10

// free gives c back for another message.
func (g *Gateway) free(c *call) {
	if c.kept || cap(c.event) > maxIdle || cap(c.body) > maxIdle {
		return
	}
	*c = call{g: g, event: c.event[:0], body: c.body[:0], vars: c.vars[:0]}
	g.idle.Put(c)
}

// prepare keeps what the backend needs of a message.
func (c *call) prepare(text []byte) {
	if c.r.backend.Event {
		c.event = c.m.appendMessage(c.event[:0], c.st, c.r, c.s.head, c.messageID(), text)
		return
	}
	c.body = append(c.body[:0], c.payloadFor(text)...)
	c.keepValues()
}

func (c *call) request(body []byte) *integration.Request {
	c.req = integration.Request{Event: c.event, Body: body, Binary: c.m.binary, TwoWay: c.r.twoWay, SourceARN: c.r.sourceARN, Trace: c.trace}
	if c.r.backend.Local {
		c.req.RouteKey, c.req.ConnectionID, c.req.ID, c.req.Source = c.r.key, connectionOf(c.s.head), c.m.request.String(), c
	}
	if c.r.backend.Values {
		c.req.Context = c.vars
	}
	if c.r.backend.Caller {
		c.req.Caller = c.who
	}
	return &c.req
}

// AppendEvent implements integration.Source: the event of a message, for those who ask for it.
func (c *call) AppendEvent(dst []byte) []byte {
	return c.m.appendMessage(dst, c.st, c.r, c.s.head, c.messageID(), c.req.Body)
}

// messageID returns the id of the message, always the same.
func (c *call) messageID() loop.ID {
	if c.id == (loop.ID{}) {
		c.id = c.g.messageID(c.m.at)
	}
	return c.id
}

// run calls the backend and tells the client. The connection's next call begins as soon as this one has.
func (c *call) run() {
	g, s := c.g, c.s
	defer s.done(g, c.replies())
	resp, err := c.invoke(func() { s.begun(g) })
	if c.kind == Disconnect && err != nil && integration.AsFailure(err).Temporary {
		resp, err = c.invoke(func() {}) // once more, because the backend did not answer
	}
	c.finish(resp, err)
	g.free(c)
}

// invoke calls the backend, and begun when the call has begun.
func (c *call) invoke(begun func()) (integration.Response, error) {
	ctx, cancel := c.context()
	defer cancel()
	b, r := c.r.backend, c.request(c.body)
	at := c.g.now()
	wait := b.Begin(ctx, r)
	begun()
	var resp integration.Response
	var err error
	if wait != nil {
		resp, err = wait()
	} else {
		resp, err = b.Call(ctx, r)
	}
	c.called, c.took = true, max(c.g.now().Sub(at), 0)
	if b.Type != apigateway.Mock {
		c.r.meter.took(c.took)
	}
	c.kept = c.kept || ctx.Err() != nil
	return resp, err
}

// context returns the context of the backend's call: who calls, and for how long.
func (c *call) context() (context.Context, context.CancelFunc) {
	if c.r.backend.Local { // nobody asks for the trace
		return newLocalContext(c.g.working, c.r.backend.Timeout)
	}
	c.trace = c.g.traceHeader(c.s.id, c.m.request)
	return c.g.callContext(c.st, c.r, c.m.request, c.trace)
}

func (g *Gateway) callContext(st *stage, r *route, request loop.ID, trace string) (context.Context, context.CancelFunc) {
	if r.backend.Local {
		return newLocalContext(g.working, r.backend.Timeout)
	}
	ctx := awsapi.WithCaller(g.working, awsapi.Caller{
		Account: st.account, Region: st.region, RequestID: request.String(), ARN: r.sourceARN, Service: integration.Principal,
		Trace: trace,
	})
	return context.WithTimeout(ctx, r.backend.Timeout)
}

// finish sends what the client is to see, and tells the observer.
func (c *call) finish(resp integration.Response, err error) {
	var f *integration.Failure
	if err != nil {
		f = integration.AsFailure(err)
	} else if c.kind == Message && c.r.twoWay && len(resp.Body) > c.st.maxMessage() {
		f = &integration.Failure{
			Status: 500, Message: internalError,
			Cause: fmt.Errorf("the reply has %d bytes, and a message may have %d", len(resp.Body), c.st.maxMessage()),
			Hint:  "send large results in several messages through @connections",
		}
	}
	c.st.meterOf(c.r).ended(c.called, resp.Status, f)
	out := 0
	if c.kind == Message {
		if f != nil {
			var buf [256]byte
			frame := appendErrorFrame(buf[:0], f.Message, c.s.id, c.m.request)
			out = len(frame)
			c.g.write(c.s.conn, frame, false)
		} else if c.r.twoWay {
			out = len(resp.Body)
			c.r.meter.message()
			c.g.write(c.s.conn, resp.Body, resp.Binary)
		}
	}
	if f == nil && !c.st.wish.Successes {
		return
	}
	r := c.record()
	r.Status, r.Answered, r.Out = resp.Status, resp.Status, out
	if c.st.wish.Bodies {
		r.Request, r.Reply = bytes.Clone(c.payload()), bytes.Clone(resp.Body)
	}
	if f != nil {
		r.failed(f)
	}
	if c.kind == Disconnect {
		r.Status, r.Error = c.code, ""
	}
	c.g.observe(r)
}

// payload is what the backend was called with.
func (c *call) payload() []byte {
	if len(c.event) > 0 {
		return c.event
	}
	return c.req.Body
}

// nowhere stands for the route of a message that has none.
var nowhere = &route{quoted: []byte(`""`)}

// variables returns $context.
func (c *call) variables() []byte {
	r := cmp.Or(c.r, nowhere)
	if c.kind == Disconnect {
		return c.m.appendVariables(nil, c.st, r, c.s.head, "DISCONNECT", closureMembers(c.ended))
	}
	return c.m.appendVariables(nil, c.st, r, c.s.head, "MESSAGE", messageMember(c.messageID()))
}

// write sends a message. A client that does not read what it asked for is closed, so that nothing is lost in silence.
func (g *Gateway) write(conn loop.Conn, data []byte, binary bool) {
	send := conn.Write
	if binary {
		send = conn.WriteBinary
	}
	if errors.Is(send(data), loop.ErrBusy) {
		_ = conn.Close(loop.CodeInternal, "Client does not read")
	}
}

func (c *call) record() Record {
	r := Record{
		Kind: c.kind, At: c.m.at, Connection: c.s.id.String(), RequestID: c.m.request.String(), In: c.in,
		Latency: max(c.g.now().Sub(c.m.at), time.Duration(0)), Called: c.called, Integrated: c.took,
	}
	c.st.told(&r)
	if c.st.wish.Variables {
		r.Variables = c.variables()
	}
	if c.r != nil {
		r.Route, r.Twoway = c.r.key, c.r.twoWay
		if c.r.backend != nil {
			r.Integration = c.r.backend.Type + " " + c.r.backend.Target
		}
	}
	return r
}
