package states

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/sallyport/sallyport/internal/awsapi"
	"github.com/sallyport/sallyport/internal/awsapi/elsewhere"
	shapes "github.com/sallyport/sallyport/internal/awsapi/shapes/states"
	"github.com/sallyport/sallyport/internal/service/states/asl"
	"github.com/sallyport/sallyport/internal/service/states/machine"
)

// A taskCall is one call of a task. It has copies of all that it needs: the execution goes on meanwhile.
type taskCall struct {
	s        *Service
	x        execution // identity only
	thread   int
	resource *asl.Resource
	task     machine.Task
	reading  *reading
	trace    *webTrace // of TestState; nil: nobody looks
	reveal   bool      // what is secret, too
}

func (s *Service) newCall(x *execution, turn *machine.Turn, t *machine.Thread) *taskCall {
	c := &taskCall{s: s, thread: t.ID, task: *t.Task}
	c.x.ARN, c.x.MachineARN, c.x.MachineName, c.x.RoleARN, c.x.key = x.ARN, x.MachineARN, x.MachineName, x.RoleARN, x.key
	c.resource, _ = asl.ParseResource(t.Task.Resource)
	if t.Phase == machine.Reading {
		c.reading = newReading(turn, t)
	}
	return c
}

// run makes the call. What goes wrong is the task's failure: the execution decides on it.
func (c *taskCall) run(ctx context.Context) machine.Result {
	ctx, failure := c.assume(c.s.as(ctx, &c.x, c.task.RequestID))
	if failure != nil {
		return machine.Result{Failure: failure}
	}
	if c.task.Deadline > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithDeadline(ctx, time.UnixMilli(c.task.Deadline))
		defer cancel()
	}
	if c.reading != nil {
		return c.read(ctx)
	}
	v, err := asl.Decode(c.task.Input)
	if err != nil {
		return failed(asl.ErrRuntime, "the task's input is no JSON")
	}
	switch {
	case c.resource.Kind == asl.ResourceFunction:
		return c.function(ctx)
	case c.resource.Kind == asl.ResourceSDK:
		return c.sdk(ctx, v)
	}
	params, ok := v.(*asl.Object)
	if !ok {
		return failed(asl.ErrRuntime, "The Parameters '%s' could not be used to start the Task: [The value must be an object]", c.task.Input)
	}
	switch c.resource.Service {
	case "lambda":
		return c.lambda(ctx, params)
	case "dynamodb":
		return c.optimized(ctx, "dynamodb", params)
	case "sqs":
		stringify(params, "MessageBody")
		return c.optimized(ctx, "sqs", params)
	case "sns":
		stringify(params, "Message")
		return c.optimized(ctx, "sns", params)
	case "events":
		return c.putEvents(ctx, params)
	case "states":
		return c.startExecution(ctx, params)
	case "apigateway":
		return c.apiGateway(ctx, params)
	case "http":
		return c.web(ctx, params)
	}
	if c.resource.Suffix == "sync" {
		return failed(asl.ErrTaskFailed, "Sallyport does not wait for jobs of the service %s, which the task %s asks for.", c.resource.Service, c.resource.ARN)
	}
	return c.optimized(ctx, c.resource.Service, params)
}

func failed(name, format string, args ...any) machine.Result {
	return machine.Result{Failure: &asl.Failure{Error: name, Cause: fmt.Sprintf(format, args...)}}
}

// stringify makes a member text that may be any JSON.
func stringify(params *asl.Object, name string) {
	v, ok := params.Get(name)
	if _, text := v.(string); ok && !text {
		params.Set(name, string(asl.Encode(v)))
	}
}

// do calls an operation.
func (c *taskCall) do(ctx context.Context, service, action string, input any) (any, error) {
	c.s.mu.Lock()
	calls := c.s.calls
	c.s.mu.Unlock()
	if calls == nil {
		return nil, errors.New("no services are connected")
	}
	out, err := calls.Call(ctx, service, action, asl.Encode(input))
	if err != nil {
		return nil, err
	}
	if len(out) == 0 {
		return asl.NewObject(), nil
	}
	return asl.Decode(out)
}

