package gateway

import (
	"context"
	"sync"
	"time"
)

// A localContext is the context of a function of this process. Most such functions are done before anybody has asked for its end, so the timer
// that ends it is made only for those who ask.
type localContext struct {
	parent   context.Context
	deadline time.Time

	mu     sync.Mutex // guards what follows
	inner  context.Context
	cancel context.CancelFunc
	done   bool
}

func newLocalContext(parent context.Context, timeout time.Duration) (context.Context, context.CancelFunc) {
	c := &localContext{parent: parent, deadline: time.Now().Add(timeout)}
	return c, c.end
}

// Deadline implements context.Context.
func (c *localContext) Deadline() (time.Time, bool) { return c.deadline, true }

// Done implements context.Context.
func (c *localContext) Done() <-chan struct{} {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.inner == nil {
		c.inner, c.cancel = context.WithDeadline(c.parent, c.deadline)
		if c.done {
			c.cancel()
		}
	}
	return c.inner.Done()
}

// Err implements context.Context.
func (c *localContext) Err() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	switch {
	case c.inner != nil:
		return c.inner.Err()
	case c.done:
		return context.Canceled
	case !time.Now().Before(c.deadline):
		return context.DeadlineExceeded
	}
	return c.parent.Err()
}

// Value implements context.Context.
func (c *localContext) Value(key any) any { return c.parent.Value(key) }

// end releases the context when the call is over.
func (c *localContext) end() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.done = true
	if c.cancel != nil {
		c.cancel()
	}
}
