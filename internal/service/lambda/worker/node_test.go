package worker

import (
	"encoding/json"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"
)

const node = "nodejs20.x"

// js is a function of one file.
func js(t *testing.T, source string) (*Spec, *logSink) {
	t.Helper()
	return spec(t, node, "index.handler", code(t, "index.js", source))
}

func TestNode_Results(t *testing.T) {
	need(t, "node")
	p := startPool(t, Options{})
	for _, tt := range []struct{ name, source, event, want string }{
		{"LA-018 bytes", `exports.handler = async (e) => ({got: e.n, s: "é\u2028"})`, `{"n":1}`, `{"got":1,"s":"é` + "\u2028" + `"}`},
		{"LA-021 undefined is null", `exports.handler = async () => {}`, `{}`, `null`},
		{"function is null", `exports.handler = async () => () => 1`, `{}`, `null`},
		{"empty event", `exports.handler = async (e) => e`, ``, `{}`},
		{"LA-052 callback", `exports.handler = (e, c, cb) => { setTimeout(() => cb(null, {ok: true}), 5) }`, `{}`, `{"ok":true}`},
		{"callback error wins over later result", `exports.handler = (e, c, cb) => { cb(null, 1); cb(null, 2) }`, `{}`, `1`},
		{"async function that calls back", `exports.handler = async (e, c, cb) => { await null; cb(null, {ok: true}) }`, `{}`, `{"ok":true}`},
		{"async function that calls back and returns", `exports.handler = async (e, c, cb) => { cb(null, 1); return 2 }`, `{}`, `1`},
		{"context done", `exports.handler = (e, c) => { c.done(null, 7) }`, `{}`, `7`},
		{"context succeed", `exports.handler = (e, c) => { c.succeed({a: 1}) }`, `{}`, `{"a":1}`},
		{"sync value is ignored", `exports.handler = () => 5`, `{}`, `null`},
		{"promise that never settles", `exports.handler = () => new Promise(() => {})`, `{}`, `null`},
		{"thenable", `exports.handler = () => ({then: (ok) => ok("t")})`, `{}`, `"t"`},
		{"LA-041 memory is a string", `exports.handler = async (e, c) => typeof c.memoryLimitInMB + c.memoryLimitInMB`, `{}`, `"string128"`},
		{"LA-053 does not wait for timers", `exports.handler = (e, c, cb) => { c.callbackWaitsForEmptyEventLoop = false; setTimeout(() => {}, 60000); cb(null, "now") }`, `{}`, `"now"`},
		{"callback waits for timers", `exports.handler = (e, c, cb) => { const o = {n: 0}; setTimeout(() => { o.n = 1 }, 30); cb(null, o) }`, `{}`, `{"n":1}`},
		{"streaming", `exports.handler = awslambda.streamifyResponse(async (e, out) => { out.write("a"); out.write("b"); out.end() })`, `{}`, `ab`},
		{"streaming with metadata", `exports.handler = awslambda.streamifyResponse(async (e, s) => { s = awslambda.HttpResponseStream.from(s, {statusCode: 201}); s.write("x"); s.end() })`, `{}`, `{"statusCode":201}` + "\x00\x00\x00\x00\x00\x00\x00\x00x"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s, _ := js(t, tt.source)
			for range 2 {
				succeeds(t, p, s, tt.event, tt.want)
				settled(t, p, s)
			}
		})
	}
}

