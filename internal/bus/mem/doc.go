// Package mem is the bus.Bus within one process, for tests: messages and jobs end with it.
//
// bus.go carries messages and requests, queue.go keeps jobs.
package mem
