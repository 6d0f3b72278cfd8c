package wsapp

import (
	"context"
	"time"
)

// An Engine is what an app runs on: AWS, Sallyport in the same process, or a test. Apps do not see it; it is here for those who make one.
// The errors of its calls to connections match [ErrGone], [ErrThrottled] or [ErrTooLarge] where that is the reason.
type Engine interface {
	// Post sends a text message to a connection.
	Post(ctx context.Context, connectionID string, data []byte) error

	// Close ends a connection.
	Close(ctx context.Context, connectionID string) error

	// Info tells about a connection.
	Info(ctx context.Context, connectionID string) (Info, error)

	// Add remembers a connection, and Remove forgets it; both may be told twice.
	Add(ctx context.Context, connectionID string) error
	Remove(ctx context.Context, connectionID string) error

	// Scan calls page with the remembered connections of one of several segments, page by page. Segments may be scanned at the same time.
	Scan(ctx context.Context, segment, segments int, page func(ids []string) error) error
}

// A Caster is an Engine that can send one message to all connections in less time than a Post to each takes.
type Caster interface {
	// Cast sends data to every open connection but those in except.
	Cast(ctx context.Context, data []byte, except []string) (Delivery, error)
}

// Info is what is known of an open connection.
type Info struct {
	ConnectedAt  time.Time
	LastActiveAt time.Time // of the last message in either direction
	SourceIP     string
	UserAgent    string
}
