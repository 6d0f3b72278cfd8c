package apigatewayv2

import (
	"fmt"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/sallyport/sallyport/internal/apigateway"
	"github.com/sallyport/sallyport/internal/resource"
)

const (
	testCertificate = "arn:aws:acm:us-east-1:000000000000:certificate/c"
	domainBody      = `{"domainName":"ws.example.com","domainNameConfigurations":[{"certificateArn":"` + testCertificate + `","endpointType":"REGIONAL","securityPolicy":"TLS_1_2"}],"tags":{"a":"b"}}`
)

// stage makes an API with a deployed stage prod and returns the API's path.
func (f *fixture) stage() (api string) {
	f.t.Helper()
	api = f.api()
	f.route(api, "$default")
	f.must(201, "POST", api+"/stages", `{"stageName":"prod"}`)
	f.must(201, "POST", api+"/deployments", `{"stageName":"prod"}`)
	return api
}

func idOf(path string) string { return path[strings.LastIndexByte(path, '/')+1:] }

func configurationOf(a answer) map[string]any {
	list, _ := a.body["domainNameConfigurations"].([]any)
	if len(list) != 1 {
		return nil
	}
	m, _ := list[0].(map[string]any)
	return m
}

func TestDomainNames_CP071_CP072(t *testing.T) {
	f := newFixture(t)
	created := f.must(201, "POST", "/v2/domainnames", domainBody)
	c := configurationOf(created)
	if c["domainNameStatus"] != "AVAILABLE" || c["hostedZoneId"] == nil || !strings.HasSuffix(fmt.Sprint(c["apiGatewayDomainName"]), ".execute-api.us-east-1.amazonaws.com") ||
		c["certificateArn"] != testCertificate || c["ipAddressType"] != "ipv4" || c["certificateUploadDate"] == nil {
		t.Errorf("CP-071: %s", created.raw)
	}
	if created.text("apiMappingSelectionExpression") != "$request.basepath" || created.text("domainNameArn") != "arn:aws:apigateway:us-east-1::/domainnames/ws.example.com" || created.text("routingMode") != "API_MAPPING_ONLY" {
		t.Error(created.raw)
	}
	if got := f.must(200, "GET", "/v2/domainnames/ws.example.com", ""); got.raw != created.raw {
		t.Errorf("read back %s, made %s", got.raw, created.raw)
	}
	if a := f.must(409, "POST", "/v2/domainnames", domainBody); a.message() != "The domain name resource already exists." {
		t.Errorf("CP-072: %s", a.raw)
	}
	t.Run("other_region", func(t *testing.T) {
		other := *f
		other.t, other.region = t, "eu-west-1"
		other.must(404, "GET", "/v2/domainnames/ws.example.com", "")
		other.must(409, "POST", "/v2/domainnames", domainBody)
		if a := other.must(200, "GET", "/v2/domainnames", ""); a.raw != `{"items":[]}` {
			t.Error(a.raw)
		}
	})
	t.Run("update", func(t *testing.T) {
		const other = "arn:aws:acm:us-east-1:000000000000:certificate/d"
		a := f.must(200, "PATCH", "/v2/domainnames/ws.example.com", `{"domainNameConfigurations":[{"certificateArn":"`+other+`"}]}`)
		got := configurationOf(a)
		if got["certificateArn"] != other || got["apiGatewayDomainName"] != c["apiGatewayDomainName"] || got["hostedZoneId"] != c["hostedZoneId"] {
			t.Error(a.raw)
		}
		if b := f.must(200, "PATCH", "/v2/domainnames/ws.example.com", `{}`); b.raw != a.raw {
			t.Errorf("CP-099: an empty change made %s of %s", b.raw, a.raw)
		}
	})
	t.Run("tags", func(t *testing.T) {
		const path = "/v2/tags/arn%3Aaws%3Aapigateway%3Aus-east-1%3A%3A%2Fdomainnames%2Fws.example.com"
		f.must(201, "POST", path, `{"tags":{"c":"d"}}`)
		f.must(204, "DELETE", path+"?tagKeys=a", "")
		if a := f.must(200, "GET", path, ""); a.raw != `{"tags":{"c":"d"}}` {
			t.Error(a.raw)
		}
		if a := f.must(200, "GET", "/v2/domainnames/ws.example.com", ""); fmt.Sprint(a.body["tags"]) != "map[c:d]" {
			t.Error(a.raw)
		}
	})
	t.Run("list", func(t *testing.T) {
		f.must(201, "POST", "/v2/domainnames", strings.Replace(domainBody, "ws.", "*.", 1))
		first := f.must(200, "GET", "/v2/domainnames?maxResults=1", "")
		second := f.must(200, "GET", "/v2/domainnames?maxResults=1&nextToken="+first.text("nextToken"), "")
		if !strings.Contains(first.raw, `"ws.example.com"`) || !strings.Contains(second.raw, `"*.example.com"`) || second.text("nextToken") != "" {
			t.Errorf("%s\n%s", first.raw, second.raw)
		}
	})
	f.must(204, "DELETE", "/v2/domainnames/ws.example.com", "")
	if a := f.must(404, "GET", "/v2/domainnames/ws.example.com", ""); a.message() != "The domain name resource specified in the request was not found." {
		t.Error(a.raw)
	}
	f.must(404, "DELETE", "/v2/domainnames/ws.example.com", "")
}

