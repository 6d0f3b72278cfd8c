package apigatewayv2

import (
	"fmt"
	"net/url"
	"regexp"
	"strings"
	"testing"
)

// A refusal is a request that is answered with an error.
type refusal struct {
	name, method, path, body string
	status                   int
	code, message            string // message is a part of it
}

func (f *fixture) refuse(t *testing.T, r refusal) {
	t.Helper()
	a := f.call(r.method, r.path, r.body)
	if a.status != r.status || !strings.Contains(a.message(), r.message) {
		t.Errorf("%s %s %s = %d %s, want %d with %q", r.method, r.path, r.body, a.status, a.raw, r.status, r.message)
	}
	if got := a.header.Get("X-Amzn-Errortype"); r.code != "" && got != r.code {
		t.Errorf("x-amzn-ErrorType = %q, want %q", got, r.code)
	}
	// CP-082, for every error there is.
	if a.header.Get("X-Amzn-Requestid") == "" || a.header.Get("X-Amzn-Errortype") == "" {
		t.Errorf("CP-082: header lacks x-amzn-RequestId or x-amzn-ErrorType: %v", a.header)
	}
}

func TestCreateAPI(t *testing.T) {
	f := newFixture(t)
	a := f.must(201, "POST", "/v2/apis", `{"name":"chat","protocolType":"WEBSOCKET","routeSelectionExpression":"$request.body.action"}`)
	t.Run("CP-001 id and endpoint", func(t *testing.T) {
		if !regexp.MustCompile(`^[a-z0-9]{10}$`).MatchString(a.text("apiId")) {
			t.Errorf("apiId = %q", a.text("apiId"))
		}
		if want := "wss://" + a.text("apiId") + ".execute-api.us-east-1.amazonaws.com"; a.text("apiEndpoint") != want {
			t.Errorf("apiEndpoint = %q, want %q", a.text("apiEndpoint"), want)
		}
	})
	got := f.must(200, "GET", "/v2/apis/"+a.text("apiId"), "")
	t.Run("CP-009 default key expression", func(t *testing.T) {
		if got.text("apiKeySelectionExpression") != "$request.header.x-api-key" {
			t.Error(got.raw)
		}
	})
	t.Run("CP-010 CP-011 no description no version tags empty", func(t *testing.T) {
		want := []string{"apiEndpoint", "apiId", "apiKeySelectionExpression", "createdDate", "disableExecuteApiEndpoint", "ipAddressType", "name", "protocolType", "routeSelectionExpression", "tags"}
		if keys := sortedKeys(got.body); strings.Join(keys, " ") != strings.Join(want, " ") {
			t.Errorf("members = %v, want %v", keys, want)
		}
		if tags, ok := got.body["tags"].(map[string]any); !ok || len(tags) != 0 {
			t.Errorf("tags = %v", got.body["tags"])
		}
	})
	t.Run("CP-012 createdDate", func(t *testing.T) {
		if !regexp.MustCompile(`^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$`).MatchString(got.text("createdDate")) {
			t.Error(got.text("createdDate"))
		}
	})
	t.Run("CP-102 content type", func(t *testing.T) {
		if ct := got.header.Get("Content-Type"); ct != "application/json" {
			t.Error(ct)
		}
	})
	t.Run("CP-106 same name twice", func(t *testing.T) {
		b := f.must(201, "POST", "/v2/apis", `{"name":"chat","protocolType":"WEBSOCKET","routeSelectionExpression":"$request.body.action"}`)
		if b.text("apiId") == a.text("apiId") {
			t.Error("the same id")
		}
	})
	t.Run("CP-098 unknown members", func(t *testing.T) {
		f.must(201, "POST", "/v2/apis", `{"name":"x","protocolType":"WEBSOCKET","routeSelectionExpression":"$request.body.action","shoeSize":47}`)
	})
}

