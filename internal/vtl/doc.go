// Package vtl reads and renders templates in the Velocity Template Language as API Gateway does: Velocity 1.7 with AWS's differences.
//
//	template.go    Template, Parse, Render, and the bounds of a render
//	parse.go       text, comments, escapes; which white space directives swallow
//	directive.go   #set, #if, #foreach and the others
//	reference.go   $a.b(c)[d]
//	expression.go  what stands in parentheses
//	node.go        the parts of a template, and how they render
//	eval.go        expressions and references at work
//	arithmetic.go  numbers and comparisons
//	value.go       List, Map, Object: what values are
//	print.go       values as text
//	method.go      which method a call means; numbers and booleans
//	text.go        methods of strings
//	regexp.go      Java's regular expressions and replacements in terms of Go's
//	collection.go  methods of lists and maps
//
// AWS: what is missing or null is the empty string, and that is true; macros do not exist; a list that came from JSON prints as JSON, and
// a map as Java's.
//
// Nothing here does I/O or looks at a clock: a render is bounded by the steps it takes and by what it produces. What $input, $context and
// $util are, gateway/mapping knows. Regular expressions have neither look-around nor back references.
package vtl
