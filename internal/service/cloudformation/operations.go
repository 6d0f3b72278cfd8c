package cloudformation

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/sallyport/sallyport/internal/awsapi"
	api "github.com/sallyport/sallyport/internal/awsapi/shapes/cloudformation"
	"github.com/sallyport/sallyport/internal/store"
)

// Operations implements awsapi.Service.
func (s *Service) Operations() map[string]awsapi.Operation {
	return map[string]awsapi.Operation{
		"CreateStack":                 op(s, s.createStack),
		"UpdateStack":                 op(s, s.updateStack),
		"DeleteStack":                 op(s, s.deleteStack),
		"DescribeStacks":              op(s, s.describeStacks),
		"ListStacks":                  op(s, s.listStacks),
		"DescribeStackEvents":         op(s, s.describeStackEvents),
		"DescribeEvents":              op(s, s.describeEvents),
		"DescribeStackResource":       op(s, s.describeStackResource),
		"DescribeStackResources":      op(s, s.describeStackResources),
		"ListStackResources":          op(s, s.listStackResources),
		"CreateChangeSet":             op(s, s.createChangeSet),
		"DescribeChangeSet":           op(s, s.describeChangeSet),
		"ExecuteChangeSet":            op(s, s.executeChangeSet),
		"DeleteChangeSet":             op(s, s.deleteChangeSet),
		"ListChangeSets":              op(s, s.listChangeSets),
		"GetTemplate":                 op(s, s.getTemplate),
		"GetTemplateSummary":          op(s, s.getTemplateSummary),
		"ValidateTemplate":            op(s, s.validateTemplate),
		"EstimateTemplateCost":        op(s, s.estimateTemplateCost),
		"ListExports":                 op(s, s.listExports),
		"ListImports":                 op(s, s.listImports),
		"UpdateTerminationProtection": op(s, s.updateTerminationProtection),
		"GetStackPolicy":              op(s, s.getStackPolicy),
		"SetStackPolicy":              op(s, s.setStackPolicy),
		"ContinueUpdateRollback":      op(s, s.continueUpdateRollback),
		"RollbackStack":               op(s, s.rollbackStack),
		"CancelUpdateStack":           op(s, s.cancelUpdateStack),
		"DescribeAccountLimits":       op(s, s.describeAccountLimits),
		"DescribeType":                op(s, s.describeType),
		"ListTypes":                   op(s, s.listTypes),
	}
}

func errTypeNotFound(name string) error {
	return awsapi.Errorf("TypeNotFoundException", 404, "The type '%s' cannot be found.", name)
}

func (s *Service) updateTerminationProtection(ctx context.Context, in *api.UpdateTerminationProtectionInput) (*api.UpdateTerminationProtectionOutput, error) {
	st, ok, err := s.stackNamed(ctx, str(in.StackName))
	if err != nil {
		return nil, err
	}
	if !ok || st.Status == "DELETE_COMPLETE" {
		return nil, errNoStack(str(in.StackName))
	}
	if st.ParentID != "" {
		return nil, errValidation("Termination protection cannot be updated on nested stack %s", st.Name)
	}
	return &api.UpdateTerminationProtectionOutput{StackId: &st.ID}, s.protect(ctx, st, yes(in.EnableTerminationProtection))
}

func (s *Service) getStackPolicy(ctx context.Context, in *api.GetStackPolicyInput) (*api.GetStackPolicyOutput, error) {
	st, ok, err := s.stackNamed(ctx, str(in.StackName))
	if err != nil {
		return nil, err
	}
	if !ok {
		return nil, errNoStack(str(in.StackName))
	}
	policy, _, err := get[string](ctx, s.docs(), keysOf(ctx).policy(st.UUID))
	return &api.GetStackPolicyOutput{StackPolicyBody: policy}, err
}

func (s *Service) setStackPolicy(ctx context.Context, in *api.SetStackPolicyInput) (*api.SetStackPolicyOutput, error) {
	st, ok, err := s.stackNamed(ctx, str(in.StackName))
	if err != nil {
		return nil, err
	}
	if !ok || st.Status == "DELETE_COMPLETE" {
		return nil, errNoStack(str(in.StackName))
	}
	if in.StackPolicyBody != nil && in.StackPolicyURL != nil {
		return nil, errValidation("You cannot specify both StackPolicyURL and StackPolicyBody")
	}
	body := str(in.StackPolicyBody)
	if in.StackPolicyURL != nil {
		text, err := s.fetch(ctx, *in.StackPolicyURL)
		if err != nil {
			return nil, err
		}
		body = string(text)
	}
	return &api.SetStackPolicyOutput{}, s.setPolicy(ctx, st, body)
}

