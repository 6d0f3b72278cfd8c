package nats

import (
	"sync"
	"time"
)

// deliveries are the jobs that this process has, and has had lately. When the process or the server is so late that the server takes
// the process for dead, it gives out its jobs again: those are known by their sequence.
type deliveries struct {
	mu    sync.Mutex // guards all below
	set   map[uint64]*delivery
	over  map[uint64]struct{} // jobs that were finished
	order []uint64            // of over, the oldest first
}

// maxOver is how many finished jobs are remembered.
const maxOver = 8192

// know tells whether a delivery is of a job that this process has, or has finished: then it says so to the server.
func (o *deliveries) know(d *delivery) bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	if _, over := o.over[d.seq]; over {
		d.answer(ack)
		return true
	}
	_, ours := o.set[d.seq]
	if ours {
		d.answer(progress)
	}
	return ours
}

func (o *deliveries) add(d *delivery) {
	o.mu.Lock()
	defer o.mu.Unlock()
	d.reported = time.Now()
	o.set[d.seq] = d
}

func (o *deliveries) remove(d *delivery) {
	o.mu.Lock()
	defer o.mu.Unlock()
	delete(o.set, d.seq)
}

// done removes a job that was finished.
func (o *deliveries) done(d *delivery) {
	o.mu.Lock()
	defer o.mu.Unlock()
	delete(o.set, d.seq)
	o.over[d.seq] = struct{}{}
	o.order = append(o.order, d.seq)
	if len(o.order) > maxOver {
		delete(o.over, o.order[0])
		o.order = o.order[1:]
	}
}

// report tells the server, well within ackWait, that jobs are still ours. It does so in a bunch, since the server writes down each time
// who has what.
func (o *deliveries) report(stop <-chan struct{}) {
	t := time.NewTicker(ackWait / 3)
	defer t.Stop()
	for {
		select {
		case <-stop:
			return
		case <-t.C:
		}
		for _, d := range o.unreported() {
			o.mu.Lock()
			if o.set[d.seq] == d {
				d.answer(progress)
				d.reported = time.Now()
			}
			o.mu.Unlock()
		}
	}
}

// unreported returns the jobs that the server has not heard of for a while.
func (o *deliveries) unreported() []*delivery {
	o.mu.Lock()
	defer o.mu.Unlock()
	var list []*delivery
	for _, d := range o.set {
		if time.Since(d.reported) > ackWait/6 {
			list = append(list, d)
		}
	}
	return list
}