// names of services in errors: the first part of the error's name, the generic error, and what the cause calls the service.
var serviceNames = map[string][3]string{
	"dynamodb": {"DynamoDB", "AmazonDynamoDBException", "AmazonDynamoDBv2"},
	"lambda":   {"Lambda", "AWSLambdaException", "AWSLambda"},
	"sqs":      {"SQS", "AmazonSQSException", "AmazonSQS"},
	"sns":      {"SNS", "AmazonSNSException", "AmazonSNS"},
	"events":   {"EventBridge", "AmazonEventBridgeException", "AmazonEventBridge"},
	"states":   {"StepFunctions", "AWSStepFunctionsException", "AWSStepFunctions"},
	"s3":       {"S3", "AmazonS3Exception", "Amazon S3"},
}

// generic are codes for which SDKs have no class of their own.
var generic = map[string]bool{
	"ValidationException": true, "ValidationError": true, "AccessDeniedException": true, "AccessDenied": true, "SerializationException": true,
	"UnrecognizedClientException": true, "UnknownOperationException": true, "InternalFailure": true, "MissingParameter": true, "InvalidAction": true,
}

// failure words an error of an optimized integration.
func (c *taskCall) failure(service string, err error) machine.Result {
	if errors.Is(err, context.DeadlineExceeded) {
		return failed(asl.ErrTimeout, "")
	}
	e := apiError(err)
	names, ok := serviceNames[service]
	if !ok && e.Code == "UnknownOperationException" {
		return failed(asl.ErrTaskFailed, "Sallyport does not have the service %s, which the task %s needs: set endpoints.%s.", service, c.resource.ARN, service)
	} else if s := elsewhere.Find(service); !ok && s != nil {
		names = [3]string{s.Class, "AWS" + s.Class + "Exception", "AWS" + s.Class}
	} else if !ok {
		names = [3]string{service, "Exception", service}
	}
	name := e.Code
	if generic[name] {
		name = names[1]
	} else if !strings.HasSuffix(name, "Exception") && service != "s3" {
		name += "Exception"
	}
	return failed(names[0]+"."+name, "%s (Service: %s; Status Code: %d; Error Code: %s; Request ID: %s; Proxy: null)", e.Message, names[2], e.Status, e.Code, c.task.RequestID)
}

// apiError returns the error that a caller of the API would see.
func apiError(err error) *awsapi.Error {
	if e, ok := errors.AsType[*awsapi.Error](err); ok {
		return e
	}
	return awsapi.Errorf("InternalFailure", 500, "%s", err)
}

// withMetadata adds what SDKs tell about the HTTP answer.
func (c *taskCall) withMetadata(v any) any {
	o, ok := v.(*asl.Object)
	if !ok {
		return v
	}
	headers := asl.NewObject("x-amzn-RequestId", c.task.RequestID, "Content-Type", "application/x-amz-json-1.0")
	all := asl.NewObject("x-amzn-RequestId", []any{c.task.RequestID}, "Content-Type", []any{"application/x-amz-json-1.0"})
	o.Set("SdkHttpMetadata", asl.NewObject("AllHttpHeaders", all, "HttpHeaders", headers, "HttpStatusCode", json.Number("200")))
	o.Set("SdkResponseMetadata", asl.NewObject("RequestId", c.task.RequestID))
	return o
}

func (c *taskCall) optimized(ctx context.Context, service string, params *asl.Object) machine.Result {
	out, err := c.do(ctx, service, upperFirst(c.resource.Action), params)
	if err != nil {
		return c.failure(service, err)
	}
	return machine.Result{Output: asl.Encode(c.withMetadata(out))}
}

// function calls a Lambda function that is the task's resource.
func (c *taskCall) function(ctx context.Context) machine.Result {
	out, err := c.do(ctx, "lambda", "Invoke", asl.NewObject("FunctionName", c.resource.ARN, "Payload", c.task.Input))
	if err != nil {
		r := c.failure("lambda", err)
		r.Kind = "Failed"
		return r
	}
	o, _ := out.(*asl.Object)
	payload, _ := o.Get("Payload")
	if _, bad := o.Get("FunctionError"); bad {
		return functionFailed(payload)
	}
	return machine.Result{Output: asl.Encode(payload)}
}

// functionFailed is the failure of a function: its own error type, with all that it said as cause.
func functionFailed(payload any) machine.Result {
	name := "Lambda.Unknown"
	if o, ok := payload.(*asl.Object); ok {
		if t, ok := o.Get("errorType"); ok {
			if s, ok := t.(string); ok && s != "" {
				name = s
			}
		}
	}
	return machine.Result{Failure: &asl.Failure{Error: name, Cause: string(asl.Encode(payload))}}
}

