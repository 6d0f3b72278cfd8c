package lambda

import (
	"bytes"
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
	"github.com/sallyport/sallyport/internal/store"
)

const (
	asyncQueue   = "lambda-async"
	asyncWorkers = 128
	maxRetries   = 2
	maxEventAge  = 6 * time.Hour
	maxInQueue   = 256 << 10       // bytes of a payload
	maxBackoff   = 5 * time.Minute // between attempts of an event that was throttled
)

// An event waits to be given to a function. In the queue its payload follows it after a newline, byte for byte; a large
// one lies in a blob, for the bus carries no more than a megabyte.
type event struct {
	RequestID string    `json:"requestId"` // the same for all attempts
	Account   string    `json:"account"`
	Region    string    `json:"region"`
	Name      string    `json:"name"`
	Qualifier string    `json:"qualifier,omitempty"`
	Accepted  time.Time `json:"accepted"`
	Failures  int       `json:"failures,omitempty"` // attempts that the function has failed
	Blob      string    `json:"blob,omitempty"`

	payload []byte
}

func (ev event) target() target {
	return target{account: ev.Account, region: ev.Region, name: ev.Name, qualifier: ev.Qualifier}
}

// enqueue accepts an asynchronous call; it is durable on return.
func (s *Service) enqueue(ctx context.Context, t target, payload []byte) error {
	id := awsapi.CallerOf(ctx).RequestID
	if id == "" {
		id = uuid()
	}
	ev := event{RequestID: id, Account: t.account, Region: t.region, Name: t.name, Qualifier: t.qualifier, Accepted: time.Now(), payload: payload}
	if len(payload) > maxInQueue {
		blobs, err := s.cfg.Stores.Blobs(ctx)
		if err != nil {
			return fmt.Errorf("open blobs: %w", err)
		}
		ev.Blob = "lambda/event/" + uuid()
		if _, err := blobs.Put(ctx, ev.Blob, bytes.NewReader(payload)); err != nil {
			return fmt.Errorf("store event: %w", err)
		}
	}
	job := uuid() // not the request's id: one request to another service may call several functions
	if awsapi.CallerOf(ctx).Repeats {
		job = awsapi.RequestIDFrom("event", id, t.qualified())
	}
	return s.send(ctx, job, ev, time.Time{})
}

func (s *Service) send(ctx context.Context, id string, ev event, at time.Time) error {
	data, err := json.Marshal(ev)
	if err != nil {
		return fmt.Errorf("encode event: %w", err)
	}
	data = append(data, '\n')
	if ev.Blob == "" {
		data = append(data, ev.payload...)
	}
	q, err := s.cfg.Bus.Queue(ctx, asyncQueue)
	if err != nil {
		return fmt.Errorf("open queue of events: %w", err)
	}
	if err := q.Send(ctx, id, data, at); err != nil {
		return fmt.Errorf("queue event: %w", err)
	}
	return nil
}

func (s *Service) runAsync(ctx context.Context) error {
	q, err := s.cfg.Bus.Queue(ctx, asyncQueue)
	if ctx.Err() != nil {
		return nil
	} else if err != nil {
		return fmt.Errorf("open queue of events: %w", err)
	}
	err = q.Run(ctx, asyncWorkers, func(ctx context.Context, job bus.Job) error {
		ev, err := s.receive(ctx, job.Data)
		if err != nil {
			if ctx.Err() != nil || errors.Is(err, store.ErrUnavailable) {
				return err
			}
			s.cfg.Log.Error("an event cannot be read and is dropped", "job", job.ID, "err", err)
			return nil
		}
		return s.attempt(ctx, ev, job)
	})
	if ctx.Err() != nil {
		return nil
	}
	return err
}

func (s *Service) receive(ctx context.Context, data []byte) (ev event, err error) {
	header, payload, _ := bytes.Cut(data, []byte("\n"))
	if err := json.Unmarshal(header, &ev); err != nil {
		return ev, err
	}
	ev.payload = payload
	if ev.Blob != "" {
		ev.payload, err = s.readBlob(ctx, ev.Blob)
	}
	return ev, err
}

