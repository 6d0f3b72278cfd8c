package iam_test

import (
	"context"
	"log/slog"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/sallyport/sallyport/internal/awsapi"
	"github.com/sallyport/sallyport/internal/service/iam"
	"github.com/sallyport/sallyport/internal/store/mem"
)

func TestRoles(t *testing.T) {
	s := start(t, iam.Config{})
	s.ok(t, "CreateRole", "RoleName", "r", "Path", "/app/", "AssumeRolePolicyDocument", lambdaTrust, "Tags.member.1.Key", "k", "Tags.member.1.Value", "v")
	a := s.ok(t, "GetRole", "RoleName", "r")
	var raw struct {
		Role struct {
			RoleId, Arn, AssumeRolePolicyDocument, MaxSessionDuration string
			Tags                                                      []struct{ Key, Value string } `xml:"Tags>member"`
		} `xml:"GetRoleResult>Role"`
	}
	a.into(t, &raw)
	if doc, _ := url.PathUnescape(raw.Role.AssumeRolePolicyDocument); doc != lambdaTrust || !strings.HasPrefix(raw.Role.AssumeRolePolicyDocument, "%7B%22Version%22%3A%222012-10-17%22") {
		t.Errorf("AU-064 document %s", raw.Role.AssumeRolePolicyDocument)
	}
	if !strings.HasPrefix(raw.Role.RoleId, "AROA") || len(raw.Role.RoleId) != 21 || raw.Role.Arn != "arn:aws:iam::000000000000:role/app/r" || raw.Role.MaxSessionDuration != "3600" || len(raw.Role.Tags) != 1 {
		t.Errorf("AU-064 role %+v", raw.Role)
	}
	s.ok(t, "PutRolePolicy", "RoleName", "r", "PolicyName", "inline", "PolicyDocument", allow("logs:*", "*"))
	s.ok(t, "AttachRolePolicy", "RoleName", "r", "PolicyArn", "arn:aws:iam::aws:policy/service-role/AWSLambdaBasicExecutionRole")
	if a := s.ok(t, "ListAttachedRolePolicies", "RoleName", "r"); !strings.Contains(a.body, "<PolicyName>AWSLambdaBasicExecutionRole</PolicyName>") {
		t.Error(a.body)
	}
	for _, tt := range []struct {
		name, action string
		params       []string
		status       int
		code, text   string
	}{
		{"exists", "CreateRole", []string{"RoleName", "r", "AssumeRolePolicyDocument", lambdaTrust}, 409, "EntityAlreadyExists", "Role with name r already exists."},
		{"AU-066 unknown", "GetRole", []string{"RoleName", "x"}, 404, "NoSuchEntity", "The role with name x cannot be found."},
		{"AU-065 attached", "DeleteRole", []string{"RoleName", "r"}, 409, "DeleteConflict", "Cannot delete entity, must detach all policies first."},
		{"AU-067 no json", "PutRolePolicy", []string{"RoleName", "r", "PolicyName", "p", "PolicyDocument", "{"}, 400, "MalformedPolicyDocument", "This policy contains invalid Json"},
		{"trust no json", "CreateRole", []string{"RoleName", "q", "AssumeRolePolicyDocument", "x"}, 400, "MalformedPolicyDocument", "This policy contains invalid Json"},
		{"trust with resource", "CreateRole", []string{"RoleName", "q", "AssumeRolePolicyDocument", `{"Statement":{"Effect":"Allow","Principal":"*","Action":"sts:AssumeRole","Resource":"*"}}`}, 400, "MalformedPolicyDocument", "Has prohibited field Resource"},
		{"no such inline", "GetRolePolicy", []string{"RoleName", "r", "PolicyName", "zz"}, 404, "NoSuchEntity", "The role policy with name zz cannot be found."},
		{"attach unknown", "AttachRolePolicy", []string{"RoleName", "r", "PolicyArn", "arn:aws:iam::000000000000:policy/zz"}, 404, "NoSuchEntity", "Policy arn:aws:iam::000000000000:policy/zz does not exist or is not attachable."},
		{"no name", "GetRole", nil, 400, "ValidationError", "1 validation error detected: Value null at 'roleName' failed to satisfy constraint: Member must not be null"},
		{"bad name", "GetRole", []string{"RoleName", "a b"}, 400, "ValidationError", `1 validation error detected: Value 'a b' at 'roleName' failed to satisfy constraint: Member must satisfy regular expression pattern: [\w+=,.@-]+`},
	} {
		t.Run(tt.name, func(t *testing.T) {
			a := s.call(t, s.adminKey(), "iam", tt.action, tt.params...)
			if a.status != tt.status || a.code != tt.code || a.message != tt.text {
				t.Errorf("%d %s %q, want %d %s %q", a.status, a.code, a.message, tt.status, tt.code, tt.text)
			}
		})
	}
	s.ok(t, "DetachRolePolicy", "RoleName", "r", "PolicyArn", "arn:aws:iam::aws:policy/service-role/AWSLambdaBasicExecutionRole")
	if a := s.call(t, s.adminKey(), "iam", "DeleteRole", "RoleName", "r"); a.message != "Cannot delete entity, must delete policies first." {
		t.Errorf("AU-065 inline: %s", a.body)
	}
	s.ok(t, "DeleteRolePolicy", "RoleName", "r", "PolicyName", "inline")
	s.ok(t, "DeleteRole", "RoleName", "r")
}

