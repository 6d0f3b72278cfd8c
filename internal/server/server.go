// Package server makes a whole server of the parts: it builds them, gives each what it stands on, runs them in order and stops
// them in reverse. It is the only package that knows everybody, and it decides nothing.
//
// config.go says what can be chosen; server.go wires; backends.go is what routes may call; functions.go is what functions see of the
// world; parts.go runs.
package server

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"github.com/sallyport/sallyport/internal/awsapi"
	"github.com/sallyport/sallyport/internal/bus"
	busmem "github.com/sallyport/sallyport/internal/bus/mem"
	busnats "github.com/sallyport/sallyport/internal/bus/nats"
	"github.com/sallyport/sallyport/internal/edge"
	"github.com/sallyport/sallyport/internal/edge/acme"
	"github.com/sallyport/sallyport/internal/edge/ca"
	"github.com/sallyport/sallyport/internal/edge/proxy"
	"github.com/sallyport/sallyport/internal/gateway"
	"github.com/sallyport/sallyport/internal/gateway/integration"
	"github.com/sallyport/sallyport/internal/gateway/loop"
	"github.com/sallyport/sallyport/internal/natsd"
	"github.com/sallyport/sallyport/internal/service/apigateway"
	"github.com/sallyport/sallyport/internal/service/apigatewayv2"
	"github.com/sallyport/sallyport/internal/service/cloudformation"
	"github.com/sallyport/sallyport/internal/service/connections"
	"github.com/sallyport/sallyport/internal/service/dynamodb"
	"github.com/sallyport/sallyport/internal/service/ecr"
	"github.com/sallyport/sallyport/internal/service/events"
	"github.com/sallyport/sallyport/internal/service/events/delivery"
	"github.com/sallyport/sallyport/internal/service/iam"
	"github.com/sallyport/sallyport/internal/service/lambda"
	"github.com/sallyport/sallyport/internal/service/lambda/runtime"
	"github.com/sallyport/sallyport/internal/service/lambda/sdk"
	"github.com/sallyport/sallyport/internal/service/lambda/urls"
	"github.com/sallyport/sallyport/internal/service/lambda/worker"
	"github.com/sallyport/sallyport/internal/service/logs"
	"github.com/sallyport/sallyport/internal/service/s3"
	"github.com/sallyport/sallyport/internal/service/ssm"
	"github.com/sallyport/sallyport/internal/service/states"
	"github.com/sallyport/sallyport/internal/service/sts"
	"github.com/sallyport/sallyport/internal/store"
	storemem "github.com/sallyport/sallyport/internal/store/mem"
	storenats "github.com/sallyport/sallyport/internal/store/nats"
	"github.com/sallyport/sallyport/internal/telemetry"
)

// A Server is built by New and works during Run.
type Server struct {
	cfg        Config
	engine     *natsd.Engine
	listener   net.Listener
	identity   *iam.Service
	admin      iam.AdminKey
	adminIsNew bool
	ready      chan struct{}

	ca             *ca.Authority
	acme           *acme.Manager // nil: there is none
	sockets        *loop.Server
	telemetry      *telemetry.Telemetry
	gateway        *gateway.Gateway
	http           *http.Server
	catalog        *awsapi.Catalog
	tasks          tasks
	events         *events.Service
	sender         *delivery.Sender
	gate           *awsapi.Gatekeeper
	client         *integration.HTTPClient
	answers        map[string]http.Handler // by signing name, see backends.go
	Logs           *logs.Service
	CloudFormation *cloudformation.Service
	parts          []part
}

// New opens the engine and the port, and builds the parts. Its errors are sentences for the operator. Close releases what New
// holds if Run is never called.
func New(ctx context.Context, cfg Config) (_ *Server, err error) {
	if err := cfg.setDefaults(); err != nil {
		return nil, err
	}
	s := &Server{cfg: cfg, ready: make(chan struct{})}
	defer func() {
		if err != nil {
			s.Close()
		}
	}()
	if s.listener, err = listen(cfg.Listen); err != nil {
		return nil, err
	}
	stores, b, err := s.open(ctx)
	if err != nil {
		return nil, err
	}
	if s.ca, err = ca.Load(filepath.Join(cfg.Data, "ca")); err != nil {
		return nil, err
	}
	if err := s.wire(ctx, stores, b); err != nil {
		return nil, err
	}
	return s, nil
}

