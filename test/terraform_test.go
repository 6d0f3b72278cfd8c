package test

import (
	"archive/zip"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/coder/websocket"
)

// A terraform is a folder with a configuration, and the server that it works on.
type terraform struct {
	t   *testing.T
	dir string
	s   *server
}

// prepared is a folder in which terraform has found its provider; all configurations need the same one.
var prepared = sync.OnceValues(func() (dir string, err error) {
	if dir, err = os.MkdirTemp("", "sallyport-terraform-"); err != nil {
		return "", err
	}
	const provider = "terraform {\n  required_providers {\n    aws = { source = \"hashicorp/aws\" }\n  }\n}\nprovider \"aws\" {\n  region = \"us-east-1\"\n}\n"
	if err := os.WriteFile(filepath.Join(dir, "provider.tf"), []byte(provider), 0o644); err != nil {
		return "", err
	}
	args := []string{"init", "-input=false", "-no-color"}
	if plugins := os.Getenv("SALLYPORT_TF_PLUGINS"); plugins != "" {
		args = append(args, "-plugin-dir="+plugins)
	} else if mirrors, _ := filepath.Glob("/opt/*/registry.terraform.io/hashicorp/aws"); len(mirrors) > 0 {
		args = append(args, "-plugin-dir="+strings.TrimSuffix(mirrors[0], "/registry.terraform.io/hashicorp/aws"))
	}
	cmd := exec.Command("terraform", args...)
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), "CHECKPOINT_DISABLE=1", "TF_CLI_CONFIG_FILE=")
	if out, err := cmd.CombinedOutput(); err != nil {
		return dir, fmt.Errorf("terraform cannot get the AWS provider; SALLYPORT_TF_PLUGINS may name a folder that has it: %w\n%s", err, out)
	}
	return dir, nil
})

// newTerraform makes a folder ready for terraform, with a zip file of a function in it.
func newTerraform(t *testing.T, s *server) *terraform {
	t.Helper()
	need(t, "terraform")
	source, err := prepared()
	if err != nil {
		if os.Getenv("CI") == "true" {
			t.Fatal(err)
		}
		t.Skip(err)
	}
	tf := &terraform{t, t.TempDir(), s}
	if err := os.CopyFS(filepath.Join(tf.dir, ".terraform"), os.DirFS(filepath.Join(source, ".terraform"))); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"provider.tf", ".terraform.lock.hcl"} {
		tf.copy(filepath.Join(source, name))
	}
	f, err := os.Create(filepath.Join(tf.dir, "function.zip"))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	z := zip.NewWriter(f)
	w, err := z.Create("index.js")
	if err != nil {
		t.Fatal(err)
	}
	_, _ = w.Write([]byte(functionCode))
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	return tf
}

const functionCode = `
exports.echo = async (event) => (console.log(event.body), { statusCode: 200, body: event.requestContext.routeKey + ":" + (event.body || "") + ":" + (process.env.GREETING || "") });
exports.door = async (event) => ({ principalId: "me", policyDocument: { Version: "2012-10-17", Statement: [
	{ Action: "execute-api:Invoke", Effect: event.queryStringParameters.token === "sesame" ? "Allow" : "Deny", Resource: event.methodArn } ] } });
`

func (tf *terraform) copy(file string) {
	tf.t.Helper()
	data, err := os.ReadFile(file)
	if err != nil {
		tf.t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(tf.dir, filepath.Base(file)), data, 0o644); err != nil {
		tf.t.Fatal(err)
	}
}

// run runs a command of terraform.
func (tf *terraform) run(args ...string) (string, error) {
	cmd := exec.Command("terraform", args...)
	cmd.Dir = tf.dir
	cmd.Env = append(os.Environ(), "AWS_ENDPOINT_URL="+tf.s.Endpoint, "AWS_ACCESS_KEY_ID="+tf.s.Credentials.AccessKeyID, "AWS_SECRET_ACCESS_KEY="+tf.s.Credentials.SecretAccessKey,
		"AWS_EC2_METADATA_DISABLED=true", "AWS_CONFIG_FILE="+os.DevNull, "AWS_SHARED_CREDENTIALS_FILE="+os.DevNull, "CHECKPOINT_DISABLE=1", "TF_CLI_CONFIG_FILE=", "TF_IN_AUTOMATION=1")
	out, err := cmd.CombinedOutput()
	return string(out), err
}

// must is run, and fails the test with what terraform said.
func (tf *terraform) must(args ...string) string {
	tf.t.Helper()
	if args[0] != "state" {
		args = append(args, "-input=false", "-no-color")
	}
	out, err := tf.run(args...)
	if err != nil {
		tf.t.Fatalf("terraform %s: %v\n%s", strings.Join(args, " "), err, out)
	}
	return out
}

