//go:build !lambda.norpc

// Package sallyport is a whole server inside a Go program or test: WebSocket APIs with the services that they lean on, on a port of this machine.
//
// A test of an app in any language is three lines:
//
//	s := sallyport.Test(t, sallyport.Template("template.yaml"))
//	conn, _, err := websocket.Dial(t.Context(), s.URL(), nil)
//
// [Start] serves until its context is done, [Test] until a test ends. [Template] builds and deploys a template, [App] an app of package wsapp whose functions
// are called in this very process. The AWS SDKs take [Server.Endpoint], [Server.Region] and [Server.Credentials]:
//
//	cfg := aws.Config{
//		BaseEndpoint: aws.String(s.Endpoint()), Region: s.Region(),
//		Credentials: credentials.NewStaticCredentialsProvider(s.Credentials().AccessKeyID, s.Credentials().SecretAccessKey, ""),
//	}
//
// Programs of other languages take [Server.Env].
//
// [Main] is the program of an app of package wsapp.
//
// sallyport.go starts and stops; deploy.go brings apps in; look.go looks at what they did; main.go is the command line. A program built with the tag
// lambda.norpc, as Go functions for Lambda are, has no server in it: then this package is Main alone.
package sallyport

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"os"
	"strconv"
	"sync"

	"github.com/sallyport/sallyport/internal/local"
	"github.com/sallyport/sallyport/internal/server"
	"github.com/sallyport/sallyport/internal/service/cloudformation"
	"github.com/sallyport/sallyport/wsapp"
)

// An Option says how a server is to be, or what is deployed to it.
type Option func(*options)

type options struct {
	data, region string
	port         int
	log          *slog.Logger
	apps         []*wsapp.App
	templates    []deployment
	parameters   map[string]string
}

type deployment struct{ path string }

// Data keeps everything in a folder, so that it is there at the next start. Without it nothing outlives the server.
func Data(dir string) Option { return func(o *options) { o.data = dir } }

// Port is the one port, on 127.0.0.1. Without it, it is any that is free.
func Port(port int) Option { return func(o *options) { o.port = port } }

// Region is that of callers who name none, "us-east-1" without it.
func Region(region string) Option { return func(o *options) { o.region = region } }

// Log gets the server's log. Without it there is none.
func Log(log *slog.Logger) Option { return func(o *options) { o.log = log } }

// Template builds the functions of a template of CloudFormation or SAM and deploys it. path is its file or its folder.
func Template(path string) Option {
	return func(o *options) { o.templates = append(o.templates, deployment{path: path}) }
}

// Parameter sets a parameter of the templates.
func Parameter(name, value string) Option {
	return func(o *options) { o.parameters[name] = value }
}

// App deploys an app of package wsapp. Its functions are called in this process.
func App(app *wsapp.App) Option { return func(o *options) { o.apps = append(o.apps, app) } }

// A Server is a running server. Its methods may be called from many goroutines.
type Server struct {
	server *server.Server
	dir    string // to be removed
	log    *slog.Logger
	hosts  map[*wsapp.App]*local.Host
	stop   context.CancelFunc
	ended  chan struct{}

	mu     sync.Mutex // guards what follows
	stacks []cloudformation.Stack
	err    error // of Run
}

// Start starts a server and deploys what the options say. It serves until ctx is done or [Server.Close] is called.
func Start(ctx context.Context, opts ...Option) (_ *Server, err error) {
	o := options{parameters: map[string]string{}}
	for _, f := range opts {
		f(&o)
	}
	if o.log == nil {
		o.log = slog.New(slog.DiscardHandler)
	}
	s := &Server{log: o.log, hosts: map[*wsapp.App]*local.Host{}, ended: make(chan struct{})}
	memory := o.data == ""
	if memory {
		if o.data, err = os.MkdirTemp("", "sallyport-"); err != nil {
			return nil, fmt.Errorf("make data folder: %w", err)
		}
		s.dir = o.data
	}
	defer func() {
		if err != nil && s.dir != "" {
			os.RemoveAll(s.dir)
		}
	}()
	functions, err := s.functionsOf(o.apps)
	if err != nil {
		return nil, err
	}
	s.server, err = server.New(ctx, server.Config{
		Data: o.data, Memory: memory, Listen: net.JoinHostPort("127.0.0.1", strconv.Itoa(o.port)), Region: o.region,
		Permissive: true, LocalCode: true, Functions: functions, Log: o.log,
	})
	if err != nil {
		return nil, err
	}
	for _, h := range s.hosts {
		h.Gateway = s.server.Gateway()
	}
	run, stop := context.WithCancel(ctx)
	s.stop = stop
	go s.run(run)
	select {
	case <-s.server.Ready():
	case <-s.ended:
		return nil, s.Close()
	}
	if err := s.deployAll(ctx, o); err != nil {
		return nil, errors.Join(err, s.Close())
	}
	return s, nil
}

func (s *Server) run(ctx context.Context) {
	defer close(s.ended)
	err := s.server.Run(ctx)
	if s.dir != "" {
		os.RemoveAll(s.dir)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.err = err
}

// Close stops the server, waits until all has stopped, and returns why it had ended before, if it had.
func (s *Server) Close() error {
	s.stop()
	<-s.ended
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.err
}

// Done is closed when the server has stopped.
func (s *Server) Done() <-chan struct{} { return s.ended }

// A TB is a test: a *testing.T, *testing.B or *testing.F.
type TB interface {
	Context() context.Context
	Cleanup(func())
	Helper()
	Fatalf(format string, args ...any)
	Errorf(format string, args ...any)
}

// Test starts a server that stops when the test ends, which fails if the server cannot start.
func Test(t TB, opts ...Option) *Server {
	t.Helper()
	ctx, cancel := context.WithCancel(context.WithoutCancel(t.Context())) // the test's is done before its clean-up
	s, err := Start(ctx, opts...)
	if err != nil {
		cancel()
		t.Fatalf("sallyport: %v", err)
	}
	t.Cleanup(func() {
		cancel()
		if err := s.Close(); err != nil {
			t.Errorf("sallyport: %v", err)
		}
	})
	return s
}
