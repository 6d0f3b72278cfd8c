package mem

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"strings"
	"sync"

	"github.com/tidwall/btree"

	"github.com/sallyport/sallyport/internal/store"
)

// blobs keeps byte strings; one is never changed in place, so readers need no lock.
type blobs struct {
	mu    sync.RWMutex // guards byKey
	byKey btree.Map[string, []byte]
}

func (b *blobs) Put(ctx context.Context, key string, r io.Reader) (int64, error) {
	if len(key) > store.MaxKey {
		return 0, store.ErrTooLarge
	}
	data, err := io.ReadAll(r)
	if err != nil {
		return 0, fmt.Errorf("read blob %q: %w", key, err)
	}
	if err := ctx.Err(); err != nil {
		return 0, err
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	b.byKey.Set(key, data)
	return int64(len(data)), nil
}

func (b *blobs) Open(ctx context.Context, key string) (io.ReadCloser, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	b.mu.RLock()
	defer b.mu.RUnlock()
	data, ok := b.byKey.Get(key)
	if !ok {
		return nil, store.ErrNotFound
	}
	return io.NopCloser(bytes.NewReader(data)), nil
}

func (b *blobs) Delete(ctx context.Context, key string) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	b.byKey.Delete(key)
	return nil
}

func (b *blobs) List(ctx context.Context, prefix string) ([]string, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	b.mu.RLock()
	defer b.mu.RUnlock()
	var keys []string
	b.byKey.Ascend(prefix, func(key string, _ []byte) bool {
		if !strings.HasPrefix(key, prefix) {
			return false
		}
		keys = append(keys, key)
		return true
	})
	return keys, nil
}
