package test

import (
	"context"
	"encoding/json"
	"encoding/xml"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/coder/websocket"
)

// mockAPI makes an API whose $connect and $default are answered by itself, and deploys it to the stages.
func mockAPI(t *testing.T, s *server, authorization string, stages ...string) (id string) {
	t.Helper()
	id = s.management(t, "POST", "/v2/apis", `{"name":"access","protocolType":"WEBSOCKET","routeSelectionExpression":"$request.body.action"}`, "apiId")
	api := "/v2/apis/" + id
	mock := s.management(t, "POST", api+"/integrations", `{"integrationType":"MOCK","requestTemplates":{"$default":"{\"statusCode\":200}"},"templateSelectionExpression":"\\$default"}`, "integrationId")
	s.management(t, "POST", api+"/routes", `{"routeKey":"$connect","authorizationType":"`+authorization+`","target":"integrations/`+mock+`"}`, "")
	s.management(t, "POST", api+"/routes", `{"routeKey":"$default","target":"integrations/`+mock+`"}`, "")
	for _, stage := range stages {
		s.management(t, "POST", api+"/stages", `{"stageName":"`+stage+`","autoDeploy":true}`, "")
	}
	for _, stage := range stages {
		eventually(t, "stage "+stage+" is not served", func() bool {
			return s.do(t, request{service: "execute-api", method: "GET", path: "/" + id + "/" + stage + "/@connections/L0SM9cOFIAMCIdw%3D"}).status == http.StatusGone
		})
	}
	return id
}

