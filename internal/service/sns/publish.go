package sns

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/sallyport/sallyport/internal/awsapi"
	shapes "github.com/sallyport/sallyport/internal/awsapi/shapes/sns"
)

const maxMessage = 256 << 10 // bytes of a message

func (s *Service) publish(ctx context.Context, in *shapes.PublishInput) (*shapes.PublishOutput, error) {
	target := value(in.TopicArn)
	if target == "" {
		target = value(in.TargetArn)
	}
	if in.PhoneNumber != nil {
		return nil, awsapi.Errorf("InvalidParameter", 400, "Sallyport sends no text messages: publish on a topic.")
	}
	if target == "" {
		return nil, errInvalid("TopicArn or TargetArn Reason: no value for required parameter")
	}
	t, err := s.findTopic(ctx, target)
	if err != nil {
		return nil, err
	}
	if err := s.mayPublish(ctx, t); err != nil {
		return nil, err
	}
	m, err := t.message(&shapes.PublishBatchRequestEntry{
		Message: in.Message, Subject: in.Subject, MessageStructure: in.MessageStructure, MessageAttributes: in.MessageAttributes,
		MessageDeduplicationId: in.MessageDeduplicationId, MessageGroupId: in.MessageGroupId,
	})
	if err != nil {
		return nil, err
	}
	if c := awsapi.CallerOf(ctx); c.Repeats {
		m.ID = awsapi.RequestIDFrom("notification", c.RequestID, m.Topic)
	}
	if err := s.send(ctx, t, m); err != nil {
		return nil, err
	}
	out := &shapes.PublishOutput{MessageId: &m.ID}
	if m.Sequence != "" {
		out.SequenceNumber = &m.Sequence
	}
	return out, nil
}

// message checks what is to be published.
func (t *topic) message(in *shapes.PublishBatchRequestEntry) (*message, error) {
	m := &message{ID: awsapi.NewRequestID(), Topic: t.arn(), Subject: value(in.Subject), Body: value(in.Message), At: time.Now()}
	switch {
	case m.Body == "":
		return nil, errInvalid("Empty message")
	case in.Subject != nil && (m.Subject == "" || len(m.Subject) > 100 || strings.ContainsAny(m.Subject, "\n\r")):
		return nil, errInvalid("Subject")
	}
	if value(in.MessageStructure) == "json" {
		var any map[string]any
		if json.Unmarshal([]byte(m.Body), &any) != nil {
			return nil, errInvalid("Message Structure - JSON message body failed to parse")
		}
		m.Bodies = map[string]string{}
		for k, v := range any {
			if text, ok := v.(string); ok {
				m.Bodies[k] = text
			}
		}
		standard, ok := m.Bodies["default"]
		if !ok {
			return nil, errInvalid("Message Structure - No default entry in JSON message body")
		}
		m.Body = standard
	}
	size := len(value(in.Message))
	for name, a := range in.MessageAttributes {
		kind, _, _ := strings.Cut(value(a.DataType), ".")
		if kind != "String" && kind != "Number" && kind != "Binary" {
			return nil, awsapi.Errorf("ParameterValueInvalid", 400, "The message attribute '%s' has an invalid message attribute type, the set of supported type prefixes is Binary, Number, and String.", name)
		}
		if kind != "Binary" && value(a.StringValue) == "" || kind == "Binary" && len(a.BinaryValue) == 0 {
			return nil, awsapi.Errorf("ParameterValueInvalid", 400, "The message attribute '%s' must contain non-empty message attribute value for message attribute type '%s'.", name, value(a.DataType))
		}
		if m.Attributes == nil {
			m.Attributes = map[string]attribute{}
		}
		m.Attributes[name] = attribute{value(a.DataType), value(a.StringValue), a.BinaryValue}
		size += len(name) + len(value(a.DataType)) + len(value(a.StringValue)) + len(a.BinaryValue)
	}
	if size > maxMessage {
		return nil, errInvalid("Message too long")
	}
	return m, t.line(m, in)
}

