package nats

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/nats-io/nats.go"

	"github.com/sallyport/sallyport/internal/store"
)

const (
	heartbeat = 2 * time.Second // the server speaks at least so often
	silence   = 3 * heartbeat   // and after so long we ask it again

	// lostAfter is how long a watch may be cut off. Removals are remembered for longer than that.
	lostAfter = tombstoneTTL / 2
)

var errStreamReplaced = fmt.Errorf("%w: the store was dropped", store.ErrUnavailable)

func (d *documents) Watch(ctx context.Context, prefix string, f func(store.Event) error) error {
	report := func(e store.Event) error {
		if err := ctx.Err(); err != nil {
			return err
		}
		return f(e)
	}
	info, err := d.info(ctx)
	if errors.Is(err, errRetryFeed) && ctx.Err() == nil {
		return fmt.Errorf("%w: %w", store.ErrUnavailable, err) // the engine is busy, say with what a crash has left
	} else if err != nil {
		return err
	}
	began := info.State.LastSeq
	last, err := d.scan(ctx, prefix, func(doc store.Doc, deleted bool) error {
		if deleted && doc.Rev <= began {
			return nil // it was gone before we began, so nobody has heard of it
		}
		return report(store.Event{Doc: doc, Deleted: deleted})
	})
	if err != nil {
		return err
	}
	return d.follow(ctx, prefix, max(last, began), report)
}

// follow reports CaughtUp and every change after last, for ever. It asks the server for an ordered feed, and asks again from
// where it stands when the feed has a gap or falls silent.
func (d *documents) follow(ctx context.Context, prefix string, last uint64, report func(store.Event) error) error {
	alive, caughtUp := time.Now(), false
	for {
		feed, err := d.openFeed(ctx, prefix, last)
		if err == nil {
			alive = time.Now()
			if !caughtUp { // not before the feed is there, so that who waits for it can count on quick events
				caughtUp = true
				err = report(store.Event{CaughtUp: true})
			}
			if err == nil {
				last, err = d.drain(ctx, feed, prefix, last, report, &alive)
			}
			feed.close()
		}
		switch {
		case ctx.Err() != nil:
			return ctx.Err()
		case errors.Is(err, errFeedBroken):
		case errors.Is(err, errRetryFeed):
			if err := pause(ctx, heartbeat/8); err != nil {
				return err
			}
		default:
			return err
		}
		if time.Since(alive) > lostAfter {
			return fmt.Errorf("%w: cut off for %s", store.ErrUnavailable, time.Since(alive).Round(time.Second))
		}
	}
}

var (
	errFeedBroken = errors.New("feed has a gap or is silent")
	errRetryFeed  = errors.New("feed cannot be opened now")
)

// A feed is a consumer of the stream that pushes to a subscription.
type feed struct {
	conn   *nats.Conn
	stream string
	name   string
	sub    *nats.Subscription
	seq    uint64 // of the consumer: counts the messages of this feed without gaps
}

func (d *documents) openFeed(ctx context.Context, prefix string, last uint64) (*feed, error) {
	if _, err := d.info(ctx); err != nil {
		return nil, err
	}
	ctx, cancel := withTimeout(ctx)
	defer cancel()
	js, err := d.conn.JetStream(nats.Context(ctx))
	if err != nil {
		return nil, unavailable(err)
	}
	sub, err := d.conn.SubscribeSync(d.conn.NewInbox())
	if err != nil {
		return nil, unavailable(err)
	}
	info, err := js.AddConsumer(d.stream, &nats.ConsumerConfig{
		DeliverSubject:    sub.Subject,
		DeliverPolicy:     nats.DeliverByStartSequencePolicy,
		OptStartSeq:       last + 1,
		FilterSubject:     d.subjects + filterOf(prefix),
		AckPolicy:         nats.AckNonePolicy,
		MaxDeliver:        1,
		FlowControl:       true,
		Heartbeat:         heartbeat,
		InactiveThreshold: time.Minute,
		MemoryStorage:     true,
		Replicas:          1,
	})
	if err != nil {
		sub.Unsubscribe() //nolint:errcheck // the connection is closed then
		return nil, fmt.Errorf("%w: %w", errRetryFeed, err)
	}
	return &feed{conn: d.conn, stream: d.stream, name: info.Name, sub: sub}, nil
}

