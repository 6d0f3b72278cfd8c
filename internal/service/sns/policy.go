package sns

import (
	"context"
	"slices"

	"github.com/sallyport/sallyport/internal/arn"
	"github.com/sallyport/sallyport/internal/awsapi"
	"github.com/sallyport/sallyport/internal/policy"
)

// guarded are the services that need the topic's policy to publish. What others do, they do with a role's rights.
var guarded = []string{"events.amazonaws.com", "s3.amazonaws.com", "cloudwatch.amazonaws.com"}

// mayPublish checks the topic's policy for a service that publishes on behalf of a resource.
func (s *Service) mayPublish(ctx context.Context, t *topic) error {
	c := awsapi.CallerOf(ctx)
	if !slices.Contains(guarded, c.Service) {
		return nil
	}
	source, _ := arn.Parse(c.ARN)
	if text := t.Attributes["Policy"]; text != "" {
		doc, err := policy.Parse([]byte(text))
		if err == nil && policy.Evaluate([]*policy.Document{doc}, policy.Request{
			Action: "sns:Publish", Resource: t.arn(), Principal: policy.Principal{Service: c.Service},
			Context: map[string][]string{"aws:SourceArn": {c.ARN}, "aws:SourceAccount": {source.Account}},
		}) == policy.Allow {
			return nil
		}
	}
	if s.cfg.LaxPermissions {
		s.cfg.Log.Warn("AWS would refuse this message: the topic's policy does not allow it", "topic", t.Name, "principal", c.Service, "sourceArn", c.ARN)
		return nil
	}
	return awsapi.Errorf("AuthorizationError", 403,
		"%s is not authorized to perform: SNS:Publish on resource: %s because no resource-based policy allows the SNS:Publish action; an AWS::SNS::TopicPolicy for principal %s is missing",
		c.Service, t.arn(), c.Service)
}
