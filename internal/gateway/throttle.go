package gateway

import (
	"errors"
	"sync"
	"time"

	"github.com/sallyport/sallyport/internal/apigateway"
)

// AWS's limits of an account, which stand in for the one of rate and burst that a setting leaves out. A stage that sets neither is not
// throttled: the account's own limits are AWS's, not ours.
const (
	accountRate  = 10_000
	accountBurst = 5_000
)

// A bucket lets rate requests through per second, and burst at once. A nil bucket lets all through. Each node has its own, and a changed
// stage starts with full ones.
type bucket struct {
	rate, burst float64

	mu     sync.Mutex // guards what follows
	tokens float64
	filled time.Time // when tokens was right; zero before the first request
}

// take takes a token if there is one.
func (b *bucket) take(now time.Time) bool {
	if b == nil {
		return true
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.rate == 0 || b.burst == 0 { // AWS: a setting of 0 blocks everything
		return false
	}
	if b.filled.IsZero() {
		b.tokens, b.filled = b.burst, now
	} else if since := now.Sub(b.filled); since > 0 {
		b.tokens, b.filled = min(b.burst, b.tokens+since.Seconds()*b.rate), now
	}
	if b.tokens < 1 {
		return false
	}
	b.tokens--
	return true
}

// bucketOf makes the bucket of a route. What the settings of the route leave out, those of the stage say.
func bucketOf(s *apigateway.Stage, key string) *bucket {
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
	b := &bucket{rate: accountRate, burst: accountBurst}
	if rate != nil {
		b.rate = *rate
	}
	if burst != nil {
		b.burst = float64(*burst)
	}
	return b
}

var errThrottled = errors.New("the throttling limits of the stage or the route are used up")

const throttledHint = "raise throttlingRateLimit and throttlingBurstLimit in the stage's settings; 0 blocks everything"
