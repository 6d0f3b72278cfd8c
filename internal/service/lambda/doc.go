// Package lambda answers AWS Lambda's API and runs functions for the rest of the server.
//
// A function is one document (function.go), so every change is one compare-and-set write. Operations edit it:
// functions.go (create, update, delete), versions.go (versions and aliases), permissions.go (resource policy),
// settings.go (concurrency, tags, asynchronous settings). code.go keeps code as blobs and unpacks it for the workers.
//
// An invocation finds its function in the catalog (catalog.go), which follows the store and never asks it per call, checks
// who may invoke (permissions.go), and hands the event to a worker.Pool (invoke.go). Asynchronous events wait in a durable
// queue (async.go). resources.go makes functions for CloudFormation.
//
// How a process is run is worker's business. Event source mappings, layers and function URLs are not here yet; their
// operations answer that they are not supported.
package lambda
