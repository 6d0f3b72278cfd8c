package storetest

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/sallyport/sallyport/internal/store"
)

// A recorder runs a Watch and hands out its events.
type recorder struct {
	events chan store.Event
	done   chan error
	cancel context.CancelFunc
}

func record(t testing.TB, s store.Store, prefix string) *recorder {
	ctx, cancel := context.WithCancel(t.Context())
	r := &recorder{events: make(chan store.Event, 100_000), done: make(chan error, 1), cancel: cancel}
	go func() {
		r.done <- s.Watch(ctx, prefix, func(e store.Event) error { r.events <- e; return nil })
	}()
	return r
}

func (r *recorder) next(t testing.TB) store.Event {
	t.Helper()
	select {
	case e := <-r.events:
		return e
	case err := <-r.done:
		t.Fatalf("Watch ended: %v", err)
	case <-time.After(patience):
		t.Fatal("no event")
	}
	panic("unreachable")
}

func (r *recorder) stop(t testing.TB) {
	t.Helper()
	r.cancel()
	if err := <-r.done; !errors.Is(err, context.Canceled) {
		t.Errorf("Watch returns %v, want context.Canceled", err)
	}
	for len(r.events) > 0 {
		t.Errorf("event that nobody expects: %+v", <-r.events)
	}
}

func testWatch(t *testing.T, _ store.Stores, s store.Store) {
	ctx := t.Context()
	empty := record(t, s, "")
	if e := empty.next(t); !e.CaughtUp {
		t.Fatalf("first event of an empty store is %+v", e)
	}
	var rev3 uint64
	for _, w := range []store.Write{{Key: "a", Data: []byte("1")}, {Key: "b", Data: []byte("2")}, {Key: "a"}, {Key: "b", Delete: true}} {
		rev := must(s.Apply(ctx, w))(t)
		want := store.Event{Doc: store.Doc{Key: w.Key, Rev: rev}, Deleted: w.Delete}
		if !w.Delete {
			want.Data = append([]byte{}, w.Data...)
		}
		if w.Key == "a" {
			rev3 = rev
		}
		if diff := cmp.Diff(want, empty.next(t)); diff != "" {
			t.Errorf("event (-want +got):\n%s", diff)
		}
	}
	empty.stop(t)

	late := record(t, s, "")
	if diff := cmp.Diff(store.Event{Doc: store.Doc{Key: "a", Data: []byte{}, Rev: rev3}}, late.next(t)); diff != "" {
		t.Errorf("event (-want +got):\n%s", diff)
	}
	if e := late.next(t); !e.CaughtUp {
		t.Errorf("event %+v, want CaughtUp", e)
	}
	late.stop(t)
}

func testWatchPrefix(t *testing.T, _ store.Stores, s store.Store) {
	ctx := t.Context()
	for _, key := range strangeKeys {
		must(store.Put(ctx, s, key, nil, store.Always))(t)
	}
	must(store.Put(ctx, s, "w/aa", []byte("old"), store.Always))(t)
	r := record(t, s, "w/a")
	if e := r.next(t); e.Key != "w/aa" {
		t.Fatalf("first event is %+v", e)
	}
	if e := r.next(t); !e.CaughtUp {
		t.Fatalf("event %+v, want CaughtUp", e)
	}
	must(s.Apply(ctx, store.Write{Key: "w/b"}, store.Write{Key: "w/ab"}, store.Write{Key: "w"}, store.Write{Key: "w/a/b/c"}))(t)
	if err := store.Delete(ctx, s, "w/aa", store.Always); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"w/ab", "w/a/b/c", "w/aa"} {
		if e := r.next(t); e.Key != want || e.Deleted != (want == "w/aa") {
			t.Errorf("event %+v, want key %q", e, want)
		}
	}
	r.stop(t)
}

func testWatchError(t *testing.T, _ store.Stores, s store.Store) {
	must(store.Put(t.Context(), s, "a", nil, store.Always))(t)
	boom := errors.New("boom")
	for name, stopAt := range map[string]func(store.Event) bool{
		"document":  func(e store.Event) bool { return e.Key == "a" },
		"caught_up": func(e store.Event) bool { return e.CaughtUp },
		"change":    func(e store.Event) bool { return e.Key == "b" },
	} {
		done := make(chan error, 1)
		go func() {
			done <- s.Watch(t.Context(), "", func(e store.Event) error {
				if stopAt(e) {
					return boom
				}
				if e.CaughtUp {
					_, err := store.Put(t.Context(), s, "b", nil, store.Always) // f may write
					return err
				}
				return nil
			})
		}()
		select {
		case err := <-done:
			if !errors.Is(err, boom) {
				t.Errorf("%s: Watch = %v, want the error of f", name, err)
			}
		case <-time.After(patience):
			t.Fatalf("%s: Watch goes on after an error of f", name)
		}
	}
}

