package cli

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/lmittmann/tint"
	"github.com/spf13/cobra"

	application "github.com/sallyport/sallyport/internal/app"
	"github.com/sallyport/sallyport/internal/app/build"
	"github.com/sallyport/sallyport/internal/cli/watch"
	"github.com/sallyport/sallyport/internal/server"
	"github.com/sallyport/sallyport/internal/service/cloudformation"
	"github.com/sallyport/sallyport/internal/service/cloudformation/template"
	"github.com/sallyport/sallyport/internal/service/lambda"
	"github.com/sallyport/sallyport/internal/service/logs"
)

func newDev() *cobra.Command {
	var opts devOptions
	cmd := &cobra.Command{
		Use:   "dev [DIR or TEMPLATE]",
		Short: "Build, run and watch the app in a folder",
		Long: `Dev builds the functions of a CloudFormation or SAM template, serves, deploys, and shows what happens. Saving a file
redeploys what changed; open sockets stay open. Ctrl-C stops; the tables are there at the next start.

Any well-formed AWS key is accepted from programs on this machine, and from no other.

  sallyport dev
  sallyport dev path/to/app --parameter-overrides TableName=chat`,
		Args: func(cmd *cobra.Command, args []string) error {
			args, opts.overrides = moreOverrides(args, opts.overrides)
			if len(args) > 0 {
				opts.target = args[0]
			}
			return oneArg("a folder or a template")(cmd, args)
		},
		RunE: func(cmd *cobra.Command, _ []string) error {
			return dev(cmd.Context(), opts, cmd.OutOrStdout(), cmd.ErrOrStderr())
		},
	}
	f := cmd.Flags()
	f.IntVar(&opts.port, "port", 4566, "the one port; 0 means any")
	f.StringVar(&opts.data, "data", "", "folder for the data of this app (default: one per template, in the user's data folder)")
	f.StringVar(&opts.stack, "stack-name", "", "name of the stack (default: like the folder)")
	f.StringArrayVar(&opts.overrides, "parameter-overrides", nil, "values of the template's parameters, as K=V; more may follow")
	f.BoolVar(&opts.noWatch, "no-watch", false, "do not redeploy when files change")
	f.StringVar(&opts.output, "output", "text", "text, or json: one object per line")
	f.StringVar(&opts.readyFile, "ready-file", "", "write endpoint, credentials, URLs and outputs to this file when the app is deployed")
	f.StringToStringVar(&opts.endpoints, "endpoint", nil, "send calls to a service that is not here elsewhere: SERVICE=aws or SERVICE=URL (repeatable)")
	return cmd
}

type devOptions struct {
	target, data, stack, output, readyFile string
	overrides                              []string
	port                                   int
	noWatch                                bool
	endpoints                              map[string]string
}

// A session is one run of dev.
type session struct {
	opts     devOptions
	target   application.Target
	stack    string
	values   map[string]string // of parameters
	term     *terminal
	log      *slog.Logger
	server   *server.Server
	builder  *build.Builder
	ready    *ready
	observer *observer
	uploader *uploader

	mu      sync.Mutex // guards sources
	sources []string   // folders and files that the app is made of
}

