package nats

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"hash"
	"io"
	"strings"
	"time"

	"github.com/nats-io/nuid"

	"github.com/sallyport/sallyport/internal/store"
)

// blobs keeps a blob as chunks, "c/<id>/<number>", that one document, "b/<key>", names. Replacing it is one write of
// that document, so a reader finds the old chunks or the new. Chunks that no document names, because their blob
// was replaced or their upload did not end, are listed as "g/<id>" and removed when that has become old: until then
// a slow reader can still read them.
type blobs struct {
	docs store.Store
}

const (
	chunkSize  = 512 << 10
	garbageAge = time.Hour // longer than anybody reads one blob
	sweepBatch = store.MaxBatch
)

// blobHead is the document of a blob.
type blobHead struct {
	Key    string `json:"key"`
	ID     string `json:"id"`
	Size   int64  `json:"size"`
	Chunks int    `json:"chunks"`
	SHA256 string `json:"sha256"`
}

// blobGarbage is the document of chunks that nobody names.
type blobGarbage struct {
	ID    string    `json:"id"`
	Since time.Time `json:"since"`
}

func (b *blobs) Put(ctx context.Context, key string, r io.Reader) (int64, error) {
	if len(key) > store.MaxKey {
		return 0, store.ErrTooLarge
	}
	head := blobHead{Key: key, ID: nuid.Next()}
	if err := b.discard(ctx, head.ID); err != nil { // until it is complete
		return 0, fmt.Errorf("begin blob %.100q: %w", key, err)
	}
	if err := b.upload(ctx, &head, r); err != nil {
		return 0, fmt.Errorf("write blob %.100q: %w", key, err)
	}
	if err := b.commit(ctx, head); err != nil {
		return 0, fmt.Errorf("finish blob %.100q: %w", key, err)
	}
	b.sweep(ctx)
	return head.Size, nil
}

// upload stores the chunks of r and fills in head.
func (b *blobs) upload(ctx context.Context, head *blobHead, r io.Reader) error {
	sum := sha256.New()
	touched := time.Now()
	buf := make([]byte, chunkSize)
	for {
		n, err := io.ReadFull(r, buf)
		if n > 0 {
			sum.Write(buf[:n])
			if _, err := store.Put(ctx, b.docs, chunkKey(head.ID, head.Chunks), buf[:n], store.Always); err != nil {
				return err
			}
			head.Chunks++
			head.Size += int64(n)
		}
		if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
			head.SHA256 = hex.EncodeToString(sum.Sum(nil))
			return nil
		} else if err != nil {
			return err
		}
		if time.Since(touched) > garbageAge/4 { // a long upload is not garbage
			touched = time.Now()
			if err := b.discard(ctx, head.ID); err != nil {
				return err
			}
		}
	}
}

// commit makes head the blob of its key, and what was there garbage.
func (b *blobs) commit(ctx context.Context, head blobHead) error {
	data, err := json.Marshal(head)
	if err != nil {
		return err
	}
	for {
		old, rev, err := b.head(ctx, head.Key)
		if err != nil && !errors.Is(err, store.ErrNotFound) {
			return err
		}
		writes := []store.Write{
			{Key: headKey(head.Key), Data: data, When: store.AtRev(rev)},
			{Key: garbageKey(head.ID), Delete: true},
		}
		if old.ID != "" {
			writes = append(writes, garbage(old.ID))
		}
		_, err = b.docs.Apply(ctx, writes...)
		if !errors.Is(err, store.ErrConflict) {
			return err
		}
	}
}

func (b *blobs) Open(ctx context.Context, key string) (io.ReadCloser, error) {
	head, _, err := b.head(ctx, key)
	if err != nil {
		return nil, err
	}
	return &blobReader{ctx: ctx, docs: b.docs, head: head, sum: sha256.New()}, nil
}

func (b *blobs) Delete(ctx context.Context, key string) error {
	for {
		old, rev, err := b.head(ctx, key)
		if errors.Is(err, store.ErrNotFound) {
			return nil
		} else if err != nil {
			return err
		}
		_, err = b.docs.Apply(ctx, store.Write{Key: headKey(key), Delete: true, When: store.AtRev(rev)}, garbage(old.ID))
		if err == nil {
			b.sweep(ctx)
		}
		if !errors.Is(err, store.ErrConflict) {
			return err
		}
	}
}