func TestNode_Loading(t *testing.T) {
	need(t, "node")
	p := startPool(t, Options{})
	for _, tt := range []struct {
		name, handler string
		files         []string
	}{
		{"LA-050 subdirectory", "src/app.handler", []string{"src/app.js", `exports.handler = async () => "ok"`}},
		{"LA-051 mjs with top-level await", "index.handler", []string{"index.mjs", `const v = await Promise.resolve("ok"); export const handler = async () => v`}},
		{"LA-051 type module", "index.handler", []string{"package.json", `{"type":"module"}`, "index.js", `const v = await Promise.resolve("ok"); export const handler = async () => v`}},
		{"type module above", "src/index.handler", []string{"package.json", `{"type":"module"}`, "src/index.js", `export const handler = async () => "ok"`}},
		{"cjs", "index.handler", []string{"index.cjs", `exports.handler = async () => "ok"`}},
		{"nested export", "index.a.b", []string{"index.js", `exports.a = {b: async () => "ok"}`}},
		{"package of the function", "lib.handler", []string{"node_modules/lib/index.js", `exports.handler = async () => "ok"`}},
		{"LA-044 relative path", "index.handler", []string{"index.js", `exports.handler = async () => require("fs").readFileSync("data/x.txt", "utf8")`, "data/x.txt", "ok"}},
		{"LA-044 cwd is the task root", "index.handler", []string{"index.js", `exports.handler = async () => process.cwd() === require("fs").realpathSync(process.env.LAMBDA_TASK_ROOT) ? "ok" : "no"`}},
		{"dynamic import", "index.handler", []string{"index.js", `exports.handler = async () => (await import("./other.mjs")).v`, "other.mjs", `export const v = "ok"`}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s, _ := spec(t, node, tt.handler, code(t, tt.files...))
			succeeds(t, p, s, `{}`, `"ok"`)
		})
	}
}

