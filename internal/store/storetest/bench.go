package storetest

import (
	"fmt"
	"sync/atomic"
	"testing"

	"github.com/sallyport/sallyport/internal/store"
)

// Benchmark measures what callers feel: writes of one and of many writers, batches, and reads.
func Benchmark(b *testing.B, open func(testing.TB) store.Stores) {
	data := make([]byte, 300)
	stores := open(b)
	fresh := 0
	run := func(name string, f func(*testing.B, store.Store)) {
		b.Run(name, func(b *testing.B) {
			fresh++
			f(b, must(stores.Open(b.Context(), fmt.Sprint("bench-", fresh)))(b))
		})
	}
	for _, writers := range []int{1, 64} {
		run(fmt.Sprintf("apply/writers=%d", writers), func(b *testing.B, s store.Store) {
			var n atomic.Int64
			parallel(b, writers, func() error {
				_, err := store.Put(b.Context(), s, fmt.Sprint("api/k", n.Add(1)%1000), data, store.Always)
				return err
			})
		})
		run(fmt.Sprintf("batch4/writers=%d", writers), func(b *testing.B, s store.Store) {
			var n atomic.Int64
			parallel(b, writers, func() error {
				i := n.Add(1) * 4 % 1000
				w := make([]store.Write, 4)
				for j := range w {
					w[j] = store.Write{Key: fmt.Sprint("api/k", i+int64(j)), Data: data}
				}
				_, err := s.Apply(b.Context(), w...)
				return err
			})
		})
		run(fmt.Sprintf("get/readers=%d", writers), func(b *testing.B, s store.Store) {
			for i := range 1000 {
				must(store.Put(b.Context(), s, fmt.Sprint("api/k", i), data, store.Always))(b)
			}
			var n atomic.Int64
			parallel(b, writers, func() error {
				_, err := s.Get(b.Context(), fmt.Sprint("api/k", n.Add(1)%1000))
				return err
			})
		})
	}
	run("list/100_of_10000", func(b *testing.B, s store.Store) {
		for i := 0; i < 10_000; i += 100 {
			w := make([]store.Write, 100)
			for j := range w {
				w[j] = store.Write{Key: fmt.Sprintf("p%d/%d", i/100, j), Data: data}
			}
			must(s.Apply(b.Context(), w...))(b)
		}
		parallel(b, 1, func() error { _, err := s.List(b.Context(), "p50/"); return err })
	})
}

// parallel calls f b.N times from so many goroutines.
func parallel(b *testing.B, goroutines int, f func() error) {
	var left atomic.Int64
	left.Store(int64(b.N))
	done := make(chan error, goroutines)
	b.ResetTimer()
	for range goroutines {
		go func() {
			for left.Add(-1) >= 0 {
				if err := f(); err != nil {
					done <- err
					return
				}
			}
			done <- nil
		}()
	}
	for range goroutines {
		if err := <-done; err != nil {
			b.Error(err)
		}
	}
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "op/s")
}
