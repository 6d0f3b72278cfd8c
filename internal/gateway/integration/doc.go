// Package integration calls the backends of routes. An Integration is compiled from the model when a stage is deployed, so that
// a message meets nothing that has still to be parsed.
//
//	integration.go    Compile, Integration, Request, Response
//	values.go         what templates and mappings look up
//	failure.go        why there is no response: what the client sees of it, and what the operator should do
//	outgoing.go       what goes to a backend: template, parameters, overrides, content handling; places in addresses
//	parameters.go     requestParameters
//	lambda.go         AWS_PROXY: the event goes to a function, its answer is checked
//	local.go          AWS_PROXY with a function of this process
//	lambdaaction.go   AWS with a function: templates make its event and the answer
//	awsaction.go      AWS with any other service: paths and actions, as whom it is called
//	awsuri.go         which service and action a URI means
//	awsway.go         how a service is reached: inside of the process, or signed, over the network
//	http.go           HTTP and HTTP_PROXY
//	client.go         connections to backends, and how calls fail
//	mock.go           MOCK: templates decide, nothing is called
//	response.go       which template and which integration response answers (all but proxies)
//	template.go       mapping templates: gateway/mapping renders them
//
// What a stage's configuration says wrong does not keep the stage from being served: such an integration fails when it is called, with a
// sentence saying so. Building events, error frames and replies is the gateway's business.
//
// Client certificates (Stage.clientCertificateId) are not presented, and tlsConfig is not read.
package integration
