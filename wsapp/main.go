package wsapp

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"
)

// Main is the program of an app: in Lambda it answers events, elsewhere it does what its arguments say, and exits. It cannot serve by itself; package sallyport has
// a Main that does that, too.
func Main(a *App) {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	var err error
	if InLambda() {
		err = a.Lambda(ctx)
	} else {
		err = a.Command(ctx, os.Args[1:], os.Stdout)
	}
	stop()
	Exit(a, err)
}

// Exit ends the program with an error's sentence, if there is one: with status 2 if [App.Command] was used wrongly, with that of the tool that failed, or with 1.
func Exit(a *App, err error) {
	if err == nil || errors.Is(err, flag.ErrHelp) {
		os.Exit(0)
	}
	if exit, ok := errors.AsType[*exec.ExitError](err); ok {
		os.Exit(exit.ExitCode()) // it has told why
	}
	fmt.Fprintf(os.Stderr, "%s: %v\n", a.Name, err)
	if _, ok := errors.AsType[usageError](err); ok {
		os.Exit(2)
	}
	os.Exit(1)
}

// Usage lists the commands of [App.Command].
const Usage = `  template [--code DIR]            print the template, for AWS and for Sallyport
  describe [--svg]                 say what the app is made of, as text or as a diagram
  deploy   [--stack-name NAME]     deploy to a running Sallyport, with the sallyport command
  deploy   --aws                   deploy to AWS, with the sam command
  delete   [--stack-name NAME]     delete what was deployed; from AWS with --aws
`

// A usageError is a mistake in how a command was written; Exit makes it status 2.
type usageError struct{ error }

// Command does what arguments say; they are without the program's name. It prints to out.
func (a *App) Command(ctx context.Context, args []string, out io.Writer) error {
	if len(args) == 0 {
		args = []string{"help"}
	}
	if err := a.check(); err != nil {
		return err
	}
	flags := flag.NewFlagSet(args[0], flag.ContinueOnError)
	var code, stack string
	var svg, aws bool
	switch args[0] {
	case "template":
		flags.StringVar(&code, "code", ".", "folder of the program, as seen from the template")
	case "describe":
		flags.BoolVar(&svg, "svg", false, "draw a diagram")
	case "deploy", "delete":
		flags.StringVar(&stack, "stack-name", a.StackName(), "name of the stack")
		flags.BoolVar(&aws, "aws", false, "AWS, and not Sallyport")
	case "help", "-h", "--help":
		_, err := io.WriteString(out, "Commands:\n"+Usage)
		return err
	default:
		return usageError{fmt.Errorf("there is no command %q; commands are:\n%s", args[0], strings.TrimSuffix(Usage, "\n"))}
	}
	switch err := parse(flags, args[1:], out); {
	case errors.Is(err, flag.ErrHelp):
		return nil
	case err != nil:
		return err
	}
	switch args[0] {
	case "deploy":
		return a.deploy(ctx, stack, aws)
	case "delete":
		if aws {
			return run(ctx, "sam", "delete", "--stack-name", stack, "--no-prompts")
		}
		return run(ctx, "sallyport", "delete", stack)
	}
	text, err := a.print(args[0], code, svg)
	if err == nil {
		_, err = out.Write(text)
	}
	return err
}

// print returns what the commands write that only look at the app.
func (a *App) print(command, code string, svg bool) ([]byte, error) {
	switch {
	case command == "template":
		return a.Template(Code(code))
	case svg:
		return a.Diagram()
	}
	text, err := a.Describe()
	return []byte(text), err
}

// parse reads the options of a command, which takes nothing else. With flag.ErrHelp it has printed them.
func parse(flags *flag.FlagSet, args []string, out io.Writer) error {
	flags.SetOutput(io.Discard)
	err := flags.Parse(args)
	switch {
	case errors.Is(err, flag.ErrHelp):
		fmt.Fprintf(out, "Options of %s:\n", flags.Name())
		flags.SetOutput(out)
		flags.PrintDefaults()
		return err
	case err != nil:
		return usageError{fmt.Errorf("%w; `%s --help` lists the options", err, flags.Name())}
	case flags.NArg() > 0:
		return usageError{fmt.Errorf("%s takes no arguments but options, not %q", flags.Name(), flags.Arg(0))}
	}
	return nil
}

// deploy has the user's tools deploy the app's template. The code is the program in the present folder.
func (a *App) deploy(ctx context.Context, stack string, aws bool) error {
	code, err := os.Getwd()
	if err != nil {
		return err
	}
	if files, _ := filepath.Glob("*.go"); len(files) == 0 {
		return errors.New("run deploy in the folder of the program: that is what is built")
	}
	text, err := a.Template(Code(code))
	if err != nil {
		return err
	}
	dir, err := os.MkdirTemp("", "wsapp")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	file := filepath.Join(dir, "template.yaml")
	if err := os.WriteFile(file, text, 0o600); err != nil {
		return err
	}
	if !aws {
		return run(ctx, "sallyport", "deploy", file, "--stack-name", stack)
	}
	build := filepath.Join(dir, "build")
	if err := run(ctx, "sam", "build", "--template-file", file, "--build-dir", build); err != nil {
		return err
	}
	return run(ctx, "sam", "deploy", "--template-file", filepath.Join(build, "template.yaml"), "--stack-name", stack,
		"--capabilities", "CAPABILITY_IAM", "CAPABILITY_AUTO_EXPAND", "--resolve-s3")
}

// run runs another program with our input and output. SALLYPORT names the sallyport command if it is not in the path.
func run(ctx context.Context, name string, args ...string) error {
	if path := os.Getenv("SALLYPORT"); path != "" && name == "sallyport" {
		name = path
	}
	cmd := exec.CommandContext(ctx, name, args...)
	cmd.Stdin, cmd.Stdout, cmd.Stderr = os.Stdin, os.Stdout, os.Stderr
	err := cmd.Run()
	if errors.Is(err, exec.ErrNotFound) {
		return fmt.Errorf("%s is not installed; deploy the output of `template` with whatever tool you have", name)
	}
	return err
}
