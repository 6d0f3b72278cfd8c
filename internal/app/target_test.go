package app

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestFindTarget(t *testing.T) {
	const one = `{"artifacts":{"Tree":{"type":"cdk:tree"},"chat":{"type":"aws:cloudformation:stack","properties":{"templateFile":"ChatStack.template.json"}}}}`
	const two = `{"artifacts":{"b":{"type":"aws:cloudformation:stack","properties":{"templateFile":"b.template.json"}},"a":{"type":"aws:cloudformation:stack","properties":{"templateFile":"a.template.json"}}}}`
	for _, tt := range []struct {
		name                 string
		files                []string // name, content
		arg                  string
		template, stack, err string
	}{
		{name: "sam", files: []string{"template.yml", "", "cdk.out/manifest.json", one}, template: "template.yml", stack: "my-app"},
		{name: "assembly", files: []string{"manifest.json", one}, template: "ChatStack.template.json", stack: "ChatStack"},
		{name: "app_of_cdk", files: []string{"cdk.json", "{}", "cdk.out/manifest.json", one}, template: "cdk.out/ChatStack.template.json", stack: "ChatStack"},
		{name: "template_of_cdk", files: []string{"a.template.json", "{}"}, arg: "a.template.json", template: "a.template.json", stack: "a"},
		{name: "several_stacks", files: []string{"cdk.out/manifest.json", two}, err: "cdk.out has several stacks; name the template of one: "},
		{name: "no_stack", files: []string{"cdk.out/manifest.json", "{}"}, err: "cdk.out has no stack"},
		{name: "path_that_leaves", files: []string{"cdk.out/manifest.json", strings.Replace(one, "ChatStack", "../x", 1)}, err: "cdk.out has no stack"},
		{name: "no_json", files: []string{"cdk.out/manifest.json", "{"}, err: "read what the CDK has written: "},
		{name: "not_synthesized", files: []string{"cdk.json", "{}"}, err: "is an app of the CDK that has not been synthesized: run `npx cdk synth --quiet` there first"},
		{name: "nothing", err: "has no template; name the file, or call it one of template.yaml, template.yml, template.json"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			dir := filepath.Join(t.TempDir(), "my_app")
			for i := 0; i < len(tt.files); i += 2 {
				file := filepath.Join(dir, tt.files[i])
				if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
					t.Fatal(err)
				}
				if err := os.WriteFile(file, []byte(tt.files[i+1]), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			if err := os.MkdirAll(dir, 0o755); err != nil {
				t.Fatal(err)
			}
			got, err := FindTarget(filepath.Join(dir, tt.arg))
			if tt.err != "" {
				if err == nil || !strings.Contains(err.Error(), tt.err) {
					t.Errorf("error %v, want %q", err, tt.err)
				}
				return
			}
			if err != nil || got.Template != filepath.Join(dir, tt.template) || got.StackName() != tt.stack {
				t.Errorf("got %+v, stack %s, %v", got, got.StackName(), err)
			}
		})
	}
}
