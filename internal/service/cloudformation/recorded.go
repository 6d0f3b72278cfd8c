package cloudformation

import (
	"context"
	"strings"

	"github.com/sallyport/sallyport/internal/arn"
	"github.com/sallyport/sallyport/internal/awsapi"
	"github.com/sallyport/sallyport/internal/resource"
)

// recordedTypes are accepted without anything being made: what a template says of them is remembered, and they have a name and an ARN.
// They are what templates carry along that mean something only on AWS.
var recordedTypes = strings.Fields(`AWS::CDK::Metadata AWS::CloudFormation::WaitConditionHandle AWS::CloudWatch::Alarm AWS::CloudWatch::CompositeAlarm
	AWS::CloudWatch::Dashboard AWS::CodeDeploy::Application AWS::CodeDeploy::DeploymentGroup AWS::ApplicationAutoScaling::ScalableTarget
	AWS::ApplicationAutoScaling::ScalingPolicy AWS::Route53::RecordSet AWS::Route53::RecordSetGroup AWS::Route53::HostedZone
	AWS::CertificateManager::Certificate AWS::ApiGateway::Account AWS::Logs::MetricFilter AWS::XRay::Group AWS::ResourceGroups::Group
	AWS::WAFv2::WebACLAssociation AWS::WAFv2::WebACL`)

// A recorded type is one of recordedTypes.
type recorded struct{ name string }

func (t recorded) Name() string { return t.name }

func (recorded) Check(map[string]any) error { return nil }

func (recorded) CreateOnly() []string { return nil }

func (t recorded) Create(ctx context.Context, r resource.Request) (resource.Result, error) {
	return t.result(ctx, r.PhysicalName(128)), nil
}

func (t recorded) Update(ctx context.Context, r resource.Request) (resource.Result, error) {
	return t.result(ctx, r.PhysicalID), nil
}

func (recorded) Delete(context.Context, resource.Request) error { return nil }

func (t recorded) result(ctx context.Context, id string) resource.Result {
	c := awsapi.CallerOf(ctx)
	parts := strings.Split(t.name, "::")
	service, kind := strings.ToLower(parts[1]), strings.ToLower(parts[2])
	name := arn.New(service, c.Region, c.Account, kind+"/"+id).String()
	result := resource.Result{PhysicalID: id, Attributes: map[string]any{"Arn": name, "Id": id}}
	if t.name == "AWS::CertificateManager::Certificate" {
		result.Ref = name // AWS: the others are known by name
	}
	return result
}
