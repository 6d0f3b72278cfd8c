package gateway

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/sallyport/sallyport/internal/apigateway"
	"github.com/sallyport/sallyport/internal/awsapi"
	"github.com/sallyport/sallyport/internal/gateway/authorizer"
	"github.com/sallyport/sallyport/internal/gateway/integration"
	"github.com/sallyport/sallyport/internal/json"
)

// compileAuthorizer returns the Lambda authorizer of a route, nil if it has none.
func (st *stage) compileAuthorizer(r *apigateway.Route, snapshot *apigateway.Snapshot, cfg *Config) *authorizer.Authorizer {
	if r.AuthorizationType != apigateway.AuthorizationCustom {
		return nil
	}
	for i := range snapshot.Deployment.Authorizers {
		if m := &snapshot.Deployment.Authorizers[i]; m.ID == r.AuthorizerID {
			var lambda authorizer.Lambda
			if cfg.Backends.Lambda != nil {
				lambda = cfg.Backends.Lambda
			}
			return authorizer.Compile(m, lambda, st.authorizerARN(m.ID), snapshot.Stage.Variables)
		}
	}
	return nil
}

// askAuthorizer lets the route's function decide.
func (u *upgrade) askAuthorizer() *refusal {
	a := u.r.authorizer
	if a == nil {
		return refused(500, internalError, fmt.Errorf("the authorizer of route %s is not in the deployment", u.r.key), "deploy the API again; connections are refused, so that nobody comes in unchecked")
	}
	at := later(u.g.now(), u.at)
	head := u.head()
	m := moment{request: u.request, at: at, connection: u.id}
	_, query, _ := strings.Cut(u.h.Target, "?")
	decision, err := a.Authorize(u.authorizerContext(a), &authorizer.Request{
		Header:   u.h.Get,
		Query:    queryFields(query).last,
		Variable: func(name string) string { return u.st.stageVariables[name] },
		Context: func(name string) string {
			return lookUp(m.appendVariables(nil, u.st, u.r, head, "CONNECT", nil), name)
		},
		Event:      func() []byte { return m.appendAuthorizer(nil, u.st, u.r.sourceARN, u.r, head, u.h) },
		MethodARN:  u.r.sourceARN,
		Conditions: u.conditions(at),
	})
	if err == nil {
		u.guest.decision = decision
		return nil
	}
	no, ok := errors.AsType[*authorizer.Refusal](err)
	if !ok {
		return refused(500, internalError, err, "")
	}
	return &refusal{
		Failure: integration.Failure{Status: no.Status, Message: no.Message, Cause: fmt.Errorf("authorizer: %w", no.Cause), Hint: no.Hint},
		kind:    no.Code,
	}
}

func (u *upgrade) authorizerContext(a *authorizer.Authorizer) context.Context {
	return awsapi.WithCaller(u.g.working, awsapi.Caller{
		Account: u.st.account, Region: u.st.region, RequestID: u.request.String(), ARN: a.SourceARN(), Service: integration.Principal,
	})
}

// conditions are the keys that conditions of an authorizer's policy can ask for.
func (u *upgrade) conditions(at time.Time) map[string][]string {
	c := map[string][]string{
		"aws:SourceIp":        {sourceIP(u.h)},
		"aws:SecureTransport": {strconv.FormatBool(u.h.TLS || u.st.forwardedAsAWS)},
		"aws:CurrentTime":     {at.UTC().Format(time.RFC3339)},
		"aws:EpochTime":       {strconv.FormatInt(at.Unix(), 10)},
	}
	for key, header := range map[string]string{"aws:UserAgent": "User-Agent", "aws:Referer": "Referer"} {
		if v := u.h.Get(header); v != "" {
			c[key] = []string{v}
		}
	}
	return c
}

// authorizerARN is what functions see as the caller when they are asked as an authorizer.
func (st *stage) authorizerARN(id string) string {
	return strings.TrimSuffix(st.arn(""), st.name+"/") + "authorizers/" + id
}

// lookUp returns the text of a member of a JSON object, such as identity.sourceIp; empty if there is none, or it is no scalar.
func lookUp(object []byte, name string) string {
	path := json.Path{}
	for part := range strings.SplitSeq(name, ".") {
		path = append(path, json.Step{Name: part})
	}
	var found [1]json.Span
	if !json.NewPicker(path).Pick(object, found[:]) {
		return ""
	}
	text := found[0].Of(object)
	switch {
	case len(text) == 0 || text[0] == '{' || text[0] == '[' || text[0] == 'n':
		return ""
	case text[0] == '"':
		return string(json.AppendUnquoted(nil, text[1:len(text)-1]))
	}
	return string(text)
}

// last returns the last value of a field.
func (f fields) last(name string) string {
	for _, field := range f {
		if field.name == name {
			return field.values[len(field.values)-1]
		}
	}
	return ""
}
