package logs

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"hash/fnv"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"

	shapes "github.com/sallyport/sallyport/internal/awsapi/shapes/logs"
	"github.com/sallyport/sallyport/internal/service/logs/pattern"
)

// Limits of AWS.
const (
	eventOverhead = 26 // bytes that AWS counts for an event beside its message
	maxBatch      = 1048576
	maxPage       = 1 << 20 // bytes of one answer
	maxEvents     = 10000   // events of one answer
	maxScan       = 50000   // events that one FilterLogEvents looks at before it answers, if only with a token

	aheadLimit = 2 * time.Hour
	oldLimit   = 14 * 24 * time.Hour
	spanLimit  = 24 * time.Hour
)

func (s *Service) putLogEvents(ctx context.Context, in *shapes.PutLogEventsInput) (*shapes.PutLogEventsOutput, error) {
	if err := checkBatch(in.LogEvents); err != nil {
		return nil, err
	}
	docs, err := s.open(ctx)
	if err != nil {
		return nil, err
	}
	g, _, err := s.readGroup(ctx, docs, *in.LogGroupName)
	if err != nil {
		return nil, err
	}
	if _, err := readStream(ctx, docs, g, *in.LogStreamName); err != nil {
		return nil, err
	}
	events, rejected := s.accept(g, in.LogEvents)
	if len(events) > 0 {
		key := logKey{place: placeOf(ctx), group: g.Name, stream: *in.LogStreamName}
		if err := s.write(ctx, key, events, false); err != nil {
			return nil, err
		}
		s.tell(key, events)
	}
	return &shapes.PutLogEventsOutput{NextSequenceToken: new(sequenceToken(s.millis())), RejectedLogEventsInfo: rejected}, nil
}

// checkBatch refuses what AWS refuses as a whole.
func checkBatch(events []*shapes.InputLogEvent) error {
	size := 0
	for i, e := range events {
		if n := len(*e.Message) + eventOverhead; n > maxBatch {
			return errParameter("Log event too large: %d bytes exceeds limit of %d", n, maxBatch)
		} else {
			size += n
		}
		if i > 0 && *e.Timestamp < *events[i-1].Timestamp {
			return errParameter("Log events in a single PutLogEvents request must be in chronological order.")
		}
	}
	if size > maxBatch {
		return errParameter("Upload too large: %d bytes exceeds limit of %d", size, maxBatch)
	}
	if n := len(events); n > 0 && *events[n-1].Timestamp-*events[0].Timestamp > spanLimit.Milliseconds() {
		return errParameter("The batch of log events in a single PutLogEvents request cannot span more than 24 hours.")
	}
	return nil
}

// accept returns the events that are neither too old nor too new, and AWS's account of the others.
func (s *Service) accept(g *group, in []*shapes.InputLogEvent) ([]event, *shapes.RejectedLogEventsInfo) {
	now := s.millis()
	var events []event
	var rejected shapes.RejectedLogEventsInfo
	for i, e := range in {
		switch at := *e.Timestamp; {
		case at > now+aheadLimit.Milliseconds():
			if rejected.TooNewLogEventStartIndex == nil {
				rejected.TooNewLogEventStartIndex = new(int64(i))
			}
		case at < now-oldLimit.Milliseconds():
			rejected.TooOldLogEventEndIndex = new(int64(i + 1))
		case at < g.expired(now):
			rejected.ExpiredLogEventEndIndex = new(int64(i + 1))
		default:
			events = append(events, event{at: at, ingested: now, message: cut(*e.Message)})
		}
	}
	if rejected == (shapes.RejectedLogEventsInfo{}) {
		return events, nil
	}
	return events, &rejected
}

// sequenceToken looks like AWS's, which nobody has to send back any more.
func sequenceToken(n int64) string { return fmt.Sprintf("%056d", n) }

// groupNamed returns the group that a request names by its name, or by its name or ARN.
func groupNamed(name, identifier *string) (string, error) {
	switch {
	case name != nil && identifier != nil:
		return "", errParameter("LogGroup name and LogGroup identifier are mutually exclusive parameters.")
	case name != nil:
		return *name, nil
	case identifier != nil:
		return groupOfARN(*identifier), nil
	}
	return "", errParameter("Either LogGroup name or LogGroup identifier must be specified.")
}

