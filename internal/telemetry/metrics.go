package telemetry

import (
	"time"

	"github.com/sallyport/sallyport/internal/gateway"
)

// Namespace is AWS's for API Gateway.
const Namespace = "AWS/ApiGateway"

// A Metric is a sum of values of one of AWS's metrics.
type Metric struct {
	Name       string
	Unit       string
	Dimensions [][2]string
	At         time.Time
	Count      float64
	Sum        float64
	Min, Max   float64
}

// Collect passes on what the gateway counted since the last time.
func (t *Telemetry) Collect() {
	t.mu.Lock()
	defer t.mu.Unlock()
	now := time.Now()
	t.cfg.Drain(func(r gateway.Reading) {
		t.addTotal(&r)
		for _, dimensions := range dimensionsOf(&r) {
			t.tellMetrics(&r, dimensions, now)
		}
	})
}

// dimensionsOf returns the sets of dimensions that AWS keeps: the API, the API and stage, and with detailed metrics the route.
func dimensionsOf(r *gateway.Reading) [][][2]string {
	api, stage := [2]string{"ApiId", r.API}, [2]string{"Stage", r.Stage}
	all := [][][2]string{{api}, {api, stage}}
	if r.Detailed && r.Route != "" {
		all = append(all, [][2]string{api, stage, {"Route", r.Route}})
	}
	return all
}

func (t *Telemetry) tellMetrics(r *gateway.Reading, dimensions [][2]string, at time.Time) {
	for _, c := range []struct {
		name  string
		count uint64
	}{
		{"ConnectCount", r.ConnectCount},
		{"MessageCount", r.MessageCount},
		{"IntegrationError", r.IntegrationError},
		{"ClientError", r.ClientError},
		{"ExecutionError", r.ExecutionError},
	} {
		if n := float64(c.count); n > 0 {
			t.cfg.Metrics(r.Account, r.Region, Metric{Name: c.name, Unit: "Count", Dimensions: dimensions, At: at, Count: n, Sum: n, Min: 1, Max: 1})
		}
	}
	if l := r.Latency; l.Count > 0 {
		ms := func(d time.Duration) float64 { return float64(d) / float64(time.Millisecond) }
		t.cfg.Metrics(r.Account, r.Region, Metric{
			Name: "IntegrationLatency", Unit: "Milliseconds", Dimensions: dimensions, At: at, Count: float64(l.Count), Sum: ms(l.Sum), Min: ms(l.Min), Max: ms(l.Max),
		})
	}
}
