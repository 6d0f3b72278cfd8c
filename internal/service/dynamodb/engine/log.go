package engine

import (
	"context"
	"crypto/rand"
	"encoding/binary"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/sallyport/sallyport/internal/service/dynamodb/item"
	"github.com/sallyport/sallyport/internal/store"
)

// recordLife is how long records are kept.
const recordLife = 24 * time.Hour

// maxRecords is how large a document of records becomes, at most: room for one pair of images that are not of the very largest.
const maxRecords = store.MaxDoc - 4<<10

// maxCached is how many bytes of records a table keeps in memory; older ones are read from the store.
const maxCached = 8 << 20

// A Record is one change of one item, as a stream shows it.
type Record struct {
	Seq      uint64 // grows with every record of the space
	At       time.Time
	Old, New item.Encoded // nil: there was none, there is none
	Expired  bool         // removed because its time had passed

	half bool // this is the old image of the record before
}

// A document of records is the time (uvarint, milliseconds) and the records: flags, then the old and the new image with their length
// in front. Where both images are too large for one document, the old one follows in a document of its own.
const (
	hasOld = 1 << iota
	hasNew
	expired
	oldFollows
	oldOnly
)

// seqOf numbers records: documents by revision, and the records in each.
func seqOf(rev uint64, n int) uint64 { return rev*1000 + uint64(n) }

// A recordWriter collects the records of one write.
type recordWriter struct {
	docs []recordDoc
}

type recordDoc struct {
	prefix string
	body   []byte
}

// add takes a change, if it is one and its table has a stream.
func (w *recordWriter) add(c *Change) {
	schema := c.Table.Schema()
	if schema == nil || schema.Stream == "" || c.CheckOnly || !c.changed() {
		return
	}
	flags := byte(0)
	if c.Old != nil {
		flags |= hasOld
	}
	if c.New != nil {
		flags |= hasNew
	}
	if c.Expired {
		flags |= expired
	}
	prefix := "s/" + c.Table.id + "/" + schema.Stream + "/"
	if len(c.Old)+len(c.New) > maxRecords {
		w.append(prefix, appendImage([]byte{flags&^hasOld | oldFollows}, c.New))
		w.append(prefix, appendImage([]byte{hasOld | oldOnly}, c.Old))
		return
	}
	body := []byte{flags}
	if c.Old != nil {
		body = appendImage(body, c.Old)
	}
	if c.New != nil {
		body = appendImage(body, c.New)
	}
	w.append(prefix, body)
}

func appendImage(b []byte, image item.Encoded) []byte {
	return append(binary.AppendUvarint(b, uint64(len(image))), image...)
}

// append adds a record to the last document, if it is for the same stream and has room.
func (w *recordWriter) append(prefix string, record []byte) {
	if n := len(w.docs); n > 0 && w.docs[n-1].prefix == prefix && len(w.docs[n-1].body)+len(record) < maxRecords {
		w.docs[n-1].body = append(w.docs[n-1].body, record...)
		return
	}
	w.docs = append(w.docs, recordDoc{prefix, record})
}

func (w *recordWriter) writes(at time.Time) []store.Write {
	var out []store.Write
	for _, d := range w.docs {
		data := binary.AppendUvarint(make([]byte, 0, len(d.body)+10), uint64(at.UnixMilli()))
		out = append(out, store.Write{Key: d.prefix + rand.Text(), Data: append(data, d.body...), When: store.Absent})
	}
	return out
}

var errRecords = errors.New("dynamodb: damaged records")

// readRecords reads a document. follows reports that the last record's old image is in the next document.
func readRecords(rev uint64, data []byte) (records []Record, follows bool, err error) {
	ms, n := binary.Uvarint(data)
	if n <= 0 {
		return nil, false, errRecords
	}
	data = data[n:]
	image := func() item.Encoded {
		size, n := binary.Uvarint(data)
		if n <= 0 || size > uint64(len(data)-n) {
			err = errRecords
			return nil
		}
		image := data[n : n+int(size)]
		data = data[n+int(size):]
		return item.Encoded(image)
	}
	for len(data) > 0 && err == nil {
		flags := data[0]
		data = data[1:]
		r := Record{Seq: seqOf(rev, len(records)), At: time.UnixMilli(int64(ms)), Expired: flags&expired != 0, half: flags&oldOnly != 0}
		if flags&hasOld != 0 {
			r.Old = image()
		}
		if flags&hasNew != 0 {
			r.New = image()
		}
		follows = flags&oldFollows != 0
		records = append(records, r)
	}
	return records, follows, err
}

