// Package sdk provides the AWS SDKs that runtimes bring along on AWS and that functions therefore do not package:
// aws-sdk v2 for Node.js up to 16, the @aws-sdk clients from 18 on, and boto3 for Python.
//
// Bundles.Modules is the way in: it looks at a function's code (scan.go), and if that uses an SDK which neither it nor a
// layer holds, installs the SDK once into a cache that all projects of a user share (install.go; bundle.go says what and
// which version), with npm or pip of this machine. Nothing is installed for functions that need nothing.
package sdk
