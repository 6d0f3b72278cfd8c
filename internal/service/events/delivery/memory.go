package delivery

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strconv"
	"time"

	"github.com/sallyport/sallyport/internal/store"
)

// How long a Memory keeps what it knows. Who repeats something does so as soon as it runs again; while nothing runs, nothing is
// forgotten.
const (
	memorySpan  = 15 * time.Minute
	memorySweep = 5 * time.Minute
)

// A Memory knows the ids of what has been delivered, also after a crash, for as long as it may be delivered again.
type Memory struct {
	store store.Later
	log   *slog.Logger
}

// NewMemory returns the memory in the store of this name.
func NewMemory(stores store.Stores, name string, log *slog.Logger) *Memory {
	return &Memory{store: store.Later{Stores: stores, Name: name}, log: log}
}

// Has tells whether an id was added.
func (m *Memory) Has(ctx context.Context, id string) (bool, error) {
	st, err := m.store.Open(ctx)
	if err != nil {
		return false, err
	}
	_, err = st.Get(ctx, id)
	if errors.Is(err, store.ErrNotFound) {
		return false, nil
	} else if err != nil {
		return false, fmt.Errorf("look for a delivery: %w", err)
	}
	return true, nil
}

// Add adds an id, durably.
func (m *Memory) Add(ctx context.Context, id string) error {
	st, err := m.store.Open(ctx)
	if err != nil {
		return err
	}
	if _, err := store.Put(ctx, st, id, []byte(strconv.FormatInt(time.Now().Unix(), 10)), store.Always); err != nil {
		return fmt.Errorf("note a delivery: %w", err)
	}
	return nil
}

// Run forgets what is old, until ctx is done.
func (m *Memory) Run(ctx context.Context) error {
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-time.After(memorySweep):
		}
		if err := m.sweep(ctx); err != nil && ctx.Err() == nil {
			m.log.Warn("old deliveries could not be forgotten", "store", m.store.Name, "err", err)
		}
	}
}

func (m *Memory) sweep(ctx context.Context) error {
	st, err := m.store.Open(ctx)
	if err != nil {
		return err
	}
	docs, err := st.List(ctx, "")
	if err != nil {
		return err
	}
	before := time.Now().Add(-memorySpan).Unix()
	var old []store.Write
	for _, d := range docs {
		if at, err := strconv.ParseInt(string(d.Data), 10, 64); err == nil && at >= before {
			continue
		}
		if old = append(old, store.Write{Key: d.Key, Delete: true}); len(old) == store.MaxBatch {
			if _, err := st.Apply(ctx, old...); err != nil {
				return err
			}
			old = nil
		}
	}
	if len(old) > 0 {
		_, err = st.Apply(ctx, old...)
	}
	return err
}
