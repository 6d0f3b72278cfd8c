// Package nats keeps the contract of package bus in NATS: messages and requests as they are, and queues as
// JetStream work queues.
//
// bus.go carries messages and requests. queue.go keeps jobs: a job is a message on a subject made from its id, and the
// server refuses a second message on a subject while the first waits or runs; the next of a chain takes the first one's place. run.go works:
// jobs that are due within seconds wait in this process, others are given back with a delay. ours.go reports the jobs that are here, so that
// only those of dead processes are given out again, and knows those that are given out again all the same.
package nats
