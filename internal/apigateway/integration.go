package apigateway

import (
	"regexp"
	"strings"
	"time"

	"github.com/sallyport/sallyport/internal/arn"
)

// Values that an integration has when nothing else is said.
const (
	defaultConnectionType = "INTERNET"
	defaultPassthrough    = "WHEN_NO_MATCH"
	defaultPayloadFormat  = "1.0"

	minTimeoutMillis = 50
	maxTimeoutMillis = 29000
)

// ResponseSelectionExpression is what selects an integration's response: fixed by its type, "" for proxies.
func (i *Integration) ResponseSelectionExpression() string {
	switch {
	case i.Type == AWS && i.lambda():
		return "${integration.response.body.errorMessage}"
	case i.Type == AWS, i.Type == HTTP, i.Type == Mock:
		return "${integration.response.statuscode}"
	default:
		return ""
	}
}

// lambda reports whether the URI names a Lambda function.
func (i *Integration) lambda() bool {
	a, err := arn.Parse(i.URI)
	// AWS: the place of the account in arn:aws:apigateway:{region}:lambda:path/… holds the service.
	return err == nil && (a.Service == "lambda" || a.Service == "apigateway" && a.Account == "lambda")
}

// Integration returns the integration of this id.
func (p *Parts) Integration(id string) (*Integration, error) {
	if i := p.Integrations[id]; i != nil {
		return i, nil
	}
	return nil, errNo("Integration", id)
}

// OrderedIntegrations returns the integrations in order of creation.
func (p *Parts) OrderedIntegrations() []*Integration {
	return Ordered(p.Integrations, func(i *Integration) time.Time { return i.Created })
}

// PutIntegration adds an integration, drawing an id if it has none, or replaces the one of its id.
func (p *Parts) PutIntegration(i *Integration) error {
	i.fill()
	if err := i.check(); err != nil {
		return err
	}
	if i.ID == "" {
		i.ID = unusedID(p.Integrations)
	}
	p.Integrations[i.ID] = i
	return nil
}

func (i *Integration) fill() {
	fill := func(s *string, value string) {
		if *s == "" {
			*s = value
		}
	}
	fill(&i.ConnectionType, defaultConnectionType)
	fill(&i.PassthroughBehavior, defaultPassthrough)
	fill(&i.PayloadFormatVersion, defaultPayloadFormat)
	if i.TimeoutMillis == 0 {
		i.TimeoutMillis = maxTimeoutMillis
	}
	if i.Type == AWSProxy || i.Type == AWS {
		fill(&i.Method, "POST")
	}
}

func (i *Integration) check() error {
	if i.Type == "" {
		return BadRequest("Invalid integration type specified. Must be one of [AWS, AWS_PROXY, HTTP, HTTP_PROXY, MOCK]")
	}
	err := firstError(
		checkEnum("integration type", i.Type, AWS, AWSProxy, HTTP, HTTPProxy, Mock),
		checkEnum("connection type", i.ConnectionType, "INTERNET", "VPC_LINK"),
		checkEnum("passthrough behavior", i.PassthroughBehavior, "WHEN_NO_MATCH", "NEVER", "WHEN_NO_TEMPLATES"),
		checkContentHandling(i.ContentHandling),
		checkEnum("integration method", i.Method, "GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS", "ANY"),
		checkLength("description", i.Description, 0, 1024),
		i.checkURI(),
	)
	if err != nil {
		return err
	}
	if i.TimeoutMillis < minTimeoutMillis || i.TimeoutMillis > maxTimeoutMillis {
		return BadRequest("Timeout should be between %d ms and %d ms", minTimeoutMillis, maxTimeoutMillis)
	}
	// AWS: functions behind a WebSocket API get one form of event. What asks for another is taken, and changes nothing.
	if i.PayloadFormatVersion != defaultPayloadFormat && !(i.Type == AWSProxy && i.PayloadFormatVersion == "2.0") {
		return BadRequest("Invalid payload format version specified: %s. A WEBSOCKET API takes 1.0", i.PayloadFormatVersion)
	}
	if i.ConnectionType == "VPC_LINK" && i.ConnectionID == "" {
		return BadRequest("A connection id is required for connection type VPC_LINK")
	}
	return checkMappings(i.RequestParameters)
}

func checkContentHandling(s string) error {
	return checkEnum("content handling strategy", s, "CONVERT_TO_BINARY", "CONVERT_TO_TEXT")
}

