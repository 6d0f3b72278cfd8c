package events

import (
	"context"
	"slices"
	"strings"
	"time"

	"github.com/sallyport/sallyport/internal/awsapi"
	shapes "github.com/sallyport/sallyport/internal/awsapi/shapes/events"
	"github.com/sallyport/sallyport/internal/eventpattern"
	"github.com/sallyport/sallyport/internal/service/events/schedule"
	"github.com/sallyport/sallyport/internal/store/follow"
)

const (
	maxRules   = 300 // of a bus
	maxTargets = 5   // of a rule
)

// findRule returns a rule that must exist, on a bus that must exist.
func (s *Service) findRule(ctx context.Context, b busRef, name string) (*rule, error) {
	if _, err := s.findBus(ctx, b); err != nil {
		return nil, err
	}
	r, err := s.rules.Get(ctx, b.ruleKey(name))
	if err == nil && r == nil {
		err = errNoRule(b, name)
	}
	return r, err
}

// editRule changes a rule that must exist.
func (s *Service) editRule(ctx context.Context, b busRef, name string, f func(*rule) error) (*rule, error) {
	if _, err := s.findBus(ctx, b); err != nil {
		return nil, err
	}
	return s.rules.Edit(ctx, b.ruleKey(name), func(r *rule) (*rule, error) {
		if r == nil {
			return nil, errNoRule(b, name)
		}
		return r, f(r)
	})
}

func (s *Service) putRule(ctx context.Context, in *shapes.PutRuleInput) (*shapes.PutRuleOutput, error) {
	b := busNamed(ctx, in.EventBusName)
	r, err := s.storeRule(ctx, b, &rule{
		Name: *in.Name, Pattern: value(in.EventPattern), Schedule: value(in.ScheduleExpression), State: value(in.State),
		Description: value(in.Description), Role: value(in.RoleArn), Tags: tagMap(in.Tags),
	})
	if err != nil {
		return nil, err
	}
	return &shapes.PutRuleOutput{RuleArn: new(r.arn())}, nil
}

// storeRule makes a rule, or changes the one of its name, whose targets and tags stay.
func (s *Service) storeRule(ctx context.Context, b busRef, next *rule) (*rule, error) {
	if err := s.checkRule(ctx, b, next); err != nil {
		return nil, err
	}
	r, err := s.rules.Edit(ctx, b.ruleKey(next.Name), func(old *rule) (*rule, error) {
		r := *next
		r.Place, r.Bus, r.CreatedBy = b.place, b.name, b.Account
		if old != nil {
			if next.Token != "" && next.Token != old.Token {
				return nil, exists("Rule %s already exists on EventBus %s.", next.Name, b.name)
			}
			r.Token = old.Token
			if r.Targets == nil {
				r.Targets = old.Targets
			}
			if old.Tags != nil && next.Tags == nil {
				r.Tags = old.Tags
			}
		}
		return &r, r.plan(old, time.Now())
	})
	if err != nil {
		return nil, err
	}
	return r, s.wake(ctx, r)
}

func (s *Service) checkRule(ctx context.Context, b busRef, r *rule) error {
	if r.Pattern == "" && r.Schedule == "" {
		return invalid("Parameter(s) EventPattern or ScheduleExpression must be specified.")
	}
	if r.State == "" {
		r.State = "ENABLED"
	}
	if _, err := s.findBus(ctx, b); err != nil {
		return err
	}
	if r.Schedule != "" {
		if b.name != defaultBus {
			return invalid("ScheduleExpression is supported only on the default event bus.")
		}
		if _, err := schedule.Parse(r.Schedule, time.UTC); err != nil {
			return invalid("Parameter ScheduleExpression is not valid.")
		}
	}
	if r.Pattern != "" {
		if _, err := eventpattern.Parse(r.Pattern); err != nil {
			return errPattern(err)
		}
	}
	old, err := s.rules.Get(ctx, b.ruleKey(r.Name))
	if err != nil || old != nil {
		return err
	}
	all, err := s.rules.List(ctx, b.rulesPrefix())
	if err == nil && len(all) >= maxRules {
		err = errLimit()
	}
	return err
}

func (s *Service) describeRule(ctx context.Context, in *shapes.DescribeRuleInput) (*shapes.DescribeRuleOutput, error) {
	r, err := s.findRule(ctx, busNamed(ctx, in.EventBusName), *in.Name)
	if err != nil {
		return nil, err
	}
	return &shapes.DescribeRuleOutput{
		Name: &r.Name, Arn: new(r.arn()), EventPattern: optional(r.Pattern), ScheduleExpression: optional(r.Schedule), State: &r.State,
		Description: optional(r.Description), RoleArn: optional(r.Role), EventBusName: &r.Bus, CreatedBy: optional(r.CreatedBy),
	}, nil
}

