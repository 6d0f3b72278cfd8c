// Package ssm is the Parameter Store of AWS Systems Manager: names with values and their versions, which functions and templates look up.
//
//	ssm.go         Service, New, Run, Operations, and what every operation needs
//	parameters.go  a parameter as it is kept, written, and removed
//	read.go        by name, by path, and by what a filter says; the history
//	tags.go        tags
//	resources.go   AWS::SSM::Parameter
//
// A parameter is one document with all its versions. A SecureString is kept as it came, no more encrypted than anything else here; who
// does not ask for decryption gets something that nobody can read.
//
// Not here: labels of versions, policies of parameters (expiration), and what else Systems Manager does, which is about machines.
package ssm