func TestNode_Failures(t *testing.T) {
	need(t, "node")
	p := startPool(t, Options{})
	for _, tt := range []struct {
		name, source, wantType, wantMessage string
	}{
		{"LA-023 TypeError", `exports.handler = async () => { throw new TypeError("x") }`, "TypeError", "x"},
		{"synchronous throw", `exports.handler = () => { throw new Error("boom") }`, "Error", "boom"},
		{"own class", `class MyError extends Error { constructor(m) { super(m); this.name = "MyError"; this.extra = 1 } }; exports.handler = async () => { throw new MyError("m") }`, "MyError", "m"},
		{"reject with a string", `exports.handler = async () => { throw "text" }`, "string", "text"},
		{"async function that calls back with an error", `exports.handler = async (e, c, cb) => { cb(new Error("cb")); return 1 }`, "Error", "cb"},
		{"async function that never ends", `exports.handler = async () => { await new Promise(() => {}) }`, "Runtime.NodeJsExit", "The Lambda runtime client detected an unexpected Node.js exit code. This is most commonly caused by a Promise that was never settled. For more information, see https://nodejs.org/docs/latest/api/process.html#exit-codes"},
		{"callback with an error", `exports.handler = (e, c, cb) => cb(new Error("cb"))`, "Error", "cb"},
		{"context fail", `exports.handler = (e, c) => c.fail(new Error("f"))`, "Error", "f"},
		{"cyclic result", `exports.handler = async () => { const a = {}; a.a = a; return a }`, "Error", "Unable to stringify response body"},
		{"LA-027 missing export", `exports.other = 1`, "Runtime.HandlerNotFound", "index.handler is undefined or not exported"},
		{"not a function", `exports.handler = 1`, "Runtime.HandlerNotFound", "index.handler is not a function"},
		{"syntax", `exports.handler = (`, "Runtime.UserCodeSyntaxError", "SyntaxError: Unexpected end of input"},
		{"throw while loading", `throw new RangeError("early")`, "RangeError", "early"},
		{"LA-028 exit 1", `exports.handler = async () => process.exit(1)`, "Runtime.ExitError", "RequestId: <id> Error: Runtime exited with error: exit status 1"},
		{"exit 0", `exports.handler = async () => process.exit(0)`, "Runtime.ExitError", "RequestId: <id> Error: Runtime exited without providing a reason"},
		{"exit while loading", `process.exit(3)`, "Runtime.ExitError", "RequestId: <id> Error: Runtime exited with error: exit status 3"},
		{"killed", `exports.handler = async () => { process.kill(process.pid, "SIGKILL"); await new Promise((r) => setTimeout(r, 1000)) }`, "Runtime.ExitError", "RequestId: <id> Error: Runtime exited with error: signal: killed"},
		{"unhandled rejection", `exports.handler = async () => { Promise.reject(new Error("lost")); await new Promise((r) => setTimeout(r, 1000)) }`, "Runtime.UnhandledPromiseRejection", "Error: lost"},
		{"uncaught exception", `exports.handler = async () => { setTimeout(() => { throw new Error("late") }, 1); await new Promise((r) => setTimeout(r, 1000)) }`, "Error", "late"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s, sink := js(t, tt.source)
			for range 2 { // the next request meets a new process where the old one is gone
				_, f := fails(t, p, s, `{}`, tt.wantType, tt.wantMessage)
				for _, line := range f.Trace {
					if strings.Contains(line, s.CodeDir) {
						t.Errorf("trace shows a path of this machine: %s", line)
					}
				}
			}
			if _, ok := sink.find("REPORT RequestId"); !ok {
				t.Errorf("no REPORT in %q", sink.lines())
			}
		})
	}
	t.Run("bad handler", func(t *testing.T) {
		s, _ := spec(t, node, "index", code(t, "index.js", ``))
		fails(t, p, s, `{}`, "Runtime.MalformedHandlerName", "Bad handler")
	})
	t.Run("CallbackHandlerDeprecated", func(t *testing.T) {
		s, _ := spec(t, "nodejs24.x", "index.handler", code(t, "index.js", `exports.handler = (e, c, cb) => cb(null, 1)`))
		r := invoke(t, p, s, `{}`)
		if !strings.Contains(string(r.Payload), `"errorType":"Runtime.CallbackHandlerDeprecated"`) {
			t.Errorf("payload = %s", r.Payload)
		}
	})
	t.Run("import", func(t *testing.T) {
		s, sink := js(t, `require("nope")`)
		r, f := fails(t, p, s, `{}`, "Runtime.ImportModuleError", "Error: Cannot find module 'nope'\nRequire stack:\n- /var/task/index.js\n- /var/runtime/loader.cjs\n- /var/runtime/bootstrap.cjs")
		if f.Trace[0] != "Runtime.ImportModuleError: Error: Cannot find module 'nope'" {
			t.Errorf("trace = %q", f.Trace)
		}
		if l, ok := sink.find("Uncaught Exception \t{"); !ok || !strings.Contains(l, "\tundefined\tERROR\tUncaught Exception \t{\"errorType\":\"Runtime.ImportModuleError\"") {
			t.Errorf("log = %q", sink.lines())
		}
		if !strings.HasPrefix(string(r.Payload), `{"errorType":"Runtime.ImportModuleError","errorMessage":"Error: `) {
			t.Errorf("payload = %s", r.Payload)
		}
	})
	t.Run("import of aws-sdk has a hint", func(t *testing.T) {
		s, sink := js(t, `require("aws-sdk")`)
		if r := invoke(t, p, s, `{}`); !strings.Contains(string(r.Payload), `Runtime.ImportModuleError`) {
			t.Errorf("payload = %s", r.Payload)
		}
		if _, ok := sink.find("sallyport: nodejs20.x brings the AWS SDK v3"); !ok {
			t.Errorf("log = %q", sink.lines())
		}
	})
}

