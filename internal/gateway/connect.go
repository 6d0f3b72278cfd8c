package gateway

import (
	"cmp"
	"errors"
	"fmt"
	"time"

	"github.com/sallyport/sallyport/internal/apigateway"
	"github.com/sallyport/sallyport/internal/gateway/integration"
	"github.com/sallyport/sallyport/internal/gateway/loop"
)

// Open implements loop.Handler: it takes an upgrade along its path: stage, authorisation, $connect, and then 101 or the status that
// decided against it. The client waits meanwhile; a goroutine exists only if something has to be waited for.
func (g *Gateway) Open(conn loop.Conn, h *loop.Handshake) {
	select {
	case <-g.ready:
		g.open(conn, h)
	default: // while the server starts nobody is told that there is no such stage
		go func() {
			select {
			case <-g.ready:
			case <-g.working.Done():
			}
			g.open(conn, h)
		}()
	}
}

func (g *Gateway) open(conn loop.Conn, h *loop.Handshake) {
	u := &upgrade{g: g, conn: conn, h: h, id: conn.ID(), at: conn.ConnectedAt()}
	u.request = g.requestID(u.at)
	served, st, domain, err := g.address(h)
	if err != nil {
		u.refuse(refused(403, forbidden, err, ""))
		return
	}
	u.st, u.r, u.guest.domain = st, st.connect, domain
	if no := st.admitUpgrade(u.at); no != nil {
		u.refuse(no)
		return
	}
	u.s = &session{conn: conn, id: u.id, stage: served}
	conn.Attach(u.s)
	if r := u.r; r == nil || (r.authorization == "" || r.authorization == "NONE") && (r.backend == nil || r.inline) {
		u.run()
		return
	}
	if !g.calls.begin() {
		u.refuse(refused(503, internalError, errStopping, ""))
		return
	}
	go func() {
		defer g.calls.end()
		u.run()
	}()
}

// An upgrade is a connection that is not yet one.
type upgrade struct {
	g       *Gateway
	conn    loop.Conn
	id      loop.ID
	h       *loop.Handshake
	at      time.Time
	request loop.ID
	s       *session
	guest   guest
	st      *stage // nil if there is none
	r       *route // $connect; nil if there is none

	called         bool // the backend was called
	took           time.Duration
	answered       int
	payload, reply []byte // of the backend, if somebody wants them
}

// run takes the steps that may block.
func (u *upgrade) run() {
	if u.r != nil {
		if no := u.admit(); no != nil {
			u.refuse(no)
			return
		}
	}
	u.s.head = u.head()
	if caller := u.guest.caller; caller != nil && u.st.actsAsCaller {
		u.g.signers.Store(u.s, caller)
	}
	u.st.connects.connects.Add(1)
	resp := integration.Response{Status: 200}
	if u.r != nil && (u.r.backend != nil || u.r.target != nil) {
		var err error
		if resp, err = u.invoke(); err != nil {
			u.refuse(&refusal{Failure: *integration.AsFailure(err)})
			return
		}
	}
	// AWS: the status decides. Headers and body of the answer go nowhere, but for the subprotocol.
	if resp.Status < 200 || resp.Status > 299 {
		u.decline(resp.Status)
		return
	}
	u.accept(resp)
}

// head returns the head of the connection that it is going to be, no longer than it must be: it stays.
func (u *upgrade) head() string {
	var buf [512]byte
	return string(appendHead(buf[:0], u.st, u.id, u.at, u.h, &u.guest))
}

// invoke runs the integration of $connect.
func (u *upgrade) invoke() (integration.Response, error) {
	b := u.r.backend
	if b == nil {
		return integration.Response{}, u.r.noTarget()
	}
	req := &integration.Request{Connect: true, SourceARN: u.r.sourceARN}
	if b.Local {
		req.RouteKey, req.ConnectionID, req.ID = u.r.key, u.id.String(), u.request.String()
	}
	if b.Event || b.Local {
		req.Event = moment{request: u.request, at: later(u.g.now(), u.at), connection: u.id}.appendConnect(nil, u.st, u.r, u.s.head, u.h)
	}
	if b.Values || b.Upgrade {
		req.Values = u.values()
	}
	if b.Caller {
		req.Caller = u.g.signer(u.s)
	}
	req.Trace = u.g.traceHeader(u.id, u.request)
	ctx, cancel := u.g.callContext(u.st, u.r, u.request, req.Trace)
	defer cancel()
	began := u.g.now()
	resp, err := b.Call(ctx, req)
	u.called, u.took, u.answered = true, max(u.g.now().Sub(began), 0), resp.Status
	if b.Type != apigateway.Mock {
		u.r.meter.took(u.took)
	}
	if u.st.wish.Bodies {
		u.payload, u.reply = req.Event, resp.Body
	}
	return resp, err
}

