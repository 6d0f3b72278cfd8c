package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/spf13/cobra"
)

// Exit codes.
const (
	exitDone   = 0
	exitFailed = 1
	exitUsage  = 2
)

// Main runs the command line and returns the exit code. It ends early when ctx is done.
func Main(ctx context.Context, args []string, stdin io.Reader, stdout, stderr io.Writer) int {
	root := newRoot()
	root.SetArgs(args)
	root.SetIn(stdin)
	root.SetOut(stdout)
	root.SetErr(stderr)
	err := root.ExecuteContext(ctx)
	var usage *usageError
	switch {
	case err == nil, errors.Is(err, context.Canceled) && ctx.Err() != nil:
		return exitDone
	case errors.As(err, &usage):
		fmt.Fprintf(stderr, "sallyport: %v\n", err)
		return exitUsage
	default:
		fmt.Fprintf(stderr, "sallyport: %v\n", err)
		return exitFailed
	}
}

// A usageError is a mistake in how the command was written.
type usageError struct{ err error }

func (e *usageError) Error() string { return e.err.Error() }
func (e *usageError) Unwrap() error { return e.err }

func usagef(format string, args ...any) error { return &usageError{fmt.Errorf(format, args...)} }

func newRoot() *cobra.Command {
	root := &cobra.Command{
		Use:   "sallyport",
		Short: "Run WebSocket APIs made for Amazon API Gateway, unchanged, anywhere",
		Long: `Sallyport is Amazon API Gateway's WebSocket API as open software: it holds the sockets, routes
messages, runs the functions behind them and lets them push, from the templates you have.

  sallyport dev                 build, run and watch the app in this folder
  sallyport connect API/STAGE   talk to it`,
		SilenceErrors:     true,
		SilenceUsage:      true,
		CompletionOptions: cobra.CompletionOptions{HiddenDefaultCmd: true},
		Args: func(cmd *cobra.Command, args []string) error {
			if len(args) > 0 {
				return usagef("unknown command %q; `sallyport --help` lists the commands", args[0])
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	root.SetFlagErrorFunc(func(cmd *cobra.Command, err error) error {
		return usagef("%w; `%s --help` lists the options", err, cmd.CommandPath())
	})
	root.AddCommand(
		newDev(), newServe(), newDeploy(), newDelete(), newConnect(), newLogs(), newStatus(), newEnv(), newCoverage(), newVersion(),
	)
	return root
}

// noArgs accepts no argument.
func noArgs(cmd *cobra.Command, args []string) error {
	if len(args) > 0 {
		return usagef("`%s` takes no argument, not %q; `%[1]s --help` lists the options", cmd.CommandPath(), strings.Join(args, " "))
	}
	return nil
}

// oneArg accepts an argument, which is called what, or none.
func oneArg(what string) cobra.PositionalArgs {
	return func(cmd *cobra.Command, args []string) error {
		if len(args) > 1 {
			return usagef("`%s` takes one argument at most, %s, not %q", cmd.CommandPath(), what, strings.Join(args, " "))
		}
		return nil
	}
}
