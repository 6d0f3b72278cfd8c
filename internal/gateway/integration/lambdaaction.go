package integration

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"

	"github.com/sallyport/sallyport/internal/apigateway"
	"github.com/sallyport/sallyport/internal/awsapi"
	"github.com/sallyport/sallyport/internal/json"
)

// A Queue takes events for functions that nobody waits for.
type Queue interface {
	// QueueFrom accepts an event for a function. Principal, sourceARN and errors are as with Lambda.InvokeFrom.
	QueueFrom(ctx context.Context, principal, sourceARN, functionARN string, event []byte) error
}

// customLambda completes an AWS integration with a function: templates make its event and the answer.
func (b Backends) customLambda(i *Integration, m *apigateway.Integration, st Stage, function string) {
	c := &customFunction{proxy: proxy{lambda: b.Lambda, function: function}, queue: b.Queue, responses: b.responses(m.Responses)}
	c.invoker = b.invoker(apigateway.Expand(m.CredentialsARN, st.Variables))
	var err error
	c.requests, err = b.outgoings(m, st)
	switch {
	case err != nil:
	case b.Lambda == nil:
		err = errors.New("this server has no Lambda")
	case m.Method != "" && m.Method != http.MethodPost:
		err = fmt.Errorf("integrationMethod is %s, and Lambda knows no other than POST", m.Method)
	}
	if err != nil {
		i.refuse(broken(err, ""))
		return
	}
	i.Target = function
	i.Values = c.requests.values() || c.responses.values()
	i.Problems = append(problems(c.requests.requests.templates), c.responses.problems()...)
	i.Caller = c.invoker.caller
	i.call = c.call
}

// A customFunction is a function behind templates.
type customFunction struct {
	proxy
	queue     Queue
	requests  outgoings
	responses responses
}

// errorMessage is where a function's result says why it failed.
var errorMessage = json.NewPicker(json.Path{{Name: "errorMessage"}})

func (c *customFunction) call(ctx context.Context, r *Request) (Response, error) {
	var out outgoing
	if err := c.requests.make(&out, r); err != nil {
		return Response{}, err
	}
	if len(out.body) == 0 {
		out.body = []byte("{}") // AWS
	}
	if !json.Valid(out.body) {
		// AWS: Lambda refuses it, which is an answer like another.
		return c.responses.answer(reply{status: 400, body: []byte(`{"Type":"User","message":"Could not parse request body into json: the payload is not valid JSON"}`)}, "", r)
	}
	principal, err := c.invoker.principal(ctx, r, c.function)
	if err != nil {
		return Response{}, err
	}
	if strings.EqualFold(out.get("X-Amz-Invocation-Type"), "Event") {
		return c.enqueue(ctx, r, principal, out.body)
	}
	result, functionError, err := c.lambda.InvokeFrom(ctx, principal, r.SourceARN, c.function, out.body)
	if err != nil {
		if f := timeout(ctx, c.function); f != nil {
			return Response{}, f
		}
		return Response{}, c.failure(err, principal, r)
	}
	message := ""
	var at [1]json.Span
	if errorMessage.Pick(result, at[:]) {
		if text := at[0].Of(result); len(text) > 0 && text[0] == '"' {
			message = plain(text)
		}
	}
	if functionError && r.Connect {
		// AWS says nothing of this case. REST APIs would let the connection in.
		if _, matched, err := c.responses.choose(message); err == nil && !matched {
			return Response{}, broken(fmt.Errorf("function %s failed: %s", c.function, brief(result)), "add an integration response whose key matches the error message")
		}
	}
	return c.responses.answer(reply{status: 200, body: result}, message, r)
}

// enqueue calls the function without waiting for it. AWS: Lambda answers 202 and nothing.
func (c *customFunction) enqueue(ctx context.Context, r *Request, principal string, event []byte) (Response, error) {
	if c.queue == nil {
		return Response{}, broken(errors.New("this server has no asynchronous invocations"), "")
	}
	if err := c.queue.QueueFrom(ctx, principal, r.SourceARN, c.function, event); err != nil {
		if f := timeout(ctx, c.function); f != nil {
			return Response{}, f
		}
		return Response{}, c.failure(err, principal, r)
	}
	return c.responses.answer(reply{status: http.StatusAccepted}, "", r)
}

// An invoker is as whom functions are invoked.
type invoker struct {
	identity
	authz awsapi.Authorizer
}

func (b Backends) invoker(credentials string) invoker {
	return invoker{b.identity(credentials), b.AWS.Authorizer}
}

// principal returns who invokes a function: API Gateway, whom the function's own policy must allow, or somebody whose policies must.
func (v *invoker) principal(ctx context.Context, r *Request, function string) (string, error) {
	if v.nobody() {
		return Principal, nil
	}
	who, err := v.of(ctx, r)
	if err != nil {
		return "", err
	}
	if v.authz != nil && !who.Admin {
		who.Region = awsapi.CallerOf(ctx).Region
		if err := v.authz.Authorize(awsapi.WithCaller(ctx, who), "lambda:InvokeFunction", function, nil); err != nil {
			return "", broken(fmt.Errorf("invoke %s: %w", function, err), "allow lambda:InvokeFunction on it to "+who.ARN)
		}
	}
	return who.ARN, nil
}
