package sallyport_test

import (
	"go/ast"
	"go/doc"
	"go/parser"
	"go/token"
	"path/filepath"
	"strings"
	"testing"
)

// TestExamples wants a runnable example for every exported type of the packages that others import.
func TestExamples(t *testing.T) {
	for _, dir := range []string{".", "wsapp", "wsapp/wsapptest"} {
		types, examples := map[string]bool{}, map[string]bool{}
		files, err := filepath.Glob(filepath.Join(dir, "*.go"))
		if err != nil {
			t.Fatal(err)
		}
		for _, file := range files {
			parsed, err := parser.ParseFile(token.NewFileSet(), file, nil, parser.ParseComments)
			if err != nil {
				t.Fatal(err)
			}
			for _, d := range parsed.Decls {
				switch d := d.(type) {
				case *ast.GenDecl:
					for _, s := range d.Specs {
						if s, ok := s.(*ast.TypeSpec); ok && s.Name.IsExported() && !strings.HasSuffix(file, "_test.go") {
							types[s.Name.Name] = true
						}
					}
				case *ast.FuncDecl:
					name, isExample := strings.CutPrefix(d.Name.Name, "Example")
					if of, _, _ := strings.Cut(name, "_"); isExample && strings.HasSuffix(file, "_test.go") {
						examples[of] = true
					}
				}
			}
			for _, e := range doc.Examples(parsed) {
				if e.Output == "" && !e.EmptyOutput {
					t.Errorf("%s: Example%s has no output, so it is not run", file, e.Name)
				}
			}
		}
		if len(types) == 0 {
			t.Errorf("%s has no types", dir)
		}
		for name := range types {
			if !examples[name] {
				t.Errorf("%s.%s has no example", dir, name)
			}
		}
	}
}
