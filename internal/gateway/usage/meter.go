package usage

import (
	"errors"
	"sync"
	"time"

	"github.com/sallyport/sallyport/internal/apigateway"
	"github.com/sallyport/sallyport/internal/gateway/throttle"
)

// Why a key may not make a request now.
var (
	ErrThrottled = errors.New("usage: the rate of the usage plan is used up")
	ErrQuota     = errors.New("usage: the quota of the usage plan is used up")
)

// A Meter is a key in a plan. It outlives changes of the plan; without one it limits nothing.
type Meter struct {
	pair pair

	mu       sync.Mutex // guards what follows
	plan     *apigateway.UsagePlan
	whole    *throttle.Bucket            // of the plan
	routes   map[string]*throttle.Bucket // of stages and routes with a throttle of their own
	own      map[string]int64            // requests let through here, by day
	others   map[string]apigateway.Usage // what other nodes wrote, by their number
	granted  apigateway.Grant
	unsaved  bool
	day      string    // that own counts
	dayEnds  time.Time // zero: the three that follow have to be made anew
	used     int64     // in the period
	allowed  int64     // in the period
	hasQuota bool
}

func newMeter(p pair) *Meter {
	return &Meter{pair: p, own: map[string]int64{}, others: map[string]apigateway.Usage{}}
}

// KeyID returns the id of the key.
func (m *Meter) KeyID() string { return m.pair.key }

func (m *Meter) setPlan(plan *apigateway.UsagePlan) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.plan, m.dayEnds = plan, time.Time{}
	old := m.routes
	m.routes = nil
	if plan == nil {
		m.whole = nil
		return
	}
	m.whole = bucketOf(plan.Throttle).Keep(m.whole)
	for i := range plan.Stages {
		for route, t := range plan.Stages[i].Throttle {
			if m.routes == nil {
				m.routes = map[string]*throttle.Bucket{}
			}
			key := plan.Stages[i].Name() + "/" + route
			m.routes[key] = bucketOf(&t).Keep(old[key])
		}
	}
}

// bucketOf makes the bucket of a plan's throttle. What it leaves out, or has as zero, is no limit: the other of the two stands in.
func bucketOf(t *apigateway.Throttle) *throttle.Bucket {
	if t == nil || t.Rate <= 0 && t.Burst <= 0 {
		return nil
	}
	rate, burst := t.Rate, float64(t.Burst)
	if rate <= 0 {
		rate = burst
	}
	if burst <= 0 {
		burst = max(rate, 1)
	}
	return throttle.New(rate, burst)
}

// Take counts one request for a route of a stage. The error is ErrThrottled or ErrQuota; then it counts for nothing.
func (m *Meter) Take(apiID, stage, route string, now time.Time) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.plan == nil {
		return nil
	}
	if !now.Before(m.dayEnds) {
		m.begin(now)
	}
	if m.hasQuota && m.used >= m.allowed {
		return ErrQuota
	}
	bucket := m.whole
	if m.routes != nil {
		if b := m.routes[apiID+":"+stage+"/"+route]; b != nil {
			bucket = b
		}
	}
	if !bucket.Take(now) {
		return ErrThrottled
	}
	m.used++
	m.own[m.day]++
	m.unsaved = true
	return nil
}

// begin makes the figures of the period that now is in.
func (m *Meter) begin(now time.Time) {
	y, mo, d := now.UTC().Date()
	today := time.Date(y, mo, d, 0, 0, 0, 0, time.UTC)
	m.day, m.dayEnds = today.Format(apigateway.DayFormat), today.AddDate(0, 0, 1)
	q := m.plan.Quota
	if m.hasQuota = q != nil; !m.hasQuota {
		return
	}
	start := q.Start(now)
	own := apigateway.Usage{Days: m.own}
	m.used, m.allowed = own.Since(start), q.Limit
	for _, u := range m.others {
		m.used += u.Since(start)
	}
	if m.granted.Start == start.Format(apigateway.DayFormat) {
		m.allowed += m.granted.Extra
	}
}
