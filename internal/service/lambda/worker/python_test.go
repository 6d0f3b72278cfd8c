package worker

import (
	"encoding/json"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"
)

// pythonRuntime is the runtime that this machine's python3 stands for.
func pythonRuntime(t *testing.T) string {
	t.Helper()
	out, err := exec.Command(need(t, "python3"), "-c", "import sys; print('python%d.%d' % sys.version_info[:2])").Output()
	if err != nil {
		t.Fatal(err)
	}
	return strings.TrimSpace(string(out))
}

func py(t *testing.T, source string) (*Spec, *logSink) {
	t.Helper()
	return spec(t, pythonRuntime(t), "app.handler", code(t, "app.py", source))
}

func TestPython_Results(t *testing.T) {
	p := startPool(t, Options{})
	for _, tt := range []struct{ name, source, event, want string }{
		{"result", "def handler(event, context):\n    return {'got': event['n']}", `{"n":1}`, `{"got": 1}`},
		{"LA-021 None is null", "def handler(event, context):\n    pass", `{}`, `null`},
		{"empty event", "def handler(event, context):\n    return event", ``, `{}`},
		{"LA-041 memory is a string", "def handler(e, c):\n    return c.memory_limit_in_mb", `{}`, `"128"`},
		{"LA-044 cwd", "import os\ndef handler(e, c):\n    return os.path.realpath(os.environ['LAMBDA_TASK_ROOT']) == os.getcwd()", `{}`, `true`},
		{"client context", "def handler(e, c):\n    return [c.client_context, c.identity.cognito_identity_id]", `{}`, `[null, null]`},
		{"boto-free import", "import json, logging\ndef handler(e, c):\n    return 'ok'", `{}`, `"ok"`},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s, _ := py(t, tt.source)
			succeeds(t, p, s, tt.event, tt.want)
			succeeds(t, p, s, tt.event, tt.want)
		})
	}
	for _, handler := range []string{"src/app.handler", "src.app.handler"} {
		t.Run("LA-050 "+handler, func(t *testing.T) {
			s, _ := spec(t, pythonRuntime(t), handler, code(t, "src/app.py", "def handler(e, c):\n    return 'ok'"))
			succeeds(t, p, s, `{}`, `"ok"`)
		})
	}
	t.Run("LA-049 layer", func(t *testing.T) {
		s, _ := py(t, "import lay\ndef handler(e, c):\n    return lay.v")
		s.LayerDir = code(t, "python/lay.py", "v = 'layer'")
		succeeds(t, p, s, `{}`, `"layer"`)
	})
	t.Run("LA-039 LA-040 LA-042 context", func(t *testing.T) {
		s, _ := py(t, "import time\ndef handler(e, c):\n    left = c.get_remaining_time_in_millis()\n    time.sleep(0.02)\n    return [c.aws_request_id, c.invoked_function_arn, c.function_name, c.function_version, c.log_group_name, c.log_stream_name, 20000 < c.get_remaining_time_in_millis() < left <= 60000]")
		r, err := p.Invoke(t.Context(), s, Invocation{RequestID: "abc", FunctionARN: "arn:f:1"})
		if want := `["abc", "arn:f:1", "fn", "$LATEST", "/aws/lambda/fn", "` + r.LogStream + `", true]`; err != nil || string(r.Payload) != want {
			t.Errorf("context = %s, %v, want %s", r.Payload, err, want)
		}
	})
}

