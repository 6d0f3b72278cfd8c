package cloudformation

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/sallyport/sallyport/internal/arn"
	"github.com/sallyport/sallyport/internal/awsapi"
	"github.com/sallyport/sallyport/internal/resource"
	"github.com/sallyport/sallyport/internal/store"
)

// maxAnswer bounds the answer of a custom resource, in bytes.
const maxAnswer = 4096

// customAttempts is how often a function is invoked that raises an error.
const customAttempts = 3

// A customResource is AWS::CloudFormation::CustomResource, or Custom::X: a function makes it, and answers at a URL.
type customResource struct {
	s    *Service
	name string
}

func (c *customResource) Name() string { return c.name }

func (c *customResource) CreateOnly() []string { return []string{"ServiceToken"} }

func (c *customResource) Check(properties map[string]any) error {
	if properties["ServiceToken"] == nil {
		return &resource.InvalidProperties{Path: "#", Detail: "required key [ServiceToken] not found"}
	}
	return nil
}

// An answer is what the function behind a custom resource says; its document waits for it.
type answer struct {
	Pending            bool `json:",omitempty"`
	Status             string
	Reason             string
	PhysicalResourceId string
	Data               map[string]any
	NoEcho             bool
}

func (c *customResource) Create(ctx context.Context, r resource.Request) (resource.Result, error) {
	return c.ask(ctx, "Create", r, nil)
}

func (c *customResource) Update(ctx context.Context, r resource.Request) (resource.Result, error) {
	return c.ask(ctx, "Update", r, r.Old)
}

func (c *customResource) Delete(ctx context.Context, r resource.Request) error {
	_, err := c.ask(ctx, "Delete", r, nil)
	return err
}

// ask invokes the function and waits for its answer. A step that is repeated after a crash takes the answer that has come meanwhile.
func (c *customResource) ask(ctx context.Context, what string, r resource.Request, old map[string]any) (resource.Result, error) {
	s := c.s
	function, _ := r.Properties["ServiceToken"].(string)
	if s.options.Functions == nil || s.options.ResponseURL == nil || !strings.HasPrefix(function, "arn:aws:lambda:") {
		return resource.Result{}, fmt.Errorf("custom resources need the ARN of a Lambda function as ServiceToken, not %q", function)
	}
	key := answerKey(r.Token)
	a, known, err := get[answer](ctx, s.docs(), key)
	if err != nil {
		return resource.Result{}, err
	}
	if !known || a.Pending {
		if _, err := store.Put(ctx, s.docs(), key, encode(answer{Pending: true}), store.Always); err != nil {
			return resource.Result{}, fmt.Errorf("wait for %s: %w", r.LogicalID, err)
		}
		if a, err = c.invoke(ctx, function, c.event(what, r, old), r); err != nil {
			return resource.Result{}, err
		}
	}
	if err := store.Delete(context.WithoutCancel(ctx), s.docs(), key, store.Always); err != nil {
		return resource.Result{}, fmt.Errorf("forget the answer of %s: %w", r.LogicalID, err)
	}
	id := a.PhysicalResourceId
	if id == "" {
		id = r.PhysicalID
	}
	if a.Status != "SUCCESS" {
		return resource.Result{}, fmt.Errorf("Received response status [FAILED] from custom resource. Message returned: %s (RequestId: %s)", a.Reason, r.Token)
	}
	if id == "" {
		return resource.Result{}, errors.New("Invalid PhysicalResourceId")
	}
	return resource.Result{PhysicalID: id, Attributes: a.Data}, nil
}

func answerKey(token string) string { return "answers/" + token }

// event is what the function is told.
func (c *customResource) event(what string, r resource.Request, old map[string]any) []byte {
	e := map[string]any{
		"RequestType": what, "ResponseURL": c.s.options.ResponseURL(r.Token), "StackId": r.StackID, "RequestId": r.Token, "ResourceType": c.name,
		"LogicalResourceId": r.LogicalID, "ServiceToken": r.Properties["ServiceToken"], "ResourceProperties": texts(r.Properties),
	}
	if r.PhysicalID != "" {
		e["PhysicalResourceId"] = r.PhysicalID
	}
	if old != nil {
		e["OldResourceProperties"] = texts(old)
	}
	return encode(e)
}

