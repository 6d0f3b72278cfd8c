package apigatewayv2

import (
	"context"

	"github.com/sallyport/sallyport/internal/apigateway"
	shapes "github.com/sallyport/sallyport/internal/awsapi/shapes/apigatewayv2"
	"github.com/sallyport/sallyport/internal/resource"
	"github.com/sallyport/sallyport/internal/store"
)

type domainConfiguration struct {
	CertificateArn                      *string
	CertificateName                     *string
	EndpointType                        *string
	IpAddressType                       *string
	OwnershipVerificationCertificateArn *string
	SecurityPolicy                      *string
}

type domainProperties struct {
	DomainName               string `cfn:"required,createonly"`
	DomainNameConfigurations []domainConfiguration
	MutualTlsAuthentication  *struct{ TruststoreUri, TruststoreVersion *string }
	RoutingMode              *string
	Tags                     map[string]string
}

func (p *domainProperties) input() *shapes.CreateDomainNameInput {
	in := &shapes.CreateDomainNameInput{DomainName: &p.DomainName, RoutingMode: p.RoutingMode, DomainNameConfigurations: []*shapes.DomainNameConfiguration{}}
	for _, c := range p.DomainNameConfigurations {
		in.DomainNameConfigurations = append(in.DomainNameConfigurations, &shapes.DomainNameConfiguration{
			CertificateArn: c.CertificateArn, CertificateName: c.CertificateName, EndpointType: c.EndpointType, IpAddressType: c.IpAddressType,
			OwnershipVerificationCertificateArn: c.OwnershipVerificationCertificateArn, SecurityPolicy: c.SecurityPolicy,
		})
	}
	if m := p.MutualTlsAuthentication; m != nil {
		in.MutualTlsAuthentication = &shapes.MutualTlsAuthenticationInput{TruststoreUri: m.TruststoreUri, TruststoreVersion: m.TruststoreVersion}
	}
	return in
}

func (s *Service) domainResource() resource.Type {
	result := func(d *apigateway.Domain) resource.Result {
		return resource.Result{PhysicalID: d.Name, Attributes: map[string]any{
			"DomainName": d.Name, "DomainNameArn": domainARN(d),
			"RegionalDomainName": d.Configurations[0].GatewayName, "RegionalHostedZoneId": d.Configurations[0].HostedZoneID,
		}}
	}
	return resource.New("AWS::ApiGatewayV2::DomainName", resource.Handlers[domainProperties]{
		Create: func(ctx context.Context, r resource.Request, p *domainProperties) (resource.Result, error) {
			d, err := s.makeDomain(ctx, r.Token, p.input(), r.WithTags(p.Tags))
			if err != nil {
				return resource.Result{}, err
			}
			return result(d), nil
		},
		Update: func(ctx context.Context, r resource.Request, p, _ *domainProperties) (out resource.Result, err error) {
			err = s.changeDomain(ctx, r.PhysicalID, func(d *apigateway.Domain) ([]store.Write, error) {
				in := p.input()
				d.RoutingMode, d.Tags = "", r.WithTags(p.Tags)
				set(&d.RoutingMode, in.RoutingMode)
				if in.MutualTlsAuthentication == nil {
					d.MutualTLS = nil
				}
				if err := s.configure(ctx, d, in.DomainNameConfigurations, in.MutualTlsAuthentication); err != nil {
					return nil, err
				}
				out = result(d)
				return nil, nil
			})
			return out, err
		},
		Delete: func(ctx context.Context, r resource.Request) error {
			_, err := s.deleteDomainName(ctx, &shapes.DeleteDomainNameInput{DomainName: &r.PhysicalID})
			return gone(err)
		},
	})
}

type mappingProperties struct {
	ApiId         string `cfn:"required"`
	ApiMappingKey string
	DomainName    string `cfn:"required,createonly"`
	Stage         string `cfn:"required"`
}

func (s *Service) mappingResource() resource.Type {
	put := func(ctx context.Context, id string, p *mappingProperties) error {
		_, err := s.putMapping(ctx, p.DomainName, apigateway.Mapping{ID: id, APIID: p.ApiId, Stage: p.Stage, Key: p.ApiMappingKey, Created: s.clock()})
		return err
	}
	return part("AWS::ApiGatewayV2::ApiMapping", "ApiMappingId", put, func(ctx context.Context, id string, r resource.Request) error {
		_, err := s.deleteAPIMapping(ctx, &shapes.DeleteApiMappingInput{DomainName: new(property(r, "DomainName")), ApiMappingId: &id})
		return err
	})
}
