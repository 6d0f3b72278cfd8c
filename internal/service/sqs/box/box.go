// Package box keeps the messages of one queue: durable in a store, their order and visibility in memory.
//
// A message is a document that is written once, m/{id}; who has it and until when is another, small one, s/{id}, which a receiver
// writes by compare-and-set: of two nodes that want a message one gets it. So a message costs three single writes: sent, received,
// deleted. Messages stand in the order of the store's revisions, which is the same on all nodes. d/{hash} remembers what was sent to
// a FIFO queue in the last five minutes.
//
//   - box.go: what is in memory, and how it follows the store. - send.go, receive.go, release.go: the three steps of a message.
//   - order.go: which message comes next. - sweep.go: what is left over.
//
// Names, attributes, limits and dead-letter queues are the service's.
package box

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"time"

	"github.com/sallyport/sallyport/internal/store"
)

// A Message is what was sent.
type Message struct {
	ID         string               `json:"i"`
	Body       string               `json:"b,omitempty"`
	Attributes map[string]Attribute `json:"a,omitempty"`
	System     map[string]Attribute `json:"y,omitempty"` // AWSTraceHeader
	Sender     string               `json:"u,omitempty"`
	Group      string               `json:"g,omitempty"`
	Dedup      string               `json:"d,omitempty"`
	Sent       int64                `json:"t"`           // milliseconds
	Visible    int64                `json:"v,omitempty"` // of a delayed one: from when
	DeadFrom   string               `json:"q,omitempty"` // the ARN of the queue that gave it up
	Receives   int                  `json:"n,omitempty"` // there
	Blob       string               `json:"x,omitempty"` // where the rest lies, if it is too large for a document

	Again bool `json:"-"` // it may have been sent before, with the same ID
}

// An Attribute is a message attribute.
type Attribute struct {
	Type   string `json:"t"`
	String string `json:"s,omitempty"`
	Binary []byte `json:"b,omitempty"`
}

// A state says who has a message.
type state struct {
	Visible  int64  `json:"v"` // again from when
	Receives int    `json:"n"`
	First    int64  `json:"f"`
	Receipt  string `json:"r"`
}

// A Box is the messages of one queue. Make it with New; it answers while Run runs.
type Box struct {
	stores   store.Stores
	name     string
	fifo     bool
	log      *slog.Logger
	caughtUp chan struct{}
	once     sync.Once

	mu      sync.Mutex  // guards all below
	docs    store.Store // opened by watch: opening costs more than writing
	entries map[string]*entry
	order   order
	early   map[string]held // states that came before their messages
	left    []string        // keys of states to be removed
	cached  int             // bytes of messages in memory
	changed chan struct{}   // closed, and made anew, when a message may be there to be received
}

type held struct {
	state
	rev uint64
}

// An entry is a message as this node knows it.
type entry struct {
	id       string
	rev      uint64 // of the message: its place in the queue
	group    string
	sent     int64
	visible  int64
	state    state
	stateRev uint64
	busy     bool     // a receiver of this node is about to take it
	gone     bool     // deleted
	msg      *Message // nil when it must be read
	size     int
}

const (
	maxCached  = 64 << 20 // bytes of messages that a box keeps in memory
	messages   = "m/"
	states     = "s/"
	sentBefore = "d/"
)

// New returns the box of a queue that keeps its messages in the store of this name.
func New(stores store.Stores, name string, fifo bool, log *slog.Logger) *Box {
	b := &Box{stores: stores, name: name, fifo: fifo, log: log, caughtUp: make(chan struct{})}
	b.reset()
	return b
}

func (b *Box) reset() {
	b.entries, b.early, b.changed, b.cached = map[string]*entry{}, map[string]held{}, make(chan struct{}), 0
	b.order = order{fifo: b.fifo, groups: map[string]*group{}}
}

// Run follows the store until ctx is done.
func (b *Box) Run(ctx context.Context) error {
	var sweeper sync.WaitGroup
	defer sweeper.Wait()
	sweeper.Go(func() { b.sweepLoop(ctx) })
	for {
		err := b.watch(ctx)
		if ctx.Err() != nil {
			return nil
		}
		if !errors.Is(err, store.ErrUnavailable) {
			return err
		}
		select {
		case <-ctx.Done():
			return nil
		case <-time.After(time.Second):
		}
	}
}

