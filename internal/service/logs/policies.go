package logs

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/sallyport/sallyport/internal/awsapi"
	shapes "github.com/sallyport/sallyport/internal/awsapi/shapes/logs"
	"github.com/sallyport/sallyport/internal/store"
)

// Resource policies say which services may write here. They are kept and shown; every service of this server may.

const maxPolicies = 10 // of an account and region

type resourcePolicy struct {
	Name     string `json:"name"`
	Document string `json:"document"`
	Updated  int64  `json:"updated"`
}

func (p place) policyKey(name string) string {
	return "policy/" + p.Account + "/" + p.Region + "/" + name
}

func (r *resourcePolicy) show() *shapes.ResourcePolicy {
	return &shapes.ResourcePolicy{PolicyName: &r.Name, PolicyDocument: &r.Document, LastUpdatedTime: &r.Updated}
}

func (s *Service) putResourcePolicy(ctx context.Context, in *shapes.PutResourcePolicyInput) (*shapes.PutResourcePolicyOutput, error) {
	r := &resourcePolicy{Name: value(in.PolicyName), Document: value(in.PolicyDocument)}
	if err := s.writePolicy(ctx, r); err != nil {
		return nil, err
	}
	return &shapes.PutResourcePolicyOutput{ResourcePolicy: r.show()}, nil
}

func (s *Service) writePolicy(ctx context.Context, r *resourcePolicy) error {
	if r.Name == "" || !json.Valid([]byte(r.Document)) {
		return errParameter("The policy name or document is not valid.")
	}
	all, err := s.policies(ctx)
	if err != nil {
		return err
	}
	known := false
	for _, old := range all {
		known = known || old.Name == r.Name
	}
	if !known && len(all) >= maxPolicies {
		return awsapi.Errorf("LimitExceededException", 400, "Resource limit exceeded.")
	}
	r.Updated = s.millis()
	data, err := encode(r)
	if err != nil {
		return err
	}
	docs, err := s.open(ctx)
	if err != nil {
		return err
	}
	if _, err := store.Put(ctx, docs, placeOf(ctx).policyKey(r.Name), data, store.Always); err != nil {
		return fmt.Errorf("write resource policy: %w", err)
	}
	return nil
}

func (s *Service) policies(ctx context.Context) ([]*resourcePolicy, error) {
	docs, err := s.open(ctx)
	if err != nil {
		return nil, err
	}
	found, err := docs.List(ctx, placeOf(ctx).policyKey(""))
	if err != nil {
		return nil, fmt.Errorf("list resource policies: %w", err)
	}
	var all []*resourcePolicy
	for _, doc := range found {
		r := new(resourcePolicy)
		if err := json.Unmarshal(doc.Data, r); err != nil {
			return nil, fmt.Errorf("decode %s: %w", doc.Key, err)
		}
		all = append(all, r)
	}
	return all, nil
}

func (s *Service) describeResourcePolicies(ctx context.Context, _ *shapes.DescribeResourcePoliciesInput) (*shapes.DescribeResourcePoliciesOutput, error) {
	all, err := s.policies(ctx)
	if err != nil {
		return nil, err
	}
	out := &shapes.DescribeResourcePoliciesOutput{ResourcePolicies: []*shapes.ResourcePolicy{}}
	for _, r := range all {
		out.ResourcePolicies = append(out.ResourcePolicies, r.show())
	}
	return out, nil
}

func (s *Service) deleteResourcePolicy(ctx context.Context, in *shapes.DeleteResourcePolicyInput) (*shapes.DeleteResourcePolicyOutput, error) {
	return &shapes.DeleteResourcePolicyOutput{}, s.removePolicy(ctx, value(in.PolicyName))
}

func (s *Service) removePolicy(ctx context.Context, name string) error {
	docs, err := s.open(ctx)
	if err != nil {
		return err
	}
	key := placeOf(ctx).policyKey(name)
	if _, err := docs.Get(ctx, key); errors.Is(err, store.ErrNotFound) {
		return awsapi.Errorf(codeNotFound, 400, "Policy with name [%s] does not exist.", name)
	} else if err != nil {
		return fmt.Errorf("read resource policy: %w", err)
	}
	if err := store.Delete(ctx, docs, key, store.Always); err != nil {
		return fmt.Errorf("delete resource policy: %w", err)
	}
	return nil
}
