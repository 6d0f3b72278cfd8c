package apigateway

import (
	"errors"
	"fmt"
	"time"

	"github.com/sallyport/sallyport/internal/awsapi"
)

// Deploy freezes the API as it is into a deployment and keeps it, drawing an id if id is empty.
func (p *Parts) Deploy(id, description string, now time.Time) (*Deployment, error) {
	if err := checkLength("deployment description", description, 0, 1024); err != nil {
		return nil, err
	}
	if len(p.Routes) == 0 {
		return nil, BadRequest("At least one route is required before deploying the Api")
	}
	if err := p.checkModels(); err != nil {
		return nil, err
	}
	if id == "" {
		id = unusedID(p.Deployments)
	}
	d := &Deployment{ID: id, Description: description, Created: now, API: p.API}
	d.API.Tags = nil
	for _, r := range p.OrderedRoutes() {
		c := *r
		c.Responses = nil
		for _, response := range p.OrderedRouteResponses(r.ID) {
			c.Responses = append(c.Responses, *response)
		}
		d.Routes = append(d.Routes, c)
	}
	for _, i := range p.OrderedIntegrations() {
		c := *i
		c.Responses = nil
		for _, response := range p.OrderedIntegrationResponses(i.ID) {
			c.Responses = append(c.Responses, *response)
		}
		d.Integrations = append(d.Integrations, c)
	}
	for _, m := range p.OrderedModels() {
		d.Models = append(d.Models, *m)
	}
	for _, a := range p.OrderedAuthorizers() {
		d.Authorizers = append(d.Authorizers, *a)
	}
	p.Deployments[id] = d
	return d, nil
}

// DeleteDeployment removes a deployment that no stage points to.
func (p *Parts) DeleteDeployment(id string) error {
	if p.Deployments[id] == nil {
		return ErrNoDeployment(id)
	}
	for _, s := range p.Stages {
		if s.DeploymentID == id {
			return BadRequest("Active stages pointing to this deployment must be moved or deleted")
		}
	}
	delete(p.Deployments, id)
	return nil
}

// AutoDeploy deploys the API as it is to stages, and tells in each how that went: a stage keeps its deployment when
// the API cannot be deployed.
func (p *Parts) AutoDeploy(stages []*Stage, now time.Time) {
	if len(stages) == 0 {
		return
	}
	d, err := p.Deploy("", "Automatic deployment triggered by changes to the Api configuration", now)
	for _, s := range stages {
		if err != nil {
			s.LastDeployment = failed(err)
			continue
		}
		d.AutoDeployed = true
		s.DeploymentID, s.Updated = d.ID, now
		s.LastDeployment = deployed(d.ID)
	}
}

// deployed and failed are the texts of Stage.LastDeployment.
func deployed(id string) string {
	return fmt.Sprintf("Successfully deployed stage with deployment ID '%s'", id)
}

func failed(err error) string {
	reason := err.Error()
	if e := (*awsapi.Error)(nil); errors.As(err, &e) {
		reason = e.Message
	}
	return fmt.Sprintf("Deployment attempt failed: %s.", reason)
}

// Snapshot is the stage as the data plane is to serve it; ok is false when the stage has no deployment, and so serves nothing.
// The deployment must be among p.Deployments.
func (p *Parts) Snapshot(s *Stage) (snapshot Snapshot, ok bool) {
	d := p.Deployments[s.DeploymentID]
	if d == nil {
		return Snapshot{}, false
	}
	return Snapshot{Account: p.Account, Region: p.Region, Stage: *s, Deployment: *d}, true
}
