package monitoring

import (
	"context"
	"log/slog"
	"sync"
	"time"

	"github.com/sallyport/sallyport/internal/awsapi"
	shapes "github.com/sallyport/sallyport/internal/awsapi/shapes/monitoring"
	"github.com/sallyport/sallyport/internal/store"
)

// How often what was added is written, and how long it is kept.
const (
	flushEvery = time.Minute
	retention  = 15 * 24 * time.Hour
	sweepEvery = time.Hour
)

// Config is what a Service is made of.
type Config struct {
	Stores store.Stores
	Node   uint16       // of this process: it writes documents of its own
	Log    *slog.Logger // nil: silent
	// Collect is called before a question is answered, so that the newest is in the answer; it calls Add. Nil: nothing is asked.
	Collect func()
	Now     func() time.Time // nil: time.Now
}

// Service keeps metrics.
type Service struct {
	cfg Config
	log *slog.Logger
	now func() time.Time

	writing sync.Mutex // held while pending is written: hours are read, added to, and put back

	mu      sync.Mutex // guards pending
	pending map[place]map[string]*series
}

// New returns the service on the store "monitoring".
func New(cfg Config) *Service {
	s := &Service{cfg: cfg, log: cfg.Log, now: cfg.Now, pending: map[place]map[string]*series{}}
	if s.log == nil {
		s.log = slog.New(slog.DiscardHandler)
	}
	if s.now == nil {
		s.now = time.Now
	}
	return s
}

// Run writes what was added, and removes what is old, until ctx is done; then it writes what is left.
func (s *Service) Run(ctx context.Context) error {
	flush, sweep := time.NewTicker(flushEvery), time.NewTicker(sweepEvery)
	defer flush.Stop()
	defer sweep.Stop()
	for {
		select {
		case <-flush.C:
			s.collect(ctx)
		case <-sweep.C:
			if err := s.sweep(ctx); err != nil && ctx.Err() == nil {
				s.log.Warn("old metrics were not removed", "cause", err)
			}
		case <-ctx.Done():
			last, cancel := context.WithTimeout(context.WithoutCancel(ctx), 5*time.Second)
			defer cancel()
			s.collect(last)
			return nil
		}
	}
}

// collect fetches what others counted, and writes everything.
func (s *Service) collect(ctx context.Context) {
	if s.cfg.Collect != nil {
		s.cfg.Collect()
	}
	if err := s.flush(ctx); err != nil && ctx.Err() == nil {
		s.log.Warn("metrics were not written; they are kept for the next time", "cause", err)
	}
}

// API implements awsapi.Service.
func (s *Service) API() *awsapi.API { return shapes.API }

// Operations implements awsapi.Service.
func (s *Service) Operations() map[string]awsapi.Operation {
	return map[string]awsapi.Operation{
		"GetMetricData":       awsapi.Op(s.getMetricData),
		"GetMetricStatistics": awsapi.Op(s.getMetricStatistics),
		"ListMetrics":         awsapi.Op(s.listMetrics),
		"PutMetricData":       awsapi.Op(s.putMetricData),
	}
}
