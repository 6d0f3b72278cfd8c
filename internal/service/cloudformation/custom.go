package cloudformation

import (
	"context"
	"errors"

	"github.com/sallyport/sallyport/internal/resource"
)

type answers struct{}

type customResource struct {
	s    *Service
	name string
}

func (c *customResource) Name() string                          { return c.name }
func (c *customResource) Check(properties map[string]any) error { return nil }
func (c *customResource) CreateOnly() []string                  { return []string{"ServiceToken"} }
func (c *customResource) Create(ctx context.Context, r resource.Request) (resource.Result, error) {
	return resource.Result{}, errors.New("not yet")
}
func (c *customResource) Update(ctx context.Context, r resource.Request) (resource.Result, error) {
	return resource.Result{}, errors.New("not yet")
}
func (c *customResource) Delete(ctx context.Context, r resource.Request) error { return nil }

const nestedStack = "AWS::CloudFormation::Stack"

type nested struct{ s *Service }

func (c *nested) Name() string                          { return nestedStack }
func (c *nested) Check(properties map[string]any) error { return nil }
func (c *nested) CreateOnly() []string                  { return nil }
func (c *nested) Create(ctx context.Context, r resource.Request) (resource.Result, error) {
	return resource.Result{}, errors.New("not yet")
}
func (c *nested) Update(ctx context.Context, r resource.Request) (resource.Result, error) {
	return resource.Result{}, errors.New("not yet")
}
func (c *nested) Delete(ctx context.Context, r resource.Request) error { return nil }
