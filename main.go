//go:build !lambda.norpc

package sallyport

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/signal"
	"strings"
	"syscall"

	"github.com/sallyport/sallyport/wsapp"
)

// Main is the program of an app. In Lambda it answers events. Elsewhere it does what its arguments say, and exits: `run` serves the app in the process, with API,
// table and all that the template says; `template`, `describe`, `deploy` and `delete` are those of [wsapp.App.Command].
func Main(app *wsapp.App) {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	err := command(ctx, app, os.Args[1:], os.Stdout)
	stop()
	if _, ok := errors.AsType[usageError](err); ok {
		fmt.Fprintf(os.Stderr, "%s: %v\n", app.Name, err)
		os.Exit(2)
	}
	wsapp.Exit(app, err)
}

func command(ctx context.Context, app *wsapp.App, args []string, out io.Writer) error {
	switch {
	case wsapp.InLambda():
		return app.Lambda(ctx)
	case len(args) == 0 || args[0] == "help" || args[0] == "-h" || args[0] == "--help":
		_, err := io.WriteString(out, usage)
		return err
	case args[0] == "run":
		return run(ctx, app, args[1:], out)
	case !strings.Contains(wsapp.Usage, "  "+args[0]+" "):
		return usageError{fmt.Errorf("there is no command %q. %s", args[0], strings.TrimSuffix(usage, "\n"))}
	}
	return app.Command(ctx, args, out)
}

const usage = "Commands:\n  run      [--port N] [--data DIR]  serve here\n" + wsapp.Usage

// A usageError is a mistake in how a command was written: status 2.
type usageError struct{ error }

// run serves the app until ctx is done.
func run(ctx context.Context, app *wsapp.App, args []string, out io.Writer) error {
	flags := flag.NewFlagSet("run", flag.ContinueOnError)
	flags.SetOutput(io.Discard)
	port := flags.Int("port", 4566, "the one port; 0 means any")
	data := flags.String("data", "", "folder for the data; without it nothing outlives the program")
	switch err := flags.Parse(args); {
	case errors.Is(err, flag.ErrHelp):
		fmt.Fprintln(out, "Options of run:")
		flags.SetOutput(out)
		flags.PrintDefaults()
		return nil
	case err != nil:
		return usageError{fmt.Errorf("%w; `run --help` lists the options", err)}
	case flags.NArg() > 0:
		return usageError{fmt.Errorf("run takes no arguments but options, not %q", flags.Arg(0))}
	case *port < 0 || *port > 65535:
		return usageError{fmt.Errorf("--port is 0 to 65535, not %d", *port)}
	}
	log := slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: slog.LevelWarn}))
	opts := []Option{Port(*port), App(app), Log(log)}
	if *data != "" {
		opts = append(opts, Data(*data))
	}
	s, err := Start(ctx, opts...)
	if err != nil {
		return err
	}
	// SDKs that functions use find the server as they find AWS in Lambda.
	for _, v := range s.Env() {
		name, value, _ := strings.Cut(v, "=")
		os.Setenv(name, value)
	}
	if app.Table != nil {
		os.Setenv(app.Table.VariableName(), s.Outputs()["Table"])
	}
	for name, value := range app.Environment {
		os.Setenv(name, value)
	}
	fmt.Fprintf(out, "%s is ready\n\n  %s\n\nConnect from another terminal:   sallyport connect %[2]s\nCtrl-C stops.\n", app.Name, s.URL(app.Name))
	<-s.Done()
	if err := s.Close(); err != nil && ctx.Err() == nil {
		return err
	}
	return nil
}