func TestUnknownManagedPolicy_AU068(t *testing.T) {
	s := start(t, iam.Config{})
	s.ok(t, "CreateRole", "RoleName", "r", "AssumeRolePolicyDocument", lambdaTrust)
	s.ok(t, "AttachRolePolicy", "RoleName", "r", "PolicyArn", "arn:aws:iam::aws:policy/AmazonQuantumFullAccess")
	if !strings.Contains(s.log.String(), "AmazonQuantumFullAccess") {
		t.Error("no warning")
	}
}

func TestManagedPolicies(t *testing.T) {
	s := start(t, iam.Config{})
	const policyARN = "arn:aws:iam::000000000000:policy/p"
	s.ok(t, "CreatePolicy", "PolicyName", "p", "PolicyDocument", allow("s3:*", "*"))
	for range 4 {
		s.ok(t, "CreatePolicyVersion", "PolicyArn", policyARN, "PolicyDocument", allow("sqs:*", "*"), "SetAsDefault", "true")
	}
	if a := s.call(t, s.adminKey(), "iam", "CreatePolicyVersion", "PolicyArn", policyARN, "PolicyDocument", allow("sqs:*", "*")); a.code != "LimitExceeded" {
		t.Errorf("a sixth version: %s", a.body)
	}
	if a := s.ok(t, "GetPolicyVersion", "PolicyArn", policyARN, "VersionId", "v5"); !strings.Contains(a.body, "<IsDefaultVersion>true</IsDefaultVersion>") || !strings.Contains(a.body, "sqs%3A%2A") {
		t.Error(a.body)
	}
	if a := s.call(t, s.adminKey(), "iam", "DeletePolicyVersion", "PolicyArn", policyARN, "VersionId", "v5"); a.code != "DeleteConflict" {
		t.Error(a.body)
	}
	s.newUser(t, "ann", "")
	s.ok(t, "AttachUserPolicy", "UserName", "ann", "PolicyArn", policyARN)
	if a := s.ok(t, "GetPolicy", "PolicyArn", policyARN); !strings.Contains(a.body, "<AttachmentCount>1</AttachmentCount>") {
		t.Error(a.body)
	}
	if a := s.call(t, s.adminKey(), "iam", "DeletePolicy", "PolicyArn", policyARN); a.message != "Cannot delete a policy attached to entities." {
		t.Error(a.body)
	}
	if a := s.ok(t, "ListPolicies", "Scope", "Local"); strings.Count(a.body, "<PolicyName>") != 1 {
		t.Error(a.body)
	}
	if a := s.ok(t, "GetPolicy", "PolicyArn", "arn:aws:iam::aws:policy/AdministratorAccess"); !strings.Contains(a.body, "<PolicyName>AdministratorAccess</PolicyName>") {
		t.Error(a.body)
	}
}

