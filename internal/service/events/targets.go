package events

import (
	"context"
	"errors"
	"slices"
	"strings"

	"github.com/sallyport/sallyport/internal/arn"
	shapes "github.com/sallyport/sallyport/internal/awsapi/shapes/events"
	"github.com/sallyport/sallyport/internal/service/events/transform"
	"github.com/sallyport/sallyport/internal/store/follow"
)

func (s *Service) putTargets(ctx context.Context, in *shapes.PutTargetsInput) (*shapes.PutTargetsOutput, error) {
	for _, t := range in.Targets {
		if err := checkTarget(t); err != nil {
			return nil, err
		}
	}
	_, err := s.editRule(ctx, busNamed(ctx, in.EventBusName), *in.Rule, func(r *rule) error {
		for _, t := range in.Targets {
			i := slices.IndexFunc(r.Targets, func(old *shapes.Target) bool { return *old.Id == *t.Id })
			if i >= 0 {
				r.Targets[i] = t
			} else {
				r.Targets = append(r.Targets, t)
			}
		}
		if len(r.Targets) > maxTargets {
			return errLimit()
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	return &shapes.PutTargetsOutput{FailedEntryCount: new(int64(0)), FailedEntries: []*shapes.PutTargetsResultEntry{}}, nil
}

// checkTarget refuses what AWS refuses when a target is put.
func checkTarget(t *shapes.Target) error {
	a, err := arn.Parse(*t.Arn)
	if err != nil {
		return invalid("Parameter %s is not valid. Reason: Provided Arn is not in correct format.", *t.Arn)
	}
	given := 0
	for _, is := range []bool{t.Input != nil, t.InputPath != nil, t.InputTransformer != nil} {
		if is {
			given++
		}
	}
	if given > 1 {
		return invalid("Only one of Input, InputPath, or InputTransformer must be provided for target %s.", *t.Id)
	}
	if t.InputPath != nil {
		if _, err := transform.ParsePath(*t.InputPath); err != nil {
			return invalid("Parameter InputPath is not valid. Reason: InputPath for target %s is not a JSON path.", *t.Id)
		}
	}
	if it := t.InputTransformer; it != nil {
		_, err := transform.NewTemplate(it.InputPathsMap, value(it.InputTemplate))
		if unknown, ok := errors.AsType[*transform.UnknownError](err); ok {
			return invalid("InputTemplate for target %s contains invalid placeholder %s.", *t.Id, unknown.Name)
		} else if err != nil {
			return invalid("InputPathsMap for target %s has a value that is not a JSON path.", *t.Id)
		}
	}
	if a.Service == "sqs" && strings.HasSuffix(a.Resource, ".fifo") && (t.SqsParameters == nil || t.SqsParameters.MessageGroupId == nil) {
		return invalid("Parameter(s) SqsParameters must be specified for target: %s.", *t.Id)
	}
	if a.Service == "states" && t.RoleArn == nil {
		return invalid("RoleArn is required for target %s.", *t.Arn)
	}
	return nil
}

func (s *Service) listTargetsByRule(ctx context.Context, in *shapes.ListTargetsByRuleInput) (*shapes.ListTargetsByRuleOutput, error) {
	r, err := s.findRule(ctx, busNamed(ctx, in.EventBusName), *in.Rule)
	if err != nil {
		return nil, err
	}
	targets := slices.Clone(r.Targets)
	slices.SortFunc(targets, func(a, b *shapes.Target) int { return strings.Compare(*a.Id, *b.Id) })
	targets, next, err := page(targets, func(t *shapes.Target) string { return *t.Id }, in.Limit, in.NextToken)
	if targets == nil {
		targets = []*shapes.Target{}
	}
	return &shapes.ListTargetsByRuleOutput{Targets: targets, NextToken: next}, err
}

// removeTargets removes targets; ids that there are not are no error.
func (s *Service) removeTargets(ctx context.Context, in *shapes.RemoveTargetsInput) (*shapes.RemoveTargetsOutput, error) {
	_, err := s.editRule(ctx, busNamed(ctx, in.EventBusName), *in.Rule, func(r *rule) error {
		n := len(r.Targets)
		r.Targets = slices.DeleteFunc(r.Targets, func(t *shapes.Target) bool { return slices.Contains(in.Ids, *t.Id) })
		if len(r.Targets) == n {
			return follow.ErrUnchanged
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	return &shapes.RemoveTargetsOutput{FailedEntryCount: new(int64(0)), FailedEntries: []*shapes.RemoveTargetsResultEntry{}}, nil
}
