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

// Exit ends the program with an error's sentence, if there is one.
func Exit(a *App, err error) {
	if err == nil || errors.Is(err, flag.ErrHelp) {
		os.Exit(0)
	}
	if exit, ok := errors.AsType[*exec.ExitError](err); ok {
		os.Exit(exit.ExitCode()) // it has told why
	}
	fmt.Fprintf(os.Stderr, "%s: %v\n", a.Name, err)
	os.Exit(1)
}

// Usage lists the commands of [App.Command].
const Usage = `  template [--code DIR]            print the template, for AWS and for Sallyport
  describe [--svg]                 say what the app is made of, as text or as a diagram
  deploy   [--stack-name NAME]     deploy to a running Sallyport, with the sallyport command
  deploy   --aws                   deploy to AWS, with the sam command
  delete   [--aws]                 delete what was deployed
`

// Command does what arguments say; they are without the program's name. It prints to out.
func (a *App) Command(ctx context.Context, args []string, out io.Writer) error {
	if len(args) == 0 {
		args = []string{"help"}
	}
	if err := a.check(); err != nil {
		return err
	}
	flags := flag.NewFlagSet(args[0], flag.ContinueOnError)
	code := flags.String("code", ".", "folder of the program, as seen from the template")
	svg := flags.Bool("svg", false, "draw a diagram")
	stack := flags.String("stack-name", a.StackName(), "name of the stack")
	aws := flags.Bool("aws", false, "AWS, and not Sallyport")
	if err := flags.Parse(args[1:]); err != nil {
		return err
	}
	if flags.NArg() > 0 {
		return fmt.Errorf("%s takes no arguments but options", args[0])
	}
	var text []byte
	var err error
	switch args[0] {
	case "template":
		text, err = a.Template(Code(*code))
	case "describe":
		if *svg {
			text, err = a.Diagram()
			break
		}
		var s string
		s, err = a.Describe()
		text = []byte(s)
	case "deploy":
		return a.deploy(ctx, *stack, *aws)
	case "delete":
		if *aws {
			return run(ctx, "sam", "delete", "--stack-name", *stack, "--no-prompts")
		}
		return run(ctx, "sallyport", "delete", *stack)
	case "help", "-h", "--help":
		text = []byte("Commands:\n" + Usage)
	default:
		return fmt.Errorf("there is no command %q; commands are:\n%s", args[0], Usage)
	}
	if err == nil {
		_, err = out.Write(text)
	}
	return err
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
