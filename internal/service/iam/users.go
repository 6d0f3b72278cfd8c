package iam

import (
	"cmp"
	"context"
	"strings"

	"github.com/sallyport/sallyport/internal/arn"
	"github.com/sallyport/sallyport/internal/awsapi"
	shapes "github.com/sallyport/sallyport/internal/awsapi/shapes/iam"
)

// newPrincipal returns a principal as it is when it is made.
func (s *Service) newPrincipal(ctx context.Context, k kind, name string, path *string) *principal {
	return &principal{Kind: k, Account: account(ctx), Name: name, Path: cmp.Or(deref(path), "/"), ID: newID(k.idPrefix()), Created: s.second()}
}

// principals lists those of a kind whose path begins with a prefix.
func (s *Service) principals(ctx context.Context, k kind, pathPrefix *string) ([]*principal, error) {
	all, err := list[principal](ctx, s, principalKey(account(ctx), k, ""))
	if err != nil {
		return nil, err
	}
	out := all[:0]
	for _, p := range all {
		if strings.HasPrefix(p.Path, deref(pathPrefix)) {
			out = append(out, p)
		}
	}
	return out, nil
}

func principalName(p *principal) string { return p.Name }

func userShape(p *principal) *shapes.User {
	return &shapes.User{
		Arn: new(p.arn()), CreateDate: &p.Created, Path: &p.Path, UserId: &p.ID, UserName: &p.Name,
		PermissionsBoundary: boundaryShape(p.Boundary), Tags: toTags(p.Tags),
	}
}

func boundaryShape(policyARN string) *shapes.AttachedPermissionsBoundary {
	if policyARN == "" {
		return nil
	}
	return &shapes.AttachedPermissionsBoundary{PermissionsBoundaryArn: &policyARN, PermissionsBoundaryType: new("Policy")}
}

func (s *Service) createUser(ctx context.Context, in *shapes.CreateUserInput) (*shapes.CreateUserOutput, error) {
	p := s.newPrincipal(ctx, user, *in.UserName, in.Path)
	p.Tags = fromTags(in.Tags)
	p.Boundary = deref(in.PermissionsBoundary)
	if err := create(ctx, s, p, errPrincipalExists(user, p.Name)); err != nil {
		return nil, err
	}
	return &shapes.CreateUserOutput{User: userShape(p)}, nil
}

// getUser without a name is about the caller. AWS: Terraform asks this when it cannot reach STS.
func (s *Service) getUser(ctx context.Context, in *shapes.GetUserInput) (*shapes.GetUserOutput, error) {
	c := awsapi.CallerOf(ctx)
	name := deref(in.UserName)
	if name == "" {
		a, _ := arn.Parse(c.ARN)
		switch {
		case a.Resource == "root":
			return &shapes.GetUserOutput{User: &shapes.User{Arn: &c.ARN, UserId: &c.Account, UserName: new("root"), Path: new("/"), CreateDate: new(s.second())}}, nil
		case !strings.HasPrefix(a.Resource, "user/"):
			return nil, awsapi.Errorf("ValidationError", 400, "Must specify userName when calling with non-User credentials")
		}
		name = a.Resource[strings.LastIndexByte(a.Resource, '/')+1:]
	}
	p, _, err := load[principal](ctx, s, principalKey(c.Account, user, name), errNoPrincipal(user, name))
	if err != nil {
		return nil, err
	}
	return &shapes.GetUserOutput{User: userShape(p)}, nil
}

func (s *Service) updateUser(ctx context.Context, in *shapes.UpdateUserInput) (*shapes.UpdateUserOutput, error) {
	if in.NewUserName != nil && *in.NewUserName != *in.UserName {
		return nil, errInvalidInput("Renaming users is not supported: make a new one.")
	}
	_, err := change(ctx, s, principalKey(account(ctx), user, *in.UserName), errNoPrincipal(user, *in.UserName), func(p *principal) error {
		p.Path = cmp.Or(deref(in.NewPath), p.Path)
		return nil
	})
	return nil, err
}

func (s *Service) deleteUser(ctx context.Context, in *shapes.DeleteUserInput) (*shapes.DeleteUserOutput, error) {
	name := *in.UserName
	keys, err := s.keysOf(ctx, name)
	if err != nil {
		return nil, err
	}
	return nil, remove(ctx, s, principalKey(account(ctx), user, name), errNoPrincipal(user, name), func(p *principal) error {
		if len(keys) > 0 {
			return errDeleteConflict("Cannot delete entity, must delete access keys first.")
		}
		if len(p.Groups) > 0 {
			return errDeleteConflict("Cannot delete entity, must remove users from group first.")
		}
		return p.checkFree()
	})
}

// checkFree refuses to delete a principal that has policies.
func (p *principal) checkFree() error {
	switch {
	case len(p.Attached) > 0:
		return errDeleteConflict("Cannot delete entity, must detach all policies first.")
	case len(p.Inline) > 0:
		return errDeleteConflict("Cannot delete entity, must delete policies first.")
	}
	return nil
}

func (s *Service) listUsers(ctx context.Context, in *shapes.ListUsersInput) (*shapes.ListUsersOutput, error) {
	all, err := s.principals(ctx, user, in.PathPrefix)
	if err != nil {
		return nil, err
	}
	part, more, next, err := page(all, principalName, in.Marker, in.MaxItems)
	if err != nil {
		return nil, err
	}
	out := &shapes.ListUsersOutput{Users: []*shapes.User{}, IsTruncated: more, Marker: next}
	for _, p := range part {
		u := userShape(p)
		u.Tags, u.PermissionsBoundary = nil, nil // AWS: lists leave them out
		out.Users = append(out.Users, u)
	}
	return out, nil
}
