package apigatewayv2

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"

	"github.com/sallyport/sallyport/internal/apigateway"
	"github.com/sallyport/sallyport/internal/awsapi"
	shapes "github.com/sallyport/sallyport/internal/awsapi/shapes/apigatewayv2"
	"github.com/sallyport/sallyport/internal/resource"
)

// Resources are the resource types of CloudFormation that are made here. A step that is repeated makes nothing twice:
// ids are derived from its token, and a stage remembers the token. An update gives a part the properties as they are
// now; what the template no longer says goes back to its default.
func (s *Service) Resources() []resource.Type {
	return []resource.Type{
		s.apiResource(),
		s.routeResource(),
		s.integrationResource(),
		s.routeResponseResource(),
		s.integrationResponseResource(),
		s.modelResource(),
		s.authorizerResource(),
		s.deploymentResource(),
		s.stageResource(),
		s.domainResource(),
		s.mappingResource(),
		s.accountResource(),
	}
}

// gone makes a deletion of what does not exist a success.
func gone(err error) error {
	if awsapi.Code(err) == "NotFoundException" {
		return nil
	}
	return err
}

// property returns a property as text, for deletions, which get the properties as they were.
func property(r resource.Request, name string) string {
	v, _ := r.Properties[name].(string)
	return v
}

type apiProperties struct {
	ApiKeySelectionExpression *string
	BasePath                  *string
	Body                      map[string]any
	BodyS3Location            map[string]any
	CorsConfiguration         map[string]any
	CredentialsArn            *string
	Description               *string
	DisableExecuteApiEndpoint *bool
	DisableSchemaValidation   *bool
	FailOnWarnings            *bool
	IpAddressType             *string
	Name                      *string
	ProtocolType              *string `cfn:"createonly"`
	RouteKey                  *string
	RouteSelectionExpression  *string
	Tags                      map[string]string
	Target                    *string
	Version                   *string
}

func (s *Service) apiResource() resource.Type {
	return resource.New("AWS::ApiGatewayV2::Api", resource.Handlers[apiProperties]{
		Create: func(ctx context.Context, r resource.Request, p *apiProperties) (resource.Result, error) {
			in, err := p.patch()
			if err != nil {
				return resource.Result{}, err
			}
			protocol := ""
			set(&protocol, p.ProtocolType)
			out, err := s.makeAPI(ctx, apigateway.DerivedAPIID(r.Token), protocol, r.WithTags(p.Tags), in)
			if err != nil {
				return resource.Result{}, err
			}
			return apiResult(out), nil
		},
		Update: func(ctx context.Context, r resource.Request, p, _ *apiProperties) (resource.Result, error) {
			in, err := p.patch()
			if err != nil {
				return resource.Result{}, err
			}
			out, err := add(ctx, s, &r.PhysicalID, func(st *state) (*apigateway.API, error) {
				a := apigateway.API{ID: st.API.ID, Tags: r.WithTags(p.Tags), Created: st.API.Created}
				patchAPI(&a, in)
				if err := st.PutAPI(a); err != nil {
					return nil, err
				}
				return &st.API, nil
			}, func(a *apigateway.API) *shapes.Api { return showAPI(placeOf(ctx), a) })
			if err != nil {
				return resource.Result{}, err
			}
			return apiResult(out), nil
		},
		Delete: func(ctx context.Context, r resource.Request) error {
			_, err := s.deleteAPI(ctx, &shapes.DeleteApiInput{ApiId: &r.PhysicalID})
			return gone(err)
		},
	})
}

func (p *apiProperties) patch() (*shapes.UpdateApiInput, error) {
	if p.Body != nil || p.BodyS3Location != nil {
		return nil, errOpenAPI("import")
	}
	in := &shapes.UpdateApiInput{
		ApiKeySelectionExpression: p.ApiKeySelectionExpression,
		CredentialsArn:            p.CredentialsArn,
		Description:               p.Description,
		DisableExecuteApiEndpoint: p.DisableExecuteApiEndpoint,
		DisableSchemaValidation:   p.DisableSchemaValidation,
		IpAddressType:             p.IpAddressType,
		Name:                      p.Name,
		RouteKey:                  p.RouteKey,
		RouteSelectionExpression:  p.RouteSelectionExpression,
		Target:                    p.Target,
		Version:                   p.Version,
	}
	if p.CorsConfiguration != nil {
		in.CorsConfiguration = &shapes.Cors{}
	}
	return in, checkHTTPMembers(in)
}

