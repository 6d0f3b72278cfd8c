package apigatewayv2

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/sallyport/sallyport/internal/apigateway"
	shapes "github.com/sallyport/sallyport/internal/awsapi/shapes/apigatewayv2"
	"github.com/sallyport/sallyport/internal/store"
)

func (s *Service) createAPI(ctx context.Context, in *shapes.CreateApiInput) (*shapes.CreateApiOutput, error) {
	if err := apigateway.CheckTags(in.Tags); err != nil {
		return nil, err
	}
	out, err := s.makeAPI(ctx, "", *in.ProtocolType, in.Tags, apiPatch(in))
	return (*shapes.CreateApiOutput)(out), err
}

func apiPatch(in *shapes.CreateApiInput) *shapes.UpdateApiInput {
	return &shapes.UpdateApiInput{
		ApiKeySelectionExpression: in.ApiKeySelectionExpression,
		CorsConfiguration:         in.CorsConfiguration,
		CredentialsArn:            in.CredentialsArn,
		Description:               in.Description,
		DisableExecuteApiEndpoint: in.DisableExecuteApiEndpoint,
		DisableSchemaValidation:   in.DisableSchemaValidation,
		IpAddressType:             in.IpAddressType,
		Name:                      in.Name,
		RouteKey:                  in.RouteKey,
		RouteSelectionExpression:  in.RouteSelectionExpression,
		Target:                    in.Target,
		Version:                   in.Version,
	}
}

// makeAPI makes an API, under the id if one is given; one that is already there under it is replaced.
func (s *Service) makeAPI(ctx context.Context, id, protocol string, tags map[string]string, in *shapes.UpdateApiInput) (*shapes.Api, error) {
	if err := checkProtocol(protocol); err != nil {
		return nil, err
	}
	if err := checkHTTPMembers(in); err != nil {
		return nil, err
	}
	api := apigateway.API{ID: id, Tags: maps.Clone(tags), Created: s.clock()}
	patchAPI(&api, in)
	if err := api.Check(); err != nil {
		return nil, err
	}
	docs, err := s.open(ctx)
	if err != nil {
		return nil, err
	}
	place := placeOf(ctx)
	when := store.Always
	if id == "" {
		api.ID, when = apigateway.NewAPIID(), store.Absent
	}
	data, err := json.Marshal(api)
	if err != nil {
		return nil, fmt.Errorf("encode API: %w", err)
	}
	_, err = store.Put(ctx, docs, place.APIKey(api.ID), data, when)
	if errors.Is(err, store.ErrConflict) { // an id drawn twice
		return s.makeAPI(ctx, id, protocol, tags, in)
	} else if err != nil {
		return nil, fmt.Errorf("write API %s: %w", api.ID, err)
	}
	return showAPI(place, &api), nil
}

func patchAPI(a *apigateway.API, in *shapes.UpdateApiInput) {
	set(&a.Name, in.Name)
	set(&a.Description, in.Description)
	set(&a.Version, in.Version)
	set(&a.RouteSelectionExpression, in.RouteSelectionExpression)
	set(&a.APIKeySelectionExpression, in.ApiKeySelectionExpression)
	set(&a.DisableExecuteAPIEndpoint, in.DisableExecuteApiEndpoint)
	set(&a.DisableSchemaValidation, in.DisableSchemaValidation)
	set(&a.IPAddressType, in.IpAddressType)
}

func showAPI(place apigateway.Place, a *apigateway.API) *shapes.Api {
	out := &shapes.Api{
		ApiEndpoint:               new(a.Endpoint(place.Region)),
		ApiId:                     &a.ID,
		ApiKeySelectionExpression: &a.APIKeySelectionExpression,
		CreatedDate:               second(a.Created),
		Description:               text(a.Description),
		DisableExecuteApiEndpoint: &a.DisableExecuteAPIEndpoint,
		IpAddressType:             &a.IPAddressType,
		Name:                      &a.Name,
		ProtocolType:              new(protocolWebSocket),
		RouteSelectionExpression:  &a.RouteSelectionExpression,
		Tags:                      whole(a.Tags),
		Version:                   text(a.Version),
	}
	if a.DisableSchemaValidation {
		out.DisableSchemaValidation = new(true)
	}
	return out
}

func (s *Service) getAPI(ctx context.Context, in *shapes.GetApiInput) (*shapes.GetApiOutput, error) {
	out, err := view(ctx, s, in.ApiId, func(st *state) (*apigateway.API, error) { return &st.API, nil },
		func(a *apigateway.API) *shapes.Api { return showAPI(placeOf(ctx), a) })
	return (*shapes.GetApiOutput)(out), err
}

func (s *Service) getAPIs(ctx context.Context, in *shapes.GetApisInput) (*shapes.GetApisOutput, error) {
	docs, err := s.open(ctx)
	if err != nil {
		return nil, err
	}
	place := placeOf(ctx)
	found, err := docs.List(ctx, place.APIPrefix())
	if err != nil {
		return nil, fmt.Errorf("list APIs: %w", err)
	}
	apis := make([]*apigateway.API, len(found))
	for i, doc := range found {
		apis[i] = new(apigateway.API)
		if err := json.Unmarshal(doc.Data, apis[i]); err != nil {
			return nil, fmt.Errorf("decode %s: %w", doc.Key, err)
		}
	}
	// The documents come sorted by id, so equal times keep that order.
	slices.SortStableFunc(apis, func(a, b *apigateway.API) int { return a.Created.Compare(b.Created) })
	items, next, err := list(apis, func(a *apigateway.API) (time.Time, string) { return a.Created, a.ID },
		func(a *apigateway.API) *shapes.Api { return showAPI(place, a) }, in.MaxResults, in.NextToken)
	if err != nil {
		return nil, err
	}
	return &shapes.GetApisOutput{Items: items, NextToken: next}, nil
}

func (s *Service) updateAPI(ctx context.Context, in *shapes.UpdateApiInput) (*shapes.UpdateApiOutput, error) {
	if err := checkHTTPMembers(in); err != nil {
		return nil, err
	}
	out, err := add(ctx, s, in.ApiId, func(st *state) (*apigateway.API, error) {
		a := st.API
		patchAPI(&a, in)
		if err := st.PutAPI(a); err != nil {
			return nil, err
		}
		return &a, nil
	}, func(a *apigateway.API) *shapes.Api { return showAPI(placeOf(ctx), a) })
	return (*shapes.UpdateApiOutput)(out), err
}
