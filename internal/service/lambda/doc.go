// Package lambda answers AWS Lambda's API and runs functions for the rest of the server.
//
// A function is one document (function.go), so every change is one compare-and-set write (catalog.go). Operations edit it:
// functions.go (create, update, delete), versions.go (versions and aliases), permissions.go (resource policy), settings.go
// (concurrency, tags), asyncsettings.go, provisioned.go; configuration.go checks what a version may be. A layer is a document, too
// (layers.go). code.go keeps code as blobs, one for each upload, and unpacks it for the workers (zip.go); inline.go makes code of
// the source in a template.
//
// An invocation (invoke.go) finds its function in the catalog, which follows the store and never asks it per call, checks who may
// invoke (permissions.go), takes what the pool runs from runners.go, and hands the event to a worker.Pool. Asynchronous events wait
// in a durable queue (async.go). Queues and streams that a function is called for are event source mappings (mappings.go): each that is
// enabled is a job that does not end (pollers.go), and package poll does the reading. A function's URL is part of its document
// (urlconfig.go), and package urls serves it. resources.go, resourceparts.go and mappingresource.go make all of this for CloudFormation.
//
// How a process is run is worker's business. The sharing of layers is not here; its operations answer that they are not supported.
package lambda
