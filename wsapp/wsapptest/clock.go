package wsapptest

import (
	"context"
	"sync"
	"time"
)

// A clock runs as the machine's (or the bubble's), and ahead of it by what the test has let pass.
type clock struct {
	mu      sync.Mutex // guards what follows
	ahead   time.Duration
	moved   chan struct{} // closed and made anew when ahead changes
	stopped chan struct{}
}

func (c *clock) init() {
	c.moved, c.stopped = make(chan struct{}), make(chan struct{})
}

func (c *clock) now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return time.Now().Add(c.ahead)
}

func (c *clock) advance(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.ahead += d
	close(c.moved)
	c.moved = make(chan struct{})
}

// wait waits until a time on the clock, ctx is done or the test ends.
func (c *clock) wait(ctx context.Context, until time.Time) {
	for {
		c.mu.Lock()
		left, moved := until.Sub(time.Now().Add(c.ahead)), c.moved
		c.mu.Unlock()
		if left <= 0 {
			return
		}
		t := time.NewTimer(left)
		select {
		case <-t.C:
		case <-moved:
		case <-ctx.Done():
			t.Stop()
			return
		case <-c.stopped:
			t.Stop()
			return
		}
		t.Stop()
	}
}

func (c *clock) stop() { close(c.stopped) }

func (c *clock) isStopped() bool {
	select {
	case <-c.stopped:
		return true
	default:
		return false
	}
}
