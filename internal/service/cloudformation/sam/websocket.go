package sam

import (
	"regexp"
	"slices"
	"strings"
)

const integrationURI = "arn:${AWS::Partition}:apigateway:${AWS::Region}:lambda:path/2015-03-31/functions/"

// webSocketAPI writes AWS::Serverless::WebSocketApi out.
func (m *macro) webSocketAPI() ([]*made, *cause) {
	p := m.properties
	m.attributes = map[string]any{} // AWS: Condition, Metadata and policies of a WebSocketApi get lost
	for _, name := range []string{"Auth", "Domain", "Routes"} {
		if p[name] != nil {
			p[name] = m.resolve(p[name])
		}
	}
	routes, _ := p["Routes"].(map[string]any)
	domain, _ := p["Domain"].(map[string]any)
	ip := p["IpAddressType"]
	switch {
	case len(routes) == 0:
		return nil, invalidResource(m.id, "WebSocket API must have at least one route.")
	case ip != nil && !isIntrinsic(ip) && ip != "ipv4" && ip != "dualstack":
		return nil, invalidResource(m.id, "IpAddressType must be 'ipv4' or 'dualstack'.")
	case truthy(domain["MutualTlsAuthentication"]):
		return nil, invalidResource(m.id, "Mutual TLS domain name association is not supported for Websocket APIs.")
	}
	api, c := m.api(routes)
	if c != nil {
		return nil, c
	}
	domains, c := m.domain(domain)
	if c != nil {
		return nil, c
	}
	stage, c := m.stage()
	if c != nil {
		return nil, c
	}
	all := []*made{api}
	var routeIDs []any
	var authorizer *made
	for _, key := range m.routeKeys(routes) {
		made, auth, c := m.route(key, routes[key])
		if c != nil {
			return nil, c
		}
		all = append(all, made...)
		routeIDs = append(routeIDs, made[0].id)
		if auth != nil {
			authorizer = auth
		}
	}
	all = append(all, domains...)
	if truthy(p["RouteSettings"]) {
		stage.attributes["DependsOn"] = routeIDs
	}
	all = append(all, stage)
	if authorizer != nil {
		all = append(all, authorizer)
		if permission := m.authorizerPermission(); permission != nil {
			all = append(all, permission)
		}
	}
	m.propagateTags(all)
	m.refer(all, map[string]string{"Stage": "AWS::ApiGatewayV2::Stage", "DomainName": "AWS::ApiGatewayV2::DomainName"})
	return all, nil
}

// api makes the API itself.
func (m *macro) api(routes map[string]any) (*made, *cause) {
	p := m.properties
	api := m.own(m.id, "AWS::ApiGatewayV2::Api")
	for _, name := range words("ApiKeySelectionExpression Description DisableExecuteApiEndpoint DisableSchemaValidation IpAddressType RouteSelectionExpression") {
		api.set(name, p[name])
	}
	if _, connect := routes["$connect"]; truthy(p["Auth"]) && !connect {
		return nil, invalidResource(m.id, "Authorization is only available if there is a $connect route.")
	}
	api.set("Name", m.id)
	api.set("Name", p["Name"])
	api.set("ProtocolType", "WEBSOCKET")
	tags := map[string]any{}
	if own, ok := p["Tags"].(map[string]any); ok {
		tags = clone(own).(map[string]any)
	}
	tags["websocketapi:createdBy"] = "SAM"
	api.set("Tags", tags)
	m.properties["Tags"] = clone(tags)
	return api, nil
}

// routeKeys returns the route keys in the order of the text.
func (m *macro) routeKeys(routes map[string]any) []string {
	keys := m.doc.Keys("Resources", m.id, "Properties", "Routes")
	for _, k := range sortedKeys(routes) {
		if !slices.Contains(keys, k) {
			keys = append(keys, k)
		}
	}
	return keys
}

// stage makes the API's stage.
func (m *macro) stage() (*made, *cause) {
	p := m.properties
	name := p["StageName"]
	if name == nil {
		name = "default"
	}
	if name == "$default" {
		return nil, invalidResource(m.id, "Stages cannot be named $default for WebSocket APIs.")
	}
	prefix, _ := name.(string)
	if prefix == "default" {
		prefix = "Default"
	}
	s := m.new(m.id+prefix+"Stage", "AWS::ApiGatewayV2::Stage", m.passed())
	s.set("ApiId", ref(m.id))
	s.set("StageName", name)
	for _, n := range []string{"StageVariables", "AccessLogSettings", "DefaultRouteSettings", "RouteSettings"} {
		s.set(n, p[n])
	}
	s.set("Tags", map[string]any{"websocketapi:createdBy": "SAM"})
	s.set("AutoDeploy", true)
	return s, nil
}

// routePart is the part of logical ids that stands for a route key. AWS: it is Python's capitalize, which makes the rest lower case.
func (m *macro) routePart(key string) (string, *cause) {
	plain := key
	if key == "$connect" || key == "$disconnect" || key == "$default" {
		plain = key[1:]
	} else if !alphanumeric(key) {
		return "", invalidResource(m.id, "Route key '%s' must be alphanumeric. Only $connect, $disconnect, and $default special routes are supported.", key)
	}
	return strings.ToUpper(plain[:1]) + strings.ToLower(plain[1:]), nil
}

