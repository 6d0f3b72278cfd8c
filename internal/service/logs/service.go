package logs

import (
	"context"
	"log/slog"
	"sync"
	"time"

	"github.com/sallyport/sallyport/internal/awsapi"
	shapes "github.com/sallyport/sallyport/internal/awsapi/shapes/logs"
	"github.com/sallyport/sallyport/internal/bus"
	"github.com/sallyport/sallyport/internal/store"
	"github.com/sallyport/sallyport/internal/store/follow"
)

// Service keeps logs.
type Service struct {
	docs store.Later
	bus  bus.Bus
	log  *slog.Logger
	now  func() time.Time

	writer writer
	ended  chan struct{} // closed when Run is to end

	functions  Functions // nil: subscription filters call nobody
	metrics    Metrics   // nil: metric filters measure nothing
	metered    *follow.Copy[metricFilters]
	subscribed *follow.Copy[subscriptions]
	feedings   *bus.Later

	mu   sync.Mutex // guards logs
	logs map[logKey]*openLog
}

// New returns the service on the store "logs". Lines that Append takes are written while Run runs.
func New(stores store.Stores, b bus.Bus, log *slog.Logger) *Service {
	return &Service{
		docs:   store.Later{Stores: stores, Name: storeName},
		bus:    b,
		log:    log,
		now:    time.Now,
		writer: writer{wakeFlush: make(chan struct{}, 1), wakeLive: make(chan struct{}, 1), dropped: map[logKey]int{}},
		logs:   map[logKey]*openLog{},
		ended:  make(chan struct{}),

		metered:    follow.New[metricFilters](stores, storeName, metricsPrefix, log, nil),
		subscribed: follow.New[subscriptions](stores, storeName, subscriptionsPrefix, log, nil),
		feedings:   &bus.Later{Bus: b, Name: "logs-subscriptions"},
	}
}

// Run writes what Append took, tells it to those who Tail, and removes what is old, until ctx is done; then it
// writes what is left.
func (s *Service) Run(ctx context.Context) error {
	var parts sync.WaitGroup
	defer context.AfterFunc(ctx, func() { close(s.ended) })()
	parts.Go(func() { s.flushLoop(ctx) })
	parts.Go(func() {
		if err := s.subscribed.Run(ctx); err != nil {
			s.log.Error("subscription filters are not followed any more", "err", err)
		}
	})
	parts.Go(func() {
		if err := s.metered.Run(ctx); err != nil {
			s.log.Error("metric filters are not followed any more", "err", err)
		}
	})
	if s.functions != nil {
		parts.Go(func() { s.feedLoop(ctx) })
	}
	parts.Go(func() { s.liveLoop(ctx) })
	parts.Go(func() { s.sweepLoop(ctx) })
	parts.Wait()
	return nil
}

// API implements awsapi.Service.
func (s *Service) API() *awsapi.API { return shapes.API }

// Operations implements awsapi.Service.
func (s *Service) Operations() map[string]awsapi.Operation {
	return map[string]awsapi.Operation{
		"CreateLogGroup":              awsapi.Op(s.createLogGroup),
		"DeleteLogGroup":              awsapi.Op(s.deleteLogGroup),
		"DescribeLogGroups":           awsapi.Op(s.describeLogGroups),
		"PutRetentionPolicy":          awsapi.Op(s.putRetentionPolicy),
		"DeleteRetentionPolicy":       awsapi.Op(s.deleteRetentionPolicy),
		"TagResource":                 awsapi.Op(s.tagResource),
		"UntagResource":               awsapi.Op(s.untagResource),
		"ListTagsForResource":         awsapi.Op(s.listTagsForResource),
		"TagLogGroup":                 awsapi.Op(s.tagLogGroup),
		"UntagLogGroup":               awsapi.Op(s.untagLogGroup),
		"ListTagsLogGroup":            awsapi.Op(s.listTagsLogGroup),
		"PutSubscriptionFilter":       awsapi.Op(s.putSubscriptionFilter),
		"DescribeSubscriptionFilters": awsapi.Op(s.describeSubscriptionFilters),
		"DeleteSubscriptionFilter":    awsapi.Op(s.deleteSubscriptionFilter),
		"PutResourcePolicy":           awsapi.Op(s.putResourcePolicy),
		"DescribeResourcePolicies":    awsapi.Op(s.describeResourcePolicies),
		"DeleteResourcePolicy":        awsapi.Op(s.deleteResourcePolicy),
		"CreateLogStream":             awsapi.Op(s.createLogStream),
		"DeleteLogStream":             awsapi.Op(s.deleteLogStream),
		"DescribeLogStreams":          awsapi.Op(s.describeLogStreams),
		"PutLogEvents":                awsapi.Op(s.putLogEvents),
		"GetLogEvents":                awsapi.Op(s.getLogEvents),
		"FilterLogEvents":             awsapi.Op(s.filterLogEvents),
		"PutMetricFilter":             awsapi.Op(s.putMetricFilter),
		"DescribeMetricFilters":       awsapi.Op(s.describeMetricFilters),
		"DeleteMetricFilter":          awsapi.Op(s.deleteMetricFilter),
		"TestMetricFilter":            awsapi.Op(s.testMetricFilter),
		"StartLiveTail":               awsapi.Op(s.startLiveTail),
	}
}

func (s *Service) millis() int64 { return s.now().UnixMilli() }