// open opens what everything is kept in.
func (s *Server) open(ctx context.Context) (store.Stores, bus.Bus, error) {
	if err := os.MkdirAll(s.cfg.Data, 0o700); err != nil {
		return nil, nil, fmt.Errorf("make data folder: %w", err)
	}
	if s.cfg.Memory {
		return storemem.New(), busmem.New(), nil
	}
	var err error
	if s.engine, err = openEngine(ctx, s.cfg); err != nil {
		return nil, nil, err
	}
	conn := s.engine.Conn()
	if s.cfg.NATS != "" { // other nodes work there, too
		n := s.engine.Replicas()
		s.cfg.Log.Info("the engine is a NATS cluster", "servers", len(conn.Servers()), "replicas", n)
		return storenats.NewReplicated(conn, n), busnats.NewReplicated(conn, n), nil
	}
	return storenats.NewSynced(conn, s.engine.Sync), busnats.NewSynced(conn, s.engine.Sync), nil
}

// Close releases what New holds.
func (s *Server) Close() {
	if s.listener != nil {
		s.listener.Close()
	}
	if s.engine != nil {
		s.engine.Close()
	}
}

func listen(addr string) (net.Listener, error) {
	network := "tcp"
	if host, _, err := net.SplitHostPort(addr); err == nil && net.ParseIP(host).To4() != nil {
		network = "tcp4" // a socket of both families costs the kernel 128 bytes more per connection
	}
	ln, err := net.Listen(network, addr)
	if errors.Is(err, syscall.EADDRINUSE) {
		return nil, fmt.Errorf("port %s is in use; stop what listens there, or choose another port", addr[strings.LastIndex(addr, ":")+1:])
	} else if err != nil {
		return nil, fmt.Errorf("listen on %s: %w", addr, err)
	}
	return ln, nil
}

func openEngine(ctx context.Context, cfg Config) (*natsd.Engine, error) {
	if cfg.NATS != "" {
		return natsd.External(ctx, cfg.NATS, cfg.Log)
	}
	return natsd.Embedded(natsd.Config{Dir: filepath.Join(cfg.Data, "engine"), Grouped: true, Log: cfg.Log})
}