// texts turns the scalars in v into strings. AWS: a function gets "true" and "5".
func texts(v any) any {
	switch v := v.(type) {
	case map[string]any:
		m := make(map[string]any, len(v))
		for k, e := range v {
			m[k] = texts(e)
		}
		return m
	case []any:
		l := make([]any, len(v))
		for i, e := range v {
			l[i] = texts(e)
		}
		return l
	case nil:
		return nil
	}
	return fmt.Sprint(v)
}

// invoke calls the function until it raises no error, and waits for its answer.
func (c *customResource) invoke(ctx context.Context, function string, event []byte, r resource.Request) (*answer, error) {
	timeout := time.Hour
	if n, err := strconv.Atoi(fmt.Sprint(r.Properties["ServiceTimeout"])); err == nil && n > 0 {
		timeout = time.Duration(n) * time.Second
	}
	wait, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	caller := awsapi.CallerOf(ctx)
	principal := arn.New("iam", "", caller.Account, "root").String()
	failed := make(chan error, 1)
	done := make(chan struct{})
	go func() {
		defer close(done)
		for attempt := 1; ; attempt++ {
			result, functionError, err := c.s.options.Functions.InvokeFrom(wait, principal, r.StackID, function, event)
			switch {
			case err != nil:
				failed <- fmt.Errorf("invoke %s: %w", function, err)
			case functionError && attempt < customAttempts:
				continue
			case functionError:
				failed <- fmt.Errorf("the function of the custom resource failed: %s", result)
			}
			return
		}
	}()
	defer func() { cancel(); <-done }()
	answered := make(chan *answer, 1)
	watched := make(chan error, 1)
	go func() {
		watched <- c.s.docs().Watch(wait, answerKey(r.Token), func(e store.Event) error {
			var a answer
			if e.Deleted || e.CaughtUp || decode(e.Data, &a) != nil || a.Pending {
				return nil
			}
			answered <- &a
			return errStop
		})
	}()
	defer func() { cancel(); <-watched }()
	select {
	case a := <-answered:
		return a, nil
	case err := <-failed:
		select {
		case a := <-answered: // it had answered before it failed
			return a, nil
		default:
			return nil, err
		}
	case <-wait.Done():
		if ctx.Err() != nil {
			return nil, ctx.Err()
		}
		return nil, errors.New("CloudFormation did not receive a response from your Custom Resource. Please check your logs for requestId [" + r.Token + "]. If you are using the Python cfn-response module, you may need to update your Lambda function code so that CloudFormation can attach the updated version.")
	}
}

// Respond takes the answer of the function behind a custom resource: the body of a PUT to the URL that Options.ResponseURL made of token.
// Nobody waits for an unknown token: that is an *awsapi.Error.
func (s *Service) Respond(ctx context.Context, token string, body []byte) error {
	if err := s.open(ctx); err != nil {
		return err
	}
	var a answer
	d, err := s.docs().Get(ctx, answerKey(token))
	if errors.Is(err, store.ErrNotFound) || err == nil && (decode(d.Data, &a) != nil || !a.Pending) {
		return awsapi.Errorf("AccessDenied", 403, "Request has expired")
	} else if err != nil {
		return fmt.Errorf("read what waits for the answer: %w", err)
	}
	a = answer{}
	switch {
	case len(body) > maxAnswer:
		a = answer{Status: "FAILED", Reason: "Response object is too long."}
	case decode(body, &a) != nil:
		a = answer{Status: "FAILED", Reason: "Invalid Response object: Response is not valid JSON"}
	case a.Status != "SUCCESS" && a.Status != "FAILED":
		a = answer{Status: "FAILED", Reason: "Invalid Response object: Value of property Status must be SUCCESS or FAILED"}
	}
	a.Pending = false
	_, err = store.Put(ctx, s.docs(), answerKey(token), encode(a), store.AtRev(d.Rev))
	return err
}
