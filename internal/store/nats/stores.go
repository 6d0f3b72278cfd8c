package nats

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/sallyport/sallyport/internal/natsd/streams"
	"github.com/sallyport/sallyport/internal/store"
)

const (
	// callTimeout ends calls whose context has no deadline.
	callTimeout = 30 * time.Second

	// tombstoneTTL is how long a removal is remembered for watchers.
	tombstoneTTL = time.Hour
)

// New returns the stores of the engine behind conn, each kept once.
func New(conn *nats.Conn) store.Stores { return NewReplicated(conn, 1) }

// NewReplicated is New for a cluster: each store made is kept on so many servers (1, 3 or 5).
func NewReplicated(conn *nats.Conn, replicas int) store.Stores {
	return &stores{conn: conn, replicas: replicas}
}

// NewSynced is New for an engine whose acknowledgements are not durable yet: sync returns when everything that was acknowledged for a
// stream is. Nobody sees a document before.
func NewSynced(conn *nats.Conn, sync func(ctx context.Context, stream string) error) store.Stores {
	return &stores{conn: conn, replicas: 1, sync: sync}
}

type stores struct {
	conn     *nats.Conn
	replicas int
	sync     func(ctx context.Context, stream string) error // nil: acknowledgements are durable

	disks sync.Map // *disk by stream
}

func (s *stores) Open(ctx context.Context, name string) (store.Store, error) {
	if err := store.CheckName(name); err != nil {
		return nil, err
	}
	return s.open(ctx, "store-"+name, "store."+name+".")
}

// open makes or finds the stream whose documents have subjects that begin so.
func (s *stores) open(ctx context.Context, name, subjects string) (*documents, error) {
	ctx, cancel := withTimeout(ctx)
	defer cancel()
	js, err := jetstream.New(s.conn)
	if err != nil {
		return nil, unavailable(err)
	}
	d := &documents{conn: s.conn, stream: name, subjects: subjects, leaderReads: s.replicas > 1}
	if s.sync != nil {
		one, _ := s.disks.LoadOrStore(name, &disk{stream: name, sync: s.sync})
		d.disk = one.(*disk)
	}
	stream, err := streams.Open(ctx, js, jetstream.StreamConfig{
		Name:               d.stream,
		Subjects:           []string{d.subjects + ">"},
		MaxMsgsPerSubject:  1,
		AllowAtomicPublish: true,
		AllowDirect:        true,
		AllowMsgTTL:        true,
		Storage:            jetstream.FileStorage,
		Replicas:           s.replicas,
	})
	if err != nil {
		return nil, fmt.Errorf("open stream %s: %w", name, ended(ctx, err))
	}
	d.created = stream.CachedInfo().Created
	d.disk.written(stream.CachedInfo().State.LastSeq)
	return d, nil
}

func (s *stores) Drop(ctx context.Context, name string) error {
	if err := store.CheckName(name); err != nil {
		return err
	}
	ctx, cancel := withTimeout(ctx)
	defer cancel()
	js, err := jetstream.New(s.conn)
	if err != nil {
		return unavailable(err)
	}
	err = js.DeleteStream(ctx, "store-"+name)
	if err != nil && !errors.Is(err, jetstream.ErrStreamNotFound) {
		return fmt.Errorf("drop store %s: %w", name, unavailable(err))
	}
	return nil
}

// Blobs keeps blobs in a stream that Open cannot name.
func (s *stores) Blobs(ctx context.Context) (store.Blobs, error) {
	d, err := s.open(ctx, "blobs", "blob.")
	if err != nil {
		return nil, err
	}
	return &blobs{docs: d}, nil
}

// documents is one store.
type documents struct {
	conn        *nats.Conn
	stream      string
	subjects    string    // what the subject of every document begins with, up to and with a dot
	created     time.Time // tells the stream from a later one of the same name
	leaderReads bool
	disk        *disk // nil: acknowledgements are durable
}

func withTimeout(ctx context.Context) (context.Context, context.CancelFunc) {
	if _, ok := ctx.Deadline(); ok {
		return ctx, func() {}
	}
	return context.WithTimeoutCause(ctx, callTimeout, errNoAnswer)
}
