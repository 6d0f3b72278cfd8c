package events

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"sync"
	"time"

	"github.com/sallyport/sallyport/internal/arn"
	"github.com/sallyport/sallyport/internal/awsapi"
	shapes "github.com/sallyport/sallyport/internal/awsapi/shapes/events"
	"github.com/sallyport/sallyport/internal/bus"
	"github.com/sallyport/sallyport/internal/service/events/delivery"
	"github.com/sallyport/sallyport/internal/service/events/transform"
	"github.com/sallyport/sallyport/internal/store"
)

const (
	deliveryQueue   = "events-deliver"
	deliveryWorkers = 128
	maxInJob        = 256 << 10 // bytes of an event; a larger one lies in a blob
	maxAttempts     = 185       // after the first one
	maxAge          = 24 * time.Hour
	principal       = "events.amazonaws.com"
)

// A job is an event on its way to one goal. In the queue the event follows it after a newline.
type job struct {
	ID       string    `json:"id"`  // of the event
	Via      string    `json:"via"` // how it came to the bus: the same event may come on several ways
	Bus      string    `json:"bus"`
	Place    place     `json:"place"`
	Goal     goal      `json:"goal"`
	Ingested time.Time `json:"ingested"`
	Hops     int       `json:"hops,omitempty"`
	Blob     string    `json:"blob,omitempty"`
	Once     bool      `json:"once,omitempty"` // whoever sent the event may send it again

	event []byte
}

// A goal is a target of a rule, or an archive.
type goal struct {
	Rule    string `json:"rule,omitempty"`
	Target  string `json:"target,omitempty"`
	Archive string `json:"archive,omitempty"`
}

func (j job) bus() busRef { return busRef{j.Place, j.Bus} }

// id is the same for the same event on the same way to the same goal.
func (j job) id() string {
	return awsapi.RequestIDFrom("delivery", j.Via, j.bus().key(), j.Goal.Rule, j.Goal.Target, j.Goal.Archive)
}

// enqueue stores a job for each goal; they are durable on return. While a job waits or runs, another of its id is none: who does not
// know whether an event was enqueued enqueues it again.
func (s *Service) enqueue(ctx context.Context, j job, goals []goal) error {
	if len(goals) == 1 {
		j.Goal = goals[0]
		return s.send(ctx, j)
	}
	errs := make([]error, len(goals))
	var all sync.WaitGroup
	for i, g := range goals {
		one := j
		one.Goal = g
		all.Go(func() { errs[i] = s.send(ctx, one) })
	}
	all.Wait()
	return errors.Join(errs...)
}

// send stores a job. An event too large for the queue lies in a blob of the job's own, which is deleted when the goal is reached.
func (s *Service) send(ctx context.Context, j job) error {
	id, event := j.id(), j.event
	if len(event) > maxInJob {
		blobs, err := s.cfg.Stores.Blobs(ctx)
		if err != nil {
			return fmt.Errorf("open blobs: %w", err)
		}
		j.Blob = "events/event/" + id
		if _, err := blobs.Put(ctx, j.Blob, bytes.NewReader(event)); err != nil {
			return fmt.Errorf("store event: %w", err)
		}
		event = nil
	}
	data, err := json.Marshal(j)
	if err != nil {
		return fmt.Errorf("encode event: %w", err)
	}
	if err := s.deliveries.Send(ctx, id, append(append(data, '\n'), event...), time.Time{}); err != nil {
		return fmt.Errorf("queue event: %w", err)
	}
	return nil
}

func (s *Service) runDeliveries(ctx context.Context) error {
	if s.rules.Ready(ctx) != nil {
		return nil
	}
	return s.deliveries.Run(ctx, deliveryWorkers, func(ctx context.Context, delivery bus.Job) error {
		j, err := s.receive(ctx, delivery.Data)
		if err != nil {
			if ctx.Err() != nil || errors.Is(err, store.ErrUnavailable) {
				return err
			}
			s.cfg.Log.Error("an event cannot be read and is dropped", "job", delivery.ID, "err", err)
			return nil
		}
		return s.deliver(ctx, j, delivery)
	})
}

func (s *Service) receive(ctx context.Context, data []byte) (j job, err error) {
	header, event, _ := bytes.Cut(data, []byte("\n"))
	if err := json.Unmarshal(header, &j); err != nil {
		return j, err
	}
	j.event = event
	if j.Blob != "" {
		j.event, err = s.readBlob(ctx, j.Blob)
	}
	return j, err
}

// deliver gives an event to its goal: nil ends the job, bus.Retry tries again. Of an event that may be sent again it remembers that
// it has been delivered.
func (s *Service) deliver(ctx context.Context, j job, from bus.Job) error {
	if !j.Once {
		return s.reach(ctx, j, max(from.Attempt, 1))
	}
	if done, err := s.done.Has(ctx, from.ID); err != nil {
		return err
	} else if done {
		if j.Goal.Archive == "" { // else the blob is the archive's
			s.discard(ctx, j.Blob)
		}
		return nil
	}
	if err := s.reach(ctx, j, max(from.Attempt, 1)); err != nil {
		return err
	}
	return s.done.Add(ctx, from.ID)
}