// TestErrors makes every kind of request without permission against a service of each protocol, and wants AWS's answer.
func TestErrors(t *testing.T) {
	s := serve(t, t.TempDir(), "--iam", "enforce")
	id := mockAPI(t, s, "NONE", "prod")
	nobody := s.user(t, "nobody", "")
	unknown := aws.Credentials{AccessKeyID: "AKIAABCDEFGHIJKLMNOP", SecretAccessKey: "unknown"}
	badSecret := s.admin()
	badSecret.SecretAccessKey = "wrong"
	role := s.query(t, "iam", aws.Credentials{}, url.Values{"Action": {"CreateRole"}, "RoleName": {"r"}, "AssumeRolePolicyDocument": {
		`{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"sts:AssumeRole","Principal":{"AWS":"*"}}]}`,
	}})
	role.must(t)

	services := map[string]request{
		"connections":  {service: "execute-api", path: "/" + id + "/prod/@connections/L0SM9cOFIAMCIdw%3D", body: "x"},
		"apigatewayv2": {service: "apigateway", method: "GET", path: "/v2/apis"},
		"lambda":       {service: "lambda", method: "GET", path: "/2015-03-31/functions/"},
		"dynamodb":     {service: "dynamodb", path: "/", body: "{}", header: map[string]string{"X-Amz-Target": "DynamoDB_20120810.ListTables", "Content-Type": "application/x-amz-json-1.0"}},
		"iam":          {service: "iam", path: "/", body: "Action=ListRoles&Version=2010-05-08", header: map[string]string{"Content-Type": "application/x-www-form-urlencoded"}},
	}
	type want struct {
		status     int
		code, text string
	}
	const (
		invalid  = "The security token included in the request is invalid"
		mismatch = "The request signature we calculated does not match the signature you provided. Check your AWS Secret Access Key and signing method."
		denied   = "is not authorized to perform: "
	)
	rest := func(code, text string) want { return want{403, code, text} }
	for _, fault := range []struct {
		name   string
		change func(r *request)
		want   map[string]want
	}{
		{"AU-028 unsigned", func(r *request) { r.unsigned = true }, map[string]want{
			"connections": rest("MissingAuthenticationTokenException", "Missing Authentication Token"), "apigatewayv2": rest("MissingAuthenticationTokenException", "Missing Authentication Token"),
			"lambda": rest("MissingAuthenticationTokenException", "Missing Authentication Token"), "dynamodb": {400, "MissingAuthenticationTokenException", "Request is missing Authentication Token"},
			"iam": {403, "MissingAuthenticationToken", "Request is missing Authentication Token"},
		}},
		{"bad signature", func(r *request) { r.key = badSecret }, map[string]want{
			"connections": rest("InvalidSignatureException", mismatch), "apigatewayv2": rest("InvalidSignatureException", mismatch), "lambda": rest("InvalidSignatureException", mismatch),
			"dynamodb": {400, "InvalidSignatureException", mismatch}, "iam": {403, "SignatureDoesNotMatch", mismatch},
		}},
		{"changed after signing", func(r *request) {
			r.spoil = func(q *http.Request) {
				q.Header.Set("X-Amz-Date", time.Now().Add(-time.Minute).UTC().Format("20060102T150405Z"))
			}
		}, map[string]want{
			"connections": rest("InvalidSignatureException", mismatch), "apigatewayv2": rest("InvalidSignatureException", mismatch), "lambda": rest("InvalidSignatureException", mismatch),
			"dynamodb": {400, "InvalidSignatureException", mismatch}, "iam": {403, "SignatureDoesNotMatch", mismatch},
		}},
		{"AU-015 replayed after five minutes", func(r *request) { r.at = time.Now().Add(-5*time.Minute - 10*time.Second) }, map[string]want{
			"connections": rest("InvalidSignatureException", "Signature expired: "), "apigatewayv2": rest("InvalidSignatureException", "Signature expired: "),
			"lambda": rest("InvalidSignatureException", "Signature expired: "), "dynamodb": {400, "InvalidSignatureException", "Signature expired: "}, "iam": {403, "SignatureDoesNotMatch", "Signature expired: "},
		}},
		{"AU-021 AU-022 AU-023 unknown key", func(r *request) { r.key = unknown }, map[string]want{
			"connections": rest("UnrecognizedClientException", invalid), "apigatewayv2": rest("UnrecognizedClientException", invalid), "lambda": rest("UnrecognizedClientException", invalid),
			"dynamodb": {400, "UnrecognizedClientException", invalid}, "iam": {403, "InvalidClientTokenId", invalid},
		}},
		{"AU-018 AU-019 wrong service", func(r *request) {
			if r.service = map[bool]string{true: "execute-api", false: "apigateway"}[r.service == "apigateway"]; r.header["Content-Type"] == "application/x-www-form-urlencoded" {
				r.service = "dynamodb"
			}
		}, map[string]want{
			"connections": rest("InvalidSignatureException", "Credential should be scoped to correct service: 'execute-api'."), "apigatewayv2": rest("InvalidSignatureException", "Credential should be scoped to correct service: 'apigateway'."),
			"lambda":   rest("InvalidSignatureException", "Credential should be scoped to correct service: 'lambda'."),
			"dynamodb": {400, "InvalidSignatureException", "Credential should be scoped to correct service: 'dynamodb'."}, "iam": {403, "SignatureDoesNotMatch", "Credential should be scoped to correct service: 'iam'."},
		}},
		{"AU-076 wrong region", func(r *request) { r.region = "nowhere!" }, map[string]want{
			"connections": rest("InvalidSignatureException", "Credential should be scoped to a valid region."), "apigatewayv2": rest("InvalidSignatureException", "Credential should be scoped to a valid region."),
			"lambda": rest("InvalidSignatureException", "Credential should be scoped to a valid region."), "dynamodb": {400, "InvalidSignatureException", "Credential should be scoped to a valid region."},
			"iam": {403, "SignatureDoesNotMatch", "Credential should be scoped to a valid region."},
		}},
		{"AU-069 denied by policy", func(r *request) { r.key = nobody }, map[string]want{
			"connections": rest("AccessDeniedException", denied+"execute-api:ManageConnections"), "apigatewayv2": rest("AccessDeniedException", denied+"apigateway:GET"),
			"lambda": rest("AccessDeniedException", denied+"lambda:ListFunctions"), "dynamodb": {400, "AccessDeniedException", denied + "dynamodb:ListTables"},
			"iam": {403, "AccessDenied", denied + "iam:ListRoles"},
		}},
	} {
		for service, base := range services {
			t.Run(fault.name+" "+service, func(t *testing.T) {
				r := base
				fault.change(&r)
				a, want := s.do(t, r), fault.want[service]
				if got := a.code(); a.status != want.status || got != want.code || !strings.Contains(a.message(), want.text) {
					t.Errorf("got %d %s %q, want %d %s %q", a.status, got, a.message(), want.status, want.code, want.text)
				}
				if a.header.Get("X-Amzn-Requestid") == "" {
					t.Error("AU-086: no request ID")
				}
			})
		}
	}

	t.Run("AU-077 replayed within five minutes", func(t *testing.T) {
		r := services["apigatewayv2"]
		r.at = time.Now().Add(-4 * time.Minute)
		for range 2 {
			if a := s.do(t, r); a.status != http.StatusOK {
				t.Errorf("got %d %s", a.status, a.body)
			}
		}
	})
	t.Run("AU-046 AU-047 the denied learn nothing of connections", func(t *testing.T) {
		r := services["connections"]
		r.key = nobody
		want := `{"Message":"User: arn:aws:iam::000000000000:user/nobody is not authorized to perform: execute-api:ManageConnections on resource: arn:aws:execute-api:us-east-1:********0000:` + id + `/prod/POST/@connections/{connectionId}`
		if a := s.do(t, r); a.status != http.StatusForbidden || !strings.HasPrefix(a.body, want) {
			t.Errorf("got %d %s, want %s", a.status, a.body, want)
		}
		if a := s.do(t, services["connections"]); a.status != http.StatusGone {
			t.Errorf("the administrator gets %d %s for a connection that is not there, want 410", a.status, a.body)
		}
	})
	t.Run("AU-079 chunked body", func(t *testing.T) {
		r := services["dynamodb"]
		r.chunked = true
		if a := s.do(t, r); a.status != http.StatusOK {
			t.Errorf("got %d %s", a.status, a.body)
		}
	})
	t.Run("AU-075 regions", func(t *testing.T) {
		r := services["apigatewayv2"]
		if a := s.do(t, r); !strings.Contains(a.body, id) {
			t.Errorf("us-east-1 has no API: %s", a.body)
		}
		r.region = "eu-west-1"
		if a := s.do(t, r); a.status != http.StatusOK || strings.Contains(a.body, id) {
			t.Errorf("eu-west-1 sees the API of us-east-1: %d %s", a.status, a.body)
		}
	})
	t.Run("AU-089 AU-090 STS and IAM in any region", func(t *testing.T) {
		for _, region := range []string{"us-east-1", "eu-central-1", "aws-global"} {
			r := services["iam"]
			r.region = region
			if a := s.do(t, r); a.status != http.StatusOK || !strings.Contains(a.body, "role/r<") {
				t.Errorf("IAM in %s: %d %s", region, a.status, a.body)
			}
			r.service, r.body = "sts", "Action=GetCallerIdentity&Version=2011-06-15"
			if a := s.do(t, r); a.status != http.StatusOK || !strings.Contains(a.body, "<Account>000000000000</Account>") {
				t.Errorf("STS in %s: %d %s", region, a.status, a.body)
			}
		}
	})
	t.Run("AU-074 no secret in the log", func(t *testing.T) {
		for _, secret := range []string{nobody.SecretAccessKey, badSecret.SecretAccessKey, unknown.SecretAccessKey} {
			if strings.Contains(strings.ReplaceAll(s.out.String(), "wrong service", ""), secret) && secret != "wrong" && secret != "unknown" {
				t.Errorf("the log has %q", secret)
			}
		}
		if n := strings.Count(s.out.String(), s.Credentials.SecretAccessKey); n != 1 {
			t.Errorf("the administrator's secret is printed %d times, want once", n)
		}
	})
}