// wire builds the services and the data plane, each with what it stands on.
func (s *Server) wire(ctx context.Context, stores store.Stores, b bus.Bus) error {
	cfg := s.cfg
	node, err := nodeNumber(ctx, stores, cfg.Data)
	if err != nil {
		return err
	}
	s.identity = iam.New(stores, cfg.Log, iam.Config{
		Account: cfg.Account, AdminKeyFile: s.CredentialsFile(), ShareAdminKey: cfg.NATS != "", EnforceAll: cfg.EnforceIAM,
	})
	if s.admin, s.adminIsNew, err = s.identity.AdminKey(ctx); err != nil {
		return err
	}
	s.gate = awsapi.NewGatekeeper(s.identity, cfg.Log, awsapi.GateOptions{Permissive: cfg.Permissive, Account: cfg.Account})
	s.Logs = logs.New(stores, b, cfg.Log)
	objects := s3.New(stores, cfg.Log)
	functions, pool := s.newFunctions(stores, b, objects)
	apis := apigatewayv2.New(stores, cfg.Log, apigatewayv2.WithTruststores(objects))
	tables := dynamodb.New(stores, cfg.Log)
	messaging := s.newMessaging(stores, b, functions)
	parameters := ssm.New(stores, cfg.Log)
	roles := machineRoles{s.identity, cfg.EnforceIAM}
	machines := states.New(states.Config{
		Stores: stores, Bus: b, Logs: s.Logs, Objects: objects, Roles: roles, Web: newWeb(), Connections: s.events, Now: cfg.Now, Log: cfg.Log,
		S3Elsewhere: cfg.Endpoints["s3"] != "",
	})

	// A service is one line here: what it answers, makes for CloudFormation, and runs follows from its methods.
	services := []service{
		{"identities", s.identity},
		{"sessions", sts.New(s.identity)},
		{"logs", s.Logs},
		{"functions", functions},
		{"tables", tables},
		{"streams of tables", tables.Streams()},
		{"API management", apis},
		{"API keys", apigateway.New(stores, cfg.Log, apis.Account())},
		{"parameters", parameters},
		{"images", ecr.Service{}},
		{"state machines", machines},
		{"metrics", s.newMetrics(stores, node)},
	}
	services = append(services, messaging...)
	s.CloudFormation = cloudformation.New(stores, b, cfg.Log, append(resourcesOf(services), objects.Resources()...), cloudformation.Options{
		Objects: objects, Parameters: parameters, Functions: functions, ResponseURL: s.responseURL,
	})
	services = append(services, service{"deployment", s.CloudFormation})
	s.catalog = catalogOf(services)

	secure, err := s.newTLS(stores)
	if err != nil {
		return err
	}
	s.sockets = loop.New(loop.Config{Node: node, TLS: secure, Now: cfg.Now, Log: cfg.Log})
	backends, err := s.backends(functions)
	if err != nil {
		return err
	}
	s.gateway = gateway.New(gateway.Config{
		Observer: s.observer(), Traced: cfg.Traces.Endpoint != "",
		Stores: stores, Bus: b, Sockets: s.sockets, Node: node,
		Backends: backends, Signatures: s.gate, Authorizer: s.identity, Limits: cfg.Limits, Now: cfg.Now, Log: cfg.Log,
	})
	buckets := objects.Handler(s.gate, s.identity)
	s.tasks = s.newTasks(buckets, roles)
	machines.Connect(s.tasks, s.gateway)
	push, err := connections.New(connections.Config{
		Stages: s.gateway, Domains: s.gateway, Sockets: s.gateway, Signatures: s.gate, Authorizer: s.identity, Log: cfg.Log,
	})
	if err != nil {
		return err
	}
	aws := awsapi.Handler(s.catalog, s.gate, s.identity, awsapi.Options{
		Log: cfg.Log, Region: cfg.Region, Mounts: map[string]http.Handler{"s3": buckets}, TrustedProxies: cfg.TrustedProxies,
	})
	s.answers = s.answersOf(aws, push)
	if aws, err = s.relayed(aws); err != nil {
		return err
	}
	s.http = &http.Server{
		Handler: s.asForwarded(edge.Handler(edge.Config{
			Connections:  push,
			AWS:          aws,
			Proxy:        &proxy.Proxy{Ours: s.isOurs, Serve: s.sockets.ServeConn, Log: cfg.Log},
			Own:          s.ownHandler(),
			Domain:       s.gateway.Domain,
			FunctionURLs: urls.Handler(urls.Config{Functions: functions, Signatures: s.gate, Authorizer: s.identity, Log: cfg.Log}),
			IsURL:        isFunctionURL,
		})),
		ReadHeaderTimeout: 10 * time.Second,
		IdleTimeout:       2 * time.Minute,
	}
	s.parts = []part{{"function processes", pool.Run}}
	if s.engine != nil {
		s.parts = append([]part{{"engine", s.watchEngine}}, s.parts...)
	}
	s.parts = append(s.parts, partsOf(services)...)
	s.parts = append(s.parts,
		part{"connections to backends", s.closeClient},
		part{"telemetry", s.telemetry.Run},
		part{"gateway", s.gateway.Run},
		part{"certificates", s.runACME},
		part{"HTTP", s.runHTTP},
		part{"sockets", func(ctx context.Context) error { return s.sockets.Run(ctx, s.gateway, s.listener) }},
	)
	return nil
}

// newFunctions builds Lambda and the processes that it runs functions in.
func (s *Server) newFunctions(stores store.Stores, b bus.Bus, objects *s3.Service) (*lambda.Service, *worker.Pool) {
	cfg := s.cfg
	runtimes := runtime.New(runtime.Options{Dir: filepath.Join(cfg.Cache, "runtime")})
	bundles := sdk.New(sdk.Options{Dir: filepath.Join(cfg.Cache, "sdk"), Runtimes: runtimes, Progress: cfg.Progress})
	pool := worker.New(worker.Options{Log: cfg.Log, Runtimes: runtimes})
	return lambda.New(lambda.Config{
		Stores: stores, Bus: b, Pool: processPool{pool, cfg.Functions}, Roles: s.identity, Objects: objects, Logs: s.Logs,
		CodeDir: filepath.Join(cfg.Data, "code"), LocalCode: cfg.LocalCode, LaxPermissions: cfg.LaxPermissions,
		Extra: s.functionVariables, Destinations: destinations{s}, Sources: services{s}, Log: cfg.Log,
		Modules: func(ctx context.Context, runtime, codeDir string) ([]string, error) {
			return bundles.Modules(ctx, sdk.Function{Runtime: runtime, CodeDir: codeDir})
		},
	}), pool
}

