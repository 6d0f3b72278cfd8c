package runtime

import (
	"context"
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"time"
)

//go:embed node python
var files embed.FS

// Options are the settings of a Finder.
type Options struct {
	// Dir takes the bootstraps' files; "" is a directory in the user's cache.
	Dir string

	// Paths names interpreters: by runtime ("nodejs20.x") or family ("nodejs", "python"). The variables SALLYPORT_NODE and
	// SALLYPORT_PYTHON do the same for the families.
	Paths map[string]string
}

// A Finder knows the interpreters of this machine. Its methods may be called from many goroutines.
type Finder struct {
	opts Options

	mu    sync.Mutex // guards what follows
	dir   string     // where the bootstraps are, once written
	found map[string]choice
}

type interpreter struct {
	path    string
	version string // "20.20.2"
}

type choice struct {
	interpreter
	warning string
}

// New returns a Finder that looks at nothing before it is asked.
func New(opts Options) *Finder {
	return &Finder{opts: opts, found: map[string]choice{}}
}

// Interpreter returns the path and version of the program that stands for a nodejs or python runtime here.
func (f *Finder) Interpreter(runtime string) (path, version string, err error) {
	in, _, err := f.interpreter(runtime)
	return in.path, in.version, err
}

// interpreter finds the program for a runtime: the exact version, or else the nearest with a warning.
func (f *Finder) interpreter(runtime string) (interpreter, string, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if c, ok := f.found[runtime]; ok {
		return c.interpreter, c.warning, nil
	}
	family, version := Family(runtime)
	title, variable := "Node.js", "SALLYPORT_NODE"
	if family == "python" {
		title, variable = "Python "+version, "SALLYPORT_PYTHON"
	}
	for _, p := range []string{f.opts.Paths[runtime], f.opts.Paths[family], os.Getenv(variable)} {
		if p == "" {
			continue
		}
		in, ok := ask(family, p)
		if !ok {
			return interpreter{}, "", &MissingError{fmt.Sprintf("%s is set to run on %s, which does not answer as %s", runtime, p, title)}
		}
		f.found[runtime] = choice{interpreter: in}
		return in, "", nil
	}
	best, distance := interpreter{}, 1<<30
	for _, p := range candidates(family, version) {
		if in, ok := ask(family, p); ok {
			if d := apart(family, version, in.version); d < distance {
				best, distance = in, d
			}
		}
		if distance == 0 {
			break
		}
	}
	if best.path == "" {
		return best, "", &MissingError{fmt.Sprintf("%s needs %s on this machine; install it or set %s to its path", runtime, title, variable)}
	}
	c := choice{interpreter: best}
	if distance > 0 {
		c.warning = fmt.Sprintf("%s runs on version %s, the nearest on this machine", runtime, best.version)
	}
	f.found[runtime] = c
	return c.interpreter, c.warning, nil
}

// candidates lists paths of programs that may be an interpreter, the likeliest first.
func candidates(family, version string) []string {
	home, _ := os.UserHomeDir()
	var out, globs []string
	if family == "nodejs" {
		out = []string{"node" + version, "nodejs" + version, "node", "nodejs"}
		globs = []string{".nvm/versions/node/v*/bin/node", ".local/share/fnm/node-versions/*/installation/bin/node", ".asdf/installs/nodejs/*/bin/node", ".volta/tools/image/node/*/bin/node", ".local/share/mise/installs/node/*/bin/node"}
	} else {
		out = []string{"python" + version, "python3", "python"}
		globs = []string{".pyenv/versions/3*/bin/python3", ".asdf/installs/python/3*/bin/python3", ".local/share/uv/python/*/bin/python3", ".local/share/mise/installs/python/3*/bin/python3"}
	}
	var paths []string
	for _, name := range out {
		if p, err := exec.LookPath(name); err == nil {
			paths = append(paths, p)
		}
	}
	for _, g := range globs {
		m, _ := filepath.Glob(filepath.Join(home, g))
		paths = append(paths, m...)
	}
	for _, dir := range []string{"/usr/local/bin", "/usr/bin", "/opt/homebrew/bin"} {
		pattern := "node[0-9]*"
		if family == "python" {
			pattern = "python3.[0-9]*"
		}
		m, _ := filepath.Glob(filepath.Join(dir, pattern))
		paths = append(paths, m...)
	}
	return paths
}

