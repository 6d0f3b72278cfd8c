package gateway

import (
	"errors"
	"sync"
	"time"

	"github.com/sallyport/sallyport/internal/apigateway"
	"github.com/sallyport/sallyport/internal/gateway/throttle"
)

// AWS's limits of an account, which stand in for the one of rate and burst that a setting of a stage leaves out.
const (
	accountRate  = 10_000
	accountBurst = 5_000
)

// Limits are those of an account in a region, over all its WebSocket APIs. They are each node's own. Zero is no limit, and the default:
// AWS's limits protect AWS.
type Limits struct {
	Rate        float64 // requests per second: upgrades, messages, and calls of @connections
	Burst       float64 // how many at once
	ConnectRate float64 // new connections per second
}

// AWSLimits are the limits of a new account on AWS.
var AWSLimits = Limits{Rate: accountRate, Burst: accountBurst, ConnectRate: 500}

// accounts has the limits of all accounts that have a stage here.
type accounts struct {
	limits Limits

	mu    sync.Mutex // guards table
	table map[apigateway.Place]*account
}

// An account is what the stages of one account in one region share.
type account struct {
	requests *throttle.Bucket
	connects *throttle.Bucket
}

func (a *accounts) of(place apigateway.Place) *account {
	a.mu.Lock()
	defer a.mu.Unlock()
	known := a.table[place]
	if known == nil {
		known = &account{}
		if a.limits.Rate > 0 {
			known.requests = throttle.New(a.limits.Rate, max(a.limits.Burst, 1))
		}
		if a.limits.ConnectRate > 0 {
			known.connects = throttle.New(a.limits.ConnectRate, a.limits.ConnectRate)
		}
		if a.table == nil {
			a.table = map[apigateway.Place]*account{}
		}
		a.table[place] = known
	}
	return known
}

// bucketOf makes the bucket of a route. What the settings of the route leave out, those of the stage say; a stage that sets neither is
// not throttled.
func bucketOf(s *apigateway.Stage, key string) *throttle.Bucket {
	rate, burst := s.DefaultSettings.ThrottlingRateLimit, s.DefaultSettings.ThrottlingBurstLimit
	own := s.RouteSettings[key]
	if own.ThrottlingRateLimit != nil {
		rate = own.ThrottlingRateLimit
	}
	if own.ThrottlingBurstLimit != nil {
		burst = own.ThrottlingBurstLimit
	}
	if rate == nil && burst == nil {
		return nil
	}
	r, b := float64(accountRate), float64(accountBurst)
	if rate != nil {
		r = *rate
	}
	if burst != nil {
		b = float64(*burst)
	}
	return throttle.New(r, b)
}

// join gives a stage the limits of its account, and what is left in the buckets of what it was before.
func (st *stage) join(a *account, old *stage) {
	st.limits = a
	if old == nil {
		return
	}
	st.upgrades = st.upgrades.Keep(old.upgrades)
	for key, r := range st.routes {
		if before := old.routes[key]; before != nil {
			r.throttle = r.throttle.Keep(before.throttle)
		}
	}
}

var (
	errThrottled        = errors.New("the throttling limits of the stage or the route are used up")
	errAccountThrottled = errors.New("the limit of requests of the account is used up")
	errConnectThrottled = errors.New("the limit of new connections of the account is used up")
)

const (
	throttledHint = "raise throttlingRateLimit and throttlingBurstLimit in the stage's settings; 0 blocks everything"
	limitsHint    = "raise the server's limits"
)

// admitUpgrade takes an upgrade against the limits of account and stage.
func (st *stage) admitUpgrade(at time.Time) *refusal {
	switch {
	case !st.limits.requests.Take(at):
		return refused(429, tooManyRequests, errAccountThrottled, limitsHint)
	case !st.limits.connects.Take(at):
		return refused(429, tooManyRequests, errConnectThrottled, limitsHint)
	case !st.upgrades.Take(at):
		return refused(429, tooManyRequests, errThrottled, throttledHint)
	}
	return nil
}
