package sns

import (
	"context"
	"encoding/json"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/sallyport/sallyport/internal/arn"
	"github.com/sallyport/sallyport/internal/awsapi"
	shapes "github.com/sallyport/sallyport/internal/awsapi/shapes/sns"
	"github.com/sallyport/sallyport/internal/eventpattern"
	"github.com/sallyport/sallyport/internal/store/follow"
)

var protocols = []string{"sqs", "lambda", "http", "https", "email", "email-json", "sms", "application", "firehose"}

func (s *Service) subscribe(ctx context.Context, in *shapes.SubscribeInput) (*shapes.SubscribeOutput, error) {
	t, err := s.findTopic(ctx, *in.TopicArn)
	if err != nil {
		return nil, err
	}
	sub, err := s.makeSubscription(ctx, t, &subscription{Protocol: *in.Protocol, Endpoint: value(in.Endpoint), Attributes: in.Attributes})
	if err != nil {
		return nil, err
	}
	answer := sub.arn()
	if sub.Pending != "" && !value(in.ReturnSubscriptionArn) {
		answer = "pending confirmation"
	}
	return &shapes.SubscribeOutput{SubscriptionArn: &answer}, nil
}

// makeSubscription stores a subscription. AWS: subscribing again returns the one that is there.
func (s *Service) makeSubscription(ctx context.Context, t *topic, sub *subscription) (*subscription, error) {
	if !slices.Contains(protocols, sub.Protocol) {
		return nil, errInvalid("Amazon SNS does not support this protocol string: %s", sub.Protocol)
	}
	if err := sub.checkEndpoint(t); err != nil {
		return nil, err
	}
	for k, v := range sub.Attributes {
		if err := sub.check(k, v); err != nil {
			return nil, err
		}
	}
	all, err := s.subs.List(ctx, t.subs())
	if err != nil {
		return nil, err
	}
	for _, old := range all {
		if old.Protocol != sub.Protocol || old.Endpoint != sub.Endpoint {
			continue
		}
		for k, v := range sub.Attributes {
			if old.Attributes[k] != v {
				return nil, errInvalid("Attributes Reason: Subscription already exists with different attributes")
			}
		}
		return old, nil
	}
	sub.Topic, sub.ID, sub.Owner = t.arn(), awsapi.NewRequestID(), awsapi.CallerOf(ctx).Account
	switch sub.Protocol {
	case "http", "https", "email", "email-json":
		sub.Pending = strings.ReplaceAll(awsapi.NewRequestID()+awsapi.NewRequestID(), "-", "")
	}
	if sub, err = s.subs.Edit(ctx, sub.key(), func(*subscription) (*subscription, error) { return sub, nil }); err != nil {
		return nil, err
	}
	if strings.HasPrefix(sub.Protocol, "http") {
		err = s.enqueue(ctx, job{Message: confirmation(ctx, sub), Confirms: true, Subscriptions: []string{sub.key()}}, time.Time{})
	}
	return sub, err
}

// confirmation is the message that asks an HTTP endpoint whether it wants the subscription.
func confirmation(ctx context.Context, sub *subscription) message {
	at := awsapi.CallerOf(ctx).Endpoint
	if at == "" {
		a, _ := arn.Parse(sub.Topic) // made by us
		at = "https://sns." + a.Region + ".amazonaws.com"
	}
	link := at + "/?" + url.Values{"Action": {"ConfirmSubscription"}, "Version": {"2010-03-31"}, "TopicArn": {sub.Topic}, "Token": {sub.Pending}}.Encode()
	return message{
		ID: awsapi.NewRequestID(), Topic: sub.Topic, At: time.Now(), Token: sub.Pending, SubscribeURL: link,
		Body: "You have chosen to subscribe to the topic " + sub.Topic + ".\nTo confirm the subscription, visit the SubscribeURL included in this message.",
	}
}

