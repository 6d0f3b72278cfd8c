package gateway

import (
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/sallyport/sallyport/internal/gateway/integration"
)

// LatencyBounds are the upper ends of what integrations' latencies are sorted into; what took longer than the last is in one more.
var LatencyBounds = [...]time.Duration{
	time.Millisecond, 5 * time.Millisecond, 10 * time.Millisecond, 25 * time.Millisecond, 50 * time.Millisecond, 100 * time.Millisecond,
	250 * time.Millisecond, 500 * time.Millisecond, time.Second, 2500 * time.Millisecond, 5 * time.Second, 10 * time.Second, 29 * time.Second,
}

// A Latency sums up how long integrations took.
type Latency struct {
	Count         uint64
	Sum, Min, Max time.Duration
	Buckets       [len(LatencyBounds) + 1]uint64
}

// Counts are AWS's metrics of a route, since they were read before.
type Counts struct {
	ConnectCount     uint64 // upgrades that came as far as $connect
	MessageCount     uint64 // from clients, replies, and pushes
	IntegrationError uint64 // backends answered 4xx or 5xx
	ClientError      uint64 // refused before a backend was called
	ExecutionError   uint64 // a backend could not be called, or did not answer
	Latency          Latency
}

// A Reading is what happened on one route. An empty Route stands for messages that had none, and for pushes.
type Reading struct {
	Account, Region, API, Stage, Route string
	Detailed                           bool // the stage asks for metrics of routes
	Counts
}

// A meter counts for one route, whatever deployments come and go. Counting is an addition: it is always on. A nil meter counts nothing.
type meter struct {
	reading  Reading // without counts
	detailed atomic.Bool
	gone     atomic.Bool // the stage was removed

	connects, messages, integrationErrors, clientErrors, executionErrors atomic.Uint64

	mu      sync.Mutex // guards latency
	latency Latency
}

// message counts a message from or to a client.
func (m *meter) message() {
	if m != nil {
		m.messages.Add(1)
	}
}

// took counts a call of an integration.
func (m *meter) took(d time.Duration) {
	if m == nil {
		return
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	l := &m.latency
	if l.Count == 0 || d < l.Min {
		l.Min = d
	}
	l.Max = max(l.Max, d)
	l.Count++
	l.Sum += d
	i := 0
	for i < len(LatencyBounds) && d > LatencyBounds[i] {
		i++
	}
	l.Buckets[i]++
}

// ended counts how a call went: what the backend answered, or why it did not.
func (m *meter) ended(called bool, status int, f *integration.Failure) {
	switch {
	case m == nil:
	case f == nil && status >= 400:
		m.integrationErrors.Add(1)
	case f == nil:
	case f.Status >= 500 || called:
		m.executionErrors.Add(1)
	default:
		m.clientErrors.Add(1)
	}
}

func (m *meter) drain() (c Counts, any bool) {
	c = Counts{
		ConnectCount: m.connects.Swap(0), MessageCount: m.messages.Swap(0), IntegrationError: m.integrationErrors.Swap(0),
		ClientError: m.clientErrors.Swap(0), ExecutionError: m.executionErrors.Swap(0),
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	c.Latency, m.latency = m.latency, Latency{}
	return c, c != Counts{}
}

// meters are those of all stages, by "apiId/stage/route".
type meters struct {
	mu  sync.Mutex // guards all
	all map[string]*meter
}

// of returns the meter of a route.
func (ms *meters) of(st *stage, route string, detailed bool) *meter {
	key := st.api + "/" + st.name + "/" + route
	ms.mu.Lock()
	defer ms.mu.Unlock()
	m := ms.all[key]
	if m == nil {
		m = &meter{reading: Reading{Account: st.account, Region: st.region, API: st.api, Stage: st.name, Route: route}}
		if ms.all == nil {
			ms.all = map[string]*meter{}
		}
		ms.all[key] = m
	}
	m.detailed.Store(detailed)
	m.gone.Store(false)
	return m
}

// join gives a stage and its routes their meters.
func (ms *meters) join(st *stage) {
	detailed := func(key string) bool {
		s := st.settings.RouteSettings[key].DetailedMetricsEnabled
		if s == nil {
			s = st.settings.DefaultSettings.DetailedMetricsEnabled
		}
		return s != nil && *s
	}
	st.meter = ms.of(st, "", false)
	for _, r := range st.routes {
		r.meter = ms.of(st, r.key, detailed(r.key))
	}
	st.connects = ms.of(st, connectKey, detailed(connectKey))
	if st.connect != nil {
		st.connect.meter = st.connects
	}
	if st.disconnect != nil {
		st.disconnect.meter = ms.of(st, disconnectKey, detailed(disconnectKey))
	}
}

// leave lets the meters of a removed stage go when they have been read.
func (ms *meters) leave(stage string) {
	ms.mu.Lock()
	defer ms.mu.Unlock()
	for key, m := range ms.all {
		if strings.HasPrefix(key, stage+"/") {
			m.gone.Store(true)
		}
	}
}

// Drain tells what was counted since the last time, of every route where something was. There is one reader: what is told is forgotten.
func (g *Gateway) Drain(tell func(Reading)) {
	g.meters.mu.Lock()
	defer g.meters.mu.Unlock()
	for key, m := range g.meters.all {
		r := m.reading
		gone := m.gone.Load()
		counts, any := m.drain()
		if any {
			r.Counts, r.Detailed = counts, m.detailed.Load()
			tell(r)
		} else if gone {
			delete(g.meters.all, key)
		}
	}
}

// meterOf returns the meter of a route, or of what has none.
func (st *stage) meterOf(r *route) *meter {
	if r == nil || r.meter == nil {
		return st.meter
	}
	return r.meter
}
