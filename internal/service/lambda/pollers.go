package lambda

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/sallyport/sallyport/internal/awsapi"
	"github.com/sallyport/sallyport/internal/bus"
	"github.com/sallyport/sallyport/internal/service/lambda/poll"
	"github.com/sallyport/sallyport/internal/service/lambda/worker"
	"github.com/sallyport/sallyport/internal/store"
	"github.com/sallyport/sallyport/internal/store/follow"
)

const (
	pollQueue   = "lambda-pollers"
	maxPollers  = 512 // of one process
	pollerCheck = 10 * time.Second
)

// pollers are the mappings that this process polls for. A mapping's poller is a job that does not end while the mapping is enabled: of
// several nodes one has it, and another takes it over when that one dies.
type pollers struct {
	jobs        *bus.Later
	checkpoints store.Later

	mu      sync.Mutex // guards changed
	changed map[string]chan struct{}
}

func (s *Service) initPollers() {
	s.pollers.jobs = &bus.Later{Bus: s.cfg.Bus, Name: pollQueue}
	s.pollers.checkpoints = store.Later{Stores: s.cfg.Stores, Name: mappingStore}
	s.pollers.changed = map[string]chan struct{}{}
	s.mappings = follow.New(s.cfg.Stores, mappingStore, "mapping/", s.cfg.Log, func(key string, _ *mapping) { s.pollers.tell(key) })
}

// tell wakes the poller of a mapping.
func (p *pollers) tell(key string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if c := p.changed[key]; c != nil {
		close(c)
		delete(p.changed, key)
	}
}

// wait returns a channel that is closed when the mapping changes.
func (p *pollers) wait(key string) <-chan struct{} {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.changed[key] == nil {
		p.changed[key] = make(chan struct{})
	}
	return p.changed[key]
}

// wakePoller sees to it that somebody polls for a mapping, or brings it to its end.
func (s *Service) wakePoller(ctx context.Context, m *mapping) error {
	if err := s.pollers.jobs.Send(ctx, m.key(), []byte(m.key()), time.Time{}); err != nil {
		return fmt.Errorf("queue poller: %w", err)
	}
	return nil
}

func (s *Service) runPollers(ctx context.Context) error {
	var parts sync.WaitGroup
	defer parts.Wait()
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	parts.Go(func() { // a mapping that was enabled again at the very moment when its poller ended has none
		for ctx.Err() == nil {
			all, err := s.mappings.List(ctx, "mapping/")
			for _, m := range all {
				if *m.Config.State != disabled && err == nil {
					err = s.wakePoller(ctx, m)
				}
			}
			if err != nil && ctx.Err() == nil {
				s.cfg.Log.Warn("pollers of event source mappings could not be woken", "err", err)
			}
			select {
			case <-ctx.Done():
			case <-time.After(pollerCheck):
			}
		}
	})
	var followErr error
	parts.Go(func() {
		followErr = s.mappings.Run(ctx)
		cancel()
	})
	err := s.pollers.jobs.Run(ctx, maxPollers, func(ctx context.Context, j bus.Job) error { return s.poll(ctx, string(j.Data)) })
	cancel()
	parts.Wait()
	return errors.Join(err, followErr)
}

// poll polls for a mapping until it is disabled or deleted, or ctx is done.
func (s *Service) poll(ctx context.Context, key string) error {
	if s.ready(ctx) != nil {
		return ctx.Err()
	}
	for {
		changed := s.pollers.wait(key)
		m, err := s.mappings.Get(ctx, key)
		if err != nil || m == nil {
			return err
		}
		switch *m.Config.State {
		case disabled:
			return nil
		case disabling:
			return s.endMapping(ctx, m, false)
		case deleting:
			return s.endMapping(ctx, m, true)
		}
		if err := s.pollVersion(ctx, m, changed); err != nil {
			return err
		}
	}
}

// endMapping makes it known that nobody polls any more.
func (s *Service) endMapping(ctx context.Context, m *mapping, gone bool) error {
	_, err := s.mappings.Edit(ctx, m.key(), func(now *mapping) (*mapping, error) {
		if now == nil || now.Version != m.Version {
			return nil, follow.ErrUnchanged
		}
		if gone {
			return nil, nil
		}
		now.turn(disabled)
		return now, nil
	})
	if err != nil || !gone {
		return err
	}
	st, err := s.pollers.checkpoints.Open(ctx)
	if err != nil {
		return err
	}
	return store.Delete(ctx, st, "checkpoint/"+m.key(), store.Always)
}

