package sqs

import (
	"context"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/sallyport/sallyport/internal/awsapi"
	shapes "github.com/sallyport/sallyport/internal/awsapi/shapes/sqs"
	"github.com/sallyport/sallyport/internal/service/sqs/box"
)

func (s *Service) receiveMessage(ctx context.Context, in *shapes.ReceiveMessageInput) (*shapes.ReceiveMessageOutput, error) {
	q, err := s.find(ctx, in.QueueUrl)
	if err != nil {
		return nil, err
	}
	t := box.Take{Max: 1, Visible: q.seconds("VisibilityTimeout"), Wait: q.seconds("ReceiveMessageWaitTimeSeconds")}
	if n := in.MaxNumberOfMessages; n != nil {
		if *n < 1 || *n > 10 {
			return nil, errInvalid("Value %d for parameter MaxNumberOfMessages is invalid. Reason: Must be between 1 and 10, if provided.", *n)
		}
		t.Max = int(*n)
	}
	if n := in.VisibilityTimeout; n != nil {
		if *n < 0 || *n > int64(maxHidden/time.Second) {
			return nil, errInvalid("Value %d for parameter VisibilityTimeout is invalid. Reason: Must be >= 0 and <= 43200, if provided.", *n)
		}
		t.Visible = time.Duration(*n) * time.Second
	}
	if n := in.WaitTimeSeconds; n != nil {
		if *n < 0 || *n > 20 {
			return nil, errInvalid("Value %d for parameter WaitTimeSeconds is invalid. Reason: Must be >= 0 and <= 20, if provided.", *n)
		}
		t.Wait = time.Duration(*n) * time.Second
	}
	got, err := s.take(ctx, q, t)
	if err != nil {
		return nil, err
	}
	out := &shapes.ReceiveMessageOutput{}
	names := slices.Concat(in.AttributeNames, in.MessageSystemAttributeNames)
	for _, d := range got {
		out.Messages = append(out.Messages, q.show(d, names, in.MessageAttributeNames))
	}
	return out, nil
}

// take receives messages, and sends to the dead-letter queue those that were received too often.
func (s *Service) take(ctx context.Context, q *queue, t box.Take) ([]box.Delivery, error) {
	b, err := s.open(ctx, q)
	if err != nil {
		return nil, err
	}
	t.Retention = q.seconds("MessageRetentionPeriod")
	if r, err := parseRedrive(q.Attributes["RedrivePolicy"]); err == nil {
		if dead, err := s.findARN(ctx, r.Target); err == nil { // AWS: without its queue, a message stays
			t.Receives = r.Receives
			t.Dead = func(ctx context.Context, m *box.Message, receives int) error {
				letter := *m
				letter.DeadFrom, letter.Receives, letter.Visible, letter.Blob = q.arn(), receives, 0, ""
				if letter.Dedup != "" {
					letter.Dedup = m.ID // it is never taken for another one
				}
				_, err := s.put(ctx, dead, []*box.Message{&letter})
				return err
			}
		}
	}
	return b.Receive(ctx, t)
}

// show returns a message with the attributes that were asked for.
func (q *queue) show(d box.Delivery, system, names []string) *shapes.Message {
	m := &shapes.Message{MessageId: &d.ID, ReceiptHandle: &d.Handle, Body: &d.Body, MD5OfBody: new(md5Of(d.Body))}
	all := map[string]string{
		"SenderId": d.Sender, "SentTimestamp": strconv.FormatInt(d.Sent, 10), "ApproximateReceiveCount": strconv.Itoa(d.Receives),
		"ApproximateFirstReceiveTimestamp": strconv.FormatInt(d.First, 10),
	}
	if q.fifo() {
		all["SequenceNumber"], all["MessageDeduplicationId"] = value(q.sequence(d.Seq)), d.Dedup
	}
	if d.Group != "" {
		all["MessageGroupId"] = d.Group
	}
	if d.DeadFrom != "" {
		all["DeadLetterQueueSourceArn"] = d.DeadFrom
	}
	for name, a := range d.System {
		all[name] = a.String
	}
	for _, name := range system {
		if name == "All" {
			m.Attributes = all
			break
		}
		if v, ok := all[name]; ok {
			if m.Attributes == nil {
				m.Attributes = map[string]string{}
			}
			m.Attributes[name] = v
		}
	}
	given := map[string]box.Attribute{}
	for name, a := range d.Attributes {
		if wanted(name, names) {
			given[name] = a
		}
	}
	m.MD5OfMessageAttributes = md5OfAttributes(given)
	for name, a := range given {
		if m.MessageAttributes == nil {
			m.MessageAttributes = map[string]*shapes.MessageAttributeValue{}
		}
		v := &shapes.MessageAttributeValue{DataType: &a.Type, BinaryValue: a.Binary}
		if a.Binary == nil {
			v.StringValue = &a.String
		}
		m.MessageAttributes[name] = v
	}
	return m
}

// wanted tells whether a request's names mean an attribute: All, .*, prefix.*, or its name.
func wanted(name string, names []string) bool {
	return slices.ContainsFunc(names, func(n string) bool {
		prefix, isPrefix := strings.CutSuffix(n, ".*")
		return n == name || n == "All" || n == ".*" || isPrefix && strings.HasPrefix(name, prefix)
	})
}

var _ awsapi.Service = (*Service)(nil)
