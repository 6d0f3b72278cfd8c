package dynamodb

import (
	"bytes"
	"context"
	"hash/crc32"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/sallyport/sallyport/internal/awsapi"
)

// allow is an Authenticator that knows nobody and an Authorizer that lets everybody do everything.
type allow struct{}

func (allow) Credential(context.Context, string, string) (string, awsapi.Caller, error) {
	return "", awsapi.Caller{}, awsapi.Errorf("UnrecognizedClientException", 400, "The security token included in the request is invalid.")
}

func (allow) Authorize(context.Context, string, string, map[string][]string) error { return nil }

// serve offers the service over HTTP and returns its address.
func serve(t *testing.T) string {
	t.Helper()
	log := slog.New(slog.DiscardHandler)
	gate := awsapi.NewGatekeeper(allow{}, log, awsapi.GateOptions{Permissive: true})
	server := httptest.NewServer(awsapi.Handler(start(t).catalog, gate, allow{}, awsapi.Options{Log: log, Region: "us-east-1"}))
	t.Cleanup(server.Close)
	return server.URL
}

// need skips the test if a program is missing, but not where all programs must be.
func need(t *testing.T, name string, args ...string) {
	t.Helper()
	if out, err := exec.Command(name, args...).CombinedOutput(); err != nil {
		if os.Getenv("CI") == "true" {
			t.Fatalf("%s %v: %v\n%s", name, args, err, out)
		}
		t.Skipf("%s %v does not run here: %v", name, args, err)
	}
}

func command(t *testing.T, dir, name string, args ...string) *exec.Cmd {
	cmd := exec.CommandContext(t.Context(), name, args...)
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), "NO_PROXY=127.0.0.1", "no_proxy=127.0.0.1", "AWS_EC2_METADATA_DISABLED=true", "CHECKPOINT_DISABLE=1", "TF_CLI_CONFIG_FILE=")
	return cmd
}

// TestBoto3_DY111 runs testdata/clients.py.
func TestBoto3_DY111(t *testing.T) {
	need(t, "python3", "-c", "import boto3")
	if out, err := command(t, "testdata", "python3", "clients.py", serve(t)).CombinedOutput(); err != nil {
		t.Errorf("%v\n%s", err, out)
	}
}

// TestTerraform_DY110 applies testdata/table.tf, after which a plan must find nothing to do. SALLYPORT_TF_PLUGINS may name a directory
// with the provider.
func TestTerraform_DY110(t *testing.T) {
	if testing.Short() {
		t.Skip("terraform takes a minute")
	}
	need(t, "terraform", "version")
	dir := t.TempDir()
	source, err := os.ReadFile("testdata/table.tf")
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "table.tf"), source, 0o600); err != nil {
		t.Fatal(err)
	}
	initArgs := []string{"init", "-input=false"}
	if plugins := os.Getenv("SALLYPORT_TF_PLUGINS"); plugins != "" {
		initArgs = append(initArgs, "-plugin-dir="+plugins)
	}
	if out, err := command(t, dir, "terraform", initArgs...).CombinedOutput(); err != nil {
		if os.Getenv("CI") == "true" {
			t.Fatalf("%v\n%s", err, out)
		}
		t.Skip("terraform cannot get the AWS provider here; SALLYPORT_TF_PLUGINS may name a directory that has it")
	}
	endpoint := "-var=endpoint=" + serve(t)
	if out, err := command(t, dir, "terraform", "apply", "-auto-approve", "-input=false", "-no-color", endpoint).CombinedOutput(); err != nil {
		t.Fatalf("apply: %v\n%s", err, out)
	}
	if out, err := command(t, dir, "terraform", "plan", "-detailed-exitcode", "-input=false", "-no-color", endpoint).CombinedOutput(); err != nil {
		t.Errorf("plan: %v\n%s", err, out)
	}
	if out, err := command(t, dir, "terraform", "destroy", "-auto-approve", "-input=false", "-no-color", endpoint).CombinedOutput(); err != nil {
		t.Errorf("destroy: %v\n%s", err, out)
	}
}

func TestWire(t *testing.T) {
	url := serve(t)
	post := func(target, body string) (int, http.Header, string) {
		t.Helper()
		req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, url, strings.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		req.Header.Set("X-Amz-Target", target)
		req.Header.Set("Content-Type", "application/x-amz-json-1.0")
		req.Header.Set("X-Amz-Date", "20261120T000000Z")
		req.Header.Set("Authorization", "AWS4-HMAC-SHA256 Credential=AKIAIOSFODNN7EXAMPLE/20261120/us-east-1/dynamodb/aws4_request, SignedHeaders=host;x-amz-date, Signature="+strings.Repeat("0", 64))
		res, err := http.DefaultClient.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		defer res.Body.Close()
		var buf bytes.Buffer
		if _, err := io.Copy(&buf, res.Body); err != nil {
			t.Fatal(err)
		}
		return res.StatusCode, res.Header, buf.String()
	}
	for _, tt := range []struct{ name, target, body, want string }{
		{"DY-104", "DynamoDB_20120810.Nonsense", `{}`, `UnknownOperationException`},
		{"DY-105", "DynamoDB_20120810.PutItem", `{"TableName":`, `SerializationException`},
		{
			"values", "DynamoDB_20120810.PutItem", `{"TableName":"abc","Item":{"a":{"S":true}}}`,
			`{"__type":"com.amazon.coral.service#SerializationException","message":"TRUE_VALUE cannot be converted to String"}`,
		},
		{
			"not found", "DynamoDB_20120810.GetItem", `{"TableName":"abc","Key":{"a":{"S":"b"}}}`,
			`{"__type":"com.amazonaws.dynamodb.v20120810#ResourceNotFoundException","message":"Requested resource not found"}`,
		},
	} {
		t.Run(tt.name, func(t *testing.T) {
			status, _, body := post(tt.target, tt.body)
			if status != 400 || !strings.Contains(body, tt.want) {
				t.Errorf("%d %s, want 400 %s", status, body, tt.want)
			}
		})
	}
	t.Run("DY-106", func(t *testing.T) {
		_, header, body := post("DynamoDB_20120810.ListTables", `{}`)
		if want := strconv.FormatUint(uint64(crc32.ChecksumIEEE([]byte(body))), 10); header.Get("X-Amz-Crc32") != want || body != `{"TableNames":[]}` {
			t.Errorf("crc %s, want %s: %s", header.Get("X-Amz-Crc32"), want, body)
		}
	})
}
