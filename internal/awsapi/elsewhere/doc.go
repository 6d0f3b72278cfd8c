// Package elsewhere knows how services of AWS are called that Sallyport does not have: their hosts, the names that signatures and SDKs give
// them, and how an operation looks in HTTP. It makes requests of JSON documents, and documents of answers.
//
// services.go is made of AWS's models by tools/shapes: all services that take operations by a header (JSON 1.0 and 1.1), and some whose
// operations have paths. Those of the Query protocol and S3 are not here. Package awsapi signs and sends the requests.
package elsewhere