// code finds the error's code where SDKs look for it.
func (a answer) code() string {
	var inXML struct {
		Code string `xml:"Error>Code"`
	}
	var inJSON struct {
		Type string `json:"__type"`
	}
	switch {
	case a.header.Get("X-Amzn-Errortype") != "":
		return a.header.Get("X-Amzn-Errortype")
	case json.Unmarshal([]byte(a.body), &inJSON) == nil:
		return inJSON.Type[strings.LastIndexByte(inJSON.Type, '#')+1:]
	case xml.Unmarshal([]byte(a.body), &inXML) == nil:
		return inXML.Code
	}
	return a.body
}

func (a answer) message() string {
	var inXML struct {
		Message string `xml:"Error>Message"`
	}
	var inJSON struct{ Message string }
	if json.Unmarshal([]byte(a.body), &inJSON) != nil {
		_ = xml.Unmarshal([]byte(a.body), &inXML)
	}
	return inJSON.Message + inXML.Message
}

// TestConnectIAM connects to a stage that wants signatures, in all the ways that clients sign.
func TestConnectIAM(t *testing.T) {
	s := serve(t, t.TempDir())
	id := mockAPI(t, s, "AWS_IAM", "prod", "dev")
	base := strings.Replace(s.Endpoint, "http", "ws", 1) + "/" + id
	prod, dev := base+"/prod", base+"/dev"
	onlyProd := s.user(t, "prod", policy("Allow", "execute-api:Invoke", "arn:aws:execute-api:us-east-1:*:"+id+"/prod/$connect"))
	all := s.user(t, "all", policy("Allow", "execute-api:Invoke", "*"))
	nobody := s.user(t, "nobody", "")
	wrong := all
	wrong.SecretAccessKey = "wrong"
	for _, tt := range []struct {
		name, address string
		key           aws.Credentials
		presigned     bool
		want          int
	}{
		{"AU-039 presigned", prod, all, true, 101},
		{"AU-040 presigned wrongly", prod, wrong, true, 403},
		{"AU-041 header", prod, all, false, 101},
		{"AU-043 not allowed", prod, nobody, false, 403},
		{"AU-044 allowed stage", prod, onlyProd, false, 101},
		{"AU-044 another stage", dev, onlyProd, false, 403},
		{"administrator", dev, s.admin(), true, 101},
	} {
		t.Run(tt.name, func(t *testing.T) {
			address, opts := tt.address, &websocket.DialOptions{}
			if tt.presigned {
				address = s.presign(t, tt.address, tt.key)
			} else {
				opts.HTTPHeader = s.sign(t, tt.address, tt.key)
			}
			c, res, err := websocket.Dial(t.Context(), address, opts)
			if err == nil {
				c.CloseNow()
			}
			if res == nil || res.StatusCode != tt.want {
				t.Errorf("got %v, %v, want status %d", res, err, tt.want)
			}
		})
	}
	t.Run("AU-042 unsigned", func(t *testing.T) {
		if got := refusal(t, prod); got != 403 {
			t.Errorf("got %d", got)
		}
	})
}

