package nats

import (
	"context"
	"errors"
	"fmt"

	"github.com/nats-io/nats.go"

	"github.com/sallyport/sallyport/internal/store"
)

// Codes of the server's API that we decide on.
const (
	codeWrongLastSequence         = 10071
	codeWrongLastSequenceConstant = 10164
	codeBatchIncomplete           = 10176
	codeBatchTooMany              = 10210
	codeNoMessage                 = 10037
)

var errNoAnswer = fmt.Errorf("the engine did not answer within %s", callTimeout)

// unavailable makes err an ErrUnavailable that keeps its cause; the end of the caller's context stays what it is.
func unavailable(err error) error {
	switch {
	case err == nil, errors.Is(err, store.ErrUnavailable), errors.Is(err, store.ErrNotFound), errors.Is(err, store.ErrConflict):
		return err
	case errors.Is(err, context.Canceled), errors.Is(err, context.DeadlineExceeded):
		return err
	case errors.Is(err, nats.ErrNoResponders):
		return fmt.Errorf("%w: the stream does not exist or has no leader", store.ErrUnavailable)
	}
	return fmt.Errorf("%w: %w", store.ErrUnavailable, err)
}

// ended returns why ctx ended: our own time limit makes the store unavailable, the caller's is the caller's.
func ended(ctx context.Context, err error) error {
	if ctx.Err() != nil && errors.Is(context.Cause(ctx), errNoAnswer) {
		return unavailable(errNoAnswer)
	}
	return unavailable(err)
}
