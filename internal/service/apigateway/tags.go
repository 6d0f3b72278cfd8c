package apigateway

import (
	"context"
	"maps"
	"strings"

	"github.com/sallyport/sallyport/internal/apigateway"
	"github.com/sallyport/sallyport/internal/arn"
	shapes "github.com/sallyport/sallyport/internal/awsapi/shapes/apigateway"
)

// parseTagged reads arn:aws:apigateway:{region}::/apikeys/{id} and …/usageplans/{id}.
func parseTagged(ctx context.Context, s string) (kind, id string, err error) {
	a, err := arn.Parse(s)
	if err != nil || a.Service != "apigateway" {
		return "", "", apigateway.BadRequest("Invalid ARN specified in the request")
	}
	parts := strings.Split(a.Resource, "/")
	if a.Region == placeOf(ctx).Region && len(parts) == 3 && parts[0] == "" {
		switch parts[1] {
		case "apikeys":
			return apigateway.KindAPIKey, parts[2], nil
		case "usageplans":
			return apigateway.KindPlan, parts[2], nil
		}
	}
	return "", "", apigateway.NotFound("Invalid resource identifier specified %s", s)
}

// editTags lets f change a copy of the tags that an ARN names, and returns them.
func (s *Service) editTags(ctx context.Context, resource string, f func(map[string]string) error) (map[string]string, error) {
	kind, id, err := parseTagged(ctx, resource)
	if err != nil {
		return nil, err
	}
	edit := func(tags *map[string]string) error {
		m := maps.Clone(*tags)
		if m == nil {
			m = map[string]string{}
		}
		if err := f(m); err != nil {
			return err
		}
		*tags = m
		return nil
	}
	if kind == apigateway.KindAPIKey {
		k, err := change(ctx, s, kind, id, errNoKey(), func(k *apigateway.APIKey) error { return edit(&k.Tags) })
		if err != nil {
			return nil, err
		}
		return k.Tags, nil
	}
	p, err := change(ctx, s, kind, id, errNoPlan(), func(p *apigateway.UsagePlan) error { return edit(&p.Tags) })
	if err != nil {
		return nil, err
	}
	return p.Tags, nil
}

func (s *Service) tagResource(ctx context.Context, in *shapes.TagResourceInput) (*shapes.TagResourceOutput, error) {
	if err := apigateway.CheckTags(in.Tags); err != nil {
		return nil, err
	}
	_, err := s.editTags(ctx, *in.ResourceArn, func(tags map[string]string) error {
		maps.Copy(tags, in.Tags)
		return apigateway.CheckTags(tags)
	})
	if err != nil {
		return nil, err
	}
	return &shapes.TagResourceOutput{}, nil
}

func (s *Service) untagResource(ctx context.Context, in *shapes.UntagResourceInput) (*shapes.UntagResourceOutput, error) {
	_, err := s.editTags(ctx, *in.ResourceArn, func(tags map[string]string) error {
		for _, k := range in.TagKeys {
			delete(tags, k)
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	return &shapes.UntagResourceOutput{}, nil
}

func (s *Service) getTags(ctx context.Context, in *shapes.GetTagsInput) (*shapes.GetTagsOutput, error) {
	kind, id, err := parseTagged(ctx, *in.ResourceArn)
	if err != nil {
		return nil, err
	}
	var tags map[string]string
	if kind == apigateway.KindAPIKey {
		k, _, e := read[apigateway.APIKey](ctx, s, kind, id, errNoKey())
		if err = e; err == nil {
			tags = k.Tags
		}
	} else {
		p, _, e := read[apigateway.UsagePlan](ctx, s, kind, id, errNoPlan())
		if err = e; err == nil {
			tags = p.Tags
		}
	}
	if err != nil {
		return nil, err
	}
	if tags == nil {
		tags = map[string]string{}
	}
	return &shapes.GetTagsOutput{Tags: tags}, nil
}
