package app

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
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
	return Target{}, fmt.Errorf("%s has no template; name the file, or call it one of %s", arg, strings.Join(templateNames, ", "))
}

var notInStackNames = regexp.MustCompile(`[^a-zA-Z0-9]+`)

// StackName is what the stack of a template is called if nobody says: like its folder.
func (t Target) StackName() string {
	name := strings.Trim(notInStackNames.ReplaceAllString(filepath.Base(t.Dir), "-"), "-")
	if name == "" || name[0] >= '0' && name[0] <= '9' {
		name = "app-" + name
	}
	return strings.TrimSuffix(name[:min(len(name), 64)], "-")
}
