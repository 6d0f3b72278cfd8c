package engine

import (
	"context"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/sallyport/sallyport/internal/service/dynamodb/item"
	"github.com/sallyport/sallyport/internal/store"
)

// tokenLife is how long a client request token keeps its transaction from being made again.
const tokenLife = 10 * time.Minute

// maxTTLAge is how far in the past a time of expiry may lie. AWS: what is older was never meant as one.
const maxTTLAge = 5 * 365 * 24 * time.Hour

// sweepLoop removes what has expired, until ctx is done.
func (s *Space) sweepLoop(ctx context.Context, every time.Duration) {
	tick := time.NewTicker(every)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		if err := s.sweep(ctx, time.Now()); err != nil && ctx.Err() == nil {
			s.log.Warn("could not remove what has expired", "error", err)
		}
	}
}

func (s *Space) sweep(ctx context.Context, now time.Time) error {
	s.mu.RLock()
	ready := s.isReady
	var tables, orphans []*Table
	for _, t := range s.byID {
		if schema := t.Schema(); schema != nil && s.byName[schema.Name] == t {
			tables = append(tables, t)
		} else {
			orphans = append(orphans, t)
		}
	}
	var old []string
	for key, at := range s.tokens {
		if now.Sub(at) > tokenLife {
			old = append(old, key)
		}
	}
	s.mu.RUnlock()
	if !ready {
		return nil
	}
	for _, t := range tables {
		if err := s.expireItems(ctx, t, now); err != nil {
			return err
		}
		old = append(old, t.oldRecords(now)...)
	}
	if err := s.remove(ctx, old); err != nil {
		return err
	}
	if len(orphans) == 0 {
		return nil
	}
	return s.removeOrphans(ctx, orphans)
}

// remove removes documents in batches.
func (s *Space) remove(ctx context.Context, keys []string) error {
	for len(keys) > 0 {
		n := min(len(keys), store.MaxBatch)
		writes := make([]store.Write, n)
		for i, k := range keys[:n] {
			writes[i] = store.Write{Key: k, Delete: true}
		}
		if _, err := s.docs.Apply(ctx, writes...); err != nil {
			return fmt.Errorf("remove %d documents: %w", n, err)
		}
		keys = keys[n:]
	}
	return nil
}

// expireItems removes the items whose time has passed, as any other removal, but marked as expired.
func (s *Space) expireItems(ctx context.Context, t *Table, now time.Time) error {
	schema := t.Schema()
	if schema.TTL == "" {
		return nil
	}
	for {
		batch := t.expired(now)
		if err := s.expire(ctx, t, schema, batch, now); err != nil {
			return err
		}
		if len(batch) < expireBatch {
			return nil
		}
	}
}

// expireBatch is how many items are looked for at once.
const expireBatch = 1000

func (s *Space) expire(ctx context.Context, t *Table, schema *Schema, batch []item.Encoded, now time.Time) error {
	for _, data := range batch {
		key, ok := schema.Key.keyOf(data.Get)
		if !ok {
			continue
		}
		c := &Change{Table: t, Key: key, Expired: true, Do: func(old item.Encoded) (item.Encoded, error) {
			if old != nil && isExpired(old.Get(schema.TTL), now) {
				return nil, nil
			}
			return old, errAlive
		}}
		if err := s.Write(ctx, nil, c); err != nil && c.Err == nil {
			return fmt.Errorf("expire item of table %s: %w", schema.Name, err)
		}
	}
	return nil
}

var errAlive = errors.New("dynamodb: item has not expired")

// expired returns items whose time has passed, up to expireBatch.
func (t *Table) expired(now time.Time) []item.Encoded {
	at := func(when time.Time) position {
		return string(item.AppendSortable(nil, strconv.FormatInt(when.Unix(), 10)))
	}
	t.mu.RLock()
	defer t.mu.RUnlock()
	for _, x := range t.indexes {
		if x.ttl {
			return readPage(&x.items, Read{Span: Span{at(now.Add(-maxTTLAge)), at(now)}, Limit: expireBatch, MaxBytes: 1 << 30}).Items
		}
	}
	return nil
}

func isExpired(v item.Value, now time.Time) bool {
	return v.Kind == item.N &&
		item.CompareNumbers(v.Str, strconv.FormatInt(now.Unix(), 10)) < 0 &&
		item.CompareNumbers(v.Str, strconv.FormatInt(now.Add(-maxTTLAge).Unix(), 10)) >= 0
}

// oldRecords returns the documents of records that have been kept long enough.
func (t *Table) oldRecords(now time.Time) []string {
	t.mu.RLock()
	defer t.mu.RUnlock()
	var old []string
	for _, r := range t.records.refs {
		if now.Sub(r.at) <= recordLife || len(old) == 100*store.MaxBatch {
			break
		}
		old = append(old, r.key)
	}
	return old
}

// removeOrphans removes the items and records of tables that are gone.
func (s *Space) removeOrphans(ctx context.Context, orphans []*Table) error {
	docs, err := s.docs.List(ctx, "t/") // what the watch says may be late
	if err != nil {
		return fmt.Errorf("list tables: %w", err)
	}
	alive := map[string]bool{}
	for _, d := range docs {
		var schema Schema
		if err := json.Unmarshal(d.Data, &schema); err != nil {
			return fmt.Errorf("read %s: %w", d.Key, err)
		}
		alive[schema.ID] = true
	}
	for _, t := range orphans {
		if alive[t.id] {
			continue
		}
		keys := t.documents()
		if len(keys) == 0 {
			s.mu.Lock()
			delete(s.byID, t.id)
			s.mu.Unlock()
			continue
		}
		if err := s.remove(ctx, keys); err != nil {
			return err
		}
	}
	return nil
}

// documents returns the keys of all documents of the table but its own.
func (t *Table) documents() []string {
	t.mu.RLock()
	defer t.mu.RUnlock()
	var keys []string
	t.items.Scan(func(p position, _ *entry) bool {
		if k, ok := parsePosition(p); ok {
			keys = append(keys, k.document(t.id))
		}
		return true
	})
	for _, r := range t.records.refs {
		keys = append(keys, r.key)
	}
	return keys
}

// A token's document is the time (uvarint, milliseconds) and the data.

func tokenDocument(at time.Time, data []byte) []byte {
	return append(binary.AppendUvarint(nil, uint64(at.UnixMilli())), data...)
}

func tokenTime(doc []byte) time.Time {
	ms, _ := binary.Uvarint(doc)
	return time.UnixMilli(int64(ms))
}

func tokenData(doc []byte) []byte {
	_, n := binary.Uvarint(doc)
	return doc[max(n, 0):]
}
