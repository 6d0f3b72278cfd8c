package iam

import (
	"context"
	"errors"
	"strings"
	"sync"
	"time"

	"github.com/sallyport/sallyport/internal/json"
	"github.com/sallyport/sallyport/internal/policy"
	"github.com/sallyport/sallyport/internal/store"
)

// watched has all documents in memory, once Run has caught up with the store.
type watched struct {
	mu    sync.RWMutex
	ready bool             // guarded by mu
	docs  map[string]entry // guarded by mu
}

// An entry is a document as decisions need it. Nothing in it changes.
type entry struct {
	rev       uint64
	deleted   bool
	principal *readyPrincipal
	managed   *policy.Document
	key       *accessKey
}

// A readyPrincipal is a principal whose policies have been read.
type readyPrincipal struct {
	principal
	inline []*policy.Document
	trust  *policy.Document
}

// watch follows the store until ctx is done. While the store cannot be reached, decisions read it themselves, and so fail.
func (s *Service) watch(ctx context.Context) error {
	const pause = time.Second
	for {
		err := s.follow(ctx)
		if ctx.Err() != nil {
			return nil
		}
		if err != nil && !errors.Is(err, store.ErrUnavailable) {
			return err
		}
		s.log.WarnContext(ctx, "lost sight of the identities that are stored", "err", err)
		s.watched.reset() // what is deleted meanwhile, nobody will tell
		if s.cfg.ShareAdminKey {
			s.admin.Store(nil)
		}
		select {
		case <-ctx.Done():
			return nil
		case <-time.After(pause):
		}
	}
}

func (s *Service) follow(ctx context.Context) error {
	st, err := s.db(ctx)
	if err != nil {
		return err
	}
	return st.Watch(ctx, "", func(e store.Event) error {
		switch {
		case e.CaughtUp:
			s.watched.mu.Lock()
			s.watched.ready = true
			s.watched.mu.Unlock()
		case e.Deleted:
			s.watched.set(e.Key, nil, e.Rev)
		default:
			s.watched.set(e.Key, e.Data, e.Rev)
			if e.Key == adminDocument {
				s.followAdminKey(ctx)
			}
		}
		return nil
	})
}

// reset forgets everything.
func (w *watched) reset() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.ready, w.docs = false, nil
}

// set notes a document, or its removal if data is nil, unless a newer state is known.
func (w *watched) set(key string, data []byte, rev uint64) {
	e := entry{rev: rev, deleted: data == nil}
	if data != nil {
		e = readEntry(key, data)
		e.rev = rev
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.docs == nil {
		w.docs = map[string]entry{}
	}
	if old, ok := w.docs[key]; !ok || old.rev < rev {
		w.docs[key] = e
	}
}

// get returns a document's entry. known is false if the store must be asked: while catching up, and for what is not there,
// since another node may just have made it.
func (w *watched) get(key string) (e entry, known bool) {
	w.mu.RLock()
	defer w.mu.RUnlock()
	e, ok := w.docs[key]
	return e, ok && w.ready && !e.deleted
}

// readEntry decodes a document by its key. What cannot be decoded is as good as absent: operations on it report the error.
func readEntry(key string, data []byte) entry {
	var e entry
	if strings.HasPrefix(key, "key/") {
		k := new(accessKey)
		if json.Unmarshal(data, k) == nil {
			e.key = k
		}
		return e
	}
	_, rest, _ := strings.Cut(key, "/")
	switch what, _, _ := strings.Cut(rest, "/"); what {
	case "user", "group", "role":
		p := new(readyPrincipal)
		if json.Unmarshal(data, &p.principal) != nil {
			return e
		}
		for _, text := range p.Inline {
			p.inline = append(p.inline, readPolicy(text))
		}
		p.trust = readPolicy(p.Trust)
		e.principal = p
	case "policy":
		m := new(managed)
		if json.Unmarshal(data, m) == nil {
			e.managed = readPolicy(m.document(m.Default))
		}
	}
	return e
}

// readPolicy parses a document that was checked when it was stored. One that cannot be read allows nothing.
func readPolicy(text string) *policy.Document {
	d, err := policy.Parse([]byte(text))
	if err != nil {
		return &policy.Document{}
	}
	return d
}

// lookup returns the entry for a key, from memory or from the store. An absent document is an empty entry.
func (s *Service) lookup(ctx context.Context, key string) (entry, error) {
	if e, known := s.watched.get(key); known {
		return e, nil
	}
	st, err := s.db(ctx)
	if err != nil {
		return entry{}, err
	}
	doc, err := st.Get(ctx, key)
	if isNotFound(err) {
		return entry{deleted: true}, nil
	} else if err != nil {
		return entry{}, err
	}
	s.watched.set(key, doc.Data, doc.Rev)
	return readEntry(key, doc.Data), nil
}
