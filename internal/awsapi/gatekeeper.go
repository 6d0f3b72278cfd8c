package awsapi

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"net/netip"
	"net/url"
	"strings"
	"time"

	"github.com/sallyport/sallyport/internal/awsapi/sigv4"
)

// A Gatekeeper finds out who makes a request, by its signature.
type Gatekeeper struct {
	auth       Authenticator
	permissive bool
	account    string
	log        *slog.Logger
	now        func() time.Time
	verifier   *sigv4.Verifier
	failures   limiter
}

// GateOptions are the choices of a Gatekeeper.
type GateOptions struct {
	// Permissive accepts whatever key a request from this machine names, with any signature, as the administrator's. It never
	// concerns requests from other addresses, through proxies, or made by web pages of other sites.
	Permissive bool
	Account    string           // of keys accepted by Permissive; empty means 000000000000
	Now        func() time.Time // nil means time.Now
}

// NewGatekeeper returns a Gatekeeper that asks auth for keys.
func NewGatekeeper(auth Authenticator, log *slog.Logger, o GateOptions) *Gatekeeper {
	g := &Gatekeeper{auth: auth, permissive: o.Permissive, account: o.Account, log: log, now: o.Now, verifier: sigv4.NewVerifier()}
	if g.account == "" {
		g.account = "000000000000"
	}
	if g.now == nil {
		g.now = time.Now
	}
	return g
}

// SignedRequest returns r in the form that signatures are checked in. body may be nil where r says what its hash is.
func SignedRequest(r *http.Request, body []byte) *sigv4.Request {
	signed := &sigv4.Request{Method: r.Method, Target: r.RequestURI, Host: r.Host, Header: make([]sigv4.Field, 0, len(r.Header)), Body: body}
	for name, values := range r.Header {
		for _, v := range values {
			signed.Header = append(signed.Header, sigv4.Field{Name: name, Value: v})
		}
	}
	return signed
}

// Verify returns the caller who signed r for api (of which SigningName and Protocol count); peer is the address that r came from.
// Region is that of the signature. The error is an *Error in the words of api's protocol, and has been logged.
func (g *Gatekeeper) Verify(ctx context.Context, r *sigv4.Request, api *API, peer netip.Addr) (Caller, error) {
	if v, ok := verifiedOf(ctx); ok && v.service == api.SigningName {
		return v.caller, nil
	}
	sig, err := sigv4.Parse(r)
	if err != nil {
		return Caller{}, g.refuse(ctx, api, sig, peer, err)
	}
	caller, err := g.check(ctx, r, &sig, api)
	if err != nil {
		if !g.permissive || !isLocal(r, peer) || !sigv4.ValidRegion(sig.Region) {
			return Caller{}, g.refuse(ctx, api, sig, peer, err)
		}
		caller = Caller{Account: g.account, ARN: "arn:aws:iam::" + g.account + ":root", UserID: g.account, AccessKeyID: sig.AccessKeyID, Admin: true}
	}
	caller.Region = strings.Clone(sig.Region)
	return caller, nil
}

// check is the algorithm: scope, clock, key, signature.
func (g *Gatekeeper) check(ctx context.Context, r *sigv4.Request, sig *sigv4.Signature, api *API) (Caller, error) {
	if err := sig.CheckScope(api.SigningName); err != nil {
		return Caller{}, err
	}
	if err := sig.CheckTime(g.now()); err != nil {
		return Caller{}, err
	}
	secret, caller, err := g.auth.Credential(ctx, sig.AccessKeyID, sig.Token)
	if err != nil {
		return Caller{}, err
	}
	if err := g.verifier.Verify(r, sig, secret); err != nil {
		return Caller{}, err
	}
	return caller, nil
}

// isLocal reports whether r was made on this machine, by a program or by a page from this machine.
func isLocal(r *sigv4.Request, peer netip.Addr) bool {
	if !peer.Unmap().IsLoopback() || r.Get("X-Forwarded-For") != "" || r.Get("Forwarded") != "" || r.Get("Via") != "" {
		return false
	}
	origin := r.Get("Origin")
	if origin == "" {
		return true
	}
	u, err := url.Parse(origin)
	if err != nil {
		return false
	}
	host := u.Hostname()
	addr, err := netip.ParseAddr(host)
	return host == "localhost" || strings.HasSuffix(host, ".localhost") || err == nil && addr.IsLoopback()
}

