package s3

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"

	"github.com/sallyport/sallyport/internal/awsapi"
	"github.com/sallyport/sallyport/internal/resource"
)

// Resources are the resource types of CloudFormation that are made here.
func (s *Service) Resources() []resource.Type {
	return []resource.Type{s.bucketResource(), s.policyResource()}
}

// bucketProperties are accepted in full; versioning is the only one with an effect.
type bucketProperties struct {
	AbacStatus                       any
	AccelerateConfiguration          any
	AccessControl                    *string
	AnalyticsConfigurations          any
	BucketEncryption                 any
	BucketName                       *string `cfn:"createonly"`
	CorsConfiguration                any
	IntelligentTieringConfigurations any
	InventoryConfigurations          any
	LifecycleConfiguration           any
	LoggingConfiguration             any
	MetadataConfiguration            any
	MetadataTableConfiguration       any
	MetricsConfigurations            any
	NotificationConfiguration        any
	ObjectLockConfiguration          any
	ObjectLockEnabled                *bool
	OwnershipControls                any
	PublicAccessBlockConfiguration   any
	ReplicationConfiguration         any
	Tags                             []resource.Tag
	VersioningConfiguration          *struct{ Status *string }
	WebsiteConfiguration             any
}

func (p *bucketProperties) versioning() string {
	if p.VersioningConfiguration == nil || p.VersioningConfiguration.Status == nil {
		return ""
	}
	return *p.VersioningConfiguration.Status
}

func (s *Service) bucketResource() resource.Type {
	return resource.New("AWS::S3::Bucket", resource.Handlers[bucketProperties]{
		Create: func(ctx context.Context, r resource.Request, p *bucketProperties) (resource.Result, error) {
			name := ""
			if p.BucketName != nil {
				name = *p.BucketName
			}
			if name == "" {
				name = strings.ToLower(r.PhysicalName(63))
			}
			b := &bucket{Name: name, Region: awsapi.CallerOf(ctx).Region, Versioning: p.versioning(), Token: r.Token}
			err := s.makeBucket(ctx, b)
			if awsapi.Code(err) == "BucketAlreadyOwnedByYou" {
				// It may be there because this very step made it before.
				if before, readErr := s.bucket(ctx, name); readErr == nil && before.Token == r.Token {
					err = nil
				}
			}
			return bucketResult(name, b.Region), err
		},
		Update: func(ctx context.Context, r resource.Request, p, _ *bucketProperties) (resource.Result, error) {
			region := ""
			err := s.editBucket(ctx, r.PhysicalID, func(b *bucket) error {
				region = b.Region
				if status := p.versioning(); status != "" {
					b.Versioning = status
				} else if b.versioned() { // AWS: it cannot be unversioned again
					b.Versioning = "Suspended"
				}
				return nil
			})
			return bucketResult(r.PhysicalID, region), err
		},
		Delete: func(ctx context.Context, r resource.Request) error { return gone(s.removeBucket(ctx, r.PhysicalID)) },
	})
}

func bucketResult(name, region string) resource.Result {
	return resource.Result{PhysicalID: name, Attributes: map[string]any{
		"Arn":                 "arn:aws:s3:::" + name,
		"DomainName":          name + ".s3.amazonaws.com",
		"DualStackDomainName": name + ".s3.dualstack." + region + ".amazonaws.com",
		"RegionalDomainName":  name + ".s3." + region + ".amazonaws.com",
		"WebsiteURL":          "http://" + name + ".s3-website-" + region + ".amazonaws.com",
	}}
}

// gone makes a deletion of what does not exist a success.
func gone(err error) error {
	if awsapi.Code(err) == "NoSuchBucket" {
		return nil
	}
	return err
}

type policyProperties struct {
	Bucket         string `cfn:"required,createonly"`
	PolicyDocument any    `cfn:"required"`
}

func (s *Service) policyResource() resource.Type {
	put := func(ctx context.Context, p *policyProperties) (resource.Result, error) {
		text, ok := p.PolicyDocument.(string)
		if !ok {
			data, err := json.Marshal(p.PolicyDocument)
			if err != nil {
				return resource.Result{}, fmt.Errorf("encode policy: %w", err)
			}
			text = string(data)
		}
		err := s.editBucket(ctx, p.Bucket, func(b *bucket) error {
			if b.Config == nil {
				b.Config = map[string]string{}
			}
			b.Config["policy"] = text
			return nil
		})
		return resource.Result{PhysicalID: p.Bucket, Attributes: map[string]any{"Id": p.Bucket}}, err
	}
	return resource.New("AWS::S3::BucketPolicy", resource.Handlers[policyProperties]{
		Create: func(ctx context.Context, _ resource.Request, p *policyProperties) (resource.Result, error) {
			return put(ctx, p)
		},
		Update: func(ctx context.Context, _ resource.Request, p, _ *policyProperties) (resource.Result, error) {
			return put(ctx, p)
		},
		Delete: func(ctx context.Context, r resource.Request) error {
			return gone(s.editBucket(ctx, r.PhysicalID, func(b *bucket) error {
				delete(b.Config, "policy")
				return nil
			}))
		},
	})
}
