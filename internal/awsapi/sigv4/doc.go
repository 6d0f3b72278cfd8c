// Package sigv4 verifies and makes AWS Signature Version 4, in headers and in query strings.
//
//   - sigv4.go: requests and signatures as plain values; Parse finds the signature of a request.
//   - check.go: clock and scope.
//   - canonical.go: the canonical request.
//   - verify.go: a Verifier compares signatures, and tries the other canonical forms that clients and proxies produce.
//   - chunks.go: signatures of the chunks of a body that is signed while it is sent.
//   - sign.go: signing, for tests and calls that go out.
//
// It looks up no keys, knows no protocol's error codes, and reads no *http.Request: the gateway parses its own.
package sigv4