// A recordLog is what a table knows of its documents of records, in the order of revisions.
type recordLog struct {
	refs   []recordRef
	head   uint64 // the newest revision that is known to be used
	cached int    // bytes of data
	next   int    // refs before this one have no data in memory
}

type recordRef struct {
	rev    uint64
	key    string
	stream string
	at     time.Time
	data   []byte // nil: ask the store
}

// addRecords takes a document of records from the watch.
func (t *Table) addRecords(key string, rev uint64, data []byte) error {
	ms, n := binary.Uvarint(data)
	if n <= 0 {
		return fmt.Errorf("read %s: %w", key, errRecords)
	}
	stream := key[len("s/")+len(t.id)+1:]
	stream = stream[:max(0, lastSlash(stream))]
	t.mu.Lock()
	defer t.mu.Unlock()
	l := &t.records
	l.head = max(l.head, rev)
	l.refs = append(l.refs, recordRef{rev, key, stream, time.UnixMilli(int64(ms)), data})
	l.cached += len(data)
	for l.cached > maxCached && l.next < len(l.refs) {
		l.cached -= len(l.refs[l.next].data)
		l.refs[l.next].data = nil
		l.next++
	}
	return nil
}

func lastSlash(s string) int {
	for i := len(s) - 1; i >= 0; i-- {
		if s[i] == '/' {
			return i
		}
	}
	return -1
}

// sortRecords brings what came in no particular order into that of revisions.
func (t *Table) sortRecords() {
	t.mu.Lock()
	defer t.mu.Unlock()
	slices.SortFunc(t.records.refs, func(a, b recordRef) int {
		if a.rev < b.rev {
			return -1
		}
		return 1
	})
	t.records.next = 0
}

func (t *Table) forgetRecords(key string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	l := &t.records
	for i, r := range l.refs {
		if r.key == key {
			l.cached -= len(r.data)
			l.refs = slices.Delete(l.refs, i, i+1)
			if i < l.next {
				l.next--
			}
			return
		}
	}
}

// Head returns the sequence number that is greater than those of all records so far.
func (t *Table) Head() uint64 {
	t.mu.RLock()
	defer t.mu.RUnlock()
	return seqOf(t.records.head+1, 0)
}

// Tail returns the sequence number of the oldest record of the stream that is kept; ok is false if there is none.
func (t *Table) Tail(stream string) (seq uint64, ok bool) {
	t.mu.RLock()
	defer t.mu.RUnlock()
	for _, r := range t.records.refs {
		if r.stream == stream {
			return seqOf(r.rev, 0), true
		}
	}
	return 0, false
}

// maxRecordsRead is how many bytes of images Records gives at once.
const maxRecordsRead = 1 << 20

// Records returns the records of a stream from seq on: at most limit, and no more than a megabyte but for the last.
func (s *Space) Records(ctx context.Context, t *Table, stream string, seq uint64, limit int) ([]Record, error) {
	t.mu.RLock()
	from, _ := slices.BinarySearchFunc(t.records.refs, seq/1000, func(r recordRef, rev uint64) int {
		if r.rev < rev {
			return -1
		}
		return 1
	})
	var refs []recordRef
	for _, r := range t.records.refs[from:] {
		if r.stream == stream {
			refs = append(refs, r)
		}
		if len(refs) == 2*limit+2 { // a record is in two documents at most
			break
		}
	}
	t.mu.RUnlock()

	var out []Record
	size := 0
	for i := 0; i < len(refs); i++ {
		records, follows, err := s.readRef(ctx, refs[i])
		if err != nil {
			return nil, err
		}
		if follows {
			i++
			if i == len(refs) {
				return out, nil // the watch has yet to report the other half
			}
			more, _, err := s.readRef(ctx, refs[i])
			if err != nil {
				return nil, err
			}
			if len(more) == 1 && len(records) > 0 {
				records[len(records)-1].Old = more[0].Old
			}
		}
		for _, r := range records {
			if r.Seq < seq || r.half {
				continue
			}
			out = append(out, r)
			if size += r.Old.Size() + r.New.Size(); len(out) == limit || size >= maxRecordsRead {
				return out, nil
			}
		}
	}
	return out, nil
}

func (s *Space) readRef(ctx context.Context, r recordRef) ([]Record, bool, error) {
	if r.data == nil {
		doc, err := s.docs.Get(ctx, r.key)
		if errors.Is(err, store.ErrNotFound) {
			return nil, false, nil // trimmed meanwhile
		} else if err != nil {
			return nil, false, fmt.Errorf("read records: %w", err)
		}
		r.data = doc.Data
	}
	records, follows, err := readRecords(r.rev, r.data)
	if err != nil {
		return nil, false, fmt.Errorf("read %s: %w", r.key, err)
	}
	return records, follows, nil
}
