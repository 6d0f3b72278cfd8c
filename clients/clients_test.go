// Package clients_test runs the tests of the packages for other languages, with a binary that it builds.
package clients_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"testing"
)

func TestClients(t *testing.T) {
	if testing.Short() {
		t.Skip("builds the binary")
	}
	binary := filepath.Join(t.TempDir(), "sallyport")
	if out, err := exec.Command("go", "build", "-o", binary, "../cmd/sallyport").CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	for _, tt := range []struct {
		name, dir string
		command   []string
	}{
		{"npm", "npm", []string{"node", "--test", "test/"}},
		{"python", "python", []string{python(), "-m", "unittest", "discover", "tests"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if _, err := exec.LookPath(tt.command[0]); err != nil {
				if os.Getenv("CI") == "true" {
					t.Fatal(err)
				}
				t.Skipf("%s is not installed", tt.command[0])
			}
			cmd := exec.CommandContext(t.Context(), tt.command[0], tt.command[1:]...)
			cmd.Dir = tt.dir
			cmd.Env = append(os.Environ(), "SALLYPORT="+binary, "PYTHONDONTWRITEBYTECODE=1")
			if out, err := cmd.CombinedOutput(); err != nil {
				t.Errorf("%v\n%s", err, out)
			}
		})
	}
}

// python returns an interpreter, if possible one that has pytest: the first in the path need not be the system's.
func python() string {
	for _, program := range []string{"python3", "/usr/bin/python3"} {
		if exec.Command(program, "-c", "import pytest").Run() == nil {
			return program
		}
	}
	return "python3"
}
