package gateway_test

import (
	"bufio"
	"cmp"
	"context"
	"encoding/binary"
	stdjson "encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/sallyport/sallyport/internal/apigateway"
	"github.com/sallyport/sallyport/internal/awsapi"
	"github.com/sallyport/sallyport/internal/awsapi/sigv4"
	"github.com/sallyport/sallyport/internal/bus"
	busmem "github.com/sallyport/sallyport/internal/bus/mem"
	"github.com/sallyport/sallyport/internal/gateway"
	"github.com/sallyport/sallyport/internal/gateway/integration"
	"github.com/sallyport/sallyport/internal/gateway/loop"
	"github.com/sallyport/sallyport/internal/json"
	"github.com/sallyport/sallyport/internal/service/connections"
	"github.com/sallyport/sallyport/internal/store"
	storemem "github.com/sallyport/sallyport/internal/store/mem"
)

const (
	apiID   = "q7d3k9x2ab"
	account = "000000000000"
	region  = "us-east-1"
	host    = apiID + ".execute-api." + region + ".amazonaws.com"
	lambda  = "arn:aws:lambda:" + region + ":" + account + ":function:"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// A function stands in for one in Lambda. A string it returns is the result as it is.
type function func(event map[string]any) string

// functions is the other side of integration.Lambda: a table of functions, and who may call them.
type functions struct {
	mu     sync.Mutex
	table  map[string]function
	denied map[string]bool
	busy   map[string]int // how often a function is throttled
	calls  []invocation

	arrived []string // events, in order
}

type invocation struct {
	name, principal, sourceARN string
	caller                     awsapi.Caller
	event                      map[string]any
	raw                        string
}

// deny takes the permission to call a function away.
func (f *functions) deny(name string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.denied[name] = true
}

// throttle lets the next n calls of a function be refused as too many.
func (f *functions) throttle(name string, n int) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.busy[name] = n
}

// failed is what a function returns to fail, with a message behind it or none.
const failed = "\x00failed"

func (f *functions) InvokeFrom(ctx context.Context, principal, sourceARN, functionARN string, event []byte) ([]byte, bool, error) {
	name, ok := strings.CutPrefix(functionARN, lambda)
	if !ok {
		return nil, false, awsapi.Errorf("ResourceNotFoundException", 404, "Function not found: %s", functionARN)
	}
	f.mu.Lock()
	f.arrived = append(f.arrived, string(event))
	f.mu.Unlock()
	var decoded map[string]any
	if err := stdjson.Unmarshal(event, &decoded); err != nil {
		return nil, false, fmt.Errorf("event %s: %w", event, err)
	}
	f.mu.Lock()
	run := f.table[name]
	denied := f.denied[name]
	throttled := f.busy[name] > 0
	if throttled {
		f.busy[name]--
	}
	f.calls = append(f.calls, invocation{name, principal, sourceARN, awsapi.CallerOf(ctx), decoded, string(event)})
	f.mu.Unlock()
	switch {
	case run == nil:
		return nil, false, awsapi.Errorf("ResourceNotFoundException", 404, "Function not found: %s", functionARN)
	case denied:
		return nil, false, awsapi.Errorf("AccessDeniedException", 403, "not authorized")
	case throttled:
		return nil, false, awsapi.Errorf("TooManyRequestsException", 429, "Rate Exceeded.")
	}
	done := make(chan string, 1)
	go func() { done <- run(decoded) }()
	select {
	case result := <-done:
		if message, ok := strings.CutPrefix(result, failed); ok {
			return []byte(`{"errorMessage":"` + cmp.Or(message, "boom") + `","errorType":"Error"}`), true, nil
		}
		return []byte(result), false, nil
	case <-ctx.Done():
		return nil, false, ctx.Err()
	}
}

// of returns the invocations of a function so far; those of all functions if name is empty.
func (f *functions) of(name string) []invocation {
	f.mu.Lock()
	defer f.mu.Unlock()
	var out []invocation
	for _, c := range f.calls {
		if name == "" || c.name == name {
			out = append(out, c)
		}
	}
	return out
}

// A clock is the time that a test decides on.
type clock struct {
	offset atomic.Int64
	still  atomic.Pointer[time.Time] // where it stands; nil: it goes
}

