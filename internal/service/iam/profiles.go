package iam

import (
	"cmp"
	"context"
	"slices"
	"strings"

	"github.com/sallyport/sallyport/internal/arn"
	"github.com/sallyport/sallyport/internal/awsapi"
	shapes "github.com/sallyport/sallyport/internal/awsapi/shapes/iam"
)

func profileKey(ctx context.Context, name string) string { return account(ctx) + "/profile/" + name }

func errNoProfile(name string) error {
	return errNoEntity("Instance Profile %s cannot be found.", name)
}

func (s *Service) profileShape(ctx context.Context, p *profile) (*shapes.InstanceProfile, error) {
	out := &shapes.InstanceProfile{
		Arn:        new(arn.New("iam", "", p.Account, "instance-profile"+p.Path+p.Name).String()),
		CreateDate: &p.Created, InstanceProfileId: &p.ID, InstanceProfileName: &p.Name, Path: &p.Path, Roles: []*shapes.Role{}, Tags: toTags(p.Tags),
	}
	for _, name := range p.Roles {
		r, err := s.role(ctx, name)
		if err != nil {
			return nil, err
		}
		out.Roles = append(out.Roles, roleShape(r))
	}
	return out, nil
}

func (s *Service) createInstanceProfile(ctx context.Context, in *shapes.CreateInstanceProfileInput) (*shapes.CreateInstanceProfileOutput, error) {
	p := &profile{
		Account: account(ctx), Name: *in.InstanceProfileName, Path: cmp.Or(deref(in.Path), "/"), ID: newID("AIPA"), Created: s.second(), Tags: fromTags(in.Tags),
	}
	if err := create(ctx, s, p, awsapi.Errorf("EntityAlreadyExists", 409, "Instance Profile %s already exists.", p.Name)); err != nil {
		return nil, err
	}
	out, err := s.profileShape(ctx, p)
	return &shapes.CreateInstanceProfileOutput{InstanceProfile: out}, err
}

func (s *Service) getInstanceProfile(ctx context.Context, in *shapes.GetInstanceProfileInput) (*shapes.GetInstanceProfileOutput, error) {
	p, _, err := load[profile](ctx, s, profileKey(ctx, *in.InstanceProfileName), errNoProfile(*in.InstanceProfileName))
	if err != nil {
		return nil, err
	}
	out, err := s.profileShape(ctx, p)
	return &shapes.GetInstanceProfileOutput{InstanceProfile: out}, err
}

func (s *Service) deleteInstanceProfile(ctx context.Context, in *shapes.DeleteInstanceProfileInput) (*shapes.DeleteInstanceProfileOutput, error) {
	name := *in.InstanceProfileName
	return nil, remove(ctx, s, profileKey(ctx, name), errNoProfile(name), func(p *profile) error {
		if len(p.Roles) > 0 {
			return errDeleteConflict("Cannot delete entity, must remove roles from instance profile first.")
		}
		return nil
	})
}

// profiles lists instance profiles for which keep holds.
func (s *Service) profiles(ctx context.Context, keep func(*profile) bool) ([]*shapes.InstanceProfile, error) {
	all, err := list[profile](ctx, s, profileKey(ctx, ""))
	if err != nil {
		return nil, err
	}
	out := []*shapes.InstanceProfile{}
	for _, p := range all {
		if !keep(p) {
			continue
		}
		sh, err := s.profileShape(ctx, p)
		if err != nil {
			return nil, err
		}
		out = append(out, sh)
	}
	return out, nil
}

func (s *Service) profilesOf(ctx context.Context, roleName string) ([]*shapes.InstanceProfile, error) {
	return s.profiles(ctx, func(p *profile) bool { return slices.Contains(p.Roles, roleName) })
}

func (s *Service) listInstanceProfiles(ctx context.Context, in *shapes.ListInstanceProfilesInput) (*shapes.ListInstanceProfilesOutput, error) {
	all, err := s.profiles(ctx, func(p *profile) bool { return strings.HasPrefix(p.Path, deref(in.PathPrefix)) })
	if err != nil {
		return nil, err
	}
	part, more, next, err := page(all, func(p *shapes.InstanceProfile) string { return *p.InstanceProfileName }, in.Marker, in.MaxItems)
	return &shapes.ListInstanceProfilesOutput{InstanceProfiles: part, IsTruncated: more, Marker: next}, err
}

func (s *Service) listInstanceProfilesForRole(ctx context.Context, in *shapes.ListInstanceProfilesForRoleInput) (*shapes.ListInstanceProfilesForRoleOutput, error) {
	if _, err := s.role(ctx, *in.RoleName); err != nil {
		return nil, err
	}
	all, err := s.profilesOf(ctx, *in.RoleName)
	return &shapes.ListInstanceProfilesForRoleOutput{InstanceProfiles: all, IsTruncated: new(false)}, err
}

func (s *Service) addRoleToInstanceProfile(ctx context.Context, in *shapes.AddRoleToInstanceProfileInput) (*shapes.AddRoleToInstanceProfileOutput, error) {
	if _, err := s.role(ctx, *in.RoleName); err != nil {
		return nil, err
	}
	_, err := change(ctx, s, profileKey(ctx, *in.InstanceProfileName), errNoProfile(*in.InstanceProfileName), func(p *profile) error {
		if len(p.Roles) > 0 {
			return errLimit("Cannot exceed quota for InstanceSessionsPerInstanceProfile: 1")
		}
		p.Roles = []string{*in.RoleName}
		return nil
	})
	return nil, err
}

func (s *Service) removeRoleFromInstanceProfile(ctx context.Context, in *shapes.RemoveRoleFromInstanceProfileInput) (*shapes.RemoveRoleFromInstanceProfileOutput, error) {
	_, err := change(ctx, s, profileKey(ctx, *in.InstanceProfileName), errNoProfile(*in.InstanceProfileName), func(p *profile) error {
		if !slices.Contains(p.Roles, *in.RoleName) {
			return errNoPrincipal(role, *in.RoleName)
		}
		p.Roles = nil
		return nil
	})
	return nil, err
}
