package sns

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"maps"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/sallyport/sallyport/internal/awsapi"
	shapes "github.com/sallyport/sallyport/internal/awsapi/shapes/sns"
	"github.com/sallyport/sallyport/internal/policy"
	"github.com/sallyport/sallyport/internal/store/follow"
)

var topicName = regexp.MustCompile(`^[A-Za-z0-9_-]{1,256}$|^[A-Za-z0-9_-]{1,251}\.fifo$`)

func (s *Service) createTopic(ctx context.Context, in *shapes.CreateTopicInput) (*shapes.CreateTopicOutput, error) {
	t, err := s.makeTopic(ctx, &topic{Name: *in.Name, Attributes: in.Attributes, Tags: tagMap(in.Tags)})
	if err != nil {
		return nil, err
	}
	return &shapes.CreateTopicOutput{TopicArn: new(t.arn())}, nil
}

// makeTopic stores a topic. AWS: making one again with the same attributes is no error.
func (s *Service) makeTopic(ctx context.Context, t *topic) (*topic, error) {
	if !topicName.MatchString(t.Name) || t.fifo() != (t.Attributes["FifoTopic"] == "true") {
		return nil, errInvalid("Topic Name")
	}
	for k, v := range t.Attributes {
		if err := checkAttribute(k, v); err != nil {
			return nil, err
		}
	}
	c := awsapi.CallerOf(ctx)
	t.Account, t.Region = c.Account, c.Region
	return s.topics.Edit(ctx, t.key(), func(old *topic) (*topic, error) {
		if old == nil {
			return t, nil
		}
		if t.Token != "" && t.Token != old.Token {
			return nil, errInvalid("Topic already exists: %s", t.Name)
		}
		for k, v := range t.Attributes {
			if old.Attributes[k] != v {
				return nil, errInvalid("Attributes Reason: Topic already exists with different attributes")
			}
		}
		for k, v := range t.Tags {
			if old.Tags[k] != v {
				return nil, errInvalid("Tags Reason: Topic already exists with different tags")
			}
		}
		return nil, follow.ErrUnchanged
	})
}

// checkAttribute refuses what AWS refuses.
func checkAttribute(name, v string) error {
	switch name {
	case "Policy":
		if _, err := policy.Parse([]byte(v)); v != "" && err != nil {
			return errInvalid("Policy Error: null")
		}
	case "FifoTopic", "ContentBasedDeduplication":
		if v != "true" && v != "false" {
			return errInvalid("Attributes Reason: %s: must be true or false", name)
		}
	case "DisplayName", "DeliveryPolicy", "KmsMasterKeyId", "SignatureVersion", "TracingConfig", "ArchivePolicy", "FifoThroughputScope", "DataProtectionPolicy":
	default:
		if !strings.HasSuffix(name, "FeedbackRoleArn") && !strings.HasSuffix(name, "FeedbackSampleRate") {
			return errInvalid("AttributeName")
		}
	}
	return nil
}

func (s *Service) deleteTopic(ctx context.Context, in *shapes.DeleteTopicInput) (*shapes.DeleteTopicOutput, error) {
	t, err := s.findTopic(ctx, *in.TopicArn)
	if awsapi.Code(err) == "NotFound" { // AWS: deleting what is gone is no error
		return &shapes.DeleteTopicOutput{}, nil
	} else if err != nil {
		return nil, err
	}
	return &shapes.DeleteTopicOutput{}, s.removeTopic(ctx, t)
}

func (s *Service) removeTopic(ctx context.Context, t *topic) error {
	if _, err := s.topics.Edit(ctx, t.key(), func(*topic) (*topic, error) { return nil, nil }); err != nil {
		return err
	}
	subs, err := s.subs.List(ctx, t.subs())
	for _, sub := range subs {
		if err == nil {
			_, err = s.subs.Edit(ctx, sub.key(), func(*subscription) (*subscription, error) { return nil, nil })
		}
	}
	return err
}

const pageSize = 100

// page returns a page of sorted items. A token is the name of the last one given.
func page[T any](items []T, name func(T) string, token *string) ([]T, *string, error) {
	if value(token) != "" {
		after, err := base64.RawURLEncoding.DecodeString(*token)
		if err != nil {
			return nil, nil, errInvalid("NextToken")
		}
		for len(items) > 0 && name(items[0]) <= string(after) {
			items = items[1:]
		}
	}
	if len(items) <= pageSize {
		return items, nil, nil
	}
	return items[:pageSize], new(base64.RawURLEncoding.EncodeToString([]byte(name(items[pageSize-1])))), nil
}

