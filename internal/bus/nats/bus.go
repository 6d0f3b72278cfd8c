package nats

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"

	"github.com/nats-io/nats.go"

	"github.com/sallyport/sallyport/internal/bus"
)

const (
	// prefix keeps our subjects apart from those of stores and of the server.
	prefix = "bus."

	// callTimeout ends calls whose context has no deadline.
	callTimeout = 30 * time.Second
)

// New returns the bus of the engine behind conn, whose queues are kept once.
func New(conn *nats.Conn) bus.Bus { return NewReplicated(conn, 1) }

// NewReplicated is New for a cluster: each queue made is kept on so many servers (1, 3 or 5).
func NewReplicated(conn *nats.Conn, replicas int) bus.Bus {
	return &natsBus{conn: conn, replicas: replicas}
}

// NewSynced is New for an engine of this process, whose acknowledgements are not durable yet: sync returns when everything that was
// acknowledged for a stream is. No other process has jobs of it.
func NewSynced(conn *nats.Conn, sync func(ctx context.Context, stream string) error) bus.Bus {
	return &natsBus{conn: conn, replicas: 1, sync: sync}
}

type natsBus struct {
	conn     *nats.Conn
	replicas int
	sync     func(ctx context.Context, stream string) error // nil: acknowledgements are durable

	opened sync.Map // names of queues
}

func (b *natsBus) Publish(ctx context.Context, subject string, data []byte) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	if err := bus.CheckSubject(subject); err != nil {
		return err
	}
	if err := b.conn.Publish(prefix+subject, data); err != nil {
		return fmt.Errorf("publish on %s: %w", subject, unavailable(err))
	}
	return nil
}

func (b *natsBus) Subscribe(subject string, f func(subject string, data []byte)) (func(), error) {
	if err := bus.CheckPattern(subject); err != nil {
		return nil, err
	}
	// The client's own queue would drop the newest.
	mailbox := bus.NewMailbox()
	sub, err := b.subscribe(subject, "", func(m *nats.Msg) {
		mailbox.Put(bus.Letter{Subject: strings.TrimPrefix(m.Subject, prefix), Data: m.Data})
	})
	if err != nil {
		return nil, err
	}
	go func() {
		for {
			l, ok := mailbox.Take()
			if !ok {
				return
			}
			f(l.Subject, l.Data)
		}
	}()
	return func() {
		sub.Unsubscribe() //nolint:errcheck // the connection is closed then
		mailbox.Close()
	}, nil
}

// subscribe returns when the server knows of the subscription.
func (b *natsBus) subscribe(subject, group string, f nats.MsgHandler) (*nats.Subscription, error) {
	sub, err := b.conn.QueueSubscribe(prefix+subject, group, f)
	if err == nil {
		err = sub.SetPendingLimits(-1, -1)
	}
	if err == nil {
		err = b.conn.FlushTimeout(callTimeout)
	}
	if err != nil {
		if sub != nil {
			sub.Unsubscribe() //nolint:errcheck // the first error says more
		}
		return nil, fmt.Errorf("subscribe to %s: %w", subject, unavailable(err))
	}
	return sub, nil
}

func (b *natsBus) Request(ctx context.Context, subject string, data []byte) ([]byte, error) {
	if err := bus.CheckSubject(subject); err != nil {
		return nil, err
	}
	ctx, cancel := withTimeout(ctx)
	defer cancel()
	answer, err := b.conn.RequestWithContext(ctx, prefix+subject, data)
	switch {
	case errors.Is(err, nats.ErrNoResponders):
		return nil, bus.ErrNoResponder
	case err != nil:
		return nil, fmt.Errorf("request to %s: %w", subject, ended(ctx, err))
	}
	return answer.Data, nil
}

func (b *natsBus) Serve(subject string, f func(ctx context.Context, subject string, data []byte) []byte) (func(), error) {
	if err := bus.CheckPattern(subject); err != nil {
		return nil, err
	}
	ctx, cancel := context.WithCancel(context.Background())
	var calls calls
	sub, err := b.subscribe(subject, "serve", func(m *nats.Msg) {
		calls.start(func() {
			answer := f(ctx, strings.TrimPrefix(m.Subject, prefix), m.Data)
			m.Respond(answer) //nolint:errcheck // the requester's context ends
		})
	})
	if err != nil {
		cancel()
		return nil, err
	}
	return func() {
		sub.Unsubscribe() //nolint:errcheck // the connection is closed then
		cancel()
		calls.stop()
	}, nil
}

// calls counts running calls. A WaitGroup alone would race when the client delivers after Unsubscribe.
type calls struct {
	mu      sync.Mutex // guards stopped
	stopped bool
	running sync.WaitGroup
}

func (c *calls) start(f func()) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if !c.stopped {
		c.running.Go(f)
	}
}

func (c *calls) stop() {
	c.mu.Lock()
	c.stopped = true
	c.mu.Unlock()
	c.running.Wait()
}

var errNoAnswer = fmt.Errorf("nobody answered within %s", callTimeout)

func withTimeout(ctx context.Context) (context.Context, context.CancelFunc) {
	if _, ok := ctx.Deadline(); ok {
		return ctx, func() {}
	}
	return context.WithTimeoutCause(ctx, callTimeout, errNoAnswer)
}

// ended returns why a call under withTimeout ended.
func ended(ctx context.Context, err error) error {
	if ctx.Err() != nil && errors.Is(context.Cause(ctx), errNoAnswer) {
		return unavailable(errNoAnswer)
	}
	return unavailable(err)
}

// unavailable makes err an ErrUnavailable that keeps its cause; the end of the caller's context stays what it is.
func unavailable(err error) error {
	if errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded) {
		return err
	}
	return fmt.Errorf("%w: %w", bus.ErrUnavailable, err)
}