func dev(ctx context.Context, opts devOptions, out, errs io.Writer) error {
	if opts.output != "text" && opts.output != "json" {
		return usagef("--output is text or json, not %q", opts.output)
	}
	if opts.port < 0 || opts.port > 65535 {
		return usagef("--port is 0 to 65535, not %d", opts.port)
	}
	if err := checkEndpoints(opts.endpoints); err != nil {
		return err
	}
	s := &session{opts: opts, term: newTerminal(out, opts.output == "json"), stack: opts.stack}
	var err error
	if s.target, err = application.FindTarget(opts.target); err != nil {
		return err
	}
	if s.values, err = parseOverrides(opts.overrides); err != nil {
		return err
	}
	if s.stack == "" {
		s.stack = s.target.StackName()
	}
	if opts.data == "" {
		if s.opts.data, err = devData(s.target); err != nil {
			return err
		}
	}
	s.observer = newObserver(s.term)
	s.log = slog.New(tint.NewTextHandler(errs, &tint.Options{Level: slog.LevelWarn, TimeFormat: time.TimeOnly, NoColor: !newTerminal(errs, false).colour}))
	app, err := application.Read(s.target) // what is wrong with the template is told before anything is started
	if err != nil {
		return err
	}
	s.server, err = server.New(ctx, server.Config{
		Data: s.opts.data, Listen: net.JoinHostPort("127.0.0.1", strconv.Itoa(opts.port)), Permissive: true, LocalCode: true,
		Endpoints: opts.endpoints, Observer: s.observer, Log: s.log,
		Progress: func(line string) {
			s.term.tell("progress", map[string]any{"message": line}, "  "+s.term.going()+" "+line)
		},
	})
	if err != nil {
		return err
	}
	if s.builder, err = newBuilder(s.term); err != nil {
		return err
	}
	s.ready = describe(s.server)
	s.uploader = newUploader(clientOf(s.ready))

	ctx, stop := context.WithCancel(ctx)
	defer stop()
	ended := make(chan error, 1)
	go func() { ended <- s.server.Run(ctx) }()
	select {
	case err := <-ended:
		return err
	case <-s.server.Ready():
	}
	work := make(chan error, 1)
	go func() { work <- s.work(ctx, app) }()
	select {
	case err = <-work: // the first deployment failed, or ctx is done
		stop()
		if serverErr := <-ended; err == nil {
			err = serverErr
		}
	case err = <-ended:
		stop()
		<-work
	}
	s.ready.forget()
	if err == nil || errors.Is(err, context.Canceled) {
		s.term.tell("stopped", nil, "stopped")
		return nil
	}
	return err
}

// devData is the folder of an app's data if nobody says where: one per template.
func devData(t application.Target) (string, error) {
	dir, err := dataDir()
	if err != nil {
		return "", err
	}
	sum := sha256.Sum256([]byte(t.Template))
	return filepath.Join(dir, "dev", filepath.Base(t.Dir)+"-"+hex.EncodeToString(sum[:4])), nil
}

// newBuilder returns a builder that shows its tools' output only in errors.
func newBuilder(*terminal) (*build.Builder, error) {
	dir, err := os.UserCacheDir()
	if err != nil {
		return nil, fmt.Errorf("find the user's cache folder: %w", err)
	}
	return &build.Builder{Cache: filepath.Join(dir, "sallyport", "build")}, nil
}

// work deploys, announces, and follows logs and files until ctx is done.
func (s *session) work(ctx context.Context, app *application.App) error {
	began := time.Now()
	stack, err := s.deploy(ctx, app)
	if err != nil {
		return err
	}
	if err := s.announce(ctx, stack, time.Since(began)); err != nil {
		return err
	}
	var wg sync.WaitGroup
	defer wg.Wait()
	wg.Go(func() { s.observer.run(ctx) })
	wg.Go(func() { s.followLogs(ctx) })
	if s.opts.noWatch {
		<-ctx.Done()
		return nil
	}
	for ctx.Err() == nil { // the sources may be others after each deployment
		if err := s.watchOnce(ctx); err != nil {
			return err
		}
	}
	return nil
}

// watchOnce redeploys after changes until the sources are others than before.
func (s *session) watchOnce(ctx context.Context) error {
	s.mu.Lock()
	sources := s.sources
	s.mu.Unlock()
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	return watch.Watch(ctx, sources, s.log, func(paths []string) {
		s.redeploy(ctx, paths)
		s.mu.Lock()
		defer s.mu.Unlock()
		if !slices.Equal(s.sources, sources) {
			stop()
		}
	})
}

// redeploy builds and deploys again. What goes wrong is told, and the app goes on as it was.
func (s *session) redeploy(ctx context.Context, paths []string) {
	began := time.Now()
	name := s.changedName(paths)
	app, err := application.Read(s.target)
	var stack cloudformation.Stack
	if err == nil {
		stack, err = s.deploy(ctx, app)
	}
	switch {
	case ctx.Err() != nil:
	case err != nil:
		s.term.tell("error", map[string]any{"message": err.Error()}, s.term.failed()+" "+name+": "+err.Error()+"\n  the app goes on as it was")
	default:
		s.ready.Outputs = outputsOf(stack)
		s.term.tell("redeployed", map[string]any{"files": paths, "milliseconds": time.Since(began).Milliseconds()},
			s.term.done()+" "+name+" redeployed in "+elapsed(time.Since(began)))
	}
}

