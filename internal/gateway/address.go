package gateway

import (
	"fmt"
	"strings"

	"github.com/sallyport/sallyport/internal/apigateway"
	"github.com/sallyport/sallyport/internal/gateway/loop"
)

// address returns the stage that an upgrade is for. The error says for the operator why there is none; the client is told Forbidden.
//
//	Host {apiId}.execute-api.{region}.amazonaws.com   /{stage}
//	a custom domain                                   /{mappingKey}, or /
//	any other host                                    /{apiId}/{stage}
//
// AWS: one slash at the end is taken, a further segment is not. domain is the custom domain's name as the client used it, or empty.
func (g *Gateway) address(h *loop.Handshake) (s *served, st *stage, domain string, err error) {
	host := h.Host
	path, _, _ := strings.Cut(h.Target, "?")
	if d, name := g.domains.find(host); d != nil {
		if !d.verified(g, h) {
			return nil, nil, "", fmt.Errorf("domain %s asks for a client's certificate, and the client did not come by TLS to that name", d.Name)
		}
		s, st, err = g.mapped(d, path)
		return s, st, name, err
	}
	s, st, err = g.pathOf(host, path)
	return s, st, "", err
}

// pathOf returns the stage that a path of any other host is for.
func (g *Gateway) pathOf(host, path string) (*served, *stage, error) {
	api, region, ok := apigateway.HostAPI(host)
	if !ok {
		rest, slash := strings.CutPrefix(path, "/")
		api, path, ok = strings.Cut(rest, "/")
		if !slash || !ok {
			return nil, nil, fmt.Errorf("the path %s names no API and stage: use /{apiId}/{stage}", path)
		}
		path = "/" + path
	}
	name := strings.TrimSuffix(strings.TrimPrefix(path, "/"), "/")
	if strings.Contains(name, "/") || name == "" || strings.HasPrefix(name, "/") {
		return nil, nil, fmt.Errorf("the path %s is not one stage", path)
	}
	return g.stageOf(api, region, name)
}

// asked returns which API and stage a client named that are not there, for the log.
func asked(host, target string) (api, stage string) {
	path, _, _ := strings.Cut(strings.TrimPrefix(target, "/"), "?")
	if api, _, ok := apigateway.HostAPI(host); ok {
		return api, path
	}
	api, stage, _ = strings.Cut(path, "/")
	return api, stage
}

// stageOf returns a stage that is reached through its API's default endpoint. An empty region is any.
func (g *Gateway) stageOf(api, region, name string) (*served, *stage, error) {
	s := g.served.find(api, name)
	if s == nil {
		return nil, nil, fmt.Errorf("there is no stage %s of an API %s, or it has no deployment", name, api)
	}
	st := s.current.Load()
	switch {
	case st == nil:
		return nil, nil, fmt.Errorf("stage %s of API %s was removed", name, api)
	case region != "" && region != st.region:
		return nil, nil, fmt.Errorf("API %s is in region %s, not %s", api, st.region, region)
	case st.disabled:
		return nil, nil, fmt.Errorf("the default endpoint of API %s is disabled", api)
	}
	return s, st, nil
}
