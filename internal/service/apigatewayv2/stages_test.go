package apigatewayv2

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/sallyport/sallyport/internal/apigateway"
	"github.com/sallyport/sallyport/internal/store"
)

// readDoc decodes a document of the store.
func readDoc(t *testing.T, f *fixture, key string, v any) bool {
	t.Helper()
	docs, err := f.service.open(f.ctx())
	if err != nil {
		t.Fatal(err)
	}
	doc, err := docs.Get(f.ctx(), key)
	if errors.Is(err, store.ErrNotFound) {
		return false
	} else if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(doc.Data, v); err != nil {
		t.Fatal(err)
	}
	return true
}

func TestCreateStage(t *testing.T) {
	f := newFixture(t)
	api := f.api()
	a := f.must(201, "POST", api+"/stages", `{"stageName":"prod"}`)
	t.Run("CP-021 fresh stage", func(t *testing.T) {
		want := `{"createdDate":"C","defaultRouteSettings":{"dataTraceEnabled":false,"detailedMetricsEnabled":false,"loggingLevel":"OFF"},"lastUpdatedDate":"C","routeSettings":{},"stageName":"prod","stageVariables":{},"tags":{}}`
		if got := strings.ReplaceAll(a.raw, a.text("createdDate"), "C"); got != want {
			t.Errorf("%s\nwant %s", got, want)
		}
	})
	for _, r := range []refusal{
		{name: "CP-022 twice", body: `{"stageName":"prod"}`, status: 409, code: "ConflictException", message: "Stage already exists"},
		{name: "CP-023 $default", body: `{"stageName":"$default"}`},
		{name: "CP-024 deployment", body: `{"stageName":"dev","deploymentId":"nope"}`, status: 404},
		{name: "CP-032 route settings", body: `{"stageName":"dev","routeSettings":{"nope":{"loggingLevel":"INFO"}}}`, status: 404, code: "NotFoundException", message: "Unable to find Route by key nope within the provided RouteSettings"},
		{name: "CP-034 variable name", body: `{"stageName":"dev","stageVariables":{"a-b":"1"}}`},
		{name: "variable value", body: `{"stageName":"dev","stageVariables":{"a":"1 2"}}`},
		{name: "name", body: `{"stageName":"a b"}`},
		{name: "access log format", body: `{"stageName":"dev","accessLogSettings":{"destinationArn":"arn:aws:logs:us-east-1:000000000000:log-group:g","format":"x"}}`},
		{name: "access log ARN", body: `{"stageName":"dev","accessLogSettings":{"destinationArn":"g","format":"$context.requestId"}}`},
	} {
		t.Run(r.name, func(t *testing.T) {
			r.method, r.path = "POST", api+"/stages"
			if r.status == 0 {
				r.status, r.code = 400, "BadRequestException"
			}
			f.refuse(t, r)
			f.must(404, "GET", api+"/stages/dev", "")
		})
	}
	t.Run("CP-035 strict logging", func(t *testing.T) {
		f := newFixture(t, StrictLogging())
		api := f.api()
		body := `{"stageName":"prod","defaultRouteSettings":{"loggingLevel":"INFO"}}`
		f.refuse(t, refusal{method: "POST", path: api + "/stages", body: body, status: 400, code: "BadRequestException", message: "CloudWatch Logs role ARN must be set in account settings to enable logging"})
		f.must(200, "PATCH", "/account", `{"patchOperations":[{"op":"replace","path":"/cloudwatchRoleArn","value":"arn:aws:iam::000000000000:role/logs"}]}`)
		f.must(201, "POST", api+"/stages", body)
	})
}

