package sns

import (
	"context"
	"encoding/json"
	"strconv"

	"github.com/sallyport/sallyport/internal/awsapi"
	shapes "github.com/sallyport/sallyport/internal/awsapi/shapes/sns"
	"github.com/sallyport/sallyport/internal/resource"
)

// Resources are the resource types of CloudFormation that are made here.
func (s *Service) Resources() []resource.Type {
	return []resource.Type{
		resource.New("AWS::SNS::Topic", resource.Handlers[topicProperties]{Create: s.createTopicResource, Update: s.updateTopicResource, Delete: s.deleteTopicResource}),
		resource.New("AWS::SNS::Subscription", resource.Handlers[subscriptionProperties]{Create: s.createSubscriptionResource, Update: s.updateSubscriptionResource, Delete: s.deleteSubscriptionResource}),
		resource.New("AWS::SNS::TopicPolicy", resource.Handlers[policyProperties]{Create: s.createPolicy, Update: s.updatePolicy, Delete: s.deletePolicy}),
	}
}

type topicProperties struct {
	ArchivePolicy             json.RawMessage
	ContentBasedDeduplication *bool
	DataProtectionPolicy      json.RawMessage
	DeliveryStatusLogging     any
	DisplayName               *string
	FifoThroughputScope       *string
	FifoTopic                 *bool `cfn:"createonly"`
	KmsMasterKeyId            *string
	SignatureVersion          *string
	Subscription              []struct {
		Endpoint string `cfn:"required"`
		Protocol string `cfn:"required"`
	}
	Tags          []resource.Tag
	TopicName     *string `cfn:"createonly"`
	TracingConfig *string
}

func (p *topicProperties) attributes() map[string]string {
	out := map[string]string{}
	for name, v := range map[string]*string{
		"DisplayName": p.DisplayName, "KmsMasterKeyId": p.KmsMasterKeyId, "SignatureVersion": p.SignatureVersion, "TracingConfig": p.TracingConfig,
		"FifoThroughputScope": p.FifoThroughputScope,
	} {
		if value(v) != "" {
			out[name] = *v
		}
	}
	if value(p.FifoTopic) {
		out["FifoTopic"], out["ContentBasedDeduplication"] = "true", strconv.FormatBool(value(p.ContentBasedDeduplication))
	}
	return out
}

func topicResult(t *topic) resource.Result {
	return resource.Result{PhysicalID: t.arn(), Attributes: map[string]any{"TopicArn": t.arn(), "TopicName": t.Name}}
}

func (s *Service) createTopicResource(ctx context.Context, r resource.Request, p *topicProperties) (resource.Result, error) {
	name := value(p.TopicName)
	if name == "" {
		name = r.PhysicalName(250)
		if value(p.FifoTopic) {
			name += ".fifo"
		}
	}
	t, err := s.makeTopic(ctx, &topic{Name: name, Attributes: p.attributes(), Tags: r.WithTags(resource.TagMap(p.Tags)), Token: r.Token})
	if err != nil {
		return resource.Result{}, err
	}
	return topicResult(t), s.subscribeAll(ctx, t, p)
}

func (s *Service) subscribeAll(ctx context.Context, t *topic, p *topicProperties) error {
	for _, one := range p.Subscription {
		if _, err := s.makeSubscription(ctx, t, &subscription{Protocol: one.Protocol, Endpoint: one.Endpoint}); err != nil {
			return err
		}
	}
	return nil
}

func (s *Service) updateTopicResource(ctx context.Context, r resource.Request, p, old *topicProperties) (resource.Result, error) {
	t, err := s.editTopic(ctx, r.PhysicalID, func(t *topic) error {
		policyText := t.Attributes["Policy"]
		t.Attributes, t.Tags = p.attributes(), r.WithTags(resource.TagMap(p.Tags))
		t.set("Policy", policyText)
		return nil
	})
	if err != nil {
		return resource.Result{}, err
	}
	subs, err := s.subs.List(ctx, t.subs())
	if err != nil {
		return resource.Result{}, err
	}
	for _, was := range old.Subscription {
		for _, sub := range subs {
			stays := false
			for _, is := range p.Subscription {
				stays = stays || is == was
			}
			if !stays && sub.Protocol == was.Protocol && sub.Endpoint == was.Endpoint {
				if _, err := s.unsubscribe(ctx, &shapes.UnsubscribeInput{SubscriptionArn: new(sub.arn())}); err != nil {
					return resource.Result{}, err
				}
			}
		}
	}
	return topicResult(t), s.subscribeAll(ctx, t, p)
}

