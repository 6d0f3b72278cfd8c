// Statements prints how many statements of the contract are proven by a test, per family, and with -missing which are not. It reads
// nothing but names: of test functions, of subtests (any string of a test file), of conformance cases, scripts and Python tests. So
// what it prints says that somebody claims a proof; `make test` says that the proof holds.
//
//	cd tools && go run ./statements [-missing]
package main

import (
	"flag"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
)

// families has the number of statements in each family of the contract.
var families = []struct {
	name, about string
	count       int
}{
	{"DP", "data plane", 319},
	{"CP", "control plane", 106},
	{"DE", "deployment", 110},
	{"LA", "Lambda", 107},
	{"DY", "DynamoDB", 115},
	{"SF", "Step Functions", 94},
	{"EV", "EventBridge and Logs", 98},
	{"AU", "authentication and authorization", 94},
}

func main() {
	root := flag.String("root", "..", "the repository's folder")
	missing := flag.Bool("missing", false, "list the statements without a test")
	flag.Parse()
	proven, err := read(*root)
	if err != nil {
		fmt.Fprintln(os.Stderr, "statements:", err)
		os.Exit(1)
	}
	fmt.Print(report(proven, *missing))
}

// report has a line for each family.
func report(proven map[string]map[int]bool, missing bool) string {
	var b strings.Builder
	have, all := 0, 0
	for _, f := range families {
		var lacking []string
		for n := 1; n <= f.count; n++ {
			if !proven[f.name][n] {
				lacking = append(lacking, fmt.Sprintf("%03d", n))
			}
		}
		have, all = have+f.count-len(lacking), all+f.count
		fmt.Fprintf(&b, "%s %4d of %4d  %s\n", f.name, f.count-len(lacking), f.count, f.about)
		if missing && len(lacking) > 0 {
			fmt.Fprintf(&b, "   missing: %s\n", strings.Join(lacking, " "))
		}
	}
	fmt.Fprintf(&b, "   %4d of %4d\n", have, all)
	return b.String()
}

// read finds the statements that tests below root name.
func read(root string) (map[string]map[int]bool, error) {
	proven := map[string]map[int]bool{}
	for _, f := range families {
		proven[f.name] = map[int]bool{}
	}
	err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case d.IsDir() && (d.Name() == ".git" || d.Name() == "node_modules"):
			return filepath.SkipDir
		case d.IsDir() || !isTest(filepath.ToSlash(path)):
			return nil
		}
		data, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		texts := []string{string(data)}
		if strings.HasSuffix(path, ".go") {
			if texts, err = names(path, data); err != nil {
				return err
			}
		}
		for _, text := range texts {
			find(text, proven)
		}
		return nil
	})
	return proven, err
}

func isTest(path string) bool {
	return strings.HasSuffix(path, "_test.go") && !strings.Contains(path, "/tools/") || strings.Contains(path, "conformance/cases/") ||
		strings.Contains(path, "testdata/script/") || strings.HasSuffix(path, ".py") && strings.Contains(path, "test/")
}

// names returns what a Go test file calls its tests: names of functions, and strings.
func names(path string, source []byte) ([]string, error) {
	file, err := parser.ParseFile(token.NewFileSet(), path, source, 0)
	if err != nil {
		return nil, err
	}
	var texts []string
	ast.Inspect(file, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.FuncDecl:
			texts = append(texts, n.Name.Name)
		case *ast.BasicLit:
			if n.Kind == token.STRING {
				texts = append(texts, n.Value)
			}
		}
		return true
	})
	return texts, nil
}

// statement matches "DY-001", "DY001", and lists and ranges as in "DY-001/002", "DY-001, 002" and "DY-001…004".
var statement = regexp.MustCompile(`(?:^|[^A-Za-z0-9]|[a-z])(DP|CP|DE|LA|DY|SF|EV|AU)-?([0-9]{3})((?:(?:/|, ?|…|\.\.\.|–| to )(?:[A-Z]{2}-?)?[0-9]{3})*)\b`)

var further = regexp.MustCompile(`(/|, ?|…|\.\.\.|–| to )(?:[A-Z]{2}-?)?([0-9]{3})`)

// find adds the statements that text names.
func find(text string, proven map[string]map[int]bool) {
	text = strings.ReplaceAll(text, "_", " ")
	for len(text) > 0 {
		m := statement.FindStringSubmatchIndex(text)
		if m == nil {
			return
		}
		family := text[m[2]:m[3]]
		last, _ := strconv.Atoi(text[m[4]:m[5]])
		proven[family][last] = true
		for _, more := range further.FindAllStringSubmatch(text[m[6]:m[7]], -1) {
			n, _ := strconv.Atoi(more[2])
			if sep := more[1]; sep != "/" && !strings.HasPrefix(sep, ",") {
				for i := last; i < n; i++ {
					proven[family][i] = true
				}
			}
			proven[family][n] = true
			last = n
		}
		text = text[m[1]:]
	}
}
