package engine

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strconv"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/sallyport/sallyport/internal/service/dynamodb/item"
	"github.com/sallyport/sallyport/internal/store"
	"github.com/sallyport/sallyport/internal/store/mem"
)

// start runs an engine over stores until the test ends, or until stop is called.
func start(t testing.TB, stores store.Stores, sweep time.Duration) (e *Engine, stop func()) {
	t.Helper()
	e = New(stores, slog.New(slog.DiscardHandler), sweep)
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- e.Run(ctx) }()
	stop = sync.OnceFunc(func() {
		cancel()
		if err := <-done; err != nil {
			t.Errorf("Run: %v", err)
		}
	})
	t.Cleanup(stop)
	return e, stop
}

func space(t testing.TB, e *Engine) *Space {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	s, err := e.Space(ctx, "000000000000", "us-east-1")
	if err != nil {
		t.Fatal(err)
	}
	return s
}

var chat = Schema{
	ID: "chat1", Name: "chat", Description: json.RawMessage(`{}`),
	Key:     KeySchema{Hash: KeyAttr{"room", item.S}, Range: KeyAttr{"at", item.N}},
	Indexes: []Index{{Name: "byUser", Global: true, Key: KeySchema{Hash: KeyAttr{"user", item.S}, Range: KeyAttr{"at", item.N}}}},
}

func create(t testing.TB, s *Space, schema Schema) *Table {
	t.Helper()
	if err := s.CreateTable(t.Context(), &schema); err != nil {
		t.Fatal(err)
	}
	return s.Table(schema.Name)
}

func parse(t testing.TB, format string, args ...any) item.Item {
	t.Helper()
	it, err := item.ParseItem(fmt.Appendf(nil, format, args...))
	if err != nil {
		t.Fatal(err)
	}
	return it
}

func put(t testing.TB, s *Space, table *Table, it item.Item) {
	t.Helper()
	if err := s.Write(t.Context(), nil, putChange(table, it)); err != nil {
		t.Fatal(err)
	}
}

func putChange(table *Table, it item.Item) *Change {
	key, _ := table.Schema().Key.KeyOf(it)
	return &Change{Table: table, Key: key, Do: func(item.Encoded) (item.Encoded, error) { return item.Encode(it), nil }}
}

func remove(t testing.TB, s *Space, table *Table, key Key) {
	t.Helper()
	c := &Change{Table: table, Key: key, Do: func(item.Encoded) (item.Encoded, error) { return nil, nil }}
	if err := s.Write(t.Context(), nil, c); err != nil {
		t.Fatal(err)
	}
}

func texts(p Page) []string {
	var out []string
	for _, i := range p.Items {
		out = append(out, string(i.AppendJSON(nil)))
	}
	return out
}

func ats(p Page) []string {
	var out []string
	for _, i := range p.Items {
		out = append(out, i.Get("at").Str)
	}
	return out
}

// stores are the implementations that the suite runs on.
func stores(t *testing.T, f func(t *testing.T, open func() store.Stores)) {
	t.Run("mem", func(t *testing.T) {
		s := mem.New()
		f(t, func() store.Stores { return s })
	})
	t.Run("nats", func(t *testing.T) { f(t, natsStores(t)) })
}

