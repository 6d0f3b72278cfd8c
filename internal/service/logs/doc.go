// Package logs is CloudWatch Logs: groups, streams, and the lines in them.
//
// Lines come in two ways. PutLogEvents (events.go) is durable when it answers. Append (writer.go) is for functions and
// stages: it never waits for a disk, keeps lines in memory until the next flush, half a second later at most, and
// tells those who Tail (tail.go) at once, over the bus. A process that is killed loses what it had not flushed:
// less than a second of lines.
//
// Both end in a stream's chunks (chunk.go): documents of many events each, and a head that says where they are and
// from when to when they reach, so that reading (read.go) touches only what it needs. documents.go lays out the
// documents, groups.go and streams.go are the operations on both, retention.go removes what is old or deleted,
// package pattern is the language of filters. subscriptions.go gives new lines to functions,
// metricfilters.go makes metrics of them, livetail.go tells them to clients.
//
// Not here: queries (Insights), deliveries, subscriptions of anything but functions.
package logs
