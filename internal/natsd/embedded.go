package natsd

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"
)

// Config says how to embed the engine.
type Config struct {
	// Dir is the data directory. It is made if missing, with mode 0700.
	Dir string

	// SyncInterval is how much acknowledged work a power failure may take. Zero, the default, takes nothing: every
	// write is on the disk before it is acknowledged. A killed process loses nothing either way.
	SyncInterval time.Duration

	// Grouped leaves it to whoever writes to call Engine.Sync before a write counts as durable, so that many writes share one access to
	// the disk. It has no effect where a file system does not allow it, or with a SyncInterval.
	Grouped bool

	// Log receives the server's warnings and errors. Nil is slog.Default.
	Log *slog.Logger
}

// An Engine is a running or connected NATS server.
type Engine struct {
	conn   *nats.Conn
	server *server.Server // nil when external
	lock   *dirLock       // nil when external
	failed chan error
	syncer *syncer // nil: the server's acknowledgements are durable
}

const (
	readyTimeout = time.Minute // recovery of a large data directory, or an election
	noLimit      = 1 << 60     // the disk is the limit; the server's default depends on what is free when it starts
	batchLimit   = 4096        // atomic batches in flight; the server's default of 50 is below what one busy node makes
	maxPayload   = 1 << 20
)

// Embedded starts the engine in this process, and returns when it is ready. Its errors are sentences for the operator.
func Embedded(cfg Config) (_ *Engine, err error) {
	if cfg.Log == nil {
		cfg.Log = slog.Default()
	}
	lock, err := prepareDir(cfg.Dir)
	if err != nil {
		return nil, err
	}
	e := &Engine{lock: lock, failed: make(chan error, 1)}
	defer func() {
		if err != nil {
			e.Close()
		}
	}()
	if err := verify(cfg.Dir, cfg.Log); err != nil {
		return nil, err
	}

	if cfg.Grouped = cfg.Grouped && cfg.SyncInterval == 0 && ordersRenames(cfg.Dir); cfg.Grouped {
		if e.syncer, err = newSyncer(cfg.Dir, e.failed); err != nil {
			return nil, err
		}
	} else if err := os.RemoveAll(marksDir(cfg.Dir)); err != nil {
		return nil, fmt.Errorf("remove marks of data directory: %w", err)
	}

	log := &serverLog{log: cfg.Log, failed: e.failed}
	if e.server, err = server.NewServer(options(cfg)); err != nil {
		return nil, fmt.Errorf("configure the engine: %w", err)
	}
	e.server.SetLoggerV2(log, false, false, false)
	e.server.Start()
	if !e.server.ReadyForConnections(readyTimeout) || !e.server.JetStreamEnabled() {
		return nil, fmt.Errorf("the engine did not start on %s: %s", cfg.Dir, log.lastWords())
	}
	e.conn, err = nats.Connect("", append(clientOptions(cfg.Log), nats.InProcessServer(e.server))...)
	if err != nil {
		return nil, fmt.Errorf("connect to the embedded engine: %w", err)
	}
	if err := verifyRestored(e.conn, cfg.Dir); err != nil {
		return nil, fmt.Errorf("%w; the engine says: %s", err, log.lastWords())
	}
	return e, nil
}

func options(cfg Config) *server.Options {
	o := &server.Options{
		ServerName:         "sallyport",
		DontListen:         true,
		NoSigs:             true,
		NoSystemAccount:    true,
		MaxPayload:         maxPayload,
		MaxControlLine:     server.MAX_CONTROL_LINE_SIZE,
		JetStream:          true,
		StoreDir:           cfg.Dir,
		JetStreamMaxStore:  noLimit,
		JetStreamMaxMemory: noLimit,
		SyncAlways:         cfg.SyncInterval == 0 && !cfg.Grouped,
		SyncInterval:       cfg.SyncInterval,
	}
	o.JetStreamLimits.MaxBatchInflightPerStream = batchLimit
	o.JetStreamLimits.MaxBatchInflightTotal = batchLimit
	return o
}

// Conn is the connection for store/nats and bus/nats. It is the engine's own: do not close it.
func (e *Engine) Conn() *nats.Conn { return e.conn }

// Sync returns when everything that the engine had acknowledged for a stream before is on the disk.
func (e *Engine) Sync(ctx context.Context, stream string) error {
	if e.syncer == nil {
		return nil
	}
	return e.syncer.sync(ctx, stream)
}

// Failed gives an error when the embedded engine can no longer write, for example because the disk is full. Then it
// answers no writes any more, and the process should stop with that error. Nothing that was acknowledged is lost.
func (e *Engine) Failed() <-chan error { return e.failed }

// Close ends the connection and the embedded server, and returns when all is stopped and the directory is free.
func (e *Engine) Close() {
	if e.conn != nil {
		closed := make(chan struct{})
		e.conn.SetClosedHandler(func(*nats.Conn) { close(closed) })
		if !e.conn.IsClosed() {
			e.conn.Close()
			<-closed
		}
		e.conn = nil
	}
	if e.server != nil {
		e.server.Shutdown()
		e.server.WaitForShutdown()
		e.server = nil
	}
	if e.syncer != nil {
		e.syncer.close()
	}
	if e.lock != nil {
		e.lock.release()
		e.lock = nil
	}
}