func (sub *subscription) checkEndpoint(t *topic) error {
	a, err := arn.Parse(sub.Endpoint)
	isARN := err == nil
	switch {
	case sub.Endpoint == "":
		return errInvalid("Endpoint")
	case sub.Protocol == "sqs" && (!isARN || a.Service != "sqs"):
		return errInvalid("SQS endpoint ARN")
	case sub.Protocol == "sqs" && !t.fifo() && strings.HasSuffix(sub.Endpoint, ".fifo"):
		return errInvalid("Invalid parameter: Endpoint Reason: FIFO SQS Queues can not be subscribed to standard SNS topics")
	case sub.Protocol == "lambda" && (!isARN || a.Service != "lambda"):
		return errInvalid("Lambda endpoint ARN")
	case sub.Protocol == "http" && !strings.HasPrefix(sub.Endpoint, "http://"), sub.Protocol == "https" && !strings.HasPrefix(sub.Endpoint, "https://"):
		return errInvalid("Endpoint must match the specified protocol")
	case strings.HasPrefix(sub.Protocol, "email") && !strings.Contains(sub.Endpoint, "@"):
		return errInvalid("Email address")
	}
	return nil
}

// check refuses attributes that AWS refuses.
func (sub *subscription) check(name, v string) error {
	switch name {
	case "FilterPolicy":
		if v == "" {
			return nil
		}
		if _, err := eventpattern.Parse(v); err != nil && v != "{}" {
			return errInvalid("Attributes Reason: FilterPolicy: %s", err)
		}
	case "FilterPolicyScope":
		if v != "MessageAttributes" && v != "MessageBody" {
			return errInvalid("FilterPolicyScope: Invalid value [%s]. Please use either MessageBody or MessageAttributes", v)
		}
	case "RawMessageDelivery":
		if l := strings.ToLower(v); l != "true" && l != "false" {
			return errInvalid("Attributes Reason: RawMessageDelivery: Invalid value [%s]. Must be true or false.", v)
		}
	case "RedrivePolicy":
		if _, err := deadLetterOf(v); v != "" && err != nil {
			return errInvalid("RedrivePolicy: failed to parse JSON.")
		}
	case "DeliveryPolicy", "SubscriptionRoleArn", "ReplayPolicy":
	default:
		return errInvalid("AttributeName")
	}
	return nil
}

// deadLetterOf returns the queue that a redrive policy names.
func deadLetterOf(text string) (string, error) {
	var p struct {
		Target string `json:"deadLetterTargetArn"`
	}
	if text == "" {
		return "", nil
	}
	err := json.Unmarshal([]byte(text), &p)
	return p.Target, err
}

func (s *Service) confirmSubscription(ctx context.Context, in *shapes.ConfirmSubscriptionInput) (*shapes.ConfirmSubscriptionOutput, error) {
	t, err := s.findTopic(ctx, *in.TopicArn)
	if err != nil {
		return nil, err
	}
	subs, err := s.subs.List(ctx, t.subs())
	if err != nil {
		return nil, err
	}
	for _, sub := range subs {
		if sub.Pending != *in.Token {
			continue
		}
		_, err := s.editSubscription(ctx, sub.arn(), func(sub *subscription) error { sub.Pending = ""; return nil })
		return &shapes.ConfirmSubscriptionOutput{SubscriptionArn: new(sub.arn())}, err
	}
	return nil, errInvalid("Token")
}

func (s *Service) editSubscription(ctx context.Context, text string, f func(*subscription) error) (*subscription, error) {
	sub, err := s.findSubscription(ctx, text)
	if err != nil {
		return nil, err
	}
	return s.subs.Edit(ctx, sub.key(), func(sub *subscription) (*subscription, error) {
		if sub == nil {
			return nil, errNoSubscription()
		}
		return sub, f(sub)
	})
}

func (s *Service) unsubscribe(ctx context.Context, in *shapes.UnsubscribeInput) (*shapes.UnsubscribeOutput, error) {
	sub, err := s.findSubscription(ctx, *in.SubscriptionArn)
	if awsapi.Code(err) == "NotFound" { // AWS: so it is
		return &shapes.UnsubscribeOutput{}, nil
	} else if err != nil {
		return nil, err
	}
	_, err = s.subs.Edit(ctx, sub.key(), func(*subscription) (*subscription, error) { return nil, nil })
	return &shapes.UnsubscribeOutput{}, err
}

