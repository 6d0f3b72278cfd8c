package lambda

import (
	"context"

	"github.com/sallyport/sallyport/internal/awsapi"
	shape "github.com/sallyport/sallyport/internal/awsapi/shapes/lambda"
	"github.com/sallyport/sallyport/internal/resource"
)

// maxFunctionName is the longest name that CloudFormation gives a function.
const maxFunctionName = 64

// Resources are the types that CloudFormation makes by this service.
func (s *Service) Resources() []resource.Type {
	return []resource.Type{
		resource.New("AWS::Lambda::Function", resource.Handlers[functionProperties]{Create: s.createResource, Update: s.updateResource, Delete: s.deleteResource}),
		resource.New("AWS::Lambda::Permission", resource.Handlers[permissionProperties]{Create: s.createPermission, Delete: s.deletePermission}),
		resource.New("AWS::Lambda::Version", resource.Handlers[versionProperties]{Create: s.createVersion, Delete: s.deleteVersion}),
		resource.New("AWS::Lambda::Alias", resource.Handlers[aliasProperties]{Create: s.createAliasResource, Update: s.updateAliasResource, Delete: s.deleteAliasResource}),
		resource.New("AWS::Lambda::LayerVersion", resource.Handlers[layerProperties]{Create: s.createLayerResource, Delete: s.deleteLayerResource}),
		resource.New("AWS::Lambda::EventInvokeConfig", resource.Handlers[asyncProperties]{Create: s.createAsyncResource, Update: s.updateAsyncResource, Delete: s.deleteAsyncResource}),
		resource.New("AWS::Lambda::Url", resource.Handlers[urlProperties]{Create: s.createURLResource, Update: s.updateURLResource, Delete: s.deleteURLResource}),
		resource.New("AWS::Lambda::EventSourceMapping", resource.Handlers[mappingProperties]{Create: s.createMappingResource, Update: s.updateMappingResource, Delete: s.deleteMappingResource}),
	}
}

type functionProperties struct {
	Architectures                []string
	Code                         codeProperties `cfn:"required"`
	CodeSigningConfigArn         *string
	DeadLetterConfig             *struct{ TargetArn *string }
	Description                  *string
	Environment                  *struct{ Variables map[string]string }
	EphemeralStorage             *struct{ Size *int64 }
	FileSystemConfigs            []struct{ Arn, LocalMountPath *string }
	FunctionName                 *string `cfn:"createonly"`
	Handler                      *string
	ImageConfig                  any
	KmsKeyArn                    *string
	Layers                       []string
	LoggingConfig                *struct{ ApplicationLogLevel, LogFormat, LogGroup, SystemLogLevel *string }
	MemorySize                   *int64
	PackageType                  *string `cfn:"createonly"`
	RecursiveLoop                *string
	ReservedConcurrentExecutions *int64
	Role                         *string `cfn:"required"`
	Runtime                      *string
	RuntimeManagementConfig      any
	SnapStart                    *struct{ ApplyOn *string }
	Tags                         []resource.Tag
	Timeout                      *int64
	TracingConfig                *struct{ Mode *string }
	VpcConfig                    *struct {
		Ipv6AllowedForDualStack     *bool
		SecurityGroupIds, SubnetIds []string
	}
}

type codeProperties struct {
	ImageUri, S3Bucket, S3Key, S3ObjectVersion, SourceKMSKeyArn, ZipFile *string
}

// shape turns the property Code into what CreateFunction takes. Inline source becomes a zip of one file, called index.
func (c codeProperties) shape(runtime string) (*shape.FunctionCode, error) {
	out := &shape.FunctionCode{ImageUri: c.ImageUri, S3Bucket: c.S3Bucket, S3Key: c.S3Key, S3ObjectVersion: c.S3ObjectVersion}
	if c.ZipFile == nil {
		return out, nil
	}
	data, err := inlineZip(runtime, *c.ZipFile)
	out.ZipFile = data
	return out, err
}

// input turns the properties into what CreateFunction takes, without code.
func (p *functionProperties) input(name string, tags map[string]string) *shape.CreateFunctionInput {
	in := &shape.CreateFunctionInput{
		FunctionName: new(name), Architectures: p.Architectures, Description: p.Description, Handler: p.Handler, KMSKeyArn: p.KmsKeyArn, Layers: p.Layers,
		MemorySize: p.MemorySize, PackageType: p.PackageType, Role: p.Role, Runtime: p.Runtime, Timeout: p.Timeout, CodeSigningConfigArn: p.CodeSigningConfigArn,
		Tags: map[string]string{},
	}
	for k, v := range tags {
		in.Tags[k] = v
	}
	for _, t := range p.Tags {
		in.Tags[t.Key] = t.Value
	}
	if p.DeadLetterConfig != nil {
		in.DeadLetterConfig = &shape.DeadLetterConfig{TargetArn: p.DeadLetterConfig.TargetArn}
	}
	if p.Environment != nil {
		in.Environment = &shape.Environment{Variables: p.Environment.Variables}
	}
	if p.EphemeralStorage != nil {
		in.EphemeralStorage = &shape.EphemeralStorage{Size: p.EphemeralStorage.Size}
	}
	for _, f := range p.FileSystemConfigs {
		in.FileSystemConfigs = append(in.FileSystemConfigs, &shape.FileSystemConfig{Arn: f.Arn, LocalMountPath: f.LocalMountPath})
	}
	if l := p.LoggingConfig; l != nil {
		in.LoggingConfig = &shape.LoggingConfig{ApplicationLogLevel: l.ApplicationLogLevel, LogFormat: l.LogFormat, LogGroup: l.LogGroup, SystemLogLevel: l.SystemLogLevel}
	}
	if p.SnapStart != nil {
		in.SnapStart = &shape.SnapStart{ApplyOn: p.SnapStart.ApplyOn}
	}
	if p.TracingConfig != nil {
		in.TracingConfig = &shape.TracingConfig{Mode: p.TracingConfig.Mode}
	}
	if v := p.VpcConfig; v != nil {
		in.VpcConfig = &shape.VpcConfig{Ipv6AllowedForDualStack: v.Ipv6AllowedForDualStack, SecurityGroupIds: v.SecurityGroupIds, SubnetIds: v.SubnetIds}
	}
	return in
}

