package logs

import (
	"context"

	"github.com/sallyport/sallyport/internal/awsapi"
	"github.com/sallyport/sallyport/internal/resource"
)

// Resources are the resource types of CloudFormation that are made here.
func (s *Service) Resources() []resource.Type {
	return []resource.Type{s.groupResource(), s.streamResource(), s.subscriptionResource(), s.metricFilterResource(), s.policyResource()}
}

type groupProperties struct {
	DataProtectionPolicy      any
	DeletionProtectionEnabled *bool
	FieldIndexPolicies        []any
	KmsKeyId                  *string
	LogGroupClass             *string
	LogGroupName              *string `cfn:"createonly"`
	ResourcePolicyDocument    any
	RetentionInDays           *int64
	Tags                      []resource.Tag
}

func (s *Service) groupResource() resource.Type {
	return resource.New("AWS::Logs::LogGroup", resource.Handlers[groupProperties]{
		Create: func(ctx context.Context, r resource.Request, p *groupProperties) (resource.Result, error) {
			name := value(p.LogGroupName)
			if name == "" {
				name = r.PhysicalName(512)
			}
			docs, err := s.open(ctx)
			if err != nil {
				return resource.Result{}, err
			}
			g := &group{Name: name, Token: r.Token}
			if err := p.fill(r, g); err != nil {
				return resource.Result{}, err
			}
			err = s.makeGroup(ctx, docs, g)
			if awsapi.Code(err) == codeExists {
				// It may be there because this very step made it before.
				if before, _, readErr := s.readGroup(ctx, docs, name); readErr == nil && before.Token == r.Token {
					err = nil
				}
			}
			return groupResult(ctx, name), err
		},
		Update: func(ctx context.Context, r resource.Request, p, _ *groupProperties) (resource.Result, error) {
			err := s.editGroup(ctx, r.PhysicalID, func(g *group) error { return p.fill(r, g) })
			return groupResult(ctx, r.PhysicalID), err
		},
		Delete: func(ctx context.Context, r resource.Request) error { return gone(s.removeGroup(ctx, r.PhysicalID)) },
	})
}

// fill gives a group the properties.
func (p *groupProperties) fill(r resource.Request, g *group) error {
	days := value(p.RetentionInDays)
	if p.RetentionInDays != nil {
		if err := checkRetention(days); err != nil {
			return err
		}
	}
	g.Retention = int(days)
	g.KMSKeyID = value(p.KmsKeyId)
	g.Protected = value(p.DeletionProtectionEnabled)
	if p.LogGroupClass != nil {
		g.Class = *p.LogGroupClass
	}
	g.Tags = r.WithTags(resource.TagMap(p.Tags))
	return nil
}

func groupResult(ctx context.Context, name string) resource.Result {
	return resource.Result{PhysicalID: name, Attributes: map[string]any{"Arn": groupARN(placeOf(ctx), name) + ":*"}}
}

// gone makes a deletion of what does not exist a success.
func gone(err error) error {
	if awsapi.Code(err) == codeNotFound {
		return nil
	}
	return err
}

type streamProperties struct {
	LogGroupName  string  `cfn:"required,createonly"`
	LogStreamName *string `cfn:"createonly"`
}

func (s *Service) streamResource() resource.Type {
	return resource.New("AWS::Logs::LogStream", resource.Handlers[streamProperties]{
		Create: func(ctx context.Context, r resource.Request, p *streamProperties) (resource.Result, error) {
			name := value(p.LogStreamName)
			named := name != ""
			if !named {
				name = r.PhysicalName(512)
			}
			docs, err := s.open(ctx)
			if err != nil {
				return resource.Result{}, err
			}
			g, _, err := s.readGroup(ctx, docs, p.LogGroupName)
			if err != nil {
				return resource.Result{}, err
			}
			err = s.makeStream(ctx, docs, g, name)
			if !named && awsapi.Code(err) == codeExists {
				err = nil // only this step draws this name
			}
			return resource.Result{PhysicalID: name}, err
		},
		Delete: func(ctx context.Context, r resource.Request) error {
			group, _ := r.Properties["LogGroupName"].(string)
			return gone(s.removeStream(ctx, group, r.PhysicalID))
		},
	})
}

type subscriptionProperties struct {
	ApplyOnTransformedLogs *bool
	DestinationArn         string `cfn:"required"`
	Distribution           *string
	EmitSystemFields       []string
	FieldSelectionCriteria *string
	FilterName             *string `cfn:"createonly"`
	FilterPattern          string  `cfn:"required"`
	LogGroupName           string  `cfn:"required,createonly"`
	RoleArn                *string
}

func (s *Service) subscriptionResource() resource.Type {
	put := func(ctx context.Context, name string, p *subscriptionProperties) (resource.Result, error) {
		return resource.Result{PhysicalID: name}, s.putSubscription(ctx, p.LogGroupName, subscription{
			Name: name, Pattern: p.FilterPattern, Destination: p.DestinationArn, Role: value(p.RoleArn), Distribution: value(p.Distribution),
		})
	}
	return resource.New("AWS::Logs::SubscriptionFilter", resource.Handlers[subscriptionProperties]{
		Create: func(ctx context.Context, r resource.Request, p *subscriptionProperties) (resource.Result, error) {
			name := value(p.FilterName)
			if name == "" {
				name = r.PhysicalName(512)
			}
			return put(ctx, name, p)
		},
		Update: func(ctx context.Context, r resource.Request, p, _ *subscriptionProperties) (resource.Result, error) {
			return put(ctx, r.PhysicalID, p)
		},
		Delete: func(ctx context.Context, r resource.Request) error {
			group, _ := r.Properties["LogGroupName"].(string)
			return gone(s.removeSubscription(ctx, group, r.PhysicalID))
		},
	})
}

type policyProperties struct {
	PolicyDocument string `cfn:"required"`
	PolicyName     string `cfn:"required,createonly"`
}

func (s *Service) policyResource() resource.Type {
	put := func(ctx context.Context, p *policyProperties) (resource.Result, error) {
		return resource.Result{PhysicalID: p.PolicyName}, s.writePolicy(ctx, &resourcePolicy{Name: p.PolicyName, Document: p.PolicyDocument})
	}
	return resource.New("AWS::Logs::ResourcePolicy", resource.Handlers[policyProperties]{
		Create: func(ctx context.Context, _ resource.Request, p *policyProperties) (resource.Result, error) {
			return put(ctx, p)
		},
		Update: func(ctx context.Context, _ resource.Request, p, _ *policyProperties) (resource.Result, error) {
			return put(ctx, p)
		},
		Delete: func(ctx context.Context, r resource.Request) error { return gone(s.removePolicy(ctx, r.PhysicalID)) },
	})
}