func TestCreateAPIRefusals(t *testing.T) {
	f := newFixture(t)
	with := func(members string) string {
		return `{"name":"n","protocolType":"WEBSOCKET","routeSelectionExpression":"$request.body.action",` + members + `}`
	}
	for _, r := range []refusal{
		{name: "CP-002 no route selection", body: `{"name":"n","protocolType":"WEBSOCKET"}`},
		{name: "HTTP route selection", body: `{"name":"n","protocolType":"WEBSOCKET","routeSelectionExpression":"$request.method $request.path"}`},
		{name: "CP-003 protocol names HTTP", body: `{"name":"n","protocolType":"FOO"}`, message: "HTTP"},
		{name: "CP-003 protocol names WEBSOCKET", body: `{"name":"n","protocolType":"FOO"}`, message: "WEBSOCKET"},
		{name: "HTTP API", body: `{"name":"n","protocolType":"HTTP"}`, message: "HTTP APIs are not supported here"},
		{name: "CP-004 no name", body: `{"protocolType":"WEBSOCKET","routeSelectionExpression":"$request.body.action"}`},
		{name: "CP-005 long name", body: `{"name":"` + strings.Repeat("n", 129) + `","protocolType":"WEBSOCKET","routeSelectionExpression":"$request.body.action"}`},
		{name: "CP-006 target", body: with(`"target":"arn:aws:lambda:us-east-1:000000000000:function:f"`)},
		{name: "CP-007 cors", body: with(`"corsConfiguration":{"allowOrigins":["*"]}`)},
		{name: "CP-008 key expression", body: with(`"apiKeySelectionExpression":"$request.body.k"`)},
		{name: "aws tag", body: with(`"tags":{"aws:x":"y"}`)},
		{name: "CP-100 no JSON", body: `{"name"`},
		{name: "CP-100 an array", body: `[]`},
	} {
		t.Run(r.name, func(t *testing.T) {
			r.method, r.path, r.status, r.code = "POST", "/v2/apis", 400, "BadRequestException"
			f.refuse(t, r)
		})
	}
	if a := f.must(200, "GET", "/v2/apis", ""); len(a.body["items"].([]any)) != 0 {
		t.Errorf("a refused request made an API: %s", a.raw)
	}
}

func TestUpdateAPI(t *testing.T) {
	f := newFixture(t)
	api := f.api()
	f.must(200, "PATCH", api, `{"description":"x","version":"1"}`)
	t.Run("CP-014 absent members stay", func(t *testing.T) {
		if a := f.must(200, "GET", api, ""); a.text("name") != "chat" || a.text("description") != "x" {
			t.Error(a.raw)
		}
	})
	t.Run("CP-015 empty clears", func(t *testing.T) {
		f.must(200, "PATCH", api, `{"description":""}`)
		if a := f.must(200, "GET", api, ""); strings.Contains(a.raw, `"description"`) || a.text("version") != "1" {
			t.Error(a.raw)
		}
	})
	t.Run("CP-016 protocolType stays", func(t *testing.T) {
		f.must(200, "PATCH", api, `{"protocolType":"HTTP"}`)
		if a := f.must(200, "GET", api, ""); a.text("protocolType") != "WEBSOCKET" {
			t.Error(a.raw)
		}
	})
	t.Run("CP-099 empty object", func(t *testing.T) {
		before := f.must(200, "GET", api, "").raw
		f.must(200, "PATCH", api, `{}`)
		if after := f.must(200, "GET", api, "").raw; after != before {
			t.Errorf("%s became %s", before, after)
		}
	})
	t.Run("empty name", func(t *testing.T) {
		f.refuse(t, refusal{method: "PATCH", path: api, body: `{"name":""}`, status: 400})
	})
}

func TestDeleteAPI(t *testing.T) {
	f := newFixture(t)
	api := f.api()
	id := strings.TrimPrefix(api, "/v2/apis/")
	f.route(api, "$default")
	f.must(201, "POST", api+"/stages", `{"stageName":"prod","autoDeploy":true}`)
	t.Run("CP-017 gone with its parts", func(t *testing.T) {
		if a := f.must(204, "DELETE", api, ""); a.raw != "" {
			t.Errorf("body = %q", a.raw)
		}
		f.refuse(t, refusal{method: "GET", path: api, status: 404, code: "NotFoundException", message: "Invalid API identifier specified " + testAccount + ":" + id})
		f.refuse(t, refusal{method: "GET", path: api + "/routes", status: 404})
	})
	t.Run("CP-018 second delete", func(t *testing.T) {
		f.refuse(t, refusal{method: "DELETE", path: api, status: 404, code: "NotFoundException"})
	})
	t.Run("nothing is left", func(t *testing.T) {
		docs, err := f.service.open(f.ctx())
		if err != nil {
			t.Fatal(err)
		}
		left, err := docs.List(f.ctx(), "")
		if err != nil {
			t.Fatal(err)
		}
		for _, d := range left {
			t.Errorf("document %s is left", d.Key)
		}
	})
	t.Run("CP-013 unknown", func(t *testing.T) {
		f.refuse(t, refusal{method: "GET", path: "/v2/apis/nope", status: 404, code: "NotFoundException", message: "Invalid API identifier specified"})
	})
}