// testWatchWriter holds the promise that nothing falls into the gap between what is there and what changes.
func testWatchWriter(t *testing.T, _ store.Stores, s store.Store) {
	ctx := t.Context()
	const n = 300
	var wg sync.WaitGroup
	wg.Go(func() {
		for i := range n {
			if _, err := store.Put(ctx, s, fmt.Sprint(i), []byte{1}, store.Always); err != nil {
				t.Error(err)
				return
			}
		}
	})
	for range 10 { // begins at ten moments of the writing
		r := record(t, s, "")
		seen, caughtUp := map[string]int{}, 0
		for len(seen) < n || caughtUp == 0 {
			if e := r.next(t); e.CaughtUp {
				caughtUp++
			} else {
				seen[e.Key]++
			}
		}
		for key, times := range seen {
			if times != 1 {
				t.Errorf("document %s was reported %d times", key, times)
			}
		}
		if caughtUp != 1 {
			t.Errorf("CaughtUp was reported %d times", caughtUp)
		}
		r.stop(t)
	}
	wg.Wait()
}

// testWatchConcurrent compares what a watcher puts together with what is there in the end.
func testWatchConcurrent(t *testing.T, _ store.Stores, s store.Store) {
	ctx := t.Context()
	r := record(t, s, "")
	const writers, rounds, keys = 6, 40, 5
	var mu sync.Mutex
	written := map[uint64]bool{}
	var wg sync.WaitGroup
	for w := range writers {
		wg.Go(func() {
			for i := range rounds {
				key := fmt.Sprint("k", (w+i)%keys)
				rev, err := s.Apply(ctx, store.Write{Key: key, Data: fmt.Append(nil, w, i), Delete: i%3 == 0})
				if err != nil {
					t.Error(err)
					return
				}
				mu.Lock()
				if written[rev] {
					t.Errorf("revision %d was given twice", rev)
				}
				written[rev] = true
				mu.Unlock()
			}
		})
	}
	wg.Wait()
	end := must(store.Put(ctx, s, "end", nil, store.Always))(t)

	state := map[string]store.Doc{}
	changes := map[uint64]bool{}
	var last uint64
	caughtUp := false
	for last != end {
		e := r.next(t)
		if e.CaughtUp {
			if caughtUp {
				t.Fatal("caught up twice")
			}
			caughtUp = true
			continue
		}
		if caughtUp && e.Rev <= last {
			t.Fatalf("revision %d after %d", e.Rev, last)
		}
		last = max(last, e.Rev)
		changes[e.Rev] = true
		if e.Deleted {
			delete(state, e.Key)
		} else {
			state[e.Key] = e.Doc
		}
	}
	r.stop(t)
	var got []store.Doc
	for _, doc := range must(s.List(ctx, ""))(t) {
		got = append(got, doc)
		if diff := cmp.Diff(doc, state[doc.Key]); diff != "" {
			t.Errorf("document %s (-store +watcher):\n%s", doc.Key, diff)
		}
	}
	if len(got) != len(state) {
		t.Errorf("watcher has %d documents, the store %d", len(state), len(got))
	}
}

func testWatchDrop(t *testing.T, stores store.Stores, _ store.Store) {
	ctx := t.Context()
	s := must(stores.Open(ctx, "to-drop"))(t)
	r := record(t, s, "")
	if e := r.next(t); !e.CaughtUp {
		t.Fatalf("event %+v, want CaughtUp", e)
	}
	if err := stores.Drop(ctx, "to-drop"); err != nil {
		t.Fatal(err)
	}
	select {
	case err := <-r.done:
		if !errors.Is(err, store.ErrUnavailable) {
			t.Errorf("Watch of a dropped store = %v, want ErrUnavailable", err)
		}
	case <-time.After(patience):
		t.Error("Watch of a dropped store goes on")
	}
	r.cancel()
}
