package worker

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// eventually waits for what another process or goroutine does.
func eventually(t *testing.T, what string, ok func() bool) {
	t.Helper()
	for deadline := time.Now().Add(time.Minute); !ok(); {
		if time.Now().After(deadline) {
			t.Fatalf("not so: %s", what)
		}
		<-time.After(5 * time.Millisecond)
	}
}

// settled waits until the one process of a function asks for work: the next request finds it. On a busy machine that takes longer than the
// pool waits before it starts another.
func settled(t *testing.T, p *Pool, s *Spec) {
	t.Helper()
	eventually(t, "the one process that answered is idle", func() bool { all, idle := p.Processes(s.ID); return all == 1 && idle == 1 })
}

const counter = `let n = 0; const fs = require("fs"); const pause = (ms) => new Promise((r) => setTimeout(r, ms));
exports.handler = async (e) => {
	n++;
	if (e.ms) await pause(e.ms);
	if (e.gate) { fs.writeFileSync(e.gate + "/in" + process.pid, ""); while (!fs.existsSync(e.gate + "/open")) await pause(5) }
	return [process.pid, n];
}`

// A gate is where requests of a counter wait.
type gate struct {
	t     *testing.T
	dir   string
	event []byte // of those who wait there
}

func newGate(t *testing.T) *gate {
	dir := t.TempDir()
	return &gate{t, dir, fmt.Appendf(nil, `{"gate":%q}`, dir)}
}

// await waits until n processes wait there.
func (g *gate) await(n int) {
	g.t.Helper()
	eventually(g.t, fmt.Sprint(n, " processes are busy"), func() bool {
		in, err := filepath.Glob(filepath.Join(g.dir, "in*"))
		return err == nil && len(in) == n
	})
}

func (g *gate) open() {
	g.t.Helper()
	if err := os.WriteFile(filepath.Join(g.dir, "open"), nil, 0o600); err != nil {
		g.t.Fatal(err)
	}
}

func TestPool_Reuse_LA038(t *testing.T) {
	need(t, "node")
	p := startPool(t, Options{})
	s, _ := js(t, counter)
	first := string(invoke(t, p, s, `{}`).Payload)
	settled(t, p, s)
	if second := string(invoke(t, p, s, `{}`).Payload); strings.TrimSuffix(second, ",2]") != strings.TrimSuffix(first, ",1]") {
		t.Errorf("two requests one after the other: %s, %s", first, second)
	}
	seen := map[string]bool{}
	var mu sync.Mutex
	var wg sync.WaitGroup
	g := newGate(t)
	for range 2 {
		wg.Go(func() {
			r, err := p.Invoke(t.Context(), s, Invocation{Payload: g.event})
			if err != nil {
				t.Error(err)
			}
			pid, _, _ := strings.Cut(string(r.Payload), ",")
			mu.Lock()
			seen[pid] = true
			mu.Unlock()
		})
	}
	g.await(2)
	g.open()
	wg.Wait()
	if len(seen) != 2 {
		t.Errorf("two requests at once ran in %v", seen)
	}
	// The process used last is used next.
	var last string
	for range 5 {
		eventually(t, "both are idle", func() bool { _, idle := p.Processes(s.ID); return idle == 2 })
		pid, _, _ := strings.Cut(string(invoke(t, p, s, `{}`).Payload), ",")
		if last != "" && pid != last {
			t.Errorf("process %s after %s", pid, last)
		}
		last = pid
	}
}

func TestPool_Storm(t *testing.T) {
	need(t, "node")
	p := startPool(t, Options{MaxProcesses: 6})
	s, _ := js(t, counter)
	var wg sync.WaitGroup
	for range 100 {
		wg.Go(func() {
			r, err := p.Invoke(t.Context(), s, Invocation{Payload: []byte(`{"ms":1}`)})
			if err != nil || r.FunctionError != "" {
				t.Errorf("%s, %v", r.Payload, err)
			}
		})
	}
	wg.Wait()
	if all, _ := p.Processes(s.ID); all > 6 {
		t.Errorf("%d processes of at most 6", all)
	}
	eventually(t, "all processes are idle", func() bool { all, idle := p.Processes(s.ID); return idle == all })
}

