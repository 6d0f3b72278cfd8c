package gateway

import (
	"context"
	"log/slog"
	"time"

	"github.com/sallyport/sallyport/internal/gateway/integration"
)

// An Observer is told what happens to connections and messages.
type Observer interface {
	// Observe is called once for every upgrade, message, push and end of a connection, when it is done. It must not block: it may
	// be called on an event loop.
	Observe(r Record)
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
}

// observe tells r to the observer, or to the log.
func (g *Gateway) observe(r Record) {
	if g.cfg.Observer != nil {
		g.cfg.Observer.Observe(r)
		return
	}
	if r.Cause == nil {
		return
	}
	attrs := []any{
		slog.String("kind", r.Kind), slog.String("api", r.API), slog.String("stage", r.Stage), slog.String("route", r.Route),
		slog.String("connection", r.Connection), slog.String("request", r.RequestID), slog.Int("status", r.Status), slog.Any("cause", r.Cause),
	}
	if r.Hint != "" {
		attrs = append(attrs, slog.String("hint", r.Hint))
	}
	level := slog.LevelDebug // what clients do wrong is no news for the operator
	if r.Status >= 500 || r.Kind == Disconnect {
		level = slog.LevelWarn
	}
	g.log.Log(context.Background(), level, "request failed", attrs...)
}

// silent reports whether nobody would read a record of a success.
func (g *Gateway) silent() bool { return g.cfg.Observer == nil }

// failed writes a failure into r.
func (r *Record) failed(f *integration.Failure) {
	r.Status, r.Error, r.Cause, r.Hint = f.Status, f.Message, f.Cause, f.Hint
}
