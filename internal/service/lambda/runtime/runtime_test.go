package runtime

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
)

func TestFamily(t *testing.T) {
	for _, tt := range []struct{ name, family, version string }{
		{"nodejs20.x", "nodejs", "20"},
		{"nodejs8.10", "nodejs", "8.10"},
		{"python3.12", "python", "3.12"},
		{"go1.x", "go", "1"},
		{"provided", "provided", ""},
		{"provided.al2023", "provided", "al2023"},
		{"java8.al2", "java", "8.al2"},
		{"ruby3.3", "ruby", "3.3"},
		{"odd", "odd", ""},
	} {
		if f, v := Family(tt.name); f != tt.family || v != tt.version {
			t.Errorf("Family(%q) = %q %q, want %q %q", tt.name, f, v, tt.family, tt.version)
		}
	}
}

func TestApart(t *testing.T) {
	for _, tt := range []struct{ family, want, nearer, farther string }{
		{"nodejs", "20", "20.1.0", "21.0.0"},
		{"nodejs", "20", "21.0.0", "19.0.0"}, // of two that are equally far, the newer
		{"nodejs", "14", "16.0.0", "20.0.0"},
		{"python", "3.12", "3.12.1", "3.13.0"},
		{"python", "3.12", "3.9.0", "2.7.18"},
	} {
		if apart(tt.family, tt.want, tt.nearer) >= apart(tt.family, tt.want, tt.farther) {
			t.Errorf("for %s %s, %s is not nearer than %s", tt.family, tt.want, tt.nearer, tt.farther)
		}
	}
}

func TestInterpreter(t *testing.T) {
	t.Run("found", func(t *testing.T) {
		if _, err := exec.LookPath("node"); err != nil {
			t.Skip("node is missing")
		}
		f := New(Options{})
		path, version, err := f.Interpreter("nodejs20.x")
		if err != nil || !filepath.IsAbs(path) || !strings.Contains(version, ".") {
			t.Errorf("interpreter = %q %q, %v", path, version, err)
		}
	})
	t.Run("missing", func(t *testing.T) {
		if m, _ := filepath.Glob("/usr/*/bin/node[0-9]*"); len(m) > 0 {
			t.Skip("this machine has Node.js in places that are always searched")
		}
		t.Setenv("PATH", t.TempDir())
		t.Setenv("HOME", t.TempDir())
		_, _, err := New(Options{}).Interpreter("nodejs20.x")
		var missing *MissingError
		if !errors.As(err, &missing) || err.Error() != "nodejs20.x needs Node.js on this machine; install it or set SALLYPORT_NODE to its path" {
			t.Errorf("error = %v", err)
		}
	})
	t.Run("set", func(t *testing.T) {
		_, _, err := New(Options{Paths: map[string]string{"python3.12": "/nowhere/python"}}).Interpreter("python3.12")
		if err == nil || err.Error() != "python3.12 is set to run on /nowhere/python, which does not answer as Python 3.12" {
			t.Errorf("error = %v", err)
		}
	})
}

func TestLaunch_Wrapper(t *testing.T) {
	dir, layer := t.TempDir(), t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "bootstrap"), nil, 0o755); err != nil {
		t.Fatal(err)
	}
	l, err := New(Options{}).Launch(Function{Runtime: "provided.al2023", CodeDir: dir, LayerDir: layer, Vars: map[string]string{"AWS_LAMBDA_EXEC_WRAPPER": "/opt/wrap"}})
	if err != nil || !slices.Equal(l.Argv, []string{filepath.Join(layer, "wrap"), filepath.Join(dir, "bootstrap")}) || l.Version != "provided:al2023" {
		t.Errorf("launch = %+v, %v", l, err)
	}
}

func TestBootstraps_Once(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "deep", "bootstrap")
	var wg sync.WaitGroup
	for range 8 { // as many processes that share the directory
		wg.Go(func() {
			got, err := New(Options{Dir: dir}).bootstraps()
			if err != nil {
				t.Error(err)
				return
			}
			for _, name := range []string{"bootstrap.cjs", "bootstrap.py", "names.cjs"} {
				if _, err := os.Stat(filepath.Join(got, name)); err != nil {
					t.Error(err)
				}
			}
		})
	}
	wg.Wait()
	if m, _ := filepath.Glob(filepath.Join(dir, "*")); len(m) != 1 {
		t.Errorf("directories = %q", m)
	}
}