func TestPages(t *testing.T) {
	s := start(t, iam.Config{})
	for _, n := range []string{"c", "a", "b"} {
		s.ok(t, "CreateUser", "UserName", n)
	}
	var names []string
	marker := []string{"MaxItems", "2"}
	for {
		var out struct {
			Users       []struct{ UserName string } `xml:"ListUsersResult>Users>member"`
			IsTruncated bool                        `xml:"ListUsersResult>IsTruncated"`
			Marker      string                      `xml:"ListUsersResult>Marker"`
		}
		s.ok(t, "ListUsers", marker...).into(t, &out)
		for _, u := range out.Users {
			names = append(names, u.UserName)
		}
		if !out.IsTruncated {
			break
		}
		marker = []string{"MaxItems", "2", "Marker", out.Marker}
	}
	if strings.Join(names, "") != "abc" {
		t.Errorf("pages give %v", names)
	}
}

func TestIdentity_AU057(t *testing.T) {
	s := start(t, iam.Config{})
	ann := s.newUser(t, "ann", "")
	s.ok(t, "CreateRole", "RoleName", "fn", "Path", "/service/", "AssumeRolePolicyDocument", lambdaTrust)
	fn := s.session(t, "arn:aws:iam::000000000000:role/service/fn", "hello")
	for _, tt := range []struct {
		name   string
		key    key
		arn    string
		userID string
	}{
		{"root", s.adminKey(), "arn:aws:iam::000000000000:root", "000000000000"},
		{"AU-069 user", ann, "arn:aws:iam::000000000000:user/ann", "AIDA"},
		{"AU-058 function", fn, "arn:aws:sts::000000000000:assumed-role/fn/hello", "AROA"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			var out struct {
				Result struct{ UserId, Account, Arn string } `xml:"GetCallerIdentityResult"`
			}
			s.call(t, tt.key, "sts", "GetCallerIdentity").into(t, &out)
			if out.Result.Arn != tt.arn || !strings.HasPrefix(out.Result.UserId, tt.userID) || out.Result.Account != "000000000000" {
				t.Errorf("%+v", out.Result)
			}
		})
	}
}

func TestKeys(t *testing.T) {
	s := start(t, iam.Config{})
	ann := s.newUser(t, "ann", "")
	identity := func(k key) string { return s.call(t, k, "sts", "GetCallerIdentity").code }
	if c := identity(ann); c != "" {
		t.Fatalf("a new key: %s", c)
	}
	s.ok(t, "UpdateAccessKey", "UserName", "ann", "AccessKeyId", ann.ID, "Status", "Inactive")
	if c := identity(ann); c != "InvalidClientTokenId" {
		t.Errorf("AU-070 inactive key: %q", c)
	}
	s.ok(t, "UpdateAccessKey", "UserName", "ann", "AccessKeyId", ann.ID, "Status", "Active")
	if c := identity(ann); c != "" {
		t.Errorf("active again: %q", c)
	}
	s.ok(t, "CreateAccessKey", "UserName", "ann")
	if a := s.call(t, s.adminKey(), "iam", "CreateAccessKey", "UserName", "ann"); a.code != "LimitExceeded" {
		t.Errorf("a third key: %s", a.body)
	}
	s.ok(t, "DeleteAccessKey", "UserName", "ann", "AccessKeyId", ann.ID)
	if c := identity(ann); c != "InvalidClientTokenId" {
		t.Errorf("deleted key: %q", c)
	}
	if a := s.call(t, s.adminKey(), "iam", "DeleteUser", "UserName", "ann"); a.message != "Cannot delete entity, must delete access keys first." {
		t.Errorf("user with keys: %s", a.body)
	}
}

