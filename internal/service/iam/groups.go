package iam

import (
	"context"
	"slices"

	shapes "github.com/sallyport/sallyport/internal/awsapi/shapes/iam"
)

func groupShape(p *principal) *shapes.Group {
	return &shapes.Group{Arn: new(p.arn()), CreateDate: &p.Created, GroupId: &p.ID, GroupName: &p.Name, Path: &p.Path}
}

func (s *Service) createGroup(ctx context.Context, in *shapes.CreateGroupInput) (*shapes.CreateGroupOutput, error) {
	p := s.newPrincipal(ctx, group, *in.GroupName, in.Path)
	if err := create(ctx, s, p, errPrincipalExists(group, p.Name)); err != nil {
		return nil, err
	}
	return &shapes.CreateGroupOutput{Group: groupShape(p)}, nil
}

// members lists the users of a group.
func (s *Service) members(ctx context.Context, name string) ([]*principal, error) {
	users, err := s.principals(ctx, user, nil)
	if err != nil {
		return nil, err
	}
	return slices.DeleteFunc(users, func(p *principal) bool { return !slices.Contains(p.Groups, name) }), nil
}

func (s *Service) getGroup(ctx context.Context, in *shapes.GetGroupInput) (*shapes.GetGroupOutput, error) {
	name := *in.GroupName
	p, _, err := load[principal](ctx, s, principalKey(account(ctx), group, name), errNoPrincipal(group, name))
	if err != nil {
		return nil, err
	}
	users, err := s.members(ctx, name)
	if err != nil {
		return nil, err
	}
	part, more, next, err := page(users, principalName, in.Marker, in.MaxItems)
	if err != nil {
		return nil, err
	}
	out := &shapes.GetGroupOutput{Group: groupShape(p), Users: []*shapes.User{}, IsTruncated: more, Marker: next}
	for _, u := range part {
		out.Users = append(out.Users, userShape(u))
	}
	return out, nil
}

func (s *Service) deleteGroup(ctx context.Context, in *shapes.DeleteGroupInput) (*shapes.DeleteGroupOutput, error) {
	name := *in.GroupName
	users, err := s.members(ctx, name)
	if err != nil {
		return nil, err
	}
	return nil, remove(ctx, s, principalKey(account(ctx), group, name), errNoPrincipal(group, name), func(p *principal) error {
		if len(users) > 0 {
			return errDeleteConflict("Cannot delete entity, must remove users from group first.")
		}
		return p.checkFree()
	})
}

func (s *Service) listGroups(ctx context.Context, in *shapes.ListGroupsInput) (*shapes.ListGroupsOutput, error) {
	all, err := s.principals(ctx, group, in.PathPrefix)
	if err != nil {
		return nil, err
	}
	part, more, next, err := page(all, principalName, in.Marker, in.MaxItems)
	if err != nil {
		return nil, err
	}
	out := &shapes.ListGroupsOutput{Groups: []*shapes.Group{}, IsTruncated: more, Marker: next}
	for _, p := range part {
		out.Groups = append(out.Groups, groupShape(p))
	}
	return out, nil
}

func (s *Service) addUserToGroup(ctx context.Context, in *shapes.AddUserToGroupInput) (*shapes.AddUserToGroupOutput, error) {
	return nil, s.join(ctx, *in.UserName, *in.GroupName, true)
}

func (s *Service) removeUserFromGroup(ctx context.Context, in *shapes.RemoveUserFromGroupInput) (*shapes.RemoveUserFromGroupOutput, error) {
	return nil, s.join(ctx, *in.UserName, *in.GroupName, false)
}

func (s *Service) join(ctx context.Context, userName, groupName string, member bool) error {
	if _, _, err := load[principal](ctx, s, principalKey(account(ctx), group, groupName), errNoPrincipal(group, groupName)); err != nil {
		return err
	}
	_, err := change(ctx, s, principalKey(account(ctx), user, userName), errNoPrincipal(user, userName), func(p *principal) error {
		p.Groups = slices.DeleteFunc(p.Groups, func(g string) bool { return g == groupName })
		if member {
			p.Groups = append(p.Groups, groupName)
		}
		return nil
	})
	return err
}

func (s *Service) listGroupsForUser(ctx context.Context, in *shapes.ListGroupsForUserInput) (*shapes.ListGroupsForUserOutput, error) {
	name := *in.UserName
	p, _, err := load[principal](ctx, s, principalKey(account(ctx), user, name), errNoPrincipal(user, name))
	if err != nil {
		return nil, err
	}
	out := &shapes.ListGroupsForUserOutput{Groups: []*shapes.Group{}, IsTruncated: new(false)}
	for _, g := range slices.Sorted(slices.Values(p.Groups)) {
		gp, _, err := load[principal](ctx, s, principalKey(account(ctx), group, g), errNoPrincipal(group, g))
		if err != nil {
			return nil, err
		}
		out.Groups = append(out.Groups, groupShape(gp))
	}
	return out, nil
}
