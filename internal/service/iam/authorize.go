package iam

import (
	"context"
	"log/slog"
	"maps"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/sallyport/sallyport/internal/arn"
	"github.com/sallyport/sallyport/internal/awsapi"
	"github.com/sallyport/sallyport/internal/policy"
)

// A verdict is a decision with the reason that AWS gives.
type verdict struct {
	allowed bool
	reason  string // goes after "User: … is not authorized to perform: … on resource: …"
}

// Authorize implements awsapi.Authorizer.
func (s *Service) Authorize(ctx context.Context, action, resource string, conditions map[string][]string) error {
	c := awsapi.CallerOf(ctx)
	if c.Admin || c.Service != "" { // what services may do, resource policies say
		return nil
	}
	v, err := s.decide(ctx, &c, action, resource, conditions)
	if err != nil || v.allowed {
		return err
	}
	if !s.cfg.EnforceAll && !strings.HasPrefix(action, "execute-api:") {
		s.warn(ctx, &c, action, resource)
		return nil
	}
	return denied(&c, action, resource, v.reason)
}

// denied is AWS's message. AWS: execute-api hides the account, and shows the path's template instead of the connection.
func denied(c *awsapi.Caller, action, resource, reason string) error {
	if strings.HasPrefix(action, "execute-api:") {
		return awsapi.Errorf("AccessDeniedException", 403, "User: %s is not authorized to perform: %s on resource: %s%s", c.ARN, action, masked(resource), reason)
	}
	return awsapi.Errorf("AccessDeniedException", 403, "User: %s is not authorized to perform: %s on resource: %s%s", c.ARN, action, resource, reason)
}

func masked(resource string) string {
	a, err := arn.Parse(resource)
	if err != nil {
		return resource
	}
	if n := len(a.Account); n > 4 {
		a.Account = strings.Repeat("*", n-4) + a.Account[n-4:]
	}
	if path, _, ok := strings.Cut(a.Resource, "/@connections/"); ok {
		a.Resource = path + "/@connections/{connectionId}"
	}
	return a.String()
}

// decide evaluates all policies that the caller has.
func (s *Service) decide(ctx context.Context, c *awsapi.Caller, action, resource string, conditions map[string][]string) (verdict, error) {
	p, err := s.principalOf(ctx, c)
	if err != nil {
		return verdict{}, err
	}
	noIdentity := verdict{reason: " because no identity-based policy allows the " + action + " action"}
	if strings.HasPrefix(action, "execute-api:") {
		noIdentity.reason = ""
	}
	if a, err := arn.Parse(resource); err == nil && a.Account != "" && a.Account != c.Account {
		return verdict{reason: " because no resource-based policy allows the " + action + " action"}, nil
	}
	if p == nil {
		return noIdentity, nil
	}
	docs, err := s.documentsOf(ctx, p)
	if err != nil {
		return verdict{}, err
	}
	r := policy.Request{Action: action, Resource: resource, Context: s.context(c, p, conditions)}
	switch policy.Evaluate(docs, r) {
	case policy.Deny:
		return verdict{reason: " with an explicit deny in an identity-based policy"}, nil
	case policy.Implicit:
		return noIdentity, nil
	}
	if p.Boundary != "" {
		d, err := s.managedDocument(ctx, p.Boundary)
		if err != nil {
			return verdict{}, err
		}
		if policy.Evaluate([]*policy.Document{d}, r) != policy.Allow {
			return verdict{reason: " because no permissions boundary allows the " + action + " action"}, nil
		}
	}
	if len(c.Session) > 0 {
		limits, err := s.sessionDocuments(ctx, c.Session)
		if err != nil {
			return verdict{}, err
		}
		if policy.Evaluate(limits, r) != policy.Allow {
			return verdict{reason: " because no session policy allows the " + action + " action"}, nil
		}
	}
	return verdict{allowed: true}, nil
}

// principalOf returns the user or role behind a caller, or nil if it is not there any more.
func (s *Service) principalOf(ctx context.Context, c *awsapi.Caller) (*readyPrincipal, error) {
	a, err := arn.Parse(c.ARN)
	if err != nil {
		return nil, nil
	}
	var key string
	parts := strings.Split(a.Resource, "/")
	switch {
	case parts[0] == "user" && len(parts) > 1:
		key = principalKey(a.Account, user, parts[len(parts)-1])
	case parts[0] == "assumed-role" && len(parts) == 3:
		key = principalKey(a.Account, role, parts[1])
	case parts[0] == "role" && len(parts) > 1: // a service of ours that acts under a role without a session
		key = principalKey(a.Account, role, parts[len(parts)-1])
	default:
		return nil, nil
	}
	e, err := s.lookup(ctx, key)
	return e.principal, err
}

