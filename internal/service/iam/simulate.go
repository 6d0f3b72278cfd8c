package iam

import (
	"context"
	"strings"

	"github.com/sallyport/sallyport/internal/arn"
	"github.com/sallyport/sallyport/internal/awsapi"
	shapes "github.com/sallyport/sallyport/internal/awsapi/shapes/iam"
	"github.com/sallyport/sallyport/internal/policy"
)

// simulatePrincipalPolicy answers what policies would say, whatever is enforced.
func (s *Service) simulatePrincipalPolicy(ctx context.Context, in *shapes.SimulatePrincipalPolicyInput) (*shapes.SimulatePrincipalPolicyOutput, error) {
	a, err := arn.Parse(*in.PolicySourceArn)
	if err != nil {
		return nil, errInvalidInput("Invalid Entity Arn: %s", *in.PolicySourceArn)
	}
	who := awsapi.Caller{Account: a.Account, ARN: *in.PolicySourceArn, Region: awsapi.CallerOf(ctx).Region}
	p, err := s.principalOf(ctx, &who)
	if err != nil {
		return nil, err
	}
	if p == nil || a.Account != account(ctx) {
		return nil, errNoEntity("The policy source %s cannot be found.", *in.PolicySourceArn)
	}
	docs, err := s.documentsOf(ctx, p)
	if err != nil {
		return nil, err
	}
	for _, text := range in.PolicyInputList {
		d, err := parseDocument(text)
		if err != nil {
			return nil, err
		}
		docs = append(docs, d)
	}
	conditions := map[string][]string{}
	for _, e := range in.ContextEntries {
		conditions[deref(e.ContextKeyName)] = e.ContextKeyValues
	}
	resources := in.ResourceArns
	if len(resources) == 0 {
		resources = []string{"*"}
	}
	out := &shapes.SimulatePrincipalPolicyOutput{EvaluationResults: []*shapes.EvaluationResult{}, IsTruncated: new(false)}
	for _, action := range in.ActionNames {
		if !strings.Contains(action, ":") {
			return nil, errInvalidInput("Invalid Action: %s", action)
		}
		for _, resource := range resources {
			d := policy.Evaluate(docs, policy.Request{Action: action, Resource: resource, Context: s.context(&who, p, conditions)})
			out.EvaluationResults = append(out.EvaluationResults, &shapes.EvaluationResult{
				EvalActionName: new(action), EvalResourceName: new(resource), EvalDecision: new(d.String()), MatchedStatements: []*shapes.Statement{}, MissingContextValues: []string{},
			})
		}
	}
	return out, nil
}