// TestPushIAM has users with all kinds of policies manage a connection.
func TestPushIAM(t *testing.T) {
	s := serve(t, t.TempDir())
	id := mockAPI(t, s, "NONE", "prod")
	api := "arn:aws:execute-api:us-east-1:000000000000:" + id
	for i, tt := range []struct {
		name, policy string
		want         map[string]int
	}{
		{"AU-045 one method", policy("Allow", "execute-api:ManageConnections", api+"/*/POST/@connections/*"), map[string]int{"POST": 410, "GET": 403, "DELETE": 403}},
		{"AU-048 explicit deny", strings.Replace(policy("Allow", "*", "*"), "]", `,{"Effect":"Deny","Action":"execute-api:ManageConnections","Resource":"*"}]`, 1), map[string]int{"POST": 403, "GET": 403, "DELETE": 403}},
		{"AU-049 wildcard and case", policy("Allow", "EXECUTE-API:manage*", "*"), map[string]int{"POST": 410, "GET": 410, "DELETE": 410}},
		{"AU-050 CDK grant", policy("Allow", "execute-api:ManageConnections", api+"/*/*/@connections/*"), map[string]int{"POST": 410, "GET": 410, "DELETE": 410}},
		{"AU-051 no method", policy("Allow", "execute-api:ManageConnections", api+"/prod/@connections/*"), map[string]int{"POST": 403, "GET": 403, "DELETE": 403}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			key := s.user(t, "user"+string(rune('a'+i)), tt.policy)
			for method, want := range tt.want {
				if a := s.do(t, request{service: "execute-api", method: method, path: "/" + id + "/prod/@connections/L0SM9cOFIAMCIdw%3D", key: key}); a.status != want {
					t.Errorf("%s: %d %s, want %d", method, a.status, a.body, want)
				}
			}
		})
	}
}

