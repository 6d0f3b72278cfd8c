package integration

import (
	"context"
	"encoding/base64"
	"fmt"
	"strconv"
	"strings"

	"github.com/sallyport/sallyport/internal/apigateway"
	"github.com/sallyport/sallyport/internal/awsapi"
	"github.com/sallyport/sallyport/internal/json"
)

// Principal is the service that calls functions for integrations without credentials.
const Principal = "apigateway.amazonaws.com"

// A Lambda invokes functions.
type Lambda interface {
	// InvokeFrom invokes a function and waits for its result, but not longer than ctx; the function may run on. principal is a service
	// that the function's resource policy must allow to invoke it for sourceARN, or a role that needs no such permission. functionError
	// tells that the function failed, and result why. The error is an *awsapi.Error: ResourceNotFoundException, AccessDeniedException,
	// TooManyRequestsException, or another. ctx carries the account and region. event may be reused after the return unless ctx is done.
	InvokeFrom(ctx context.Context, principal, sourceARN, functionARN string, event []byte) (result []byte, functionError bool, err error)
}

// lambda completes an AWS_PROXY integration.
func (b Backends) lambda(i *Integration, m *apigateway.Integration, st Stage) {
	variables := st.Variables
	i.Event = true
	function, err := apigateway.FunctionARN(apigateway.Expand(m.URI, variables))
	by := b.invoker(apigateway.Expand(m.CredentialsARN, variables))
	switch {
	case b.Lambda == nil && b.Local == nil:
		i.refuse(broken(fmt.Errorf("this server has no Lambda"), ""))
		return
	case err != nil:
		i.refuse(broken(err, "the URI of AWS_PROXY is arn:aws:apigateway:{region}:lambda:path/2015-03-31/functions/{functionArn}/invocations"))
		return
	case m.Method != "" && m.Method != "POST":
		// AWS: another verb fails when it is called, not when it is configured.
		i.refuse(broken(fmt.Errorf("integrationMethod is %s", m.Method), "set integrationMethod to POST: Lambda knows no other"))
		return
	}
	i.Target = function
	if b.Local != nil {
		if f, ok := b.Local(function); ok {
			f.complete(i, function)
			return
		}
	}
	if b.Lambda == nil {
		i.refuse(broken(fmt.Errorf("this server has no Lambda"), ""))
		return
	}
	p := &proxy{lambda: b.Lambda, invoker: by, function: function, binary: st.Policy.Binary}
	i.Caller = by.caller
	i.call = p.call
	i.begin = p.beginner()
}

// A proxy hands events to one function.
type proxy struct {
	lambda   Lambda
	invoker  invoker
	function string
	binary   bool // its answer may be a binary message
}

func (p *proxy) call(ctx context.Context, r *Request) (Response, error) {
	principal, err := p.invoker.principal(ctx, r, p.function)
	if err != nil {
		return Response{}, err
	}
	result, functionError, err := p.lambda.InvokeFrom(ctx, principal, r.SourceARN, p.function, r.Event)
	switch {
	case err != nil:
		if f := timeout(ctx, p.function); f != nil {
			return Response{}, f
		}
		return Response{}, p.failure(err, principal, r)
	case functionError:
		return Response{}, &Failure{
			Status: 502, Message: internalError,
			Cause: fmt.Errorf("function %s failed: %s", p.function, brief(result)),
		}
	}
	resp, f := proxyResponse(result, p.binary)
	if f != nil {
		f.Cause = fmt.Errorf("malformed response of %s: %w", p.function, f.Cause)
		f.Hint = `return {"statusCode": 200} or the like, with no members but statusCode, headers, multiValueHeaders, body (a string) and isBase64Encoded`
		return Response{}, f
	}
	return resp, nil
}

