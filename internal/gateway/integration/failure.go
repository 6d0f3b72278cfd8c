package integration

import (
	"context"
	"errors"
	"fmt"
)

// Texts of failures, AWS's own.
const (
	internalError    = "Internal server error"
	timedOut         = "Endpoint request timed out"
	unsupportedMedia = "Unsupported Media Type"
)

// A Failure is why a call has no response.
type Failure struct {
	Status    int    // of a refused upgrade
	Message   string // in the error frame and in the body of a refused upgrade
	Cause     error  // for the operator
	Hint      string // what to do about it; may be empty
	Temporary bool   // throttled or not reached: another try may go well. The backend did not answer
}

func (f *Failure) Error() string {
	if f.Hint == "" {
		return f.Cause.Error()
	}
	return f.Cause.Error() + ": " + f.Hint
}

func (f *Failure) Unwrap() error { return f.Cause }

// AsFailure returns err as a Failure. What is none is our own fault: an internal server error.
func AsFailure(err error) *Failure {
	if f, ok := errors.AsType[*Failure](err); ok {
		return f
	}
	return broken(err, "")
}

// broken is the failure of a configuration that cannot work, or of ourselves.
func broken(cause error, hint string) *Failure {
	return &Failure{Status: 500, Message: internalError, Cause: cause, Hint: hint}
}

// malformed is the failure of a backend that answered what it may not.
func malformed(format string, args ...any) *Failure {
	return &Failure{Status: 502, Message: internalError, Cause: fmt.Errorf(format, args...)}
}

// timeout is the failure of a backend that took too long, or nil while there is time.
func timeout(ctx context.Context, target string) *Failure {
	switch err := ctx.Err(); {
	case errors.Is(err, context.DeadlineExceeded):
		return &Failure{
			Status: 504, Message: timedOut,
			Cause: fmt.Errorf("%s did not answer within the integration's timeout", target),
			Hint:  "raise timeoutInMillis (at most 29000) or answer earlier and push the result",
		}
	case err != nil:
		return &Failure{Status: 500, Message: internalError, Cause: fmt.Errorf("call of %s was stopped: %w", target, err)}
	}
	return nil
}