func TestNode_Environment(t *testing.T) {
	need(t, "node")
	p := startPool(t, Options{})
	dir := code(t, "index.js", `exports.handler = async (e, c) => ({env: process.env, ctx: c, left: c.getRemainingTimeInMillis()})`)
	s, _ := spec(t, node, "index.handler", dir)
	s.Env = map[string]string{"MINE": "1", "AWS_REGION": "nowhere", "TWICE": "function"}
	s.Extra = []string{"AWS_ENDPOINT_URL=http://127.0.0.1:1", "TWICE=server"}
	r, err := p.Invoke(t.Context(), s, Invocation{
		RequestID: "11111111-2222-4333-8444-555555555555", FunctionARN: "arn:aws:lambda:us-east-1:000000000000:function:fn:live", TraceID: "Root=1-5;Parent=6;Sampled=1",
		ClientContext: `{"custom":{"a":"b"}}`,
	})
	if err != nil {
		t.Fatal(err)
	}
	var got struct {
		Env map[string]string
		Ctx map[string]any
		// Left is the remaining time.
		Left float64
	}
	if err := json.Unmarshal(r.Payload, &got); err != nil {
		t.Fatal(err)
	}
	for k, want := range map[string]string{ // LA-043, LA-046
		"_HANDLER": "index.handler", "AWS_REGION": "us-east-1", "AWS_DEFAULT_REGION": "us-east-1", "AWS_EXECUTION_ENV": "AWS_Lambda_nodejs20.x",
		"AWS_LAMBDA_FUNCTION_NAME": "fn", "AWS_LAMBDA_FUNCTION_VERSION": "$LATEST", "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": "128", "LAMBDA_TASK_ROOT": dir,
		"AWS_LAMBDA_LOG_GROUP_NAME": "/aws/lambda/fn", "AWS_LAMBDA_LOG_STREAM_NAME": r.LogStream, "AWS_LAMBDA_INITIALIZATION_TYPE": "on-demand",
		"TZ": ":UTC", "LANG": "en_US.UTF-8", "MINE": "1", "TWICE": "function", "AWS_ENDPOINT_URL": "http://127.0.0.1:1", "_X_AMZN_TRACE_ID": "Root=1-5;Parent=6;Sampled=1",
	} {
		if got.Env[k] != want {
			t.Errorf("LA-043 %s = %q, want %q", k, got.Env[k], want)
		}
	}
	if _, leaked := got.Env["HOME"]; leaked {
		t.Error("the server's environment leaks into the function")
	}
	for k, want := range map[string]any{
		"awsRequestId": "11111111-2222-4333-8444-555555555555", "invokedFunctionArn": "arn:aws:lambda:us-east-1:000000000000:function:fn:live", // LA-040, LA-042
		"functionName": "fn", "functionVersion": "$LATEST", "memoryLimitInMB": "128", "logGroupName": "/aws/lambda/fn", "logStreamName": r.LogStream,
		"callbackWaitsForEmptyEventLoop": true,
	} {
		if got.Ctx[k] != want {
			t.Errorf("context.%s = %v, want %v", k, got.Ctx[k], want)
		}
	}
	if c, _ := json.Marshal(got.Ctx["clientContext"]); string(c) != `{"custom":{"a":"b"}}` {
		t.Errorf("clientContext = %s", c)
	}
	if got.Left > 60000 || got.Left < 20000 {
		t.Errorf("LA-039 remaining time = %v ms of 60000", got.Left)
	}
	if !regexp.MustCompile(`^\d{4}/\d\d/\d\d/\[\$LATEST\][0-9a-f]{32}$`).MatchString(r.LogStream) {
		t.Errorf("LA-072 log stream = %s", r.LogStream)
	}
}

