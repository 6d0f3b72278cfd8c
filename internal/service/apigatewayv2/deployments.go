package apigatewayv2

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"time"

	"github.com/sallyport/sallyport/internal/apigateway"
	shapes "github.com/sallyport/sallyport/internal/awsapi/shapes/apigatewayv2"
)

func (s *Service) createDeployment(ctx context.Context, in *shapes.CreateDeploymentInput) (*shapes.CreateDeploymentOutput, error) {
	out, err := s.makeDeployment(ctx, "", in)
	return (*shapes.CreateDeploymentOutput)(out), err
}

// makeDeployment deploys an API as it is, under the id if one is given, and moves the stage that in names to it.
func (s *Service) makeDeployment(ctx context.Context, id string, in *shapes.CreateDeploymentInput) (*shapes.Deployment, error) {
	return add(ctx, s, in.ApiId, func(st *state) (*apigateway.Deployment, error) {
		var stage *apigateway.Stage
		if in.StageName != nil && *in.StageName != "" {
			var err error
			if stage, err = st.Stage(*in.StageName); err != nil {
				return nil, err
			}
		}
		if err := st.needDeployment(ctx, id); err != nil {
			return nil, err
		}
		description := ""
		set(&description, in.Description)
		d, err := st.Deploy(id, description, st.now)
		if err != nil {
			return nil, err
		}
		if stage != nil {
			stage.DeploymentID, stage.Updated = d.ID, st.now
		}
		return d, nil
	}, showDeployment)
}

func showDeployment(d *apigateway.Deployment) *shapes.Deployment {
	return &shapes.Deployment{
		AutoDeployed:     &d.AutoDeployed,
		CreatedDate:      second(d.Created),
		DeploymentId:     &d.ID,
		DeploymentStatus: new("DEPLOYED"),
		Description:      text(d.Description),
	}
}

// deployment reads a deployment into st and returns it.
func (st *state) deployment(ctx context.Context, id string) (*apigateway.Deployment, error) {
	if err := st.needDeployment(ctx, id); err != nil {
		return nil, err
	}
	if d := st.Deployments[id]; d != nil {
		return d, nil
	}
	return nil, apigateway.ErrNoDeployment(id)
}

func (s *Service) getDeployment(ctx context.Context, in *shapes.GetDeploymentInput) (*shapes.GetDeploymentOutput, error) {
	out, err := view(ctx, s, in.ApiId, func(st *state) (*apigateway.Deployment, error) { return st.deployment(ctx, *in.DeploymentId) }, showDeployment)
	return (*shapes.GetDeploymentOutput)(out), err
}

func (s *Service) getDeployments(ctx context.Context, in *shapes.GetDeploymentsInput) (*shapes.GetDeploymentsOutput, error) {
	st, err := s.load(ctx, *in.ApiId)
	if err != nil {
		return nil, err
	}
	docs, err := st.store.List(ctx, st.DeploymentPrefix(*in.ApiId))
	if err != nil {
		return nil, fmt.Errorf("list deployments of API %s: %w", *in.ApiId, err)
	}
	deployments := make([]*apigateway.Deployment, len(docs))
	for i, doc := range docs {
		deployments[i] = new(apigateway.Deployment)
		if err := json.Unmarshal(doc.Data, deployments[i]); err != nil {
			return nil, fmt.Errorf("decode %s: %w", doc.Key, err)
		}
	}
	slices.SortStableFunc(deployments, func(a, b *apigateway.Deployment) int { return a.Created.Compare(b.Created) })
	items, next, err := list(deployments, func(d *apigateway.Deployment) (time.Time, string) { return d.Created, d.ID }, showDeployment, in.MaxResults, in.NextToken)
	if err != nil {
		return nil, err
	}
	return &shapes.GetDeploymentsOutput{Items: items, NextToken: next}, nil
}

func (s *Service) updateDeployment(ctx context.Context, in *shapes.UpdateDeploymentInput) (*shapes.UpdateDeploymentOutput, error) {
	out, err := add(ctx, s, in.ApiId, func(st *state) (*apigateway.Deployment, error) {
		d, err := st.deployment(ctx, *in.DeploymentId)
		if err != nil {
			return nil, err
		}
		set(&d.Description, in.Description)
		return d, nil
	}, showDeployment)
	return (*shapes.UpdateDeploymentOutput)(out), err
}

func (s *Service) deleteDeployment(ctx context.Context, in *shapes.DeleteDeploymentInput) (*shapes.DeleteDeploymentOutput, error) {
	return remove[shapes.DeleteDeploymentOutput](ctx, s, in.ApiId, func(st *state) error {
		if _, err := st.deployment(ctx, *in.DeploymentId); err != nil {
			return err
		}
		return st.DeleteDeployment(*in.DeploymentId)
	})
}
