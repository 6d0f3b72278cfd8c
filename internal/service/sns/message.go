package sns

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"github.com/sallyport/sallyport/internal/arn"
	"github.com/sallyport/sallyport/internal/eventpattern"
)

// A message is what was published, or asks for a confirmation.
type message struct {
	ID         string               `json:"id"`
	Topic      string               `json:"topic"`
	Subject    string               `json:"subject,omitempty"`
	Body       string               `json:"body"`
	Bodies     map[string]string    `json:"bodies,omitempty"` // by protocol
	Attributes map[string]attribute `json:"attributes,omitempty"`
	At         time.Time            `json:"at"`
	Group      string               `json:"group,omitempty"`
	Dedup      string               `json:"dedup,omitempty"`
	Sequence   string               `json:"sequence,omitempty"`

	Token        string `json:"token,omitempty"`
	SubscribeURL string `json:"subscribeUrl,omitempty"`
}

type attribute struct {
	Type   string `json:"type"`
	String string `json:"string,omitempty"`
	Binary []byte `json:"binary,omitempty"`
}

// body returns the text for a protocol.
func (m *message) body(protocol string) string {
	if b, ok := m.Bodies[protocol]; ok {
		return b
	}
	return m.Body
}

// shownAttributes are how subscribers see the attributes.
func (m *message) shownAttributes() map[string]any {
	out := map[string]any{}
	for name, a := range m.Attributes {
		v := a.String
		if strings.HasPrefix(a.Type, "Binary") {
			v = base64.StdEncoding.EncodeToString(a.Binary)
		}
		out[name] = map[string]string{"Type": a.Type, "Value": v}
	}
	return out
}

// unsigned stands where AWS puts a signature: messages here have none.
const unsigned = "UNSIGNED"

func (m *message) certificate() string {
	a, _ := arn.Parse(m.Topic) // made by us
	return "https://sns." + a.Region + ".amazonaws.com/SimpleNotificationService-0000000000000000000000.pem"
}

func (m *message) unsubscribe(sub *subscription) string {
	a, _ := arn.Parse(m.Topic)
	return "https://sns." + a.Region + ".amazonaws.com/?Action=Unsubscribe&Version=2010-03-31&SubscriptionArn=" + sub.arn()
}

// notification is the message as queues and HTTP endpoints get it.
func (m *message) notification(sub *subscription) ([]byte, error) {
	n := struct {
		Type             string
		MessageID        string `json:"MessageId"`
		SequenceNumber   string `json:",omitempty"`
		Token            string `json:",omitempty"`
		TopicArn         string
		Subject          string `json:",omitempty"`
		Message          string
		SubscribeURL     string `json:",omitempty"`
		Timestamp        string
		SignatureVersion string         `json:",omitempty"`
		Signature        string         `json:",omitempty"`
		SigningCertURL   string         `json:",omitempty"`
		UnsubscribeURL   string         `json:",omitempty"`
		Attributes       map[string]any `json:"MessageAttributes,omitempty"`
	}{
		Type: "Notification", MessageID: m.ID, SequenceNumber: m.Sequence, TopicArn: m.Topic, Subject: m.Subject, Message: m.body(sub.Protocol),
		Timestamp: stamp(m.At), Attributes: m.shownAttributes(),
	}
	if m.Token != "" {
		n.Type, n.Token, n.SubscribeURL = "SubscriptionConfirmation", m.Token, m.SubscribeURL
	} else {
		n.UnsubscribeURL = m.unsubscribe(sub)
	}
	if m.Sequence == "" { // AWS: FIFO topics do not sign
		n.SignatureVersion, n.Signature, n.SigningCertURL = "1", unsigned, m.certificate()
	}
	data, err := json.Marshal(n)
	if err != nil {
		return nil, fmt.Errorf("encode message: %w", err)
	}
	return data, nil
}

// record is the message as functions get it.
func (m *message) record(sub *subscription) ([]byte, error) {
	var subject any
	if m.Subject != "" {
		subject = m.Subject
	}
	data, err := json.Marshal(map[string]any{"Records": []any{map[string]any{
		"EventSource": "aws:sns", "EventVersion": "1.0", "EventSubscriptionArn": sub.arn(),
		"Sns": map[string]any{
			"Type": "Notification", "MessageId": m.ID, "TopicArn": m.Topic, "Subject": subject, "Message": m.body(sub.Protocol), "Timestamp": stamp(m.At),
			"SignatureVersion": "1", "Signature": unsigned, "SigningCertUrl": m.certificate(), "UnsubscribeUrl": m.unsubscribe(sub), "MessageAttributes": m.shownAttributes(),
		},
	}}})
	if err != nil {
		return nil, fmt.Errorf("encode message: %w", err)
	}
	return data, nil
}

// wanted tells whether a filter lets the message through.
func (m *message) wanted(filter *eventpattern.Pattern, scope string) bool {
	if filter == nil {
		return true
	}
	if scope == "MessageBody" {
		e, err := eventpattern.ParseEvent([]byte(m.Body))
		return err == nil && filter.Match(e)
	}
	o := map[string]any{}
	for name, a := range m.Attributes {
		switch {
		case strings.HasPrefix(a.Type, "String.Array"):
			var list any
			if json.Unmarshal([]byte(a.String), &list) == nil {
				o[name] = list
			}
		case strings.HasPrefix(a.Type, "Number"):
			o[name] = json.Number(a.String)
		case strings.HasPrefix(a.Type, "String"):
			o[name] = a.String
		}
	}
	return filter.Match(eventpattern.NewEvent(o))
}
