package apigateway

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/sallyport/sallyport/internal/apigateway"
	"github.com/sallyport/sallyport/internal/awsapi"
	"github.com/sallyport/sallyport/internal/awsapi/sigv4"
	"github.com/sallyport/sallyport/internal/resource"
	"github.com/sallyport/sallyport/internal/store"
	"github.com/sallyport/sallyport/internal/store/mem"
)

const testAccount = "000000000000"

// keys knows one key, of an administrator.
type keys struct{}

func (keys) Credential(context.Context, string, string) (string, awsapi.Caller, error) {
	return "secret", awsapi.Caller{Account: testAccount, AccessKeyID: "AKIAEXAMPLE", Admin: true}, nil
}

func (keys) Authorize(context.Context, string, string, map[string][]string) error { return nil }

// A fixture is the service behind its protocol, and an API abc with stages prod and dev.
type fixture struct {
	t       testing.TB
	service *Service
	handler http.Handler
	stores  store.Stores
	now     time.Time
}

func newFixture(t testing.TB) *fixture {
	log := slog.New(slog.DiscardHandler)
	f := &fixture{t: t, stores: mem.New(), now: time.Date(2026, 1, 14, 12, 0, 0, 0, time.UTC)}
	f.service = New(f.stores, log)
	f.service.now = func() time.Time { return f.now }
	gate := awsapi.NewGatekeeper(keys{}, log, awsapi.GateOptions{})
	f.handler = awsapi.Handler(awsapi.NewCatalog([]awsapi.Service{f.service}), gate, keys{}, awsapi.Options{Log: log, Region: "us-east-1"})
	place := apigateway.Place{Account: testAccount, Region: "us-east-1"}
	for _, stage := range []string{"prod", "dev"} {
		f.put(apigateway.Store, place.PartPrefix("abc")+apigateway.KindStage+stage, apigateway.Stage{Name: stage})
	}
	return f
}

func (f *fixture) put(name, key string, v any) {
	f.t.Helper()
	data, err := json.Marshal(v)
	if err != nil {
		f.t.Fatal(err)
	}
	s, err := f.stores.Open(f.t.Context(), name)
	if err == nil {
		_, err = store.Put(f.t.Context(), s, key, data, store.Always)
	}
	if err != nil {
		f.t.Fatal(err)
	}
}

func (f *fixture) ctx() context.Context {
	return awsapi.WithCaller(f.t.Context(), awsapi.Caller{Account: testAccount, Region: "us-east-1", Admin: true})
}

// An answer is what came back.
type answer struct {
	raw  string
	kind string // x-amzn-ErrorType
	body map[string]any
}

func (a answer) text(name string) string { s, _ := a.body[name].(string); return s }

// must sends one signed request, and fails the test unless the answer has the status.
func (f *fixture) must(status int, method, path, body string) answer {
	f.t.Helper()
	r := httptest.NewRequest(method, path, strings.NewReader(body))
	r.Host = "127.0.0.1:4566"
	r.Header.Set("Content-Type", "application/json")
	signed := sigv4.Request{Method: r.Method, Target: r.RequestURI, Host: r.Host, Body: []byte(body)}
	(&sigv4.Signer{AccessKeyID: "AKIAEXAMPLE", Secret: "secret", Region: "us-east-1", Service: "apigateway"}).Sign(&signed, time.Now())
	for _, h := range signed.Header {
		r.Header.Set(h.Name, h.Value)
	}
	w := httptest.NewRecorder()
	f.handler.ServeHTTP(w, r)
	raw, _ := io.ReadAll(w.Body)
	a := answer{raw: string(raw), kind: w.Header().Get("x-amzn-ErrorType")}
	if len(raw) > 0 {
		if err := json.Unmarshal(raw, &a.body); err != nil {
			f.t.Fatalf("%s %s: body is no JSON: %q", method, path, raw)
		}
	}
	if w.Code != status {
		f.t.Fatalf("%s %s %s = %d %s, want %d", method, path, body, w.Code, raw, status)
	}
	return a
}

