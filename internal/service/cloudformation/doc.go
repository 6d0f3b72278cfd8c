// Package cloudformation is AWS CloudFormation: stacks and change sets over the resource types that the services declare.
//
// An operation on a stack goes this way: prepare.go turns text and parameters into an evaluated template (packages template
// and sam); stacks.go or changesets.go writes the stack's document with the operation in it and sends a job to the queue;
// engine.go takes the job and works the operation off, phase by phase, in parallel where resources do not depend on each other
// (walk.go), one resource at a time (steps.go). Whatever is done is written down (documents.go, journal.go) before the next
// resource builds on it, so that a job that is given out again after a crash continues where it was. changes.go tells in
// advance what an update would do. deploy.go does a whole deployment in one call, for programs that run in the same process.
//
// It does not know any resource type but nested stacks (nested.go), custom resources (custom.go), and what it only remembers
// (recorded.go). It ignores role and stack policy
// when it acts, and calls Amazon SNS for nobody.
package cloudformation
