package template

import (
	"slices"
	"strings"
)

// order finds what each active resource depends on, and refuses what cannot be ordered.
func (e *Evaluation) order() error {
	e.deps = map[string][]string{}
	var gone []string
	var at Position
	for _, id := range e.Active() {
		r := e.Resources[id]
		seen := map[string]bool{}
		add := func(dep string) {
			switch {
			case !e.active[dep]:
				if len(gone) == 0 {
					at = r.Position
				}
				gone = append(gone, dep)
			case !seen[dep]:
				seen[dep] = true
				e.deps[id] = append(e.deps[id], dep)
			}
		}
		e.refs(r.Properties, add)
		for _, dep := range r.DependsOn {
			if e.active[dep] { // AWS: a dependency on a resource whose condition is false is no dependency
				add(dep)
			}
		}
	}
	if len(gone) > 0 {
		slices.Sort(gone)
		return errorAt(at, "Template format error: Unresolved resource dependencies [%s] in the Resources block of the template", strings.Join(slices.Compact(gone), ", "))
	}
	if err := e.outputRefs(); err != nil {
		return err
	}
	if cycle := e.cycle(); len(cycle) > 0 {
		return errorAt(e.Resources[cycle[0]].Position, "Circular dependency between resources: [%s]", strings.Join(cycle, ", "))
	}
	e.deploymentsLast()
	return nil
}

func (e *Evaluation) outputRefs() error {
	var gone []string
	var at Position
	for _, o := range e.Outputs {
		if o.Condition != "" && !e.conditions[o.Condition] {
			continue
		}
		e.refs(o.Value, func(id string) {
			if !e.active[id] {
				gone = append(gone, id)
				at = e.At("Outputs", o.Name)
			}
		})
	}
	if len(gone) == 0 {
		return nil
	}
	slices.Sort(gone)
	return errorAt(at, "Unresolved resource dependencies [%s] in the Outputs block of the template", strings.Join(slices.Compact(gone), ", "))
}

// cycle returns the resources that depend on themselves, sorted.
func (e *Evaluation) cycle() []string {
	var all []string
	for _, id := range e.Active() {
		if e.reaches(id, id) {
			all = append(all, id)
		}
	}
	slices.Sort(all)
	return all
}

// reaches reports whether from depends on to, through one step or more.
func (e *Evaluation) reaches(from, to string) bool {
	seen := map[string]bool{}
	var walk func(id string) bool
	walk = func(id string) bool {
		for _, d := range e.deps[id] {
			if d == to {
				return true
			}
			if !seen[d] {
				seen[d] = true
				if walk(d) {
					return true
				}
			}
		}
		return false
	}
	return walk(from)
}

// deployed are the types whose resources a deployment of their API takes with it.
var deployed = []string{
	"AWS::ApiGatewayV2::Route", "AWS::ApiGatewayV2::RouteResponse", "AWS::ApiGatewayV2::Integration",
	"AWS::ApiGatewayV2::IntegrationResponse", "AWS::ApiGatewayV2::Model", "AWS::ApiGatewayV2::Authorizer",
}

// deploymentsLast makes a deployment of a WebSocket API wait for the API's routes and what belongs to them, although nothing in
// the template may say so. AWS: without DependsOn it races, and often fails with "At least one route is required before deploying
// the Api"; with DependsOn on one route, the others and the responses are mostly there in time, since roles and tables take longer.
func (e *Evaluation) deploymentsLast() {
	const deployment = "AWS::ApiGatewayV2::Deployment"
	api := func(id string) string {
		ref, _ := e.Resources[id].Properties["ApiId"].(map[string]any)
		name, _ := ref["Ref"].(string)
		return name
	}
	ids := e.Active()
	for _, d := range ids {
		if e.Resources[d].Type != deployment || api(d) == "" {
			continue
		}
		for _, r := range ids {
			if slices.Contains(deployed, e.Resources[r].Type) && api(r) == api(d) && !slices.Contains(e.deps[d], r) && !e.reaches(r, d) {
				e.deps[d] = append(e.deps[d], r)
			}
		}
	}
}