func (s *Service) rulesOf(ctx context.Context, b busRef) ([]*rule, error) {
	if _, err := s.findBus(ctx, b); err != nil {
		return nil, err
	}
	rules, err := s.rules.List(ctx, b.rulesPrefix())
	slices.SortFunc(rules, func(x, y *rule) int { return strings.Compare(x.Name, y.Name) })
	return rules, err
}

func (s *Service) listRules(ctx context.Context, in *shapes.ListRulesInput) (*shapes.ListRulesOutput, error) {
	rules, err := s.rulesOf(ctx, busNamed(ctx, in.EventBusName))
	if err != nil {
		return nil, err
	}
	rules = slices.DeleteFunc(rules, func(r *rule) bool { return !strings.HasPrefix(r.Name, value(in.NamePrefix)) })
	rules, next, err := page(rules, func(r *rule) string { return r.Name }, in.Limit, in.NextToken)
	if err != nil {
		return nil, err
	}
	out := &shapes.ListRulesOutput{Rules: []*shapes.Rule{}, NextToken: next}
	for _, r := range rules {
		out.Rules = append(out.Rules, &shapes.Rule{
			Name: &r.Name, Arn: new(r.arn()), EventPattern: optional(r.Pattern), ScheduleExpression: optional(r.Schedule), State: &r.State,
			Description: optional(r.Description), RoleArn: optional(r.Role), EventBusName: &r.Bus,
		})
	}
	return out, nil
}

func (s *Service) listRuleNamesByTarget(ctx context.Context, in *shapes.ListRuleNamesByTargetInput) (*shapes.ListRuleNamesByTargetOutput, error) {
	rules, err := s.rulesOf(ctx, busNamed(ctx, in.EventBusName))
	if err != nil {
		return nil, err
	}
	names := []string{}
	for _, r := range rules {
		if slices.ContainsFunc(r.Targets, func(t *shapes.Target) bool { return *t.Arn == *in.TargetArn }) {
			names = append(names, r.Name)
		}
	}
	names, next, err := page(names, func(n string) string { return n }, in.Limit, in.NextToken)
	return &shapes.ListRuleNamesByTargetOutput{RuleNames: names, NextToken: next}, err
}

func (s *Service) setState(ctx context.Context, busName *string, name, state string) error {
	r, err := s.editRule(ctx, busNamed(ctx, busName), name, func(r *rule) error {
		if r.State == state {
			return follow.ErrUnchanged
		}
		old := *r
		r.State = state
		return r.plan(&old, time.Now())
	})
	if err != nil {
		return err
	}
	return s.wake(ctx, r)
}

func (s *Service) enableRule(ctx context.Context, in *shapes.EnableRuleInput) (*shapes.EnableRuleOutput, error) {
	return &shapes.EnableRuleOutput{}, s.setState(ctx, in.EventBusName, *in.Name, "ENABLED")
}

func (s *Service) disableRule(ctx context.Context, in *shapes.DisableRuleInput) (*shapes.DisableRuleOutput, error) {
	return &shapes.DisableRuleOutput{}, s.setState(ctx, in.EventBusName, *in.Name, "DISABLED")
}

func (s *Service) deleteRule(ctx context.Context, in *shapes.DeleteRuleInput) (*shapes.DeleteRuleOutput, error) {
	b := busNamed(ctx, in.EventBusName)
	if _, err := s.findBus(ctx, b); err != nil {
		return nil, err
	}
	_, err := s.rules.Edit(ctx, b.ruleKey(*in.Name), func(r *rule) (*rule, error) {
		if r != nil && len(r.Targets) > 0 {
			return nil, invalid("Rule can't be deleted since it has targets.")
		}
		return nil, nil
	})
	return &shapes.DeleteRuleOutput{}, err
}

// testEventPattern answers whether a pattern matches an event, whose envelope must be whole.
func (s *Service) testEventPattern(_ context.Context, in *shapes.TestEventPatternInput) (*shapes.TestEventPatternOutput, error) {
	p, patternErr := eventpattern.Parse(*in.EventPattern)
	e, err := eventpattern.ParseEvent([]byte(*in.Event))
	if err != nil || !e.Has("id", "account", "source", "time", "region", "detail-type") {
		return nil, invalid("Parameter Event is not valid.")
	}
	if patternErr != nil {
		return nil, errPattern(patternErr)
	}
	return &shapes.TestEventPatternOutput{Result: new(p.Match(e))}, nil
}

var _ awsapi.Service = (*Service)(nil)
