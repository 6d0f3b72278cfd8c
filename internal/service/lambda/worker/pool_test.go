package worker

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// eventually waits for what another process or goroutine does.
func eventually(t *testing.T, what string, ok func() bool) {
	t.Helper()
	for deadline := time.Now().Add(10 * time.Second); !ok(); {
		if time.Now().After(deadline) {
			t.Fatalf("not so: %s", what)
		}
		<-time.After(5 * time.Millisecond)
	}
}

const counter = `let n = 0; exports.handler = async (e) => { n++; if (e.ms) await new Promise((r) => setTimeout(r, e.ms)); return [process.pid, n] }`

func TestPool_Reuse_LA038(t *testing.T) {
	need(t, "node")
	p := startPool(t, Options{})
	s, _ := js(t, counter)
	first := string(invoke(t, p, s, `{}`).Payload)
	if second := string(invoke(t, p, s, `{}`).Payload); strings.TrimSuffix(second, ",2]") != strings.TrimSuffix(first, ",1]") {
		t.Errorf("two requests one after the other: %s, %s", first, second)
	}
	seen := map[string]bool{}
	var mu sync.Mutex
	var wg sync.WaitGroup
	for range 2 {
		wg.Go(func() {
			r, err := p.Invoke(t.Context(), s, Invocation{Payload: []byte(`{"ms":800}`)})
			if err != nil {
				t.Error(err)
			}
			pid, _, _ := strings.Cut(string(r.Payload), ",")
			mu.Lock()
			seen[pid] = true
			mu.Unlock()
		})
	}
	wg.Wait()
	if len(seen) != 2 {
		t.Errorf("two requests at once ran in %v", seen)
	}
	// The process used last is used next.
	var last string
	for range 5 {
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
	go func() {
		defer close(done)
		p.Invoke(t.Context(), busy, Invocation{Payload: []byte(`{"ms":1500}`)})
	}()
	eventually(t, "the process is busy", func() bool { all, idle := p.Processes(busy.ID); return all == 1 && idle == 0 })
	other, _ := js(t, counter)
	other.ID = "other"
	if _, err := p.Invoke(t.Context(), other, Invocation{}); !errors.Is(err, ErrSaturated) {
		t.Errorf("invoke = %v, want ErrSaturated", err)
	}
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
	out := make(chan Result, 1)
	go func() {
		r, _ := p.Invoke(t.Context(), s, Invocation{Payload: []byte(`{"ms":300}`)})
		out <- r
	}()
	eventually(t, "the process is busy", func() bool { _, idle := p.Processes(s.ID); return idle == 0 })
	p.Retire(s.ID)
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
	s, sink := js(t, `exports.handler = async () => { await new Promise((r) => setTimeout(r, 300)); console.log("went on") }`)
	p.Prepare(s, 1)
	eventually(t, "the process waits", func() bool { _, idle := p.Processes(s.ID); return idle == 1 })
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	if _, err := p.Invoke(ctx, s, Invocation{}); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("invoke = %v", err)
	}
	eventually(t, "the function goes on", func() bool { _, ok := sink.find("went on"); return ok })
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
	s.Credentials = func(context.Context) (Credentials, error) {
		calls++
		return Credentials{AccessKeyID: fmt.Sprint("A", calls), SecretAccessKey: "S", SessionToken: "T", Expires: time.Now().Add(life)}, nil
	}
	succeeds(t, p, s, `{}`, `"A1ST"`)
	succeeds(t, p, s, `{}`, `"A1ST"`)
	p.Retire(s.ID)
	life = 300 * time.Millisecond
	begun := time.Now()
	succeeds(t, p, s, `{}`, `"A2ST"`)
	for string(invoke(t, p, s, `{}`).Payload) == `"A2ST"` { // until the process is replaced before they expire
		if time.Since(begun) > 5*time.Second {
			t.Fatal("a process outlives its credentials")
		}
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
		s.Timeout = 5 * time.Second
		succeeds(t, p, s, `{}`, `"late"`)
	})
}

func TestPool_Memory(t *testing.T) {
	need(t, "node")
	p := startPool(t, Options{})
	s, _ := js(t, `exports.handler = async () => { const keep = []; for (;;) { keep.push(Buffer.alloc(8 << 20, 1)); await new Promise((r) => setTimeout(r, 10)) } }`)
	s.Timeout = 20 * time.Second
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
