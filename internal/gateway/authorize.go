package gateway

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/sallyport/sallyport/internal/apigateway"
	"github.com/sallyport/sallyport/internal/awsapi"
	"github.com/sallyport/sallyport/internal/awsapi/shapes/connections"
	"github.com/sallyport/sallyport/internal/awsapi/sigv4"
	"github.com/sallyport/sallyport/internal/gateway/integration"
	"github.com/sallyport/sallyport/internal/gateway/loop"
)

// admit decides whether an upgrade may go on to $connect, in AWS's order: authorisation, API key, required parameters. What it learns of
// the client it keeps in u.guest.
func (u *upgrade) admit() *refusal {
	no := u.authorize()
	if no == nil && u.r.keyRequired {
		no = u.checkKey()
	}
	if no != nil {
		return no
	}
	if missing := missingParameters(u.r, u.h); len(missing) > 0 {
		return refused(400, "Missing required request parameters: ["+strings.Join(missing, ", ")+"]",
			fmt.Errorf("the client left out required request parameters %v", missing), "")
	}
	return nil
}

func (u *upgrade) authorize() *refusal {
	switch u.r.authorization {
	case "", apigateway.AuthorizationNone:
		return nil
	case apigateway.AuthorizationIAM:
		return u.authorizeIAM()
	case apigateway.AuthorizationCustom:
		return u.askAuthorizer()
	}
	return refused(500, internalError, fmt.Errorf("route %s asks for authorization of type %s, which WebSocket APIs do not have", u.r.key, u.r.authorization),
		"use NONE, AWS_IAM or CUSTOM; connections are refused, so that nobody comes in unchecked")
}

// missingParameters returns the names of required headers and query parameters that are not there.
func missingParameters(r *route, h *loop.Handshake) []string {
	var missing []string
	_, query, _ := strings.Cut(h.Target, "?")
	for _, parameter := range r.required {
		if name, ok := strings.CutPrefix(parameter, "route.request.header."); ok && h.Get(name) == "" {
			missing = append(missing, name)
		}
		if name, ok := strings.CutPrefix(parameter, "route.request.querystring."); ok &&
			!slices.ContainsFunc(queryFields(query), func(f field) bool { return f.name == name }) {
			missing = append(missing, name)
		}
	}
	return missing
}

// authorizeIAM checks the signature of an upgrade, in its headers or its query, and whether the signer may invoke $connect. AWS: nobody
// of another account may, since WebSocket APIs have no resource policy.
func (u *upgrade) authorizeIAM() *refusal {
	g, st, h, sourceARN := u.g, u.st, u.h, u.r.sourceARN
	if g.cfg.Signatures == nil || g.cfg.Authorizer == nil {
		return refused(500, internalError, errors.New("route $connect asks for AWS_IAM, and this server checks no signatures"), "")
	}
	caller, err := g.cfg.Signatures.Verify(g.working, signedRequest(h), connections.API, h.Remote.Addr())
	if err != nil {
		return denied(err)
	}
	if caller.Region != "" && caller.Region != st.region {
		return denied(awsapi.Errorf("InvalidSignatureException", 403, "Credential should be scoped to a valid region. "))
	}
	if caller.Account != st.account && !caller.Admin {
		return refused(403, forbidden, fmt.Errorf("caller %s is of another account", caller.ARN), "")
	}
	subject := caller
	subject.Account, subject.Region, subject.RequestID = st.account, st.region, u.request.String()
	subject.SourceIP, subject.UserAgent = sourceIP(h), h.Get("User-Agent")
	if err := g.cfg.Authorizer.Authorize(awsapi.WithCaller(g.working, subject), "execute-api:Invoke", sourceARN, nil); err != nil {
		no := denied(err)
		no.Message = strings.ReplaceAll(no.Message, sourceARN, apigateway.MaskAccount(sourceARN))
		no.Hint = fmt.Sprintf("allow execute-api:Invoke on %s to %s", sourceARN, caller.ARN)
		return no
	}
	u.guest.caller = &caller
	return nil
}

// denied makes a refusal of what the check of a signature or a permission said.
func denied(err error) *refusal {
	var e *awsapi.Error
	if !errors.As(err, &e) {
		return refused(500, internalError, fmt.Errorf("check signature: %w", err), "")
	}
	no := &refusal{Failure: integration.Failure{Status: 403, Message: e.Message, Cause: err}, kind: e.Code}
	if no.Message == "" {
		no.Message = forbidden
	}
	return no
}

// signedRequest gives an upgrade the form that signatures are checked in.
func signedRequest(h *loop.Handshake) *sigv4.Request {
	r := &sigv4.Request{Method: h.Method, Target: h.Target, Host: h.Host, Header: make([]sigv4.Field, len(h.Headers))}
	for i, f := range h.Headers {
		r.Header[i] = sigv4.Field(f)
	}
	return r
}