func (c *taskCall) lambda(ctx context.Context, params *asl.Object) machine.Result {
	params = payloadOf(params)
	out, err := c.do(ctx, "lambda", "Invoke", params)
	if err != nil {
		return c.failure("lambda", err)
	}
	o, _ := out.(*asl.Object)
	payload, hasPayload := o.Get("Payload")
	if _, bad := o.Get("FunctionError"); bad {
		return functionFailed(payload)
	}
	result := asl.NewObject()
	if v, ok := o.Get("ExecutedVersion"); ok {
		result.Set("ExecutedVersion", v)
	}
	if v, ok := o.Get("LogResult"); ok {
		result.Set("LogResult", v)
	}
	if hasPayload {
		result.Set("Payload", payload)
	}
	c.withMetadata(result)
	if v, ok := o.Get("StatusCode"); ok {
		result.Set("StatusCode", v)
	}
	return machine.Result{Output: asl.Encode(result)}
}

// payloadOf makes the payload of a call what the function gets. AWS: null is no payload, and text that is JSON is that JSON.
func payloadOf(params *asl.Object) *asl.Object {
	out := asl.NewObject()
	for _, name := range params.Names() {
		v, _ := params.Get(name)
		if name == "Payload" {
			if v == nil {
				continue
			}
			if text, ok := v.(string); ok {
				if inner, err := asl.Decode([]byte(text)); err == nil {
					v = inner
				}
			}
		}
		out.Set(name, v)
	}
	return out
}

func (c *taskCall) putEvents(ctx context.Context, params *asl.Object) machine.Result {
	entries, _ := params.Get("Entries")
	list, _ := entries.([]any)
	for _, e := range list {
		entry, ok := e.(*asl.Object)
		if !ok {
			continue
		}
		stringify(entry, "Detail")
		resources, _ := entry.Get("Resources")
		own, _ := resources.([]any)
		entry.Set("Resources", append(append([]any(nil), own...), c.x.ARN, c.x.MachineARN))
	}
	out, err := c.do(ctx, "events", "PutEvents", params)
	if err != nil {
		return c.failure("events", err)
	}
	o, _ := out.(*asl.Object)
	if n, _ := o.Get("FailedEntryCount"); n != nil && string(asl.Encode(n)) != "0" {
		return machine.Result{Failure: &asl.Failure{Error: "EventBridge.FailedEntry", Cause: string(asl.Encode(out))}}
	}
	return machine.Result{Output: asl.Encode(c.withMetadata(out))}
}

// startExecution starts another execution, and says which, so that its end can be waited for.
func (c *taskCall) startExecution(ctx context.Context, params *asl.Object) machine.Result {
	in := &shapes.StartExecutionInput{}
	for _, name := range params.Names() {
		v, _ := params.Get(name)
		text, isText := v.(string)
		switch name {
		case "StateMachineArn":
			in.StateMachineArn = &text
		case "Name":
			in.Name = &text
		case "TraceHeader":
			in.TraceHeader = &text
		case "Input":
			if !isText && v != nil {
				text, isText = string(asl.Encode(v)), true
			}
			if isText {
				in.Input = &text
			}
		default:
			return failed(asl.ErrRuntime, "The field \"%s\" is not supported by Step Functions", name)
		}
	}
	if in.StateMachineArn == nil {
		return failed(asl.ErrRuntime, "The field 'StateMachineArn' is required but was missing")
	}
	if in.Name == nil { // the same again, if this call is made again
		in.Name = new(c.task.RequestID)
	}
	var p *parent
	if strings.HasPrefix(c.resource.Suffix, "sync") {
		p = &parent{Key: c.x.key, Thread: c.thread}
	}
	if err := c.s.allowed(ctx, "states:StartExecution", *in.StateMachineArn); err != nil {
		return c.failure("states", err)
	}
	x, err := c.s.start(ctx, in, p)
	if err != nil {
		return c.failure("states", err)
	}
	out := asl.NewObject("ExecutionArn", x.ARN)
	c.withMetadata(out)
	out.Set("StartDate", machine.Timestamp(x.Started))
	return machine.Result{Output: asl.Encode(out), Child: x.key}
}

func upperFirst(s string) string {
	if s == "" {
		return s
	}
	return strings.ToUpper(s[:1]) + s[1:]
}

func lowerFirst(s string) string {
	if s == "" {
		return s
	}
	return strings.ToLower(s[:1]) + s[1:]
}
