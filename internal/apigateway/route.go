package apigateway

import (
	"strings"
	"time"
)

// Authorization types of routes.
const (
	AuthorizationNone   = "NONE"
	AuthorizationIAM    = "AWS_IAM"
	AuthorizationCustom = "CUSTOM"
)

// Keys with a meaning of their own.
const (
	RouteConnect    = "$connect"
	RouteDisconnect = "$disconnect"
	RouteDefault    = "$default"
)

const targetPrefix = "integrations/"

// IntegrationID is the id of the integration that the route targets, or "".
func (r *Route) IntegrationID() string { return strings.TrimPrefix(r.Target, targetPrefix) }

// Route returns the route of this id.
func (p *Parts) Route(id string) (*Route, error) {
	if r := p.Routes[id]; r != nil {
		return r, nil
	}
	return nil, errNo("Route", id)
}

// OrderedRoutes returns the routes in order of creation.
func (p *Parts) OrderedRoutes() []*Route {
	return Ordered(p.Routes, func(r *Route) time.Time { return r.Created })
}

// PutRoute adds a route, drawing an id if it has none, or replaces the one of its id.
func (p *Parts) PutRoute(r *Route) error {
	if r.AuthorizationType == "" {
		r.AuthorizationType = AuthorizationNone
	}
	if err := p.checkRoute(r); err != nil {
		return err
	}
	// AWS: an authorizerId without authorizationType CUSTOM is accepted, and forgotten.
	if r.AuthorizationType != AuthorizationCustom {
		r.AuthorizerID = ""
	}
	if r.ID == "" {
		r.ID = unusedID(p.Routes)
	}
	p.Routes[r.ID] = r
	return nil
}

func (p *Parts) checkRoute(r *Route) error {
	if r.Key == "" {
		return BadRequest("Invalid route key specified: a route key is required")
	}
	for _, other := range p.Routes {
		if other.Key == r.Key && other.ID != r.ID {
			return Conflict("Route with key %s already exists for this API", r.Key)
		}
	}
	return firstError(
		checkLength("route key", r.Key, 1, 1024),
		checkLength("operation name", r.OperationName, 0, 64),
		p.checkRouteAuthorization(r),
		p.checkTarget(r),
		checkRouteParameters(r),
		checkRouteModels(r.RequestModels),
	)
}

func (p *Parts) checkRouteAuthorization(r *Route) error {
	if r.AuthorizationType == "JWT" {
		return BadRequest("Invalid authorization type specified: JWT. JWT authorizers are for HTTP APIs; a WEBSOCKET API takes one of [NONE, AWS_IAM, CUSTOM]")
	}
	if err := checkEnum("authorization type", r.AuthorizationType, AuthorizationNone, AuthorizationIAM, AuthorizationCustom); err != nil {
		return err
	}
	if r.AuthorizationType != AuthorizationNone && r.Key != RouteConnect {
		return BadRequest("Currently, authorization is restricted to the $connect route only")
	}
	if r.AuthorizationType != AuthorizationCustom {
		return nil
	}
	if r.AuthorizerID == "" {
		return BadRequest("An authorizer is required for authorization type CUSTOM")
	}
	if p.Authorizers[r.AuthorizerID] == nil {
		return BadRequest("Invalid Authorizer identifier specified %s", r.AuthorizerID)
	}
	return nil
}

func (p *Parts) checkTarget(r *Route) error {
	if r.Target == "" {
		return nil
	}
	id, ok := strings.CutPrefix(r.Target, targetPrefix)
	if !ok {
		return BadRequest("Invalid target specified: %s. A target has the form integrations/{integrationId}", r.Target)
	}
	if p.Integrations[id] == nil {
		return BadRequest("Invalid Integration identifier specified %s", id)
	}
	return nil
}

func checkRouteParameters(r *Route) error {
	if len(r.RequestParameters) > 0 && r.Key != RouteConnect {
		return BadRequest("Request parameters are supported on the $connect route only")
	}
	for key := range r.RequestParameters {
		name, ok := strings.CutPrefix(key, "route.request.header.")
		if !ok {
			name, ok = strings.CutPrefix(key, "route.request.querystring.")
		}
		if !ok || !isParameterName(name) {
			return BadRequest("Invalid request parameter specified: %s. A key has the form route.request.header.{name} or route.request.querystring.{name}", key)
		}
	}
	return nil
}

func checkRouteModels(models map[string]string) error {
	for key, model := range models {
		if len([]rune(model)) > 128 {
			return BadRequest("Invalid model name specified for %s: length must be between 1 and 128", key)
		}
	}
	return nil
}

// DeleteRoute removes a route and its responses.
func (p *Parts) DeleteRoute(id string) error {
	if _, err := p.Route(id); err != nil {
		return err
	}
	delete(p.Routes, id)
	delete(p.RouteResponses, id)
	return nil
}

// RouteResponse returns the response of this id.
func (p *Parts) RouteResponse(routeID, id string) (*RouteResponse, error) {
	if _, err := p.Route(routeID); err != nil {
		return nil, err
	}
	if r := p.RouteResponses[routeID][id]; r != nil {
		return r, nil
	}
	return nil, errNo("RouteResponse", id)
}

// OrderedRouteResponses returns the responses of a route in order of creation.
func (p *Parts) OrderedRouteResponses(routeID string) []*RouteResponse {
	return Ordered(p.RouteResponses[routeID], func(r *RouteResponse) time.Time { return r.Created })
}

// PutRouteResponse adds a response, drawing an id if it has none, or replaces the one of its id.
func (p *Parts) PutRouteResponse(routeID string, r *RouteResponse) error {
	if _, err := p.Route(routeID); err != nil {
		return err
	}
	if r.Key != "$default" {
		return BadRequest("Invalid route response key specified: %s. Only $default is supported", r.Key)
	}
	if err := checkRouteModels(r.ResponseModels); err != nil {
		return err
	}
	m := p.RouteResponses[routeID]
	for _, other := range m {
		if other.Key == r.Key && other.ID != r.ID {
			return Conflict("Route response with key %s already exists for this Route", r.Key)
		}
	}
	if m == nil {
		m = map[string]*RouteResponse{}
		p.RouteResponses[routeID] = m
	}
	if r.ID == "" {
		r.ID = unusedID(m)
	}
	m[r.ID] = r
	return nil
}

// DeleteRouteResponse removes a response.
func (p *Parts) DeleteRouteResponse(routeID, id string) error {
	if _, err := p.RouteResponse(routeID, id); err != nil {
		return err
	}
	delete(p.RouteResponses[routeID], id)
	return nil
}
