package apigatewayv2

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/sallyport/sallyport/internal/apigateway"
	shapes "github.com/sallyport/sallyport/internal/awsapi/shapes/apigatewayv2"
	"github.com/sallyport/sallyport/internal/store"
)

// A domain is one document, with its mappings and its truststore. Its certificate ARN is kept and told; which certificate clients see, the
// server's configuration says.

// mappingSelection is how WebSocket APIs choose a mapping, always.
const mappingSelection = "$request.basepath"

// domain reads a domain of the caller's account and region.
func (s *Service) domain(ctx context.Context, name string) (*apigateway.Domain, uint64, error) {
	docs, err := s.open(ctx)
	if err != nil {
		return nil, 0, err
	}
	doc, err := docs.Get(ctx, apigateway.DomainPrefix+strings.ToLower(name))
	if errors.Is(err, store.ErrNotFound) {
		return nil, 0, apigateway.ErrNoDomain()
	} else if err != nil {
		return nil, 0, fmt.Errorf("read domain %s: %w", name, err)
	}
	d := new(apigateway.Domain)
	if err := json.Unmarshal(doc.Data, d); err != nil {
		return nil, 0, fmt.Errorf("decode domain %s: %w", name, err)
	}
	if d.Place != placeOf(ctx) {
		return nil, 0, apigateway.ErrNoDomain()
	}
	return d, doc.Rev, nil
}

// writeDomain writes a domain on a condition, together with further writes.
func (s *Service) writeDomain(ctx context.Context, d *apigateway.Domain, when store.Condition, further ...store.Write) error {
	docs, err := s.open(ctx)
	if err != nil {
		return err
	}
	data, err := json.Marshal(d)
	if err != nil {
		return fmt.Errorf("encode domain %s: %w", d.Name, err)
	}
	_, err = docs.Apply(ctx, append(further, store.Write{Key: apigateway.DomainPrefix + d.Name, Data: data, When: when})...)
	if err != nil && !errors.Is(err, store.ErrConflict) {
		return fmt.Errorf("write domain %s: %w", d.Name, err)
	}
	return err
}

// changeDomain reads a domain, lets f change it, and writes it with what else f wants written. When somebody else was faster it begins
// again.
func (s *Service) changeDomain(ctx context.Context, name string, f func(*apigateway.Domain) ([]store.Write, error)) error {
	for {
		d, rev, err := s.domain(ctx, name)
		if err != nil {
			return err
		}
		further, err := f(d)
		if err != nil {
			return err
		}
		if err := s.writeDomain(ctx, d, store.AtRev(rev), further...); !errors.Is(err, store.ErrConflict) {
			return err
		}
		if err := ctx.Err(); err != nil {
			return err
		}
	}
}

// Objects is where truststores are.
type Objects interface {
	// Open reads an object; an empty version is the newest.
	Open(ctx context.Context, bucket, key, version string) (io.ReadCloser, error)
}

// WithTruststores lets domains have mutual TLS, with truststores from these objects. Without, it is refused.
func WithTruststores(from Objects) Option { return func(s *Service) { s.truststores = from } }

// configureTLS gives a domain its truststore, read now: nil leaves it as it is, an empty URI takes it away. AWS: what changes in S3
// afterwards counts with the next update.
func (s *Service) configureTLS(ctx context.Context, d *apigateway.Domain, in *shapes.MutualTlsAuthenticationInput) error {
	if in == nil {
		return nil
	}
	var uri, version string
	if d.MutualTLS != nil {
		uri, version = d.MutualTLS.TruststoreURI, d.MutualTLS.TruststoreVersion
	}
	set(&uri, in.TruststoreUri)
	set(&version, in.TruststoreVersion)
	if uri == "" {
		d.MutualTLS = nil
		return nil
	}
	if s.truststores == nil {
		return errMutualTLS()
	}
	bucket, key, ok := strings.Cut(strings.TrimPrefix(uri, "s3://"), "/")
	if !ok || bucket == "" || key == "" || !strings.HasPrefix(uri, "s3://") {
		return apigateway.BadRequest("Invalid truststore URI: it must be of the form s3://bucket-name/key-name")
	}
	r, err := s.truststores.Open(ctx, bucket, key, version)
	if err != nil {
		return apigateway.BadRequest("The truststore %s could not be read: %v", uri, err)
	}
	defer r.Close()
	data, err := io.ReadAll(io.LimitReader(r, 1<<20))
	if err != nil {
		return fmt.Errorf("read truststore %s: %w", uri, err)
	}
	d.MutualTLS, err = apigateway.NewMutualTLS(uri, version, data)
	return err
}