// patchBody is the body of an update; each operation is "op path value".
func patchBody(operations ...string) string {
	var list []string
	for _, o := range operations {
		parts := strings.SplitN(o+"  ", " ", 3)
		list = append(list, fmt.Sprintf(`{"op":%q,"path":%q,"value":%q}`, parts[0], parts[1], strings.TrimSpace(parts[2])))
	}
	return `{"patchOperations":[` + strings.Join(list, ",") + `]}`
}

func (f *fixture) key(name string) string {
	f.t.Helper()
	return f.must(201, "POST", "/apikeys", `{"name":"`+name+`","enabled":true}`).text("id")
}

func (f *fixture) plan(body string) string {
	f.t.Helper()
	return f.must(201, "POST", "/usageplans", body).text("id")
}

func TestAPIKeys(t *testing.T) {
	f := newFixture(t)
	made := f.must(201, "POST", "/apikeys", `{"name":"mobile","description":"d","enabled":true,"customerId":"c","tags":{"a":"b"}}`)
	id, value := made.text("id"), made.text("value")
	if len(id) != 10 || len(value) != 40 || made.body["enabled"] != true || made.body["createdDate"] != float64(f.now.Unix()) || fmt.Sprint(made.body["stageKeys"]) != "[]" {
		t.Errorf("CP-103: %s", made.raw)
	}
	if a := f.must(200, "GET", "/apikeys/"+id, ""); a.text("value") != "" || a.text("name") != "mobile" {
		t.Errorf("without includeValue: %s", a.raw)
	}
	if a := f.must(200, "GET", "/apikeys/"+id+"?includeValue=true", ""); a.text("value") != value {
		t.Errorf("with includeValue: %s", a.raw)
	}
	t.Run("refused", func(t *testing.T) {
		for _, tt := range []struct {
			name, body string
			status     int
			want       string
		}{
			{"short_value", `{"value":"1234567890123456789"}`, 400, "at least 20"},
			{"long_value", `{"value":"` + strings.Repeat("x", 129) + `"}`, 400, "at most 128"},
			{"same_value", `{"value":"` + value + `"}`, 409, "API Key already exists"},
			{"stage_keys", `{"stageKeys":[{"restApiId":"abc","stageName":"prod"}]}`, 400, "usage plan"},
		} {
			t.Run(tt.name, func(t *testing.T) {
				if a := f.must(tt.status, "POST", "/apikeys", tt.body); !strings.Contains(a.text("message"), tt.want) {
					t.Error(a.raw)
				}
			})
		}
	})
	t.Run("update", func(t *testing.T) {
		a := f.must(200, "PATCH", "/apikeys/"+id, patchBody("replace /enabled false", "replace /name tablet", "remove /description"))
		if a.body["enabled"] != false || a.text("name") != "tablet" || a.body["description"] != nil || a.text("customerId") != "c" {
			t.Error(a.raw)
		}
		f.must(400, "PATCH", "/apikeys/"+id, patchBody("replace /enabled maybe"))
		if a := f.must(400, "PATCH", "/apikeys/"+id, patchBody("replace /value x")); !strings.HasPrefix(a.text("message"), "Invalid patch path  '/value' specified for op 'replace'. Must be one of: [") {
			t.Error(a.raw)
		}
		f.must(404, "PATCH", "/apikeys/nosuch", patchBody("replace /name x"))
	})
	t.Run("list", func(t *testing.T) {
		f.now = f.now.Add(time.Second)
		second := f.key("mobile-2")
		a := f.must(200, "GET", "/apikeys?limit=1", "")
		b := f.must(200, "GET", "/apikeys?limit=1&includeValues=true&position="+a.text("position"), "")
		if !strings.Contains(a.raw, id) || strings.Contains(a.raw, value) || !strings.Contains(b.raw, second) || b.text("position") != "" || !strings.Contains(b.raw, `"value"`) {
			t.Errorf("%s\n%s", a.raw, b.raw)
		}
		f.must(400, "GET", "/apikeys?position=nosuch", "")
		f.must(400, "GET", "/apikeys?limit=0", "")
		if c := f.must(200, "GET", "/apikeys?name=mob", ""); !strings.Contains(c.raw, second) || strings.Contains(c.raw, id) {
			t.Error(c.raw)
		}
	})
	t.Run("empty_value", func(t *testing.T) {
		if a := f.must(201, "POST", "/apikeys", `{"name":"zzz","value":""}`); len(a.text("value")) != 40 || a.body["enabled"] != false {
			t.Error(a.raw)
		}
	})
	t.Run("tags", func(t *testing.T) {
		path := "/tags/arn%3Aaws%3Aapigateway%3Aus-east-1%3A%3A%2Fapikeys%2F" + id
		f.must(204, "PUT", path, `{"tags":{"c":"d"}}`)
		f.must(204, "DELETE", path+"?tagKeys=a", "")
		if a := f.must(200, "GET", path, ""); a.raw != `{"tags":{"c":"d"}}` {
			t.Error(a.raw)
		}
	})
	f.must(202, "DELETE", "/apikeys/"+id, "")
	if a := f.must(404, "DELETE", "/apikeys/"+id, ""); a.kind != "NotFoundException" || a.text("message") != "Invalid API Key identifier specified" {
		t.Error(a.raw)
	}
	f.must(201, "POST", "/apikeys", `{"value":"`+value+`"}`) // the value is free again
}