func (s *Service) listTopics(ctx context.Context, in *shapes.ListTopicsInput) (*shapes.ListTopicsOutput, error) {
	c := awsapi.CallerOf(ctx)
	all, err := s.topics.List(ctx, topicKey(c.Account, c.Region, ""))
	if err != nil {
		return nil, err
	}
	all, next, err := page(all, (*topic).key, in.NextToken)
	if err != nil {
		return nil, err
	}
	out := &shapes.ListTopicsOutput{Topics: []*shapes.Topic{}, NextToken: next}
	for _, t := range all {
		out.Topics = append(out.Topics, &shapes.Topic{TopicArn: new(t.arn())})
	}
	return out, nil
}

// standardPolicy is what a topic has that was given none.
func (t *topic) standardPolicy() string {
	return `{"Version":"2008-10-17","Id":"__default_policy_ID","Statement":[{"Sid":"__default_statement_ID","Effect":"Allow","Principal":{"AWS":"*"},"Action":["SNS:GetTopicAttributes","SNS:SetTopicAttributes","SNS:AddPermission","SNS:RemovePermission","SNS:DeleteTopic","SNS:Subscribe","SNS:ListSubscriptionsByTopic","SNS:Publish"],"Resource":"` +
		t.arn() + `","Condition":{"StringEquals":{"AWS:SourceOwner":"` + t.Account + `"}}}]}`
}

func (s *Service) getTopicAttributes(ctx context.Context, in *shapes.GetTopicAttributesInput) (*shapes.GetTopicAttributesOutput, error) {
	t, err := s.findTopic(ctx, *in.TopicArn)
	if err != nil {
		return nil, err
	}
	subs, err := s.subs.List(ctx, t.subs())
	if err != nil {
		return nil, err
	}
	pending := 0
	for _, sub := range subs {
		if sub.Pending != "" {
			pending++
		}
	}
	out := map[string]string{
		"TopicArn": t.arn(), "Owner": t.Account, "DisplayName": "", "Policy": t.standardPolicy(), "SubscriptionsConfirmed": strconv.Itoa(len(subs) - pending),
		"SubscriptionsPending": strconv.Itoa(pending), "SubscriptionsDeleted": "0",
		"EffectiveDeliveryPolicy": `{"http":{"defaultHealthyRetryPolicy":{"minDelayTarget":20,"maxDelayTarget":20,"numRetries":3,"numMaxDelayRetries":0,"numNoDelayRetries":0,"numMinDelayRetries":0,"backoffFunction":"linear"},"disableSubscriptionOverrides":false,"defaultRequestPolicy":{"headerContentType":"text/plain; charset=UTF-8"}}}`,
	}
	if t.fifo() {
		out["FifoTopic"], out["ContentBasedDeduplication"] = "true", "false"
	}
	for k, v := range t.Attributes {
		if v != "" {
			out[k] = v
		}
	}
	return &shapes.GetTopicAttributesOutput{Attributes: out}, nil
}

func (s *Service) editTopic(ctx context.Context, text string, f func(*topic) error) (*topic, error) {
	t, err := s.findTopic(ctx, text)
	if err != nil {
		return nil, err
	}
	return s.topics.Edit(ctx, t.key(), func(t *topic) (*topic, error) {
		if t == nil {
			return nil, errNoTopic()
		}
		return t, f(t)
	})
}

func (t *topic) set(name, v string) {
	if t.Attributes == nil {
		t.Attributes = map[string]string{}
	}
	if v == "" {
		delete(t.Attributes, name)
	} else {
		t.Attributes[name] = v
	}
}

func (s *Service) setTopicAttributes(ctx context.Context, in *shapes.SetTopicAttributesInput) (*shapes.SetTopicAttributesOutput, error) {
	if err := checkAttribute(*in.AttributeName, value(in.AttributeValue)); err != nil {
		return nil, err
	}
	if *in.AttributeName == "FifoTopic" {
		return nil, errInvalid("AttributeName")
	}
	_, err := s.editTopic(ctx, *in.TopicArn, func(t *topic) error { t.set(*in.AttributeName, value(in.AttributeValue)); return nil })
	return &shapes.SetTopicAttributesOutput{}, err
}

