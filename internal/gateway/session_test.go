package gateway

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"runtime"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/sallyport/sallyport/internal/apigateway"
	"github.com/sallyport/sallyport/internal/gateway/integration"
)

// A sleeper is a function that takes its time, and counts how many of it run.
type sleeper struct {
	mu                  sync.Mutex
	running, most, done int
}

func (s *sleeper) InvokeFrom(ctx context.Context, _, _, _ string, _ []byte) ([]byte, bool, error) {
	s.mu.Lock()
	s.running++
	s.most = max(s.most, s.running)
	s.mu.Unlock()
	time.Sleep(rand.N(10 * time.Millisecond))
	s.mu.Lock()
	s.running--
	s.done++
	s.mu.Unlock()
	return []byte(`{}`), false, ctx.Err()
}

// TestSessionRunsAll throws messages at a session in bursts, and looks that all run, never too many at once, and nothing stays behind.
func TestSessionRunsAll(t *testing.T) {
	for _, concurrency := range []int{1, 2, 7, 128} {
		t.Run(fmt.Sprint(concurrency), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				fn := &sleeper{}
				g := New(Config{Concurrency: concurrency, Backends: integration.Backends{Lambda: fn}})
				st := functionStage(g)
				s := &session{}
				started := 0
				for range 50 {
					for range rand.N(20) {
						c := g.newCall()
						c.kind, c.s, c.st, c.r, c.m.at = Message, s, st, st.fallback, time.Now()
						c.prepare([]byte("x"))
						if err := s.start(g, c, false); err != nil {
							t.Fatal(err)
						}
						started++
					}
					time.Sleep(rand.N(5 * time.Millisecond))
				}
				time.Sleep(time.Minute)
				g.runners.stop()
				synctest.Wait()
				fn.mu.Lock()
				defer fn.mu.Unlock()
				if fn.done != started || fn.most > concurrency || s.backlog != nil || s.running != 0 || g.calls.n.Load() != 0 {
					t.Errorf("%d of %d ran, at most %d at once; left: %v, %d", fn.done, started, fn.most, s.running, g.calls.n.Load())
				}
			})
		})
	}
}

// functionStage is a stage whose only route calls a function.
func functionStage(g *Gateway) *stage {
	return compile(&apigateway.Snapshot{Deployment: apigateway.Deployment{
		API:    apigateway.API{RouteSelectionExpression: "$request.body.action"},
		Routes: []apigateway.Route{{Key: "$default", Target: "integrations/i"}},
		Integrations: []apigateway.Integration{{
			ID: "i", Type: apigateway.AWSProxy, URI: "arn:aws:lambda:us-east-1:000000000000:function:f",
		}},
	}}, &g.cfg)
}

// An orderly is a function that keeps the order in which its events were begun.
type orderly struct {
	sleeper
	mu     sync.Mutex
	events []string
}

func (o *orderly) StartFrom(_ context.Context, _, _, _ string, event []byte) (func(context.Context) ([]byte, bool, error), error) {
	_, body, _ := strings.Cut(string(event), `"body":`)
	body, _, _ = strings.Cut(body, ",")
	runtime.Gosched() // others may overtake, if they are let
	o.mu.Lock()
	defer o.mu.Unlock()
	o.events = append(o.events, body)
	return func(context.Context) ([]byte, bool, error) {
		runtime.Gosched()
		return []byte(`{}`), false, nil
	}, nil
}

// TestMessagesBeginInOrder sends many messages on each of some connections at once, and looks that those of one begin in order.
func TestMessagesBeginInOrder(t *testing.T) {
	const sessions, messages = 4, 5000
	fn := &orderly{}
	g := New(Config{Backends: integration.Backends{Lambda: fn}})
	st := functionStage(g)
	want := map[byte][]string{}
	var wg sync.WaitGroup
	for n := range byte(sessions) {
		for i := range messages {
			want['a'+n] = append(want['a'+n], fmt.Sprintf("%q", string('a'+n)+fmt.Sprint(i)))
		}
		s := &session{}
		wg.Go(func() {
			for i := range messages {
				c := g.newCall()
				c.kind, c.s, c.st, c.r, c.m.at = Message, s, st, st.fallback, time.Now()
				c.prepare([]byte(string('a'+n) + fmt.Sprint(i)))
				for errors.Is(s.start(g, c, false), errTooFarAhead) {
					runtime.Gosched()
				}
			}
		})
	}
	wg.Wait()
	if left := g.calls.close(t.Context()); left != 0 {
		t.Fatalf("%d calls are left", left)
	}
	g.runners.stop()
	got := map[byte][]string{}
	for _, body := range fn.events {
		got[body[1]] = append(got[body[1]], body)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("messages began in another order (-want +got):\n%s", diff)
	}
}

// TestBlockedCallsHoldUpNobody begins a call on each of many connections, and looks that all of them run at once.
func TestBlockedCallsHoldUpNobody(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const sessions = 3 * maxIdleRunners
		fn := &sleeper{}
		g := New(Config{Backends: integration.Backends{Lambda: fn}})
		st := functionStage(g)
		for range 2 { // with new goroutines, and with those that have stayed
			fn.most = 0
			for range sessions {
				c := g.newCall()
				c.kind, c.s, c.st, c.r, c.m.at = Message, &session{}, st, st.fallback, time.Now()
				c.prepare([]byte("x"))
				if err := c.s.start(g, c, false); err != nil {
					t.Fatal(err)
				}
			}
			time.Sleep(time.Minute)
			synctest.Wait()
			if fn.most != sessions || g.runners.idle > maxIdleRunners {
				t.Errorf("%d of %d ran at once, and %d goroutines stay", fn.most, sessions, g.runners.idle)
			}
		}
		g.runners.stop()
	})
}

func TestCallsWaitAtTheEnd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var c calls
		for range 3 {
			if !c.begin() {
				t.Fatal("a call may not begin")
			}
		}
		go func() {
			time.Sleep(time.Second)
			c.end()
			c.end()
		}()
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		start := time.Now()
		if left := c.close(ctx); left != 1 || time.Since(start) != time.Minute {
			t.Errorf("%d left after %v, want 1 after a minute", left, time.Since(start))
		}
		if c.begin() {
			t.Error("a call began after the end")
		}
		go c.end()
		if left := c.close(t.Context()); left != 0 {
			t.Errorf("%d left, want 0", left)
		}
	})
}
