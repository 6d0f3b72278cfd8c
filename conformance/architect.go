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
	"regexp"
	"strings"
)

// Architect is the sandbox of the Architect framework as a target: @ws functions, each in a folder of its own. It has no stages, no
// two-way routes, no authorizers and no other integrations.
type Architect struct {
	Dir   string // where npm installed @architect/sandbox, and node of a version that it takes if the machine's is another
	ports ports
}

// open implements Rival.
func (a *Architect) open(t *Target) error {
	t.nowhere()
	_, err := os.Stat(a.program())
	return err
}

func (a *Architect) program() string {
	return filepath.Join(a.Dir, "node_modules", "@architect", "sandbox", "src", "cli", "cli.js")
}

var errNotInArchitect = errors.New("Architect has nothing for it in @ws")

// routeInArchitect are the names that it takes for functions.
var routeInArchitect = regexp.MustCompile(`^[a-zA-Z0-9._-]+$`)

// render writes an api block as a manifest and a folder per function.
func (a *Architect) render(g *group, p *plan) (map[string][]byte, error) {
	if len(p.models)+len(p.before)+len(p.authorizers) > 0 || p.undeployed || len(p.stage) > 1 || len(p.api) > 3 || p.api["routeSelectionExpression"] != "$request.body.action" {
		return nil, errNotInArchitect
	}
	// AWS needs none of these three, Architect all: where the case has none, they do nothing.
	code := map[string]string{"connect": idleCode, "disconnect": idleCode, "default": idleCode}
	routes := 0
	for _, r := range p.routes {
		name := strings.TrimPrefix(r.name, "$")
		if r.integration != "lambda" || !routeInArchitect.MatchString(name) {
			continue // cases that need it will fail, others of the group need not
		}
		for member := range r.body {
			if member != "routeKey" && member != "routeResponseSelectionExpression" {
				return nil, fmt.Errorf("%w: %s of a route", errNotInArchitect, member)
			}
		}
		// It has environment variables for all functions alone, and tells them $join for join: so the route is in the address.
		address, err := json.Marshal(g.t.Public + "/as/" + g.token + "/" + r.name)
		if err != nil {
			return nil, err
		}
		code[name] = strings.Replace(handlerCode, "process.env.CONFORMANCE_BACKEND", string(address), 1)
		routes++
	}
	if routes == 0 {
		return nil, fmt.Errorf("%w: no route calls a function", errNotInArchitect)
	}
	manifest := "@app\nconformance\n\n@aws\nruntime nodejs20.x\ntimeout 30\n\n@ws\n"
	files := map[string][]byte{}
	for name, text := range code {
		manifest += name + "\n"
		files["src/ws/"+name+"/index.js"] = []byte(text)
	}
	files["app.arc"] = []byte(manifest)
	return files, nil
}

const idleCode = "exports.handler = async () => ({ statusCode: 200 });\n"

// deploy implements Rival.
func (a *Architect) deploy(ctx context.Context, g *group) error {
	p, err := planOf(g.API, g.vars)
	if err != nil {
		return err
	}
	g.handles = p.handles
	files, err := a.render(g, p)
	if err != nil {
		return err
	}
	dir, err := g.folder(a.Dir, files)
	if err != nil {
		return err
	}
	port := a.ports.take(2)
	bin := filepath.Join(a.Dir, "node_modules", ".bin")
	node := "node"
	if own := filepath.Join(bin, "node"); fileExists(own) {
		node = own
	}
	cmd := exec.Command(node, a.program(), "--port", fmt.Sprint(port), "--host", "127.0.0.1", "--disable-symlinks")
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), "PATH="+bin+string(os.PathListSeparator)+os.Getenv("PATH"), fmt.Sprintf("ARC_INTERNAL_PORT=%d", port+1), "NO_UPDATE_NOTIFIER=1", "CI=1")
	if err := g.start(ctx, cmd, "Local environment ready!"); err != nil {
		return fmt.Errorf("@architect/sandbox: %w", err)
	}
	g.address = net.JoinHostPort("127.0.0.1", fmt.Sprint(port))
	g.pushes = fmt.Sprintf("http://127.0.0.1:%d/_arc/ws/@connections/", port+1)
	g.api = "private" // it has no name for an API
	g.vars["api"], g.vars["host"] = g.api, g.t.host(g.api)
	return nil
}

func fileExists(name string) bool {
	_, err := os.Stat(name)
	return err == nil
}
