package iam

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/sallyport/sallyport/internal/awsapi"
	shapes "github.com/sallyport/sallyport/internal/awsapi/shapes/iam"
)

const maxVersions = 5

// managedPolicy reads a managed policy by its ARN; AWS's own look like ours.
func (s *Service) managedPolicy(ctx context.Context, policyARN string) (*managed, error) {
	if strings.HasPrefix(policyARN, awsPolicyPrefix) {
		return awsManaged(policyARN)
	}
	key, ok := policyKey(policyARN)
	if !ok {
		return nil, errInvalidInput("ARN %s is not valid.", policyARN)
	}
	m, _, err := load[managed](ctx, s, key, errNoPolicyARN(policyARN))
	if err != nil {
		return nil, err
	}
	if m.arn() != policyARN || m.Account != account(ctx) {
		return nil, errNoPolicyARN(policyARN)
	}
	return m, nil
}

func (s *Service) changePolicy(ctx context.Context, policyARN string, f func(*managed) error) (*managed, error) {
	if strings.HasPrefix(policyARN, awsPolicyPrefix) {
		return nil, awsapi.Errorf("AccessDenied", 403, "User: %s is not authorized to change the AWS managed policy %s", awsapi.CallerOf(ctx).ARN, policyARN)
	}
	if _, err := s.managedPolicy(ctx, policyARN); err != nil {
		return nil, err
	}
	key, _ := policyKey(policyARN)
	return change(ctx, s, key, errNoPolicyARN(policyARN), f)
}

func (s *Service) policyShape(ctx context.Context, m *managed, policyARN string) (*shapes.Policy, error) {
	attached, bounded, err := s.attachments(ctx, policyARN)
	if err != nil {
		return nil, err
	}
	p := &shapes.Policy{
		Arn: &policyARN, PolicyName: &m.Name, PolicyId: &m.ID, Path: &m.Path, DefaultVersionId: &m.Default, CreateDate: &m.Created, UpdateDate: &m.Updated,
		IsAttachable: new(true), AttachmentCount: new(int64(len(attached))), PermissionsBoundaryUsageCount: new(int64(bounded)), Tags: toTags(m.Tags),
	}
	if m.Description != "" {
		p.Description = &m.Description
	}
	return p, nil
}

func (s *Service) createPolicy(ctx context.Context, in *shapes.CreatePolicyInput) (*shapes.CreatePolicyOutput, error) {
	if err := checkDocument(*in.PolicyDocument); err != nil {
		return nil, err
	}
	now := s.second()
	m := &managed{
		Account: account(ctx), Name: *in.PolicyName, Path: cmp.Or(deref(in.Path), "/"), ID: newID("ANPA"), Description: deref(in.Description), Created: now, Updated: now,
		Tags: fromTags(in.Tags), Versions: []version{{ID: "v1", Document: *in.PolicyDocument, Created: now}}, Default: "v1", Last: 1,
	}
	if err := create(ctx, s, m, awsapi.Errorf("EntityAlreadyExists", 409, "A policy called %s already exists. Duplicate names are not allowed.", m.Name)); err != nil {
		return nil, err
	}
	p, err := s.policyShape(ctx, m, m.arn())
	return &shapes.CreatePolicyOutput{Policy: p}, err
}

func (s *Service) getPolicy(ctx context.Context, in *shapes.GetPolicyInput) (*shapes.GetPolicyOutput, error) {
	m, err := s.managedPolicy(ctx, *in.PolicyArn)
	if err != nil {
		return nil, err
	}
	p, err := s.policyShape(ctx, m, *in.PolicyArn)
	return &shapes.GetPolicyOutput{Policy: p}, err
}

func (s *Service) deletePolicy(ctx context.Context, in *shapes.DeletePolicyInput) (*shapes.DeletePolicyOutput, error) {
	m, err := s.managedPolicy(ctx, *in.PolicyArn)
	if err != nil {
		return nil, err
	}
	attached, bounded, err := s.attachments(ctx, *in.PolicyArn)
	if err != nil {
		return nil, err
	}
	return nil, remove(ctx, s, m.key(), errNoPolicyARN(*in.PolicyArn), func(m *managed) error {
		switch {
		case len(attached)+bounded > 0:
			return errDeleteConflict("Cannot delete a policy attached to entities.")
		case len(m.Versions) > 1:
			return errDeleteConflict("This policy has more than one version. Before you delete a policy, you must delete the policy's versions. The default version is deleted with the policy.")
		}
		return nil
	})
}

func (s *Service) listPolicies(ctx context.Context, in *shapes.ListPoliciesInput) (*shapes.ListPoliciesOutput, error) {
	scope := cmp.Or(deref(in.Scope), "All")
	var all []*shapes.Policy
	add := func(m *managed, policyARN string) error {
		p, err := s.policyShape(ctx, m, policyARN)
		if err != nil {
			return err
		}
		p.Tags = nil // AWS: lists leave them out
		if strings.HasPrefix(m.Path, deref(in.PathPrefix)) && (!deref(in.OnlyAttached) || *p.AttachmentCount > 0) {
			all = append(all, p)
		}
		return nil
	}
	if scope != "AWS" {
		own, err := list[managed](ctx, s, account(ctx)+"/policy/")
		if err != nil {
			return nil, err
		}
		for _, m := range own {
			if err := add(m, m.arn()); err != nil {
				return nil, err
			}
		}
	}
	if scope != "Local" {
		for _, policyARN := range awsPolicies() {
			m, err := awsManaged(policyARN)
			if err != nil {
				return nil, err
			}
			if err := add(m, policyARN); err != nil {
				return nil, err
			}
		}
	}
	byARN := func(p *shapes.Policy) string { return *p.Arn }
	slices.SortFunc(all, func(a, b *shapes.Policy) int { return compare(byARN(a), byARN(b)) })
	part, more, next, err := page(all, byARN, in.Marker, in.MaxItems)
	return &shapes.ListPoliciesOutput{Policies: part, IsTruncated: more, Marker: next}, err
}

