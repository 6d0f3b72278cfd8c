package storetest

import (
	"errors"
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/sallyport/sallyport/internal/store"
)

// Agree lets both implementations do the same random operations, and wants the same answers. Revisions are
// compared by the documents that they belong to, since implementations may count differently.
func Agree(t *testing.T, a, b store.Stores) {
	round := 0
	rapid.Check(t, func(rt *rapid.T) {
		round++
		name := fmt.Sprintf("agree-%d", round)
		p := &pair{t: t, a: must(a.Open(t.Context(), name))(t), b: must(b.Open(t.Context(), name))(t)}
		rt.Repeat(map[string]func(*rapid.T){"apply": p.apply, "get": p.get, "list": p.list})
		for _, s := range []store.Stores{a, b} {
			if err := s.Drop(t.Context(), name); err != nil {
				rt.Fatal(err)
			}
		}
	})
}

type pair struct {
	t    *testing.T
	a, b store.Store
}

var someKey = rapid.OneOf(
	rapid.SampledFrom([]string{"", "a", "a/b", "a/b/c", "a/", "b", "b.c", "%", "\x00", "*", ">"}),
	rapid.StringMatching(`[ab/.%]{0,4}`),
	rapid.Map(rapid.SliceOfN(rapid.Byte(), 0, 8), func(b []byte) string { return string(b) }),
)

func (p *pair) apply(t *rapid.T) {
	keys := rapid.SliceOfNDistinct(someKey, 1, 4, rapid.ID).Draw(t, "keys")
	var toA, toB []store.Write
	for _, key := range keys {
		w := store.Write{Key: key, Delete: rapid.Bool().Draw(t, "delete")}
		if !w.Delete {
			w.Data = rapid.SliceOfN(rapid.Byte(), 0, 4).Draw(t, "data")
		}
		wa, wb := w, w
		switch rapid.SampledFrom([]string{"always", "absent", "current", "wrong"}).Draw(t, "when") {
		case "absent":
			wa.When, wb.When = store.Absent, store.Absent
		case "current": // zero if it is not there
			da, _ := p.a.Get(p.t.Context(), key)
			db, _ := p.b.Get(p.t.Context(), key)
			wa.When, wb.When = store.AtRev(da.Rev), store.AtRev(db.Rev)
		case "wrong":
			wa.When, wb.When = store.AtRev(1<<40), store.AtRev(1<<40)
		}
		toA, toB = append(toA, wa), append(toB, wb)
	}
	_, errA := p.a.Apply(p.t.Context(), toA...)
	_, errB := p.b.Apply(p.t.Context(), toB...)
	if errors.Is(errA, store.ErrConflict) != errors.Is(errB, store.ErrConflict) || (errA == nil) != (errB == nil) {
		t.Fatalf("Apply(%+v): %v and %v", toA, errA, errB)
	}
}

func (p *pair) get(t *rapid.T) {
	key := someKey.Draw(t, "key")
	da, errA := p.a.Get(p.t.Context(), key)
	db, errB := p.b.Get(p.t.Context(), key)
	if errors.Is(errA, store.ErrNotFound) != errors.Is(errB, store.ErrNotFound) || string(da.Data) != string(db.Data) || da.Key != db.Key {
		t.Fatalf("Get(%q): %v, %v and %v, %v", key, da, errA, db, errB)
	}
}

func (p *pair) list(t *rapid.T) {
	prefix := someKey.Draw(t, "prefix")
	la, errA := p.a.List(p.t.Context(), prefix)
	lb, errB := p.b.List(p.t.Context(), prefix)
	if errA != nil || errB != nil {
		t.Fatalf("List(%q): %v and %v", prefix, errA, errB)
	}
	if diff := cmp.Diff(contents(la), contents(lb)); diff != "" {
		t.Fatalf("List(%q) differs:\n%s", prefix, diff)
	}
}

// contents are the documents without their revisions.
func contents(docs []store.Doc) []store.Doc {
	list := make([]store.Doc, len(docs))
	for i, d := range docs {
		list[i] = store.Doc{Key: d.Key, Data: d.Data}
	}
	return list
}
