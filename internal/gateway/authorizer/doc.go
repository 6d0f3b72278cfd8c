// Package authorizer asks a function whether a client may connect: Lambda REQUEST authorizers.
//
//	authorizer.go   Compile; identity sources; the call of the function
//	result.go       what the function answered: checked, and its policy evaluated
//
// An authorizer is compiled when a stage is deployed. Nothing is cached: AWS asks for every connection of a WebSocket API. Building the
// event, and answering the client, is the gateway's business; so are AWS_IAM and API keys.
package authorizer
