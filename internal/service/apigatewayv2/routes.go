package apigatewayv2

import (
	"context"
	"maps"
	"time"

	"github.com/sallyport/sallyport/internal/apigateway"
	shapes "github.com/sallyport/sallyport/internal/awsapi/shapes/apigatewayv2"
)

func (s *Service) createRoute(ctx context.Context, in *shapes.CreateRouteInput) (*shapes.CreateRouteOutput, error) {
	out, err := s.makeRoute(ctx, "", &shapes.UpdateRouteInput{
		ApiId:                            in.ApiId,
		ApiKeyRequired:                   in.ApiKeyRequired,
		AuthorizationScopes:              in.AuthorizationScopes,
		AuthorizationType:                in.AuthorizationType,
		AuthorizerId:                     in.AuthorizerId,
		ModelSelectionExpression:         in.ModelSelectionExpression,
		OperationName:                    in.OperationName,
		RequestModels:                    in.RequestModels,
		RequestParameters:                in.RequestParameters,
		RouteKey:                         in.RouteKey,
		RouteResponseSelectionExpression: in.RouteResponseSelectionExpression,
		Target:                           in.Target,
	})
	return (*shapes.CreateRouteOutput)(out), err
}

// makeRoute adds a route, under the id if one is given; then it replaces the one that is there.
func (s *Service) makeRoute(ctx context.Context, id string, in *shapes.UpdateRouteInput) (*shapes.Route, error) {
	return add(ctx, s, in.ApiId, func(st *state) (*apigateway.Route, error) {
		r := &apigateway.Route{ID: id, Created: st.now}
		if before := st.Routes[id]; before != nil {
			r.Created = before.Created
		}
		return r, putRoute(st, r, in)
	}, showRoute)
}

func putRoute(st *state, r *apigateway.Route, in *shapes.UpdateRouteInput) error {
	if len(in.AuthorizationScopes) > 0 {
		return apigateway.BadRequest("Authorization scopes are supported for HTTP APIs only")
	}
	set(&r.Key, in.RouteKey)
	set(&r.Target, in.Target)
	set(&r.AuthorizationType, in.AuthorizationType)
	set(&r.AuthorizerID, in.AuthorizerId)
	set(&r.APIKeyRequired, in.ApiKeyRequired)
	set(&r.OperationName, in.OperationName)
	set(&r.ModelSelectionExpression, in.ModelSelectionExpression)
	set(&r.RouteResponseSelectionExpression, in.RouteResponseSelectionExpression)
	setMap(&r.RequestModels, in.RequestModels)
	mergeConstraints(&r.RequestParameters, in.RequestParameters)
	return st.PutRoute(r)
}

func showRoute(r *apigateway.Route) *shapes.Route {
	return &shapes.Route{
		ApiKeyRequired:                   &r.APIKeyRequired,
		AuthorizationType:                &r.AuthorizationType,
		AuthorizerId:                     text(r.AuthorizerID),
		ModelSelectionExpression:         text(r.ModelSelectionExpression),
		OperationName:                    text(r.OperationName),
		RequestModels:                    shown(r.RequestModels),
		RequestParameters:                showConstraints(r.RequestParameters),
		RouteId:                          &r.ID,
		RouteKey:                         &r.Key,
		RouteResponseSelectionExpression: text(r.RouteResponseSelectionExpression),
		Target:                           text(r.Target),
	}
}

func (s *Service) getRoute(ctx context.Context, in *shapes.GetRouteInput) (*shapes.GetRouteOutput, error) {
	out, err := view(ctx, s, in.ApiId, func(st *state) (*apigateway.Route, error) { return st.Route(*in.RouteId) }, showRoute)
	return (*shapes.GetRouteOutput)(out), err
}

func (s *Service) getRoutes(ctx context.Context, in *shapes.GetRoutesInput) (*shapes.GetRoutesOutput, error) {
	st, err := s.load(ctx, *in.ApiId)
	if err != nil {
		return nil, err
	}
	items, next, err := list(st.OrderedRoutes(), func(r *apigateway.Route) (time.Time, string) { return r.Created, r.ID }, showRoute, in.MaxResults, in.NextToken)
	if err != nil {
		return nil, err
	}
	return &shapes.GetRoutesOutput{Items: items, NextToken: next}, nil
}

func (s *Service) updateRoute(ctx context.Context, in *shapes.UpdateRouteInput) (*shapes.UpdateRouteOutput, error) {
	out, err := add(ctx, s, in.ApiId, func(st *state) (*apigateway.Route, error) {
		r, err := st.Route(*in.RouteId)
		if err != nil {
			return nil, err
		}
		return r, putRoute(st, r, in)
	}, showRoute)
	return (*shapes.UpdateRouteOutput)(out), err
}

func (s *Service) deleteRoute(ctx context.Context, in *shapes.DeleteRouteInput) (*shapes.DeleteRouteOutput, error) {
	return remove[shapes.DeleteRouteOutput](ctx, s, in.ApiId, func(st *state) error { return st.DeleteRoute(*in.RouteId) })
}

