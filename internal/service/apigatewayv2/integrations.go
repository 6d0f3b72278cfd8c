package apigatewayv2

import (
	"context"
	"time"

	"github.com/sallyport/sallyport/internal/apigateway"
	shapes "github.com/sallyport/sallyport/internal/awsapi/shapes/apigatewayv2"
)

func (s *Service) createIntegration(ctx context.Context, in *shapes.CreateIntegrationInput) (*shapes.CreateIntegrationOutput, error) {
	out, err := s.makeIntegration(ctx, "", &shapes.UpdateIntegrationInput{
		ApiId:                       in.ApiId,
		ConnectionId:                in.ConnectionId,
		ConnectionType:              in.ConnectionType,
		ContentHandlingStrategy:     in.ContentHandlingStrategy,
		CredentialsArn:              in.CredentialsArn,
		Description:                 in.Description,
		IntegrationMethod:           in.IntegrationMethod,
		IntegrationSubtype:          in.IntegrationSubtype,
		IntegrationType:             in.IntegrationType,
		IntegrationUri:              in.IntegrationUri,
		PassthroughBehavior:         in.PassthroughBehavior,
		PayloadFormatVersion:        in.PayloadFormatVersion,
		RequestParameters:           in.RequestParameters,
		RequestTemplates:            in.RequestTemplates,
		ResponseParameters:          in.ResponseParameters,
		TemplateSelectionExpression: in.TemplateSelectionExpression,
		TimeoutInMillis:             in.TimeoutInMillis,
		TlsConfig:                   in.TlsConfig,
	})
	return (*shapes.CreateIntegrationOutput)(out), err
}

// makeIntegration adds an integration, under the id if one is given; then it replaces the one that is there.
func (s *Service) makeIntegration(ctx context.Context, id string, in *shapes.UpdateIntegrationInput) (*shapes.Integration, error) {
	return add(ctx, s, in.ApiId, func(st *state) (*apigateway.Integration, error) {
		i := &apigateway.Integration{ID: id, Created: st.now}
		if before := st.Integrations[id]; before != nil {
			i.Created = before.Created
		}
		return i, putIntegration(st, i, in)
	}, showIntegration)
}

func putIntegration(st *state, i *apigateway.Integration, in *shapes.UpdateIntegrationInput) error {
	if in.IntegrationSubtype != nil && *in.IntegrationSubtype != "" {
		return apigateway.BadRequest("Integration subtype is supported for HTTP APIs only")
	}
	if len(in.ResponseParameters) > 0 {
		return apigateway.BadRequest("Response parameters of an integration are supported for HTTP APIs only")
	}
	set(&i.Type, in.IntegrationType)
	set(&i.URI, in.IntegrationUri)
	set(&i.Method, in.IntegrationMethod)
	set(&i.ConnectionType, in.ConnectionType)
	set(&i.ConnectionID, in.ConnectionId)
	set(&i.ContentHandling, in.ContentHandlingStrategy)
	set(&i.CredentialsARN, in.CredentialsArn)
	set(&i.Description, in.Description)
	set(&i.PassthroughBehavior, in.PassthroughBehavior)
	set(&i.PayloadFormatVersion, in.PayloadFormatVersion)
	set(&i.TemplateSelectionExpression, in.TemplateSelectionExpression)
	merge(&i.RequestParameters, in.RequestParameters)
	setMap(&i.RequestTemplates, in.RequestTemplates)
	if in.TimeoutInMillis != nil {
		// Zero would mean the default; a member that is given is never that.
		if i.TimeoutMillis = int(*in.TimeoutInMillis); i.TimeoutMillis == 0 {
			i.TimeoutMillis = -1
		}
	}
	return st.PutIntegration(i)
}

func showIntegration(i *apigateway.Integration) *shapes.Integration {
	return &shapes.Integration{
		ConnectionId:                           text(i.ConnectionID),
		ConnectionType:                         &i.ConnectionType,
		ContentHandlingStrategy:                text(i.ContentHandling),
		CredentialsArn:                         text(i.CredentialsARN),
		Description:                            text(i.Description),
		IntegrationId:                          &i.ID,
		IntegrationMethod:                      text(i.Method),
		IntegrationResponseSelectionExpression: text(i.ResponseSelectionExpression()),
		IntegrationType:                        &i.Type,
		IntegrationUri:                         text(i.URI),
		PassthroughBehavior:                    &i.PassthroughBehavior,
		PayloadFormatVersion:                   &i.PayloadFormatVersion,
		RequestParameters:                      shown(i.RequestParameters),
		RequestTemplates:                       shown(i.RequestTemplates),
		TemplateSelectionExpression:            text(i.TemplateSelectionExpression),
		TimeoutInMillis:                        new(int64(i.TimeoutMillis)),
	}
}

func (s *Service) getIntegration(ctx context.Context, in *shapes.GetIntegrationInput) (*shapes.GetIntegrationOutput, error) {
	out, err := view(ctx, s, in.ApiId, func(st *state) (*apigateway.Integration, error) { return st.Integration(*in.IntegrationId) }, showIntegration)
	return (*shapes.GetIntegrationOutput)(out), err
}

func (s *Service) getIntegrations(ctx context.Context, in *shapes.GetIntegrationsInput) (*shapes.GetIntegrationsOutput, error) {
	st, err := s.load(ctx, *in.ApiId)
	if err != nil {
		return nil, err
	}
	items, next, err := list(st.OrderedIntegrations(), func(i *apigateway.Integration) (time.Time, string) { return i.Created, i.ID }, showIntegration, in.MaxResults, in.NextToken)
	if err != nil {
		return nil, err
	}
	return &shapes.GetIntegrationsOutput{Items: items, NextToken: next}, nil
}