// attempt gives an event to its function and decides what happens next: nil ends the job, bus.Retry tries again.
func (s *Service) attempt(ctx context.Context, ev event, job bus.Job) error {
	ctx = awsapi.WithCaller(ctx, awsapi.Caller{Account: ev.Account, Region: ev.Region, RequestID: ev.RequestID, Service: "lambda.amazonaws.com", Admin: true})
	t := ev.target()
	e, err := s.lookup(ctx, t)
	if err != nil {
		if ctx.Err() != nil {
			return ctx.Err()
		}
		s.cfg.Log.Warn("an event's function is gone; the event is dropped", "function", ev.Name, "requestId", ev.RequestID)
		s.discard(ctx, ev.Blob)
		return nil
	}
	settings := e.fn.Async[qualifierOrLatest(t)]
	o := outcome{settings: settings, attempts: ev.Failures}
	expires := ev.Accepted.Add(settings.age())
	switch {
	case !time.Now().Before(expires):
		o.condition = "EventAgeExceeded"
		return s.finish(ctx, e.fn, ev, o)
	case e.fn.Reserved != nil && *e.fn.Reserved == 0: // AWS: nothing is tried, nothing waits
		o.condition = "ZeroReservedConcurrency"
		return s.finish(ctx, e.fn, ev, o)
	}
	o.version, o.result, err = s.run(ctx, e, t, worker.Invocation{RequestID: ev.RequestID, Payload: ev.payload})
	switch {
	case ctx.Err() != nil:
		return ctx.Err() // stopped: the event is given to a worker again at the next start
	case awsapi.Code(err) == "ResourceNotFoundException": // the alias or version is gone
		s.cfg.Log.Warn("an event's function is gone; the event is dropped", "function", ev.Name, "qualifier", ev.Qualifier, "requestId", ev.RequestID)
		s.discard(ctx, ev.Blob)
		return nil
	case err != nil: // throttled, or our own trouble: not the function's fault, so it costs no attempt
		wait := min(time.Second<<min(max(job.Attempt, 1)-1, 16), maxBackoff)
		if time.Now().Add(wait).Before(expires) {
			if awsapi.Code(err) == "" {
				s.cfg.Log.Error("an event could not be given to its function; trying again", "function", ev.Name, "requestId", ev.RequestID, "err", err)
			}
			return &bus.Retry{After: wait, Err: err}
		}
		o.condition = "EventAgeExceeded"
		return s.finish(ctx, e.fn, ev, o)
	}
	o.attempts++
	if o.result.FunctionError == "" {
		o.condition = "Success"
		return s.finish(ctx, e.fn, ev, o)
	}
	ev.Failures++
	if ev.Failures > settings.retries() {
		o.condition = "RetriesExhausted"
		return s.finish(ctx, e.fn, ev, o)
	}
	again := time.Now().Add(s.cfg.RetryDelays[min(ev.Failures, len(s.cfg.RetryDelays))-1])
	if !again.Before(expires) {
		o.condition = "EventAgeExceeded"
		return s.finish(ctx, e.fn, ev, o)
	}
	// Another job, for the queue counts throttled attempts too. Its id makes a repetition after a crash harmless.
	first, _, _ := strings.Cut(job.ID, ".")
	return s.send(ctx, fmt.Sprintf("%s.%d", first, ev.Failures), ev, again)
}

func (c asyncConfig) age() time.Duration {
	if c.MaxAge != nil {
		return time.Duration(*c.MaxAge) * time.Second
	}
	return maxEventAge
}

func (c asyncConfig) retries() int {
	if c.MaxRetry != nil {
		return int(*c.MaxRetry)
	}
	return maxRetries
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
func (s *Service) finish(ctx context.Context, fn *function, ev event, o outcome) error {
	to, record := o.settings.OnFailure, []byte(nil)
	if o.condition == "Success" {
		to = o.settings.OnSuccess
	}
	var attributes map[string]string
	c := fn.configurationOf(ev.Qualifier)
	switch {
	case to != "":
		record = o.record(ev)
	case o.condition != "Success" && c != nil && c.DeadLetter != "":
		to, record, attributes = c.DeadLetter, ev.payload, o.deadLetter(ev)
	}
	if to != "" {
		if err := s.deliver(ctx, to, record, attributes); err != nil {
			if ctx.Err() != nil {
				return ctx.Err()
			}
			s.cfg.Log.Error("the outcome of an event could not be delivered", "function", ev.Name, "requestId", ev.RequestID, "destination", to, "err", err)
		}
	}
	s.discard(ctx, ev.Blob)
	return nil
}

// deadLetter is what AWS tells of an event beside the event itself.
func (o outcome) deadLetter(ev event) map[string]string {
	var failure struct {
		Message string `json:"errorMessage"`
	}
	_ = json.Unmarshal(o.result.Payload, &failure) // what is no object has no message
	code := "200"                                  // AWS: the function's own failures are answered with it
	if o.version == "" {
		code, failure.Message = "429", "Rate Exceeded."
	}
	return map[string]string{"RequestID": ev.RequestID, "ErrorCode": code, "ErrorMessage": failure.Message}
}

func (s *Service) deliver(ctx context.Context, to string, record []byte, attributes map[string]string) error {
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
	return s.cfg.Destinations.Deliver(ctx, to, record, attributes)
}

// record describes how an event ended, as AWS does.
func (o outcome) record(ev event) []byte {
	r := map[string]any{
		"version":   "1.0",
		"timestamp": time.Now().UTC().Format("2006-01-02T15:04:05.000Z"),
		"requestContext": map[string]any{
			"requestId": ev.RequestID, "functionArn": ev.target().qualified(),
			"condition": o.condition, "approximateInvokeCount": o.attempts,
		},
		"requestPayload": json.RawMessage(ev.payload),
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
