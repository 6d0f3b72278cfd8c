package box

import (
	"context"
	"encoding/json"
	"strings"
	"time"

	"github.com/sallyport/sallyport/internal/store"
)

const (
	sweepEvery = 5 * time.Second
	sweepBatch = 100
)

// sweepLoop removes the states of deleted messages, and what a FIFO queue need not remember any more.
func (b *Box) sweepLoop(ctx context.Context) {
	for n := 1; ; n++ {
		select {
		case <-ctx.Done():
			return
		case <-time.After(sweepEvery):
		}
		if err := b.sweep(ctx, b.fifo && n%12 == 0); err != nil && ctx.Err() == nil {
			b.log.Warn("what deleted messages left could not be removed", "queue", b.name, "err", err)
		}
	}
}

func (b *Box) sweep(ctx context.Context, memories bool) error {
	st, err := b.open(ctx)
	if err != nil {
		return err
	}
	b.mu.Lock()
	keys := b.left
	b.left = nil
	b.mu.Unlock()
	if memories {
		docs, err := st.List(ctx, sentBefore)
		if err != nil {
			return err
		}
		old := time.Now().Add(-dedupWindow).UnixMilli()
		for _, d := range docs {
			var m memory
			if json.Unmarshal(d.Data, &m) == nil && m.At < old {
				keys = append(keys, d.Key)
			}
		}
	}
	for len(keys) > 0 {
		some := keys[:min(len(keys), sweepBatch)]
		keys = keys[len(some):]
		writes := make([]store.Write, 0, len(some))
		seen := map[string]bool{}
		for _, k := range some {
			if !seen[k] {
				writes = append(writes, store.Write{Key: k, Delete: true})
			}
			seen[k] = true
		}
		if _, err := st.Apply(ctx, writes...); err != nil {
			b.mu.Lock()
			for _, k := range append(some, keys...) {
				if strings.HasPrefix(k, states) {
					b.left = append(b.left, k)
				}
			}
			b.mu.Unlock()
			return err
		}
	}
	return nil
}
