package wsapptest

import (
	"context"
	"hash/fnv"
	"slices"
	"sync"
	"time"

	"github.com/sallyport/sallyport/wsapp"
)

// faults are what the test lets go wrong.
type faults struct {
	mu        sync.Mutex // guards what follows
	gone      map[string]bool
	throttled int
	slow      map[string]time.Duration // by route
	lose      bool                     // all ends of connections
	silent    map[string]bool          // connections whose end is lost
}

func (f *faults) init() {
	f.gone, f.slow, f.silent = map[string]bool{}, map[string]time.Duration{}, map[string]bool{}
}

// Gone lets every post to a connection answer 410, as if it had ended without a word.
func (x *Test) Gone(connectionID string) {
	x.faults.mu.Lock()
	defer x.faults.mu.Unlock()
	x.faults.gone[connectionID] = true
}

// Throttle lets the next n posts answer 429.
func (x *Test) Throttle(n int) {
	x.faults.mu.Lock()
	defer x.faults.mu.Unlock()
	x.faults.throttled = n
}

// Slow lets the function of a route begin d late, zero at once again. A function that is 29 seconds late or more has missed its time: the client
// gets "Endpoint request timed out", and the function runs nevertheless, as on Lambda. Time passes by [Test.Advance].
func (x *Test) Slow(route string, d time.Duration) {
	x.faults.mu.Lock()
	defer x.faults.mu.Unlock()
	x.faults.slow[route] = d
}

// LoseDisconnects lets no $disconnect reach the app from now on. AWS promises none: its delivery is best effort.
func (x *Test) LoseDisconnects() {
	x.faults.mu.Lock()
	defer x.faults.mu.Unlock()
	x.faults.lose = true
}

func (f *faults) lost(id string) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.lose || f.silent[id]
}

func (f *faults) delay(route string) time.Duration {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.slow[route]
}

// refuse returns why a post is refused, if it is.
func (f *faults) refuse(id string) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	switch {
	case f.gone[id]:
		return wsapp.ErrGone
	case f.throttled > 0:
		f.throttled--
		return wsapp.ErrThrottled
	}
	return nil
}

// engine is the gateway with faults, and with a table as on AWS.
type engine struct {
	x       *Test
	gateway wsapp.Engine
}

// Post implements wsapp.Engine.
func (e *engine) Post(ctx context.Context, id string, data []byte) error {
	err := e.x.faults.refuse(id)
	if err == nil {
		err = e.gateway.Post(ctx, id, data)
	}
	e.x.change(func() {
		e.x.events = append(e.x.events, Event{Kind: Push, ConnectionID: id, Body: string(data), Err: err})
	})
	return err
}

// Close implements wsapp.Engine.
func (e *engine) Close(ctx context.Context, id string) error { return e.gateway.Close(ctx, id) }

// Info implements wsapp.Engine.
func (e *engine) Info(ctx context.Context, id string) (wsapp.Info, error) {
	return e.gateway.Info(ctx, id)
}

// Add implements wsapp.Engine.
func (e *engine) Add(_ context.Context, id string) error { return e.x.table.add(id) }

// Remove implements wsapp.Engine.
func (e *engine) Remove(_ context.Context, id string) error { return e.x.table.remove(id) }

// Scan implements wsapp.Engine.
func (e *engine) Scan(_ context.Context, segment, segments int, page func(ids []string) error) error {
	for ids := range slices.Chunk(e.x.table.segment(segment, segments), 10) {
		if err := page(ids); err != nil {
			return err
		}
	}
	return nil
}

// A table keeps connections as the one in DynamoDB does.
type table struct {
	mu  sync.Mutex // guards ids
	ids []string
}

// Connections returns the ids in the app's table of connections, the oldest first.
func (x *Test) Connections() []string {
	x.Settle()
	x.table.mu.Lock()
	defer x.table.mu.Unlock()
	return slices.Clone(x.table.ids)
}

func (t *table) add(id string) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	if !slices.Contains(t.ids, id) {
		t.ids = append(t.ids, id)
	}
	return nil
}

func (t *table) remove(id string) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.ids = slices.DeleteFunc(t.ids, func(have string) bool { return have == id })
	return nil
}

func (t *table) segment(segment, segments int) []string {
	t.mu.Lock()
	defer t.mu.Unlock()
	var ids []string
	for _, id := range t.ids {
		h := fnv.New32a()
		_, _ = h.Write([]byte(id))
		if int(h.Sum32())%segments == segment {
			ids = append(ids, id)
		}
	}
	return ids
}
