package logs

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"regexp"
	"strings"
	"time"
)

// Limits of what is told to those who tail.
const (
	maxLive      = 65536     // lines that wait to be told
	maxLiveBytes = 256 << 10 // bytes of one message on the bus

	// liveEvery is how long lines wait for others that are told with them. The first after a silence does not wait.
	liveEvery = 20 * time.Millisecond
)

// A Filter says which lines Tail follows, in the account and region of its context.
type Filter struct {
	Group        string // name of a group; empty is all
	GroupPrefix  string // what the group's name begins with
	StreamPrefix string // what the stream's name begins with
	Pattern      string // a filter pattern; empty is all
}

// A Line is one line that Tail found.
type Line struct {
	Group, Stream string
	Time          time.Time
	Message       string
}

// Tail calls f with every line that is written from now on, on any node, until ctx is done or f returns an error, which
// it returns. Lines come as they are written, and not at all to a Tail that is very far behind.
func (s *Service) Tail(ctx context.Context, filter Filter, f func(Line) error) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	unsubscribe, err := s.subscribe(ctx, filter, func(l Line) {
		if err := f(l); err != nil {
			cancel(err)
		}
	})
	if err != nil {
		return err
	}
	<-ctx.Done()
	unsubscribe()
	return context.Cause(ctx)
}

// subscribe calls f with every line that is written from now on, one call at a time, until ctx is done.
func (s *Service) subscribe(ctx context.Context, filter Filter, f func(Line)) (unsubscribe func(), err error) {
	p, err := parsePattern(&filter.Pattern)
	if err != nil {
		return nil, err
	}
	subject := subjectPrefix(placeOf(ctx)) + ">"
	if filter.Group != "" {
		subject = subjectOf(placeOf(ctx), filter.Group)
	}
	unsubscribe, err = s.bus.Subscribe(subject, func(_ string, data []byte) {
		var m liveMessage
		if err := json.Unmarshal(data, &m); err != nil {
			s.log.Warn("a message about log lines cannot be read", "error", err)
			return
		}
		if filter.Group != "" && m.Group != filter.Group || !strings.HasPrefix(m.Group, filter.GroupPrefix) || !strings.HasPrefix(m.Stream, filter.StreamPrefix) {
			return
		}
		for i := range min(len(m.Times), len(m.Messages)) {
			if ctx.Err() != nil {
				return
			}
			if !p.Match(m.Messages[i]) {
				continue
			}
			f(Line{m.Group, m.Stream, time.UnixMilli(m.Times[i]), m.Messages[i]})
		}
	})
	if err != nil {
		return nil, fmt.Errorf("follow log lines: %w", err)
	}
	return unsubscribe, nil
}

// A liveMessage is lines of one stream, on the bus.
type liveMessage struct {
	Group    string   `json:"g"`
	Stream   string   `json:"s"`
	Times    []int64  `json:"t"`
	Messages []string `json:"m"`
}

var notToken = regexp.MustCompile(`[^A-Za-z0-9_-]`)

// subjectPrefix begins the subjects of all groups of a place: "logs.{account}.{region}.".
func subjectPrefix(p place) string {
	return "logs." + notToken.ReplaceAllString(p.Account, "_") + "." + notToken.ReplaceAllString(p.Region, "_") + "."
}

// subjectOf is where the lines of a group are told. Names of groups have characters that subjects have not.
func subjectOf(p place, group string) string {
	sum := sha256.Sum256([]byte(group))
	return subjectPrefix(p) + hex.EncodeToString(sum[:12])
}

func (s *Service) liveLoop(ctx context.Context) {
	pause := time.NewTimer(0)
	defer pause.Stop()
	for {
		select {
		case <-s.writer.wakeLive:
			s.tellPending(ctx)
		case <-ctx.Done():
			return
		}
		pause.Reset(liveEvery)
		select {
		case <-pause.C:
		case <-ctx.Done():
			return
		}
	}
}

// tellPending tells the lines that Append took since the last time, those of a stream together.
func (s *Service) tellPending(ctx context.Context) {
	w := &s.writer
	w.mu.Lock()
	records := w.live
	w.live = nil
	w.mu.Unlock()
	var keys []logKey // in the order of appearance
	streams := map[logKey][]event{}
	for _, r := range records {
		if streams[r.key] == nil {
			keys = append(keys, r.key)
		}
		streams[r.key] = append(streams[r.key], r.event)
	}
	for _, key := range keys {
		for events := streams[key]; len(events) > 0; {
			m := liveMessage{Group: key.group, Stream: key.stream}
			n, size := 0, 0
			for n < len(events) && (n == 0 || size+len(events[n].message) < maxLiveBytes) {
				m.Times = append(m.Times, events[n].at)
				m.Messages = append(m.Messages, events[n].message)
				size += len(events[n].message)
				n++
			}
			s.publish(ctx, key, m)
			events = events[n:]
		}
	}
}

func (s *Service) publish(ctx context.Context, key logKey, m liveMessage) {
	data, err := encode(m)
	if err == nil {
		err = s.bus.Publish(ctx, subjectOf(key.place, key.group), data)
	}
	if err != nil && ctx.Err() == nil {
		s.log.Warn("log lines were not told to those who follow", "group", key.group, "error", err)
	}
}

// tell queues lines that are already written for those who tail.
func (s *Service) tell(key logKey, events []event) {
	w := &s.writer
	w.mu.Lock()
	for _, e := range events {
		w.live = append(w.live, record{key, e})
	}
	w.dropOldest()
	w.mu.Unlock()
	wake(w.wakeLive)
}