func TestPool_Saturated(t *testing.T) {
	need(t, "node")
	p := startPool(t, Options{MaxProcesses: 1})
	busy, _ := js(t, counter)
	done := make(chan struct{})
	g := newGate(t)
	go func() {
		defer close(done)
		p.Invoke(t.Context(), busy, Invocation{Payload: g.event})
	}()
	g.await(1)
	other, _ := js(t, counter)
	other.ID = "other"
	if _, err := p.Invoke(t.Context(), other, Invocation{}); !errors.Is(err, ErrSaturated) {
		t.Errorf("invoke = %v, want ErrSaturated", err)
	}
	g.open()
	<-done
	// An idle process of another function makes room.
	if r := invoke(t, p, other, `{}`); r.FunctionError != "" {
		t.Errorf("result = %s", r.Payload)
	}
	eventually(t, "the idle process is gone", func() bool { all, _ := p.Processes(busy.ID); return all == 0 })
}

func TestPool_Retire(t *testing.T) {
	need(t, "node")
	p := startPool(t, Options{})
	s, _ := js(t, counter)
	invoke(t, p, s, `{}`)
	settled(t, p, s)
	out := make(chan Result, 1)
	g := newGate(t)
	go func() {
		r, _ := p.Invoke(t.Context(), s, Invocation{Payload: g.event})
		out <- r
	}()
	g.await(1)
	p.Retire(s.ID)
	g.open()
	if r := <-out; r.FunctionError != "" || !strings.HasSuffix(string(r.Payload), ",2]") {
		t.Errorf("the request of a retired process = %s", r.Payload)
	}
	eventually(t, "the process is gone", func() bool { all, _ := p.Processes(s.ID); return all == 0 })
	if r := invoke(t, p, s, `{}`); !strings.HasSuffix(string(r.Payload), ",1]") {
		t.Errorf("after that = %s", r.Payload)
	}
	p.Retire(s.ID)
	eventually(t, "the idle process is gone", func() bool { all, _ := p.Processes(s.ID); return all == 0 })
}

func TestPool_Idle(t *testing.T) {
	need(t, "node")
	p := startPool(t, Options{IdleTimeout: 50 * time.Millisecond})
	s, _ := js(t, counter)
	invoke(t, p, s, `{}`)
	eventually(t, "the idle process is gone", func() bool { all, _ := p.Processes(s.ID); return all == 0 })
}

func TestPool_Prepare(t *testing.T) {
	need(t, "node")
	p := startPool(t, Options{})
	s, _ := js(t, counter)
	p.Prepare(s, 2)
	eventually(t, "two processes wait", func() bool { _, idle := p.Processes(s.ID); return idle == 2 })
	p.Prepare(s, 2)
	if r := invoke(t, p, s, `{}`); r.InitDuration == 0 {
		t.Error("the first request has no init duration")
	}
	if all, _ := p.Processes(s.ID); all != 2 {
		t.Errorf("%d processes", all)
	}
}

func TestPool_Cancel(t *testing.T) {
	need(t, "node")
	p := startPool(t, Options{})
	s, sink := js(t, counter)
	p.Prepare(s, 1)
	eventually(t, "the process waits", func() bool { _, idle := p.Processes(s.ID); return idle == 1 })
	ctx, cancel := context.WithCancel(t.Context())
	g := newGate(t)
	go func() { g.await(1); cancel() }()
	if _, err := p.Invoke(ctx, s, Invocation{Payload: g.event}); !errors.Is(err, context.Canceled) {
		t.Errorf("invoke = %v", err)
	}
	if l, ok := sink.find("END"); ok {
		t.Errorf("the function has ended: %s", l)
	}
	g.open()
	eventually(t, "the function goes on", func() bool { _, ok := sink.find("END"); return ok })
	eventually(t, "the process is free again", func() bool { _, idle := p.Processes(s.ID); return idle == 1 })
}

