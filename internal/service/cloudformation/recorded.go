package cloudformation

import (
	"context"
	"crypto/sha256"
	"fmt"
	"strings"

	"github.com/sallyport/sallyport/internal/awsapi"
	"github.com/sallyport/sallyport/internal/resource"
)

// A recorded type is accepted without anything being made: what a template says of it is remembered, and it has names and an ARN. Such
// are what templates carry along that means something only on AWS. Their events say so.
type recorded struct {
	name       string
	named      string            // the property that names it, if it has one
	id         string            // the form of generated names; empty means {name}
	ref        string            // what Ref gives; empty means {id}
	attributes map[string]string // what Fn::GetAtt gives besides Arn and Id
}

// remark returns the reason in the event that a resource of a type is complete.
func (s *Service) remark(typ string) string {
	if _, ok := s.types[typ].(recorded); ok && typ != "AWS::CDK::Metadata" {
		return "Sallyport remembers this resource, and does nothing with it."
	}
	return ""
}

// recordedTypes are these types. In their forms {id} stands for the name; in that of the name, {name} for one like CloudFormation's own,
// {short} for nine letters or digits, {uuid} for a UUID.
var recordedTypes = append(plainTypes(`AWS::CDK::Metadata AWS::CloudFormation::WaitConditionHandle AWS::CloudWatch::Alarm AWS::CloudWatch::CompositeAlarm
	AWS::CloudWatch::Dashboard AWS::CodeDeploy::Application AWS::CodeDeploy::DeploymentGroup AWS::ApplicationAutoScaling::ScalableTarget
	AWS::ApplicationAutoScaling::ScalingPolicy AWS::Route53::RecordSet AWS::Route53::RecordSetGroup AWS::Route53::HostedZone
	AWS::ApiGateway::Account AWS::Logs::MetricFilter AWS::XRay::Group AWS::ResourceGroups::Group AWS::Cognito::IdentityPoolRoleAttachment
	AWS::Cognito::UserPoolGroup AWS::Cognito::UserPoolUser AWS::WAFv2::WebACLAssociation AWS::WAFv2::WebACL`),
	recorded{name: "AWS::CertificateManager::Certificate", ref: "arn:aws:acm:{region}:{account}:certificate/{id}"}, // AWS: the others are known by name
	recorded{name: "AWS::KMS::Key", id: "{uuid}", attributes: map[string]string{"Arn": "arn:aws:kms:{region}:{account}:key/{id}", "KeyId": "{id}"}},
	recorded{name: "AWS::KMS::Alias", named: "AliasName"},
	recorded{name: "AWS::ECR::Repository", named: "RepositoryName", attributes: map[string]string{
		"Arn": "arn:aws:ecr:{region}:{account}:repository/{id}", "RepositoryUri": "{account}.dkr.ecr.{region}.amazonaws.com/{id}",
	}},
	recorded{name: "AWS::Cognito::UserPool", id: "{region}_{short}", attributes: map[string]string{
		"Arn": "arn:aws:cognito-idp:{region}:{account}:userpool/{id}", "UserPoolId": "{id}",
		"ProviderName": "cognito-idp.{region}.amazonaws.com/{id}", "ProviderURL": "https://cognito-idp.{region}.amazonaws.com/{id}",
	}},
	recorded{name: "AWS::Cognito::UserPoolClient", id: "{uuid}", attributes: map[string]string{"ClientId": "{id}", "Name": "{id}"}},
	recorded{name: "AWS::Cognito::UserPoolDomain", named: "Domain", attributes: map[string]string{"CloudFrontDistribution": "{id}.auth.{region}.amazoncognito.com"}},
	recorded{name: "AWS::Cognito::IdentityPool", id: "{region}:{uuid}", attributes: map[string]string{"Name": "{id}"}},
	recorded{name: "AWS::CloudFront::Distribution", id: "E{short}", attributes: map[string]string{"DomainName": "{id}.cloudfront.net"}},
	recorded{name: "AWS::CloudFront::Function", attributes: map[string]string{
		"FunctionARN": "arn:aws:cloudfront::{account}:function/{id}", "FunctionMetadata.FunctionARN": "arn:aws:cloudfront::{account}:function/{id}",
	}},
	recorded{name: "AWS::CloudFront::CachePolicy", id: "{uuid}"},
	recorded{name: "AWS::CloudFront::OriginRequestPolicy", id: "{uuid}"},
	recorded{name: "AWS::CloudFront::ResponseHeadersPolicy", id: "{uuid}"},
	recorded{name: "AWS::CloudFront::OriginAccessControl", id: "E{short}"},
	recorded{name: "AWS::CloudFront::CloudFrontOriginAccessIdentity", id: "E{short}", attributes: map[string]string{"S3CanonicalUserId": "{id}"}},
)

func plainTypes(names string) []recorded {
	var types []recorded
	for _, name := range strings.Fields(names) {
		types = append(types, recorded{name: name})
	}
	return types
}

func (t recorded) Name() string { return t.name }

func (recorded) Check(map[string]any) error { return nil }

func (t recorded) CreateOnly() []string {
	if t.named == "" {
		return nil
	}
	return []string{t.named}
}

func (t recorded) Create(ctx context.Context, r resource.Request) (resource.Result, error) {
	return t.result(ctx, r, ""), nil
}

func (t recorded) Update(ctx context.Context, r resource.Request) (resource.Result, error) {
	return t.result(ctx, r, r.PhysicalID), nil
}

func (recorded) Delete(context.Context, resource.Request) error { return nil }

// result makes names of the request's, which are the same whenever the request is.
func (t recorded) result(ctx context.Context, r resource.Request, id string) resource.Result {
	c := awsapi.CallerOf(ctx)
	name := r.PhysicalName(128)
	sum := sha256.Sum256([]byte(r.StackID + " " + name))
	hex := fmt.Sprintf("%x", sum[:16])
	fill := func(form string) string {
		return strings.NewReplacer("{region}", c.Region, "{account}", c.Account, "{name}", name, "{id}", id,
			"{short}", strings.ToUpper(hex[:9]), "{uuid}", hex[:8]+"-"+hex[8:12]+"-"+hex[12:16]+"-"+hex[16:20]+"-"+hex[20:]).Replace(form)
	}
	if given, ok := r.Properties[t.named].(string); ok && id == "" {
		id = given
	}
	if id == "" {
		form := t.id
		if form == "" {
			form = "{name}"
		}
		id = fill(form)
	}
	parts := strings.Split(t.name, "::")
	attributes := map[string]any{"Arn": fill("arn:aws:" + strings.ToLower(parts[1]) + ":{region}:{account}:" + strings.ToLower(parts[2]) + "/{id}"), "Id": id}
	for k, form := range t.attributes {
		attributes[k] = fill(form)
	}
	return resource.Result{PhysicalID: id, Ref: fill(t.ref), Attributes: attributes}
}
