package box

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/sallyport/sallyport/internal/store"
)

// dedupWindow is how long a FIFO queue remembers what was sent.
const dedupWindow = 5 * time.Minute

// Sent is what becomes of a message.
type Sent struct {
	ID  string
	Seq uint64 // its place in the queue
}

// A memory says that a message was sent to a FIFO queue.
type memory struct {
	ID string `json:"i"`
	At int64  `json:"t"`
}

// Send stores messages; they are durable on return, and stand together. Messages for a FIFO queue have a Dedup, and one of the same
// Dedup within five minutes is not stored again: Sent is then that of the first. scope, which may be "", sets Dedups apart.
func (b *Box) Send(ctx context.Context, all []*Message, scope func(*Message) string) ([]Sent, error) {
	st, err := b.open(ctx)
	if err != nil {
		return nil, err
	}
	if b.fifo {
		return b.sendInOrder(ctx, st, all, scope)
	}
	if len(all) == 1 && all[0].Again {
		b.mu.Lock()
		en := b.entries[all[0].ID]
		b.mu.Unlock()
		if en != nil {
			return []Sent{{en.id, en.rev}}, nil
		}
	}
	writes := make([]store.Write, len(all))
	for i, m := range all {
		if writes[i], err = b.write(ctx, m); err != nil {
			return nil, err
		}
	}
	rev, err := st.Apply(ctx, writes...)
	if errors.Is(err, store.ErrTooLarge) && len(all) > 1 { // together they are too much for one batch
		var sent []Sent
		for _, m := range all {
			one, err := b.Send(ctx, []*Message{m}, scope)
			if err != nil {
				return sent, err
			}
			sent = append(sent, one...)
		}
		return sent, nil
	} else if err != nil {
		return nil, fmt.Errorf("store messages: %w", err)
	}
	sent := make([]Sent, len(all))
	b.mu.Lock()
	defer b.mu.Unlock()
	for i, m := range all {
		r := rev - uint64(len(all)-1-i)
		b.add(m, r, len(writes[i].Data))
		sent[i] = Sent{m.ID, r}
	}
	return sent, nil
}

func (b *Box) sendInOrder(ctx context.Context, st store.Store, all []*Message, scope func(*Message) string) ([]Sent, error) {
	var sent []Sent
	for _, m := range all {
		one, err := b.sendOnce(ctx, st, m, scope(m))
		if err != nil {
			return sent, err
		}
		sent = append(sent, one)
	}
	return sent, nil
}

// sendOnce stores a message with the memory of it, if there is no memory of one like it.
func (b *Box) sendOnce(ctx context.Context, st store.Store, m *Message, scope string) (Sent, error) {
	sum := sha256.Sum256([]byte(scope + "\x00" + m.Dedup))
	key := sentBefore + hex.EncodeToString(sum[:])
	w, err := b.write(ctx, m)
	if err != nil {
		return Sent{}, err
	}
	for {
		when := store.Absent
		old, err := st.Get(ctx, key)
		if err == nil {
			var before memory
			if err := json.Unmarshal(old.Data, &before); err != nil {
				return Sent{}, fmt.Errorf("decode %s: %w", key, err)
			}
			if m.Sent-before.At < dedupWindow.Milliseconds() {
				return Sent{before.ID, old.Rev + 1}, nil
			}
			when = store.AtRev(old.Rev)
		} else if !errors.Is(err, store.ErrNotFound) {
			return Sent{}, fmt.Errorf("look for message sent before: %w", err)
		}
		data, err := json.Marshal(memory{m.ID, m.Sent})
		if err != nil {
			return Sent{}, fmt.Errorf("encode message: %w", err)
		}
		rev, err := st.Apply(ctx, store.Write{Key: key, Data: data, When: when}, w) // the message's revision is the next after its memory's
		if errors.Is(err, store.ErrConflict) {
			continue
		} else if err != nil {
			return Sent{}, fmt.Errorf("store message: %w", err)
		}
		b.mu.Lock()
		b.add(m, rev, len(w.Data))
		b.mu.Unlock()
		return Sent{m.ID, rev}, nil
	}
}

// write returns the write that stores a message. What is too large for a document lies in a blob.
func (b *Box) write(ctx context.Context, m *Message) (store.Write, error) {
	data, err := json.Marshal(m)
	if err != nil {
		return store.Write{}, fmt.Errorf("encode message: %w", err)
	}
	if len(data) > store.MaxDoc-(64<<10) {
		key := b.blobKey(m.ID)
		blobs, err := b.stores.Blobs(ctx)
		if err != nil {
			return store.Write{}, fmt.Errorf("open blobs: %w", err)
		}
		if _, err := blobs.Put(ctx, key, bytes.NewReader(data)); err != nil {
			return store.Write{}, fmt.Errorf("store message: %w", err)
		}
		stub := Message{ID: m.ID, Group: m.Group, Sent: m.Sent, Visible: m.Visible, Receives: m.Receives, Blob: key}
		if data, err = json.Marshal(stub); err != nil {
			return store.Write{}, fmt.Errorf("encode message: %w", err)
		}
	}
	return store.Write{Key: messages + m.ID, Data: data}, nil
}

func (b *Box) blobKey(id string) string { return "sqs/" + b.name + "/" + id }

// read returns a whole message.
func (b *Box) read(ctx context.Context, st store.Store, en *entry) (*Message, error) {
	if en.msg != nil && en.msg.Blob == "" {
		return en.msg, nil
	}
	doc, err := st.Get(ctx, messages+en.id)
	if err != nil {
		return nil, err
	}
	m := new(Message)
	if err := json.Unmarshal(doc.Data, m); err != nil {
		return nil, fmt.Errorf("decode message %s: %w", en.id, err)
	}
	if m.Blob == "" {
		return m, nil
	}
	blobs, err := b.stores.Blobs(ctx)
	if err != nil {
		return nil, fmt.Errorf("open blobs: %w", err)
	}
	r, err := blobs.Open(ctx, m.Blob)
	if err != nil {
		return nil, fmt.Errorf("open message %s: %w", en.id, err)
	}
	defer r.Close()
	data, err := io.ReadAll(r)
	if err != nil {
		return nil, fmt.Errorf("read message %s: %w", en.id, err)
	}
	whole := new(Message)
	if err := json.Unmarshal(data, whole); err != nil {
		return nil, fmt.Errorf("decode message %s: %w", en.id, err)
	}
	return whole, nil
}
