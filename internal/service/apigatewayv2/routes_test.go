package apigatewayv2

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/sallyport/sallyport/internal/apigateway"
	"github.com/sallyport/sallyport/internal/awsapi"
	shapes "github.com/sallyport/sallyport/internal/awsapi/shapes/apigatewayv2"
)

func sortedKeys(m map[string]any) []string { return slices.Sorted(maps.Keys(m)) }

const testLambda = "arn:aws:apigateway:us-east-1:lambda:path/2015-03-31/functions/arn:aws:lambda:us-east-1:000000000000:function:f/invocations"

func TestRoutes(t *testing.T) {
	f := newFixture(t)
	api := f.api()
	routes := api + "/routes"
	id := f.route(api, "send")
	t.Run("CP-050 bare", func(t *testing.T) {
		want := `{"apiKeyRequired":false,"authorizationType":"NONE","routeId":"` + id + `","routeKey":"send"}`
		if a := f.must(200, "GET", routes+"/"+id, ""); a.raw != want {
			t.Errorf("%s, want %s", a.raw, want)
		}
	})
	t.Run("CP-047 authorizer without CUSTOM is forgotten", func(t *testing.T) {
		a := f.must(201, "POST", routes, `{"routeKey":"$disconnect","authorizerId":"abc123","authorizationType":"NONE"}`)
		if got := f.must(200, "GET", routes+"/"+a.text("routeId"), ""); strings.Contains(got.raw, "authorizerId") {
			t.Error(got.raw)
		}
	})
	t.Run("CP-051 NONE clears the authorizer", func(t *testing.T) {
		authorizer := f.must(201, "POST", api+"/authorizers", `{"name":"a","authorizerType":"REQUEST","authorizerUri":"`+testLambda+`","identitySource":[]}`).text("authorizerId")
		a := f.must(201, "POST", routes, `{"routeKey":"$connect","authorizerId":"`+authorizer+`","authorizationType":"CUSTOM"}`)
		if a.text("authorizerId") != authorizer {
			t.Error(a.raw)
		}
		t.Run("CP-070 authorizer in use", func(t *testing.T) {
			f.refuse(t, refusal{method: "DELETE", path: api + "/authorizers/" + authorizer, status: 409, code: "ConflictException"})
		})
		if a := f.must(200, "PATCH", routes+"/"+a.text("routeId"), `{"authorizationType":"NONE"}`); strings.Contains(a.raw, "authorizerId") {
			t.Error(a.raw)
		}
		f.must(204, "DELETE", api+"/authorizers/"+authorizer, "")
	})
	t.Run("CP-053 request parameters", func(t *testing.T) {
		api := f.api()
		a := f.must(201, "POST", api+"/routes", `{"routeKey":"$connect","requestParameters":{"route.request.header.A":{"required":true},"route.request.querystring.b":{"required":false}}}`)
		path := api + "/routes/" + a.text("routeId")
		f.must(200, "PATCH", path, `{"requestParameters":{"route.request.header.C":{"required":false}}}`)
		f.must(204, "DELETE", path+"/requestparameters/route%2Erequest%2Eheader%2EA", "")
		got := f.must(200, "GET", path, "")
		if keys := sortedKeys(got.body["requestParameters"].(map[string]any)); strings.Join(keys, " ") != "route.request.header.C route.request.querystring.b" {
			t.Error(got.raw)
		}
	})
	t.Run("CP-060 integration in use", func(t *testing.T) {
		integration := f.mock(api)
		a := f.must(201, "POST", routes, `{"routeKey":"used","target":"integrations/`+integration+`"}`)
		f.refuse(t, refusal{method: "DELETE", path: api + "/integrations/" + integration, status: 409, code: "ConflictException", message: "Cannot delete Integration '" + integration + "' due to referential integrity"})
		f.must(200, "PATCH", routes+"/"+a.text("routeId"), `{"target":""}`)
		f.must(204, "DELETE", api+"/integrations/"+integration, "")
	})
	refusing := f.api() + "/routes"
	f.must(201, "POST", refusing, `{"routeKey":"send"}`)
	for _, r := range []refusal{
		{name: "CP-044 twice", body: `{"routeKey":"send"}`, status: 409, code: "ConflictException", message: "Route with key send already exists for this API"},
		{name: "CP-045 IAM on $default", body: `{"routeKey":"$default","authorizationType":"AWS_IAM"}`, message: "Currently, authorization is restricted to the $connect route only"},
		{name: "CP-046 JWT", body: `{"routeKey":"$connect","authorizationType":"JWT"}`},
		{name: "CP-048 CUSTOM alone", body: `{"routeKey":"$connect","authorizationType":"CUSTOM"}`},
		{name: "CUSTOM unknown", body: `{"routeKey":"$connect","authorizationType":"CUSTOM","authorizerId":"nope"}`, message: "Invalid Authorizer identifier specified nope"},
		{name: "CP-049 target", body: `{"routeKey":"x","target":"integrations/nope"}`, message: "Invalid Integration identifier specified nope"},
		{name: "target form", body: `{"routeKey":"x","target":"nope"}`},
		{name: "CP-052 parameters", body: `{"routeKey":"x","requestParameters":{"route.request.header.A":{"required":true}}}`},
		{name: "no key", body: `{}`},
		{name: "empty key", body: `{"routeKey":""}`},
		{name: "scopes", body: `{"routeKey":"x","authorizationScopes":["a"]}`},
	} {
		t.Run(r.name, func(t *testing.T) {
			r.method, r.path = "POST", refusing
			if r.status == 0 {
				r.status, r.code = 400, "BadRequestException"
			}
			f.refuse(t, r)
		})
	}
	t.Run("unknown route", func(t *testing.T) {
		f.refuse(t, refusal{method: "GET", path: routes + "/nope", status: 404, code: "NotFoundException", message: "Invalid Route identifier specified nope"})
	})
	t.Run("CP-062 route responses", func(t *testing.T) {
		path := routes + "/" + id + "/routeresponses"
		a := f.must(201, "POST", path, `{"routeResponseKey":"$default"}`)
		list := f.must(200, "GET", path, "")
		if !strings.Contains(list.raw, a.text("routeResponseId")) {
			t.Error(list.raw)
		}
		f.refuse(t, refusal{method: "POST", path: path, body: `{"routeResponseKey":"$default"}`, status: 409})
		f.refuse(t, refusal{method: "POST", path: path, body: `{"routeResponseKey":"other"}`, status: 400})
		f.must(204, "DELETE", path+"/"+a.text("routeResponseId"), "")
	})
}

