package telemetry

import (
	"net/http"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"github.com/sallyport/sallyport/internal/gateway"
)

// A totalKey names a route.
type totalKey struct{ api, stage, route string }

// A total is what was counted on a route since the start, as Prometheus wants it.
type total struct{ gateway.Counts }

// addTotal adds a reading. The caller holds mu.
func (t *Telemetry) addTotal(r *gateway.Reading) {
	key := totalKey{r.API, r.Stage, r.Route}
	sum := t.totals[key]
	if sum == nil {
		sum = &total{}
		t.totals[key] = sum
	}
	sum.ConnectCount += r.ConnectCount
	sum.MessageCount += r.MessageCount
	sum.IntegrationError += r.IntegrationError
	sum.ClientError += r.ClientError
	sum.ExecutionError += r.ExecutionError
	sum.Latency.Count += r.Latency.Count
	sum.Latency.Sum += r.Latency.Sum
	for i, n := range r.Latency.Buckets {
		sum.Latency.Buckets[i] += n
	}
}

// Handler answers Prometheus.
func (t *Telemetry) Handler() http.Handler {
	registry := prometheus.NewRegistry()
	registry.MustRegister(&collector{t}, collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	return promhttp.HandlerFor(registry, promhttp.HandlerOpts{})
}

// collector tells Prometheus the totals.
type collector struct{ t *Telemetry }

// Describe implements prometheus.Collector. It tells nothing: what there is depends on what is deployed.
func (*collector) Describe(chan<- *prometheus.Desc) {}

// Collect implements prometheus.Collector.
func (c *collector) Collect(out chan<- prometheus.Metric) {
	c.t.Collect()
	labels := []string{"api", "stage", "route"}
	desc := func(name, help string) *prometheus.Desc {
		return prometheus.NewDesc("sallyport_"+name, help, labels, nil)
	}
	counters := []struct {
		desc *prometheus.Desc
		of   func(*total) uint64
	}{
		{desc("connects_total", "Upgrades that came as far as $connect."), func(s *total) uint64 { return s.ConnectCount }},
		{desc("messages_total", "Messages from and to clients."), func(s *total) uint64 { return s.MessageCount }},
		{desc("integration_errors_total", "Answers of integrations with a status of 400 or more."), func(s *total) uint64 { return s.IntegrationError }},
		{desc("client_errors_total", "Requests that were refused before an integration was called."), func(s *total) uint64 { return s.ClientError }},
		{desc("execution_errors_total", "Integrations that could not be called or did not answer."), func(s *total) uint64 { return s.ExecutionError }},
	}
	latency := desc("integration_latency_seconds", "How long integrations took, but for MOCK.")
	if c.t.cfg.Open != nil {
		open := prometheus.NewDesc("sallyport_connections", "Connections that are open on this node.", nil, nil)
		out <- prometheus.MustNewConstMetric(open, prometheus.GaugeValue, float64(c.t.cfg.Open()))
	}
	c.t.mu.Lock()
	defer c.t.mu.Unlock()
	for key, sum := range c.t.totals {
		for _, counter := range counters {
			out <- prometheus.MustNewConstMetric(counter.desc, prometheus.CounterValue, float64(counter.of(sum)), key.api, key.stage, key.route)
		}
		if sum.Latency.Count == 0 {
			continue
		}
		buckets := make(map[float64]uint64, len(gateway.LatencyBounds))
		n := uint64(0)
		for i, bound := range gateway.LatencyBounds {
			n += sum.Latency.Buckets[i]
			buckets[bound.Seconds()] = n
		}
		out <- prometheus.MustNewConstHistogram(latency, sum.Latency.Count, sum.Latency.Sum.Seconds(), buckets, key.api, key.stage, key.route)
	}
}
