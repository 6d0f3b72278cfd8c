package poll

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"time"

	"github.com/sallyport/sallyport/internal/awsapi"
)

// maxPayload is how much of records one call takes. AWS: six megabytes with what surrounds them.
const maxPayload = 6<<20 - 4<<10

// Services runs operations of other services in this process; in and out are JSON.
type Services interface {
	Call(ctx context.Context, service, operation string, in []byte) (out []byte, err error)
}

// A Function takes a batch. An error says that it was not called: it is throttled, or gone.
type Function func(ctx context.Context, requestID string, event []byte) (Outcome, error)

// An Outcome is what came of a call.
type Outcome struct {
	Version string
	Failure string // the kind of error, "" for success
	Payload []byte // of the answer
}

// A Poller is what queues and streams have in common.
type Poller struct {
	Services Services
	Function Function
	Log      *slog.Logger

	ARN             string // of the source
	Account, Region string
	Batch           int           // records of a call
	Window          time.Duration // for which a call waits for more
	Filter          Filter
	Partial         bool // the function reports which records failed

	// Result is told how the last call went, as LastProcessingResult says it.
	Result func(result string)
}

// Results, as AWS names them.
const (
	resultOK     = "OK"
	resultFailed = "PROBLEM: Function call failed"
)

// call runs an operation of the source's service.
func (p *Poller) call(ctx context.Context, service, operation string, in, out any) error {
	data, err := json.Marshal(in)
	if err != nil {
		return fmt.Errorf("encode %s: %w", operation, err)
	}
	ctx = awsapi.WithCaller(ctx, awsapi.Caller{Account: p.Account, Region: p.Region, RequestID: awsapi.NewRequestID(), Service: "lambda.amazonaws.com", Admin: true})
	answer, err := p.Services.Call(ctx, service, operation, data)
	if err != nil || out == nil {
		return err
	}
	if err := json.Unmarshal(answer, out); err != nil {
		return fmt.Errorf("decode answer of %s: %w", operation, err)
	}
	return nil
}

// failedItems reads which records a function says have failed; all means that the answer is none that Lambda understands.
func failedItems(payload []byte) (ids []string, all bool) {
	var answer struct {
		Failures []struct {
			ID *string `json:"itemIdentifier"`
		} `json:"batchItemFailures"`
	}
	if err := json.Unmarshal(payload, &answer); err != nil { // AWS: null, and no answer at all, is success
		return nil, true
	}
	for _, f := range answer.Failures {
		if f.ID == nil || *f.ID == "" {
			return nil, true
		}
		ids = append(ids, *f.ID)
	}
	return ids, false
}

// sleep returns after d, or when ctx is done.
func sleep(ctx context.Context, d time.Duration) {
	select {
	case <-ctx.Done():
	case <-time.After(d):
	}
}

// encode puts records into an event.
func encode(records []json.RawMessage) ([]byte, error) {
	data, err := json.Marshal(struct{ Records []json.RawMessage }{records})
	if err != nil {
		return nil, fmt.Errorf("encode records: %w", err)
	}
	return data, nil
}
