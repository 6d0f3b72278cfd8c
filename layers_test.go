package sallyport_test

import (
	"errors"
	"go/build"
	"go/parser"
	"go/token"
	"io/fs"
	"path"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
)

const module = "github.com/sallyport/sallyport"

// layers draws the architecture: a package imports only packages drawn below it.
// A package named in full stands there, whatever pattern also matches it.
var layers = [][]string{
	{"cmd/sallyport", "bench/*", "conformance/run"},
	{"conformance"}, // a client: of ours it uses the signer alone
	{"internal/cli"},
	{"internal/cli/*"},  // parts of the command line: building, watching, drawing
	{"."},               // package sallyport, the embeddable server
	{"internal/app"},    // an app as it lies on a disk
	{"internal/app/*"},  // building it
	{"wsapp/wsapptest"}, // for users; the real gateway without a network
	{"internal/server"},
	{"internal/local", "internal/telemetry"}, // apps of package wsapp on a gateway of this process
	{"internal/edge", "internal/console", "internal/gateway", "internal/service/*"},
	{"internal/service/*/*/*"}, // suites and implementations of a service's own contracts
	{"internal/gateway/*", "internal/service/*/*", "internal/edge/*"},
	{"internal/gateway/frame", "internal/gateway/throttle", "internal/gateway/mapping", "internal/service/dynamodb/expr", "internal/service/cloudformation/template", "internal/service/lambda/runtime", "internal/service/states/asl"},
	{"internal/service/dynamodb/item"},
	{"internal/apigateway", "internal/resource"},
	{"internal/awsapi/shapes/*"}, // generated from AWS's models
	{"internal/awsapi"},
	{"internal/awsapi/*", "internal/natsd"},
	{"internal/store/*", "internal/bus/*"}, // implementations
	{"internal/natsd/streams"},
	{"internal/store", "internal/bus"}, // contracts
	{"internal/vtl", "internal/selection", "internal/jsonpath", "internal/eventpattern", "internal/policy"},
	{"internal/json"},
	{"internal/arn"},
	{"wsapp"}, // for users; imports nothing of ours
}

// fences names the only packages that may import a dependency.
var fences = map[string][]string{
	"github.com/nats-io/":        {"internal/store/nats", "internal/bus/nats", "internal/natsd", "internal/natsd/streams"},
	"github.com/coder/websocket": {"internal/cli"}, // the client side; the server side is ours
	"github.com/aws/aws-sdk-go":  {},               // only in test/ and examples/, which are modules of their own
}

// TestLayers holds the import graph against the drawing above. Test files may import anything below cmd.
func TestLayers(t *testing.T) {
	checked := 0
	err := filepath.WalkDir(".", func(file string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() {
			if file != "." && (strings.HasPrefix(d.Name(), ".") || d.Name() == "testdata" || d.Name() == "node_modules" || isModule(file)) {
				return filepath.SkipDir
			}
			return nil
		}
		if !strings.HasSuffix(file, ".go") || strings.HasSuffix(file, "_test.go") {
			return nil
		}
		f, err := parser.ParseFile(token.NewFileSet(), file, nil, parser.ImportsOnly)
		if err != nil {
			return err
		}
		checked++
		from := filepath.ToSlash(filepath.Dir(file))
		for _, spec := range f.Imports {
			to, _ := strconv.Unquote(spec.Path.Value)
			checkFence(t, from, to)
			if to == module {
				checkArrow(t, from, ".")
			} else if rest, ok := strings.CutPrefix(to, module+"/"); ok {
				checkArrow(t, from, rest)
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if checked == 0 {
		t.Fatal("no Go file was checked")
	}
}

// TestPackageComments looks at what go doc shows: a blank line between a comment and its package clause, and it shows nothing.
func TestPackageComments(t *testing.T) {
	err := filepath.WalkDir(".", func(dir string, d fs.DirEntry, err error) error {
		if err != nil || !d.IsDir() {
			return err
		}
		if dir != "." && (strings.HasPrefix(d.Name(), ".") || d.Name() == "testdata" || d.Name() == "node_modules" || isModule(dir)) {
			return filepath.SkipDir
		}
		pkg, err := build.ImportDir(dir, 0)
		var none *build.NoGoError
		switch {
		case errors.As(err, &none):
			return nil
		case err != nil:
			return err
		case pkg.Doc == "" && len(pkg.GoFiles) > 0:
			t.Errorf("package %s in %s has no comment", pkg.Name, dir)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

func isModule(dir string) bool {
	matches, _ := filepath.Glob(filepath.Join(dir, "go.mod"))
	return len(matches) > 0
}

func checkArrow(t *testing.T, from, to string) {
	t.Helper()
	a, b := layerOf(from), layerOf(to)
	switch {
	case a < 0:
		t.Errorf("%s is not drawn in layers", from)
	case b < 0:
		t.Errorf("%s is not drawn in layers", to)
	case b <= a:
		t.Errorf("%s imports %s, which is not below it", from, to)
	}
}

func layerOf(pkg string) int {
	for i, l := range layers {
		for _, p := range l {
			if p == pkg {
				return i
			}
		}
	}
	for i, l := range layers {
		for _, p := range l {
			if ok, _ := path.Match(p, pkg); ok {
				return i
			}
		}
	}
	return -1
}

func checkFence(t *testing.T, from, to string) {
	t.Helper()
	for dep, allowed := range fences {
		if !strings.HasPrefix(to, dep) || strings.HasPrefix(to, "github.com/aws/aws-lambda-go") {
			continue
		}
		ok := false
		for _, p := range allowed {
			ok = ok || p == from || strings.HasPrefix(from, p+"/")
		}
		if !ok {
			t.Errorf("%s imports %s; only %v may", from, to, allowed)
		}
	}
}
