package awsapi

import "context"

// A verified request was made inside this process, for a caller who needs no signature.
type verified struct {
	caller  Caller
	service string // signing name
}

type verifiedKey struct{}

// WithVerified returns a context for an HTTP request that never leaves this process: a Gatekeeper takes it as made by c, and a Handler
// as meant for the service of that signing name. What c may do is asked as ever. A request from the network cannot have such a context.
func WithVerified(ctx context.Context, c Caller, service string) context.Context {
	return context.WithValue(ctx, verifiedKey{}, verified{c, service})
}

func verifiedOf(ctx context.Context) (verified, bool) {
	v, ok := ctx.Value(verifiedKey{}).(verified)
	return v, ok
}
