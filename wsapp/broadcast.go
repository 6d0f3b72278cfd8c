package wsapp

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"slices"
	"sync"
)

// A Delivery says what became of a broadcast.
type Delivery struct {
	Sent   int // taken by open connections
	Stale  int // connections that were gone; they have been removed from the table
	Failed int // connections that are open, but took nothing
}

// Broadcast sends a message to all connections but those in except. v is as for [Conn.Post]. Connections that are gone are removed from the
// table. The error tells that the table could not be read, or of some connections that failed, with the count in the Delivery.
func Broadcast(ctx context.Context, v any, except ...string) (Delivery, error) {
	c := callOf(ctx)
	switch {
	case c == nil:
		return Delivery{}, errNoEngine
	case c.app.Table == nil:
		return Delivery{}, errNoTable
	}
	data, err := encode(v)
	if err != nil {
		return Delivery{}, err
	}
	if caster, ok := c.engine.(Caster); ok {
		return caster.Cast(ctx, data, except)
	}
	b := &broadcast{engine: c.engine, data: data, except: except, slots: make(chan struct{}, or(c.app.Parallel, 64))}
	return b.run(ctx, c.app.Table.segments())
}

// A broadcast is one message on its way to all.
type broadcast struct {
	engine Engine
	data   []byte
	except []string
	slots  chan struct{} // as many posts run at the same time

	mu     sync.Mutex // guards what follows
	done   Delivery
	errors []error
}

// maxErrors is how many failures are told of in full.
const maxErrors = 5

func (b *broadcast) run(ctx context.Context, segments int) (Delivery, error) {
	var scans sync.WaitGroup
	for segment := range segments {
		scans.Go(func() {
			err := b.engine.Scan(ctx, segment, segments, func(ids []string) error { return b.page(ctx, ids) })
			if err != nil {
				b.fail(fmt.Errorf("read connections: %w", err))
			}
		})
	}
	scans.Wait()
	return b.done, errors.Join(b.errors...)
}

// page posts to the connections of a page and returns when all have got it, so that no more than a page per segment is held.
func (b *broadcast) page(ctx context.Context, ids []string) error {
	var posts sync.WaitGroup
	defer posts.Wait()
	for _, id := range ids {
		if slices.Contains(b.except, id) {
			continue
		}
		select {
		case b.slots <- struct{}{}:
		case <-ctx.Done():
			return ctx.Err()
		}
		posts.Go(func() {
			defer func() { <-b.slots }()
			b.post(ctx, id)
		})
	}
	return nil
}

func (b *broadcast) post(ctx context.Context, id string) {
	err := b.engine.Post(ctx, id, b.data)
	stale := errors.Is(err, ErrGone)
	if stale {
		err = b.engine.Remove(ctx, id)
	}
	b.mu.Lock()
	switch {
	case stale:
		b.done.Stale++
	case err != nil:
		b.done.Failed++
	default:
		b.done.Sent++
	}
	b.mu.Unlock()
	if err != nil {
		b.fail(fmt.Errorf("connection %s: %w", id, err))
	}
}

func (b *broadcast) fail(err error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if len(b.errors) < maxErrors {
		b.errors = append(b.errors, err)
	}
}

// Connections yields the ids of all connections that the app has let in. Some may have gone without a word. An error ends it.
func Connections(ctx context.Context) iter.Seq2[string, error] {
	return func(yield func(string, error) bool) {
		c := callOf(ctx)
		switch {
		case c == nil:
			yield("", errNoEngine)
			return
		case c.app.Table == nil:
			yield("", errNoTable)
			return
		}
		enough := errors.New("enough")
		err := c.engine.Scan(ctx, 0, 1, func(ids []string) error {
			for _, id := range ids {
				if !yield(id, nil) {
					return enough
				}
			}
			return nil
		})
		if err != nil && !errors.Is(err, enough) {
			yield("", fmt.Errorf("read connections: %w", err))
		}
	}
}
