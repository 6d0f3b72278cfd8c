package events

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"time"

	"github.com/sallyport/sallyport/internal/awsapi"
	shapes "github.com/sallyport/sallyport/internal/awsapi/shapes/events"
	"github.com/sallyport/sallyport/internal/bus"
	"github.com/sallyport/sallyport/internal/service/events/delivery"
	"github.com/sallyport/sallyport/internal/store"
	"github.com/sallyport/sallyport/internal/store/follow"
)

// storeName is the store of this service: see documents.go.
const storeName = "events"

// Web makes HTTP calls for API destinations.
type Web interface {
	// Do sends a request and returns the answer's status and body; redirects are not followed.
	Do(ctx context.Context, method, url string, header map[string]string, body []byte) (status int, answer []byte, err error)
}

// A Config says what the service stands on.
type Config struct {
	Stores  store.Stores
	Bus     bus.Bus
	Targets *delivery.Sender
	Web     Web // nil: API destinations cannot be called
	Log     *slog.Logger

	// OldLimit is AWS's limit of an event before January 2026: 256 KB instead of 1 MB.
	OldLimit bool
}

// Service is EventBridge.
type Service struct {
	cfg          Config
	buses        *follow.Copy[eventBus]
	rules        *follow.Copy[rule]
	archives     *follow.Copy[archive]
	replays      *follow.Copy[replay]
	connections  *follow.Copy[connection]
	destinations *follow.Copy[destination]
	index        index
	deliveries   *bus.Later
	timers       *bus.Later
	replayJobs   *bus.Later
	done         *delivery.Memory // jobs whose events may be sent again
	began        time.Time        // what is older may have been in the hands of a process that died
	limits       limits
	tokens       tokens
}

// New returns the service. It answers while Run runs.
func New(cfg Config) *Service {
	later := func(name string) *bus.Later { return &bus.Later{Bus: cfg.Bus, Name: name} }
	s := &Service{cfg: cfg, deliveries: later(deliveryQueue), timers: later(scheduleQueue), replayJobs: later(replayQueue)}
	s.began = time.Now()
	s.done = delivery.NewMemory(cfg.Stores, "events-done", cfg.Log)
	s.index.init()
	s.buses = follow.New[eventBus](cfg.Stores, storeName, "bus/", cfg.Log, nil)
	s.rules = follow.New(cfg.Stores, storeName, "rule/", cfg.Log, s.index.takeRule(cfg.Log))
	s.archives = follow.New(cfg.Stores, storeName, "archive/", cfg.Log, s.index.takeArchive(cfg.Log))
	s.replays = follow.New[replay](cfg.Stores, storeName, "replay/", cfg.Log, nil)
	s.connections = follow.New[connection](cfg.Stores, storeName, "connection/", cfg.Log, nil)
	s.destinations = follow.New[destination](cfg.Stores, storeName, "destination/", cfg.Log, nil)
	return s
}

// Run follows the store, and works off events and schedules, until ctx is done.
func (s *Service) Run(ctx context.Context) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	var parts sync.WaitGroup
	var mu sync.Mutex // guards failed
	var failed error
	for _, part := range []func(context.Context) error{
		s.buses.Run, s.rules.Run, s.archives.Run, s.replays.Run, s.connections.Run, s.destinations.Run,
		s.runDeliveries, s.runSchedules, s.runReplays, s.sweepArchives, s.done.Run,
	} {
		parts.Go(func() {
			err := part(ctx)
			if ctx.Err() == nil && err != nil {
				mu.Lock()
				failed = errors.Join(failed, err)
				mu.Unlock()
				cancel()
			}
		})
	}
	parts.Wait()
	return failed
}

// API implements awsapi.Service.
func (s *Service) API() *awsapi.API { return shapes.API }

// Operations implements awsapi.Service.
func (s *Service) Operations() map[string]awsapi.Operation {
	return map[string]awsapi.Operation{
		"PutEvents":              awsapi.Op(s.putEvents),
		"TestEventPattern":       awsapi.Op(s.testEventPattern),
		"PutRule":                awsapi.Op(s.putRule),
		"DescribeRule":           awsapi.Op(s.describeRule),
		"ListRules":              awsapi.Op(s.listRules),
		"ListRuleNamesByTarget":  awsapi.Op(s.listRuleNamesByTarget),
		"EnableRule":             awsapi.Op(s.enableRule),
		"DisableRule":            awsapi.Op(s.disableRule),
		"DeleteRule":             awsapi.Op(s.deleteRule),
		"PutTargets":             awsapi.Op(s.putTargets),
		"ListTargetsByRule":      awsapi.Op(s.listTargetsByRule),
		"RemoveTargets":          awsapi.Op(s.removeTargets),
		"CreateEventBus":         awsapi.Op(s.createEventBus),
		"DescribeEventBus":       awsapi.Op(s.describeEventBus),
		"ListEventBuses":         awsapi.Op(s.listEventBuses),
		"UpdateEventBus":         awsapi.Op(s.updateEventBus),
		"DeleteEventBus":         awsapi.Op(s.deleteEventBus),
		"PutPermission":          awsapi.Op(s.putPermission),
		"RemovePermission":       awsapi.Op(s.removePermission),
		"TagResource":            awsapi.Op(s.tagResource),
		"UntagResource":          awsapi.Op(s.untagResource),
		"ListTagsForResource":    awsapi.Op(s.listTagsForResource),
		"CreateConnection":       awsapi.Op(s.createConnection),
		"DescribeConnection":     awsapi.Op(s.describeConnection),
		"ListConnections":        awsapi.Op(s.listConnections),
		"UpdateConnection":       awsapi.Op(s.updateConnection),
		"DeleteConnection":       awsapi.Op(s.deleteConnection),
		"DeauthorizeConnection":  awsapi.Op(s.deauthorizeConnection),
		"CreateApiDestination":   awsapi.Op(s.createAPIDestination),
		"DescribeApiDestination": awsapi.Op(s.describeAPIDestination),
		"ListApiDestinations":    awsapi.Op(s.listAPIDestinations),
		"UpdateApiDestination":   awsapi.Op(s.updateAPIDestination),
		"DeleteApiDestination":   awsapi.Op(s.deleteAPIDestination),
		"CreateArchive":          awsapi.Op(s.createArchive),
		"DescribeArchive":        awsapi.Op(s.describeArchive),
		"ListArchives":           awsapi.Op(s.listArchives),
		"UpdateArchive":          awsapi.Op(s.updateArchive),
		"DeleteArchive":          awsapi.Op(s.deleteArchive),
		"StartReplay":            awsapi.Op(s.startReplay),
		"DescribeReplay":         awsapi.Op(s.describeReplay),
		"ListReplays":            awsapi.Op(s.listReplays),
		"CancelReplay":           awsapi.Op(s.cancelReplay),
	}
}

// value returns what p points to, or the zero value.
func value[T any](p *T) T {
	var zero T
	if p == nil {
		return zero
	}
	return *p
}

// optional returns nil for the zero value.
func optional[T comparable](v T) *T {
	var zero T
	if v == zero {
		return nil
	}
	return &v
}

// now is the time as AWS keeps it.
func now() time.Time { return time.Now().UTC().Truncate(time.Millisecond) }
