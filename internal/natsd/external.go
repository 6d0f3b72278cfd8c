package natsd

import (
	"context"
	"fmt"
	"log/slog"
	"net/url"
	"strings"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/sallyport/sallyport/internal/natsd/streams"
)

// minServer is the oldest server that can do what the stores need: atomic batches (2.12) in one step with their reads (2.14).
var minServer = [2]int{2, 14}

// External connects to a NATS server or cluster with JetStream, for example "nats://a:4222,nats://b:4222". Credentials
// stand in the URL. A lost connection is made again for ever; until then, calls answer ErrUnavailable.
func External(ctx context.Context, urls string, log *slog.Logger) (*Engine, error) {
	if log == nil {
		log = slog.Default()
	}
	conn, err := nats.Connect(urls, append(clientOptions(log), nats.MaxReconnects(-1), nats.ReconnectWait(250*time.Millisecond))...)
	if err != nil {
		return nil, fmt.Errorf("connect to NATS at %s: %w", redact(urls), err)
	}
	e := &Engine{conn: conn, failed: make(chan error)}
	if err := checkServer(ctx, conn); err != nil {
		e.Close()
		return nil, fmt.Errorf("use NATS at %s: %w", redact(urls), err)
	}
	return e, nil
}

// maxReplicas is how often a cluster of enough servers keeps everything: one of them may be gone.
const maxReplicas = 3

// Replicas is how often the engine keeps everything: three times on a cluster of three servers or more, else once.
func (e *Engine) Replicas() int {
	if e.server == nil && len(e.conn.Servers()) >= maxReplicas {
		return maxReplicas
	}
	return 1
}

func checkServer(ctx context.Context, conn *nats.Conn) error {
	var major, minor int
	if _, err := fmt.Sscanf(conn.ConnectedServerVersion(), "%d.%d", &major, &minor); err != nil {
		return fmt.Errorf("server version %q: %w", conn.ConnectedServerVersion(), err)
	}
	if major < minServer[0] || major == minServer[0] && minor < minServer[1] {
		return fmt.Errorf("the server has version %s, but atomic batches in one step with their reads need %d.%d or newer", conn.ConnectedServerVersion(), minServer[0], minServer[1])
	}
	js, err := jetstream.New(conn)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, readyTimeout) // a cluster that has just been started has no leader yet
	defer cancel()
	err = streams.Try(ctx, func(ctx context.Context) error {
		_, err := js.AccountInfo(ctx)
		return err
	})
	if err != nil {
		return fmt.Errorf("JetStream is not available to this account: %w", err)
	}
	return nil
}

// clientOptions are what both kinds of engine ask of the connection.
func clientOptions(log *slog.Logger) []nats.Option {
	return []nats.Option{
		nats.Name("sallyport"),
		nats.DisconnectErrHandler(func(_ *nats.Conn, err error) {
			if err != nil {
				log.Warn("engine disconnected", "error", err)
			}
		}),
		nats.ReconnectHandler(func(c *nats.Conn) { log.Info("engine reconnected", "server", c.ConnectedUrlRedacted()) }),
		nats.ErrorHandler(func(_ *nats.Conn, sub *nats.Subscription, err error) {
			subject := ""
			if sub != nil {
				subject = sub.Subject
			}
			log.Warn("engine connection error", "subject", subject, "error", err)
		}),
	}
}

// redact removes passwords and tokens from a list of URLs.
func redact(urls string) string {
	list := strings.Split(urls, ",")
	for i, s := range list {
		if u, err := url.Parse(strings.TrimSpace(s)); err == nil && u.User != nil {
			u.User = url.User("redacted")
			list[i] = u.String()
		}
	}
	return strings.Join(list, ",")
}
