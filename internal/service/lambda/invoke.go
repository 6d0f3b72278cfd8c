package lambda

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"strings"

	"github.com/sallyport/sallyport/internal/awsapi"
	shape "github.com/sallyport/sallyport/internal/awsapi/shapes/lambda"
	"github.com/sallyport/sallyport/internal/json"
	"github.com/sallyport/sallyport/internal/service/lambda/worker"
)

// maxEvent is the largest payload of an asynchronous call. AWS: 1 MB since January 2026.
const maxEvent = 1 << 20

// InvokeFrom runs a function for another service, waits for it and returns its result. functionError says that the function
// failed; result then describes the error. A principal such as "apigateway.amazonaws.com" needs a statement in the function's resource
// policy that matches sourceARN; a role's ARN does not. Errors are *awsapi.Error, but for ctx's.
func (s *Service) InvokeFrom(ctx context.Context, principal, sourceARN, functionARN string, event []byte) (result []byte, functionError bool, err error) {
	wait, err := s.StartFrom(ctx, principal, sourceARN, functionARN, event)
	if err != nil {
		return nil, false, err
	}
	return wait(ctx)
}

// StartFrom is the first step of InvokeFrom: events that were begun one after the other reach a function in that order, as far as processes
// are there for them. wait is the rest, and must be called.
func (s *Service) StartFrom(ctx context.Context, principal, sourceARN, functionARN string, event []byte) (
	wait func(context.Context) (result []byte, functionError bool, err error), err error,
) {
	t, err := findTarget(ctx, functionARN, "")
	if err != nil {
		return nil, err
	}
	e, err := s.lookup(ctx, t)
	if err != nil {
		return nil, err
	}
	if strings.HasSuffix(principal, ".amazonaws.com") {
		if err := s.mayInvoke(e, t, principal, sourceARN); err != nil {
			return nil, err
		}
	}
	run, err := s.start(ctx, e, t, worker.Invocation{Payload: event, TraceID: awsapi.CallerOf(ctx).Trace})
	if err != nil {
		return nil, err
	}
	return func(ctx context.Context) ([]byte, bool, error) {
		res, err := run.wait(ctx)
		return res.Payload, res.FunctionError != "", err
	}, nil
}

// EnqueueFrom accepts an asynchronous call for another service; it is durable on return. Whom the function's resource policy must
// allow is as for InvokeFrom.
func (s *Service) EnqueueFrom(ctx context.Context, principal, sourceARN, functionARN string, event []byte) error {
	t, err := findTarget(ctx, functionARN, "")
	if err != nil {
		return err
	}
	e, err := s.lookup(ctx, t)
	if err != nil {
		return err
	}
	if strings.HasSuffix(principal, ".amazonaws.com") {
		if err := s.mayInvoke(e, t, principal, sourceARN); err != nil {
			return err
		}
	}
	payload, err := checkPayload(event, "Event")
	if err != nil {
		return err
	}
	return s.enqueue(ctx, t, payload)
}

func (s *Service) invoke(ctx context.Context, in *shape.InvokeInput) (*shape.InvokeOutput, error) {
	payload, err := checkPayload(in.Payload, deref(in.InvocationType))
	if err != nil {
		return nil, err
	}
	e, t, err := s.invoked(ctx, in.FunctionName, in.Qualifier)
	if err != nil {
		return nil, err
	}
	switch deref(in.InvocationType) {
	case "Event":
		return &shape.InvokeOutput{StatusCode: new(int64(202))}, s.enqueue(ctx, t, payload)
	case "DryRun":
		return &shape.InvokeOutput{StatusCode: new(int64(204))}, nil
	}
	var clientContext []byte
	if cc := deref(in.ClientContext); cc != "" {
		if clientContext, err = base64.StdEncoding.DecodeString(cc); err != nil || !json.Valid(clientContext) {
			return nil, failure("InvalidRequestContentException", 400, "Client context must be a valid Base64-encoded JSON object.")
		}
	}
	version, res, err := s.run(ctx, e, t, worker.Invocation{
		RequestID: awsapi.CallerOf(ctx).RequestID, TraceID: awsapi.CallerOf(ctx).Trace, Payload: payload, ClientContext: string(clientContext), Tail: deref(in.LogType) == "Tail",
	})
	if err != nil {
		return nil, err
	}
	out := &shape.InvokeOutput{StatusCode: new(int64(200)), ExecutedVersion: new(version), Payload: res.Payload}
	if res.FunctionError != "" {
		out.FunctionError = new(res.FunctionError)
	}
	if deref(in.LogType) == "Tail" {
		out.LogResult = new(base64.StdEncoding.EncodeToString(res.LogTail))
	}
	return out, nil
}

// invoked finds the function of a call that anybody may make, and checks that somebody of another account may make it.
func (s *Service) invoked(ctx context.Context, name, qualifier *string) (*entry, target, error) {
	t, err := findTarget(ctx, deref(name), deref(qualifier))
	if err != nil {
		return nil, t, err
	}
	if err := s.ready(ctx); err != nil {
		return nil, t, err
	}
	e := s.catalog.get(t.key())
	if caller := awsapi.CallerOf(ctx); t.account != caller.Account && !caller.Admin {
		if err := s.mayInvokeAbroad(e, t, caller); err != nil {
			return nil, t, err
		}
	}
	if e == nil || e.fn.configurationOf(t.qualifier) == nil {
		return nil, t, errFunctionNotFound(t.qualified())
	}
	return e, t, nil
}

