package logs

import (
	"context"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/sallyport/sallyport/internal/awsapi"
	shapes "github.com/sallyport/sallyport/internal/awsapi/shapes/logs"
)

// Limits of a live tail. AWS's.
const (
	liveUpdate   = time.Second
	maxLiveLines = 500 // of one update; of more, these are shown
	maxLiveTail  = 3 * time.Hour
)

// A liveTail is the answer of StartLiveTail, which goes on until the client closes it.
type liveTail struct {
	ctx     context.Context
	s       *Service
	filters []Filter
	streams []string // whole names; empty is all
	start   *shapes.LiveTailSessionStart
}

func (s *Service) startLiveTail(ctx context.Context, in *shapes.StartLiveTailInput) (*liveTail, error) {
	switch {
	case len(in.LogStreamNames) > 0 && len(in.LogStreamNamePrefixes) > 0:
		return nil, errParameter("LogStreamNames and LogStreamNamePrefixes are mutually exclusive parameters.")
	case len(in.LogStreamNames)+len(in.LogStreamNamePrefixes) > 0 && len(in.LogGroupIdentifiers) > 1:
		return nil, errParameter("LogStreamNames and LogStreamNamePrefixes can be specified for one log group only.")
	}
	if _, err := parsePattern(in.LogEventFilterPattern); err != nil {
		return nil, err
	}
	docs, err := s.open(ctx)
	if err != nil {
		return nil, err
	}
	t := &liveTail{ctx: ctx, s: s, streams: in.LogStreamNames, start: &shapes.LiveTailSessionStart{
		RequestId: new(awsapi.CallerOf(ctx).RequestID), SessionId: new(awsapi.NewRequestID()), LogGroupIdentifiers: in.LogGroupIdentifiers,
		LogStreamNames: in.LogStreamNames, LogStreamNamePrefixes: in.LogStreamNamePrefixes, LogEventFilterPattern: new(value(in.LogEventFilterPattern)),
	}}
	for _, id := range in.LogGroupIdentifiers {
		if !strings.HasPrefix(id, "arn:") { // AWS: here, names will not do
			return nil, errParameter("The specified log group identifier is not a valid ARN: %s", id)
		}
		name := groupOfARN(id)
		if _, _, err := s.readGroup(ctx, docs, name); err != nil {
			return nil, err
		}
		f := Filter{Group: name, Pattern: value(in.LogEventFilterPattern)}
		if len(in.LogStreamNamePrefixes) == 0 {
			t.filters = append(t.filters, f)
		}
		for _, prefix := range in.LogStreamNamePrefixes {
			f.StreamPrefix = prefix
			t.filters = append(t.filters, f)
		}
	}
	return t, nil
}

// Live implements awsapi.Live: once a second it tells the lines that have come.
func (t *liveTail) Live(send func(event any) error) error {
	ctx, cancel := context.WithTimeout(t.ctx, maxLiveTail)
	defer cancel()
	var mu sync.Mutex // guards both
	var lines []*shapes.LiveTailSessionLogEvent
	sampled := false
	account := awsapi.CallerOf(ctx).Account
	for _, f := range t.filters {
		unsubscribe, err := t.s.subscribe(ctx, f, func(l Line) {
			if len(t.streams) > 0 && !slices.Contains(t.streams, l.Stream) {
				return
			}
			mu.Lock()
			defer mu.Unlock()
			if len(lines) == maxLiveLines {
				sampled = true
				return
			}
			lines = append(lines, &shapes.LiveTailSessionLogEvent{
				LogGroupIdentifier: new(account + ":" + l.Group), LogStreamName: &l.Stream, Message: &l.Message, Timestamp: new(l.Time.UnixMilli()), IngestionTime: new(t.s.millis()),
			})
		})
		if err != nil {
			return err
		}
		defer unsubscribe()
	}
	if err := send(&shapes.StartLiveTailResponseStream{SessionStart: t.start}); err != nil {
		return err
	}
	tick := time.NewTicker(liveUpdate)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-t.s.ended: // the server stops, and waits for its clients
			return nil
		case <-tick.C:
		}
		mu.Lock()
		update := &shapes.LiveTailSessionUpdate{SessionMetadata: &shapes.LiveTailSessionMetadata{Sampled: new(sampled)}, SessionResults: lines}
		if lines == nil {
			update.SessionResults = []*shapes.LiveTailSessionLogEvent{}
		}
		lines, sampled = nil, false
		mu.Unlock()
		if err := send(&shapes.StartLiveTailResponseStream{SessionUpdate: update}); err != nil {
			return err
		}
	}
}