// route makes a route with its integration and permission, and its authorizer.
func (m *macro) route(key string, def any) (all []*made, authorizer *made, c *cause) {
	spec, _ := def.(map[string]any)
	part, c := m.routePart(key)
	if c != nil {
		return nil, nil, c
	}
	base := m.id + part
	r := m.new(base+"Route", "AWS::ApiGatewayV2::Route", m.passed())
	r.set("RouteKey", key)
	r.set("ApiId", ref(m.id))
	for _, name := range words("ApiKeyRequired ModelSelectionExpression OperationName RequestModels RouteResponseSelectionExpression") {
		r.set(name, spec[name])
	}
	if truthy(spec["RequestParameters"]) {
		if key != "$connect" {
			return nil, nil, invalidResource(m.id, "Request parameters are only supported for the $connect route in WebSocket APIs.")
		}
		r.set("RequestParameters", spec["RequestParameters"])
	}
	r.set("Target", map[string]any{"Fn::Join": []any{"/", []any{"integrations", ref(base + "Integration")}}})
	if authorizer, c = m.authorize(key, r); c != nil {
		return nil, nil, c
	}
	arn, has := spec["FunctionArn"]
	if !has {
		return nil, nil, invalidResource(m.id, "Route must have associated function.")
	}
	i := m.new(base+"Integration", "AWS::ApiGatewayV2::Integration", m.passed())
	i.set("ApiId", ref(m.id))
	i.set("IntegrationType", "AWS_PROXY")
	i.set("IntegrationUri", sub(integrationURI+"${FunctionArn}/invocations", map[string]any{"FunctionArn": arn}))
	i.set("TimeoutInMillis", spec["IntegrationTimeout"])
	permission := m.new(base+"Permission", "AWS::Lambda::Permission", m.passed())
	permission.set("Action", "lambda:InvokeFunction")
	permission.set("FunctionName", arn)
	permission.set("Principal", "apigateway.amazonaws.com")
	source := "arn:${AWS::Partition}:execute-api:${AWS::Region}:${AWS::AccountId}:${" + m.id + ".ApiId}/"
	stage := m.properties["StageName"]
	if stage == nil {
		stage = "default"
	}
	if name, ok := stage.(string); ok {
		permission.set("SourceArn", sub(source+name+"/"+key, nil))
	} else {
		permission.set("SourceArn", sub(source+"${__StageName__}/"+key, map[string]any{"__StageName__": stage}))
	}
	return []*made{r, i, permission}, authorizer, nil
}

// authorize checks Auth, and sets how $connect is authorized.
func (m *macro) authorize(key string, r *made) (*made, *cause) {
	auth, _ := m.properties["Auth"].(map[string]any)
	if len(auth) == 0 {
		return nil, nil
	}
	given, _ := auth["AuthType"].(string)
	typ := strings.ToUpper(given)
	switch {
	case typ == "":
		return nil, invalidResource(m.id, "AuthType must be specified for additional auth configurations.")
	case !slices.Contains([]string{"AWS_IAM", "CUSTOM", "NONE"}, typ):
		return nil, invalidResource(m.id, "AuthType is not one of AWS_IAM, CUSTOM or NONE.")
	case typ == "CUSTOM" && !truthy(auth["AuthArn"]):
		return nil, invalidResource(m.id, "AuthArn must be specified if AuthType is CUSTOM.")
	case typ != "CUSTOM" && len(auth) > 1:
		return nil, invalidResource(m.id, "No additional configurations supported for AuthType %s.", typ)
	}
	if key != "$connect" {
		return nil, nil
	}
	switch given {
	case "CUSTOM":
		a := m.new(m.id+"ConnectAuthorizer", "AWS::ApiGatewayV2::Authorizer", m.passed())
		a.set("ApiId", ref(m.id))
		a.set("AuthorizerCredentialsArn", auth["InvokeRole"])
		a.set("AuthorizerType", "REQUEST")
		a.set("AuthorizerUri", sub(integrationURI+"${AuthArn}/invocations", map[string]any{"AuthArn": auth["AuthArn"]}))
		a.set("IdentitySource", auth["IdentitySource"])
		a.set("Name", a.id)
		if truthy(auth["Name"]) {
			a.set("Name", auth["Name"])
		}
		r.set("AuthorizationType", "CUSTOM")
		r.set("AuthorizerId", ref(a.id))
		return a, nil
	case "AWS_IAM":
		r.set("AuthorizationType", "AWS_IAM")
	default:
		r.set("AuthorizationType", "NONE")
	}
	return nil, nil
}

// authorizerPermission lets API Gateway invoke the authorizer, unless that has a role for it.
func (m *macro) authorizerPermission() *made {
	auth, _ := m.properties["Auth"].(map[string]any)
	if truthy(auth["InvokeRole"]) {
		return nil
	}
	permission := m.new(m.id+"AuthorizerPermission", "AWS::Lambda::Permission", m.passed())
	permission.set("Action", "lambda:InvokeFunction")
	permission.set("FunctionName", auth["AuthArn"])
	permission.set("Principal", "apigateway.amazonaws.com")
	permission.set("SourceArn", sub("arn:${AWS::Partition}:execute-api:${AWS::Region}:${AWS::AccountId}:${__ApiId__}/authorizers/*", map[string]any{"__ApiId__": ref(m.id)}))
	return permission
}