func (c *clock) now() time.Time {
	at := time.Now()
	if still := c.still.Load(); still != nil {
		at = *still
	}
	return at.Add(time.Duration(c.offset.Load()))
}

func (c *clock) advance(d time.Duration) { c.offset.Add(int64(d)) }

// stand makes the clock go by advance only: what is counted per second is counted whatever the machine's pace.
func (c *clock) stand() { c.still.Store(new(time.Now())) }

// records is an observer that remembers.
type records struct {
	mu  sync.Mutex
	all []gateway.Record
}

func (r *records) Observe(record gateway.Record) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.all = append(r.all, record)
}

func (r *records) last(kind string) gateway.Record {
	r.mu.Lock()
	defer r.mu.Unlock()
	for i := len(r.all) - 1; i >= 0; i-- {
		if r.all[i].Kind == kind {
			return r.all[i]
		}
	}
	return gateway.Record{}
}

// keys are the access keys that exist; each may do what it lists.
type keys map[string][]string

// Credential implements awsapi.Authenticator: the secret of every key is "secret".
func (k keys) Credential(_ context.Context, accessKeyID, _ string) (string, awsapi.Caller, error) {
	if _, known := k[accessKeyID]; !known {
		return "", awsapi.Caller{}, awsapi.Errorf("UnrecognizedClientException", 403, "The security token included in the request is invalid.")
	}
	return "secret", awsapi.Caller{Account: account, ARN: "arn:aws:iam::" + account + ":user/" + accessKeyID, UserID: "AIDA" + accessKeyID, AccessKeyID: accessKeyID}, nil
}

// Authorize implements awsapi.Authorizer.
func (k keys) Authorize(ctx context.Context, action, resource string, _ map[string][]string) error {
	caller := awsapi.CallerOf(ctx)
	for _, allowed := range k[caller.AccessKeyID] {
		a, pattern, _ := strings.Cut(allowed, " ")
		prefix, star := strings.CutSuffix(pattern, "*")
		if a == action && (pattern == resource || star && strings.HasPrefix(resource, prefix)) {
			return nil
		}
	}
	return awsapi.Errorf("AccessDeniedException", 403, "User: %s is not authorized to perform: %s on resource: %s", caller.ARN, action, resource)
}

// A world is one node or several that share store and bus.
type world struct {
	t         *testing.T
	stores    store.Stores
	bus       bus.Bus
	functions *functions
	keys      keys
	clock     *clock
	records   *records
	nodes     []*node
	late      bool // nodes do not wait until they are ready

	http      integration.HTTPConfig
	endpoints map[string]string       // of services of AWS, see backends_test.go
	mounts    map[string]http.Handler // of services that are no table of operations
	served    map[string]bool
	handler   http.Handler
	push      http.Handler // @connections of the last node
}

func newWorld(t *testing.T) *world {
	return &world{
		t: t, stores: storemem.New(), bus: busmem.New(), clock: &clock{}, records: &records{},
		functions: &functions{table: map[string]function{}, denied: map[string]bool{}, busy: map[string]int{}},
		keys: keys{
			"AKIAALL": {
				"execute-api:ManageConnections arn:aws:execute-api:*", "execute-api:Invoke arn:aws:execute-api:*",
			}, "AKIANONE": nil,
			"AKIAPROD": {"execute-api:Invoke arn:aws:execute-api:us-east-1:000000000000:q7d3k9x2ab/prod/$connect"},
			"AKIADEV":  {"execute-api:Invoke arn:aws:execute-api:us-east-1:000000000000:q7d3k9x2ab/dev/$connect"},
			"AKIAPOST": {"execute-api:ManageConnections arn:aws:execute-api:us-east-1:000000000000:q7d3k9x2ab/prod/POST/@connections/*"},
		},
	}
}

// A node is a gateway with its sockets and its HTTP side.
type node struct {
	w       *world
	addr    string
	gateway *gateway.Gateway
	sockets *loop.Server
	stop    func() // waits until all has stopped
}

type option func(*gateway.Config, *loop.Config)

