//go:build !lambda.norpc

package sallyport

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/sallyport/sallyport/internal/app"
	"github.com/sallyport/sallyport/internal/app/build"
	"github.com/sallyport/sallyport/internal/local"
	"github.com/sallyport/sallyport/internal/server"
	"github.com/sallyport/sallyport/internal/service/cloudformation"
	"github.com/sallyport/sallyport/internal/service/cloudformation/template"
	"github.com/sallyport/sallyport/internal/service/lambda"
	"github.com/sallyport/sallyport/wsapp"
)

// functionsOf makes a host of each app, and returns their functions by name.
func (s *Server) functionsOf(apps []*wsapp.App) (map[string]server.Function, error) {
	functions := map[string]server.Function{}
	for _, a := range apps {
		if s.hosts[a] != nil {
			return nil, fmt.Errorf("app %s is given twice", a.Name)
		}
		h := &local.Host{App: a, Authorized: true}
		s.hosts[a] = h
		f := server.Function{Local: h.Function(), Invoke: h.Invoke}
		for _, r := range a.Routes() {
			name := functionName(a, r.Function)
			functions[name] = f
		}
	}
	return functions, nil
}

// functionName is what a function of an app is called here: a function of this process is found by its name.
func functionName(a *wsapp.App, function string) string {
	if function == "" {
		function = "App"
	}
	return a.StackName() + "-" + function
}

func (s *Server) deployAll(ctx context.Context, o options) error {
	for _, a := range o.apps {
		if err := s.deployApp(ctx, a); err != nil {
			return fmt.Errorf("deploy app %q: %w", a.Name, err)
		}
	}
	for _, t := range o.templates {
		if err := s.deployTemplate(ctx, t, o.parameters); err != nil {
			return fmt.Errorf("deploy %s: %w", t.path, err)
		}
	}
	return nil
}

// deployApp deploys an app's template. Its functions have a name, and code that never runs.
func (s *Server) deployApp(ctx context.Context, a *wsapp.App) error {
	code := filepath.Join(filepath.Dir(s.server.CredentialsFile()), "in-process")
	if err := os.MkdirAll(code, 0o700); err != nil {
		return fmt.Errorf("make code folder: %w", err)
	}
	const text = "#!/bin/sh\necho this function runs in the process of the server >&2\nexit 1\n"
	if err := os.WriteFile(filepath.Join(code, "bootstrap"), []byte(text), 0o700); err != nil {
		return fmt.Errorf("write code: %w", err)
	}
	t, err := a.Template(
		wsapp.Code(map[string]any{"Bucket": lambda.LocalBucket, "Key": code}),
		wsapp.Names(func(f string) string { return functionName(a, f) }),
	)
	if err != nil {
		return err
	}
	return s.deploy(ctx, cloudformation.DeployInput{StackName: a.StackName(), Template: t})
}

// deployTemplate builds the functions of a template, which then run from where they were built.
func (s *Server) deployTemplate(ctx context.Context, d deployment, parameters map[string]string) error {
	target, err := app.FindTarget(d.path)
	if err != nil {
		return err
	}
	a, err := app.Read(target)
	if err != nil {
		return err
	}
	cache, err := os.UserCacheDir()
	if err != nil {
		return fmt.Errorf("find the user's cache folder: %w", err)
	}
	b := &build.Builder{Cache: filepath.Join(cache, "sallyport", "build")}
	doc, err := a.Rewrite(ctx, b, func(f build.Function, _ build.Artifact, took time.Duration) {
		s.log.Info("built", "function", f.LogicalID, "took", took)
	}, place)
	if err != nil {
		return err
	}
	return s.deploy(ctx, cloudformation.DeployInput{StackName: target.StackName(), Document: doc, Parameters: parameters})
}

// place leaves the code of functions where it lies.
func place(_ context.Context, a template.Artifact, path string) (template.Location, error) {
	info, err := os.Stat(path)
	if err != nil {
		return template.Location{}, err
	}
	if !info.IsDir() || a.Type != "AWS::Serverless::Function" && a.Type != "AWS::Lambda::Function" {
		return template.Location{}, fmt.Errorf("%s of %s is a file, and only folders of functions are deployed in a program; use `sallyport deploy`", path, a.LogicalID)
	}
	version, err := app.StateOf(path)
	return template.Location{Bucket: lambda.LocalBucket, Key: path, Version: version}, err
}

func (s *Server) deploy(ctx context.Context, in cloudformation.DeployInput) error {
	stack, err := s.server.Deploy(ctx, in)
	if err != nil && !errors.Is(err, cloudformation.ErrNoChanges) {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.stacks = append(s.stacks, stack)
	return nil
}