func TestReadAndWrite(t *testing.T) {
	stores(t, func(t *testing.T, open func() store.Stores) {
		e, _ := start(t, open(), time.Hour)
		s := space(t, e)
		table := create(t, s, chat)
		for _, at := range []int{10, 9, -3, 100, 1} {
			put(t, s, table, parse(t, `{"room":{"S":"a"},"at":{"N":"%d"},"user":{"S":"u%d"}}`, at, at%2))
		}
		put(t, s, table, parse(t, `{"room":{"S":"a\u0000"},"at":{"N":"5"}}`))

		read := func(r Read) []string { r.MaxBytes = 1 << 20; return ats(table.Read(r)) }
		for _, tt := range []struct {
			name string
			read Read
			want []string
		}{
			{"DY-059 ascending", Read{Span: Partition("a")}, []string{"-3", "1", "9", "10", "100"}},
			{"DY-058 descending", Read{Span: Partition("a"), Backwards: true}, []string{"100", "10", "9", "1", "-3"}},
			{"less", Read{Span: Where("a", "<", n("9"))}, []string{"-3", "1"}},
			{"less or equal", Read{Span: Where("a", "<=", n("9"))}, []string{"-3", "1", "9"}},
			{"greater", Read{Span: Where("a", ">", n("9"))}, []string{"10", "100"}},
			{"greater or equal", Read{Span: Where("a", ">=", n("9")), Backwards: true}, []string{"100", "10", "9"}},
			{"equal", Read{Span: Where("a", "=", n("10"))}, []string{"10"}},
			{"between", Read{Span: Where("a", "BETWEEN", n("1"), n("10"))}, []string{"1", "9", "10"}},
			{"limit", Read{Span: Partition("a"), Limit: 2}, []string{"-3", "1"}},
			{"other partition", Read{Span: Partition("a\x00")}, []string{"5"}},
			{"DY-067 index", Read{Index: "byUser", Span: Partition("u1")}, []string{"1", "9"}},
			{"none", Read{Span: Partition("b")}, nil},
		} {
			t.Run(tt.name, func(t *testing.T) {
				if got := read(tt.read); !slices.Equal(got, tt.want) {
					t.Errorf("Read = %v, want %v", got, tt.want)
				}
			})
		}

		t.Run("DY-071 index follows", func(t *testing.T) {
			put(t, s, table, parse(t, `{"room":{"S":"a"},"at":{"N":"9"},"user":{"S":"u2"}}`))
			remove(t, s, table, Key{"a", n("1")})
			if got := read(Read{Index: "byUser", Span: Partition("u1")}); len(got) != 0 {
				t.Errorf("u1 has %v, want nothing", got)
			}
			if got := read(Read{Index: "byUser", Span: Partition("u2")}); !slices.Equal(got, []string{"9"}) {
				t.Errorf("u2 has %v, want 9", got)
			}
		})
		t.Run("DY-073 segments", func(t *testing.T) {
			for i := range 200 {
				put(t, s, table, parse(t, `{"room":{"S":"r%d"},"at":{"N":"0"}}`, i))
			}
			seen := map[string]int{}
			for seg := range 4 {
				p := table.Read(Read{Span: Segment(seg, 4), MaxBytes: 1 << 20})
				if len(p.Items) < 20 {
					t.Errorf("segment %d has %d items", seg, len(p.Items))
				}
				for _, it := range texts(p) {
					seen[it]++
				}
			}
			count, _ := table.Size()
			for it, n := range seen {
				if n != 1 {
					t.Errorf("%s was seen %d times", it, n)
				}
			}
			if len(seen) != count {
				t.Errorf("segments have %d items, the table %d", len(seen), count)
			}
		})
	})
}

func n(s string) string { return string(item.AppendSortable(nil, s)) }

func TestPaging_DY063(t *testing.T) {
	e, _ := start(t, mem.New(), time.Hour)
	s := space(t, e)
	table := create(t, s, chat)
	for i := range 25 {
		put(t, s, table, parse(t, `{"room":{"S":"a"},"at":{"N":"%d"},"user":{"S":"u"}}`, i))
	}
	for _, index := range []string{"", "byUser"} {
		for _, backwards := range []bool{false, true} {
			hash := map[string]string{"": "a", "byUser": "u"}[index]
			span, pages, seen := Partition(hash), 0, 0
			for {
				p := table.Read(Read{Index: index, Span: span, Backwards: backwards, Limit: 4, MaxBytes: 1 << 20})
				pages++
				seen += len(p.Items)
				if !p.Full {
					break
				}
				last, err := p.Items[len(p.Items)-1].Decode()
				if err != nil {
					t.Fatal(err)
				}
				pos, ok := table.Schema().Position(index, last)
				if !ok {
					t.Fatal("no position")
				}
				span = span.Beyond(pos, backwards)
			}
			if seen != 25 || pages != 7 {
				t.Errorf("index %q, backwards %v: %d items on %d pages, want 25 on 7", index, backwards, seen, pages)
			}
		}
	}
}