func TestNode_Log(t *testing.T) {
	need(t, "node")
	p := startPool(t, Options{})
	t.Run("LA-073 LA-074 LA-022 LA-076 lines", func(t *testing.T) {
		s, sink := js(t, `console.log("loading"); exports.handler = async (e) => { console.log("a %s", "b"); console.error("one\ntwo"); process.stdout.write("raw"); console.warn({x: 1}); if (e.fail) throw new Error("boom") }`)
		first := succeeds(t, p, s, `{}`, `null`)
		settled(t, p, s)
		second := invoke(t, p, s, `{"fail":1}`)
		stamp := `\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z`
		want := []string{
			`^INIT_START Runtime Version: nodejs:\d+\.\d+\.\d+\tRuntime Version ARN: arn:aws:lambda:us-east-1::runtime:[0-9a-f]{64}$`,
			`^` + stamp + `\tundefined\tINFO\tloading$`,
			`^START RequestId: ` + first.RequestID + ` Version: \$LATEST$`,
			`^` + stamp + `\t` + first.RequestID + `\tINFO\ta b$`,
			`^` + stamp + `\t` + first.RequestID + "\tERROR\tone\ntwo$",
			`^raw$`,
			`^` + stamp + `\t` + first.RequestID + `\tWARN\t\{ x: 1 \}$`,
			`^END RequestId: ` + first.RequestID + `$`,
			`^REPORT RequestId: ` + first.RequestID + `\tDuration: \d+\.\d\d ms\tBilled Duration: \d+ ms\tMemory Size: 128 MB\tMax Memory Used: \d+ MB\tInit Duration: \d+\.\d\d ms\t$`,
			`^START RequestId: ` + second.RequestID,
			`\tINFO\ta b$`, `ERROR`, `^raw$`, `WARN`,
			`^` + stamp + `\t` + second.RequestID + `\tERROR\tInvoke Error \t\{"errorType":"Error","errorMessage":"boom","stack":\["Error: boom",`,
			`^END RequestId: ` + second.RequestID + `$`,
			`^REPORT RequestId: ` + second.RequestID + `\tDuration: \d+\.\d\d ms\tBilled Duration: \d+ ms\tMemory Size: 128 MB\tMax Memory Used: \d+ MB\t$`,
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
		if tail := string(first.LogTail); !strings.HasPrefix(tail, "START") || !strings.Contains(tail[strings.LastIndex(strings.TrimSpace(tail), "\n")+1:], "REPORT") {
			t.Errorf("tail = %q", tail)
		}
	})
	t.Run("LA-022 tail has 4 KB", func(t *testing.T) {
		s, _ := js(t, `exports.handler = async () => { for (let i = 0; i < 1000; i++) console.log("line", i) }`)
		r := succeeds(t, p, s, `{}`, `null`)
		if len(r.LogTail) != 4096 || !strings.Contains(string(r.LogTail), "line 999\n") {
			t.Errorf("tail of %d bytes", len(r.LogTail))
		}
	})
	t.Run("JSON", func(t *testing.T) {
		s, sink := js(t, `exports.handler = async () => { console.debug("no"); console.log("yes"); console.info({a: 1}) }`)
		s.LogFormat = "JSON"
		r := succeeds(t, p, s, `{}`, `null`)
		var types []string
		for _, l := range sink.lines() {
			var m struct {
				Type, Level, RequestID string
				Message                any
			}
			if err := json.Unmarshal([]byte(l), &m); err != nil {
				t.Fatalf("%s: %v", l, err)
			}
			if m.Level != "" && m.RequestID != r.RequestID {
				t.Errorf("line %s", l)
			}
			types = append(types, m.Type+m.Level)
		}
		if got := strings.Join(types, " "); got != "platform.initStart platform.start INFO INFO platform.report" {
			t.Errorf("lines = %s", got)
		}
	})
	t.Run("a megabyte arrives whole", func(t *testing.T) {
		s, sink := js(t, `exports.handler = async () => { console.log("x".repeat(1 << 20)); process.stdout.write("y".repeat(100000) + "\n") }`)
		succeeds(t, p, s, `{}`, `null`)
		if l, ok := sink.find("xxx"); !ok || strings.Count(l, "x") != 1<<20 {
			t.Errorf("line of %d", len(l))
		}
		if l, ok := sink.find("yyy"); !ok || len(l) != 100000 {
			t.Errorf("line of %d", len(l))
		}
	})
}

func TestNode_Modules(t *testing.T) {
	need(t, "node")
	p := startPool(t, Options{})
	layer := code(t,
		"nodejs/node_modules/lay/package.json", `{"main":"index.js","exports":{"import":"./index.mjs","require":"./index.js"}}`,
		"nodejs/node_modules/lay/index.js", `module.exports = {v: "cjs"}`, "nodejs/node_modules/lay/index.mjs", `export const v = "esm"`)
	sdk := code(t, "node_modules/@aws-sdk/x/index.js", `exports.v = "sdk"`)
	for _, tt := range []struct{ name, file, source, want string }{
		{"LA-048 require from a layer", "index.js", `const {v} = require("lay"); exports.handler = async () => v`, `"cjs"`},
		{"LA-048 import from a layer", "index.mjs", `import {v} from "lay"; export const handler = async () => v`, `"esm"`},
		{"LA-063 require from the SDK", "index.js", `const {v} = require("@aws-sdk/x"); exports.handler = async () => v`, `"sdk"`},
		{"LA-063 import from the SDK", "index.mjs", `import sdk from "@aws-sdk/x"; export const handler = async () => sdk.v`, `"sdk"`},
		{"dynamic import in CommonJS", "index.js", `exports.handler = async () => (await import("lay")).v`, `"esm"`},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s, _ := spec(t, node, "index.handler", code(t, tt.file, tt.source))
			s.LayerDir = layer
			s.Modules = []string{filepath.Join(sdk, "node_modules")}
			succeeds(t, p, s, `{}`, tt.want)
		})
	}
	t.Run("LA-063 missing package has a hint", func(t *testing.T) {
		s, sink := js(t, `require("@aws-sdk/client-nothing")`)
		invoke(t, p, s, `{}`)
		if _, ok := sink.find("sallyport: @aws-sdk/client-nothing is neither in the function's package nor in the SDK"); !ok {
			t.Errorf("log = %q", sink.lines())
		}
	})
	t.Run("package of the function wins", func(t *testing.T) {
		s, _ := spec(t, node, "index.handler", code(t, "index.js", `exports.handler = async () => require("lay").v`, "node_modules/lay/index.js", `exports.v = "own"`))
		s.LayerDir = layer
		succeeds(t, p, s, `{}`, `"own"`)
	})
}