// changedName says which files have changed. Those that an editor made and removed again are not worth a word.
func (s *session) changedName(paths []string) string {
	there := slices.DeleteFunc(slices.Clone(paths), func(path string) bool {
		_, err := os.Stat(path)
		return err != nil
	})
	if len(there) == 0 {
		there = paths
	}
	name, err := filepath.Rel(s.target.Dir, there[0])
	if err != nil {
		name = there[0]
	}
	if len(there) > 1 {
		name += fmt.Sprintf(" and %d more", len(there)-1)
	}
	return name
}

// deploy builds the functions and brings the stack to what the template says.
func (s *session) deploy(ctx context.Context, app *application.App) (cloudformation.Stack, error) {
	first := len(s.sources) == 0
	if first {
		s.term.tell("building", map[string]any{"stack": s.stack}, s.term.style(bold, "Building "+s.stack))
	}
	doc, err := app.Rewrite(ctx, s.builder, func(f build.Function, a build.Artifact, took time.Duration) {
		if first || a.Note != "" {
			s.tellBuilt(f, a, took)
		}
	}, s.place)
	if err != nil {
		return cloudformation.Stack{}, err
	}
	s.mu.Lock()
	s.sources = app.Sources()
	s.mu.Unlock()
	if first {
		s.term.tell("deploying", map[string]any{"stack": s.stack}, s.term.style(bold, "Deploying "+s.stack))
	}
	stack, err := s.server.Deploy(ctx, cloudformation.DeployInput{
		StackName: s.stack, Document: doc, Parameters: s.values, Progress: s.tellEvent(first),
	})
	if errors.Is(err, cloudformation.ErrNoChanges) {
		err = nil
	}
	return stack, err
}

// place leaves the code of functions where it lies. All else goes into a bucket of the server.
func (s *session) place(ctx context.Context, a template.Artifact, path string) (template.Location, error) {
	info, err := os.Stat(path)
	if err != nil {
		return template.Location{}, err
	}
	if !info.IsDir() || a.Type != "AWS::Serverless::Function" && a.Type != "AWS::Lambda::Function" {
		return s.uploader.place(ctx, a, path)
	}
	version, err := application.StateOf(path)
	return template.Location{Bucket: lambda.LocalBucket, Key: path, Version: version}, err
}

func (s *session) tellBuilt(f build.Function, a build.Artifact, took time.Duration) {
	detail := f.Runtime
	if a.Note != "" {
		detail += ", " + a.Note + ", " + elapsed(took)
	}
	if s.term.json {
		s.term.tell("built", map[string]any{"function": f.LogicalID, "runtime": f.Runtime, "note": a.Note}, "")
		return
	}
	s.term.step(s.term.done(), f.LogicalID, detail)
}

// tellEvent prints the events of a deployment: all ends at first, later only what went wrong.
func (s *session) tellEvent(first bool) func(cloudformation.Event) {
	started := map[string]time.Time{}
	return func(e cloudformation.Event) {
		if s.term.json {
			s.term.tell("resource", map[string]any{"logicalId": e.LogicalID, "resourceType": e.Type, "status": e.Status, "reason": e.Reason}, "")
			return
		}
		if e.PhysicalID == e.StackID && e.LogicalID == e.StackName {
			return
		}
		if strings.HasSuffix(e.Status, "_IN_PROGRESS") {
			if _, ok := started[e.LogicalID]; !ok {
				started[e.LogicalID] = e.Time
			}
			return
		}
		took := e.Time.Sub(started[e.LogicalID])
		switch {
		case strings.HasSuffix(e.Status, "_FAILED"):
			s.term.step(s.term.failed(), e.LogicalID, e.Type+": "+e.Reason)
		case first && e.Status == "DELETE_COMPLETE": // of what a deployment that failed had made
			s.term.step(s.term.done(), e.LogicalID, e.Type+", removed")
		case first:
			s.term.step(s.term.done(), e.LogicalID, e.Type+", "+elapsed(took))
		}
	}
}