// TestCounter_DY085 lets many writers of two nodes count on the same items: no increment may be lost.
func TestCounter_DY085(t *testing.T) {
	stores(t, func(t *testing.T, open func() store.Stores) {
		a, _ := start(t, open(), time.Hour)
		b, _ := start(t, open(), time.Hour)
		schema := Schema{ID: "c", Name: "counters", Key: KeySchema{Hash: KeyAttr{"id", item.S}}, Description: json.RawMessage(`{}`)}
		create(t, space(t, a), schema)
		waitFor(t, "table on the other node", func() bool { return space(t, b).Table("counters") != nil })

		const writers, rounds, keys = 8, 25, 3
		var wg sync.WaitGroup
		for w := range writers {
			s := space(t, []*Engine{a, b}[w%2])
			table := s.Table("counters")
			wg.Go(func() {
				for r := range rounds {
					if err := s.Write(context.Background(), nil, increment(table, strconv.Itoa((w+r)%keys))); err != nil {
						t.Errorf("Write: %v", err)
					}
				}
			})
		}
		wg.Wait()
		for _, e := range []*Engine{a, b} {
			waitFor(t, "the sum", func() bool {
				sum := 0
				for k := range keys {
					v, _ := strconv.Atoi(space(t, e).Table("counters").Get(Key{Hash: strconv.Itoa(k)}).Get("n").Str)
					sum += v
				}
				return sum == writers*rounds
			})
		}
	})
}

func increment(table *Table, id string) *Change {
	return &Change{Table: table, Key: Key{Hash: id}, Do: func(old item.Encoded) (item.Encoded, error) {
		n := "0"
		if old != nil {
			n = old.Get("n").Str
		}
		sum, err := item.Add(n, "1")
		return item.Encode(item.Item{{Name: "id", Value: item.String(id)}, {Name: "n", Value: item.Value{Kind: item.N, Str: sum}}}), err
	}}
}

func waitFor(t testing.TB, what string, ok func() bool) {
	t.Helper()
	deadline := time.Now().Add(15 * time.Second)
	for !ok() {
		if time.Now().After(deadline) {
			t.Fatalf("%s did not come", what)
		}
		time.Sleep(2 * time.Millisecond)
	}
}

var errExists = errors.New("exists")

// TestOneWins_DY086: of many that put an item only if it is not there, on two nodes, one succeeds.
func TestOneWins_DY086(t *testing.T) {
	stores(t, func(t *testing.T, open func() store.Stores) {
		a, _ := start(t, open(), time.Hour)
		b, _ := start(t, open(), time.Hour)
		create(t, space(t, a), chat)
		waitFor(t, "table on the other node", func() bool { return space(t, b).Table("chat") != nil })
		for round := range 5 {
			var won sync.Map
			var wg sync.WaitGroup
			for w := range 20 {
				s := space(t, []*Engine{a, b}[w%2])
				wg.Go(func() {
					c := putChange(s.Table("chat"), parse(t, `{"room":{"S":"r%d"},"at":{"N":"1"},"w":{"N":"%d"}}`, round, w))
					do := c.Do
					c.Do = func(old item.Encoded) (item.Encoded, error) {
						if old != nil {
							return nil, errExists
						}
						return do(old)
					}
					switch err := s.Write(context.Background(), nil, c); {
					case err == nil:
						won.Store(w, true)
					case !errors.Is(err, ErrRefused) || !errors.Is(c.Err, errExists):
						t.Errorf("Write: %v, %v", err, c.Err)
					}
				})
			}
			wg.Wait()
			count := 0
			won.Range(func(any, any) bool { count++; return true })
			if count != 1 {
				t.Errorf("%d writers won, want 1", count)
			}
		}
	})
}