func apiResult(a *shapes.Api) resource.Result {
	return resource.Result{PhysicalID: *a.ApiId, Attributes: map[string]any{"ApiId": *a.ApiId, "ApiEndpoint": *a.ApiEndpoint}}
}

// part returns a type for a kind of part whose id is its Ref and its only attribute. put makes the part of this id with
// the properties, or gives it them; remove removes it.
func part[P any](name, attribute string, put func(ctx context.Context, id string, p *P) error, remove func(ctx context.Context, id string, r resource.Request) error) resource.Type {
	result := func(id string) resource.Result {
		return resource.Result{PhysicalID: id, Attributes: map[string]any{attribute: id}}
	}
	return resource.New(name, resource.Handlers[P]{
		Create: func(ctx context.Context, r resource.Request, p *P) (resource.Result, error) {
			id := apigateway.DerivedID(r.Token)
			return result(id), put(ctx, id, p)
		},
		Update: func(ctx context.Context, r resource.Request, p, _ *P) (resource.Result, error) {
			return result(r.PhysicalID), put(ctx, r.PhysicalID, p)
		},
		Delete: func(ctx context.Context, r resource.Request) error { return gone(remove(ctx, r.PhysicalID, r)) },
	})
}

type parameterConstraints struct {
	Required *bool
}

func constraintsOf(m map[string]parameterConstraints) map[string]*shapes.ParameterConstraints {
	out := make(map[string]*shapes.ParameterConstraints, len(m))
	for k, c := range m {
		out[k] = &shapes.ParameterConstraints{Required: c.Required}
	}
	return out
}

type routeProperties struct {
	ApiId                            string `cfn:"required,createonly"`
	ApiKeyRequired                   *bool
	AuthorizationScopes              []string
	AuthorizationType                *string
	AuthorizerId                     *string
	ModelSelectionExpression         *string
	OperationName                    *string
	RequestModels                    map[string]string
	RequestParameters                map[string]parameterConstraints
	RouteKey                         *string `cfn:"required"`
	RouteResponseSelectionExpression *string
	Target                           *string
}

func (s *Service) routeResource() resource.Type {
	put := func(ctx context.Context, id string, p *routeProperties) error {
		_, err := s.makeRoute(ctx, id, &shapes.UpdateRouteInput{
			ApiId:                            &p.ApiId,
			ApiKeyRequired:                   p.ApiKeyRequired,
			AuthorizationScopes:              p.AuthorizationScopes,
			AuthorizationType:                p.AuthorizationType,
			AuthorizerId:                     p.AuthorizerId,
			ModelSelectionExpression:         p.ModelSelectionExpression,
			OperationName:                    p.OperationName,
			RequestModels:                    p.RequestModels,
			RequestParameters:                constraintsOf(p.RequestParameters),
			RouteKey:                         p.RouteKey,
			RouteResponseSelectionExpression: p.RouteResponseSelectionExpression,
			Target:                           p.Target,
		})
		return err
	}
	return part("AWS::ApiGatewayV2::Route", "RouteId", put, func(ctx context.Context, id string, r resource.Request) error {
		_, err := s.deleteRoute(ctx, &shapes.DeleteRouteInput{ApiId: new(property(r, "ApiId")), RouteId: &id})
		return err
	})
}

type integrationProperties struct {
	ApiId                       string `cfn:"required,createonly"`
	ConnectionId                *string
	ConnectionType              *string
	ContentHandlingStrategy     *string
	CredentialsArn              *string
	Description                 *string
	IntegrationMethod           *string
	IntegrationSubtype          *string
	IntegrationType             *string `cfn:"required"`
	IntegrationUri              *string
	PassthroughBehavior         *string
	PayloadFormatVersion        *string
	RequestParameters           map[string]string
	RequestTemplates            map[string]string
	ResponseParameters          map[string]any
	TemplateSelectionExpression *string
	TimeoutInMillis             *int64
	TlsConfig                   map[string]any
}

