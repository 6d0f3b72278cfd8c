package apigatewayv2

import (
	"context"
	"maps"
	"strings"

	"github.com/sallyport/sallyport/internal/apigateway"
	"github.com/sallyport/sallyport/internal/arn"
	shapes "github.com/sallyport/sallyport/internal/awsapi/shapes/apigatewayv2"
	"github.com/sallyport/sallyport/internal/store"
)

// tagged is what an ARN names: an API, one of its stages, or something of its own.
type tagged struct {
	apiID   string
	stage   string // "" for the API
	domain  string
	vpcLink string
}

// parseTagged reads arn:aws:apigateway:{region}::/apis/{apiId}[/stages/{name}], …/domainnames/{name} and …/vpclinks/{id}.
func parseTagged(ctx context.Context, s string) (tagged, error) {
	a, err := arn.Parse(s)
	if err != nil || a.Service != "apigateway" {
		return tagged{}, apigateway.BadRequest("Invalid ARN specified in the request")
	}
	parts := strings.Split(a.Resource, "/")
	if a.Region == placeOf(ctx).Region && parts[0] == "" {
		switch {
		case len(parts) == 3 && parts[1] == "apis":
			return tagged{apiID: parts[2]}, nil
		case len(parts) == 5 && parts[1] == "apis" && parts[3] == "stages":
			return tagged{apiID: parts[2], stage: parts[4]}, nil
		case len(parts) == 3 && parts[1] == "domainnames":
			return tagged{domain: parts[2]}, nil
		case len(parts) == 3 && parts[1] == "vpclinks":
			return tagged{vpcLink: parts[2]}, nil
		}
	}
	return tagged{}, apigateway.NotFound("Invalid resource identifier specified %s", s)
}

// tags returns what st keeps the tags of t in.
func (t tagged) tags(st *state) (*map[string]string, error) {
	if t.stage == "" {
		return &st.API.Tags, nil
	}
	stage, err := st.Stage(t.stage)
	if err != nil {
		return nil, err
	}
	return &stage.Tags, nil
}

// editTags lets f change a copy of the tags that an ARN names.
func (s *Service) editTags(ctx context.Context, resource string, f func(map[string]string) error) error {
	t, err := parseTagged(ctx, resource)
	if err != nil {
		return err
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
	switch {
	case t.domain != "":
		return s.changeDomain(ctx, t.domain, func(d *apigateway.Domain) ([]store.Write, error) { return nil, edit(&d.Tags) })
	case t.vpcLink != "":
		return s.changeVPCLink(ctx, t.vpcLink, func(l *vpcLink) error { return edit(&l.Tags) })
	}
	return s.change(ctx, t.apiID, func(st *state) error {
		tags, err := t.tags(st)
		if err != nil {
			return err
		}
		return edit(tags)
	})
}

func (s *Service) tagResource(ctx context.Context, in *shapes.TagResourceInput) (*shapes.TagResourceOutput, error) {
	if err := apigateway.CheckTags(in.Tags); err != nil {
		return nil, err
	}
	err := s.editTags(ctx, *in.ResourceArn, func(tags map[string]string) error {
		maps.Copy(tags, in.Tags)
		if len(tags) > 50 {
			return apigateway.BadRequest("Too many tags: a resource may have at most 50")
		}
		_, err := apigateway.PolicyOf(tags)
		return err
	})
	if err != nil {
		return nil, err
	}
	return &shapes.TagResourceOutput{}, nil
}

func (s *Service) untagResource(ctx context.Context, in *shapes.UntagResourceInput) (*shapes.UntagResourceOutput, error) {
	err := s.editTags(ctx, *in.ResourceArn, func(tags map[string]string) error {
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
	t, err := parseTagged(ctx, *in.ResourceArn)
	if err != nil {
		return nil, err
	}
	switch {
	case t.domain != "":
		d, _, err := s.domain(ctx, t.domain)
		if err != nil {
			return nil, err
		}
		return &shapes.GetTagsOutput{Tags: whole(d.Tags)}, nil
	case t.vpcLink != "":
		l, _, err := s.vpcLink(ctx, t.vpcLink)
		if err != nil {
			return nil, err
		}
		return &shapes.GetTagsOutput{Tags: whole(l.Tags)}, nil
	}
	return view(ctx, s, &t.apiID, t.tags, func(tags *map[string]string) *shapes.GetTagsOutput {
		return &shapes.GetTagsOutput{Tags: whole(*tags)}
	})
}
