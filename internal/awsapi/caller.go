package awsapi

import (
	"context"
	"crypto/sha256"
	"fmt"
	"strings"
)

// A Caller is who makes a call, from where, and into which account and region it goes.
type Caller struct {
	Account     string // "000000000000"
	Region      string // "us-east-1": state is kept by account and region
	RequestID   string
	ARN         string // of the principal: user, assumed role, root
	UserID      string // AIDA…, AROA…:session, or the account
	AccessKeyID string
	Service     string // "apigateway.amazonaws.com" when one of our services calls; then ARN is that of the resource it calls for
	SourceIP    string
	UserAgent   string
	Endpoint    string // "http://localhost:4566": what the request was sent to; "" inside the process
	Trace       string // X-Ray's header for what the caller calls: "Root=1-…;Parent=…;Sampled=0"; "" if there is none
	Admin       bool   // may do all: the admin key, or the server itself
	Repeats     bool   // the call may come again, with the same RequestID: after a crash nobody knows whether it was made

	// Session is what restricts a session further than its role: policy documents and ARNs of managed policies; usually nil.
	Session []string
}

type callerKey struct{}

// WithCaller returns a context that carries c.
func WithCaller(ctx context.Context, c Caller) context.Context {
	return context.WithValue(ctx, callerKey{}, c)
}

// CallerOf returns who makes the call of ctx. A context without a caller is a programmer's mistake, and panics:
// state must never be kept under no account.
func CallerOf(ctx context.Context) Caller {
	c, ok := ctx.Value(callerKey{}).(Caller)
	if !ok {
		panic("awsapi: context without caller")
	}
	return c
}

// NewRequestID returns an ID for a request that did not come by HTTP: a UUID.
func NewRequestID() string { return requestID() }

// RequestIDFrom returns the ID that belongs to these parts, of which none has a newline: the same for the same parts. What is done
// again after a crash so has the ID that it had before.
func RequestIDFrom(parts ...string) string {
	b := sha256.Sum256([]byte(strings.Join(parts, "\n")))
	b[6], b[8] = b[6]&0x0f|0x80, b[8]&0x3f|0x80
	return fmt.Sprintf("%x-%x-%x-%x-%x", b[0:4], b[4:6], b[6:8], b[8:10], b[10:16])
}