func (s *Service) integrationResource() resource.Type {
	put := func(ctx context.Context, id string, p *integrationProperties) error {
		in := &shapes.UpdateIntegrationInput{
			ApiId:                       &p.ApiId,
			ConnectionId:                p.ConnectionId,
			ConnectionType:              p.ConnectionType,
			ContentHandlingStrategy:     p.ContentHandlingStrategy,
			CredentialsArn:              p.CredentialsArn,
			Description:                 p.Description,
			IntegrationMethod:           p.IntegrationMethod,
			IntegrationSubtype:          p.IntegrationSubtype,
			IntegrationType:             p.IntegrationType,
			IntegrationUri:              p.IntegrationUri,
			PassthroughBehavior:         p.PassthroughBehavior,
			PayloadFormatVersion:        p.PayloadFormatVersion,
			RequestParameters:           p.RequestParameters,
			RequestTemplates:            p.RequestTemplates,
			TemplateSelectionExpression: p.TemplateSelectionExpression,
			TimeoutInMillis:             p.TimeoutInMillis,
		}
		if len(p.ResponseParameters) > 0 {
			in.ResponseParameters = map[string]map[string]string{"": nil}
		}
		_, err := s.makeIntegration(ctx, id, in)
		return err
	}
	return part("AWS::ApiGatewayV2::Integration", "IntegrationId", put, func(ctx context.Context, id string, r resource.Request) error {
		_, err := s.deleteIntegration(ctx, &shapes.DeleteIntegrationInput{ApiId: new(property(r, "ApiId")), IntegrationId: &id})
		return err
	})
}

type routeResponseProperties struct {
	ApiId                    string `cfn:"required,createonly"`
	ModelSelectionExpression *string
	ResponseModels           map[string]string
	ResponseParameters       map[string]parameterConstraints
	RouteId                  string  `cfn:"required,createonly"`
	RouteResponseKey         *string `cfn:"required"`
}

func (s *Service) routeResponseResource() resource.Type {
	put := func(ctx context.Context, id string, p *routeResponseProperties) error {
		_, err := s.makeRouteResponse(ctx, id, &shapes.UpdateRouteResponseInput{
			ApiId:                    &p.ApiId,
			ModelSelectionExpression: p.ModelSelectionExpression,
			ResponseModels:           p.ResponseModels,
			ResponseParameters:       constraintsOf(p.ResponseParameters),
			RouteId:                  &p.RouteId,
			RouteResponseKey:         p.RouteResponseKey,
		})
		return err
	}
	return part("AWS::ApiGatewayV2::RouteResponse", "RouteResponseId", put, func(ctx context.Context, id string, r resource.Request) error {
		_, err := s.deleteRouteResponse(ctx, &shapes.DeleteRouteResponseInput{
			ApiId: new(property(r, "ApiId")), RouteId: new(property(r, "RouteId")), RouteResponseId: &id,
		})
		return err
	})
}

type integrationResponseProperties struct {
	ApiId                       string `cfn:"required,createonly"`
	ContentHandlingStrategy     *string
	IntegrationId               string  `cfn:"required,createonly"`
	IntegrationResponseKey      *string `cfn:"required"`
	ResponseParameters          map[string]string
	ResponseTemplates           map[string]string
	TemplateSelectionExpression *string
}

func (s *Service) integrationResponseResource() resource.Type {
	put := func(ctx context.Context, id string, p *integrationResponseProperties) error {
		_, err := s.makeIntegrationResponse(ctx, id, &shapes.UpdateIntegrationResponseInput{
			ApiId:                       &p.ApiId,
			ContentHandlingStrategy:     p.ContentHandlingStrategy,
			IntegrationId:               &p.IntegrationId,
			IntegrationResponseKey:      p.IntegrationResponseKey,
			ResponseParameters:          p.ResponseParameters,
			ResponseTemplates:           p.ResponseTemplates,
			TemplateSelectionExpression: p.TemplateSelectionExpression,
		})
		return err
	}
	return part("AWS::ApiGatewayV2::IntegrationResponse", "IntegrationResponseId", put, func(ctx context.Context, id string, r resource.Request) error {
		_, err := s.deleteIntegrationResponse(ctx, &shapes.DeleteIntegrationResponseInput{
			ApiId: new(property(r, "ApiId")), IntegrationId: new(property(r, "IntegrationId")), IntegrationResponseId: &id,
		})
		return err
	})
}

