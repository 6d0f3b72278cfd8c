package lambda

import (
	"context"
	"strconv"
	"strings"

	"github.com/sallyport/sallyport/internal/awsapi"
	shape "github.com/sallyport/sallyport/internal/awsapi/shapes/lambda"
	"github.com/sallyport/sallyport/internal/resource"
)

// maxLayerName is the longest name that CloudFormation gives a layer.
const maxLayerName = 64

type permissionProperties struct {
	Action                *string `cfn:"required"`
	EventSourceToken      *string
	FunctionName          *string `cfn:"required"`
	FunctionUrlAuthType   *string
	InvokedViaFunctionUrl *bool
	Principal             *string `cfn:"required"`
	PrincipalOrgID        *string
	SourceAccount         *string
	SourceArn             *string
}

func (s *Service) createPermission(ctx context.Context, r resource.Request, p *permissionProperties) (resource.Result, error) {
	sid := r.PhysicalName(100)
	_, err := s.addPermission(ctx, &shape.AddPermissionInput{
		StatementId: &sid, Action: p.Action, FunctionName: p.FunctionName, Principal: p.Principal, PrincipalOrgID: p.PrincipalOrgID,
		SourceAccount: p.SourceAccount, SourceArn: p.SourceArn, EventSourceToken: p.EventSourceToken,
		FunctionUrlAuthType: p.FunctionUrlAuthType, InvokedViaFunctionUrl: p.InvokedViaFunctionUrl,
	})
	if awsapi.Code(err) == "ResourceConflictException" { // the statement id is this step's own
		err = nil
	}
	return resource.Result{PhysicalID: sid, Attributes: map[string]any{"Id": sid}}, err
}

func (s *Service) deletePermission(ctx context.Context, r resource.Request) error {
	name, _ := r.Properties["FunctionName"].(string)
	_, err := s.removePermission(ctx, &shape.RemovePermissionInput{FunctionName: &name, StatementId: &r.PhysicalID})
	return unlessGone(err)
}

type provisionedProperties struct {
	ProvisionedConcurrentExecutions *int64 `cfn:"required"`
}

// provision sets the provisioned concurrency of a version or an alias, or removes it.
func (s *Service) provision(ctx context.Context, qualifiedARN string, p *provisionedProperties) error {
	function, qualifier, _ := cutLast(qualifiedARN, ":")
	if p == nil {
		_, err := s.deleteProvisioned(ctx, &shape.DeleteProvisionedConcurrencyConfigInput{FunctionName: &function, Qualifier: &qualifier})
		return err
	}
	_, err := s.putProvisioned(ctx, &shape.PutProvisionedConcurrencyConfigInput{
		FunctionName: &function, Qualifier: &qualifier, ProvisionedConcurrentExecutions: new(max(1, deref(p.ProvisionedConcurrentExecutions))),
	})
	return err
}

type versionProperties struct {
	CodeSha256                   *string
	Description                  *string
	FunctionName                 *string `cfn:"required"`
	FunctionScalingConfig        any
	ProvisionedConcurrencyConfig *provisionedProperties
	RuntimePolicy                any
}

func (s *Service) createVersion(ctx context.Context, r resource.Request, p *versionProperties) (resource.Result, error) {
	out, err := s.publishFor(ctx, &shape.PublishVersionInput{FunctionName: p.FunctionName, CodeSha256: p.CodeSha256, Description: p.Description}, r.Token)
	if err != nil {
		return resource.Result{}, err
	}
	result := resource.Result{PhysicalID: *out.FunctionArn, Attributes: map[string]any{"Version": *out.Version, "FunctionArn": *out.FunctionArn}}
	return result, s.provision(ctx, *out.FunctionArn, p.ProvisionedConcurrencyConfig)
}

func (s *Service) deleteVersion(ctx context.Context, r resource.Request) error {
	_, err := s.deleteFunction(ctx, &shape.DeleteFunctionInput{FunctionName: &r.PhysicalID})
	return unlessGone(err)
}

type aliasProperties struct {
	Description                  *string
	FunctionName                 *string `cfn:"required,createonly"`
	FunctionVersion              *string `cfn:"required"`
	Name                         *string `cfn:"required,createonly"`
	ProvisionedConcurrencyConfig *provisionedProperties
	RoutingConfig                *struct {
		AdditionalVersionWeights []struct {
			FunctionVersion string
			FunctionWeight  float64
		}
	}
}

func (p *aliasProperties) routing() *shape.AliasRoutingConfiguration {
	out := &shape.AliasRoutingConfiguration{AdditionalVersionWeights: map[string]float64{}}
	if p.RoutingConfig != nil {
		for _, w := range p.RoutingConfig.AdditionalVersionWeights {
			out.AdditionalVersionWeights[w.FunctionVersion] = w.FunctionWeight
		}
	}
	return out
}

func aliasResult(out *shape.AliasConfiguration) resource.Result {
	return resource.Result{PhysicalID: *out.AliasArn, Attributes: map[string]any{"AliasArn": *out.AliasArn}}
}