func TestUsagePlans_CP103(t *testing.T) {
	f := newFixture(t)
	made := f.must(201, "POST", "/usageplans", `{"name":"gold","description":"d","apiStages":[{"apiId":"abc","stage":"prod","throttle":{"send":{"rateLimit":1.5,"burstLimit":2}}}],`+
		`"throttle":{"rateLimit":10,"burstLimit":20},"quota":{"limit":1000,"offset":2,"period":"WEEK"}}`)
	id := made.text("id")
	want := map[string]any{
		"id": id, "name": "gold", "description": "d",
		"apiStages": []any{map[string]any{"apiId": "abc", "stage": "prod", "throttle": map[string]any{"send": map[string]any{"rateLimit": 1.5, "burstLimit": 2.0}}}},
		"throttle":  map[string]any{"rateLimit": 10.0, "burstLimit": 20.0}, "quota": map[string]any{"limit": 1000.0, "offset": 2.0, "period": "WEEK"},
	}
	if diff := cmp.Diff(want, made.body); diff != "" {
		t.Error(diff)
	}
	if a := f.must(200, "GET", "/usageplans/"+id, ""); a.raw != made.raw {
		t.Errorf("read back %s", a.raw)
	}
	for _, tt := range []struct {
		name, body string
		status     int
		want       string
	}{
		{"no_name", `{}`, 400, "name"},
		{"unknown_stage", `{"name":"x","apiStages":[{"apiId":"abc","stage":"nosuch"}]}`, 404, "API Stage not found: abc:nosuch"},
		{"half_a_stage", `{"name":"x","apiStages":[{"apiId":"abc"}]}`, 400, "Invalid API Stage specified"},
		{"stage_twice", `{"name":"x","apiStages":[{"apiId":"abc","stage":"prod"},{"apiId":"abc","stage":"prod"}]}`, 400, "more than once"},
		{"no_period", `{"name":"x","quota":{"limit":1}}`, 400, "period"},
		{"day_with_offset", `{"name":"x","quota":{"limit":1,"period":"DAY","offset":1}}`, 400, "offset must be zero in the DAY period"},
		{"no_limit", `{"name":"x","quota":{"period":"DAY"}}`, 400, "limit"},
		{"negative_rate", `{"name":"x","throttle":{"rateLimit":-1}}`, 400, "negative"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if a := f.must(tt.status, "POST", "/usageplans", tt.body); !strings.Contains(a.text("message"), tt.want) {
				t.Error(a.raw)
			}
		})
	}
	t.Run("update", func(t *testing.T) {
		a := f.must(200, "PATCH", "/usageplans/"+id, patchBody(
			"replace /name silver", "replace /quota/limit 5", "replace /quota/period MONTH", "replace /throttle/rateLimit 2.5", "add /apiStages abc:dev",
			"replace /apiStages/abc:dev/throttle/~1join/GET/rateLimit 7", "replace /apiStages/abc:dev/throttle/~1join/GET/burstLimit 8", "remove /apiStages/abc:prod/throttle"))
		want := map[string]any{
			"id": id, "name": "silver", "description": "d",
			"apiStages": []any{
				map[string]any{"apiId": "abc", "stage": "prod"},
				map[string]any{"apiId": "abc", "stage": "dev", "throttle": map[string]any{"/join/GET": map[string]any{"rateLimit": 7.0, "burstLimit": 8.0}}},
			},
			"throttle": map[string]any{"rateLimit": 2.5, "burstLimit": 20.0}, "quota": map[string]any{"limit": 5.0, "offset": 2.0, "period": "MONTH"},
		}
		if diff := cmp.Diff(want, a.body); diff != "" {
			t.Error(diff)
		}
		a = f.must(200, "PATCH", "/usageplans/"+id, patchBody("remove /quota", "remove /throttle", "remove /apiStages abc:prod", "remove /description"))
		if a.body["quota"] != nil || a.body["throttle"] != nil || len(a.body["apiStages"].([]any)) != 1 || a.body["description"] != nil {
			t.Error(a.raw)
		}
		for _, o := range []struct {
			operation string
			status    int
		}{
			{"remove /apiStages abc:prod", 404},
			{"remove /apiStages", 400},
			{"add /apiStages abc:dev", 409},
			{"add /apiStages abc:nosuch", 404},
			{"remove /apiStages/abc:dev", 400},
			{"replace /quota/limit x", 400},
			{"replace /throttle/rateLimit NaN", 400},
			{"replace /nosuch x", 400},
			{"replace /quota x", 400},
			{"remove /name", 400},
			{"move /name x", 400},
		} {
			f.must(o.status, "PATCH", "/usageplans/"+id, patchBody(o.operation))
		}
	})
	if a := f.must(400, "DELETE", "/usageplans/"+id, ""); a.text("message") != "Cannot delete Usage Plan "+id+" because there are API Stages associated with it, including abc:dev" {
		t.Error(a.raw)
	}
	f.must(200, "PATCH", "/usageplans/"+id, patchBody("remove /apiStages abc:dev"))
	f.must(202, "DELETE", "/usageplans/"+id, "")
	f.must(404, "GET", "/usageplans/"+id, "")
	if a := f.must(200, "GET", "/usageplans", ""); a.raw != `{"item":[]}` {
		t.Error(a.raw)
	}
}