// Run serves until ctx is done, then stops: clients get a close frame, functions finish, nothing acknowledged is lost.
func (s *Server) Run(ctx context.Context) error {
	defer s.Close()
	go func() {
		select {
		case <-s.gateway.Ready():
			close(s.ready)
		case <-ctx.Done():
		}
	}()
	return runParts(ctx, s.parts)
}

// Gateway returns the data plane.
func (s *Server) Gateway() *gateway.Gateway { return s.gateway }

// Sweep closes connections whose time is over now, by the clock of Config.
func (s *Server) Sweep() { s.sockets.Sweep() }

// Ready is closed when the stages that were deployed before are served again.
func (s *Server) Ready() <-chan struct{} { return s.ready }

// Admin returns ctx with the rights of the server's owner, in its account and region.
func (s *Server) Admin(ctx context.Context) context.Context {
	return awsapi.WithCaller(ctx, awsapi.Caller{Account: s.cfg.Account, Region: s.cfg.Region, ARN: "arn:aws:iam::" + s.cfg.Account + ":root", UserID: s.cfg.Account, Admin: true})
}

// Deploy creates or updates a stack, as Admin, and returns when this node serves what was deployed. Errors are those of
// CloudFormation's Deploy.
func (s *Server) Deploy(ctx context.Context, in cloudformation.DeployInput) (cloudformation.Stack, error) {
	stack, err := s.CloudFormation.Deploy(s.Admin(ctx), in)
	if err == nil || errors.Is(err, cloudformation.ErrNoChanges) {
		if waited := s.gateway.CatchUp(ctx); waited != nil {
			return stack, waited
		}
	}
	return stack, err
}

// Call runs an operation of a service, as Admin; in and out are JSON.
func (s *Server) Call(ctx context.Context, service, operation string, in []byte) (out []byte, err error) {
	return s.catalog.Call(s.Admin(ctx), service, operation, in)
}

// Addr returns the address of the one port.
func (s *Server) Addr() *net.TCPAddr { return s.listener.Addr().(*net.TCPAddr) }

// Endpoint returns the URL of the AWS APIs for programs on this machine.
func (s *Server) Endpoint() string { return "http://" + s.local() }

// SocketURL returns the address of a stage for clients on this machine.
func (s *Server) SocketURL(apiID, stage string) string {
	return "ws://" + s.local() + "/" + apiID + "/" + stage
}

// Region returns the region of callers that name none.
func (s *Server) Region() string { return s.cfg.Region }

// Account returns the account number.
func (s *Server) Account() string { return s.cfg.Account }

// Credentials returns the administrator's key; fresh says that this start made it.
func (s *Server) Credentials() (key iam.AdminKey, fresh bool) { return s.admin, s.adminIsNew }

// CredentialsFile is where the administrator's key is kept, readable by its owner only.
func (s *Server) CredentialsFile() string { return filepath.Join(s.cfg.Data, "admin.json") }

// CAFile returns the certificate that clients of wss and https have to trust.
func (s *Server) CAFile() string { return s.ca.File() }

// watchEngine ends the server when the engine can no longer write: what it acknowledged would be lost.
func (s *Server) watchEngine(ctx context.Context) error {
	select {
	case err := <-s.engine.Failed():
		return err
	case <-ctx.Done():
		return nil
	}
}

func (s *Server) runHTTP(ctx context.Context) error {
	stopped := context.AfterFunc(ctx, func() {
		grace, cancel := context.WithTimeout(context.WithoutCancel(ctx), 5*time.Second)
		defer cancel()
		_ = s.http.Shutdown(grace)
	})
	defer stopped()
	err := s.http.Serve(s.sockets.HTTP())
	if ctx.Err() == nil && !errors.Is(err, http.ErrServerClosed) && !errors.Is(err, net.ErrClosed) { // the sockets stop before
		return err
	}
	<-ctx.Done()
	return nil
}