func TestDomainNamesThatAreRefused(t *testing.T) {
	f := newFixture(t)
	for _, tt := range []struct{ name, body, want string }{
		{"no_dot", strings.Replace(domainBody, "ws.example.com", "localhost", 1), "Invalid domain name"},
		{"address", strings.Replace(domainBody, "ws.example.com", "192.0.2.1", 1), "Invalid domain name"},
		{"star_inside", strings.Replace(domainBody, "ws.example.com", "a.*.com", 1), "Invalid domain name"},
		{"no_configuration", `{"domainName":"ws.example.com"}`, "configurations are required"},
		{"no_certificate", `{"domainName":"ws.example.com","domainNameConfigurations":[{}]}`, "certificate ARN is required"},
		{"edge", strings.Replace(domainBody, "REGIONAL", "EDGE", 1), "endpoint type"},
		{"old_tls", strings.Replace(domainBody, "TLS_1_2", "TLS_1_0", 1), "security policy"},
		{"mutual_tls", strings.Replace(domainBody, `"tags"`, `"mutualTlsAuthentication":{"truststoreUri":"s3://b/k"},"tags"`, 1), "Mutual TLS"},
		{"routing_rules", strings.Replace(domainBody, `"tags"`, `"routingMode":"ROUTING_RULE_ONLY","tags"`, 1), "Routing rules"},
		{"tags", strings.Replace(domainBody, `"a":"b"`, `"aws:a":"b"`, 1), "aws:"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if a := f.must(400, "POST", "/v2/domainnames", tt.body); !strings.Contains(a.message(), tt.want) {
				t.Errorf("%s, want %q", a.raw, tt.want)
			}
		})
	}
}

