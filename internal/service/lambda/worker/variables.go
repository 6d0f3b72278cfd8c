package worker

import (
	"maps"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/sallyport/sallyport/internal/service/lambda/runtime"
)

func (s *Spec) version() string {
	if s.Version == "" {
		return "$LATEST"
	}
	return s.Version
}

func (s *Spec) logGroup() string {
	if s.LogGroup == "" {
		return "/aws/lambda/" + s.FunctionName
	}
	return s.LogGroup
}

// codeDir is where the code is, whatever the working directory of a process.
func (s *Spec) codeDir() string {
	if abs, err := filepath.Abs(s.CodeDir); err == nil {
		return abs
	}
	return s.CodeDir
}

func (s *Spec) timeout() time.Duration {
	if s.Timeout <= 0 {
		return 3 * time.Second
	}
	return s.Timeout
}

func (s *Spec) memoryMB() int {
	if s.MemoryMB <= 0 {
		return 128
	}
	return s.MemoryMB
}

// arn is the function's, as it is when no qualifier was used.
func (s *Spec) arn() string {
	a := "arn:aws:lambda:" + s.Region + ":" + s.Account + ":function:" + s.FunctionName
	if v := s.version(); v != "$LATEST" {
		a += ":" + v
	}
	return a
}

func (s *Spec) function() runtime.Function {
	return runtime.Function{Runtime: s.Runtime, Handler: s.Handler, CodeDir: s.codeDir(), LayerDir: s.LayerDir, Modules: s.Modules, Vars: s.Env, MemoryMB: s.memoryMB()}
}

// A variables collects an environment: what is set later wins.
type variables map[string]string

func (v variables) set(list ...string) {
	for _, kv := range list {
		if k, value, ok := strings.Cut(kv, "="); ok {
			v[k] = value
		}
	}
}

func (v variables) list() []string {
	out := make([]string, 0, len(v))
	for _, k := range slices.Sorted(maps.Keys(v)) {
		out = append(out, k+"="+v[k])
	}
	return out
}

// variablesOf is the environment of a process: what the server gives, then what the function sets, then what is reserved.
func variablesOf(s *Spec, l runtime.Launch, logStream, api string, c Credentials) variables {
	v := variables{}
	v.set("LANG=en_US.UTF-8", "TZ=:UTC", "AWS_EC2_METADATA_DISABLED=true")
	v.set(s.Extra...)
	for k, value := range s.Env {
		v[k] = value
	}
	v.set(
		"_HANDLER="+s.Handler,
		"AWS_REGION="+s.Region,
		"AWS_DEFAULT_REGION="+s.Region,
		"AWS_LAMBDA_FUNCTION_NAME="+s.FunctionName,
		"AWS_LAMBDA_FUNCTION_VERSION="+s.version(),
		"AWS_LAMBDA_FUNCTION_MEMORY_SIZE="+strconv.Itoa(s.memoryMB()),
		"AWS_LAMBDA_LOG_GROUP_NAME="+s.logGroup(),
		"AWS_LAMBDA_LOG_STREAM_NAME="+logStream,
		"AWS_LAMBDA_INITIALIZATION_TYPE=on-demand",
		"AWS_LAMBDA_RUNTIME_API="+api,
		"LAMBDA_TASK_ROOT="+s.codeDir(),
		"LAMBDA_RUNTIME_DIR=/var/runtime",
		"AWS_XRAY_CONTEXT_MISSING=LOG_ERROR",
		"AWS_XRAY_DAEMON_ADDRESS=127.0.0.1:2000",
		"_AWS_XRAY_DAEMON_ADDRESS=127.0.0.1",
		"_AWS_XRAY_DAEMON_PORT=2000",
	)
	if s.LogFormat == "JSON" {
		v.set("AWS_LAMBDA_LOG_FORMAT=JSON")
		if s.LogLevel != "" {
			v.set("AWS_LAMBDA_LOG_LEVEL=" + s.LogLevel)
		}
	}
	v.set(l.Env...)
	if c.AccessKeyID != "" {
		v.set("AWS_ACCESS_KEY_ID="+c.AccessKeyID, "AWS_ACCESS_KEY="+c.AccessKeyID,
			"AWS_SECRET_ACCESS_KEY="+c.SecretAccessKey, "AWS_SECRET_KEY="+c.SecretAccessKey, "AWS_SESSION_TOKEN="+c.SessionToken)
	}
	return v
}

// Reserved lists the variables that a function cannot set. AWS: the control API refuses them.
func Reserved() []string {
	return []string{
		"_HANDLER", "_X_AMZN_TRACE_ID", "AWS_DEFAULT_REGION", "AWS_REGION", "AWS_EXECUTION_ENV", "AWS_LAMBDA_FUNCTION_NAME",
		"AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "AWS_LAMBDA_FUNCTION_VERSION", "AWS_LAMBDA_INITIALIZATION_TYPE", "AWS_LAMBDA_LOG_GROUP_NAME",
		"AWS_LAMBDA_LOG_STREAM_NAME", "AWS_ACCESS_KEY", "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SECRET_KEY", "AWS_SESSION_TOKEN", "AWS_LAMBDA_RUNTIME_API",
		"LAMBDA_TASK_ROOT", "LAMBDA_RUNTIME_DIR",
	}
}
