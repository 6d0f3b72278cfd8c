// Package wire turns Go structs into AWS's wire formats and back, guided by struct tags (tools/shapes/README.md lists them).
//
//   - plan.go reads the tags of a type once; all else walks the plan.
//   - validate.go checks required members, lengths, patterns and enums, in AWS's words.
//   - jsonread.go, jsonwrite.go: bodies of the JSON and REST-JSON protocols.
//   - form.go, xml.go: the Query protocol's form in, XML out; REST-XML bodies too.
//   - rest.go, route.go: members in the path, query string, headers and status of REST protocols, and which path is which operation.
//   - client.go: the other way round, for calls of services elsewhere.
//   - event.go: application/vnd.amazon.eventstream, for answers that are a stream.
//
// It knows nothing of services, errors and HTTP servers: package awsapi does.
package wire
