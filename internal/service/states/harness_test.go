package states_test

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/sallyport/sallyport/internal/awsapi"
	"github.com/sallyport/sallyport/internal/bus"
	busmem "github.com/sallyport/sallyport/internal/bus/mem"
	"github.com/sallyport/sallyport/internal/service/dynamodb"
	"github.com/sallyport/sallyport/internal/service/states"
	"github.com/sallyport/sallyport/internal/store"
	storemem "github.com/sallyport/sallyport/internal/store/mem"
)

const account = "111111111111"

// A world is a server with state machines, tables, and whatever else they call.
type world struct {
	t      *testing.T
	ctx    context.Context //nolint:containedctx // a test's
	stores store.Stores
	bus    bus.Bus
	others *others
	logs   *lines
	stop   func()
	made   int

	mu      sync.Mutex // guards what follows, which a restart replaces
	service *states.Service
	catalog *awsapi.Catalog

	background sync.WaitGroup // what answers tokens
}

// lines is a log group of all groups.
type lines struct {
	mu  sync.Mutex
	all []string // group + " " + stream + " " + line
}

func (l *lines) Append(_ context.Context, group, stream string, _ time.Time, text ...string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, line := range text {
		l.all = append(l.all, group+" "+stream+" "+line)
	}
}

func newWorld(t *testing.T) *world {
	w := &world{t: t, stores: storemem.New(), bus: busmem.New(), others: newOthers(), logs: &lines{}}
	w.ctx = awsapi.WithCaller(t.Context(), awsapi.Caller{Account: account, Region: "us-east-1", ARN: "arn:aws:iam::" + account + ":root", UserID: account, Admin: true, RequestID: "req"})
	w.start()
	return w
}

// start runs a server on the stores; stop ends it.
func (w *world) start() { w.restart(w.stores, w.bus) }

func (w *world) restart(stores store.Stores, b bus.Bus) {
	ctx, cancel := context.WithCancel(w.ctx)
	log := slog.New(slog.NewTextHandler(logWriter{w.t}, &slog.HandlerOptions{Level: slog.LevelError}))
	service := states.New(states.Config{Stores: stores, Bus: b, Logs: w.logs, Log: log, Workers: 16})
	tables := dynamodb.New(w.stores, log)
	service.Connect(w, w.others)
	w.mu.Lock()
	w.service, w.catalog = service, awsapi.NewCatalog([]awsapi.Service{service, tables})
	w.mu.Unlock()
	var parts sync.WaitGroup
	parts.Go(func() { _ = service.Run(ctx) })
	parts.Go(func() { _ = tables.Run(ctx) })
	w.stop = sync.OnceFunc(func() {
		cancel()
		parts.Wait()
	})
}

type logWriter struct{ t *testing.T }

func (w logWriter) Write(p []byte) (int, error) {
	w.t.Log(strings.TrimSpace(string(p)))
	return len(p), nil
}

// Call implements states.Caller: what is not in the catalog, the others answer.
func (w *world) Call(ctx context.Context, service, operation string, in []byte) ([]byte, error) {
	if service == "states" || service == "dynamodb" {
		w.mu.Lock()
		catalog := w.catalog
		w.mu.Unlock()
		return catalog.Call(ctx, service, operation, in)
	}
	return w.others.Call(ctx, service, operation, in)
}

// call calls an operation as the administrator.
func (w *world) call(service, operation string, in any) (map[string]any, error) {
	data, ok := in.(json.RawMessage)
	if !ok {
		var err error
		if data, err = json.Marshal(in); err != nil {
			w.t.Fatal(err)
		}
	}
	out, err := w.Call(w.ctx, service, operation, data)
	if err != nil {
		return nil, err
	}
	var v map[string]any
	if len(out) > 0 {
		if err := json.Unmarshal(out, &v); err != nil {
			w.t.Fatalf("%s gave %s: %v", operation, out, err)
		}
	}
	return v, nil
}

// must is call that must succeed.
func (w *world) must(operation string, in any) map[string]any {
	w.t.Helper()
	out, err := w.call("states", operation, in)
	if err != nil {
		w.t.Fatalf("%s: %v", operation, err)
	}
	return out
}

type m = map[string]any

const role = "arn:aws:iam::" + account + ":role/sfn-role"

// create makes a state machine and returns its ARN.
func (w *world) create(name, kind, definition string) string {
	w.t.Helper()
	return w.must("CreateStateMachine", m{"name": name, "type": kind, "definition": definition, "roleArn": role})["stateMachineArn"].(string)
}

// run starts an execution and waits for its end.
func (w *world) run(machine, input string) map[string]any {
	w.t.Helper()
	out := w.must("StartExecution", m{"stateMachineArn": machine, "input": input})
	return w.wait(out["executionArn"].(string))
}

// execute makes a machine and runs it.
func (w *world) execute(definition, input string) map[string]any {
	w.t.Helper()
	w.made++
	return w.run(w.create(fmt.Sprintf("m%d", w.made), "STANDARD", definition), input)
}

// wait waits for the end of an execution. Time is virtual, so that it may take weeks.
func (w *world) wait(arn string) map[string]any {
	w.t.Helper()
	for range 100_000 {
		out := w.must("DescribeExecution", m{"executionArn": arn})
		if out["status"] != "RUNNING" {
			return out
		}
		time.Sleep(20 * time.Millisecond)
	}
	w.t.Fatalf("execution %s does not end", arn)
	return nil
}

// history returns all events of an execution.
func (w *world) history(arn string) []map[string]any {
	w.t.Helper()
	var all []map[string]any
	in := m{"executionArn": arn, "maxResults": 1000}
	for {
		out := w.must("GetExecutionHistory", in)
		for _, e := range out["events"].([]any) {
			all = append(all, e.(map[string]any))
		}
		if out["nextToken"] == nil {
			return all
		}
		in["nextToken"] = out["nextToken"]
	}
}

// corpus reads a file of recorded cases into v, or skips the test.
func corpus(t *testing.T, file string, v any) {
	t.Helper()
	dir := os.Getenv("SALLYPORT_CORPORA")
	if dir == "" {
		dir = filepath.Join("..", "..", "..", "..", "shared", "corpora")
	}
	data, err := os.ReadFile(filepath.Join(dir, "states", file))
	if err != nil {
		t.Skipf("no recorded executions here: %v", err)
	}
	if err := json.Unmarshal(data, v); err != nil {
		t.Fatal(err)
	}
}

func b64(s string) string { return base64.StdEncoding.EncodeToString([]byte(s)) }
