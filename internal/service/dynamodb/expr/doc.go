// Package expr is DynamoDB's expression languages: condition and filter, key condition, projection, update.
//
//   - lex.go: source to tokens
//   - parse.go: what the languages share: paths, placeholders, functions, syntax errors
//   - condition.go, projection.go, update.go: a parser for each language
//   - params.go: ExpressionAttributeNames and -Values, and binding an expression to them
//   - check.go: what AWS refuses once names and values are known
//   - match.go, apply.go: conditions and updates at work on an item
//   - key.go: a key condition as conditions on attributes
//   - legacy.go: the same from the parameters that came before expressions
//   - cache.go: each distinct expression is parsed once
//
// An expression is parsed without its names and values, so that the result can be kept: programs send few distinct expressions
// with ever new values. Errors are item.Invalid, in AWS's words. The package knows no tables: whether an attribute is a key,
// and whether it may be used, is for the caller to say.
package expr