// TestSessions_AU059 uses a role's temporary key.
func TestSessions_AU059(t *testing.T) {
	s := serve(t, t.TempDir())
	id := mockAPI(t, s, "NONE", "prod")
	me := "arn:aws:iam::000000000000:root"
	s.query(t, "iam", aws.Credentials{}, url.Values{"Action": {"CreateRole"}, "RoleName": {"pusher"}, "AssumeRolePolicyDocument": {
		`{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"sts:AssumeRole","Principal":{"AWS":"` + me + `"}}]}`,
	}}).must(t)
	s.query(t, "iam", aws.Credentials{}, url.Values{"Action": {"PutRolePolicy"}, "RoleName": {"pusher"}, "PolicyName": {"push"}, "PolicyDocument": {policy("Allow", "execute-api:*", "*")}}).must(t)
	assume := func(more url.Values) (key aws.Credentials) {
		t.Helper()
		form := url.Values{"Action": {"AssumeRole"}, "RoleArn": {"arn:aws:iam::000000000000:role/pusher"}, "RoleSessionName": {"test"}, "DurationSeconds": {"900"}}
		for k, v := range more {
			form[k] = v
		}
		var out struct {
			Key struct{ AccessKeyId, SecretAccessKey, SessionToken, Expiration string } `xml:"AssumeRoleResult>Credentials"`
		}
		if err := xml.Unmarshal([]byte(s.query(t, "sts", aws.Credentials{}, form).must(t)), &out); err != nil {
			t.Fatal(err)
		}
		until, err := time.Parse(time.RFC3339, out.Key.Expiration)
		if left := time.Until(until); err != nil || left < 600*time.Second || left > 901*time.Second || !strings.HasPrefix(out.Key.AccessKeyId, "ASIA") {
			t.Errorf("a session of 900 s is %+v", out.Key)
		}
		return aws.Credentials{AccessKeyID: out.Key.AccessKeyId, SecretAccessKey: out.Key.SecretAccessKey, SessionToken: out.Key.SessionToken}
	}
	push := func(key aws.Credentials) int {
		return s.do(t, request{service: "execute-api", path: "/" + id + "/prod/@connections/L0SM9cOFIAMCIdw%3D", key: key, body: "x"}).status
	}
	key := assume(nil)
	if got := push(key); got != http.StatusGone {
		t.Errorf("the session gets %d, want 410", got)
	}
	if a := s.query(t, "sts", key, url.Values{"Action": {"GetCallerIdentity"}}); !strings.Contains(a.body, "<Arn>arn:aws:sts::000000000000:assumed-role/pusher/test</Arn>") {
		t.Errorf("AU-057: %s", a.body)
	}
	t.Run("AU-032 another token", func(t *testing.T) {
		bad := key
		bad.SessionToken = "x" + bad.SessionToken
		if got := push(bad); got != http.StatusForbidden {
			t.Errorf("got %d", got)
		}
	})
	t.Run("AU-093 session policy", func(t *testing.T) {
		if got := push(assume(url.Values{"Policy": {policy("Deny", "execute-api:*", "*")}})); got != http.StatusForbidden {
			t.Errorf("got %d", got)
		}
	})
	t.Run("AU-060 AU-061 what cannot be assumed", func(t *testing.T) {
		for field, bad := range map[string]string{"RoleSessionName": "a:b", "RoleArn": "this is no ARN at all"} {
			form := url.Values{"Action": {"AssumeRole"}, "RoleArn": {"arn:aws:iam::000000000000:role/pusher"}, "RoleSessionName": {"test"}}
			form.Set(field, bad)
			if a := s.query(t, "sts", aws.Credentials{}, form); a.code() != "ValidationError" || !strings.Contains(a.message(), bad) {
				t.Errorf("%s %q: %d %s", field, bad, a.status, a.body)
			}
		}
	})
}

