package iam

import (
	"context"
	"slices"
	"strings"

	shapes "github.com/sallyport/sallyport/internal/awsapi/shapes/iam"
)

const awsPolicyPrefix = "arn:aws:iam::aws:policy/"

// checkAttachable refuses ARNs of policies that are not there. AWS's own attach even if we do not know them: they allow nothing, and
// the log says so.
func (s *Service) checkAttachable(ctx context.Context, policyARN string) error {
	if strings.HasPrefix(policyARN, awsPolicyPrefix) {
		if awsDocument(policyARN) == nil {
			s.log.WarnContext(ctx, "this AWS-managed policy is not known here and allows nothing", "policy", policyARN)
		}
		return nil
	}
	key, ok := policyKey(policyARN)
	if !ok {
		return errInvalidInput("ARN %s is not valid.", policyARN)
	}
	m, _, err := load[managed](ctx, s, key, errNotAttachable(policyARN))
	if err != nil {
		return err
	}
	if m.arn() != policyARN || m.Account != account(ctx) {
		return errNotAttachable(policyARN)
	}
	return nil
}

func (s *Service) attach(ctx context.Context, k kind, name, policyARN string) error {
	if err := s.checkAttachable(ctx, policyARN); err != nil {
		return err
	}
	_, err := change(ctx, s, principalKey(account(ctx), k, name), errNoPrincipal(k, name), func(p *principal) error {
		if !slices.Contains(p.Attached, policyARN) {
			p.Attached = append(p.Attached, policyARN)
		}
		return nil
	})
	return err
}

func (s *Service) detach(ctx context.Context, k kind, name, policyARN string) error {
	_, err := change(ctx, s, principalKey(account(ctx), k, name), errNoPrincipal(k, name), func(p *principal) error {
		i := slices.Index(p.Attached, policyARN)
		if i < 0 {
			return errNoPolicyARN(policyARN)
		}
		p.Attached = slices.Delete(p.Attached, i, i+1)
		return nil
	})
	return err
}

func (s *Service) listAttached(ctx context.Context, k kind, name string, pathPrefix, marker *string, maxItems *int64) (out []*shapes.AttachedPolicy, more *bool, next *string, err error) {
	p, _, err := load[principal](ctx, s, principalKey(account(ctx), k, name), errNoPrincipal(k, name))
	if err != nil {
		return nil, nil, nil, err
	}
	for _, a := range slices.Sorted(slices.Values(p.Attached)) {
		_, path, _ := strings.Cut(a, ":policy")
		if strings.HasPrefix(path, deref(pathPrefix)) {
			out = append(out, &shapes.AttachedPolicy{PolicyArn: new(a), PolicyName: new(a[strings.LastIndexByte(a, '/')+1:])})
		}
	}
	return page(out, func(a *shapes.AttachedPolicy) string { return *a.PolicyArn }, marker, maxItems)
}

// setBoundary sets or, with "", removes the permissions boundary.
func (s *Service) setBoundary(ctx context.Context, k kind, name, policyARN string) error {
	if policyARN != "" {
		if err := s.checkAttachable(ctx, policyARN); err != nil {
			return err
		}
	}
	_, err := change(ctx, s, principalKey(account(ctx), k, name), errNoPrincipal(k, name), func(p *principal) error {
		p.Boundary = policyARN
		return nil
	})
	return err
}

// attachments counts the principals that have a managed policy, and those that have it as their boundary.
func (s *Service) attachments(ctx context.Context, policyARN string) (attached []*principal, bounded int, err error) {
	for _, k := range []kind{user, group, role} {
		all, err := s.principals(ctx, k, nil)
		if err != nil {
			return nil, 0, err
		}
		for _, p := range all {
			if slices.Contains(p.Attached, policyARN) {
				attached = append(attached, p)
			}
			if p.Boundary == policyARN {
				bounded++
			}
		}
	}
	return attached, bounded, nil
}
