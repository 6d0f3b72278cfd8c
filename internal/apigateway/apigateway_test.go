package apigateway

import (
	"regexp"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func TestIDs(t *testing.T) {
	seen := map[string]bool{}
	for range 1000 {
		api, part := NewAPIID(), NewID()
		if !regexp.MustCompile(`^[a-z0-9]{10}$`).MatchString(api) || !regexp.MustCompile(`^[a-z0-9]{7}$`).MatchString(part) {
			t.Fatalf("ids %q and %q", api, part)
		}
		if seen[api] {
			t.Fatalf("%q twice", api)
		}
		seen[api] = true
	}
	if DerivedAPIID("a") != DerivedAPIID("a") || DerivedAPIID("a") == DerivedAPIID("b") || len(DerivedID("a")) != 7 {
		t.Error("ids derived from tokens are not those of the tokens")
	}
}

func TestRouteSelection(t *testing.T) {
	for expr, ok := range map[string]bool{
		"$request.body.action":                   true,
		"${request.body.a}/${request.body.b}":    true,
		"$request.body.service":                  true,
		`\$default`:                              true,
		"":                                       false,
		"$request.method $request.path":          false,
		"${request.method} ${request.path}":      false,
		"$request.header.x":                      false,
		"$request.body.a ${request.querystring}": false,
	} {
		a := API{Name: "n", RouteSelectionExpression: expr}
		if err := a.Check(); (err == nil) != ok {
			t.Errorf("%q: %v", expr, err)
		}
	}
}

// TestDeploymentIsACopy holds that what changes after a deployment does not show in it.
func TestDeploymentIsACopy(t *testing.T) {
	now := time.Unix(1, 0).UTC()
	p := NewParts(Place{Account: "000000000000", Region: "us-east-1"}, API{ID: "a", Name: "n", Tags: map[string]string{"k": "v"}})
	integration := &Integration{Type: Mock, Created: now}
	must(t, p.PutIntegration(integration))
	must(t, p.PutIntegrationResponse(integration.ID, &IntegrationResponse{Key: "$default", Created: now}))
	route := &Route{Key: "$default", Target: "integrations/" + integration.ID, Created: now}
	must(t, p.PutRoute(route))
	must(t, p.PutRouteResponse(route.ID, &RouteResponse{Key: "$default", Created: now}))
	stage := &Stage{Name: "prod", Created: now}
	must(t, p.AddStage(stage))
	p.AutoDeploy([]*Stage{stage}, now)

	before, ok := p.Snapshot(stage)
	if !ok || !before.Deployment.AutoDeployed || len(before.Deployment.Routes[0].Responses) != 1 || len(before.Deployment.Integrations[0].Responses) != 1 || before.Deployment.API.Tags != nil {
		t.Fatalf("snapshot %+v", before)
	}
	integration.Description = "changed"
	must(t, p.PutRoute(&Route{Key: "later", Created: now}))
	must(t, p.DeleteRouteResponse(route.ID, before.Deployment.Routes[0].Responses[0].ID))
	after, _ := p.Snapshot(stage)
	if diff := cmp.Diff(before, after); diff != "" {
		t.Error(diff)
	}
}

// TestFailedAutoDeploy holds that a stage keeps its deployment when the API can no longer be deployed.
func TestFailedAutoDeploy(t *testing.T) {
	now := time.Unix(1, 0).UTC()
	p := NewParts(Place{}, API{ID: "a", Name: "n"})
	route := &Route{Key: "$default", Created: now}
	must(t, p.PutRoute(route))
	stage := &Stage{Name: "prod", AutoDeploy: true, Created: now}
	must(t, p.AddStage(stage))
	p.AutoDeploy([]*Stage{stage}, now)
	deployment := stage.DeploymentID
	must(t, p.DeleteRoute(route.ID))
	p.AutoDeploy([]*Stage{stage}, now)
	if stage.DeploymentID != deployment || stage.LastDeployment != "Deployment attempt failed: At least one route is required before deploying the Api." {
		t.Errorf("deployment %q of %q, %q", stage.DeploymentID, deployment, stage.LastDeployment)
	}
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