// TestAdminKey_AU071_AU085 looks after the administrator's key: shown once, kept for its owner, and replaced at once.
func TestAdminKey_AU071_AU085(t *testing.T) {
	dir := t.TempDir()
	s := serve(t, dir)
	old := s.admin()
	file := filepath.Join(dir, "data", "admin.json")
	if info, err := os.Stat(file); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("the key's file is %v, %v", info, err)
	}
	s.stop(os.Interrupt) // now all is printed
	mustContain(t, "first start", s.out.String(), old.SecretAccessKey)

	s = serve(t, dir)
	s.stop(os.Interrupt)
	if strings.Contains(s.out.String(), old.SecretAccessKey) || s.admin() != old {
		t.Errorf("the second start prints the key, or makes another:\n%s", s.out.String())
	}
	if err := os.Remove(file); err != nil {
		t.Fatal(err)
	}

	s = serve(t, dir)
	list := request{service: "apigateway", method: "GET", path: "/v2/apis"}
	if a := s.do(t, list); a.status != http.StatusOK {
		t.Errorf("the new key: %d %s", a.status, a.body)
	}
	list.key = old
	if a := s.do(t, list); a.status != http.StatusForbidden || a.code() != "UnrecognizedClientException" {
		t.Errorf("the old key: %d %s", a.status, a.body)
	}
}

// TestPermissive_AU072 accepts any key on this machine, and says so.
func TestPermissive_AU072(t *testing.T) {
	s := serve(t, t.TempDir(), "--auth", "permissive")
	eventually(t, "the banner does not say that signatures are not verified", func() bool {
		return strings.Contains(s.out.String(), "signatures are not verified")
	})
	fake := aws.Credentials{AccessKeyID: "test", SecretAccessKey: "test"}
	if a := s.do(t, request{service: "apigateway", method: "GET", path: "/v2/apis", key: fake}); a.status != http.StatusOK {
		t.Errorf("got %d %s", a.status, a.body)
	}
	forwarded := request{service: "apigateway", method: "GET", path: "/v2/apis", key: fake, header: map[string]string{"X-Forwarded-For": "192.0.2.1"}}
	if a := s.do(t, forwarded); a.status != http.StatusForbidden {
		t.Errorf("through a proxy: %d %s", a.status, a.body)
	}
}