// set gives variables their values from now on.
func (tf *terraform) set(variables string) {
	tf.t.Helper()
	if err := os.WriteFile(filepath.Join(tf.dir, "now.auto.tfvars"), []byte(variables), 0o644); err != nil {
		tf.t.Fatal(err)
	}
}

// outputs reads the configuration's outputs.
func (tf *terraform) outputs(into any) {
	tf.t.Helper()
	out, err := tf.run("output", "-json")
	if err != nil {
		tf.t.Fatalf("terraform output: %v\n%s", err, out)
	}
	var wrapped map[string]struct{ Value json.RawMessage }
	if err := json.Unmarshal([]byte(out), &wrapped); err != nil {
		tf.t.Fatal(err)
	}
	bare := map[string]json.RawMessage{}
	for name, o := range wrapped {
		bare[name] = o.Value
	}
	data, _ := json.Marshal(bare)
	if err := json.Unmarshal(data, into); err != nil {
		tf.t.Fatal(err)
	}
}

// TestTerraform has each configuration of the folder terraform live its whole life: apply, plan without changes, one attribute of
// each resource changed, plan without changes, imported into another state without changes, and destroyed.
func TestTerraform(t *testing.T) {
	if testing.Short() {
		t.Skip("terraform takes minutes")
	}
	s := serve(t, t.TempDir(), "--log-level", "debug")
	output(t, s, "apigateway", "update-account", "--patch-operations", "op=replace,path=/cloudwatchRoleArn,value=arn:aws:iam::000000000000:role/logs")
	t.Run("configurations", func(t *testing.T) {
		for _, tt := range []struct {
			name  string
			works func(*testing.T, *terraform)
		}{
			{"events EV-094", nil}, // first: the provider is slow with queues
			{"seed", seedWorks},
			{"websocket CP-085 CP-086 CP-087", nil},
			{"autodeploy CP-088 EV-093", nil},
			{"authorizer CP-089", answersThroughTheDoor},
			{"functions LA-098", nil},
			{"tables", nil},
			{"domain CP-071 CP-074", nil},
			{"domains CP-103 DP-264", countsTheKey},
			{"machines", nil},
		} {
			t.Run(tt.name, func(t *testing.T) {
				t.Parallel()
				folder, _, _ := strings.Cut(tt.name, " ")
				live(t, s, folder, tt.works)
			})
		}
	})
	for _, list := range [][]string{
		{"apigatewayv2", "get-apis", "--query", "Items"},
		{"apigatewayv2", "get-domain-names", "--query", "Items"},
		{"apigateway", "get-api-keys", "--query", "items"},
		{"apigateway", "get-usage-plans", "--query", "items"},
		{"lambda", "list-functions", "--query", "Functions"},
		{"dynamodb", "list-tables", "--query", "TableNames"},
		{"iam", "list-roles", "--query", "Roles"},
		{"iam", "list-policies", "--scope", "Local", "--query", "Policies"},
		{"sqs", "list-queues", "--endpoint-url", s.Endpoint, "--query", "QueueUrls || `[]`"}, // AWS: version 1 of the command ignores AWS_ENDPOINT_URL for SQS
		{"stepfunctions", "list-state-machines", "--query", "stateMachines"},
		{"events", "list-event-buses", "--name-prefix", "tf-", "--query", "EventBuses"},
		{"sns", "list-topics", "--query", "Topics"},
		{"logs", "describe-log-groups", "--log-group-name-prefix", "/tf/", "--query", "logGroups"},
	} {
		if left := output(t, s, append(list, "--output", "json")...); left != "[]" {
			t.Errorf("destroy leaves %s", left)
		}
	}
}

// live takes one configuration through its life; then is asked whether the applied thing works.
func live(t *testing.T, s *server, folder string, then func(*testing.T, *terraform)) {
	tf := newTerraform(t, s)
	tf.copy(filepath.Join("terraform", folder, "main.tf"))
	tf.must("apply", "-auto-approve")
	tf.must("plan", "-detailed-exitcode")
	if then != nil {
		then(t, tf)
	}
	out := tf.must("apply", "-auto-approve", "-var=changed=true")
	if strings.Contains(out, " 0 changed") {
		t.Errorf("the change changes nothing in place:\n%s", out)
	}
	tf.must("plan", "-detailed-exitcode", "-var=changed=true")
	tf.importAll()
	tf.must("destroy", "-auto-approve", "-var=changed=true")
}

var imported = regexp.MustCompile(`Plan: (\d+) to import, 0 to add, 0 to change, 0 to destroy`)

