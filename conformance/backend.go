package conformance

import (
	"encoding/json"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"time"
)

// handlerCode is the one function that all cases use: it asks the runner what to do.
const handlerCode = `const http = require('http'), https = require('https');
const backend = process.env.CONFORMANCE_BACKEND;
const client = backend.startsWith('https:') ? https : http;
const agent = new client.Agent({ keepAlive: true });
const ask = (event) => new Promise((resolve, reject) => {
  const req = client.request(backend + '/function', { method: 'POST', agent, headers: { 'content-type': 'application/json' } }, (res) => {
    const parts = [];
    res.on('data', (p) => parts.push(p));
    res.on('end', () => resolve(JSON.parse(Buffer.concat(parts).toString())));
  });
  req.on('error', reject);
  req.end(JSON.stringify(event));
});
exports.handler = async (event, context) => {
  const todo = await ask({ event, arn: context.invokedFunctionArn });
  if (todo.raise !== undefined) { const e = new Error(todo.raise); e.name = 'Error'; throw e; }
  return todo.value;
};
`

// A backend is what functions and HTTP integrations call. It passes each call to the group of cases that it belongs to.
type backend struct {
	listener net.Listener
	server   *http.Server
	mu       sync.Mutex // guards groups
	groups   []*group
}

func newBackend(addr string) (*backend, error) {
	ln, err := net.Listen("tcp", addr)
	if err != nil {
		return nil, err
	}
	b := &backend{listener: ln}
	b.server = &http.Server{Handler: b, ReadHeaderTimeout: 10 * time.Second}
	go func() { _ = b.server.Serve(ln) }()
	return b, nil
}

func (b *backend) add(g *group) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.groups = append(b.groups, g)
}

// find returns the group with an API id or token; without one, the group that has functions called without an event.
func (b *backend) find(match func(*group) bool) *group {
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, g := range b.groups {
		if match(g) {
			return g
		}
	}
	return nil
}

func (b *backend) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return
	}
	if r.URL.Path == "/function" {
		b.serveFunction(w, r, body, "", "")
		return
	}
	if rest, ok := strings.CutPrefix(strings.TrimSuffix(r.URL.Path, "/function"), "/as/"); ok { // its API is called as all others are
		token, route, _ := strings.Cut(rest, "/")
		b.serveFunction(w, r, body, token, route)
		return
	}
	token, rest, _ := strings.Cut(strings.TrimPrefix(r.URL.Path, "/g/"), "/")
	g := b.find(func(g *group) bool { return g.token == token })
	if g == nil {
		http.NotFound(w, r)
		return
	}
	headers := map[string]string{}
	for name, values := range r.Header {
		headers[strings.ToLower(name)] = strings.Join(values, ",")
	}
	event, _ := json.Marshal(map[string]any{
		"method": r.Method, "path": "/" + rest, "query": r.URL.RawQuery, "headers": headers, "body": string(body), "size": len(body),
	})
	out := g.called("backend", "", string(event), r)
	if out.drop {
		if conn, _, err := http.NewResponseController(w).Hijack(); err == nil {
			conn.Close()
		}
		return
	}
	var res struct {
		StatusCode int
		Headers    map[string]string
		Body       string
		Bytes      []byte
	}
	res.StatusCode = http.StatusOK
	_ = json.Unmarshal(out.value, &res)
	for name, value := range res.Headers {
		w.Header().Set(name, value)
	}
	w.WriteHeader(res.StatusCode)
	_, _ = w.Write(append(res.Bytes, res.Body...))
}

// serveFunction answers a function that asks what to do. Token and route are empty where its event tells them.
func (b *backend) serveFunction(w http.ResponseWriter, r *http.Request, body []byte, token, route string) {
	var call struct {
		Event json.RawMessage
		ARN   string
	}
	var event struct {
		Type           string `json:"type"`
		Conformance    string `json:"conformance"` // of functions that are not given events
		RequestContext struct{ APIID, RouteKey, ConnectionID string }
	}
	if err := json.Unmarshal(body, &call); err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	_ = json.Unmarshal(call.Event, &event)
	id, name := event.RequestContext.APIID, event.RequestContext.RouteKey
	if route != "" {
		name = route
	}
	if event.Type == "REQUEST" {
		name = "authorizer"
	}
	g := b.find(func(g *group) bool { return token != "" && g.token == token || token == "" && id != "" && g.has(id) })
	if g == nil {
		name = "direct"
		g = b.find(func(g *group) bool {
			return event.Conformance != "" && g.token == event.Conformance || g.direct && event.Conformance == ""
		})
	}
	if g == nil {
		http.NotFound(w, r)
		return
	}
	g.setARN(call.ARN)
	out := g.called(name, event.RequestContext.ConnectionID, string(call.Event), r)
	answer := map[string]any{}
	if out.raise != nil {
		answer["raise"] = *out.raise
	} else if out.value != nil {
		answer["value"] = out.value
	}
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(answer)
}

// An outcome is what a function or backend answers.
type outcome struct {
	value json.RawMessage
	raise *string
	drop  bool
}