// refuse turns err into the protocol's error, counts and logs it. Secrets, signatures and tokens are not logged.
func (g *Gatekeeper) refuse(ctx context.Context, api *API, sig sigv4.Signature, peer netip.Addr, err error) error {
	var own *Error
	var bad *sigv4.Error
	switch {
	case errors.As(err, &bad):
		own = signatureError(api.Protocol, bad)
	case errors.As(err, &own):
		own = keyError(api.Protocol, own)
	default:
		return err
	}
	if bad != nil && bad.Kind == sigv4.Missing {
		return own // not an attempt
	}
	if g.failures.fail(peer, g.now()) {
		own = Errorf("ThrottlingException", 400, "Rate exceeded")
		if api.Protocol != JSON {
			own = Errorf("Throttling", 429, "Rate exceeded")
		}
	}
	first, _, _ := strings.Cut(own.Message, "\n")
	g.log.LogAttrs(ctx, slog.LevelWarn, "authentication failed", slog.String("service", api.Name), slog.String("code", own.Code),
		slog.String("reason", withoutHeader(first)), slog.String("key", sig.AccessKeyID), slog.String("peer", peer.String()))
	return own
}

// withoutHeader cuts the Authorization header off a message.
func withoutHeader(message string) string {
	message, _, _ = strings.Cut(message, "Authorization=")
	return message
}

// signatureError gives a refused signature the protocol's code and status.
func signatureError(p Protocol, e *sigv4.Error) *Error {
	type words struct {
		code   string
		status int
	}
	table := map[sigv4.Kind]map[Protocol]words{
		sigv4.Missing: {
			JSON:     {"MissingAuthenticationTokenException", 400},
			RestJSON: {"MissingAuthenticationTokenException", 403},
			Query:    {"MissingAuthenticationToken", 403},
			RestXML:  {"AccessDenied", 403},
		},
		sigv4.Incomplete: {
			JSON:     {"IncompleteSignatureException", 400},
			RestJSON: {"IncompleteSignatureException", 403},
			Query:    {"IncompleteSignature", 400},
			RestXML:  {"AuthorizationHeaderMalformed", 400},
		},
		sigv4.Invalid: {
			JSON:     {"InvalidSignatureException", 400},
			RestJSON: {"InvalidSignatureException", 403},
			Query:    {"SignatureDoesNotMatch", 403},
			RestXML:  {"SignatureDoesNotMatch", 403},
		},
	}
	kind := e.Kind
	if kind == sigv4.Conflict || kind == sigv4.Skewed {
		kind = sigv4.Invalid
	}
	w := table[kind][p]
	message := e.Message
	switch {
	case e.Kind == sigv4.Missing && p == RestJSON:
		message = "Missing Authentication Token"
	case e.Kind == sigv4.Missing && p == RestXML:
		message = "Access Denied"
	case e.Kind == sigv4.Skewed && p == RestXML:
		w.code, message = "RequestTimeTooSkewed", "The difference between the request time and the current time is too large."
	case p == RestXML && e.StringToSign != "":
		message, _, _ = strings.Cut(message, " Consult the")
		return Errorf(w.code, w.status, "%s", message).With("StringToSign", e.StringToSign).With("CanonicalRequest", e.CanonicalRequest)
	}
	return Errorf(w.code, w.status, "%s", message)
}

// keyError gives an Authenticator's error the protocol's code and status.
func keyError(p Protocol, e *Error) *Error {
	code, status, message := e.Code, 403, e.Message
	switch p {
	case JSON:
		status = 400
	case Query:
		code = map[string]string{"UnrecognizedClientException": "InvalidClientTokenId", "ExpiredTokenException": "ExpiredToken"}[code]
	case RestXML:
		code = map[string]string{"UnrecognizedClientException": "InvalidAccessKeyId", "ExpiredTokenException": "ExpiredToken"}[code]
		if code == "InvalidAccessKeyId" {
			message = "The AWS Access Key Id you provided does not exist in our records."
		} else {
			status, message = 400, "The provided token has expired."
		}
	}
	if code == "" {
		code = e.Code
	}
	return Errorf(code, status, "%s", message)
}
