package apigatewayv2

import (
	"net/http/httptest"
	"os"
	"os/exec"
	"strings"
	"testing"
)

// program returns the path of a program, or skips the test; where CI is set it must be there.
func program(t *testing.T, name string, probe ...string) string {
	t.Helper()
	path, err := exec.LookPath(name)
	if err == nil && len(probe) > 0 {
		err = exec.Command(path, probe...).Run()
	}
	if err != nil {
		if os.Getenv("CI") == "true" {
			t.Fatalf("%s %v does not work: %v", name, probe, err)
		}
		t.Skipf("%s %v does not work here: %v", name, probe, err)
	}
	return path
}

// serve starts the service on a port of its own and returns the environment that clients find it by.
func (f *fixture) serve() []string {
	server := httptest.NewServer(f.handler)
	f.t.Cleanup(server.Close)
	return append(os.Environ(),
		"AWS_ENDPOINT_URL="+server.URL, "AWS_ACCESS_KEY_ID="+testKey, "AWS_SECRET_ACCESS_KEY="+testSecret, "AWS_DEFAULT_REGION=us-east-1", "AWS_PAGER=")
}

func TestBoto3(t *testing.T) {
	python := program(t, "python3", "-c", "import boto3")
	cmd := exec.Command(python, "-c", `
import boto3
c = boto3.client("apigatewayv2")
api = c.create_api(Name="chat", ProtocolType="WEBSOCKET", RouteSelectionExpression="$request.body.action")["ApiId"]
for i in range(3):
    c.create_route(ApiId=api, RouteKey="r%d" % i)
try:
    c.create_route(ApiId=api, RouteKey="r0")
    raise SystemExit("a second route of one key was made")
except c.exceptions.ConflictException as e:
    assert e.response["Error"]["Message"] == "Route with key r0 already exists for this API", e.response
    assert e.response["ResponseMetadata"]["RequestId"], e.response
keys = [r["RouteKey"] for page in c.get_paginator("get_routes").paginate(ApiId=api, PaginationConfig={"PageSize": 2}) for r in page["Items"]]
assert keys == ["r0", "r1", "r2"], keys
c.create_stage(ApiId=api, StageName="prod", AutoDeploy=True, StageVariables={"a": "1"})
stage = c.get_stage(ApiId=api, StageName="prod")
assert stage["DeploymentId"] and stage["StageVariables"] == {"a": "1"} and stage["CreatedDate"].tzinfo, stage
c.tag_resource(ResourceArn="arn:aws:apigateway:us-east-1::/apis/" + api, Tags={"k": "v"})
assert c.get_tags(ResourceArn="arn:aws:apigateway:us-east-1::/apis/" + api)["Tags"] == {"k": "v"}
c.delete_api(ApiId=api)
try:
    c.get_api(ApiId=api)
    raise SystemExit("a deleted API is there")
except c.exceptions.NotFoundException:
    pass
`)
	cmd.Env = newFixture(t).serve()
	t.Run("CP-083 exceptions and round trip", func(t *testing.T) {
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Errorf("%v\n%s", err, out)
		}
	})
}

func TestCommandLine(t *testing.T) {
	aws := program(t, "aws", "--version")
	env := newFixture(t).serve()
	run := func(args ...string) string {
		t.Helper()
		cmd := exec.Command(aws, append([]string{"apigatewayv2"}, args...)...)
		cmd.Env = env
		out, err := cmd.CombinedOutput()
		if err != nil {
			t.Fatalf("aws %v: %v\n%s", args, err, out)
		}
		return strings.TrimSpace(string(out))
	}
	t.Run("CP-084 create-api and get-api", func(t *testing.T) {
		id := run("create-api", "--name", "chat", "--protocol-type", "WEBSOCKET", "--route-selection-expression", "$request.body.action", "--query", "ApiId", "--output", "text")
		if endpoint := run("get-api", "--api-id", id, "--query", "ApiEndpoint", "--output", "text"); endpoint != "wss://"+id+".execute-api.us-east-1.amazonaws.com" {
			t.Errorf("endpoint %q", endpoint)
		}
		if out := run("delete-api", "--api-id", id); out != "" {
			t.Errorf("delete-api printed %q", out)
		}
	})
}
