package gateway

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/sallyport/sallyport/internal/apigateway"
	"github.com/sallyport/sallyport/internal/gateway/loop"
	"github.com/sallyport/sallyport/internal/json"
	"github.com/sallyport/sallyport/internal/store"
)

// stages are all stages that are served, by "apiId/stage". Readers take the map as it is; watch alone replaces it.
type stages struct {
	table atomic.Pointer[map[string]*served]
}

// A served is a stage for as long as it exists. What its connections hold on to.
type served struct {
	current atomic.Pointer[stage] // nil when the stage was removed
}

func (s *stages) init() {
	s.table.Store(&map[string]*served{})
}

// find returns the stage, or nil.
func (s *stages) find(api, name string) *served { return (*s.table.Load())[api+"/"+name] }

// set puts a stage into the table or makes it what the table's stage is now. It reports whether it was new.
func (s *stages) set(key string, st *stage) (added bool) {
	old := *s.table.Load()
	if known := old[key]; known != nil {
		known.current.Store(st)
		return false
	}
	fresh := &served{}
	fresh.current.Store(st)
	table := maps.Clone(old)
	table[key] = fresh
	s.table.Store(&table)
	return true
}

// remove takes a stage out of the table, and returns it, nil if it was not there.
func (s *stages) remove(key string) *served {
	old := *s.table.Load()
	gone := old[key]
	if gone == nil {
		return nil
	}
	table := maps.Clone(old)
	delete(table, key)
	s.table.Store(&table)
	gone.current.Store(nil)
	return gone
}

// newFollowers returns what keeps the gateway as the control plane's documents are: stages and custom domains.
func (g *Gateway) newFollowers() []*follower {
	return []*follower{
		newFollower(apigateway.SnapshotPrefix, g.setStage, g.removeStage),
		newFollower(apigateway.DomainPrefix, g.setDomain, func(name string) { g.setDomain(name, nil) }),
	}
}

// watch follows what the control plane writes until ctx is done.
func (g *Gateway) watch(ctx context.Context) error {
	documents, err := g.cfg.Stores.Open(ctx, apigateway.Store)
	if err != nil {
		return fmt.Errorf("open store %s: %w", apigateway.Store, err)
	}
	var watches sync.WaitGroup
	for _, f := range g.followers {
		watches.Go(func() { f.run(ctx, documents, g.log) })
	}
	watches.Go(func() {
		g.keys.WaitReady(ctx)
		for _, f := range g.followers {
			select {
			case <-f.ready:
			case <-ctx.Done():
				return
			}
		}
		close(g.ready)
	})
	watches.Wait()
	return ctx.Err()
}

// CatchUp returns when this node serves what the control plane has written so far, or with ctx's error.
func (g *Gateway) CatchUp(ctx context.Context) error {
	documents, err := g.cfg.Stores.Open(ctx, apigateway.Store)
	if err != nil {
		return fmt.Errorf("open store %s: %w", apigateway.Store, err)
	}
	for _, f := range g.followers {
		if err := f.catchUp(ctx, documents); err != nil {
			return err
		}
	}
	return nil
}

// A follower keeps what is served as the documents under a prefix are.
type follower struct {
	prefix string
	ready  chan struct{} // closed when all that existed has been told
	set    func(key string, data []byte)
	remove func(key string)

	mu    sync.Mutex        // guards what follows
	have  map[string]uint64 // revision of what is served, by key without prefix
	moved chan struct{}     // closed at the next change of have
}

func newFollower(prefix string, set func(key string, data []byte), remove func(key string)) *follower {
	return &follower{prefix: prefix, ready: make(chan struct{}), set: set, remove: remove, have: map[string]uint64{}, moved: make(chan struct{})}
}

// run follows the documents until ctx is done. A store that cannot be reached is tried again: what is served stays.
func (f *follower) run(ctx context.Context, documents store.Store, log *slog.Logger) {
	for {
		err := f.follow(ctx, documents)
		if ctx.Err() != nil {
			return
		}
		log.Error("watching what is deployed was interrupted", "documents", f.prefix, "cause", err)
		select {
		case <-ctx.Done():
			return
		case <-time.After(time.Second):
		}
	}
}

