package cloudformation

import (
	"context"
	"sync"

	"github.com/sallyport/sallyport/internal/store"
)

// A journal writes down what a running operation does. Writes that come while others are on their way to the disk go together,
// so that a stack whose resources are made in parallel costs few synchronous writes.
type journal struct {
	store store.Store
	ctx   context.Context
	take  func() []store.Write // what is to be written; called without locks held

	wg      sync.WaitGroup
	mu      sync.Mutex // guards what follows
	running bool
	next    *group
}

// A group is one batch that is still open.
type group struct {
	done chan struct{}
	err  error
}

func newJournal(ctx context.Context, s store.Store, take func() []store.Write) *journal {
	return &journal{store: s, ctx: ctx, take: take}
}

// commit returns when all that was to be written at its call is durable.
func (j *journal) commit() error {
	g := j.kick()
	<-g.done
	return g.err
}

// kick begins to write, and does not wait.
func (j *journal) kick() *group {
	j.mu.Lock()
	defer j.mu.Unlock()
	if j.next == nil {
		j.next = &group{done: make(chan struct{})}
	}
	g := j.next
	if !j.running {
		j.running = true
		j.wg.Go(j.write)
	}
	return g
}

// close waits until all is written.
func (j *journal) close() { j.wg.Wait() }

func (j *journal) write() {
	for {
		j.mu.Lock()
		g := j.next
		j.next = nil
		if g == nil {
			j.running = false
			j.mu.Unlock()
			return
		}
		j.mu.Unlock()
		writes := j.take()
		for len(writes) > 0 && g.err == nil {
			n := (len(writes)-1)%store.MaxBatch + 1 // the last batch is the full one: events and stack, which come last, appear together
			_, g.err = j.store.Apply(j.ctx, writes[:n]...)
			writes = writes[n:]
		}
		close(g.done)
	}
}
