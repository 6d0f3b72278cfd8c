package sdk

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"

	"github.com/sallyport/sallyport/internal/service/lambda/runtime"
)

// Options are the settings of Bundles.
type Options struct {
	// Dir is the cache; "" is sallyport/sdk in the user's cache directory.
	Dir string

	// Runtimes finds the interpreters that an SDK is installed for and with.
	Runtimes *runtime.Finder

	// Progress is told what is being done, in sentences for people; nil tells nobody.
	Progress func(text string)
}

// Bundles installs SDKs into a cache. Its methods may be called from many goroutines, and by many processes that share a cache.
type Bundles struct {
	opts Options

	mu   sync.Mutex // one installation at a time
	have map[string]bool
}

// New returns Bundles that install nothing before they are asked.
func New(opts Options) *Bundles {
	if opts.Progress == nil {
		opts.Progress = func(string) {}
	}
	return &Bundles{opts: opts, have: map[string]bool{}}
}

// A Function is what Modules needs to know of a function.
type Function struct {
	Runtime  string // "nodejs20.x"
	CodeDir  string
	LayerDir string // "" without layers
}

// Modules returns the directories that hold the SDK for a function, to be searched after its own: worker.Spec.Modules. It
// installs what is not in the cache yet, which takes a while and needs a network. An error says in one sentence what is
// missing and what to do; the directories that there are come along with it, and the function may be run.
func (b *Bundles) Modules(ctx context.Context, fn Function) ([]string, error) {
	switch family, version := runtime.Family(fn.Runtime); family {
	case "nodejs":
		return b.node(ctx, fn, version)
	case "python":
		return b.python(ctx, fn, version)
	}
	return nil, nil
}

func (b *Bundles) node(ctx context.Context, fn Function, version string) ([]string, error) {
	missing := missingNode(fn.CodeDir, fn.LayerDir, version)
	if len(missing) == 0 {
		return nil, nil
	}
	major, _ := strconv.Atoi(version)
	var bundles []bundle
	if major <= 16 {
		// AWS: only v2 is there. A function that names a v3 package besides has to bring it.
		for _, pkg := range missing {
			if pkg == "aws-sdk" {
				bundles = []bundle{v2}
			}
		}
	} else {
		usual := false
		for _, pkg := range missing {
			switch {
			case pkg == "aws-sdk": // AWS: not there any more
			case bundled(pkg):
				usual = true
			default:
				bundles = append(bundles, extra(pkg))
			}
		}
		if usual {
			bundles = append([]bundle{v3()}, bundles...)
		}
	}
	var dirs []string
	var errs []error
	for _, bun := range bundles {
		dir, err := b.ensure(ctx, bun, "node", func(dir string) (*exec.Cmd, error) { return b.npm(ctx, fn.Runtime, dir, bun) })
		if err != nil {
			errs = append(errs, fmt.Errorf("%s, which %s brings along on AWS, could not be installed: %w; or put it into the function's package", bun.title, fn.Runtime, err))
			continue
		}
		dirs = append(dirs, filepath.Join(dir, "node_modules"))
	}
	return dirs, errors.Join(errs...)
}

// npm is the command that installs a bundle into dir, with the npm that belongs to the function's Node.js.
func (b *Bundles) npm(ctx context.Context, runtimeName, dir string, bun bundle) (*exec.Cmd, error) {
	node, _, err := b.opts.Runtimes.Interpreter(runtimeName)
	if err != nil {
		return nil, err
	}
	npm := filepath.Join(filepath.Dir(node), "npm")
	if _, err := os.Stat(npm); err != nil {
		if npm, err = exec.LookPath("npm"); err != nil {
			return nil, errors.New("npm is missing: install it")
		}
	}
	args := append([]string{"install", "--prefix", dir, "--no-audit", "--no-fund", "--ignore-scripts", "--no-save", "--no-package-lock", "--omit=dev", "--loglevel=error"}, bun.packages...)
	cmd := exec.CommandContext(ctx, npm, args...)
	cmd.Env = append(os.Environ(), "PATH="+filepath.Dir(node)+string(os.PathListSeparator)+os.Getenv("PATH"), "NODE_ENV=production")
	return cmd, nil
}

func (b *Bundles) python(ctx context.Context, fn Function, version string) ([]string, error) {
	if !missingPython(fn.CodeDir, fn.LayerDir, version) {
		return nil, nil
	}
	python, have, err := b.opts.Runtimes.Interpreter(fn.Runtime)
	if err != nil {
		return nil, nil // the function cannot be run anyway, and says so
	}
	if b.installed(ctx, python) {
		return nil, nil
	}
	if dir, ok := b.borrow(ctx, python); ok {
		return []string{dir}, nil
	}
	parts := strings.Split(have, ".")
	dir, err := b.ensure(ctx, boto, "python3."+parts[1], func(dir string) (*exec.Cmd, error) {
		args := append([]string{"-m", "pip", "install", "--target", dir, "--quiet", "--disable-pip-version-check", "--no-input"}, boto.packages...)
		return exec.CommandContext(ctx, python, args...), nil
	})
	if err != nil {
		return nil, fmt.Errorf("boto3, which %s brings along on AWS, could not be installed: %w; or install it for %s, or put it into the function's package", fn.Runtime, err, python)
	}
	return []string{dir}, nil
}

// installed says whether an interpreter of this machine has boto3 already.
func (b *Bundles) installed(ctx context.Context, python string) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.have[python] {
		return true
	}
	// Not this directory's, nor what PYTHONPATH adds: functions do not see that either.
	cmd := exec.CommandContext(ctx, python, "-I", "-c", "import importlib.util, sys; sys.exit(importlib.util.find_spec('boto3') is None)")
	b.have[python] = cmd.Run() == nil
	return b.have[python]
}
