package iam_test

import (
	"context"
	"strings"
	"testing"

	"github.com/sallyport/sallyport/internal/awsapi"
	"github.com/sallyport/sallyport/internal/resource"
	"github.com/sallyport/sallyport/internal/service/iam"
)

// A stack drives resource types as CloudFormation does.
type stack struct {
	t     *testing.T
	ctx   context.Context
	types map[string]resource.Type
}

func newStack(t *testing.T, s *server) *stack {
	st := &stack{t: t, types: map[string]resource.Type{}}
	st.ctx = awsapi.WithCaller(t.Context(), awsapi.Caller{Account: "000000000000", Region: "us-east-1", Admin: true})
	for _, ty := range s.Resources() {
		st.types[ty.Name()] = ty
	}
	return st
}

func (s *stack) request(token, id string, properties map[string]any) resource.Request {
	return resource.Request{
		StackName: "st", LogicalID: "L", Token: token, PhysicalID: id, Properties: properties, Tags: map[string]string{"stack": "st"},
		PhysicalName: func(int) string { return "st-L-ABCDEFGHIJKL" },
	}
}

func (s *stack) create(name, token string, properties map[string]any) resource.Result {
	s.t.Helper()
	if err := s.types[name].Check(properties); err != nil {
		s.t.Fatal(err)
	}
	var first resource.Result
	for i := range 2 { // a step may be repeated after a crash
		r, err := s.types[name].Create(s.ctx, s.request(token, "", properties))
		if err != nil {
			s.t.Fatalf("create %s: %v", name, err)
		}
		if i == 1 && r.PhysicalID != first.PhysicalID {
			s.t.Errorf("create %s again made %s, first %s", name, r.PhysicalID, first.PhysicalID)
		}
		first = r
	}
	return first
}

func (s *stack) update(name, id string, properties, old map[string]any) {
	s.t.Helper()
	r := s.request("u", id, properties)
	r.Old = old
	if _, err := s.types[name].Update(s.ctx, r); err != nil {
		s.t.Fatalf("update %s: %v", name, err)
	}
}

func (s *stack) remove(name, id string, properties map[string]any) {
	s.t.Helper()
	for range 2 {
		if err := s.types[name].Delete(s.ctx, s.request("d", id, properties)); err != nil {
			s.t.Fatalf("delete %s: %v", name, err)
		}
	}
}

func object(action string) map[string]any {
	return map[string]any{"Version": "2012-10-17", "Statement": []any{map[string]any{"Effect": "Allow", "Action": action, "Resource": "*"}}}
}

func trustObject() map[string]any {
	return map[string]any{"Version": "2012-10-17", "Statement": []any{map[string]any{
		"Effect": "Allow", "Action": "sts:AssumeRole", "Principal": map[string]any{"Service": []any{"lambda.amazonaws.com"}},
	}}}
}

