// Package pattern is the filter-pattern language of CloudWatch Logs: does a log line match?
//
// Parse (pattern.go) tells the three forms apart: terms (terms.go), JSON in braces (json.go) and fields in brackets
// (fields.go). What a value is compared with is the same in the last two (compare.go). Matching is case-sensitive and
// pure. Not taken: the metric-only forms, which extract values instead of matching.
package pattern