func (f *feed) close() {
	f.sub.Unsubscribe() //nolint:errcheck // the connection is closed then
	// The server removes it too, a minute after the subscription went.
	ctx, cancel := context.WithTimeout(context.Background(), time.Second)
	defer cancel()
	if js, err := f.conn.JetStream(); err == nil {
		js.DeleteConsumer(f.stream, f.name, nats.Context(ctx)) //nolint:errcheck // see above
	}
}

// drain reports the changes of one feed and returns the last revision that it reported.
func (d *documents) drain(ctx context.Context, feed *feed, prefix string, last uint64, report func(store.Event) error, alive *time.Time) (uint64, error) {
	for {
		wait, cancel := context.WithTimeout(ctx, silence)
		msg, err := feed.sub.NextMsgWithContext(wait)
		cancel()
		if err != nil {
			if d.conn.IsClosed() {
				return last, unavailable(err)
			}
			return last, errFeedBroken
		}
		*alive = time.Now()
		if msg.Header.Get("Status") == "100" {
			if err := feed.control(msg); err != nil {
				return last, err
			}
			continue
		}
		meta, err := msg.Metadata()
		if err != nil {
			return last, fmt.Errorf("read feed of stream %s: %w", d.stream, err)
		}
		if meta.Sequence.Consumer != feed.seq+1 {
			return last, errFeedBroken
		}
		feed.seq++
		if err := d.disk.await(ctx, meta.Sequence.Stream); err != nil {
			return last, ended(ctx, err)
		}
		last = meta.Sequence.Stream
		m := message{subject: msg.Subject, header: msg.Header, data: msg.Data, seq: last, deleted: len(msg.Header[headerDeleted]) > 0}
		doc, err := d.document(m)
		if err != nil {
			return last, err
		}
		if len(doc.Key) < len(prefix) || doc.Key[:len(prefix)] != prefix {
			continue
		}
		if err := report(store.Event{Doc: doc, Deleted: m.deleted}); err != nil {
			return last, err
		}
	}
}

// control answers flow control, and compares a heartbeat's count with ours.
func (f *feed) control(msg *nats.Msg) error {
	reply := msg.Reply
	if reply == "" {
		reply = msg.Header.Get("Nats-Consumer-Stalled")
	}
	if reply != "" {
		if err := f.conn.Publish(reply, nil); err != nil {
			return errFeedBroken
		}
	}
	if text := msg.Header.Get("Nats-Last-Consumer"); text != "" {
		if seq, err := strconv.ParseUint(text, 10, 64); err == nil && seq != f.seq {
			return errFeedBroken
		}
	}
	return nil
}

// info asks for the stream's state, and makes sure that it is still the stream that was opened.
func (d *documents) info(ctx context.Context) (*nats.StreamInfo, error) {
	ctx, cancel := withTimeout(ctx)
	defer cancel()
	js, err := d.conn.JetStream(nats.Context(ctx))
	if err != nil {
		return nil, unavailable(err)
	}
	info, err := js.StreamInfo(d.stream)
	switch {
	case errors.Is(err, nats.ErrStreamNotFound):
		return nil, errStreamReplaced
	case errors.Is(err, nats.ErrConnectionClosed):
		return nil, unavailable(err)
	case err != nil:
		return nil, fmt.Errorf("%w: %w", errRetryFeed, ended(ctx, err))
	case !info.Created.Equal(d.created):
		return nil, errStreamReplaced
	}
	return info, nil
}