func TestIntegrations(t *testing.T) {
	f := newFixture(t)
	api := f.api()
	path := api + "/integrations"
	const always = `"connectionType":"INTERNET",`
	for _, tt := range []struct{ name, body, want string }{
		{
			"CP-054 AWS_PROXY", `{"integrationType":"AWS_PROXY","integrationUri":"` + testLambda + `"}`,
			`{` + always + `"integrationId":"ID","integrationMethod":"POST","integrationType":"AWS_PROXY","integrationUri":"` + testLambda + `","passthroughBehavior":"WHEN_NO_MATCH","payloadFormatVersion":"1.0","timeoutInMillis":29000}`,
		},
		{
			"payload format of HTTP APIs", `{"integrationType":"AWS_PROXY","integrationUri":"` + testLambda + `","payloadFormatVersion":"2.0"}`,
			`{` + always + `"integrationId":"ID","integrationMethod":"POST","integrationType":"AWS_PROXY","integrationUri":"` + testLambda + `","passthroughBehavior":"WHEN_NO_MATCH","payloadFormatVersion":"2.0","timeoutInMillis":29000}`,
		},
		{
			"CP-055 CP-104 MOCK", `{"integrationType":"MOCK"}`,
			`{` + always + `"integrationId":"ID","integrationResponseSelectionExpression":"${integration.response.statuscode}","integrationType":"MOCK","passthroughBehavior":"WHEN_NO_MATCH","payloadFormatVersion":"1.0","timeoutInMillis":29000}`,
		},
		{
			"CP-056 AWS Lambda", `{"integrationType":"AWS","integrationUri":"` + testLambda + `"}`,
			`{` + always + `"integrationId":"ID","integrationMethod":"POST","integrationResponseSelectionExpression":"${integration.response.body.errorMessage}","integrationType":"AWS","integrationUri":"` + testLambda + `","passthroughBehavior":"WHEN_NO_MATCH","payloadFormatVersion":"1.0","timeoutInMillis":29000}`,
		},
		{
			"HTTP", `{"integrationType":"HTTP","integrationMethod":"GET","integrationUri":"https://example.com","passthroughBehavior":"NEVER"}`,
			`{` + always + `"integrationId":"ID","integrationMethod":"GET","integrationResponseSelectionExpression":"${integration.response.statuscode}","integrationType":"HTTP","integrationUri":"https://example.com","passthroughBehavior":"NEVER","payloadFormatVersion":"1.0","timeoutInMillis":29000}`,
		},
		{
			"CP-057 HTTP_PROXY", `{"integrationType":"HTTP_PROXY","integrationMethod":"PUT","integrationUri":"http://example.com"}`,
			`{` + always + `"integrationId":"ID","integrationMethod":"PUT","integrationType":"HTTP_PROXY","integrationUri":"http://example.com","passthroughBehavior":"WHEN_NO_MATCH","payloadFormatVersion":"1.0","timeoutInMillis":29000}`,
		},
	} {
		t.Run(tt.name, func(t *testing.T) {
			id := f.must(201, "POST", path, tt.body).text("integrationId")
			if a := f.must(200, "GET", path+"/"+id, ""); a.raw != strings.Replace(tt.want, "ID", id, 1) {
				t.Errorf("%s\nwant %s", a.raw, strings.Replace(tt.want, "ID", id, 1))
			}
		})
	}
	for timeout, status := range map[int]int{29001: 400, 49: 400, 50: 201, 29000: 201, 0: 400} {
		t.Run(fmt.Sprintf("CP-058 timeout %d", timeout), func(t *testing.T) {
			if a := f.call("POST", path, fmt.Sprintf(`{"integrationType":"MOCK","timeoutInMillis":%d}`, timeout)); a.status != status {
				t.Errorf("%d %s, want %d", a.status, a.raw, status)
			}
		})
	}
	t.Run("CP-059 request parameters merge", func(t *testing.T) {
		id := f.must(201, "POST", path, `{"integrationType":"HTTP","integrationUri":"http://e","requestParameters":{"integration.request.header.a":"'1'","integration.request.header.b":"context.connectionId"}}`).text("integrationId")
		a := f.must(200, "PATCH", path+"/"+id, `{"integrationType":"HTTP","requestParameters":{"integration.request.header.a":""}}`)
		if fmt.Sprint(a.body["requestParameters"]) != "map[integration.request.header.b:context.connectionId]" {
			t.Error(a.raw)
		}
	})
	t.Run("CP-061 integration response twice", func(t *testing.T) {
		id := f.mock(api)
		f.must(201, "POST", path+"/"+id+"/integrationresponses", `{"integrationResponseKey":"/200/","responseTemplates":{"$default":"{}"}}`)
		f.refuse(t, refusal{method: "POST", path: path + "/" + id + "/integrationresponses", body: `{"integrationResponseKey":"/200/"}`, status: 409, code: "ConflictException"})
	})
	for _, r := range []refusal{
		{name: "type", body: `{"integrationType":"FOO"}`},
		{name: "no uri", body: `{"integrationType":"HTTP"}`},
		{name: "uri", body: `{"integrationType":"HTTP_PROXY","integrationUri":"ftp://x"}`},
		{name: "arn", body: `{"integrationType":"AWS","integrationUri":"http://x"}`},
		{name: "proxy to another service", body: `{"integrationType":"AWS_PROXY","integrationUri":"arn:aws:apigateway:us-east-1:dynamodb:action/PutItem"}`},
		{name: "payload format", body: `{"integrationType":"MOCK","payloadFormatVersion":"2.0"}`},
		{name: "subtype", body: `{"integrationType":"AWS_PROXY","integrationSubtype":"SQS-SendMessage"}`},
		{name: "mapping target", body: `{"integrationType":"MOCK","requestParameters":{"header.a":"'1'"}}`},
		{name: "mapping source", body: `{"integrationType":"MOCK","requestParameters":{"integration.request.header.a":"1"}}`},
	} {
		t.Run("refused "+r.name, func(t *testing.T) {
			r.method, r.path, r.status, r.code = "POST", path, 400, "BadRequestException"
			f.refuse(t, r)
		})
	}
}

