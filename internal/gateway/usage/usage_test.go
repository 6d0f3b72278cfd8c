package usage

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/sallyport/sallyport/internal/apigateway"
	"github.com/sallyport/sallyport/internal/json"
	"github.com/sallyport/sallyport/internal/store"
	"github.com/sallyport/sallyport/internal/store/mem"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var here = apigateway.Place{Account: "000000000000", Region: "us-east-1"}

// A world is a store, a clock, and nodes that count.
type world struct {
	t      *testing.T
	stores store.Stores
	clock  atomic.Int64
}

func newWorld(t *testing.T) *world {
	w := &world{t: t, stores: mem.New()}
	w.set(time.Date(2026, 1, 14, 12, 0, 0, 0, time.UTC)) // a Wednesday
	return w
}

func (w *world) set(at time.Time) { w.clock.Store(at.UnixNano()) }
func (w *world) now() time.Time   { return time.Unix(0, w.clock.Load()) }

// node starts a node; stop waits until it has written its counts.
func (w *world) node(number uint16, flush time.Duration) (k *Keys, stop func()) {
	k = New(Config{Stores: w.stores, Node: number, Log: slog.New(slog.DiscardHandler), Now: w.now, Flush: flush})
	ctx, cancel := context.WithCancel(context.Background())
	var done sync.WaitGroup
	done.Go(func() {
		if err := k.Run(ctx); err != nil {
			w.t.Error(err)
		}
	})
	stop = sync.OnceFunc(func() { cancel(); done.Wait() })
	w.t.Cleanup(stop)
	k.WaitReady(w.t.Context())
	return k, stop
}

func (w *world) put(name, key string, v any) {
	w.t.Helper()
	data, err := json.Marshal(v)
	if err != nil {
		w.t.Fatal(err)
	}
	s, err := w.stores.Open(w.t.Context(), name)
	if err == nil {
		_, err = store.Put(w.t.Context(), s, key, data, store.Always)
	}
	if err != nil {
		w.t.Fatal(err)
	}
}

// key makes a key that is attached to a plan.
func (w *world) key(name, value, plan string) {
	prefix := here.AdmissionPrefix()
	w.put(apigateway.Store, prefix+apigateway.KindAPIKey+name, apigateway.APIKey{ID: name, Value: value, Enabled: true})
	w.put(apigateway.Store, prefix+apigateway.KindPlanKey+plan+"/"+name, apigateway.PlanKey{PlanID: plan, KeyID: name})
}

func (w *world) plan(p apigateway.UsagePlan) {
	if p.Stages == nil {
		p.Stages = []apigateway.PlanStage{{APIID: "api", Stage: "prod"}}
	}
	w.put(apigateway.Store, here.AdmissionPrefix()+apigateway.KindPlan+p.ID, p)
}

func (w *world) eventually(what func() bool, message string) {
	w.t.Helper()
	for deadline := time.Now().Add(time.Minute); !what(); time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			w.t.Fatal(message)
		}
	}
}

func (w *world) find(k *Keys, value string) (m *Meter) {
	w.t.Helper()
	w.eventually(func() bool {
		var err error
		m, err = k.Find(here, "api", "prod", value)
		return err == nil
	}, "the key is not known")
	return m
}

// takes makes n requests and returns how many were let through, and the last error.
func (w *world) takes(m *Meter, n int) (in int, err error) {
	for range n {
		if e := m.Take("api", "prod", "send", w.now()); e != nil {
			err = e
			continue
		}
		in++
	}
	return in, err
}

func TestFind(t *testing.T) {
	w := newWorld(t)
	w.plan(apigateway.UsagePlan{ID: "p1"})
	w.plan(apigateway.UsagePlan{ID: "p2", Stages: []apigateway.PlanStage{{APIID: "api", Stage: "dev"}}})
	w.key("k1", "value-1", "p1")
	w.key("k2", "value-2", "p2")
	k, _ := w.node(1, 0)
	elsewhere := apigateway.Place{Account: here.Account, Region: "eu-west-1"}
	for _, tt := range []struct {
		name, stage, value string
		place              apigateway.Place
		want               error
	}{
		{"found", "prod", "value-1", here, nil},
		{"DP-262 plan_of_another_stage", "prod", "value-2", here, ErrNoPlan},
		{"own_stage", "dev", "value-2", here, nil},
		{"unknown", "prod", "value-3", here, ErrUnknown},
		{"empty", "prod", "", here, ErrUnknown},
		{"other_region", "prod", "value-1", elsewhere, ErrUnknown},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if _, err := k.Find(tt.place, "api", tt.stage, tt.value); !errors.Is(err, tt.want) {
				t.Errorf("err = %v, want %v", err, tt.want)
			}
		})
	}
	t.Run("disabled", func(t *testing.T) {
		w.put(apigateway.Store, here.AdmissionPrefix()+apigateway.KindAPIKey+"k1", apigateway.APIKey{ID: "k1", Value: "value-1"})
		w.eventually(func() bool {
			_, err := k.Find(here, "api", "prod", "value-1")
			return errors.Is(err, ErrDisabled)
		}, "the key is still enabled")
	})
	t.Run("removed", func(t *testing.T) {
		s, _ := w.stores.Open(t.Context(), apigateway.Store)
		if err := store.Delete(t.Context(), s, here.AdmissionPrefix()+apigateway.KindAPIKey+"k1", store.Always); err != nil {
			t.Fatal(err)
		}
		w.eventually(func() bool {
			_, err := k.Find(here, "api", "prod", "value-1")
			return errors.Is(err, ErrUnknown)
		}, "the key is still known")
	})
}

