package cloudformation_test

import (
	"context"
	"log/slog"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/sallyport/sallyport/internal/awsapi"
	"github.com/sallyport/sallyport/internal/service/cloudformation"
)

// anyone is an authenticator and authorizer for whom everybody is the administrator.
type anyone struct{}

func (anyone) Credential(_ context.Context, key, _ string) (string, awsapi.Caller, error) {
	return "secret", awsapi.Caller{Account: "111111111111", ARN: "arn:aws:iam::111111111111:root", AccessKeyID: key, Admin: true}, nil
}

func (anyone) Authorize(context.Context, string, string, map[string][]string) error { return nil }

// TestCommand drives the service with the aws command, as people do.
func TestCommand(t *testing.T) {
	if testing.Short() {
		t.Skip("each call of the aws command takes most of a second")
	}
	aws, err := exec.LookPath("aws")
	if err != nil {
		if os.Getenv("CI") == "true" {
			t.Fatal("the aws command is not installed")
		}
		t.Skip("the aws command is not installed")
	}
	w := start(t, cloudformation.Options{})
	log := slog.New(slog.NewTextHandler(t.Output(), nil))
	server := httptest.NewServer(awsapi.Handler(awsapi.NewCatalog([]awsapi.Service{w.Service}), awsapi.NewGatekeeper(anyone{}, log, awsapi.GateOptions{}), anyone{}, awsapi.Options{Log: log, Region: "us-east-1"}))
	defer server.Close()
	dir := t.TempDir()
	file := filepath.Join(dir, "t.yaml")
	write := func(text string) {
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	command := func(args ...string) (string, error) {
		cmd := exec.CommandContext(t.Context(), aws, append([]string{"cloudformation", "--endpoint-url", server.URL, "--region", "us-east-1", "--output", "text"}, args...)...)
		cmd.Env = append(os.Environ(), "AWS_ACCESS_KEY_ID=key", "AWS_SECRET_ACCESS_KEY=secret", "AWS_CONFIG_FILE="+filepath.Join(dir, "none"), "AWS_SHARED_CREDENTIALS_FILE="+filepath.Join(dir, "none"), "AWS_PAGER=")
		out, err := cmd.CombinedOutput()
		return string(out), err
	}
	write("Parameters: {Name: {Type: String, Default: one}}\nResources:\n  T: {Type: AWS::SNS::Topic, Properties: {TopicName: !Ref Name}}\nOutputs: {ARN: {Value: !Ref T}}\n")
	for _, step := range []struct {
		name string
		args []string
		want string // part of the output
		fail bool
	}{
		{"DE-100 validate", []string{"validate-template", "--template-body", "file://" + file}, "PARAMETERS\tone\tFalse\tName", false},
		{"DE-001 deploy", []string{"deploy", "--stack-name", "s", "--template-file", file}, "Successfully created/updated stack - s", false},
		{"DE-002 deploy again", []string{"deploy", "--stack-name", "s", "--template-file", file, "--no-fail-on-empty-changeset"}, "No changes to deploy. Stack s is up to date", false},
		{"deploy a change", []string{"deploy", "--stack-name", "s", "--template-file", file, "--parameter-overrides", "Name=two"}, "Successfully created/updated stack - s", false},
		{"describe", []string{"describe-stacks", "--stack-name", "s", "--query", "Stacks[0].[StackStatus,Outputs[0].OutputValue,Parameters[0].ParameterValue]"}, "UPDATE_COMPLETE\tarn:aws:sns:us-east-1:111111111111:two\ttwo", false},
		{"events", []string{"describe-stack-events", "--stack-name", "s", "--query", "StackEvents[0].[ResourceStatus,LogicalResourceId]"}, "UPDATE_COMPLETE\ts", false},
		{"resources", []string{"list-stack-resources", "--stack-name", "s", "--query", "StackResourceSummaries[].LogicalResourceId"}, "T", false},
		{"template", []string{"get-template", "--stack-name", "s", "--query", "TemplateBody"}, "TopicName: !Ref Name", false},
		{"DE-003 unknown stack", []string{"describe-stacks", "--stack-name", "ghost"}, "(ValidationError) when calling the DescribeStacks operation: Stack with id ghost does not exist", true},
		{"delete", []string{"delete-stack", "--stack-name", "s"}, "", false},
		{"wait", []string{"wait", "stack-delete-complete", "--stack-name", "s"}, "", false},
	} {
		t.Run(step.name, func(t *testing.T) {
			out, err := command(step.args...)
			if (err != nil) != step.fail || !strings.Contains(out, step.want) {
				t.Errorf("aws %s: %v\n%s\nwant %q", strings.Join(step.args, " "), err, out, step.want)
			}
		})
	}
}