func outputsOf(stack cloudformation.Stack) map[string]string {
	outputs := map[string]string{}
	for _, o := range stack.Outputs {
		outputs[o.Key] = o.Value
	}
	return outputs
}

// announce says where the app is, to people, to the ready file and to other commands.
func (s *session) announce(ctx context.Context, stack cloudformation.Stack, took time.Duration) error {
	r := s.ready
	r.Stack, r.Outputs = stack.Name, outputsOf(stack)
	apis, err := servedAPIs(ctx, s.server)
	if err != nil {
		return err
	}
	r.APIs = apis
	if s.opts.readyFile != "" {
		if err := r.write(s.opts.readyFile); err != nil {
			return err
		}
	}
	if err := r.announce(); err != nil {
		s.log.Warn("other commands will not find this server by themselves", "err", err)
	}
	if s.term.json {
		s.term.tell("ready", map[string]any{"stack": r.Stack, "endpoint": r.Endpoint, "apis": r.APIs, "outputs": r.Outputs}, "")
		return nil
	}
	s.term.println("\n" + s.term.style(bold, stack.Name) + " is ready in " + elapsed(took) + "\n")
	for _, a := range r.APIs {
		s.term.println("  " + s.term.style(cyan, a.URL))
	}
	if len(r.Outputs) > 0 {
		s.term.println("")
		for _, key := range slices.Sorted(maps.Keys(r.Outputs)) {
			s.term.println("  " + s.term.style(faint, key) + " " + r.Outputs[key])
		}
	}
	s.term.println("\n" + s.hint() + "\n")
	return nil
}

// hint says what to type next.
func (s *session) hint() string {
	lines := []string{}
	if len(s.ready.APIs) > 0 {
		a := s.ready.APIs[0]
		lines = append(lines, "Connect from another terminal:   "+invokedAs()+" connect "+a.Name+"/"+a.Stage)
	}
	lines = append(lines, `Use AWS's tools:                 eval "$(`+invokedAs()+` env)"`, "Any AWS key is accepted from this machine, and from no other.", "Save a file to redeploy it; Ctrl-C stops.")
	return strings.Join(lines, "\n")
}

// invokedAs is what to type to run this program again: its name if the shell finds it, else the path that was typed.
func invokedAs() string {
	name := filepath.Base(os.Args[0])
	if found, err := exec.LookPath(name); err == nil {
		if self, err := os.Executable(); err == nil && filepath.Base(found) == filepath.Base(self) {
			return name
		}
	}
	return os.Args[0]
}

// followLogs prints the functions' lines as they come.
func (s *session) followLogs(ctx context.Context) {
	err := s.server.Logs.Tail(s.server.Admin(ctx), logs.Filter{}, func(l logs.Line) error {
		group := shortGroup(l.Group)
		text := strings.TrimRight(l.Message, "\r\n")
		if s.term.json {
			s.term.tell("log", map[string]any{"group": l.Group, "stream": l.Stream, "message": text}, "")
			return nil
		}
		if isPlatformLine(text) {
			return nil
		}
		s.term.println(s.term.style(faint, l.Time.Local().Format(time.TimeOnly)) + " " + s.term.style(cyan, s.shortName(group)) + " " + text)
		return nil
	})
	if err != nil && ctx.Err() == nil {
		s.log.Warn("log lines are not shown any more", "err", err)
	}
}

// shortName is how the template calls a function: without stack and suffix, if the name was generated.
func (s *session) shortName(group string) string {
	rest, ok := strings.CutPrefix(group, s.stack+"-")
	if !ok {
		return group
	}
	if i := strings.LastIndexByte(rest, '-'); i > 0 {
		return rest[:i]
	}
	return rest
}

// isPlatformLine reports whether a line is Lambda's own and says nothing that a message's line does not say.
func isPlatformLine(text string) bool {
	for _, prefix := range []string{"INIT_START ", "START RequestId: ", "END RequestId: ", "REPORT RequestId: "} {
		if strings.HasPrefix(text, prefix) {
			return true
		}
	}
	return false
}