func TestPool_Stop(t *testing.T) {
	need(t, "node")
	p := New(Options{})
	ctx, cancel := context.WithCancel(t.Context())
	stopped := make(chan error, 1)
	go func() { stopped <- p.Run(ctx) }()
	s, _ := js(t, counter)
	out := make(chan error, 1)
	go func() {
		_, err := p.Invoke(t.Context(), s, Invocation{Payload: []byte(`{"ms":60000}`)})
		out <- err
	}()
	eventually(t, "the process runs", func() bool { all, _ := p.Processes(s.ID); return all == 1 })
	cancel()
	if err := <-out; !errors.Is(err, ErrStopped) {
		t.Errorf("invoke = %v, want ErrStopped", err)
	}
	if err := <-stopped; err != nil {
		t.Error(err)
	}
	if _, err := p.Invoke(t.Context(), s, Invocation{}); !errors.Is(err, ErrStopped) {
		t.Errorf("invoke after the end = %v, want ErrStopped", err)
	}
}

func TestPool_Credentials(t *testing.T) {
	need(t, "node")
	p := startPool(t, Options{})
	s, _ := js(t, `exports.handler = async () => process.env.AWS_ACCESS_KEY_ID + process.env.AWS_SECRET_ACCESS_KEY + process.env.AWS_SESSION_TOKEN`)
	calls, life := 0, time.Hour
	var ends []time.Time // of the credentials
	s.Credentials = func(context.Context) (Credentials, error) {
		calls++
		ends = append(ends, time.Now().Add(life))
		return Credentials{AccessKeyID: fmt.Sprint("A", calls), SecretAccessKey: "S", SessionToken: "T", Expires: ends[calls-1]}, nil
	}
	succeeds(t, p, s, `{}`, `"A1ST"`)
	succeeds(t, p, s, `{}`, `"A1ST"`)
	p.Retire(s.ID)
	life = 4 * time.Second
	for deadline, last := time.Now().Add(time.Minute), 1; last < 3; { // until a process is replaced before they expire
		begun, n := time.Now(), 0
		payload := invoke(t, p, s, `{}`).Payload
		if _, err := fmt.Sscanf(string(payload), `"A%dST"`, &n); err != nil || n < 2 || n < last {
			t.Fatalf("payload = %s after A%d, %v", payload, last, err)
		}
		if begun.After(ends[n-1]) || begun.After(deadline) {
			t.Fatal("a process outlives its credentials")
		}
		last = n
	}
	p.Retire(s.ID)
	s.Credentials = func(context.Context) (Credentials, error) { return Credentials{}, errors.New("no such role") }
	if r := invoke(t, p, s, `{}`); !strings.Contains(string(r.Payload), "get credentials of the function's role: no such role") {
		t.Errorf("payload = %s", r.Payload)
	}
}

func TestPool_InitTime(t *testing.T) {
	need(t, "node")
	p := startPool(t, Options{})
	p.initLimit = 300 * time.Millisecond
	t.Run("slow for ever", func(t *testing.T) {
		s, sink := js(t, `for (;;);`)
		s.Timeout = 500 * time.Millisecond
		fails(t, p, s, `{}`, "Sandbox.Timedout", "RequestId: <id> Error: Task timed out after 0.50 seconds")
		if _, ok := sink.find("INIT_REPORT Init Duration: 300.00 ms\tPhase: init\tStatus: timeout"); !ok {
			t.Errorf("log = %q", sink.lines())
		}
	})
	t.Run("slow is started again in the time of the request", func(t *testing.T) {
		s, _ := js(t, `const end = Date.now() + 400; while (Date.now() < end); exports.handler = async () => "late"`)
		s.Timeout = time.Minute
		succeeds(t, p, s, `{}`, `"late"`)
	})
}

func TestPool_Memory(t *testing.T) {
	need(t, "node")
	p := startPool(t, Options{})
	s, _ := js(t, `exports.handler = async () => { const keep = []; for (;;) { keep.push(Buffer.alloc(8 << 20, 1)); await new Promise((r) => setTimeout(r, 10)) } }`)
	r, _ := fails(t, p, s, `{}`, "Runtime.ExitError", "RequestId: <id> Error: Runtime exited with error: signal: killed")
	if !strings.Contains(string(r.LogTail), "\tStatus: error\tError Type: Runtime.ExitError") {
		t.Errorf("log = %s", r.LogTail)
	}
}

