package engine

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"time"

	"github.com/sallyport/sallyport/internal/service/dynamodb/item"
	"github.com/sallyport/sallyport/internal/store"
)

// maxAttempts bounds how often a write is tried again because others were faster.
const maxAttempts = 100

// ErrRefused says that the function of a change refused; the change's Err tells why.
var ErrRefused = errors.New("dynamodb: change refused")

// A Change is what one write does to one item.
type Change struct {
	Table *Table
	Key   Key

	// Do returns the item as it shall be, given the item as it is; nil stands for no item. It may be called several times, and the
	// last call counts. An error refuses the whole write.
	Do func(old item.Encoded) (item.Encoded, error)

	// CheckOnly says that Do only checks: the item must be the same still when the write is made, and is not changed.
	CheckOnly bool

	// Expired says that the item is removed because its time has passed.
	Expired bool

	// Results of Write.
	Old, New item.Encoded
	Err      error // what Do returned

	at  position
	rev uint64
}

// A Token makes a write happen at most once. Key is the client's; Data is kept with it.
type Token struct {
	Key  string
	Data []byte
}

// UsedError says that a write with this token was made before, with the Data that it had.
type UsedError struct{ Data []byte }

func (e *UsedError) Error() string { return "dynamodb: client request token was used" }

// Write makes all changes, each to another item, or none. It returns ErrRefused if a change refused, and then every change's Err tells
// what its function returned, and a *UsedError if the token was used.
func (s *Space) Write(ctx context.Context, token *Token, changes ...*Change) error {
	unlock, err := s.lock(ctx, changes)
	if err != nil {
		return err
	}
	defer unlock()
	for _, c := range changes {
		c.at = c.Key.position()
	}
	if s.knows(token) {
		if err := s.used(ctx, token); err != nil {
			return err
		}
	}
	fresh := false
	for attempt := range maxAttempts {
		writes, refused := s.prepare(changes, token)
		// What memory says may be late when another node wrote: nobody is refused, and nothing left undone, before the store was asked.
		if !fresh && (refused || len(writes) == 0) {
			if fresh = true; s.refresh(ctx, changes) {
				continue
			}
		}
		if refused {
			if err := s.used(ctx, token); err != nil {
				return err
			}
			return ErrRefused
		}
		if len(writes) == 0 {
			return nil
		}
		rev, err := s.docs.Apply(ctx, writes...)
		if err == nil {
			s.remember(changes, rev-uint64(len(writes))+1, rev)
			return nil
		}
		if !errors.Is(err, store.ErrConflict) {
			return fmt.Errorf("write items: %w", err)
		}
		if err := s.used(ctx, token); err != nil {
			return err
		}
		s.refresh(ctx, changes)
		fresh = true
		if attempt > 2 {
			if err := pause(ctx, rand.N(time.Duration(min(attempt, 20))*time.Millisecond)); err != nil {
				return err
			}
		}
	}
	return ErrContention
}

// ReadAll returns the items of all changes as they were at one moment: no transaction of this node is half seen. What the changes
// would do does not matter.
func (s *Space) ReadAll(ctx context.Context, changes []*Change) ([]item.Encoded, error) {
	unlock, err := s.lock(ctx, changes)
	if err != nil {
		return nil, err
	}
	defer unlock()
	out := make([]item.Encoded, len(changes))
	for i, c := range changes {
		out[i] = c.Table.Get(c.Key)
	}
	return out, nil
}

