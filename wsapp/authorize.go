package wsapp

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"runtime/debug"
	"strings"

	"github.com/aws/aws-lambda-go/events"
)

// An Authorizer decides who may connect: it returns who the client is, [ErrUnauthorized] or [ErrForbidden]. With any other error the client gets
// 500. It is asked once per connection.
type Authorizer func(ctx context.Context, e *AuthorizerEvent) (Identity, error)

// An AuthorizerEvent is the request that is to be decided on. It is the type of aws-lambda-go.
type AuthorizerEvent = events.APIGatewayCustomAuthorizerRequestTypeRequest

// An Identity is who a client is.
type Identity struct {
	Principal string

	// Context is what else is known: strings, numbers, booleans. Functions get all of it as strings.
	Context map[string]any
}

// IdentityOf returns what the [Authorizer] said of the client; ok is false if there is none.
func IdentityOf(ctx context.Context) (id Identity, ok bool) {
	c := callOf(ctx)
	if c == nil || c.request == nil {
		return Identity{}, false
	}
	if v, ok := c.app.identities.Load(c.request.ConnectionID); ok {
		return v.(Identity), true
	}
	e, err := c.request.Event()
	if err != nil {
		return Identity{}, false
	}
	m, _ := e.RequestContext.Authorizer.(map[string]any)
	principal, ok := m["principalId"].(string)
	if !ok {
		return Identity{}, false
	}
	m = maps.Clone(m)
	delete(m, "principalId")
	delete(m, "integrationLatency")
	return Identity{Principal: principal, Context: m}, true
}

// admit asks the authorizer where no gateway does. Its error is an [Error] with the status that refuses the client; for tests it says why.
func (a *App) admit(ctx context.Context, r *Request) (err error) {
	e := new(AuthorizerEvent)
	if err := json.Unmarshal(r.Raw, e); err != nil {
		return fmt.Errorf("read event: %w", err)
	}
	e.Type = "REQUEST"
	for _, source := range a.IdentitySource {
		if identitySource(e, source) == "" {
			return Errorf(401, "the client sends no %s", source)
		}
	}
	defer func() {
		if v := recover(); v != nil {
			err = Errorf(500, "authorizer: panic: %v\n%s", v, debug.Stack())
		}
	}()
	id, err := a.Authorizer(ctx, e)
	switch {
	case errors.Is(err, ErrUnauthorized):
		return Errorf(401, "authorizer: %v", err)
	case errors.Is(err, ErrForbidden):
		return Errorf(403, "authorizer: %v", err)
	case err != nil:
		return Errorf(500, "authorizer: %v", err)
	case id.Principal == "":
		return Errorf(500, "authorizer: the identity has no Principal")
	}
	id.Context = maps.Clone(id.Context)
	for name, v := range id.Context {
		switch v.(type) {
		case string, bool, int, int64, float64:
			id.Context[name] = fmt.Sprint(v) // AWS: functions see nothing but strings
		default:
			return Errorf(500, "authorizer: the identity's %s is a %T, and neither string nor number nor boolean", name, v)
		}
	}
	a.identities.Store(r.ConnectionID, id)
	return nil
}

func identitySource(e *AuthorizerEvent, source string) string {
	if name, ok := strings.CutPrefix(source, "route.request.header."); ok {
		for have, value := range e.Headers {
			if strings.EqualFold(have, name) {
				return value
			}
		}
		return ""
	}
	if name, ok := strings.CutPrefix(source, "route.request.querystring."); ok {
		return e.QueryStringParameters[name]
	}
	return source
}

// authorize answers API Gateway's question to an authorizer's function.
func (a *App) authorize(ctx context.Context, raw []byte) (_ any, err error) {
	defer failed(&err)
	e := new(AuthorizerEvent)
	if err := json.Unmarshal(raw, e); err != nil {
		return nil, fmt.Errorf("read event: %w", err)
	}
	if a.Authorizer == nil {
		return nil, errors.New("the app has no authorizer")
	}
	id, err := a.Authorizer(ctx, e)
	effect := "Allow"
	switch {
	case errors.Is(err, ErrUnauthorized):
		return nil, ErrUnauthorized // AWS: the text decides, so nothing may stand around it
	case errors.Is(err, ErrForbidden):
		effect, id.Principal = "Deny", or(id.Principal, "nobody")
	case err != nil:
		return nil, err
	}
	return events.APIGatewayCustomAuthorizerResponse{
		PrincipalID: id.Principal, Context: id.Context,
		PolicyDocument: events.APIGatewayCustomAuthorizerPolicy{Version: "2012-10-17", Statement: []events.IAMPolicyStatement{
			{Action: []string{"execute-api:Invoke"}, Effect: effect, Resource: []string{e.MethodArn}},
		}},
	}, nil
}
