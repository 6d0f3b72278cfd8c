package apigatewayv2

import (
	"fmt"
	"strings"
	"testing"

	"github.com/sallyport/sallyport/internal/resource"
)

// A stack makes resources by type, as CloudFormation does.
type stack struct {
	*fixture
	types map[string]resource.Type
}

func newStack(f *fixture) *stack {
	s := &stack{fixture: f, types: map[string]resource.Type{}}
	for _, t := range f.service.Resources() {
		s.types[strings.TrimPrefix(t.Name(), "AWS::ApiGatewayV2::")] = t
	}
	return s
}

// create makes a resource twice, as after a crash, and returns its physical id.
func (s *stack) create(kind, logicalID string, properties map[string]any) resource.Result {
	s.t.Helper()
	r := resource.Request{LogicalID: logicalID, Token: "token-" + logicalID, Properties: properties, Tags: map[string]string{"aws:cloudformation:stack-name": "s"}}
	if err := s.types[kind].Check(properties); err != nil {
		s.t.Fatalf("check %s: %v", logicalID, err)
	}
	first, err := s.types[kind].Create(s.ctx(), r)
	if err != nil {
		s.t.Fatalf("create %s: %v", logicalID, err)
	}
	again, err := s.types[kind].Create(s.ctx(), r)
	if err != nil {
		s.t.Fatalf("create %s again: %v", logicalID, err)
	}
	if again.PhysicalID != first.PhysicalID {
		s.t.Errorf("%s was %s and is %s when its step is repeated", logicalID, first.PhysicalID, again.PhysicalID)
	}
	return first
}

func (s *stack) update(kind, id string, properties, old map[string]any) error {
	_, err := s.types[kind].Update(s.ctx(), resource.Request{PhysicalID: id, Token: "u", Properties: properties, Old: old})
	return err
}

