package awsapi

import (
	"net/netip"
	"sync"
	"time"
)

// Failed authentications that an address may have within a minute before it gets nothing but "Rate exceeded" for each further one.
// Good signatures from the same address still pass, so that nobody behind a shared address can lock out the others.
const maxFailures = 60

// maxAddresses bounds the memory of a limiter; beyond it, it starts anew.
const maxAddresses = 10000

// A limiter counts failures by address.
type limiter struct {
	mu      sync.Mutex
	started time.Time          // guarded by mu: of the current minute
	failed  map[netip.Addr]int // guarded by mu
}

// fail counts a failure, and reports whether there were too many.
func (l *limiter) fail(addr netip.Addr, now time.Time) bool {
	addr = addr.Unmap()
	if addr.Is6() { // who has one IPv6 address has 2^64
		p, _ := addr.Prefix(64)
		addr = p.Addr()
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.failed == nil || now.Sub(l.started) >= time.Minute || len(l.failed) >= maxAddresses {
		l.failed = map[netip.Addr]int{}
		l.started = now
	}
	l.failed[addr]++
	return l.failed[addr] > maxFailures
}
