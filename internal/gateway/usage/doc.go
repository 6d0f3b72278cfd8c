// Package usage knows API keys and usage plans, and counts what keys use.
//
//	usage.go   Keys, New, Run; which plan a key opens a stage by
//	index.go   the documents of service/apigateway, as they change
//	meter.go   one key in one plan: throttle and quota
//	counts.go  what other nodes count, and what is written of our own
//
// Throttles are each node's own. Quotas hold over all nodes, but not exactly: each node writes its counts every Config.Flush and reads
// those of others as they are written, so a key may go over its quota by what the other nodes let through meanwhile; a node that is
// killed forgets what it had not written yet. One node that is stopped in order is exact.
package usage
