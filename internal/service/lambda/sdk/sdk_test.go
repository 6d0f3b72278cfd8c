package sdk

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/sallyport/sallyport/internal/service/lambda/runtime"
)

func write(t *testing.T, files ...string) string {
	t.Helper()
	dir := t.TempDir()
	for i := 0; i < len(files); i += 2 {
		path := filepath.Join(dir, files[i])
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(files[i+1]), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

func TestMissingNode(t *testing.T) {
	for _, tt := range []struct {
		name  string
		files []string
		want  []string
	}{
		{"nothing", []string{"index.js", `exports.handler = async () => "aws"`}, nil},
		{"require", []string{"index.js", `const {X} = require("@aws-sdk/client-dynamodb")`}, []string{"@aws-sdk/client-dynamodb"}},
		{"import", []string{"src/index.mjs", "import x from '@aws-sdk/lib-dynamodb'; await import(`@smithy/protocol-http`)"}, []string{"@aws-sdk/lib-dynamodb", "@smithy/protocol-http"}},
		{"path inside a package", []string{"index.js", `require("aws-sdk/clients/dynamodb")`}, []string{"aws-sdk"}},
		{"packaged", []string{"index.js", `require("aws-sdk")`, "node_modules/aws-sdk/package.json", `{}`}, nil},
		{"a dependency needs it", []string{"index.js", `require("lib")`, "node_modules/lib/index.js", `require("@aws-sdk/client-s3")`}, []string{"@aws-sdk/client-s3"}},
		{"the SDK's own code does not count", []string{"node_modules/@aws-sdk/client-s3/index.js", `require("@aws-sdk/core")`}, nil},
		{"other files do not count", []string{"README.md", `"aws-sdk"`}, nil},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if diff := cmp.Diff(tt.want, missingNode(write(t, tt.files...), "", "20")); diff != "" {
				t.Error(diff)
			}
		})
	}
	t.Run("layer", func(t *testing.T) {
		layer := write(t, "nodejs/node_modules/aws-sdk/package.json", `{}`)
		if got := missingNode(write(t, "index.js", `require("aws-sdk")`), layer, "20"); got != nil {
			t.Errorf("missing = %q", got)
		}
	})
}

func TestMissingPython(t *testing.T) {
	for _, tt := range []struct {
		name  string
		files []string
		want  bool
	}{
		{"nothing", []string{"app.py", "import json"}, false},
		{"import", []string{"app.py", "import boto3"}, true},
		{"from", []string{"lib/app.py", "from botocore.exceptions import ClientError"}, true},
		{"packaged", []string{"app.py", "import boto3", "boto3/__init__.py", ""}, false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if got := missingPython(write(t, tt.files...), "", "3.12"); got != tt.want {
				t.Errorf("missing = %v", got)
			}
		})
	}
}

func bundles(dir string, said *[]string) *Bundles {
	return New(Options{Dir: dir, Runtimes: runtime.New(runtime.Options{}), Progress: func(s string) { *said = append(*said, s) }})
}

func needNode(t *testing.T) {
	t.Helper()
	if _, err := exec.LookPath("npm"); err != nil {
		if os.Getenv("CI") == "true" {
			t.Fatal("npm is missing")
		}
		t.Skip("npm is missing")
	}
}

// TestModules_Node installs real packages, into the cache that the user's projects share.
func TestModules_Node_LA063(t *testing.T) {
	needNode(t)
	if testing.Short() {
		t.Skip("needs the network when the cache is cold")
	}
	for _, tt := range []struct {
		name, runtime, source string
		want                  []string // packages that must be there
		dirs                  int
	}{
		{"nothing to do", "nodejs20.x", `exports.handler = 1`, nil, 0},
		{"v3", "nodejs20.x", `require("@aws-sdk/client-apigatewaymanagementapi")`, []string{"@aws-sdk/client-apigatewaymanagementapi", "@aws-sdk/lib-dynamodb", "@smithy/protocol-http", "@aws-crypto/sha256-js"}, 1},
		{"a client that is not usual", "nodejs20.x", `require("@aws-sdk/client-ssm"); require("@aws-sdk/client-comprehend")`, []string{"@aws-sdk/client-ssm", "@aws-sdk/client-comprehend"}, 2},
		{"v2", "nodejs16.x", `require("aws-sdk")`, []string{"aws-sdk"}, 1},
		{"v2 where AWS has v3", "nodejs18.x", `require("aws-sdk")`, nil, 0},
	} {
		t.Run(tt.name, func(t *testing.T) {
			var said []string
			fn := Function{Runtime: tt.runtime, CodeDir: write(t, "index.js", tt.source)}
			dirs, err := bundles("", &said).Modules(t.Context(), fn)
			if err != nil && strings.Contains(err.Error(), "npm says") && os.Getenv("CI") != "true" {
				t.Skipf("the network is needed: %v", err)
			}
			if err != nil || len(dirs) != tt.dirs {
				t.Fatalf("modules = %q, %v", dirs, err)
			}
			for _, pkg := range tt.want {
				if !has(dirs, pkg) {
					t.Errorf("%s is not in %q", pkg, dirs)
				}
			}
			// Now the cache is warm: no program is run.
			said = nil
			again, err := New(Options{Runtimes: runtime.New(runtime.Options{Paths: map[string]string{"nodejs": os.DevNull}}), Progress: func(s string) { said = append(said, s) }}).Modules(t.Context(), fn)
			if err != nil || !slices.Equal(again, dirs) || len(said) > 0 {
				t.Errorf("with a warm cache = %q, %v, %q", again, err, said)
			}
		})
	}
}

