// Package app is an app as it lies on a disk: a template and the code that it refers to. It is read, built (package build), and made into a template
// that names where the code was put.
//
// target.go finds the template; app.go reads, builds and rewrites it. Deploying is the caller's.
package app

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"time"

	"github.com/sallyport/sallyport/internal/app/build"
	"github.com/sallyport/sallyport/internal/service/cloudformation/template"
)

// An App is a template and what it refers to on this disk.
type App struct {
	target    Target
	doc       *template.Document
	artifacts []template.Artifact
	functions []build.Function // what an artifact is built from, in the same order
}

// Read reads a template and finds the code that it refers to.
func Read(t Target) (*App, error) {
	text, err := os.ReadFile(t.Template)
	if err != nil {
		return nil, fmt.Errorf("read template: %w", err)
	}
	doc, err := template.Parse(text)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", t.Template, err)
	}
	a := &App{target: t, doc: doc, artifacts: template.LocalArtifacts(doc)}
	for _, artifact := range a.artifacts {
		f := build.Function{LogicalID: artifact.LogicalID, Runtime: artifact.Runtime, Handler: artifact.Handler, Method: artifact.BuildMethod, Source: artifact.Path}
		if !filepath.IsAbs(f.Source) {
			f.Source = filepath.Join(t.Dir, f.Source)
		}
		f.Properties, _ = artifact.Metadata["BuildProperties"].(map[string]any)
		f.Ready = artifact.Ready
		a.functions = append(a.functions, f)
	}
	return a, nil
}

// Sources returns what the app is made of on this disk: what is worth watching.
func (a *App) Sources() []string {
	list := []string{a.target.Template}
	for _, f := range a.functions {
		if !slices.Contains(list, f.Source) {
			list = append(list, f.Source)
		}
	}
	return list
}

// builders is how many functions are built at once.
const builders = 4

// A Placer puts what was built where the server finds it.
type Placer func(ctx context.Context, a template.Artifact, path string) (template.Location, error)

// Rewrite builds what must be built, has each artifact placed, and returns the template that names the places. Its errors still
// have the lines of the file.
func (a *App) Rewrite(ctx context.Context, b *build.Builder, built func(build.Function, build.Artifact, time.Duration), place Placer) (*template.Document, error) {
	artifacts, err := a.buildAll(ctx, b, built)
	if err != nil {
		return nil, err
	}
	var locations []template.Location
	for i, artifact := range a.artifacts {
		l, err := place(ctx, artifact, artifacts[i].Path)
		if err != nil {
			return nil, fmt.Errorf("place the %s of %s: %w", artifact.Property, artifact.LogicalID, err)
		}
		l.LogicalID = artifact.LogicalID
		locations = append(locations, l)
	}
	return template.Rewrite(a.doc, locations), nil
}

// buildAll builds the functions, several at once; the first failure ends it.
func (a *App) buildAll(ctx context.Context, b *build.Builder, built func(build.Function, build.Artifact, time.Duration)) ([]build.Artifact, error) {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	artifacts := make([]build.Artifact, len(a.functions))
	slots := make(chan struct{}, builders)
	var wg sync.WaitGroup
	for i, f := range a.functions {
		wg.Go(func() {
			slots <- struct{}{}
			defer func() { <-slots }()
			if ctx.Err() != nil {
				return
			}
			began := time.Now()
			artifact, err := b.Build(ctx, f)
			if err != nil {
				cancel(err)
				return
			}
			artifacts[i] = artifact
			built(f, artifact, time.Since(began))
		})
	}
	wg.Wait()
	return artifacts, context.Cause(ctx)
}

// StateOf returns a text that changes when a file under path does: names, sizes and times, which are quick to read.
func StateOf(path string) (string, error) {
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
