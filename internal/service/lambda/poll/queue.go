package poll

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/sallyport/sallyport/internal/arn"
	"github.com/sallyport/sallyport/internal/awsapi"
)

const (
	longPoll    = 20 * time.Second
	maxReceived = 10 // messages of one ReceiveMessage
	queuePause  = time.Second

	// DefaultConcurrency is how many batches of a queue run at a time, unless the mapping says otherwise. AWS: five at first, then more.
	DefaultConcurrency = 5
)

// A Queue polls a queue of SQS.
type Queue struct {
	Poller
	Concurrency int // batches that run at a time

	url string
}

// A message is a record as a function gets it.
type message struct {
	ID            string                      `json:"messageId"`
	Handle        string                      `json:"receiptHandle"`
	Body          string                      `json:"body"`
	Attributes    map[string]string           `json:"attributes"`
	Own           map[string]messageAttribute `json:"messageAttributes"`
	AttributesMD5 string                      `json:"md5OfMessageAttributes,omitempty"`
	BodyMD5       string                      `json:"md5OfBody"`
	Source        string                      `json:"eventSource"`
	SourceARN     string                      `json:"eventSourceARN"`
	Region        string                      `json:"awsRegion"`
}

type messageAttribute struct {
	String   *string `json:"stringValue,omitempty"`
	Binary   *string `json:"binaryValue,omitempty"`
	Strings  []any   `json:"stringListValues"`
	Binaries []any   `json:"binaryListValues"`
	Type     string  `json:"dataType"`
}

// Run polls until polling is done, and returns when the calls that it has begun have ended; ctx ends these, too.
func (q *Queue) Run(ctx, polling context.Context) error {
	a, err := arn.Parse(q.ARN)
	if err != nil {
		return err
	}
	q.url = "https://sqs." + a.Region + ".amazonaws.com/" + a.Account + "/" + a.Resource
	free := make(chan struct{}, max(q.Concurrency, 1))
	var calls sync.WaitGroup
	defer calls.Wait()
	for {
		select {
		case free <- struct{}{}:
		case <-polling.Done():
			return nil
		}
		batch, err := q.gather(polling)
		if polling.Err() != nil {
			return nil //nolint:nilerr // what was received is seen again
		}
		if err != nil {
			q.Log.Warn("a queue cannot be polled; trying again", "queue", q.ARN, "err", err)
			sleep(polling, 10*queuePause)
		}
		if len(batch) == 0 {
			<-free
			continue
		}
		calls.Go(func() {
			defer func() { <-free }()
			q.handle(ctx, batch)
		})
	}
}

// gather receives a batch. It waits for the first message, and for others as long as the window is.
func (q *Queue) gather(ctx context.Context) (batch []message, err error) {
	size := 0
	var until time.Time
	for wait := longPoll; ; {
		got, err := q.receive(ctx, min(q.Batch-len(batch), maxReceived), wait)
		if err != nil {
			return batch, err
		}
		if got, err = q.wanted(ctx, got); err != nil {
			return batch, err
		}
		if len(batch) == 0 && len(got) > 0 {
			until = time.Now().Add(q.Window)
		}
		for _, m := range got {
			batch = append(batch, m)
			size += len(m.Body) + 2<<10
		}
		wait = longPoll
		if len(batch) > 0 {
			wait = min(time.Until(until).Round(time.Second), longPoll)
		}
		if len(batch) >= q.Batch || size > maxPayload/2 || len(batch) > 0 && wait <= 0 || ctx.Err() != nil {
			return batch, ctx.Err()
		}
	}
}