func TestUpdateStage(t *testing.T) {
	f := newFixture(t)
	api := f.api()
	f.route(api, "$connect")
	f.route(api, "send")
	stage := api + "/stages/prod"
	f.must(201, "POST", api+"/stages", `{"stageName":"prod"}`)
	t.Run("CP-028 variables merge", func(t *testing.T) {
		f.must(200, "PATCH", stage, `{"stageVariables":{"a":"1"}}`)
		if a := f.must(200, "PATCH", stage, `{"stageVariables":{"b":"2"}}`); fmt.Sprint(a.body["stageVariables"]) != "map[a:1 b:2]" {
			t.Error(a.raw)
		}
		if a := f.must(200, "PATCH", stage, `{"stageVariables":{"a":""}}`); fmt.Sprint(a.body["stageVariables"]) != "map[b:2]" {
			t.Error(a.raw)
		}
	})
	t.Run("CP-029 CP-030 CP-031 route settings", func(t *testing.T) {
		f.must(200, "PATCH", stage, `{"routeSettings":{"$connect":{"loggingLevel":"INFO"},"send":{"throttlingRateLimit":5.5,"throttlingBurstLimit":2}}}`)
		a := f.must(200, "PATCH", stage, `{"routeSettings":{"$connect":{"loggingLevel":"ERROR"}}}`)
		if got := fmt.Sprint(a.body["routeSettings"]); got != "map[$connect:map[loggingLevel:ERROR] send:map[throttlingBurstLimit:2 throttlingRateLimit:5.5]]" {
			t.Error(got)
		}
		f.must(204, "DELETE", stage+"/routesettings/%24connect", "")
		a = f.must(200, "GET", stage, "")
		if got := fmt.Sprint(a.body["routeSettings"]); got != "map[send:map[throttlingBurstLimit:2 throttlingRateLimit:5.5]]" {
			t.Error(got)
		}
		f.refuse(t, refusal{method: "DELETE", path: stage + "/routesettings/%24connect", status: 404, code: "NotFoundException"})
	})
	t.Run("CP-033 access log", func(t *testing.T) {
		set := `{"accessLogSettings":{"destinationArn":"arn:aws:logs:us-east-1:000000000000:log-group:g:*","format":"$context.requestId"}}`
		a := f.must(200, "PATCH", stage, set)
		if got := fmt.Sprint(a.body["accessLogSettings"]); got != "map[destinationArn:arn:aws:logs:us-east-1:000000000000:log-group:g format:$context.requestId]" {
			t.Error(got)
		}
		if a := f.must(200, "PATCH", stage, `{"accessLogSettings":{}}`); strings.Contains(a.raw, "accessLogSettings") {
			t.Error(a.raw)
		}
		f.must(200, "PATCH", stage, set)
		f.must(204, "DELETE", stage+"/accesslogsettings", "")
		if a := f.must(200, "GET", stage, ""); strings.Contains(a.raw, "accessLogSettings") {
			t.Error(a.raw)
		}
	})
	t.Run("CP-081 authorizers cache", func(t *testing.T) { f.must(204, "DELETE", stage+"/cache/authorizers", "") })
	t.Run("CP-099 empty object", func(t *testing.T) {
		before := f.must(200, "GET", stage, "").raw
		if a := f.must(200, "PATCH", stage, `{}`); a.raw != before {
			t.Errorf("%s became %s", before, a.raw)
		}
	})
	t.Run("unknown stage", func(t *testing.T) {
		f.refuse(t, refusal{method: "PATCH", path: api + "/stages/nope", body: `{}`, status: 404, code: "NotFoundException", message: "Invalid stage identifier specified"})
	})
}