// groupOfARN returns the name in a group's ARN, with or without the :* at its end; what is no ARN is a name.
func groupOfARN(s string) string {
	if _, rest, ok := strings.Cut(s, ":log-group:"); ok && strings.HasPrefix(s, "arn:") {
		name, _, _ := strings.Cut(rest, ":")
		return name
	}
	return s
}

func (s *Service) getLogEvents(ctx context.Context, in *shapes.GetLogEventsInput) (*shapes.GetLogEventsOutput, error) {
	name, err := groupNamed(in.LogGroupName, in.LogGroupIdentifier)
	if err != nil {
		return nil, err
	}
	docs, err := s.open(ctx)
	if err != nil {
		return nil, err
	}
	g, _, err := s.readGroup(ctx, docs, name)
	if err != nil {
		return nil, err
	}
	st, err := readStream(ctx, docs, g, *in.LogStreamName)
	if err != nil {
		return nil, err
	}
	q := query{group: g, streams: []*stream{st}, to: math.MaxInt64, backward: in.StartFromHead == nil || !*in.StartFromHead}
	if in.StartTime != nil {
		q.from = *in.StartTime
	}
	if in.EndTime != nil {
		q.to = *in.EndTime - 1
	}
	if in.NextToken != nil {
		if q.backward, q.after, err = parseToken(*in.NextToken, st.ID); err != nil {
			return nil, err
		}
	}
	limit := maxEvents
	if in.Limit != nil {
		limit = int(*in.Limit)
	}
	var events []found
	size := 0
	err = s.walk(ctx, docs, q, func(f found) error {
		if size += len(f.event.message) + eventOverhead; len(events) > 0 && size > maxPage {
			return errEnough
		}
		if events = append(events, f); len(events) == limit {
			return errEnough
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	if q.backward {
		slices.Reverse(events)
	}
	return showPage(events, q), nil
}

// showPage makes the answer, with tokens for what lies after and before it. AWS: the token that was sent comes back
// when there is nothing more in its direction.
func showPage(events []found, q query) *shapes.GetLogEventsOutput {
	first, last := position{}, position{}
	switch {
	case len(events) > 0:
		first, last = events[0].position, events[len(events)-1].position
	case q.after != nil:
		first, last = *q.after, *q.after
	}
	out := &shapes.GetLogEventsOutput{
		Events:            []*shapes.OutputLogEvent{},
		NextForwardToken:  new(token("f", last)),
		NextBackwardToken: new(token("b", first)),
	}
	for _, f := range events {
		out.Events = append(out.Events, &shapes.OutputLogEvent{IngestionTime: new(f.event.ingested), Message: new(f.event.message), Timestamp: new(f.event.at)})
	}
	return out
}

// A token of GetLogEvents is f/ or b/ and a position in its stream, in 56 digits as AWS's.
func token(direction string, p position) string {
	return fmt.Sprintf("%s/%020d%018d%018d", direction, p.at, p.chunk, p.index)
}

func parseToken(s, streamID string) (backward bool, p *position, err error) {
	direction, digits, ok := strings.Cut(s, "/")
	if !ok || direction != "f" && direction != "b" || len(digits) != 56 {
		return false, nil, errToken()
	}
	at, err1 := strconv.ParseInt(digits[:20], 10, 64)
	number, err2 := strconv.ParseInt(digits[20:38], 10, 64)
	index, err3 := strconv.Atoi(digits[38:])
	if errors.Join(err1, err2, err3) != nil || at < 0 || number < 0 || index < 0 {
		return false, nil, errToken()
	}
	return direction == "b", &position{at, streamID, number, index}, nil
}

func (s *Service) filterLogEvents(ctx context.Context, in *shapes.FilterLogEventsInput) (*shapes.FilterLogEventsOutput, error) {
	name, err := groupNamed(in.LogGroupName, in.LogGroupIdentifier)
	if err != nil {
		return nil, err
	}
	if in.LogStreamNames != nil && in.LogStreamNamePrefix != nil {
		return nil, errParameter("logStreamNames and logStreamNamePrefix are mutually exclusive parameters.")
	}
	p, err := parsePattern(in.FilterPattern)
	if err != nil {
		return nil, err
	}
	docs, err := s.open(ctx)
	if err != nil {
		return nil, err
	}
	g, _, err := s.readGroup(ctx, docs, name)
	if err != nil {
		return nil, err
	}
	prefix := ""
	if in.LogStreamNamePrefix != nil {
		prefix = *in.LogStreamNamePrefix
	}
	q := query{group: g, to: math.MaxInt64}
	if q.streams, err = listStreams(ctx, docs, g, prefix); err != nil {
		return nil, err
	}
	if q.streams, err = streamsNamed(q.streams, in.LogStreamNames); err != nil {
		return nil, err
	}
	if in.StartTime != nil {
		q.from = *in.StartTime
	}
	if in.EndTime != nil {
		q.to = *in.EndTime
	}
	if in.NextToken != nil {
		if q.after, err = parseFilterToken(*in.NextToken); err != nil {
			return nil, err
		}
	}
	limit := maxEvents
	if in.Limit != nil {
		limit = int(*in.Limit)
	}
	out := &shapes.FilterLogEventsOutput{Events: []*shapes.FilteredLogEvent{}, SearchedLogStreams: []*shapes.SearchedLogStream{}}
	size, seen := 0, 0
	var last position
	err = s.walk(ctx, docs, q, func(f found) error {
		if len(out.Events) == limit || size > maxPage || seen == maxScan {
			out.NextToken = new(filterToken(last))
			return errEnough
		}
		seen++
		last = f.position
		if p.Match(f.event.message) {
			size += len(f.event.message) + eventOverhead
			out.Events = append(out.Events, showFiltered(f))
		}
		return nil
	})
	return out, err
}

func parsePattern(text *string) (*pattern.Pattern, error) {
	s := ""
	if text != nil {
		s = *text
	}
	p, err := pattern.Parse(s)
	if syntax := (*pattern.SyntaxError)(nil); errors.As(err, &syntax) {
		return nil, errParameter("Invalid filter pattern: %s", syntax.Reason)
	}
	return p, err
}

// streamsNamed keeps the streams of these names, if any are given; all must exist.
func streamsNamed(streams []*stream, names []string) ([]*stream, error) {
	if names == nil {
		return streams, nil
	}
	var kept []*stream
	for _, name := range names {
		i := slices.IndexFunc(streams, func(s *stream) bool { return s.Name == name })
		if i < 0 {
			return nil, errNoStream()
		}
		if !slices.Contains(kept, streams[i]) {
			kept = append(kept, streams[i])
		}
	}
	return kept, nil
}

func showFiltered(f found) *shapes.FilteredLogEvent {
	h := fnv.New64a()
	_, _ = h.Write([]byte(f.stream.ID))
	return &shapes.FilteredLogEvent{
		EventId:       new(fmt.Sprintf("%020d%018d%09d%09d", f.event.at, h.Sum64()%1e18, f.chunk%1e9, f.index)),
		IngestionTime: new(f.event.ingested),
		LogStreamName: &f.stream.Name,
		Message:       new(f.event.message),
		Timestamp:     new(f.event.at),
	}
}

// filterToken is the position of the last event that was looked at.
func filterToken(p position) string {
	data, _ := json.Marshal([]any{p.at, p.stream, p.chunk, p.index}) // numbers and a string
	return base64.RawURLEncoding.EncodeToString(data)
}

func parseFilterToken(s string) (*position, error) {
	data, err := base64.RawURLEncoding.DecodeString(s)
	if err != nil {
		return nil, errToken()
	}
	var p position
	fields := []any{&p.at, &p.stream, &p.chunk, &p.index}
	if err := json.Unmarshal(data, &fields); err != nil || len(fields) != 4 {
		return nil, errToken()
	}
	return &p, nil
}
