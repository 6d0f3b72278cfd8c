package wsapptest

import (
	"context"
	"fmt"
	"net"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/sallyport/sallyport/internal/apigateway"
	"github.com/sallyport/sallyport/internal/gateway"
	"github.com/sallyport/sallyport/internal/gateway/integration"
	"github.com/sallyport/sallyport/internal/gateway/loop"
	"github.com/sallyport/sallyport/internal/local"
	"github.com/sallyport/sallyport/internal/store/mem"
	"github.com/sallyport/sallyport/wsapp"
)

// Where the app lives in a test.
const (
	account = "000000000000"
	region  = "us-east-1"
	apiID   = "wsapptest0"
	host    = apiID + ".execute-api." + region + ".amazonaws.com"
)

// patience is how long a test waits for what must come.
const patience = 30 * time.Second

// A Test is an app that serves.
type Test struct {
	t       testing.TB
	app     *wsapp.App
	clock   clock
	sockets *loop.Server
	gateway *gateway.Gateway
	host    *local.Host
	faults  faults
	table   table
	late    sync.WaitGroup // functions that run on after their time

	mu      sync.Mutex    // guards what follows
	changed chan struct{} // closed and made anew when anything below changes
	events  []Event
	running map[string]*Event // what functions said, by request id, until the gateway has told the end
	clients []*Client
	dialled int
}

// New serves app until the test ends. The app may be served by many tests, one after the other or at the same time.
func New(t testing.TB, app *wsapp.App) *Test {
	t.Helper()
	x := &Test{t: t, app: app, changed: make(chan struct{}), running: map[string]*Event{}}
	x.clock.init()
	x.faults.init()
	stores := mem.New()
	h := &local.Host{App: app, Serve: x.serve, Engine: func(e wsapp.Engine) wsapp.Engine { return &engine{x, e} }}
	function := h.Function()
	x.sockets = loop.New(loop.Config{Node: 1, Now: x.clock.now, MaxConns: 10000})
	x.gateway = gateway.New(gateway.Config{
		Stores: stores, Sockets: x.sockets, Node: 1, Observer: (*observer)(x), Now: x.clock.now,
		Backends: integration.Backends{Local: func(string) (integration.Local, bool) { return function, true }},
	})
	h.Gateway = x.gateway
	h.At(apiID, app.StageName())
	x.host = h

	st, err := stores.Open(t.Context(), apigateway.Store)
	if err != nil {
		t.Fatal(err)
	}
	snapshot, err := local.Snapshot(app, account, region, apiID, "app")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := st.Apply(t.Context(), snapshot); err != nil {
		t.Fatal(err)
	}
	x.run()
	return x
}

// run starts the gateway, and stops it when the test ends: the sockets before what stands behind them.
func (x *Test) run() {
	start := func(run func(context.Context) error) (stop func()) {
		ctx, cancel := context.WithCancel(context.Background())
		done := make(chan error, 1)
		go func() { done <- run(ctx) }()
		return func() {
			cancel()
			if err := <-done; err != nil {
				x.t.Errorf("wsapptest: %v", err)
			}
		}
	}
	stopGateway := start(x.gateway.Run)
	<-x.gateway.Ready()
	stopSockets := start(func(ctx context.Context) error { return x.sockets.Run(ctx, x.gateway) })
	<-x.sockets.Started()
	x.t.Cleanup(func() {
		x.mu.Lock()
		clients := x.clients
		x.mu.Unlock()
		x.clock.stop()
		stopSockets()
		stopGateway()
		x.late.Wait()
		for _, c := range clients {
			c.conn.Close()
			<-c.done
		}
	})
}

// Context returns a context for [wsapp.ConnByID], [wsapp.Broadcast] and [wsapp.Connections] outside the app's functions.
func (x *Test) Context() context.Context { return x.host.Context(x.t.Context()) }