func TestTransaction(t *testing.T) {
	stores(t, func(t *testing.T, open func() store.Stores) {
		e, _ := start(t, open(), time.Hour)
		s := space(t, e)
		table := create(t, s, chat)
		other := chat
		other.ID, other.Name = "other1", "other"
		second := create(t, s, other)
		put(t, s, table, parse(t, `{"room":{"S":"a"},"at":{"N":"1"}}`))
		refuse := func(c *Change) *Change {
			c.Do = func(item.Encoded) (item.Encoded, error) { return nil, errExists }
			return c
		}
		t.Run("DY-079 nothing happens", func(t *testing.T) {
			x, y := putChange(second, parse(t, `{"room":{"S":"x"},"at":{"N":"1"}}`)), refuse(putChange(table, parse(t, `{"room":{"S":"a"},"at":{"N":"1"}}`)))
			if err := s.Write(t.Context(), nil, x, y); !errors.Is(err, ErrRefused) || x.Err != nil || !errors.Is(y.Err, errExists) {
				t.Errorf("Write = %v (%v, %v)", err, x.Err, y.Err)
			}
			if second.Get(Key{"x", n("1")}) != nil {
				t.Error("half of the transaction happened")
			}
		})
		t.Run("all happens", func(t *testing.T) {
			var changes []*Change
			for i := range 50 {
				changes = append(changes, putChange(second, parse(t, `{"room":{"S":"x"},"at":{"N":"%d"}}`, i)))
				changes = append(changes, putChange(table, parse(t, `{"room":{"S":"x"},"at":{"N":"%d"}}`, i)))
			}
			if err := s.Write(t.Context(), nil, changes...); err != nil {
				t.Fatal(err)
			}
			// A change after it shows that the revisions in memory are right.
			put(t, s, table, parse(t, `{"room":{"S":"x"},"at":{"N":"7"},"again":{"BOOL":true}}`))
			if items, _ := second.Size(); items != 50 {
				t.Errorf("%d items, want 50", items)
			}
		})
		t.Run("check only", func(t *testing.T) {
			check := &Change{Table: table, Key: Key{"none", n("1")}, CheckOnly: true, Do: func(old item.Encoded) (item.Encoded, error) {
				if old != nil {
					return nil, errExists
				}
				return nil, nil
			}}
			there := &Change{Table: table, Key: Key{"a", n("1")}, CheckOnly: true, Do: func(old item.Encoded) (item.Encoded, error) { return nil, nil }}
			for range 2 {
				if err := s.Write(t.Context(), nil, check, there, putChange(second, parse(t, `{"room":{"S":"c"},"at":{"N":"1"}}`))); err != nil {
					t.Fatal(err)
				}
			}
			if table.Get(Key{"a", n("1")}) == nil || table.Get(Key{"none", n("1")}) != nil {
				t.Error("a check changed an item")
			}
			put(t, s, table, parse(t, `{"room":{"S":"none"},"at":{"N":"1"}}`))
		})
		t.Run("DY-083 once", func(t *testing.T) {
			token := &Token{"tok", []byte("body")}
			if err := s.Write(t.Context(), token, increment2(table)); err != nil {
				t.Fatal(err)
			}
			var used *UsedError
			if err := s.Write(t.Context(), token, increment2(table)); !errors.As(err, &used) || string(used.Data) != "body" {
				t.Errorf("second Write = %v", err)
			}
			if got := table.Get(Key{"n", n("0")}).Get("n").Str; got != "1" {
				t.Errorf("counter = %s, want 1", got)
			}
		})
	})
}

func increment2(table *Table) *Change {
	c := increment(table, "")
	do := c.Do
	c.Key = Key{"n", n("0")}
	c.Do = func(old item.Encoded) (item.Encoded, error) {
		enc, err := do(old)
		if err != nil {
			return nil, err
		}
		it, err := enc.Decode()
		if err != nil {
			return nil, err
		}
		it = it.Without("id").With("room", item.String("n")).With("at", item.Value{Kind: item.N, Str: "0"})
		return item.Encode(it), nil
	}
	return c
}

