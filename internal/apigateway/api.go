package apigateway

import (
	"regexp"
	"strings"
)

// Values that an API has when nothing else is said.
const (
	defaultAPIKeySelection = "$request.header.x-api-key"
	authorizerKeySelection = "$context.authorizer.usageIdentifierKey"
	defaultIPAddressType   = "ipv4"
)

// httpVariable finds the variables that only HTTP APIs select routes by.
var httpVariable = regexp.MustCompile(`(^|[^\\])\$\{?request\.(method|path|header|querystring)\b`)

// Check fills in defaults and reports what AWS refuses in an API.
func (a *API) Check() error {
	if a.APIKeySelectionExpression == "" {
		a.APIKeySelectionExpression = defaultAPIKeySelection
	}
	if a.IPAddressType == "" {
		a.IPAddressType = defaultIPAddressType
	}
	return firstError(
		checkLength("API name", a.Name, 1, 128),
		checkLength("API description", a.Description, 0, 1024),
		checkLength("API version", a.Version, 0, 64),
		checkRouteSelection(a.RouteSelectionExpression),
		checkAPIKeySelection(a.APIKeySelectionExpression),
		checkEnum("IP address type", a.IPAddressType, "ipv4", "dualstack"),
	)
}

func checkRouteSelection(expr string) error {
	if expr == "" {
		return BadRequest("Route selection expression is required for WEBSOCKET protocol type")
	}
	// AWS: clients that forget the expression of a WebSocket API send the one of HTTP APIs, "$request.method $request.path".
	if httpVariable.MatchString(expr) {
		return BadRequest("Invalid route selection expression specified: %s. A WEBSOCKET API selects routes by $request.body.{jsonpath}", expr)
	}
	return nil
}

func checkAPIKeySelection(expr string) error {
	if expr != defaultAPIKeySelection && expr != authorizerKeySelection {
		return BadRequest("Invalid API key selection expression specified: %s. Must be one of [%s, %s]", expr, defaultAPIKeySelection, authorizerKeySelection)
	}
	return nil
}

// PutAPI replaces the API itself.
func (p *Parts) PutAPI(a API) error {
	if err := a.Check(); err != nil {
		return err
	}
	p.API = a
	return nil
}

// Endpoint is the address of an API, without a stage.
func (a *API) Endpoint(region string) string {
	return "wss://" + a.ID + ".execute-api." + region + ".amazonaws.com"
}

// CheckTags reports what AWS refuses in the tags that a user gives.
func CheckTags(tags map[string]string) error {
	if len(tags) > 50 {
		return BadRequest("Too many tags: a resource may have at most 50")
	}
	for k, v := range tags {
		if n := len([]rune(k)); n < 1 || n > 128 {
			return BadRequest("Invalid tag key specified: length must be between 1 and 128")
		}
		if len([]rune(v)) > 256 {
			return BadRequest("Invalid tag value specified for key %s: length must be at most 256", k)
		}
		if strings.HasPrefix(strings.ToLower(k), "aws:") {
			return BadRequest("Invalid tag key specified: %s. Keys that begin with aws: are reserved", k)
		}
	}
	return nil
}
