package build

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
)

// dependencies returns the names in package.json's "dependencies".
func dependencies(dir string) []string {
	data, err := os.ReadFile(filepath.Join(dir, "package.json"))
	if err != nil {
		return nil
	}
	var pkg struct {
		Dependencies map[string]string `json:"dependencies"`
	}
	if json.Unmarshal(data, &pkg) != nil {
		return nil // Node will say what is wrong with it
	}
	var names []string
	for name := range pkg.Dependencies {
		names = append(names, name)
	}
	return names
}

// needsNodeModules reports whether the source has dependencies that are not installed beside it.
func needsNodeModules(dir string) bool {
	for _, name := range dependencies(dir) {
		if !exists(filepath.Join(dir, "node_modules", filepath.FromSlash(name))) {
			return true
		}
	}
	return false
}

// node copies the source and installs its dependencies, as npm's lock file says where there is one.
func (b *Builder) node(ctx context.Context, f Function, stage string) (Artifact, error) {
	note, err := b.npm(ctx, f, stage, "--omit=dev")
	return Artifact{Path: stage, Note: note}, err
}

// npm brings stage up to date with the source and its dependencies.
func (b *Builder) npm(ctx context.Context, f Function, stage string, extra ...string) (note string, err error) {
	if err := syncTree(f.Source, stage, "node_modules"); err != nil {
		return "", err
	}
	want := digest(filepath.Join(stage, "package.json"), filepath.Join(stage, "package-lock.json"), filepath.Join(stage, ".npmrc"))
	if stamped(stage, "npm", want) {
		return "", nil
	}
	verb := "install"
	if exists(filepath.Join(stage, "package-lock.json")) {
		verb = "ci"
	}
	args := append([]string{verb, "--no-audit", "--no-fund", "--no-update-notifier", "--loglevel=error"}, extra...)
	if err := b.run(ctx, f, stage, nil, "npm", args...); err != nil {
		return "", err
	}
	return "npm " + verb, stamp(stage, "npm", want)
}

// esbuild bundles the entry points that Metadata.BuildProperties names.
func (b *Builder) esbuild(ctx context.Context, f Function, stage string) (Artifact, error) {
	entries := stringList(f.Properties["EntryPoints"])
	if len(entries) == 0 {
		return Artifact{}, errors.New("BuildMethod esbuild needs Metadata.BuildProperties.EntryPoints")
	}
	work, out := filepath.Join(stage, "work"), filepath.Join(stage, "out")
	if err := os.MkdirAll(work, 0o755); err != nil {
		return Artifact{}, fmt.Errorf("make build folder: %w", err)
	}
	if _, err := b.npm(ctx, f, work); err != nil {
		return Artifact{}, err
	}
	if err := os.RemoveAll(out); err != nil {
		return Artifact{}, fmt.Errorf("empty build folder: %w", err)
	}
	args := []string{"--yes", "esbuild"}
	if local := filepath.Join(work, "node_modules", ".bin", "esbuild"); exists(local) {
		args = []string{"--no-install", "esbuild"}
	}
	args = append(args, entries...)
	args = append(args, "--bundle", "--platform=node", "--outdir="+out, "--log-level=warning")
	for property, flag := range map[string]string{"Target": "target", "Format": "format", "MainFields": "main-fields", "Sourcemap": "sourcemap", "Minify": "minify"} {
		switch v := f.Properties[property].(type) {
		case string:
			args = append(args, "--"+flag+"="+v)
		case bool:
			if v {
				args = append(args, "--"+flag)
			}
		}
	}
	for _, external := range stringList(f.Properties["External"]) {
		args = append(args, "--external:"+external)
	}
	for _, ext := range stringList(f.Properties["OutExtension"]) {
		args = append(args, "--out-extension:"+ext)
	}
	for _, loader := range stringList(f.Properties["Loader"]) {
		args = append(args, "--loader:"+loader)
	}
	args = append(args, "--external:@aws-sdk/*", "--external:aws-sdk")
	if err := b.run(ctx, f, work, nil, "npx", args...); err != nil {
		return Artifact{}, err
	}
	return Artifact{Path: out, Note: "esbuild"}, nil
}

func stringList(v any) []string {
	list, _ := v.([]any)
	var out []string
	for _, item := range list {
		if s, ok := item.(string); ok {
			out = append(out, s)
		}
	}
	return out
}
