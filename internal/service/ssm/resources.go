package ssm

import (
	"context"
	"strings"

	"github.com/sallyport/sallyport/internal/awsapi"
	"github.com/sallyport/sallyport/internal/resource"
)

// Resources are the resource types of CloudFormation that are made here.
func (s *Service) Resources() []resource.Type {
	return []resource.Type{
		resource.New("AWS::SSM::Parameter", resource.Handlers[properties]{Create: s.createResource, Update: s.updateResource, Delete: s.deleteResource}),
	}
}

type properties struct {
	AllowedPattern *string
	DataType       *string
	Description    *string
	Name           *string `cfn:"createonly"`
	Policies       *string
	Tags           map[string]string
	Tier           *string
	Type           string `cfn:"required"`
	Value          string `cfn:"required"`
}

func (p *properties) version(r resource.Request) (version, error) {
	if p.Type == secure { // AWS: templates cannot make them
		return version{}, invalid("SecureString parameters are not supported: a template would show their values.")
	}
	if value(p.Policies) != "" {
		return version{}, awsapi.Errorf("InvalidPolicyTypeException", 400, "Sallyport does not support policies of parameters.")
	}
	return version{
		Type: p.Type, Value: p.Value, Description: value(p.Description), Pattern: value(p.AllowedPattern), DataType: value(p.DataType),
		Tier: value(p.Tier), Token: r.Token,
	}, nil
}

func result(name string, p *properties) resource.Result {
	return resource.Result{PhysicalID: name, Attributes: map[string]any{"Type": p.Type, "Value": p.Value}}
}

func (s *Service) createResource(ctx context.Context, r resource.Request, p *properties) (resource.Result, error) {
	v, err := p.version(r)
	if err != nil {
		return resource.Result{}, err
	}
	name := value(p.Name)
	if name == "" { // AWS: CFN-{logical id}-{12 letters or digits}
		given := r.PhysicalName(128)
		name = "CFN-" + r.LogicalID + given[strings.LastIndexByte(given, '-'):]
	}
	if _, err := s.put(ctx, name, false, r.WithTags(p.Tags), v); err != nil {
		return resource.Result{}, err
	}
	return result(name, p), nil
}

func (s *Service) updateResource(ctx context.Context, r resource.Request, p, _ *properties) (resource.Result, error) {
	v, err := p.version(r)
	if err != nil {
		return resource.Result{}, err
	}
	if _, err := s.put(ctx, r.PhysicalID, true, nil, v); err != nil {
		return resource.Result{}, err
	}
	err = s.editTags(ctx, "Parameter", r.PhysicalID, func(tags map[string]string) {
		clear(tags)
		for k, v := range r.WithTags(p.Tags) {
			tags[k] = v
		}
	})
	return result(r.PhysicalID, p), err
}

func (s *Service) deleteResource(ctx context.Context, r resource.Request) error {
	_, err := s.remove(ctx, r.PhysicalID)
	return err
}
