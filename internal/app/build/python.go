package build

import (
	"bufio"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

// python copies the source and installs requirements.txt into the copy. Where pip cannot, but the interpreter
// has what is asked for already, the interpreter's own packages do.
func (b *Builder) python(ctx context.Context, f Function, stage string) (Artifact, error) {
	requirements := filepath.Join(f.Source, "requirements.txt")
	wanted := readRequirements(requirements)
	if len(wanted) == 0 {
		return Artifact{Path: f.Source}, nil
	}
	src, deps := f.Source, filepath.Join(stage, ".deps")
	interpreter := pythonFor(f.Runtime)
	note := ""
	if want := interpreter + digest(requirements); !stamped(stage, "pip", want) {
		err := b.run(ctx, f, src, nil, interpreter, "-m", "pip", "install", "--quiet", "--disable-pip-version-check",
			"--no-input", "--upgrade", "--target", deps, "-r", requirements)
		if err != nil {
			missing := missingPackages(ctx, interpreter, wanted)
			if ctx.Err() != nil || len(missing) > 0 {
				return Artifact{}, err
			}
			return Artifact{Path: f.Source, Note: "pip could not install requirements.txt; using the packages of " + interpreter}, nil
		}
		if err := stamp(stage, "pip", want); err != nil {
			return Artifact{}, err
		}
		note = "pip install"
	}
	out := filepath.Join(stage, "out")
	if err := syncTree(deps, out); err != nil {
		return Artifact{}, err
	}
	if err := overlay(src, out); err != nil {
		return Artifact{}, err
	}
	return Artifact{Path: out, Note: note}, nil
}

// readRequirements returns the names of the packages that a requirements file asks for.
func readRequirements(file string) []string {
	f, err := os.Open(file)
	if err != nil {
		return nil
	}
	defer f.Close()
	var names []string
	for s := bufio.NewScanner(f); s.Scan(); {
		line, _, _ := strings.Cut(s.Text(), "#")
		if line = strings.TrimSpace(line); line == "" {
			continue
		}
		if i := strings.IndexAny(line, "=<>!~[; "); i > 0 {
			line = line[:i]
		}
		names = append(names, line)
	}
	return names
}

// missingPackages returns those that the interpreter has not installed.
func missingPackages(ctx context.Context, interpreter string, names []string) []string {
	const program = `import sys
from importlib import metadata
for n in sys.argv[1:]:
    try: metadata.version(n)
    except Exception: print(n)`
	out, err := exec.CommandContext(ctx, interpreter, append([]string{"-c", program}, names...)...).Output()
	if err != nil {
		return names
	}
	return strings.Fields(string(out))
}

// pythonFor returns the interpreter of a runtime: python3.12 for "python3.12" if it is installed, else python3.
func pythonFor(runtime string) string {
	if _, err := exec.LookPath(runtime); err == nil {
		return runtime
	}
	return "python3"
}

// overlay copies src over what is in dst.
func overlay(src, dst string) error {
	if err := copyTree(src, dst); err != nil {
		return fmt.Errorf("copy %s: %w", src, err)
	}
	return nil
}
