package authorizer

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/sallyport/sallyport/internal/apigateway"
	"github.com/sallyport/sallyport/internal/awsapi"
	"github.com/sallyport/sallyport/internal/json"
)

// Timeout is how long a function may take: AWS does not say, and this is what integrations have.
const Timeout = 29 * time.Second

// principal is the service that calls functions for authorizers without credentials.
const principal = "apigateway.amazonaws.com"

// A Lambda invokes functions.
type Lambda interface {
	// InvokeFrom invokes a function and waits for its result, but not longer than ctx. principal is a service that the function's
	// resource policy must allow to invoke it for sourceARN, or a role that needs no such permission. functionError tells that the
	// function failed, and result why. ctx carries the account and region.
	InvokeFrom(ctx context.Context, principal, sourceARN, functionARN string, event []byte) (result []byte, functionError bool, err error)
}

// A Refusal is why a client does not come in.
type Refusal struct {
	Status  int    // 401, 403 or 500
	Code    string // x-amzn-ErrorType; empty: by the status
	Message string // for the client
	Cause   error  // for the operator
	Hint    string // what to do about it; may be empty
}

func (r *Refusal) Error() string { return r.Cause.Error() }

func (r *Refusal) Unwrap() error { return r.Cause }

// broken is the refusal for an authorizer that does not work.
func broken(cause error, hint string) *Refusal {
	return &Refusal{Status: 500, Code: "AuthorizerConfigurationException", Message: "Internal server error", Cause: cause, Hint: hint}
}

var errUnauthorized = errors.New("the function said Unauthorized")

func unauthorized(cause error) *Refusal {
	return &Refusal{Status: 401, Message: "Unauthorized", Cause: cause}
}

// An Authorizer is ready to be asked from many goroutines.
type Authorizer struct {
	lambda    Lambda
	sourceARN string // that the function sees as the caller
	principal string
	function  string
	invalid   error // why it cannot be called
	sources   []place
}

// A place is where a part of a client's identity is looked for.
type place struct {
	text string // as the configuration has it
	kind sourceKind
	name string
}

type sourceKind uint8

const (
	header sourceKind = iota
	query
	variable
	inContext
)

var sourcePrefixes = []struct {
	prefix string
	kind   sourceKind
}{
	{"route.request.header.", header},
	{"route.request.querystring.", query},
	{"stageVariables.", variable},
	{"context.", inContext},
}

// Compile makes an Authorizer of the model. It always returns one: what is wrong is told when it is asked, as on AWS. sourceARN ends in
// /authorizers/{id}; variables are the stage's.
func Compile(m *apigateway.Authorizer, lambda Lambda, sourceARN string, variables map[string]string) *Authorizer {
	a := &Authorizer{lambda: lambda, sourceARN: sourceARN, principal: principal}
	a.function, a.invalid = apigateway.FunctionARN(apigateway.Expand(m.URI, variables))
	if role := apigateway.Expand(m.CredentialsARN, variables); role != "" {
		a.principal = role
	}
	if lambda == nil {
		a.invalid = errors.New("this server has no Lambda")
	}
	for _, text := range m.IdentitySource {
		found := false
		for _, p := range sourcePrefixes {
			if name, ok := strings.CutPrefix(text, p.prefix); ok {
				a.sources, found = append(a.sources, place{text: text, kind: p.kind, name: name}), true
			}
		}
		if !found {
			a.invalid = fmt.Errorf("identity source %s is not understood", text)
		}
	}
	return a
}

// A Request is what an authorizer is asked about.
type Request struct {
	Header   func(name string) string // the first value, whatever the case of name
	Query    func(name string) string
	Variable func(name string) string // of the stage
	Context  func(name string) string // such as "identity.sourceIp"

	Event      func() []byte       // for the function
	MethodARN  string              // of $connect
	Conditions map[string][]string // keys for the policy's conditions, such as "aws:SourceIp"
}

// Missing returns the first identity source that the request does not have, or has empty. AWS: then the function is not asked.
func (a *Authorizer) Missing(r *Request) (string, bool) {
	lookup := [...]func(string) string{header: r.Header, query: r.Query, variable: r.Variable, inContext: r.Context}
	for _, s := range a.sources {
		if lookup[s.kind](s.name) == "" {
			return s.text, true
		}
	}
	return "", false
}

// SourceARN is what the function sees as the caller, …/authorizers/{id}.
func (a *Authorizer) SourceARN() string { return a.sourceARN }

// Authorize asks the function and evaluates its policy. The error is a *Refusal.
func (a *Authorizer) Authorize(ctx context.Context, r *Request) (*Decision, error) {
	if a.invalid != nil {
		return nil, broken(a.invalid, "correct the authorizer and deploy the API")
	}
	if name, missing := a.Missing(r); missing {
		return nil, unauthorized(fmt.Errorf("identity source %s is missing or empty", name))
	}
	began := time.Now()
	result, err := a.invoke(ctx, r.Event())
	if err != nil {
		return nil, err
	}
	d, err := read(result, r)
	if err != nil {
		refusal, ok := errors.AsType[*Refusal](err)
		if !ok {
			refusal = broken(fmt.Errorf("result of %s: %w", a.function, err),
				`return {"principalId": "…", "policyDocument": {"Version": "2012-10-17", "Statement": […]}} and optionally a context of strings, numbers and booleans`)
		}
		return nil, refusal
	}
	d.Latency = time.Since(began)
	return d, nil
}

func (a *Authorizer) invoke(ctx context.Context, event []byte) ([]byte, error) {
	ctx, cancel := context.WithTimeout(ctx, Timeout)
	defer cancel()
	result, failed, err := a.lambda.InvokeFrom(ctx, a.principal, a.sourceARN, a.function, event)
	switch {
	case err != nil && ctx.Err() != nil:
		return nil, broken(fmt.Errorf("function %s did not answer in time: %w", a.function, err), "")
	case err != nil:
		hint := ""
		switch awsapi.Code(err) {
		case "ResourceNotFoundException":
			hint = "the function does not exist: deploy it, or correct the authorizer's URI"
		case "AccessDeniedException":
			hint = fmt.Sprintf("no permission: allow lambda:InvokeFunction on %s to principal %s with SourceArn %s", a.function, a.principal, a.sourceARN)
		}
		return nil, broken(fmt.Errorf("invoke %s: %w", a.function, err), hint)
	case failed:
		return nil, a.failure(result)
	}
	return result, nil
}

// failure says what a failed function means. AWS: the message Unauthorized, exactly, is a decision, and everything else an accident.
func (a *Authorizer) failure(result []byte) *Refusal {
	var thrown struct {
		Message string `json:"errorMessage"`
	}
	if json.Unmarshal(result, &thrown) == nil && thrown.Message == "Unauthorized" {
		return unauthorized(errUnauthorized)
	}
	const most = 500
	return broken(fmt.Errorf("function %s failed: %s", a.function, result[:min(len(result), most)]), "")
}
