package bustest

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"time"

	"github.com/sallyport/sallyport/internal/bus"
	"github.com/sallyport/sallyport/internal/store"
)

// A Mortal is a process that dies after a number of writes: nothing that it does afterwards has an effect. What it stands on goes
// through Stores and Bus. So a test can let a service die after every single write that it makes.
type Mortal struct {
	left atomic.Int64 // writes until it dies
	dead chan struct{}
	once sync.Once
}

// NewMortal returns a process with this many writes before it.
func NewMortal(writes int64) *Mortal {
	m := &Mortal{dead: make(chan struct{})}
	m.left.Store(writes)
	return m
}

// Dead is closed when a write has had no effect.
func (m *Mortal) Dead() <-chan struct{} { return m.dead }

// Write tells whether one more write has an effect.
func (m *Mortal) Write() bool {
	if m.left.Add(-1) >= 0 {
		return true
	}
	m.once.Do(func() { close(m.dead) })
	return false
}

// Stores returns the stores as the process has them. Blobs are not counted.
func (m *Mortal) Stores(s store.Stores) store.Stores { return mortalStores{s, m} }

// Bus returns the bus as the process has it: jobs that are sent, and jobs that are finished or followed by the next, are writes.
func (m *Mortal) Bus(b bus.Bus) bus.Bus { return mortalBus{b, m} }

type mortalStores struct {
	store.Stores
	m *Mortal
}

func (s mortalStores) Open(ctx context.Context, name string) (store.Store, error) {
	st, err := s.Stores.Open(ctx, name)
	return mortalStore{st, s.m}, err
}

type mortalStore struct {
	store.Store
	m *Mortal
}

func (s mortalStore) Apply(ctx context.Context, writes ...store.Write) (uint64, error) {
	if !s.m.Write() {
		return 0, store.ErrUnavailable
	}
	return s.Store.Apply(ctx, writes...)
}

type mortalBus struct {
	bus.Bus
	m *Mortal
}

func (b mortalBus) Queue(ctx context.Context, name string) (bus.Queue, error) {
	q, err := b.Bus.Queue(ctx, name)
	return mortalQueue{q, b.m}, err
}

type mortalQueue struct {
	bus.Queue
	m *Mortal
}

func (q mortalQueue) Send(ctx context.Context, id string, data []byte, at time.Time) error {
	if !q.m.Write() {
		return bus.ErrUnavailable
	}
	return q.Queue.Send(ctx, id, data, at)
}

func (q mortalQueue) Run(ctx context.Context, workers int, f func(ctx context.Context, job bus.Job) error) error {
	return q.Queue.Run(ctx, workers, func(ctx context.Context, j bus.Job) error {
		err := f(ctx, j)
		_, next := errors.AsType[*bus.Next](err)
		if (err == nil || next) && !q.m.Write() { // the acknowledgement is a write, and so is the next job
			return bus.ErrUnavailable
		}
		return err
	})
}
