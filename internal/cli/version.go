package cli

import (
	"fmt"
	"runtime"
	"runtime/debug"

	"github.com/spf13/cobra"
)

// version is set by the linker for releases.
var version = "devel"

func newVersion() *cobra.Command {
	return &cobra.Command{
		Use:   "version",
		Short: "Print the versions of sallyport, Go and the embedded engine",
		Args:  noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			fmt.Fprintf(cmd.OutOrStdout(), "sallyport %s\n%s %s/%s\n", version, runtime.Version(), runtime.GOOS, runtime.GOARCH)
			info, _ := debug.ReadBuildInfo()
			for _, dep := range info.Deps {
				if dep.Path == "github.com/nats-io/nats-server/v2" {
					fmt.Fprintf(cmd.OutOrStdout(), "nats-server %s\n", dep.Version)
				}
			}
			return nil
		},
	}
}
