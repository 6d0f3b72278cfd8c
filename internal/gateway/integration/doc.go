// Package integration calls the backends of routes. An Integration is compiled from the model when a stage is deployed, so that
// a message meets nothing that has still to be parsed.
//
//	integration.go   Compile, Integration, Request, Response
//	failure.go       why there is no response: what the client sees of it, and what the operator should do
//	lambda.go        AWS_PROXY: the event goes to a function, its answer is checked
//	mock.go          MOCK: templates decide, nothing is called
//	response.go      which integration response and which template answer (all but proxies)
//	template.go      the seam to mapping templates
//
// A type that cannot be called yet compiles to an integration that fails with a sentence saying so. Building events, error frames
// and replies is the gateway's business.
package integration