func TestTables(t *testing.T) {
	stores(t, func(t *testing.T, open func() store.Stores) {
		e, _ := start(t, open(), 50*time.Millisecond)
		s := space(t, e)
		table := create(t, s, chat)
		for i := range 300 {
			put(t, s, table, parse(t, `{"room":{"S":"a"},"at":{"N":"%d"},"kind":{"S":"k%d"}}`, i, i%3))
		}
		t.Run("DY-018 exists", func(t *testing.T) {
			again := chat
			again.ID = "chat2"
			if err := s.CreateTable(t.Context(), &again); !errors.Is(err, ErrTableExists) {
				t.Errorf("CreateTable = %v", err)
			}
		})
		t.Run("DY-101 new index sees old items", func(t *testing.T) {
			if _, err := s.UpdateTable(t.Context(), "chat", func(x *Schema) error {
				x.Indexes = append(x.Indexes, Index{Name: "byKind", Global: true, Key: KeySchema{Hash: KeyAttr{"kind", item.S}}})
				return nil
			}); err != nil {
				t.Fatal(err)
			}
			if p := table.Read(Read{Index: "byKind", Span: Partition("k1"), MaxBytes: 1 << 20}); len(p.Items) != 100 {
				t.Errorf("%d items, want 100", len(p.Items))
			}
		})
		t.Run("DY-025 delete", func(t *testing.T) {
			if _, err := s.DeleteTable(t.Context(), "chat", func(*Schema) error { return nil }); err != nil {
				t.Fatal(err)
			}
			if s.Table("chat") != nil {
				t.Error("the table is still there")
			}
			if _, err := s.DeleteTable(t.Context(), "chat", func(*Schema) error { return nil }); !errors.Is(err, ErrNoTable) {
				t.Errorf("second DeleteTable = %v", err)
			}
			again := chat
			again.ID = "chat3"
			if items, _ := create(t, s, again).Size(); items != 0 {
				t.Errorf("the new table has %d items", items)
			}
			waitFor(t, "removal of the old items", func() bool {
				docs, err := s.docs.List(t.Context(), "i/chat1/")
				return err == nil && len(docs) == 0
			})
		})
	})
}

func TestExpiry(t *testing.T) {
	stores(t, func(t *testing.T, open func() store.Stores) {
		e, _ := start(t, open(), 20*time.Millisecond)
		s := space(t, e)
		schema := chat
		schema.TTL, schema.Stream = "ttl", "label"
		table := create(t, s, schema)
		now := time.Now()
		for i, ttl := range []string{
			fmt.Sprintf(`{"N":"%d"}`, now.Add(-time.Minute).Unix()),          // 0: expired
			fmt.Sprintf(`{"N":"%d"}`, now.Add(time.Hour).Unix()),             // later
			fmt.Sprintf(`{"N":"%d"}`, now.UnixMilli()),                       // DY-093 milliseconds
			fmt.Sprintf(`{"S":"%d"}`, now.Add(-time.Minute).Unix()),          // DY-093 a string
			fmt.Sprintf(`{"N":"%d"}`, now.Add(-6*365*24*time.Hour).Unix()),   // DY-093 older than five years
			fmt.Sprintf(`{"N":"%d.5"}`, now.Add(-2*365*24*time.Hour).Unix()), // 5: expired
		} {
			put(t, s, table, parse(t, `{"room":{"S":"a"},"at":{"N":"%d"},"user":{"S":"u"},"ttl":%s}`, i, ttl))
		}
		waitFor(t, "DY-092 expiry", func() bool {
			return slices.Equal(ats(table.Read(Read{Span: Partition("a"), MaxBytes: 1 << 20})), []string{"1", "2", "3", "4"})
		})
		if got := table.IndexSize("byUser"); got != 4 {
			t.Errorf("the index has %d items, want 4", got)
		}
		var expired int
		waitFor(t, "DY-094 records", func() bool {
			records, err := s.Records(t.Context(), table, "label", 0, 100)
			if err != nil {
				t.Fatal(err)
			}
			expired = 0
			for _, r := range records {
				if r.Expired && r.New == nil && r.Old != nil {
					expired++
				}
			}
			return len(records) == 8
		})
		if expired != 2 {
			t.Errorf("%d records of expiry, want 2", expired)
		}
	})
}

