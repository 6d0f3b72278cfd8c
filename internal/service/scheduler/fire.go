package scheduler

import (
	"context"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"time"

	"github.com/sallyport/sallyport/internal/awsapi"
	"github.com/sallyport/sallyport/internal/bus"
	"github.com/sallyport/sallyport/internal/store/follow"
)

const timerWorkers = 32

// A tick is the job that fires a schedule at one time.
type tick struct {
	Key string    `json:"key"`
	Due time.Time `json:"due"`
}

// wake sends the job of the schedule's next time. Sending it twice is sending it once.
func (s *Service) wake(ctx context.Context, e *entry) error {
	if e.Due.IsZero() {
		return nil
	}
	data, err := json.Marshal(tick{e.key(), e.Due})
	if err != nil {
		return fmt.Errorf("encode timer: %w", err)
	}
	if err := s.timers.Send(ctx, e.key()+"@"+e.Due.Format(time.RFC3339Nano), data, e.Due); err != nil {
		return fmt.Errorf("queue timer: %w", err)
	}
	return nil
}

// runTimers fires schedules. At its start it makes good a crash between a schedule's document and its timer.
func (s *Service) runTimers(ctx context.Context) error {
	all, err := s.schedules.List(ctx, "schedule/")
	if err != nil {
		return err
	}
	for _, e := range all {
		if err := s.wake(ctx, e); err != nil {
			return err
		}
	}
	return s.timers.Run(ctx, timerWorkers, func(ctx context.Context, j bus.Job) error {
		var t tick
		if err := json.Unmarshal(j.Data, &t); err != nil {
			s.cfg.Log.Error("a timer cannot be read and is dropped", "job", j.ID, "err", err)
			return nil
		}
		return s.fire(ctx, t)
	})
}

// fire claims one time of a schedule by its document, so that of several nodes one goes on; then it sends the call and the next
// timer. A node that dies between leaves a claim and a timer that comes again: then the call is sent again, and is the same call. So
// is that of a timer that somebody sent late.
func (s *Service) fire(ctx context.Context, t tick) error {
	at, claimed := time.Now(), false
	e, err := s.schedules.Edit(ctx, t.Key, func(e *entry) (*entry, error) {
		claimed = false
		if e == nil || e.State == "DISABLED" || !e.Due.Equal(t.Due) && !e.Fired.Equal(t.Due) {
			return nil, follow.ErrUnchanged
		}
		claimed = true
		if e.Fired.Equal(t.Due) {
			return nil, follow.ErrUnchanged
		}
		sch, err := e.parse()
		if err != nil {
			return nil, err
		}
		e.Fired, e.Due = t.Due, time.Time{}
		if next := sch.Next(t.Due, at); !next.IsZero() && (e.End.IsZero() || !next.After(e.End)) {
			e.Due = next.UTC()
		}
		return e, nil
	})
	if err != nil || !claimed {
		return err
	}
	when := t.Due
	if w := value(e.Window.MaximumWindowInMinutes); value(e.Window.Mode) == "FLEXIBLE" && w > 0 {
		when = when.Add(rand.N(time.Duration(w) * time.Minute))
	}
	c := call{
		Place: e.Place, Schedule: e.arn(), Target: e.Target, Due: t.Due, Execution: awsapi.RequestIDFrom("schedule", t.Key, t.Due.UTC().Format(time.RFC3339Nano)), First: when,
	}
	data, err := json.Marshal(c)
	if err != nil {
		return fmt.Errorf("encode call: %w", err)
	}
	// The job's id makes a repetition after a crash harmless, as long as the first one waits or runs.
	if err := s.calls.Send(ctx, t.Key+"@"+t.Due.Format(time.RFC3339Nano), data, when); err != nil {
		return fmt.Errorf("queue call: %w", err)
	}
	if e.Due.IsZero() && e.After == "DELETE" {
		_, err := s.schedules.Edit(ctx, t.Key, func(now *entry) (*entry, error) {
			if now == nil || !now.Fired.Equal(e.Fired) || !now.Due.IsZero() {
				return nil, follow.ErrUnchanged
			}
			return nil, nil
		})
		return err
	}
	return s.wake(ctx, e)
}
