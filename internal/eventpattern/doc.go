// Package eventpattern is EventBridge's language of event patterns: which events does a rule want?
//
// Parse (parse.go) reads a pattern with AWS's reasons for what it refuses, by way of the JSON in read.go, which reports as AWS's
// parser does. A pattern becomes alternatives (what $or multiplies), each a list of paths with matchers (matcher.go, wildcard.go).
// An event is flattened once (event.go) and may then be held against many patterns (match.go).
//
// AWS: paths are joined by dots, so that {"a.b": …} and {"a": {"b": …}} are the same, and what a pattern asks of one object in an
// array must be true of the same object. Not here: what an envelope must have, and the limit of a pattern's size.
package eventpattern