func TestAdminKey(t *testing.T) {
	stores := mem.New()
	file := filepath.Join(t.TempDir(), "data", "admin.json")
	s := startOn(t, stores, iam.Config{AdminKeyFile: file})
	info, err := os.Stat(file)
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("AU-071 file: %v %v", info, err)
	}
	again := iam.New(stores, slog.New(slog.DiscardHandler), iam.Config{AdminKeyFile: file})
	k, created, err := again.AdminKey(t.Context())
	if err != nil || created || k != s.admin {
		t.Errorf("AU-071 second start: %v %v %v", k.AccessKeyID, created, err)
	}
	var session struct {
		Key key `xml:"GetSessionTokenResult>Credentials"`
	}
	s.call(t, s.adminKey(), "sts", "GetSessionToken").into(t, &session)
	if a := s.call(t, session.Key, "iam", "ListUsers"); a.status != 200 {
		t.Errorf("session of the administrator: %s", a.body)
	}
	if _, err := s.RotateAdminKey(t.Context()); err != nil {
		t.Fatal(err)
	}
	for name, k := range map[string]key{"old key": s.adminKey(), "session of the old key": session.Key} {
		if a := s.call(t, k, "sts", "GetCallerIdentity"); a.code != "InvalidClientTokenId" {
			t.Errorf("AU-085 %s: %d %s", name, a.status, a.body)
		}
	}
	if strings.Contains(s.log.String(), s.admin.Secret) {
		t.Error("AU-074: the log has the secret")
	}
}

func TestSessions(t *testing.T) {
	s := start(t, iam.Config{})
	s.ok(t, "CreateRole", "RoleName", "r", "AssumeRolePolicyDocument", lambdaTrust)
	const roleARN = "arn:aws:iam::000000000000:role/r"
	var out struct {
		Key  key                                 `xml:"AssumeRoleResult>Credentials"`
		User struct{ Arn, AssumedRoleId string } `xml:"AssumeRoleResult>AssumedRoleUser"`
	}
	s.call(t, s.adminKey(), "sts", "AssumeRole", "RoleArn", roleARN, "RoleSessionName", "me@x").into(t, &out)
	if !strings.HasPrefix(out.Key.ID, "ASIA") || len(out.Key.ID) != 20 || len(out.Key.Secret) != 40 || out.User.Arn != "arn:aws:sts::000000000000:assumed-role/r/me@x" || !strings.HasSuffix(out.User.AssumedRoleId, ":me@x") {
		t.Errorf("AU-059 %+v", out)
	}
	if a := s.call(t, out.Key, "sts", "GetCallerIdentity"); a.status != 200 {
		t.Errorf("AU-059 %s", a.body)
	}
	other := s.session(t, roleARN, "other")
	without := key{ID: out.Key.ID, Secret: out.Key.Secret}
	swapped := key{ID: out.Key.ID, Secret: out.Key.Secret, Token: other.Token}
	for name, k := range map[string]key{"without token": without, "with another's token": swapped, "with nonsense": {out.Key.ID, out.Key.Secret, "xx"}} {
		if a := s.call(t, k, "sts", "GetCallerIdentity"); a.code != "InvalidClientTokenId" {
			t.Errorf("AU-032 %s: %s", name, a.body)
		}
	}
	for _, tt := range []struct {
		name, roleARN, session, code, text string
	}{
		{"AU-060 colon", roleARN, "a:b", "ValidationError", `1 validation error detected: Value 'a:b' at 'roleSessionName' failed to satisfy constraint: Member must satisfy regular expression pattern: [\w+=,.@-]*`},
		{"AU-061 nonsense", "arn:aws:iam:nonsense-of-length", "aa", "ValidationError", "arn:aws:iam:nonsense-of-length is invalid"},
		{"another account", "arn:aws:iam::111111111111:role/r", "aa", "AccessDenied", "User: arn:aws:iam::000000000000:root is not authorized to perform: sts:AssumeRole on resource: arn:aws:iam::111111111111:role/r"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if a := s.call(t, s.adminKey(), "sts", "AssumeRole", "RoleArn", tt.roleARN, "RoleSessionName", tt.session); a.code != tt.code || a.message != tt.text {
				t.Errorf("%s %q", a.code, a.message)
			}
		})
	}
	if a := s.call(t, s.adminKey(), "sts", "AssumeRole", "RoleArn", "arn:aws:iam::000000000000:role/cdk-hnb659fds-deploy-role-000000000000-us-east-1", "RoleSessionName", "cdk"); a.status != 200 {
		t.Errorf("AU-063 %s", a.body)
	}
}

