package runtime

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
)

// A Protocol is how a process asks for work.
type Protocol int

const (
	// Frames is our own bootstraps' protocol on descriptor 3.
	Frames Protocol = iota
	// HTTP is Lambda's Runtime API at AWS_LAMBDA_RUNTIME_API.
	HTTP
	// HTTPOrRPC is for go1.x: old programs serve net/rpc on _LAMBDA_SERVER_PORT, newer ones either.
	HTTPOrRPC
)

// A Function is what Launch needs to know of a function.
type Function struct {
	Runtime  string            // "nodejs20.x"
	Handler  string            // "index.handler"
	CodeDir  string            // the task root
	LayerDir string            // /opt; "" without layers
	Modules  []string          // directories of the bundled SDK
	Vars     map[string]string // the function's own variables
	MemoryMB int
}

// A Launch is how a function's process is started.
type Launch struct {
	Argv    []string // the first is the path of the program
	Env     []string // "K=V", the runtime's part of the environment
	Speaks  Protocol
	Version string // "nodejs:20.20.2", for the log
	Warning string // "" or a sentence for people, worth saying once
}

// An EntrypointError says that a function has no program to start, in AWS's words.
type EntrypointError struct{ Text string }

func (e *EntrypointError) Error() string { return e.Text }

// A MissingError says that this machine cannot run a runtime, and what to do.
type MissingError struct{ Text string }

func (e *MissingError) Error() string { return e.Text }

// Launch says how to start fn, or with an EntrypointError or MissingError why it cannot be started.
func (f *Finder) Launch(fn Function) (Launch, error) {
	family, _ := Family(fn.Runtime)
	var l Launch
	var err error
	switch family {
	case "nodejs":
		l, err = f.node(fn)
	case "python":
		l, err = f.python(fn)
	case "provided":
		l, err = provided(fn)
	case "go":
		l, err = goProgram(fn)
	default:
		err = &MissingError{fmt.Sprintf("%s is not a runtime that Sallyport runs: it runs nodejs, python, provided and go1.x", fn.Runtime)}
	}
	if err != nil {
		return Launch{}, err
	}
	l.Env = append(l.Env, "PATH="+searchPath(fn), "LD_LIBRARY_PATH="+libraryPath(fn))
	return wrapped(l, fn), nil
}

// Family splits a runtime's name: "nodejs20.x" is nodejs 20, "python3.12" is python 3.12, "provided.al2023" is provided.
func Family(runtime string) (family, version string) {
	if rest, ok := strings.CutPrefix(runtime, "provided"); ok {
		return "provided", strings.TrimPrefix(rest, ".")
	}
	i := strings.IndexAny(runtime, "0123456789")
	if i < 0 {
		return runtime, ""
	}
	return runtime[:i], strings.TrimSuffix(runtime[i:], ".x")
}

// Layer maps a path of AWS's below /opt or /var/task to where it is here.
func (fn Function) Layer(path string) string {
	if rest, ok := strings.CutPrefix(path, "/opt/"); ok && fn.LayerDir != "" {
		return filepath.Join(fn.LayerDir, rest)
	}
	if rest, ok := strings.CutPrefix(path, "/var/task/"); ok {
		return filepath.Join(fn.CodeDir, rest)
	}
	return path
}

// mapList maps every element of a colon-separated list.
func (fn Function) mapList(list string) []string {
	var out []string
	for _, p := range filepath.SplitList(list) {
		if p != "" {
			out = append(out, fn.Layer(p))
		}
	}
	return out
}

func (fn Function) layerDirs(names ...string) []string {
	var out []string
	if fn.LayerDir != "" {
		for _, n := range names {
			out = append(out, filepath.Join(fn.LayerDir, n))
		}
	}
	return out
}

func searchPath(fn Function) string {
	dirs := fn.mapList(fn.Vars["PATH"])
	dirs = append(dirs, filepath.SplitList(os.Getenv("PATH"))...)
	for _, d := range []string{"/usr/local/bin", "/usr/bin", "/bin"} {
		if !slices.Contains(dirs, d) {
			dirs = append(dirs, d)
		}
	}
	return strings.Join(append(dirs, fn.layerDirs("bin")...), ":")
}

func libraryPath(fn Function) string {
	dirs := append(fn.mapList(fn.Vars["LD_LIBRARY_PATH"]), fn.CodeDir, filepath.Join(fn.CodeDir, "lib"))
	return strings.Join(append(dirs, fn.layerDirs("lib")...), ":")
}

