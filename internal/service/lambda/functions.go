package lambda

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/sallyport/sallyport/internal/awsapi"
	shape "github.com/sallyport/sallyport/internal/awsapi/shapes/lambda"
)

// pageSize is the most that a list answers at once.
const pageSize = 50

func (s *Service) createFunction(ctx context.Context, in *shape.CreateFunctionInput) (*shape.CreateFunctionOutput, error) {
	t, err := parseTarget(ctx, in.FunctionName, nil)
	if err != nil {
		return nil, err
	}
	in.FunctionName = &t.name
	config, err := newConfiguration(in)
	if err != nil {
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
			fn.publish("", time.Now())
		}
		return fn, nil
	})
	if err != nil {
		return nil, err
	}
	s.prepare(ctx, fn)
	out := fn.describe(&fn.Latest, "")
	if deref(in.Publish) {
		v := fn.versions()[0]
		out = fn.describe(fn.version(v), v)
	}
	out.State, out.StateReason, out.StateReasonCode = new("Pending"), new("The function is being created."), new("Creating")
	out.LastUpdateStatus = nil
	return out, nil
}

// prepare makes ready what the first call would have to wait for, and tells the log what will not work.
func (s *Service) prepare(ctx context.Context, fn *function) {
	if slices.Contains(retired, fn.Latest.Runtime) {
		s.cfg.Log.Warn("the runtime is retired on AWS: a new function could not be made there", "function", fn.Name, "runtime", fn.Latest.Runtime)
	}
	e := s.catalog.get(fn.key())
	if e == nil {
		return // deleted meanwhile
	}
	spec, err := s.runner(ctx, e, &e.fn.Latest)
	if err == nil {
		err = s.cfg.Pool.Check(spec)
	}
	if err != nil && ctx.Err() == nil {
		s.cfg.Log.Warn("the function cannot run on this machine", "function", fn.Name, "err", err)
	}
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
		Tags:          fn.Tags,
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
	caller := awsapi.CallerOf(ctx)
	all := s.catalog.list(functionKey(caller.Account, caller.Region, ""))
	slices.SortFunc(all, func(a, b *function) int { return strings.Compare(a.Name, b.Name) })
	var list []*shape.FunctionConfiguration
	for _, fn := range all {
		list = append(list, fn.describe(&fn.Latest, ""))
		if deref(in.FunctionVersion) == "ALL" {
			for _, v := range fn.versions() {
				list = append(list, fn.describe(fn.version(v), v))
			}
		}
	}
	page, next, err := paginate(list, in.Marker, in.MaxItems)
	return &shape.ListFunctionsOutput{Functions: page, NextMarker: next}, err
}

// paginate cuts a page out of all. The marker is the number of items before it.
func paginate[T any](all []T, marker *string, maxItems *int64) (page []T, next *string, err error) {
	from := 0
	if m := deref(marker); m != "" {
		if _, err := fmt.Sscanf(m, "%d", &from); err != nil || from < 0 || from > len(all) {
			return nil, nil, errInvalid("Invalid Marker")
		}
	}
	size := pageSize
	if n := deref(maxItems); n > 0 && n < pageSize {
		size = int(n)
	}
	to := min(from+size, len(all))
	if to < len(all) {
		next = new(fmt.Sprint(to))
	}
	return append([]T{}, all[from:to]...), next, nil
}

func (s *Service) updateFunctionCode(ctx context.Context, in *shape.UpdateFunctionCodeInput) (*shape.UpdateFunctionCodeOutput, error) {
	t, err := parseTarget(ctx, in.FunctionName, nil)
	if err != nil {
		return nil, err
	}
	if _, err := s.lookup(ctx, t); err != nil {
		return nil, err
	}
	newCode, err := s.takeCode(ctx, &shape.FunctionCode{ZipFile: in.ZipFile, S3Bucket: in.S3Bucket, S3Key: in.S3Key, S3ObjectVersion: in.S3ObjectVersion, ImageUri: in.ImageUri})
	if err != nil {
		return nil, err
	}
	return s.update(ctx, t, in.RevisionId, deref(in.Publish), func(c *configuration) error {
		if len(in.Architectures) > 0 {
			c.Architecture = in.Architectures[0]
		}
		c.Code = newCode
		if deref(in.DryRun) {
			return errUnchanged
		}
		return nil
	})
}

func (s *Service) updateFunctionConfiguration(ctx context.Context, in *shape.UpdateFunctionConfigurationInput) (*shape.UpdateFunctionConfigurationOutput, error) {
	t, err := parseTarget(ctx, in.FunctionName, nil)
	if err != nil {
		return nil, err
	}
	if len(in.Layers) > 0 {
		return nil, errUnsupported("Layers")
	}
	return s.update(ctx, t, in.RevisionId, false, func(c *configuration) error {
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
			return errRevision()
		}
		if err := f(&fn.Latest); err != nil {
			return err
		}
		fn.Latest.touch(time.Now(), true)
		if publish {
			published = fn.publish("", time.Now())
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	s.prepare(ctx, fn)
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
			return nil, errFunctionNotFound(t.arn())
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
		delete(fn.Versions, t.qualifier)
		return fn, nil
	})
	return &shape.DeleteFunctionOutput{}, err
}
