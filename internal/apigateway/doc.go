// Package apigateway is the noun: WebSocket APIs, their parts, and the Snapshot of a stage that the data plane serves.
// service/apigatewayv2 edits it, gateway runs it; they meet only in the documents described here (keys.go).
//
// model.go says what things are, keys.go where their documents are kept. Parts (parts.go) is an API with all that
// belongs to it: its Put and Delete methods hold the rules of AWS, for APIs (api.go), routes (route.go), integrations
// (integration.go), authorizers and models (authorizer.go, schema.go) and stages (stage.go), and answer in AWS's
// words (errors.go). validator.go holds messages against models. deploy.go freezes parts into a Deployment and makes the Snapshot of a stage. ids.go draws ids.
//
// Everything here is a pure function of its arguments: no I/O, no clock, no HTTP APIs.
package apigateway
