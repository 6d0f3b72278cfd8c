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

// clientEnv is the environment of a client that signs with the administrator's key.
func (s *server) clientEnv(t *testing.T) []string {
	return append(os.Environ(), "AWS_ACCESS_KEY_ID="+s.admin.AccessKeyID, "AWS_SECRET_ACCESS_KEY="+s.admin.Secret, "AWS_DEFAULT_REGION=us-east-1",
		"AWS_ENDPOINT_URL="+s.url, "AWS_EC2_METADATA_DISABLED=true", "AWS_PAGER=", "NO_PROXY=127.0.0.1", "no_proxy=127.0.0.1",
		"AWS_CONFIG_FILE="+os.DevNull, "AWS_SHARED_CREDENTIALS_FILE="+os.DevNull, "CHECKPOINT_DISABLE=1", "TF_CLI_CONFIG_FILE=")
}

// missing skips a test whose program is not here; in CI it must be.
func missing(t *testing.T, why string) {
	t.Helper()
	if os.Getenv("CI") == "true" {
		t.Fatal(why)
	}
	t.Skip(why)
}

// TestClients lets boto3 and the aws command talk to IAM and STS.
func TestClients(t *testing.T) {
	s := start(t, iam.Config{})
	run := func(t *testing.T, name string, args ...string) string {
		t.Helper()
		cmd := exec.CommandContext(t.Context(), name, args...)
		cmd.Env = s.clientEnv(t)
		out, err := cmd.CombinedOutput()
		if err != nil {
			t.Fatalf("%s %v: %v\n%s", name, args, err, out)
		}
		return string(out)
	}
	t.Run("boto3", func(t *testing.T) {
		if exec.Command("python3", "-c", "import boto3").Run() != nil {
			missing(t, "python3 with boto3 is not installed")
		}
		script := filepath.Join(t.TempDir(), "iam.py")
		if err := os.WriteFile(script, []byte(boto3Script), 0o600); err != nil {
			t.Fatal(err)
		}
		if out := run(t, "python3", script, s.url); !strings.Contains(out, "done") {
			t.Error(out)
		}
	})
	t.Run("aws", func(t *testing.T) {
		if exec.Command("aws", "--version").Run() != nil {
			missing(t, "the aws command is not installed")
		}
		if out := run(t, "aws", "sts", "get-caller-identity"); !strings.Contains(out, `"Arn": "arn:aws:iam::000000000000:root"`) {
			t.Error(out)
		}
		if out := run(t, "aws", "iam", "create-policy", "--policy-name", "cli", "--policy-document", allow("s3:*", "*")); !strings.Contains(out, "policy/cli") {
			t.Error(out)
		}
		if out := run(t, "aws", "iam", "list-policies", "--scope", "Local"); !strings.Contains(out, `"PolicyName": "cli"`) {
			t.Error(out)
		}
	})
}

// TestTerraform applies testdata/iam.tf, after which a plan must find nothing to do. SALLYPORT_TF_PLUGINS may name a folder with the
// provider.
func TestTerraform(t *testing.T) {
	if testing.Short() {
		t.Skip("terraform takes a minute")
	}
	if exec.Command("terraform", "version").Run() != nil {
		missing(t, "terraform is not installed")
	}
	s := start(t, iam.Config{})
	dir := t.TempDir()
	source, err := os.ReadFile("testdata/iam.tf")
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "iam.tf"), source, 0o600); err != nil {
		t.Fatal(err)
	}
	run := func(args ...string) (string, error) {
		cmd := exec.CommandContext(t.Context(), "terraform", append(args, "-input=false", "-no-color")...)
		cmd.Dir = dir
		cmd.Env = s.clientEnv(t)
		out, err := cmd.CombinedOutput()
		return string(out), err
	}
	initArgs := []string{"init"}
	if plugins := os.Getenv("SALLYPORT_TF_PLUGINS"); plugins != "" {
		initArgs = append(initArgs, "-plugin-dir="+plugins)
	}
	if out, err := run(initArgs...); err != nil {
		missing(t, "terraform cannot get the AWS provider here; SALLYPORT_TF_PLUGINS may name a folder that has it: "+out)
	}
	for _, args := range [][]string{{"apply", "-auto-approve"}, {"plan", "-detailed-exitcode"}, {"destroy", "-auto-approve"}} {
		if out, err := run(args...); err != nil {
			t.Fatalf("%v: %v\n%s\n%s", args, err, out, s.log.String())
		}
	}
}