func (s *Service) deleteTopicResource(ctx context.Context, r resource.Request) error {
	_, err := s.deleteTopic(ctx, &shapes.DeleteTopicInput{TopicArn: &r.PhysicalID})
	return err
}

type subscriptionProperties struct {
	DeliveryPolicy      json.RawMessage
	Endpoint            *string `cfn:"createonly"`
	FilterPolicy        json.RawMessage
	FilterPolicyScope   *string
	Protocol            string `cfn:"required,createonly"`
	RawMessageDelivery  *bool
	RedrivePolicy       json.RawMessage
	Region              *string
	ReplayPolicy        json.RawMessage
	SubscriptionRoleArn *string
	TopicArn            string `cfn:"required,createonly"`
}

// jsonText returns a property that is JSON, or a string of JSON.
func jsonText(raw json.RawMessage) string {
	var text string
	if json.Unmarshal(raw, &text) == nil {
		return text
	}
	return string(raw)
}

func (p *subscriptionProperties) attributes() map[string]string {
	out := map[string]string{}
	for name, v := range map[string]string{
		"DeliveryPolicy": jsonText(p.DeliveryPolicy), "FilterPolicy": jsonText(p.FilterPolicy), "FilterPolicyScope": value(p.FilterPolicyScope),
		"RedrivePolicy": jsonText(p.RedrivePolicy), "SubscriptionRoleArn": value(p.SubscriptionRoleArn),
	} {
		if v != "" {
			out[name] = v
		}
	}
	if p.RawMessageDelivery != nil {
		out["RawMessageDelivery"] = strconv.FormatBool(*p.RawMessageDelivery)
	}
	return out
}

func (s *Service) createSubscriptionResource(ctx context.Context, _ resource.Request, p *subscriptionProperties) (resource.Result, error) {
	t, err := s.findTopic(ctx, p.TopicArn)
	if err != nil {
		return resource.Result{}, err
	}
	sub, err := s.makeSubscription(ctx, t, &subscription{Protocol: p.Protocol, Endpoint: value(p.Endpoint), Attributes: p.attributes()})
	if err != nil {
		return resource.Result{}, err
	}
	return resource.Result{PhysicalID: sub.arn(), Attributes: map[string]any{"Arn": sub.arn()}}, nil
}

func (s *Service) updateSubscriptionResource(ctx context.Context, r resource.Request, p, _ *subscriptionProperties) (resource.Result, error) {
	_, err := s.editSubscription(ctx, r.PhysicalID, func(sub *subscription) error {
		sub.Attributes = p.attributes()
		for k, v := range sub.Attributes {
			if err := sub.check(k, v); err != nil {
				return err
			}
		}
		return nil
	})
	return resource.Result{PhysicalID: r.PhysicalID, Attributes: map[string]any{"Arn": r.PhysicalID}}, err
}

func (s *Service) deleteSubscriptionResource(ctx context.Context, r resource.Request) error {
	_, err := s.unsubscribe(ctx, &shapes.UnsubscribeInput{SubscriptionArn: &r.PhysicalID})
	return err
}

type policyProperties struct {
	PolicyDocument json.RawMessage `cfn:"required"`
	Topics         []string        `cfn:"required"`
}

func (s *Service) setPolicies(ctx context.Context, topics []string, text string) error {
	if err := checkAttribute("Policy", text); err != nil {
		return err
	}
	for _, one := range topics {
		if _, err := s.editTopic(ctx, one, func(t *topic) error { t.set("Policy", text); return nil }); err != nil {
			return err
		}
	}
	return nil
}

func (s *Service) createPolicy(ctx context.Context, r resource.Request, p *policyProperties) (resource.Result, error) {
	return resource.Result{PhysicalID: r.PhysicalName(128)}, s.setPolicies(ctx, p.Topics, jsonText(p.PolicyDocument))
}

func (s *Service) updatePolicy(ctx context.Context, r resource.Request, p, old *policyProperties) (resource.Result, error) {
	if err := s.setPolicies(ctx, old.Topics, ""); err != nil && awsapi.Code(err) != "NotFound" {
		return resource.Result{}, err
	}
	return resource.Result{PhysicalID: r.PhysicalID}, s.setPolicies(ctx, p.Topics, jsonText(p.PolicyDocument))
}

func (s *Service) deletePolicy(ctx context.Context, r resource.Request) error {
	topics, _ := r.Properties["Topics"].([]any)
	for _, one := range topics {
		name, _ := one.(string)
		if err := s.setPolicies(ctx, []string{name}, ""); err != nil && awsapi.Code(err) != "NotFound" {
			return err
		}
	}
	return nil
}
