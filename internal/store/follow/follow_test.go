package follow

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"testing"
	"testing/synctest"

	"github.com/sallyport/sallyport/internal/store/mem"
)

type doc struct{ N int }

func TestCopy(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		stores := mem.New()
		var wg sync.WaitGroup
		defer wg.Wait()
		defer cancel()
		here := New[doc](stores, "x", "a/", slog.Default(), nil)
		told := map[string]int{}
		there := New(stores, "x", "a/", slog.Default(), func(key string, v *doc) {
			if v == nil {
				delete(told, key)
				return
			}
			told[key] = v.N
		})
		wg.Go(func() { _ = here.Run(ctx) })
		wg.Go(func() { _ = there.Run(ctx) })

		var edits sync.WaitGroup
		for range 20 {
			edits.Go(func() {
				if _, err := here.Edit(ctx, "a/1", func(d *doc) (*doc, error) {
					if d == nil {
						d = &doc{}
					}
					d.N++
					return d, nil
				}); err != nil {
					t.Error(err)
				}
			})
		}
		edits.Wait()
		if d, err := here.Get(ctx, "a/1"); err != nil || d == nil || d.N != 20 {
			t.Errorf("after twenty edits at once, the writer sees %v, %v", d, err)
		}
		synctest.Wait()
		if told["a/1"] != 20 {
			t.Errorf("the follower was told %v", told)
		}
		if _, err := here.Edit(ctx, "a/1", func(*doc) (*doc, error) { return nil, nil }); err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		if all, err := there.List(ctx, "a/"); err != nil || len(all) != 0 || len(told) != 0 {
			t.Errorf("after the deletion: %v, %v, %v", all, err, told)
		}
		refused := errors.New("refused")
		if _, err := here.Edit(ctx, "a/1", func(*doc) (*doc, error) { return nil, refused }); !errors.Is(err, refused) {
			t.Errorf("error = %v", err)
		}
	})
}