func (sub *subscription) show() *shapes.Subscription {
	shown := sub.arn()
	if sub.Pending != "" {
		shown = "PendingConfirmation"
	}
	return &shapes.Subscription{SubscriptionArn: &shown, Owner: &sub.Owner, Protocol: &sub.Protocol, Endpoint: &sub.Endpoint, TopicArn: &sub.Topic}
}

func (s *Service) listPage(ctx context.Context, prefix string, token *string) ([]*shapes.Subscription, *string, error) {
	all, err := s.subs.List(ctx, prefix)
	if err != nil {
		return nil, nil, err
	}
	all, next, err := page(all, (*subscription).key, token)
	out := []*shapes.Subscription{}
	for _, sub := range all {
		out = append(out, sub.show())
	}
	return out, next, err
}

func (s *Service) listSubscriptions(ctx context.Context, in *shapes.ListSubscriptionsInput) (*shapes.ListSubscriptionsOutput, error) {
	c := awsapi.CallerOf(ctx)
	subs, next, err := s.listPage(ctx, "sub/"+c.Account+"/"+c.Region+"/", in.NextToken)
	return &shapes.ListSubscriptionsOutput{Subscriptions: subs, NextToken: next}, err
}

func (s *Service) listSubscriptionsByTopic(ctx context.Context, in *shapes.ListSubscriptionsByTopicInput) (*shapes.ListSubscriptionsByTopicOutput, error) {
	t, err := s.findTopic(ctx, *in.TopicArn)
	if err != nil {
		return nil, err
	}
	subs, next, err := s.listPage(ctx, t.subs(), in.NextToken)
	return &shapes.ListSubscriptionsByTopicOutput{Subscriptions: subs, NextToken: next}, err
}

func (s *Service) getSubscriptionAttributes(ctx context.Context, in *shapes.GetSubscriptionAttributesInput) (*shapes.GetSubscriptionAttributesOutput, error) {
	sub, err := s.findSubscription(ctx, *in.SubscriptionArn)
	if err != nil {
		return nil, err
	}
	pending := "false"
	if sub.Pending != "" {
		pending = "true"
	}
	out := map[string]string{
		"SubscriptionArn": sub.arn(), "TopicArn": sub.Topic, "Owner": sub.Owner, "Protocol": sub.Protocol, "Endpoint": sub.Endpoint,
		"PendingConfirmation": pending, "ConfirmationWasAuthenticated": "true", "RawMessageDelivery": "false",
		"SubscriptionPrincipal": "arn:aws:iam::" + sub.Owner + ":root",
	}
	for k, v := range sub.Attributes {
		if v != "" {
			out[k] = v
		}
	}
	if out["FilterPolicy"] != "" && out["FilterPolicyScope"] == "" {
		out["FilterPolicyScope"] = "MessageAttributes"
	}
	return &shapes.GetSubscriptionAttributesOutput{Attributes: out}, nil
}

func (s *Service) setSubscriptionAttributes(ctx context.Context, in *shapes.SetSubscriptionAttributesInput) (*shapes.SetSubscriptionAttributesOutput, error) {
	_, err := s.editSubscription(ctx, *in.SubscriptionArn, func(sub *subscription) error {
		if err := sub.check(*in.AttributeName, value(in.AttributeValue)); err != nil {
			return err
		}
		if sub.Attributes[*in.AttributeName] == value(in.AttributeValue) {
			return follow.ErrUnchanged
		}
		if sub.Attributes == nil {
			sub.Attributes = map[string]string{}
		}
		v := value(in.AttributeValue)
		if v == "{}" && *in.AttributeName == "FilterPolicy" {
			v = ""
		}
		sub.Attributes[*in.AttributeName] = v
		return nil
	})
	return &shapes.SetSubscriptionAttributesOutput{}, err
}