// documentsOf returns the identity policies of a principal, those of a user's groups included.
func (s *Service) documentsOf(ctx context.Context, p *readyPrincipal) ([]*policy.Document, error) {
	docs := slices.Clone(p.inline)
	for _, a := range p.Attached {
		d, err := s.managedDocument(ctx, a)
		if err != nil {
			return nil, err
		}
		docs = append(docs, d)
	}
	for _, g := range p.Groups {
		e, err := s.lookup(ctx, principalKey(p.Account, group, g))
		if err != nil {
			return nil, err
		}
		if e.principal == nil {
			continue
		}
		more, err := s.documentsOf(ctx, e.principal)
		if err != nil {
			return nil, err
		}
		docs = append(docs, more...)
	}
	return docs, nil
}

// managedDocument returns the default version of a managed policy. One that is not there allows nothing.
func (s *Service) managedDocument(ctx context.Context, policyARN string) (*policy.Document, error) {
	if strings.HasPrefix(policyARN, awsPolicyPrefix) {
		if d := awsDocument(policyARN); d != nil {
			return d, nil
		}
		return &policy.Document{}, nil
	}
	key, ok := policyKey(policyARN)
	if !ok {
		return &policy.Document{}, nil
	}
	e, err := s.lookup(ctx, key)
	if err != nil || e.managed == nil {
		return &policy.Document{}, err
	}
	return e.managed, nil
}

// sessionDocuments reads session policies: texts, and ARNs of managed policies.
func (s *Service) sessionDocuments(ctx context.Context, limits []string) ([]*policy.Document, error) {
	var docs []*policy.Document
	for _, l := range limits {
		d := readPolicy(l)
		if strings.HasPrefix(l, "arn:") {
			var err error
			if d, err = s.managedDocument(ctx, l); err != nil {
				return nil, err
			}
		}
		docs = append(docs, d)
	}
	return docs, nil
}

// context returns the condition keys that every call has.
func (s *Service) context(c *awsapi.Caller, p *readyPrincipal, conditions map[string][]string) map[string][]string {
	now := s.now().UTC()
	m := map[string][]string{
		"aws:PrincipalArn":     {p.arn()},
		"aws:PrincipalAccount": {c.Account},
		"aws:userid":           {c.UserID},
		"aws:CurrentTime":      {now.Format(time.RFC3339)},
		"aws:EpochTime":        {strconv.FormatInt(now.Unix(), 10)},
		"aws:ResourceAccount":  {c.Account},
	}
	set := func(key, value string) {
		if value != "" {
			m[key] = []string{value}
		}
	}
	set("aws:SourceIp", c.SourceIP)
	set("aws:UserAgent", c.UserAgent)
	set("aws:RequestedRegion", c.Region)
	if p.Kind == user {
		set("aws:username", p.Name)
		set("aws:PrincipalType", "User")
	} else {
		set("aws:PrincipalType", "AssumedRole")
	}
	for _, t := range p.Tags {
		set("aws:PrincipalTag/"+t.Key, t.Value)
	}
	maps.Copy(m, conditions)
	return m
}

// warnings remembers what has been warned about.
type warnings struct {
	mu   sync.Mutex
	seen map[[2]string]bool // guarded by mu: principal and action
}

const maxWarnings = 10000

// warn says, once per principal and action, that AWS would deny a call.
func (s *Service) warn(ctx context.Context, c *awsapi.Caller, action, resource string) {
	who := c.ARN
	if a, err := arn.Parse(who); err == nil && strings.HasPrefix(a.Resource, "assumed-role/") {
		who = who[:strings.LastIndexByte(who, '/')] // all sessions of a role are one principal
	}
	s.warnings.mu.Lock()
	defer s.warnings.mu.Unlock()
	key := [2]string{who, action}
	if s.warnings.seen[key] {
		return
	}
	if s.warnings.seen == nil || len(s.warnings.seen) >= maxWarnings {
		s.warnings.seen = map[[2]string]bool{}
	}
	s.warnings.seen[key] = true
	s.log.LogAttrs(ctx, slog.LevelWarn, "AWS would deny this call: no policy allows it", slog.String("principal", who), slog.String("action", action), slog.String("resource", resource))
}