func TestUsagePlanKeys(t *testing.T) {
	f := newFixture(t)
	gold := f.plan(`{"name":"gold","apiStages":[{"apiId":"abc","stage":"prod"}]}`)
	other := f.plan(`{"name":"other","apiStages":[{"apiId":"abc","stage":"dev"}]}`)
	key := f.key("k")
	body := `{"keyId":"` + key + `","keyType":"API_KEY"}`
	a := f.must(201, "POST", "/usageplans/"+gold+"/keys", body)
	if a.text("id") != key || a.text("type") != "API_KEY" || a.text("name") != "k" || len(a.text("value")) != 40 {
		t.Error(a.raw)
	}
	f.must(409, "POST", "/usageplans/"+gold+"/keys", body)
	f.must(400, "POST", "/usageplans/"+gold+"/keys", strings.Replace(body, "API_KEY", "OTHER", 1))
	f.must(404, "POST", "/usageplans/nosuch/keys", body)
	f.must(404, "POST", "/usageplans/"+gold+"/keys", `{"keyId":"nosuch","keyType":"API_KEY"}`)
	f.must(201, "POST", "/usageplans/"+other+"/keys", body)
	if a := f.must(409, "PATCH", "/usageplans/"+other, patchBody("add /apiStages abc:prod")); !strings.HasSuffix(a.text("message"), "cannot reference multiple Usage Plans with the same API stage: abc:prod") {
		t.Error(a.raw)
	}
	third := f.plan(`{"name":"third","apiStages":[{"apiId":"abc","stage":"prod"}]}`)
	f.must(409, "POST", "/usageplans/"+third+"/keys", body)
	if a := f.must(200, "GET", "/usageplans/"+gold+"/keys/"+key, ""); a.text("id") != key {
		t.Error(a.raw)
	}
	if a := f.must(200, "GET", "/usageplans?keyId="+key, ""); len(a.body["item"].([]any)) != 2 {
		t.Error(a.raw)
	}
	if a := f.must(200, "GET", "/usageplans/"+gold+"/keys?name=zz", ""); a.raw != `{"item":[]}` {
		t.Error(a.raw)
	}
	f.must(202, "DELETE", "/usageplans/"+gold+"/keys/"+key, "")
	f.must(404, "GET", "/usageplans/"+gold+"/keys/"+key, "")
	f.must(404, "DELETE", "/usageplans/"+gold+"/keys/"+key, "")
	f.must(202, "DELETE", "/apikeys/"+key, "")
	if a := f.must(200, "GET", "/usageplans/"+other+"/keys", ""); a.raw != `{"item":[]}` {
		t.Errorf("a deleted key is still in a plan: %s", a.raw)
	}
}

