package server

import (
	"net/http"
	"net/netip"

	"github.com/sallyport/sallyport/internal/apigateway"
	"github.com/sallyport/sallyport/internal/gateway"
	"github.com/sallyport/sallyport/internal/service/logs"
	"github.com/sallyport/sallyport/internal/service/monitoring"
	"github.com/sallyport/sallyport/internal/store"
	"github.com/sallyport/sallyport/internal/telemetry"
)

// An audience is several observers of the gateway as one.
type audience []gateway.Observer

// Observe implements gateway.Observer.
func (a audience) Observe(r gateway.Record) {
	for _, o := range a {
		o.Observe(r)
	}
}

// Choose implements gateway.Chooser: what one of them wants is wanted.
func (a audience) Choose(s *apigateway.Stage) gateway.Wish {
	var all gateway.Wish
	for _, o := range a {
		one := gateway.Wish{Successes: true}
		if c, ok := o.(gateway.Chooser); ok {
			one = c.Choose(s)
		}
		all.Successes = all.Successes || one.Successes
		all.Variables = all.Variables || one.Variables
		all.Bodies = all.Bodies || one.Bodies
	}
	return all
}

// newMetrics builds CloudWatch's metrics, and what brings the gateway's into them and into logs and traces.
func (s *Server) newMetrics(stores store.Stores, node uint16) *monitoring.Service {
	metrics := monitoring.New(monitoring.Config{Stores: stores, Node: node, Log: s.cfg.Log, Collect: func() { s.telemetry.Collect() }})
	s.telemetry = telemetry.New(telemetry.Config{
		Logs: s.Logs, Node: node, Log: s.cfg.Log, Traces: s.cfg.Traces,
		Metrics: func(account, region string, m telemetry.Metric) {
			metrics.Add(account, region, monitoring.Metric{Namespace: telemetry.Namespace, Name: m.Name, Unit: m.Unit, Dimensions: m.Dimensions},
				m.At, monitoring.Sum{Count: m.Count, Sum: m.Sum, Min: m.Min, Max: m.Max})
		},
		Drain: func(tell func(gateway.Reading)) { s.gateway.Drain(tell) },
		Open:  func() int { return s.sockets.Stats().Open },
	})
	s.Logs.ConnectMetrics(logMetrics{metrics})
	return metrics
}

// logMetrics takes what metric filters find in logs.
type logMetrics struct{ metrics *monitoring.Service }

// Measure implements logs.Metrics.
func (l logMetrics) Measure(account, region string, m logs.Measured) {
	l.metrics.Add(account, region, monitoring.Metric{Namespace: m.Namespace, Name: m.Name, Unit: m.Unit, Dimensions: m.Dimensions}, m.At, monitoring.One(m.Value))
}

// observer is what the gateway tells. Without an observer of the configuration, failures are logged.
func (s *Server) observer() gateway.Observer {
	if s.cfg.Observer == nil {
		return audience{s.telemetry, gateway.NewLogger(s.cfg.Log)}
	}
	return audience{s.telemetry, s.cfg.Observer}
}

// serveMetrics answers Prometheus, on this machine only: the answer names APIs and routes, and nobody signs for it.
func (s *Server) serveMetrics() http.HandlerFunc {
	handler := s.telemetry.Handler()
	return func(w http.ResponseWriter, r *http.Request) {
		peer, err := netip.ParseAddrPort(r.RemoteAddr)
		if err != nil || !peer.Addr().Unmap().IsLoopback() || r.Header.Get("X-Forwarded-For") != "" {
			http.Error(w, "metrics are told on this machine only", http.StatusForbidden)
			return
		}
		handler.ServeHTTP(w, r)
	}
}
