package sqs

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/sallyport/sallyport/internal/awsapi"
	shapes "github.com/sallyport/sallyport/internal/awsapi/shapes/sqs"
	"github.com/sallyport/sallyport/internal/service/sqs/box"
)

func (s *Service) sendMessage(ctx context.Context, in *shapes.SendMessageInput) (*shapes.SendMessageOutput, error) {
	q, err := s.find(ctx, in.QueueUrl)
	if err != nil {
		return nil, err
	}
	if err := s.maySend(ctx, q); err != nil {
		return nil, err
	}
	m, err := q.message(ctx, &shapes.SendMessageBatchRequestEntry{
		MessageBody: in.MessageBody, DelaySeconds: in.DelaySeconds, MessageAttributes: in.MessageAttributes,
		MessageSystemAttributes: in.MessageSystemAttributes, MessageDeduplicationId: in.MessageDeduplicationId, MessageGroupId: in.MessageGroupId,
	})
	if err != nil {
		return nil, err
	}
	if c := awsapi.CallerOf(ctx); c.Repeats {
		m.ID, m.Again = awsapi.RequestIDFrom("message", c.RequestID, q.arn()), true
	}
	sent, err := s.put(ctx, q, []*box.Message{m})
	if err != nil {
		return nil, err
	}
	return &shapes.SendMessageOutput{
		MessageId: &sent[0].ID, MD5OfMessageBody: new(md5Of(m.Body)), MD5OfMessageAttributes: md5OfAttributes(m.Attributes),
		MD5OfMessageSystemAttributes: md5OfAttributes(m.System), SequenceNumber: q.sequence(sent[0].Seq),
	}, nil
}

// put stores messages.
func (s *Service) put(ctx context.Context, q *queue, all []*box.Message) ([]box.Sent, error) {
	b, err := s.open(ctx, q)
	if err != nil {
		return nil, err
	}
	perGroup := q.Attributes["DeduplicationScope"] == "messageGroup"
	return b.Send(ctx, all, func(m *box.Message) string {
		if perGroup {
			return m.Group
		}
		return ""
	})
}

// sequence is nil for standard queues.
func (q *queue) sequence(n uint64) *string {
	if !q.fifo() {
		return nil
	}
	return new(fmt.Sprintf("%020d", n))
}

// message checks one message and makes it ready to be stored.
func (q *queue) message(ctx context.Context, in *shapes.SendMessageBatchRequestEntry) (*box.Message, error) {
	c := awsapi.CallerOf(ctx)
	at := time.Now()
	m := &box.Message{ID: awsapi.NewRequestID(), Body: value(in.MessageBody), Sender: c.UserID, Sent: at.UnixMilli()}
	if m.Sender == "" {
		m.Sender = c.Account
	}
	if m.Body == "" {
		return nil, errMissing("MessageBody")
	}
	if i := strings.IndexFunc(m.Body, notAllowed); i >= 0 || !utf8.ValidString(m.Body) {
		return nil, failure("InvalidMessageContents", "InvalidMessageContents", "Invalid characters found. Valid unicode characters are #x9 | #xA | #xD | #x20 to #xD7FF | #xE000 to #xFFFD | #x10000 to #x10FFFF")
	}
	var err error
	if m.Attributes, err = attributesOf(in.MessageAttributes); err != nil {
		return nil, err
	}
	for name, a := range in.MessageSystemAttributes {
		if m.System == nil {
			m.System = map[string]box.Attribute{}
		}
		m.System[name] = box.Attribute{Type: value(a.DataType), String: value(a.StringValue), Binary: a.BinaryValue}
	}
	if limit := q.number("MaximumMessageSize"); int64(size(m)) > limit {
		return nil, errInvalid("One or more parameters are invalid. Reason: Message must be shorter than %d bytes.", limit)
	}
	delay := q.number("DelaySeconds")
	if in.DelaySeconds != nil {
		if delay = *in.DelaySeconds; delay < 0 || delay > 900 {
			return nil, errInvalid("Value %d for parameter DelaySeconds is invalid. Reason: DelaySeconds must be >= 0 and <= 900.", delay)
		}
		if q.fifo() && delay > 0 {
			return nil, errInvalid("Value %d for parameter DelaySeconds is invalid. Reason: The request include parameter that is not valid for this queue type.", delay)
		}
	}
	if delay > 0 {
		m.Visible = at.Add(time.Duration(delay) * time.Second).UnixMilli()
	}
	return m, q.order(m, in)
}

