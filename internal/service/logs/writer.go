package logs

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/sallyport/sallyport/internal/awsapi"
	"github.com/sallyport/sallyport/internal/store"
)

// Limits of what Append keeps in memory.
const (
	flushEvery = 500 * time.Millisecond
	flushBytes = 1 << 20  // pending bytes that are written at once
	maxPending = 32 << 20 // pending bytes above which the oldest lines are dropped
	maxMessage = 1 << 20  // bytes of one line; what is longer is cut
	lineCost   = 64       // what a line costs beside its bytes
)

// A logKey names a stream from outside.
type logKey struct {
	place
	group, stream string
}

// A record is a line on its way.
type record struct {
	key logKey
	event
}

func (r record) cost() int { return len(r.message) + lineCost }

// writer is what Append fills and the loops of Run empty.
type writer struct {
	wakeFlush, wakeLive chan struct{}

	mu      sync.Mutex // guards all below
	pending []record
	bytes   int // cost of pending, and of what is being written
	dropped map[logKey]int
	live    []record
}

// Append adds lines to a stream, making the group and the stream if they do not exist. It never waits: lines are written
// within half a second, and a process that is killed before loses them. When lines come faster than
// they can be written, the oldest that wait are dropped, and the stream says how many.
func (s *Service) Append(ctx context.Context, group, stream string, at time.Time, lines ...string) {
	w := &s.writer
	key := logKey{place: placeOf(ctx), group: group, stream: stream}
	ingested := s.millis()
	w.mu.Lock()
	for _, line := range lines {
		if line == "" {
			continue // AWS: a message is never empty
		}
		r := record{key: key, event: event{at: at.UnixMilli(), ingested: ingested, message: cut(line)}}
		w.pending = append(w.pending, r)
		w.bytes += r.cost()
		w.live = append(w.live, r)
	}
	w.dropOldest()
	full := w.bytes >= flushBytes
	w.mu.Unlock()
	wake(w.wakeLive)
	if full {
		wake(w.wakeFlush)
	}
}

// cut makes of a line what a message may be.
func cut(line string) string {
	line = strings.ToValidUTF8(line, "\uFFFD")
	if len(line) <= maxMessage {
		return line
	}
	return strings.ToValidUTF8(line[:maxMessage], "")
}

func wake(c chan struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}

// dropOldest keeps to the limits. Those who tail see fewer lines then, too; they are not told.
func (w *writer) dropOldest() {
	n := 0
	for w.bytes > maxPending && n < len(w.pending) {
		w.bytes -= w.pending[n].cost()
		w.dropped[w.pending[n].key]++
		n++
	}
	w.pending = slices.Delete(w.pending, 0, n)
	if n := len(w.live) - maxLive; n > 0 {
		w.live = slices.Delete(w.live, 0, n)
	}
}

func (s *Service) flushLoop(ctx context.Context) {
	tick := time.NewTicker(flushEvery)
	defer tick.Stop()
	for {
		select {
		case <-tick.C:
			s.flush(ctx)
		case <-s.writer.wakeFlush:
			s.flush(ctx)
		case <-ctx.Done():
			ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 5*time.Second)
			defer cancel()
			s.flush(ctx)
			return
		}
	}
}

// flush writes what is pending. What cannot be written waits for the next time.
func (s *Service) flush(ctx context.Context) {
	w := &s.writer
	w.mu.Lock()
	records, dropped := w.pending, w.dropped
	w.pending, w.dropped = nil, map[logKey]int{}
	w.mu.Unlock()

	byLog := map[logKey][]event{}
	var order []logKey
	written := 0
	for key, n := range dropped {
		s.log.Warn("log lines were dropped: they came faster than they could be written", "group", key.group, "stream", key.stream, "lines", n)
		now := s.millis()
		byLog[key] = append(byLog[key], event{at: now, ingested: now, message: fmt.Sprintf("sallyport: %d log lines are missing here: they came faster than they could be written", n)})
		order = append(order, key)
	}
	for _, r := range records {
		if byLog[r.key] == nil {
			order = append(order, r.key)
		}
		byLog[r.key] = append(byLog[r.key], r.event)
		written += r.cost()
	}
	var failed []record
	for _, key := range order {
		err := s.write(ctx, key, byLog[key], true)
		if err == nil {
			continue
		}
		s.log.Warn("log lines wait to be written", "group", key.group, "stream", key.stream, "lines", len(byLog[key]), "error", err)
		for _, e := range byLog[key] {
			failed = append(failed, record{key: key, event: e})
		}
	}
	w.mu.Lock()
	w.bytes -= written
	for _, r := range failed {
		w.bytes += r.cost()
	}
	w.pending = append(failed, w.pending...)
	w.dropOldest()
	w.mu.Unlock()
}

