package engine

import (
	"bytes"
	"context"
	"encoding/json"
	"log/slog"
	"math/rand/v2"
	"strconv"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/sallyport/sallyport/internal/service/dynamodb/item"
	"github.com/sallyport/sallyport/internal/store"
	"github.com/sallyport/sallyport/internal/store/mem"
)

// slow is a store over a bad network: writes take time and may be made though the answer is lost, watches lag, and end now and then.
type slow struct {
	store.Stores
	rng *rand.Rand
	mu  *sync.Mutex // guards rng
}

type slowStore struct {
	store.Store
	s slow
}

func (s slow) Open(ctx context.Context, name string) (store.Store, error) {
	d, err := s.Stores.Open(ctx, name)
	return slowStore{d, s}, err
}

func (s slow) chance(percent int) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.rng.IntN(100) < percent
}

func (s slow) delay(most time.Duration) {
	s.mu.Lock()
	d := time.Duration(s.rng.Int64N(int64(most)))
	s.mu.Unlock()
	time.Sleep(d)
}

func (d slowStore) Apply(ctx context.Context, writes ...store.Write) (uint64, error) {
	d.s.delay(3 * time.Millisecond)
	if d.s.chance(3) {
		return 0, store.ErrUnavailable
	}
	rev, err := d.Store.Apply(ctx, writes...)
	d.s.delay(3 * time.Millisecond)
	if err == nil && d.s.chance(5) {
		return 0, store.ErrUnavailable
	}
	return rev, err
}

func (d slowStore) Watch(ctx context.Context, prefix string, f func(store.Event) error) error {
	return d.Store.Watch(ctx, prefix, func(e store.Event) error {
		d.s.delay(5 * time.Millisecond)
		if !e.CaughtUp && d.s.chance(1) {
			return store.ErrUnavailable
		}
		return f(e)
	})
}

// TestFaults lets two nodes write the same few items over bad networks. No acknowledged increment may be lost, none may be made that
// nobody asked for, and in the end both nodes must show what the store has.
func TestFaults(t *testing.T) {
	for seed := range uint64(20) {
		t.Run(strconv.FormatUint(seed, 10), func(t *testing.T) { synctest.Test(t, func(t *testing.T) { faults(t, seed) }) })
	}
}

func faults(t *testing.T, seed uint64) {
	under := mem.New()
	ctx, cancel := context.WithCancel(t.Context())
	var nodes []*Engine
	var running sync.WaitGroup
	for n := range uint64(2) {
		e := New(slow{under, rand.New(rand.NewPCG(seed, n)), &sync.Mutex{}}, slog.New(slog.DiscardHandler), time.Hour)
		running.Go(func() { _ = e.Run(ctx) })
		nodes = append(nodes, e)
	}
	defer func() { cancel(); running.Wait() }()
	at := func(e *Engine) (*Space, *Table) {
		s, err := e.Space(ctx, "000000000000", "us-east-1")
		if err != nil {
			t.Fatal(err)
		}
		table, err := s.Find(ctx, "counters")
		if err != nil {
			t.Fatal(err)
		}
		return s, table
	}
	schema := Schema{
		ID: "c", Name: "counters", Stream: "s", Key: KeySchema{Hash: KeyAttr{"id", item.S}}, Description: json.RawMessage(`{}`),
		Indexes: []Index{{Name: "byN", Global: true, Key: KeySchema{Hash: KeyAttr{"n", item.N}}}},
	}
	for {
		s, err := nodes[0].Space(ctx, "000000000000", "us-east-1")
		if err != nil {
			t.Fatal(err)
		}
		if err := s.CreateTable(ctx, &schema); err == nil || s.Table("counters") != nil {
			break
		}
		time.Sleep(time.Second)
	}

	var mu sync.Mutex
	acknowledged, asked := map[string]int{}, map[string]int{}
	var work sync.WaitGroup
	for w := range 6 {
		work.Go(func() {
			rng := rand.New(rand.NewPCG(seed, 100+uint64(w)))
			for range 40 {
				s, table := at(nodes[w%2])
				id := strconv.Itoa(rng.IntN(2))
				if rng.IntN(3) == 0 { // an item that comes and goes, and is this worker's alone
					own := toggle(table, "own"+strconv.Itoa(w))
					if s.Write(ctx, nil, own) != nil {
						continue
					}
					for range 4 {
						if _, now := at(nodes[w%2]); !bytes.Equal(now.Get(own.Key), own.New) {
							t.Errorf("node %d does not show what was written there", w%2)
						}
						time.Sleep(time.Duration(rng.Int64N(int64(4 * time.Millisecond))))
					}
					continue
				}
				c := increment(table, id)
				err := s.Write(ctx, nil, c)
				if _, now := at(nodes[w%2]); err == nil && item.CompareNumbers(now.Get(c.Key).Get("n").Str, c.New.Get("n").Str) < 0 {
					t.Errorf("node %d shows an older counter than was written there", w%2)
				}
				mu.Lock()
				asked[id]++
				if err == nil {
					acknowledged[id]++
				}
				mu.Unlock()
			}
		})
	}
	work.Wait()
	time.Sleep(time.Minute)

	docs, err := under.Open(ctx, "ddb-000000000000-us-east-1")
	if err != nil {
		t.Fatal(err)
	}
	for i, e := range nodes {
		_, table := at(e)
		for id, want := range acknowledged {
			got, _ := strconv.Atoi(table.Get(Key{Hash: id}).Get("n").Str)
			if got < want || got > asked[id] {
				t.Errorf("node %d: counter %s is %d, acknowledged %d of %d", i, id, got, want, asked[id])
			}
		}
		list, err := docs.List(ctx, "i/")
		if err != nil {
			t.Fatal(err)
		}
		if items, _ := table.Size(); items != len(list) || table.IndexSize("byN") != len(list) {
			t.Errorf("node %d has %d items, %d in the index, the store %d", i, items, table.IndexSize("byN"), len(list))
		}
		for _, d := range list {
			_, key, _ := parseDocument(d.Key)
			if !bytes.Equal(table.Get(key), d.Data) {
				t.Errorf("node %d: item %q is not what the store has", i, key)
			}
		}
		if len(table.gone) > 0 {
			t.Errorf("node %d still waits for %d removals", i, len(table.gone))
		}
	}
}

// toggle makes the item if it is not there, and removes it if it is.
func toggle(table *Table, id string) *Change {
	return &Change{Table: table, Key: Key{Hash: id}, Do: func(old item.Encoded) (item.Encoded, error) {
		if old != nil {
			return nil, nil
		}
		return item.Encode(item.Item{{Name: "id", Value: item.String(id)}, {Name: "n", Value: item.Value{Kind: item.N, Str: "0"}}}), nil
	}}
}
