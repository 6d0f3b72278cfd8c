package iam

import (
	"context"
	"strings"

	shapes "github.com/sallyport/sallyport/internal/awsapi/shapes/iam"
)

const defaultSession = 3600 // seconds

func roleShape(p *principal) *shapes.Role {
	r := &shapes.Role{
		Arn: new(p.arn()), AssumeRolePolicyDocument: new(encodeDocument(p.Trust)), CreateDate: &p.Created, MaxSessionDuration: &p.MaxSession,
		Path: &p.Path, PermissionsBoundary: boundaryShape(p.Boundary), RoleId: &p.ID, RoleName: &p.Name, Tags: toTags(p.Tags),
	}
	if p.Description != "" {
		r.Description = &p.Description
	}
	return r
}

func (s *Service) createRole(ctx context.Context, in *shapes.CreateRoleInput) (*shapes.CreateRoleOutput, error) {
	if err := checkTrust(*in.AssumeRolePolicyDocument); err != nil {
		return nil, err
	}
	p := s.newPrincipal(ctx, role, *in.RoleName, in.Path)
	p.Trust = *in.AssumeRolePolicyDocument
	p.Description = deref(in.Description)
	p.MaxSession = defaultSession
	if in.MaxSessionDuration != nil {
		p.MaxSession = *in.MaxSessionDuration
	}
	p.Boundary = deref(in.PermissionsBoundary)
	p.Tags = fromTags(in.Tags)
	if err := create(ctx, s, p, errPrincipalExists(role, p.Name)); err != nil {
		return nil, err
	}
	return &shapes.CreateRoleOutput{Role: roleShape(p)}, nil
}

func (s *Service) role(ctx context.Context, name string) (*principal, error) {
	p, _, err := load[principal](ctx, s, principalKey(account(ctx), role, name), errNoPrincipal(role, name))
	return p, err
}

func (s *Service) changeRole(ctx context.Context, name string, f func(*principal) error) (*principal, error) {
	return change(ctx, s, principalKey(account(ctx), role, name), errNoPrincipal(role, name), f)
}

func (s *Service) getRole(ctx context.Context, in *shapes.GetRoleInput) (*shapes.GetRoleOutput, error) {
	p, err := s.role(ctx, *in.RoleName)
	if err != nil {
		return nil, err
	}
	r := roleShape(p)
	r.RoleLastUsed = &shapes.RoleLastUsed{}
	return &shapes.GetRoleOutput{Role: r}, nil
}

func (s *Service) updateRole(ctx context.Context, in *shapes.UpdateRoleInput) (*shapes.UpdateRoleOutput, error) {
	_, err := s.changeRole(ctx, *in.RoleName, func(p *principal) error {
		if in.Description != nil {
			p.Description = *in.Description
		}
		if in.MaxSessionDuration != nil {
			p.MaxSession = *in.MaxSessionDuration
		}
		return nil
	})
	return nil, err
}

func (s *Service) updateRoleDescription(ctx context.Context, in *shapes.UpdateRoleDescriptionInput) (*shapes.UpdateRoleDescriptionOutput, error) {
	p, err := s.changeRole(ctx, *in.RoleName, func(p *principal) error {
		p.Description = *in.Description
		return nil
	})
	if err != nil {
		return nil, err
	}
	return &shapes.UpdateRoleDescriptionOutput{Role: roleShape(p)}, nil
}

func (s *Service) updateAssumeRolePolicy(ctx context.Context, in *shapes.UpdateAssumeRolePolicyInput) (*shapes.UpdateAssumeRolePolicyOutput, error) {
	if err := checkTrust(*in.PolicyDocument); err != nil {
		return nil, err
	}
	_, err := s.changeRole(ctx, *in.RoleName, func(p *principal) error {
		p.Trust = *in.PolicyDocument
		return nil
	})
	return nil, err
}

func (s *Service) deleteRole(ctx context.Context, in *shapes.DeleteRoleInput) (*shapes.DeleteRoleOutput, error) {
	name := *in.RoleName
	profiles, err := s.profilesOf(ctx, name)
	if err != nil {
		return nil, err
	}
	return nil, remove(ctx, s, principalKey(account(ctx), role, name), errNoPrincipal(role, name), func(p *principal) error {
		if len(profiles) > 0 {
			return errDeleteConflict("Cannot delete entity, must remove roles from instance profile first.")
		}
		return p.checkFree()
	})
}

func (s *Service) listRoles(ctx context.Context, in *shapes.ListRolesInput) (*shapes.ListRolesOutput, error) {
	all, err := s.principals(ctx, role, in.PathPrefix)
	if err != nil {
		return nil, err
	}
	part, more, next, err := page(all, principalName, in.Marker, in.MaxItems)
	if err != nil {
		return nil, err
	}
	out := &shapes.ListRolesOutput{Roles: []*shapes.Role{}, IsTruncated: more, Marker: next}
	for _, p := range part {
		r := roleShape(p)
		r.Tags, r.PermissionsBoundary = nil, nil // AWS: lists leave them out
		out.Roles = append(out.Roles, r)
	}
	return out, nil
}

// createServiceLinkedRole makes a role that a service of AWS may assume; templates ask for those of API Gateway and others.
func (s *Service) createServiceLinkedRole(ctx context.Context, in *shapes.CreateServiceLinkedRoleInput) (*shapes.CreateServiceLinkedRoleOutput, error) {
	service := *in.AWSServiceName
	short, _, _ := strings.Cut(service, ".")
	name := "AWSServiceRoleFor" + strings.ToUpper(short[:1]) + short[1:]
	if in.CustomSuffix != nil {
		name += "_" + *in.CustomSuffix
	}
	p := s.newPrincipal(ctx, role, name, new("/aws-service-role/"+service+"/"))
	p.Trust = `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"Service":["` + service + `"]},"Action":["sts:AssumeRole"]}]}`
	p.MaxSession = defaultSession
	p.Description = deref(in.Description)
	if err := checkTrust(p.Trust); err != nil {
		return nil, errInvalidInput("%s is not a service name.", service)
	}
	if err := create(ctx, s, p, errInvalidInput("Service role name %s has been taken in this account, please try a different suffix.", name)); err != nil {
		return nil, err
	}
	return &shapes.CreateServiceLinkedRoleOutput{Role: roleShape(p)}, nil
}
