package delivery

import (
	"context"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"sync"
	"time"
)

const (
	// lateWrite is how long a line may take from its time to the log.
	lateWrite = 30 * time.Second
	// lookbackSpan is how long the lines of a group are remembered after the last look.
	lookbackSpan = time.Minute
)

// lookbacks are the groups of logs in which lines of earlier attempts are looked for.
type lookbacks struct {
	mu     sync.Mutex // guards groups
	groups map[string]*lookback
}

// A lookback knows the lines of a group between two moments. After a crash thousands of deliveries ask, and the log is read once.
type lookback struct {
	mu       sync.Mutex // guards all below
	from, to time.Time  // what has been read; zero: nothing
	lines    map[[sha256.Size]byte]struct{}
	forget   *time.Timer
}

// of returns the lookback of a group, which it forgets when nobody has asked for a while.
func (l *lookbacks) of(key string) *lookback {
	l.mu.Lock()
	defer l.mu.Unlock()
	if b := l.groups[key]; b != nil {
		b.forget.Reset(lookbackSpan)
		return b
	}
	b := &lookback{lines: map[[sha256.Size]byte]struct{}{}}
	b.forget = time.AfterFunc(lookbackSpan, func() {
		l.mu.Lock()
		defer l.mu.Unlock()
		if l.groups[key] == b {
			delete(l.groups, key)
		}
	})
	l.groups[key] = b
	return b
}

// has tells whether the group has a line from the time of an earlier attempt. read calls visit with all lines between two moments.
func (b *lookback) has(p *Perhaps, line string, read func(from, to time.Time, visit func(line string)) error) (bool, error) {
	until := p.Until
	if until.IsZero() {
		until = time.Now()
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	note := func(line string) { b.lines[sha256.Sum256([]byte(line))] = struct{}{} }
	switch {
	case b.from.IsZero():
		if err := read(p.Since, until, note); err != nil {
			return false, err
		}
		b.from, b.to = p.Since, until
	case p.Since.Before(b.from):
		if err := read(p.Since, b.from, note); err != nil {
			return false, err
		}
		b.from = p.Since
	}
	if until.After(b.to) {
		if err := read(b.to.Add(-lateWrite), until, note); err != nil {
			return false, err
		}
		b.to = until
	}
	_, there := b.lines[sha256.Sum256([]byte(line))]
	return there, nil
}

// readLines calls visit with the lines of a group between two moments.
func (s *Sender) readLines(ctx context.Context, group string, from, to time.Time, visit func(line string)) error {
	in := map[string]any{"logGroupName": group, "startTime": from.UnixMilli(), "endTime": to.UnixMilli() + 1}
	for {
		data, err := json.Marshal(in)
		if err != nil {
			return fmt.Errorf("encode lines: %w", err)
		}
		answer, err := s.services.Call(ctx, "logs", "FilterLogEvents", data)
		if err != nil {
			return err
		}
		var out struct {
			Events    []struct{ Message string }
			NextToken string
		}
		if err := json.Unmarshal(answer, &out); err != nil {
			return fmt.Errorf("decode lines: %w", err)
		}
		for _, e := range out.Events {
			visit(e.Message)
		}
		if out.NextToken == "" {
			return nil
		}
		in["nextToken"] = out.NextToken
	}
}
