// Package telemetry makes of what the gateway tells and counts what its owner reads: access logs, execution logs, metrics, traces.
//
//	telemetry.go    Telemetry: who wants what of a stage; the queue between the gateway and all that follows
//	format.go       the language of access logs: $context.… in a text
//	access.go       one line per connect, message and disconnect
//	execution.go    the steps of a request, by logging level
//	metrics.go      the gateway's counts, to CloudWatch's metrics
//	prometheus.go   the same for Prometheus
//	trace.go        spans, sent by OTLP over HTTP in JSON
//
// Nothing here runs on the path of a message. The gateway counts by itself; a record is made only for a stage whose settings ask for one,
// and waits in a bounded queue: when the queue is full, records are dropped, and the log says how many.
package telemetry
