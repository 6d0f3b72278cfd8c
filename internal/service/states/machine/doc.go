// Package machine runs executions of state machines, as far as nothing outside is needed: it is a function from an execution and
// an event to the execution as it then is, and a list of what is to be done outside.
//
//   - execution.go: an execution as a document: its threads (the whole, each branch, each iteration), and the events of its history.
//   - run.go: takes each thread as far as it goes. states.go, task.go, group.go do so for each type of state.
//   - finish.go: how a state ends: output, variables, retry, catch, and how a thread ends.
//   - maprun.go, children.go: distributed Map states, whose iterations are executions with histories of their own.
//   - redrive.go: what is kept of an execution without success, and how it goes on there.
//   - history.go: events. context.go: what expressions see.
//
// It does no I/O, and reads no clock: a Turn brings the time. Random values come from the execution's own seed and the number of the
// event, so a turn that is repeated after a crash does the same again. Package states keeps documents, timers and tasks.
package machine