func (s *Service) tagResource(ctx context.Context, in *shapes.TagResourceInput) (*shapes.TagResourceOutput, error) {
	_, err := s.editTopic(ctx, *in.ResourceArn, func(t *topic) error {
		if t.Tags == nil {
			t.Tags = map[string]string{}
		}
		maps.Copy(t.Tags, tagMap(in.Tags))
		return nil
	})
	return &shapes.TagResourceOutput{}, notFoundTag(err)
}

// notFoundTag: operations on tags have another error than the rest.
func notFoundTag(err error) error {
	if awsapi.Code(err) == "NotFound" {
		return awsapi.Errorf("ResourceNotFound", 404, "Resource does not exist")
	}
	return err
}

func (s *Service) untagResource(ctx context.Context, in *shapes.UntagResourceInput) (*shapes.UntagResourceOutput, error) {
	_, err := s.editTopic(ctx, *in.ResourceArn, func(t *topic) error {
		for _, k := range in.TagKeys {
			delete(t.Tags, k)
		}
		return nil
	})
	return &shapes.UntagResourceOutput{}, notFoundTag(err)
}

func (s *Service) listTagsForResource(ctx context.Context, in *shapes.ListTagsForResourceInput) (*shapes.ListTagsForResourceOutput, error) {
	t, err := s.findTopic(ctx, *in.ResourceArn)
	if err != nil {
		return nil, notFoundTag(err)
	}
	out := &shapes.ListTagsForResourceOutput{Tags: []*shapes.Tag{}}
	for _, k := range slices.Sorted(maps.Keys(t.Tags)) {
		out.Tags = append(out.Tags, &shapes.Tag{Key: &k, Value: new(t.Tags[k])})
	}
	return out, nil
}

func tagMap(tags []*shapes.Tag) map[string]string {
	if len(tags) == 0 {
		return nil
	}
	m := map[string]string{}
	for _, t := range tags {
		m[*t.Key] = *t.Value
	}
	return m
}

// A document is a topic's policy as far as permissions are added to it.
type document struct {
	Version   string
	ID        string `json:"Id,omitempty"`
	Statement []json.RawMessage
}

func (d *document) index(sid string) int {
	return slices.IndexFunc(d.Statement, func(raw json.RawMessage) bool {
		var st struct{ Sid string }
		return json.Unmarshal(raw, &st) == nil && st.Sid == sid
	})
}

func (s *Service) editPolicy(ctx context.Context, topicARN string, f func(*topic, *document) error) error {
	_, err := s.editTopic(ctx, topicARN, func(t *topic) error {
		text := t.Attributes["Policy"]
		if text == "" {
			text = t.standardPolicy()
		}
		d := new(document)
		if err := json.Unmarshal([]byte(text), d); err != nil {
			return errInvalid("Policy Error: null")
		}
		if err := f(t, d); err != nil {
			return err
		}
		out, err := json.Marshal(d)
		t.set("Policy", string(out))
		return err
	})
	return err
}

func (s *Service) addPermission(ctx context.Context, in *shapes.AddPermissionInput) (*shapes.AddPermissionOutput, error) {
	return &shapes.AddPermissionOutput{}, s.editPolicy(ctx, *in.TopicArn, func(t *topic, d *document) error {
		if d.index(*in.Label) >= 0 {
			return errInvalid("Statement already exists")
		}
		var accounts, actions []string
		for _, a := range in.AWSAccountId {
			accounts = append(accounts, "arn:aws:iam::"+a+":root")
		}
		for _, a := range in.ActionName {
			actions = append(actions, "SNS:"+a)
		}
		raw, err := json.Marshal(map[string]any{"Sid": *in.Label, "Effect": "Allow", "Principal": map[string]any{"AWS": accounts}, "Action": actions, "Resource": t.arn()})
		d.Statement = append(d.Statement, raw)
		return err
	})
}

func (s *Service) removePermission(ctx context.Context, in *shapes.RemovePermissionInput) (*shapes.RemovePermissionOutput, error) {
	return &shapes.RemovePermissionOutput{}, s.editPolicy(ctx, *in.TopicArn, func(_ *topic, d *document) error {
		if i := d.index(*in.Label); i >= 0 {
			d.Statement = slices.Delete(d.Statement, i, i+1)
		}
		return nil
	})
}