func TestModels(t *testing.T) {
	f := newFixture(t)
	path := f.api() + "/models"
	id := f.must(201, "POST", path, `{"name":"Message","schema":"{\"type\":\"object\"}"}`).text("modelId")
	t.Run("read back", func(t *testing.T) {
		if a := f.must(200, "GET", path+"/"+id, ""); a.raw != `{"contentType":"application/json","modelId":"`+id+`","name":"Message","schema":"{\"type\":\"object\"}"}` {
			t.Error(a.raw)
		}
	})
	t.Run("CP-064 template", func(t *testing.T) {
		if a := f.must(200, "GET", path+"/"+id+"/template", ""); a.text("value") == "" {
			t.Error(a.raw)
		}
	})
	for _, body := range []string{`{"name":"a-b","schema":"{}"}`, `{"name":"ab","schema":"{"}`, `{"name":"ab","schema":"[]"}`, `{"name":"ab"}`} {
		t.Run("CP-063 "+body, func(t *testing.T) {
			f.refuse(t, refusal{method: "POST", path: path, body: body, status: 400, code: "BadRequestException"})
		})
	}
	t.Run("twice", func(t *testing.T) {
		f.refuse(t, refusal{method: "POST", path: path, body: `{"name":"Message","schema":"{}"}`, status: 409, code: "ConflictException"})
	})
}

