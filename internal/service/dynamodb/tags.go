package dynamodb

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"strconv"
	"strings"

	"github.com/sallyport/sallyport/internal/awsapi"
	shapes "github.com/sallyport/sallyport/internal/awsapi/shapes/dynamodb"
)

// maxTags is how many tags a table may have.
const maxTags = 50

func (s *Service) tagResource(ctx context.Context, in *shapes.TagResourceInput) (*shapes.TagResourceOutput, error) {
	if len(in.Tags) == 0 {
		// AWS: the spelling is theirs.
		return nil, errValidation("Atleast one Tag needs to be provided as Input.")
	}
	if err := checkTags(in.Tags); err != nil {
		return nil, err
	}
	_, _, err := s.change(ctx, *in.ResourceArn, func(d *definition) error {
		if d.Tags == nil {
			d.Tags = map[string]string{}
		}
		for _, t := range in.Tags {
			d.Tags[*t.Key] = *t.Value
		}
		if len(d.Tags) > maxTags {
			return errTooManyTags()
		}
		return nil
	})
	return nil, resourceError(err, *in.ResourceArn)
}

func errTooManyTags() error {
	return errValidation("Number of Tags exceed the current limit for the provided ResourceArn")
}

// checkTags refuses tags that nobody may set.
func checkTags(tags []*shapes.Tag) error {
	seen := map[string]bool{}
	for _, t := range tags {
		switch {
		case strings.HasPrefix(*t.Key, "aws:"):
			return errValidation("Tag Key cannot be prefixed with aws:, Key: %s", *t.Key)
		case seen[*t.Key]:
			return errValidation("Duplicate Tag Keys provided as input: Duplicate Tag Key found %s", *t.Key)
		}
		seen[*t.Key] = true
	}
	if len(tags) > maxTags {
		return errTooManyTags()
	}
	return nil
}

func (s *Service) untagResource(ctx context.Context, in *shapes.UntagResourceInput) (*shapes.UntagResourceOutput, error) {
	if len(in.TagKeys) == 0 {
		return nil, errValidation("Atleast one Tag Key needs to be provided as Input.")
	}
	_, _, err := s.change(ctx, *in.ResourceArn, func(d *definition) error {
		for _, k := range in.TagKeys {
			delete(d.Tags, k)
		}
		return nil
	})
	return nil, resourceError(err, *in.ResourceArn)
}

func (s *Service) listTagsOfResource(ctx context.Context, in *shapes.ListTagsOfResourceInput) (*shapes.ListTagsOfResourceOutput, error) {
	d, _, err := s.defined(ctx, *in.ResourceArn)
	if err != nil {
		return nil, resourceError(err, *in.ResourceArn)
	}
	out := &shapes.ListTagsOfResourceOutput{Tags: []*shapes.Tag{}}
	for _, k := range sortedNames(d.Tags) {
		out.Tags = append(out.Tags, &shapes.Tag{Key: new(k), Value: new(d.Tags[k])})
	}
	return out, nil
}

// resourceError is how operations that take an ARN say that there is no such table. AWS: the misspelling is theirs.
func resourceError(err error, arn string) error {
	if awsapi.Code(err) == "ResourceNotFoundException" {
		return awsapi.Errorf("ResourceNotFoundException", 400, "Requested resource not found: ResourcArn: %s not found", arn)
	}
	return err
}

func (s *Service) putResourcePolicy(ctx context.Context, in *shapes.PutResourcePolicyInput) (*shapes.PutResourcePolicyOutput, error) {
	d, _, err := s.change(ctx, *in.ResourceArn, func(d *definition) error {
		d.setPolicy(*in.Policy)
		return nil
	})
	if err != nil {
		return nil, resourceError(err, *in.ResourceArn)
	}
	return &shapes.PutResourcePolicyOutput{RevisionId: &d.PolicyRev}, nil
}

// setPolicy keeps a policy; its revision is a number that depends on its text.
func (d *definition) setPolicy(policy string) {
	sum := sha256.Sum256([]byte(policy))
	d.Policy, d.PolicyRev = policy, strconv.FormatUint(binary.BigEndian.Uint64(sum[:])>>12, 10)
}

func (s *Service) getResourcePolicy(ctx context.Context, in *shapes.GetResourcePolicyInput) (*shapes.GetResourcePolicyOutput, error) {
	d, _, err := s.defined(ctx, *in.ResourceArn)
	if err != nil {
		return nil, resourceError(err, *in.ResourceArn)
	}
	if d.Policy == "" {
		return nil, awsapi.Errorf("PolicyNotFoundException", 400, "Resource-based policy not found for the provided ResourceArn: Requested policy not found: %s", *in.ResourceArn)
	}
	return &shapes.GetResourcePolicyOutput{Policy: &d.Policy, RevisionId: &d.PolicyRev}, nil
}

func (s *Service) deleteResourcePolicy(ctx context.Context, in *shapes.DeleteResourcePolicyInput) (*shapes.DeleteResourcePolicyOutput, error) {
	rev := ""
	_, _, err := s.change(ctx, *in.ResourceArn, func(d *definition) error {
		rev = d.PolicyRev
		d.Policy, d.PolicyRev = "", ""
		return nil
	})
	if err != nil || rev == "" {
		return nil, resourceError(err, *in.ResourceArn)
	}
	return &shapes.DeleteResourcePolicyOutput{RevisionId: &rev}, nil
}