func errMutualTLS() error {
	return apigateway.BadRequest("Mutual TLS authentication is not supported for WebSocket APIs")
}

func (s *Service) createDomainName(ctx context.Context, in *shapes.CreateDomainNameInput) (*shapes.CreateDomainNameOutput, error) {
	d, err := s.makeDomain(ctx, "", in, in.Tags)
	if err != nil {
		return nil, err
	}
	return (*shapes.CreateDomainNameOutput)(showDomain(d)), nil
}

// makeDomain makes a domain. With a token it also takes one that the same token made.
func (s *Service) makeDomain(ctx context.Context, token string, in *shapes.CreateDomainNameInput, tags map[string]string) (*apigateway.Domain, error) {
	d := &apigateway.Domain{Place: placeOf(ctx), Name: strings.ToLower(*in.DomainName), Tags: maps.Clone(tags), Token: token, Created: s.clock()}
	if token == "" {
		if err := apigateway.CheckTags(tags); err != nil {
			return nil, err
		}
	}
	set(&d.RoutingMode, in.RoutingMode)
	if err := s.configure(ctx, d, in.DomainNameConfigurations, in.MutualTlsAuthentication); err != nil {
		return nil, err
	}
	err := s.writeDomain(ctx, d, store.Absent)
	if errors.Is(err, store.ErrConflict) {
		if before, _, err := s.domain(ctx, d.Name); err == nil && token != "" && before.Token == token {
			return before, nil
		}
		return nil, apigateway.Conflict("The domain name resource already exists.")
	}
	return d, err
}

// configure gives a domain its configurations, and checks it.
func (s *Service) configure(ctx context.Context, d *apigateway.Domain, in []*shapes.DomainNameConfiguration, tls *shapes.MutualTlsAuthenticationInput) error {
	if err := s.configureTLS(ctx, d, tls); err != nil {
		return err
	}
	if in != nil {
		before := d.Configurations
		d.Configurations = make([]apigateway.DomainConfiguration, len(in))
		for i, c := range in {
			to := &d.Configurations[i]
			if i < len(before) {
				*to = before[i]
			}
			patchConfiguration(to, c)
		}
	}
	return d.Check(s.clock())
}

func patchConfiguration(to *apigateway.DomainConfiguration, in *shapes.DomainNameConfiguration) {
	if in.CertificateArn != nil && *in.CertificateArn != to.CertificateARN {
		to.CertificateUploaded = time.Time{}
	}
	set(&to.CertificateARN, in.CertificateArn)
	set(&to.CertificateName, in.CertificateName)
	set(&to.OwnershipVerificationCertARN, in.OwnershipVerificationCertificateArn)
	set(&to.EndpointType, in.EndpointType)
	set(&to.SecurityPolicy, in.SecurityPolicy)
	set(&to.IPAddressType, in.IpAddressType)
}

func domainARN(d *apigateway.Domain) string {
	return "arn:aws:apigateway:" + d.Region + "::/domainnames/" + d.Name
}

