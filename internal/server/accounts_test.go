package server

import (
	"strings"
	"testing"

	"github.com/sallyport/sallyport/internal/awsapi"
)

// TestAccounts_AU092 has two accounts make things of the same names; neither sees the other's.
func TestAccounts_AU092(t *testing.T) {
	s, _ := run(t, Config{Data: t.TempDir(), Cache: t.TempDir(), Memory: true})
	call := func(account, service, operation, in string) string {
		t.Helper()
		ctx := awsapi.WithCaller(t.Context(), awsapi.Caller{Account: account, Region: "us-east-1", ARN: "arn:aws:iam::" + account + ":root", Admin: true})
		out, err := s.catalog.Call(ctx, service, operation, []byte(in))
		if err != nil {
			t.Fatalf("%s of %s in %s: %v", operation, service, account, err)
		}
		return string(out)
	}
	for _, made := range []struct{ service, create, in, list, sign string }{
		{"apigatewayv2", "CreateApi", `{"Name":"only-mine","ProtocolType":"WEBSOCKET","RouteSelectionExpression":"$request.body.action"}`, "GetApis", "only-mine"},
		{"dynamodb", "CreateTable", `{"TableName":"only-mine","BillingMode":"PAY_PER_REQUEST","AttributeDefinitions":[{"AttributeName":"id","AttributeType":"S"}],"KeySchema":[{"AttributeName":"id","KeyType":"HASH"}]}`, "ListTables", "only-mine"},
		{"logs", "CreateLogGroup", `{"logGroupName":"only-mine"}`, "DescribeLogGroups", "only-mine"},
		{"iam", "CreateUser", `{"UserName":"only-mine"}`, "ListUsers", "only-mine"},
	} {
		t.Run(made.service, func(t *testing.T) {
			call("111111111111", made.service, made.create, made.in)
			if out := call("111111111111", made.service, made.list, `{}`); !strings.Contains(out, made.sign) {
				t.Errorf("who made it does not see it: %s", out)
			}
			if out := call("222222222222", made.service, made.list, `{}`); strings.Contains(out, made.sign) {
				t.Errorf("another account sees it: %s", out)
			}
			call("222222222222", made.service, made.create, made.in)
		})
	}
}
