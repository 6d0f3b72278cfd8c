package gateway

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"net/netip"
	"sync"
	"sync/atomic"
	"time"

	"github.com/sallyport/sallyport/internal/awsapi"
	"github.com/sallyport/sallyport/internal/awsapi/sigv4"
	"github.com/sallyport/sallyport/internal/bus"
	"github.com/sallyport/sallyport/internal/gateway/integration"
	"github.com/sallyport/sallyport/internal/gateway/loop"
	"github.com/sallyport/sallyport/internal/gateway/usage"
	"github.com/sallyport/sallyport/internal/store"
)

// Defaults of Config.
const (
	DefaultConcurrency = 128
	DefaultGrace       = 10 * time.Second
)

// Config is what a Gateway is made of. Stores and Sockets are needed; without Bus there is one node.
type Config struct {
	Stores   store.Stores
	Bus      bus.Bus
	Sockets  *loop.Server         // made with the same Node; its Run gets the Gateway as handler
	Node     uint16               // of this process, in every id
	Backends integration.Backends // whom routes may call

	Signatures Signatures        // who signed an upgrade; nil: AWS_IAM routes refuse
	Authorizer awsapi.Authorizer // what a caller may do; nil: AWS_IAM routes refuse

	Observer    Observer         // nil: failures go to Log
	Log         *slog.Logger     // nil: silent
	Now         func() time.Time // nil: time.Now
	Concurrency int              // messages of one connection that run at once; 0: DefaultConcurrency, 1: one after the other
	Grace       time.Duration    // how long Run waits for running integrations at the end; 0: DefaultGrace

	Limits     Limits        // of accounts
	UsageFlush time.Duration // how often counts of API keys are written; 0: usage.DefaultFlush

	// PlansCountConnects lets usage plans count new connections only, and not messages.
	PlansCountConnects bool

	// Traced tells backends that their part of the trace is wanted.
	Traced bool

	// TwoWayByExpression lets a routeResponseSelectionExpression alone make a route two-way, for templates that cannot write route
	// responses. On AWS a route response is needed.
	TwoWayByExpression bool

	// ForwardedAsAWS tells functions X-Forwarded-Proto https and X-Forwarded-Port 443 always, as AWS does, instead of the truth.
	ForwardedAsAWS bool
}

// Signatures tells who signed a request; *awsapi.Gatekeeper does.
type Signatures interface {
	// Verify checks the signature of r, in the header or in the query, made for api; peer is whom r came from. The caller's Region is the
	// signature's. The error is an *awsapi.Error in AWS's words.
	Verify(ctx context.Context, r *sigv4.Request, api *awsapi.API, peer netip.Addr) (awsapi.Caller, error)
}

// A Gateway serves the stages whose snapshots are in the store. It implements loop.Handler.
type Gateway struct {
	cfg      Config
	log      *slog.Logger
	failures *Logger // tells them if nobody else wants to
	now      func() time.Time
	served   stages
	domains  domains
	keys     *usage.Keys
	accounts accounts
	ready    chan struct{} // closed when all that existed at the start is served

	followers []*follower   // of what the control plane writes
	serial    atomic.Uint32 // of message and request ids
	meters    meters
	calls     calls
	runners   runners
	idle      sync.Pool       // of *call
	signers   sync.Map        // *session → *awsapi.Caller; of stages with integrations that act as whoever signed the upgrade
	working   context.Context // of calls of backends: outlives connections
	stop      context.CancelFunc
}

var (
	_ loop.Handler       = (*Gateway)(nil)
	_ loop.Leaver        = (*Gateway)(nil)
	_ loop.BinaryHandler = (*Gateway)(nil)
)