func (w *world) node(options ...option) *node {
	w.t.Helper()
	number := uint16(len(w.nodes) + 1)
	sockets := loop.Config{Node: number, Now: w.clock.now, Sweep: 5 * time.Millisecond, Grace: 300 * time.Millisecond}
	log := slog.New(slog.DiscardHandler)
	gate := awsapi.NewGatekeeper(w.keys, log, awsapi.GateOptions{})
	cfg := gateway.Config{
		Stores: w.stores, Bus: w.bus, Node: number, Backends: w.backends(),
		Signatures: gate, Authorizer: w.keys, Observer: w.records, Now: w.clock.now, Log: log,
	}
	for _, o := range options {
		o(&cfg, &sockets)
	}
	n := &node{w: w, sockets: loop.New(sockets)}
	cfg.Sockets = n.sockets
	n.gateway = gateway.New(cfg)
	service, err := connections.New(connections.Config{Stages: n.gateway, Domains: n.gateway, Sockets: n.gateway, Signatures: gate, Authorizer: w.keys})
	if err != nil {
		w.t.Fatal(err)
	}
	w.push = service
	l, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		w.t.Fatal(err)
	}
	n.addr = l.Addr().String()
	run, stopGateway := context.WithCancel(context.Background())
	serve, stopSockets := context.WithCancel(context.Background())
	var gatewayDone, socketsDone sync.WaitGroup
	gatewayDone.Go(func() {
		if err := n.gateway.Run(run); err != nil {
			w.t.Errorf("gateway: %v", err)
		}
	})
	socketsDone.Go(func() {
		if err := n.sockets.Run(serve, n.gateway, l); err != nil {
			w.t.Errorf("sockets: %v", err)
		}
	})
	server := &http.Server{Handler: service}
	socketsDone.Go(func() { _ = server.Serve(n.sockets.HTTP()) })
	n.stop = sync.OnceFunc(func() {
		server.Close()
		stopSockets()
		socketsDone.Wait()
		stopGateway()
		gatewayDone.Wait()
	})
	w.t.Cleanup(n.stop)
	if !w.late {
		<-n.gateway.Ready()
	}
	w.nodes = append(w.nodes, n)
	return n
}

// A change edits a snapshot before it is deployed.
type change func(*apigateway.Snapshot)

// route adds a route that calls the function of the same name, letters only.
func route(key string, changes ...func(*apigateway.Route, *apigateway.Integration)) change {
	return func(s *apigateway.Snapshot) {
		d := &s.Deployment
		id := fmt.Sprintf("i%d", len(d.Integrations))
		r := apigateway.Route{ID: "r" + id, Key: key, Target: "integrations/" + id, AuthorizationType: "NONE"}
		i := apigateway.Integration{
			ID: id, Type: apigateway.AWSProxy, Method: "POST", ConnectionType: "INTERNET", PassthroughBehavior: "WHEN_NO_MATCH", TimeoutMillis: 29000,
			URI: "arn:aws:apigateway:" + region + ":lambda:path/2015-03-31/functions/" + lambda + strings.Trim(key, "$") + "/invocations",
		}
		for _, c := range changes {
			c(&r, &i)
		}
		d.Routes = append(d.Routes, r)
		d.Integrations = append(d.Integrations, i)
	}
}

func twoWay(r *apigateway.Route, _ *apigateway.Integration) {
	r.RouteResponseSelectionExpression = "$default"
	r.Responses = []apigateway.RouteResponse{{ID: "rr", Key: "$default"}}
}

func selector(expression string) change {
	return func(s *apigateway.Snapshot) { s.Deployment.API.RouteSelectionExpression = expression }
}

// deploy serves stage prod of the API, and waits until all nodes do.
func (w *world) deploy(changes ...change) { w.deployAs(apiID, "prod", changes...) }

func (w *world) deployAs(api, stage string, changes ...change) {
	w.t.Helper()
	s := apigateway.Snapshot{
		Account: account, Region: region, Stage: apigateway.Stage{Name: stage, DeploymentID: "d1"},
		Deployment: apigateway.Deployment{ID: "d1", API: apigateway.API{ID: api, Name: "chat", RouteSelectionExpression: "$request.body.action"}},
	}
	for _, c := range changes {
		c(&s)
	}
	data, err := json.Marshal(s)
	if err != nil {
		w.t.Fatal(err)
	}
	w.put(apigateway.SnapshotKey(api, stage), data)
	for _, n := range w.nodes {
		w.eventually(func() bool {
			_, _, ok := n.gateway.Stage(api, stage)
			return ok || s.Deployment.API.DisableExecuteAPIEndpoint
		}, "stage %s/%s is not served", api, stage)
	}
}

