// Package policy reads IAM policy documents and decides by them.
//
//   - parse.go: a document's text into statements.
//   - evaluate.go: explicit deny, allow, or neither; actions, resources, principals.
//   - condition.go: the operators of Condition.
//   - match.go: wildcards, policy variables, and ARNs part by part.
//
// It is pure: who the caller is, which policies count, and what time it is, the caller of Evaluate says.
package policy
