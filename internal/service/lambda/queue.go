package lambda

import (
	"context"
	"strings"
)

// QueueFrom is InvokeFrom for calls that nobody waits for: the event is accepted, and the function runs when its turn comes, with the
// retries of asynchronous calls. An empty event is an empty object.
func (s *Service) QueueFrom(ctx context.Context, principal, sourceARN, functionARN string, event []byte) error {
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
	if e.fn.configurationOf(t.qualifier) == nil {
		return errFunctionNotFound(t.qualified())
	}
	if event, err = checkPayload(event, "Event"); err != nil {
		return err
	}
	return s.enqueue(ctx, t, event)
}
