package lambda

import (
	"context"
	"maps"
	"slices"
	"time"

	shape "github.com/sallyport/sallyport/internal/awsapi/shapes/lambda"
)

// provisioned is the provisioned concurrency of a version or an alias. It is kept and shown as ready: processes here start on
// demand all the same.
type provisioned struct {
	Count    int64     `json:"count"`
	Modified time.Time `json:"modified"`
}

func (p provisioned) modified() *string { return new(p.Modified.Format("2006-01-02T15:04:05+0000")) }

// provisionable returns the function, or says why it cannot have provisioned concurrency where t says.
func provisionable(fn *function, t target) error {
	if fn != nil && (fn.configurationOf(t.qualifier) != nil) {
		return nil
	}
	if !isVersion(t.qualifier) {
		return errAliasNotFound(t.arn())
	}
	return errFunctionNotFound(t.arn())
}

func (s *Service) putProvisioned(ctx context.Context, in *shape.PutProvisionedConcurrencyConfigInput) (*shape.PutProvisionedConcurrencyConfigOutput, error) {
	t, err := parseTarget(ctx, in.FunctionName, in.Qualifier)
	if err != nil {
		return nil, err
	}
	if t.qualifier == latest {
		return nil, errInvalid("Provisioned Concurrency Configs cannot be applied to unpublished function versions.")
	}
	p := provisioned{Count: *in.ProvisionedConcurrentExecutions, Modified: time.Now().UTC()}
	_, err = s.edit(ctx, t, func(fn *function) (*function, error) {
		if err := provisionable(fn, t); err != nil {
			return nil, err
		}
		sum := p.Count
		for q, other := range fn.Provisioned {
			if q != t.qualifier {
				sum += other.Count
			}
		}
		if fn.Reserved != nil && sum > *fn.Reserved {
			return nil, errInvalid("Requested Provisioned Concurrency should not be greater than the reservedConcurrentExecution for function")
		}
		if fn.Provisioned == nil {
			fn.Provisioned = map[string]provisioned{}
		}
		fn.Provisioned[t.qualifier] = p
		return fn, nil
	})
	if err != nil {
		return nil, err
	}
	return &shape.PutProvisionedConcurrencyConfigOutput{
		RequestedProvisionedConcurrentExecutions: new(p.Count), AllocatedProvisionedConcurrentExecutions: new(int64(0)),
		AvailableProvisionedConcurrentExecutions: new(int64(0)), Status: new("IN_PROGRESS"), LastModified: p.modified(),
	}, nil
}

func (s *Service) getProvisioned(ctx context.Context, in *shape.GetProvisionedConcurrencyConfigInput) (*shape.GetProvisionedConcurrencyConfigOutput, error) {
	t, err := parseTarget(ctx, in.FunctionName, in.Qualifier)
	if err != nil {
		return nil, err
	}
	if t.qualifier == latest {
		return nil, errInvalid("The function resource provided must be an alias or a published version.")
	}
	if err := s.ready(ctx); err != nil {
		return nil, err
	}
	var fn *function
	if e := s.catalog.get(t.key()); e != nil {
		fn = e.fn
	}
	if err := provisionable(fn, t); err != nil {
		return nil, err
	}
	p, ok := fn.Provisioned[t.qualifier]
	if !ok {
		return nil, failure("ProvisionedConcurrencyConfigNotFoundException", 404, "No Provisioned Concurrency Config found for this function")
	}
	return &shape.GetProvisionedConcurrencyConfigOutput{
		RequestedProvisionedConcurrentExecutions: new(p.Count), AllocatedProvisionedConcurrentExecutions: new(p.Count),
		AvailableProvisionedConcurrentExecutions: new(p.Count), Status: new("READY"), LastModified: p.modified(),
	}, nil
}

func (s *Service) listProvisioned(ctx context.Context, in *shape.ListProvisionedConcurrencyConfigsInput) (*shape.ListProvisionedConcurrencyConfigsOutput, error) {
	t, err := parseTarget(ctx, in.FunctionName, nil)
	if err != nil {
		return nil, err
	}
	e, err := s.lookup(ctx, t)
	if err != nil {
		return nil, err
	}
	var list []item[*shape.ProvisionedConcurrencyConfigListItem]
	for _, q := range slices.Sorted(maps.Keys(e.fn.Provisioned)) {
		p := e.fn.Provisioned[q]
		list = append(list, item[*shape.ProvisionedConcurrencyConfigListItem]{q, &shape.ProvisionedConcurrencyConfigListItem{
			FunctionArn: new(e.fn.arn(q)), RequestedProvisionedConcurrentExecutions: new(p.Count), AllocatedProvisionedConcurrentExecutions: new(p.Count),
			AvailableProvisionedConcurrentExecutions: new(p.Count), Status: new("READY"), LastModified: p.modified(),
		}})
	}
	page, next, err := paginate(list, in.Marker, in.MaxItems)
	return &shape.ListProvisionedConcurrencyConfigsOutput{ProvisionedConcurrencyConfigs: page, NextMarker: next}, err
}

func (s *Service) deleteProvisioned(ctx context.Context, in *shape.DeleteProvisionedConcurrencyConfigInput) (*shape.DeleteProvisionedConcurrencyConfigOutput, error) {
	t, err := parseTarget(ctx, in.FunctionName, in.Qualifier)
	if err != nil {
		return nil, err
	}
	_, err = s.edit(ctx, t, func(fn *function) (*function, error) {
		if err := provisionable(fn, t); err != nil {
			return nil, err
		}
		if _, ok := fn.Provisioned[t.qualifier]; !ok {
			return nil, errUnchanged
		}
		delete(fn.Provisioned, t.qualifier)
		return fn, nil
	})
	return &shape.DeleteProvisionedConcurrencyConfigOutput{}, err
}
