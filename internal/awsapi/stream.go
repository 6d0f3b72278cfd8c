package awsapi

import (
	"context"
	"net/netip"
	"strings"

	"github.com/sallyport/sallyport/internal/awsapi/sigv4"
)

// VerifyUnread is Verify for a request whose body is still to be read. The caller checks the body against the hash
// that X-Amz-Content-Sha256 claims; where the body is signed in chunks, chunks tells their signatures. It is nil where they
// are not, or where any signature is accepted.
func (g *Gatekeeper) VerifyUnread(ctx context.Context, r *sigv4.Request, api *API, peer netip.Addr) (caller Caller, chunks *sigv4.Chunks, err error) {
	unread := *r
	unread.Unread = true
	caller, err = g.Verify(ctx, &unread, api, peer)
	if err != nil || !strings.HasPrefix(r.Get("X-Amz-Content-Sha256"), "STREAMING-AWS4-HMAC-SHA256-PAYLOAD") {
		return caller, nil, err
	}
	sig, err := sigv4.Parse(&unread)
	if err != nil {
		return caller, nil, nil //nolint:nilerr // Verify accepted it all the same
	}
	secret, _, err := g.auth.Credential(ctx, sig.AccessKeyID, sig.Token)
	if err != nil || g.verifier.Verify(&unread, &sig, secret) != nil {
		return caller, nil, nil //nolint:nilerr // as above
	}
	return caller, sigv4.NewChunks(&sig, secret), nil
}

// VerifyKey returns the caller who holds an access key, for signatures other than version 4, which check compares; it is told
// the key's secret, and returns a *sigv4.Error. Such signatures name no region: it is us-east-1.
func (g *Gatekeeper) VerifyKey(ctx context.Context, r *sigv4.Request, accessKeyID, token string, api *API, peer netip.Addr, check func(secret string) error) (Caller, error) {
	secret, caller, err := g.auth.Credential(ctx, accessKeyID, token)
	if err == nil {
		err = check(secret)
	}
	if err != nil {
		if !g.permissive || !isLocal(r, peer) {
			return Caller{}, g.refuse(ctx, api, sigv4.Signature{AccessKeyID: accessKeyID}, peer, err)
		}
		caller = Caller{Account: g.account, ARN: "arn:aws:iam::" + g.account + ":root", UserID: g.account, AccessKeyID: accessKeyID, Admin: true}
	}
	caller.Region = "us-east-1"
	return caller, nil
}