// wrapped puts the function's wrapper script before the command, if it names one.
func wrapped(l Launch, fn Function) Launch {
	w := fn.Vars["AWS_LAMBDA_EXEC_WRAPPER"]
	if w == "" || l.Speaks == HTTPOrRPC {
		return l
	}
	l.Argv = append([]string{fn.Layer(w)}, l.Argv...)
	return l
}

func provided(fn Function) (Launch, error) {
	for _, dir := range append([]string{fn.CodeDir}, fn.layerDirs("")...) {
		path := filepath.Join(dir, "bootstrap")
		if st, err := os.Stat(path); err == nil && st.Mode().IsRegular() {
			return Launch{Argv: []string{path}, Speaks: HTTP, Version: strings.Replace(fn.Runtime, ".", ":", 1)}, nil
		}
	}
	return Launch{}, &EntrypointError{"Couldn't find valid bootstrap(s): [/var/task/bootstrap /opt/bootstrap]"}
}

func goProgram(fn Function) (Launch, error) {
	path := filepath.Join(fn.CodeDir, filepath.FromSlash(fn.Handler))
	if st, err := os.Stat(path); err != nil || !st.Mode().IsRegular() {
		// AWS: what go1.x says of a handler that is not in the zip.
		return Launch{}, &EntrypointError{fmt.Sprintf("fork/exec /var/task/%s: no such file or directory", fn.Handler)}
	}
	return Launch{Argv: []string{path}, Speaks: HTTPOrRPC, Version: "go:1.x", Env: execEnv(fn)}, nil
}

func execEnv(fn Function) []string {
	return []string{"AWS_EXECUTION_ENV=AWS_Lambda_" + fn.Runtime, "PWD=" + fn.CodeDir, "SHLVL=0"}
}

func (f *Finder) node(fn Function) (Launch, error) {
	in, warning, err := f.interpreter(fn.Runtime)
	if err != nil {
		return Launch{}, err
	}
	dir, err := f.bootstraps()
	if err != nil {
		return Launch{}, err
	}
	_, major := Family(fn.Runtime)
	path := fn.layerDirs("nodejs/node"+major+"/node_modules", "nodejs/node_modules")
	path = append(path, fn.Modules...)
	path = append(path, fn.CodeDir)
	path = append(path, fn.mapList(fn.Vars["NODE_PATH"])...)
	env := append(execEnv(fn), "NODE_PATH="+strings.Join(path, ":"))
	if o := fn.Vars["NODE_OPTIONS"]; o != "" && fn.LayerDir != "" {
		env = append(env, "NODE_OPTIONS="+strings.ReplaceAll(o, "/opt/", fn.LayerDir+"/"))
	}
	argv := []string{in.path, filepath.Join(dir, "bootstrap.cjs")}
	if !strings.Contains(fn.Vars["NODE_OPTIONS"], "max-old-space-size") {
		// The heap may take nine tenths of the memory, so that V8 collects before the limit is met.
		argv = slices.Insert(argv, 1, "--max-old-space-size="+strconv.Itoa(max(fn.MemoryMB*9/10, 110)))
	}
	return Launch{Argv: argv, Env: env, Speaks: Frames, Version: "nodejs:" + in.version, Warning: warning}, nil
}

func (f *Finder) python(fn Function) (Launch, error) {
	in, warning, err := f.interpreter(fn.Runtime)
	if err != nil {
		return Launch{}, err
	}
	dir, err := f.bootstraps()
	if err != nil {
		return Launch{}, err
	}
	minor := in.version
	if p := strings.SplitN(minor, ".", 3); len(p) == 3 {
		minor = p[0] + "." + p[1]
	}
	_, named := Family(fn.Runtime)
	layers := fn.layerDirs("python/lib/python"+named+"/site-packages", "python")
	if named != minor {
		layers = append(layers, fn.layerDirs("python/lib/python"+minor+"/site-packages")...)
	}
	env := append(execEnv(fn),
		"PYTHONPATH="+strings.Join(fn.mapList(fn.Vars["PYTHONPATH"]), ":"),
		"PYTHONDONTWRITEBYTECODE=1", // the task root is not ours to write to
		"SALLYPORT_LAYERS="+strings.Join(layers, ":"),
		"SALLYPORT_MODULES="+strings.Join(fn.Modules, ":"))
	return Launch{Argv: []string{in.path, filepath.Join(dir, "bootstrap.py")}, Env: env, Speaks: Frames, Version: "python:" + in.version, Warning: warning}, nil
}
