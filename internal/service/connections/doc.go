// Package connections is the API behind @connections (AWS: apigatewaymanagementapi, 2018-11-29): backends push to a connection, look at
// it and close it. It also answers plain requests to a stage, which only WebSocket clients can use.
//
//	connections.go   Service, New, ServeHTTP
//	address.go       host and path: which API, stage and connection are meant
//	call.go          one call: signature, permission, operation, answer
//	errors.go        what refusals look like
//
// It speaks HTTP itself, not through awsapi's protocols: bodies are raw, addresses have forms of their own, and what AWS answers on
// errors is no JSON. It keeps no state: connections are the gateway's.
package connections
