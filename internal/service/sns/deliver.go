package sns

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/sallyport/sallyport/internal/arn"
	"github.com/sallyport/sallyport/internal/awsapi"
	"github.com/sallyport/sallyport/internal/bus"
	"github.com/sallyport/sallyport/internal/service/events/delivery"
)

const (
	workers      = 64
	principal    = "sns.amazonaws.com"
	httpAttempts = 50 // AWS: fifty over an hour, with waits of 20 seconds
	httpWait     = 20 * time.Second
	httpTimeout  = 15 * time.Second
	maxAge       = 23 * 24 * time.Hour // of what goes to queues and functions
)

// A job is a message on its way to some subscriptions.
type job struct {
	Message       message  `json:"message"`
	Subscriptions []string `json:"subscriptions"` // keys
	Confirms      bool     `json:"confirms,omitempty"`
	Attempts      int      `json:"attempts,omitempty"` // that failed before; of jobs with one subscription
}

// An order lets one message of a group through at a time.
type order struct {
	mu     sync.Mutex // guards groups
	groups map[string]*turn
}

type turn struct {
	mu      sync.Mutex
	waiting int
}

func (o *order) lock(key string) (unlock func()) {
	o.mu.Lock()
	if o.groups == nil {
		o.groups = map[string]*turn{}
	}
	t := o.groups[key]
	if t == nil {
		t = &turn{}
		o.groups[key] = t
	}
	t.waiting++
	o.mu.Unlock()
	t.mu.Lock()
	return func() {
		t.mu.Unlock()
		o.mu.Lock()
		defer o.mu.Unlock()
		if t.waiting--; t.waiting == 0 {
			delete(o.groups, key)
		}
	}
}

// id is the same for the same message on the way to the same subscriptions.
func (j job) id() string {
	return awsapi.RequestIDFrom(append([]string{"delivery", j.Message.ID, strconv.Itoa(j.Attempts)}, j.Subscriptions...)...)
}

func (s *Service) enqueue(ctx context.Context, j job, at time.Time) error {
	data, err := json.Marshal(j)
	if err != nil {
		return fmt.Errorf("encode message: %w", err)
	}
	if err := s.jobs.Send(ctx, j.id(), data, at); err != nil {
		return fmt.Errorf("queue message: %w", err)
	}
	return nil
}

func (s *Service) deliverAll(ctx context.Context) error {
	return s.jobs.Run(ctx, workers, func(ctx context.Context, from bus.Job) error {
		var j job
		if err := json.Unmarshal(from.Data, &j); err != nil {
			s.cfg.Log.Error("a message cannot be read and is dropped", "job", from.ID, "err", err)
			return nil
		}
		if len(j.Subscriptions) == 1 {
			return s.attempt(ctx, j, max(from.Attempt, 1))
		}
		errs := make([]error, len(j.Subscriptions))
		var all sync.WaitGroup
		for i, key := range j.Subscriptions {
			one := j
			one.Subscriptions = []string{key}
			all.Go(func() {
				var retry *bus.Retry
				err := s.attempt(ctx, one, 1)
				if errors.As(err, &retry) {
					one.Attempts++
					err = s.enqueue(ctx, one, time.Now().Add(retry.After))
				}
				errs[i] = err
			})
		}
		all.Wait()
		return errors.Join(errs...)
	})
}

// attempt gives a message to one subscription: nil ends the job, bus.Retry tries again.
func (s *Service) attempt(ctx context.Context, j job, attempt int) error {
	sub, err := s.subs.Get(ctx, j.Subscriptions[0])
	if err != nil {
		return err
	}
	if sub == nil || j.Confirms && sub.Pending == "" {
		return nil
	}
	err = s.reach(ctx, j.Subscriptions[0], &j.Message)
	if err == nil || ctx.Err() != nil {
		return err
	}
	attempts := j.Attempts + attempt
	wait, more := delivery.Backoff(attempts), time.Since(j.Message.At) < maxAge
	if strings.HasPrefix(sub.Protocol, "http") {
		wait, more = httpWait, attempts < httpAttempts
	}
	if more && !delivery.Permanent(err) {
		return &bus.Retry{After: wait, Err: err}
	}
	s.cfg.Log.Warn("a message could not be delivered", "subscription", sub.arn(), "endpoint", sub.Endpoint, "message", j.Message.ID, "attempts", attempts, "err", err)
	return s.bury(ctx, sub, &j.Message, err)
}

