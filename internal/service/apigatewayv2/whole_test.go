package apigatewayv2

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"sync"
	"testing"

	"github.com/sallyport/sallyport/internal/apigateway"
	"github.com/sallyport/sallyport/internal/awsapi"
	shapes "github.com/sallyport/sallyport/internal/awsapi/shapes/apigatewayv2"
)

// TestNothingHalfWritten is nothingHalfWritten in memory.
func TestNothingHalfWritten(t *testing.T) { nothingHalfWritten(t, newFixture(t), 100) }

// nothingHalfWritten lets ten clients on two nodes make, change and remove parts of one API at random, steps times each. Whatever comes of
// it, the parts agree with each other, and the data plane sees what the control plane says.
func nothingHalfWritten(t *testing.T, f *fixture, steps int) {
	second := newFixtureOn(t, f.stores)
	api := strings.TrimPrefix(f.api(), "/v2/apis/")
	const clients = 10
	var all sync.WaitGroup
	for client := range clients {
		s := f.service
		if client%2 == 1 {
			s = second.service
		}
		random := rand.New(rand.NewPCG(7, uint64(client)))
		all.Go(func() {
			for range steps {
				err := randomStep(f, s, api, random)
				if e := (*awsapi.Error)(nil); err != nil && (!errors.As(err, &e) || e.Status >= 500) {
					t.Errorf("a client hears %v", err)
				}
			}
		})
	}
	all.Wait()
	checkWhole(t, f, api)
	checkSnapshots(f.ctx(), t, f, api)
	f.must(204, "DELETE", "/v2/apis/"+api, "")
	docs, _ := f.service.open(f.ctx())
	if left, err := docs.List(f.ctx(), ""); err != nil || len(left) != 0 {
		t.Errorf("%d documents are left, %v", len(left), err)
	}
}

// randomStep changes something, or is refused.
func randomStep(f *fixture, s *Service, api string, random *rand.Rand) error {
	ctx := f.ctx()
	st, err := s.load(ctx, api)
	if err != nil {
		return err
	}
	// What is picked may be gone when it is used.
	integration, route := pick(random, st.OrderedIntegrations()), pick(random, st.OrderedRoutes())
	stage := fmt.Sprint("stage", random.IntN(3))
	switch random.IntN(14) {
	case 0, 1:
		_, err = s.createIntegration(ctx, &shapes.CreateIntegrationInput{ApiId: &api, IntegrationType: new("MOCK")})
	case 2, 3:
		_, err = s.createRoute(ctx, &shapes.CreateRouteInput{ApiId: &api, RouteKey: new(fmt.Sprint("r", random.IntN(20))), Target: new("integrations/" + integration.ID)})
	case 4:
		_, err = s.deleteIntegration(ctx, &shapes.DeleteIntegrationInput{ApiId: &api, IntegrationId: &integration.ID})
	case 5:
		_, err = s.deleteRoute(ctx, &shapes.DeleteRouteInput{ApiId: &api, RouteId: &route.ID})
	case 6:
		_, err = s.createRouteResponse(ctx, &shapes.CreateRouteResponseInput{ApiId: &api, RouteId: &route.ID, RouteResponseKey: new("$default")})
	case 7:
		_, err = s.createIntegrationResponse(ctx, &shapes.CreateIntegrationResponseInput{ApiId: &api, IntegrationId: &integration.ID, IntegrationResponseKey: new("$default")})
	case 8:
		_, err = s.createStage(ctx, &shapes.CreateStageInput{ApiId: &api, StageName: &stage, AutoDeploy: new(random.IntN(2) == 0)})
	case 9:
		_, err = s.deleteStage(ctx, &shapes.DeleteStageInput{ApiId: &api, StageName: &stage})
	case 10:
		_, err = s.createDeployment(ctx, &shapes.CreateDeploymentInput{ApiId: &api, StageName: &stage})
	case 12:
		_, err = s.updateRoute(ctx, &shapes.UpdateRouteInput{ApiId: &api, RouteId: &route.ID, Target: new("integrations/" + integration.ID)})
	case 13:
		_, err = s.updateStage(ctx, &shapes.UpdateStageInput{ApiId: &api, StageName: &stage, StageVariables: map[string]string{"v": fmt.Sprint(random.IntN(9))}})
	case 11:
		id := ""
		if stage := pick(random, st.OrderedStages()); stage.DeploymentID != "" {
			id = stage.DeploymentID
		}
		_, err = s.deleteDeployment(ctx, &shapes.DeleteDeploymentInput{ApiId: &api, DeploymentId: &id})
	}
	return err
}

// pick returns one of a list, or an empty one.
func pick[T any](random *rand.Rand, list []*T) *T {
	if len(list) == 0 {
		return new(T)
	}
	return list[random.IntN(len(list))]
}

// checkWhole holds that nothing refers to what is not there.
func checkWhole(t *testing.T, f *fixture, api string) {
	t.Helper()
	st, err := f.service.load(f.ctx(), api)
	if err != nil {
		t.Fatal(err)
	}
	keys := map[string]bool{}
	for _, r := range st.Routes {
		if keys[r.Key] {
			t.Errorf("two routes have the key %s", r.Key)
		}
		keys[r.Key] = true
		if r.Target != "" && st.Integrations[r.IntegrationID()] == nil {
			t.Errorf("route %s targets %s, which is not there", r.Key, r.Target)
		}
	}
	for id := range st.RouteResponses {
		if st.Routes[id] == nil {
			t.Errorf("a response belongs to route %s, which is not there", id)
		}
	}
	for id := range st.IntegrationResponses {
		if st.Integrations[id] == nil {
			t.Errorf("a response belongs to integration %s, which is not there", id)
		}
	}
	for name, stage := range st.Stages {
		if stage.DeploymentID != "" && !readDoc(t, f, st.DeploymentPrefix(api)+stage.DeploymentID, &apigateway.Deployment{}) {
			t.Errorf("stage %s points to deployment %s, which is not there", name, stage.DeploymentID)
		}
	}
}
