package logs

import (
	"encoding/json"
	"fmt"
	"slices"

	"github.com/sallyport/sallyport/internal/store"
)

// An event is one line of a stream.
type event struct {
	at       int64
	ingested int64
	message  string
}

// A chunk is events in the order in which they came, as columns: that is compact, and quick to decode.
type chunk struct {
	Base     int64    `json:"b"` // added to all times
	Times    []int64  `json:"t"`
	Ingested []int64  `json:"i"`
	Messages []string `json:"m"`
}

// Sizes of chunks. A stream's last chunk is written again with more events while it is small, so that a stream that gets
// a line now and then does not become a heap of tiny documents.
const (
	smallChunk = 8 << 10   // encoded bytes below which events are added to a chunk
	fullChunk  = 256 << 10 // bytes of messages that one chunk takes
	fullEvents = 5000      // events that one chunk takes
	pieceBytes = 512 << 10 // bytes of one document of a chunk that is larger
)

func newChunk(events []event) *chunk {
	c := &chunk{Base: events[0].at}
	for _, e := range events {
		c.Times = append(c.Times, e.at-c.Base)
		c.Ingested = append(c.Ingested, e.ingested-c.Base)
		c.Messages = append(c.Messages, e.message)
	}
	return c
}

func (c *chunk) events() []event {
	events := make([]event, min(len(c.Times), len(c.Ingested), len(c.Messages)))
	for i := range events {
		events[i] = event{at: c.Base + c.Times[i], ingested: c.Base + c.Ingested[i], message: c.Messages[i]}
	}
	return events
}

func decodeChunk(data []byte) ([]event, error) {
	var c chunk
	if err := json.Unmarshal(data, &c); err != nil {
		return nil, err
	}
	return c.events(), nil
}

// A log is a stream that events are added to: what is known of its documents, so that adding needs no reading.
type log struct {
	groupID string
	stream  stream
	rev     uint64 // of the head; zero means that there is none
	head    head
	tail    []event // of the last chunk, while it is small
}

// add returns the log with events added and the writes that make it so, the head's last: its revision is that of the
// batch. The log itself is left as it was.
func (l *log) add(streamKey string, events []event) (*log, []store.Write, error) {
	next := &log{groupID: l.groupID, stream: l.stream, rev: l.rev, head: l.head}
	next.head.Chunks, next.head.Pages = slices.Clone(l.head.Chunks), slices.Clone(l.head.Pages)
	for _, e := range events {
		next.stream.Ingested = max(next.stream.Ingested, e.ingested)
	}
	var writes []store.Write
	if n := len(next.head.Chunks); n > 0 && len(l.tail) > 0 {
		// The last chunk is written again, under its number.
		next.head.Chunks = next.head.Chunks[:n-1]
		chunkNumber := l.head.Chunks[n-1].Chunk
		events = append(slices.Clip(l.tail), events...)
		next.head.Next = chunkNumber
	}
	for len(events) > 0 {
		part := events[:fit(events)]
		events = events[len(part):]
		r, docs, err := next.encodeChunk(part)
		if err != nil {
			return nil, nil, err
		}
		next.head.Chunks = append(next.head.Chunks, r)
		writes = append(writes, docs...)
		if next.tail = nil; r.Bytes < smallChunk {
			next.tail = part
		}
	}
	next.updateStream()
	turned, err := next.turnPage()
	if err != nil {
		return nil, nil, err
	}
	writes = append(writes, turned...)

	headDoc, err := encode(next.head)
	if err != nil {
		return nil, nil, err
	}
	streamDoc, err := encode(next.stream)
	if err != nil {
		return nil, nil, err
	}
	writes = append(writes,
		store.Write{Key: streamKey, Data: streamDoc},
		store.Write{Key: headKey(l.groupID, l.stream.ID), Data: headDoc, When: store.AtRev(l.rev)})
	return next, writes, nil
}

// fit is how many of events go into one chunk.
func fit(events []event) int {
	size := 0
	for i, e := range events {
		if size += len(e.message) + 1; i > 0 && (size > fullChunk || i == fullEvents) {
			return i
		}
	}
	return len(events)
}

// encodeChunk gives events the next number and makes their documents: several if one would be too large.
func (l *log) encodeChunk(events []event) (ref, []store.Write, error) {
	data, err := encode(newChunk(events))
	if err != nil {
		return ref{}, nil, err
	}
	r := ref{Chunk: l.head.Next, First: events[0].at, Last: events[0].at, Events: len(events), Bytes: len(data)}
	for _, e := range events {
		r.First, r.Last = min(r.First, e.at), max(r.Last, e.at)
	}
	pieces := slices.Collect(slices.Chunk(data, pieceBytes))
	if len(pieces) > 1 {
		r.Pieces = len(pieces)
	}
	l.head.Next++
	var writes []store.Write
	for i, key := range chunkKeys(l.groupID, l.stream.ID, r) {
		writes = append(writes, store.Write{Key: key, Data: pieces[i]})
	}
	return r, writes, nil
}

// updateStream tells the stream's document what its chunks say.
func (l *log) updateStream() {
	s := &l.stream
	s.First, s.Last, s.Bytes = 0, 0, 0
	see := func(first, last, bytes int64) {
		if s.Bytes == 0 || first < s.First {
			s.First = first
		}
		s.Last = max(s.Last, last)
		s.Bytes += bytes
	}
	for _, p := range l.head.Pages {
		see(p.First, p.Last, p.Bytes)
	}
	for _, r := range l.head.Chunks {
		see(r.First, r.Last, int64(r.Bytes))
	}
}

// turnPage moves the refs of a full head to a page.
func (l *log) turnPage() ([]store.Write, error) {
	if len(l.head.Chunks) <= maxRefs {
		return nil, nil
	}
	full := l.head.Chunks[:maxRefs]
	p := page{Page: full[0].Chunk, First: full[0].First, Last: full[0].Last}
	for _, r := range full {
		p.First, p.Last = min(p.First, r.First), max(p.Last, r.Last)
		p.Bytes += int64(r.Bytes)
	}
	data, err := encode(full)
	if err != nil {
		return nil, fmt.Errorf("turn page: %w", err)
	}
	l.head.Pages = append(l.head.Pages, p)
	l.head.Chunks = slices.Clone(l.head.Chunks[maxRefs:])
	return []store.Write{{Key: pageKey(l.groupID, l.stream.ID, p.Page), Data: data}}, nil
}
