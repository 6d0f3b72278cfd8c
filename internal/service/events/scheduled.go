package events

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"github.com/sallyport/sallyport/internal/awsapi"
	"github.com/sallyport/sallyport/internal/bus"
	"github.com/sallyport/sallyport/internal/service/events/schedule"
	"github.com/sallyport/sallyport/internal/store/follow"
)

const (
	scheduleQueue   = "events-schedule"
	scheduleWorkers = 16
)

// A tick is the job that fires a rule at one time.
type tick struct {
	Key string    `json:"key"` // of the rule
	Due time.Time `json:"due"`
}

// plan sets when the rule fires next, after a change. A schedule that goes on keeps its times.
func (r *rule) plan(old *rule, at time.Time) error {
	if r.Schedule == "" || !r.active() {
		r.Due = time.Time{}
		return nil
	}
	if old != nil && old.Schedule == r.Schedule && !old.Due.IsZero() {
		r.Due, r.Fired = old.Due, old.Fired
		return nil
	}
	sch, err := schedule.Parse(r.Schedule, time.UTC)
	if err != nil {
		return fmt.Errorf("schedule of rule %s: %w", r.Name, err)
	}
	r.Due = sch.First(at).UTC()
	return nil
}

// wake sends the job of the rule's next time. Sending it twice is sending it once.
func (s *Service) wake(ctx context.Context, r *rule) error {
	if r.Due.IsZero() {
		return nil
	}
	data, err := json.Marshal(tick{r.key(), r.Due})
	if err != nil {
		return fmt.Errorf("encode timer: %w", err)
	}
	if err := s.timers.Send(ctx, r.key()+"@"+r.Due.Format(time.RFC3339Nano), data, r.Due); err != nil {
		return fmt.Errorf("queue timer: %w", err)
	}
	return nil
}

// runSchedules fires rules. At its start it makes good a crash between the rule's document and its timer.
func (s *Service) runSchedules(ctx context.Context) error {
	rules, err := s.rules.List(ctx, "rule/")
	if err != nil {
		return err
	}
	for _, r := range rules {
		if err := s.wake(ctx, r); err != nil {
			return err
		}
	}
	return s.timers.Run(ctx, scheduleWorkers, func(ctx context.Context, j bus.Job) error {
		var t tick
		if err := json.Unmarshal(j.Data, &t); err != nil {
			s.cfg.Log.Error("a timer cannot be read and is dropped", "job", j.ID, "err", err)
			return nil
		}
		return s.fire(ctx, t)
	})
}

// fire claims one time of a rule by its document, so that of several nodes one goes on; then it sends the event and the next timer.
// A node that dies between leaves a claim and a timer that comes again: then the event is sent again, and is the same event. So is
// that of a timer that somebody sent late.
func (s *Service) fire(ctx context.Context, t tick) error {
	at := time.Now()
	claimed := false
	r, err := s.rules.Edit(ctx, t.Key, func(r *rule) (*rule, error) {
		claimed = false
		if r == nil || !r.active() || !r.Due.Equal(t.Due) && !r.Fired.Equal(t.Due) {
			return nil, follow.ErrUnchanged
		}
		claimed = true
		if r.Fired.Equal(t.Due) {
			return nil, follow.ErrUnchanged
		}
		sch, err := schedule.Parse(r.Schedule, time.UTC)
		if err != nil {
			return nil, fmt.Errorf("schedule of rule %s: %w", r.Name, err)
		}
		r.Fired = t.Due
		r.Due = sch.Next(t.Due, at).UTC()
		return r, nil
	})
	if err != nil || !claimed {
		return err
	}
	id := awsapi.RequestIDFrom("scheduled event", t.Key, t.Due.UTC().Format(time.RFC3339Nano))
	event, err := envelope{
		id: id, detailType: "Scheduled Event", source: "aws.events", account: r.Place.Account, at: t.Due, region: r.Place.Region,
		resources: []string{r.arn()}, detail: []byte("{}"),
	}.encode("")
	if err != nil {
		return err
	}
	var goals []goal
	for _, target := range r.Targets {
		goals = append(goals, goal{Rule: r.Name, Target: *target.Id})
	}
	j := job{ID: id, Via: id, Bus: r.Bus, Place: r.Place, Ingested: now(), Once: true, event: event}
	if err := s.enqueue(ctx, j, goals); err != nil {
		return err
	}
	return s.wake(ctx, r)
}
