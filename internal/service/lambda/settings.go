package lambda

import (
	"cmp"
	"context"
	"maps"
	"slices"
	"strings"

	"github.com/sallyport/sallyport/internal/arn"
	"github.com/sallyport/sallyport/internal/awsapi"
	shape "github.com/sallyport/sallyport/internal/awsapi/shapes/lambda"
)

// accountConcurrency is AWS's default limit of concurrent invocations of an account in a region.
const accountConcurrency = int64(1000)

// minUnreserved is how much of it functions may not reserve.
const minUnreserved = 100

// maxTags is the most tags of a function.
const maxTags = 50

func (s *Service) getAccountSettings(ctx context.Context, _ *shape.GetAccountSettingsInput) (*shape.GetAccountSettingsOutput, error) {
	all, err := s.owned(ctx)
	if err != nil {
		return nil, err
	}
	var size, reserved int64
	for _, fn := range all {
		size += fn.Latest.Code.Size
		reserved += deref(fn.Reserved)
	}
	return &shape.GetAccountSettingsOutput{
		AccountLimit: &shape.AccountLimit{
			CodeSizeUnzipped: new(int64(maxUnzipped)), CodeSizeZipped: new(int64(maxZip)), TotalCodeSize: new(int64(80530636800)),
			ConcurrentExecutions: new(accountConcurrency), UnreservedConcurrentExecutions: new(accountConcurrency - reserved),
		},
		AccountUsage: &shape.AccountUsage{FunctionCount: new(int64(len(all))), TotalCodeSize: new(size)},
	}, nil
}

func (s *Service) putFunctionConcurrency(ctx context.Context, in *shape.PutFunctionConcurrencyInput) (*shape.PutFunctionConcurrencyOutput, error) {
	t, err := parseWhole(ctx, in.FunctionName)
	if err != nil {
		return nil, err
	}
	if _, err := s.lookup(ctx, t); err != nil {
		if awsapi.Code(err) == "ResourceNotFoundException" {
			err = errFunctionNotFound(t.qualified())
		}
		return nil, err
	}
	all, err := s.owned(ctx)
	if err != nil {
		return nil, err
	}
	left := accountConcurrency - deref(in.ReservedConcurrentExecutions)
	for _, fn := range all {
		if fn.Name != t.name {
			left -= deref(fn.Reserved)
		}
	}
	if left < minUnreserved {
		return nil, errInvalid("Specified ReservedConcurrentExecutions for function decreases account's UnreservedConcurrentExecution below its minimum value of [%d].", minUnreserved)
	}
	_, err = s.change(ctx, t, func(fn *function) error {
		fn.Reserved = in.ReservedConcurrentExecutions
		return nil
	})
	return &shape.PutFunctionConcurrencyOutput{ReservedConcurrentExecutions: in.ReservedConcurrentExecutions}, err
}

func (s *Service) getFunctionConcurrency(ctx context.Context, in *shape.GetFunctionConcurrencyInput) (*shape.GetFunctionConcurrencyOutput, error) {
	t, err := parseTarget(ctx, in.FunctionName, nil)
	if err != nil {
		return nil, err
	}
	e, err := s.lookup(ctx, t)
	if err != nil {
		return nil, err
	}
	return &shape.GetFunctionConcurrencyOutput{ReservedConcurrentExecutions: e.fn.Reserved}, nil
}

func (s *Service) deleteFunctionConcurrency(ctx context.Context, in *shape.DeleteFunctionConcurrencyInput) (*shape.DeleteFunctionConcurrencyOutput, error) {
	t, err := parseWhole(ctx, in.FunctionName)
	if err != nil {
		return nil, err
	}
	_, err = s.change(ctx, t, func(fn *function) error {
		fn.Reserved = nil
		return nil
	})
	return &shape.DeleteFunctionConcurrencyOutput{}, err
}

// taggable reads the ARN of a function, as the tag operations name it.
func taggable(ctx context.Context, resource *string) (target, error) {
	a, err := arn.Parse(deref(resource))
	if err != nil || a.Service != "lambda" || !strings.HasPrefix(a.Resource, "function:") {
		return target{}, errInvalid("Invalid resource ARN: %s", deref(resource))
	}
	t, err := parseTarget(ctx, resource, nil)
	if err == nil && t.qualifier != "" {
		return target{}, errInvalid("Tags on function aliases and versions are not supported. Please specify a function ARN.")
	}
	return t, err
}

