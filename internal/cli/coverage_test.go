package cli

import (
	"bytes"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/sallyport/sallyport/internal/awsapi"
)

// TestCoverage_page holds docs/coverage.md to the tables of operations.
func TestCoverage_page(t *testing.T) {
	services, err := readCoverage(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	var want bytes.Buffer
	if err := writeCoverage(&want, services); err != nil {
		t.Fatal(err)
	}
	page, err := os.ReadFile("../../docs/coverage.md")
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(page), want.String()); diff != "" {
		t.Errorf("docs/coverage.md is stale; `make coverage` writes it (-page +tables):\n%s", diff)
	}
}

// TestCoverage_tests finds for each operation that is answered a test that names it, in whatever way clients write it.
func TestCoverage_tests(t *testing.T) {
	if testing.Short() {
		t.Skip("reads all tests of the repository")
	}
	services, err := readCoverage(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	text := tests(t)
	for _, s := range services {
		for _, o := range s.operations {
			if o.State != awsapi.Refused && !names(text, o.Operation) {
				t.Errorf("%s of %s is answered, and no test names it", o.Operation, s.name)
			}
		}
	}
}

var hump = regexp.MustCompile(`([a-z0-9])([A-Z])`)

// names reports whether text has the operation as Go, the AWS command line, Python or JavaScript spell it.
func names(text, operation string) bool {
	snake := strings.ToLower(hump.ReplaceAllString(operation, "${1}_$2"))
	for _, name := range []string{operation, snake, strings.ReplaceAll(snake, "_", "-"), strings.ToLower(operation[:1]) + operation[1:]} {
		if strings.Contains(text, name) {
			return true
		}
	}
	return false
}

// tests returns all tests of the repository as one text.
func tests(t *testing.T) string {
	t.Helper()
	var b strings.Builder
	err := filepath.WalkDir("../..", func(path string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case d.IsDir() && (d.Name() == ".git" || d.Name() == "node_modules"):
			return filepath.SkipDir
		case !strings.HasSuffix(path, "_test.go") && !strings.HasSuffix(path, ".py") && !strings.Contains(path, "conformance/cases"), d.IsDir():
			return nil
		}
		data, err := os.ReadFile(path)
		b.Write(data)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return b.String()
}
