package telemetry

import (
	"context"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/sallyport/sallyport/internal/apigateway"
	"github.com/sallyport/sallyport/internal/gateway"
)

const (
	queueLength  = 8192 // records that wait
	collectEvery = 5 * time.Second
)

// Logs takes lines; *logs.Service does. It never waits.
type Logs interface {
	Append(ctx context.Context, group, stream string, at time.Time, lines ...string)
}

// Config is what a Telemetry is made of.
type Config struct {
	Logs    Logs
	Metrics func(account, region string, m Metric) // takes AWS's metrics; it never waits
	Drain   func(func(gateway.Reading))            // what the gateway counted since the last time
	Open    func() int                             // connections now
	Node    uint16
	Traces  Traces
	Log     *slog.Logger
}

// A Telemetry is an Observer of a gateway.
type Telemetry struct {
	cfg     Config
	log     *slog.Logger
	stream  string // of logs
	queue   chan gateway.Record
	dropped atomic.Int64
	traces  *exporter // nil: no traces
	formats sync.Map  // text → *format
	unknown sync.Map  // destinations that were complained about

	mu     sync.Mutex // guards totals
	totals map[totalKey]*total
}

var _ gateway.Chooser = (*Telemetry)(nil)

// New returns a Telemetry that works during Run.
func New(cfg Config) *Telemetry {
	t := &Telemetry{cfg: cfg, log: cfg.Log, stream: streamOf(cfg.Node), queue: make(chan gateway.Record, queueLength), totals: map[totalKey]*total{}}
	if t.log == nil {
		t.log = slog.New(slog.DiscardHandler)
	}
	if cfg.Traces.Endpoint != "" {
		t.traces = newExporter(cfg.Traces, t.log)
	}
	return t
}

// Choose implements gateway.Chooser.
func (t *Telemetry) Choose(s *apigateway.Stage) gateway.Wish {
	access := s.AccessLog != nil && s.AccessLog.DestinationARN != ""
	level, trace := levels(s)
	return gateway.Wish{
		Successes: access || level == levelInfo || t.traces != nil,
		Variables: access || level != levelOff,
		Bodies:    trace && level != levelOff,
	}
}

// Observe implements gateway.Observer.
func (t *Telemetry) Observe(r gateway.Record) {
	if r.Settings == nil && t.traces == nil {
		return
	}
	select {
	case t.queue <- r:
	default:
		t.dropped.Add(1)
	}
}

// Run writes logs and sends spans until ctx is done; then it writes what waits.
func (t *Telemetry) Run(ctx context.Context) error {
	var parts sync.WaitGroup
	if t.traces != nil {
		parts.Go(func() { t.traces.run(ctx) })
	}
	tick := time.NewTicker(collectEvery)
	defer tick.Stop()
	for {
		select {
		case r := <-t.queue:
			t.write(r)
		case <-tick.C:
			t.Collect()
			if n := t.dropped.Swap(0); n > 0 {
				t.log.Warn("records for logs and traces came faster than they could be written", "dropped", n)
			}
		case <-ctx.Done():
			for {
				select {
				case r := <-t.queue:
					t.write(r)
				default:
					t.Collect()
					parts.Wait()
					return nil
				}
			}
		}
	}
}

func (t *Telemetry) write(r gateway.Record) {
	if r.Settings != nil {
		t.writeAccess(&r)
		t.writeExecution(&r)
	}
	if t.traces != nil {
		t.traces.add(spansOf(&r)...)
	}
}
