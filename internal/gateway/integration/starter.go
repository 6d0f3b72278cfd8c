package integration

import "context"

// A Starter is a Lambda that takes events in order.
type Starter interface {
	// StartFrom is the first step of Lambda.InvokeFrom: events that were begun one after the other reach the function in that order. wait is
	// the rest, and must be called.
	StartFrom(ctx context.Context, principal, sourceARN, functionARN string, event []byte) (wait Waiting, err error)
}

// A Waiting waits for the result of an event that has begun.
type Waiting = func(ctx context.Context) (result []byte, functionError bool, err error)

// beginner returns the first step of a call, nil if Lambda knows no steps.
func (p *proxy) beginner() func(context.Context, *Request) func() (Response, error) {
	starter, ok := p.lambda.(Starter)
	if !ok {
		return nil
	}
	return func(ctx context.Context, r *Request) func() (Response, error) {
		principal, err := p.invoker.principal(ctx, r, p.function)
		if err != nil {
			return func() (Response, error) { return Response{}, err }
		}
		rest := *p
		wait, err := starter.StartFrom(ctx, principal, r.SourceARN, p.function, r.Event)
		if rest.lambda = begun(wait); err != nil {
			rest.lambda = begun(func(context.Context) ([]byte, bool, error) { return nil, false, err })
		}
		return func() (Response, error) { return rest.call(ctx, r) }
	}
}

// begun is a Lambda that has the event already.
type begun Waiting

// InvokeFrom implements Lambda.
func (wait begun) InvokeFrom(ctx context.Context, _, _, _ string, _ []byte) ([]byte, bool, error) {
	return wait(ctx)
}
