// Package nats keeps the contract of package bus in NATS: messages and requests as they are, and queues as
// JetStream work queues.
//
// bus.go carries messages and requests. queue.go keeps jobs: a job is a message on a subject made from its id, and the
// server refuses a second message on a subject while the first waits or runs. run.go works: a worker that gets
// a job too early gives it back with a delay, so that the server keeps the time of all jobs with one timer, and
// running jobs are reported to be in progress, so that only those of dead processes are given out again.
package nats
