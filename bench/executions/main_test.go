//go:build linux

package main

import (
	"context"
	"os"
	"testing"
	"time"

	"github.com/sallyport/sallyport/internal/cli"
)

// serverEnv makes this program the server that is measured.
const serverEnv = "SALLYPORT_TEST_EXECUTIONS_SERVER"

func TestMain(m *testing.M) {
	if os.Getenv(serverEnv) != "" {
		os.Exit(cli.Main(context.Background(), os.Args[1:], os.Stdin, os.Stdout, os.Stderr))
	}
	os.Exit(m.Run())
}

// TestMeasure runs hundreds of executions at once on a whole server, in real time: each has all its notifications, in order, none twice,
// and no wait ends early. In the second the server is killed with -9 and started again meanwhile.
func TestMeasure_SF077(t *testing.T) {
	if testing.Short() {
		t.Skip("takes some seconds of real time")
	}
	t.Setenv(serverEnv, "1")
	for _, tt := range []struct {
		name string
		kill bool
	}{{name: "undisturbed"}, {name: "killed", kill: true}} {
		t.Run(tt.name, func(t *testing.T) {
			if err := measure(options{n: 300, wait: 1, kill: tt.kill, bin: os.Args[0], patient: 3 * time.Minute}); err != nil {
				t.Error(err)
			}
		})
	}
}
