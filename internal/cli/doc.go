// Package cli is the command line: one file per command (dev.go, serve.go, deploy.go, connect.go, …), each a function that
// returns a cobra command.
//
// Shared by several: overrides.go (values of parameters), ready.go (what a running server tells of
// itself, and where other commands find it), client.go (signed calls to a running server), terminal.go (colours and
// progress, on a terminal only). Reading and building apps live in app and app/build, watching in cli/watch.
//
// Rules of output: results go to stdout, all else to stderr; an error is one sentence that says what to do; exit codes
// are 0 done, 1 failed, 2 wrong usage.
package cli
