package server

import (
	"context"
	"errors"
	"slices"
	"sync"
	"testing"
)

func TestRunParts(t *testing.T) {
	var mu sync.Mutex
	var stopped []string
	waits := func(name string) part {
		return part{name, func(ctx context.Context) error {
			<-ctx.Done()
			mu.Lock()
			defer mu.Unlock()
			stopped = append(stopped, name)
			return ctx.Err()
		}}
	}
	t.Run("stop in reverse", func(t *testing.T) {
		stopped = nil
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		if err := runParts(ctx, []part{waits("a"), waits("b"), waits("c")}); err != nil {
			t.Errorf("runParts = %v", err)
		}
		if want := []string{"c", "b", "a"}; !slices.Equal(stopped, want) {
			t.Errorf("stopped %v, want %v", stopped, want)
		}
	})
	t.Run("a failure stops all", func(t *testing.T) {
		stopped = nil
		broken := errors.New("broken")
		err := runParts(t.Context(), []part{waits("a"), {"b", func(context.Context) error { return broken }}})
		if !errors.Is(err, broken) || !slices.Equal(stopped, []string{"a"}) {
			t.Errorf("runParts = %v, stopped %v", err, stopped)
		}
	})
	t.Run("an early end is a failure", func(t *testing.T) {
		if err := runParts(t.Context(), []part{{"b", func(context.Context) error { return nil }}}); err == nil {
			t.Error("a part ended by itself, and nobody noticed")
		}
	})
}
