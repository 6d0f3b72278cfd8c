package apigateway

import (
	"cmp"
	"slices"
	"time"
)

// Parts is an API with all that belongs to it. Its Put and Delete methods change it by AWS's rules, or change nothing
// and return an error in AWS's words. What Put is given is kept, so it must be a copy of what the caller goes on using.
type Parts struct {
	Place
	API                  API
	Routes               map[string]*Route                          // by id
	RouteResponses       map[string]map[string]*RouteResponse       // by route id and id
	Integrations         map[string]*Integration                    // by id
	IntegrationResponses map[string]map[string]*IntegrationResponse // by integration id and id
	Models               map[string]*Model                          // by id
	Authorizers          map[string]*Authorizer                     // by id
	Stages               map[string]*Stage                          // by name

	// Deployments holds those that a change needs: deployments are large, and most changes need none.
	Deployments map[string]*Deployment
}

// NewParts returns an API without parts.
func NewParts(place Place, api API) *Parts {
	return &Parts{
		Place:                place,
		API:                  api,
		Routes:               map[string]*Route{},
		RouteResponses:       map[string]map[string]*RouteResponse{},
		Integrations:         map[string]*Integration{},
		IntegrationResponses: map[string]map[string]*IntegrationResponse{},
		Models:               map[string]*Model{},
		Authorizers:          map[string]*Authorizer{},
		Stages:               map[string]*Stage{},
		Deployments:          map[string]*Deployment{},
	}
}

// Ordered returns the values of m in the order of their creation.
func Ordered[T any](m map[string]*T, created func(*T) time.Time) []*T {
	type entry struct {
		id    string
		value *T
	}
	entries := make([]entry, 0, len(m))
	for id, v := range m {
		entries = append(entries, entry{id, v})
	}
	slices.SortFunc(entries, func(a, b entry) int {
		return cmp.Or(created(a.value).Compare(created(b.value)), cmp.Compare(a.id, b.id))
	})
	out := make([]*T, len(entries))
	for i, e := range entries {
		out[i] = e.value
	}
	return out
}

// unusedID draws ids until one is free.
func unusedID[T any](m map[string]*T) string {
	for {
		if id := NewID(); m[id] == nil {
			return id
		}
	}
}
