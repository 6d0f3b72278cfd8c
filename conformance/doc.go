// Package conformance holds what AWS does with a WebSocket API as cases that a person can read, and runs them over the wire against
// any endpoint: Sallyport, another emulator, or AWS itself. README.md describes the language of the cases.
//
//	case.go       what a case is; the families of statements
//	parse.go      text to cases
//	pattern.go    what is expected of a text, a JSON value
//	client.go     a signed client of AWS's APIs
//	target.go     where the cases run, and what they need there: a role, two functions
//	deploy.go     one API per group of cases
//	rival.go      other products instead, which have no APIs to deploy by: offline.go is serverless-offline, architect.go the sandbox of
//	              Architect
//	backend.go    what functions and HTTP integrations call: the runner itself, which tells them what to answer
//	socket.go     a WebSocket client that can also do what clients may not
//	run.go        groups and cases, one after the other
//	steps.go      what each line of a case does
//	calls.go      the lines that call AWS's APIs
//	report.go     how many statements are proven
//
// It uses nothing of Sallyport's but its signer: it is a client. The program in run knows Sallyport, and starts it.
package conformance