func later(a, b time.Time) time.Time {
	if a.Before(b) {
		return b
	}
	return a
}

// accept opens the connection. The session is in place: a backend that pushes at once finds it.
func (u *upgrade) accept(resp integration.Response) {
	u.st.lift(u.conn)
	err := u.conn.Accept(resp.Subprotocol)
	if err != nil && !errors.Is(err, loop.ErrGone) {
		u.refuse(refused(502, internalError, err, "return a subprotocol that can be a header's value"))
		return
	}
	if err != nil || u.st.wish.Successes {
		r := u.record()
		r.Status = 101
		if err != nil {
			r.Status, r.Error, r.Cause = 0, "gone", errors.New("the client left before the upgrade was answered")
		}
		u.g.observe(r)
	}
	switch {
	case err != nil && u.r != nil && u.r.backend != nil:
		// The backend has taken the connection for open, so it hears of its end.
		u.g.disconnect(u.s, loop.Closure{Code: loop.CodeLost, Reason: loop.ReasonLost, Client: true, At: u.g.now()})
		u.g.signers.Delete(u.s)
	case err == nil && u.s.stage.current.Load() == nil:
		_ = u.conn.Close(loop.CodeGoingAway, loop.ReasonGoingAway) // the stage was removed meanwhile
	}
}

// decline answers with the status that the backend decided on.
func (u *upgrade) decline(status int) {
	u.g.signers.Delete(u.s)
	if status < 200 || status > 599 {
		u.refuse(refused(502, internalError, fmt.Errorf("$connect answered status %d, which is none of HTTP's", status), "answer 200 to accept or 4xx to refuse"))
		return
	}
	u.st.connects.ended(u.called, status, nil)
	_ = u.conn.Refuse(status, []loop.Header{{Name: "x-amzn-RequestId", Value: u.request.String()}}, nil)
	r := u.record()
	r.Status, r.Error = status, fmt.Sprintf("refused with %d", status)
	r.Cause = fmt.Errorf("$connect answered %d", status)
	u.g.observe(r)
}

// refuse answers with what the gateway decided on.
func (u *upgrade) refuse(no *refusal) {
	u.g.signers.Delete(u.s)
	if u.st != nil {
		u.st.connects.ended(u.called, 0, &no.Failure)
	}
	no.answer(u.conn, u.request)
	r := u.record()
	r.failed(&no.Failure)
	u.g.observe(r)
}

func (u *upgrade) record() Record {
	r := Record{
		Kind: Connect, At: u.at, Connection: u.id.String(), RequestID: u.request.String(), SourceIP: sourceIP(u.h),
		Latency: max(u.g.now().Sub(u.at), 0), Called: u.called, Integrated: u.took, Answered: u.answered, Request: u.payload, Reply: u.reply,
	}
	if u.st != nil {
		u.st.told(&r)
		if u.st.wish.Variables {
			r.Variables = u.variables()
		}
	} else {
		r.API, r.Stage = asked(u.h.Host, u.h.Target)
	}
	if u.r != nil {
		r.Route = u.r.key
		if u.r.backend != nil {
			r.Integration = u.r.backend.Type + " " + u.r.backend.Target
		}
	}
	return r
}

// connectOnly stands for a $connect route where there is none.
var connectOnly = &route{quoted: []byte(`"` + connectKey + `"`)}

// variables returns $context. A connection that was refused early has no head yet.
func (u *upgrade) variables() []byte {
	head := ""
	if u.s != nil {
		head = u.s.head
	}
	if head == "" {
		head = u.head()
	}
	return moment{request: u.request, at: u.at}.appendVariables(nil, u.st, cmp.Or(u.r, connectOnly), head, "CONNECT", nil)
}