func (s *Service) deleteRouteRequestParameter(ctx context.Context, in *shapes.DeleteRouteRequestParameterInput) (*shapes.DeleteRouteRequestParameterOutput, error) {
	return remove[shapes.DeleteRouteRequestParameterOutput](ctx, s, in.ApiId, func(st *state) error {
		r, err := st.Route(*in.RouteId)
		if err != nil {
			return err
		}
		if _, ok := r.RequestParameters[*in.RequestParameterKey]; !ok {
			return apigateway.NotFound("Unable to find request parameter %s", *in.RequestParameterKey)
		}
		r.RequestParameters = maps.Clone(r.RequestParameters)
		delete(r.RequestParameters, *in.RequestParameterKey)
		return nil
	})
}

func (s *Service) createRouteResponse(ctx context.Context, in *shapes.CreateRouteResponseInput) (*shapes.CreateRouteResponseOutput, error) {
	out, err := s.makeRouteResponse(ctx, "", &shapes.UpdateRouteResponseInput{
		ApiId:                    in.ApiId,
		ModelSelectionExpression: in.ModelSelectionExpression,
		ResponseModels:           in.ResponseModels,
		ResponseParameters:       in.ResponseParameters,
		RouteId:                  in.RouteId,
		RouteResponseKey:         in.RouteResponseKey,
	})
	return (*shapes.CreateRouteResponseOutput)(out), err
}

// makeRouteResponse adds a route response, under the id if one is given; then it replaces the one that is there.
func (s *Service) makeRouteResponse(ctx context.Context, id string, in *shapes.UpdateRouteResponseInput) (*shapes.RouteResponse, error) {
	return add(ctx, s, in.ApiId, func(st *state) (*apigateway.RouteResponse, error) {
		r := &apigateway.RouteResponse{ID: id, Created: st.now}
		if before := st.RouteResponses[*in.RouteId][id]; before != nil {
			r.Created = before.Created
		}
		return r, putRouteResponse(st, r, in)
	}, showRouteResponse)
}

func putRouteResponse(st *state, r *apigateway.RouteResponse, in *shapes.UpdateRouteResponseInput) error {
	set(&r.Key, in.RouteResponseKey)
	set(&r.ModelSelectionExpression, in.ModelSelectionExpression)
	setMap(&r.ResponseModels, in.ResponseModels)
	mergeConstraints(&r.ResponseParameters, in.ResponseParameters)
	return st.PutRouteResponse(*in.RouteId, r)
}

func showRouteResponse(r *apigateway.RouteResponse) *shapes.RouteResponse {
	return &shapes.RouteResponse{
		ModelSelectionExpression: text(r.ModelSelectionExpression),
		ResponseModels:           shown(r.ResponseModels),
		ResponseParameters:       showConstraints(r.ResponseParameters),
		RouteResponseId:          &r.ID,
		RouteResponseKey:         &r.Key,
	}
}

func (s *Service) getRouteResponse(ctx context.Context, in *shapes.GetRouteResponseInput) (*shapes.GetRouteResponseOutput, error) {
	out, err := view(ctx, s, in.ApiId, func(st *state) (*apigateway.RouteResponse, error) {
		return st.RouteResponse(*in.RouteId, *in.RouteResponseId)
	}, showRouteResponse)
	return (*shapes.GetRouteResponseOutput)(out), err
}

func (s *Service) getRouteResponses(ctx context.Context, in *shapes.GetRouteResponsesInput) (*shapes.GetRouteResponsesOutput, error) {
	st, err := s.load(ctx, *in.ApiId)
	if err != nil {
		return nil, err
	}
	if _, err := st.Route(*in.RouteId); err != nil {
		return nil, err
	}
	items, next, err := list(st.OrderedRouteResponses(*in.RouteId), func(r *apigateway.RouteResponse) (time.Time, string) { return r.Created, r.ID },
		showRouteResponse, in.MaxResults, in.NextToken)
	if err != nil {
		return nil, err
	}
	return &shapes.GetRouteResponsesOutput{Items: items, NextToken: next}, nil
}

func (s *Service) updateRouteResponse(ctx context.Context, in *shapes.UpdateRouteResponseInput) (*shapes.UpdateRouteResponseOutput, error) {
	out, err := add(ctx, s, in.ApiId, func(st *state) (*apigateway.RouteResponse, error) {
		r, err := st.RouteResponse(*in.RouteId, *in.RouteResponseId)
		if err != nil {
			return nil, err
		}
		return r, putRouteResponse(st, r, in)
	}, showRouteResponse)
	return (*shapes.UpdateRouteResponseOutput)(out), err
}

func (s *Service) deleteRouteResponse(ctx context.Context, in *shapes.DeleteRouteResponseInput) (*shapes.DeleteRouteResponseOutput, error) {
	return remove[shapes.DeleteRouteResponseOutput](ctx, s, in.ApiId, func(st *state) error {
		return st.DeleteRouteResponse(*in.RouteId, *in.RouteResponseId)
	})
}
