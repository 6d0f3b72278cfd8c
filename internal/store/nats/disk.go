package nats

import (
	"context"
	"fmt"
	"sync/atomic"

	"github.com/sallyport/sallyport/internal/store"
)

// A disk knows up to which revision a stream is durable. A nil one belongs to an engine whose acknowledgements are.
type disk struct {
	stream string
	sync   func(ctx context.Context, stream string) error

	seen    atomic.Uint64 // the last revision that the engine has told us of
	durable atomic.Uint64
}

// written notes that the engine has a revision.
func (d *disk) written(rev uint64) {
	if d != nil {
		raise(&d.seen, rev)
	}
}

// await returns when a revision that the engine has is durable.
func (d *disk) await(ctx context.Context, rev uint64) error {
	if d == nil || d.durable.Load() >= rev {
		return nil
	}
	raise(&d.seen, rev)
	seen := d.seen.Load()
	if err := d.sync(ctx, d.stream); err != nil {
		return fmt.Errorf("%w: %w", store.ErrUnavailable, err)
	}
	raise(&d.durable, seen)
	return nil
}

func raise(n *atomic.Uint64, to uint64) {
	for old := n.Load(); old < to && !n.CompareAndSwap(old, to); old = n.Load() {
	}
}
