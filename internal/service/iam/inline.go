package iam

import (
	"context"
	"errors"
	"maps"
	"net/url"
	"slices"
	"strings"

	"github.com/sallyport/sallyport/internal/awsapi"
	shapes "github.com/sallyport/sallyport/internal/awsapi/shapes/iam"
	"github.com/sallyport/sallyport/internal/policy"
)

// encodeDocument is how IAM shows documents: percent-encoded.
func encodeDocument(text string) string {
	return strings.ReplaceAll(url.QueryEscape(text), "+", "%20")
}

func parseDocument(text string) (*policy.Document, error) {
	d, err := policy.Parse([]byte(text))
	var syntax *policy.SyntaxError
	if errors.As(err, &syntax) {
		return nil, errMalformed(syntax.Message)
	}
	return d, err
}

// checkDocument refuses what cannot be the policy of a user, group or role.
func checkDocument(text string) error {
	d, err := parseDocument(text)
	if err != nil {
		return err
	}
	for _, st := range d.Statements {
		switch {
		case st.Principal != nil || st.NotPrincipal != nil:
			return errMalformed("Policy document should not specify a principal.")
		case len(st.Resource) == 0 && len(st.NotResource) == 0:
			return errMalformed("Policy statement must contain resources.")
		case len(st.Action) == 0 && len(st.NotAction) == 0:
			return errMalformed("Policy statement must contain actions.")
		}
		for _, a := range slices.Concat(st.Action, st.NotAction) {
			if a != "*" && !strings.Contains(a, ":") {
				return errMalformed("Actions/Conditions must be prefaced by a vendor, e.g., iam, sdb, ec2, etc.")
			}
		}
		for _, r := range slices.Concat(st.Resource, st.NotResource) {
			if r != "*" && strings.Count(r, ":") < 5 && !strings.HasPrefix(r, "*") && !strings.Contains(r, "${") {
				return errMalformed("Resource " + r + " must be in ARN format or \"*\".")
			}
		}
	}
	return nil
}

// checkTrust refuses what cannot say who may assume a role.
func checkTrust(text string) error {
	d, err := parseDocument(text)
	if err != nil {
		return err
	}
	for _, st := range d.Statements {
		switch {
		case st.Resource != nil || st.NotResource != nil:
			return errMalformed("Has prohibited field Resource")
		case st.Principal == nil && st.NotPrincipal == nil:
			return errMalformed("Missing required field Principal")
		}
		for _, a := range st.Action {
			if a != "*" && !strings.HasPrefix(strings.ToLower(a), "sts:") {
				return errMalformed("AssumeRole policy may only specify STS AssumeRole actions.")
			}
		}
	}
	return nil
}

func errNoInline(k kind, name string) error {
	return errNoEntity("The %s policy with name %s cannot be found.", k, name)
}

func (s *Service) putInline(ctx context.Context, k kind, name, policyName, text string) error {
	if err := checkDocument(text); err != nil {
		return err
	}
	_, err := change(ctx, s, principalKey(account(ctx), k, name), errNoPrincipal(k, name), func(p *principal) error {
		if p.Inline == nil {
			p.Inline = map[string]string{}
		}
		p.Inline[policyName] = text
		return nil
	})
	return err
}

func (s *Service) getInline(ctx context.Context, k kind, name, policyName string) (*string, error) {
	p, _, err := load[principal](ctx, s, principalKey(account(ctx), k, name), errNoPrincipal(k, name))
	if err != nil {
		return nil, err
	}
	text, ok := p.Inline[policyName]
	if !ok {
		return nil, errNoInline(k, policyName)
	}
	return new(encodeDocument(text)), nil
}

func (s *Service) deleteInline(ctx context.Context, k kind, name, policyName string) error {
	_, err := change(ctx, s, principalKey(account(ctx), k, name), errNoPrincipal(k, name), func(p *principal) error {
		if _, ok := p.Inline[policyName]; !ok {
			return errNoInline(k, policyName)
		}
		delete(p.Inline, policyName)
		return nil
	})
	return err
}

func (s *Service) listInline(ctx context.Context, k kind, name string, marker *string, maxItems *int64) (names []string, more *bool, next *string, err error) {
	p, _, err := load[principal](ctx, s, principalKey(account(ctx), k, name), errNoPrincipal(k, name))
	if err != nil {
		return nil, nil, nil, err
	}
	return page(slices.Sorted(maps.Keys(p.Inline)), func(n string) string { return n }, marker, maxItems)
}