func TestResources(t *testing.T) {
	f := newFixture(t)
	s := newStack(f)
	type props = map[string]any
	api := s.create("Api", "Api", props{"Name": "chat", "ProtocolType": "WEBSOCKET", "RouteSelectionExpression": "$request.body.action", "Tags": props{"a": "b"}})
	apiID := api.PhysicalID
	t.Run("DE-062 attributes of an API", func(t *testing.T) {
		if want := "map[ApiEndpoint:wss://" + apiID + ".execute-api.us-east-1.amazonaws.com ApiId:" + apiID + "]"; fmt.Sprint(api.Attributes) != want {
			t.Errorf("%v, want %s", api.Attributes, want)
		}
		if a := f.must(200, "GET", "/v2/apis/"+apiID, ""); fmt.Sprint(a.body["tags"]) != "map[a:b aws:cloudformation:stack-name:s]" {
			t.Error(a.raw)
		}
	})
	authorizerProps := props{"ApiId": apiID, "Name": "a", "AuthorizerType": "REQUEST", "AuthorizerUri": testLambda, "IdentitySource": []any{"route.request.querystring.token"}}
	authorizer := s.create("Authorizer", "Authorizer", authorizerProps)
	integrationProps := props{"ApiId": apiID, "IntegrationType": "AWS_PROXY", "IntegrationUri": testLambda, "TimeoutInMillis": "1000"}
	integration := s.create("Integration", "Integration", integrationProps)
	routeProps := props{
		"ApiId": apiID, "RouteKey": "$connect", "AuthorizationType": "CUSTOM", "AuthorizerId": authorizer.PhysicalID,
		"Target":            "integrations/" + integration.PhysicalID,
		"RequestParameters": props{"route.request.header.X": props{"Required": "true"}},
	}
	route := s.create("Route", "Route", routeProps)
	second := s.create("Route", "Second", props{"ApiId": apiID, "RouteKey": "send", "Target": "integrations/" + integration.PhysicalID})
	s.create("RouteResponse", "RouteResponse", props{"ApiId": apiID, "RouteId": second.PhysicalID, "RouteResponseKey": "$default"})
	s.create("IntegrationResponse", "IntegrationResponse", props{"ApiId": apiID, "IntegrationId": integration.PhysicalID, "IntegrationResponseKey": "$default"})
	s.create("Model", "Model", props{"ApiId": apiID, "Name": "M", "Schema": props{"type": "object"}})
	deploymentProps := props{"ApiId": apiID}
	deployment := s.create("Deployment", "Deployment", deploymentProps)
	stageProps := props{
		"ApiId": apiID, "StageName": "prod", "DeploymentId": deployment.PhysicalID,
		"StageVariables": props{"a": "1", "b": "2"}, "DefaultRouteSettings": props{"LoggingLevel": "INFO", "ThrottlingBurstLimit": "5"},
	}
	stage := s.create("Stage", "Stage", stageProps)
	path := "/v2/apis/" + apiID

	t.Run("DE-062 Ref of a stage", func(t *testing.T) {
		if stage.PhysicalID != "prod" || stage.Ref != "" && stage.Ref != "prod" {
			t.Error(stage)
		}
	})
	t.Run("what was made", func(t *testing.T) {
		a := f.must(200, "GET", path+"/routes/"+route.PhysicalID, "")
		if a.text("authorizerId") != authorizer.PhysicalID || !strings.Contains(a.raw, `"route.request.header.X":{"required":true}`) {
			t.Error(a.raw)
		}
		if a := f.must(200, "GET", path+"/integrations/"+integration.PhysicalID, ""); a.body["timeoutInMillis"] != 1000.0 {
			t.Error(a.raw)
		}
		a = f.must(200, "GET", path+"/stages/prod", "")
		if fmt.Sprint(a.body["stageVariables"]) != "map[a:1 b:2]" || !strings.Contains(a.raw, `"throttlingBurstLimit":5`) {
			t.Error(a.raw)
		}
		if a := f.must(200, "GET", path+"/models", ""); !strings.Contains(a.raw, `{\"type\":\"object\"}`) {
			t.Error(a.raw)
		}
	})
	t.Run("DE-063 a route's target is updated in place", func(t *testing.T) {
		other := f.mock(path)
		changed := props{"ApiId": apiID, "RouteKey": "$connect", "Target": "integrations/" + other}
		if err := s.update("Route", route.PhysicalID, changed, routeProps); err != nil {
			t.Fatal(err)
		}
		// What the template no longer says is as if it had never been said.
		want := `{"apiKeyRequired":false,"authorizationType":"NONE","routeId":"` + route.PhysicalID + `","routeKey":"$connect","target":"integrations/` + other + `"}`
		if a := f.must(200, "GET", path+"/routes/"+route.PhysicalID, ""); a.raw != want {
			t.Errorf("%s\nwant %s", a.raw, want)
		}
		if got := s.types["Api"].CreateOnly(); fmt.Sprint(got) != "[ProtocolType]" {
			t.Errorf("create-only properties of an API: %v", got)
		}
	})
	t.Run("a stage forgets what the template forgets, and keeps its deployment", func(t *testing.T) {
		changed := props{"ApiId": apiID, "StageName": "prod", "DeploymentId": deployment.PhysicalID, "StageVariables": props{"b": "3"}}
		if err := s.update("Stage", "prod", changed, stageProps); err != nil {
			t.Fatal(err)
		}
		a := f.must(200, "GET", path+"/stages/prod", "")
		if fmt.Sprint(a.body["stageVariables"]) != "map[b:3]" || strings.Contains(a.raw, "throttling") || a.text("deploymentId") != deployment.PhysicalID {
			t.Error(a.raw)
		}
		checkSnapshots(f.ctx(), t, f, apiID)
	})
	t.Run("a new deployment moves the stage", func(t *testing.T) {
		next := s.create("Deployment", "Next", deploymentProps)
		changed := props{"ApiId": apiID, "StageName": "prod", "DeploymentId": next.PhysicalID}
		if err := s.update("Stage", "prod", changed, props{"ApiId": apiID, "StageName": "prod", "DeploymentId": deployment.PhysicalID}); err != nil {
			t.Fatal(err)
		}
		if a := f.must(200, "GET", path+"/stages/prod", ""); a.text("deploymentId") != next.PhysicalID {
			t.Error(a.raw)
		}
		checkSnapshots(f.ctx(), t, f, apiID)
	})
	t.Run("deletion twice", func(t *testing.T) {
		for range 2 {
			for _, d := range []struct {
				kind, id   string
				properties props
			}{{"Stage", "prod", stageProps}, {"Route", route.PhysicalID, routeProps}, {"Deployment", deployment.PhysicalID, deploymentProps}, {"Api", apiID, nil}} {
				if err := s.types[d.kind].Delete(f.ctx(), resource.Request{PhysicalID: d.id, Properties: d.properties}); err != nil {
					t.Errorf("delete %s: %v", d.kind, err)
				}
			}
		}
	})
	t.Run("another's stage is not taken over", func(t *testing.T) {
		api := f.api()
		f.must(201, "POST", api+"/stages", `{"stageName":"prod"}`)
		_, err := s.types["Stage"].Create(f.ctx(), resource.Request{Token: "t", Properties: props{"ApiId": strings.TrimPrefix(api, "/v2/apis/"), "StageName": "prod"}})
		if err == nil || !strings.Contains(err.Error(), "Stage already exists") {
			t.Errorf("create = %v", err)
		}
	})
	t.Run("account", func(t *testing.T) {
		account := s.types["AWS::ApiGateway::Account"]
		result, err := account.Create(f.ctx(), resource.Request{Token: "t", Properties: props{"CloudWatchRoleArn": "arn:aws:iam::000000000000:role/r"}})
		if err != nil || result.Attributes["Id"] != result.PhysicalID {
			t.Error(result, err)
		}
		if a := f.must(200, "GET", "/account", ""); a.text("cloudwatchRoleArn") != "arn:aws:iam::000000000000:role/r" {
			t.Error(a.raw)
		}
	})
	t.Run("DE-059 unknown property", func(t *testing.T) {
		if err := s.types["Route"].Check(props{"ApiId": "a", "RouteKey": "k", "Foo": 1}); err == nil || !strings.Contains(err.Error(), "extraneous key [Foo]") {
			t.Error(err)
		}
	})
}