// setPolicy keeps a stack policy. It is checked and remembered, and does not keep anybody from an update.
func (s *Service) setPolicy(ctx context.Context, st *stack, body string) error {
	invalid := errValidation("Error validating stack policy: Invalid stack policy")
	var policy struct {
		Statement []struct {
			Effect, Principal string
			Action            any
			Resource          any
		}
	}
	if json.Unmarshal([]byte(body), &policy) != nil || policy.Statement == nil {
		return invalid
	}
	for _, st := range policy.Statement {
		if st.Effect != "Allow" && st.Effect != "Deny" || st.Principal != "*" || !updateActions(st.Action) {
			return invalid
		}
	}
	_, err := store.Put(ctx, s.docs(), keysOf(ctx).policy(st.UUID), encode(body), store.Always)
	return err
}

func updateActions(v any) bool {
	switch v := v.(type) {
	case string:
		switch v {
		case "Update:*", "Update:Modify", "Update:Replace", "Update:Delete":
			return true
		}
	case []any:
		for _, e := range v {
			if !updateActions(e) {
				return false
			}
		}
		return len(v) > 0
	}
	return false
}

// continueUpdateRollback tries again to bring back what an update has changed.
func (s *Service) continueUpdateRollback(ctx context.Context, in *api.ContinueUpdateRollbackInput) (*api.ContinueUpdateRollbackOutput, error) {
	st, ok, err := s.stackNamed(ctx, str(in.StackName))
	if err != nil {
		return nil, err
	}
	if !ok {
		return nil, errNoStack(str(in.StackName))
	}
	if st.Status != "UPDATE_ROLLBACK_FAILED" {
		return nil, errValidation("Stack:%s is in %s state and can not continue rollback.", st.ID, st.Status)
	}
	if st.Previous == nil {
		return nil, fmt.Errorf("stack %s does not know what to go back to", st.Name)
	}
	o := &operation{Kind: opUpdate, Phase: phaseRollback, Token: str(in.ClientRequestToken), Previous: st.Previous, Resumes: st.LastOp, Retain: in.ResourcesToSkip}
	err = s.begin(ctx, st, o, "UPDATE_ROLLBACK_IN_PROGRESS", "User Initiated")
	if errors.Is(err, store.ErrConflict) {
		return nil, errCannotUpdate(st)
	}
	return &api.ContinueUpdateRollbackOutput{}, err
}

// rollbackStack undoes a creation or an update that has failed and was left as it was.
func (s *Service) rollbackStack(ctx context.Context, in *api.RollbackStackInput) (*api.RollbackStackOutput, error) {
	st, ok, err := s.stackNamed(ctx, str(in.StackName))
	if err != nil {
		return nil, err
	}
	if !ok {
		return nil, errNoStack(str(in.StackName))
	}
	switch {
	case st.Status == "CREATE_FAILED":
		err = s.begin(ctx, st, &operation{Kind: opCreate, Phase: phaseRollback, Token: str(in.ClientRequestToken)}, "ROLLBACK_IN_PROGRESS", "User Initiated")
	case st.Status == "UPDATE_FAILED" && st.Previous != nil:
		o := &operation{Kind: opUpdate, Phase: phaseRollback, Token: str(in.ClientRequestToken), Previous: st.Previous, Resumes: st.LastOp}
		err = s.begin(ctx, st, o, "UPDATE_ROLLBACK_IN_PROGRESS", "User Initiated")
	default:
		return nil, errValidation("Stack:%s is in %s state and can not be rolled back.", st.ID, st.Status)
	}
	if errors.Is(err, store.ErrConflict) {
		return nil, errCannotUpdate(st)
	}
	if err != nil {
		return nil, err
	}
	return &api.RollbackStackOutput{StackId: &st.ID, OperationId: &st.Op.ID}, nil
}

// cancelUpdateStack asks the update under way to go back before it touches another resource.
func (s *Service) cancelUpdateStack(ctx context.Context, in *api.CancelUpdateStackInput) (*api.CancelUpdateStackOutput, error) {
	st, ok, err := s.stackNamed(ctx, str(in.StackName))
	if err != nil {
		return nil, err
	}
	if !ok {
		return nil, errNoStack(str(in.StackName))
	}
	if st.Status != "UPDATE_IN_PROGRESS" || st.Op == nil {
		return nil, errValidation("CancelUpdateStack cannot be called from current stack status")
	}
	_, err = store.Put(ctx, s.docs(), keysOf(ctx).cancel(st.UUID), encode(st.Op.ID), store.Always)
	return &api.CancelUpdateStackOutput{}, err
}