func (i *Integration) checkURI() error {
	if i.Type == Mock {
		return nil
	}
	if i.URI == "" {
		return BadRequest("An integration URI is required for integration type %s", i.Type)
	}
	if strings.HasPrefix(i.URI, "${") { // a stage variable holds all of it
		return nil
	}
	if i.Type == HTTP || i.Type == HTTPProxy {
		if i.ConnectionType != "VPC_LINK" && !strings.HasPrefix(i.URI, "http://") && !strings.HasPrefix(i.URI, "https://") {
			return BadRequest("Invalid HTTP endpoint specified for URI")
		}
		return nil
	}
	a, err := arn.Parse(i.URI)
	if err != nil || a.Service != "apigateway" && a.Service != "lambda" {
		return BadRequest("Invalid ARN specified in the request")
	}
	if a.Service == "apigateway" && !strings.HasPrefix(a.Resource, "path/") && !strings.HasPrefix(a.Resource, "action/") {
		return BadRequest("AWS ARN for integration must contain path or action")
	}
	if i.Type == AWSProxy && !i.lambda() {
		return BadRequest("Integrations of type 'AWS_PROXY' currently only supports Lambda function invocations")
	}
	return nil
}

var (
	mappingTarget = regexp.MustCompile(`^integration\.request\.(header|querystring|path|multivalueheader|multivaluequerystring)\.(.+)$`)
	mappingSource = regexp.MustCompile(`^((route|method)\.request\.(header|querystring|multivalueheader|multivaluequerystring|path)\..+|(route|method)\.request\.body(\..+)?|context\..+|stageVariables\..+|'.*')$`)
	parameterName = regexp.MustCompile(`^[a-zA-Z0-9._$-]+$`)
)

func isParameterName(s string) bool { return parameterName.MatchString(s) }

func checkMappings(parameters map[string]string) error {
	for key, value := range parameters {
		if m := mappingTarget.FindStringSubmatch(key); m == nil || !isParameterName(m[2]) {
			return errMapping(key)
		}
		if !mappingSource.MatchString(value) {
			return errMapping(value)
		}
	}
	return nil
}

func errMapping(s string) error {
	return BadRequest("Invalid mapping expression specified: Validation Result: warnings : [], errors : [Invalid mapping expression specified: %s]", s)
}

// DeleteIntegration removes an integration that no route targets, and its responses.
func (p *Parts) DeleteIntegration(id string) error {
	if _, err := p.Integration(id); err != nil {
		return err
	}
	for _, r := range p.OrderedRoutes() {
		if r.IntegrationID() == id {
			return Conflict("Cannot delete Integration '%s' due to referential integrity constraint: route %s targets it", id, r.Key)
		}
	}
	delete(p.Integrations, id)
	delete(p.IntegrationResponses, id)
	return nil
}

// IntegrationResponse returns the response of this id.
func (p *Parts) IntegrationResponse(integrationID, id string) (*IntegrationResponse, error) {
	if _, err := p.Integration(integrationID); err != nil {
		return nil, err
	}
	if r := p.IntegrationResponses[integrationID][id]; r != nil {
		return r, nil
	}
	return nil, errNo("IntegrationResponse", id)
}

// OrderedIntegrationResponses returns the responses of an integration in order of creation.
func (p *Parts) OrderedIntegrationResponses(integrationID string) []*IntegrationResponse {
	return Ordered(p.IntegrationResponses[integrationID], func(r *IntegrationResponse) time.Time { return r.Created })
}

// PutIntegrationResponse adds a response, drawing an id if it has none, or replaces the one of its id.
func (p *Parts) PutIntegrationResponse(integrationID string, r *IntegrationResponse) error {
	if _, err := p.Integration(integrationID); err != nil {
		return err
	}
	if r.Key == "" {
		return BadRequest("Invalid integration response key specified: a key is required, $default or /regular expression/")
	}
	if err := checkContentHandling(r.ContentHandling); err != nil {
		return err
	}
	if _, err := ResponsePattern(r.Key); err != nil && !isDefaultResponse(r.Key) {
		return BadRequest("Invalid integration response key specified: %v", err)
	}
	m := p.IntegrationResponses[integrationID]
	for _, other := range m {
		if other.Key == r.Key && other.ID != r.ID {
			return Conflict("Integration response with key %s already exists for this Integration", r.Key)
		}
	}
	if m == nil {
		m = map[string]*IntegrationResponse{}
		p.IntegrationResponses[integrationID] = m
	}
	if r.ID == "" {
		r.ID = unusedID(m)
	}
	m[r.ID] = r
	return nil
}

// DeleteIntegrationResponse removes a response.
func (p *Parts) DeleteIntegrationResponse(integrationID, id string) error {
	if _, err := p.IntegrationResponse(integrationID, id); err != nil {
		return err
	}
	delete(p.IntegrationResponses[integrationID], id)
	return nil
}