func TestDeployments(t *testing.T) {
	f := newFixture(t)
	api := f.api()
	id := strings.TrimPrefix(api, "/v2/apis/")
	deployments, stage := api+"/deployments", api+"/stages/prod"
	t.Run("CP-037 no routes", func(t *testing.T) {
		f.refuse(t, refusal{method: "POST", path: deployments, body: `{}`, status: 400, code: "BadRequestException", message: "At least one route is required before deploying the Api"})
	})
	integration := f.mock(api)
	f.must(201, "POST", api+"/routes", `{"routeKey":"$default","target":"integrations/`+integration+`"}`)
	t.Run("CP-039 unknown stage", func(t *testing.T) {
		f.refuse(t, refusal{method: "POST", path: deployments, body: `{"stageName":"prod"}`, status: 404, code: "NotFoundException", message: "Invalid stage identifier specified"})
		if a := f.must(200, "GET", deployments, ""); a.raw != `{"items":[]}` {
			t.Error(a.raw)
		}
	})
	f.must(201, "POST", api+"/stages", `{"stageName":"prod"}`)
	first := f.must(201, "POST", deployments, `{"stageName":"prod","description":"one"}`)
	t.Run("CP-038 CP-040 stage moves", func(t *testing.T) {
		if a := f.must(200, "GET", stage, ""); a.text("deploymentId") != first.text("deploymentId") {
			t.Error(a.raw)
		}
		if a := f.must(200, "GET", deployments+"/"+first.text("deploymentId"), ""); a.text("deploymentStatus") != "DEPLOYED" || a.text("description") != "one" {
			t.Error(a.raw)
		}
	})
	snapshot := func() (s apigateway.Snapshot) {
		t.Helper()
		if !readDoc(t, f, apigateway.SnapshotKey(id, "prod"), &s) {
			t.Fatal("no snapshot")
		}
		return s
	}
	t.Run("CP-041 CP-042 later changes wait", func(t *testing.T) {
		f.route(api, "later")
		f.must(200, "PATCH", api+"/integrations/"+integration, `{"description":"changed"}`)
		s := snapshot()
		if len(s.Deployment.Routes) != 1 || s.Deployment.Integrations[0].Description != "" {
			t.Errorf("the stage serves %+v", s.Deployment)
		}
		second := f.must(201, "POST", deployments, `{}`)
		if s := snapshot(); len(s.Deployment.Routes) != 1 {
			t.Error("a deployment moved a stage that it did not name")
		}
		f.must(200, "PATCH", stage, `{"deploymentId":"`+second.text("deploymentId")+`"}`)
		if s := snapshot(); len(s.Deployment.Routes) != 2 || s.Deployment.Integrations[0].Description != "changed" {
			t.Errorf("the stage serves %+v", s.Deployment)
		}
	})
	t.Run("settings of the stage are live", func(t *testing.T) {
		f.must(200, "PATCH", stage, `{"stageVariables":{"v":"1"}}`)
		if s := snapshot(); s.Stage.Variables["v"] != "1" {
			t.Errorf("the stage serves %+v", s.Stage)
		}
	})
	t.Run("CP-043 in use", func(t *testing.T) {
		used := f.must(200, "GET", stage, "").text("deploymentId")
		f.refuse(t, refusal{method: "DELETE", path: deployments + "/" + used, status: 400, code: "BadRequestException", message: "Active stages pointing to this deployment must be moved or deleted"})
		f.must(204, "DELETE", deployments+"/"+first.text("deploymentId"), "")
		f.refuse(t, refusal{method: "GET", path: deployments + "/" + first.text("deploymentId"), status: 404})
	})
	t.Run("CP-092 restart", func(t *testing.T) {
		again := newFixtureOn(t, f.stores)
		for _, path := range []string{api, api + "/routes", api + "/stages", deployments} {
			if before, after := f.must(200, "GET", path, "").raw, again.must(200, "GET", path, "").raw; after != before {
				t.Errorf("GET %s = %s, before %s", path, after, before)
			}
		}
	})
	t.Run("CP-094 a deleted stage serves nothing", func(t *testing.T) {
		f.must(204, "DELETE", stage, "")
		if readDoc(t, f, apigateway.SnapshotKey(id, "prod"), &apigateway.Snapshot{}) {
			t.Error("its snapshot is there")
		}
	})
}

