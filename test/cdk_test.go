package test

import (
	"context"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"
)

// A cdk is a copy of the app in folder cdk, and the server that the CDK's command line works on.
type cdk struct {
	s   *server
	dir string
	bin string
}

func newCDK(t *testing.T, s *server) *cdk {
	t.Helper()
	need(t, "node", "npm")
	packages := filepath.Join(installed(t, "test-cdk", "aws-cdk@2", "aws-cdk-lib@2", "constructs@10"), "node_modules")
	c := &cdk{s, t.TempDir(), filepath.Join(packages, ".bin", "cdk")}
	if err := os.CopyFS(c.dir, os.DirFS("cdk")); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(packages, filepath.Join(c.dir, "node_modules")); err != nil {
		t.Fatal(err)
	}
	return c
}

// run runs a command of the CDK with AWS's variables and nothing else that is ours.
func (c *cdk) run(t *testing.T, more []string, args ...string) (string, error) {
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, c.bin, append(args, "--no-notices", "--no-color")...)
	cmd.Dir = c.dir
	cmd.Env = append(append(os.Environ(), "AWS_ENDPOINT_URL="+c.s.Endpoint, "AWS_ACCESS_KEY_ID="+c.s.Credentials.AccessKeyID, "AWS_SECRET_ACCESS_KEY="+c.s.Credentials.SecretAccessKey,
		"AWS_REGION=us-east-1", "AWS_DEFAULT_REGION=us-east-1", "AWS_CONFIG_FILE="+os.DevNull, "AWS_SHARED_CREDENTIALS_FILE="+os.DevNull, "AWS_EC2_METADATA_DISABLED=true", "CDK_DISABLE_CLI_TELEMETRY=1"), more...)
	out, err := cmd.CombinedOutput()
	return string(out), err
}

func (c *cdk) must(t *testing.T, want string, args ...string) string {
	t.Helper()
	out, err := c.run(t, nil, args...)
	if err != nil || !strings.Contains(out, want) {
		t.Fatalf("cdk %s: %v, want %q in\n%s", strings.Join(args, " "), err, want, out)
	}
	return out
}

// says connects to the stage that the stack's output names, and expects its own words back.
func (c *cdk) says(t *testing.T, output, words string) {
	t.Helper()
	u, err := url.Parse(regexp.MustCompile(`wss://\S+`).FindString(output))
	if err != nil || u.Host == "" {
		t.Fatalf("no address in\n%s", output)
	}
	api, _, _ := strings.Cut(u.Host, ".")
	if got := ask(t, c.s, strings.Replace(c.s.Endpoint, "http", "ws", 1)+"/"+api+u.Path, words); got != words {
		t.Errorf("got %q, want %q", got, words)
	}
}

// TestCDK drives a server with the CDK's command line, as its users do: nothing of the app or of the command line knows where it is.
func TestCDK(t *testing.T) {
	if testing.Short() {
		t.Skip("the CDK takes its time")
	}
	s := serve(t, t.TempDir())
	c := newCDK(t, s)
	deploy := []string{"deploy", "--require-approval", "never"}
	t.Run("DE-094 cdk bootstrap", func(t *testing.T) {
		c.must(t, "bootstrapped", "bootstrap", "aws://000000000000/us-east-1")
		if out, err := s.aws("cloudformation", "describe-stacks", "--stack-name", "CDKToolkit", "--query", "Stacks[0].StackStatus", "--output", "text"); strings.TrimSpace(out) != "CREATE_COMPLETE" {
			t.Errorf("%q, %v", out, err)
		}
	})
	t.Run("DE-097 cdk deploy after one that failed", func(t *testing.T) {
		out, err := c.run(t, []string{"FAIL=1"}, deploy...)
		if err == nil || !strings.Contains(out, "cannot be validated against allowedPattern") {
			t.Fatalf("a stack that cannot be made: %v\n%s", err, out)
		}
		c.must(t, "chat", deploy...)
	})
	t.Run("DE-095 cdk deploy of what has not changed", func(t *testing.T) {
		out := c.must(t, "(no changes)", deploy...)
		t.Run("DE-098 permissions span slashes", func(t *testing.T) { c.says(t, out, "hello") })
	})
	t.Run("DE-096 cdk destroy", func(t *testing.T) {
		c.must(t, "destroyed", "destroy", "--force")
		if out, err := s.aws("apigatewayv2", "get-apis", "--query", "length(Items)"); strings.TrimSpace(out) != "0" {
			t.Errorf("%s APIs are left, %v", out, err)
		}
	})
}

// TestSynthesized deploys what the CDK has written, without its bootstrap.
func TestSynthesized(t *testing.T) {
	if testing.Short() {
		t.Skip("the CDK takes its time")
	}
	s := serve(t, t.TempDir())
	c := newCDK(t, s)
	if out, err := s.run("deploy", c.dir); err == nil || !strings.Contains(out, "npx cdk synth") {
		t.Errorf("before synth: %v\n%s", err, out)
	}
	c.must(t, "", "synth", "--quiet")
	out, err := s.run("deploy", c.dir)
	if err != nil || !strings.Contains(out, "chat is deployed in") {
		t.Fatalf("deploy: %v\n%s", err, out)
	}
	c.says(t, out, "hello")
}
