package gateway

import "sync"

// maxIdleRunners is how many goroutines stay when there is nothing to do.
const maxIdleRunners = 64

// runners are the goroutines on which calls run that may block: as many as calls block, and a few that wait for the next ones. Calls are
// begun in the order in which they are handed in.
//
// While calls wait, one runner is about to look at them. Before it runs the first it wakes another, which looks at the rest. A runner whose
// call is done takes the next as well: so calls that do not block run one after the other on one goroutine, and those that do hold up nobody.
type runners struct {
	mu          sync.Mutex // guards what follows
	wake        sync.Cond  // of idle runners
	first, last *call      // that wait, linked by call.next
	idle        int        // runners that wait at wake
	looking     bool       // a runner is about to look
	stopped     bool       // nobody is to stay idle
}

func (rs *runners) init() { rs.wake.L = &rs.mu }

// submit has c run.
func (rs *runners) submit(c *call) {
	rs.mu.Lock()
	defer rs.mu.Unlock()
	if rs.first == nil {
		rs.first = c
	} else {
		rs.last.next = c
	}
	rs.last = c
	if !rs.looking {
		rs.look()
	}
}

// look has one more runner look at what waits. The caller holds mu.
func (rs *runners) look() {
	rs.looking = true
	if rs.idle > 0 {
		rs.idle--
		rs.wake.Signal()
		return
	}
	go rs.run()
}

// run is a runner. It begins with a look.
func (rs *runners) run() {
	rs.mu.Lock()
	for looks := true; ; {
		c := rs.first
		if c != nil {
			rs.first, c.next = c.next, nil
		}
		if looks {
			looks, rs.looking = false, false
			if rs.first != nil {
				rs.look()
			}
		}
		if c != nil {
			rs.mu.Unlock()
			c.run()
			rs.mu.Lock()
			continue
		}
		if rs.stopped || rs.idle >= maxIdleRunners {
			break
		}
		rs.idle++
		rs.wake.Wait()
		looks = true
	}
	rs.mu.Unlock()
}

// stop lets idle runners end, and others when their calls are done.
func (rs *runners) stop() {
	rs.mu.Lock()
	defer rs.mu.Unlock()
	rs.stopped, rs.idle = true, 0
	rs.wake.Broadcast()
}
