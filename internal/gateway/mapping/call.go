package mapping

import (
	"maps"
	"slices"

	"github.com/sallyport/sallyport/internal/vtl"
)

// A Call is one call of a backend as its templates see it, the request template and the response template alike: what the first assigns
// to the overrides, the second finds there. It belongs to one goroutine.
type Call struct {
	Context   []byte            // the variables: a JSON object, with identity and authorizer as objects in it
	Variables map[string]string // of the stage
	Path      []Parameter
	Query     []Parameter
	Header    []Parameter
	Status    int // what the backend answered; 0 before

	request, response *vtl.Map       // overrides; nil until used
	parts             map[string]any // of Context, that are no plain values; nil until used
	stage             *vtl.Map       // Variables; nil until used
}

// A Parameter is a name with one value or more.
type Parameter struct {
	Name   string
	Values []string
}

// variables returns $stageVariables.
func (c *Call) variables() *vtl.Map {
	if c.stage == nil {
		c.stage = &vtl.Map{}
		for _, name := range slices.Sorted(maps.Keys(c.Variables)) {
			c.stage.Put(name, c.Variables[name])
		}
	}
	return c.stage
}

// toMap makes a map of parameters, with the last value of each.
func toMap(parameters []Parameter) *vtl.Map {
	m := &vtl.Map{}
	for _, p := range parameters {
		if n := len(p.Values); n > 0 {
			m.Put(p.Name, p.Values[n-1])
		}
	}
	return m
}