// follow is run until the store fails.
func (f *follower) follow(ctx context.Context, documents store.Store) error {
	seen := map[string]bool{} // until the watch caught up: what was removed meanwhile is not in it
	return documents.Watch(ctx, f.prefix, func(e store.Event) error {
		key := strings.TrimPrefix(e.Key, f.prefix)
		switch {
		case e.CaughtUp:
			for _, key := range f.keys() {
				if !seen[key] {
					f.drop(key)
				}
			}
			seen = nil
			select {
			case <-f.ready:
			default:
				close(f.ready)
			}
		case e.Deleted:
			delete(seen, key)
			f.drop(key)
		default:
			if seen != nil {
				seen[key] = true
			}
			f.set(key, e.Data)
			f.note(func() { f.have[key] = e.Rev })
		}
		return nil
	})
}

func (f *follower) drop(key string) {
	f.remove(key)
	f.note(func() { delete(f.have, key) })
}

// note changes have and wakes those who wait for it.
func (f *follower) note(change func()) {
	f.mu.Lock()
	defer f.mu.Unlock()
	change()
	close(f.moved)
	f.moved = make(chan struct{})
}

func (f *follower) keys() []string {
	f.mu.Lock()
	defer f.mu.Unlock()
	return slices.Collect(maps.Keys(f.have))
}

// catchUp waits until what is served is what the store has.
func (f *follower) catchUp(ctx context.Context, documents store.Store) error {
	for {
		f.mu.Lock()
		moved := f.moved
		f.mu.Unlock()
		docs, err := documents.List(ctx, f.prefix)
		if err != nil {
			return fmt.Errorf("list what is deployed: %w", err)
		}
		if f.serves(docs) {
			return nil
		}
		select {
		case <-moved:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// serves reports whether exactly these documents are served, or newer ones.
func (f *follower) serves(docs []store.Doc) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, d := range docs {
		if f.have[strings.TrimPrefix(d.Key, f.prefix)] < d.Rev {
			return false
		}
	}
	return len(f.have) == len(docs)
}

// setDomain serves a custom domain as it is now; data is nil if it was removed.
func (g *Gateway) setDomain(name string, data []byte) {
	if err := g.domains.set(name, data); err != nil {
		g.log.Error("custom domain cannot be read; it is not served", "domain", name, "cause", err)
	}
}

// setStage compiles a snapshot and serves it. One that cannot be read leaves the stage as it was.
func (g *Gateway) setStage(key string, data []byte) {
	var snapshot apigateway.Snapshot
	err := json.Unmarshal(data, &snapshot)
	if want := snapshot.Deployment.API.ID + "/" + snapshot.Stage.Name; err == nil && want != key {
		err = errors.New("it is of stage " + want)
	}
	if err != nil {
		g.log.Error("snapshot of a stage cannot be read; the stage stays as it was", "stage", key, "cause", err)
		return
	}
	st := compile(&snapshot, &g.cfg)
	for _, problem := range st.problems {
		g.log.Warn("stage has a setting that cannot work", "stage", key, "deployment", snapshot.Deployment.ID, "cause", problem)
	}
	g.meters.join(st)
	var old *stage
	if s := (*g.served.table.Load())[key]; s != nil {
		old = s.current.Load()
	}
	st.join(g.accounts.of(apigateway.Place{Account: st.account, Region: st.region}), old)
	if g.served.set(key, st) {
		g.log.Info("stage is served", "stage", key, "deployment", snapshot.Deployment.ID)
	}
}

// removeStage stops serving a stage and closes its connections. AWS's $disconnect does not run: the route is gone.
func (g *Gateway) removeStage(key string) {
	gone := g.served.remove(key)
	if gone == nil {
		return
	}
	g.meters.leave(key)
	n := 0
	for c := range g.cfg.Sockets.All() {
		if s, ok := c.Attached().(*session); ok && s.stage == gone {
			n++
			_ = c.Close(loop.CodeGoingAway, loop.ReasonGoingAway)
		}
	}
	g.log.Info("stage was removed", "stage", key, "connections", n)
}
