// Package template is CloudFormation's template language: text becomes a Document (Parse), its macros for the language
// itself are expanded (Extend), a Template is the checked model of it (New), and an Evaluation is the model under given
// parameters (Template.Evaluate): its conditions decided, its order of resources known, its values ready to be resolved.
//
// The path through the files: parse.go, foreach.go, model.go, parameters.go, evaluation.go (conditions and rules),
// resolve.go and functions.go (intrinsic functions), uses.go (what a value uses), graph.go (order and cycles); artifacts.go finds what a template
// refers to on the local disk.
//
// The package is pure: what lies outside the text (other stacks' exports, SSM parameters, attributes of resources) comes
// in through Env. It creates nothing, and knows resource types only by name.
package template