// reach gives an event to its goal for the nth time.
func (s *Service) reach(ctx context.Context, j job, attempts int) error {
	if j.Goal.Archive != "" {
		return s.keep(ctx, j, j.Goal.Archive)
	}
	r := s.index.rule(j.bus(), j.Goal.Rule)
	var t *shapes.Target
	if r != nil {
		t = r.target(j.Goal.Target)
	}
	if t == nil { // gone since
		s.discard(ctx, j.Blob)
		return nil
	}
	payload := r.inputs[j.Goal.Target].of(j.event, transform.Context{RuleARN: r.arn(), RuleName: r.Name, Ingested: j.Ingested})
	err := s.sendTo(ctx, r, t, j, payload, attempts)
	if err == nil {
		s.discard(ctx, j.Blob)
		return nil
	}
	if ctx.Err() != nil {
		return ctx.Err() // stopped: the event is given to a worker again at the next start
	}
	condition := exhausted(t, attempts, j.Ingested)
	if !delivery.Permanent(err) && condition == "" {
		return &bus.Retry{After: delivery.Backoff(attempts), Err: err}
	}
	s.cfg.Log.Warn("an event could not be delivered", "rule", r.arn(), "target", *t.Arn, "event", j.ID, "attempts", attempts, "err", err)
	if err := s.bury(ctx, r, t, j, err, condition, attempts-1); err != nil {
		return err
	}
	s.discard(ctx, j.Blob)
	return nil
}

// exhausted says which limit of the target's retry policy a further attempt would break, or "".
func exhausted(t *shapes.Target, attempts int, ingested time.Time) string {
	retries, age := int64(maxAttempts), maxAge
	if p := t.RetryPolicy; p != nil {
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
	case time.Since(ingested)+delivery.Backoff(attempts) >= age:
		return "MaximumEventAgeInSeconds"
	}
	return ""
}

// bury sends an event that could not be delivered to the target's dead-letter queue, or to that of its bus.
func (s *Service) bury(ctx context.Context, r *readyRule, t *shapes.Target, j job, why error, condition string, retries int) error {
	queue := ""
	if t.DeadLetterConfig != nil {
		queue = value(t.DeadLetterConfig.Arn)
	}
	if queue == "" {
		return nil
	}
	attributes := map[string]string{
		"RULE_ARN": r.arn(), "TARGET_ARN": *t.Arn, "ERROR_CODE": delivery.ErrorCode(why), "ERROR_MESSAGE": why.Error(),
		"EXHAUSTED_RETRY_CONDITION": condition, "RETRY_ATTEMPTS": strconv.Itoa(retries),
	}
	err := s.cfg.Targets.Send(ctx, delivery.Target{
		ARN: queue, Principal: principal, Source: r.arn(), Account: j.Place.Account, Region: j.Place.Region, RequestID: awsapi.RequestIDFrom("dead letter", j.id()), Attributes: attributes,
	}, j.event)
	if err != nil && delivery.Permanent(err) {
		s.cfg.Log.Warn("a dead letter could not be delivered and is lost", "rule", r.arn(), "queue", queue, "event", j.ID, "err", err)
		return nil
	}
	return err
}

// sendTo delivers a payload to a target. To the target, each attempt is the same request.
func (s *Service) sendTo(ctx context.Context, r *readyRule, t *shapes.Target, j job, payload []byte, attempt int) error {
	a, err := arn.Parse(*t.Arn)
	if err != nil {
		return invalid("%s", err)
	}
	id := j.id()
	if a.Service == "events" {
		if _, ok := cutAPIDestination(a); ok {
			return s.invokeDestination(ctx, a, t, payload)
		}
		b := busNamed(awsapi.WithCaller(ctx, awsapi.Caller{Account: j.Place.Account, Region: j.Place.Region}), t.Arn)
		return s.publish(ctx, job{ID: j.ID, Via: id, Bus: b.name, Place: b.place, Hops: j.Hops + 1, Once: j.Once, event: payload}, nil)
	}
	to := delivery.Target{ARN: *t.Arn, Principal: principal, Source: r.arn(), Account: j.Place.Account, Region: j.Place.Region, RequestID: id}
	if a.Service == "states" { // its role is what allows it; the name makes a second delivery the same execution
		sum := sha256.Sum256([]byte(r.arn() + "\n" + *t.Id))
		to.Name = j.ID + "_" + hex.EncodeToString(sum[:])[:36]
	}
	if (attempt > 1 || j.Ingested.Before(s.began)) && bytes.Contains(payload, []byte(j.ID)) { // after a crash, attempts begin anew
		to.Perhaps = delivery.PerhapsSince(j.Ingested, attempt, s.began)
	}
	if t.SqsParameters != nil {
		to.GroupID = value(t.SqsParameters.MessageGroupId)
	}
	return s.cfg.Targets.Send(ctx, to, payload)
}