// TestLeadingKeys_AU053 lets a user see items of one partition alone.
func TestLeadingKeys_AU053(t *testing.T) {
	s := serve(t, t.TempDir(), "--iam", "enforce")
	newDynamo(s).must(t, "CreateTable", `{"TableName":"rooms","BillingMode":"PAY_PER_REQUEST","AttributeDefinitions":[{"AttributeName":"room","AttributeType":"S"}],"KeySchema":[{"AttributeName":"room","KeyType":"HASH"}]}`)
	key := s.user(t, "mine", `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"dynamodb:*","Resource":"*","Condition":{"ForAllValues:StringEquals":{"dynamodb:LeadingKeys":["mine"]}}}]}`)
	for _, tt := range []struct {
		name, operation, body string
		want                  int
	}{
		{"put", "PutItem", `{"TableName":"rooms","Item":{"room":{"S":"mine"}}}`, 200},
		{"put another", "PutItem", `{"TableName":"rooms","Item":{"room":{"S":"other"}}}`, 400},
		{"get", "GetItem", `{"TableName":"rooms","Key":{"room":{"S":"mine"}}}`, 200},
		{"get another", "GetItem", `{"TableName":"rooms","Key":{"room":{"S":"other"}}}`, 400},
		{"query", "Query", `{"TableName":"rooms","KeyConditionExpression":"room = :r","ExpressionAttributeValues":{":r":{"S":"mine"}}}`, 200},
		{"query another", "Query", `{"TableName":"rooms","KeyConditionExpression":"room = :r","ExpressionAttributeValues":{":r":{"S":"other"}}}`, 400},
		{"batch get", "BatchGetItem", `{"RequestItems":{"rooms":{"Keys":[{"room":{"S":"mine"}}]}}}`, 200},
		{"batch get another", "BatchGetItem", `{"RequestItems":{"rooms":{"Keys":[{"room":{"S":"mine"}},{"room":{"S":"other"}}]}}}`, 400},
		{"batch write", "BatchWriteItem", `{"RequestItems":{"rooms":[{"PutRequest":{"Item":{"room":{"S":"mine"}}}}]}}`, 200},
		{"batch delete another", "BatchWriteItem", `{"RequestItems":{"rooms":[{"DeleteRequest":{"Key":{"room":{"S":"other"}}}}]}}`, 400},
		{"transaction", "TransactGetItems", `{"TransactItems":[{"Get":{"TableName":"rooms","Key":{"room":{"S":"mine"}}}}]}`, 200},
		{"transaction of another", "TransactWriteItems", `{"TransactItems":[{"Update":{"TableName":"rooms","Key":{"room":{"S":"mine"}},"UpdateExpression":"SET a = :a","ExpressionAttributeValues":{":a":{"S":"x"}}}},{"Put":{"TableName":"rooms","Item":{"room":{"S":"other"}}}}]}`, 400},
	} {
		t.Run(tt.name, func(t *testing.T) {
			a := s.do(t, request{service: "dynamodb", path: "/", key: key, body: tt.body, header: map[string]string{"X-Amz-Target": "DynamoDB_20120810." + tt.operation, "Content-Type": "application/x-amz-json-1.0"}})
			if a.status != tt.want || tt.want == 400 && a.code() != "AccessDeniedException" {
				t.Errorf("got %d %s, want %d", a.status, a.body, tt.want)
			}
		})
	}
}

// TestPermissive_AU073 is not given away to other machines by mistake.
func TestPermissive_AU073(t *testing.T) {
	dir := t.TempDir()
	cmd := exec.Command(binary(t), "serve", "--auth", "permissive", "--listen", "0.0.0.0:0", "--data", filepath.Join(dir, "data"))
	cmd.Env = environment(dir)
	out, err := cmd.CombinedOutput()
	if err == nil || cmd.ProcessState.ExitCode() != 2 {
		t.Errorf("ended with %v, want exit code 2", err)
	}
	mustContain(t, "error", string(out), "--permissive-anywhere")
	start(t, dir, "serve", "--auth", "permissive", "--permissive-anywhere", "--listen", "0.0.0.0:0", "--data", filepath.Join(dir, "data"))
}

// TestForwarded_AU081_AU082 takes signatures for a public name from a proxy that it trusts, and from nobody else.
func TestForwarded_AU081_AU082(t *testing.T) {
	for name, tt := range map[string]struct {
		args []string
		want int
	}{
		"trusted":   {[]string{"--trusted-proxy", "127.0.0.0/8"}, http.StatusOK},
		"untrusted": {[]string{"--trusted-proxy", "10.0.0.0/8"}, http.StatusForbidden},
	} {
		t.Run(name, func(t *testing.T) {
			s := serve(t, t.TempDir(), tt.args...)
			r := request{service: "apigateway", method: "GET", path: "/v2/apis", host: "api.example.com", spoil: func(q *http.Request) {
				q.Host = q.URL.Host
				q.Header.Set("X-Forwarded-Host", "api.example.com")
			}}
			if a := s.do(t, r); a.status != tt.want {
				t.Errorf("got %d %s, want %d", a.status, a.body, tt.want)
			}
		})
	}
}

