package bustest

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/sallyport/sallyport/internal/bus"
)

// patience bounds every wait of the suite.
const patience = time.Minute

// Run tries every promise of the contract on the bus that open makes.
func Run(t *testing.T, open func(testing.TB) bus.Bus) {
	b := open(t)
	for name, f := range map[string]func(*testing.T, bus.Bus){
		"publish": testPublish, "wildcards": testWildcards, "order": testOrder, "cancel": testCancel, "subjects": testSubjects, "slow_subscriber": testSlowSubscriber,
		"request": testRequest, "request_groups": testRequestGroups, "request_concurrent": testRequestConcurrent, "serve_cancel": testServeCancel,
		"queue": testQueue, "queue_ids": testQueueIDs, "queue_retry": testQueueRetry, "queue_next": testQueueNext, "queue_schedule": testQueueSchedule, "queue_workers": testQueueWorkers,
		"queue_stop": testQueueStop, "queue_long_job": testQueueLongJob, "queue_many_scheduled": testQueueManyScheduled,
	} {
		t.Run(name, func(t *testing.T) { f(t, b) })
	}
}

func testPublish(t *testing.T, b bus.Bus) {
	got := make(chan string, 10)
	for i := range 2 {
		cancel, err := b.Subscribe("publish.one", func(subject string, data []byte) { got <- fmt.Sprint(i, subject, string(data)) })
		if err != nil {
			t.Fatal(err)
		}
		defer cancel()
	}
	publish(t, b, "publish.other", "no")
	data := []byte("yes")
	if err := b.Publish(t.Context(), "publish.one", data); err != nil {
		t.Fatal(err)
	}
	copy(data, "bad")
	all := []string{receive(t, got), receive(t, got)}
	slices.Sort(all)
	if diff := cmp.Diff([]string{"0publish.oneyes", "1publish.oneyes"}, all); diff != "" {
		t.Errorf("messages (-want +got):\n%s", diff)
	}
}

func testWildcards(t *testing.T, b bus.Bus) {
	for _, tt := range []struct {
		pattern, subject string
		want             bool
	}{
		{"w.a", "w.a", true},
		{"w.a", "w.a.b", false},
		{"w.a.b", "w.a", false},
		{"w.*", "w.a", true},
		{"w.*", "w.a.b", false},
		{"w.*", "w", false},
		{"w.>", "w.a.b.c", true},
		{"w.>", "w", false},
		{"w.*.c", "w.b.c", true},
		{"w.*.c", "w.b.d", false},
		{"*.a", "w.a", true},
		{">", "w", true},
	} {
		got := make(chan string, 10)
		cancel, err := b.Subscribe(tt.pattern, func(subject string, _ []byte) { got <- subject })
		if err != nil {
			t.Fatal(err)
		}
		// What comes after on a subject of its own shows that nothing comes before.
		stop, err := b.Subscribe("end.wildcards", func(string, []byte) { got <- "end" })
		if err != nil {
			t.Fatal(err)
		}
		publish(t, b, tt.subject, "")
		if tt.want {
			if s := receive(t, got); s != tt.subject {
				t.Errorf("%s: got %q, want %q", tt.pattern, s, tt.subject)
			}
		} else {
			publish(t, b, "end.wildcards", "")
			if s := receive(t, got); s != "end" {
				t.Errorf("%s matches %q", tt.pattern, s)
			}
		}
		cancel()
		stop()
	}
}

func testOrder(t *testing.T, b bus.Bus) {
	const n = 5000
	var calls, overlaps atomic.Int32
	got := make(chan string, n)
	cancel, err := b.Subscribe("order.>", func(_ string, data []byte) {
		if calls.Add(1) > 1 {
			overlaps.Add(1)
		}
		got <- string(data)
		calls.Add(-1)
	})
	if err != nil {
		t.Fatal(err)
	}
	defer cancel()
	for i := range n {
		publish(t, b, "order.x", fmt.Sprint(i))
	}
	for i := range n {
		if s := receive(t, got); s != fmt.Sprint(i) {
			t.Fatalf("message %d is %s", i, s)
		}
	}
	if overlaps.Load() > 0 {
		t.Errorf("%d calls overlapped", overlaps.Load())
	}
}

func testCancel(t *testing.T, b bus.Bus) {
	got := make(chan string, 10)
	cancel, err := b.Subscribe("cancel.x", func(string, []byte) { got <- "canceled" })
	if err != nil {
		t.Fatal(err)
	}
	cancel()
	stop, err := b.Subscribe("cancel.x", func(string, []byte) { got <- "active" })
	if err != nil {
		t.Fatal(err)
	}
	defer stop()
	publish(t, b, "cancel.x", "")
	if s := receive(t, got); s != "active" {
		t.Error("a canceled subscription was called")
	}
	cancel() // once more does no harm
}

func testSubjects(t *testing.T, b bus.Bus) {
	for _, subject := range []string{"", ".", "a.", ".a", "a..b", "a b", "a.*", ">", "a.>", "ä", "a\n"} {
		if err := b.Publish(t.Context(), subject, nil); err == nil {
			t.Errorf("Publish on %q succeeded", subject)
		}
		if _, err := b.Request(t.Context(), subject, nil); err == nil || errors.Is(err, bus.ErrNoResponder) {
			t.Errorf("Request to %q = %v", subject, err)
		}
	}
	for _, pattern := range []string{"", "a.", "a.>.b", "a*", "a b", ">.a"} {
		if _, err := b.Subscribe(pattern, func(string, []byte) {}); err == nil {
			t.Errorf("Subscribe to %q succeeded", pattern)
		}
	}
	for _, name := range []string{"", "a.b", "a b", "*"} {
		if _, err := b.Queue(t.Context(), name); err == nil {
			t.Errorf("Queue(%q) succeeded", name)
		}
	}
}

