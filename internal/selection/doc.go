// Package selection is the little language of AWS's selection expressions: static text with variables in it, such as
// "$request.body.action" or "${request.body.service}/${request.body.action}". An expression is parsed once, when a stage
// is deployed, and evaluated for every message.
//
//	expression.go   Parse and Append: text, variables, values as strings
//	path.go         what stands behind request.body: names, indexes, wildcards
//
// There are no operators and no functions, and a value is not evaluated again. The regular expressions in keys of integration
// responses are no part of the language.
package selection
