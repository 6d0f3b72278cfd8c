// Package jsonpath finds values in JSON documents by paths in the dialect of Jayway's JsonPath, which AWS uses in mapping templates.
//
//	path.go       Path, Compile, Get
//	parse.go      the text of a path to steps
//	walk.go       steps through a document
//	filter.go     the text of [?(…)] to a condition
//	condition.go  operators and operands of conditions
//	function.go   length(), sum() and the like
//	cache.go      paths that are known only when they are used, compiled once
//
// Documents are the trees of internal/json's ParseLenient, and so are results: members keep their order and numbers their text. Nothing
// changes a document. Regular expressions are Go's: without look-around and back references.
package jsonpath
