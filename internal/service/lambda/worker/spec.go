package worker

import (
	"context"
	"errors"
	"time"
)

// A Spec describes one version of a function as it is to be run. It must not change once a Pool has seen it: a new
// configuration or new code is a new Spec with a new ID, and Pool.Retire ends the processes of the old one.
type Spec struct {
	ID string // names this very configuration and code: a function ARN with a revision, for example

	Account      string // "000000000000"
	Region       string // "us-east-1"
	FunctionName string
	Version      string   // "$LATEST" or "3"; "" is $LATEST
	Runtime      string   // "nodejs20.x"
	Handler      string   // "src/app.handler"
	CodeDir      string   // the unpacked code: working directory and LAMBDA_TASK_ROOT
	LayerDir     string   // the layers, unpacked over each other: what AWS calls /opt; "" without layers
	Modules      []string // directories of the SDK that the runtime brings along, searched last (package sdk)

	Env      map[string]string // the function's own variables
	Extra    []string          // "K=V": further variables given by the server; the function's own win
	Timeout  time.Duration     // 0 is three seconds
	MemoryMB int               // 0 is 128

	LogGroup    string // "" is /aws/lambda/{FunctionName}
	LogFormat   string // "Text" or "JSON"; "" is Text
	LogLevel    string // ApplicationLogLevel with LogFormat JSON: "INFO" …
	SystemLevel string // SystemLogLevel with LogFormat JSON; "WARN" keeps the platform's lines out
	Tracing     string // "Active" puts the trace into the REPORT line

	// Credentials gives the session of the function's role; nil leaves the function without credentials.
	// A process is replaced before they expire.
	Credentials func(context.Context) (Credentials, error)

	// Logs receives the function's log; nil drops it.
	Logs Sink
}

// Credentials are those of a role's session.
type Credentials struct {
	AccessKeyID, SecretAccessKey, SessionToken string
	Expires                                    time.Time // zero: never
}

// A Sink takes log lines. Append must not block on a disk; ctx carries the function's account and region
// (awsapi.Caller). A line may contain newlines: it is one event.
type Sink interface {
	Append(ctx context.Context, group, stream string, at time.Time, lines ...string)
}

// An Invocation is one request to a function.
type Invocation struct {
	RequestID     string // "" makes one
	Payload       []byte // the event, JSON; must stay unchanged, even after Invoke has returned early. "" is {}
	FunctionARN   string // as it was invoked: with the qualifier if one was used; "" is made from the Spec
	TraceID       string // "Root=1-…;Parent=…;Sampled=0"; "" makes one
	ClientContext string // JSON, "" for none
	Identity      string // the Cognito identity, JSON, "" for none
	Tail          bool   // whether Result.LogTail is wanted
}

// A Result is how an invocation ended. A function that failed is a Result, too: FunctionError says so, and the Payload
// is then AWS's description of the error.
type Result struct {
	RequestID     string
	Payload       []byte
	FunctionError string // "" or "Unhandled"
	LogTail       []byte // the last 4 KB of this invocation's log, if it was asked for
	LogStream     string
	Duration      time.Duration
	InitDuration  time.Duration // of the process, if this was its first request
}

// Limits of payloads, in bytes.
const (
	MaxRequest  = 6291456
	MaxResponse = 6291556
)

var (
	// ErrSaturated says that the pool runs as many processes as it may, and that all of them are busy.
	ErrSaturated = errors.New("worker: no process is free and no more may be started")

	// ErrStopped says that the pool has been stopped.
	ErrStopped = errors.New("worker: pool is stopped")
)