func TestGetAPIs(t *testing.T) {
	f := newFixture(t)
	t.Run("CP-105 empty", func(t *testing.T) {
		if a := f.must(200, "GET", "/v2/apis", ""); a.raw != `{"items":[]}` {
			t.Error(a.raw)
		}
	})
	first, second := f.api(), f.api()
	t.Run("CP-019 pages", func(t *testing.T) {
		var seen []string
		token := ""
		for range 3 {
			a := f.must(200, "GET", "/v2/apis?maxResults=1"+token, "")
			for _, item := range a.body["items"].([]any) {
				seen = append(seen, "/v2/apis/"+item.(map[string]any)["apiId"].(string))
			}
			if a.body["nextToken"] == nil {
				break
			}
			token = "&nextToken=" + url.QueryEscape(a.text("nextToken"))
		}
		if strings.Join(seen, " ") != first+" "+second {
			t.Errorf("pages gave %v, want %s and %s", seen, first, second)
		}
	})
	for _, query := range []string{"maxResults=abc", "maxResults=0", "maxResults=-1", "nextToken=x"} {
		t.Run("CP-020 "+query, func(t *testing.T) {
			f.refuse(t, refusal{method: "GET", path: "/v2/apis?" + query, status: 400, code: "BadRequestException"})
		})
	}
	t.Run("CP-091 regions", func(t *testing.T) {
		other := newFixtureOn(t, f.stores)
		other.region = "eu-west-1"
		if a := other.must(200, "GET", "/v2/apis", ""); a.raw != `{"items":[]}` {
			t.Error(a.raw)
		}
		if a := other.must(201, "POST", "/v2/apis", `{"name":"chat","protocolType":"WEBSOCKET","routeSelectionExpression":"$request.body.action"}`); !strings.Contains(a.text("apiEndpoint"), ".eu-west-1.") {
			t.Error(a.raw)
		}
		other.refuse(t, refusal{method: "GET", path: first, status: 404})
	})
	t.Run("CP-105 all collections", func(t *testing.T) {
		route, integration := f.route(first, "r"), f.mock(second)
		for _, path := range []string{
			second + "/routes", first + "/integrations", first + "/authorizers", first + "/models", first + "/deployments", first + "/stages",
			first + "/routes/" + route + "/routeresponses", second + "/integrations/" + integration + "/integrationresponses",
		} {
			if a := f.must(200, "GET", path, ""); a.raw != `{"items":[]}` {
				t.Errorf("GET %s = %s", path, a.raw)
			}
		}
	})
}

func TestProtocol(t *testing.T) {
	f := newFixture(t)
	api := f.api()
	t.Run("CP-090 signed for execute-api", func(t *testing.T) {
		f.scope = "execute-api"
		defer func() { f.scope = "apigateway" }()
		if a := f.call("GET", "/v2/apis", ""); a.status != 403 {
			t.Errorf("%d %s", a.status, a.raw)
		}
	})
	t.Run("CP-079 OpenAPI", func(t *testing.T) {
		for _, r := range []refusal{
			{method: "PUT", path: "/v2/apis", body: `{"body":"{}"}`},
			{method: "PUT", path: api, body: `{"body":"{}"}`},
			{method: "GET", path: api + "/exports/OAS30?outputType=JSON"},
		} {
			r.status, r.code, r.message = 400, "BadRequestException", "is for HTTP APIs"
			f.refuse(t, r)
		}
	})
	t.Run("CP-080 portals", func(t *testing.T) {
		for _, r := range []refusal{
			{method: "POST", path: "/v2/portals", body: `{}`, message: "Developer portals are for REST APIs"},
			{method: "GET", path: "/v2/portals", message: "Developer portals are for REST APIs"},
			{method: "GET", path: "/v2/portalproducts/p/productpages/x", message: "Developer portals are for REST APIs"},
			{method: "PUT", path: "/v2/domainnames/d/routingrules/r", body: `{}`, message: "Routing rules are not supported here"},
		} {
			r.status, r.code = 400, "BadRequestException"
			f.refuse(t, r)
		}
	})
	t.Run("CP-101 empty body", func(t *testing.T) { f.must(200, "GET", api, "") })
	t.Run("CP-036 account role", func(t *testing.T) {
		role := "arn:aws:iam::000000000000:role/logs"
		f.must(200, "PATCH", "/account", fmt.Sprintf(`{"patchOperations":[{"op":"replace","path":"/cloudwatchRoleArn","value":%q}]}`, role))
		if a := f.must(200, "GET", "/account", ""); a.text("cloudwatchRoleArn") != role {
			t.Error(a.raw)
		}
	})
}

