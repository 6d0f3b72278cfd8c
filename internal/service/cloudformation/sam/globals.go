package sam

import (
	"fmt"
	"maps"
	"slices"
	"strings"
)

// A globalSection is what the section Globals may say of one type.
type globalSection struct {
	name      string
	supported []string
}

// globalSections in the order of AWS's messages.
var globalSections = []globalSection{
	{"Api", words("Auth Name DefinitionUri CacheClusterEnabled CacheClusterSize MergeDefinitions Variables EndpointConfiguration MethodSettings BinaryMediaTypes MinimumCompressionSize Cors GatewayResponses AccessLogSetting CanarySetting TracingEnabled OpenApiVersion Domain AlwaysDeploy PropagateTags SecurityPolicy EndpointAccessMode")},
	{"CapacityProvider", words("VpcConfig OperatorRole Tags InstanceRequirements ScalingConfig KmsKeyArn PropagateTags")},
	{"Function", words("Handler Runtime CodeUri DeadLetterQueue Description MemorySize Timeout VpcConfig Environment Tags PropagateTags Tracing KmsKeyArn AutoPublishAlias AutoPublishAliasAllProperties Layers DeploymentPreference RolePath PermissionsBoundary ReservedConcurrentExecutions ProvisionedConcurrencyConfig AssumeRolePolicyDocument EventInvokeConfig FileSystemConfigs CodeSigningConfigArn Architectures SnapStart EphemeralStorage FunctionUrlConfig RuntimeManagementConfig LoggingConfig RecursiveLoop SourceKMSKeyArn TenancyConfig DurableConfig CapacityProviderConfig FunctionScalingConfig PublishToLatestPublished VersionDeletionPolicy")},
	{"HttpApi", words("Auth AccessLogSettings StageVariables Tags CorsConfiguration DefaultRouteSettings Domain RouteSettings FailOnWarnings PropagateTags")},
	{"LayerVersion", words("PublishLambdaVersion")},
	{"SimpleTable", words("SSESpecification")},
	{"StateMachine", words("PropagateTags")},
	{"WebSocketApi", words("AccessLogSettings ApiKeySelectionExpression DefaultRouteSettings DisableExecuteApiEndpoint DisableSchemaValidation Domain FailOnWarnings IpAddressType PropagateTags RouteSelectionExpression RouteSettings StageVariables Tags")},
}

func words(s string) []string { return strings.Fields(s) }

// listText writes a list of names as AWS's messages do.
func listText(names []string) string {
	return "['" + strings.Join(names, "', '") + "']"
}

// globals merges the section Globals into the resources it speaks of.
func (t *transformer) globals(root map[string]any) *cause {
	section, has := root["Globals"]
	if !has {
		return nil
	}
	invalid := func(format string, args ...any) *cause {
		return &cause{id: "Globals", text: "'Globals' section is invalid. " + fmt.Sprintf(format, args...)}
	}
	global, ok := section.(map[string]any)
	if !ok {
		return invalid("It must be a non-empty dictionary")
	}
	for _, name := range t.doc.Keys("Globals") {
		i := slices.IndexFunc(globalSections, func(s globalSection) bool { return s.name == name })
		if i < 0 {
			var names []string
			for _, s := range globalSections {
				names = append(names, s.name)
			}
			return invalid("'%s' is not supported. Must be one of the following values - %s", name, listText(names))
		}
		if _, ok := global[name].(map[string]any); !ok {
			return invalid("Value of ${section} must be a dictionary")
		}
		for _, key := range t.doc.Keys("Globals", name) {
			if !slices.Contains(globalSections[i].supported, key) {
				return invalid("'%s' is not a supported property of '%s'. Must be one of the following values - %s", key, name, listText(globalSections[i].supported))
			}
		}
	}
	for _, id := range t.doc.Keys("Resources") {
		if c := t.mergeGlobals(id, global); c != nil {
			return c
		}
	}
	return nil
}

// mergeGlobals merges what Globals says of a resource's type into it.
func (t *transformer) mergeGlobals(id string, global map[string]any) *cause {
	r := t.original[id]
	typ, _ := r["Type"].(string)
	name, ok := strings.CutPrefix(typ, "AWS::Serverless::")
	defaults, has := global[name].(map[string]any)
	if !ok || !has {
		return nil
	}
	defaults, c := withoutIgnored(id, defaults, r["IgnoreGlobals"])
	if c != nil {
		return c
	}
	r = maps.Clone(r)
	delete(r, "IgnoreGlobals")
	own, _ := r["Properties"].(map[string]any)
	r["Properties"] = merge(clone(defaults), own)
	t.original[id] = r
	return nil
}

// withoutIgnored returns the defaults but for those that the resource's attribute IgnoreGlobals names.
func withoutIgnored(id string, defaults map[string]any, ignore any) (map[string]any, *cause) {
	switch ignore := ignore.(type) {
	case nil:
		return defaults, nil
	case string:
		if ignore == "*" {
			return map[string]any{}, nil
		}
	case []any:
		rest := maps.Clone(defaults)
		for _, k := range ignore {
			key, _ := k.(string)
			if _, ok := rest[key]; !ok {
				return nil, invalidResource(id, "Resource %s has invalid resource attribute 'IgnoreGlobals' on item '%v'.", id, k)
			}
			delete(rest, key)
		}
		return rest, nil
	}
	return nil, invalidResource(id, "Resource %s has invalid resource attribute 'IgnoreGlobals'.", id)
}

// merge joins a global value with the resource's own: maps by key, lists one after the other, else the own one wins.
func merge(global, own any) any {
	if own == nil {
		if m, ok := global.(map[string]any); ok {
			return m
		}
		return own
	}
	switch g := global.(type) {
	case map[string]any:
		o, ok := own.(map[string]any)
		if !ok || isIntrinsic(g) || isIntrinsic(o) {
			return own
		}
		m := maps.Clone(g)
		for k, v := range o {
			if base, has := m[k]; has && v != nil {
				v = merge(base, v)
			}
			m[k] = v
		}
		return m
	case []any:
		if o, ok := own.([]any); ok {
			return append(slices.Clone(g), o...)
		}
	}
	return own
}