func TestUsage(t *testing.T) {
	f := newFixture(t)
	plan := f.plan(`{"name":"gold","apiStages":[{"apiId":"abc","stage":"prod"}],"quota":{"limit":10,"period":"WEEK"}}`)
	key := f.key("k")
	f.must(201, "POST", "/usageplans/"+plan+"/keys", `{"keyId":"`+key+`","keyType":"API_KEY"}`)
	prefix := apigateway.Place{Account: testAccount, Region: "us-east-1"}.UsagePrefix(plan, key)
	f.put(apigateway.UsageStore, prefix+"node/1", apigateway.Usage{Days: map[string]int64{"2026-01-10": 9, "2026-01-13": 2, "2026-01-14": 1}})
	f.put(apigateway.UsageStore, prefix+"node/2", apigateway.Usage{Days: map[string]int64{"2026-01-14": 3}})
	a := f.must(200, "GET", "/usageplans/"+plan+"/usage?startDate=2026-01-10&endDate=2026-01-14", "")
	want := map[string]any{
		"usagePlanId": plan, "startDate": "2026-01-10", "endDate": "2026-01-14",
		"values": map[string]any{key: []any{[]any{9.0, 1.0}, []any{0.0, 10.0}, []any{0.0, 10.0}, []any{2.0, 8.0}, []any{4.0, 4.0}}},
	}
	if diff := cmp.Diff(want, a.body); diff != "" {
		t.Error(diff)
	}
	a = f.must(200, "PATCH", "/usageplans/"+plan+"/keys/"+key+"/usage", patchBody("replace /remaining 100"))
	if fmt.Sprint(a.body["values"]) != fmt.Sprintf("map[%s:[[4 100]]]", key) {
		t.Error(a.raw)
	}
	a = f.must(200, "GET", "/usageplans/"+plan+"/usage?startDate=2026-01-14&endDate=2026-01-14&keyId="+key, "")
	if fmt.Sprint(a.body["values"]) != fmt.Sprintf("map[%s:[[4 100]]]", key) {
		t.Error(a.raw)
	}
	f.must(400, "GET", "/usageplans/"+plan+"/usage?startDate=today&endDate=2026-01-14", "")
	f.must(400, "GET", "/usageplans/"+plan+"/usage?startDate=2026-01-15&endDate=2026-01-14", "")
	f.must(400, "GET", "/usageplans/"+plan+"/usage?startDate=1026-01-15&endDate=2026-01-14", "")
	f.must(400, "PATCH", "/usageplans/"+plan+"/keys/"+key+"/usage", patchBody("replace /used 1"))
	f.must(202, "DELETE", "/usageplans/"+plan+"/keys/"+key, "")
	s, _ := f.stores.Open(t.Context(), apigateway.UsageStore)
	if left, err := s.List(t.Context(), ""); err != nil || len(left) > 0 {
		t.Errorf("usage of a key that is in no plan is kept: %v %v", left, err)
	}
}