func (s *Service) updateIntegration(ctx context.Context, in *shapes.UpdateIntegrationInput) (*shapes.UpdateIntegrationOutput, error) {
	out, err := add(ctx, s, in.ApiId, func(st *state) (*apigateway.Integration, error) {
		i, err := st.Integration(*in.IntegrationId)
		if err != nil {
			return nil, err
		}
		return i, putIntegration(st, i, in)
	}, showIntegration)
	return (*shapes.UpdateIntegrationOutput)(out), err
}

func (s *Service) deleteIntegration(ctx context.Context, in *shapes.DeleteIntegrationInput) (*shapes.DeleteIntegrationOutput, error) {
	return remove[shapes.DeleteIntegrationOutput](ctx, s, in.ApiId, func(st *state) error { return st.DeleteIntegration(*in.IntegrationId) })
}

func (s *Service) createIntegrationResponse(ctx context.Context, in *shapes.CreateIntegrationResponseInput) (*shapes.CreateIntegrationResponseOutput, error) {
	out, err := s.makeIntegrationResponse(ctx, "", &shapes.UpdateIntegrationResponseInput{
		ApiId:                       in.ApiId,
		ContentHandlingStrategy:     in.ContentHandlingStrategy,
		IntegrationId:               in.IntegrationId,
		IntegrationResponseKey:      in.IntegrationResponseKey,
		ResponseParameters:          in.ResponseParameters,
		ResponseTemplates:           in.ResponseTemplates,
		TemplateSelectionExpression: in.TemplateSelectionExpression,
	})
	return (*shapes.CreateIntegrationResponseOutput)(out), err
}

// makeIntegrationResponse adds an integration response, under the id if one is given; then it replaces the one that is there.
func (s *Service) makeIntegrationResponse(ctx context.Context, id string, in *shapes.UpdateIntegrationResponseInput) (*shapes.IntegrationResponse, error) {
	return add(ctx, s, in.ApiId, func(st *state) (*apigateway.IntegrationResponse, error) {
		r := &apigateway.IntegrationResponse{ID: id, Created: st.now}
		if before := st.IntegrationResponses[*in.IntegrationId][id]; before != nil {
			r.Created = before.Created
		}
		return r, putIntegrationResponse(st, r, in)
	}, showIntegrationResponse)
}

func putIntegrationResponse(st *state, r *apigateway.IntegrationResponse, in *shapes.UpdateIntegrationResponseInput) error {
	set(&r.Key, in.IntegrationResponseKey)
	set(&r.ContentHandling, in.ContentHandlingStrategy)
	set(&r.TemplateSelectionExpression, in.TemplateSelectionExpression)
	merge(&r.ResponseParameters, in.ResponseParameters)
	setMap(&r.ResponseTemplates, in.ResponseTemplates)
	return st.PutIntegrationResponse(*in.IntegrationId, r)
}

func showIntegrationResponse(r *apigateway.IntegrationResponse) *shapes.IntegrationResponse {
	return &shapes.IntegrationResponse{
		ContentHandlingStrategy:     text(r.ContentHandling),
		IntegrationResponseId:       &r.ID,
		IntegrationResponseKey:      &r.Key,
		ResponseParameters:          shown(r.ResponseParameters),
		ResponseTemplates:           shown(r.ResponseTemplates),
		TemplateSelectionExpression: text(r.TemplateSelectionExpression),
	}
}

func (s *Service) getIntegrationResponse(ctx context.Context, in *shapes.GetIntegrationResponseInput) (*shapes.GetIntegrationResponseOutput, error) {
	out, err := view(ctx, s, in.ApiId, func(st *state) (*apigateway.IntegrationResponse, error) {
		return st.IntegrationResponse(*in.IntegrationId, *in.IntegrationResponseId)
	}, showIntegrationResponse)
	return (*shapes.GetIntegrationResponseOutput)(out), err
}

func (s *Service) getIntegrationResponses(ctx context.Context, in *shapes.GetIntegrationResponsesInput) (*shapes.GetIntegrationResponsesOutput, error) {
	st, err := s.load(ctx, *in.ApiId)
	if err != nil {
		return nil, err
	}
	if _, err := st.Integration(*in.IntegrationId); err != nil {
		return nil, err
	}
	items, next, err := list(st.OrderedIntegrationResponses(*in.IntegrationId),
		func(r *apigateway.IntegrationResponse) (time.Time, string) { return r.Created, r.ID }, showIntegrationResponse, in.MaxResults, in.NextToken)
	if err != nil {
		return nil, err
	}
	return &shapes.GetIntegrationResponsesOutput{Items: items, NextToken: next}, nil
}

func (s *Service) updateIntegrationResponse(ctx context.Context, in *shapes.UpdateIntegrationResponseInput) (*shapes.UpdateIntegrationResponseOutput, error) {
	out, err := add(ctx, s, in.ApiId, func(st *state) (*apigateway.IntegrationResponse, error) {
		r, err := st.IntegrationResponse(*in.IntegrationId, *in.IntegrationResponseId)
		if err != nil {
			return nil, err
		}
		return r, putIntegrationResponse(st, r, in)
	}, showIntegrationResponse)
	return (*shapes.UpdateIntegrationResponseOutput)(out), err
}

func (s *Service) deleteIntegrationResponse(ctx context.Context, in *shapes.DeleteIntegrationResponseInput) (*shapes.DeleteIntegrationResponseOutput, error) {
	return remove[shapes.DeleteIntegrationResponseOutput](ctx, s, in.ApiId, func(st *state) error {
		return st.DeleteIntegrationResponse(*in.IntegrationId, *in.IntegrationResponseId)
	})
}
