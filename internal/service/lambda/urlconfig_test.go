package lambda

import (
	"encoding/json"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/sallyport/sallyport/internal/awsapi"
	"github.com/sallyport/sallyport/internal/service/lambda/urls"
)

// answers returns its event under a header, and other results as the query says.
const answers = `async (e) => {
  const q = e.queryStringParameters || {};
  if (q.throw) throw new Error("x");
  if (q.plain) return {hello: "world"};
  if (q.wrong) return {statusCode: "many"};
  if (q.binary) return {statusCode: 200, headers: {"content-type": "image/png"}, isBase64Encoded: true, body: "AAEC"};
  return {statusCode: 201, headers: {"Content-Type": "application/json", "Access-Control-Allow-Origin": "mine"}, cookies: ["a=1", "b=2"], body: JSON.stringify(e)};
}`

// TestURL_LA098 calls functions by their URLs.
func TestURL_LA098(t *testing.T) {
	need(t, "node")
	s := start(t, nil)
	s.create("fn", answers)
	created := s.ok("CreateFunctionUrlConfig", object{"FunctionName": "fn", "AuthType": "NONE", "Cors": object{"AllowOrigins": []any{"https://app.example"}, "AllowMethods": []any{"GET", "POST"}, "MaxAge": 60}})
	address, _ := created.json["FunctionUrl"].(string)
	host := strings.TrimSuffix(strings.TrimPrefix(address, "https://"), "/")
	if created.status != 201 || !strings.HasSuffix(address, ".lambda-url.us-east-1.on.aws/") || created.json["InvokeMode"] != "BUFFERED" || created.json["FunctionArn"] != arnFn+"fn" {
		t.Fatalf("%d %s", created.status, created.body)
	}
	web := httptest.NewServer(urls.Handler(urls.Config{
		Functions: s.Service, Signatures: awsapi.NewGatekeeper(identity{}, slog.New(slog.DiscardHandler), awsapi.GateOptions{}), Authorizer: identity{}, Log: slog.New(slog.DiscardHandler),
	}))
	defer web.Close()
	send := func(method, target, body string, header http.Header) (*http.Response, string) {
		t.Helper()
		r, err := http.NewRequest(method, web.URL+target, strings.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		r.Host = host
		for name, values := range header {
			r.Header[name] = values
		}
		res, err := http.DefaultTransport.RoundTrip(r)
		if err != nil {
			t.Fatal(err)
		}
		defer res.Body.Close()
		data, err := io.ReadAll(res.Body)
		if err != nil {
			t.Fatal(err)
		}
		return res, string(data)
	}

	if res, body := send("GET", "/", "", nil); res.StatusCode != 403 || body != `{"Message":"Forbidden"}`+"\n" || res.Header.Get("x-amzn-ErrorType") != "AccessDeniedException" {
		t.Errorf("without a permission: %d %s", res.StatusCode, body)
	}
	s.ok("AddPermission", object{"FunctionName": "fn", "StatementId": "all", "Action": "lambda:InvokeFunctionUrl", "Principal": "*", "FunctionUrlAuthType": "NONE"})

	t.Run("event and response", func(t *testing.T) {
		res, body := send("POST", "/a/b%20c?x=1&x=2&y=%26", `{"k":1}`, http.Header{"Content-Type": {"application/json"}, "Cookie": {"c=1; d=2"}, "X-Own": {"1", "2"}, "User-Agent": {"me"}, "Origin": {"https://app.example"}})
		if res.StatusCode != 201 || res.Header.Get("Content-Type") != "application/json" || res.Header.Get("Access-Control-Allow-Origin") != "https://app.example" {
			t.Errorf("%d %v", res.StatusCode, res.Header)
		}
		if diff := cmp.Diff([]string{"a=1", "b=2"}, res.Header["Set-Cookie"]); diff != "" {
			t.Error(diff)
		}
		var e object
		if err := json.Unmarshal([]byte(body), &e); err != nil {
			t.Fatal(err)
		}
		at := e["requestContext"].(object)
		if at["requestId"] != res.Header.Get("x-amzn-RequestId") || at["timeEpoch"].(float64) < 1e12 || at["time"] == "" {
			t.Errorf("%v", at)
		}
		for _, name := range []string{"requestId", "timeEpoch", "time"} {
			delete(at, name)
		}
		headers := e["headers"].(object)
		for _, name := range []string{"accept-encoding", "content-length"} {
			delete(headers, name)
		}
		id, _, _ := strings.Cut(host, ".")
		want := object{
			"version": "2.0", "routeKey": "$default", "rawPath": "/a/b c", "rawQueryString": "x=1&x=2&y=%26", "cookies": []any{"c=1", "d=2"},
			"headers":               object{"host": host, "content-type": "application/json", "x-own": "1,2", "user-agent": "me", "origin": "https://app.example"},
			"queryStringParameters": object{"x": "1,2", "y": "&"}, "body": `{"k":1}`, "isBase64Encoded": false,
			"requestContext": object{
				"accountId": "anonymous", "apiId": id, "domainName": host, "domainPrefix": id, "routeKey": "$default", "stage": "$default",
				"http": object{"method": "POST", "path": "/a/b c", "protocol": "HTTP/1.1", "sourceIp": "127.0.0.1", "userAgent": "me"},
			},
		}
		if diff := cmp.Diff(want, e); diff != "" {
			t.Error(diff)
		}
	})
	for _, tt := range []struct {
		name, target, wantBody, wantType string
		want                             int
	}{
		{"any JSON is a body", "/?plain=1", `{"hello":"world"}`, "application/json", 200},
		{"base64", "/?binary=1", "\x00\x01\x02", "image/png", 200},
		{"the function throws", "/?throw=1", `{"Message":"Internal Server Error"}` + "\n", "application/json", 502},
		{"status that is none", "/?wrong=1", `{"Message":"Internal Server Error"}` + "\n", "application/json", 502},
	} {
		t.Run(tt.name, func(t *testing.T) {
			res, body := send("GET", tt.target, "", nil)
			if res.StatusCode != tt.want || body != tt.wantBody || res.Header.Get("Content-Type") != tt.wantType {
				t.Errorf("%d %q %v", res.StatusCode, body, res.Header)
			}
		})
	}
	t.Run("a form is base64", func(t *testing.T) {
		_, body := send("POST", "/", "a=1", http.Header{"Content-Type": {"application/x-www-form-urlencoded"}})
		var e struct {
			Body            string
			IsBase64Encoded bool
		}
		if err := json.Unmarshal([]byte(body), &e); err != nil || e.Body != "YT0x" || !e.IsBase64Encoded {
			t.Errorf("%s, %v", body, err)
		}
	})
	t.Run("preflight", func(t *testing.T) {
		res, _ := send("OPTIONS", "/", "", http.Header{"Origin": {"https://app.example"}, "Access-Control-Request-Method": {"POST"}})
		if h := res.Header; res.StatusCode != 200 || h.Get("Access-Control-Allow-Methods") != "GET,POST" || h.Get("Access-Control-Max-Age") != "60" {
			t.Errorf("%d %v", res.StatusCode, h)
		}
		if res, _ := send("OPTIONS", "/", "", http.Header{"Origin": {"https://other.example"}, "Access-Control-Request-Method": {"POST"}}); res.Header.Get("Access-Control-Allow-Origin") != "" {
			t.Errorf("another origin is let in: %v", res.Header)
		}
	})
	t.Run("signed", func(t *testing.T) {
		s.ok("UpdateFunctionUrlConfig", object{"FunctionName": "fn", "AuthType": "AWS_IAM"})
		if res, body := send("GET", "/", "", nil); res.StatusCode != 403 {
			t.Errorf("unsigned: %d %s", res.StatusCode, body)
		}
		r, err := http.NewRequest("GET", web.URL+"/?q=1", nil)
		if err != nil {
			t.Fatal(err)
		}
		r.Host = host
		sign(r, account, r.URL.RequestURI(), nil)
		res, err := http.DefaultClient.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		defer res.Body.Close()
		var e struct {
			RequestContext struct{ Authorizer struct{ IAM object } }
		}
		if err := json.NewDecoder(res.Body).Decode(&e); err != nil || e.RequestContext.Authorizer.IAM["userArn"] != "arn:aws:iam::"+account+":user/ann" {
			t.Errorf("%d %v %v", res.StatusCode, e, err)
		}
	})
	t.Run("operations", func(t *testing.T) {
		s.refused("CreateFunctionUrlConfig", object{"FunctionName": "fn", "AuthType": "NONE"}, 409, "ResourceConflictException",
			"Failed to create function url config for [functionArn = "+arnFn+"fn]. Error message:  FunctionUrlConfig exists for this Lambda function")
		if a := s.ok("GetFunctionUrlConfig", object{"FunctionName": "fn"}); a.json["FunctionUrl"] != address || a.json["AuthType"] != "AWS_IAM" {
			t.Errorf("%s", a.body)
		}
		if a := s.ok("ListFunctionUrlConfigs", object{"FunctionName": "fn"}); len(a.json["FunctionUrlConfigs"].([]any)) != 1 {
			t.Errorf("%s", a.body)
		}
		s.ok("DeleteFunctionUrlConfig", object{"FunctionName": "fn"})
		s.refused("GetFunctionUrlConfig", object{"FunctionName": "fn"}, 404, "ResourceNotFoundException", "The resource you requested does not exist.")
		if res, _ := send("GET", "/", "", nil); res.StatusCode != 403 {
			t.Errorf("a URL that is gone: %d", res.StatusCode)
		}
	})
	t.Run("resource", func(t *testing.T) {
		k := newStack(t, s)
		got := k.make("Url", "U", object{"TargetFunctionArn": arnFn + "fn", "AuthType": "NONE"})
		if got.PhysicalID != arnFn+"fn" || got.Attributes["FunctionUrl"] != address { // the same function, the same URL
			t.Errorf("%v", got)
		}
		k.remove("Url", "U", got.PhysicalID, object{"TargetFunctionArn": arnFn + "fn", "AuthType": "NONE"})
	})
}