// TestRestart_CP092 has everything that a client made there again after a restart.
func TestRestart_CP092(t *testing.T) {
	dir := t.TempDir()
	s := serve(t, dir)
	id := mockAPI(t, s, "NONE", "prod")
	paths := []string{"/v2/apis", "/v2/apis/" + id + "/routes", "/v2/apis/" + id + "/integrations", "/v2/apis/" + id + "/stages", "/v2/apis/" + id + "/deployments"}
	before := map[string]string{}
	for _, path := range paths {
		before[path] = s.do(t, request{service: "apigateway", method: "GET", path: path}).must(t)
	}
	s.stop(os.Kill)
	s = serve(t, dir)
	for _, path := range paths {
		if after := s.do(t, request{service: "apigateway", method: "GET", path: path}).must(t); after != before[path] {
			t.Errorf("%s was\n%s\nand is\n%s", path, before[path], after)
		}
	}
	if got := refusal(t, strings.Replace(s.Endpoint, "http", "ws", 1)+"/"+id+"/prod"); got != 101 {
		t.Errorf("a client gets %d", got)
	}
}

// TestDeletion closes what is open when its API, or its stage, goes.
func TestDeletion(t *testing.T) {
	s := serve(t, t.TempDir())
	for _, tt := range []struct{ name, path string }{{"CP-095 API", ""}, {"CP-094 stage", "/stages/prod"}} {
		t.Run(tt.name, func(t *testing.T) {
			id := mockAPI(t, s, "NONE", "prod")
			c := connect(t.Context(), t, s, strings.Replace(s.Endpoint, "http", "ws", 1)+"/"+id+"/prod")
			defer c.CloseNow()
			s.management(t, "DELETE", "/v2/apis/"+id+tt.path, "", "")
			ctx, cancel := context.WithTimeout(t.Context(), patience)
			defer cancel()
			if _, _, err := c.Read(ctx); websocket.CloseStatus(err) == -1 {
				t.Errorf("the client sees %v, no close frame", err)
			}
		})
	}
	t.Run("CP-096 default endpoint disabled", func(t *testing.T) {
		id := mockAPI(t, s, "NONE", "prod")
		address := strings.Replace(s.Endpoint, "http", "ws", 1) + "/" + id + "/prod"
		s.management(t, "PATCH", "/v2/apis/"+id, `{"disableExecuteApiEndpoint":true}`, "")
		eventually(t, "the disabled endpoint still takes clients", func() bool { return refusal(t, address) == http.StatusForbidden })
	})
}

// TestNewKey replaces the administrator's key while the server runs.
func TestNewKey_AU085(t *testing.T) {
	need(t, "aws")
	s := serve(t, t.TempDir())
	old := s.Credentials
	out, err := s.run("env", "--new-key")
	if err != nil {
		t.Fatalf("env --new-key: %v\n%s", err, out)
	}
	exported := func(name string) string {
		_, rest, _ := strings.Cut(out, "export "+name+"=")
		value, _, _ := strings.Cut(rest, "\n")
		return value
	}
	s.Credentials.AccessKeyID, s.Credentials.SecretAccessKey = exported("AWS_ACCESS_KEY_ID"), exported("AWS_SECRET_ACCESS_KEY")
	if s.Credentials.AccessKeyID == old.AccessKeyID {
		t.Fatalf("the key is the old one:\n%s", out)
	}
	if out, err := s.aws("sts", "get-caller-identity"); err != nil {
		t.Errorf("with the new key: %v\n%s", err, out)
	}
	if out, err := s.run("status"); err != nil {
		t.Errorf("status does not know the new key: %v\n%s", err, out)
	}
	s.Credentials = old
	if out, err := s.aws("sts", "get-caller-identity"); err == nil || !strings.Contains(out, "InvalidClientTokenId") {
		t.Errorf("with the old key: %v\n%s", err, out)
	}
}
