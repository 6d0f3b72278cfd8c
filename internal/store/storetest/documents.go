package storetest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/sallyport/sallyport/internal/store"
)

// Run tries every promise of the contract on the stores that open makes. Each call of open gives empty stores.
func Run(t *testing.T, open func(testing.TB) store.Stores) {
	s := open(t)
	names := 0
	// Tests share the stores but each has a store of its own.
	run := func(name string, f func(*testing.T, store.Stores, store.Store)) {
		names++
		storeName := fmt.Sprintf("test-%d", names)
		t.Run(name, func(t *testing.T) {
			f(t, s, must(s.Open(t.Context(), storeName))(t))
		})
	}
	run("get_list", testGetList)
	run("conditions", testConditions)
	run("batch", testBatch)
	run("revisions", testRevisions)
	run("keys", testKeys)
	run("limits", testLimits)
	run("large_batch", testLargeBatch)
	run("many_documents", testManyDocuments)
	run("counters", testCounters)
	run("own_memory", testOwnMemory)
	run("canceled", testCanceled)
	run("open_drop", testOpenDrop)
	run("watch", testWatch)
	run("watch_prefix", testWatchPrefix)
	run("watch_error", testWatchError)
	run("watch_writer", testWatchWriter)
	run("watch_concurrent", testWatchConcurrent)
	run("watch_drop", testWatchDrop)
	t.Run("blobs", func(t *testing.T) { testBlobs(t, s) })
	t.Run("blobs_replace", func(t *testing.T) { testBlobsReplace(t, s) })
}

func testGetList(t *testing.T, _ store.Stores, s store.Store) {
	ctx := t.Context()
	wantMissing(t, s, "a")
	if docs := must(s.List(ctx, ""))(t); len(docs) != 0 {
		t.Fatalf("List of an empty store = %v", docs)
	}
	revA := must(store.Put(ctx, s, "b/a", []byte("1"), store.Always))(t)
	revB := must(store.Put(ctx, s, "b", []byte("2"), store.Always))(t)
	revC := must(store.Put(ctx, s, "b/a/c", nil, store.Always))(t)
	must(store.Put(ctx, s, "c", []byte("4"), store.Always))(t)
	if err := store.Delete(ctx, s, "c", store.Always); err != nil {
		t.Fatal(err)
	}
	if err := store.Delete(ctx, s, "never there", store.Always); err != nil {
		t.Errorf("Delete of what is not there: %v", err)
	}

	wantDoc(t, s, "b/a", "1", revA)
	wantDoc(t, s, "b/a/c", "", revC)
	wantMissing(t, s, "c")
	wantMissing(t, s, "b/")
	a, b, c := store.Doc{Key: "b/a", Data: []byte("1"), Rev: revA}, store.Doc{Key: "b", Data: []byte("2"), Rev: revB}, store.Doc{Key: "b/a/c", Data: []byte{}, Rev: revC}
	for prefix, want := range map[string][]store.Doc{
		"": {b, a, c}, "b": {b, a, c}, "b/": {a, c}, "b/a": {a, c}, "b/a/": {c}, "b/a/c": {c}, "b/a/c/": nil, "c": nil, "/": nil,
	} {
		got := must(s.List(ctx, prefix))(t)
		if len(got)+len(want) == 0 {
			continue
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("List(%q) (-want +got):\n%s", prefix, diff)
		}
	}
}

func testConditions(t *testing.T, _ store.Stores, s store.Store) {
	ctx := t.Context()
	conflict := func(w store.Write) {
		t.Helper()
		if _, err := s.Apply(ctx, w); !errors.Is(err, store.ErrConflict) {
			t.Errorf("Apply(%+v) = %v, want ErrConflict", w, err)
		}
	}
	put := func(when store.Condition) store.Write {
		return store.Write{Key: "k", Data: []byte("conflict"), When: when}
	}
	remove := func(when store.Condition) store.Write { return store.Write{Key: "k", Delete: true, When: when} }

	conflict(put(store.AtRev(7)))
	conflict(remove(store.AtRev(7)))
	rev1 := must(store.Put(ctx, s, "k", []byte("1"), store.Absent))(t)
	conflict(put(store.Absent))
	conflict(put(store.AtRev(0)))
	conflict(put(store.AtRev(rev1 + 1)))
	conflict(remove(store.Absent))
	wantDoc(t, s, "k", "1", rev1)
	rev2 := must(store.Put(ctx, s, "k", []byte("2"), store.AtRev(rev1)))(t)
	conflict(put(store.AtRev(rev1)))
	conflict(remove(store.AtRev(rev1)))
	wantDoc(t, s, "k", "2", rev2)
	if err := store.Delete(ctx, s, "k", store.AtRev(rev2)); err != nil {
		t.Fatal(err)
	}
	wantMissing(t, s, "k")
	conflict(put(store.AtRev(rev2)))
	conflict(remove(store.AtRev(rev2)))
	for i := range 3 { // what was removed is absent, also after many removals
		rev := must(store.Put(ctx, s, "k", []byte("3"), store.Absent))(t)
		wantDoc(t, s, "k", "3", rev)
		if err := store.Delete(ctx, s, "k", store.Always); err != nil {
			t.Fatal(err)
		}
		if err := store.Delete(ctx, s, "k", store.AtRev(0)); err != nil {
			t.Fatalf("round %d: Delete of the absent when absent: %v", i, err)
		}
	}
}