func TestNode_TimeLimit_LA029_LA030_LA077(t *testing.T) {
	need(t, "node")
	p := startPool(t, Options{})
	file := filepath.Join(t.TempDir(), "kept")
	s, sink := js(t, `let n = 0; const fs = require("fs"); exports.handler = async (e) => { n++; if (e.sleep) { fs.writeFileSync(e.file, "kept"); console.log("before"); require("child_process").spawn("sleep", ["60"]); for (;;); } return {n, kept: fs.existsSync(e.file)} }`)
	s.Timeout = time.Second
	event, _ := json.Marshal(map[string]any{"sleep": true, "file": file})
	var r Result
	best := time.Hour // of some: others use this machine too
	for try := 0; try < 5 && best > 1300*time.Millisecond; try++ {
		begun := time.Now()
		r, _ = fails(t, p, s, string(event), "Sandbox.Timedout", "RequestId: <id> Error: Task timed out after 1.00 seconds")
		if best = min(best, r.Duration); time.Since(begun) > 40*time.Second {
			t.Error("LA-029 the function's own process is waited for")
		}
	}
	if best > 1300*time.Millisecond {
		t.Errorf("LA-029 took %v", best)
	}
	if l, ok := sink.find("Z " + r.RequestID + " Task timed out after 1.00 seconds"); !ok {
		t.Errorf("LA-077 log = %q %q", l, sink.lines())
	}
	if l, _ := sink.find("REPORT"); !strings.HasSuffix(l, "\tStatus: timeout") {
		t.Errorf("report = %q", l)
	}
	if _, ok := sink.find("\tbefore"); !ok {
		t.Errorf("output before the time limit is lost: %q", sink.lines())
	}
	event, _ = json.Marshal(map[string]any{"file": file})
	succeeds(t, p, s, string(event), `{"n":1,"kept":true}`)
}

