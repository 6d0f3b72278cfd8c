package gateway

import (
	"context"
	"encoding/hex"
	"hash/fnv"
	"log/slog"
	"sync/atomic"
	"time"

	"github.com/sallyport/sallyport/internal/apigateway"
	"github.com/sallyport/sallyport/internal/gateway/integration"
	"github.com/sallyport/sallyport/internal/gateway/loop"
	"github.com/sallyport/sallyport/internal/gateway/throttle"
)

// An Observer is told what happens to connections and messages.
type Observer interface {
	// Observe is called once for every upgrade, message, push and end of a connection, when it is done. It must not block: it may
	// be called on an event loop.
	Observe(r Record)
}

// A Chooser is an Observer that does not want everything of every stage. What nobody wants costs nothing.
type Chooser interface {
	Observer
	// Choose says what is wanted of a stage. It is asked when the stage is deployed, and when its settings change.
	Choose(s *apigateway.Stage) Wish
}

// A Wish is what an observer wants to be told. Failures are always told.
type Wish struct {
	Successes bool // what went well, too
	Variables bool // Record.Variables
	Bodies    bool // Record.Request and Record.Reply
}

// Kinds of records.
const (
	Connect    = "connect"
	Message    = "message"
	Push       = "push"
	Disconnect = "disconnect"
)

// A Record is one thing that happened.
type Record struct {
	Kind        string
	At          time.Time
	Account     string
	Region      string
	API         string
	Stage       string
	Route       string // key; empty if none was found
	Connection  string
	RequestID   string
	SourceIP    string        // of an upgrade
	Integration string        // type and target, such as "AWS_PROXY arn:…"; empty if none was called
	Status      int           // of the upgrade; of a message what its integration answered, or would have refused an upgrade with; of a push its answer; of a disconnect the close code
	Latency     time.Duration // from arrival to the end
	In, Out     int           // bytes from and to the client
	Error       string        // what the client was told; empty if all went well
	Cause       error         // why, for the operator
	Hint        string        // what to do about it

	Called     bool          // an integration was called
	Answered   int           // status that it answered with; 0: it did not
	Integrated time.Duration // how long it took; 0 for MOCK
	Twoway     bool          // the answer goes to the client

	// What follows is there if a Chooser wants it.
	Settings  *apigateway.Stage // of the stage
	Variables []byte            // $context, as JSON
	Request   []byte            // what the integration was called with
	Reply     []byte            // what it answered
}

// Trace returns the id of the trace that all of a connection belongs to: 32 digits, which begin with its time, as X-Ray wants them.
func Trace(connection string) string {
	id, err := loop.ParseID(connection)
	if err != nil {
		return ""
	}
	return traceOf(id)
}

func traceOf(id loop.ID) string {
	h := fnv.New128a()
	_, _ = h.Write(id[:])
	sum := append(id[:4:4], h.Sum(nil)[:12]...)
	return hex.EncodeToString(sum)
}

// Span returns the id of the span of a request: 16 digits.
func Span(request string) string {
	h := fnv.New64a()
	_, _ = h.Write([]byte(request))
	return hex.EncodeToString(h.Sum(nil))
}

// traceRoot is the trace in a header of X-Ray.
func traceRoot(id loop.ID) string {
	t := traceOf(id)
	return "Root=1-" + t[:8] + "-" + t[8:]
}

// traceHeader is what backends are given to go on with the trace of a request.
func (g *Gateway) traceHeader(connection, request loop.ID) string {
	sampled := "0"
	if g.cfg.Traced {
		sampled = "1"
	}
	return traceRoot(connection) + ";Parent=" + Span(request.String()+"/integration") + ";Sampled=" + sampled
}

// choose asks the observer what it wants of a stage.
func (cfg *Config) choose(s *apigateway.Stage) Wish {
	switch o := cfg.Observer.(type) {
	case nil:
		return Wish{}
	case Chooser:
		return o.Choose(s)
	}
	return Wish{Successes: true}
}

// A Logger is an Observer that logs failures, and wants nothing else. Failures of the owner are warnings. What clients do wrong is told
// as information, a hundred lines at once and ten in a second, so that no client fills the log: the next line says how many were left out.
type Logger struct {
	log     *slog.Logger
	clients *throttle.Bucket
	untold  atomic.Int64
}

// NewLogger returns a Logger.
func NewLogger(log *slog.Logger) *Logger {
	return &Logger{log: log, clients: throttle.New(10, 100)}
}

// Choose implements Chooser.
func (*Logger) Choose(*apigateway.Stage) Wish { return Wish{} }

// observe tells r to the observer, or to the log.
func (g *Gateway) observe(r Record) {
	if r.Cause != nil && r.Hint == "" {
		r.Hint = r.advice()
	}
	if g.cfg.Observer != nil {
		g.cfg.Observer.Observe(r)
		return
	}
	g.failures.Observe(r)
}

// Observe implements Observer.
func (l *Logger) Observe(r Record) {
	if r.Cause == nil {
		return
	}
	level := slog.LevelInfo
	if r.Status >= 500 && r.Kind != Disconnect || r.Kind == Disconnect && r.Route != "" {
		level = slog.LevelWarn
	} else if !l.clients.Take(r.At) {
		l.untold.Add(1)
		return
	}
	attrs := []any{
		slog.String("kind", r.Kind), slog.String("api", r.API), slog.String("stage", r.Stage), slog.String("route", r.Route),
		slog.String("connection", r.Connection), slog.String("request", r.RequestID), slog.Int("status", r.Status), slog.Any("cause", r.Cause),
	}
	if r.Hint != "" {
		attrs = append(attrs, slog.String("hint", r.Hint))
	}
	if level == slog.LevelInfo {
		if n := l.untold.Swap(0); n > 0 {
			attrs = append(attrs, slog.Int64("untold", n))
		}
	}
	l.log.Log(context.Background(), level, "request failed", attrs...)
}

// told writes what is known of the stage into r.
func (st *stage) told(r *Record) {
	r.Account, r.Region, r.API, r.Stage = st.account, st.region, st.api, st.name
	if st.wish.Variables {
		r.Settings = st.settings
	}
}

// failed writes a failure into r.
func (r *Record) failed(f *integration.Failure) {
	r.Status, r.Error, r.Cause, r.Hint = f.Status, f.Message, f.Cause, f.Hint
}