// Advance lets time pass: connections meet AWS's limits of ten idle minutes and two hours, and functions that [Test.Slow] holds go on.
func (x *Test) Advance(d time.Duration) {
	x.t.Helper()
	for _, c := range x.all() { // so that those who are to wait have begun to
		x.wait("messages to be begun", func() bool { return c.ended || c.seen >= c.sent })
	}
	// Limits are kept to the millisecond, and never early.
	x.clock.advance(d + time.Millisecond)
	x.sockets.Sweep()
}

// Now returns the gateway's time.
func (x *Test) Now() time.Time { return x.clock.now() }

// serve is the app with the faults that the test has asked for, and remembers what its functions say.
func (x *Test) serve(ctx context.Context, e wsapp.Engine, r *wsapp.Request) (wsapp.Response, error) {
	if r.RouteKey == wsapp.DisconnectKey && x.faults.lost(r.ConnectionID) {
		return wsapp.Response{StatusCode: 200}, nil
	}
	d := x.faults.delay(r.RouteKey)
	begun := x.clock.now()
	x.seen(r.ConnectionID)
	if d > 0 {
		x.clock.wait(ctx, begun.Add(min(d, integration.DefaultTimeout)))
		if d >= integration.DefaultTimeout {
			x.goOn(e, *r, begun.Add(d))
			err := &integration.Failure{Status: 504, Message: "Endpoint request timed out", Cause: fmt.Errorf("the test lets route %s take %v", r.RouteKey, d)}
			x.change(func() { x.running[r.RequestID] = &Event{Err: err} })
			return wsapp.Response{}, err
		}
	}
	resp, err := x.app.Serve(ctx, e, r)
	x.change(func() { x.running[r.RequestID] = &Event{Response: resp, Err: err} })
	return resp, err
}

// goOn runs a function whose client has given up on it, as Lambda does.
func (x *Test) goOn(e wsapp.Engine, r wsapp.Request, at time.Time) {
	r.Body = append([]byte(nil), r.Body...)
	r.Raw, r.Source = nil, kept(r.Source.RawEvent())
	x.late.Go(func() {
		x.clock.wait(context.Background(), at)
		if !x.clock.isStopped() {
			_, _ = x.app.Serve(context.Background(), e, &r)
		}
	})
}

// kept is an event that outlives its message.
type kept []byte

func (k kept) RawEvent() []byte { return k }

// change changes the test's state and wakes those who wait for it.
func (x *Test) change(f func()) {
	x.mu.Lock()
	defer x.mu.Unlock()
	f()
	close(x.changed)
	x.changed = make(chan struct{})
}

// wait waits until f, called with mu held, is true. It fails the test if that takes too long.
func (x *Test) wait(what string, f func() bool) {
	x.t.Helper()
	late := time.NewTimer(patience)
	defer late.Stop()
	for {
		x.mu.Lock()
		ok, changed := f(), x.changed
		x.mu.Unlock()
		if ok {
			return
		}
		select {
		case <-changed:
		case <-late.C:
			x.t.Fatalf("wsapptest: waited %v for %s", patience, what)
		}
	}
}

// Settle waits until all that clients have sent has been handled, and what functions have sent has arrived. Functions that [Test.Slow]
// holds are not waited for longer than a test is patient.
func (x *Test) Settle() {
	x.t.Helper()
	clients := x.all()
	for _, c := range clients {
		x.wait("messages to be handled", func() bool { return c.ended || c.handled >= c.sent })
	}
	for _, c := range clients {
		c.flush()
	}
}

// all returns the clients so far.
func (x *Test) all() []*Client {
	x.mu.Lock()
	defer x.mu.Unlock()
	return slices.Clone(x.clients)
}

// seen counts that a client's message has reached the app. What is no message does not harm: it makes nobody wait.
func (x *Test) seen(connectionID string) {
	x.change(func() {
		for _, c := range x.clients {
			if c.id == connectionID {
				c.seen++
			}
		}
	})
}

// serverConn is the gateway's end of a pipe, with an address.
type serverConn struct {
	net.Conn
	addr *net.TCPAddr
}

func (c serverConn) RemoteAddr() net.Addr { return c.addr }
