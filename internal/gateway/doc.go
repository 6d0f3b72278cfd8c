// Package gateway is the data plane: it takes clients' connections and messages to backends, and backends' answers and pushes to
// clients, as AWS does. One file is one station:
//
//	gateway.go      Config, New, Run; what is counted and waited for
//	snapshots.go    the stages that are served: watches the store, swaps a pointer
//	domains.go      custom domain names and what they are mapped to
//	stage.go        a stage, compiled: its routes, and which of them takes a message
//	address.go      which stage a request is for
//	connect.go      the upgrade: authorisation, $connect, the status that decides
//	throttle.go     how many may, and how often: accounts, stages, routes
//	authorize.go    who may connect: the order of checks, AWS_IAM, required parameters
//	custom.go       who may connect: Lambda authorizers
//	apikey.go       who may connect and send: API keys and usage plans
//	guest.go        what is known of who connected
//	session.go      a connection's state, and the order in which its messages start
//	runners.go      the goroutines on which calls run that may block
//	message.go      a message: route, limits, integration, reply
//	validate.go     whether a message fits its model
//	disconnect.go   the end of a connection
//	event.go        events for functions, appended, not marshalled
//	errorframe.go   what the gateway itself says to a client
//	connections.go  pushes, looking and closing from outside, also across nodes
//	advice.go       what to do about failures
//	observer.go     what is told about all this, to those who ask
//	meter.go        what is counted about all this, always
//
// Sockets and frames are package loop's, calls of backends package integration's. What may block runs on a goroutine of runners.go: a
// connection has none of its own.
//
// A slow backend does not hold back the next message, as on AWS: messages of one connection are begun in order, up to
// Config.Concurrency of them run at the same time, and replies leave as they come. A message begins when Lambda has handed the one before to
// a process; of functions in this process, two that begin within microseconds of each other may still overtake, unless Concurrency is 1.
// A client that is further ahead has its messages kept, up to a bound; beyond it each is answered with an error frame "Too Many Requests".
//
// Every refusal and failure is one line of the log: API, stage, route, connection, request, cause, and what to do. What clients do wrong is
// logged at debug level.
//
// Logs, metrics and traces are made of this by package telemetry.
package gateway
