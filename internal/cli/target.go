package cli

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

// A target is the template that dev and deploy work on.
type target struct {
	template string // absolute path of the file
	dir      string // its folder: what CodeUri is relative to
}

// findTarget reads the argument DIR or TEMPLATE; nothing means the current folder.
func findTarget(arg string) (target, error) {
	if arg == "" {
		arg = "."
	}
	path, err := filepath.Abs(arg)
	if err != nil {
		return target{}, fmt.Errorf("find %s: %w", arg, err)
	}
	info, err := os.Stat(path)
	if errors.Is(err, fs.ErrNotExist) {
		return target{}, fmt.Errorf("%s does not exist", arg)
	} else if err != nil {
		return target{}, fmt.Errorf("find %s: %w", arg, err)
	}
	if !info.IsDir() {
		return target{template: path, dir: filepath.Dir(path)}, nil
	}
	for _, name := range templateNames {
		file := filepath.Join(path, name)
		if _, err := os.Stat(file); err == nil {
			return target{template: file, dir: path}, nil
		}
	}
	return target{}, fmt.Errorf("%s has no template; name the file, or call it one of %s", arg, strings.Join(templateNames, ", "))
}

var notInStackNames = regexp.MustCompile(`[^a-zA-Z0-9]+`)

// stackName is what the stack of a template is called if nobody says: like its folder.
func (t target) stackName() string {
	name := strings.Trim(notInStackNames.ReplaceAllString(filepath.Base(t.dir), "-"), "-")
	if name == "" || name[0] >= '0' && name[0] <= '9' {
		name = "app-" + name
	}
	return strings.TrimSuffix(name[:min(len(name), 64)], "-")
}

// parseOverrides reads --parameter-overrides, in both forms that `sam` takes: K=V, and ParameterKey=K,ParameterValue=V.
func parseOverrides(args []string) (map[string]string, error) {
	values := map[string]string{}
	for _, arg := range args {
		if rest, ok := strings.CutPrefix(arg, "ParameterKey="); ok {
			if key, value, ok := strings.Cut(rest, ",ParameterValue="); ok {
				values[key] = value
				continue
			}
		}
		key, value, ok := strings.Cut(arg, "=")
		if !ok || key == "" {
			return nil, usagef("--parameter-overrides takes K=V, not %q", arg)
		}
		values[key] = value
	}
	return values, nil
}
