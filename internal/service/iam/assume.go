package iam

import (
	"context"
	"strings"
	"time"

	"github.com/sallyport/sallyport/internal/arn"
	"github.com/sallyport/sallyport/internal/awsapi"
	"github.com/sallyport/sallyport/internal/policy"
)

// AssumeRole makes a session of a role for the caller of ctx. roleID is that of AssumedRoleUser, AROA…:session.
func (s *Service) AssumeRole(ctx context.Context, in awsapi.AssumeRole) (cred awsapi.Credentials, sessionARN, roleID string, err error) {
	c := awsapi.CallerOf(ctx)
	claims, err := s.roleClaims(ctx, in.RoleARN, in.SessionName)
	if err != nil {
		return cred, "", "", err
	}
	valid := in.Duration
	if valid == 0 {
		valid = defaultSession * time.Second
	}
	if err := s.mayAssume(ctx, &c, in, valid); err != nil {
		return cred, "", "", err
	}
	for _, text := range append([]string{in.Policy}, in.PolicyARNs...) {
		if text == "" {
			continue
		}
		if !strings.HasPrefix(text, "arn:") {
			if err := checkDocument(text); err != nil {
				return cred, "", "", err
			}
		}
		claims.Limits = append(claims.Limits, text)
	}
	cred, err = s.seal(ctx, claims, valid)
	return cred, claims.ARN, claims.UserID, err
}

// mayAssume asks the role's trust policy and, where that only names the account, the caller's own policies.
func (s *Service) mayAssume(ctx context.Context, c *awsapi.Caller, in awsapi.AssumeRole, valid time.Duration) error {
	a, _ := arn.Parse(in.RoleARN)
	refusal := awsapi.Errorf("AccessDenied", 403, "User: %s is not authorized to perform: sts:AssumeRole on resource: %s", c.ARN, in.RoleARN)
	if a.Account != c.Account {
		return refusal
	}
	e, err := s.lookup(ctx, principalKey(a.Account, role, a.Resource[strings.LastIndexByte(a.Resource, '/')+1:]))
	if err != nil {
		return err
	}
	if e.principal != nil && valid > time.Duration(e.principal.MaxSession)*time.Second {
		return awsapi.Errorf("ValidationError", 400, "The requested DurationSeconds exceeds the MaxSessionDuration set for this role.")
	}
	trusted, err := s.trusts(ctx, e.principal, c, in)
	if err != nil || trusted {
		return err
	}
	if c.Admin && (e.principal == nil || !s.cfg.EnforceAll) {
		return nil // CDK and SAM assume roles of a bootstrap that may not have been made here
	}
	if s.cfg.EnforceAll {
		return refusal
	}
	s.warn(ctx, c, "sts:AssumeRole", in.RoleARN)
	return nil
}

// trusts reports whether a role may be assumed by the caller.
func (s *Service) trusts(ctx context.Context, p *readyPrincipal, c *awsapi.Caller, in awsapi.AssumeRole) (bool, error) {
	if p == nil {
		return false, nil
	}
	who, err := s.principalOf(ctx, c)
	if err != nil {
		return false, err
	}
	own := []string{c.ARN}
	if who != nil {
		own = append(own, who.arn())
	} else {
		who = &readyPrincipal{principal: principal{Account: c.Account}}
	}
	r := policy.Request{Action: "sts:AssumeRole", Resource: in.RoleARN, Principal: policy.Principal{AWS: own}, Context: s.context(c, who, nil)}
	r.Context["sts:RoleSessionName"] = []string{in.SessionName}
	if in.ExternalID != "" {
		r.Context["sts:ExternalId"] = []string{in.ExternalID}
	}
	docs := []*policy.Document{p.trust}
	if policy.Evaluate(docs, r) == policy.Allow {
		return true, nil // it names the caller
	}
	r.Principal.Account = c.Account
	if policy.Evaluate(docs, r) != policy.Allow {
		return false, nil
	}
	if c.Admin {
		return true, nil
	}
	v, err := s.decide(ctx, c, "sts:AssumeRole", in.RoleARN, nil)
	return v.allowed, err
}

// SessionToken makes a session of the caller itself: the administrator or a user.
func (s *Service) SessionToken(ctx context.Context, valid time.Duration) (awsapi.Credentials, error) {
	c := awsapi.CallerOf(ctx)
	a, _ := arn.Parse(c.ARN)
	cl := claims{ARN: c.ARN, UserID: c.UserID, Account: c.Account}
	switch {
	case strings.HasPrefix(c.AccessKeyID, "ASIA"):
		return awsapi.Credentials{}, awsapi.Errorf("AccessDenied", 403, "Cannot call GetSessionToken with session credentials")
	case c.Admin:
		key, _, err := s.adminKey(ctx)
		if err != nil {
			return awsapi.Credentials{}, err
		}
		cl.Admin = key.AccessKeyID
	case strings.HasPrefix(a.Resource, "user/"):
		cl.Parent = c.AccessKeyID
	}
	if valid == 0 {
		valid = sessionValid
	}
	return s.seal(ctx, cl, valid)
}

// AccountOfKey returns the account that an access key belongs to. AWS: the account is part of the key's ID; here it is looked up.
func (s *Service) AccountOfKey(ctx context.Context, accessKeyID string) (string, error) {
	e, err := s.lookup(ctx, "key/"+accessKeyID)
	if err != nil {
		return "", err
	}
	if e.key != nil {
		return e.key.Account, nil
	}
	return awsapi.CallerOf(ctx).Account, nil
}
