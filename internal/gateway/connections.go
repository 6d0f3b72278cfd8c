package gateway

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/sallyport/sallyport/internal/awsapi"
	"github.com/sallyport/sallyport/internal/bus"
	"github.com/sallyport/sallyport/internal/gateway/loop"
	"github.com/sallyport/sallyport/internal/json"
)

// askTimeout is how long another node may take to answer.
const askTimeout = 5 * time.Second

// Post sends data as one text message to a connection of a stage, wherever its socket is. Nil means handed to the socket or queued
// behind other output; calls that follow each other arrive in that order. The error is an *awsapi.Error: BadRequestException,
// GoneException, LimitExceededException, PayloadTooLargeException.
func (g *Gateway) Post(ctx context.Context, api, stage, connectionID string, data []byte) error {
	at := g.now()
	err := g.post(ctx, api, stage, connectionID, data)
	st := g.servedNow(api, stage)
	if err == nil && st != nil {
		st.meter.messages.Add(1)
	}
	if err == nil && (st == nil || !st.wish.Successes) {
		return nil
	}
	r := Record{
		Kind: Push, At: at, API: api, Stage: stage, Connection: connectionID, RequestID: awsapi.CallerOf(ctx).RequestID,
		Status: 200, Out: len(data), Latency: max(g.now().Sub(at), 0),
	}
	if st != nil {
		st.told(&r)
	}
	if err != nil {
		r.Cause, r.Out = err, 0
		r.Status, r.Error = 500, internalError
		if e, ok := errors.AsType[*awsapi.Error](err); ok {
			r.Status, r.Error = e.Status, e.Code
		}
	}
	g.observe(r)
	return err
}

func (g *Gateway) post(ctx context.Context, api, stage, connectionID string, data []byte) error {
	switch {
	case len(data) > g.MaxPayload(api, stage):
		return awsapi.Errorf("PayloadTooLargeException", 413, "Message too long")
	case !utf8.Valid(data) && !g.binary(api, stage):
		return awsapi.Errorf("BadRequestException", 400, "The payload is not valid UTF-8, and a text message cannot carry it")
	}
	if err := g.admitCall(api, stage); err != nil {
		return err
	}
	_, err := g.ask(ctx, question{op: opPost, api: api, stage: stage, data: data}, connectionID)
	return err
}

// admitCall takes a call of @connections against the limit of the account. AWS: those of stages and routes are for clients.
func (g *Gateway) admitCall(api, stage string) error {
	if s := g.served.find(api, stage); s != nil {
		if st := s.current.Load(); st != nil && !st.limits.requests.Take(g.now()) {
			return awsapi.Errorf("LimitExceededException", 429, "")
		}
	}
	return nil
}

// Connection tells about an open connection of a stage. Errors are those of Post.
func (g *Gateway) Connection(ctx context.Context, api, stage, connectionID string) (connectedAt, lastActiveAt time.Time, sourceIP, userAgent string, err error) {
	if err := g.admitCall(api, stage); err != nil {
		return time.Time{}, time.Time{}, "", "", err
	}
	k, err := g.ask(ctx, question{op: opGet, api: api, stage: stage}, connectionID)
	return k.ConnectedAt, k.LastActiveAt, k.SourceIP, k.UserAgent, err
}

// Disconnect closes a connection of a stage with code 1000. Errors are those of Post.
func (g *Gateway) Disconnect(ctx context.Context, api, stage, connectionID string) error {
	if err := g.admitCall(api, stage); err != nil {
		return err
	}
	_, err := g.ask(ctx, question{op: opDelete, api: api, stage: stage}, connectionID)
	return err
}

// Stage returns whose an API's stage is; ok is false if it is not served at the API's default endpoint.
func (g *Gateway) Stage(api, stage string) (account, region string, ok bool) {
	_, st, err := g.stageOf(api, "", stage)
	if err != nil {
		return "", "", false
	}
	return st.account, st.region, true
}

