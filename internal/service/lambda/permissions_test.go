package lambda

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/sallyport/sallyport/internal/awsapi"
	"github.com/sallyport/sallyport/internal/service/lambda/worker"
)

func workerInvocation() worker.Invocation { return worker.Invocation{Payload: []byte("{}")} }

const executeAPI = "arn:aws:execute-api:us-east-1:111111111111:"

func TestPermissions(t *testing.T) {
	s := start(t, nil)
	s.create("fn", echo, object{"Publish": true})
	t.Run("LA-065 statement", func(t *testing.T) {
		for _, tt := range []struct {
			name string
			in   object
			want string
		}{
			{
				"source_arn",
				object{"Principal": "apigateway.amazonaws.com", "SourceArn": executeAPI + "api/*/$connect"},
				`{"Sid":"source_arn","Effect":"Allow","Principal":{"Service":"apigateway.amazonaws.com"},"Action":"lambda:InvokeFunction","Resource":"` + arnFn + `fn","Condition":{"ArnLike":{"AWS:SourceArn":"` + executeAPI + `api/*/$connect"}}}`,
			},
			{
				"source_account",
				object{"Principal": "s3.amazonaws.com", "SourceAccount": account},
				`{"Sid":"source_account","Effect":"Allow","Principal":{"Service":"s3.amazonaws.com"},"Action":"lambda:InvokeFunction","Resource":"` + arnFn + `fn","Condition":{"StringEquals":{"AWS:SourceAccount":"` + account + `"}}}`,
			},
			{
				"account",
				object{"Principal": "222222222222"},
				`{"Sid":"account","Effect":"Allow","Principal":{"AWS":"arn:aws:iam::222222222222:root"},"Action":"lambda:InvokeFunction","Resource":"` + arnFn + `fn"}`,
			},
			{
				"anyone",
				object{"Principal": "*", "PrincipalOrgID": "o-1234567890"},
				`{"Sid":"anyone","Effect":"Allow","Principal":"*","Action":"lambda:InvokeFunction","Resource":"` + arnFn + `fn","Condition":{"StringEquals":{"aws:PrincipalOrgID":"o-1234567890"}}}`,
			},
			{
				"version",
				object{"Principal": "s3.amazonaws.com", "Qualifier": "1"},
				`{"Sid":"version","Effect":"Allow","Principal":{"Service":"s3.amazonaws.com"},"Action":"lambda:InvokeFunction","Resource":"` + arnFn + `fn:1"}`,
			},
		} {
			t.Run(tt.name, func(t *testing.T) {
				tt.in["FunctionName"], tt.in["StatementId"], tt.in["Action"] = "fn", tt.name, "lambda:InvokeFunction"
				a := s.ok("AddPermission", tt.in)
				if diff := cmp.Diff(tt.want, a.json["Statement"]); diff != "" || a.status != 201 {
					t.Errorf("%d %s", a.status, diff)
				}
			})
		}
	})
	t.Run("policy of a qualifier is its own", func(t *testing.T) {
		all := fmt.Sprint(s.ok("GetPolicy", object{"FunctionName": "fn"}).json["Policy"])
		if !strings.HasPrefix(all, `{"Version":"2012-10-17","Id":"default","Statement":[{"Sid":"source_arn"`) || strings.Contains(all, `"version"`) {
			t.Errorf("%s", all)
		}
		if one := fmt.Sprint(s.ok("GetPolicy", object{"FunctionName": "fn", "Qualifier": "1"}).json["Policy"]); strings.Count(one, "Sid") != 1 {
			t.Errorf("%s", one)
		}
	})
	t.Run("LA-066 duplicate", func(t *testing.T) {
		s.refused("AddPermission", object{"FunctionName": "fn", "StatementId": "account", "Action": "lambda:InvokeFunction", "Principal": "*"}, 409, "ResourceConflictException",
			"The statement id (account) provided already exists. Please provide a new statement id, or remove the existing statement.")
	})
	t.Run("LA-067 remove", func(t *testing.T) {
		s.refused("RemovePermission", object{"FunctionName": "fn", "StatementId": "ghost"}, 404, "ResourceNotFoundException", "Statement ghost is not found in resource policy.")
		if a := s.ok("RemovePermission", object{"FunctionName": "fn", "StatementId": "version", "Qualifier": "1"}); a.status != 204 {
			t.Errorf("%d", a.status)
		}
		s.refused("GetPolicy", object{"FunctionName": "fn", "Qualifier": "1"}, 404, "ResourceNotFoundException", "The resource you requested does not exist.")
		s.refused("RemovePermission", object{"FunctionName": "fn", "StatementId": "version", "Qualifier": "1"}, 404, "ResourceNotFoundException", "No policy is associated with the given resource.")
	})
	t.Run("revision", func(t *testing.T) {
		in := object{"FunctionName": "fn", "StatementId": "late", "Action": "lambda:InvokeFunction", "Principal": "*", "RevisionId": "x"}
		s.refused("AddPermission", in, 412, "PreconditionFailedException", "The Revision Id provided does not match the latest Revision Id. Call the GetPolicy API to retrieve the latest Revision Id")
		in["RevisionId"] = s.ok("GetPolicy", object{"FunctionName": "fn"}).json["RevisionId"]
		s.ok("AddPermission", in)
	})
	t.Run("limit", func(t *testing.T) {
		last := 0
		for i := 0; i < 200 && last < 400; i++ {
			last = s.call("AddPermission", object{"FunctionName": "fn", "StatementId": fmt.Sprint("n", i), "Action": "lambda:InvokeFunction", "Principal": "s3.amazonaws.com", "SourceArn": "arn:aws:s3:::" + strings.Repeat("b", 60)}).status
		}
		if last != 400 {
			t.Errorf("a policy without end: %d", last)
		}
	})
}