func (b *blobs) List(ctx context.Context, prefix string) ([]string, error) {
	docs, err := b.docs.List(ctx, headKey(prefix))
	if err != nil {
		return nil, err
	}
	var keys []string
	for _, doc := range docs {
		keys = append(keys, strings.TrimPrefix(doc.Key, headKey("")))
	}
	return keys, nil
}

func (b *blobs) head(ctx context.Context, key string) (head blobHead, rev uint64, err error) {
	doc, err := b.docs.Get(ctx, headKey(key))
	if err != nil {
		return blobHead{}, 0, err
	}
	if err := json.Unmarshal(doc.Data, &head); err != nil {
		return blobHead{}, 0, fmt.Errorf("read head of blob %.100q: %w", key, err)
	}
	return head, doc.Rev, nil
}

// discard lists chunks as garbage from now on.
func (b *blobs) discard(ctx context.Context, id string) error {
	_, err := b.docs.Apply(ctx, garbage(id))
	return err
}

// sweep removes chunks that have been garbage for long. What it cannot remove now, the next sweep will.
func (b *blobs) sweep(ctx context.Context) {
	docs, err := b.docs.List(ctx, garbageKey(""))
	if err != nil {
		return
	}
	for _, doc := range docs {
		var g blobGarbage
		if err := json.Unmarshal(doc.Data, &g); err != nil || time.Since(g.Since) < garbageAge {
			continue
		}
		if err := b.remove(ctx, g.ID); err != nil {
			return
		}
		if err := store.Delete(ctx, b.docs, doc.Key, store.AtRev(doc.Rev)); err != nil {
			return
		}
	}
}

// remove removes chunks from the last to the first, so that what an interrupted removal leaves is found again.
func (b *blobs) remove(ctx context.Context, id string) error {
	n := 0
	for ; ; n += sweepBatch {
		_, err := b.docs.Get(ctx, chunkKey(id, n))
		if errors.Is(err, store.ErrNotFound) {
			break
		} else if err != nil {
			return err
		}
	}
	for n -= sweepBatch; n >= 0; n -= sweepBatch {
		writes := make([]store.Write, sweepBatch)
		for i := range writes {
			writes[i] = store.Write{Key: chunkKey(id, n+i), Delete: true}
		}
		if _, err := b.docs.Apply(ctx, writes...); err != nil {
			return err
		}
	}
	return nil
}

func garbage(id string) store.Write {
	data, err := json.Marshal(blobGarbage{ID: id, Since: time.Now()})
	if err != nil {
		panic(err) // a string and a time
	}
	return store.Write{Key: garbageKey(id), Data: data}
}

func headKey(key string) string        { return "b/" + key }
func garbageKey(id string) string      { return "g/" + id }
func chunkKey(id string, n int) string { return fmt.Sprintf("c/%s/%08d", id, n) }

// blobReader reads one chunk after the other, and checks the whole at the end.
type blobReader struct {
	ctx  context.Context
	docs store.Store
	head blobHead
	sum  hash.Hash
	next int    // the chunk to read
	rest []byte // of the chunk before
}

func (r *blobReader) Read(p []byte) (int, error) {
	for len(r.rest) == 0 {
		if r.next == r.head.Chunks {
			if got := hex.EncodeToString(r.sum.Sum(nil)); got != r.head.SHA256 {
				return 0, fmt.Errorf("read blob %.100q: %w: its bytes are damaged", r.head.Key, store.ErrUnavailable)
			}
			return 0, io.EOF
		}
		doc, err := r.docs.Get(r.ctx, chunkKey(r.head.ID, r.next))
		if err != nil {
			return 0, fmt.Errorf("read chunk %d of blob %.100q: %w", r.next, r.head.Key, err)
		}
		r.next++
		r.sum.Write(doc.Data)
		r.rest = doc.Data
	}
	n := copy(p, r.rest)
	r.rest = r.rest[n:]
	return n, nil
}

func (r *blobReader) Close() error {
	r.rest, r.next = nil, r.head.Chunks
	return nil
}