func TestSessionsSurviveRestartAndExpire(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		stores := mem.New()
		file := filepath.Join(t.TempDir(), "admin.json")
		open := func() *iam.Service {
			return iam.New(stores, slog.New(slog.DiscardHandler), iam.Config{AdminKeyFile: file})
		}
		first := open()
		id, secret, token, expires, err := first.SessionCredentials(t.Context(), "arn:aws:iam::000000000000:role/r", "s")
		if err != nil || time.Until(expires) < 12*time.Hour-time.Second {
			t.Fatalf("expires %v, %v", expires, err)
		}
		got, _, err := open().Credential(t.Context(), id, token)
		if err != nil || got != secret {
			t.Errorf("after a restart: %v", err)
		}
		time.Sleep(12*time.Hour + time.Second)
		if _, _, err := first.Credential(t.Context(), id, token); awsapi.Code(err) != "ExpiredTokenException" || !strings.HasSuffix(err.Error(), "The security token included in the request is expired") {
			t.Errorf("AU-033 after twelve hours: %v", err)
		}
	})
}

func TestAuthorize(t *testing.T) {
	const api = "arn:aws:execute-api:us-east-1:000000000000:abc"
	for _, tt := range []struct {
		name, document, action, resource string
		enforce                          bool
		code, text                       string
	}{
		{
			"AU-043 nothing allowed", "", "execute-api:Invoke", api + "/prod/$connect", false, "AccessDeniedException",
			"User: arn:aws:iam::000000000000:user/ann is not authorized to perform: execute-api:Invoke on resource: arn:aws:execute-api:us-east-1:********0000:abc/prod/$connect",
		},
		{"AU-044 allowed", allow("execute-api:Invoke", api+"/prod/$connect"), "execute-api:Invoke", api + "/prod/$connect", false, "", ""},
		{"AU-045 post", allow("execute-api:ManageConnections", api+"/*/POST/@connections/*"), "execute-api:ManageConnections", api + "/prod/POST/@connections/L0SM9cOFIAMCIdw=", false, "", ""},
		{
			"AU-046 get", allow("execute-api:ManageConnections", api+"/*/POST/@connections/*"), "execute-api:ManageConnections", api + "/prod/GET/@connections/L0SM9cOFIAMCIdw=", false, "AccessDeniedException",
			"User: arn:aws:iam::000000000000:user/ann is not authorized to perform: execute-api:ManageConnections on resource: arn:aws:execute-api:us-east-1:********0000:abc/prod/GET/@connections/{connectionId}",
		},
		{"another account", allow("execute-api:*", "*"), "execute-api:Invoke", strings.Replace(api, "000000000000", "111111111111", 1) + "/prod/$connect", false, "AccessDeniedException", ""},
		{"others are warned about", "", "dynamodb:GetItem", "arn:aws:dynamodb:us-east-1:000000000000:table/t", false, "", ""},
		{
			"others are enforced", "", "dynamodb:GetItem", "arn:aws:dynamodb:us-east-1:000000000000:table/t", true, "AccessDeniedException",
			"User: arn:aws:iam::000000000000:user/ann is not authorized to perform: dynamodb:GetItem on resource: arn:aws:dynamodb:us-east-1:000000000000:table/t because no identity-based policy allows the dynamodb:GetItem action",
		},
		{
			"AU-048 explicit deny", `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"*","Resource":"*"},{"Effect":"Deny","Action":"sqs:*","Resource":"*"}]}`, "sqs:SendMessage", "*", true, "AccessDeniedException",
			"User: arn:aws:iam::000000000000:user/ann is not authorized to perform: sqs:SendMessage on resource: * with an explicit deny in an identity-based policy",
		},
		{"AU-052 source address", `{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"*","Resource":"*","Condition":{"IpAddress":{"aws:SourceIp":"10.0.0.0/8"},"StringEquals":{"aws:username":"ann"}}}}`, "sqs:SendMessage", "*", true, "", ""},
		{"AU-052 another address", `{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"*","Resource":"*","Condition":{"IpAddress":{"aws:SourceIp":"192.168.0.0/16"}}}}`, "sqs:SendMessage", "*", true, "AccessDeniedException", ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s := start(t, iam.Config{EnforceAll: tt.enforce})
			ctx := s.as(t, s.newUser(t, "ann", tt.document))
			err := s.Authorize(ctx, tt.action, tt.resource, nil)
			if awsapi.Code(err) != tt.code {
				t.Fatalf("error %v, want %s", err, tt.code)
			}
			if tt.text != "" && err.Error() != tt.code+": "+tt.text {
				t.Errorf("error\n got %s\nwant %s", err, tt.text)
			}
			if err := s.Authorize(s.as(t, s.adminKey()), tt.action, tt.resource, nil); err != nil {
				t.Errorf("the administrator: %v", err)
			}
		})
	}
}

