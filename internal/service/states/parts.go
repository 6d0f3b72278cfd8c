package states

import (
	"context"
	"errors"
	"fmt"
	"hash/fnv"
	"slices"
	"strconv"
	"strings"
	"sync"

	"github.com/sallyport/sallyport/internal/store"
)

// storeParts is how many stores the executions are in, and how many queues their jobs. The engine puts what is written to one on the
// disk before it takes the next, so there are several. The number must not change.
const storeParts = 4

// parts is a store that is made of several. Revisions are those of a document's part, and one Apply writes to one part.
type parts []store.Store

func openParts(ctx context.Context, stores store.Stores, name string) (store.Store, error) {
	p := make(parts, storeParts)
	errs := make([]error, storeParts)
	var opening sync.WaitGroup
	for i := range p {
		opening.Go(func() { p[i], errs[i] = stores.Open(ctx, name+"-"+strconv.Itoa(i)) })
	}
	opening.Wait()
	return p, errors.Join(errs...)
}

func (p parts) of(key string) store.Store {
	h := fnv.New32a()
	h.Write([]byte(key))
	return p[h.Sum32()%uint32(len(p))]
}

func (p parts) Get(ctx context.Context, key string) (store.Doc, error) {
	return p.of(key).Get(ctx, key)
}

func (p parts) Apply(ctx context.Context, writes ...store.Write) (uint64, error) {
	if len(writes) == 0 {
		return 0, store.CheckWrites(writes)
	}
	one := p.of(writes[0].Key)
	for _, w := range writes[1:] {
		if p.of(w.Key) != one {
			return 0, fmt.Errorf("store: one Apply to several parts")
		}
	}
	return one.Apply(ctx, writes...)
}

func (p parts) List(ctx context.Context, prefix string) ([]store.Doc, error) {
	found := make([][]store.Doc, len(p))
	errs := make([]error, len(p))
	var listing sync.WaitGroup
	for i, one := range p {
		listing.Go(func() { found[i], errs[i] = one.List(ctx, prefix) })
	}
	listing.Wait()
	if err := errors.Join(errs...); err != nil {
		return nil, err
	}
	all := slices.Concat(found...)
	slices.SortFunc(all, func(a, b store.Doc) int { return strings.Compare(a.Key, b.Key) })
	return all, nil
}

// Watch is not for parts: their revisions have no common order.
func (parts) Watch(context.Context, string, func(store.Event) error) error {
	return errors.New("store: a store of several parts cannot be watched")
}
