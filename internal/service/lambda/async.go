package lambda

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/sallyport/sallyport/internal/arn"
	"github.com/sallyport/sallyport/internal/awsapi"
	"github.com/sallyport/sallyport/internal/bus"
	"github.com/sallyport/sallyport/internal/service/lambda/worker"
)

const (
	asyncQueue   = "lambda-async"
	asyncWorkers = 64
	maxRetries   = 2
	maxEventAge  = 6 * time.Hour
	maxBackoff   = 5 * time.Minute // between attempts of an event that was throttled
)

// An event waits to be given to a function.
type event struct {
	RequestID string          `json:"requestId"` // the same for all attempts
	Account   string          `json:"account"`
	Region    string          `json:"region"`
	Name      string          `json:"name"`
	Qualifier string          `json:"qualifier,omitempty"`
	Payload   json.RawMessage `json:"payload"`
	Accepted  time.Time       `json:"accepted"`
}

// enqueue accepts an asynchronous call; it is durable on return.
func (s *Service) enqueue(ctx context.Context, t target, payload []byte) error {
	id := awsapi.CallerOf(ctx).RequestID
	if id == "" {
		id = uuid()
	}
	data, err := json.Marshal(event{RequestID: id, Account: t.account, Region: t.region, Name: t.name, Qualifier: t.qualifier, Payload: payload, Accepted: time.Now()})
	if err != nil {
		return fmt.Errorf("encode event: %w", err)
	}
	q, err := s.cfg.Bus.Queue(ctx, asyncQueue)
	if err != nil {
		return fmt.Errorf("open queue of events: %w", err)
	}
	if err := q.Send(ctx, id, data, time.Time{}); err != nil {
		return fmt.Errorf("queue event: %w", err)
	}
	return nil
}

func (s *Service) runAsync(ctx context.Context) error {
	q, err := s.cfg.Bus.Queue(ctx, asyncQueue)
	if err != nil {
		return fmt.Errorf("open queue of events: %w", err)
	}
	return q.Run(ctx, asyncWorkers, func(ctx context.Context, job bus.Job) error {
		var ev event
		if err := json.Unmarshal(job.Data, &ev); err != nil {
			s.cfg.Log.Error("an event cannot be read and is dropped", "job", job.ID, "err", err)
			return nil
		}
		return s.attempt(ctx, ev, job.Attempt)
	})
}

// attempt gives an event to its function and decides what happens next: nil ends it, bus.Retry tries again.
func (s *Service) attempt(ctx context.Context, ev event, n int) error {
	ctx = awsapi.WithCaller(ctx, awsapi.Caller{Account: ev.Account, Region: ev.Region, RequestID: ev.RequestID, Service: "lambda.amazonaws.com", Admin: true})
	t := target{account: ev.Account, region: ev.Region, name: ev.Name, qualifier: ev.Qualifier}
	e, err := s.lookup(ctx, t)
	if err != nil {
		if ctx.Err() != nil {
			return ctx.Err()
		}
		s.cfg.Log.Warn("an event's function is gone; the event is dropped", "function", ev.Name, "requestId", ev.RequestID)
		return nil
	}
	settings := e.fn.Async[qualifierOrLatest(t)]
	age := maxEventAge
	if settings.MaxAge != nil {
		age = time.Duration(*settings.MaxAge) * time.Second
	}
	version, res, err := s.run(ctx, e, t, worker.Invocation{RequestID: ev.RequestID, Payload: ev.Payload})
	switch {
	case ctx.Err() != nil:
		return ctx.Err() // stopped: the event is given to a worker again at the next start
	case err != nil: // throttled, or our own trouble: not the function's fault, so it costs no attempt
		wait := min(time.Second<<min(n-1, 16), maxBackoff)
		if time.Since(ev.Accepted)+wait < age {
			if awsapi.Code(err) == "" {
				s.cfg.Log.Error("an event could not be given to its function; trying again", "function", ev.Name, "requestId", ev.RequestID, "err", err)
			}
			return &bus.Retry{After: wait, Err: err}
		}
		s.finish(ctx, e.fn, ev, outcome{condition: "EventAgeExceeded", attempts: n, settings: settings})
	case res.FunctionError == "":
		s.finish(ctx, e.fn, ev, outcome{condition: "Success", attempts: n, settings: settings, version: version, result: res})
	default:
		retries := int64(maxRetries)
		if settings.MaxRetry != nil {
			retries = *settings.MaxRetry
		}
		if int64(n) <= retries {
			wait := s.cfg.RetryDelays[min(n, len(s.cfg.RetryDelays))-1]
			if time.Since(ev.Accepted)+wait < age {
				return &bus.Retry{After: wait, Err: errors.New("function failed")}
			}
			s.finish(ctx, e.fn, ev, outcome{condition: "EventAgeExceeded", attempts: n, settings: settings, version: version, result: res})
			return nil
		}
		s.finish(ctx, e.fn, ev, outcome{condition: "RetriesExhausted", attempts: n, settings: settings, version: version, result: res})
	}
	return nil
}

