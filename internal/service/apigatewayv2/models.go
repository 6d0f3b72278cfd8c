package apigatewayv2

import (
	"context"
	"time"

	"github.com/sallyport/sallyport/internal/apigateway"
	shapes "github.com/sallyport/sallyport/internal/awsapi/shapes/apigatewayv2"
)

func (s *Service) createModel(ctx context.Context, in *shapes.CreateModelInput) (*shapes.CreateModelOutput, error) {
	out, err := s.makeModel(ctx, "", &shapes.UpdateModelInput{
		ApiId:       in.ApiId,
		ContentType: in.ContentType,
		Description: in.Description,
		Name:        in.Name,
		Schema:      in.Schema,
	})
	return (*shapes.CreateModelOutput)(out), err
}

// makeModel adds a model, under the id if one is given; then it replaces the one that is there.
func (s *Service) makeModel(ctx context.Context, id string, in *shapes.UpdateModelInput) (*shapes.Model, error) {
	return add(ctx, s, in.ApiId, func(st *state) (*apigateway.Model, error) {
		m := &apigateway.Model{ID: id, Created: st.now}
		if before := st.Models[id]; before != nil {
			m.Created = before.Created
		}
		return m, putModel(st, m, in)
	}, showModel)
}

func putModel(st *state, m *apigateway.Model, in *shapes.UpdateModelInput) error {
	set(&m.Name, in.Name)
	set(&m.ContentType, in.ContentType)
	set(&m.Description, in.Description)
	set(&m.Schema, in.Schema)
	return st.PutModel(m)
}

func showModel(m *apigateway.Model) *shapes.Model {
	return &shapes.Model{
		ContentType: &m.ContentType,
		Description: text(m.Description),
		ModelId:     &m.ID,
		Name:        &m.Name,
		Schema:      &m.Schema,
	}
}

func (s *Service) getModel(ctx context.Context, in *shapes.GetModelInput) (*shapes.GetModelOutput, error) {
	out, err := view(ctx, s, in.ApiId, func(st *state) (*apigateway.Model, error) { return st.Model(*in.ModelId) }, showModel)
	return (*shapes.GetModelOutput)(out), err
}

func (s *Service) getModels(ctx context.Context, in *shapes.GetModelsInput) (*shapes.GetModelsOutput, error) {
	st, err := s.load(ctx, *in.ApiId)
	if err != nil {
		return nil, err
	}
	items, next, err := list(st.OrderedModels(), func(m *apigateway.Model) (time.Time, string) { return m.Created, m.ID }, showModel, in.MaxResults, in.NextToken)
	if err != nil {
		return nil, err
	}
	return &shapes.GetModelsOutput{Items: items, NextToken: next}, nil
}

// getModelTemplate answers the same beginning of a mapping template for every model: AWS derives one from the
// schema, for people to go on from.
func (s *Service) getModelTemplate(ctx context.Context, in *shapes.GetModelTemplateInput) (*shapes.GetModelTemplateOutput, error) {
	return view(ctx, s, in.ApiId, func(st *state) (*apigateway.Model, error) { return st.Model(*in.ModelId) },
		func(*apigateway.Model) *shapes.GetModelTemplateOutput {
			return &shapes.GetModelTemplateOutput{Value: new("#set($inputRoot = $input.path('$'))\n{\n}")}
		})
}

func (s *Service) updateModel(ctx context.Context, in *shapes.UpdateModelInput) (*shapes.UpdateModelOutput, error) {
	out, err := add(ctx, s, in.ApiId, func(st *state) (*apigateway.Model, error) {
		m, err := st.Model(*in.ModelId)
		if err != nil {
			return nil, err
		}
		return m, putModel(st, m, in)
	}, showModel)
	return (*shapes.UpdateModelOutput)(out), err
}

func (s *Service) deleteModel(ctx context.Context, in *shapes.DeleteModelInput) (*shapes.DeleteModelOutput, error) {
	return remove[shapes.DeleteModelOutput](ctx, s, in.ApiId, func(st *state) error { return st.DeleteModel(*in.ModelId) })
}
