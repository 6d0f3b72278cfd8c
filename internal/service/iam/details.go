package iam

import (
	"context"
	"maps"
	"slices"
	"strings"

	shapes "github.com/sallyport/sallyport/internal/awsapi/shapes/iam"
)

// getAccountAuthorizationDetails shows all principals with their policies, and the managed policies, at once.
func (s *Service) getAccountAuthorizationDetails(ctx context.Context, in *shapes.GetAccountAuthorizationDetailsInput) (*shapes.GetAccountAuthorizationDetailsOutput, error) {
	wants := func(filter string) bool { return len(in.Filter) == 0 || slices.Contains(in.Filter, filter) }
	out := &shapes.GetAccountAuthorizationDetailsOutput{
		UserDetailList: []*shapes.UserDetail{}, GroupDetailList: []*shapes.GroupDetail{}, RoleDetailList: []*shapes.RoleDetail{}, Policies: []*shapes.ManagedPolicyDetail{}, IsTruncated: new(false),
	}
	used := map[string]bool{} // AWS's own policies
	for _, k := range []kind{user, group, role} {
		if !wants(map[kind]string{user: "User", group: "Group", role: "Role"}[k]) {
			continue
		}
		all, err := s.principals(ctx, k, nil)
		if err != nil {
			return nil, err
		}
		for _, p := range all {
			if err := s.addDetail(ctx, out, p); err != nil {
				return nil, err
			}
			for _, a := range p.Attached {
				used[a] = strings.HasPrefix(a, awsPolicyPrefix)
			}
		}
	}
	var policies []string
	if wants("LocalManagedPolicy") {
		own, err := list[managed](ctx, s, account(ctx)+"/policy/")
		if err != nil {
			return nil, err
		}
		for _, m := range own {
			policies = append(policies, m.arn())
		}
	}
	if wants("AWSManagedPolicy") {
		for _, a := range slices.Sorted(maps.Keys(used)) {
			if used[a] && awsDocument(a) != nil {
				policies = append(policies, a)
			}
		}
	}
	for _, policyARN := range policies {
		d, err := s.policyDetail(ctx, policyARN)
		if err != nil {
			return nil, err
		}
		out.Policies = append(out.Policies, d)
	}
	return out, nil
}

// addDetail adds a principal to the list of its kind.
func (s *Service) addDetail(ctx context.Context, out *shapes.GetAccountAuthorizationDetailsOutput, p *principal) error {
	inline := []*shapes.PolicyDetail{}
	for _, name := range slices.Sorted(maps.Keys(p.Inline)) {
		inline = append(inline, &shapes.PolicyDetail{PolicyName: &name, PolicyDocument: new(encodeDocument(p.Inline[name]))})
	}
	attached := []*shapes.AttachedPolicy{}
	for _, a := range slices.Sorted(slices.Values(p.Attached)) {
		attached = append(attached, &shapes.AttachedPolicy{PolicyArn: new(a), PolicyName: new(a[strings.LastIndexByte(a, '/')+1:])})
	}
	switch p.Kind {
	case user:
		out.UserDetailList = append(out.UserDetailList, &shapes.UserDetail{
			Arn: new(p.arn()), CreateDate: &p.Created, Path: &p.Path, UserId: &p.ID, UserName: &p.Name, GroupList: nonNil(p.Groups),
			UserPolicyList: inline, AttachedManagedPolicies: attached, PermissionsBoundary: boundaryShape(p.Boundary), Tags: toTags(p.Tags),
		})
	case group:
		out.GroupDetailList = append(out.GroupDetailList, &shapes.GroupDetail{
			Arn: new(p.arn()), CreateDate: &p.Created, Path: &p.Path, GroupId: &p.ID, GroupName: &p.Name, GroupPolicyList: inline, AttachedManagedPolicies: attached,
		})
	default:
		profiles, err := s.listInstanceProfilesForRole(ctx, &shapes.ListInstanceProfilesForRoleInput{RoleName: &p.Name})
		if err != nil {
			return err
		}
		out.RoleDetailList = append(out.RoleDetailList, &shapes.RoleDetail{
			Arn: new(p.arn()), CreateDate: &p.Created, Path: &p.Path, RoleId: &p.ID, RoleName: &p.Name, AssumeRolePolicyDocument: new(encodeDocument(p.Trust)),
			InstanceProfileList: profiles.InstanceProfiles, RolePolicyList: inline, AttachedManagedPolicies: attached, PermissionsBoundary: boundaryShape(p.Boundary),
			Tags: toTags(p.Tags), RoleLastUsed: &shapes.RoleLastUsed{},
		})
	}
	return nil
}

func (s *Service) policyDetail(ctx context.Context, policyARN string) (*shapes.ManagedPolicyDetail, error) {
	m, err := s.managedPolicy(ctx, policyARN)
	if err != nil {
		return nil, err
	}
	p, err := s.policyShape(ctx, m, policyARN)
	if err != nil {
		return nil, err
	}
	d := &shapes.ManagedPolicyDetail{
		Arn: p.Arn, PolicyName: p.PolicyName, PolicyId: p.PolicyId, Path: p.Path, DefaultVersionId: p.DefaultVersionId, CreateDate: p.CreateDate, UpdateDate: p.UpdateDate,
		IsAttachable: p.IsAttachable, AttachmentCount: p.AttachmentCount, PermissionsBoundaryUsageCount: p.PermissionsBoundaryUsageCount, Description: p.Description,
	}
	for _, v := range m.Versions {
		d.PolicyVersionList = append(d.PolicyVersionList, m.versionShape(v, true))
	}
	return d, nil
}
