package apigateway

import (
	"context"
	"strings"

	"github.com/sallyport/sallyport/internal/apigateway"
	"github.com/sallyport/sallyport/internal/awsapi"
	shapes "github.com/sallyport/sallyport/internal/awsapi/shapes/apigateway"
	"github.com/sallyport/sallyport/internal/resource"
)

// Resources are the resource types of CloudFormation that are made here. Ids are derived from a step's token, so that a repeated step
// makes nothing twice.
func (s *Service) Resources() []resource.Type {
	return []resource.Type{s.keyResource(), s.planResource(), s.planKeyResource()}
}

// gone makes a deletion of what does not exist a success.
func gone(err error) error {
	if awsapi.Code(err) == "NotFoundException" {
		return nil
	}
	return err
}

type stageKey struct{ RestApiId, StageName *string }

type keyProperties struct {
	CustomerId         *string
	Description        *string
	Enabled            *bool
	GenerateDistinctId *bool   `cfn:"createonly"`
	Name               *string `cfn:"createonly"`
	StageKeys          []stageKey
	Tags               []resource.Tag
	Value              *string `cfn:"createonly"`
}

func (s *Service) keyResource() resource.Type {
	result := func(id string) resource.Result {
		return resource.Result{PhysicalID: id, Attributes: map[string]any{"APIKeyId": id}}
	}
	return resource.New("AWS::ApiGateway::ApiKey", resource.Handlers[keyProperties]{
		Create: func(ctx context.Context, r resource.Request, p *keyProperties) (resource.Result, error) {
			in := &shapes.CreateApiKeyInput{CustomerId: p.CustomerId, Description: p.Description, Enabled: p.Enabled, Name: p.Name, Value: p.Value}
			if in.Name == nil && r.PhysicalName != nil {
				in.Name = new(r.PhysicalName(128))
			}
			id := apigateway.DerivedAPIID(r.Token)
			_, err := s.makeKey(ctx, id, in, r.WithTags(resource.TagMap(p.Tags)))
			return result(id), err
		},
		Update: func(ctx context.Context, r resource.Request, p, _ *keyProperties) (resource.Result, error) {
			_, err := change(ctx, s, apigateway.KindAPIKey, r.PhysicalID, errNoKey(), func(k *apigateway.APIKey) error {
				k.Description, k.CustomerID, k.Enabled = "", "", false
				set(&k.Description, p.Description)
				set(&k.CustomerID, p.CustomerId)
				set(&k.Enabled, p.Enabled)
				k.Tags, k.Updated = r.WithTags(resource.TagMap(p.Tags)), s.clock()
				return nil
			})
			return result(r.PhysicalID), err
		},
		Delete: func(ctx context.Context, r resource.Request) error {
			_, err := s.deleteKey(ctx, &shapes.DeleteApiKeyInput{ApiKey: &r.PhysicalID})
			return gone(err)
		},
	})
}

type throttleProperties struct {
	BurstLimit *int64
	RateLimit  *float64
}

func (t throttleProperties) shape() *shapes.ThrottleSettings {
	return &shapes.ThrottleSettings{BurstLimit: t.BurstLimit, RateLimit: t.RateLimit}
}

type planStageProperties struct {
	ApiId    *string
	Stage    *string
	Throttle map[string]throttleProperties
}

type planProperties struct {
	ApiStages   []planStageProperties
	Description *string
	Quota       *struct {
		Limit  *int64
		Offset *int64
		Period *string
	}
	Tags          []resource.Tag
	Throttle      *throttleProperties
	UsagePlanName *string
}

func (p *planProperties) input(r resource.Request) *shapes.CreateUsagePlanInput {
	in := &shapes.CreateUsagePlanInput{Name: p.UsagePlanName, Description: p.Description}
	if in.Name == nil && r.PhysicalName != nil {
		in.Name = new(r.PhysicalName(128))
	}
	for _, stage := range p.ApiStages {
		shown := &shapes.ApiStage{ApiId: stage.ApiId, Stage: stage.Stage, Throttle: map[string]*shapes.ThrottleSettings{}}
		for route, t := range stage.Throttle {
			shown.Throttle[route] = t.shape()
		}
		in.ApiStages = append(in.ApiStages, shown)
	}
	if q := p.Quota; q != nil {
		in.Quota = &shapes.QuotaSettings{Limit: q.Limit, Offset: q.Offset, Period: q.Period}
	}
	if p.Throttle != nil {
		in.Throttle = p.Throttle.shape()
	}
	return in
}

func (s *Service) planResource() resource.Type {
	result := func(id string) resource.Result {
		return resource.Result{PhysicalID: id, Attributes: map[string]any{"Id": id}}
	}
	return resource.New("AWS::ApiGateway::UsagePlan", resource.Handlers[planProperties]{
		Create: func(ctx context.Context, r resource.Request, p *planProperties) (resource.Result, error) {
			id := apigateway.DerivedID(r.Token)
			_, err := s.makePlan(ctx, id, p.input(r), r.WithTags(resource.TagMap(p.Tags)))
			return result(id), err
		},
		Update: func(ctx context.Context, r resource.Request, p, _ *planProperties) (resource.Result, error) {
			_, err := change(ctx, s, apigateway.KindPlan, r.PhysicalID, errNoPlan(), func(plan *apigateway.UsagePlan) error {
				plan.Tags = r.WithTags(resource.TagMap(p.Tags))
				if err := fill(plan, p.input(r)); err != nil {
					return err
				}
				return s.checkPlan(ctx, plan)
			})
			return result(r.PhysicalID), err
		},
		// AWS: CloudFormation takes the stages off before it deletes a plan.
		Delete: func(ctx context.Context, r resource.Request) error {
			if _, _, err := read[apigateway.UsagePlan](ctx, s, apigateway.KindPlan, r.PhysicalID, errNoPlan()); err != nil {
				return gone(err)
			}
			return s.dropPlan(ctx, r.PhysicalID)
		},
	})
}

type planKeyProperties struct {
	KeyId       string `cfn:"required,createonly"`
	KeyType     string `cfn:"required,createonly"`
	UsagePlanId string `cfn:"required,createonly"`
}

// planKeyResource attaches a key to a plan. Its Ref is {keyId}:{planId}.
func (s *Service) planKeyResource() resource.Type {
	return resource.New("AWS::ApiGateway::UsagePlanKey", resource.Handlers[planKeyProperties]{
		Create: func(ctx context.Context, _ resource.Request, p *planKeyProperties) (resource.Result, error) {
			_, err := s.createPlanKey(ctx, &shapes.CreateUsagePlanKeyInput{UsagePlanId: &p.UsagePlanId, KeyId: &p.KeyId, KeyType: &p.KeyType})
			if awsapi.Code(err) == "ConflictException" {
				if _, _, known := s.planKey(ctx, p.UsagePlanId, p.KeyId); known == nil {
					err = nil // a repeated step
				}
			}
			id := p.KeyId + ":" + p.UsagePlanId
			return resource.Result{PhysicalID: id, Attributes: map[string]any{"Id": id}}, err
		},
		Delete: func(ctx context.Context, r resource.Request) error {
			key, plan, _ := strings.Cut(r.PhysicalID, ":")
			k, _, err := read[apigateway.PlanKey](ctx, s, apigateway.KindPlanKey, plan+"/"+key, errNoPlanKey())
			if err != nil {
				return gone(err)
			}
			return s.detach(ctx, k)
		},
	})
}