var versionText = regexp.MustCompile(`^v?(\d+\.\d+\.\d+)\S*$`)

// ask runs a program to learn whether it is an interpreter of the family, where it really is, and its version.
func ask(family, path string) (interpreter, bool) {
	args := []string{"-p", "process.execPath+'\\n'+process.version"}
	if family == "python" {
		args = []string{"-S", "-c", "import sys;print(sys.executable);print('%d.%d.%d'%sys.version_info[:3])"}
	}
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	out, err := exec.CommandContext(ctx, path, args...).Output()
	if err != nil {
		return interpreter{}, false
	}
	exe, version, ok := strings.Cut(strings.TrimSpace(string(out)), "\n")
	m := versionText.FindStringSubmatch(strings.TrimSpace(version))
	if !ok || m == nil {
		return interpreter{}, false
	}
	// A shim starts the program that it stands for: take that, since the function's environment may lack what the shim needs.
	return interpreter{path: strings.TrimSpace(exe), version: m[1]}, true
}

// apart says how far a version is from the wanted one; of two that are equally far the newer is nearer.
func apart(family, want, have string) int {
	part := func(s string, i int) int {
		p := strings.Split(s, ".")
		if i >= len(p) {
			return 0
		}
		n, _ := strconv.Atoi(p[i])
		return n
	}
	i := 0
	if family == "python" {
		if part(have, 0) != part(want, 0) {
			return 1 << 20
		}
		i = 1
	}
	d := part(have, i) - part(want, i)
	if d < 0 {
		return -2*d + 1
	}
	return 2 * d
}

// bootstraps writes the embedded files below Dir, in a folder named by their content, and returns the folder.
func (f *Finder) bootstraps() (string, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.dir != "" {
		return f.dir, nil
	}
	base := f.opts.Dir
	if base == "" {
		cache, err := os.UserCacheDir()
		if err != nil {
			cache = os.TempDir()
		}
		base = filepath.Join(cache, "sallyport", "bootstrap")
	}
	sum := sha256.New()
	content := map[string][]byte{}
	err := fs.WalkDir(files, ".", func(p string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		b, err := files.ReadFile(p)
		if err != nil {
			return err
		}
		fmt.Fprintf(sum, "%s %d\n%s", p, len(b), b)
		content[path.Base(p)] = b
		return nil
	})
	if err != nil {
		return "", err
	}
	dir := filepath.Join(base, hex.EncodeToString(sum.Sum(nil))[:16])
	if err := writeAll(dir, content); err != nil {
		return "", fmt.Errorf("write bootstraps: %w", err)
	}
	f.dir, err = filepath.Abs(dir)
	return f.dir, err
}

// writeAll fills dir at once: another process sees all files or none.
func writeAll(dir string, content map[string][]byte) error {
	if _, err := os.Stat(dir); err == nil {
		return nil
	}
	if err := os.MkdirAll(filepath.Dir(dir), 0o755); err != nil {
		return err
	}
	tmp, err := os.MkdirTemp(filepath.Dir(dir), "new-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(tmp)
	if err := os.Chmod(tmp, 0o755); err != nil {
		return err
	}
	for name, b := range content {
		if err := os.WriteFile(filepath.Join(tmp, name), b, 0o644); err != nil {
			return err
		}
	}
	if err := os.Rename(tmp, dir); err != nil {
		if _, statErr := os.Stat(dir); statErr == nil {
			return nil // another process was first
		}
		return err
	}
	return nil
}
