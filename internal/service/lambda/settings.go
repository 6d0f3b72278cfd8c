package lambda

import (
	"context"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/sallyport/sallyport/internal/arn"
	"github.com/sallyport/sallyport/internal/awsapi"
	shape "github.com/sallyport/sallyport/internal/awsapi/shapes/lambda"
)

// accountConcurrency is AWS's default limit of concurrent invocations of an account in a region.
const accountConcurrency = 1000

func (s *Service) getAccountSettings(ctx context.Context, _ *shape.GetAccountSettingsInput) (*shape.GetAccountSettingsOutput, error) {
	caller := awsapi.CallerOf(ctx)
	all := s.catalog.list(functionKey(caller.Account, caller.Region, ""))
	var size, reserved int64
	for _, fn := range all {
		size += fn.Latest.Code.Size
		reserved += deref(fn.Reserved)
	}
	return &shape.GetAccountSettingsOutput{
		AccountLimit: &shape.AccountLimit{
			CodeSizeUnzipped: new(int64(maxUnzipped)), CodeSizeZipped: new(int64(maxZip)), TotalCodeSize: new(int64(80530636800)),
			ConcurrentExecutions: new(int64(accountConcurrency)), UnreservedConcurrentExecutions: new(accountConcurrency - reserved),
		},
		AccountUsage: &shape.AccountUsage{FunctionCount: new(int64(len(all))), TotalCodeSize: new(size)},
	}, nil
}