// pollVersion polls for a mapping as it is now, until that changes.
func (s *Service) pollVersion(ctx context.Context, m *mapping, changed <-chan struct{}) error {
	polling, stop := context.WithCancel(ctx)
	var watch sync.WaitGroup
	defer watch.Wait()
	defer stop()
	watch.Go(func() {
		for {
			select {
			case <-polling.Done():
				return
			case <-changed:
			}
			changed = s.pollers.wait(m.key())
			if now, err := s.mappings.Get(ctx, m.key()); err != nil || now == nil || now.Version != m.Version {
				stop()
				return
			}
		}
	})
	filter, err := m.filter()
	if err != nil {
		return err
	}
	c := &m.Config
	p := poll.Poller{
		Services: s.cfg.Sources, Log: s.cfg.Log, ARN: *c.EventSourceArn, Account: m.Account, Region: m.Region, Batch: int(*c.BatchSize),
		Window: time.Duration(*c.MaximumBatchingWindowInSeconds) * time.Second, Filter: filter, Partial: len(c.FunctionResponseTypes) > 0,
		Function: func(ctx context.Context, requestID string, event []byte) (poll.Outcome, error) {
			return s.give(ctx, m, requestID, event)
		},
		Result: func(result string) { s.noteResult(ctx, m, result) },
	}
	began := func() { s.noteState(ctx, m) }
	if m.stream() {
		return s.pollStream(polling, m, p, began)
	}
	began()
	q := poll.Queue{Poller: p, Concurrency: poll.DefaultConcurrency}
	if c.ScalingConfig != nil && c.ScalingConfig.MaximumConcurrency != nil {
		q.Concurrency = int(*c.ScalingConfig.MaximumConcurrency)
	}
	return q.Run(ctx, polling)
}

func (s *Service) pollStream(ctx context.Context, m *mapping, p poll.Poller, began func()) error {
	c := &m.Config
	st := poll.Stream{
		Poller: p, Latest: *c.StartingPosition == "LATEST", Bisect: *c.BisectBatchOnFunctionError, Retries: *c.MaximumRetryAttempts,
		MaxAge: time.Duration(*c.MaximumRecordAgeInSeconds) * time.Second, Name: *c.FunctionArn,
		Load: func(ctx context.Context) (at poll.Checkpoint, err error) {
			docs, err := s.pollers.checkpoints.Open(ctx)
			if err != nil {
				return at, err
			}
			doc, err := docs.Get(ctx, "checkpoint/"+m.key())
			if errors.Is(err, store.ErrNotFound) {
				return at, nil
			} else if err != nil {
				return at, fmt.Errorf("read checkpoint: %w", err)
			}
			return at, json.Unmarshal(doc.Data, &at)
		},
		Save: func(ctx context.Context, at poll.Checkpoint) error {
			data, err := json.Marshal(at)
			if err != nil {
				return fmt.Errorf("encode checkpoint: %w", err)
			}
			docs, err := s.pollers.checkpoints.Open(ctx)
			if err != nil {
				return err
			}
			if _, err := store.Put(ctx, docs, "checkpoint/"+m.key(), data, store.Always); err != nil {
				return fmt.Errorf("write checkpoint: %w", err)
			}
			return nil
		},
	}
	if to := failureDestination(m); to != "" {
		st.Bury = func(ctx context.Context, report []byte) error {
			ctx = awsapi.WithCaller(ctx, awsapi.Caller{Account: m.Account, Region: m.Region, RequestID: uuid(), Service: "lambda.amazonaws.com", Admin: true})
			return s.deliver(ctx, to, report, nil)
		}
	}
	return st.Run(ctx, began)
}

func failureDestination(m *mapping) string {
	if d := m.Config.DestinationConfig; d != nil && d.OnFailure != nil {
		return deref(d.OnFailure.Destination)
	}
	return ""
}

// give gives an event to the mapping's function, and waits for it.
func (s *Service) give(ctx context.Context, m *mapping, requestID string, event []byte) (poll.Outcome, error) {
	ctx = awsapi.WithCaller(ctx, awsapi.Caller{Account: m.Account, Region: m.Region, RequestID: requestID, Service: "lambda.amazonaws.com", Admin: true})
	t, err := parseTarget(ctx, m.Config.FunctionArn, nil)
	if err != nil {
		return poll.Outcome{}, err
	}
	e, err := s.lookup(ctx, t)
	if err != nil {
		return poll.Outcome{}, err
	}
	version, res, err := s.run(ctx, e, t, worker.Invocation{RequestID: requestID, Payload: event})
	return poll.Outcome{Version: version, Failure: res.FunctionError, Payload: res.Payload}, err
}

// noteState makes it known that the mapping is polled for.
func (s *Service) noteState(ctx context.Context, m *mapping) {
	_, err := s.mappings.Edit(ctx, m.key(), func(now *mapping) (*mapping, error) {
		if now == nil || now.Version != m.Version || *now.Config.State == enabled {
			return nil, follow.ErrUnchanged
		}
		now.turn(enabled)
		return now, nil
	})
	if err != nil && ctx.Err() == nil {
		s.cfg.Log.Warn("the state of an event source mapping could not be noted", "mapping", *m.Config.UUID, "err", err)
	}
}

// noteResult makes it known how the last call went, if that is another word than before. AWS: of streams only.
func (s *Service) noteResult(ctx context.Context, m *mapping, result string) {
	if known, err := s.mappings.Get(ctx, m.key()); !m.stream() || err != nil || known == nil || deref(known.Config.LastProcessingResult) == result {
		return
	}
	_, err := s.mappings.Edit(ctx, m.key(), func(now *mapping) (*mapping, error) {
		if now == nil {
			return nil, follow.ErrUnchanged
		}
		now.Config.LastProcessingResult = &result
		return now, nil
	})
	if err != nil && ctx.Err() == nil {
		s.cfg.Log.Warn("the result of an event source mapping could not be noted", "mapping", *m.Config.UUID, "err", err)
	}
}