func TestWarnsOnce(t *testing.T) {
	s := start(t, iam.Config{})
	s.ok(t, "CreateRole", "RoleName", "r", "AssumeRolePolicyDocument", lambdaTrust)
	for _, name := range []string{"one", "two"} {
		ctx := s.as(t, s.session(t, "arn:aws:iam::000000000000:role/r", name))
		for range 3 {
			if err := s.Authorize(ctx, "dynamodb:Scan", "*", nil); err != nil {
				t.Fatal(err)
			}
		}
	}
	if n := strings.Count(s.log.String(), "dynamodb:Scan"); n != 1 {
		t.Errorf("%d warnings, want 1", n)
	}
}

func TestRoleOfSession(t *testing.T) {
	s := start(t, iam.Config{EnforceAll: true})
	const roleARN = "arn:aws:iam::000000000000:role/r"
	s.ok(t, "CreateRole", "RoleName", "r", "AssumeRolePolicyDocument", lambdaTrust)
	ctx := s.as(t, s.session(t, roleARN, "fn"))
	check := func(name string, want bool) {
		t.Helper()
		if err := s.Authorize(ctx, "sqs:SendMessage", "arn:aws:sqs:us-east-1:000000000000:q", nil); (err == nil) != want {
			t.Errorf("%s: %v", name, err)
		}
	}
	check("a role without policies", false)
	s.ok(t, "AttachRolePolicy", "RoleName", "r", "PolicyArn", "arn:aws:iam::aws:policy/AmazonSQSFullAccess")
	check("with a policy", true)
	s.ok(t, "CreatePolicy", "PolicyName", "b", "PolicyDocument", allow("s3:*", "*"))
	s.ok(t, "PutRolePermissionsBoundary", "RoleName", "r", "PermissionsBoundary", "arn:aws:iam::000000000000:policy/b")
	check("AU-054 with a boundary", false)
	s.ok(t, "DeleteRolePermissionsBoundary", "RoleName", "r")
	check("without the boundary", true)
	s.ok(t, "DetachRolePolicy", "RoleName", "r", "PolicyArn", "arn:aws:iam::aws:policy/AmazonSQSFullAccess")
	s.ok(t, "DeleteRole", "RoleName", "r")
	check("a deleted role", false)
}

func TestTrust(t *testing.T) {
	s := start(t, iam.Config{EnforceAll: true})
	ann, bob := s.newUser(t, "ann", ""), s.newUser(t, "bob", "")
	trust := `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"AWS":"arn:aws:iam::000000000000:user/ann"},"Action":"sts:AssumeRole"}]}`
	s.ok(t, "CreateRole", "RoleName", "r", "AssumeRolePolicyDocument", trust)
	s.ok(t, "PutRolePolicy", "RoleName", "r", "PolicyName", "p", "PolicyDocument", allow("iam:*", "*"))
	const roleARN = "arn:aws:iam::000000000000:role/r"
	if a := s.call(t, bob, "sts", "AssumeRole", "RoleArn", roleARN, "RoleSessionName", "bob"); a.code != "AccessDenied" {
		t.Errorf("AU-062 bob: %d %s", a.status, a.body)
	}
	var out struct {
		Key key `xml:"AssumeRoleResult>Credentials"`
	}
	s.call(t, ann, "sts", "AssumeRole", "RoleArn", roleARN, "RoleSessionName", "ann", "Policy", allow("iam:ListRoles", "*")).into(t, &out)
	if a := s.call(t, out.Key, "iam", "ListRoles"); a.status != 200 {
		t.Errorf("AU-093 what the session policy allows: %s", a.body)
	}
	if a := s.call(t, out.Key, "iam", "ListUsers"); a.code != "AccessDenied" || !strings.HasSuffix(a.message, "because no session policy allows the iam:ListUsers action") {
		t.Errorf("AU-093 what it does not: %s", a.body)
	}
	if a := s.call(t, ann, "iam", "ListUsers"); a.code != "AccessDenied" {
		t.Errorf("ann herself: %s", a.body)
	}
}