func TestPython_Failures(t *testing.T) {
	p := startPool(t, Options{})
	for _, tt := range []struct {
		name, source, wantType, wantMessage string
		wantID                              bool
		wantStack                           []string
	}{
		{"LA-024 ValueError", "def handler(e, c):\n    raise ValueError('x')", "ValueError", "x", true, []string{"  File \"/var/task/app.py\", line 2, in handler\n    raise ValueError('x')\n"}},
		{"LA-025 missing module", "import nope", "Runtime.ImportModuleError", "Unable to import module 'app': No module named 'nope'", false, []string{}},
		{"LA-026 missing handler", "x = 1", "Runtime.HandlerNotFound", "Handler 'handler' missing on module 'app'", false, []string{}},
		{"LA-031 result that is no JSON", "def handler(e, c):\n    return {1, 2}", "Runtime.MarshalError", "Unable to marshal response: Object of type set is not JSON serializable", true, []string{}},
		{"syntax", "def handler(:\n  pass", "Runtime.UserCodeSyntaxError", "Syntax error in module 'app': invalid syntax (app.py, line 1)", false, []string{"  File \"/var/task/app.py\" Line 1\n    def handler(:\n"}},
		{"exit 0", "import sys\ndef handler(e, c):\n    sys.exit(0)", "Runtime.ExitError", "RequestId: <id> Error: Runtime exited without providing a reason", false, nil},
		{"exit while loading", "import sys\nsys.exit(0)", "Runtime.ExitError", "RequestId: <id> Error: Runtime exited without providing a reason", false, nil},
		{"exit 2", "import os\ndef handler(e, c):\n    os._exit(2)", "Runtime.ExitError", "RequestId: <id> Error: Runtime exited with error: exit status 2", false, nil},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s, sink := py(t, tt.source)
			for range 2 {
				r, f := fails(t, p, s, `{}`, tt.wantType, tt.wantMessage)
				if tt.wantStack != nil && !slices.Equal(f.StackTrace, tt.wantStack) {
					t.Errorf("stackTrace = %q, want %q", f.StackTrace, tt.wantStack)
				}
				if tt.wantStack != nil && (f.RequestID == nil || (*f.RequestID == r.RequestID) != tt.wantID) {
					t.Errorf("requestId in %s", r.Payload)
				}
			}
			if _, ok := sink.find("[ERROR] " + tt.wantType + ": "); !ok && tt.wantStack != nil {
				t.Errorf("log = %q", sink.lines())
			}
		})
	}
	t.Run("throw while loading", func(t *testing.T) {
		s, _ := py(t, "raise Exception('Runtime startup fails')")
		_, f := fails(t, p, s, `{}`, "Exception", "Runtime startup fails")
		if last := f.StackTrace[len(f.StackTrace)-1]; last != "  File \"/var/task/app.py\", line 1, in <module>\n    raise Exception('Runtime startup fails')\n" {
			t.Errorf("stackTrace = %q", f.StackTrace)
		}
	})
	t.Run("bad handler", func(t *testing.T) {
		s, _ := spec(t, pythonRuntime(t), "x", code(t, "app.py", ""))
		fails(t, p, s, `{}`, "Runtime.MalformedHandlerName", "Bad handler 'x': not enough values to unpack (expected 2, got 1)")
	})
	t.Run("LA-029 time limit", func(t *testing.T) {
		s, _ := py(t, "import time\nn = 0\ndef handler(e, c):\n    global n\n    n += 1\n    time.sleep(e.get('s', 0))\n    return n")
		s.Timeout = time.Second
		fails(t, p, s, `{"s":30}`, "Sandbox.Timedout", "RequestId: <id> Error: Task timed out after 1.00 seconds")
		succeeds(t, p, s, `{}`, `1`)
		settled(t, p, s)
		succeeds(t, p, s, `{}`, `2`)
	})
}

func TestPython_Log_LA075(t *testing.T) {
	p := startPool(t, Options{})
	s, sink := py(t, `
import logging
logging.getLogger().setLevel("INFO")
print("loading")
def handler(event, context):
    print("plain", 1)
    logging.info("told %s\ntwice", "you")
    logging.debug("no")
    context.log("direct")
    print("unfinished", end="")
    raise Exception("msg")
`)
	r := invoke(t, p, s, `{}`)
	want := []string{
		`^INIT_START Runtime Version: python:3\.`,
		`^loading$`,
		`^START RequestId: ` + r.RequestID + ` Version: \$LATEST$`,
		`^plain 1$`,
		`^\[INFO\]\t\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z\t` + r.RequestID + "\ttold you\ntwice$",
		`^direct$`,
		`^unfinished$`,
		`^\[ERROR\] Exception: msg\nTraceback \(most recent call last\):\n\x{a0}\x{a0}File ".*app.py", line 11, in handler\n\x{a0}{4}raise Exception\("msg"\)$`,
		`^END`, `^REPORT`,
	}
	got := sink.lines()
	if len(got) != len(want) {
		t.Fatalf("%d lines, want %d: %q", len(got), len(want), got)
	}
	for i := range want {
		if !regexp.MustCompile(want[i]).MatchString(got[i]) {
			t.Errorf("line %d = %q, want %s", i, got[i], want[i])
		}
	}
}

func TestPython_Environment_LA043(t *testing.T) {
	p := startPool(t, Options{})
	s, _ := py(t, "import os, sys\ndef handler(e, c):\n    return {'env': dict(os.environ), 'path': sys.path}")
	s.LayerDir = code(t, "python/x.py", "")
	s.Modules = []string{t.TempDir()}
	r := invoke(t, p, s, `{}`)
	var got struct {
		Env  map[string]string
		Path []string
	}
	if err := json.Unmarshal(r.Payload, &got); err != nil {
		t.Fatal(err)
	}
	if got.Env["AWS_EXECUTION_ENV"] != "AWS_Lambda_"+s.Runtime || got.Env["_X_AMZN_TRACE_ID"] == "" {
		t.Errorf("environment = %v", got.Env)
	}
	for k := range got.Env {
		if strings.HasPrefix(k, "SALLYPORT") || k == "HOME" {
			t.Errorf("%s is in the environment", k)
		}
	}
	if got.Path[0] != s.CodeDir || got.Path[2] != filepath.Join(s.LayerDir, "python") || got.Path[len(got.Path)-1] != s.Modules[0] {
		t.Errorf("sys.path = %q", got.Path)
	}
}
