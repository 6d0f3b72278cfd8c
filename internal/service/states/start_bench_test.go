package states_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/sallyport/sallyport/internal/awsapi"
	busnats "github.com/sallyport/sallyport/internal/bus/nats"
	"github.com/sallyport/sallyport/internal/natsd"
	"github.com/sallyport/sallyport/internal/service/states"
	storenats "github.com/sallyport/sallyport/internal/store/nats"
)

// BenchmarkStart starts executions of one state that waits for a second: alone, while nobody takes their steps, and with those, until the
// last has ended. What the processor does for one is less moved by other things on the machine than how many there are in a second.
func BenchmarkStart(b *testing.B) {
	for _, running := range []bool{false, true} {
		for _, callers := range []int{1, 8, 64, 256} {
			b.Run(fmt.Sprintf("running=%t/callers=%d", running, callers), func(b *testing.B) { benchStart(b, running, callers) })
		}
	}
}

// processorTime is how long the processor worked for this process.
func processorTime() time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		panic(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

func benchStart(b *testing.B, running bool, callers int) {
	engine, err := natsd.Embedded(natsd.Config{Dir: b.TempDir(), Grouped: true})
	if err != nil {
		b.Fatal(err)
	}
	defer engine.Close()
	ctx, cancel := context.WithCancel(awsapi.WithCaller(b.Context(), awsapi.Caller{Account: account, Region: "us-east-1", Admin: true}))
	var ended atomic.Int64
	notify := func(_ context.Context, _, _ string, _ []string, detail []byte) {
		if bytes.Contains(detail, []byte(`"SUCCEEDED"`)) {
			ended.Add(1)
		}
	}
	s := states.New(states.Config{Notify: notify, Stores: storenats.NewSynced(engine.Conn(), engine.Sync), Bus: busnats.NewSynced(engine.Conn(), engine.Sync), Log: slog.New(slog.NewTextHandler(io.Discard, nil))})
	catalog := awsapi.NewCatalog([]awsapi.Service{s})
	data, _ := json.Marshal(m{"name": "wait", "definition": `{"StartAt":"W","States":{"W":{"Type":"Wait","Seconds":1,"End":true}}}`, "roleArn": role})
	if _, err := catalog.Call(ctx, "states", "CreateStateMachine", data); err != nil {
		b.Fatal(err)
	}
	var run sync.WaitGroup
	if running {
		run.Go(func() { _ = s.Run(ctx) })
	}
	in, _ := json.Marshal(m{"stateMachineArn": "arn:aws:states:us-east-1:" + account + ":stateMachine:wait", "input": `{"order":1}`})
	var left atomic.Int64
	left.Store(int64(b.N))
	var starters sync.WaitGroup
	b.ResetTimer()
	begin, used := time.Now(), processorTime()
	for range callers {
		starters.Go(func() {
			for left.Add(-1) >= 0 {
				if _, err := catalog.Call(ctx, "states", "StartExecution", in); err != nil {
					b.Error(err)
					return
				}
			}
		})
	}
	starters.Wait()
	b.ReportMetric(float64(b.N)/time.Since(begin).Seconds(), "starts/s")
	for running && ended.Load() < int64(b.N) && b.Context().Err() == nil {
		time.Sleep(10 * time.Millisecond)
	}
	if running {
		b.ReportMetric(float64(b.N)/time.Since(begin).Seconds(), "ends/s")
	}
	b.ReportMetric(float64((processorTime()-used).Microseconds())/float64(b.N), "cpu-µs/op")
	b.StopTimer()
	cancel()
	run.Wait()
}