// outcome is how an event ended.
type outcome struct {
	condition string
	attempts  int
	settings  asyncConfig
	version   string
	result    worker.Result
}

// finish sends the record of an event's end to the destination that the function has for it, or the event to the dead-letter target.
func (s *Service) finish(ctx context.Context, fn *function, ev event, o outcome) {
	to := o.settings.OnFailure
	if o.condition == "Success" {
		to = o.settings.OnSuccess
	}
	record := o.record(fn, ev)
	if to == "" && o.condition != "Success" && fn.Latest.DeadLetter != "" {
		to, record = fn.Latest.DeadLetter, ev.Payload
	}
	if to == "" {
		return
	}
	if err := s.deliver(ctx, to, record); err != nil {
		s.cfg.Log.Error("the outcome of an event could not be delivered", "function", ev.Name, "requestId", ev.RequestID, "destination", to, "err", err)
	}
}

func (s *Service) deliver(ctx context.Context, to string, record []byte) error {
	a, err := arn.Parse(to)
	if err != nil {
		return err
	}
	if a.Service == "lambda" && strings.HasPrefix(a.Resource, "function:") {
		t, err := parseTarget(ctx, &to, nil)
		if err != nil {
			return err
		}
		c := awsapi.CallerOf(ctx)
		c.RequestID = uuid() // an invocation of its own
		return s.enqueue(awsapi.WithCaller(ctx, c), t, record)
	}
	if s.cfg.Destinations == nil {
		return fmt.Errorf("destinations of service %s are not supported by this server", a.Service)
	}
	return s.cfg.Destinations.Deliver(ctx, to, record)
}

// record describes how an event ended, as AWS does.
func (o outcome) record(fn *function, ev event) []byte {
	r := map[string]any{
		"version":   "1.0",
		"timestamp": time.Now().UTC().Format("2006-01-02T15:04:05.000Z"),
		"requestContext": map[string]any{
			"requestId": ev.RequestID, "functionArn": target{account: ev.Account, region: ev.Region, name: ev.Name, qualifier: ev.Qualifier}.qualified(),
			"condition": o.condition, "approximateInvokeCount": o.attempts,
		},
		"requestPayload": ev.Payload,
	}
	if o.version != "" {
		response := map[string]any{"statusCode": 200, "executedVersion": o.version}
		if o.result.FunctionError != "" {
			response["functionError"] = o.result.FunctionError
		}
		r["responseContext"] = response
		r["responsePayload"] = json.RawMessage(o.result.Payload)
	}
	data, err := json.Marshal(r)
	if err != nil { // the function's answer is no JSON
		r["responsePayload"] = string(o.result.Payload)
		data, _ = json.Marshal(r)
	}
	return data
}
