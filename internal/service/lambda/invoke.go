package lambda

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"

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
	t, err := parseTarget(ctx, &functionARN, nil)
	if err != nil {
		return nil, false, err
	}
	e, err := s.lookup(ctx, t)
	if err != nil {
		return nil, false, err
	}
	if strings.HasSuffix(principal, ".amazonaws.com") {
		if err := s.mayInvoke(ctx, e.fn, t, principal, sourceARN); err != nil {
			return nil, false, err
		}
	}
	_, res, err := s.run(ctx, e, t, worker.Invocation{Payload: event})
	if err != nil {
		return nil, false, err
	}
	return res.Payload, res.FunctionError != "", nil
}

func (s *Service) invoke(ctx context.Context, in *shape.InvokeInput) (*shape.InvokeOutput, error) {
	t, err := parseTarget(ctx, in.FunctionName, in.Qualifier)
	if err != nil {
		return nil, err
	}
	payload, err := checkPayload(in.Payload, deref(in.InvocationType))
	if err != nil {
		return nil, err
	}
	e, err := s.lookup(ctx, target{account: t.account, region: t.region, name: t.name, qualifier: qualifierOrLatest(t)})
	if err != nil {
		return nil, err
	}
	switch deref(in.InvocationType) {
	case "Event":
		if e.fn.configurationOf(t.qualifier) == nil {
			return nil, errFunctionNotFound(t.qualified())
		}
		return &shape.InvokeOutput{StatusCode: new(int64(202))}, s.enqueue(ctx, t, payload)
	case "DryRun":
		return &shape.InvokeOutput{StatusCode: new(int64(204))}, nil
	}
	var clientContext []byte
	if cc := deref(in.ClientContext); cc != "" {
		if clientContext, err = base64.StdEncoding.DecodeString(cc); err != nil {
			return nil, failure("InvalidRequestContentException", 400, "Client context must be a valid Base64-encoded JSON object.")
		}
	}
	version, res, err := s.run(ctx, e, t, worker.Invocation{
		RequestID: awsapi.CallerOf(ctx).RequestID, Payload: payload, ClientContext: string(clientContext), Tail: deref(in.LogType) == "Tail",
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
	t, err := parseTarget(ctx, in.FunctionName, nil)
	if err != nil {
		return nil, err
	}
	payload, err := checkPayload(in.InvokeArgs, "Event")
	if err != nil {
		return nil, err
	}
	if _, err := s.lookup(ctx, t); err != nil {
		return nil, err
	}
	return &shape.InvokeAsyncOutput{Status: new(int64(202))}, s.enqueue(ctx, t, payload)
}

// run runs one request on the version that the target's qualifier means, within the function's concurrency.
func (s *Service) run(ctx context.Context, e *entry, t target, in worker.Invocation) (version string, res worker.Result, err error) {
	c := e.fn.route(t.qualifier)
	if c == nil {
		return "", res, errFunctionNotFound(t.qualified())
	}
	leave, err := s.flights.enter(t.key(), e.fn.Reserved)
	if err != nil {
		return "", res, err
	}
	defer leave()
	spec, err := s.runner(ctx, e, c)
	if err != nil {
		return "", res, fmt.Errorf("prepare function %s: %w", t.name, err)
	}
	in.FunctionARN = t.arn()
	res, err = s.cfg.Pool.Invoke(ctx, spec, in)
	switch {
	case errors.Is(err, worker.ErrSaturated):
		return "", res, errThrottled("ConcurrentInvocationLimitExceeded")
	case err != nil:
		return "", res, fmt.Errorf("run function %s: %w", t.name, err)
	}
	return c.Version, res, nil
}

// flights counts the running invocations of functions with reserved concurrency.
type flights struct {
	mu    sync.Mutex // guards count
	count map[string]int64
}

// enter counts one invocation, or refuses it; leave ends it.
func (f *flights) enter(key string, limit *int64) (leave func(), err error) {
	if limit == nil {
		return func() {}, nil
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.count == nil {
		f.count = map[string]int64{}
	}
	if f.count[key] >= *limit {
		return nil, errThrottled("ReservedFunctionConcurrentInvocationLimitExceeded")
	}
	f.count[key]++
	return func() {
		f.mu.Lock()
		defer f.mu.Unlock()
		if f.count[key]--; f.count[key] == 0 {
			delete(f.count, key)
		}
	}, nil
}

// runners are the specs of an entry that have been asked for, by version.
type runners struct {
	mu    sync.Mutex // guards specs
	specs map[string]*worker.Spec
}

// runner returns what the pool runs for a configuration, with its code unpacked.
func (s *Service) runner(ctx context.Context, e *entry, c *configuration) (*worker.Spec, error) {
	e.runners.mu.Lock()
	defer e.runners.mu.Unlock()
	if spec, ok := e.runners.specs[c.Version]; ok {
		return spec, nil
	}
	dir, err := s.unpacked(ctx, c.Code)
	if err != nil {
		return nil, err
	}
	spec := s.spec(e.fn, c, dir)
	if s.cfg.Modules != nil {
		if spec.Modules, err = s.cfg.Modules(ctx, c.Runtime, dir); err != nil {
			s.cfg.Log.Warn("the runtime's SDK is missing; code that needs it will fail", "function", e.fn.Name, "err", err)
		}
	}
	if e.runners.specs == nil {
		e.runners.specs = map[string]*worker.Spec{}
	}
	e.runners.specs[c.Version] = spec
	return spec, nil
}

// moveTo takes the specs that are still good over to the next revision of the function, and returns the ids of the others.
func (r *runners) moveTo(next *runners, fn *function) (retired []string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	next.specs = map[string]*worker.Spec{}
	for version, spec := range r.specs {
		if fn != nil {
			if c := fn.version(version); c != nil && specID(fn, c) == spec.ID {
				next.specs[version] = spec
				continue
			}
		}
		retired = append(retired, spec.ID)
	}
	return retired
}

func specID(fn *function, c *configuration) string { return fn.arn(c.Version) + "@" + c.BuildID }

func (s *Service) spec(fn *function, c *configuration, dir string) *worker.Spec {
	spec := &worker.Spec{
		ID: specID(fn, c), Account: fn.Account, Region: fn.Region, FunctionName: fn.Name, Version: c.Version,
		Runtime: c.Runtime, Handler: c.Handler, CodeDir: dir, Env: c.Environment,
		Timeout: time.Duration(c.Timeout) * time.Second, MemoryMB: int(c.MemorySize),
		LogGroup: deref(c.Logging.LogGroup), LogFormat: deref(c.Logging.LogFormat),
		LogLevel: deref(c.Logging.ApplicationLogLevel), SystemLevel: deref(c.Logging.SystemLogLevel),
		Tracing: c.Tracing, Logs: s.cfg.Logs,
	}
	if s.cfg.Extra != nil {
		spec.Extra = s.cfg.Extra()
	}
	if s.cfg.Roles != nil {
		role, name := c.Role, fn.Name
		caller := awsapi.Caller{Account: fn.Account, Region: fn.Region, Service: "lambda.amazonaws.com", Admin: true}
		spec.Credentials = func(ctx context.Context) (worker.Credentials, error) {
			key, secret, token, expires, err := s.cfg.Roles.SessionCredentials(awsapi.WithCaller(ctx, caller), role, name)
			return worker.Credentials{AccessKeyID: key, SecretAccessKey: secret, SessionToken: token, Expires: expires}, err
		}
	}
	return spec
}