func (s *Service) createResource(ctx context.Context, r resource.Request, p *functionProperties) (resource.Result, error) {
	name := deref(p.FunctionName)
	if name == "" {
		name = r.PhysicalName(maxFunctionName)
	}
	in := p.input(name, r.Tags)
	var err error
	if in.Code, err = p.Code.shape(deref(p.Runtime)); err != nil {
		return resource.Result{}, err
	}
	_, err = s.createFunction(ctx, in)
	if err != nil && !s.madeBefore(ctx, r, name, err) {
		return resource.Result{}, err
	}
	return s.settle(ctx, name, p)
}

// madeBefore reports whether the function exists already because this very step was interrupted after making it.
func (s *Service) madeBefore(ctx context.Context, r resource.Request, name string, err error) bool {
	if awsapi.Code(err) != "ResourceConflictException" {
		return false
	}
	t, parseErr := parseTarget(ctx, &name, nil)
	if parseErr != nil {
		return false
	}
	e := s.catalog.get(t.key())
	return e != nil && e.fn.Tags["aws:cloudformation:stack-id"] == r.StackID && e.fn.Tags["aws:cloudformation:logical-id"] == r.LogicalID
}

// settle sets what is no part of CreateFunction and describes the function to CloudFormation.
func (s *Service) settle(ctx context.Context, name string, p *functionProperties) (resource.Result, error) {
	t, err := parseTarget(ctx, &name, nil)
	if err != nil {
		return resource.Result{}, err
	}
	fn, err := s.change(ctx, t, func(fn *function) error {
		if fn.Reserved == nil && p.ReservedConcurrentExecutions == nil && fn.Recursion == deref(p.RecursiveLoop) {
			return errUnchanged
		}
		fn.Reserved, fn.Recursion = p.ReservedConcurrentExecutions, deref(p.RecursiveLoop)
		return nil
	})
	if err != nil {
		return resource.Result{}, err
	}
	s.prepare(ctx, fn) // a stack is there when its functions can run
	return resource.Result{PhysicalID: name, Attributes: map[string]any{"Arn": fn.arn("")}}, nil
}

func (s *Service) updateResource(ctx context.Context, r resource.Request, p, old *functionProperties) (resource.Result, error) {
	in := p.input(r.PhysicalID, r.Tags)
	code, err := p.Code.shape(deref(p.Runtime))
	if err != nil {
		return resource.Result{}, err
	}
	config, err := newConfiguration(in) // what the template leaves out returns to its default
	if err != nil {
		return resource.Result{}, err
	}
	t, err := parseTarget(ctx, &r.PhysicalID, nil)
	if err != nil {
		return resource.Result{}, err
	}
	if config.Layers, err = s.resolveLayers(ctx, in.Layers); err != nil {
		return resource.Result{}, err
	}
	if config.Code, err = s.takeCode(ctx, code); err != nil {
		return resource.Result{}, err
	}
	uploaded, kept := config.Code.Blob, ""
	_, err = s.update(ctx, t, nil, false, func(c *configuration) error {
		next := config
		if c.Code.SHA256 == next.Code.SHA256 && next.Code.Dir == "" {
			next.Code = c.Code
		}
		kept = next.Code.Blob
		next.RevisionID, next.BuildID, next.Modified = c.RevisionID, c.BuildID, c.Modified
		if next.contentOf() == c.contentOf() { // only tags or the like have changed: processes may go on
			return errUnchanged
		}
		*c = next
		return nil
	})
	if err != nil || kept != uploaded {
		s.discard(ctx, uploaded)
	}
	if err != nil {
		return resource.Result{}, err
	}
	if _, err := s.change(ctx, t, func(fn *function) error {
		fn.Tags = in.Tags
		return nil
	}); err != nil {
		return resource.Result{}, err
	}
	return s.settle(ctx, r.PhysicalID, p)
}

func (s *Service) deleteResource(ctx context.Context, r resource.Request) error {
	_, err := s.deleteFunction(ctx, &shape.DeleteFunctionInput{FunctionName: &r.PhysicalID})
	return unlessGone(err)
}

// unlessGone turns the error that a thing does not exist into success: deleting what is gone is done.
func unlessGone(err error) error {
	if awsapi.Code(err) == "ResourceNotFoundException" {
		return nil
	}
	return err
}
