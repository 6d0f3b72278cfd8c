package events

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/sallyport/sallyport/internal/awsapi"
	shapes "github.com/sallyport/sallyport/internal/awsapi/shapes/events"
	"github.com/sallyport/sallyport/internal/bus"
	"github.com/sallyport/sallyport/internal/store"
	"github.com/sallyport/sallyport/internal/store/follow"
)

const (
	replayQueue   = "events-replay"
	replayWorkers = 4
	saveEvery     = 50 // events between two notes of how far a replay is
)

func (r *replay) arn() string { return r.Place.arn("replay/" + r.Name) }
func (r *replay) key() string { return r.Place.key("replay", r.Name) }

func errNoReplay(name string) error { return notFound("Replay %s does not exist.", name) }

func (s *Service) startReplay(ctx context.Context, in *shapes.StartReplayInput) (*shapes.StartReplayOutput, error) {
	p := placeOf(ctx)
	r := &replay{
		Place: p, Name: *in.ReplayName, Description: value(in.Description), Archive: *in.EventSourceArn, From: *in.EventStartTime, To: *in.EventEndTime,
		Rules: in.Destination.FilterArns, State: "STARTING", Started: now(),
	}
	old, err := s.replays.Get(ctx, r.key())
	if err != nil {
		return nil, err
	}
	if old != nil {
		return nil, exists("Replay %s already exists.", r.Name)
	}
	ap, name, ok := archiveNamed(*in.EventSourceArn)
	if !ok {
		return nil, invalid("Parameter EventSourceArn is not valid. Reason: Must contain an archive ARN.")
	}
	a, err := s.archives.Get(ctx, ap.key("archive", name))
	if err != nil {
		return nil, err
	}
	if a == nil {
		return nil, invalid("Parameter EventSourceArn is not valid. Reason: Archive %s does not exist.", name)
	}
	if !r.From.Before(r.To) {
		return nil, invalid("Parameter EventEndTime is not valid. Reason: EventStartTime must be before EventEndTime.")
	}
	b, name, ok := parseResource(*in.Destination.Arn)
	if !ok || name != "" {
		return nil, invalid("Parameter Destination.Arn is not valid. Reason: Must contain an event bus ARN.")
	}
	if _, err := s.findBus(ctx, b); err != nil {
		return nil, err
	}
	if b.place != a.Place || b.name != a.Bus {
		return nil, invalid("Parameter Destination.Arn is not valid. Reason: Cross event bus replay is not permitted.")
	}
	r.ArchiveID, r.Bus = a.ID, b.name
	if _, err = s.replays.Edit(ctx, r.key(), func(old *replay) (*replay, error) {
		if old != nil {
			return nil, exists("Replay %s already exists.", r.Name)
		}
		return r, nil
	}); err != nil {
		return nil, err
	}
	if err := s.replayJobs.Send(ctx, r.key(), []byte(r.key()), time.Time{}); err != nil {
		return nil, fmt.Errorf("queue replay: %w", err)
	}
	return &shapes.StartReplayOutput{ReplayArn: new(r.arn()), State: &r.State, ReplayStartTime: &r.Started}, nil
}

func (s *Service) runReplays(ctx context.Context) error {
	return s.replayJobs.Run(ctx, replayWorkers, func(ctx context.Context, j bus.Job) error {
		return s.replay(ctx, string(j.Data))
	})
}

// replay sends what an archive has again. After a crash it goes on behind the last event that it noted.
func (s *Service) replay(ctx context.Context, key string) error {
	r, err := s.noteReplay(ctx, key, func(r *replay) { r.State = "RUNNING" })
	if err != nil || r == nil {
		return err
	}
	_, docs, err := s.keptEvents(ctx, r.ArchiveID)
	if err != nil {
		return err
	}
	from := keptPrefix(r.ArchiveID) + fmt.Sprintf("%013d", r.From.UnixMilli())
	to := keptPrefix(r.ArchiveID) + fmt.Sprintf("%013d", r.To.UnixMilli())
	docs = slices.DeleteFunc(docs, func(d store.Doc) bool { return d.Key < from || d.Key >= to || d.Key <= r.LastKey })
	b := busRef{r.Place, r.Bus}
	for i, d := range docs {
		event, err := s.eventOf(ctx, d.Data)
		if err != nil {
			return err
		}
		if event == nil {
			continue
		}
		id, again, err := replayed(event, r.Name)
		if err != nil {
			s.cfg.Log.Error("a kept event cannot be read and is left out", "archive", r.Archive, "key", d.Key, "err", err)
			continue
		}
		j := job{ID: id, Via: id + " " + key, Bus: b.name, Place: b.place, Once: true, event: again}
		if err := s.publish(ctx, j, r.Rules); err != nil {
			return err
		}
		if (i+1)%saveEvery == 0 {
			if r, err = s.noteReplay(ctx, key, func(r *replay) { r.LastKey, r.Last = d.Key, timeOfKey(d.Key) }); err != nil || r == nil {
				return err
			}
		}
	}
	_, err = s.noteReplay(ctx, key, func(r *replay) {
		r.State, r.Ended = "COMPLETED", now()
		if len(docs) > 0 {
			r.LastKey = docs[len(docs)-1].Key
			r.Last = timeOfKey(r.LastKey)
		}
	})
	return err
}