func TestResources(t *testing.T) {
	f := newFixture(t)
	type props = map[string]any
	types := map[string]resource.Type{}
	for _, r := range f.service.Resources() {
		types[strings.TrimPrefix(r.Name(), "AWS::ApiGateway::")] = r
	}
	create := func(kind, id string, p props) string {
		t.Helper()
		r := resource.Request{LogicalID: id, Token: "token-" + id, Properties: p, PhysicalName: func(int) string { return "stack-" + id }}
		if err := types[kind].Check(p); err != nil {
			t.Fatal(err)
		}
		first, err := types[kind].Create(f.ctx(), r)
		if err != nil {
			t.Fatalf("create %s: %v", id, err)
		}
		again, err := types[kind].Create(f.ctx(), r)
		if err != nil || again.PhysicalID != first.PhysicalID {
			t.Fatalf("create %s again: %v %v, was %v", id, again, err, first)
		}
		return first.PhysicalID
	}
	keyProps := props{"Enabled": "true", "Tags": []any{props{"Key": "a", "Value": "b"}}}
	key := create("ApiKey", "Key", keyProps)
	planProps := props{"ApiStages": []any{props{"ApiId": "abc", "Stage": "prod"}}, "Quota": props{"Limit": "5", "Period": "DAY"}, "Throttle": props{"RateLimit": 1, "BurstLimit": 2}}
	plan := create("UsagePlan", "Plan", planProps)
	planKeyProps := props{"KeyId": key, "KeyType": "API_KEY", "UsagePlanId": plan}
	planKey := create("UsagePlanKey", "PlanKey", planKeyProps)
	if a := f.must(200, "GET", "/apikeys/"+key, ""); a.text("name") != "stack-Key" || a.body["enabled"] != true || fmt.Sprint(a.body["tags"]) != "map[a:b]" {
		t.Error(a.raw)
	}
	if a := f.must(200, "GET", "/usageplans/"+plan, ""); a.text("name") != "stack-Plan" || fmt.Sprint(a.body["quota"]) != "map[limit:5 offset:0 period:DAY]" {
		t.Error(a.raw)
	}
	f.must(200, "GET", "/usageplans/"+plan+"/keys/"+key, "")
	update := func(kind, id string, p, old props) {
		t.Helper()
		if _, err := types[kind].Update(f.ctx(), resource.Request{PhysicalID: id, Properties: p, Old: old, PhysicalName: func(int) string { return "stack-Plan" }}); err != nil {
			t.Error(err)
		}
	}
	update("ApiKey", key, props{"Enabled": false}, keyProps)
	update("UsagePlan", plan, props{"UsagePlanName": "named", "ApiStages": []any{props{"ApiId": "abc", "Stage": "dev"}}}, planProps)
	if a := f.must(200, "GET", "/apikeys/"+key, ""); a.body["enabled"] != false || a.body["tags"] != nil {
		t.Error(a.raw)
	}
	if a := f.must(200, "GET", "/usageplans/"+plan, ""); a.text("name") != "named" || a.body["quota"] != nil || !strings.Contains(a.raw, `"dev"`) {
		t.Error(a.raw)
	}
	for _, d := range []struct {
		kind, id string
		p        props
	}{{"UsagePlanKey", planKey, planKeyProps}, {"UsagePlan", plan, planProps}, {"ApiKey", key, keyProps}} {
		for range 2 {
			if err := types[d.kind].Delete(f.ctx(), resource.Request{PhysicalID: d.id, Properties: d.p}); err != nil {
				t.Errorf("delete %s: %v", d.kind, err)
			}
		}
	}
	s, _ := f.stores.Open(t.Context(), apigateway.Store)
	if left, err := s.List(t.Context(), apigateway.AdmissionPrefix); err != nil || len(left) > 0 {
		t.Errorf("left: %v %v", left, err)
	}
}