func TestNode_Sizes(t *testing.T) {
	need(t, "node")
	p := startPool(t, Options{})
	s, _ := js(t, `exports.handler = async (e) => e.n === undefined ? e.s.length : "x".repeat(e.n)`)
	fails(t, p, s, `{"n":6291555}`, "Function.ResponseSizeTooLarge", "Response payload size exceeded maximum allowed payload size (6291556 bytes).") // LA-033
	settled(t, p, s)
	if r := invoke(t, p, s, `{"n":6291554}`); len(r.Payload) != MaxResponse || r.FunctionError != "" {
		t.Errorf("LA-033 answer of %d bytes, %q", len(r.Payload), r.FunctionError)
	}
	settled(t, p, s)
	succeeds(t, p, s, `{"s":"`+strings.Repeat("x", 6000000)+`"}`, `6000000`)
	settled(t, p, s)
}

func TestNode_Warning(t *testing.T) {
	need(t, "node")
	p := startPool(t, Options{})
	s, _ := spec(t, "nodejs6.x", "index.handler", code(t, "index.js", `exports.handler = (e, c, cb) => cb(null, "ok")`))
	succeeds(t, p, s, `{}`, `"ok"`)
	t.Setenv("SALLYPORT_NODE", filepath.Join(os.DevNull, "node"))
	s, sink := spec(t, "nodejs8.x", "index.handler", s.CodeDir)
	s.ID = "other"
	r := invoke(t, p, s, `{}`)
	if !strings.Contains(string(r.Payload), "Runtime.NotInstalled") || p.Check(s) == nil {
		t.Errorf("payload = %s, log %q", r.Payload, sink.lines())
	}
}

func TestNode_Wrapper(t *testing.T) {
	need(t, "node")
	p := startPool(t, Options{})
	s, _ := js(t, `exports.handler = async () => process.env.WRAPPED`)
	s.LayerDir = code(t, "wrap/bootstrap", "#!/bin/sh\nexport WRAPPED=yes\nexec \"$@\"\n")
	s.Env = map[string]string{"AWS_LAMBDA_EXEC_WRAPPER": "/opt/wrap/bootstrap"}
	succeeds(t, p, s, `{}`, `"yes"`)
}

// TestNode_Bystanders shows that what a function starts does not keep its socket, nor outlives it.
func TestNode_Bystanders(t *testing.T) {
	need(t, "node")
	p := startPool(t, Options{})
	s, _ := js(t, `exports.handler = async (e) => { if (e.exit) process.exit(0); const c = require("child_process").spawn("sleep", ["600"], {stdio: "ignore"}); return c.pid }`)
	pid, err := strconv.Atoi(string(invoke(t, p, s, `{}`).Payload))
	if err != nil {
		t.Fatal(err)
	}
	fails(t, p, s, `{"exit":1}`, "Runtime.ExitError", "RequestId: <id> Error: Runtime exited without providing a reason")
	eventually(t, "the function's child is gone", func() bool { return !alive(pid) })
}

func TestNode_TaskRoot_LA045(t *testing.T) {
	need(t, "node")
	p := startPool(t, Options{})
	s, _ := js(t, `const fs = require("fs"); const t = (f) => { try { fs.writeFileSync(f, "x"); fs.unlinkSync(f); return "ok" } catch (e) { return e.code } };
exports.handler = async () => [t("new.txt"), t(process.env.LAMBDA_TASK_ROOT + "/index.js"), t(require("os").tmpdir() + "/sallyport-test-" + process.pid)]`)
	// As the control API leaves it.
	for _, path := range []string{filepath.Join(s.CodeDir, "index.js"), s.CodeDir} {
		if err := os.Chmod(path, 0o555); err != nil {
			t.Fatal(err)
		}
	}
	t.Cleanup(func() { os.Chmod(s.CodeDir, 0o755) })
	succeeds(t, p, s, `{}`, `["EACCES","EACCES","ok"]`)
}
