package gateway

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"strings"
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
	ready chan struct{} // closed when the table is complete
}

// A served is a stage for as long as it exists. What its connections hold on to.
type served struct {
	current atomic.Pointer[stage] // nil when the stage was removed
}

func (s *stages) init() {
	s.table.Store(&map[string]*served{})
	s.ready = make(chan struct{})
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

// watch follows the snapshots in the store until ctx is done. A store that cannot be reached is tried again: what is served stays.
func (g *Gateway) watch(ctx context.Context) error {
	snapshots, err := g.cfg.Stores.Open(ctx, apigateway.Store)
	if err != nil {
		return fmt.Errorf("open store %s: %w", apigateway.Store, err)
	}
	for {
		err := g.follow(ctx, snapshots)
		if ctx.Err() != nil {
			return ctx.Err()
		}
		g.log.Error("watching deployed stages was interrupted", "cause", err)
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(time.Second):
		}
	}
}

// follow is watch until the store fails.
func (g *Gateway) follow(ctx context.Context, snapshots store.Store) error {
	seen := map[string]bool{} // until the watch caught up: what was removed meanwhile is not in it
	return snapshots.Watch(ctx, apigateway.SnapshotPrefix, func(e store.Event) error {
		key := strings.TrimPrefix(e.Key, apigateway.SnapshotPrefix)
		switch {
		case e.CaughtUp:
			for key := range *g.served.table.Load() {
				if !seen[key] {
					g.removeStage(key)
				}
			}
			seen = nil
			g.served.setReady()
		case e.Deleted:
			if seen != nil {
				delete(seen, key)
			}
			g.removeStage(key)
		default:
			if seen != nil {
				seen[key] = true
			}
			g.setStage(key, e.Data)
		}
		return nil
	})
}

func (s *stages) setReady() {
	select {
	case <-s.ready:
	default:
		close(s.ready)
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
	for _, w := range st.warnings {
		g.log.Warn("stage has settings that are not supported yet", "stage", key, "cause", w)
	}
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
	n := 0
	for c := range g.cfg.Sockets.All() {
		if s, ok := c.Attached().(*session); ok && s.stage == gone {
			n++
			_ = c.Close(loop.CodeGoingAway, loop.ReasonGoingAway)
		}
	}
	g.log.Info("stage was removed", "stage", key, "connections", n)
}
