package delivery

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"sync"
	"time"

	"github.com/sallyport/sallyport/internal/arn"
	"github.com/sallyport/sallyport/internal/awsapi"
)

// Lines of one batch for a group of logs, and the time that the first waits for more.
const (
	maxLines  = 1000
	maxBytes  = 900 << 10
	lineDelay = 10 * time.Millisecond
)

// batches are lines that wait to be written together: one write per group, not one per event.
type batches struct {
	mu     sync.Mutex // guards open
	open   map[string]*batch
	stream string
}

// A batch is written once, and tells all who gave it lines how that went.
type batch struct {
	events []logEvent
	bytes  int
	done   chan struct{} // closed when err is set
	err    error
}

type logEvent struct {
	Timestamp int64  `json:"timestamp"`
	Message   string `json:"message"`
}

func (b *batches) init() {
	b.open = map[string]*batch{}
	b.stream = awsapi.NewRequestID() // one stream per process: writers do not meet
}

// toLogs adds the payload to a group of logs. The first to come writes for all who come meanwhile.
func (s *Sender) toLogs(ctx context.Context, t Target, a arn.ARN, payload []byte) error {
	group := strings.TrimSuffix(strings.TrimPrefix(a.Resource, "log-group:"), ":*")
	key := a.Account + "/" + a.Region + "/" + group
	if t.Perhaps != nil {
		there, err := s.lookbacks.of(key).has(t.Perhaps, string(payload), func(from, to time.Time, visit func(string)) error {
			return s.readLines(ctx, group, from, to, visit)
		})
		if there || err != nil {
			return err
		}
	}
	at := time.Now().UnixMilli()
	b := &s.batches
	b.mu.Lock()
	mine := b.open[key]
	first := mine == nil || len(mine.events) >= maxLines || mine.bytes+len(payload) > maxBytes
	if first {
		mine = &batch{done: make(chan struct{})}
		b.open[key] = mine
	}
	if n := len(mine.events); n > 0 { // AWS: lines stand in the order of their times
		at = max(at, mine.events[n-1].Timestamp)
	}
	mine.events = append(mine.events, logEvent{at, string(payload)})
	mine.bytes += len(payload) + 26
	b.mu.Unlock()
	if !first {
		select {
		case <-mine.done:
			return mine.err
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	select {
	case <-time.After(lineDelay):
	case <-ctx.Done():
	}
	b.mu.Lock()
	if b.open[key] == mine {
		delete(b.open, key)
	}
	events := mine.events
	b.mu.Unlock()
	mine.err = s.putLines(ctx, group, events)
	close(mine.done)
	return mine.err
}

func (s *Sender) putLines(ctx context.Context, group string, events []logEvent) error {
	in := map[string]any{"logGroupName": group, "logStreamName": s.batches.stream, "logEvents": events}
	data, err := json.Marshal(in)
	if err != nil {
		return fmt.Errorf("encode lines: %w", err)
	}
	_, err = s.services.Call(ctx, "logs", "PutLogEvents", data)
	if awsapi.Code(err) != "ResourceNotFoundException" {
		return err
	}
	stream := map[string]any{"logGroupName": group, "logStreamName": s.batches.stream}
	if err := s.call(ctx, "logs", "CreateLogStream", stream); err != nil && awsapi.Code(err) != "ResourceAlreadyExistsException" {
		return err
	}
	_, err = s.services.Call(ctx, "logs", "PutLogEvents", data)
	return err
}
