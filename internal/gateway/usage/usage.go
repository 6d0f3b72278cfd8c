package usage

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/sallyport/sallyport/internal/apigateway"
	"github.com/sallyport/sallyport/internal/store"
)

// DefaultFlush is how often counts are written.
const DefaultFlush = time.Second

// Why a key opens nothing.
var (
	ErrUnknown  = errors.New("usage: there is no such API key")
	ErrDisabled = errors.New("usage: the API key is disabled")
	ErrNoPlan   = errors.New("usage: no usage plan of the API key has this stage")
)

// Config is what Keys are made of.
type Config struct {
	Stores store.Stores
	Node   uint16
	Log    *slog.Logger
	Now    func() time.Time
	Flush  time.Duration // 0: DefaultFlush
}

// Keys are all API keys and usage plans, of all accounts.
type Keys struct {
	cfg    Config
	ready  [2]chan struct{} // closed when documents and counts are known
	counts store.Store      // set by Run before ready

	mu       sync.RWMutex // guards what follows; taken before that of a Meter
	keys     map[id]*apigateway.APIKey
	byValue  map[id]string // place and value → id of the key
	plans    map[id]*apigateway.UsagePlan
	planKeys map[id]map[string]bool // the plans that a key is attached to
	meters   map[pair]*Meter
}

// An id is a name in a place.
type id struct {
	place apigateway.Place
	name  string
}

// A pair is a key in a plan.
type pair struct {
	place     apigateway.Place
	plan, key string
}

// New returns Keys that know none until Run.
func New(cfg Config) *Keys {
	if cfg.Flush <= 0 {
		cfg.Flush = DefaultFlush
	}
	k := &Keys{
		cfg: cfg, keys: map[id]*apigateway.APIKey{}, byValue: map[id]string{}, plans: map[id]*apigateway.UsagePlan{},
		planKeys: map[id]map[string]bool{}, meters: map[pair]*Meter{},
	}
	for i := range k.ready {
		k.ready[i] = make(chan struct{})
	}
	return k
}

// WaitReady waits until all that existed at the start is known, or ctx is done.
func (k *Keys) WaitReady(ctx context.Context) {
	for _, ready := range k.ready {
		select {
		case <-ready:
		case <-ctx.Done():
		}
	}
}

// Run follows the store and writes counts until ctx is done, and then once more.
func (k *Keys) Run(ctx context.Context) error {
	documents, err := k.cfg.Stores.Open(ctx, apigateway.Store)
	if err != nil {
		return fmt.Errorf("open store %s: %w", apigateway.Store, err)
	}
	if k.counts, err = k.cfg.Stores.Open(ctx, apigateway.UsageStore); err != nil {
		return fmt.Errorf("open store %s: %w", apigateway.UsageStore, err)
	}
	var watches sync.WaitGroup
	watches.Go(func() { k.follow(ctx, documents, apigateway.AdmissionPrefix, k.ready[0], k.document) })
	watches.Go(func() { k.follow(ctx, k.counts, "", k.ready[1], k.count) })
	k.WaitReady(ctx)
	tick := time.NewTicker(k.cfg.Flush)
	defer tick.Stop()
	for {
		select {
		case <-tick.C:
			k.write(ctx)
		case <-ctx.Done():
			watches.Wait()
			last, cancel := context.WithTimeout(context.WithoutCancel(ctx), 5*time.Second)
			defer cancel()
			k.write(last)
			return nil
		}
	}
}

// follow tells f every document and every change, until ctx is done. A store that cannot be reached is tried again: what is known stays.
func (k *Keys) follow(ctx context.Context, s store.Store, prefix string, ready chan struct{}, f func(key string, data []byte)) {
	for {
		known := map[string]bool{}
		err := s.Watch(ctx, prefix, func(e store.Event) error {
			switch {
			case e.CaughtUp:
				k.forgetBut(prefix, known)
				known = nil
				select {
				case <-ready:
				default:
					close(ready)
				}
			case e.Deleted:
				delete(known, e.Key)
				f(e.Key, nil)
			default:
				if known != nil {
					known[e.Key] = true
				}
				f(e.Key, e.Data)
			}
			return nil
		})
		if ctx.Err() != nil {
			return
		}
		k.cfg.Log.Error("watching API keys was interrupted", "cause", err)
		select {
		case <-ctx.Done():
			return
		case <-time.After(time.Second):
		}
	}
}

// Find returns the meter of the key with this value for a stage. The error is ErrUnknown, ErrDisabled or ErrNoPlan.
func (k *Keys) Find(place apigateway.Place, apiID, stage, value string) (*Meter, error) {
	k.mu.RLock()
	defer k.mu.RUnlock()
	key := k.keys[id{place, k.byValue[id{place, value}]}]
	switch {
	case key == nil || value == "":
		return nil, ErrUnknown
	case !key.Enabled:
		return nil, ErrDisabled
	}
	for plan := range k.planKeys[id{place, key.ID}] {
		if p := k.plans[id{place, plan}]; p != nil && stageOf(p, apiID, stage) != nil {
			return k.meters[pair{place, plan, key.ID}], nil
		}
	}
	return nil, ErrNoPlan
}

func stageOf(plan *apigateway.UsagePlan, apiID, stage string) *apigateway.PlanStage {
	for i := range plan.Stages {
		if s := &plan.Stages[i]; s.APIID == apiID && s.Stage == stage {
			return s
		}
	}
	return nil
}