// lock takes the locks of all keys, in order. Who waits longest comes first; who waits no longer leaves.
func (s *Space) lock(ctx context.Context, changes []*Change) (unlock func(), err error) {
	stripe := func(c *Change) uint32 { return bucket(c.Table.id+c.Key.Hash+c.Key.Range) % stripes }
	if len(changes) == 1 {
		l := s.locks[stripe(changes[0])]
		select {
		case l <- struct{}{}:
			return func() { <-l }, nil
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
	held := make([]uint32, len(changes))
	for i, c := range changes {
		held[i] = stripe(c)
	}
	slices.Sort(held)
	held = slices.Compact(held)
	release := func(held []uint32) {
		for _, i := range held {
			<-s.locks[i]
		}
	}
	for n, i := range held {
		select {
		case s.locks[i] <- struct{}{}:
		case <-ctx.Done():
			release(held[:n])
			return nil, ctx.Err()
		}
	}
	return func() { release(held) }, nil
}

// prepare computes what each change makes of its item, and the writes for it: first one for each change that writes, then records,
// then the token.
func (s *Space) prepare(changes []*Change, token *Token) (writes []store.Write, refused bool) {
	var log recordWriter
	for _, c := range changes {
		c.Old, c.rev = c.Table.get(c.at)
		c.New, c.Err = c.Do(c.Old)
		if c.CheckOnly {
			c.New = c.Old
		}
		if refused = refused || c.Err != nil; refused {
			continue
		}
		if w, ok := c.write(); ok {
			writes = append(writes, w)
		}
		log.add(c)
	}
	if refused {
		return nil, true
	}
	writes = append(writes, log.writes(time.Now())...)
	if token != nil {
		writes = append(writes, store.Write{Key: "x/" + token.Key, Data: tokenDocument(time.Now(), token.Data), When: store.Absent})
	}
	return writes, false
}

// write returns the change's write; ok is false if it needs none.
func (c *Change) write() (w store.Write, ok bool) {
	w = store.Write{Key: c.Key.document(c.Table.id), Data: c.New, Delete: c.New == nil, When: store.AtRev(c.rev)}
	// A check of an item that must not be there is a removal of what is not there: the condition is what matters.
	return w, c.New != nil || c.Old != nil || c.CheckOnly
}

// remember puts what was written into memory; first and last are the revisions of the first and the last write.
func (s *Space) remember(changes []*Change, first, last uint64) {
	for _, c := range changes {
		if _, wrote := c.write(); !wrote {
			continue
		}
		c.Table.put(c.at, first, c.New, false)
		c.Table.seen(last)
		first++
	}
}

// seen takes note that revisions up to rev are used.
func (t *Table) seen(rev uint64) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.records.head = max(t.records.head, rev)
}

// knows reports whether the watch has reported the token.
func (s *Space) knows(token *Token) bool {
	if token == nil {
		return false
	}
	s.mu.RLock()
	defer s.mu.RUnlock()
	_, known := s.tokens["x/"+token.Key]
	return known
}

// refresh fetches the changes' items from the store, and reports whether one is newer than what was known.
func (s *Space) refresh(ctx context.Context, changes []*Change) (newer bool) {
	for _, c := range changes {
		doc, err := s.docs.Get(ctx, c.Key.document(c.Table.id))
		switch {
		case err == nil && doc.Rev > c.rev:
			c.Table.put(c.at, doc.Rev, item.Encoded(doc.Data), false)
			newer = true
		case errors.Is(err, store.ErrNotFound) && c.rev > 0:
			// It was removed after c.rev; the watch will tell at which revision. Until then memory must not show it.
			c.Table.drop(c.at, c.rev)
			newer = true
		}
	}
	return newer
}

// used returns a *UsedError if the token is in the store.
func (s *Space) used(ctx context.Context, token *Token) error {
	if token == nil {
		return nil
	}
	doc, err := s.docs.Get(ctx, "x/"+token.Key)
	if errors.Is(err, store.ErrNotFound) {
		return nil
	} else if err != nil {
		return fmt.Errorf("read token: %w", err)
	}
	if time.Since(tokenTime(doc.Data)) > tokenLife {
		return store.Delete(ctx, s.docs, doc.Key, store.AtRev(doc.Rev))
	}
	return &UsedError{tokenData(doc.Data)}
}

func pause(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-t.C:
		return nil
	}
}

// changed reports whether the write leaves another item than it found.
func (c *Change) changed() bool { return !bytes.Equal(c.Old, c.New) }