// line sets what FIFO topics go by.
func (t *topic) line(m *message, in *shapes.PublishBatchRequestEntry) error {
	m.Group, m.Dedup = value(in.MessageGroupId), value(in.MessageDeduplicationId)
	if !t.fifo() {
		if m.Dedup != "" {
			return errInvalid("MessageDeduplicationId Reason: The request includes MessageDeduplicationId parameter that is not valid for this topic type")
		}
		return nil
	}
	if m.Group == "" {
		return errInvalid("The MessageGroupId parameter is required for FIFO topics")
	}
	if m.Dedup == "" {
		if t.Attributes["ContentBasedDeduplication"] != "true" {
			return errInvalid("The topic should either have ContentBasedDeduplication enabled or MessageDeduplicationId provided explicitly")
		}
		sum := sha256.Sum256([]byte(m.Body))
		m.Dedup = hex.EncodeToString(sum[:])
	}
	m.Sequence = fmt.Sprintf("1%019s", strconv.FormatInt(m.At.UnixNano(), 10))
	return nil
}

// send gives a message to the topic's subscribers; what it returns nil for is durable. What is published on a FIFO topic goes into
// its queues at once, in order.
func (s *Service) send(ctx context.Context, t *topic, m *message) error {
	subs, err := s.subs.List(ctx, t.subs())
	if err != nil {
		return err
	}
	j := job{Message: *m}
	for _, sub := range subs {
		s.mu.RLock()
		filter := s.filters[sub.key()]
		s.mu.RUnlock()
		if sub.Pending == "" && m.wanted(filter, sub.Attributes["FilterPolicyScope"]) {
			j.Subscriptions = append(j.Subscriptions, sub.key())
		}
	}
	if len(j.Subscriptions) == 0 {
		return nil
	}
	if !t.fifo() {
		return s.enqueue(ctx, j, time.Time{})
	}
	unlock := s.order.lock(m.Topic + "\n" + m.Group)
	defer unlock()
	var failed []string
	for _, key := range j.Subscriptions {
		if err := s.reach(ctx, key, &j.Message); err != nil {
			failed = append(failed, key)
		}
	}
	if j.Subscriptions = failed; len(failed) == 0 {
		return nil
	}
	return s.enqueue(ctx, j, time.Time{})
}

func (s *Service) publishBatch(ctx context.Context, in *shapes.PublishBatchInput) (*shapes.PublishBatchOutput, error) {
	t, err := s.findTopic(ctx, *in.TopicArn)
	if err != nil {
		return nil, err
	}
	if err := s.mayPublish(ctx, t); err != nil {
		return nil, err
	}
	entries := in.PublishBatchRequestEntries
	switch {
	case len(entries) == 0:
		return nil, awsapi.Errorf("EmptyBatchRequest", 400, "The batch request doesn't contain any entries.")
	case len(entries) > 10:
		return nil, awsapi.Errorf("TooManyEntriesInBatchRequest", 400, "The batch request contains more entries than permissible.")
	}
	seen := map[string]bool{}
	for _, e := range entries {
		if seen[value(e.Id)] {
			return nil, awsapi.Errorf("BatchEntryIdsNotDistinct", 400, "Two or more batch entries in the request have the same Id.")
		}
		seen[value(e.Id)] = true
	}
	out := &shapes.PublishBatchOutput{Successful: []*shapes.PublishBatchResultEntry{}, Failed: []*shapes.BatchResultErrorEntry{}}
	for _, e := range entries {
		m, err := t.message(e)
		if err == nil {
			err = s.send(ctx, t, m)
		}
		var visible *awsapi.Error
		switch {
		case errors.As(err, &visible):
			out.Failed = append(out.Failed, &shapes.BatchResultErrorEntry{Id: e.Id, Code: &visible.Code, Message: &visible.Message, SenderFault: new(visible.Status < 500)})
			continue
		case err != nil:
			return nil, err
		}
		one := &shapes.PublishBatchResultEntry{Id: e.Id, MessageId: &m.ID}
		if m.Sequence != "" {
			one.SequenceNumber = &m.Sequence
		}
		out.Successful = append(out.Successful, one)
	}
	return out, nil
}
