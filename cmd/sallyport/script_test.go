package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"
)

func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){"sallyport": main})
}

// TestScripts runs testdata/script/*.txt. They read like a terminal, and are the end-to-end tests of the command line.
// $EXAMPLES is the folder of examples; $PORTS… nothing has a fixed port.
func TestScripts(t *testing.T) {
	if testing.Short() {
		t.Skip("scripts start whole servers")
	}
	examples, err := filepath.Abs("../../examples")
	if err != nil {
		t.Fatal(err)
	}
	goEnv := map[string]string{}
	for _, name := range []string{"GOCACHE", "GOMODCACHE", "GOPROXY", "GOFLAGS"} {
		out, err := exec.Command("go", "env", name).Output()
		if err != nil {
			t.Fatal(err)
		}
		goEnv[name] = strings.TrimSpace(string(out))
	}
	cache, err := os.UserCacheDir()
	if err != nil {
		t.Fatal(err)
	}
	testscript.Run(t, testscript.Params{
		Dir: "testdata/script",
		Setup: func(e *testscript.Env) error {
			e.Setenv("HOME", e.WorkDir)
			e.Setenv("XDG_CONFIG_HOME", filepath.Join(e.WorkDir, "config"))
			e.Setenv("XDG_DATA_HOME", filepath.Join(e.WorkDir, "data"))
			e.Setenv("XDG_CACHE_HOME", cache) // SDKs are fetched once
			e.Setenv("EXAMPLES", examples)
			for name, value := range goEnv {
				e.Setenv(name, value)
			}
			for _, name := range []string{"PYENV_ROOT", "PYENV_VERSION"} {
				if value := os.Getenv(name); value != "" {
					e.Setenv(name, value)
				}
			}
			return nil
		},
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"cp-r":       copyTree,
			"waitfor":    waitFor,
			"eventually": eventually,
		},
		Condition: func(cond string) (bool, error) {
			if name, ok := strings.CutPrefix(cond, "has:"); ok {
				_, err := exec.LookPath(name)
				if err != nil && os.Getenv("CI") == "true" {
					return false, err // CI has everything
				}
				return err == nil, nil
			}
			return false, nil
		},
	})
}

// copyTree copies a folder: `cp-r FROM TO`.
func copyTree(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 {
		ts.Fatalf("usage: cp-r FROM TO")
	}
	ts.Check(os.CopyFS(ts.MkAbs(args[1]), os.DirFS(ts.MkAbs(args[0]))))
}

// patience is how long a script waits for another process.
const patience = 2 * time.Minute

// waitFor waits until a file is there: `waitfor FILE`.
func waitFor(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 1 {
		ts.Fatalf("usage: waitfor FILE")
	}
	file := ts.MkAbs(args[0])
	for deadline := time.Now().Add(patience); time.Now().Before(deadline); time.Sleep(20 * time.Millisecond) {
		if _, err := os.Stat(file); err == nil {
			return
		}
	}
	ts.Fatalf("%s did not appear", args[0])
}

// eventually repeats a command until its output has a text in it: `eventually TEXT COMMAND ARG…`.
func eventually(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: eventually TEXT COMMAND ARG…")
	}
	var out string
	for deadline := time.Now().Add(patience); time.Now().Before(deadline); time.Sleep(100 * time.Millisecond) {
		_ = ts.Exec(args[1], args[2:]...)
		out = ts.ReadFile("stdout") + ts.ReadFile("stderr")
		if strings.Contains(out, args[0]) {
			return
		}
	}
	ts.Fatalf("%q never printed %q; at last it was:\n%s", strings.Join(args[1:], " "), args[0], out)
}
