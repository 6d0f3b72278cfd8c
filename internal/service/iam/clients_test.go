package iam_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/sallyport/sallyport/internal/service/iam"
)

const boto3Script = `
import boto3, json, sys, urllib.parse
from botocore.exceptions import ClientError
url = sys.argv[1]
iam = boto3.client("iam", endpoint_url=url)
sts = boto3.client("sts", endpoint_url=url)
assert sts.get_caller_identity()["Arn"] == "arn:aws:iam::000000000000:root"
trust = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Principal": {"AWS": "000000000000"}, "Action": "sts:AssumeRole"}]}
role = iam.create_role(RoleName="r", AssumeRolePolicyDocument=json.dumps(trust), Tags=[{"Key": "a", "Value": "b"}])["Role"]
assert role["AssumeRolePolicyDocument"] == trust, role
assert iam.get_role(RoleName="r")["Role"]["CreateDate"].microsecond == 0
iam.put_role_policy(RoleName="r", PolicyName="p", PolicyDocument=json.dumps({"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "*", "Resource": "*"}]}))
assert iam.get_role_policy(RoleName="r", PolicyName="p")["PolicyDocument"]["Statement"][0]["Action"] == "*"
assert iam.list_role_policies(RoleName="r")["PolicyNames"] == ["p"]
assert iam.list_attached_role_policies(RoleName="r")["AttachedPolicies"] == []
assert iam.list_instance_profiles_for_role(RoleName="r")["InstanceProfiles"] == []
c = sts.assume_role(RoleArn=role["Arn"], RoleSessionName="boto", DurationSeconds=900)["Credentials"]
session = boto3.Session(aws_access_key_id=c["AccessKeyId"], aws_secret_access_key=c["SecretAccessKey"], aws_session_token=c["SessionToken"])
assert session.client("sts", endpoint_url=url, region_name="eu-west-1").get_caller_identity()["Arn"] == "arn:aws:sts::000000000000:assumed-role/r/boto"
try:
    iam.get_role(RoleName="missing")
    raise SystemExit("no error")
except iam.exceptions.NoSuchEntityException as e:
    assert e.response["Error"]["Message"] == "The role with name missing cannot be found.", e
    assert e.response["ResponseMetadata"]["HTTPStatusCode"] == 404
for n in range(5):
    iam.create_user(UserName=f"u{n}")
assert [u["UserName"] for u in iam.get_paginator("list_users").paginate(PaginationConfig={"PageSize": 2}).search("Users[]")] == [f"u{n}" for n in range(5)]
print("done")
`

// TestClients lets boto3 and the aws command talk to IAM and STS.
func TestClients(t *testing.T) {
	s := start(t, iam.Config{})
	env := append(os.Environ(), "AWS_ACCESS_KEY_ID="+s.admin.AccessKeyID, "AWS_SECRET_ACCESS_KEY="+s.admin.Secret, "AWS_DEFAULT_REGION=us-east-1",
		"AWS_ENDPOINT_URL="+s.url, "AWS_EC2_METADATA_DISABLED=true", "HOME="+t.TempDir(), "AWS_PAGER=")
	run := func(name string, args ...string) string {
		t.Helper()
		if _, err := exec.LookPath(name); err != nil {
			if os.Getenv("CI") == "true" {
				t.Fatal(err)
			}
			t.Skip(name + " is not installed")
		}
		cmd := exec.CommandContext(t.Context(), name, args...)
		cmd.Env = env
		out, err := cmd.CombinedOutput()
		if err != nil && (strings.Contains(string(out), "No module named 'boto3'") || strings.Contains(string(out), "command not found")) && os.Getenv("CI") != "true" {
			t.Skipf("%s cannot run: %s", name, out)
		}
		if err != nil {
			t.Fatalf("%s %v: %v\n%s", name, args, err, out)
		}
		return string(out)
	}
	t.Run("boto3", func(t *testing.T) {
		script := filepath.Join(t.TempDir(), "iam.py")
		if err := os.WriteFile(script, []byte(boto3Script), 0o600); err != nil {
			t.Fatal(err)
		}
		if out := run("python3", script, s.url); !strings.Contains(out, "done") {
			t.Error(out)
		}
	})
	t.Run("aws", func(t *testing.T) {
		if out := run("aws", "sts", "get-caller-identity"); !strings.Contains(out, `"Arn": "arn:aws:iam::000000000000:root"`) {
			t.Error(out)
		}
		if out := run("aws", "iam", "create-policy", "--policy-name", "cli", "--policy-document", allow("s3:*", "*")); !strings.Contains(out, "policy/cli") {
			t.Error(out)
		}
		if out := run("aws", "iam", "list-policies", "--scope", "Local"); !strings.Contains(out, `"PolicyName": "cli"`) {
			t.Error(out)
		}
	})
}