func TestResources(t *testing.T) {
	s := start(t, iam.Config{})
	st := newStack(t, s)
	role := map[string]any{
		"AssumeRolePolicyDocument": trustObject(),
		"ManagedPolicyArns":        []any{"arn:aws:iam::aws:policy/service-role/AWSLambdaBasicExecutionRole"},
		"Policies":                 []any{map[string]any{"PolicyName": "own", "PolicyDocument": object("s3:*")}},
		"MaxSessionDuration":       "7200",
		"Tags":                     []any{map[string]any{"Key": "k", "Value": "v"}},
	}
	r := st.create("AWS::IAM::Role", "t1", role)
	if r.PhysicalID != "st-L-ABCDEFGHIJKL" || r.Attributes["Arn"] != "arn:aws:iam::000000000000:role/st-L-ABCDEFGHIJKL" || !strings.HasPrefix(r.Attributes["RoleId"].(string), "AROA") {
		t.Errorf("role %+v", r)
	}
	inline := map[string]any{"PolicyName": "extra", "PolicyDocument": object("execute-api:ManageConnections"), "Roles": []any{r.PhysicalID}}
	pol := st.create("AWS::IAM::Policy", "t2", inline)
	managed := map[string]any{"PolicyDocument": object("sqs:*"), "Roles": []any{r.PhysicalID}, "ManagedPolicyName": "mp"}
	mp := st.create("AWS::IAM::ManagedPolicy", "t3", managed)
	if mp.PhysicalID != "arn:aws:iam::000000000000:policy/mp" {
		t.Errorf("managed policy %+v", mp)
	}
	may := func(action string) bool {
		t.Helper()
		ctx := s.as(t, s.session(t, r.Attributes["Arn"].(string), "fn"))
		return s.Authorize(ctx, "execute-api:"+action, "arn:aws:execute-api:us-east-1:000000000000:abc/x", nil) == nil
	}
	if !may("ManageConnections") || may("Invoke") {
		t.Error("the role's rights are not those of the template")
	}
	changed := map[string]any{"PolicyName": "extra", "PolicyDocument": object("execute-api:Invoke"), "Roles": []any{r.PhysicalID}}
	st.update("AWS::IAM::Policy", pol.PhysicalID, changed, inline)
	if may("ManageConnections") || !may("Invoke") {
		t.Error("the role's rights are not those of the changed template")
	}
	for _, action := range []string{"a:1", "a:2", "a:3", "a:4", "a:5", "a:6"} {
		next := map[string]any{"PolicyDocument": object(action), "Roles": []any{}, "ManagedPolicyName": "mp"}
		st.update("AWS::IAM::ManagedPolicy", mp.PhysicalID, next, managed)
		managed = next
	}
	if a := s.ok(t, "ListEntitiesForPolicy", "PolicyArn", mp.PhysicalID); strings.Contains(a.body, "RoleName") {
		t.Errorf("still attached: %s", a.body)
	}
	bare := map[string]any{"AssumeRolePolicyDocument": trustObject()}
	st.update("AWS::IAM::Role", r.PhysicalID, bare, role)
	if a := s.ok(t, "ListRolePolicies", "RoleName", r.PhysicalID); strings.Contains(a.body, "own") || !strings.Contains(a.body, "extra") {
		t.Errorf("inline policies after the update: %s", a.body)
	}
	profile := map[string]any{"Roles": []any{r.PhysicalID}}
	ip := st.create("AWS::IAM::InstanceProfile", "t4", profile)
	user := map[string]any{"UserName": "ann", "Policies": []any{map[string]any{"PolicyName": "p", "PolicyDocument": object("s3:*")}}}
	u := st.create("AWS::IAM::User", "t5", user)
	ak := map[string]any{"UserName": u.PhysicalID}
	k := st.create("AWS::IAM::AccessKey", "t6", ak)
	if a := s.call(t, key{ID: k.PhysicalID, Secret: k.Attributes["SecretAccessKey"].(string)}, "sts", "GetCallerIdentity"); !strings.Contains(a.body, "user/ann") {
		t.Errorf("key of the template: %s", a.body)
	}
	st.remove("AWS::IAM::AccessKey", k.PhysicalID, ak)
	st.remove("AWS::IAM::User", u.PhysicalID, user)
	st.remove("AWS::IAM::InstanceProfile", ip.PhysicalID, profile)
	st.remove("AWS::IAM::ManagedPolicy", mp.PhysicalID, managed)
	st.remove("AWS::IAM::Policy", pol.PhysicalID, changed)
	st.remove("AWS::IAM::Role", r.PhysicalID, bare)
	if a := s.ok(t, "ListRoles"); strings.Contains(a.body, "RoleName") {
		t.Errorf("roles left: %s", a.body)
	}
}

func TestResourceErrors(t *testing.T) {
	s := start(t, iam.Config{})
	st := newStack(t, s)
	s.ok(t, "CreateRole", "RoleName", "taken", "AssumeRolePolicyDocument", lambdaTrust)
	_, err := st.types["AWS::IAM::Role"].Create(st.ctx, st.request("t", "", map[string]any{"RoleName": "taken", "AssumeRolePolicyDocument": trustObject()}))
	if awsapi.Code(err) != "EntityAlreadyExists" {
		t.Errorf("somebody else's role: %v", err)
	}
	_, err = st.types["AWS::IAM::Role"].Create(st.ctx, st.request("t", "", map[string]any{"AssumeRolePolicyDocument": "nonsense"}))
	if awsapi.Code(err) != "MalformedPolicyDocument" {
		t.Errorf("nonsense for a trust policy: %v", err)
	}
}
