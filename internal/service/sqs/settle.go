package sqs

import (
	"context"
	"errors"
	"time"

	shapes "github.com/sallyport/sallyport/internal/awsapi/shapes/sqs"
	"github.com/sallyport/sallyport/internal/service/sqs/box"
)

func (s *Service) deleteMessage(ctx context.Context, in *shapes.DeleteMessageInput) (*shapes.DeleteMessageOutput, error) {
	q, err := s.find(ctx, in.QueueUrl)
	if err != nil {
		return nil, err
	}
	return &shapes.DeleteMessageOutput{}, s.settle(ctx, q, value(in.ReceiptHandle))
}

func (s *Service) settle(ctx context.Context, q *queue, handle string) error {
	b, err := s.open(ctx, q)
	if err != nil {
		return err
	}
	return handleError(handle, b.Delete(ctx, handle))
}

// handleError says in AWS's words what is wrong with a handle.
func handleError(handle string, err error) error {
	switch {
	case errors.Is(err, box.ErrHandle):
		return failure("ReceiptHandleIsInvalid", "ReceiptHandleIsInvalid", "The input receipt handle \"%s\" is not a valid receipt handle.", handle)
	case errors.Is(err, box.ErrExpired):
		return errInvalid("Value %s for parameter ReceiptHandle is invalid. Reason: The receipt handle has expired.", handle)
	case errors.Is(err, box.ErrNotInFlight):
		return failure("MessageNotInflight", "AWS.SimpleQueueService.MessageNotInflight", "Value %s for parameter ReceiptHandle is invalid. Reason: Message does not exist or is not available for visibility timeout change.", handle)
	}
	return err
}

func (s *Service) changeMessageVisibility(ctx context.Context, in *shapes.ChangeMessageVisibilityInput) (*shapes.ChangeMessageVisibilityOutput, error) {
	q, err := s.find(ctx, in.QueueUrl)
	if err != nil {
		return nil, err
	}
	return &shapes.ChangeMessageVisibilityOutput{}, s.hide(ctx, q, value(in.ReceiptHandle), in.VisibilityTimeout)
}

func (s *Service) hide(ctx context.Context, q *queue, handle string, seconds *int64) error {
	if seconds == nil {
		return errMissing("VisibilityTimeout")
	}
	if *seconds < 0 || *seconds > int64(maxHidden/time.Second) {
		return errInvalid("Value %d for parameter VisibilityTimeout is invalid. Reason: VisibilityTimeout must be an integer between 0 and 43200.", *seconds)
	}
	b, err := s.open(ctx, q)
	if err != nil {
		return err
	}
	return handleError(handle, b.Hide(ctx, handle, time.Duration(*seconds)*time.Second))
}
