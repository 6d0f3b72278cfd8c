package box

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/sallyport/sallyport/internal/store"
)

// A Delivery is a message that was received.
type Delivery struct {
	*Message
	Handle   string
	Receives int
	First    int64 // milliseconds
	Seq      uint64
}

// A Take says how messages are received.
type Take struct {
	Max       int
	Visible   time.Duration // how long nobody else sees them
	Wait      time.Duration // for one to come
	Retention time.Duration
	Receives  int                                                       // a message that was received so often goes to Dead; zero is any number
	Dead      func(ctx context.Context, m *Message, receives int) error // takes a message over for good
}

// Receive takes messages: at least one if there is one within Wait.
func (b *Box) Receive(ctx context.Context, t Take) ([]Delivery, error) {
	st, err := b.open(ctx)
	if err != nil {
		return nil, err
	}
	end := time.Now().Add(t.Wait)
	for {
		b.mu.Lock()
		changed := b.changed
		taken := b.order.next(t.Max, time.Now().UnixMilli())
		wake, wakes := b.order.wake()
		b.mu.Unlock()
		if len(taken) > 0 {
			got, err := b.claim(ctx, st, taken, t)
			if len(got) > 0 || err != nil {
				return got, err
			}
			continue
		}
		wait := time.Until(end)
		if wait <= 0 {
			return nil, nil
		}
		if wakes {
			wait = max(min(wait, time.Until(time.UnixMilli(wake))), time.Millisecond)
		}
		timer := time.NewTimer(wait)
		select {
		case <-timer.C:
		case <-changed:
		case <-ctx.Done(): // the client is gone
			timer.Stop()
			return nil, ctx.Err()
		}
		timer.Stop()
	}
}

// claim makes taken messages those of the receiver. What cannot be claimed is put back.
func (b *Box) claim(ctx context.Context, st store.Store, taken []*entry, t Take) ([]Delivery, error) {
	got := make([]*Delivery, len(taken))
	errs := make([]error, len(taken))
	one := func(i int) bool {
		got[i], errs[i] = b.claimOne(ctx, st, taken[i], t)
		return errs[i] == nil && got[i] != nil
	}
	if b.fifo { // in order: who does not get the first of a group gets none of it
		var lost string
		missed := false
		for i, en := range taken {
			if missed && en.group == lost {
				b.putBack(en)
				continue
			}
			if !one(i) && errs[i] != nil {
				missed, lost = true, en.group
			}
		}
	} else {
		var all sync.WaitGroup
		for i := range taken {
			all.Go(func() { one(i) })
		}
		all.Wait()
	}
	var out []Delivery
	for _, d := range got {
		if d != nil {
			out = append(out, *d)
		}
	}
	for _, err := range errs {
		if err != nil && !errors.Is(err, store.ErrConflict) && len(out) == 0 {
			return nil, err
		}
	}
	return out, nil
}

// claimOne returns nil for a message that is not to be received: somebody else has it, it is too old, or dead.
func (b *Box) claimOne(ctx context.Context, st store.Store, en *entry, t Take) (*Delivery, error) {
	defer b.putBack(en)
	at := time.Now()
	if at.UnixMilli()-en.sent > t.Retention.Milliseconds() {
		return nil, b.delete(ctx, st, en.id)
	}
	m, err := b.read(ctx, st, en)
	if errors.Is(err, store.ErrNotFound) {
		b.mu.Lock()
		b.remove(en.id)
		b.mu.Unlock()
		return nil, nil
	} else if err != nil {
		return nil, err
	}
	b.mu.Lock()
	s, rev := en.state, en.stateRev // what is decided here is written only if it is still so
	there := !en.gone && en.visible <= at.UnixMilli()
	b.mu.Unlock()
	if !there { // another node has it
		return nil, nil
	}
	if t.Receives > 0 && s.Receives >= t.Receives {
		if err := t.Dead(ctx, m, s.Receives); err != nil {
			return nil, err
		}
		return nil, b.delete(ctx, st, en.id)
	}
	s.Receives++
	if s.First == 0 {
		s.First = at.UnixMilli()
	}
	s.Visible = at.Add(t.Visible).UnixMilli()
	s.Receipt = strconv.FormatUint(rand.Uint64(), 36)
	if err := b.writeState(ctx, st, en, s, rev); err != nil {
		return nil, err
	}
	return &Delivery{Message: m, Handle: en.id + "." + s.Receipt, Receives: s.Receives, First: s.First, Seq: en.rev}, nil
}