func TestQuota_DP264(t *testing.T) {
	w := newWorld(t)
	w.plan(apigateway.UsagePlan{ID: "p", Quota: &apigateway.Quota{Limit: 3, Period: apigateway.Week}})
	w.key("k", "value", "p")
	k, stop := w.node(1, time.Hour)
	m := w.find(k, "value")
	if in, err := w.takes(m, 5); in != 3 || !errors.Is(err, ErrQuota) {
		t.Fatalf("%d of 5 with a quota of 3 (%v)", in, err)
	}
	t.Run("goes_on_on_saturday", func(t *testing.T) {
		w.set(time.Date(2026, 1, 17, 23, 59, 59, 0, time.UTC))
		if in, _ := w.takes(m, 1); in != 0 {
			t.Error("let through")
		}
	})
	t.Run("survives_a_restart", func(t *testing.T) {
		stop()
		k, stop = w.node(1, time.Hour)
		m = w.find(k, "value")
		if in, _ := w.takes(m, 1); in != 0 {
			t.Error("let through")
		}
	})
	t.Run("raised", func(t *testing.T) {
		w.plan(apigateway.UsagePlan{ID: "p", Quota: &apigateway.Quota{Limit: 4, Period: apigateway.Week}})
		w.eventually(func() bool { in, _ := w.takes(m, 1); return in == 1 }, "not let through")
		if in, _ := w.takes(m, 1); in != 0 {
			t.Error("let through more than was added")
		}
	})
	t.Run("granted", func(t *testing.T) {
		w.put(apigateway.UsageStore, here.UsagePrefix("p", "k")+apigateway.UsageGrant, apigateway.Grant{Start: "2026-01-11", Extra: 2})
		w.eventually(func() bool { in, _ := w.takes(m, 1); return in == 1 }, "not let through")
		if in, _ := w.takes(m, 5); in != 1 {
			t.Error("not two were granted")
		}
	})
	t.Run("begins_anew_on_sunday", func(t *testing.T) {
		w.set(time.Date(2026, 1, 18, 0, 0, 0, 0, time.UTC))
		if in, _ := w.takes(m, 10); in != 4 {
			t.Errorf("%d of 4", in)
		}
	})
	t.Run("removed_quota", func(t *testing.T) {
		w.plan(apigateway.UsagePlan{ID: "p"})
		w.eventually(func() bool { in, _ := w.takes(m, 1); return in == 1 }, "not let through")
	})
	stop()
}

// TestNodes shows how exact a quota is over nodes: each knows of the others what they have written.
func TestNodes(t *testing.T) {
	w := newWorld(t)
	w.plan(apigateway.UsagePlan{ID: "p", Quota: &apigateway.Quota{Limit: 10, Period: apigateway.Day}})
	w.key("k", "value", "p")
	one, _ := w.node(1, time.Millisecond)
	two, _ := w.node(2, time.Millisecond)
	m1, m2 := w.find(one, "value"), w.find(two, "value")
	if in, _ := w.takes(m1, 6); in != 6 {
		t.Fatalf("%d of 6", in)
	}
	w.eventually(func() bool { m2.mu.Lock(); defer m2.mu.Unlock(); return m2.others["1"].Days["2026-01-14"] == 6 }, "node 2 does not hear of node 1")
	if in, _ := w.takes(m2, 10); in != 4 {
		t.Errorf("node 2 let %d through, want the 4 that are left", in)
	}
	w.eventually(func() bool { m1.mu.Lock(); defer m1.mu.Unlock(); return m1.others["2"].Days["2026-01-14"] == 4 }, "node 1 does not hear of node 2")
	if in, err := w.takes(m1, 1); in != 0 || !errors.Is(err, ErrQuota) {
		t.Errorf("node 1: %d, %v", in, err)
	}
}

func TestThrottle(t *testing.T) {
	w := newWorld(t)
	w.plan(apigateway.UsagePlan{
		ID: "p", Throttle: &apigateway.Throttle{Rate: 1, Burst: 3}, Quota: &apigateway.Quota{Limit: 100, Period: apigateway.Day},
		Stages: []apigateway.PlanStage{{APIID: "api", Stage: "prod", Throttle: map[string]apigateway.Throttle{"slow": {Rate: 1, Burst: 1}}}},
	})
	w.key("k", "value", "p")
	k, _ := w.node(1, 0)
	m := w.find(k, "value")
	in, err := w.takes(m, 10)
	if in != 3 || !errors.Is(err, ErrThrottled) {
		t.Fatalf("%d of a burst of 3 (%v)", in, err)
	}
	if err := m.Take("api", "prod", "slow", w.now()); err != nil {
		t.Errorf("a route with a throttle of its own: %v", err)
	}
	if err := m.Take("api", "prod", "slow", w.now()); !errors.Is(err, ErrThrottled) {
		t.Errorf("its second request: %v", err)
	}
	m.mu.Lock()
	if m.used != 4 {
		t.Errorf("%d count against the quota, want only the 4 that were let through", m.used)
	}
	m.mu.Unlock()
	w.set(w.now().Add(2 * time.Second))
	if in, _ := w.takes(m, 10); in != 2 {
		t.Errorf("%d after two seconds", in)
	}
}

func BenchmarkTake(b *testing.B) {
	m := newMeter(pair{place: here})
	m.setPlan(&apigateway.UsagePlan{Throttle: &apigateway.Throttle{Rate: 1e9, Burst: 1e9}, Quota: &apigateway.Quota{Limit: 1 << 60, Period: apigateway.Month}})
	now := time.Now()
	for range b.N {
		if err := m.Take("api", "prod", "send", now); err != nil {
			b.Fatal(err)
		}
	}
}
