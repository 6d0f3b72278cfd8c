package lambda

import (
	"context"
	"maps"
	"slices"
	"time"

	"github.com/sallyport/sallyport/internal/awsapi"
	shape "github.com/sallyport/sallyport/internal/awsapi/shapes/lambda"
)

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
	if in.empty() {
		return nil, errInvalid("You must specify at least one of error handling or destination setting.")
	}
	q := qualifierOrLatest(t)
	fn, err := s.edit(ctx, t, func(fn *function) (*function, error) {
		if fn == nil || fn.configurationOf(q) == nil {
			return nil, errNotFound("The function doesn't exist.")
		}
		old, ok := fn.Async[q]
		next := in
		if merge {
			if !ok {
				return nil, errNoAsync(t)
			}
			next = old.merged(in)
		}
		next.Modified = time.Now().UTC()
		if fn.Async == nil {
			fn.Async = map[string]asyncConfig{}
		}
		fn.Async[q] = next
		return fn, nil
	})
	if err != nil {
		return nil, err
	}
	return fn.describeAsync(q), nil
}

func (c asyncConfig) empty() bool {
	return c.MaxAge == nil && c.MaxRetry == nil && c.OnSuccess == "" && c.OnFailure == ""
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

func errNoAsync(t target) error {
	return errNotFound("The function %s doesn't have an EventInvokeConfig", t.qualified())
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
	if err := s.ready(ctx); err != nil {
		return nil, err
	}
	q := qualifierOrLatest(t)
	e := s.catalog.get(t.key())
	if e == nil {
		return nil, errNoAsync(t)
	}
	if _, ok := e.fn.Async[q]; !ok {
		return nil, errNoAsync(t)
	}
	return e.fn.describeAsync(q), nil
}

func (s *Service) listFunctionEventInvokeConfigs(ctx context.Context, in *shape.ListFunctionEventInvokeConfigsInput) (*shape.ListFunctionEventInvokeConfigsOutput, error) {
	t, err := parseTarget(ctx, in.FunctionName, nil)
	if err != nil {
		return nil, err
	}
	e, err := s.lookup(ctx, t)
	if awsapi.Code(err) == "ResourceNotFoundException" {
		return nil, errNotFound("The function doesn't exist.")
	} else if err != nil {
		return nil, err
	}
	var list []item[*shape.FunctionEventInvokeConfig]
	for _, q := range slices.Sorted(maps.Keys(e.fn.Async)) {
		list = append(list, item[*shape.FunctionEventInvokeConfig]{q, e.fn.describeAsync(q)})
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
	_, err = s.edit(ctx, t, func(fn *function) (*function, error) {
		if fn == nil {
			return nil, errNoAsync(t)
		}
		if _, ok := fn.Async[q]; !ok {
			return nil, errNoAsync(t)
		}
		delete(fn.Async, q)
		return fn, nil
	})
	return &shape.DeleteFunctionEventInvokeConfigOutput{}, err
}
