package logs

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/sallyport/sallyport/internal/store"
)

// A position is the place of an event among all of a group: by time, then stream, then as they came.
type position struct {
	at     int64
	stream string // id
	chunk  int64
	index  int
}

func (p position) compare(q position) int {
	return cmp.Or(cmp.Compare(p.at, q.at), cmp.Compare(p.stream, q.stream), cmp.Compare(p.chunk, q.chunk), cmp.Compare(p.index, q.index))
}

// A found is an event that was read, and where it is.
type found struct {
	position
	event  event
	stream *stream
}

// A query says which events are read, and in which direction.
type query struct {
	group    *group
	streams  []*stream
	from, to int64     // milliseconds, both inclusive
	after    *position // where to begin, exclusive; nil is the end where the direction begins
	backward bool
}

// A source is a chunk of a stream that a query may read.
type source struct {
	ref
	stream *stream
}

// errEnough ends a walk; walk returns nil for it.
var errEnough = errors.New("enough")

// walk calls visit with the events of q in order, until it returns an error. It reads a chunk when the first of its events
// can be next, so that a page costs the chunks it is in.
func (s *Service) walk(ctx context.Context, docs store.Store, q query, visit func(found) error) error {
	q.from = max(q.from, q.group.expired(s.millis()))
	sources, err := s.sources(ctx, docs, q)
	if err != nil {
		return err
	}
	order := position.compare
	if q.backward {
		order = func(a, b position) int { return b.compare(a) }
	}
	var waiting []found // in order
	for len(sources) > 0 || len(waiting) > 0 {
		for len(sources) > 0 && (len(waiting) == 0 || mayPrecede(sources[0].ref, waiting[0].at, q.backward)) {
			events, err := s.readSource(ctx, docs, q, sources[0])
			if err != nil {
				return err
			}
			sources = sources[1:]
			if len(events) == 0 {
				continue
			}
			waiting = append(waiting, events...)
			slices.SortFunc(waiting, func(a, b found) int { return order(a.position, b.position) })
		}
		if len(waiting) == 0 {
			continue
		}
		next := waiting[0]
		waiting = waiting[1:]
		if q.after != nil && order(next.position, *q.after) <= 0 {
			continue
		}
		if err := visit(next); errors.Is(err, errEnough) {
			return nil
		} else if err != nil {
			return err
		}
	}
	return nil
}

// mayPrecede reports whether a chunk can have an event that comes before, or with, one at this time.
func mayPrecede(r ref, at int64, backward bool) bool {
	if backward {
		return r.Last >= at
	}
	return r.First <= at
}

// sources returns the chunks that a query may read, in the order of their nearer ends.
func (s *Service) sources(ctx context.Context, docs store.Store, q query) ([]source, error) {
	from, to := q.from, q.to
	if q.after != nil {
		if q.backward {
			to = min(to, q.after.at)
		} else {
			from = max(from, q.after.at)
		}
	}
	overlaps := func(first, last int64) bool { return last >= from && first <= to }
	var sources []source
	for _, st := range q.streams {
		if st.Bytes > 0 && !overlaps(st.First, st.Last) {
			continue
		}
		var h head
		if _, err := read(ctx, docs, headKey(q.group.ID, st.ID), &h); err != nil {
			return nil, err
		}
		refs := h.Chunks
		for _, p := range h.Pages {
			if !overlaps(p.First, p.Last) {
				continue
			}
			var older []ref
			if _, err := read(ctx, docs, pageKey(q.group.ID, st.ID, p.Page), &older); err != nil {
				return nil, err
			}
			refs = append(refs, older...)
		}
		for _, r := range refs {
			if overlaps(r.First, r.Last) {
				sources = append(sources, source{r, st})
			}
		}
	}
	slices.SortFunc(sources, func(a, b source) int {
		if q.backward {
			return cmp.Compare(b.Last, a.Last)
		}
		return cmp.Compare(a.First, b.First)
	})
	return sources, nil
}

// readSource reads the events of a chunk that are within the query's times.
func (s *Service) readSource(ctx context.Context, docs store.Store, q query, src source) ([]found, error) {
	events, err := readChunk(ctx, docs, q.group.ID, src.stream.ID, src.ref)
	if err != nil {
		return nil, err
	}
	var list []found
	for i, e := range events {
		if e.at >= q.from && e.at <= q.to {
			list = append(list, found{position{e.at, src.stream.ID, src.Chunk, i}, e, src.stream})
		}
	}
	return list, nil
}

// readChunk reads the events of a chunk; there are none if it was removed meanwhile.
func readChunk(ctx context.Context, docs store.Store, groupID, streamID string, r ref) ([]event, error) {
	var data []byte
	for _, key := range chunkKeys(groupID, streamID, r) {
		doc, err := docs.Get(ctx, key)
		if errors.Is(err, store.ErrNotFound) {
			return nil, nil
		} else if err != nil {
			return nil, fmt.Errorf("read %s: %w", key, err)
		}
		data = append(data, doc.Data...)
	}
	events, err := decodeChunk(data)
	if err != nil {
		return nil, fmt.Errorf("decode chunk %d of stream %s: %w", r.Chunk, streamID, err)
	}
	return events, nil
}
