package iam_test

import (
	"strings"
	"testing"

	"github.com/sallyport/sallyport/internal/awsapi"
	"github.com/sallyport/sallyport/internal/service/iam"
)

func TestServiceRole(t *testing.T) {
	const gateway = "apigateway.amazonaws.com"
	trust := `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"Service":"` + gateway + `"},"Action":"sts:AssumeRole",
		"Condition":{"ArnLike":{"aws:SourceArn":"arn:aws:execute-api:us-east-1:000000000000:api/*"}}}]}`
	for _, tt := range []struct {
		name    string
		enforce bool
		service string
		role    string
		source  string
		code    string // of the refusal
		warns   bool
	}{
		{"trusted", true, gateway, "arn:aws:iam::000000000000:role/path/r", "api/prod/x", "", false},
		{"other_service", true, "states.amazonaws.com", "arn:aws:iam::000000000000:role/r", "api/prod/x", "AccessDenied", false},
		{"other_source", true, gateway, "arn:aws:iam::000000000000:role/r", "other/prod/x", "AccessDenied", false},
		{"no_such_role", true, gateway, "arn:aws:iam::000000000000:role/ghost", "api/prod/x", "AccessDenied", false},
		{"other_service_is_warned_about", false, "states.amazonaws.com", "arn:aws:iam::000000000000:role/r", "api/prod/x", "", true},
		{"no_such_role_is_warned_about", false, gateway, "arn:aws:iam::000000000000:role/ghost", "api/prod/x", "", true},
		{"other_account", false, gateway, "arn:aws:iam::111111111111:role/r", "api/prod/x", "AccessDenied", false},
		{"no_role", false, gateway, "arn:aws:iam::000000000000:user/r", "api/prod/x", "ValidationError", false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s := start(t, iam.Config{EnforceAll: tt.enforce})
			s.ok(t, "CreateRole", "RoleName", "r", "Path", "/path/", "AssumeRolePolicyDocument", trust)
			ctx := awsapi.WithCaller(t.Context(), awsapi.Caller{
				Account: "000000000000", Region: "us-east-1", RequestID: "id", Service: gateway, ARN: "arn:aws:execute-api:us-east-1:000000000000:" + tt.source,
			})
			who, err := s.ServiceRole(ctx, tt.service, tt.role, "session")
			if awsapi.Code(err) != tt.code {
				t.Fatalf("error %v, want %q", err, tt.code)
			}
			if warned := strings.Contains(s.log.String(), "sts:AssumeRole"); warned != tt.warns {
				t.Errorf("warned: %v\n%s", warned, s.log)
			}
			if err != nil {
				return
			}
			name := tt.role[strings.LastIndexByte(tt.role, '/')+1:]
			if who.ARN != "arn:aws:sts::000000000000:assumed-role/"+name+"/session" || !strings.HasSuffix(who.UserID, ":session") || who.Service != "" || who.Admin || who.Region != "us-east-1" || who.RequestID != "id" {
				t.Errorf("caller %+v", who)
			}
		})
	}
}

// A service that acts as a role may do what the role may, and no more.
func TestServiceRoleIsAuthorized(t *testing.T) {
	s := start(t, iam.Config{EnforceAll: true})
	s.ok(t, "CreateRole", "RoleName", "r", "AssumeRolePolicyDocument", `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"Service":"apigateway.amazonaws.com"},"Action":"sts:AssumeRole"}]}`)
	s.ok(t, "PutRolePolicy", "RoleName", "r", "PolicyName", "p", "PolicyDocument", allow("dynamodb:PutItem", "*"))
	ctx := awsapi.WithCaller(t.Context(), awsapi.Caller{Account: "000000000000", Region: "us-east-1", Service: "apigateway.amazonaws.com", ARN: "arn:aws:execute-api:us-east-1:000000000000:a/b/c"})
	who, err := s.ServiceRole(ctx, "apigateway.amazonaws.com", "arn:aws:iam::000000000000:role/r", "session")
	if err != nil {
		t.Fatal(err)
	}
	as := awsapi.WithCaller(t.Context(), who)
	const table = "arn:aws:dynamodb:us-east-1:000000000000:table/t"
	if err := s.Authorize(as, "dynamodb:PutItem", table, nil); err != nil {
		t.Error(err)
	}
	if err := s.Authorize(as, "dynamodb:DeleteItem", table, nil); awsapi.Code(err) != "AccessDeniedException" {
		t.Errorf("DeleteItem: %v", err)
	}
}