// TestPool_Books lets functions end in every way at once, and then looks whether the pool has kept its books.
func TestPool_Books(t *testing.T) {
	need(t, "node")
	p := startPool(t, Options{MaxProcesses: 5})
	sources := []string{
		`exports.handler = async (e) => { switch (e.k) { case 0: process.exit(1); case 1: throw new Error("x"); case 2: setImmediate(() => process.exit(0)); return 2; case 3: Promise.reject(1); await new Promise((r) => setTimeout(r, 100)); case 4: for (;;); default: return e.k } }`,
		`if (Math.random() < 0.3) throw new Error("load"); if (Math.random() < 0.3) process.exit(0); exports.handler = async (e) => e.k`,
	}
	var specs []*Spec
	for i, src := range sources {
		s, _ := js(t, src)
		s.ID = fmt.Sprint(t.Name(), i)
		s.Timeout = 300 * time.Millisecond
		specs = append(specs, s)
	}
	var wg sync.WaitGroup
	for i := range 120 {
		wg.Go(func() {
			ctx := t.Context()
			if i%10 == 9 {
				var cancel context.CancelFunc
				ctx, cancel = context.WithTimeout(ctx, time.Duration(i)*time.Millisecond)
				defer cancel()
			}
			r, err := p.Invoke(ctx, specs[i%2], Invocation{Payload: fmt.Appendf(nil, `{"k":%d}`, i%7)})
			if err != nil && !errors.Is(err, ErrSaturated) && !errors.Is(err, context.DeadlineExceeded) {
				t.Error(err)
			}
			if err == nil && len(r.Payload) == 0 {
				t.Error("a result without a payload")
			}
			if i%40 == 0 {
				p.Retire(specs[0].ID)
			}
		})
	}
	wg.Wait()
	eventually(t, "nothing is counted as busy, starting or waiting", func() bool {
		p.mu.Lock()
		defer p.mu.Unlock()
		idle := 0
		for _, g := range p.groups {
			if g.busy != 0 || g.starting != 0 || len(g.waiters) != 0 || g.prepare != 0 {
				return false
			}
			idle += len(g.idle)
		}
		return p.starts == 0 && p.first == 0 && len(p.queue) == 0 && idle == len(p.live)
	})
}

// starts is a Sink that keeps the order in which requests were begun.
type starts struct {
	mu  sync.Mutex
	ids []string
}

func (s *starts) Append(_ context.Context, _, _ string, _ time.Time, lines ...string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, line := range lines {
		if rest, ok := strings.CutPrefix(line, "START RequestId: "); ok {
			id, _, _ := strings.Cut(rest, " ")
			s.ids = append(s.ids, id)
		}
	}
}

// TestPool_Order begins requests one after the other, more than there are processes and faster than those start, and looks that
// processes get them in that order.
func TestPool_Order(t *testing.T) {
	need(t, "python3")
	p := startPool(t, Options{MaxProcesses: 5})
	s, _ := spec(t, "python3.11", "app.handler", code(t, "app.py", "def handler(e, c):\n    return e"))
	order := &starts{}
	s.Logs = order
	var want []string
	var wg sync.WaitGroup
	for i := range 1000 {
		id := fmt.Sprintf("%08d", i)
		want = append(want, id)
		wait, err := p.Start(t.Context(), s, Invocation{RequestID: id, Payload: []byte(`{"id":"` + id + `"}`)})
		if err != nil {
			t.Fatal(err)
		}
		wg.Go(func() {
			r, err := wait(t.Context())
			if err != nil || !strings.Contains(string(r.Payload), id) {
				t.Errorf("request %s: %s, %v", id, r.Payload, err)
			}
		})
		if i%100 == 0 {
			wg.Wait() // once in a while nobody is in line
		}
	}
	wg.Wait()
	order.mu.Lock()
	defer order.mu.Unlock()
	if diff := cmp.Diff(want, order.ids); diff != "" {
		t.Errorf("requests were begun in another order (-want +got):\n%s", diff)
	}
}