// putBack makes an entry available again, when its time has come.
func (b *Box) putBack(en *entry) {
	b.mu.Lock()
	defer b.mu.Unlock()
	en.busy = false
	b.place(en)
}

// writeState writes who has a message, if nobody has written since the revision before.
func (b *Box) writeState(ctx context.Context, st store.Store, en *entry, s state, before uint64) error {
	data, err := json.Marshal(s)
	if err != nil {
		return fmt.Errorf("encode state of message: %w", err)
	}
	rev, err := store.Put(ctx, st, states+en.id, data, store.AtRev(before))
	if errors.Is(err, store.ErrConflict) { // another node was faster; the store tells, but not at once
		doc, getErr := st.Get(ctx, states+en.id)
		if getErr == nil {
			b.mu.Lock()
			b.seeState(en.id, store.Event{Doc: doc})
			b.mu.Unlock()
		}
		return err
	} else if err != nil {
		return fmt.Errorf("write state of message: %w", err)
	}
	b.mu.Lock()
	b.setState(en, s, rev)
	b.mu.Unlock()
	return nil
}

// Errors of handles.
var (
	ErrHandle      = errors.New("box: not a handle")
	ErrExpired     = errors.New("box: the handle has expired")
	ErrNotInFlight = errors.New("box: the message is not in flight")
)

func parseHandle(handle string) (id, receipt string, err error) {
	id, receipt, ok := strings.Cut(handle, ".")
	if !ok || len(id) != 36 || receipt == "" {
		return "", "", ErrHandle
	}
	return id, receipt, nil
}

// Delete removes a message for good. A message that is gone is no error.
func (b *Box) Delete(ctx context.Context, handle string) error {
	id, receipt, err := parseHandle(handle)
	if err != nil {
		return err
	}
	st, err := b.open(ctx)
	if err != nil {
		return err
	}
	b.mu.Lock()
	en := b.entries[id]
	// AWS: an old handle still deletes from a standard queue.
	expired := b.fifo && en != nil && (en.state.Receipt != receipt || en.visible <= time.Now().UnixMilli())
	b.mu.Unlock()
	if expired {
		return ErrExpired
	}
	return b.delete(ctx, st, id)
}

func (b *Box) delete(ctx context.Context, st store.Store, id string) error {
	if err := store.Delete(ctx, st, messages+id, store.Always); err != nil {
		return fmt.Errorf("delete message: %w", err)
	}
	b.mu.Lock()
	en := b.entries[id]
	b.remove(id)
	b.mu.Unlock()
	if en != nil && en.msg != nil && en.msg.Blob == "" {
		return nil
	}
	blobs, err := b.stores.Blobs(ctx)
	if err == nil {
		err = blobs.Delete(ctx, b.blobKey(id))
	}
	if err != nil {
		b.log.Warn("the blob of a message could not be deleted", "queue", b.name, "message", id, "err", err)
	}
	return nil
}

// Hide sets how long from now nobody else sees a message.
func (b *Box) Hide(ctx context.Context, handle string, visible time.Duration) error {
	id, receipt, err := parseHandle(handle)
	if err != nil {
		return err
	}
	st, err := b.open(ctx)
	if err != nil {
		return err
	}
	for {
		at := time.Now()
		b.mu.Lock()
		en := b.entries[id]
		if en == nil || en.visible <= at.UnixMilli() || en.state.Receipt != receipt {
			b.mu.Unlock()
			return ErrNotInFlight
		}
		s, rev := en.state, en.stateRev
		b.mu.Unlock()
		s.Visible = at.Add(visible).UnixMilli()
		if err := b.writeState(ctx, st, en, s, rev); !errors.Is(err, store.ErrConflict) {
			return err
		}
	}
}
