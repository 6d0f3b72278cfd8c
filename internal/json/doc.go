// Package json reads and writes JSON in the ways that the gateway and the languages need:
//
//   - scan.go: one pass over a document that validates it to the letter and picks the values at a few paths,
//     without allocating. Every client message goes through it.
//   - lenient.go: what AWS's own parser (json-smart in its permissive mode) makes of text that is not quite JSON.
//     Messages that the strict pass refuses, templates of mocks and request bodies go through it.
//   - tree.go: documents as values that keep the order of members: what jsonpath walks, and mapping templates and state machines make.
//   - quote.go: appending strings to JSON that is put together by hand, and taking them apart.
//   - codec.go: structs to JSON and back. One place names the library behind it.
//
// It knows no paths beyond member names and indexes: selection and jsonpath do.
package json
