package nats

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"strconv"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nuid"

	"github.com/sallyport/sallyport/internal/store"
)

// Headers of documents. The server's own are kept with the message and mean nothing to readers.
const (
	headerKey      = "Sp-Key"     // the key in base64, where the subject has only its hash
	headerDeleted  = "Sp-Deleted" // marks a tombstone
	headerExpected = "Nats-Expected-Last-Subject-Sequence"
	headerTTL      = "Nats-TTL"
	headerBatch    = "Nats-Batch-Id"
	headerBatchSeq = "Nats-Batch-Sequence"
	headerCommit   = "Nats-Batch-Commit"
)

// attempts bounds how often one Apply is sent again: for tombstones that appear under it, and for batches
// that the server had no room for.
const attempts = 20

var errBatchIncomplete = errors.New("the engine took no batch: too many are open, or its leader changed")

func (d *documents) Apply(ctx context.Context, writes ...store.Write) (uint64, error) {
	if err := store.CheckWrites(writes); err != nil {
		return 0, err
	}
	ctx, cancel := withTimeout(ctx)
	defer cancel()

	msgs := make([]*nats.Msg, len(writes))
	for i, w := range writes {
		msgs[i] = d.message(w)
	}
	for attempt := 1; ; attempt++ {
		rev, err := d.send(ctx, msgs)
		switch {
		case err == nil:
			return rev, nil
		case attempt == attempts:
			return 0, ended(ctx, err)
		case errors.Is(err, errBatchIncomplete):
			if err := pause(ctx, time.Duration(rand.Int64N(int64(attempt)*int64(5*time.Millisecond)))); err != nil {
				return 0, ended(ctx, err)
			}
		case errors.Is(err, store.ErrConflict):
			again, err := d.expectTombstones(ctx, writes, msgs)
			if err != nil {
				return 0, ended(ctx, err)
			}
			if !again {
				return 0, store.ErrConflict
			}
		default:
			return 0, ended(ctx, err)
		}
	}
}

// message builds the message that makes w.
func (d *documents) message(w store.Write) *nats.Msg {
	subject, hashed := subjectOf(w.Key)
	m := nats.NewMsg(d.subjects + subject)
	if hashed {
		m.Header[headerKey] = []string{base64.StdEncoding.EncodeToString([]byte(w.Key))}
	}
	if w.Delete {
		m.Header[headerDeleted] = []string{"1"}
		m.Header[headerTTL] = []string{tombstoneTTL.String()}
	} else {
		m.Data = w.Data
	}
	if rev, ok := w.When.Rev(); ok {
		m.Header[headerExpected] = []string{strconv.FormatUint(rev, 10)}
	}
	return m
}

// send publishes the messages and waits for the one answer. Several are an atomic batch, which the server
// commits with the last.
func (d *documents) send(ctx context.Context, msgs []*nats.Msg) (uint64, error) {
	last := len(msgs) - 1
	if last > 0 {
		id := nuid.Next()
		for i, m := range msgs {
			m.Header[headerBatch] = []string{id}
			m.Header[headerBatchSeq] = []string{strconv.Itoa(i + 1)}
			if i < last {
				if err := d.conn.PublishMsg(m); err != nil {
					return 0, err
				}
			}
		}
		msgs[last].Header[headerCommit] = []string{"1"}
	}
	answer, err := d.ask(ctx, msgs[last])
	if err != nil {
		return 0, err
	}
	var ack struct {
		Seq   uint64    `json:"seq"`
		Error *apiError `json:"error"`
	}
	if err := json.Unmarshal(answer.Data, &ack); err != nil {
		return 0, fmt.Errorf("read answer of the engine: %w", err)
	}
	if ack.Error != nil {
		return 0, ack.Error.toError()
	}
	if ack.Seq == 0 {
		return 0, fmt.Errorf("the engine's answer has no sequence: %.200q", answer.Data)
	}
	return ack.Seq, d.disk.await(ctx, ack.Seq)
}

// expectTombstones is called after a conflict. For the server a tombstone is a message like others, so a
// write that wants no document must expect the tombstone's sequence. It tells whether that can have been the conflict.
func (d *documents) expectTombstones(ctx context.Context, writes []store.Write, msgs []*nats.Msg) (again bool, err error) {
	for i, w := range writes {
		rev, ok := w.When.Rev()
		if !ok || rev != 0 {
			continue
		}
		m, err := d.last(ctx, msgs[i].Subject)
		if err != nil && !errors.Is(err, store.ErrNotFound) {
			return false, err
		}
		if err == nil && !m.deleted {
			return false, nil
		}
		if want := strconv.FormatUint(m.seq, 10); msgs[i].Header[headerExpected][0] != want {
			msgs[i].Header[headerExpected] = []string{want}
			again = true
		}
	}
	return again, nil
}

// apiError is the error in an answer of the server's API.
type apiError struct {
	Code        int    `json:"code"`
	ErrCode     int    `json:"err_code"`
	Description string `json:"description"`
}

func (e *apiError) toError() error {
	switch e.ErrCode {
	case codeWrongLastSequence, codeWrongLastSequenceConstant:
		return store.ErrConflict
	case codeBatchIncomplete, codeBatchTooMany:
		return errBatchIncomplete
	}
	return fmt.Errorf("%w: %s (%d)", store.ErrUnavailable, e.Description, e.ErrCode)
}

func pause(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-t.C:
		return nil
	}
}