func (q *Queue) receive(ctx context.Context, n int, wait time.Duration) ([]message, error) {
	var out struct {
		Messages []struct {
			MessageId, ReceiptHandle, Body, MD5OfBody, MD5OfMessageAttributes string

			Attributes        map[string]string
			MessageAttributes map[string]struct {
				DataType                 string
				StringValue, BinaryValue *string
			}
		}
	}
	in := map[string]any{
		"QueueUrl": q.url, "MaxNumberOfMessages": n, "WaitTimeSeconds": int(wait / time.Second),
		"AttributeNames": []string{"All"}, "MessageAttributeNames": []string{"All"},
	}
	if err := q.call(ctx, "sqs", "ReceiveMessage", in, &out); err != nil {
		return nil, err
	}
	var all []message
	for _, m := range out.Messages {
		one := message{
			ID: m.MessageId, Handle: m.ReceiptHandle, Body: m.Body, Attributes: m.Attributes, Own: map[string]messageAttribute{},
			AttributesMD5: m.MD5OfMessageAttributes, BodyMD5: m.MD5OfBody, Source: "aws:sqs", SourceARN: q.ARN, Region: q.Region,
		}
		for name, a := range m.MessageAttributes {
			one.Own[name] = messageAttribute{a.StringValue, a.BinaryValue, []any{}, []any{}, a.DataType}
		}
		all = append(all, one)
	}
	return all, nil
}

// wanted deletes the messages that the filter does not want, as AWS does, and returns the others.
func (q *Queue) wanted(ctx context.Context, all []message) (wanted []message, err error) {
	if len(q.Filter) == 0 {
		return all, nil
	}
	var others []message
	for _, m := range all {
		data, err := m.unfolded()
		if err != nil {
			return nil, fmt.Errorf("encode message: %w", err)
		}
		if q.Filter.wants(data) {
			wanted = append(wanted, m)
		} else {
			others = append(others, m)
		}
	}
	return wanted, q.delete(ctx, others)
}

// handle gives a batch to the function, and deletes what it has taken. What it has not is seen again when it is visible again.
func (q *Queue) handle(ctx context.Context, batch []message) {
	var records []json.RawMessage
	for _, m := range batch {
		data, err := json.Marshal(m)
		if err != nil {
			q.Log.Error("a message cannot be encoded", "queue", q.ARN, "message", m.ID, "err", err)
			return
		}
		records = append(records, data)
	}
	event, err := encode(records)
	if err != nil {
		q.Log.Error("messages cannot be encoded", "queue", q.ARN, "err", err)
		return
	}
	out, err := q.Function(ctx, awsapi.NewRequestID(), event)
	if err != nil {
		if ctx.Err() == nil {
			q.Log.Warn("a function was not given messages of its queue", "queue", q.ARN, "messages", len(batch), "err", err)
			q.Result("PROBLEM: " + err.Error())
			sleep(ctx, queuePause) // throttled: the next batch has to wait
		}
		return
	}
	if out.Failure != "" {
		q.Result(resultFailed)
		return
	}
	if q.Partial {
		failed, all := failedItems(out.Payload)
		known := func(id string) bool {
			return slices.ContainsFunc(batch, func(m message) bool { return m.ID == id })
		}
		if all || slices.ContainsFunc(failed, func(id string) bool { return !known(id) }) { // AWS: an unknown id fails the batch
			q.Result(resultFailed)
			return
		}
		batch = slices.DeleteFunc(batch, func(m message) bool { return slices.Contains(failed, m.ID) })
	}
	if err := q.delete(ctx, batch); err != nil && ctx.Err() == nil {
		q.Log.Warn("messages that a function has taken could not be deleted; it will see them again", "queue", q.ARN, "err", err)
	}
	q.Result(resultOK)
}

func (q *Queue) delete(ctx context.Context, all []message) error {
	for some := range slices.Chunk(all, maxReceived) {
		var entries []map[string]string
		for i, m := range some {
			entries = append(entries, map[string]string{"Id": fmt.Sprint(i), "ReceiptHandle": m.Handle})
		}
		var out struct {
			Failed []struct{ Code, Message string }
		}
		if err := q.call(ctx, "sqs", "DeleteMessageBatch", map[string]any{"QueueUrl": q.url, "Entries": entries}, &out); err != nil {
			return err
		}
		if len(out.Failed) > 0 {
			return errors.New(strings.TrimSpace(out.Failed[0].Code + " " + out.Failed[0].Message))
		}
	}
	return nil
}