// policyOperations are those that users, groups and roles have alike.
func (s *Service) policyOperations() map[string]awsapi.Operation {
	return map[string]awsapi.Operation{
		"PutRolePolicy": awsapi.Op(func(ctx context.Context, in *shapes.PutRolePolicyInput) (*shapes.PutRolePolicyOutput, error) {
			return nil, s.putInline(ctx, role, *in.RoleName, *in.PolicyName, *in.PolicyDocument)
		}),
		"PutUserPolicy": awsapi.Op(func(ctx context.Context, in *shapes.PutUserPolicyInput) (*shapes.PutUserPolicyOutput, error) {
			return nil, s.putInline(ctx, user, *in.UserName, *in.PolicyName, *in.PolicyDocument)
		}),
		"PutGroupPolicy": awsapi.Op(func(ctx context.Context, in *shapes.PutGroupPolicyInput) (*shapes.PutGroupPolicyOutput, error) {
			return nil, s.putInline(ctx, group, *in.GroupName, *in.PolicyName, *in.PolicyDocument)
		}),
		"GetRolePolicy": awsapi.Op(func(ctx context.Context, in *shapes.GetRolePolicyInput) (*shapes.GetRolePolicyOutput, error) {
			text, err := s.getInline(ctx, role, *in.RoleName, *in.PolicyName)
			return &shapes.GetRolePolicyOutput{RoleName: in.RoleName, PolicyName: in.PolicyName, PolicyDocument: text}, err
		}),
		"GetUserPolicy": awsapi.Op(func(ctx context.Context, in *shapes.GetUserPolicyInput) (*shapes.GetUserPolicyOutput, error) {
			text, err := s.getInline(ctx, user, *in.UserName, *in.PolicyName)
			return &shapes.GetUserPolicyOutput{UserName: in.UserName, PolicyName: in.PolicyName, PolicyDocument: text}, err
		}),
		"GetGroupPolicy": awsapi.Op(func(ctx context.Context, in *shapes.GetGroupPolicyInput) (*shapes.GetGroupPolicyOutput, error) {
			text, err := s.getInline(ctx, group, *in.GroupName, *in.PolicyName)
			return &shapes.GetGroupPolicyOutput{GroupName: in.GroupName, PolicyName: in.PolicyName, PolicyDocument: text}, err
		}),
		"DeleteRolePolicy": awsapi.Op(func(ctx context.Context, in *shapes.DeleteRolePolicyInput) (*shapes.DeleteRolePolicyOutput, error) {
			return nil, s.deleteInline(ctx, role, *in.RoleName, *in.PolicyName)
		}),
		"DeleteUserPolicy": awsapi.Op(func(ctx context.Context, in *shapes.DeleteUserPolicyInput) (*shapes.DeleteUserPolicyOutput, error) {
			return nil, s.deleteInline(ctx, user, *in.UserName, *in.PolicyName)
		}),
		"DeleteGroupPolicy": awsapi.Op(func(ctx context.Context, in *shapes.DeleteGroupPolicyInput) (*shapes.DeleteGroupPolicyOutput, error) {
			return nil, s.deleteInline(ctx, group, *in.GroupName, *in.PolicyName)
		}),
		"ListRolePolicies": awsapi.Op(func(ctx context.Context, in *shapes.ListRolePoliciesInput) (*shapes.ListRolePoliciesOutput, error) {
			names, more, next, err := s.listInline(ctx, role, *in.RoleName, in.Marker, in.MaxItems)
			return &shapes.ListRolePoliciesOutput{PolicyNames: names, IsTruncated: more, Marker: next}, err
		}),
		"ListUserPolicies": awsapi.Op(func(ctx context.Context, in *shapes.ListUserPoliciesInput) (*shapes.ListUserPoliciesOutput, error) {
			names, more, next, err := s.listInline(ctx, user, *in.UserName, in.Marker, in.MaxItems)
			return &shapes.ListUserPoliciesOutput{PolicyNames: names, IsTruncated: more, Marker: next}, err
		}),
		"ListGroupPolicies": awsapi.Op(func(ctx context.Context, in *shapes.ListGroupPoliciesInput) (*shapes.ListGroupPoliciesOutput, error) {
			names, more, next, err := s.listInline(ctx, group, *in.GroupName, in.Marker, in.MaxItems)
			return &shapes.ListGroupPoliciesOutput{PolicyNames: names, IsTruncated: more, Marker: next}, err
		}),
		"AttachRolePolicy": awsapi.Op(func(ctx context.Context, in *shapes.AttachRolePolicyInput) (*shapes.AttachRolePolicyOutput, error) {
			return nil, s.attach(ctx, role, *in.RoleName, *in.PolicyArn)
		}),
		"AttachUserPolicy": awsapi.Op(func(ctx context.Context, in *shapes.AttachUserPolicyInput) (*shapes.AttachUserPolicyOutput, error) {
			return nil, s.attach(ctx, user, *in.UserName, *in.PolicyArn)
		}),
		"AttachGroupPolicy": awsapi.Op(func(ctx context.Context, in *shapes.AttachGroupPolicyInput) (*shapes.AttachGroupPolicyOutput, error) {
			return nil, s.attach(ctx, group, *in.GroupName, *in.PolicyArn)
		}),
		"DetachRolePolicy": awsapi.Op(func(ctx context.Context, in *shapes.DetachRolePolicyInput) (*shapes.DetachRolePolicyOutput, error) {
			return nil, s.detach(ctx, role, *in.RoleName, *in.PolicyArn)
		}),
		"DetachUserPolicy": awsapi.Op(func(ctx context.Context, in *shapes.DetachUserPolicyInput) (*shapes.DetachUserPolicyOutput, error) {
			return nil, s.detach(ctx, user, *in.UserName, *in.PolicyArn)
		}),
		"DetachGroupPolicy": awsapi.Op(func(ctx context.Context, in *shapes.DetachGroupPolicyInput) (*shapes.DetachGroupPolicyOutput, error) {
			return nil, s.detach(ctx, group, *in.GroupName, *in.PolicyArn)
		}),
		"ListAttachedRolePolicies": awsapi.Op(func(ctx context.Context, in *shapes.ListAttachedRolePoliciesInput) (*shapes.ListAttachedRolePoliciesOutput, error) {
			list, more, next, err := s.listAttached(ctx, role, *in.RoleName, in.PathPrefix, in.Marker, in.MaxItems)
			return &shapes.ListAttachedRolePoliciesOutput{AttachedPolicies: list, IsTruncated: more, Marker: next}, err
		}),
		"ListAttachedUserPolicies": awsapi.Op(func(ctx context.Context, in *shapes.ListAttachedUserPoliciesInput) (*shapes.ListAttachedUserPoliciesOutput, error) {
			list, more, next, err := s.listAttached(ctx, user, *in.UserName, in.PathPrefix, in.Marker, in.MaxItems)
			return &shapes.ListAttachedUserPoliciesOutput{AttachedPolicies: list, IsTruncated: more, Marker: next}, err
		}),
		"ListAttachedGroupPolicies": awsapi.Op(func(ctx context.Context, in *shapes.ListAttachedGroupPoliciesInput) (*shapes.ListAttachedGroupPoliciesOutput, error) {
			list, more, next, err := s.listAttached(ctx, group, *in.GroupName, in.PathPrefix, in.Marker, in.MaxItems)
			return &shapes.ListAttachedGroupPoliciesOutput{AttachedPolicies: list, IsTruncated: more, Marker: next}, err
		}),
		"PutRolePermissionsBoundary": awsapi.Op(func(ctx context.Context, in *shapes.PutRolePermissionsBoundaryInput) (*shapes.PutRolePermissionsBoundaryOutput, error) {
			return nil, s.setBoundary(ctx, role, *in.RoleName, *in.PermissionsBoundary)
		}),
		"DeleteRolePermissionsBoundary": awsapi.Op(func(ctx context.Context, in *shapes.DeleteRolePermissionsBoundaryInput) (*shapes.DeleteRolePermissionsBoundaryOutput, error) {
			return nil, s.setBoundary(ctx, role, *in.RoleName, "")
		}),
		"PutUserPermissionsBoundary": awsapi.Op(func(ctx context.Context, in *shapes.PutUserPermissionsBoundaryInput) (*shapes.PutUserPermissionsBoundaryOutput, error) {
			return nil, s.setBoundary(ctx, user, *in.UserName, *in.PermissionsBoundary)
		}),
		"DeleteUserPermissionsBoundary": awsapi.Op(func(ctx context.Context, in *shapes.DeleteUserPermissionsBoundaryInput) (*shapes.DeleteUserPermissionsBoundaryOutput, error) {
			return nil, s.setBoundary(ctx, user, *in.UserName, "")
		}),
	}
}