var (
	badBasePath   = regexp.MustCompile(`[^0-9a-zA-Z/\-_]+`)
	basePathMarks = regexp.MustCompile(`[\-_/]+`)
)

// domain makes what Domain asks for: a domain name, mappings to the API, and records.
func (m *macro) domain(config map[string]any) ([]*made, *cause) {
	if config == nil {
		return nil, nil
	}
	name, certificate := config["DomainName"], config["CertificateArn"]
	if name == nil || certificate == nil {
		return nil, invalidResource(m.id, "Custom Domains only works if both DomainName and CertificateArn are provided.")
	}
	d := m.new("ApiGatewayDomainNameV2"+hash(name), "AWS::ApiGatewayV2::DomainName", m.passed())
	d.set("DomainName", name)
	d.set("Tags", map[string]any{"websocketapi:createdBy": "SAM"})
	endpoint := config["EndpointConfiguration"]
	if endpoint == nil {
		endpoint = "REGIONAL"
	}
	if endpoint != "REGIONAL" {
		return nil, invalidResource(m.id, "EndpointConfiguration for Custom Domains must be one of ['REGIONAL'].")
	}
	configuration := map[string]any{"CertificateArn": certificate, "EndpointType": endpoint}
	for _, n := range []string{"OwnershipVerificationCertificateArn", "SecurityPolicy"} {
		if truthy(config[n]) {
			configuration[n] = config[n]
		}
	}
	d.set("DomainNameConfigurations", []any{configuration})
	mappings, c := m.mappings(config["BasePath"], d.id)
	if c != nil {
		return nil, c
	}
	records, c := m.records(config, d.id)
	if c != nil {
		return nil, c
	}
	return append(append([]*made{d}, mappings...), records...), nil
}

func (m *macro) mappings(basePath any, domain string) ([]*made, *cause) {
	mapping := func(id string, key any) *made {
		a := m.new(id, "AWS::ApiGatewayV2::ApiMapping", m.passed())
		a.set("DomainName", ref(domain))
		a.set("ApiId", ref(m.id))
		a.set("Stage", ref(m.id+".Stage"))
		a.set("ApiMappingKey", key)
		return a
	}
	paths, _ := basePath.([]any)
	if s, ok := basePath.(string); ok && s != "" {
		paths = []any{s}
	}
	if len(paths) == 0 {
		return []*made{mapping(m.id+"ApiMapping", nil)}, nil
	}
	var all []*made
	for _, p := range paths {
		path, ok := p.(string)
		if !ok {
			return nil, invalidResource(m.id, "Basepath must be a string.")
		}
		if badBasePath.MatchString(path) {
			return nil, invalidResource(m.id, "Invalid Basepath name provided.")
		}
		all = append(all, mapping(m.id+basePathMarks.ReplaceAllString(path, "")+"ApiMapping", strings.Trim(path, "/")))
	}
	return all, nil
}

// records makes the DNS records of a domain name.
func (m *macro) records(config map[string]any, domain string) ([]*made, *cause) {
	if config["Route53"] == nil {
		return nil, nil
	}
	zone, ok := config["Route53"].(map[string]any)
	if !ok {
		return nil, invalidResource(m.id, "Property 'Domain.Route53' should be a map.")
	}
	key := zone["HostedZoneId"]
	if key == nil {
		key = zone["HostedZoneName"]
	}
	if key == nil {
		return nil, invalidResource(m.id, "HostedZoneId or HostedZoneName is required to enable Route53 support on Custom Domains.")
	}
	set := m.sets["RecordSetGroup"+hash(key)]
	if set == nil {
		set = m.new("RecordSetGroup"+hash(key), "AWS::Route53::RecordSetGroup", m.passed())
		set.set("RecordSets", []any{})
		if zone["HostedZoneId"] != nil {
			set.set("HostedZoneId", key)
		} else {
			set.set("HostedZoneName", key)
		}
		m.sets[set.id] = set
	}
	alias := map[string]any{"HostedZoneId": getAtt(domain, "RegionalHostedZoneId"), "DNSName": getAtt(domain, "RegionalDomainName")}
	if zone["EvaluateTargetHealth"] != nil {
		alias["EvaluateTargetHealth"] = zone["EvaluateTargetHealth"]
	}
	types := []string{"A"}
	if zone["IpV6"] == true {
		types = append(types, "AAAA")
	}
	for _, typ := range types {
		record := map[string]any{"Name": config["DomainName"], "Type": typ, "AliasTarget": alias}
		for _, n := range []string{"Region", "SetIdentifier"} {
			if zone[n] != nil {
				record[n] = zone[n]
			}
		}
		set.properties["RecordSets"] = append(set.properties["RecordSets"].([]any), record)
	}
	return []*made{set}, nil
}
