package storetest

import (
	"bytes"
	"context"
	"errors"
	"io"
	"math/rand/v2"
	"strings"
	"sync"
	"testing"
	"testing/iotest"

	"github.com/google/go-cmp/cmp"

	"github.com/sallyport/sallyport/internal/store"
)

func testBlobs(t *testing.T, stores store.Stores) {
	ctx := t.Context()
	b := must(stores.Blobs(ctx))(t)
	if _, err := b.Open(ctx, "none"); !errors.Is(err, store.ErrNotFound) {
		t.Errorf("Open of what is not there = %v", err)
	}
	if err := b.Delete(ctx, "none"); err != nil {
		t.Errorf("Delete of what is not there = %v", err)
	}
	large := make([]byte, 10<<20)
	rand.NewChaCha8([32]byte{1}).Read(large)
	want := map[string][]byte{
		"code/empty": {}, "code/one": {7}, "code/large": large, "x \x00*>": []byte("strange"), strings.Repeat("/é", 1000): []byte("long"), "": []byte("no name"),
	}
	for key, data := range want {
		size, err := b.Put(ctx, key, iotest.HalfReader(bytes.NewReader(data)))
		if err != nil || size != int64(len(data)) {
			t.Fatalf("Put(%.20q) = %d, %v; want %d", key, size, err, len(data))
		}
	}
	for key, data := range want {
		if got := readBlob(t, b, key); !bytes.Equal(got, data) {
			t.Errorf("blob %.20q has %d bytes that differ from the %d written", key, len(got), len(data))
		}
	}
	if diff := cmp.Diff([]string{"code/empty", "code/large", "code/one"}, must(b.List(ctx, "code/"))(t)); diff != "" {
		t.Errorf("List (-want +got):\n%s", diff)
	}

	boom := errors.New("boom")
	if _, err := b.Put(ctx, "code/one", io.MultiReader(bytes.NewReader(large), iotest.ErrReader(boom))); !errors.Is(err, boom) {
		t.Errorf("Put of a reader that fails = %v, want its error", err)
	}
	if got := readBlob(t, b, "code/one"); !bytes.Equal(got, []byte{7}) {
		t.Errorf("a Put that failed changed the blob to %d bytes", len(got))
	}
	if _, err := b.Put(ctx, strings.Repeat("k", store.MaxKey+1), strings.NewReader("")); !errors.Is(err, store.ErrTooLarge) {
		t.Errorf("Put with a key that is too long = %v, want ErrTooLarge", err)
	}
	for key := range want {
		if err := b.Delete(ctx, key); err != nil {
			t.Fatal(err)
		}
		if _, err := b.Open(ctx, key); !errors.Is(err, store.ErrNotFound) {
			t.Errorf("Open after Delete = %v", err)
		}
	}
	if keys := must(b.List(ctx, ""))(t); len(keys) != 0 {
		t.Errorf("List after all was removed = %q", keys)
	}
}

// testBlobsReplace reads while blobs of one repeated byte replace each other: every reader sees one byte only.
func testBlobsReplace(t *testing.T, stores store.Stores) {
	b := must(stores.Blobs(t.Context()))(t)
	const size = 3 << 20
	put := func(c byte) {
		if _, err := b.Put(t.Context(), "r", bytes.NewReader(bytes.Repeat([]byte{c}, size+int(c)))); err != nil {
			t.Error(err)
		}
	}
	put(0)
	ctx, cancel := context.WithCancel(t.Context())
	var wg sync.WaitGroup
	for range 2 {
		wg.Go(func() {
			for ctx.Err() == nil {
				got := readBlob(t, b, "r")
				if len(got) == 0 || len(got) != size+int(got[0]) || bytes.Count(got, got[:1]) != len(got) {
					t.Errorf("a reader saw a mixture of %d bytes", len(got))
					return
				}
			}
		})
	}
	slow := must(b.Open(t.Context(), "r"))(t)
	first := make([]byte, 1)
	if _, err := io.ReadFull(slow, first); err != nil {
		t.Error(err)
	}
	for c := range byte(6) {
		put(c + 1)
	}
	cancel()
	wg.Wait()
	rest, err := io.ReadAll(slow) // was replaced six times meanwhile
	if err != nil || len(rest) != size-1 || bytes.Count(rest, first) != len(rest) {
		t.Errorf("a slow reader got %d bytes, %v", len(rest), err)
	}
	slow.Close()
}

func readBlob(t testing.TB, b store.Blobs, key string) []byte {
	r, err := b.Open(t.Context(), key)
	if err != nil {
		t.Errorf("Open(%.20q): %v", key, err)
		return nil
	}
	defer r.Close()
	data, err := io.ReadAll(r)
	if err != nil {
		t.Errorf("read %.20q: %v", key, err)
	}
	return data
}
