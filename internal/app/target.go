package app

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
)

// templateNames are what a folder's template may be called, in the order of `sam`.
var templateNames = []string{"template.yaml", "template.yml", "template.json"}

// A Target is the template that is worked on.
type Target struct {
	Template string // absolute path of the file
	Dir      string // its folder: what CodeUri is relative to
}

// FindTarget reads the argument DIR or TEMPLATE; nothing means the current folder.
func FindTarget(arg string) (Target, error) {
	if arg == "" {
		arg = "."
	}
	path, err := filepath.Abs(arg)
	if err != nil {
		return Target{}, fmt.Errorf("find %s: %w", arg, err)
	}
	info, err := os.Stat(path)
	if errors.Is(err, fs.ErrNotExist) {
		return Target{}, fmt.Errorf("%s does not exist", arg)
	} else if err != nil {
		return Target{}, fmt.Errorf("find %s: %w", arg, err)
	}
	if !info.IsDir() {
		return Target{Template: path, Dir: filepath.Dir(path)}, nil
	}
	for _, name := range templateNames {
		file := filepath.Join(path, name)
		if _, err := os.Stat(file); err == nil {
			return Target{Template: file, Dir: path}, nil
		}
	}
	for _, dir := range []string{path, filepath.Join(path, "cdk.out")} {
		if t, err := findSynthesized(dir); !errors.Is(err, fs.ErrNotExist) {
			return t, err
		}
	}
	if _, err := os.Stat(filepath.Join(path, "cdk.json")); err == nil {
		return Target{}, fmt.Errorf("%s is an app of the CDK that has not been synthesized: run `npx cdk synth --quiet` there first", arg)
	}
	return Target{}, fmt.Errorf("%s has no template; name the file, or call it one of %s", arg, strings.Join(templateNames, ", "))
}

// synthesized is how the names of templates end that the CDK writes, one for each stack.
const synthesized = ".template.json"

// findSynthesized finds the only stack in a folder that the CDK has written: a cloud assembly.
func findSynthesized(dir string) (Target, error) {
	data, err := os.ReadFile(filepath.Join(dir, "manifest.json"))
	if err != nil {
		return Target{}, err
	}
	var manifest struct {
		Artifacts map[string]struct {
			Type       string `json:"type"`
			Properties struct {
				TemplateFile string `json:"templateFile"`
			} `json:"properties"`
		} `json:"artifacts"`
	}
	if err := json.Unmarshal(data, &manifest); err != nil {
		return Target{}, fmt.Errorf("read what the CDK has written: %w", err)
	}
	var files []string
	for _, a := range manifest.Artifacts {
		if a.Type == "aws:cloudformation:stack" && filepath.IsLocal(a.Properties.TemplateFile) {
			files = append(files, filepath.Join(dir, a.Properties.TemplateFile))
		}
	}
	slices.Sort(files)
	switch len(files) {
	case 0:
		return Target{}, fmt.Errorf("%s has no stack", dir)
	case 1:
		return Target{Template: files[0], Dir: dir}, nil
	}
	return Target{}, fmt.Errorf("%s has several stacks; name the template of one: %s", dir, strings.Join(files, ", "))
}

var notInStackNames = regexp.MustCompile(`[^a-zA-Z0-9]+`)

// StackName is what the stack of a template is called if nobody says: like its folder; of the CDK's, like its file.
func (t Target) StackName() string {
	name, ok := strings.CutSuffix(filepath.Base(t.Template), synthesized)
	if !ok {
		name = filepath.Base(t.Dir)
	}
	name = strings.Trim(notInStackNames.ReplaceAllString(name, "-"), "-")
	if name == "" || name[0] >= '0' && name[0] <= '9' {
		name = "app-" + name
	}
	return strings.TrimSuffix(name[:min(len(name), 64)], "-")
}
