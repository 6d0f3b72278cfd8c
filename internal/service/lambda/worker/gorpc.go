package worker

import (
	"encoding/json"
	"fmt"
	"net"
	"net/rpc"
	"strings"
	"sync"
	"time"
)

// goRPC speaks with functions built for go1.x, whose library serves net/rpc instead of asking for work.
type goRPC struct {
	env       *environment
	address   string
	client    *rpc.Client
	connected chan struct{} // closed when there is a client

	mu   sync.Mutex    // guards last
	last chan struct{} // closed when the newest request is answered
}

// The messages of the protocol; encoding/gob goes by the names of their fields.
type (
	rpcPing struct{}

	rpcTimestamp struct{ Seconds, Nanos int64 }

	rpcRequest struct {
		Payload               []byte
		RequestId             string
		XAmznTraceId          string
		Deadline              rpcTimestamp
		InvokedFunctionArn    string
		CognitoIdentityId     string
		CognitoIdentityPoolId string
		ClientContext         []byte
	}

	rpcResponse struct {
		Payload []byte
		Error   *rpcError
	}

	rpcError struct {
		Message    string     `json:"errorMessage"`
		Type       string     `json:"errorType"`
		StackTrace []rpcFrame `json:"stackTrace,omitempty"`
		ShouldExit bool       `json:"-"`
	}

	rpcFrame struct {
		Path  string `json:"path"`
		Line  int32  `json:"line"`
		Label string `json:"label"`
	}
)

// freePort returns a port that nobody listens on. The program will; that another takes it meanwhile is unlikely.
func freePort() (string, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", fmt.Errorf("find a free port: %w", err)
	}
	defer l.Close()
	_, port, err := net.SplitHostPort(l.Addr().String())
	return port, err
}

// run connects as soon as the program listens, which programs that use the Runtime API never do.
func (g *goRPC) run() {
	for wait := time.Millisecond; ; wait = min(2*wait, 20*time.Millisecond) {
		conn, err := net.Dial("tcp", g.address)
		if err == nil {
			g.client = rpc.NewClient(conn)
			close(g.connected)
			defer g.client.Close()
			break
		}
		select {
		case <-g.env.gone:
			return
		case <-g.env.ready: // over the Runtime API
			return
		case <-time.After(wait):
		}
	}
	var pong rpcPing
	if g.client.Call("Function.Ping", rpcPing{}, &pong) == nil {
		g.env.ask(g)
	}
	<-g.env.gone
}

// close takes what the process has sent before its end. Calls without an answer fail when their connection does.
func (g *goRPC) close() {
	select {
	case <-g.connected:
	default:
		return
	}
	g.mu.Lock()
	last := g.last
	g.mu.Unlock()
	if last != nil {
		timer := time.AfterFunc(lastWords, func() { g.client.Close() })
		<-last
		timer.Stop()
	}
}

func (g *goRPC) deliver(c *call) error {
	q := rpcRequest{
		Payload: c.in.Payload, RequestId: c.id, XAmznTraceId: c.trace, InvokedFunctionArn: c.arn,
		Deadline: rpcTimestamp{c.deadline.Unix(), int64(c.deadline.Nanosecond())}, ClientContext: []byte(c.in.ClientContext),
	}
	var identity struct{ CognitoIdentityId, CognitoIdentityPoolId string }
	if json.Unmarshal([]byte(c.in.Identity), &identity) == nil {
		q.CognitoIdentityId, q.CognitoIdentityPoolId = identity.CognitoIdentityId, identity.CognitoIdentityPoolId
	}
	call := g.client.Go("Function.Invoke", &q, new(rpcResponse), make(chan *rpc.Call, 1))
	last := make(chan struct{})
	g.mu.Lock()
	g.last = last
	g.mu.Unlock()
	go func() { // until the answer, or the end of the connection: close waits for it
		defer close(last)
		g.wait(c.id, call)
	}()
	return nil
}

func (g *goRPC) wait(id string, call *rpc.Call) {
	<-call.Done
	r := call.Reply.(*rpcResponse)
	o := outcome{payload: r.Payload}
	switch {
	case call.Error != nil:
		return // the process is gone: its end is the outcome
	case r.Error != nil:
		r.Error.Type = strings.TrimPrefix(r.Error.Type, "*")
		body, _ := json.Marshal(r.Error)
		o = reported(body, r.Error.Type)
	case len(r.Payload) > MaxResponse:
		o = tooLarge()
	}
	if r.Error != nil && r.Error.ShouldExit {
		g.env.last(o)
		return
	}
	if c := g.env.claim(id); c != nil {
		g.env.ask(g)
		g.env.finish(c, o)
	}
}
