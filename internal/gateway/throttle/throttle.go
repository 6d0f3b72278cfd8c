// Package throttle has the token bucket that limits requests. It is lower than what uses it: the gateway for accounts, stages and
// routes, package usage for API keys.
package throttle

import (
	"sync"
	"time"
)

// A Bucket lets rate requests through per second, and burst at once. A nil Bucket lets all through. Each node has its own: a limit holds
// for each node, as AWS's are best effort, too.
type Bucket struct {
	rate, burst float64

	mu     sync.Mutex // guards what follows
	tokens float64
	filled time.Time // when tokens was right; zero before the first request
}

// New returns a full bucket. AWS: a rate or burst of 0 blocks everything.
func New(rate, burst float64) *Bucket { return &Bucket{rate: rate, burst: burst} }

// Take takes a token if there is one.
func (b *Bucket) Take(now time.Time) bool {
	if b == nil {
		return true
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.rate == 0 || b.burst == 0 {
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

// Keep returns old if it has the limits of b, so that a change of something else fills no bucket, and b otherwise.
func (b *Bucket) Keep(old *Bucket) *Bucket {
	if b != nil && old != nil && b.rate == old.rate && b.burst == old.burst {
		return old
	}
	return b
}
