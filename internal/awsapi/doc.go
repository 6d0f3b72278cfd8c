// Package awsapi is what all services have in common: an operation is a function, a service is a table of them, and
// the same table answers HTTP, calls inside the process, coverage and console. Services never see the protocol they are called by.
//
//   - service.go, error.go, caller.go, auth.go: the contracts. Begin here.
//   - catalog.go: all services by name; Call and Invoke run an operation inside the process.
//   - handler.go: one port for all services: finds service and operation of an HTTP request, and runs the steps below.
//   - gatekeeper.go, limiter.go: who calls? Signatures, the permissive mode, and too many failures.
//   - authorize.go: which action on which resource a call is.
//   - answer.go, refuse.go: outputs and errors in each protocol.
//   - wire: structs to and from wire formats. sigv4: signatures. shapes: what services take and give, generated.
//
// It holds no state of any service, and S3's own protocol is not here: Options.Mounts gives a signing name another handler.
package awsapi
