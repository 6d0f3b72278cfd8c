// Package apigateway is the first version of API Gateway's API, as far as WebSocket APIs need it: API keys, usage plans, and what keys
// have used. REST APIs are not here.
//
//	service.go     Service, New, Operations; reading and writing documents
//	keys.go        API keys
//	plans.go       usage plans
//	planpatch.go   the patch operations of usage plans
//	plankeys.go    keys in plans
//	usage.go       what keys have used, and more for them
//	tags.go        tags
//	resources.go   CloudFormation
//
// Keys and plans are documents of package apigateway, which the data plane watches, and enforces.
package apigateway
