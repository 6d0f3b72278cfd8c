package events

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/sallyport/sallyport/internal/awsapi"
	shapes "github.com/sallyport/sallyport/internal/awsapi/shapes/events"
)

const (
	maxEntries = 1 << 20   // bytes of all entries of a request. AWS: since January 2026
	oldEntries = 256 << 10 // before
)

func (s *Service) putEvents(ctx context.Context, in *shapes.PutEventsInput) (*shapes.PutEventsOutput, error) {
	limit := maxEntries
	if s.cfg.OldLimit {
		limit = oldEntries
	}
	total := 0
	for _, e := range in.Entries {
		total += sizeOf(e)
	}
	if total > limit {
		return nil, invalid("Total size of the entries in the request is over the limit.")
	}
	out := &shapes.PutEventsOutput{FailedEntryCount: new(int64(0))}
	for i, e := range in.Entries {
		result, err := s.putEntry(ctx, e, i)
		if err != nil {
			return nil, err
		}
		if result.ErrorCode != nil {
			*out.FailedEntryCount++
		}
		out.Entries = append(out.Entries, result)
	}
	return out, nil
}

// sizeOf is how AWS counts an entry.
func sizeOf(e *shapes.PutEventsRequestEntry) int {
	n := len(value(e.Source)) + len(value(e.DetailType)) + len(value(e.Detail))
	if e.Time != nil {
		n += 14
	}
	for _, r := range e.Resources {
		n += len(r)
	}
	return n
}

// putEntry takes one event, the nth of its request. What is wrong with it alone is in the result.
func (s *Service) putEntry(ctx context.Context, e *shapes.PutEventsRequestEntry, n int) (*shapes.PutEventsResultEntry, error) {
	fail := func(code, message string) (*shapes.PutEventsResultEntry, error) {
		return &shapes.PutEventsResultEntry{ErrorCode: &code, ErrorMessage: &message}, nil
	}
	for _, required := range []struct{ name, value string }{{"Source", value(e.Source)}, {"DetailType", value(e.DetailType)}, {"Detail", value(e.Detail)}} {
		if required.value == "" {
			return fail("InvalidArgument", fmt.Sprintf("Parameter %s is not valid. Reason: %s is a required argument.", required.name, required.name))
		}
	}
	c := awsapi.CallerOf(ctx)
	if strings.HasPrefix(*e.Source, "aws.") && c.Service == "" {
		return fail("NotAuthorizedForSource", "Not authorized for the source.")
	}
	var detail bytes.Buffer
	if text := strings.TrimSpace(*e.Detail); !strings.HasPrefix(text, "{") || json.Compact(&detail, []byte(text)) != nil {
		return fail("MalformedDetail", "Detail is malformed.")
	}
	at := time.Now()
	if e.Time != nil {
		at = *e.Time
	}
	b, id := busNamed(ctx, e.EventBusName), awsapi.NewRequestID()
	if c.Repeats {
		id = awsapi.RequestIDFrom("event", c.Account, c.Region, c.RequestID, strconv.Itoa(n))
	}
	event, err := envelope{
		id: id, detailType: *e.DetailType, source: *e.Source, account: c.Account, at: at, region: b.Region,
		resources: e.Resources, detail: detail.Bytes(),
	}.encode("")
	if err != nil {
		return nil, err
	}
	if err := s.publish(ctx, job{ID: id, Bus: b.name, Place: b.place, Via: id, Once: c.Repeats, event: event}, nil); err != nil {
		return nil, err
	}
	return &shapes.PutEventsResultEntry{EventId: &id}, nil
}

// An envelope is what surrounds the detail of an event.
type envelope struct {
	id, detailType, source, account string
	at                              time.Time
	region                          string
	resources                       []string
	detail                          []byte
}

// encode writes the event with its members in AWS's order. A replayed event names its replay.
func (e envelope) encode(replay string) ([]byte, error) {
	if e.resources == nil {
		e.resources = []string{}
	}
	data, err := json.Marshal(struct {
		Version    string          `json:"version"`
		ID         string          `json:"id"`
		DetailType string          `json:"detail-type"`
		Source     string          `json:"source"`
		Account    string          `json:"account"`
		Time       string          `json:"time"`
		Region     string          `json:"region"`
		Resources  []string        `json:"resources"`
		Detail     json.RawMessage `json:"detail"`
		Replay     string          `json:"replay-name,omitempty"`
	}{"0", e.id, e.detailType, e.source, e.account, e.at.UTC().Format("2006-01-02T15:04:05Z"), e.region, e.resources, e.detail, replay})
	if err != nil {
		return nil, fmt.Errorf("encode event: %w", err)
	}
	return unescapeHTML(data), nil
}

// unescapeHTML takes back what encoding/json does to <, > and & in strings: AWS leaves them.
func unescapeHTML(data []byte) []byte {
	if !bytes.Contains(data, []byte(`\u00`)) {
		return data
	}
	out := make([]byte, 0, len(data))
	for i := 0; i < len(data); i++ {
		if data[i] != '\\' || i+1 == len(data) {
			out = append(out, data[i])
			continue
		}
		if i+6 <= len(data) {
			if c, ok := map[string]byte{`\u003c`: '<', `\u003e`: '>', `\u0026`: '&'}[string(data[i:i+6])]; ok {
				out = append(out, c)
				i += 5
				continue
			}
		}
		out = append(out, data[i], data[i+1])
		i++
	}
	return out
}

// maxHops bounds how often an event goes from bus to bus.
const maxHops = 5

// publish holds an event against the rules of its bus. AWS: a bus that does not exist swallows it. What it returns nil for is durable.
func (s *Service) publish(ctx context.Context, j job, only []string) error {
	if err := s.rules.Ready(ctx); err != nil {
		return err
	}
	if err := s.archives.Ready(ctx); err != nil {
		return err
	}
	if j.Hops > maxHops {
		s.cfg.Log.Warn("an event goes from bus to bus without end and is dropped", "bus", j.Bus, "event", j.ID)
		return nil
	}
	goals, err := s.index.match(j.bus(), j.event, only)
	if err != nil || len(goals) == 0 {
		return err
	}
	j.Ingested = now()
	return s.enqueue(ctx, j, goals)
}
