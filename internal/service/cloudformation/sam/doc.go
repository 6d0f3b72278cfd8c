// Package sam is the transform AWS::Serverless-2016-10-31: it writes the types AWS::Serverless::* out as the resources they stand for.
//
// The path through the files: sam.go goes through a document's resources; globals.go merges the section Globals into them;
// schema.go checks properties; then one file per type: function.go (with version.go, role.go, policies.go, codedeploy.go, and its
// events in events.go, pull.go and scheduler.go), table.go, layer.go, statemachine.go, websocket.go. refs.go resolves
// parameters, and rewrites references to what has got another logical id.
//
// It does not know AWS::Serverless::Api, HttpApi, Application, GraphQLApi and CapacityProvider: they stay as they are, and CloudFormation
// refuses them.
package sam