func (w *world) put(key string, data []byte) {
	w.t.Helper()
	st, err := w.stores.Open(w.t.Context(), apigateway.Store)
	if err == nil {
		_, err = store.Put(w.t.Context(), st, key, data, store.Always)
	}
	if err != nil {
		w.t.Fatal(err)
	}
}

func (w *world) remove(key string) {
	w.t.Helper()
	st, err := w.stores.Open(w.t.Context(), apigateway.Store)
	if err == nil {
		err = store.Delete(w.t.Context(), st, key, store.Always)
	}
	if err != nil {
		w.t.Fatal(err)
	}
}

// on makes the function of a route.
func (w *world) on(name string, f function) {
	w.functions.mu.Lock()
	defer w.functions.mu.Unlock()
	w.functions.table[name] = f
}

// returns is a function that always answers the same.
func returns(result string) function { return func(map[string]any) string { return result } }

// patience bounds every wait of these tests; none is expected to come near it.
const patience = time.Minute

// eventually waits until what is true, and fails the test with the message if that takes too long.
func (w *world) eventually(what func() bool, format string, args ...any) {
	w.t.Helper()
	for deadline := time.Now().Add(patience); !what(); {
		if time.Now().After(deadline) {
			w.t.Fatalf(format, args...)
		}
		time.Sleep(time.Millisecond)
	}
}

// A client is a WebSocket client that does as it is told, also what is wrong.
type client struct {
	t  *testing.T
	nc net.Conn
	r  *bufio.Reader
}

// dial opens a connection that sends nothing yet.
func (n *node) dial() net.Conn {
	n.w.t.Helper()
	nc, err := net.Dial("tcp", n.addr)
	if err != nil {
		n.w.t.Fatal(err)
	}
	n.w.t.Cleanup(func() { nc.Close() })
	return nc
}

// upgrade sends an upgrade request and returns its answer. header lines replace those with the same name; "Name:-" removes one.
func (n *node) upgrade(target string, header ...string) (*client, *http.Response) {
	n.w.t.Helper()
	nc := n.dial()
	lines := []string{"Host: " + host, "Connection: Upgrade", "Upgrade: websocket", "Sec-WebSocket-Version: 13", "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==", "User-Agent: test/1"}
	for _, h := range header {
		name, _, _ := strings.Cut(h, ":")
		lines = slices.DeleteFunc(lines, func(l string) bool { have, _, _ := strings.Cut(l, ":"); return have == name })
	}
	for _, h := range header {
		if _, value, _ := strings.Cut(h, ":"); value != "-" {
			lines = append(lines, h)
		}
	}
	fmt.Fprintf(nc, "GET %s HTTP/1.1\r\n%s\r\n\r\n", target, strings.Join(lines, "\r\n"))
	c := &client{t: n.w.t, nc: nc, r: bufio.NewReader(nc)}
	_ = nc.SetReadDeadline(time.Now().Add(patience))
	resp, err := http.ReadResponse(c.r, &http.Request{Method: "GET"})
	if err != nil {
		n.w.t.Fatalf("upgrade to %s: %v", target, err)
	}
	return c, resp
}

// connect upgrades and expects 101.
func (n *node) connect(target string, header ...string) *client {
	n.w.t.Helper()
	c, resp := n.upgrade(target, header...)
	if resp.StatusCode != 101 {
		body, _ := io.ReadAll(resp.Body)
		n.w.t.Fatalf("upgrade to %s: status %d, want 101: %s", target, resp.StatusCode, body)
	}
	return c
}

// frame sends one frame as given.
func (c *client) frame(first byte, payload []byte) {
	c.t.Helper()
	b := []byte{first}
	switch n := len(payload); {
	case n < 126:
		b = append(b, 0x80|byte(n))
	case n < 1<<16:
		b = binary.BigEndian.AppendUint16(append(b, 0x80|126), uint16(n))
	default:
		b = binary.BigEndian.AppendUint64(append(b, 0x80|127), uint64(n))
	}
	mask := [4]byte{1, 2, 3, 4}
	b = append(b, mask[:]...)
	for i, p := range payload {
		b = append(b, p^mask[i%4])
	}
	if _, err := c.nc.Write(b); err != nil {
		c.t.Fatalf("send frame: %v", err)
	}
}

func (c *client) send(text string) { c.t.Helper(); c.frame(0x81, []byte(text)) }