// New returns a gateway that serves nothing until Run.
func New(cfg Config) *Gateway {
	g := &Gateway{cfg: cfg, log: cfg.Log, now: cfg.Now}
	if g.log == nil {
		g.log = slog.New(slog.DiscardHandler)
	}
	g.failures = NewLogger(g.log)
	if g.now == nil {
		g.now = time.Now
	}
	if g.cfg.Concurrency <= 0 {
		g.cfg.Concurrency = DefaultConcurrency
	}
	if g.cfg.Grace <= 0 {
		g.cfg.Grace = DefaultGrace
	}
	g.served.init()
	g.runners.init()
	g.domains.table.Store(&map[string]*domain{})
	g.accounts.limits = cfg.Limits
	g.keys = usage.New(usage.Config{Stores: cfg.Stores, Node: cfg.Node, Log: g.log, Now: g.now, Flush: cfg.UsageFlush})
	g.ready = make(chan struct{})
	g.followers = g.newFollowers()
	g.serial.Store(rand.Uint32())
	g.working, g.stop = context.WithCancel(context.Background())
	return g
}

// Ready is closed when all stages that existed at the start are served.
func (g *Gateway) Ready() <-chan struct{} { return g.ready }

// Run keeps the stages up to date and answers other nodes until ctx is done. Then it waits for running integrations, at most
// Config.Grace; what runs on is cancelled. The sockets should have been shut down before, so that $disconnect routes run.
func (g *Gateway) Run(ctx context.Context) error {
	defer g.stop()
	defer g.runners.stop()
	if g.cfg.Bus != nil {
		cancel, err := g.cfg.Bus.Serve(nodeSubject(g.cfg.Node), g.answerNode)
		if err != nil {
			return fmt.Errorf("serve requests of other nodes: %w", err)
		}
		defer cancel()
	}
	counting, stopCounting := context.WithCancel(context.WithoutCancel(ctx))
	var counted sync.WaitGroup
	counted.Go(func() {
		if err := g.keys.Run(counting); err != nil {
			g.log.Error("API keys are not known; routes that ask for one refuse", "cause", err)
		}
	})
	defer counted.Wait() // the last counts are written when nothing runs any more
	defer stopCounting()
	err := g.watch(ctx)
	if ctx.Err() != nil {
		err = nil
	}
	grace, cancel := context.WithTimeout(context.WithoutCancel(ctx), g.cfg.Grace)
	defer cancel()
	if left := g.calls.close(grace); left > 0 {
		g.log.Warn("integrations were still running at the end", "count", left)
		g.stop()
		final, cancel := context.WithTimeout(context.WithoutCancel(ctx), time.Second)
		defer cancel()
		g.calls.close(final)
	}
	return err
}

// requestID returns a new id of a request, messageID one of a message.
func (g *Gateway) requestID(at time.Time) loop.ID {
	return loop.MakeID(at, g.serial.Add(1), loop.KindRequest, g.cfg.Node)
}

func (g *Gateway) messageID(at time.Time) loop.ID {
	return loop.MakeID(at, g.serial.Add(1), loop.KindMessage, g.cfg.Node)
}

// calls counts what runs, so that it can be waited for.
type calls struct {
	n    atomic.Int64  // closed is taken off it when no more may begin
	mu   sync.Mutex    // guards idle
	idle chan struct{} // made by close
}

// closed is far more than will ever run.
const closed = 1 << 62

// begin reports whether a call may start; if so, end must follow.
func (c *calls) begin() bool {
	if c.n.Add(1) > 0 {
		return true
	}
	c.end()
	return false
}

func (c *calls) end() {
	if c.n.Add(-1) != -closed {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.idle != nil {
		close(c.idle)
		c.idle = nil
	}
}

// close lets no more calls begin, waits for those that run until ctx is done, and returns how many are left.
func (c *calls) close(ctx context.Context) (left int) {
	idle := make(chan struct{})
	c.mu.Lock()
	c.idle = idle
	c.mu.Unlock()
	if c.n.Load() >= 0 {
		c.n.Add(-closed)
	}
	if c.n.Load() == -closed {
		return 0
	}
	select {
	case <-idle:
		return 0
	case <-ctx.Done():
		return int(c.n.Load() + closed)
	}
}

// errStopping refuses what comes after the end.
var errStopping = errors.New("the server is stopping")
