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

// authorize decides whether an upgrade may go on to $connect, in AWS's order: authorisation, API key, required parameters. It returns
// the caller if the route asks who it is.
func (g *Gateway) authorize(st *stage, r *route, h *loop.Handshake, request loop.ID) (*awsapi.Caller, *refusal) {
	var caller *awsapi.Caller
	switch r.authorization {
	case "", "NONE":
	case "AWS_IAM":
		var no *refusal
		if caller, no = g.authorizeIAM(st, r, h, request); no != nil {
			return nil, no
		}
	default:
		return nil, refused(500, internalError, fmt.Errorf("route %s asks for authorization of type %s, which is not supported yet", r.key, r.authorization),
			"use NONE or AWS_IAM; connections are refused, so that nobody comes in unchecked")
	}
	if r.keyRequired {
		hint := "remove apiKeyRequired from $connect; connections are refused, so that nobody comes in unchecked"
		return nil, refused(403, forbidden, errors.New("route $connect asks for an API key, and API keys are not supported yet"), hint)
	}
	if missing := missingParameters(r, h); len(missing) > 0 {
		return nil, refused(400, "Missing required request parameters: ["+strings.Join(missing, ", ")+"]",
			fmt.Errorf("the client left out required request parameters %v", missing), "")
	}
	return caller, nil
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

// authorizeIAM checks the signature of an upgrade, in its headers or its query, and whether the signer may invoke $connect.
func (g *Gateway) authorizeIAM(st *stage, r *route, h *loop.Handshake, request loop.ID) (*awsapi.Caller, *refusal) {
	if g.cfg.Signatures == nil || g.cfg.Authorizer == nil {
		return nil, refused(500, internalError, errors.New("route $connect asks for AWS_IAM, and this server checks no signatures"), "")
	}
	caller, err := g.cfg.Signatures.Verify(g.working, signedRequest(h), connections.API, h.Remote.Addr())
	if err != nil {
		return nil, denied(err)
	}
	if caller.Account != st.account && !caller.Admin {
		return nil, refused(403, forbidden, fmt.Errorf("caller %s is of another account", caller.ARN), "")
	}
	subject := caller
	subject.Account, subject.Region, subject.RequestID = st.account, st.region, request.String()
	subject.SourceIP, subject.UserAgent = sourceIP(h), h.Get("User-Agent")
	if err := g.cfg.Authorizer.Authorize(awsapi.WithCaller(g.working, subject), "execute-api:Invoke", r.sourceARN, nil); err != nil {
		no := denied(err)
		no.Message = strings.ReplaceAll(no.Message, r.sourceARN, apigateway.MaskAccount(r.sourceARN))
		no.Hint = fmt.Sprintf("allow execute-api:Invoke on %s to %s", r.sourceARN, caller.ARN)
		return nil, no
	}
	return &caller, nil
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