// open returns the store, once all messages have been read.
func (b *Box) open(ctx context.Context) (store.Store, error) {
	if err := b.ready(ctx); err != nil {
		return nil, err
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.docs, nil
}

func (b *Box) watch(ctx context.Context) error {
	st, err := b.stores.Open(ctx, b.name)
	if err != nil {
		return fmt.Errorf("open messages: %w", err)
	}
	b.mu.Lock()
	b.docs = st
	missing := make(map[string]bool, len(b.entries))
	for id := range b.entries {
		missing[id] = true
	}
	b.mu.Unlock()
	return st.Watch(ctx, "", func(e store.Event) error {
		b.mu.Lock()
		defer b.mu.Unlock()
		if e.CaughtUp {
			for id := range missing {
				b.remove(id)
			}
			for id := range b.early { // of messages that were deleted
				b.left = append(b.left, states+id)
			}
			b.early = map[string]held{}
			b.once.Do(func() { close(b.caughtUp) })
			b.announce()
			return nil
		}
		if id, ok := strings.CutPrefix(e.Key, messages); ok {
			delete(missing, id)
			b.seeMessage(id, e)
		} else if id, ok := strings.CutPrefix(e.Key, states); ok && !e.Deleted {
			b.seeState(id, e)
		}
		return nil
	})
}

// seeMessage takes in what the store tells of a message. The caller holds mu.
func (b *Box) seeMessage(id string, e store.Event) {
	if e.Deleted {
		b.remove(id)
		return
	}
	if b.entries[id] != nil {
		return
	}
	m := new(Message)
	if err := json.Unmarshal(e.Data, m); err != nil {
		b.log.Error("a message cannot be read", "queue", b.name, "message", id, "err", err)
		return
	}
	b.add(m, e.Rev, len(e.Data))
}

// add makes an entry of a message. The caller holds mu.
func (b *Box) add(m *Message, rev uint64, size int) {
	if b.entries[m.ID] != nil {
		return
	}
	en := &entry{id: m.ID, rev: rev, group: m.Group, sent: m.Sent, visible: m.Visible}
	en.state.Receives = m.Receives
	if b.cached+size <= maxCached {
		en.msg, en.size = m, size
		b.cached += size
	}
	if early, ok := b.early[m.ID]; ok {
		delete(b.early, m.ID)
		en.state, en.stateRev, en.visible = early.state, early.rev, early.Visible
	}
	b.entries[m.ID] = en
	b.order.add(en)
	b.place(en)
}

// seeState takes in who has a message. The caller holds mu.
func (b *Box) seeState(id string, e store.Event) {
	var s state
	if err := json.Unmarshal(e.Data, &s); err != nil {
		b.log.Error("the state of a message cannot be read", "queue", b.name, "message", id, "err", err)
		return
	}
	en := b.entries[id]
	if en == nil {
		select {
		case <-b.caughtUp: // deleted before
		default:
			b.early[id] = held{s, e.Rev}
		}
		return
	}
	b.setState(en, s, e.Rev)
}

// setState notes a state unless a newer one is known. The caller holds mu.
func (b *Box) setState(en *entry, s state, rev uint64) {
	if rev <= en.stateRev {
		return
	}
	en.state, en.stateRev, en.visible = s, rev, s.Visible
	b.place(en)
}

// remove forgets a message. The caller holds mu.
func (b *Box) remove(id string) {
	en := b.entries[id]
	if en == nil {
		return
	}
	delete(b.entries, id)
	en.gone = true
	b.cached -= en.size
	if en.stateRev > 0 {
		b.left = append(b.left, states+id)
	}
	if next := b.order.remove(en); next != nil {
		b.place(next)
	}
}

// place puts an entry where it will be found. The caller holds mu.
func (b *Box) place(en *entry) {
	if b.order.place(en, time.Now().UnixMilli()) {
		b.announce()
	}
}

// announce wakes those who wait. The caller holds mu.
func (b *Box) announce() {
	close(b.changed)
	b.changed = make(chan struct{})
}

// ready waits until all messages have been read.
func (b *Box) ready(ctx context.Context) error {
	select {
	case <-b.caughtUp:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// Counts are how many messages there are.
type Counts struct{ Visible, InFlight, Delayed int }

// Counts counts the messages.
func (b *Box) Counts(ctx context.Context) (c Counts, err error) {
	if err := b.ready(ctx); err != nil {
		return c, err
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	at := time.Now().UnixMilli()
	for _, en := range b.entries {
		switch {
		case en.busy || en.visible > at && en.state.Receipt != "":
			c.InFlight++
		case en.visible > at:
			c.Delayed++
		default:
			c.Visible++
		}
	}
	return c, nil
}
