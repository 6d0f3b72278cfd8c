package connections

import (
	"net/http"
	"net/url"
	"strings"

	"github.com/sallyport/sallyport/internal/apigateway"
)

const collection = "@connections"

// An address is what a request is for.
type address struct {
	api        string // empty if only the connection tells: /{stage}/@connections/{id} on a host of ours
	region     string // of the host, if it is AWS's name
	stage      string
	connection string // empty for a plain request to a stage
	custom     bool   // of a custom domain: path is what leads to the stage
	path       string
}

// parse reads the host and path of a request. AWS: @ and the = of ids come raw or escaped.
//
//	Host {apiId}.execute-api.{region}.amazonaws.com   /{stage}[/@connections/{id}]
//	a custom domain                                   [/{mappingKey}][/@connections/{id}]
//	any other host                                    [/{apiId}]/{stage}/@connections/{id}, /{apiId}/{stage}
func parse(r *http.Request, custom bool) (address, bool) {
	a := address{custom: custom}
	path, slash := strings.CutPrefix(r.URL.EscapedPath(), "/")
	parts := strings.Split(strings.TrimSuffix(path, "/"), "/")
	for i := range parts {
		p, err := url.PathUnescape(parts[i])
		if err != nil {
			return a, false
		}
		parts[i] = p
	}
	if n := len(parts); n > 1 && parts[n-2] == collection && (n > 2 || custom) {
		a.connection, parts = parts[n-1], parts[:n-2]
		for len(parts) > 0 && parts[len(parts)-1] == "" { // AWS: /stage//@connections/id, as the SDK for JavaScript calls an endpoint with a slash at its end
			parts = parts[:len(parts)-1]
		}
	}
	if custom {
		a.path = strings.Join(parts, "/")
		return a, slash
	}
	var onHost bool
	a.api, a.region, onHost = apigateway.HostAPI(r.Host)
	switch {
	case !slash:
		return a, false
	case len(parts) == 1 && parts[0] != "" && (onHost || a.connection != ""):
		a.stage = parts[0]
		return a, true
	case len(parts) == 2 && !onHost:
		a.api, a.stage = parts[0], parts[1]
		return a, a.api != "" && a.stage != ""
	}
	return a, false
}
