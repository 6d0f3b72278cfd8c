package scheduler

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/sallyport/sallyport/internal/awsapi"
	shapes "github.com/sallyport/sallyport/internal/awsapi/shapes/scheduler"
	"github.com/sallyport/sallyport/internal/bus"
	"github.com/sallyport/sallyport/internal/service/events/delivery"
)

const (
	callWorkers = 64
	maxAttempts = 185 // after the first one
	maxAge      = 24 * time.Hour
)

// A call is one invocation of a target.
type call struct {
	Place     place         `json:"place"`
	Schedule  string        `json:"schedule"` // ARN
	Target    shapes.Target `json:"target"`
	Due       time.Time     `json:"due"`
	First     time.Time     `json:"first"` // when the first attempt was to be made
	Execution string        `json:"execution"`
}

func (s *Service) runCalls(ctx context.Context) error {
	return s.calls.Run(ctx, callWorkers, func(ctx context.Context, j bus.Job) error {
		var c call
		if err := json.Unmarshal(j.Data, &c); err != nil {
			s.cfg.Log.Error("a call cannot be read and is dropped", "job", j.ID, "err", err)
			return nil
		}
		if done, err := s.done.Has(ctx, j.ID); err != nil || done { // the timer that sent it came again
			return err
		}
		if err := s.attempt(ctx, c, max(j.Attempt, 1)); err != nil {
			return err
		}
		return s.done.Add(ctx, j.ID)
	})
}

// payload is what the target gets.
func (c call) payload(attempt int) ([]byte, error) {
	if c.Target.Input != nil {
		return []byte(strings.NewReplacer(
			"<aws.scheduler.schedule-arn>", c.Schedule, "<aws.scheduler.scheduled-time>", c.Due.UTC().Format("2006-01-02T15:04:05Z"),
			"<aws.scheduler.execution-id>", c.Execution, "<aws.scheduler.attempt-number>", strconv.Itoa(attempt),
		).Replace(*c.Target.Input)), nil
	}
	data, err := json.Marshal(struct {
		Version    string   `json:"version"`
		ID         string   `json:"id"`
		DetailType string   `json:"detail-type"`
		Source     string   `json:"source"`
		Account    string   `json:"account"`
		Time       string   `json:"time"`
		Region     string   `json:"region"`
		Resources  []string `json:"resources"`
		Detail     string   `json:"detail"`
	}{"0", c.Execution, "Scheduled Event", "aws.scheduler", c.Place.Account, c.Due.UTC().Format("2006-01-02T15:04:05Z"), c.Place.Region, []string{c.Schedule}, "{}"})
	if err != nil {
		return nil, fmt.Errorf("encode event: %w", err)
	}
	return data, nil
}

// attempt calls a target: nil ends the job, bus.Retry tries again.
func (s *Service) attempt(ctx context.Context, c call, attempt int) error {
	payload, err := c.payload(attempt)
	if err != nil {
		return err
	}
	t := delivery.Target{ // the schedule's role is what allows it
		ARN: value(c.Target.Arn), Source: c.Schedule, Account: c.Place.Account, Region: c.Place.Region, RequestID: c.Execution, Name: c.Execution,
	}
	if p := c.Target.SqsParameters; p != nil {
		t.GroupID = value(p.MessageGroupId)
	}
	if p := c.Target.EventBridgeParameters; p != nil {
		t.EventSource, t.DetailType, t.Resources = value(p.Source), value(p.DetailType), []string{c.Schedule}
	}
	if (attempt > 1 || c.First.Before(s.began)) && bytes.Contains(payload, []byte(c.Execution)) {
		t.Perhaps = delivery.PerhapsSince(c.Due, attempt, s.began)
	}
	err = s.cfg.Targets.Send(ctx, t, payload)
	if err == nil || ctx.Err() != nil {
		return err
	}
	condition := c.exhausted(attempt)
	if condition == "" && !delivery.Permanent(err) {
		return &bus.Retry{After: delivery.Backoff(attempt), Err: err}
	}
	s.cfg.Log.Warn("a schedule could not call its target", "schedule", c.Schedule, "target", t.ARN, "attempts", attempt, "err", err)
	return s.bury(ctx, c, payload, err, condition, attempt-1)
}

// exhausted says which limit of the retry policy a further attempt would break, or "".
func (c call) exhausted(attempts int) string {
	retries, age := int64(maxAttempts), maxAge
	if p := c.Target.RetryPolicy; p != nil {
		if p.MaximumRetryAttempts != nil {
			retries = *p.MaximumRetryAttempts
		}
		if p.MaximumEventAgeInSeconds != nil {
			age = time.Duration(*p.MaximumEventAgeInSeconds) * time.Second
		}
	}
	switch {
	case int64(attempts) > retries:
		return "MaximumRetryAttempts"
	case time.Since(c.First)+delivery.Backoff(attempts) >= age:
		return "MaximumEventAgeInSeconds"
	}
	return ""
}

// bury sends the payload of a call that failed for good to the target's dead-letter queue.
func (s *Service) bury(ctx context.Context, c call, payload []byte, why error, condition string, retries int) error {
	if c.Target.DeadLetterConfig == nil || value(c.Target.DeadLetterConfig.Arn) == "" {
		return nil
	}
	err := s.cfg.Targets.Send(ctx, delivery.Target{
		ARN: *c.Target.DeadLetterConfig.Arn, Source: c.Schedule, Account: c.Place.Account, Region: c.Place.Region, RequestID: awsapi.RequestIDFrom("dead letter", c.Execution),
		Attributes: map[string]string{
			"SCHEDULE_ARN": c.Schedule, "TARGET_ARN": value(c.Target.Arn), "ERROR_CODE": delivery.ErrorCode(why), "ERROR_MESSAGE": why.Error(),
			"EXHAUSTED_RETRY_CONDITION": condition, "RETRY_ATTEMPTS": strconv.Itoa(retries), "SCHEDULED_TIME": c.Due.UTC().Format("2006-01-02T15:04:05Z"),
			"EXECUTION_ID": c.Execution, "IS_PAYLOAD_TRUNCATED": "false",
		},
	}, payload)
	if err != nil && delivery.Permanent(err) {
		s.cfg.Log.Warn("a dead letter could not be delivered and is lost", "schedule", c.Schedule, "queue", *c.Target.DeadLetterConfig.Arn, "err", err)
		return nil
	}
	return err
}
