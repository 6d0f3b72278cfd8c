// Package build makes the code of functions ready to run, as `sam build` would: it installs what package.json and
// requirements.txt ask for, compiles Go, bundles TypeScript, runs Makefiles. It never writes into the source.
//
// Build (build.go) picks a method; node.go, python.go, golang.go and makefile.go are the methods; sync.go keeps a
// copy of a source folder up to date. Code that needs no building is run where it lies.
package build

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
)

// A Function is the code of one function, or of several that share it.
type Function struct {
	LogicalID  string
	Runtime    string         // "nodejs20.x"
	Handler    string         // "app.handler"
	Source     string         // absolute path of a folder or of a zip file
	Method     string         // Metadata.BuildMethod, may be empty
	Properties map[string]any // Metadata.BuildProperties
	Ready      bool           // Source is what another tool has built
}

// An Artifact is what a function runs from.
type Artifact struct {
	Path string // folder or zip file
	Note string // one line of what was done, for people; empty when nothing was
}

// A Builder builds into folders under Cache, which it keeps for the next time. It may be used from many goroutines.
type Builder struct {
	// Cache is a folder of ours, for example {user cache}/sallyport/build.
	Cache string

	// Output gets what the tools print, line by line; nil drops it. The last lines are part of errors either way.
	Output func(f Function, line string)

	mu    sync.Mutex // guards locks
	locks map[string]*sync.Mutex
}

// Build returns the artifact of f. Calls for the same source and method wait for one another.
func (b *Builder) Build(ctx context.Context, f Function) (Artifact, error) {
	info, err := os.Stat(f.Source)
	if err != nil {
		return Artifact{}, fmt.Errorf("function %s: CodeUri: %w", f.LogicalID, err)
	}
	if !info.IsDir() || f.Ready {
		return Artifact{Path: f.Source}, nil
	}
	method := b.method(f)
	if method == nil {
		return Artifact{Path: f.Source}, nil
	}
	stage, unlock := b.stage(f)
	defer unlock()
	if err := os.MkdirAll(stage, 0o755); err != nil {
		return Artifact{}, fmt.Errorf("make build folder: %w", err)
	}
	a, err := method(ctx, f, stage)
	if err != nil {
		return Artifact{}, fmt.Errorf("build function %s (%s): %w", f.LogicalID, f.Source, err)
	}
	return a, nil
}

type method func(ctx context.Context, f Function, stage string) (Artifact, error)

// method picks how f is built; nil means that its source is run as it is.
func (b *Builder) method(f Function) method {
	switch {
	case f.Method == "makefile":
		return b.makefile
	case f.Method == "esbuild":
		return b.esbuild
	case f.Method == "go1.x", strings.HasPrefix(f.Runtime, "go"), isProvided(f.Runtime) && hasGo(f.Source):
		return b.golang
	case strings.HasPrefix(f.Runtime, "nodejs") && needsNodeModules(f.Source):
		return b.node
	case strings.HasPrefix(f.Runtime, "python") && exists(filepath.Join(f.Source, "requirements.txt")):
		return b.python
	}
	return nil
}

func isProvided(runtime string) bool { return strings.HasPrefix(runtime, "provided") }

// stage returns the folder that f is built in, and the function that lets others build there.
func (b *Builder) stage(f Function) (dir string, unlock func()) {
	key := f.Source + "\x00" + f.Runtime + "\x00" + f.Method
	switch {
	case f.Method == "makefile" || f.Method == "esbuild":
		key += "\x00" + f.LogicalID
	case strings.HasPrefix(f.Runtime, "go"):
		key += "\x00" + f.Handler // the executable's name
	}
	sum := sha256.Sum256([]byte(key))
	dir = filepath.Join(b.Cache, filepath.Base(f.Source)+"-"+hex.EncodeToString(sum[:6]))
	b.mu.Lock()
	if b.locks == nil {
		b.locks = map[string]*sync.Mutex{}
	}
	l := b.locks[dir]
	if l == nil {
		l = new(sync.Mutex)
		b.locks[dir] = l
	}
	b.mu.Unlock()
	l.Lock()
	return dir, l.Unlock
}

// run runs a tool in dir and returns an error with the end of what it printed.
func (b *Builder) run(ctx context.Context, f Function, dir string, env []string, name string, args ...string) error {
	if _, err := exec.LookPath(name); err != nil {
		return fmt.Errorf("%s is not installed on this machine (runtime %s needs it)", name, f.Runtime)
	}
	cmd := exec.CommandContext(ctx, name, args...)
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), env...)
	var tail tailWriter
	out := io.Writer(&tail)
	if b.Output != nil {
		lines := &lineWriter{f: func(line string) { b.Output(f, line) }}
		defer lines.flush()
		out = io.MultiWriter(&tail, lines)
	}
	cmd.Stdout, cmd.Stderr = out, out
	if err := cmd.Run(); err != nil {
		if ctx.Err() != nil {
			return ctx.Err()
		}
		var exit *exec.ExitError
		if errors.As(err, &exit) {
			return fmt.Errorf("%s %s: %w\n%s", name, strings.Join(args, " "), err, strings.TrimSpace(tail.String()))
		}
		return fmt.Errorf("run %s: %w", name, err)
	}
	return nil
}

// tailWriter keeps the last 4 KB.
type tailWriter struct{ buf []byte }

func (t *tailWriter) Write(p []byte) (int, error) {
	t.buf = append(t.buf, p...)
	if over := len(t.buf) - 4096; over > 0 {
		t.buf = append(t.buf[:0], t.buf[over:]...)
	}
	return len(p), nil
}

func (t *tailWriter) String() string { return string(t.buf) }

// lineWriter calls f for every line.
type lineWriter struct {
	f   func(string)
	buf []byte
}

func (l *lineWriter) Write(p []byte) (int, error) {
	l.buf = append(l.buf, p...)
	for {
		i := bytes.IndexByte(l.buf, '\n')
		if i < 0 {
			return len(p), nil
		}
		l.f(strings.TrimRight(string(l.buf[:i]), "\r"))
		l.buf = l.buf[i+1:]
	}
}

func (l *lineWriter) flush() {
	if len(l.buf) > 0 {
		l.f(string(l.buf))
		l.buf = nil
	}
}

func exists(path string) bool {
	_, err := os.Stat(path)
	return err == nil
}

// stamped reports whether the folder's stamp of this name holds want; it is how a step that took long is not repeated.
func stamped(dir, name, want string) bool {
	got, err := os.ReadFile(filepath.Join(dir, ".sallyport-"+name))
	return err == nil && string(got) == want
}

func stamp(dir, name, value string) error {
	if err := os.WriteFile(filepath.Join(dir, ".sallyport-"+name), []byte(value), 0o644); err != nil {
		return fmt.Errorf("write build stamp: %w", err)
	}
	return nil
}

// digest returns a hash of the files' contents; a missing file counts as empty.
func digest(files ...string) string {
	h := sha256.New()
	for _, f := range files {
		data, _ := os.ReadFile(f)
		fmt.Fprintf(h, "%s %d\n", filepath.Base(f), len(data))
		h.Write(data)
	}
	return hex.EncodeToString(h.Sum(nil))
}
