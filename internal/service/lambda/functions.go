package lambda

import (
	"context"
	"slices"
	"strings"
	"time"

	"github.com/sallyport/sallyport/internal/awsapi"
	shape "github.com/sallyport/sallyport/internal/awsapi/shapes/lambda"
)

func (s *Service) createFunction(ctx context.Context, in *shape.CreateFunctionInput) (*shape.CreateFunctionOutput, error) {
	t, err := parseTarget(ctx, in.FunctionName, nil)
	if err != nil {
		return nil, err
	}
	t = t.unqualified()
	in.FunctionName = &t.name
	config, err := newConfiguration(in)
	if err != nil {
		return nil, err
	}
	if config.Layers, err = s.resolveLayers(ctx, in.Layers); err != nil {
		return nil, err
	}
	if err := checkTags(in.Tags); err != nil {
		return nil, err
	}
	if s.catalog.get(t.key()) != nil { // before the code is stored for nothing
		return nil, errConflict("Function already exist: %s", t.name)
	}
	if config.Code, err = s.takeCode(ctx, in.Code); err != nil {
		return nil, err
	}
	config.touch(time.Now(), true)
	fn, err := s.edit(ctx, t, func(fn *function) (*function, error) {
		if fn != nil {
			return nil, errConflict("Function already exist: %s", t.name)
		}
		fn = &function{Account: t.account, Region: t.region, Name: t.name, Latest: config, Tags: in.Tags}
		if deref(in.Publish) {
			fn.publish("", "", time.Now())
		}
		return fn, nil
	})
	if err != nil {
		s.discard(ctx, config.Code.Blob)
		return nil, err
	}
	s.prepareSoon(fn)
	out := fn.describe(&fn.Latest, "")
	if deref(in.Publish) {
		v := fn.versions()[0]
		out = fn.describe(fn.version(v), v)
	}
	out.State, out.StateReason, out.StateReasonCode = new("Pending"), new("The function is being created."), new("Creating")
	out.LastUpdateStatus = nil
	return out, nil
}

func (s *Service) getFunction(ctx context.Context, in *shape.GetFunctionInput) (*shape.GetFunctionOutput, error) {
	t, err := parseTarget(ctx, in.FunctionName, in.Qualifier)
	if err != nil {
		return nil, err
	}
	fn, c, err := s.find(ctx, t)
	if err != nil {
		return nil, err
	}
	out := &shape.GetFunctionOutput{
		Code:          &shape.FunctionCodeLocation{RepositoryType: new("S3"), Location: new(c.Code.location())},
		Configuration: fn.describe(c, t.qualifier),
	}
	if len(fn.Tags) > 0 {
		out.Tags = fn.Tags
	}
	if fn.Reserved != nil {
		out.Concurrency = &shape.Concurrency{ReservedConcurrentExecutions: fn.Reserved}
	}
	return out, nil
}

func (s *Service) getFunctionConfiguration(ctx context.Context, in *shape.GetFunctionConfigurationInput) (*shape.GetFunctionConfigurationOutput, error) {
	t, err := parseTarget(ctx, in.FunctionName, in.Qualifier)
	if err != nil {
		return nil, err
	}
	fn, c, err := s.find(ctx, t)
	if err != nil {
		return nil, err
	}
	return fn.describe(c, t.qualifier), nil
}

// location is where code can be had. AWS presigns a URL; here only the server itself reads code.
func (c code) location() string {
	if c.Dir != "" {
		return "file://" + c.Dir
	}
	return "blob:" + c.Blob
}

// find returns a function and the configuration that a target's qualifier means.
func (s *Service) find(ctx context.Context, t target) (*function, *configuration, error) {
	e, err := s.lookup(ctx, t)
	if err != nil {
		return nil, nil, err
	}
	c := e.fn.configurationOf(t.qualifier)
	if c == nil {
		return nil, nil, errFunctionNotFound(t.arn())
	}
	return e.fn, c, nil
}

// configurationOf returns what a qualifier means; for an alias with weights its main version.
func (f *function) configurationOf(qualifier string) *configuration {
	if a, ok := f.Aliases[qualifier]; ok {
		return f.version(a.Version)
	}
	return f.version(qualifier)
}

func (s *Service) listFunctions(ctx context.Context, in *shape.ListFunctionsInput) (*shape.ListFunctionsOutput, error) {
	all, err := s.owned(ctx)
	if err != nil {
		return nil, err
	}
	var list []item[*shape.FunctionConfiguration]
	for _, fn := range all {
		if deref(in.FunctionVersion) == "ALL" {
			list = append(list, fn.listVersions()...)
		} else {
			list = append(list, item[*shape.FunctionConfiguration]{fn.Name, fn.listed(&fn.Latest, "")})
		}
	}
	page, next, err := paginate(list, in.Marker, in.MaxItems)
	return &shape.ListFunctionsOutput{Functions: page, NextMarker: next}, err
}