func TestModules_Failure(t *testing.T) {
	needNode(t)
	fn := Function{Runtime: "nodejs20.x", CodeDir: write(t, "index.js", `require("@aws-sdk/client-sqs")`)}
	var said []string
	t.Setenv("npm_config_registry", "http://127.0.0.1:1/")
	t.Setenv("npm_config_fetch_retries", "0")
	t.Setenv("npm_config_cache", t.TempDir())
	dir := t.TempDir()
	dirs, err := bundles(dir, &said).Modules(t.Context(), fn)
	if err == nil || len(dirs) != 0 {
		t.Fatalf("modules = %q, %v", dirs, err)
	}
	for _, part := range []string{"AWS SDK for JavaScript v3, which nodejs20.x brings along on AWS, could not be installed: npm says ", "connect this machine to the network", "put it into the function's package"} {
		if !strings.Contains(err.Error(), part) {
			t.Errorf("error %q lacks %q", err, part)
		}
	}
	left, _ := filepath.Glob(filepath.Join(dir, "*"))
	if len(left) != 1 || filepath.Base(left[0]) != ".lock" {
		t.Errorf("a failed installation leaves %q", left)
	}
}

func TestEnsure_Once(t *testing.T) {
	needNode(t)
	dir := t.TempDir()
	var mu sync.Mutex
	runs := 0
	var wg sync.WaitGroup
	for range 8 { // as eight processes that share a cache
		wg.Go(func() {
			b := New(Options{Dir: dir})
			got, err := b.ensure(t.Context(), bundle{packages: []string{"x"}}, "node", func(dir string) (*exec.Cmd, error) {
				mu.Lock()
				defer mu.Unlock()
				runs++
				return exec.CommandContext(context.Background(), "npm", "--version"), nil
			})
			if err != nil || !exists(got) {
				t.Error(got, err)
			}
		})
	}
	wg.Wait()
	if runs != 1 {
		t.Errorf("installed %d times", runs)
	}
}

func TestModules_Python(t *testing.T) {
	if _, err := exec.LookPath("python3"); err != nil {
		t.Skip("python3 is missing")
	}
	var said []string
	b := bundles(t.TempDir(), &said)
	fn := Function{Runtime: "python3.12", CodeDir: write(t, "app.py", "import json")}
	if dirs, err := b.Modules(t.Context(), fn); err != nil || dirs != nil || len(said) > 0 {
		t.Errorf("modules = %q, %v, %q", dirs, err, said)
	}
	fn.CodeDir = write(t, "app.py", "import boto3")
	dirs, err := b.Modules(t.Context(), fn)
	switch {
	case err != nil:
		if !strings.Contains(err.Error(), "boto3, which python3.12 brings along on AWS, could not be installed: ") {
			t.Errorf("error = %v", err)
		}
	case dirs == nil: // this machine's Python has it
	case !has(dirs, "boto3"):
		t.Errorf("boto3 is not in %q", dirs)
	}
}

// TestBorrow lends the boto3 of this machine's usual Python to every other one.
func TestBorrow(t *testing.T) {
	if exec.Command("python3", "-c", "import boto3").Run() != nil {
		t.Skip("this machine's python3 has no boto3")
	}
	others, _ := filepath.Glob(filepath.Join(os.Getenv("HOME"), ".pyenv/versions/3*/bin/python3"))
	others = append(others, "/usr/bin/python3")
	lent := 0
	for _, python := range others {
		if exec.Command(python, "-c", "import boto3").Run() == nil || exec.Command(python, "-c", "import sys; sys.exit(sys.version_info < (3, 10))").Run() != nil {
			continue
		}
		var said []string
		b := bundles(t.TempDir(), &said)
		dir, ok := b.borrow(t.Context(), python)
		if !ok {
			t.Errorf("%s gets no boto3", python)
			continue
		}
		cmd := exec.Command(python, "-c", "import sys; sys.path.append(sys.argv[1]); import boto3; boto3.client('sqs', region_name='us-east-1')", dir)
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Errorf("%s: %v\n%s", python, err, out)
		}
		lent++
	}
	if lent == 0 {
		t.Skip("no other Python is here")
	}
}