func TestRecords(t *testing.T) {
	stores(t, func(t *testing.T, open func() store.Stores) {
		e, stop := start(t, open(), time.Hour)
		s := space(t, e)
		schema := chat
		schema.Stream = "2026-01-01T00:00:00.000"
		table := create(t, s, schema)
		put(t, s, table, parse(t, `{"room":{"S":"a"},"at":{"N":"1"},"v":{"N":"1"}}`))
		put(t, s, table, parse(t, `{"room":{"S":"a"},"at":{"N":"1"},"v":{"N":"2"}}`))
		put(t, s, table, parse(t, `{"room":{"S":"a"},"at":{"N":"1"},"v":{"N":"2"}}`)) // DY-096 nothing changes
		latest := table.Head()
		remove(t, s, table, Key{"a", n("1")})
		var changes []*Change
		for i := range 5 {
			changes = append(changes, putChange(table, parse(t, `{"room":{"S":"b"},"at":{"N":"%d"}}`, i)))
		}
		if err := s.Write(t.Context(), nil, changes...); err != nil {
			t.Fatal(err)
		}
		check := func(s *Space) {
			t.Helper()
			table := s.Table("chat")
			var records []Record
			waitFor(t, "records", func() bool {
				var err error
				records, err = s.Records(t.Context(), table, schema.Stream, 0, 1000)
				return err == nil && len(records) == 8
			})
			for i, r := range records {
				if i > 0 && r.Seq <= records[i-1].Seq {
					t.Errorf("DY-097: sequence %d after %d", r.Seq, records[i-1].Seq)
				}
			}
			kinds := ""
			for _, r := range records[:3] {
				kinds += fmt.Sprintf("%v%v ", r.Old != nil, r.New != nil)
			}
			if kinds != "falsetrue truetrue truefalse " {
				t.Errorf("DY-095: images %s", kinds)
			}
			later, err := s.Records(t.Context(), table, schema.Stream, latest, 1000)
			if err != nil || len(later) != 6 {
				t.Errorf("DY-098: %d records after latest, %v, want 6", len(later), err)
			}
			var paged []Record
			for seq := uint64(0); ; {
				page, err := s.Records(t.Context(), table, schema.Stream, seq, 2)
				if err != nil {
					t.Fatal(err)
				}
				if len(page) == 0 {
					break
				}
				paged = append(paged, page...)
				seq = page[len(page)-1].Seq + 1
			}
			if len(paged) != 8 {
				t.Errorf("DY-099: pages have %d records, want 8", len(paged))
			}
		}
		check(s)
		stop()
		again, _ := start(t, open(), time.Hour)
		check(space(t, again))
	})
}

func TestRestart_DY109(t *testing.T) {
	stores(t, func(t *testing.T, open func() store.Stores) {
		e, stop := start(t, open(), time.Hour)
		s := space(t, e)
		table := create(t, s, chat)
		for i := range 100 {
			put(t, s, table, parse(t, `{"room":{"S":"a"},"at":{"N":"%d"},"user":{"S":"u"}}`, i))
		}
		remove(t, s, table, Key{"a", n("50")})
		before := texts(table.Read(Read{Span: Partition("a"), MaxBytes: 1 << 20}))
		stop()
		again, _ := start(t, open(), time.Hour)
		table = space(t, again).Table("chat")
		if after := texts(table.Read(Read{Span: Partition("a"), MaxBytes: 1 << 20})); !slices.Equal(before, after) {
			t.Errorf("%d items before, %d after", len(before), len(after))
		}
		if got := table.IndexSize("byUser"); got != 99 {
			t.Errorf("the index has %d items, want 99", got)
		}
		put(t, space(t, again), table, parse(t, `{"room":{"S":"a"},"at":{"N":"50"}}`))
	})
}