func (s *Service) listTags(ctx context.Context, in *shape.ListTagsInput) (*shape.ListTagsOutput, error) {
	if id, ok := mappingOfARN(deref(in.Resource)); ok {
		m, err := s.findMapping(ctx, &id)
		if err != nil {
			return nil, err
		}
		return &shape.ListTagsOutput{Tags: maps.Clone(m.Tags)}, nil
	}
	t, err := taggable(ctx, in.Resource)
	if err != nil {
		return nil, err
	}
	e, err := s.lookup(ctx, t)
	if err != nil {
		return nil, err
	}
	tags := e.fn.Tags
	if tags == nil {
		tags = map[string]string{}
	}
	return &shape.ListTagsOutput{Tags: tags}, nil
}

func (s *Service) tagResource(ctx context.Context, in *shape.TagResourceInput) (*shape.TagResourceOutput, error) {
	if id, ok := mappingOfARN(deref(in.Resource)); ok {
		return &shape.TagResourceOutput{}, s.tagMapping(ctx, id, func(tags map[string]string) { maps.Copy(tags, in.Tags) })
	}
	t, err := taggable(ctx, in.Resource)
	if err != nil {
		return nil, err
	}
	if len(in.Tags) == 0 {
		return nil, errInvalid("An error occurred and the request cannot be processed.")
	}
	_, err = s.change(ctx, t, func(fn *function) error {
		if fn.Tags == nil {
			fn.Tags = map[string]string{}
		}
		maps.Copy(fn.Tags, in.Tags)
		return checkTags(fn.Tags)
	})
	return &shape.TagResourceOutput{}, err
}

func checkTags(tags map[string]string) error {
	if len(tags) > maxTags {
		return errInvalid("Number of tags exceeds resource tag limit.")
	}
	return nil
}

func (s *Service) untagResource(ctx context.Context, in *shape.UntagResourceInput) (*shape.UntagResourceOutput, error) {
	if id, ok := mappingOfARN(deref(in.Resource)); ok {
		return &shape.UntagResourceOutput{}, s.tagMapping(ctx, id, func(tags map[string]string) {
			maps.DeleteFunc(tags, func(key, _ string) bool { return slices.Contains(in.TagKeys, key) })
		})
	}
	t, err := taggable(ctx, in.Resource)
	if err != nil {
		return nil, err
	}
	if len(in.TagKeys) == 0 { // AWS: no keys in the query are none at all
		return nil, failure("ValidationException", 400, "1 validation error detected: Value null at 'tagKeys' failed to satisfy constraint: Member must not be null")
	}
	_, err = s.change(ctx, t, func(fn *function) error {
		maps.DeleteFunc(fn.Tags, func(key, _ string) bool { return slices.Contains(in.TagKeys, key) })
		return nil
	})
	return &shape.UntagResourceOutput{}, err
}

func (s *Service) getFunctionCodeSigningConfig(ctx context.Context, in *shape.GetFunctionCodeSigningConfigInput) (*shape.GetFunctionCodeSigningConfigOutput, error) {
	t, err := parseTarget(ctx, in.FunctionName, nil)
	if err != nil {
		return nil, err
	}
	if _, err := s.lookup(ctx, t); err != nil {
		return nil, err
	}
	return &shape.GetFunctionCodeSigningConfigOutput{FunctionName: new(t.name)}, nil
}

func (s *Service) getRuntimeManagementConfig(ctx context.Context, in *shape.GetRuntimeManagementConfigInput) (*shape.GetRuntimeManagementConfigOutput, error) {
	t, err := parseTarget(ctx, in.FunctionName, in.Qualifier)
	if err != nil {
		return nil, err
	}
	if _, _, err := s.find(ctx, t); err != nil {
		return nil, err
	}
	return &shape.GetRuntimeManagementConfigOutput{FunctionArn: new(t.arn()), UpdateRuntimeOn: new("Auto")}, nil
}

func (s *Service) getFunctionRecursionConfig(ctx context.Context, in *shape.GetFunctionRecursionConfigInput) (*shape.GetFunctionRecursionConfigOutput, error) {
	t, err := parseTarget(ctx, in.FunctionName, nil)
	if err != nil {
		return nil, err
	}
	e, err := s.lookup(ctx, t)
	if err != nil {
		return nil, err
	}
	return &shape.GetFunctionRecursionConfigOutput{RecursiveLoop: new(cmp.Or(e.fn.Recursion, "Terminate"))}, nil
}

func (s *Service) putFunctionRecursionConfig(ctx context.Context, in *shape.PutFunctionRecursionConfigInput) (*shape.PutFunctionRecursionConfigOutput, error) {
	t, err := parseTarget(ctx, in.FunctionName, nil)
	if err != nil {
		return nil, err
	}
	_, err = s.change(ctx, t, func(fn *function) error {
		fn.Recursion = deref(in.RecursiveLoop)
		return nil
	})
	return &shape.PutFunctionRecursionConfigOutput{RecursiveLoop: in.RecursiveLoop}, err
}