// failure says in the gateway's words why Lambda did not invoke the function.
func (p *proxy) failure(err error, principal string, r *Request) *Failure {
	f := broken(fmt.Errorf("invoke %s: %w", p.function, err), "")
	switch awsapi.Code(err) {
	case "ResourceNotFoundException":
		f.Hint = "the function does not exist: deploy it, or correct the integration's URI"
	case "AccessDeniedException":
		f.Hint = fmt.Sprintf("no permission: allow lambda:InvokeFunction on %s to principal %s with SourceArn %s", p.function, principal, r.SourceARN)
	case "TooManyRequestsException":
		f.Temporary = true
		f.Hint = "all instances of the function that may run at once are busy"
	case "ServiceException", "ServiceUnavailableException":
		f.Temporary = true
	}
	return f
}

// brief shortens what goes into a log line.
func brief(b []byte) string {
	const max = 500
	if len(b) > max {
		return string(b[:max]) + "…"
	}
	return string(b)
}

// A proxyAnswer is the form of a function's answer. AWS: any other member makes it malformed.
type proxyAnswer struct {
	StatusCode        json.Value              `json:"statusCode"`
	Headers           map[string]json.Value   `json:"headers"`
	MultiValueHeaders map[string][]json.Value `json:"multiValueHeaders"`
	Body              *string                 `json:"body"`
	IsBase64Encoded   json.Value              `json:"isBase64Encoded"`
}

// proxyResponse checks a function's answer. AWS: {} is valid and means 200; null, scalars and lists are malformed; the body is sent
// as it is, whatever isBase64Encoded says; but for stages with binary messages.
func proxyResponse(result []byte, binary bool) (Response, *Failure) {
	if !strings.HasPrefix(strings.TrimSpace(string(result[:min(len(result), 64)])), "{") {
		return Response{}, malformed("it is no object: %s", brief(result))
	}
	var a proxyAnswer
	if err := json.UnmarshalStrict(result, &a); err != nil {
		return Response{}, malformed("%w", err)
	}
	resp := Response{Status: 200}
	if s := strings.Trim(string(a.StatusCode), `"`); s != "" && s != "null" {
		status, err := strconv.Atoi(s)
		if err != nil {
			return Response{}, malformed("statusCode is no integer: %s", a.StatusCode)
		}
		resp.Status = status
	}
	for name, value := range a.Headers {
		v, ok := headerValue(value)
		if !ok {
			return Response{}, malformed("header %s is neither string nor boolean: %s", name, value)
		}
		if strings.EqualFold(name, "Sec-WebSocket-Protocol") {
			resp.Subprotocol = v
		}
	}
	for name, values := range a.MultiValueHeaders {
		for i, value := range values {
			v, ok := headerValue(value)
			if !ok {
				return Response{}, malformed("header %s is neither string nor boolean: %s", name, value)
			}
			if i == 0 && resp.Subprotocol == "" && strings.EqualFold(name, "Sec-WebSocket-Protocol") {
				resp.Subprotocol = v
			}
		}
	}
	if a.Body != nil {
		resp.Body = []byte(*a.Body)
	}
	// AWS: the text "true" or "false" will do, which many functions in Python return.
	encoded := strings.Trim(string(a.IsBase64Encoded), `"`)
	switch encoded {
	case "", "null", "true", "false":
	default:
		return Response{}, malformed("isBase64Encoded is no boolean: %s", a.IsBase64Encoded)
	}
	if binary && encoded == "true" {
		data, err := base64.StdEncoding.DecodeString(string(resp.Body))
		if err != nil {
			return Response{}, malformed("isBase64Encoded is true, but the body is no base64: %w", err)
		}
		resp.Body, resp.Binary = data, true
	}
	return resp, nil
}

// headerValue returns a header's value; null is the empty string.
func headerValue(v json.Value) (s string, ok bool) {
	switch v.Kind() {
	case '"':
		return string(json.AppendUnquoted(nil, v[1:len(v)-1])), true
	case 't', 'f':
		return string(v), true
	case 'n':
		return "", true
	}
	return "", false
}