func TestInvokeFrom(t *testing.T) {
	need(t, "node")
	for _, lax := range []bool{false, true} {
		t.Run(fmt.Sprintf("lax %v", lax), func(t *testing.T) {
			s := start(t, func(c *Config) { c.LaxPermissions = lax })
			s.create("none", echo)
			s.create("star", echo)
			s.create("cdk", echo, object{"Publish": true})
			s.create("boom", "async () => { throw new Error('x') }")
			for name, pattern := range map[string]string{"star": "api/*/$connect", "cdk": "api/*$connect", "boom": "api/*"} {
				s.ok("AddPermission", object{"FunctionName": name, "StatementId": "s", "Action": "lambda:InvokeFunction", "Principal": "apigateway.amazonaws.com", "SourceArn": executeAPI + pattern})
			}
			for _, tt := range []struct {
				name, function, principal, source string
				allowed                           bool
			}{
				{"LA-068 nothing", "none", "apigateway.amazonaws.com", "api/prod/$connect", false},
				{"LA-069 connect", "star", "apigateway.amazonaws.com", "api/prod/$connect", true},
				{"LA-069 default", "star", "apigateway.amazonaws.com", "api/prod/$default", false},
				{"another API", "star", "apigateway.amazonaws.com", "ipa/prod/$connect", false},
				{"another service", "star", "events.amazonaws.com", "api/prod/$connect", false},
				{"LA-070 CDK", "cdk", "apigateway.amazonaws.com", "api/prod/$connect", true},
				{"qualified needs its own", "cdk:1", "apigateway.amazonaws.com", "api/prod/$connect", false},
				{"$LATEST is the function", "cdk:$LATEST", "apigateway.amazonaws.com", "api/prod/$connect", true},
				{"LA-071 role", "none", "arn:aws:iam::111111111111:role/gateway", "api/prod/$connect", true},
			} {
				t.Run(tt.name, func(t *testing.T) {
					result, failed, err := s.InvokeFrom(admin(t), tt.principal, executeAPI+tt.source, arnFn+tt.function, []byte(`{"a":1}`))
					switch {
					case tt.allowed || lax:
						if err != nil || failed || string(result) != `{"a":1}` {
							t.Errorf("%s %v %v", result, failed, err)
						}
					case awsapi.Code(err) != "AccessDeniedException" || !strings.Contains(err.Error(), executeAPI+tt.source):
						t.Errorf("%s %v", result, err)
					}
				})
			}
			if result, failed, err := s.InvokeFrom(admin(t), "apigateway.amazonaws.com", executeAPI+"api/prod/x", arnFn+"boom", nil); err != nil || !failed || !strings.Contains(string(result), `"errorMessage":"x"`) {
				t.Errorf("%s %v %v", result, failed, err)
			}
			if _, _, err := s.InvokeFrom(admin(t), role, "", arnFn+"ghost", nil); awsapi.Code(err) != "ResourceNotFoundException" {
				t.Error(err)
			}
		})
	}
}

// Another account may do nothing, but invoke where the policy says so.
func TestOtherAccounts(t *testing.T) {
	need(t, "node")
	s := start(t, nil)
	s.create("fn", echo)
	const other = "222222222222"
	for operation, in := range map[string]object{
		"GetFunction": {}, "DeleteFunction": {}, "GetPolicy": {}, "Invoke": {}, "PublishVersion": {},
		"AddPermission": {"StatementId": "s", "Action": "lambda:InvokeFunction", "Principal": other},
	} {
		in["FunctionName"] = arnFn + "fn"
		if a := s.callAs(other, operation, in); a.status != 403 || a.header.Get("X-Amzn-Errortype") != "AccessDeniedException" {
			t.Errorf("%s: %d %s", operation, a.status, a.body)
		}
	}
	if a := s.callAs(other, "GetFunction", object{"FunctionName": "fn"}); a.status != 404 {
		t.Errorf("its own: %d %s", a.status, a.body)
	}
	s.ok("AddPermission", object{"FunctionName": "fn", "StatementId": "s", "Action": "lambda:InvokeFunction", "Principal": other})
	if a := s.callAs(other, "Invoke", object{"FunctionName": arnFn + "fn", "Payload": "1"}); a.status != 200 || string(a.body) != "1" {
		t.Errorf("%d %s", a.status, a.body)
	}
	if a := s.callAs(other, "DeleteFunction", object{"FunctionName": arnFn + "fn"}); a.status != 403 {
		t.Errorf("%d %s", a.status, a.body)
	}
}
