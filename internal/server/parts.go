package server

import (
	"context"
	"fmt"
	"sync"
)

// A part runs until its context is done. It returns early only if it failed.
type part struct {
	name string
	run  func(context.Context) error
}

// runParts runs the parts until ctx is done or one of them fails, then stops them one after the other, the last first, so
// that each still has what it stands on. It returns the first failure.
func runParts(ctx context.Context, parts []part) error {
	type running struct {
		cancel context.CancelFunc
		done   chan struct{}
	}
	var (
		once    sync.Once
		failure error
		failed  = make(chan struct{})
	)
	fail := func(err error) {
		once.Do(func() {
			failure = err
			close(failed)
		})
	}
	all := make([]running, len(parts))
	for i, p := range parts {
		pctx, cancel := context.WithCancel(context.WithoutCancel(ctx))
		r := running{cancel: cancel, done: make(chan struct{})}
		all[i] = r
		go func() {
			defer close(r.done)
			if err := p.run(pctx); err != nil && pctx.Err() == nil {
				fail(fmt.Errorf("%s: %w", p.name, err))
			} else if pctx.Err() == nil {
				fail(fmt.Errorf("%s ended by itself", p.name))
			}
		}()
	}
	select {
	case <-ctx.Done():
	case <-failed:
	}
	for i := len(all) - 1; i >= 0; i-- {
		all[i].cancel()
		<-all[i].done
	}
	return failure
}