// Served returns whose an API's stage is; ok is false if there is none, or it is not deployed. A custom domain leads to it also if the
// default endpoint does not.
func (g *Gateway) Served(api, stage string) (account, region string, ok bool) {
	s := g.served.find(api, stage)
	if s == nil {
		return "", "", false
	}
	st := s.current.Load()
	if st == nil {
		return "", "", false
	}
	return st.account, st.region, true
}

// Owner returns the API that a connection of a stage of this name belongs to. If the connection is gone it is the only API with
// such a stage, or the first; ok is false if there is none.
func (g *Gateway) Owner(ctx context.Context, stage, connectionID string) (api string, ok bool) {
	var apis []string
	for key, s := range *g.served.table.Load() {
		if st := s.current.Load(); st != nil && st.name == stage && !st.disabled {
			api, _, _ := strings.Cut(key, "/")
			apis = append(apis, api)
		}
	}
	slices.Sort(apis)
	switch len(apis) {
	case 0:
		return "", false
	case 1:
		return apis[0], true
	}
	if k, err := g.ask(ctx, question{op: opGet, stage: stage}, connectionID); err == nil {
		return k.API, slices.Contains(apis, k.API)
	}
	return apis[0], true
}

// A question is what one node asks another about a connection. In bytes: op, id, and api and stage with a byte of length before, data.
type question struct {
	op    byte
	id    loop.ID
	api   string // empty: any
	stage string
	data  []byte
}

const (
	opPost   = 'P'
	opGet    = 'G'
	opDelete = 'D'
)

// Answers begin with one of these.
const (
	answerOK     = 'k'
	answerGone   = 'g'
	answerBusy   = 'b'
	answerFailed = 'f' // and a text
)

// known is what is told of a connection.
type known struct {
	API          string    `json:"api"`
	ConnectedAt  time.Time `json:"connectedAt"`
	LastActiveAt time.Time `json:"lastActiveAt"`
	SourceIP     string    `json:"sourceIp"`
	UserAgent    string    `json:"userAgent"`
}

func nodeSubject(node uint16) string { return fmt.Sprintf("gateway.%d.connections", node) }

// ask puts a question to the node that has the socket: the id tells which.
func (g *Gateway) ask(ctx context.Context, q question, connectionID string) (known, error) {
	id, err := loop.ParseID(connectionID)
	if err != nil {
		return known{}, awsapi.Errorf("BadRequestException", 400, "Invalid connectionId: %s", connectionID)
	}
	q.id = id
	var k known
	if id.Node() == g.cfg.Node {
		k, err = g.answer(q)
	} else {
		k, err = g.askNode(ctx, q)
	}
	switch {
	case errors.Is(err, loop.ErrGone):
		return known{}, awsapi.Errorf("GoneException", 410, "")
	case errors.Is(err, loop.ErrBusy):
		return known{}, awsapi.Errorf("LimitExceededException", 429, "")
	case err != nil:
		return known{}, fmt.Errorf("reach connection %s: %w", connectionID, err)
	}
	return k, nil
}

// askNode is answer on the node that has the socket. Nobody there means that the node is gone, and its sockets with it.
func (g *Gateway) askNode(ctx context.Context, q question) (known, error) {
	if g.cfg.Bus == nil {
		return known{}, loop.ErrGone
	}
	ctx, cancel := context.WithTimeout(ctx, askTimeout)
	defer cancel()
	reply, err := g.cfg.Bus.Request(ctx, nodeSubject(q.id.Node()), q.encode())
	if errors.Is(err, bus.ErrNoResponder) {
		return known{}, loop.ErrGone
	}
	if err != nil {
		return known{}, fmt.Errorf("ask node %d: %w", q.id.Node(), err)
	}
	if len(reply) == 0 {
		return known{}, fmt.Errorf("ask node %d: empty answer", q.id.Node())
	}
	switch reply[0] {
	case answerOK:
		var k known
		if len(reply) > 1 {
			err = json.Unmarshal(reply[1:], &k)
		}
		return k, err
	case answerGone:
		return known{}, loop.ErrGone
	case answerBusy:
		return known{}, loop.ErrBusy
	}
	return known{}, fmt.Errorf("ask node %d: %s", q.id.Node(), reply[1:])
}