// bury sends a message that could not be delivered to the subscription's dead-letter queue.
func (s *Service) bury(ctx context.Context, sub *subscription, m *message, why error) error {
	queue, err := deadLetterOf(sub.Attributes["RedrivePolicy"])
	if queue == "" || err != nil {
		return nil //nolint:nilerr // it was checked; there is none
	}
	body, err := m.notification(sub)
	if err != nil {
		return err
	}
	t := s.target(m, queue, "dead letter of "+sub.key())
	t.Attributes = map[string]string{"RequestID": m.ID, "ErrorCode": "400", "ErrorMessage": why.Error()}
	err = s.cfg.Targets.Send(ctx, t, body)
	if err != nil && delivery.Permanent(err) {
		s.cfg.Log.Warn("a dead letter could not be delivered and is lost", "subscription", sub.arn(), "queue", queue, "err", err)
		return nil
	}
	return err
}

// target is an endpoint that gets a message. To it, each attempt is the same request.
func (s *Service) target(m *message, endpoint, subscription string) delivery.Target {
	a, _ := arn.Parse(m.Topic) // made by us
	return delivery.Target{
		ARN: endpoint, Principal: principal, Source: m.Topic, Account: a.Account, Region: a.Region, RequestID: awsapi.RequestIDFrom("delivery", m.ID, subscription),
		GroupID: m.Group, DedupID: m.Dedup,
	}
}

// reach delivers a message once.
func (s *Service) reach(ctx context.Context, key string, m *message) error {
	sub, err := s.subs.Get(ctx, key)
	if err != nil || sub == nil {
		return err
	}
	raw := strings.EqualFold(sub.Attributes["RawMessageDelivery"], "true")
	switch sub.Protocol {
	case "lambda":
		data, err := m.record(sub)
		if err != nil {
			return err
		}
		return s.cfg.Targets.Send(ctx, s.target(m, sub.Endpoint, key), data)
	case "sqs":
		t := s.target(m, sub.Endpoint, key)
		if raw {
			t.Typed = m.typed()
			return s.cfg.Targets.Send(ctx, t, []byte(m.body("sqs")))
		}
		data, err := m.notification(sub)
		if err != nil {
			return err
		}
		return s.cfg.Targets.Send(ctx, t, data)
	case "http", "https":
		return s.post(ctx, sub, m, raw)
	}
	s.cfg.Log.Warn("a message is not sent: there is no such delivery here", "protocol", sub.Protocol, "endpoint", sub.Endpoint, "message", m.ID)
	return nil
}

// typed are the attributes as SQS takes them.
func (m *message) typed() map[string]any {
	if len(m.Attributes) == 0 {
		return nil
	}
	out := map[string]any{}
	for name, a := range m.Attributes {
		kind := a.Type
		if strings.HasPrefix(kind, "String.Array") {
			kind = "String"
		}
		if strings.HasPrefix(kind, "Binary") {
			out[name] = map[string]any{"DataType": kind, "BinaryValue": base64.StdEncoding.EncodeToString(a.Binary)}
			continue
		}
		out[name] = map[string]any{"DataType": kind, "StringValue": a.String}
	}
	return out
}

func (s *Service) post(ctx context.Context, sub *subscription, m *message, raw bool) error {
	if s.cfg.Web == nil {
		return errInvalid("This server makes no HTTP calls.")
	}
	kind := "Notification"
	if m.Token != "" {
		kind, raw = "SubscriptionConfirmation", false
	}
	header := map[string]string{
		"Content-Type": "text/plain; charset=UTF-8", "User-Agent": "Amazon Simple Notification Service Agent",
		"x-amz-sns-message-type": kind, "x-amz-sns-message-id": m.ID, "x-amz-sns-topic-arn": m.Topic,
	}
	if m.Token == "" {
		header["x-amz-sns-subscription-arn"] = sub.arn()
	}
	body := []byte(m.body(sub.Protocol))
	if raw {
		header["x-amz-sns-rawdelivery"] = "true"
	} else {
		var err error
		if body, err = m.notification(sub); err != nil {
			return err
		}
	}
	ctx, cancel := context.WithTimeout(ctx, httpTimeout)
	defer cancel()
	status, _, err := s.cfg.Web.Do(ctx, "POST", sub.Endpoint, header, body)
	switch {
	case err != nil:
		return fmt.Errorf("post to %s: %w", sub.Endpoint, err)
	case status >= 300 && status != 429 && status < 500:
		return awsapi.Errorf("InvalidParameter", 400, "%s answered with status %d", sub.Endpoint, status)
	case status >= 300:
		return errors.New("post to " + sub.Endpoint + ": status " + strconv.Itoa(status))
	}
	return nil
}
