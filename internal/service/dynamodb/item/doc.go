// Package item is DynamoDB's data: attribute values, numbers of 38 digits, sizes, and three encodings of them.
//
//   - value.go: Value and Item, equality and order
//   - number.go: decimal numbers as normalised text, arithmetic, and bytes that sort as the numbers do
//   - json.go, jsonstring.go, jsonout.go: the form of the wire, {"a":{"S":"x"}}, with AWS's errors
//   - binary.go: the compact form that the store and the indexes keep; it becomes JSON without a tree in between
//   - size.go: how large AWS says that an item is
//
// It knows nothing of tables, keys and expressions.
package item