// answerNode answers another node's question.
func (g *Gateway) answerNode(_ context.Context, _ string, data []byte) []byte {
	q, err := decodeQuestion(data)
	if err != nil {
		return append([]byte{answerFailed}, err.Error()...)
	}
	k, err := g.answer(q)
	switch {
	case errors.Is(err, loop.ErrGone):
		return []byte{answerGone}
	case errors.Is(err, loop.ErrBusy):
		return []byte{answerBusy}
	case err != nil:
		return append([]byte{answerFailed}, err.Error()...)
	case q.op != opGet:
		return []byte{answerOK}
	}
	text, err := json.Marshal(k)
	if err != nil {
		return append([]byte{answerFailed}, err.Error()...)
	}
	return append([]byte{answerOK}, text...)
}

// answer does what is asked, here. The error is loop.ErrGone also for a connection of another stage.
func (g *Gateway) answer(q question) (known, error) {
	conn, ok := g.cfg.Sockets.Lookup(q.id)
	if !ok {
		return known{}, loop.ErrGone
	}
	s, _ := conn.Attached().(*session)
	if s == nil {
		return known{}, loop.ErrGone
	}
	st := s.stage.current.Load()
	if st == nil || st.name != q.stage || q.api != "" && st.api != q.api {
		return known{}, loop.ErrGone
	}
	switch q.op {
	case opPost:
		if st.policy.Binary && !utf8.Valid(q.data) {
			return known{}, conn.WriteBinary(q.data)
		}
		return known{}, conn.Write(q.data)
	case opDelete:
		return known{}, conn.Close(loop.CodeNormal, loop.ReasonDeleted)
	case opGet:
		ip, agent := s.identity()
		return known{API: st.api, ConnectedAt: conn.ConnectedAt(), LastActiveAt: conn.LastActive(), SourceIP: ip, UserAgent: agent}, nil
	}
	return known{}, fmt.Errorf("unknown question %q", q.op)
}

// identity reads the client's address and program out of the session's head, where alone they are kept.
func (s *session) identity() (sourceIP, userAgent string) {
	var head struct {
		Identity struct {
			SourceIP  string `json:"sourceIp"`
			UserAgent string `json:"userAgent"`
		} `json:"identity"`
	}
	text := append(append([]byte{'{'}, s.head...), '}')
	if json.Unmarshal(text, &head) != nil {
		return "", ""
	}
	return head.Identity.SourceIP, head.Identity.UserAgent
}

func (q question) encode() []byte {
	b := make([]byte, 0, 1+len(q.id)+2+len(q.api)+len(q.stage)+len(q.data))
	b = append(b, q.op)
	b = append(b, q.id[:]...)
	b = append(b, byte(len(q.api)))
	b = append(b, q.api...)
	b = append(b, byte(len(q.stage)))
	b = append(b, q.stage...)
	return append(b, q.data...)
}

var errQuestion = errors.New("the question is cut off")

func decodeQuestion(b []byte) (question, error) {
	var q question
	if len(b) < 1+len(q.id) {
		return question{}, errQuestion
	}
	q.op = b[0]
	b = b[1+copy(q.id[:], b[1:]):]
	for _, s := range []*string{&q.api, &q.stage} {
		if len(b) < 1 || len(b)-1 < int(b[0]) {
			return question{}, errQuestion
		}
		n := int(b[0])
		*s, b = string(b[1:1+n]), b[1+n:]
	}
	q.data = b
	return q, nil
}

// servedNow returns a stage as it is now, nil if there is none.
func (g *Gateway) servedNow(api, name string) *stage {
	if s := g.served.find(api, name); s != nil {
		return s.current.Load()
	}
	return nil
}