// noteReplay changes a replay that goes on; it returns nil if it does not any more.
func (s *Service) noteReplay(ctx context.Context, key string, f func(*replay)) (*replay, error) {
	goesOn := false
	r, err := s.replays.Edit(ctx, key, func(r *replay) (*replay, error) {
		goesOn = r != nil && (r.State == "STARTING" || r.State == "RUNNING")
		if !goesOn {
			if r != nil && r.State == "CANCELLING" {
				r.State, r.Ended = "CANCELLED", now()
				return r, nil
			}
			return nil, follow.ErrUnchanged
		}
		f(r)
		return r, nil
	})
	if !goesOn {
		r = nil
	}
	return r, err
}

func timeOfKey(key string) time.Time {
	var ms int64
	_, rest, _ := strings.Cut(key, "/")
	_, _ = fmt.Sscanf(rest, "%013d", &ms) // a key of ours
	return time.UnixMilli(ms).UTC()
}

// replayed returns an event with the name of its replay.
func replayed(event []byte, name string) (id string, _ []byte, err error) {
	var e struct {
		ID         string          `json:"id"`
		DetailType string          `json:"detail-type"`
		Source     string          `json:"source"`
		Account    string          `json:"account"`
		Time       time.Time       `json:"time"`
		Region     string          `json:"region"`
		Resources  []string        `json:"resources"`
		Detail     json.RawMessage `json:"detail"`
	}
	if err := json.Unmarshal(event, &e); err != nil {
		return "", nil, err
	}
	out, err := envelope{e.ID, e.DetailType, e.Source, e.Account, e.Time, e.Region, e.Resources, e.Detail}.encode(name)
	return e.ID, out, err
}

func (s *Service) describeReplay(ctx context.Context, in *shapes.DescribeReplayInput) (*shapes.DescribeReplayOutput, error) {
	r, err := s.replays.Get(ctx, placeOf(ctx).key("replay", *in.ReplayName))
	if err != nil {
		return nil, err
	}
	if r == nil {
		return nil, errNoReplay(*in.ReplayName)
	}
	return &shapes.DescribeReplayOutput{
		ReplayName: &r.Name, ReplayArn: new(r.arn()), Description: optional(r.Description), State: &r.State, StateReason: optional(r.Reason),
		EventSourceArn: &r.Archive, Destination: &shapes.ReplayDestination{Arn: new(busRef{r.Place, r.Bus}.arn()), FilterArns: r.Rules},
		EventStartTime: &r.From, EventEndTime: &r.To, EventLastReplayedTime: timeOrNil(r.Last), ReplayStartTime: &r.Started, ReplayEndTime: timeOrNil(r.Ended),
	}, nil
}

func timeOrNil(t time.Time) *time.Time {
	if t.IsZero() {
		return nil
	}
	return &t
}

func (s *Service) listReplays(ctx context.Context, in *shapes.ListReplaysInput) (*shapes.ListReplaysOutput, error) {
	all, err := s.replays.List(ctx, placeOf(ctx).key("replay"))
	if err != nil {
		return nil, err
	}
	all = slices.DeleteFunc(all, func(r *replay) bool {
		return !strings.HasPrefix(r.Name, value(in.NamePrefix)) || in.State != nil && *in.State != r.State ||
			in.EventSourceArn != nil && *in.EventSourceArn != r.Archive
	})
	all, next, err := page(all, func(r *replay) string { return r.Name }, in.Limit, in.NextToken)
	if err != nil {
		return nil, err
	}
	out := &shapes.ListReplaysOutput{Replays: []*shapes.Replay{}, NextToken: next}
	for _, r := range all {
		out.Replays = append(out.Replays, &shapes.Replay{
			ReplayName: &r.Name, EventSourceArn: &r.Archive, State: &r.State, StateReason: optional(r.Reason), EventStartTime: &r.From, EventEndTime: &r.To,
			EventLastReplayedTime: timeOrNil(r.Last), ReplayStartTime: &r.Started, ReplayEndTime: timeOrNil(r.Ended),
		})
	}
	return out, nil
}

func (s *Service) cancelReplay(ctx context.Context, in *shapes.CancelReplayInput) (*shapes.CancelReplayOutput, error) {
	r, err := s.replays.Edit(ctx, placeOf(ctx).key("replay", *in.ReplayName), func(r *replay) (*replay, error) {
		if r == nil {
			return nil, errNoReplay(*in.ReplayName)
		}
		if r.State != "STARTING" && r.State != "RUNNING" {
			return nil, awsapi.Errorf("IllegalStatusException", 400, "Replay %s is not in a valid state for this operation.", r.Name)
		}
		r.State = "CANCELLING"
		return r, nil
	})
	if err != nil {
		return nil, err
	}
	return &shapes.CancelReplayOutput{ReplayArn: new(r.arn()), State: &r.State}, nil
}