func (s *Service) createAliasResource(ctx context.Context, r resource.Request, p *aliasProperties) (resource.Result, error) {
	out, err := s.createAlias(ctx, &shape.CreateAliasInput{FunctionName: p.FunctionName, Name: p.Name, FunctionVersion: p.FunctionVersion, Description: p.Description, RoutingConfig: p.routing()})
	if err != nil {
		return resource.Result{}, err
	}
	return aliasResult(out), s.provision(ctx, *out.AliasArn, p.ProvisionedConcurrencyConfig)
}

func (s *Service) updateAliasResource(ctx context.Context, r resource.Request, p, _ *aliasProperties) (resource.Result, error) {
	out, err := s.updateAlias(ctx, &shape.UpdateAliasInput{FunctionName: p.FunctionName, Name: p.Name, FunctionVersion: p.FunctionVersion, Description: p.Description, RoutingConfig: p.routing()})
	if err != nil {
		return resource.Result{}, err
	}
	return aliasResult(out), s.provision(ctx, *out.AliasArn, p.ProvisionedConcurrencyConfig)
}

func (s *Service) deleteAliasResource(ctx context.Context, r resource.Request) error {
	function, name, ok := cutLast(r.PhysicalID, ":")
	if !ok {
		return nil
	}
	_, err := s.deleteAlias(ctx, &shape.DeleteAliasInput{FunctionName: &function, Name: &name})
	return unlessGone(err)
}

func cutLast(s, sep string) (before, after string, ok bool) {
	i := strings.LastIndex(s, sep)
	if i < 0 {
		return s, "", false
	}
	return s[:i], s[i+len(sep):], true
}

type layerProperties struct {
	CompatibleArchitectures []string
	CompatibleRuntimes      []string
	Content                 struct{ S3Bucket, S3Key, S3ObjectVersion *string } `cfn:"required"`
	Description             *string
	LayerName               *string
	LicenseInfo             *string
}

func (s *Service) createLayerResource(ctx context.Context, r resource.Request, p *layerProperties) (resource.Result, error) {
	name := deref(p.LayerName)
	if name == "" {
		name = r.PhysicalName(maxLayerName)
	}
	out, err := s.publishLayerFor(ctx, &shape.PublishLayerVersionInput{
		LayerName: &name, Description: p.Description, LicenseInfo: p.LicenseInfo, CompatibleRuntimes: p.CompatibleRuntimes, CompatibleArchitectures: p.CompatibleArchitectures,
		Content: &shape.LayerVersionContentInput{S3Bucket: p.Content.S3Bucket, S3Key: p.Content.S3Key, S3ObjectVersion: p.Content.S3ObjectVersion},
	}, r.Token)
	if err != nil {
		return resource.Result{}, err
	}
	return resource.Result{PhysicalID: *out.LayerVersionArn, Attributes: map[string]any{"LayerVersionArn": *out.LayerVersionArn}}, nil
}

func (s *Service) deleteLayerResource(ctx context.Context, r resource.Request) error {
	layerARN, version, _ := cutLast(r.PhysicalID, ":")
	n, err := strconv.ParseInt(version, 10, 64)
	if err != nil {
		return nil // never made
	}
	_, err = s.deleteLayerVersion(ctx, &shape.DeleteLayerVersionInput{LayerName: &layerARN, VersionNumber: &n})
	return err
}

type asyncProperties struct {
	DestinationConfig *struct {
		OnFailure, OnSuccess *struct{ Destination *string }
	}
	FunctionName             *string `cfn:"required,createonly"`
	MaximumEventAgeInSeconds *int64
	MaximumRetryAttempts     *int64
	Qualifier                *string `cfn:"required,createonly"`
}

func (p *asyncProperties) config() asyncConfig {
	c := asyncConfig{MaxAge: p.MaximumEventAgeInSeconds, MaxRetry: p.MaximumRetryAttempts}
	if d := p.DestinationConfig; d != nil {
		if d.OnFailure != nil {
			c.OnFailure = deref(d.OnFailure.Destination)
		}
		if d.OnSuccess != nil {
			c.OnSuccess = deref(d.OnSuccess.Destination)
		}
	}
	return c
}

func (s *Service) createAsyncResource(ctx context.Context, _ resource.Request, p *asyncProperties) (resource.Result, error) {
	out, err := s.setAsync(ctx, p.FunctionName, p.Qualifier, p.config(), false)
	if err != nil {
		return resource.Result{}, err
	}
	return resource.Result{PhysicalID: *out.FunctionArn}, nil
}

func (s *Service) updateAsyncResource(ctx context.Context, r resource.Request, p, _ *asyncProperties) (resource.Result, error) {
	return s.createAsyncResource(ctx, r, p)
}

func (s *Service) deleteAsyncResource(ctx context.Context, r resource.Request) error {
	_, err := s.deleteFunctionEventInvokeConfig(ctx, &shape.DeleteFunctionEventInvokeConfigInput{FunctionName: &r.PhysicalID})
	return unlessGone(err)
}