func TestGroups(t *testing.T) {
	s := start(t, iam.Config{EnforceAll: true})
	ann := s.newUser(t, "ann", "")
	s.ok(t, "CreateGroup", "GroupName", "g")
	s.ok(t, "AttachGroupPolicy", "GroupName", "g", "PolicyArn", "arn:aws:iam::aws:policy/AdministratorAccess")
	s.ok(t, "AddUserToGroup", "GroupName", "g", "UserName", "ann")
	if err := s.Authorize(s.as(t, ann), "sqs:SendMessage", "*", nil); err != nil {
		t.Error(err)
	}
	s.ok(t, "RemoveUserFromGroup", "GroupName", "g", "UserName", "ann")
	if err := s.Authorize(s.as(t, ann), "sqs:SendMessage", "*", nil); err == nil {
		t.Error("allowed after leaving the group")
	}
}

// TestTwoNodes: what one node changes, the other knows.
func TestTwoNodes(t *testing.T) {
	stores := mem.New()
	a := startOn(t, stores, iam.Config{ShareAdminKey: true})
	b := startOn(t, stores, iam.Config{ShareAdminKey: true})
	ann := a.newUser(t, "ann", "")
	if got := b.call(t, ann, "sts", "GetCallerIdentity"); got.status != 200 {
		t.Fatalf("a key of the other node: %s", got.body)
	}
	a.ok(t, "UpdateAccessKey", "UserName", "ann", "AccessKeyId", ann.ID, "Status", "Inactive")
	deadline := time.Now().Add(time.Minute)
	for b.call(t, ann, "sts", "GetCallerIdentity").status == 200 {
		if time.Now().After(deadline) {
			t.Fatal("the other node still takes an inactive key")
		}
	}

	if a.admin != b.admin {
		t.Fatal("AU-071 the nodes have two administrators")
	}
	fresh, err := b.RotateAdminKey(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for a.call(t, a.adminKey(), "sts", "GetCallerIdentity").status == 200 {
		if time.Now().After(deadline) {
			t.Fatal("AU-085 the other node still takes the old key")
		}
	}
	if got := a.call(t, key{ID: fresh.AccessKeyID, Secret: fresh.Secret}, "sts", "GetCallerIdentity"); got.status != 200 {
		t.Errorf("the new key at the other node: %s", got.body)
	}
	if data, err := os.ReadFile(a.file); err != nil || !strings.Contains(string(data), fresh.Secret) {
		t.Errorf("the other node's file is %s, %v", data, err)
	}
}

func BenchmarkAuthorize(b *testing.B) {
	s := iam.New(mem.New(), slog.New(slog.DiscardHandler), iam.Config{AdminKeyFile: filepath.Join(b.TempDir(), "k")})
	ctx, cancel := context.WithCancel(b.Context())
	defer cancel()
	go func() { _ = s.Run(ctx) }()
	id, _, token, _, err := s.SessionCredentials(ctx, "arn:aws:iam::000000000000:role/r", "fn")
	if err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	for b.Loop() {
		_, c, err := s.Credential(ctx, id, token)
		if err != nil {
			b.Fatal(err)
		}
		_ = s.Authorize(awsapi.WithCaller(ctx, c), "execute-api:ManageConnections", "arn:aws:execute-api:us-east-1:000000000000:abc/prod/POST/@connections/x", nil)
	}
}
