// Package worker runs functions: it keeps warm processes of each function version, gives them one request at a time,
// and answers with what AWS Lambda would answer.
//
// A Pool owns everything. The path of a request: Pool.Start takes an idle environment of the Spec, or has one
// started (pool.go, group.go); an environment is one process and its protocol state (environment.go, process*.go);
// the request is delivered over the channel on which the process asked for work: a framed socket for our own
// bootstraps (frames.go), the Lambda Runtime API over HTTP (runtimeapi.go) or the net/rpc of old Go functions
// (gorpc.go); the outcome becomes a Result (outcome.go), and the log gets Lambda's lines (logs.go).
//
// Which command starts a runtime is decided in package runtime. Concurrency limits of functions and accounts,
// permissions, retries and the control API are the caller's business.
package worker
