package apigatewayv2

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/sallyport/sallyport/internal/apigateway"
	"github.com/sallyport/sallyport/internal/awsapi"
	shapes "github.com/sallyport/sallyport/internal/awsapi/shapes/apigatewayv2"
	"github.com/sallyport/sallyport/internal/store"
)

func (s *Service) createAPIMapping(ctx context.Context, in *shapes.CreateApiMappingInput) (*shapes.CreateApiMappingOutput, error) {
	m := apigateway.Mapping{APIID: *in.ApiId, Stage: *in.Stage, Created: s.clock()}
	set(&m.Key, in.ApiMappingKey)
	out, err := s.putMapping(ctx, *in.DomainName, m)
	return (*shapes.CreateApiMappingOutput)(out), err
}

// putMapping adds a mapping, or replaces the one of its id.
func (s *Service) putMapping(ctx context.Context, domain string, m apigateway.Mapping) (out *shapes.ApiMapping, err error) {
	err = s.changeDomain(ctx, domain, func(d *apigateway.Domain) ([]store.Write, error) {
		if before, err := d.Mapping(m.ID); m.ID != "" && err == nil {
			m.Created = before.Created
		}
		kept, err := d.PutMapping(m)
		if err != nil {
			return nil, err
		}
		touch, err := s.holdStage(ctx, m.APIID, m.Stage)
		if err != nil {
			return nil, err
		}
		out = showMapping(kept)
		return []store.Write{touch}, nil
	})
	if err != nil {
		return nil, err
	}
	return out, nil
}

// holdStage looks that a stage exists, and returns a write that fails if it does no more: the API's document as it is. So no API or
// stage is deleted while a mapping to it is made.
func (s *Service) holdStage(ctx context.Context, apiID, stage string) (store.Write, error) {
	st, err := s.load(ctx, apiID)
	if err != nil {
		return store.Write{}, err
	}
	if _, err := st.Stage(stage); err != nil {
		if awsapi.Code(err) == "NotFoundException" {
			err = apigateway.BadRequest("Invalid stage identifier specified")
		}
		return store.Write{}, err
	}
	key := st.APIKey(apiID)
	return store.Write{Key: key, Data: st.docs[key], When: store.AtRev(st.rev)}, nil
}

func showMapping(m *apigateway.Mapping) *shapes.ApiMapping {
	return &shapes.ApiMapping{ApiId: &m.APIID, ApiMappingId: &m.ID, ApiMappingKey: &m.Key, Stage: &m.Stage}
}

func (s *Service) getAPIMapping(ctx context.Context, in *shapes.GetApiMappingInput) (*shapes.GetApiMappingOutput, error) {
	d, _, err := s.domain(ctx, *in.DomainName)
	if err != nil {
		return nil, err
	}
	m, err := d.Mapping(*in.ApiMappingId)
	if err != nil {
		return nil, err
	}
	return (*shapes.GetApiMappingOutput)(showMapping(m)), nil
}

func (s *Service) getAPIMappings(ctx context.Context, in *shapes.GetApiMappingsInput) (*shapes.GetApiMappingsOutput, error) {
	d, _, err := s.domain(ctx, *in.DomainName)
	if err != nil {
		return nil, err
	}
	all := make([]*apigateway.Mapping, len(d.Mappings))
	for i := range d.Mappings {
		all[i] = &d.Mappings[i]
	}
	items, next, err := list(all, func(m *apigateway.Mapping) (time.Time, string) { return m.Created, m.ID }, showMapping, in.MaxResults, in.NextToken)
	if err != nil {
		return nil, err
	}
	return &shapes.GetApiMappingsOutput{Items: items, NextToken: next}, nil
}

func (s *Service) updateAPIMapping(ctx context.Context, in *shapes.UpdateApiMappingInput) (*shapes.UpdateApiMappingOutput, error) {
	d, _, err := s.domain(ctx, *in.DomainName)
	if err != nil {
		return nil, err
	}
	before, err := d.Mapping(*in.ApiMappingId)
	if err != nil {
		return nil, err
	}
	m := *before
	m.APIID = *in.ApiId
	set(&m.Stage, in.Stage)
	set(&m.Key, in.ApiMappingKey)
	out, err := s.putMapping(ctx, *in.DomainName, m)
	return (*shapes.UpdateApiMappingOutput)(out), err
}

func (s *Service) deleteAPIMapping(ctx context.Context, in *shapes.DeleteApiMappingInput) (*shapes.DeleteApiMappingOutput, error) {
	err := s.changeDomain(ctx, *in.DomainName, func(d *apigateway.Domain) ([]store.Write, error) {
		return nil, d.DeleteMapping(*in.ApiMappingId)
	})
	if err != nil {
		return nil, err
	}
	return &shapes.DeleteApiMappingOutput{}, nil
}

// checkUnmapped refuses to delete what a domain leads to: an API, or one stage of it.
func checkUnmapped(ctx context.Context, docs store.Store, apiID, stage string) error {
	found, err := docs.List(ctx, apigateway.DomainPrefix)
	if err != nil {
		return fmt.Errorf("list domains: %w", err)
	}
	var broken []error
	for _, doc := range found {
		var d apigateway.Domain
		if err := json.Unmarshal(doc.Data, &d); err != nil {
			broken = append(broken, fmt.Errorf("decode %s: %w", doc.Key, err))
			continue
		}
		for _, m := range d.Mappings {
			switch {
			case m.APIID != apiID || stage != "" && m.Stage != stage:
			case stage == "":
				return apigateway.BadRequest("Deleting API %s failed. Please remove all API mappings for the API from your custom domain names.", apiID)
			default:
				return apigateway.BadRequest("Deleting stage %s failed. Please remove all API mappings for the stage from your custom domain names.", stage)
			}
		}
	}
	return errors.Join(broken...)
}
