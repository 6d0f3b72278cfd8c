package sqs

import (
	"context"
	"errors"
	"regexp"
	"sync"

	"github.com/sallyport/sallyport/internal/awsapi"
	shapes "github.com/sallyport/sallyport/internal/awsapi/shapes/sqs"
	"github.com/sallyport/sallyport/internal/service/sqs/box"
)

var batchID = regexp.MustCompile(`^[A-Za-z0-9_-]{1,80}$`)

// checkBatch checks the ids of a batch's entries.
func checkBatch(kind string, ids []*string) error {
	if len(ids) == 0 {
		return failure("EmptyBatchRequest", "AWS.SimpleQueueService.EmptyBatchRequest", "There should be at least one %s in the request.", kind)
	}
	if len(ids) > 10 {
		return failure("TooManyEntriesInBatchRequest", "AWS.SimpleQueueService.TooManyEntriesInBatchRequest", "Maximum number of entries per request are 10. You have sent %d.", len(ids))
	}
	seen := map[string]bool{}
	for _, id := range ids {
		if !batchID.MatchString(value(id)) {
			return failure("InvalidBatchEntryId", "AWS.SimpleQueueService.InvalidBatchEntryId", "A batch entry id can only contain alphanumeric characters, hyphens and underscores. It can be at most 80 letters long.")
		}
		if seen[*id] {
			return failure("BatchEntryIdsNotDistinct", "AWS.SimpleQueueService.BatchEntryIdsNotDistinct", "Id %s repeated.", *id)
		}
		seen[*id] = true
	}
	return nil
}

// failed returns the answer for an entry that failed; an error that is not for the caller is returned.
func failed(id *string, err error) (*shapes.BatchResultErrorEntry, error) {
	var e *awsapi.Error
	if !errors.As(err, &e) {
		return nil, err
	}
	code := e.QueryCode
	if code == "" {
		code = e.Code
	}
	return &shapes.BatchResultErrorEntry{Id: id, SenderFault: new(e.Status < 500), Code: &code, Message: &e.Message}, nil
}

func (s *Service) sendMessageBatch(ctx context.Context, in *shapes.SendMessageBatchInput) (*shapes.SendMessageBatchOutput, error) {
	q, err := s.find(ctx, in.QueueUrl)
	if err != nil {
		return nil, err
	}
	var ids []*string
	total := 0
	for _, e := range in.Entries {
		ids = append(ids, e.Id)
		total += len(value(e.MessageBody))
	}
	if err := checkBatch("SendMessageBatchRequestEntry", ids); err != nil {
		return nil, err
	}
	if total > maxMessage {
		return nil, failure("BatchRequestTooLong", "AWS.SimpleQueueService.BatchRequestTooLong", "Batch requests cannot be longer than %d bytes. You have sent %d bytes.", maxMessage, total)
	}
	if err := s.maySend(ctx, q); err != nil {
		return nil, err
	}
	out := &shapes.SendMessageBatchOutput{Successful: []*shapes.SendMessageBatchResultEntry{}, Failed: []*shapes.BatchResultErrorEntry{}}
	var all []*box.Message
	var good []*string
	for _, e := range in.Entries {
		m, err := q.message(ctx, e)
		if err != nil {
			f, err := failed(e.Id, err)
			if err != nil {
				return nil, err
			}
			out.Failed = append(out.Failed, f)
			continue
		}
		all, good = append(all, m), append(good, e.Id)
	}
	if len(all) == 0 {
		return out, nil
	}
	sent, err := s.put(ctx, q, all)
	if err != nil {
		return nil, err
	}
	for i, m := range all {
		out.Successful = append(out.Successful, &shapes.SendMessageBatchResultEntry{
			Id: good[i], MessageId: &sent[i].ID, MD5OfMessageBody: new(md5Of(m.Body)), MD5OfMessageAttributes: md5OfAttributes(m.Attributes),
			MD5OfMessageSystemAttributes: md5OfAttributes(m.System), SequenceNumber: q.sequence(sent[i].Seq),
		})
	}
	return out, nil
}

// each runs f for every entry at once.
func each(n int, f func(i int) error) []error {
	errs := make([]error, n)
	var all sync.WaitGroup
	for i := range n {
		all.Go(func() { errs[i] = f(i) })
	}
	all.Wait()
	return errs
}

func (s *Service) deleteMessageBatch(ctx context.Context, in *shapes.DeleteMessageBatchInput) (*shapes.DeleteMessageBatchOutput, error) {
	q, err := s.find(ctx, in.QueueUrl)
	if err != nil {
		return nil, err
	}
	var ids []*string
	for _, e := range in.Entries {
		ids = append(ids, e.Id)
	}
	if err := checkBatch("DeleteMessageBatchRequestEntry", ids); err != nil {
		return nil, err
	}
	out := &shapes.DeleteMessageBatchOutput{Successful: []*shapes.DeleteMessageBatchResultEntry{}, Failed: []*shapes.BatchResultErrorEntry{}}
	for i, err := range each(len(ids), func(i int) error { return s.settle(ctx, q, value(in.Entries[i].ReceiptHandle)) }) {
		if err == nil {
			out.Successful = append(out.Successful, &shapes.DeleteMessageBatchResultEntry{Id: ids[i]})
			continue
		}
		f, err := failed(ids[i], err)
		if err != nil {
			return nil, err
		}
		out.Failed = append(out.Failed, f)
	}
	return out, nil
}

func (s *Service) changeMessageVisibilityBatch(ctx context.Context, in *shapes.ChangeMessageVisibilityBatchInput) (*shapes.ChangeMessageVisibilityBatchOutput, error) {
	q, err := s.find(ctx, in.QueueUrl)
	if err != nil {
		return nil, err
	}
	var ids []*string
	for _, e := range in.Entries {
		ids = append(ids, e.Id)
	}
	if err := checkBatch("ChangeMessageVisibilityBatchRequestEntry", ids); err != nil {
		return nil, err
	}
	out := &shapes.ChangeMessageVisibilityBatchOutput{Successful: []*shapes.ChangeMessageVisibilityBatchResultEntry{}, Failed: []*shapes.BatchResultErrorEntry{}}
	for i, err := range each(len(ids), func(i int) error {
		return s.hide(ctx, q, value(in.Entries[i].ReceiptHandle), in.Entries[i].VisibilityTimeout)
	}) {
		if err == nil {
			out.Successful = append(out.Successful, &shapes.ChangeMessageVisibilityBatchResultEntry{Id: ids[i]})
			continue
		}
		f, err := failed(ids[i], err)
		if err != nil {
			return nil, err
		}
		out.Failed = append(out.Failed, f)
	}
	return out, nil
}