// owned returns the functions of the caller's account and region, by name.
func (s *Service) owned(ctx context.Context) ([]*function, error) {
	if err := s.ready(ctx); err != nil {
		return nil, err
	}
	caller := awsapi.CallerOf(ctx)
	all := s.catalog.list(functionKey(caller.Account, caller.Region, ""))
	slices.SortFunc(all, func(a, b *function) int { return strings.Compare(a.Name, b.Name) })
	return all, nil
}

func (s *Service) updateFunctionCode(ctx context.Context, in *shape.UpdateFunctionCodeInput) (*shape.UpdateFunctionCodeOutput, error) {
	t, err := parseTarget(ctx, in.FunctionName, nil)
	if err != nil {
		return nil, err
	}
	t = t.unqualified()
	if _, err := s.lookup(ctx, t); err != nil {
		return nil, err
	}
	if in.ImageUri != nil {
		return nil, errInvalid("Please don't provide ImageUri when updating a function with packageType Zip.")
	}
	newCode, err := s.takeCode(ctx, &shape.FunctionCode{ZipFile: in.ZipFile, S3Bucket: in.S3Bucket, S3Key: in.S3Key, S3ObjectVersion: in.S3ObjectVersion, ImageUri: in.ImageUri})
	if err != nil {
		return nil, err
	}
	var kept code
	out, err := s.update(ctx, t, in.RevisionId, deref(in.Publish), func(c *configuration) error {
		if len(in.Architectures) > 0 {
			c.Architecture = in.Architectures[0]
		}
		if c.Code.SHA256 != newCode.SHA256 || newCode.Dir != "" {
			c.Code = newCode
		}
		kept = c.Code
		if deref(in.DryRun) {
			kept = code{}
			return errUnchanged
		}
		return nil
	})
	if err != nil || kept.Blob != newCode.Blob {
		s.discard(ctx, newCode.Blob)
	}
	return out, err
}

func (s *Service) updateFunctionConfiguration(ctx context.Context, in *shape.UpdateFunctionConfigurationInput) (*shape.UpdateFunctionConfigurationOutput, error) {
	t, err := parseTarget(ctx, in.FunctionName, nil)
	if err != nil {
		return nil, err
	}
	t = t.unqualified()
	layers, err := s.resolveLayers(ctx, in.Layers)
	if err != nil {
		return nil, err
	}
	return s.update(ctx, t, in.RevisionId, false, func(c *configuration) error {
		if in.Layers != nil {
			c.Layers = layers
		}
		return c.apply(change{
			Runtime: in.Runtime, Handler: in.Handler, Role: in.Role, Description: in.Description, Timeout: in.Timeout, MemorySize: in.MemorySize,
			Environment: in.Environment, Ephemeral: in.EphemeralStorage, Tracing: in.TracingConfig, DeadLetter: in.DeadLetterConfig, KMSKey: in.KMSKeyArn,
			Logging: in.LoggingConfig, SnapStart: in.SnapStart, VPC: in.VpcConfig, FileSystems: in.FileSystemConfigs,
		})
	})
}

// update changes $LATEST and describes it as AWS does right after: the update is in progress.
func (s *Service) update(ctx context.Context, t target, revision *string, publish bool, f func(*configuration) error) (*shape.FunctionConfiguration, error) {
	published := ""
	fn, err := s.change(ctx, t, func(fn *function) error {
		if revision != nil && *revision != fn.Latest.RevisionID {
			return errRevision("GetFunction/GetAlias")
		}
		if err := f(&fn.Latest); err != nil {
			return err
		}
		fn.Latest.touch(time.Now(), true)
		if publish {
			published = fn.publish("", "", time.Now())
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	s.prepareSoon(fn)
	out := fn.describe(fn.version(published), published)
	out.LastUpdateStatus, out.LastUpdateStatusReason, out.LastUpdateStatusReasonCode = new("InProgress"), new("The function is being created."), new("Creating")
	return out, nil
}

func (s *Service) deleteFunction(ctx context.Context, in *shape.DeleteFunctionInput) (*shape.DeleteFunctionOutput, error) {
	t, err := parseTarget(ctx, in.FunctionName, in.Qualifier)
	if err != nil {
		return nil, err
	}
	_, err = s.edit(ctx, t, func(fn *function) (*function, error) {
		switch {
		case fn == nil:
			return nil, errFunctionNotFound(t.unqualified().arn())
		case t.qualifier == "":
			return nil, nil
		case t.qualifier == latest:
			return nil, errInvalid("$LATEST version cannot be deleted without deleting the function.")
		case !isVersion(t.qualifier):
			return nil, errInvalid("Deletion of aliases is not currently supported.")
		}
		for name, a := range fn.Aliases {
			if _, weighted := a.Weights[t.qualifier]; weighted || a.Version == t.qualifier {
				return nil, errConflict("Function version %s is referenced by alias %s and cannot be deleted", t.qualifier, name)
			}
		}
		if fn.version(t.qualifier) == nil { // AWS: deleting a version that is gone is done
			return nil, errUnchanged
		}
		fn.forget(t.qualifier)
		return fn, nil
	})
	return &shape.DeleteFunctionOutput{}, err
}