func TestAPIMappings_CP073_CP074(t *testing.T) {
	f := newFixture(t)
	f.must(201, "POST", "/v2/domainnames", domainBody)
	api := f.stage()
	const path = "/v2/domainnames/ws.example.com/apimappings"
	body := func(stage, key string) string {
		return fmt.Sprintf(`{"apiId":%q,"stage":%q,"apiMappingKey":%q}`, idOf(api), stage, key)
	}
	for _, tt := range []struct {
		name, body string
		status     int
		want       string
	}{
		{"CP-073 unknown_stage", body("nosuch", "x"), 400, "Invalid stage identifier specified"},
		{"CP-073 slash_at_the_end", body("prod", "a/"), 400, "API mapping key should not end with a '/'."},
		{"unknown_api", `{"apiId":"nosuch","stage":"prod"}`, 404, "Invalid API identifier specified"},
		{"slash_at_the_beginning", body("prod", "/a"), 400, "should not start"},
		{"letters", body("prod", "a b"), 400, "should contain only"},
		{"reserved", body("prod", "ping"), 400, "reserved"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if a := f.must(tt.status, "POST", path, tt.body); !strings.Contains(a.message(), tt.want) {
				t.Errorf("%s, want %q", a.raw, tt.want)
			}
		})
	}
	made := f.must(201, "POST", path, body("prod", "chat"))
	id := made.text("apiMappingId")
	want := map[string]any{"apiId": idOf(api), "stage": "prod", "apiMappingKey": "chat", "apiMappingId": id}
	if diff := cmp.Diff(want, f.must(200, "GET", path+"/"+id, "").body); diff != "" || id == "" {
		t.Errorf("CP-074: %s", diff)
	}
	f.must(409, "POST", path, body("prod", "chat")) // CP-073
	root := f.must(201, "POST", path, fmt.Sprintf(`{"apiId":%q,"stage":"prod"}`, idOf(api)))
	if a := f.must(200, "GET", path+"/"+root.text("apiMappingId"), ""); a.text("apiMappingKey") != "" || a.body["apiMappingKey"] == nil {
		t.Errorf("root: %s", a.raw)
	}
	t.Run("update", func(t *testing.T) {
		a := f.must(200, "PATCH", path+"/"+id, fmt.Sprintf(`{"apiId":%q,"apiMappingKey":"v1/chat"}`, idOf(api)))
		if a.text("apiMappingKey") != "v1/chat" || a.text("stage") != "prod" || a.text("apiMappingId") != id {
			t.Error(a.raw)
		}
		f.must(409, "PATCH", path+"/"+id, fmt.Sprintf(`{"apiId":%q,"apiMappingKey":""}`, idOf(api)))
		f.must(400, "PATCH", path+"/"+id, `{"apiMappingKey":"x"}`)
		f.must(404, "PATCH", path+"/nosuch", fmt.Sprintf(`{"apiId":%q}`, idOf(api)))
	})
	t.Run("what_is_mapped_stays", func(t *testing.T) {
		if a := f.must(400, "DELETE", api, ""); a.message() != "Deleting API "+idOf(api)+" failed. Please remove all API mappings for the API from your custom domain names." {
			t.Error(a.raw)
		}
		f.must(400, "DELETE", api+"/stages/prod", "")
	})
	if a := f.must(200, "GET", path, ""); len(a.body["items"].([]any)) != 2 {
		t.Error(a.raw)
	}
	f.must(204, "DELETE", path+"/"+id, "")
	f.must(204, "DELETE", path+"/"+root.text("apiMappingId"), "")
	if a := f.must(404, "GET", path+"/"+id, ""); a.message() != "The api mapping resource specified in the request was not found." {
		t.Error(a.raw)
	}
	f.must(404, "DELETE", path+"/"+id, "")
	f.must(204, "DELETE", api+"/stages/prod", "")
	f.must(204, "DELETE", api, "")
}

// TestMappingsAndDeletions makes mappings and deletes what they lead to at the same time: afterwards no mapping leads nowhere.
func TestMappingsAndDeletions(t *testing.T) {
	f := newFixture(t)
	f.must(201, "POST", "/v2/domainnames", domainBody)
	const path = "/v2/domainnames/ws.example.com/apimappings"
	for i := range 30 {
		api := f.stage()
		var both sync.WaitGroup
		both.Go(func() {
			f.call("POST", path, fmt.Sprintf(`{"apiId":%q,"stage":"prod","apiMappingKey":"k%d"}`, idOf(api), i))
		})
		both.Go(func() {
			if i%2 == 0 {
				f.call("DELETE", api, "")
			} else {
				f.call("DELETE", api+"/stages/prod", "")
			}
		})
		both.Wait()
		mapped := strings.Contains(f.must(200, "GET", path+"?maxResults=100", "").raw, fmt.Sprintf(`"k%d"`, i))
		if there := f.call("GET", api+"/stages/prod", "").status == 200; there != mapped {
			t.Fatalf("round %d: the mapping exists: %v, its stage: %v", i, mapped, there)
		}
	}
}