func showDomain(d *apigateway.Domain) *shapes.DomainName {
	out := &shapes.DomainName{
		ApiMappingSelectionExpression: new(mappingSelection),
		DomainName:                    &d.Name,
		DomainNameArn:                 new(domainARN(d)),
		DomainNameConfigurations:      []*shapes.DomainNameConfiguration{},
		RoutingMode:                   &d.RoutingMode,
		Tags:                          whole(d.Tags),
	}
	if m := d.MutualTLS; m != nil {
		out.MutualTlsAuthentication = &shapes.MutualTlsAuthentication{TruststoreUri: &m.TruststoreURI, TruststoreVersion: text(m.TruststoreVersion)}
	}
	for i := range d.Configurations {
		c := &d.Configurations[i]
		out.DomainNameConfigurations = append(out.DomainNameConfigurations, &shapes.DomainNameConfiguration{
			ApiGatewayDomainName:                &c.GatewayName,
			CertificateArn:                      text(c.CertificateARN),
			CertificateName:                     text(c.CertificateName),
			CertificateUploadDate:               second(c.CertificateUploaded),
			DomainNameStatus:                    new("AVAILABLE"),
			EndpointType:                        &c.EndpointType,
			HostedZoneId:                        &c.HostedZoneID,
			IpAddressType:                       &c.IPAddressType,
			OwnershipVerificationCertificateArn: text(c.OwnershipVerificationCertARN),
			SecurityPolicy:                      &c.SecurityPolicy,
		})
	}
	return out
}

func (s *Service) getDomainName(ctx context.Context, in *shapes.GetDomainNameInput) (*shapes.GetDomainNameOutput, error) {
	d, _, err := s.domain(ctx, *in.DomainName)
	if err != nil {
		return nil, err
	}
	return (*shapes.GetDomainNameOutput)(showDomain(d)), nil
}

// placeDomains returns the domains of the caller's account and region in order of creation.
func (s *Service) placeDomains(ctx context.Context) ([]*apigateway.Domain, error) {
	docs, err := s.open(ctx)
	if err != nil {
		return nil, err
	}
	found, err := docs.List(ctx, apigateway.DomainPrefix)
	if err != nil {
		return nil, fmt.Errorf("list domains: %w", err)
	}
	var out []*apigateway.Domain
	for _, doc := range found {
		d := new(apigateway.Domain)
		if err := json.Unmarshal(doc.Data, d); err != nil {
			return nil, fmt.Errorf("decode %s: %w", doc.Key, err)
		}
		if d.Place == placeOf(ctx) {
			out = append(out, d)
		}
	}
	slices.SortStableFunc(out, func(a, b *apigateway.Domain) int { return a.Created.Compare(b.Created) })
	return out, nil
}

func (s *Service) getDomainNames(ctx context.Context, in *shapes.GetDomainNamesInput) (*shapes.GetDomainNamesOutput, error) {
	all, err := s.placeDomains(ctx)
	if err != nil {
		return nil, err
	}
	items, next, err := list(all, func(d *apigateway.Domain) (time.Time, string) { return d.Created, d.Name }, showDomain, in.MaxResults, in.NextToken)
	if err != nil {
		return nil, err
	}
	return &shapes.GetDomainNamesOutput{Items: items, NextToken: next}, nil
}

func (s *Service) updateDomainName(ctx context.Context, in *shapes.UpdateDomainNameInput) (*shapes.UpdateDomainNameOutput, error) {
	var out *shapes.DomainName
	err := s.changeDomain(ctx, *in.DomainName, func(d *apigateway.Domain) ([]store.Write, error) {
		set(&d.RoutingMode, in.RoutingMode)
		err := s.configure(ctx, d, in.DomainNameConfigurations, in.MutualTlsAuthentication)
		out = showDomain(d)
		return nil, err
	})
	if err != nil {
		return nil, err
	}
	return (*shapes.UpdateDomainNameOutput)(out), nil
}

// deleteDomainName removes a domain with its mappings.
func (s *Service) deleteDomainName(ctx context.Context, in *shapes.DeleteDomainNameInput) (*shapes.DeleteDomainNameOutput, error) {
	d, _, err := s.domain(ctx, *in.DomainName)
	if err != nil {
		return nil, err
	}
	docs, err := s.open(ctx)
	if err != nil {
		return nil, err
	}
	if err := store.Delete(ctx, docs, apigateway.DomainPrefix+d.Name, store.Always); err != nil {
		return nil, fmt.Errorf("delete domain %s: %w", d.Name, err)
	}
	return &shapes.DeleteDomainNameOutput{}, nil
}
