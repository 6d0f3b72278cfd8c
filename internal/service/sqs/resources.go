package sqs

import (
	"context"
	"encoding/json"
	"strconv"

	"github.com/sallyport/sallyport/internal/awsapi"
	"github.com/sallyport/sallyport/internal/resource"
)

// Resources are the resource types of CloudFormation that are made here.
func (s *Service) Resources() []resource.Type {
	return []resource.Type{
		resource.New("AWS::SQS::Queue", resource.Handlers[queueProperties]{Create: s.createResource, Update: s.updateResource, Delete: s.deleteResource}),
		resource.New("AWS::SQS::QueuePolicy", resource.Handlers[policyProperties]{Create: s.createPolicy, Update: s.updatePolicy, Delete: s.deletePolicy}),
	}
}

type queueProperties struct {
	ContentBasedDeduplication     *bool
	DeduplicationScope            *string
	DelaySeconds                  *int64
	FifoQueue                     *bool `cfn:"createonly"`
	FifoThroughputLimit           *string
	KmsDataKeyReusePeriodSeconds  *int64
	KmsMasterKeyId                *string
	MaximumMessageSize            *int64
	MessageRetentionPeriod        *int64
	QueueName                     *string `cfn:"createonly"`
	ReceiveMessageWaitTimeSeconds *int64
	RedriveAllowPolicy            json.RawMessage
	RedrivePolicy                 json.RawMessage
	SqsManagedSseEnabled          *bool
	Tags                          []resource.Tag
	VisibilityTimeout             *int64
}

// attributes are the properties as AWS's API knows them; what is not given is "".
func (p *queueProperties) attributes() map[string]string {
	out := map[string]string{"RedrivePolicy": jsonText(p.RedrivePolicy), "RedriveAllowPolicy": jsonText(p.RedriveAllowPolicy), "KmsMasterKeyId": value(p.KmsMasterKeyId)}
	for name, n := range map[string]*int64{
		"DelaySeconds": p.DelaySeconds, "KmsDataKeyReusePeriodSeconds": p.KmsDataKeyReusePeriodSeconds, "MaximumMessageSize": p.MaximumMessageSize,
		"MessageRetentionPeriod": p.MessageRetentionPeriod, "ReceiveMessageWaitTimeSeconds": p.ReceiveMessageWaitTimeSeconds, "VisibilityTimeout": p.VisibilityTimeout,
	} {
		out[name] = ""
		if n != nil {
			out[name] = strconv.FormatInt(*n, 10)
		}
	}
	if p.SqsManagedSseEnabled != nil {
		out["SqsManagedSseEnabled"] = strconv.FormatBool(*p.SqsManagedSseEnabled)
	}
	if value(p.FifoQueue) {
		out["FifoQueue"] = "true"
		out["ContentBasedDeduplication"] = strconv.FormatBool(value(p.ContentBasedDeduplication))
		out["DeduplicationScope"], out["FifoThroughputLimit"] = value(p.DeduplicationScope), value(p.FifoThroughputLimit)
	}
	return out
}

// jsonText returns a property that is JSON, or a string of JSON.
func jsonText(raw json.RawMessage) string {
	var text string
	if json.Unmarshal(raw, &text) == nil {
		return text
	}
	return string(raw)
}

func result(q *queue) resource.Result {
	url := "https://sqs." + q.Region + ".amazonaws.com/" + q.Account + "/" + q.Name // functions reach it by this name
	return resource.Result{PhysicalID: url, Attributes: map[string]any{"Arn": q.arn(), "QueueName": q.Name, "QueueUrl": url}}
}

func (s *Service) createResource(ctx context.Context, r resource.Request, p *queueProperties) (resource.Result, error) {
	name := value(p.QueueName)
	if name == "" {
		name = r.PhysicalName(75)
		if value(p.FifoQueue) {
			name += ".fifo"
		}
	}
	attributes := p.attributes()
	for k, v := range attributes {
		if v == "" {
			delete(attributes, k)
		}
	}
	q, err := s.makeQueue(ctx, &queue{Name: name, Attributes: attributes, Tags: r.WithTags(resource.TagMap(p.Tags)), Token: r.Token})
	if err != nil {
		return resource.Result{}, err
	}
	return result(q), nil
}

func (s *Service) updateResource(ctx context.Context, r resource.Request, p, _ *queueProperties) (resource.Result, error) {
	q, err := s.find(ctx, &r.PhysicalID)
	if err != nil {
		return resource.Result{}, err
	}
	attributes := p.attributes()
	delete(attributes, "FifoQueue")
	if err := s.setAttributes(ctx, q, attributes); err != nil {
		return resource.Result{}, err
	}
	_, err = s.edit(ctx, q, func(q *queue) error {
		q.Tags = r.WithTags(resource.TagMap(p.Tags))
		return nil
	})
	return result(q), err
}

func (s *Service) deleteResource(ctx context.Context, r resource.Request) error {
	q, err := s.find(ctx, &r.PhysicalID)
	if awsapi.Code(err) == "QueueDoesNotExist" {
		return nil
	} else if err != nil {
		return err
	}
	return s.removeQueue(ctx, q)
}

type policyProperties struct {
	PolicyDocument json.RawMessage `cfn:"required"`
	Queues         []string        `cfn:"required"`
}

func (s *Service) createPolicy(ctx context.Context, r resource.Request, p *policyProperties) (resource.Result, error) {
	return resource.Result{PhysicalID: r.PhysicalName(128)}, s.setPolicies(ctx, p.Queues, jsonText(p.PolicyDocument))
}

func (s *Service) updatePolicy(ctx context.Context, r resource.Request, p, old *policyProperties) (resource.Result, error) {
	if err := s.setPolicies(ctx, old.Queues, ""); err != nil && awsapi.Code(err) != "QueueDoesNotExist" {
		return resource.Result{}, err
	}
	return resource.Result{PhysicalID: r.PhysicalID}, s.setPolicies(ctx, p.Queues, jsonText(p.PolicyDocument))
}

func (s *Service) setPolicies(ctx context.Context, urls []string, text string) error {
	for _, url := range urls {
		q, err := s.find(ctx, &url)
		if err != nil {
			return err
		}
		if err := s.setAttributes(ctx, q, map[string]string{"Policy": text}); err != nil {
			return err
		}
	}
	return nil
}

func (s *Service) deletePolicy(ctx context.Context, r resource.Request) error {
	queues, _ := r.Properties["Queues"].([]any)
	for _, u := range queues {
		url, _ := u.(string)
		if err := s.setPolicies(ctx, []string{url}, ""); err != nil && awsapi.Code(err) != "QueueDoesNotExist" {
			return err
		}
	}
	return nil
}