func TestDomainResources(t *testing.T) {
	f := newFixture(t)
	s := newStack(f)
	type props = map[string]any
	api := idOf(f.stage())
	domainProps := props{"DomainName": "ws.example.com", "DomainNameConfigurations": []any{props{"CertificateArn": testCertificate, "EndpointType": "REGIONAL"}}, "Tags": props{"a": "b"}}
	d := s.create("DomainName", "Domain", domainProps)
	if d.PhysicalID != "ws.example.com" || d.Attributes["RegionalDomainName"] == "" || d.Attributes["RegionalHostedZoneId"] == "" || d.Attributes["DomainNameArn"] == "" {
		t.Errorf("%+v", d)
	}
	mappingProps := props{"ApiId": api, "DomainName": d.PhysicalID, "Stage": "prod", "ApiMappingKey": "chat"}
	m := s.create("ApiMapping", "Mapping", mappingProps)
	if a := f.must(200, "GET", "/v2/domainnames/ws.example.com/apimappings", ""); len(a.body["items"].([]any)) != 1 {
		t.Errorf("a repeated step made a second mapping: %s", a.raw)
	}
	if err := s.update("ApiMapping", m.PhysicalID, props{"ApiId": api, "DomainName": d.PhysicalID, "Stage": "prod"}, mappingProps); err != nil {
		t.Fatal(err)
	}
	if a := f.must(200, "GET", "/v2/domainnames/ws.example.com/apimappings/"+m.PhysicalID, ""); a.text("apiMappingKey") != "" {
		t.Error(a.raw)
	}
	if err := s.update("DomainName", d.PhysicalID, props{"DomainName": "ws.example.com", "DomainNameConfigurations": []any{props{"CertificateArn": testCertificate + "2"}}}, domainProps); err != nil {
		t.Fatal(err)
	}
	if a := f.must(200, "GET", "/v2/domainnames/ws.example.com", ""); configurationOf(a)["certificateArn"] != testCertificate+"2" || fmt.Sprint(a.body["tags"]) != "map[]" {
		t.Error(a.raw)
	}
	for range 2 {
		if err := s.types["ApiMapping"].Delete(f.ctx(), resource.Request{PhysicalID: m.PhysicalID, Properties: mappingProps}); err != nil {
			t.Error(err)
		}
	}
	for range 2 {
		if err := s.types["DomainName"].Delete(f.ctx(), resource.Request{PhysicalID: d.PhysicalID, Properties: domainProps}); err != nil {
			t.Error(err)
		}
	}
	docs, _ := f.stores.Open(t.Context(), apigateway.Store)
	if left, err := docs.List(t.Context(), apigateway.DomainPrefix); err != nil || len(left) > 0 {
		t.Errorf("left: %v %v", left, err)
	}
}

func TestVPCLinkTags(t *testing.T) {
	f := newFixture(t)
	id := f.must(201, "POST", "/v2/vpclinks", `{"name":"l","subnetIds":["s"]}`).text("vpcLinkId")
	path := "/v2/tags/arn%3Aaws%3Aapigateway%3Aus-east-1%3A%3A%2Fvpclinks%2F" + id
	f.must(201, "POST", path, `{"tags":{"c":"d"}}`)
	if a := f.must(200, "GET", path, ""); a.raw != `{"tags":{"c":"d"}}` {
		t.Error(a.raw)
	}
}