func (s *Service) putFunctionConcurrency(ctx context.Context, in *shape.PutFunctionConcurrencyInput) (*shape.PutFunctionConcurrencyOutput, error) {
	t, err := parseTarget(ctx, in.FunctionName, nil)
	if err != nil {
		return nil, err
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
	t, err := parseTarget(ctx, in.FunctionName, nil)
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
	t, err := taggable(ctx, in.Resource)
	if err != nil {
		return nil, err
	}
	_, err = s.change(ctx, t, func(fn *function) error {
		if fn.Tags == nil {
			fn.Tags = map[string]string{}
		}
		maps.Copy(fn.Tags, in.Tags)
		return nil
	})
	return &shape.TagResourceOutput{}, err
}

func (s *Service) untagResource(ctx context.Context, in *shape.UntagResourceInput) (*shape.UntagResourceOutput, error) {
	t, err := taggable(ctx, in.Resource)
	if err != nil {
		return nil, err
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
	if _, err := s.lookup(ctx, t); err != nil {
		return nil, err
	}
	return &shape.GetFunctionRecursionConfigOutput{RecursiveLoop: new("Terminate")}, nil
}

// qualifierOrLatest is the key of asynchronous settings.
func qualifierOrLatest(t target) string {
	if t.qualifier == "" {
		return latest
	}
	return t.qualifier
}

func (f *function) describeAsync(qualifier string) *shape.FunctionEventInvokeConfig {
	c := f.Async[qualifier]
	return &shape.FunctionEventInvokeConfig{
		FunctionArn: new(f.arn(qualifier)), LastModified: new(c.Modified),
		MaximumEventAgeInSeconds: c.MaxAge, MaximumRetryAttempts: c.MaxRetry,
		DestinationConfig: &shape.DestinationConfig{OnSuccess: &shape.OnSuccess{Destination: orNil(c.OnSuccess)}, OnFailure: &shape.OnFailure{Destination: orNil(c.OnFailure)}},
	}
}

func orNil(s string) *string {
	if s == "" {
		return nil
	}
	return &s
}

// setAsync writes the asynchronous settings of one qualifier; merge keeps what is not given.
func (s *Service) setAsync(ctx context.Context, name, qualifier *string, in asyncConfig, merge bool) (*shape.FunctionEventInvokeConfig, error) {
	t, err := parseTarget(ctx, name, qualifier)
	if err != nil {
		return nil, err
	}
	q := qualifierOrLatest(t)
	fn, err := s.change(ctx, t, func(fn *function) error {
		if fn.configurationOf(q) == nil {
			return errFunctionNotFound(t.arn())
		}
		old, ok := fn.Async[q]
		next := in
		if merge {
			if !ok {
				return errNoAsync(fn, q)
			}
			next = old.merged(in)
		}
		next.Modified = time.Now().UTC()
		if fn.Async == nil {
			fn.Async = map[string]asyncConfig{}
		}
		fn.Async[q] = next
		return nil
	})
	if err != nil {
		return nil, err
	}
	return fn.describeAsync(q), nil
}

func (c asyncConfig) merged(in asyncConfig) asyncConfig {
	if in.MaxAge == nil {
		in.MaxAge = c.MaxAge
	}
	if in.MaxRetry == nil {
		in.MaxRetry = c.MaxRetry
	}
	if in.OnSuccess == "" {
		in.OnSuccess = c.OnSuccess
	}
	if in.OnFailure == "" {
		in.OnFailure = c.OnFailure
	}
	return in
}

func errNoAsync(fn *function, qualifier string) error {
	return errNotFound("The function %s doesn't have an EventInvokeConfig", fn.arn(qualifier))
}

// destinations reads the two ARNs of a DestinationConfig.
func destinations(in *shape.DestinationConfig) (onSuccess, onFailure string) {
	if in == nil {
		return "", ""
	}
	if in.OnSuccess != nil {
		onSuccess = deref(in.OnSuccess.Destination)
	}
	if in.OnFailure != nil {
		onFailure = deref(in.OnFailure.Destination)
	}
	return onSuccess, onFailure
}

func (s *Service) putFunctionEventInvokeConfig(ctx context.Context, in *shape.PutFunctionEventInvokeConfigInput) (*shape.PutFunctionEventInvokeConfigOutput, error) {
	onSuccess, onFailure := destinations(in.DestinationConfig)
	return s.setAsync(ctx, in.FunctionName, in.Qualifier, asyncConfig{MaxAge: in.MaximumEventAgeInSeconds, MaxRetry: in.MaximumRetryAttempts, OnSuccess: onSuccess, OnFailure: onFailure}, false)
}

func (s *Service) updateFunctionEventInvokeConfig(ctx context.Context, in *shape.UpdateFunctionEventInvokeConfigInput) (*shape.UpdateFunctionEventInvokeConfigOutput, error) {
	onSuccess, onFailure := destinations(in.DestinationConfig)
	return s.setAsync(ctx, in.FunctionName, in.Qualifier, asyncConfig{MaxAge: in.MaximumEventAgeInSeconds, MaxRetry: in.MaximumRetryAttempts, OnSuccess: onSuccess, OnFailure: onFailure}, true)
}

func (s *Service) getFunctionEventInvokeConfig(ctx context.Context, in *shape.GetFunctionEventInvokeConfigInput) (*shape.GetFunctionEventInvokeConfigOutput, error) {
	t, err := parseTarget(ctx, in.FunctionName, in.Qualifier)
	if err != nil {
		return nil, err
	}
	e, err := s.lookup(ctx, t)
	if err != nil {
		return nil, err
	}
	q := qualifierOrLatest(t)
	if _, ok := e.fn.Async[q]; !ok {
		return nil, errNoAsync(e.fn, q)
	}
	return e.fn.describeAsync(q), nil
}

func (s *Service) listFunctionEventInvokeConfigs(ctx context.Context, in *shape.ListFunctionEventInvokeConfigsInput) (*shape.ListFunctionEventInvokeConfigsOutput, error) {
	t, err := parseTarget(ctx, in.FunctionName, nil)
	if err != nil {
		return nil, err
	}
	e, err := s.lookup(ctx, t)
	if err != nil {
		return nil, err
	}
	var list []*shape.FunctionEventInvokeConfig
	for _, q := range slices.Sorted(maps.Keys(e.fn.Async)) {
		list = append(list, e.fn.describeAsync(q))
	}
	page, next, err := paginate(list, in.Marker, in.MaxItems)
	return &shape.ListFunctionEventInvokeConfigsOutput{FunctionEventInvokeConfigs: page, NextMarker: next}, err
}

func (s *Service) deleteFunctionEventInvokeConfig(ctx context.Context, in *shape.DeleteFunctionEventInvokeConfigInput) (*shape.DeleteFunctionEventInvokeConfigOutput, error) {
	t, err := parseTarget(ctx, in.FunctionName, in.Qualifier)
	if err != nil {
		return nil, err
	}
	q := qualifierOrLatest(t)
	_, err = s.change(ctx, t, func(fn *function) error {
		if _, ok := fn.Async[q]; !ok {
			return errNoAsync(fn, q)
		}
		delete(fn.Async, q)
		return nil
	})
	return &shape.DeleteFunctionEventInvokeConfigOutput{}, err
}
