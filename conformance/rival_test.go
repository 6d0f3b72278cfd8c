package conformance

import (
	"errors"
	"strings"
	"testing"
)

// TestRivalsProjects writes every group of cases as the projects of other products: those that can be written run nothing but the
// runner's function, and those that cannot say so.
func TestRivalsProjects(t *testing.T) {
	suite, err := Load()
	if err != nil {
		t.Fatal(err)
	}
	target := &Target{Region: "us-east-1", Public: "http://127.0.0.1:1"}
	target.nowhere()
	architect, offline := &Architect{}, &Offline{}
	written := map[string]int{}
	for _, one := range suite.Groups {
		g := &group{Group: one, t: target, token: "token", vars: variables{}}
		for _, name := range []string{"name", "backend", "function", "lambda", "denied", "prefix", "role", "region", "account", "stage", "token"} {
			g.vars[name] = name
		}
		p, err := planOf(g.API, g.vars)
		if err != nil {
			continue // it stands on calls that were not made
		}
		files, err := architect.render(g, p)
		switch {
		case errors.Is(err, errNotInArchitect):
		case err != nil:
			t.Errorf("%s:%d: %v", one.Cases[0].File, one.Cases[0].Line, err)
		default:
			written["architect"]++
			for _, r := range p.routes {
				name := strings.TrimPrefix(r.name, "$")
				if r.integration != "lambda" || !routeInArchitect.MatchString(name) {
					continue
				}
				if !strings.Contains(string(files["app.arc"]), "\n"+name+"\n") || !strings.Contains(string(files["src/ws/"+name+"/index.js"]), `"http://127.0.0.1:1/as/token/`+r.name+`"`) {
					t.Errorf("route %s is not in the project: %s", r.name, files["app.arc"])
				}
			}
		}
		if _, err := offline.render(g, p, 1); err == nil {
			written["offline"]++
		} else if !errors.Is(err, errInexpressible) {
			t.Errorf("%s:%d: %v", one.Cases[0].File, one.Cases[0].Line, err)
		}
	}
	if written["architect"] < 20 || written["offline"] < 20 {
		t.Errorf("of %d groups %v could be written", len(suite.Groups), written)
	}
}

func TestPortsOfRivals(t *testing.T) {
	var p ports
	if a, b := p.take(3), p.take(2); b < a+3 {
		t.Errorf("ports %d and %d overlap", a, b)
	}
}
