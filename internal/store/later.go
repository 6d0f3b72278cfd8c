package store

import (
	"context"
	"fmt"
	"sync"
)

// A Later is a store that is opened when it is first used, and then kept: opening one costs more than writing to it.
// Nobody may drop it meanwhile. Its methods may be called from many goroutines.
type Later struct {
	Stores Stores
	Name   string

	mu sync.Mutex // guards st
	st Store
}

// Open opens the store, or returns the one that is open.
func (l *Later) Open(ctx context.Context) (Store, error) {
	l.mu.Lock()
	st := l.st
	l.mu.Unlock()
	if st != nil {
		return st, nil
	}
	st, err := l.Stores.Open(ctx, l.Name) // not under the lock: others may have less patience
	if err != nil {
		return nil, fmt.Errorf("open store %s: %w", l.Name, err)
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.st = st
	return st, nil
}