func TestAuthorizers(t *testing.T) {
	f := newFixture(t)
	path := f.api() + "/authorizers"
	id := f.must(201, "POST", path, `{"name":"a","authorizerType":"REQUEST","authorizerUri":"`+testLambda+`","authorizerCredentialsArn":"arn:aws:iam::000000000000:role/r","identitySource":[]}`).text("authorizerId")
	t.Run("CP-065 CP-068 read back", func(t *testing.T) {
		want := `{"authorizerCredentialsArn":"arn:aws:iam::000000000000:role/r","authorizerId":"` + id + `","authorizerType":"REQUEST","authorizerUri":"` + testLambda + `","identitySource":[],"name":"a"}`
		if a := f.must(200, "GET", path+"/"+id, ""); a.raw != want {
			t.Errorf("%s\nwant %s", a.raw, want)
		}
	})
	t.Run("CP-069 credentials cleared", func(t *testing.T) {
		if a := f.must(200, "PATCH", path+"/"+id, `{"authorizerCredentialsArn":""}`); strings.Contains(a.raw, "authorizerCredentialsArn") {
			t.Error(a.raw)
		}
	})
	for name, members := range map[string]string{
		"CP-066 JWT":             `"authorizerType":"JWT","identitySource":["$request.header.A"]`,
		"CP-067 identity source": `"authorizerType":"REQUEST","identitySource":["$request.header.A"]`,
		"payload format":         `"authorizerType":"REQUEST","identitySource":[],"authorizerPayloadFormatVersion":"2.0"`,
		"no identity source":     `"authorizerType":"REQUEST"`,
	} {
		t.Run(name, func(t *testing.T) {
			f.refuse(t, refusal{method: "POST", path: path, body: `{"name":"b","authorizerUri":"` + testLambda + `",` + members + `}`, status: 400, code: "BadRequestException"})
		})
	}
}

// TestOneOfManyWins_CP093 lets ten clients, on two nodes with one store, make and remove the same routes: of those who
// make a route at once one wins, the others hear of the conflict, and what is stored is whole.
func TestOneOfManyWins_CP093(t *testing.T) {
	f := newFixture(t)
	oneOfManyWins(t, f, newFixtureOn(t, f.stores))
}

func oneOfManyWins(t *testing.T, f, second *fixture) {
	t.Helper()
	api := strings.TrimPrefix(f.api(), "/v2/apis/")
	f.must(201, "POST", "/v2/apis/"+api+"/stages", `{"stageName":"prod","autoDeploy":true}`)
	const clients, keys = 10, 6
	for key := range keys {
		var wins atomic.Int32
		var all sync.WaitGroup
		for client := range clients {
			s := f.service
			if client%2 == 1 {
				s = second.service
			}
			all.Go(func() {
				_, err := s.createRoute(f.ctx(), &shapes.CreateRouteInput{ApiId: &api, RouteKey: new(fmt.Sprint("key", key))})
				switch e := (*awsapi.Error)(nil); {
				case err == nil:
					wins.Add(1)
				case !errors.As(err, &e) || e.Status != 409 || !strings.Contains(e.Message, "already exists"):
					t.Errorf("the loser hears %v", err)
				}
			})
		}
		all.Wait()
		if wins.Load() != 1 {
			t.Errorf("%d clients made route %d", wins.Load(), key)
		}
	}
	st, err := f.service.load(f.ctx(), api)
	if err != nil {
		t.Fatal(err)
	}
	if len(st.Routes) != keys {
		t.Errorf("%d routes, want %d", len(st.Routes), keys)
	}
	checkSnapshots(f.ctx(), t, f, api)
}

// checkSnapshots holds what the data plane sees against what the control plane says.
func checkSnapshots(ctx context.Context, t *testing.T, f *fixture, api string) {
	t.Helper()
	st, err := f.service.load(ctx, api)
	if err != nil {
		t.Fatal(err)
	}
	for name, stage := range st.Stages {
		var snapshot apigateway.Snapshot
		ok := readDoc(t, f, apigateway.SnapshotKey(api, name), &snapshot)
		if ok != (stage.DeploymentID != "") {
			t.Errorf("stage %s has deployment %q, and snapshot: %t", name, stage.DeploymentID, ok)
			continue
		}
		if !ok {
			continue
		}
		if snapshot.Deployment.ID != stage.DeploymentID || snapshot.Stage.DeploymentID != stage.DeploymentID || snapshot.Deployment.API.ID != api {
			t.Errorf("stage %s has deployment %q, its snapshot %q", name, stage.DeploymentID, snapshot.Deployment.ID)
		}
		if stage.AutoDeploy && len(st.Routes) > 0 && len(snapshot.Deployment.Routes) != len(st.Routes) {
			t.Errorf("stage %s serves %d routes of %d", name, len(snapshot.Deployment.Routes), len(st.Routes))
		}
	}
}