func testBatch(t *testing.T, _ store.Stores, s store.Store) {
	ctx := t.Context()
	revX := must(store.Put(ctx, s, "x", []byte("x"), store.Always))(t)
	must(store.Put(ctx, s, "gone", []byte("g"), store.Always))(t)
	if err := store.Delete(ctx, s, "gone", store.Always); err != nil {
		t.Fatal(err)
	}
	writes := func(when store.Condition) []store.Write {
		return []store.Write{
			{Key: "a", Data: []byte("a"), When: store.Absent},
			{Key: "gone", Data: []byte("back"), When: store.Absent},
			{Key: "x", Delete: true, When: when},
			{Key: "b", Data: []byte("b")},
		}
	}
	if _, err := s.Apply(ctx, writes(store.AtRev(revX+100))...); !errors.Is(err, store.ErrConflict) {
		t.Fatalf("batch with one wrong revision = %v, want ErrConflict", err)
	}
	wantMissing(t, s, "a")
	wantMissing(t, s, "b")
	wantMissing(t, s, "gone")
	wantDoc(t, s, "x", "x", revX)

	rev := must(s.Apply(ctx, writes(store.AtRev(revX))...))(t)
	wantDoc(t, s, "b", "b", rev)
	wantMissing(t, s, "x")
	if doc := must(s.Get(ctx, "a"))(t); doc.Rev <= revX || doc.Rev >= rev {
		t.Errorf("revision of the first write is %d, want between %d and %d", doc.Rev, revX, rev)
	}
	if _, err := s.Apply(ctx); err == nil {
		t.Error("Apply without writes succeeded")
	}
	if _, err := s.Apply(ctx, store.Write{Key: "d"}, store.Write{Key: "d"}); err == nil {
		t.Error("Apply with one key twice succeeded")
	}
	wantMissing(t, s, "d")
}

func testRevisions(t *testing.T, _ store.Stores, s store.Store) {
	ctx := t.Context()
	var last uint64
	for i := range 50 {
		rev := must(store.Put(ctx, s, fmt.Sprint("k", i%7), []byte{byte(i)}, store.Always))(t)
		if rev <= last {
			t.Fatalf("revision %d follows %d", rev, last)
		}
		wantDoc(t, s, fmt.Sprint("k", i%7), string([]byte{byte(i)}), rev)
		last = rev
	}
}

