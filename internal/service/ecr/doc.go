// Package ecr answers for the repositories of images of Amazon ECR that there are none: tools ask for them that do not need them, such as
// the Serverless Framework before it removes a stack. Images are nothing that runs here.
package ecr