// An openLog is a log that this process writes to.
type openLog struct {
	mu   sync.Mutex // guards log
	log  *log       // nil until it is read
	used time.Time  // guarded by Service.mu
}

// openLog returns the log of a key, which may not have been read yet.
func (s *Service) openLog(key logKey) *openLog {
	const idle = 10 * time.Minute
	s.mu.Lock()
	defer s.mu.Unlock()
	now := s.now()
	o := s.logs[key]
	if o == nil {
		for k, other := range s.logs {
			if now.Sub(other.used) > idle {
				delete(s.logs, k)
			}
		}
		o = &openLog{}
		s.logs[key] = o
	}
	o.used = now
	return o
}

// write adds events to a log, durably, and makes the group and the stream if they do not exist and create is set.
func (s *Service) write(ctx context.Context, key logKey, events []event, create bool) error {
	docs, err := s.open(ctx)
	if err != nil {
		return err
	}
	slices.SortStableFunc(events, func(a, b event) int { return int(min(max(a.at-b.at, -1), 1)) })
	o := s.openLog(key)
	o.mu.Lock()
	defer o.mu.Unlock()
	const attempts = 50
	all := events
	for attempt := 1; ; attempt++ {
		if o.log == nil {
			if o.log, err = s.readLog(ctx, docs, key, create); err != nil {
				return err
			}
		}
		rest, err := s.writeSome(ctx, docs, key, o, events)
		if err == nil && len(rest) == 0 {
			s.measure(ctx, key, all)
			s.feed(ctx, key, all)
			return nil
		}
		events = rest
		if err != nil {
			o.log = nil // somebody else wrote, or the stream is gone
			if !errors.Is(err, store.ErrConflict) || attempt == attempts {
				return fmt.Errorf("write to stream %s: %w", key.stream, err)
			}
		}
	}
}

// writeSome adds as many events as one batch takes, and returns the others.
func (s *Service) writeSome(ctx context.Context, docs store.Store, key logKey, o *openLog, events []event) ([]event, error) {
	const batchBytes = 4 << 20
	n, size := 0, 0
	for n < len(events) && n < 20*fullEvents && (n == 0 || size+len(events[n].message) <= batchBytes) {
		size += len(events[n].message)
		n++
	}
	next, writes, err := o.log.add(streamKey(o.log.groupID, key.stream), events[:n])
	if err != nil {
		return events, err
	}
	if next.rev, err = docs.Apply(ctx, writes...); err != nil {
		return events, err
	}
	o.log = next
	return events[n:], nil
}

// readLog reads what is known of a stream's documents, and makes the group and the stream if create is set.
func (s *Service) readLog(ctx context.Context, docs store.Store, key logKey, create bool) (*log, error) {
	ctx = awsapi.WithCaller(ctx, awsapi.Caller{Account: key.Account, Region: key.Region, Admin: true})
	g, _, err := s.readGroup(ctx, docs, key.group)
	if create && awsapi.Code(err) == codeNotFound {
		if err = s.makeGroup(ctx, docs, &group{Name: key.group}); err == nil || awsapi.Code(err) == codeExists {
			g, _, err = s.readGroup(ctx, docs, key.group)
		}
	}
	if err != nil {
		return nil, err
	}
	st, err := readStream(ctx, docs, g, key.stream)
	if create && awsapi.Code(err) == codeNotFound {
		if err = s.makeStream(ctx, docs, g, key.stream); err == nil || awsapi.Code(err) == codeExists {
			st, err = readStream(ctx, docs, g, key.stream)
		}
	}
	if err != nil {
		return nil, err
	}
	l := &log{groupID: g.ID, stream: *st}
	if l.rev, err = read(ctx, docs, headKey(g.ID, st.ID), &l.head); err != nil {
		return nil, err
	}
	if n := len(l.head.Chunks); n > 0 && l.head.Chunks[n-1].Bytes < smallChunk {
		if l.tail, err = readChunk(ctx, docs, g.ID, st.ID, l.head.Chunks[n-1]); err != nil {
			return nil, err
		}
	}
	return l, nil
}