func (c *client) close(code int, reason string) {
	c.t.Helper()
	c.frame(0x88, append(binary.BigEndian.AppendUint16(nil, uint16(code)), reason...))
}

// read returns the next message: opcode and payload of all its frames.
func (c *client) read() (opcode byte, payload []byte) {
	c.t.Helper()
	_ = c.nc.SetReadDeadline(time.Now().Add(patience))
	for {
		var h [2]byte
		if _, err := io.ReadFull(c.r, h[:]); err != nil {
			c.t.Fatalf("read frame: %v", err)
		}
		n := uint64(h[1] & 0x7f)
		switch n {
		case 126:
			var b [2]byte
			_, _ = io.ReadFull(c.r, b[:])
			n = uint64(binary.BigEndian.Uint16(b[:]))
		case 127:
			var b [8]byte
			_, _ = io.ReadFull(c.r, b[:])
			n = binary.BigEndian.Uint64(b[:])
		}
		part := make([]byte, n)
		if _, err := io.ReadFull(c.r, part); err != nil {
			c.t.Fatalf("read payload: %v", err)
		}
		if op := h[0] & 0xf; op != 0 {
			opcode = op
		}
		payload = append(payload, part...)
		if h[0]&0x80 != 0 {
			return opcode, payload
		}
	}
}

// text expects a text message.
func (c *client) text() string {
	c.t.Helper()
	op, payload := c.read()
	if op != 1 {
		c.t.Fatalf("got opcode %d with %q, want a text message", op, payload)
	}
	return string(payload)
}

func (c *client) want(text string) {
	c.t.Helper()
	if got := c.text(); got != text {
		c.t.Fatalf("got message %q, want %q", got, text)
	}
}

// wantClose expects a close frame.
func (c *client) wantClose(code int, reason string) {
	c.t.Helper()
	op, payload := c.read()
	if op != 8 || len(payload) < 2 {
		c.t.Fatalf("got opcode %d with %q, want a close frame", op, payload)
	}
	got := int(binary.BigEndian.Uint16(payload))
	if got != code || reason != "*" && string(payload[2:]) != reason {
		c.t.Fatalf("closed with %d %q, want %d %q", got, payload[2:], code, reason)
	}
}

// quiet expects that nothing comes before the answer to a ping.
func (c *client) quiet() {
	c.t.Helper()
	c.frame(0x89, []byte("quiet?"))
	if op, payload := c.read(); op != 10 || string(payload) != "quiet?" {
		c.t.Fatalf("got opcode %d with %q, want nothing but a pong", op, payload)
	}
}

// call makes a signed request to @connections.
func (n *node) call(method, target, body, accessKey string) (*http.Response, string) {
	n.w.t.Helper()
	return n.callHost(host, method, target, body, &sigv4.Signer{AccessKeyID: accessKey, Secret: "secret", Region: region, Service: "execute-api"})
}

func (n *node) callHost(host, method, target, body string, signer *sigv4.Signer) (*http.Response, string) {
	n.w.t.Helper()
	signed := &sigv4.Request{Method: method, Target: target, Host: host, Body: []byte(body)}
	if signer != nil {
		signer.Sign(signed, time.Now())
	}
	nc := n.dial()
	fmt.Fprintf(nc, "%s %s HTTP/1.1\r\nHost: %s\r\nConnection: close\r\nContent-Length: %d\r\n", method, target, host, len(body))
	for _, f := range signed.Header {
		fmt.Fprintf(nc, "%s: %s\r\n", f.Name, f.Value)
	}
	_, _ = io.WriteString(nc, "\r\n"+body)
	_ = nc.SetReadDeadline(time.Now().Add(patience))
	resp, err := http.ReadResponse(bufio.NewReader(nc), &http.Request{Method: method})
	if err != nil {
		n.w.t.Fatalf("%s %s: %v", method, target, err)
	}
	answer, err := io.ReadAll(resp.Body)
	if err != nil {
		n.w.t.Fatal(err)
	}
	return resp, string(answer)
}

// dig returns a member of nested objects: dig(event, "requestContext", "connectionId").
func dig(v any, names ...string) any {
	for _, name := range names {
		o, _ := v.(map[string]any)
		v = o[name]
	}
	return v
}

func str(v any, names ...string) string { s, _ := dig(v, names...).(string); return s }