// invokeWithResponseStream answers with the whole result at once: functions here do not stream.
func (s *Service) invokeWithResponseStream(ctx context.Context, in *shape.InvokeWithResponseStreamInput) (*shape.InvokeWithResponseStreamOutput, error) {
	out, err := s.invoke(ctx, &shape.InvokeInput{
		FunctionName: in.FunctionName, Qualifier: in.Qualifier, ClientContext: in.ClientContext, InvocationType: in.InvocationType, LogType: in.LogType, Payload: in.Payload,
	})
	if err != nil {
		return nil, err
	}
	stream := &shape.InvokeWithResponseStreamOutput{StatusCode: out.StatusCode, ExecutedVersion: out.ExecutedVersion, ResponseStreamContentType: new("application/octet-stream")}
	if *out.StatusCode != 200 {
		return stream, nil
	}
	end := &shape.InvokeWithResponseStreamCompleteEvent{LogResult: out.LogResult}
	if out.FunctionError != nil {
		end.ErrorCode, end.ErrorDetails = out.FunctionError, new(string(out.Payload))
	} else {
		stream.EventStream = append(stream.EventStream, &shape.InvokeWithResponseStreamResponseEvent{PayloadChunk: &shape.InvokeResponseStreamUpdate{Payload: out.Payload}})
	}
	stream.EventStream = append(stream.EventStream, &shape.InvokeWithResponseStreamResponseEvent{InvokeComplete: end})
	return stream, nil
}

// checkPayload refuses what is too large or no JSON; nothing is an empty object.
func checkPayload(payload []byte, kind string) ([]byte, error) {
	limit := worker.MaxRequest
	if kind == "Event" {
		limit = maxEvent
	} else {
		kind = "RequestResponse"
	}
	if len(payload) > limit {
		return nil, errTooLarge(len(payload), kind, limit)
	}
	if len(payload) == 0 {
		return []byte("{}"), nil
	}
	if !json.Valid(payload) {
		return nil, failure("InvalidRequestContentException", 400, "Could not parse request body into json: Could not parse payload into json: the payload is not valid JSON")
	}
	return payload, nil
}

func (s *Service) invokeAsync(ctx context.Context, in *shape.InvokeAsyncInput) (*shape.InvokeAsyncOutput, error) {
	payload, err := checkPayload(in.InvokeArgs, "Event")
	if err != nil {
		return nil, err
	}
	_, t, err := s.invoked(ctx, in.FunctionName, nil)
	if err != nil {
		return nil, err
	}
	return &shape.InvokeAsyncOutput{Status: new(int64(202))}, s.enqueue(ctx, t, payload)
}

// run runs one request on the version that the target's qualifier means, within the function's concurrency.
func (s *Service) run(ctx context.Context, e *entry, t target, in worker.Invocation) (version string, res worker.Result, err error) {
	r, err := s.start(ctx, e, t, in)
	if err != nil {
		return "", res, err
	}
	if res, err = r.wait(ctx); err != nil {
		return "", res, err
	}
	return r.spec.Version, res, nil
}

// A run is a request that has begun.
type run struct {
	s       *Service
	e       *entry
	name    string
	spec    *worker.Spec
	outcome func(context.Context) (worker.Result, error)
}

// start is the first step of run. If there is no error, wait must be called.
func (s *Service) start(ctx context.Context, e *entry, t target, in worker.Invocation) (*run, error) {
	c := e.fn.route(t.qualifier)
	if c == nil {
		return nil, errFunctionNotFound(t.qualified())
	}
	r := &run{s: s, e: e, name: t.name}
	running := e.flying.Add(1)
	if limit := e.fn.Reserved; limit != nil && running > *limit {
		return nil, r.ended(errThrottled("ReservedFunctionConcurrentInvocationLimitExceeded"))
	}
	var err error
	if r.spec, err = s.runner(ctx, e, c); err != nil {
		return nil, r.ended(fmt.Errorf("prepare function %s: %w", t.name, err))
	}
	in.FunctionARN = t.arn()
	if r.outcome, err = s.cfg.Pool.Start(ctx, r.spec, in); err != nil {
		s.release(e, r.spec)
		return nil, r.ended(r.failure(err))
	}
	return r, nil
}

func (r *run) wait(ctx context.Context) (worker.Result, error) {
	res, err := r.outcome(ctx)
	r.s.release(r.e, r.spec)
	return res, r.ended(r.failure(err))
}

// ended is called once for each run.
func (r *run) ended(err error) error {
	r.e.flying.Add(-1)
	return err
}

func (r *run) failure(err error) error {
	switch {
	case err == nil:
		return nil
	case errors.Is(err, worker.ErrSaturated):
		return errThrottled("ConcurrentInvocationLimitExceeded")
	}
	return fmt.Errorf("run function %s: %w", r.name, err)
}
