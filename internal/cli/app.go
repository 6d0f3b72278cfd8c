package cli

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/sallyport/sallyport/internal/cli/build"
	"github.com/sallyport/sallyport/internal/service/cloudformation/template"
	"github.com/sallyport/sallyport/internal/service/lambda"
)

// An app is a template and the code that it refers to on this disk.
type app struct {
	target target
	doc    *template.Document
	code   []localCode
}

// localCode is a property of a resource that names code on this disk.
type localCode struct {
	fn   build.Function
	sam  bool // AWS::Serverless::Function: CodeUri; else AWS::Lambda::Function: Code
	path string
}

func (s *session) readApp() (*app, error) { return readApp(s.target) }

func readApp(t target) (*app, error) {
	text, err := os.ReadFile(t.template)
	if err != nil {
		return nil, fmt.Errorf("read template: %w", err)
	}
	doc, err := template.Parse(text)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", t.template, err)
	}
	a := &app{target: t, doc: doc}
	resources, _ := doc.Root["Resources"].(map[string]any)
	globals := mapAt(doc.Root, "Globals", "Function")
	for _, id := range doc.Keys("Resources") {
		r, _ := resources[id].(map[string]any)
		properties := mapAt(r, "Properties")
		c := localCode{fn: build.Function{LogicalID: id}}
		metadata := mapAt(r, "Metadata")
		c.fn.Method, _ = metadata["BuildMethod"].(string)
		c.fn.Properties, _ = metadata["BuildProperties"].(map[string]any)
		switch r["Type"] {
		case "AWS::Serverless::Function":
			c.sam = true
			if properties["InlineCode"] != nil {
				continue
			}
			c.path, _ = either(properties, globals, "CodeUri").(string)
			c.fn.Runtime, _ = either(properties, globals, "Runtime").(string)
			c.fn.Handler, _ = either(properties, globals, "Handler").(string)
		case "AWS::Lambda::Function":
			c.path, _ = properties["Code"].(string)
			c.fn.Runtime, _ = properties["Runtime"].(string)
			c.fn.Handler, _ = properties["Handler"].(string)
		default:
			continue
		}
		if c.path == "" || strings.Contains(c.path, "://") {
			continue
		}
		c.fn.Source = c.path
		if !filepath.IsAbs(c.path) {
			c.fn.Source = filepath.Join(t.dir, c.path)
		}
		a.code = append(a.code, c)
	}
	return a, nil
}

func mapAt(m map[string]any, path ...string) map[string]any {
	for _, p := range path {
		m, _ = m[p].(map[string]any)
	}
	return m
}

func either(first, second map[string]any, key string) any {
	if v, ok := first[key]; ok {
		return v
	}
	return second[key]
}

// sources returns what the app is made of on this disk: what is worth watching.
func (a *app) sources() []string {
	list := []string{a.target.template}
	for _, c := range a.code {
		if !slices.Contains(list, c.fn.Source) {
			list = append(list, c.fn.Source)
		}
	}
	return list
}

// builders is how many functions are built at once.
const builders = 4

// build builds all functions and returns the template with the places of what was built in it.
func (a *app) build(ctx context.Context, b *build.Builder, built func(build.Function, build.Artifact, time.Duration)) ([]byte, error) {
	return a.rewrite(ctx, b, built, func(_ context.Context, path string) (bucket, key, version string, err error) {
		version, err = stateOf(path)
		return lambda.LocalBucket, path, version, err
	})
}

// rewrite builds all functions, has each artifact placed, and returns the template that names the places.
func (a *app) rewrite(ctx context.Context, b *build.Builder, built func(build.Function, build.Artifact, time.Duration), place func(ctx context.Context, path string) (bucket, key, version string, err error)) ([]byte, error) {
	artifacts, err := a.buildAll(ctx, b, built)
	if err != nil {
		return nil, err
	}
	root := clone(a.doc.Root).(map[string]any)
	resources := root["Resources"].(map[string]any)
	for i, c := range a.code {
		bucket, key, version, err := place(ctx, artifacts[i].Path)
		if err != nil {
			return nil, fmt.Errorf("place the code of %s: %w", c.fn.LogicalID, err)
		}
		r := resources[c.fn.LogicalID].(map[string]any)
		properties, ok := r["Properties"].(map[string]any)
		if !ok {
			properties = map[string]any{}
			r["Properties"] = properties
		}
		if c.sam {
			properties["CodeUri"] = withVersion(map[string]any{"Bucket": bucket, "Key": key}, "Version", version)
		} else {
			properties["Code"] = withVersion(map[string]any{"S3Bucket": bucket, "S3Key": key}, "S3ObjectVersion", version)
		}
	}
	if g := mapAt(root, "Globals", "Function"); g != nil {
		if path, ok := g["CodeUri"].(string); ok && !strings.Contains(path, "://") {
			delete(g, "CodeUri")
		}
	}
	text, err := json.Marshal(root)
	if err != nil {
		return nil, fmt.Errorf("encode template: %w", err)
	}
	return text, nil
}

func withVersion(m map[string]any, name, version string) map[string]any {
	if version != "" {
		m[name] = version
	}
	return m
}

// buildAll builds the functions, several at once; the first failure ends it.
func (a *app) buildAll(ctx context.Context, b *build.Builder, built func(build.Function, build.Artifact, time.Duration)) ([]build.Artifact, error) {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	artifacts := make([]build.Artifact, len(a.code))
	slots := make(chan struct{}, builders)
	var wg sync.WaitGroup
	for i, c := range a.code {
		wg.Go(func() {
			slots <- struct{}{}
			defer func() { <-slots }()
			if ctx.Err() != nil {
				return
			}
			began := time.Now()
			artifact, err := b.Build(ctx, c.fn)
			if err != nil {
				cancel(err)
				return
			}
			artifacts[i] = artifact
			built(c.fn, artifact, time.Since(began))
		})
	}
	wg.Wait()
	return artifacts, context.Cause(ctx)
}

func clone(v any) any {
	switch v := v.(type) {
	case map[string]any:
		m := make(map[string]any, len(v))
		for k, e := range v {
			m[k] = clone(e)
		}
		return m
	case []any:
		list := make([]any, len(v))
		for i, e := range v {
			list[i] = clone(e)
		}
		return list
	}
	return v
}

// stateOf returns a text that changes when a file under path does: names, sizes and times, which are quick to read.
func stateOf(path string) (string, error) {
	h := sha256.New()
	err := filepath.WalkDir(path, func(file string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() {
			if d.Name() == "__pycache__" || d.Name() == ".git" {
				return filepath.SkipDir
			}
			return nil
		}
		info, err := d.Info()
		if err != nil {
			return err
		}
		fmt.Fprintf(h, "%s %d %d\n", file, info.Size(), info.ModTime().UnixNano())
		return nil
	})
	return hex.EncodeToString(h.Sum(nil)[:16]), err
}