func TestTags(t *testing.T) {
	f := newFixture(t)
	api := f.api()
	f.must(201, "POST", api+"/stages", `{"stageName":"prod"}`)
	apiARN := "arn:aws:apigateway:us-east-1::/apis/" + strings.TrimPrefix(api, "/v2/apis/")
	stageARN := apiARN + "/stages/prod"
	t.Run("CP-075 merge", func(t *testing.T) {
		if a := f.must(201, "POST", "/v2/tags/"+url.PathEscape(apiARN), `{"tags":{"a":"1","b":"2"}}`); a.raw != "{}" {
			t.Errorf("answer = %q", a.raw)
		}
		f.must(201, "POST", "/v2/tags/"+url.PathEscape(apiARN), `{"tags":{"b":"3","c":"4"}}`)
		if a := f.must(200, "GET", api, ""); fmt.Sprint(a.body["tags"]) != "map[a:1 b:3 c:4]" {
			t.Error(a.raw)
		}
	})
	t.Run("ARN unescaped", func(t *testing.T) {
		if a := f.must(200, "GET", "/v2/tags/"+apiARN, ""); fmt.Sprint(a.body["tags"]) != "map[a:1 b:3 c:4]" {
			t.Error(a.raw)
		}
	})
	t.Run("CP-076 untag", func(t *testing.T) {
		f.must(204, "DELETE", "/v2/tags/"+url.PathEscape(apiARN)+"?tagKeys=a&tagKeys=b", "")
		if a := f.must(200, "GET", api, ""); fmt.Sprint(a.body["tags"]) != "map[c:4]" {
			t.Error(a.raw)
		}
	})
	t.Run("CP-077 CP-097 stage apart", func(t *testing.T) {
		if a := f.must(200, "GET", "/v2/tags/"+url.PathEscape(stageARN), ""); a.raw != `{"tags":{}}` {
			t.Error(a.raw)
		}
		f.must(201, "POST", "/v2/tags/"+url.PathEscape(stageARN), `{"tags":{"s":"1"}}`)
		if a := f.must(200, "GET", api+"/stages/prod", ""); fmt.Sprint(a.body["tags"]) != "map[s:1]" {
			t.Error(a.raw)
		}
	})
	t.Run("CP-078 unknown", func(t *testing.T) {
		for _, arn := range []string{"arn:aws:apigateway:us-east-1::/apis/nope", stageARN + "x", "arn:aws:apigateway:us-east-1::/shoes/1"} {
			f.refuse(t, refusal{method: "POST", path: "/v2/tags/" + url.PathEscape(arn), body: `{"tags":{"a":"1"}}`, status: 404, code: "NotFoundException"})
		}
	})
}

func TestVPCLinks(t *testing.T) {
	f := newFixture(t)
	a := f.must(201, "POST", "/v2/vpclinks", `{"name":"l","subnetIds":["subnet-1"],"tags":{"a":"b"}}`)
	path := "/v2/vpclinks/" + a.text("vpcLinkId")
	if a := f.must(200, "GET", path, ""); a.text("vpcLinkStatus") != "AVAILABLE" || fmt.Sprint(a.body["subnetIds"], a.body["securityGroupIds"], a.body["tags"]) != "[subnet-1] [] map[a:b]" {
		t.Error(a.raw)
	}
	f.must(200, "PATCH", path, `{"name":"m"}`)
	if a := f.must(200, "GET", "/v2/vpclinks", ""); !strings.Contains(a.raw, `"name":"m"`) {
		t.Error(a.raw)
	}
	f.must(202, "DELETE", path, "")
	f.refuse(t, refusal{method: "DELETE", path: path, status: 404, code: "NotFoundException"})
}