type modelProperties struct {
	ApiId       string `cfn:"required,createonly"`
	ContentType *string
	Description *string
	Name        *string `cfn:"required"`
	Schema      any     `cfn:"required"` // an object, or its text
}

func (s *Service) modelResource() resource.Type {
	put := func(ctx context.Context, id string, p *modelProperties) error {
		schema, ok := p.Schema.(string)
		if !ok {
			data, err := json.Marshal(p.Schema)
			if err != nil {
				return fmt.Errorf("encode schema: %w", err)
			}
			schema = string(data)
		}
		_, err := s.makeModel(ctx, id, &shapes.UpdateModelInput{
			ApiId: &p.ApiId, ContentType: p.ContentType, Description: p.Description, Name: p.Name, Schema: &schema,
		})
		return err
	}
	return part("AWS::ApiGatewayV2::Model", "ModelId", put, func(ctx context.Context, id string, r resource.Request) error {
		_, err := s.deleteModel(ctx, &shapes.DeleteModelInput{ApiId: new(property(r, "ApiId")), ModelId: &id})
		return err
	})
}

type authorizerProperties struct {
	ApiId                          string `cfn:"required,createonly"`
	AuthorizerCredentialsArn       *string
	AuthorizerPayloadFormatVersion *string
	AuthorizerResultTtlInSeconds   *int64
	AuthorizerType                 *string `cfn:"required"`
	AuthorizerUri                  *string
	EnableSimpleResponses          *bool
	IdentitySource                 []string
	IdentityValidationExpression   *string
	JwtConfiguration               map[string]any
	Name                           *string `cfn:"required"`
}

func (s *Service) authorizerResource() resource.Type {
	put := func(ctx context.Context, id string, p *authorizerProperties) error {
		_, err := s.makeAuthorizer(ctx, id, &shapes.UpdateAuthorizerInput{
			ApiId:                          &p.ApiId,
			AuthorizerCredentialsArn:       p.AuthorizerCredentialsArn,
			AuthorizerPayloadFormatVersion: p.AuthorizerPayloadFormatVersion,
			AuthorizerResultTtlInSeconds:   p.AuthorizerResultTtlInSeconds,
			AuthorizerType:                 p.AuthorizerType,
			AuthorizerUri:                  p.AuthorizerUri,
			EnableSimpleResponses:          p.EnableSimpleResponses,
			IdentitySource:                 p.IdentitySource,
			IdentityValidationExpression:   p.IdentityValidationExpression,
			Name:                           p.Name,
		})
		return err
	}
	return part("AWS::ApiGatewayV2::Authorizer", "AuthorizerId", put, func(ctx context.Context, id string, r resource.Request) error {
		_, err := s.deleteAuthorizer(ctx, &shapes.DeleteAuthorizerInput{ApiId: new(property(r, "ApiId")), AuthorizerId: &id})
		return err
	})
}

type deploymentProperties struct {
	ApiId       string `cfn:"required,createonly"`
	Description *string
	StageName   *string
}

// deploymentResource makes a deployment once: AWS does not deploy again when properties change.
func (s *Service) deploymentResource() resource.Type {
	result := func(id string) resource.Result {
		return resource.Result{PhysicalID: id, Attributes: map[string]any{"DeploymentId": id}}
	}
	return resource.New("AWS::ApiGatewayV2::Deployment", resource.Handlers[deploymentProperties]{
		Create: func(ctx context.Context, r resource.Request, p *deploymentProperties) (resource.Result, error) {
			id := apigateway.DerivedID(r.Token)
			_, err := s.makeDeployment(ctx, id, &shapes.CreateDeploymentInput{ApiId: &p.ApiId, Description: p.Description, StageName: p.StageName})
			return result(id), err
		},
		Update: func(ctx context.Context, r resource.Request, p, _ *deploymentProperties) (resource.Result, error) {
			description := ""
			set(&description, p.Description)
			_, err := s.updateDeployment(ctx, &shapes.UpdateDeploymentInput{ApiId: &p.ApiId, DeploymentId: &r.PhysicalID, Description: &description})
			return result(r.PhysicalID), err
		},
		Delete: func(ctx context.Context, r resource.Request) error {
			_, err := s.deleteDeployment(ctx, &shapes.DeleteDeploymentInput{ApiId: new(property(r, "ApiId")), DeploymentId: &r.PhysicalID})
			return gone(err)
		},
	})
}