func TestLargeImages(t *testing.T) {
	e, _ := start(t, mem.New(), time.Hour)
	s := space(t, e)
	schema := chat
	schema.Stream = "l"
	table := create(t, s, schema)
	var attrs []item.Attr
	for i := range 1 << 17 { // two letters of name and one of value each: the worst that the binary form knows
		attrs = append(attrs, item.Attr{Name: string([]byte{byte('A' + i>>12), byte('!' + i>>6&63), byte('!' + i&63)}[:2+i%2]), Value: item.String("x")})
	}
	big := item.FromAttrs(attrs)
	for item.Size(big) > item.MaxSize-100 {
		big = big[:len(big)-100]
	}
	for _, v := range []string{"1", "2"} {
		put(t, s, table, big.With("room", item.String("a")).With("at", item.Value{Kind: item.N, Str: "1"}).With("v", item.String(v)))
	}
	// Other streams of the table stand between the records.
	for _, label := range []string{"m", "l"} {
		if _, err := s.UpdateTable(t.Context(), "chat", func(x *Schema) error { x.Stream = label; return nil }); err != nil {
			t.Fatal(err)
		}
		for i := range 10 {
			put(t, s, table, big.With("room", item.String("a")).With("at", item.Value{Kind: item.N, Str: "1"}).With("v", item.String(label+strconv.Itoa(i))))
		}
	}
	waitFor(t, "records", func() bool {
		var seen []string
		for seq := uint64(0); ; {
			records, err := s.Records(t.Context(), table, "l", seq, 1)
			if err != nil || len(records) > 1 {
				t.Fatalf("Records = %d, %v", len(records), err)
			}
			if len(records) == 0 {
				break
			}
			seen = append(seen, records[0].Old.Get("v").Str+">"+records[0].New.Get("v").Str)
			seq = records[0].Seq + 1
		}
		return len(seen) == 12 && seen[0] == ">1" && seen[1] == "1>2" && seen[2] == "m9>l0" && seen[11] == "l8>l9"
	})
}

func FuzzPosition(f *testing.F) {
	f.Add("a", "b", "a\x00", "")
	f.Add("\x00\xff", "\x00", "\x00", "\xff\x00")
	f.Fuzz(func(t *testing.T, h1, r1, h2, r2 string) {
		a, b := Key{h1, r1}, Key{h2, r2}
		if back, ok := parsePosition(a.position()); !ok || back != a {
			t.Fatalf("position of %q was read as %q", a, back)
		}
		id, back, ok := parseDocument(a.document("t1"))
		if !ok || id != "t1" || back != a {
			t.Fatalf("document of %q was read as %s %q", a, id, back)
		}
		if h1 == h2 && (r1 < r2) != (a.position() < b.position()) {
			t.Fatalf("%q and %q are in the wrong order", a, b)
		}
		if Partition(h1).Contains(b.position()) != (h1 == h2) {
			t.Fatalf("partition of %q and %q", h1, b)
		}
		if h1 == h2 {
			if got, want := Where(h1, "begins_with", r1).Contains(b.position()), len(r2) >= len(r1) && r2[:len(r1)] == r1; got != want {
				t.Fatalf("%q begins with %q: %v, want %v", r2, r1, got, want)
			}
		}
	})
}

func BenchmarkWrite(b *testing.B) {
	e, _ := start(b, mem.New(), time.Hour)
	s := space(b, e)
	table := create(b, s, chat)
	it := parse(b, `{"room":{"S":"a"},"at":{"N":"1"},"user":{"S":"u"},"text":{"S":"hello, world"}}`)
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		put(b, s, table, it.With("room", item.String(strconv.Itoa(i%10000))))
	}
}

func BenchmarkGet(b *testing.B) {
	e, _ := start(b, mem.New(), time.Hour)
	s := space(b, e)
	table := create(b, s, chat)
	for i := range 10000 {
		put(b, s, table, parse(b, `{"room":{"S":"%d"},"at":{"N":"1"},"user":{"S":"u"}}`, i))
	}
	one := n("1")
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		if table.Get(Key{strconv.Itoa(i % 10000), one}) == nil {
			b.Fatal("missing")
		}
	}
}

func TestNothingIsLeft(t *testing.T) {
	before := goleak.IgnoreCurrent()
	e, stop := start(t, mem.New(), time.Millisecond)
	s := space(t, e)
	put(t, s, create(t, s, chat), parse(t, `{"room":{"S":"a"},"at":{"N":"1"}}`))
	if _, err := e.Space(t.Context(), "000000000000", "eu-west-1"); err != nil {
		t.Fatal(err)
	}
	stop()
	goleak.VerifyNone(t, before)
	if _, err := e.Space(t.Context(), "000000000000", "ap-south-1"); !errors.Is(err, ErrStopped) {
		t.Errorf("Space after the end = %v", err)
	}
}