// importAll forgets what the output imports names and imports it again, after which a plan finds nothing to do.
func (tf *terraform) importAll() {
	tf.t.Helper()
	var outputs struct{ Imports map[string]string }
	tf.outputs(&outputs)
	tf.must(append([]string{"state", "rm"}, slices.Collect(maps.Keys(outputs.Imports))...)...)
	var blocks strings.Builder
	for address, id := range outputs.Imports {
		fmt.Fprintf(&blocks, "import {\n  to = %s\n  id = %q\n}\n", address, id)
	}
	if err := os.WriteFile(filepath.Join(tf.dir, "imports.tf"), []byte(blocks.String()), 0o644); err != nil {
		tf.t.Fatal(err)
	}
	out := tf.must("apply", "-auto-approve", "-var=changed=true")
	if found := imported.FindStringSubmatch(out); found == nil || found[1] != fmt.Sprint(len(outputs.Imports)) {
		tf.t.Errorf("the import of %d resources changes something:\n%s", len(outputs.Imports), out)
	}
}

// seedWorks goes through what is often forgotten: each omission shows as on AWS, and the log says why.
func seedWorks(t *testing.T, tf *terraform) {
	var outputs struct{ URL, Lonely string }
	tf.outputs(&outputs)
	address, s := tf.s.onThisMachine(t, outputs.URL), tf.s
	if got := refusal(t, address); got != http.StatusForbidden {
		t.Errorf("a stage that nothing was deployed to answers with %d, want 403", got)
	}

	tf.set("deployed = true\n")
	tf.must("apply", "-auto-approve")
	eventually(t, "the deployed stage is not served", func() bool { return refusal(t, address) != http.StatusForbidden })
	if got := refusal(t, address); got != http.StatusInternalServerError {
		t.Errorf("a function that API Gateway may not call makes status %d, want 500", got)
	}
	eventually(t, "the log does not say why it was refused", func() bool {
		out := s.out.String()
		return strings.Contains(out, "function:on_connect") && strings.Contains(out, "is not authorized to perform: lambda:InvokeFunction")
	})

	tf.set("deployed = true\ngranted = true\n")
	tf.must("apply", "-auto-approve")
	tf.must("plan", "-detailed-exitcode")
	var c *websocket.Conn
	eventually(t, "nobody can connect after the permission was given", func() bool {
		var err error
		c, _, err = websocket.Dial(t.Context(), address, nil)
		return err == nil
	})
	defer c.CloseNow()
	if err := c.Write(t.Context(), websocket.MessageText, []byte(`{"action":"anything"}`)); err != nil {
		t.Fatal(err)
	}
	eventually(t, "no function got the message", func() bool {
		return strings.Contains(output(t, s, "logs", "filter-log-events", "--log-group-name", "/aws/lambda/on_default", "--query", "events[].message", "--output", "text"), `{"action":"anything"}`)
	})

	// Without $connect everybody may come; what no route takes is forbidden.
	if got := ask(t, s, s.onThisMachine(t, outputs.Lonely), `{"action":"other"}`); !strings.HasPrefix(got, `{"message": "Forbidden", "connectionId":"`) {
		t.Errorf("a message that no route takes gets %s", got)
	}
	eventually(t, "the log does not say why the message was forbidden", func() bool { return strings.Contains(s.out.String(), "no route") })
}

// countsTheKey connects as often as the usage plan of the key lets it.
func countsTheKey(t *testing.T, tf *terraform) {
	var outputs struct{ URL, Key string }
	tf.outputs(&outputs)
	address := tf.s.onThisMachine(t, outputs.URL)
	if got := refusal(t, address); got != http.StatusForbidden {
		t.Errorf("no key gets status %d, want 403", got)
	}
	for n, want := range []int{101, 101, 429} {
		_, res, _ := websocket.Dial(t.Context(), address, &websocket.DialOptions{HTTPHeader: http.Header{"X-Api-Key": {outputs.Key}}})
		if res == nil || res.StatusCode != want {
			t.Errorf("connection %d of a quota of 2 gets %v, want %d", n+1, res, want)
		}
	}
}

// answersThroughTheDoor connects by way of the authorizer.
func answersThroughTheDoor(t *testing.T, tf *terraform) {
	var outputs struct{ URL string }
	tf.outputs(&outputs)
	address := tf.s.onThisMachine(t, outputs.URL)
	if got := ask(t, tf.s, address+"?token=sesame", "hello"); got != "$default:hello:hi" {
		t.Errorf("the function answers %q", got)
	}
	if got := refusal(t, address+"?token=wrong"); got != 403 {
		t.Errorf("the wrong token gets status %d, want 403", got)
	}
	if got := refusal(t, address); got != 401 {
		t.Errorf("no token gets status %d, want 401", got)
	}
}
