package server

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/coder/websocket"
)

// TestBackends_DP043 calls services of the whole server from routes, as a role whose policies are enforced.
func TestBackends_DP043(t *testing.T) {
	s, _ := run(t, Config{Data: t.TempDir(), EnforceIAM: true})
	call(t, s, "dynamodb", "CreateTable", `{"TableName":"Connections","BillingMode":"PAY_PER_REQUEST","AttributeDefinitions":[{"AttributeName":"id","AttributeType":"S"}],"KeySchema":[{"AttributeName":"id","KeyType":"HASH"}]}`)
	call(t, s, "iam", "CreateRole", `{"RoleName":"gateway","AssumeRolePolicyDocument":"{\"Version\":\"2012-10-17\",\"Statement\":[{\"Effect\":\"Allow\",\"Principal\":{\"Service\":\"apigateway.amazonaws.com\"},\"Action\":\"sts:AssumeRole\"}]}"}`)
	call(t, s, "iam", "PutRolePolicy", `{"RoleName":"gateway","PolicyName":"p","PolicyDocument":"{\"Version\":\"2012-10-17\",\"Statement\":[{\"Effect\":\"Allow\",\"Action\":[\"dynamodb:PutItem\",\"dynamodb:Scan\",\"execute-api:ManageConnections\",\"s3:*\",\"sqs:SendMessage\",\"sns:Publish\"],\"Resource\":\"*\"}]}"}`)
	api := call(t, s, "apigatewayv2", "CreateApi", `{"name":"a","protocolType":"WEBSOCKET","routeSelectionExpression":"$request.body.action"}`)["apiId"].(string)
	call(t, s, "sqs", "CreateQueue", `{"QueueName":"jobs"}`)
	topic := call(t, s, "sns", "CreateTopic", `{"Name":"news"}`)["TopicArn"].(string)
	const role = "arn:aws:iam::000000000000:role/gateway"
	const form = `{"integration.request.header.Content-Type":"'application/x-www-form-urlencoded'"}`
	for _, r := range []struct{ key, uri, method, template, parameters, response string }{
		{"$connect", "dynamodb:action/PutItem", "POST", `{"TableName":"Connections","Item":{"id":{"S":"$context.connectionId"}}}`, `{}`, ""},
		{"count", "dynamodb:action/Scan", "POST", `{"TableName":"Connections"}`, `{}`, `$input.path('$.Count') connected`},
		{"delete", "dynamodb:action/DeleteItem", "POST", `{"TableName":"Connections","Key":{"id":{"S":"$context.connectionId"}}}`, `{}`, `$input.path('$.__type')`},
		{"bucket", "s3:path/shelf", "PUT", " ", `{}`, "made"},
		{"put", "s3:path/shelf/{key}", "PUT", `$input.path('$.text')`, `{"integration.request.path.key":"route.request.body.key"}`, "stored"},
		{"get", "s3:path/shelf/{key}", "GET", "", `{"integration.request.path.key":"route.request.body.key"}`, "$input.body"},
		{"echo", api + ".execute-api:path/prod/@connections/{id}", "POST", `echo $input.path('$.text')`, `{"integration.request.path.id":"context.connectionId"}`, ""},
		{"queue", "sqs:path/000000000000/jobs", "POST", "Action=SendMessage&MessageBody=$input.path('$.text')", form, "$input.body"},
		{"topic", "sns:action/Publish", "POST", "Action=Publish&TopicArn=$util.urlEncode('" + topic + "')&Message=$input.path('$.text')", form, "$input.body"},
		{"kinesis", "kinesis:action/PutRecord", "POST", `{}`, `{}`, "no"},
	} {
		in := fmt.Sprintf(`{"apiId":%q,"integrationType":"AWS","integrationMethod":%q,"integrationUri":"arn:aws:apigateway:us-east-1:%s","credentialsArn":%q,"requestTemplates":{"$default":%q},"requestParameters":%s}`,
			api, r.method, r.uri, role, r.template, r.parameters)
		id := call(t, s, "apigatewayv2", "CreateIntegration", in)["integrationId"].(string)
		route := call(t, s, "apigatewayv2", "CreateRoute", fmt.Sprintf(`{"apiId":%q,"routeKey":%q,"target":"integrations/%s"}`, api, r.key, id))["routeId"].(string)
		if r.response != "" {
			call(t, s, "apigatewayv2", "CreateIntegrationResponse", fmt.Sprintf(`{"apiId":%q,"integrationId":%q,"integrationResponseKey":"$default","responseTemplates":{"$default":%q}}`, api, id, r.response))
			call(t, s, "apigatewayv2", "CreateRouteResponse", fmt.Sprintf(`{"apiId":%q,"routeId":%q,"routeResponseKey":"$default"}`, api, route))
		}
	}
	call(t, s, "apigatewayv2", "CreateStage", fmt.Sprintf(`{"apiId":%q,"stageName":"prod","autoDeploy":true}`, api))
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	c := dial(t, ctx, s.SocketURL(api, "prod"))
	defer c.CloseNow()
	id := regexp.MustCompile(`[0-9a-f]{8}-[0-9a-f-]{27}`)
	for _, tt := range []struct{ send, want string }{
		{`{"action":"count"}`, "1 connected"},
		{`{"action":"delete"}`, "com.amazon.coral.service#AccessDeniedException"},
		{`{"action":"bucket"}`, "made"},
		{`{"action":"put","key":"a/b","text":"on the shelf"}`, "stored"},
		{`{"action":"get","key":"a/b"}`, "on the shelf"},
		{`{"action":"echo","text":"hi"}`, "echo hi"},
		// AWS: members in the order of their names, null for what there is not.
		{`{"action":"queue","text":"hi"}`, `{"SendMessageResponse":{"ResponseMetadata":{"RequestId":"ID"},"SendMessageResult":{"MD5OfMessageAttributes":null,"MD5OfMessageBody":"49f68a5c8493ec2c0bf489821c21fc3b","MD5OfMessageSystemAttributes":null,"MessageId":"ID","SequenceNumber":null}}}`},
		{`{"action":"topic","text":"hi"}`, `{"PublishResponse":{"PublishResult":{"MessageId":"ID","SequenceNumber":null},"ResponseMetadata":{"RequestId":"ID"}}}`},
		{`{"action":"kinesis"}`, `{"message": "Internal server error"`},
	} {
		if err := c.Write(ctx, websocket.MessageText, []byte(tt.send)); err != nil {
			t.Fatal(err)
		}
		_, got, err := c.Read(ctx)
		if text := id.ReplaceAllString(string(got), "ID"); err != nil || !strings.HasPrefix(text, tt.want) {
			t.Fatalf("%s: %q, %v, want %q", tt.send, got, err, tt.want)
		}
	}
}

// dial connects when the stage is served, which may be a moment after it was made.
func dial(t *testing.T, ctx context.Context, url string) *websocket.Conn {
	t.Helper()
	for {
		c, _, err := websocket.Dial(ctx, url, nil)
		if err == nil {
			return c
		}
		if ctx.Err() != nil {
			t.Fatalf("connect to %s: %v", url, err)
		}
		time.Sleep(5 * time.Millisecond)
	}
}

func TestBackendRoots(t *testing.T) {
	empty := filepath.Join(t.TempDir(), "empty.pem")
	if err := os.WriteFile(empty, []byte("no certificate"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct{ name, file, want string }{
		{"missing", empty + "x", "read the certificate authorities of backends"},
		{"empty", empty, "has no certificate"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if _, err := New(t.Context(), Config{Data: t.TempDir(), Listen: "127.0.0.1:0", BackendCA: tt.file}); err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("error %v, want %q", err, tt.want)
			}
		})
	}
	s, _ := run(t, Config{Data: t.TempDir()})
	if roots, err := backendRoots(s.CAFile()); err != nil || roots == nil {
		t.Errorf("a file with a certificate: %v", err)
	}
}