type routeSettings struct {
	DataTraceEnabled       *bool
	DetailedMetricsEnabled *bool
	LoggingLevel           *string
	ThrottlingBurstLimit   *int64
	ThrottlingRateLimit    *float64
}

func (r *routeSettings) shape() *shapes.RouteSettings { return (*shapes.RouteSettings)(r) }

type stageProperties struct {
	AccessLogSettings    *struct{ DestinationArn, Format *string }
	AccessPolicyId       *string
	ApiId                string `cfn:"required,createonly"`
	AutoDeploy           *bool
	ClientCertificateId  *string
	DefaultRouteSettings *routeSettings
	DeploymentId         *string
	Description          *string
	RouteSettings        map[string]routeSettings
	StageName            string `cfn:"required,createonly"`
	StageVariables       map[string]string
	Tags                 map[string]string
}

func (s *Service) stageResource() resource.Type {
	return resource.New("AWS::ApiGatewayV2::Stage", resource.Handlers[stageProperties]{
		Create: func(ctx context.Context, r resource.Request, p *stageProperties) (resource.Result, error) {
			_, err := s.makeStage(ctx, r.Token, r.WithTags(p.Tags), p.patch())
			return stageResult(p.StageName), err
		},
		Update: func(ctx context.Context, r resource.Request, p, old *stageProperties) (resource.Result, error) {
			_, err := s.editStage(ctx, &p.ApiId, &p.StageName, func(st *state, stage *apigateway.Stage) error {
				fresh := apigateway.Stage{
					Name:           stage.Name,
					Tags:           r.WithTags(p.Tags),
					Token:          stage.Token,
					Created:        stage.Created,
					Updated:        stage.Updated,
					LastDeployment: stage.LastDeployment,
				}
				// A stage that deploys by itself, or was moved by a deployment, stays where it is unless the template moves it.
				if p.DeploymentId == nil || old.DeploymentId != nil && *p.DeploymentId == *old.DeploymentId {
					fresh.DeploymentID = stage.DeploymentID
				}
				*stage = fresh
				in := p.patch()
				if fresh.DeploymentID != "" {
					in.DeploymentId = nil
				}
				if err := s.patchStage(ctx, stage, in); err != nil {
					return err
				}
				return s.putStage(ctx, st, stage)
			})
			return stageResult(p.StageName), err
		},
		Delete: func(ctx context.Context, r resource.Request) error {
			_, err := s.deleteStage(ctx, &shapes.DeleteStageInput{ApiId: new(property(r, "ApiId")), StageName: &r.PhysicalID})
			return gone(err)
		},
	})
}

func stageResult(name string) resource.Result {
	return resource.Result{PhysicalID: name, Attributes: map[string]any{"Id": name}}
}

func (p *stageProperties) patch() *shapes.UpdateStageInput {
	in := &shapes.UpdateStageInput{
		ApiId:               &p.ApiId,
		AutoDeploy:          p.AutoDeploy,
		ClientCertificateId: p.ClientCertificateId,
		DeploymentId:        p.DeploymentId,
		Description:         p.Description,
		StageName:           &p.StageName,
		StageVariables:      maps.Clone(p.StageVariables),
	}
	if p.DefaultRouteSettings != nil {
		in.DefaultRouteSettings = p.DefaultRouteSettings.shape()
	}
	if a := p.AccessLogSettings; a != nil {
		in.AccessLogSettings = &shapes.AccessLogSettings{DestinationArn: a.DestinationArn, Format: a.Format}
	}
	if p.RouteSettings != nil {
		in.RouteSettings = map[string]*shapes.RouteSettings{}
		for key, r := range p.RouteSettings {
			in.RouteSettings[key] = r.shape()
		}
	}
	return in
}
