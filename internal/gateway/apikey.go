package gateway

import (
	"errors"
	"fmt"
	"time"

	"github.com/sallyport/sallyport/internal/apigateway"
	"github.com/sallyport/sallyport/internal/gateway/integration"
	"github.com/sallyport/sallyport/internal/gateway/usage"
)

// Where API keys come from.
const (
	keyHeader       = "x-api-key"
	keyOfAuthorizer = "$context.authorizer.usageIdentifierKey" // the other apiKeySelectionExpression
)

// checkKey looks for the client's API key and takes the upgrade against its usage plan.
func (u *upgrade) checkKey() *refusal {
	value := u.h.Get(keyHeader)
	if u.r.keyOfGuest {
		value = ""
		if u.guest.decision != nil {
			value = u.guest.decision.APIKey
		}
	}
	meter, err := u.g.keys.Find(apigateway.Place{Account: u.st.account, Region: u.st.region}, u.st.api, u.st.name, value)
	if err != nil {
		hint := "attach the key to a usage plan that has this API and stage"
		if value == "" {
			err, hint = errors.New("$connect asks for an API key, and the client sent none"), "send it in the header x-api-key"
			if u.r.keyOfGuest {
				hint = "let the authorizer return it as usageIdentifierKey"
			}
		}
		return refused(403, forbidden, err, hint)
	}
	if f := overPlan(meter, u.st, connectKey, u.at); f != nil {
		return &refusal{Failure: *f}
	}
	u.s.meter = meter
	u.guest.key, u.guest.keyID = value, meter.KeyID()
	return nil
}

// overPlan takes a request against a key's usage plan, and returns why it may not go on.
func overPlan(m *usage.Meter, st *stage, route string, at time.Time) *integration.Failure {
	err := m.Take(st.api, st.name, route, at)
	if err == nil {
		return nil
	}
	f := &integration.Failure{Status: 429, Message: tooManyRequests, Cause: fmt.Errorf("API key %s: %w", m.KeyID(), err), Hint: "raise the limits of the usage plan"}
	if errors.Is(err, usage.ErrQuota) {
		f.Message = limitExceeded
	}
	return f
}
