// Package delivery gives payloads to the things that have an ARN: functions, queues, topics, buses, state machines, groups of logs.
// Rules, schedules and destinations of functions all end here.
//
// Send (send.go) delivers once and says by Permanent whether it is of use to try again; batch.go puts lines for one group of logs
// together, and lookback.go finds those of an earlier attempt; a Memory (memory.go) knows what has been delivered. Retrying and
// what a payload looks like are the callers' business.
package delivery

import (
	"context"
	"errors"
	"net/http"
	"time"

	"github.com/sallyport/sallyport/internal/awsapi"
)

// Functions starts functions.
type Functions interface {
	// EnqueueFrom accepts an asynchronous call for another service; it is durable on return. A principal such as
	// "events.amazonaws.com" needs a statement in the function's resource policy that matches sourceARN; "" needs none.
	EnqueueFrom(ctx context.Context, principal, sourceARN, functionARN string, event []byte) error
}

// Services runs operations of other services in this process; in and out are JSON.
type Services interface {
	Call(ctx context.Context, service, operation string, in []byte) (out []byte, err error)
}

// A Target is where a payload goes, and for whom.
type Target struct {
	ARN       string
	Principal string // "events.amazonaws.com"; "" where a role calls, for which resource policies do not count
	Source    string // the ARN of the rule, schedule or topic that calls
	Account   string
	Region    string
	RequestID string   // the same for each attempt: what sees it twice takes it once, if it can
	Perhaps   *Perhaps // nil for the first attempt

	GroupID    string            // MessageGroupId of a FIFO queue
	DedupID    string            // MessageDeduplicationId of a FIFO queue; "" leaves it to the queue
	Attributes map[string]string // of a message
	Typed      map[string]any    // of a message for a queue: attributes as SQS takes them; they win
	Name       string            // of an execution; "" for any

	EventSource, DetailType string   // of what is put on a bus
	Resources               []string // of what is put on a bus
}

// Perhaps says of a delivery that it may have been made before, and when. No other has the same payload.
type Perhaps struct {
	Since, Until time.Time // zero Until: until now
}

// PerhapsSince is for the nth attempt of a process that began at a time, of what was due since another. A first attempt can only
// have been made before by a process that is dead.
func PerhapsSince(since time.Time, attempt int, began time.Time) *Perhaps {
	if attempt > 1 {
		return &Perhaps{Since: since}
	}
	return &Perhaps{Since: since, Until: began}
}

// A Sender delivers. Make it with New.
type Sender struct {
	functions Functions
	services  Services
	batches   batches
	lookbacks lookbacks
}

// New returns a Sender. Services may answer later than New returns.
func New(functions Functions, services Services) *Sender {
	s := &Sender{functions: functions, services: services, lookbacks: lookbacks{groups: map[string]*lookback{}}}
	s.batches.init()
	return s
}

// Permanent tells whether err will be the same however often one tries.
func Permanent(err error) bool {
	var e *awsapi.Error
	if !errors.As(err, &e) || e.Status >= http.StatusInternalServerError {
		return false
	}
	switch e.Code {
	case "ThrottlingException", "Throttling", "TooManyRequestsException", "ProvisionedThroughputExceededException", "LimitExceededException", "ExecutionLimitExceeded", "OverLimit":
		return false
	}
	return e.Status != http.StatusTooManyRequests
}

// ErrorCode returns what EventBridge calls err in dead letters.
func ErrorCode(err error) string {
	var e *awsapi.Error
	switch {
	case !errors.As(err, &e):
		return "SDK_CLIENT_ERROR"
	case e.Code == "AccessDeniedException" || e.Code == "AccessDenied" || e.Code == "AuthorizationError":
		return "NO_PERMISSIONS"
	case isMissing(e.Code):
		return "NO_RESOURCE"
	case !Permanent(err):
		return "THROTTLING"
	}
	return "SDK_CLIENT_ERROR"
}

func isMissing(code string) bool {
	switch code {
	case "ResourceNotFoundException", "QueueDoesNotExist", "NotFound", "NotFoundException", "StateMachineDoesNotExist":
		return true
	}
	return false
}

// Backoff is how long to wait before the attempt after the nth, as EventBridge does: longer each time, to a bound.
func Backoff(attempt int) time.Duration {
	return min(time.Second<<min(max(attempt, 1)-1, 12), time.Hour)
}
