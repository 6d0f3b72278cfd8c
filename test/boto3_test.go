package test

import (
	"os"
	"os/exec"
	"strings"
	"testing"
)

// TestPython runs the cases of the folder boto3 in one process of Python: with boto3, and with the AWS command line as a library.
func TestPython(t *testing.T) {
	need(t, "python3")
	if out, err := exec.Command("python3", "-c", "import boto3, awscli").CombinedOutput(); err != nil {
		if os.Getenv("CI") == "true" {
			t.Fatalf("boto3 or awscli is not installed: %s", out)
		}
		t.Skipf("boto3 or awscli is not installed: %s", out)
	}
	s := serve(t, t.TempDir())
	cmd := exec.Command("python3", "run.py", "management", "commands", "others", "orders")
	cmd.Dir = "boto3"
	cmd.Env = append(os.Environ(), "AWS_ENDPOINT_URL="+s.Endpoint, "AWS_ACCESS_KEY_ID="+s.Credentials.AccessKeyID, "AWS_SECRET_ACCESS_KEY="+s.Credentials.SecretAccessKey,
		"AWS_DEFAULT_REGION=us-east-1", "AWS_MAX_ATTEMPTS=1", "AWS_PAGER=", "AWS_EC2_METADATA_DISABLED=true", "AWS_CONFIG_FILE="+os.DevNull, "AWS_SHARED_CREDENTIALS_FILE="+os.DevNull,
		"PYTHONDONTWRITEBYTECODE=1")
	out, err := cmd.CombinedOutput()
	cases := 0
	for line := range strings.Lines(string(out)) {
		verdict, name, _ := strings.Cut(strings.TrimSpace(line), " ")
		if verdict != "ok" && verdict != "FAIL" {
			continue
		}
		cases++
		name, why, _ := strings.Cut(name, ": ")
		t.Run(name, func(t *testing.T) {
			if verdict == "FAIL" {
				t.Error(strings.ReplaceAll(why, " | ", "\n"))
			}
		})
	}
	if cases == 0 || err != nil && !t.Failed() {
		t.Errorf("run.py ended with %v:\n%s", err, out)
	}
}
