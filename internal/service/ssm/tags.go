package ssm

import (
	"context"
	"maps"
	"slices"

	"github.com/sallyport/sallyport/internal/awsapi"
	shapes "github.com/sallyport/sallyport/internal/awsapi/shapes/ssm"
)

func tagMap(tags []*shapes.Tag) map[string]string {
	if len(tags) == 0 {
		return nil
	}
	m := map[string]string{}
	for _, t := range tags {
		m[*t.Key] = *t.Value
	}
	return m
}

func errNoResource(id string) error {
	return awsapi.Errorf("InvalidResourceId", 400, "The resource ID %q is not valid. Verify the ID and try again.", id)
}

// editTags changes the tags of a parameter.
func (s *Service) editTags(ctx context.Context, kind, name string, f func(map[string]string)) error {
	if kind != "Parameter" {
		return awsapi.Errorf("InvalidResourceType", 400, "Sallyport has no resources of type %s.", kind)
	}
	_, err := s.parameters.Edit(ctx, prefix(ctx)+name, func(p *parameter) (*parameter, error) {
		if p == nil {
			return nil, errNoResource(name)
		}
		if p.Tags == nil {
			p.Tags = map[string]string{}
		}
		f(p.Tags)
		return p, nil
	})
	return err
}

func (s *Service) addTags(ctx context.Context, in *shapes.AddTagsToResourceInput) (*shapes.AddTagsToResourceOutput, error) {
	return &shapes.AddTagsToResourceOutput{}, s.editTags(ctx, *in.ResourceType, *in.ResourceId, func(tags map[string]string) { maps.Copy(tags, tagMap(in.Tags)) })
}

func (s *Service) removeTags(ctx context.Context, in *shapes.RemoveTagsFromResourceInput) (*shapes.RemoveTagsFromResourceOutput, error) {
	return &shapes.RemoveTagsFromResourceOutput{}, s.editTags(ctx, *in.ResourceType, *in.ResourceId, func(tags map[string]string) {
		for _, k := range in.TagKeys {
			delete(tags, k)
		}
	})
}

func (s *Service) listTags(ctx context.Context, in *shapes.ListTagsForResourceInput) (*shapes.ListTagsForResourceOutput, error) {
	p, err := s.parameters.Get(ctx, prefix(ctx)+*in.ResourceId)
	if err != nil {
		return nil, err
	}
	if p == nil || *in.ResourceType != "Parameter" {
		return nil, errNoResource(*in.ResourceId)
	}
	out := &shapes.ListTagsForResourceOutput{TagList: []*shapes.Tag{}}
	for _, k := range slices.Sorted(maps.Keys(p.Tags)) {
		out.TagList = append(out.TagList, &shapes.Tag{Key: &k, Value: new(p.Tags[k])})
	}
	return out, nil
}
