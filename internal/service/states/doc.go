// Package states is Step Functions: state machines, and executions that outlive the process.
//
// An execution is one document (documents.go), and one step of it is one write: the activation that takes the step reads the
// document, lets package machine go on until every thread waits for something, and writes the document back if nobody else has
// (engine.go, activation.go). What a thread waits for is cared for outside:
//
//   - A timer (Wait, Retry, timeouts, heartbeats) is a job of the queue "states" that is due then. An activation's last timer takes the place of the
//     activation's own job, in one write; others are sent before, with ids, so that each is there once.
//   - A task is called by the activation that came to it (call.go and what it names), while the queue keeps that activation's job.
//   - A callback, an activity's worker or a child execution sends a job when it is done (tokens.go, activities.go).
//
// Jobs come at least once. A job that was done before changes nothing, since each thread counts what it waits for. After a crash the
// job comes again: it finds the document as last written, sends again the timers and calls again the tasks that are its own (each
// thread names the job that it belongs to). So steps are taken exactly once. A call that was under way when the process died is made
// again, with the same request id (awsapi.Caller.RequestID), token and random values as before: a service that knows a request again can
// keep its effect to one, as EventBridge and SQS do here. Nothing waits in a goroutine; the queue holds some hundred bytes in memory for
// a timer that is due within seconds.
//
// A step is two writes: the document, and the next timer. Events stand below the document's JSON and are appended to, not read (tail.go),
// until they are 48 KB; then a document of their own takes them, before the execution's document says so. An execution without other
// writers is written before a call only when the call takes longer than a moment; with several threads, or when the call hands out a
// token, it is written first.
//
// Express executions have no history: synchronous ones live in memory (express.go), asynchronous ones are documents until they end.
//
// service.go lists the operations; machines.go, versions.go, executions.go, redrive.go, history.go, activities.go, mapruns.go, children.go,
// tags.go and teststate.go have them. resources.go is for CloudFormation, logging.go for log groups. A task's call is made in call.go, sdkcall.go (aws-sdk
// integrations), apigateway.go (pushing to sockets), web.go (HTTP tasks) or reading.go and items.go (items and results of distributed Map states, whose
// children are threads of the same document, and whose events stand among its own), in the machine's role (roles.go).
//
// Not here: integrations with services that Sallyport does not have (they fail when run), and forgetting: executions are kept until
// their store is dropped, not for 90 days.
package states
