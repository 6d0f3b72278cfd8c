package worker

import (
	"encoding/json"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// corpus reads a file of what was recorded on AWS; the test is skipped where there is none.
func corpus(t *testing.T, file string, into any) {
	t.Helper()
	root := os.Getenv("SALLYPORT_CORPORA")
	for dir, _ := filepath.Abs("."); root == "" && dir != filepath.Dir(dir); dir = filepath.Dir(dir) {
		if _, err := os.Stat(filepath.Join(dir, "go.mod")); err == nil {
			root = filepath.Join(dir, "../shared/corpora")
		}
	}
	b, err := os.ReadFile(filepath.Join(root, "lambda-errors", file))
	if err != nil {
		t.Skipf("the corpus is not here: %v", err)
	}
	if err := json.Unmarshal(b, into); err != nil {
		t.Fatal(err)
	}
}

// recorded returns the function that a recording was made with, as far as its description tells.
func recorded(t *testing.T, id, runtimeName string) (s *Spec, event string) {
	file := func(source string) *Spec { s, _ := py(t, source); return s }
	_, rest, _ := strings.Cut(id, "/")
	name, _, _ := strings.Cut(rest, "#")
	switch {
	case strings.HasPrefix(name, "test_uncaught_exception_invoke"):
		switch {
		case strings.HasPrefix(runtimeName, "nodejs"):
			s, _ = spec(t, runtimeName, "index.handler", code(t, "index.js", `exports.handler = async (e) => { throw new Error("Error: " + e.error_msg) }`))
		case strings.HasPrefix(runtimeName, "python"):
			need(t, "python3")
			s, _ = spec(t, runtimeName, "app.handler", code(t, "app.py", "def handler(e, c):\n    raise Exception('Failed: ' + e['error_msg'])"))
		case strings.HasPrefix(runtimeName, "provided"):
			s, _ = spec(t, runtimeName, "x", goBinary(t, "v1.55.1"))
			return s, `{"Fail":true}`
		}
		return s, `{"error_msg":"some_error_msg"}`
	case name == "test_lambda_too_large_response":
		return file("def handler(e, c):\n    return 'x' * 6291555"), `{}`
	case name == "test_lambda_invoke_with_timeout":
		s = file("import time\ndef handler(e, c):\n    time.sleep(5)")
		s.Timeout = time.Second
		return s, `{}`
	case name == "test_lambda_handler_error":
		s, _ = spec(t, pythonRuntime(t), "lambda_handler_error.handler", code(t, "lambda_handler_error.py", "def handler(event, context):\n    raise Exception(\"Handler fails\")"))
		return s, `{}`
	case name == "test_lambda_handler_exit":
		return file("import sys\ndef handler(e, c):\n    sys.exit(0)"), `{}`
	case name == "test_lambda_runtime_exit":
		return file("import sys\nsys.exit(0)"), `{}`
	case name == "test_lambda_runtime_error":
		s, _ = spec(t, pythonRuntime(t), "lambda_runtime_error.handler", code(t, "lambda_runtime_error.py", "raise Exception(\"Runtime startup fails\")"))
		return s, `{}`
	}
	return nil, ""
}

var placeholder = regexp.MustCompile(`«[^»]*»`)

// like compares a value with a recorded one, in which placeholders stand for anything.
func like(got, want any) bool {
	switch w := want.(type) {
	case string:
		if placeholder.ReplaceAllString(w, "") == "" && w != "" {
			return true
		}
		g, ok := got.(string)
		pattern := placeholder.ReplaceAllString(w, "\x00")
		return ok && regexp.MustCompile(`(?s)^`+strings.ReplaceAll(regexp.QuoteMeta(pattern), "\x00", ".*")+`$`).MatchString(g)
	case map[string]any:
		g, ok := got.(map[string]any)
		if !ok || len(g) != len(w) {
			return false
		}
		for k := range w {
			if !like(g[k], w[k]) {
				return false
			}
		}
		return true
	case []any:
		g, ok := got.([]any)
		if !ok || len(g) == 0 || len(w) == 0 {
			return ok && len(g) == len(w)
		}
		return like(g[len(g)-1], w[len(w)-1]) // frames above are the interpreter's
	}
	return cmp.Equal(got, want)
}

// TestCorpus_Failures runs the functions of recordings made on AWS, and compares what their callers get.
func TestCorpus_Failures(t *testing.T) {
	need(t, "node")
	var cases []struct {
		ID, Runtime, FunctionError string
		Payload                    map[string]any
	}
	corpus(t, "invoke-errors.dev.json", &cases)
	p := startPool(t, Options{})
	ran, not := 0, 0
	for _, c := range cases {
		if !runnable(c.ID) {
			not++
			continue
		}
		ran++
		t.Run(c.ID, func(t *testing.T) {
			s, event := recorded(t, c.ID, c.Runtime)
			r := invoke(t, p, s, event)
			var got map[string]any
			if err := json.Unmarshal(r.Payload, &got); err != nil {
				t.Fatal(err)
			}
			if r.FunctionError != c.FunctionError || !like(got, c.Payload) {
				want, _ := json.Marshal(c.Payload)
				t.Errorf("payload = %q %s\nwant %q %s", r.FunctionError, r.Payload, c.FunctionError, want)
			}
		})
	}
	t.Logf("%d recordings hold, %d are of runtimes that are not run here", ran, not)
	if ran == 0 {
		t.Error("no recording was compared")
	}
}

// runnable says whether there is a function for a recording. The older form of a time-out is not sent any more.
func runnable(id string) bool {
	for _, part := range []string{"[java", "[dotnet", "[ruby", "environment_reuse"} {
		if strings.Contains(id, part) {
			return false
		}
	}
	return true
}

// TestCorpus_Environment_LA043 compares the environment of functions with the one seen on AWS.
func TestCorpus_Environment_LA043(t *testing.T) {
	need(t, "node")
	need(t, "python3")
	var cases []struct {
		ID, Runtime string
		Environment map[string]string
	}
	corpus(t, "runtime-environment.json", &cases)
	p := startPool(t, Options{})
	elsewhere := map[string]bool{ // what names places or addresses of AWS's machines
		"PATH": true, "LD_LIBRARY_PATH": true, "NODE_PATH": true, "PYTHONPATH": true, "NODE_EXTRA_CA_CERTS": true, "AWS_LAMBDA_RUNTIME_API": true, "PWD": true,
		"AWS_XRAY_DAEMON_ADDRESS": true, "_AWS_XRAY_DAEMON_ADDRESS": true, "LAMBDA_TASK_ROOT": true, "LC_CTYPE": true, "_HANDLER": true, "_LAMBDA_TELEMETRY_LOG_FD": true,
	}
	ran := 0
	for _, c := range cases {
		var s *Spec
		switch {
		case len(c.Environment) == 0:
			continue
		case strings.HasPrefix(c.Runtime, "nodejs"):
			s, _ = spec(t, c.Runtime, "index.handler", code(t, "index.js", `exports.handler = async () => process.env`))
		case strings.HasPrefix(c.Runtime, "python"):
			s, _ = spec(t, c.Runtime, "app.handler", code(t, "app.py", "import os\ndef handler(e, c):\n    return dict(os.environ)"))
		default:
			continue
		}
		ran++
		t.Run(c.ID, func(t *testing.T) {
			s.ID = t.Name()
			s.MemoryMB = 1024
			s.Env = map[string]string{"TEST_KEY": "TEST_VAL", "AWS_ACCESS_KEY_ID": "a", "AWS_SECRET_ACCESS_KEY": "b", "AWS_SESSION_TOKEN": "c"}
			var got map[string]string
			if err := json.Unmarshal(invoke(t, p, s, `{}`).Payload, &got); err != nil {
				t.Fatal(err)
			}
			for k, want := range c.Environment {
				have, ok := got[k]
				if k == "LC_CTYPE" || k == "NODE_EXTRA_CA_CERTS" || strings.HasPrefix(k, "_LAMBDA_TELEMETRY") {
					continue
				}
				if !ok || !elsewhere[k] && !like(have, want) {
					t.Errorf("%s = %q, on AWS %q", k, have, want)
				}
			}
		})
	}
	if ran == 0 {
		t.Error("no environment was compared")
	}
}
