package conformance

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"strings"
	"time"
)

// stageName is the stage of every API.
const stageName = "prod"

// object is JSON for a call.
type object = map[string]any

// A plan is an api block, read: what to deploy, and in which order.
type plan struct {
	backend      string
	api, stage   object
	undeployed   bool
	integrations []part
	responses    []part // name: the integration
	models       []part
	authorizers  []part
	routes       []plannedRoute
	before       []Line // calls to make before anything else
	handles      []Line
}

// A part is something with a name that the runner gives.
type part struct {
	name string
	body object
}

type plannedRoute struct {
	part
	integration string
	twoWay      bool
}

// words cuts n words off the front; a word may stand in quotes.
func words(text string, n int) (out []string, rest string) {
	rest = strings.TrimSpace(text)
	for range n {
		if quoted, ok := strings.CutPrefix(rest, `"`); ok {
			word, after, _ := strings.Cut(quoted, `"`)
			out, rest = append(out, word), strings.TrimSpace(after)
			continue
		}
		end := strings.IndexAny(rest, " \n")
		if end < 0 {
			end = len(rest)
		}
		out, rest = append(out, rest[:end]), strings.TrimSpace(rest[end:])
	}
	return out, rest
}

func parseObject(text string) (object, error) {
	if text == "" {
		return object{}, nil
	}
	o := object{}
	if err := json.Unmarshal([]byte(text), &o); err != nil {
		return nil, fmt.Errorf("no JSON object: %w: %s", err, brief(text))
	}
	return o, nil
}

// planOf reads an api block.
func planOf(lines []Line, v variables) (*plan, error) {
	p := &plan{
		backend: v["backend"],
		api:     object{"name": v["name"], "protocolType": "WEBSOCKET", "routeSelectionExpression": "$request.body.action"},
		stage:   object{"stageName": stageName},
	}
	for _, l := range lines {
		if l.Word == "handle" || l.Word == "before" {
			if l.Word == "before" {
				p.before = append(p.before, l)
			} else {
				p.handles = append(p.handles, l)
			}
			continue
		}
		rest, err := v.expand(l.Rest)
		if err == nil {
			err = p.add(l.Word, rest)
		}
		if err != nil {
			return nil, fmt.Errorf("line %d: %w", l.Line, err)
		}
	}
	return p, nil
}

func (p *plan) add(word, rest string) error {
	switch word {
	case "expression":
		p.api["routeSelectionExpression"] = rest
		return nil
	case "undeployed":
		p.undeployed = true
		return nil
	case "set", "stage":
		o, err := parseObject(rest)
		if err != nil {
			return err
		}
		if word == "set" {
			maps.Copy(p.api, o)
		} else {
			maps.Copy(p.stage, o)
		}
		return nil
	case "route":
		return p.addRoute(rest)
	case "template":
		name, text := words(rest, 1)
		p.integrations = append(p.integrations, part{"template " + name[0], object{
			"integrationType": "HTTP", "integrationMethod": "POST", "integrationUri": p.backend + "/template",
			"templateSelectionExpression": `\$default`, "requestTemplates": object{"$default": text},
		}})
		p.routes = append(p.routes, plannedRoute{part: part{name[0], object{"routeKey": name[0]}}, integration: "template " + name[0]})
		return nil
	}
	name, rest := words(rest, 1)
	o, err := parseObject(rest)
	if err != nil {
		return err
	}
	one := part{name[0], o}
	switch word {
	case "integration":
		p.integrations = append(p.integrations, one)
	case "response":
		p.responses = append(p.responses, one)
	case "model":
		p.models = append(p.models, part{one.name, object{"name": one.name, "contentType": "application/json", "schema": rest}})
	case "authorizer":
		p.authorizers = append(p.authorizers, one)
	default:
		return fmt.Errorf("%q is nothing that an api has", word)
	}
	return nil
}

// addRoute reads: KEY INTEGRATION [two-way] [{…}].
func (p *plan) addRoute(rest string) error {
	w, rest := words(rest, 2)
	r := plannedRoute{part: part{name: w[0]}, integration: w[1]}
	if after, ok := strings.CutPrefix(rest, "two-way"); ok {
		r.twoWay, rest = true, strings.TrimSpace(after)
	}
	o, err := parseObject(rest)
	if err != nil {
		return err
	}
	r.body = o
	r.body["routeKey"] = r.name
	p.routes = append(p.routes, r)
	return nil
}

// builtin are integrations that need no line of their own.
func (t *Target) builtin(name string, v variables) (object, bool) {
	lambda := func(arn string) (object, bool) {
		return object{"integrationType": "AWS_PROXY", "integrationMethod": "POST", "integrationUri": t.invocation(arn)}, true
	}
	switch name {
	case "lambda":
		return lambda(t.handler)
	case "denied":
		return lambda(t.denied)
	case "missing":
		return lambda(t.handler + "-missing")
	case "backend":
		return object{"integrationType": "HTTP_PROXY", "integrationMethod": "POST", "integrationUri": v["backend"] + "/"}, true
	case "mock":
		return object{
			"integrationType": "MOCK", "templateSelectionExpression": "200", "requestTemplates": object{"200": `{"statusCode":200}`},
		}, true
	}
	return nil, false
}

