package conformance

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
)

// Offline is serverless-offline, a plugin of the Serverless Framework, as a target. It has no APIs to deploy by: each group of cases is
// written as a serverless.yml and served by a process of its own. What cannot be written so, cannot be had there, and its cases fail.
type Offline struct {
	Dir   string // where npm installed serverless (version 3, or osls under that name) and serverless-offline
	ports ports
}

// open implements Rival.
func (o *Offline) open(t *Target) error {
	t.nowhere()
	_, err := os.Stat(filepath.Join(o.Dir, "node_modules", "serverless-offline"))
	return err
}

var errInexpressible = errors.New("the Serverless Framework has nothing for it in websocket events")

// render writes an api block as serverless.yml, which is JSON, too.
func (o *Offline) render(g *group, p *plan, port int) ([]byte, error) {
	if len(p.models)+len(p.before) > 0 || p.undeployed || len(p.stage) > 1 || len(p.api) > 3 {
		return nil, errInexpressible
	}
	events := []any{}
	for _, r := range p.routes {
		if r.integration != "lambda" {
			continue // cases that need it will fail, others of the group need not
		}
		socket := object{"route": r.name}
		for name, value := range r.body {
			switch name {
			case "routeKey":
			case "routeResponseSelectionExpression":
				if value != nil {
					socket[name] = value
				}
			case "authorizer":
				body := p.authorizers[0].body
				socket["authorizer"] = object{"name": "authorizer", "identitySource": body["identitySource"]}
			default:
				return nil, fmt.Errorf("%w: %s of a route", errInexpressible, name)
			}
		}
		if _, own := r.body["routeResponseSelectionExpression"]; r.twoWay && !own {
			socket["routeResponseSelectionExpression"] = "$default"
		}
		events = append(events, object{"websocket": socket})
	}
	if len(events) == 0 {
		return nil, fmt.Errorf("%w: no route calls a function", errInexpressible)
	}
	functions := object{"handler": object{"handler": "index.handler", "events": events}}
	if len(p.authorizers) > 0 {
		functions["authorizer"] = object{"handler": "index.handler"}
	}
	return json.Marshal(object{
		"service": "conformance", "plugins": []string{"serverless-offline"},
		"provider": object{
			"name": "aws", "runtime": "nodejs20.x", "stage": stageName, "region": g.t.Region, "timeout": 30,
			"websocketsApiRouteSelectionExpression": p.api["routeSelectionExpression"],
			"environment":                           object{"CONFORMANCE_BACKEND": g.t.Public + "/as/" + g.token},
		},
		"functions": functions,
		"custom":    object{"serverless-offline": object{"websocketPort": port, "httpPort": port + 1, "lambdaPort": port + 2, "host": "127.0.0.1"}},
	})
}

// deploy starts a process that serves the API of a group.
func (o *Offline) deploy(ctx context.Context, g *group) error {
	p, err := planOf(g.API, g.vars)
	if err != nil {
		return err
	}
	g.handles = p.handles
	port := o.ports.take(3)
	config, err := o.render(g, p, port)
	if err != nil {
		return err
	}
	dir, err := g.folder(o.Dir, map[string][]byte{"serverless.yml": config, "index.js": []byte(handlerCode)})
	if err != nil {
		return err
	}
	cmd := exec.Command("node", filepath.Join(o.Dir, "node_modules", "serverless", "bin", "serverless.js"), "offline")
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), "SLS_TELEMETRY_DISABLED=1", "SLS_INTERACTIVE_SETUP_ENABLE=0", "SLS_NOTIFICATIONS_MODE=off")
	if err := g.start(ctx, cmd, "[http for websocket] listening"); err != nil {
		return fmt.Errorf("serverless-offline: %w", err)
	}
	g.address = net.JoinHostPort("127.0.0.1", fmt.Sprint(port))
	g.pushes = "http://" + g.address + "/@connections/" // there is no stage
	g.api = "private"                                   // what it calls every API
	g.vars["api"], g.vars["host"] = g.api, g.t.host(g.api)
	return nil
}
