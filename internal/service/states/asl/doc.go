// Package asl is the Amazon States Language: what a definition means, and the evaluation of its parts.
//
//   - value.go: JSON values that keep the order of members and the text of numbers; reading and writing them.
//   - definition.go, state.go: the parsed form. A definition is parsed once and then read by everybody.
//   - map.go: Map states. warnings.go: what is allowed, but hardly meant. All diagnostics are in AWS's words.
//   - path.go: JSONPath as Step Functions takes it (Jayway's dialect), and reference paths.
//   - payload.go: templates (Parameters, Arguments, Output, Assign), in both query languages.
//   - intrinsic.go, functions.go: States.Format and its kin. jsonata.go: the other query language.
//   - choice.go: rules of Choice states. retry.go: which retrier and catcher an error meets.
//
// It is pure: no I/O, no clock of its own, no randomness of its own (Env brings both). It knows no executions; package machine
// does.
package asl
