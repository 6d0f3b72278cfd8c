package states_test

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"runtime"
	"slices"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/sallyport/sallyport/internal/awsapi"
	busnats "github.com/sallyport/sallyport/internal/bus/nats"
	"github.com/sallyport/sallyport/internal/natsd"
	"github.com/sallyport/sallyport/internal/service/states"
	storenats "github.com/sallyport/sallyport/internal/store/nats"
)

// pizza is the order of the workshop: six notifications and five waits between them.
func pizza(wait int) string {
	text := `{"StartAt":"N1","States":{`
	for i := 1; i <= 6; i++ {
		task := fmt.Sprintf(`"N%d":{"Type":"Task","Resource":"arn:aws:states:::events:putEvents","ResultPath":null,"Parameters":{"Entries":[{"Source":"pizza","DetailType":"status","EventBusName":"bus","Detail":{"order.$":"$.order","step":%d}}]}`, i, i)
		if i < 6 {
			text += task + fmt.Sprintf(`,"Next":"W%d"},"W%d":{"Type":"Wait","Seconds":%d,"Next":"N%d"},`, i, i, wait, i+1)
		} else {
			text += task + `,"End":true}}}`
		}
	}
	return text
}

// notices counts the notifications of each order, which must come in order.
type notices struct {
	mu    sync.Mutex
	steps map[int][]int
	last  map[int]time.Time
	late  []time.Duration // how much later than a second after the one before notifications come
	wrong atomic.Int64
	total atomic.Int64
}

func (n *notices) Call(_ context.Context, _, _ string, in []byte) ([]byte, error) {
	var req struct{ Entries []struct{ Detail string } }
	if err := json.Unmarshal(in, &req); err != nil {
		return nil, err
	}
	var d struct{ Order, Step int }
	if err := json.Unmarshal([]byte(req.Entries[0].Detail), &d); err != nil {
		return nil, err
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	if len(n.steps[d.Order])+1 != d.Step {
		n.wrong.Add(1)
	}
	n.steps[d.Order] = append(n.steps[d.Order], d.Step)
	if now := time.Now(); n.last != nil {
		if d.Step > 1 {
			n.late = append(n.late, now.Sub(n.last[d.Order])-fastWait*time.Second)
		}
		n.last[d.Order] = now
	}
	n.total.Add(1)
	return []byte(`{"Entries":[{"EventId":"1"}],"FailedEntryCount":0}`), nil
}

// BenchmarkPizza runs thousands of executions at once on the engine of a node, and reports what a step costs and what waiting costs.
func BenchmarkPizza(b *testing.B) {
	for _, orders := range []int{1_000, 10_000} {
		b.Run(strconv.Itoa(orders), func(b *testing.B) {
			for b.Loop() {
				benchPizza(b, orders)
			}
		})
	}
}

// fastWait is how many seconds the second machine waits each time.
const fastWait = 5

func benchPizza(b *testing.B, orders int) {
	engine, err := natsd.Embedded(natsd.Config{Dir: b.TempDir(), Grouped: true})
	if err != nil {
		b.Fatal(err)
	}
	defer engine.Close()
	ctx, cancel := context.WithCancel(awsapi.WithCaller(b.Context(), awsapi.Caller{Account: account, Region: "us-east-1", Admin: true}))
	s := states.New(states.Config{Stores: storenats.NewSynced(engine.Conn(), engine.Sync), Bus: busnats.NewSynced(engine.Conn(), engine.Sync), Log: slog.New(slog.NewTextHandler(io.Discard, nil))})
	heard := &notices{steps: map[int][]int{}}
	s.Connect(heard, nil)
	catalog := awsapi.NewCatalog([]awsapi.Service{s})
	call := func(op string, in any) map[string]any {
		data, _ := json.Marshal(in)
		out, err := catalog.Call(ctx, "states", op, data)
		if err != nil {
			b.Fatal(err)
		}
		var v map[string]any
		_ = json.Unmarshal(out, &v)
		return v
	}
	machine := call("CreateStateMachine", m{"name": "pizza", "definition": pizza(3600), "roleArn": role})["stateMachineArn"].(string)
	call("CreateStateMachine", m{"name": "fast", "definition": pizza(fastWait), "roleArn": role})
	before := heap()
	var run sync.WaitGroup
	run.Go(func() { _ = s.Run(ctx) })
	begin := time.Now()
	start := func(machine string) {
		var starters sync.WaitGroup
		for part := range 8 {
			starters.Go(func() {
				for i := part; i < orders; i += 8 {
					data, _ := json.Marshal(m{"stateMachineArn": machine, "input": fmt.Sprintf(`{"order":%d}`, i)})
					if _, err := catalog.Call(ctx, "states", "StartExecution", data); err != nil {
						b.Error(err)
						return
					}
				}
			})
		}
		starters.Wait()
	}
	start(machine)
	waitFor(b, func() bool { return heard.total.Load() >= int64(orders) })
	b.ReportMetric(float64(orders)/time.Since(begin).Seconds(), "starts/s")
	b.ReportMetric(float64(heap()-before)/float64(orders), "bytes/waiting")
	b.ReportMetric(float64(runtime.NumGoroutine()), "goroutines")
	heard.mu.Lock()
	heard.steps, heard.last = map[int][]int{}, map[int]time.Time{}
	heard.mu.Unlock()
	heard.total.Store(0)
	begin = time.Now()
	start(machine[:len(machine)-len("pizza")] + "fast")
	waitFor(b, func() bool { return heard.total.Load() >= 6*int64(orders) })
	took := time.Since(begin)
	b.ReportMetric(float64(11*orders)/took.Seconds(), "states/s")
	b.ReportMetric(took.Seconds(), "s/all")
	slices.Sort(heard.late)
	b.ReportMetric(float64(heard.late[len(heard.late)*99/100].Milliseconds()), "ms-late-p99")
	if n := heard.wrong.Load(); n > 0 {
		b.Errorf("%d notifications out of order, lost or doubled", n)
	}
	cancel()
	run.Wait()
}

func heap() int64 {
	runtime.GC()
	runtime.GC()
	var ms runtime.MemStats
	runtime.ReadMemStats(&ms)
	return int64(ms.HeapInuse)
}

func waitFor(b *testing.B, ok func() bool) {
	deadline := time.Now().Add(5 * time.Minute)
	for !ok() {
		if time.Now().After(deadline) {
			b.Fatal("it does not end")
		}
		time.Sleep(5 * time.Millisecond)
	}
}
