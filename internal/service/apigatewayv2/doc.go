// Package apigatewayv2 is the API that edits WebSocket APIs: AWS's control plane, as far as it is about them.
//
// An operation reads its API's parts (state.go), lets the rules of package apigateway change them, and writes what
// differs, with the snapshots of the stages that it touches, in one batch: change is the way of all of them. The
// operations stand by subject: apis.go, routes.go, integrations.go, authorizers.go, models.go, stages.go,
// deployments.go, domains.go, mappings.go, tags.go, vpclinks.go. Each kind has a patch function, which creates, updates and CloudFormation (resources.go, domainresources.go)
// share, and a show function, which says what AWS reads back. delete.go removes an API with all that it has.
//
// account.go is the one part of the first version of the API that is here: the settings of an account.
//
// HTTP APIs are refused (httponly.go).
package apigatewayv2