// strangeKeys are keys that an implementation could mistake for its own syntax.
var strangeKeys = []string{
	"", " ", "\x00", ".", "..", "a.b", "*", ">", "a.*", "a.>", "$JS", "/", "//", "a/", "a//b", "/a", "%", "%h", "%/", "%41", "%2F", "A", "a\nb", "a\r\n", "\t",
	"\xff", "\xff\xfe", "é", "日本/語", `"`, `\`, "{}", "a b", "us-east-1/api/a1b2c3/route/$default",
	strings.Repeat("k", 300), strings.Repeat("k", 300) + "/x", strings.Repeat("p/", 100), "p/" + strings.Repeat("\x00", 200), strings.Repeat("q", store.MaxKey), strings.Repeat("/", store.MaxKey),
	strings.Repeat("é", store.MaxKey/2), strings.Repeat("d/", 59) + "x", strings.Repeat("d/", 60) + "x", strings.Repeat("d/", 61) + "x",
}

func testKeys(t *testing.T, _ store.Stores, s store.Store) {
	ctx := t.Context()
	for i, key := range strangeKeys {
		must(store.Put(ctx, s, key, []byte(fmt.Sprint(i)), store.Absent))(t)
	}
	for i, key := range strangeKeys {
		if doc, err := s.Get(ctx, key); err != nil || doc.Key != key || string(doc.Data) != fmt.Sprint(i) {
			t.Errorf("Get(%.40q) = %.40q %q, %v; want %d", key, doc.Key, doc.Data, err, i)
		}
	}
	for _, prefix := range append([]string{"p", "d/d/", "k", "nothing"}, strangeKeys...) {
		var want []string
		for _, key := range strangeKeys {
			if strings.HasPrefix(key, prefix) {
				want = append(want, key)
			}
		}
		got := must(s.List(ctx, prefix))(t)
		if len(got) != len(want) {
			t.Errorf("List(%.40q) has %d documents, want %d", prefix, len(got), len(want))
		}
		for i, doc := range got {
			if !strings.HasPrefix(doc.Key, prefix) || i > 0 && got[i-1].Key >= doc.Key {
				t.Errorf("List(%.40q) has %.40q at %d", prefix, doc.Key, i)
			}
		}
	}
}

func testLimits(t *testing.T, _ store.Stores, s store.Store) {
	ctx := t.Context()
	for name, w := range map[string][]store.Write{
		"doc":   {{Key: "k", Data: make([]byte, store.MaxDoc+1)}},
		"key":   {{Key: strings.Repeat("k", store.MaxKey+1)}},
		"batch": make([]store.Write, store.MaxBatch+1),
		"mixed": {{Key: "ok"}, {Key: "k", Data: make([]byte, store.MaxDoc+1)}},
	} {
		for i := range w {
			if name == "batch" {
				w[i].Key = fmt.Sprint(i)
			}
		}
		if _, err := s.Apply(ctx, w...); !errors.Is(err, store.ErrTooLarge) {
			t.Errorf("%s: Apply = %v, want ErrTooLarge", name, err)
		}
	}
	wantMissing(t, s, "ok")
	wantMissing(t, s, strings.Repeat("k", store.MaxKey+1))
	big := bytes.Repeat([]byte{0, 1, 2, 0xff}, store.MaxDoc/4)
	key := strings.Repeat("\x00", store.MaxKey)
	rev := must(store.Put(ctx, s, key, big, store.Always))(t)
	wantDoc(t, s, key, string(big), rev)
}

func testLargeBatch(t *testing.T, _ store.Stores, s store.Store) {
	ctx := t.Context()
	writes := make([]store.Write, store.MaxBatch)
	for i := range writes {
		writes[i] = store.Write{Key: fmt.Sprintf("k%03d", i), Data: bytes.Repeat([]byte{byte(i)}, 50_000), When: store.Absent}
	}
	rev := must(s.Apply(ctx, writes...))(t)
	docs := must(s.List(ctx, ""))(t)
	if len(docs) != len(writes) || docs[len(docs)-1].Rev != rev {
		t.Fatalf("%d documents, last %d; want %d, last %d", len(docs), docs[len(docs)-1].Rev, len(writes), rev)
	}
	for i, doc := range docs {
		if !bytes.Equal(doc.Data, writes[i].Data) {
			t.Errorf("document %d differs", i)
		}
	}
}

func testManyDocuments(t *testing.T, _ store.Stores, s store.Store) {
	ctx := t.Context()
	const n = 2500 // more than one page of a listing
	for i := 0; i < n; i += 100 {
		var writes []store.Write
		for j := i; j < i+100; j++ {
			writes = append(writes, store.Write{Key: fmt.Sprintf("t%d/%05d", j%2, j), Data: []byte(fmt.Sprint(j))})
		}
		must(s.Apply(ctx, writes...))(t)
	}
	if docs := must(s.List(ctx, ""))(t); len(docs) != n {
		t.Errorf("List finds %d documents, want %d", len(docs), n)
	}
	if docs := must(s.List(ctx, "t1/"))(t); len(docs) != n/2 {
		t.Errorf("List finds %d documents, want %d", len(docs), n/2)
	}
}

// testCounters lets many writers increment counters by compare-and-set, each two at once: nothing is lost.
func testCounters(t *testing.T, _ store.Stores, s store.Store) {
	ctx := t.Context()
	const writers, rounds = 8, 10
	var wg sync.WaitGroup
	for range writers {
		wg.Go(func() {
			for done := 0; done < rounds; {
				a, errA := s.Get(ctx, "a")
				b, errB := s.Get(ctx, "b")
				if errA != nil && !errors.Is(errA, store.ErrNotFound) || errB != nil && !errors.Is(errB, store.ErrNotFound) {
					t.Error(errA, errB)
					return
				}
				_, err := s.Apply(ctx,
					store.Write{Key: "a", Data: append(a.Data, '+'), When: store.AtRev(a.Rev)},
					store.Write{Key: "b", Data: append(b.Data, '+'), When: store.AtRev(b.Rev)})
				if err == nil {
					done++
				} else if !errors.Is(err, store.ErrConflict) {
					t.Error(err)
					return
				}
			}
		})
	}
	wg.Wait()
	for _, key := range []string{"a", "b"} {
		if doc := must(s.Get(ctx, key))(t); len(doc.Data) != writers*rounds {
			t.Errorf("counter %s = %d, want %d", key, len(doc.Data), writers*rounds)
		}
	}
}

func testOwnMemory(t *testing.T, _ store.Stores, s store.Store) {
	ctx := t.Context()
	data := []byte("mine")
	rev := must(store.Put(ctx, s, "k", data, store.Always))(t)
	copy(data, "evil")
	doc := must(s.Get(ctx, "k"))(t)
	copy(doc.Data, "evil")
	copy(must(s.List(ctx, "k"))(t)[0].Data, "evil")
	wantDoc(t, s, "k", "mine", rev)
}

func testCanceled(t *testing.T, stores store.Stores, s store.Store) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, errGet := s.Get(ctx, "k")
	_, errList := s.List(ctx, "")
	_, errApply := store.Put(ctx, s, "k", nil, store.Always)
	errWatch := s.Watch(ctx, "", func(store.Event) error { return nil })
	_, errOpen := stores.Open(ctx, "other")
	for name, err := range map[string]error{"Get": errGet, "List": errList, "Apply": errApply, "Watch": errWatch, "Open": errOpen} {
		if !errors.Is(err, context.Canceled) {
			t.Errorf("%s with a canceled context = %v", name, err)
		}
	}
}

func testOpenDrop(t *testing.T, stores store.Stores, _ store.Store) {
	ctx := t.Context()
	for _, name := range []string{"", "a.b", "a b", "a/b", "*", "ä", strings.Repeat("n", 200)} {
		if _, err := stores.Open(ctx, name); err == nil {
			t.Errorf("Open(%q) succeeded", name)
		}
	}
	one, two := must(stores.Open(ctx, "Same_name-1"))(t), must(stores.Open(ctx, "Same_name-1"))(t)
	other := must(stores.Open(ctx, "same_name-1"))(t)
	rev := must(store.Put(ctx, one, "k", []byte("v"), store.Always))(t)
	wantDoc(t, two, "k", "v", rev)
	wantMissing(t, other, "k")
	if err := stores.Drop(ctx, "never-there"); err != nil {
		t.Errorf("Drop of what is not there: %v", err)
	}
	if err := stores.Drop(ctx, "Same_name-1"); err != nil {
		t.Fatal(err)
	}
	if _, err := two.Get(ctx, "k"); !errors.Is(err, store.ErrUnavailable) {
		t.Errorf("Get after Drop = %v, want ErrUnavailable", err)
	}
	if _, err := store.Put(ctx, two, "k", nil, store.Always); !errors.Is(err, store.ErrUnavailable) {
		t.Errorf("Put after Drop = %v, want ErrUnavailable", err)
	}
	again := must(stores.Open(ctx, "Same_name-1"))(t)
	wantMissing(t, again, "k")
}

// must returns f(t) that fails t if err is set, or else gives v.
func must[T any](v T, err error) func(testing.TB) T {
	return func(t testing.TB) T {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
}

func wantDoc(t testing.TB, s store.Store, key, data string, rev uint64) {
	t.Helper()
	doc, err := s.Get(t.Context(), key)
	if err != nil || doc.Key != key || string(doc.Data) != data || doc.Rev != rev {
		t.Fatalf("Get(%.50q) = %.50q at %d, %v; want %.50q at %d", key, doc.Data, doc.Rev, err, data, rev)
	}
}

func wantMissing(t testing.TB, s store.Store, key string) {
	t.Helper()
	if doc, err := s.Get(t.Context(), key); !errors.Is(err, store.ErrNotFound) || errors.Is(err, store.ErrUnavailable) {
		t.Fatalf("Get(%.50q) = %+v, %v; want ErrNotFound", key, doc, err)
	}
}

// patience bounds every wait of the suite.
const patience = time.Minute