func testSlowSubscriber(t *testing.T, b bus.Bus) {
	const extra = 1000
	first, release := make(chan struct{}), make(chan struct{})
	got := make(chan string, bus.SubscriberBacklog+extra+1)
	var once sync.Once
	cancel, err := b.Subscribe("slow.x", func(_ string, data []byte) {
		once.Do(func() { close(first); <-release })
		got <- string(data)
	})
	if err != nil {
		t.Fatal(err)
	}
	defer cancel()
	publish(t, b, "slow.x", "first")
	<-first
	for i := range bus.SubscriberBacklog + extra {
		publish(t, b, "slow.x", fmt.Sprint(i))
	}
	// Requests on the same connection come after: all has arrived when one is answered.
	stop, err := b.Subscribe("slow.y", func(string, []byte) { close(release) })
	if err != nil {
		t.Fatal(err)
	}
	defer stop()
	publish(t, b, "slow.y", "")
	if s := receive(t, got); s != "first" {
		t.Fatalf("first message is %s", s)
	}
	last, n := "", 0
	for want := fmt.Sprint(bus.SubscriberBacklog + extra - 1); last != want; n++ {
		last = receive(t, got)
	}
	if n > bus.SubscriberBacklog+extra || n < bus.SubscriberBacklog {
		t.Errorf("%d messages of %d arrived", n, bus.SubscriberBacklog+extra)
	}
}

func testRequest(t *testing.T, b bus.Bus) {
	best := time.Hour // of some: others use this machine too
	for range 10 {
		began := time.Now()
		if _, err := b.Request(t.Context(), "request.nobody", nil); !errors.Is(err, bus.ErrNoResponder) {
			t.Errorf("Request to nobody = %v, want ErrNoResponder", err)
		}
		best = min(best, time.Since(began))
	}
	if best > time.Second {
		t.Errorf("that nobody answers was said after %s", best)
	}
	cancel, err := b.Serve("request.*", func(_ context.Context, subject string, data []byte) []byte {
		return append([]byte(subject+":"), data...)
	})
	if err != nil {
		t.Fatal(err)
	}
	answer, err := b.Request(t.Context(), "request.x", []byte("data"))
	if err != nil || string(answer) != "request.x:data" {
		t.Errorf("Request = %q, %v", answer, err)
	}
	cancel()
	if _, err := b.Request(t.Context(), "request.x", nil); !errors.Is(err, bus.ErrNoResponder) {
		t.Errorf("Request after cancel = %v, want ErrNoResponder", err)
	}
}

func testRequestGroups(t *testing.T, b bus.Bus) {
	var calls [2]atomic.Int32
	for i := range calls {
		cancel, err := b.Serve("groups.x", func(context.Context, string, []byte) []byte { calls[i].Add(1); return nil })
		if err != nil {
			t.Fatal(err)
		}
		defer cancel()
	}
	const n = 200
	for range n {
		if _, err := b.Request(t.Context(), "groups.x", nil); err != nil {
			t.Fatal(err)
		}
	}
	if a, b := calls[0].Load(), calls[1].Load(); a+b != n || a == 0 || b == 0 {
		t.Errorf("two servers had %d and %d calls of %d requests", a, b, n)
	}
}

func testRequestConcurrent(t *testing.T, b bus.Bus) {
	const n = 20
	var waiting sync.WaitGroup
	waiting.Add(n)
	cancel, err := b.Serve("concurrent.x", func(_ context.Context, _ string, data []byte) []byte {
		waiting.Done()
		waiting.Wait() // until all calls run at once
		return data
	})
	if err != nil {
		t.Fatal(err)
	}
	defer cancel()
	ctx, done := context.WithTimeout(t.Context(), patience)
	defer done()
	var wg sync.WaitGroup
	for i := range n {
		wg.Go(func() {
			answer, err := b.Request(ctx, "concurrent.x", fmt.Append(nil, i))
			if err != nil || string(answer) != fmt.Sprint(i) {
				t.Errorf("Request %d = %q, %v", i, answer, err)
			}
		})
	}
	wg.Wait()
}

func testServeCancel(t *testing.T, b bus.Bus) {
	started := make(chan struct{})
	var ended atomic.Bool
	cancel, err := b.Serve("stop.x", func(ctx context.Context, _ string, _ []byte) []byte {
		close(started)
		<-ctx.Done()
		ended.Store(true)
		return []byte("ended")
	})
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithTimeout(t.Context(), patience)
	defer stop()
	answer := make(chan string, 1)
	go func() {
		data, err := b.Request(ctx, "stop.x", nil)
		answer <- fmt.Sprint(string(data), err)
	}()
	<-started
	cancel()
	if !ended.Load() {
		t.Error("cancel returned before the call had returned")
	}
	if s := receive(t, answer); s != "ended<nil>" {
		t.Errorf("answer of the call that was ended = %s", s)
	}
}

func publish(t testing.TB, b bus.Bus, subject, data string) {
	t.Helper()
	if err := b.Publish(t.Context(), subject, []byte(data)); err != nil {
		t.Fatal(err)
	}
}

func receive[T any](t testing.TB, c <-chan T) T {
	t.Helper()
	select {
	case v := <-c:
		return v
	case <-time.After(patience):
		t.Fatal("nothing arrived")
	}
	panic("unreachable")
}
