package iam

import (
	"context"
	"slices"

	shapes "github.com/sallyport/sallyport/internal/awsapi/shapes/iam"
)

func fromTags(in []*shapes.Tag) []tag {
	var out []tag
	for _, t := range in {
		out = append(out, tag{deref(t.Key), deref(t.Value)})
	}
	return out
}

func toTags(in []tag) []*shapes.Tag {
	var out []*shapes.Tag
	for _, t := range in {
		out = append(out, &shapes.Tag{Key: new(t.Key), Value: new(t.Value)})
	}
	return out
}

// setTags adds tags or replaces their values, and keeps the order.
func setTags(old, add []tag) []tag {
	for _, t := range add {
		if i := slices.IndexFunc(old, func(o tag) bool { return o.Key == t.Key }); i >= 0 {
			old[i].Value = t.Value
		} else {
			old = append(old, t)
		}
	}
	return old
}

func removeTags(old []tag, keys []string) []tag {
	return slices.DeleteFunc(old, func(t tag) bool { return slices.Contains(keys, t.Key) })
}

const maxTags = 50

func (s *Service) tag(ctx context.Context, k kind, name string, add []*shapes.Tag, drop []string) error {
	_, err := change(ctx, s, principalKey(account(ctx), k, name), errNoPrincipal(k, name), func(p *principal) error {
		p.Tags = removeTags(setTags(p.Tags, fromTags(add)), drop)
		if len(p.Tags) > maxTags {
			return errLimit("The number of tags has reached the maximum limit.")
		}
		return nil
	})
	return err
}

func (s *Service) tags(ctx context.Context, k kind, name string) ([]*shapes.Tag, error) {
	p, _, err := load[principal](ctx, s, principalKey(account(ctx), k, name), errNoPrincipal(k, name))
	if err != nil {
		return nil, err
	}
	return nonNil(toTags(p.Tags)), nil
}

func (s *Service) tagRole(ctx context.Context, in *shapes.TagRoleInput) (*shapes.TagRoleOutput, error) {
	return nil, s.tag(ctx, role, *in.RoleName, in.Tags, nil)
}

func (s *Service) untagRole(ctx context.Context, in *shapes.UntagRoleInput) (*shapes.UntagRoleOutput, error) {
	return nil, s.tag(ctx, role, *in.RoleName, nil, in.TagKeys)
}

func (s *Service) listRoleTags(ctx context.Context, in *shapes.ListRoleTagsInput) (*shapes.ListRoleTagsOutput, error) {
	tags, err := s.tags(ctx, role, *in.RoleName)
	return &shapes.ListRoleTagsOutput{Tags: tags, IsTruncated: new(false)}, err
}

func (s *Service) tagUser(ctx context.Context, in *shapes.TagUserInput) (*shapes.TagUserOutput, error) {
	return nil, s.tag(ctx, user, *in.UserName, in.Tags, nil)
}

func (s *Service) untagUser(ctx context.Context, in *shapes.UntagUserInput) (*shapes.UntagUserOutput, error) {
	return nil, s.tag(ctx, user, *in.UserName, nil, in.TagKeys)
}

func (s *Service) listUserTags(ctx context.Context, in *shapes.ListUserTagsInput) (*shapes.ListUserTagsOutput, error) {
	tags, err := s.tags(ctx, user, *in.UserName)
	return &shapes.ListUserTagsOutput{Tags: tags, IsTruncated: new(false)}, err
}

func (s *Service) tagPolicy(ctx context.Context, in *shapes.TagPolicyInput) (*shapes.TagPolicyOutput, error) {
	_, err := s.changePolicy(ctx, *in.PolicyArn, func(m *managed) error {
		m.Tags = setTags(m.Tags, fromTags(in.Tags))
		return nil
	})
	return nil, err
}

func (s *Service) untagPolicy(ctx context.Context, in *shapes.UntagPolicyInput) (*shapes.UntagPolicyOutput, error) {
	_, err := s.changePolicy(ctx, *in.PolicyArn, func(m *managed) error {
		m.Tags = removeTags(m.Tags, in.TagKeys)
		return nil
	})
	return nil, err
}

func (s *Service) listPolicyTags(ctx context.Context, in *shapes.ListPolicyTagsInput) (*shapes.ListPolicyTagsOutput, error) {
	m, err := s.managedPolicy(ctx, *in.PolicyArn)
	if err != nil {
		return nil, err
	}
	return &shapes.ListPolicyTagsOutput{Tags: nonNil(toTags(m.Tags)), IsTruncated: new(false)}, nil
}
