// Package store is the contract for everything that must outlive a process: documents with revisions,
// atomic batches, watching, and blobs. Two implementations keep it: store/mem for tests and store/nats
// for everybody; the suite in store/storetest holds both to it.
package store

import (
	"context"
	"errors"
	"io"
)

// Sentinels of the contract, tested with errors.Is.
var (
	// ErrNotFound says that no document (or blob) has this key.
	ErrNotFound = errors.New("store: not found")
	// ErrConflict says that a revision was not the expected one: somebody else wrote first.
	ErrConflict = errors.New("store: revision conflict")
	// ErrTooLarge says that a document or a batch is larger than the store takes (see MaxDoc and MaxBatch).
	ErrTooLarge = errors.New("store: too large")
	// ErrUnavailable says that the store cannot be reached or cannot write (disk full, no quorum).
	ErrUnavailable = errors.New("store: unavailable")
)

// Limits that every implementation keeps.
const (
	MaxDoc   = 900 << 10 // bytes of one document
	MaxKey   = 4 << 10   // bytes of one key; any bytes are allowed
	MaxBatch = 128       // writes of one Apply
)

// A Store keeps documents under keys such as "us-east-1/api/a1b2c3/route/k9". Keys are arbitrary bytes and sort
// bytewise. A document's revision is a number that grows with every write to the store, whatever the key.
// Writes are durable when they return. Methods may be called from many goroutines.
type Store interface {
	// Get returns the newest document, or ErrNotFound.
	Get(ctx context.Context, key string) (Doc, error)

	// List returns the documents whose keys begin with prefix, sorted by key.
	List(ctx context.Context, prefix string) ([]Doc, error)

	// Apply makes all writes or none, and returns the revision of the last one. It returns ErrConflict if
	// the condition of any write does not hold. There is at least one write, and no key twice. The writes
	// take consecutive revisions, in their order.
	Apply(ctx context.Context, writes ...Write) (rev uint64, err error)

	// Watch calls f with every document under prefix as it is now (in no particular order), then once with
	// CaughtUp, then with the changes in the order of revisions, one call at a time, until ctx is done or f
	// returns an error, which Watch returns. The newest form of a document is always reported; one that is
	// replaced before it could be reported may be skipped. Watch returns ErrUnavailable when it can no longer
	// promise that (the store was dropped, or out of reach for long): watch again from the start.
	Watch(ctx context.Context, prefix string, f func(Event) error) error
}

// A Doc is one document as it was read.
type Doc struct {
	Key  string
	Data []byte
	Rev  uint64
}

// A Write replaces or removes one document.
type Write struct {
	Key    string
	Data   []byte // ignored when Delete is set
	Delete bool
	When   Condition
}

// A Condition guards a write.
type Condition struct {
	kind condition
	rev  uint64
}

type condition uint8

const (
	always condition = iota
	atRev
)

// Conditions. The zero Condition is Always.
var (
	Always = Condition{}            // whatever is there
	Absent = Condition{kind: atRev} // the key has no document
)

// AtRev holds while the document's revision is still rev; zero means that there is no document.
func AtRev(rev uint64) Condition { return Condition{kind: atRev, rev: rev} }

// Rev returns the revision that c asks for; ok is false for Always. Zero means no document.
func (c Condition) Rev() (rev uint64, ok bool) { return c.rev, c.kind == atRev }

// An Event is one step of a Watch.
type Event struct {
	Doc      // Data is nil when Deleted
	Deleted  bool
	CaughtUp bool // no document: all that existed when Watch began has been reported
}

// Put is Apply for one document.
func Put(ctx context.Context, s Store, key string, data []byte, when Condition) (uint64, error) {
	return s.Apply(ctx, Write{Key: key, Data: data, When: when})
}

// Delete is Apply for one removal. Removing what is not there is no error.
func Delete(ctx context.Context, s Store, key string, when Condition) error {
	_, err := s.Apply(ctx, Write{Key: key, Delete: true, When: when})
	return err
}

// Stores opens stores by name. Names are [A-Za-z0-9_-]+, for example "apigateway" or "ddb-3f2a".
type Stores interface {
	// Open opens the store, making it if it does not exist. The same name gives the same store.
	Open(ctx context.Context, name string) (Store, error)

	// Drop removes the store and all its documents. Dropping what does not exist is no error. Stores that were
	// opened before then answer ErrUnavailable, and their watches end with it.
	Drop(ctx context.Context, name string) error

	// Blobs returns the place for large immutable things: function code, objects.
	Blobs(ctx context.Context) (Blobs, error)
}

// Blobs keeps byte strings of any size under keys.
type Blobs interface {
	// Put stores all of r under key, replacing what was there. A reader sees the old or the new blob, never a mixture.
	Put(ctx context.Context, key string, r io.Reader) (size int64, err error)

	// Open returns the blob, or ErrNotFound. The caller closes it.
	Open(ctx context.Context, key string) (io.ReadCloser, error)

	// Delete removes the blob. Removing what is not there is no error.
	Delete(ctx context.Context, key string) error

	// List returns the keys that begin with prefix, sorted.
	List(ctx context.Context, prefix string) ([]string, error)
}
