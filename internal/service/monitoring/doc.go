// Package monitoring answers CloudWatch's metrics: PutMetricData, GetMetricStatistics, GetMetricData, ListMetrics. The gateway's own
// metrics come in by Add.
//
//	service.go    Service, New, Run, Operations
//	series.go     what is kept: sums of minutes
//	store.go      documents: an hour of a metric and node each, and what metrics there are
//	read.go       the questions
//	put.go        PutMetricData
//
// Everything is kept in sums of minutes, for fifteen days. What was added is in memory for at most a minute, or until somebody asks: a
// process that is killed before loses it. Each node writes documents of its own; a question adds them up.
//
// Not here: alarms, dashboards, metric math, percentiles, resolutions below a minute.
package monitoring
