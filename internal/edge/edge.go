// Package edge is the one port's HTTP side: it decides which part of the server a request is for. WebSocket upgrades
// never come here, they are taken from the sockets by gateway/loop.
//
// Handler (edge.go) is the decision. Package ca signs certificates for AWS's host names, package proxy takes the tunnels
// by which functions reach them.
package edge

import (
	"net/http"
	"regexp"
	"strings"

	"github.com/sallyport/sallyport/internal/apigateway"
)

// OwnPrefix begins the paths of what AWS does not have.
const OwnPrefix = "/_sallyport/"

// Config has a handler for each kind of request.
type Config struct {
	Connections http.Handler // @connections, and requests to stages that are no upgrade
	AWS         http.Handler // the AWS APIs
	Proxy       http.Handler // CONNECT
	Own         http.Handler // OwnPrefix

	// Domain reports whether a host is a custom domain of a WebSocket API; nil: there are none.
	Domain func(host string) bool

	FunctionURLs http.Handler           // hosts that IsURL knows
	IsURL        func(host string) bool // nil: there are none
}

// Handler returns the handler of everything that is no upgrade.
func Handler(cfg Config) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch {
		case r.Method == http.MethodConnect:
			cfg.Proxy.ServeHTTP(w, r)
		case strings.HasPrefix(r.URL.Path, OwnPrefix):
			cfg.Own.ServeHTTP(w, r)
		case cfg.IsURL != nil && cfg.IsURL(r.Host):
			cfg.FunctionURLs.ServeHTTP(w, r)
		case isExecuteAPI(r) || cfg.Domain != nil && cfg.Domain(r.Host):
			cfg.Connections.ServeHTTP(w, r)
		default:
			cfg.AWS.ServeHTTP(w, r)
		}
	})
}

// stagePath is /{apiId}/{stage}: the path form of an API's address.
var stagePath = regexp.MustCompile(`^/[a-z0-9]{10}/[A-Za-z0-9_-]+/?$`)

// isExecuteAPI reports whether a request is for a WebSocket API itself, and not for the AWS API that manages it.
func isExecuteAPI(r *http.Request) bool {
	if _, _, ok := apigateway.HostAPI(r.Host); ok {
		return true
	}
	if strings.Contains(r.URL.Path, "/@connections/") {
		return true
	}
	return r.Method == http.MethodGet && r.Header.Get("Authorization") == "" && stagePath.MatchString(r.URL.Path)
}