func (s *Service) listEntitiesForPolicy(ctx context.Context, in *shapes.ListEntitiesForPolicyInput) (*shapes.ListEntitiesForPolicyOutput, error) {
	if _, err := s.managedPolicy(ctx, *in.PolicyArn); err != nil {
		return nil, err
	}
	attached, _, err := s.attachments(ctx, *in.PolicyArn)
	if err != nil {
		return nil, err
	}
	out := &shapes.ListEntitiesForPolicyOutput{
		PolicyGroups: []*shapes.PolicyGroup{}, PolicyRoles: []*shapes.PolicyRole{}, PolicyUsers: []*shapes.PolicyUser{}, IsTruncated: new(false),
	}
	for _, p := range attached {
		if in.EntityFilter != nil && *in.EntityFilter != p.Kind.capital() {
			continue
		}
		switch p.Kind {
		case group:
			out.PolicyGroups = append(out.PolicyGroups, &shapes.PolicyGroup{GroupId: &p.ID, GroupName: &p.Name})
		case role:
			out.PolicyRoles = append(out.PolicyRoles, &shapes.PolicyRole{RoleId: &p.ID, RoleName: &p.Name})
		case user:
			out.PolicyUsers = append(out.PolicyUsers, &shapes.PolicyUser{UserId: &p.ID, UserName: &p.Name})
		}
	}
	return out, nil
}

func (m *managed) versionShape(v version, document bool) *shapes.PolicyVersion {
	out := &shapes.PolicyVersion{VersionId: &v.ID, CreateDate: &v.Created, IsDefaultVersion: new(v.ID == m.Default)}
	if document {
		out.Document = new(encodeDocument(v.Document))
	}
	return out
}

// addVersion adds a version, which becomes the default one if asked for.
func (m *managed) addVersion(document string, isDefault bool, at time.Time) version {
	m.Last++
	v := version{ID: fmt.Sprintf("v%d", m.Last), Document: document, Created: at}
	m.Versions = append(m.Versions, v)
	m.Updated = at
	if isDefault {
		m.Default = v.ID
	}
	return v
}

func (s *Service) createPolicyVersion(ctx context.Context, in *shapes.CreatePolicyVersionInput) (*shapes.CreatePolicyVersionOutput, error) {
	if err := checkDocument(*in.PolicyDocument); err != nil {
		return nil, err
	}
	var v version
	m, err := s.changePolicy(ctx, *in.PolicyArn, func(m *managed) error {
		if len(m.Versions) >= maxVersions {
			return errLimit("A managed policy can have up to %d versions. Before you create a new version, you must delete an existing version.", maxVersions)
		}
		v = m.addVersion(*in.PolicyDocument, deref(in.SetAsDefault), s.second())
		return nil
	})
	if err != nil {
		return nil, err
	}
	return &shapes.CreatePolicyVersionOutput{PolicyVersion: m.versionShape(v, false)}, nil
}

func errNoVersion(policyARN, id string) error {
	return errNoEntity("Policy %s version %s does not exist or is not attachable.", policyARN, id)
}

func (m *managed) index(id string) int {
	return slices.IndexFunc(m.Versions, func(v version) bool { return v.ID == id })
}

func (s *Service) getPolicyVersion(ctx context.Context, in *shapes.GetPolicyVersionInput) (*shapes.GetPolicyVersionOutput, error) {
	m, err := s.managedPolicy(ctx, *in.PolicyArn)
	if err != nil {
		return nil, err
	}
	i := m.index(*in.VersionId)
	if i < 0 {
		return nil, errNoVersion(*in.PolicyArn, *in.VersionId)
	}
	return &shapes.GetPolicyVersionOutput{PolicyVersion: m.versionShape(m.Versions[i], true)}, nil
}

func (s *Service) deletePolicyVersion(ctx context.Context, in *shapes.DeletePolicyVersionInput) (*shapes.DeletePolicyVersionOutput, error) {
	_, err := s.changePolicy(ctx, *in.PolicyArn, func(m *managed) error {
		i := m.index(*in.VersionId)
		switch {
		case i < 0:
			return errNoVersion(*in.PolicyArn, *in.VersionId)
		case m.Default == *in.VersionId:
			return errDeleteConflict("Cannot delete the default version of a policy.")
		}
		m.Versions = slices.Delete(m.Versions, i, i+1)
		return nil
	})
	return nil, err
}

func (s *Service) listPolicyVersions(ctx context.Context, in *shapes.ListPolicyVersionsInput) (*shapes.ListPolicyVersionsOutput, error) {
	m, err := s.managedPolicy(ctx, *in.PolicyArn)
	if err != nil {
		return nil, err
	}
	out := &shapes.ListPolicyVersionsOutput{Versions: []*shapes.PolicyVersion{}, IsTruncated: new(false)}
	for _, v := range slices.Backward(m.Versions) {
		out.Versions = append(out.Versions, m.versionShape(v, false))
	}
	return out, nil
}

func (s *Service) setDefaultPolicyVersion(ctx context.Context, in *shapes.SetDefaultPolicyVersionInput) (*shapes.SetDefaultPolicyVersionOutput, error) {
	_, err := s.changePolicy(ctx, *in.PolicyArn, func(m *managed) error {
		if m.index(*in.VersionId) < 0 {
			return errNoVersion(*in.PolicyArn, *in.VersionId)
		}
		m.Default = *in.VersionId
		m.Updated = s.second()
		return nil
	})
	return nil, err
}