func TestAutoDeploy(t *testing.T) {
	f := newFixture(t)
	api := f.api()
	id := strings.TrimPrefix(api, "/v2/apis/")
	stage := api + "/stages/prod"
	t.Run("CP-025 no routes", func(t *testing.T) {
		f.must(201, "POST", api+"/stages", `{"stageName":"prod","autoDeploy":true}`)
		a := f.must(200, "GET", stage, "")
		if a.text("lastDeploymentStatusMessage") != "Deployment attempt failed: At least one route is required before deploying the Api." || a.body["deploymentId"] != nil || a.body["autoDeploy"] != true {
			t.Error(a.raw)
		}
	})
	route := ""
	t.Run("CP-026 a route deploys", func(t *testing.T) {
		route = f.route(api, "$default")
		a := f.must(200, "GET", stage, "")
		deployment := a.text("deploymentId")
		if deployment == "" || a.text("lastDeploymentStatusMessage") != "Successfully deployed stage with deployment ID '"+deployment+"'" {
			t.Error(a.raw)
		}
		if a := f.must(200, "GET", api+"/deployments/"+deployment, ""); a.body["autoDeployed"] != true {
			t.Error(a.raw)
		}
	})
	deploymentOf := func() string { t.Helper(); return f.must(200, "GET", stage, "").text("deploymentId") }
	t.Run("every kind of change deploys", func(t *testing.T) {
		for _, change := range [][3]string{
			{"PATCH", api, `{"disableExecuteApiEndpoint":true}`},
			{"POST", api + "/integrations", `{"integrationType":"MOCK"}`},
			{"POST", api + "/models", `{"name":"M","schema":"{}"}`},
			{"POST", api + "/routes/" + route + "/routeresponses", `{"routeResponseKey":"$default"}`},
			{"POST", api + "/authorizers", `{"name":"a","authorizerType":"REQUEST","authorizerUri":"` + testLambda + `","identitySource":[]}`},
		} {
			before := deploymentOf()
			if a := f.call(change[0], change[1], change[2]); a.status > 299 {
				t.Fatal(a.raw)
			}
			if deploymentOf() == before {
				t.Errorf("%v does not deploy", change)
			}
			checkSnapshots(f.ctx(), t, f, id)
		}
	})
	t.Run("tags and stages do not deploy", func(t *testing.T) {
		before := deploymentOf()
		f.must(201, "POST", "/v2/tags/arn:aws:apigateway:us-east-1::/apis/"+id, `{"tags":{"a":"b"}}`)
		f.must(200, "PATCH", stage, `{"description":"d"}`)
		f.must(201, "POST", api+"/stages", `{"stageName":"other"}`)
		if deploymentOf() != before {
			t.Error("deployed")
		}
	})
	t.Run("CP-027 deploymentId", func(t *testing.T) {
		f.refuse(t, refusal{method: "PATCH", path: stage, body: `{"deploymentId":"` + deploymentOf() + `"}`, status: 400, code: "BadRequestException"})
	})
	t.Run("switched on later", func(t *testing.T) {
		f.must(200, "PATCH", api+"/stages/other", `{"autoDeploy":true}`)
		if a := f.must(200, "GET", api+"/stages/other", ""); a.text("deploymentId") == "" {
			t.Error(a.raw)
		}
	})
}

// TestDeleteIsResumed proves that what a killed process left of a deleted API is removed by the next one.
func TestDeleteIsResumed(t *testing.T) {
	f := newFixture(t)
	api := f.api()
	id := strings.TrimPrefix(api, "/v2/apis/")
	for i := range 150 { // more than one batch
		f.route(api, fmt.Sprint("r", i))
	}
	f.must(201, "POST", api+"/stages", `{"stageName":"prod","autoDeploy":true}`)
	if err := f.service.hideAPI(f.ctx(), id); err != nil {
		t.Fatal(err)
	}
	f.must(404, "GET", api+"/routes", "")
	if readDoc(t, f, apigateway.SnapshotKey(id, "prod"), &apigateway.Snapshot{}) {
		t.Error("the stage of a hidden API is served")
	}
	again := newFixtureOn(t, f.stores)
	if err := again.service.sweep(t.Context()); err != nil {
		t.Fatal(err)
	}
	docs, _ := f.service.open(f.ctx())
	if left, err := docs.List(f.ctx(), ""); err != nil || len(left) != 0 {
		t.Errorf("%d documents are left, %v", len(left), err)
	}
}
