package build

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// tree writes files into a new folder.
func tree(t *testing.T, files map[string]string) string {
	t.Helper()
	dir := t.TempDir()
	for name, text := range files {
		path := filepath.Join(dir, filepath.FromSlash(name))
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

// list returns the relative paths of all files under dir, sorted.
func list(t *testing.T, dir string) string {
	t.Helper()
	var names []string
	err := filepath.WalkDir(dir, func(path string, d os.DirEntry, err error) error {
		if err == nil && !d.IsDir() {
			rel, _ := filepath.Rel(dir, path)
			names = append(names, filepath.ToSlash(rel))
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return strings.Join(names, " ")
}

func need(t *testing.T, program string) {
	t.Helper()
	if _, err := exec.LookPath(program); err != nil {
		if os.Getenv("CI") == "true" {
			t.Fatalf("%s is not installed", program)
		}
		t.Skipf("%s is not installed", program)
	}
}

// TestBuild_ready: what another tool has built is not built again.
func TestBuild_ready(t *testing.T) {
	dir := tree(t, map[string]string{"app.js": "", "package.json": `{"dependencies":{"no-such-package":"1"}}`})
	a, err := (&Builder{Cache: t.TempDir()}).Build(t.Context(), Function{Runtime: "nodejs22.x", Source: dir, Ready: true})
	if err != nil || a.Path != dir {
		t.Errorf("got %+v, %v, want the folder itself", a, err)
	}
}

func TestBuild_inPlace(t *testing.T) {
	for _, tt := range []struct {
		name, runtime string
		files         map[string]string
	}{
		{"node without dependencies", "nodejs20.x", map[string]string{"app.js": "", "package.json": `{"type":"module"}`}},
		{"node with its modules installed", "nodejs20.x", map[string]string{"package.json": `{"dependencies":{"@a/b":"1"}}`, "node_modules/@a/b/index.js": ""}},
		{"python without requirements", "python3.12", map[string]string{"app.py": ""}},
		{"python with empty requirements", "python3.12", map[string]string{"app.py": "", "requirements.txt": "# none\n"}},
		{"provided with its bootstrap", "provided.al2023", map[string]string{"bootstrap": "#!/bin/sh"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			src := tree(t, tt.files)
			b := &Builder{Cache: t.TempDir()}
			a, err := b.Build(t.Context(), Function{LogicalID: "F", Runtime: tt.runtime, Source: src})
			if err != nil || a.Path != src {
				t.Errorf("Build = %+v, %v; want the source itself", a, err)
			}
		})
	}
}

func TestBuild_go(t *testing.T) {
	const program = "package main\n\nfunc main() { println(\"ran\") }\n"
	for _, tt := range []struct{ name, runtime, want string }{
		{"provided", "provided.al2023", "bootstrap"},
		{"go1.x", "go1.x", "bin/handler"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			src := tree(t, map[string]string{"go.mod": "module x\n\ngo 1.14\n", "main.go": program})
			b := &Builder{Cache: t.TempDir()}
			a, err := b.Build(t.Context(), Function{LogicalID: "F", Runtime: tt.runtime, Handler: "bin/handler", Source: src})
			if err != nil {
				t.Fatal(err)
			}
			out, err := exec.Command(filepath.Join(a.Path, tt.want)).CombinedOutput()
			if err != nil || string(out) != "ran\n" {
				t.Errorf("the built program printed %q, %v", out, err)
			}
			if got := list(t, src); got != "go.mod main.go" {
				t.Errorf("the source has become %q", got)
			}
		})
	}
}

func TestBuild_failure(t *testing.T) {
	src := tree(t, map[string]string{"go.mod": "module x\n\ngo 1.14\n", "main.go": "package main\n\nfunc main() { undefinedName() }\n"})
	b := &Builder{Cache: t.TempDir()}
	_, err := b.Build(t.Context(), Function{LogicalID: "Send", Runtime: "provided.al2", Source: src})
	if err == nil || !strings.Contains(err.Error(), "build function Send") || !strings.Contains(err.Error(), "undefinedName") {
		t.Errorf("error = %v; want the function and the compiler's words", err)
	}
	if _, err := b.Build(t.Context(), Function{LogicalID: "Gone", Runtime: "nodejs20.x", Source: filepath.Join(src, "nope")}); err == nil || !strings.Contains(err.Error(), "Gone") {
		t.Errorf("error = %v; want one that names the function", err)
	}
}

func TestBuild_makefile(t *testing.T) {
	need(t, "make")
	src := tree(t, map[string]string{"Makefile": "build-F:\n\tcp bootstrap $(ARTIFACTS_DIR)/\n", "bootstrap": "x"})
	b := &Builder{Cache: t.TempDir()}
	a, err := b.Build(t.Context(), Function{LogicalID: "F", Runtime: "provided.al2", Method: "makefile", Source: src})
	if err != nil {
		t.Fatal(err)
	}
	if got := list(t, a.Path); got != "bootstrap" {
		t.Errorf("artifact holds %q, want bootstrap", got)
	}
}

// TestBuild_node installs a package that lies on this disk, so that no registry is needed.
func TestBuild_node(t *testing.T) {
	need(t, "npm")
	dep := tree(t, map[string]string{"package.json": `{"name":"greeter","version":"1.0.0"}`, "index.js": "module.exports = 'hi'"})
	src := tree(t, map[string]string{"app.js": "1", "package.json": `{"dependencies":{"greeter":"file:` + dep + `"}}`})
	b := &Builder{Cache: t.TempDir()}
	f := Function{LogicalID: "F", Runtime: "nodejs20.x", Source: src}
	a, err := b.Build(t.Context(), f)
	if err != nil {
		t.Fatal(err)
	}
	if !exists(filepath.Join(a.Path, "node_modules", "greeter", "index.js")) || !exists(filepath.Join(a.Path, "app.js")) || a.Note == "" {
		t.Errorf("artifact %+v lacks the code or its dependency", a)
	}
	if got := list(t, src); got != "app.js package.json" {
		t.Errorf("the source has become %q", got)
	}
	if err := os.WriteFile(filepath.Join(src, "new.js"), []byte("2"), 0o644); err != nil {
		t.Fatal(err)
	}
	if err := os.Remove(filepath.Join(src, "app.js")); err != nil {
		t.Fatal(err)
	}
	a, err = b.Build(t.Context(), f)
	if err != nil {
		t.Fatal(err)
	}
	if exists(filepath.Join(a.Path, "app.js")) || !exists(filepath.Join(a.Path, "new.js")) || !exists(filepath.Join(a.Path, "node_modules", "greeter")) || a.Note != "" {
		t.Errorf("after a change %+v does not follow the source, or installed again", a)
	}
}

func TestBuild_cancelled(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	src := tree(t, map[string]string{"go.mod": "module x\n\ngo 1.14\n", "main.go": "package main\nfunc main() {}\n"})
	b := &Builder{Cache: t.TempDir()}
	if _, err := b.Build(ctx, Function{LogicalID: "F", Runtime: "provided.al2", Source: src}); err == nil {
		t.Error("Build with a cancelled context succeeded")
	}
}