// notAllowed are the characters that XML cannot carry.
func notAllowed(r rune) bool {
	return r < 0x20 && r != '\t' && r != '\n' && r != '\r' || r == 0xFFFE || r == 0xFFFF
}

func attributesOf(in map[string]*shapes.MessageAttributeValue) (map[string]box.Attribute, error) {
	if len(in) == 0 {
		return nil, nil
	}
	if len(in) > 10 {
		return nil, errInvalid("Number of message attributes [%d] exceeds the allowed maximum [10].", len(in))
	}
	out := map[string]box.Attribute{}
	for name, a := range in {
		if a == nil || value(a.DataType) == "" {
			return nil, errInvalid("The message attribute '%s' must contain non-empty message attribute type.", name)
		}
		kind, _, _ := strings.Cut(*a.DataType, ".")
		switch {
		case kind == "Binary" && len(a.BinaryValue) == 0, (kind == "String" || kind == "Number") && value(a.StringValue) == "":
			return nil, errInvalid("The message attribute '%s' must contain non-empty message attribute value for message attribute type '%s'.", name, *a.DataType)
		case kind != "Binary" && kind != "String" && kind != "Number":
			return nil, errInvalid("The message attribute '%s' has an invalid message attribute type, the set of supported type prefixes is Binary, Number, and String.", name)
		}
		if kind == "Number" {
			if _, err := strconv.ParseFloat(*a.StringValue, 64); err != nil {
				return nil, errInvalid("Can't cast the value of message attribute '%s' to a number.", name)
			}
		}
		out[name] = box.Attribute{Type: *a.DataType, String: value(a.StringValue), Binary: a.BinaryValue}
	}
	return out, nil
}

// size is how AWS counts a message: body, and names, types and values of its attributes.
func size(m *box.Message) int {
	n := len(m.Body)
	for name, a := range m.Attributes {
		n += len(name) + len(a.Type) + len(a.String) + len(a.Binary)
	}
	return n
}

// order sets what FIFO queues go by.
func (q *queue) order(m *box.Message, in *shapes.SendMessageBatchRequestEntry) error {
	m.Group, m.Dedup = value(in.MessageGroupId), value(in.MessageDeduplicationId)
	if !q.fifo() {
		if m.Dedup != "" {
			return errInvalid("Value %s for parameter MessageDeduplicationId is invalid. Reason: The request include parameter that is not valid for this queue type.", m.Dedup)
		}
		return nil
	}
	if m.Group == "" {
		return errMissing("MessageGroupId")
	}
	for name, v := range map[string]string{"MessageGroupId": m.Group, "MessageDeduplicationId": m.Dedup} {
		if len(v) > 128 || strings.ContainsFunc(v, func(r rune) bool { return r <= ' ' || r > '~' }) {
			return errInvalid("Value %s for parameter %s is invalid. Reason: %s can only include alphanumeric and punctuation characters. 1 to 128 in length.", v, name, name)
		}
	}
	if m.Dedup != "" {
		return nil
	}
	if q.Attributes["ContentBasedDeduplication"] != "true" {
		return errInvalid("The queue should either have ContentBasedDeduplication enabled or MessageDeduplicationId provided explicitly")
	}
	sum := sha256.Sum256([]byte(m.Body))
	m.Dedup = hex.EncodeToString(sum[:])
	return nil
}
