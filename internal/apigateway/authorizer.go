package apigateway

import (
	"regexp"
	"time"
)

// identitySource is where a WebSocket API finds what identifies a caller. AWS: HTTP APIs write $request.header.X.
var identitySource = regexp.MustCompile(`^(route\.request\.(header|querystring)|stageVariables|context)\.[a-zA-Z0-9._$-]+$`)

// Authorizer returns the authorizer of this id.
func (p *Parts) Authorizer(id string) (*Authorizer, error) {
	if a := p.Authorizers[id]; a != nil {
		return a, nil
	}
	return nil, errNo("Authorizer", id)
}

// OrderedAuthorizers returns the authorizers in order of creation.
func (p *Parts) OrderedAuthorizers() []*Authorizer {
	return Ordered(p.Authorizers, func(a *Authorizer) time.Time { return a.Created })
}

// PutAuthorizer adds an authorizer, drawing an id if it has none, or replaces the one of its id.
func (p *Parts) PutAuthorizer(a *Authorizer) error {
	if err := a.check(); err != nil {
		return err
	}
	if a.ID == "" {
		a.ID = unusedID(p.Authorizers)
	}
	p.Authorizers[a.ID] = a
	return nil
}

func (a *Authorizer) check() error {
	if err := checkLength("authorizer name", a.Name, 1, 128); err != nil {
		return err
	}
	if a.Type == "JWT" {
		return BadRequest("Invalid authorizer type specified: JWT. JWT authorizers are for HTTP APIs; a WEBSOCKET API takes REQUEST")
	}
	if a.Type != "REQUEST" {
		return BadRequest("Invalid authorizer type specified. Must be one of [REQUEST]")
	}
	if a.URI == "" {
		return BadRequest("An authorizer URI is required for authorizer type REQUEST")
	}
	for _, s := range a.IdentitySource {
		if !identitySource.MatchString(s) {
			return BadRequest("Invalid identity source specified: %s. A WEBSOCKET API takes route.request.header.{name}, route.request.querystring.{name}, stageVariables.{name} and context.{name}", s)
		}
	}
	return nil
}

// DeleteAuthorizer removes an authorizer that no route names.
func (p *Parts) DeleteAuthorizer(id string) error {
	if _, err := p.Authorizer(id); err != nil {
		return err
	}
	for _, r := range p.OrderedRoutes() {
		if r.AuthorizerID == id {
			return Conflict("Cannot delete Authorizer '%s' due to referential integrity constraint: route %s names it", id, r.Key)
		}
	}
	delete(p.Authorizers, id)
	return nil
}
