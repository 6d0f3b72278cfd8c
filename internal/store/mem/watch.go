package mem

import (
	"bytes"
	"context"
	"strings"
	"sync"

	"github.com/sallyport/sallyport/internal/store"
)

func (d *documents) Watch(ctx context.Context, prefix string, f func(store.Event) error) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	w := &watcher{prefix: prefix, more: make(chan struct{}, 1)}

	// Taking the documents and registering under one lock leaves no gap between the two.
	d.mu.Lock()
	if d.dropped {
		d.mu.Unlock()
		return d.errDropped()
	}
	docs := d.list(prefix)
	d.watchers[w] = struct{}{}
	d.mu.Unlock()
	defer func() {
		d.mu.Lock()
		delete(d.watchers, w)
		d.mu.Unlock()
	}()

	for _, doc := range docs {
		if err := report(ctx, f, store.Event{Doc: doc}); err != nil {
			return err
		}
	}
	if err := report(ctx, f, store.Event{CaughtUp: true}); err != nil {
		return err
	}
	for {
		events, err := w.take(ctx)
		if err != nil {
			return err
		}
		for _, e := range events {
			e.Data = bytes.Clone(e.Data)
			if err := report(ctx, f, e); err != nil {
				return err
			}
		}
	}
}

func report(ctx context.Context, f func(store.Event) error, e store.Event) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	return f(e)
}

// A watcher queues changes between Apply and the goroutine of Watch. The queue is as long as the watcher is
// behind: losing a change would break the contract, and blocking Apply could deadlock an f that writes.
type watcher struct {
	prefix string
	more   chan struct{} // holds a token when queue or err may be set

	mu    sync.Mutex // guards queue and err
	queue []store.Event
	err   error
}

func (w *watcher) offer(e store.Event) {
	if !strings.HasPrefix(e.Key, w.prefix) {
		return
	}
	w.mu.Lock()
	w.queue = append(w.queue, e)
	w.mu.Unlock()
	w.wake()
}

func (w *watcher) end(err error) {
	w.mu.Lock()
	w.err = err
	w.mu.Unlock()
	w.wake()
}

func (w *watcher) wake() {
	select {
	case w.more <- struct{}{}:
	default:
	}
}

// take waits for changes and returns all that are there.
func (w *watcher) take(ctx context.Context) ([]store.Event, error) {
	for {
		select {
		case <-ctx.Done():
			return nil, ctx.Err()
		case <-w.more:
		}
		w.mu.Lock()
		events, err := w.queue, w.err
		w.queue = nil
		w.mu.Unlock()
		if len(events) > 0 {
			if err != nil {
				w.wake() // report what came before the end first
			}
			return events, nil
		}
		if err != nil {
			return nil, err
		}
	}
}
