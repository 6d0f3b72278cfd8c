package logs

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/sallyport/sallyport/internal/store"
)

const sweepEvery = 10 * time.Minute

func (s *Service) sweepLoop(ctx context.Context) {
	tick := time.NewTicker(sweepEvery)
	defer tick.Stop()
	for {
		if err := s.sweep(ctx); err != nil && ctx.Err() == nil {
			s.log.Warn("old log events are left", "error", err)
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return
		}
	}
}

// sweep removes what deleted groups and streams left, and chunks that are older than their group keeps them. Reading
// leaves old events out even before that.
func (s *Service) sweep(ctx context.Context) error {
	docs, err := s.open(ctx)
	if err != nil {
		return err
	}
	notes, err := docs.List(ctx, deletingPrefix)
	if err != nil {
		return fmt.Errorf("list deleted log groups: %w", err)
	}
	for _, note := range notes {
		if err := s.removeLeft(ctx, docs, strings.TrimPrefix(note.Key, deletingPrefix)); err != nil {
			return err
		}
	}
	return s.expire(ctx, docs)
}

// removeLeft removes all documents of a deleted group, or of a deleted stream: left is {group id}[/{stream id}]. It ends
// with the note, so that it is done again until it is done.
func (s *Service) removeLeft(ctx context.Context, docs store.Store, left string) error {
	groupID, streamID, _ := strings.Cut(left, "/")
	prefixes := []string{streamKey(groupID, ""), "head/" + groupID + "/"}
	if streamID != "" {
		prefixes = []string{headKey(groupID, streamID)}
	}
	for _, prefix := range prefixes {
		found, err := docs.List(ctx, prefix)
		if err != nil {
			return fmt.Errorf("list %s: %w", prefix, err)
		}
		for _, doc := range found {
			if strings.HasPrefix(doc.Key, "head/") {
				if err := s.removeChunks(ctx, docs, doc); err != nil {
					return err
				}
			}
			if err := store.Delete(ctx, docs, doc.Key, store.Always); err != nil {
				return fmt.Errorf("remove %s: %w", doc.Key, err)
			}
		}
	}
	if err := store.Delete(ctx, docs, deletingPrefix+left, store.Always); err != nil {
		return fmt.Errorf("remove note on %s: %w", left, err)
	}
	return nil
}

// removeChunks removes the chunks and pages of a head.
func (s *Service) removeChunks(ctx context.Context, docs store.Store, doc store.Doc) error {
	groupID, streamID, _ := strings.Cut(strings.TrimPrefix(doc.Key, "head/"), "/")
	var h head
	if err := json.Unmarshal(doc.Data, &h); err != nil {
		return fmt.Errorf("decode %s: %w", doc.Key, err)
	}
	for _, p := range h.Pages {
		if err := s.removePage(ctx, docs, groupID, streamID, p); err != nil {
			return err
		}
	}
	return removeRefs(ctx, docs, groupID, streamID, h.Chunks)
}

func (s *Service) removePage(ctx context.Context, docs store.Store, groupID, streamID string, p page) error {
	key := pageKey(groupID, streamID, p.Page)
	var refs []ref
	if _, err := read(ctx, docs, key, &refs); err != nil {
		return err
	}
	if err := removeRefs(ctx, docs, groupID, streamID, refs); err != nil {
		return err
	}
	if err := store.Delete(ctx, docs, key, store.Always); err != nil {
		return fmt.Errorf("remove %s: %w", key, err)
	}
	return nil
}

func removeRefs(ctx context.Context, docs store.Store, groupID, streamID string, refs []ref) error {
	var keys []string
	for _, r := range refs {
		keys = append(keys, chunkKeys(groupID, streamID, r)...)
	}
	for some := range slices.Chunk(keys, store.MaxBatch) {
		writes := make([]store.Write, len(some))
		for i, key := range some {
			writes[i] = store.Write{Key: key, Delete: true}
		}
		if _, err := docs.Apply(ctx, writes...); err != nil {
			return fmt.Errorf("remove chunks of stream %s: %w", streamID, err)
		}
	}
	return nil
}

// expire removes chunks all of whose events are older than their group keeps them.
func (s *Service) expire(ctx context.Context, docs store.Store) error {
	groups, err := docs.List(ctx, groupsPrefix)
	if err != nil {
		return fmt.Errorf("list log groups: %w", err)
	}
	for _, doc := range groups {
		g := new(group)
		if err := json.Unmarshal(doc.Data, g); err != nil {
			return fmt.Errorf("decode %s: %w", doc.Key, err)
		}
		if g.Retention == 0 {
			continue
		}
		streams, err := listStreams(ctx, docs, g, "")
		if err != nil {
			return err
		}
		for _, st := range streams {
			if err := s.expireStream(ctx, docs, g, st); err != nil {
				return err
			}
		}
	}
	return nil
}

// expireStream removes the old chunks of a stream.
func (s *Service) expireStream(ctx context.Context, docs store.Store, g *group, st *stream) error {
	cutoff := g.expired(s.millis())
	if st.Bytes == 0 || st.First >= cutoff {
		return nil
	}
	for {
		l := &log{groupID: g.ID, stream: *st}
		var err error
		if l.rev, err = read(ctx, docs, headKey(g.ID, st.ID), &l.head); err != nil || l.rev == 0 {
			return err
		}
		var oldPages []page
		l.head.Pages = slices.DeleteFunc(l.head.Pages, func(p page) bool {
			if p.Last < cutoff {
				oldPages = append(oldPages, p)
			}
			return p.Last < cutoff
		})
		var old []ref
		l.head.Chunks = slices.DeleteFunc(l.head.Chunks, func(r ref) bool {
			if r.Last < cutoff {
				old = append(old, r)
			}
			return r.Last < cutoff
		})
		if len(old)+len(oldPages) == 0 {
			return nil
		}
		l.updateStream()
		headDoc, err := encode(l.head)
		if err != nil {
			return err
		}
		streamDoc, err := encode(l.stream)
		if err != nil {
			return err
		}
		// The head first: what it no longer names, nobody reads or writes. A crash before the chunks are removed leaves
		// them for good; the other way round, it could take lines that are new.
		_, err = docs.Apply(ctx,
			store.Write{Key: headKey(g.ID, st.ID), Data: headDoc, When: store.AtRev(l.rev)},
			store.Write{Key: streamKey(g.ID, st.Name), Data: streamDoc})
		if errors.Is(err, store.ErrConflict) {
			continue
		} else if err != nil {
			return fmt.Errorf("expire events of stream %s: %w", st.Name, err)
		}
		for _, p := range oldPages {
			if err := s.removePage(ctx, docs, g.ID, st.ID, p); err != nil {
				return err
			}
		}
		return removeRefs(ctx, docs, g.ID, st.ID, old)
	}
}
