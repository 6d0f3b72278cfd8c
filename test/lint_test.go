package test

import (
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// TestTemplates_lint shows the templates of the examples to AWS's linter, and that of the app which writes its own.
func TestTemplates_lint(t *testing.T) {
	need(t, "cfn-lint", "go")
	templates, err := filepath.Glob(filepath.Join(example(""), "*", "template.yaml"))
	if err != nil || len(templates) < 5 {
		t.Fatalf("found %q, %v", templates, err)
	}
	for _, file := range templates {
		t.Run(filepath.Base(filepath.Dir(file)), func(t *testing.T) {
			if out, err := exec.Command("cfn-lint", file).CombinedOutput(); err != nil {
				t.Errorf("%v\n%s", err, out)
			}
		})
	}
	t.Run("written by the app", func(t *testing.T) {
		write := exec.Command("go", "run", "./broadcast", "template")
		write.Dir = example("")
		text, err := write.Output()
		if err != nil {
			t.Fatal(err)
		}
		lint := exec.Command("cfn-lint")
		lint.Stdin = strings.NewReader(string(text))
		if out, err := lint.CombinedOutput(); err != nil {
			t.Errorf("%v\n%s", err, out)
		}
	})
}
