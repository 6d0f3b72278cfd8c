package build

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

func hasGo(dir string) bool {
	files, _ := filepath.Glob(filepath.Join(dir, "*.go"))
	return len(files) > 0
}

// golang compiles the package in the source folder for this machine: to `bootstrap` for provided.*, to the handler's name
// for go1.x. The source's own go.mod and go.sum stay as they are: a copy takes what go must add.
func (b *Builder) golang(ctx context.Context, f Function, stage string) (Artifact, error) {
	name := "bootstrap"
	if strings.HasPrefix(f.Runtime, "go") {
		name = f.Handler
	}
	out := filepath.Join(stage, "out")
	args := []string{"build", "-trimpath", "-o", filepath.Join(out, filepath.FromSlash(name))}
	if isProvided(f.Runtime) {
		args = append(args, "-tags", "lambda.norpc")
	}
	env := []string{"GOFLAGS=", "GOWORK=off"}
	if mod := findUp(f.Source, "go.mod"); mod != "" {
		modfile, err := b.modfile(ctx, f, mod, stage)
		if err != nil {
			return Artifact{}, err
		}
		if modfile != "" {
			args = append(args, "-modfile="+modfile)
		}
	}
	if err := b.run(ctx, f, f.Source, env, "go", append(args, ".")...); err != nil {
		return Artifact{}, err
	}
	return Artifact{Path: out, Note: "go build"}, nil
}

// modfile returns a completed copy of a module's go.mod if the module as it is does not build for want of go.sum lines.
func (b *Builder) modfile(ctx context.Context, f Function, mod, stage string) (string, error) {
	quiet := &Builder{}
	if quiet.run(ctx, f, f.Source, []string{"GOFLAGS=-mod=readonly", "GOWORK=off"}, "go", "list", "-deps", "-f", "{{with .Error}}{{.}}{{end}}", ".") == nil {
		return "", nil
	}
	sum := filepath.Join(filepath.Dir(mod), "go.sum")
	copied := filepath.Join(stage, "go.mod")
	if want := digest(mod, sum); !stamped(stage, "gomod", want) {
		for from, to := range map[string]string{mod: copied, sum: filepath.Join(stage, "go.sum")} {
			data, err := os.ReadFile(from)
			if err != nil && !os.IsNotExist(err) {
				return "", fmt.Errorf("copy module file: %w", err)
			}
			if err := os.WriteFile(to, data, 0o644); err != nil {
				return "", fmt.Errorf("copy module file: %w", err)
			}
		}
		if err := b.run(ctx, f, f.Source, []string{"GOFLAGS=-mod=mod", "GOWORK=off"}, "go", "mod", "tidy", "-modfile="+copied); err != nil {
			return "", err
		}
		if err := stamp(stage, "gomod", want); err != nil {
			return "", err
		}
	}
	return copied, nil
}

// findUp returns the file of this name in dir or the nearest folder above it, or "".
func findUp(dir, name string) string {
	for {
		if file := filepath.Join(dir, name); exists(file) {
			return file
		}
		up := filepath.Dir(dir)
		if up == dir {
			return ""
		}
		dir = up
	}
}
