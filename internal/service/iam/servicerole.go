package iam

import (
	"context"
	"strings"

	"github.com/sallyport/sallyport/internal/arn"
	"github.com/sallyport/sallyport/internal/awsapi"
	"github.com/sallyport/sallyport/internal/policy"
)

// ServiceRole returns who acts when a service ("apigateway.amazonaws.com") takes on a role of the caller's account for a call inside this
// process. The role's trust policy must name the service, and the role must be there; unless all policies are enforced that is only
// warned about. The error is an *awsapi.Error AccessDenied, or ValidationError for what is no role's ARN.
func (s *Service) ServiceRole(ctx context.Context, service, roleARN, sessionName string) (awsapi.Caller, error) {
	c, err := s.roleClaims(ctx, roleARN, sessionName)
	if err != nil {
		return awsapi.Caller{}, err
	}
	own := awsapi.CallerOf(ctx)
	refusal := awsapi.Errorf("AccessDenied", 403, "%s is not authorized to perform: sts:AssumeRole on resource: %s", service, roleARN)
	if c.Account != own.Account {
		return awsapi.Caller{}, refusal // AWS: passing a role of another account to a service is not possible
	}
	a, _ := arn.Parse(roleARN)
	e, err := s.lookup(ctx, principalKey(a.Account, role, a.Resource[strings.LastIndexByte(a.Resource, '/')+1:]))
	if err != nil {
		return awsapi.Caller{}, err
	}
	trusted := false
	if e.principal != nil {
		trusted = policy.Evaluate([]*policy.Document{e.principal.trust}, policy.Request{
			Action: "sts:AssumeRole", Resource: roleARN, Principal: policy.Principal{Service: service},
			Context: map[string][]string{"aws:SourceArn": {own.ARN}, "aws:SourceAccount": {own.Account}},
		}) == policy.Allow
	}
	if !trusted {
		if s.cfg.EnforceAll {
			return awsapi.Caller{}, refusal
		}
		s.warn(ctx, &awsapi.Caller{ARN: service}, "sts:AssumeRole", roleARN)
	}
	return awsapi.Caller{Account: c.Account, Region: own.Region, RequestID: own.RequestID, ARN: c.ARN, UserID: c.UserID}, nil
}