func (t *Target) invocation(arn string) string {
	return "arn:aws:apigateway:" + t.Region + ":lambda:path/2015-03-31/functions/" + arn + "/invocations"
}

// deploy makes the API of a group and fills in its variables.
func (t *Target) deploy(ctx context.Context, g *group) error {
	p, err := planOf(g.API, g.vars)
	if err != nil {
		return err
	}
	g.handles = p.handles
	do := func(method, path string, in any, member string) (string, error) {
		return t.must(ctx, "apigateway", method+" /v2/apis"+path, in, member)
	}
	id, err := do("POST", "", p.api, "apiId")
	if err != nil {
		return err
	}
	g.mu.Lock() // functions of other groups are called meanwhile
	g.api = id
	g.mu.Unlock()
	g.undo = append(g.undo, func(ctx context.Context) { _, _ = do("DELETE", "/"+g.api, nil, "") })
	g.vars["api"], g.vars["host"] = g.api, t.host(g.api)
	for _, one := range p.models {
		if _, err := do("POST", "/"+g.api+"/models", one.body, ""); err != nil {
			return err
		}
	}
	for _, one := range p.authorizers {
		if one.body["name"] == nil {
			one.body["name"] = one.name
		}
		id, err := do("POST", "/"+g.api+"/authorizers", one.body, "authorizerId")
		if err != nil {
			return err
		}
		g.vars["authorizer."+one.name] = id
	}
	if err := t.deployIntegrations(ctx, g, p); err != nil {
		return err
	}
	if err := t.deployRoutes(ctx, g, p); err != nil {
		return err
	}
	if !p.undeployed {
		if p.stage["deploymentId"], err = do("POST", "/"+g.api+"/deployments", object{}, "deploymentId"); err != nil {
			return err
		}
	}
	if _, err := do("POST", "/"+g.api+"/stages", p.stage, ""); err != nil {
		return err
	}
	return t.settle(ctx)
}

// settle waits until a change of a stage is known everywhere: on AWS some seconds, on other targets next to nothing.
func (t *Target) settle(ctx context.Context) error {
	wait := 80 * time.Millisecond
	if t.Endpoint == "" {
		wait = 5 * time.Second
	}
	if t.Settled > 0 {
		wait = t.Settled
	}
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-time.After(wait):
		return nil
	}
}

func (t *Target) deployIntegrations(ctx context.Context, g *group, p *plan) error {
	all := p.integrations
	known := map[string]bool{"none": true}
	for _, one := range all {
		known[one.name] = true
	}
	for _, r := range p.routes {
		if known[r.integration] {
			continue
		}
		body, ok := t.builtin(r.integration, g.vars)
		if !ok {
			return fmt.Errorf("route %s: there is no integration %s", r.name, r.integration)
		}
		known[r.integration] = true
		all = append(all, part{r.integration, body})
	}
	for _, one := range all {
		id, err := t.must(ctx, "apigateway", "POST /v2/apis/"+g.api+"/integrations", one.body, "integrationId")
		if err != nil {
			return fmt.Errorf("integration %s: %w", one.name, err)
		}
		g.vars["integration."+one.name] = id
	}
	for _, one := range p.responses {
		id, ok := g.vars["integration."+one.name]
		if !ok {
			return fmt.Errorf("response of an integration %s that is not there", one.name)
		}
		if _, err := t.must(ctx, "apigateway", "POST /v2/apis/"+g.api+"/integrations/"+id+"/integrationresponses", one.body, ""); err != nil {
			return fmt.Errorf("response of integration %s: %w", one.name, err)
		}
	}
	return nil
}

func (t *Target) deployRoutes(ctx context.Context, g *group, p *plan) error {
	for _, r := range p.routes {
		if r.integration != "none" {
			r.body["target"] = "integrations/" + g.vars["integration."+r.integration]
		}
		if name, ok := r.body["authorizer"].(string); ok { // by the name that the case gave it
			delete(r.body, "authorizer")
			r.body["authorizationType"], r.body["authorizerId"] = "CUSTOM", g.vars["authorizer."+name]
		}
		if own, ok := r.body["routeResponseSelectionExpression"]; r.twoWay && !ok {
			r.body["routeResponseSelectionExpression"] = "$default"
		} else if ok && own == nil {
			delete(r.body, "routeResponseSelectionExpression")
		}
		id, err := t.must(ctx, "apigateway", "POST /v2/apis/"+g.api+"/routes", r.body, "routeId")
		if err != nil {
			return fmt.Errorf("route %s: %w", r.name, err)
		}
		g.vars["route."+r.name] = id
		if !r.twoWay {
			continue
		}
		if _, err := t.must(ctx, "apigateway", "POST /v2/apis/"+g.api+"/routes/"+id+"/routeresponses", object{"routeResponseKey": "$default"}, ""); err != nil {
			return fmt.Errorf("route response of %s: %w", r.name, err)
		}
	}
	return nil
}
