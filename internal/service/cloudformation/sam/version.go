package sam

import (
	"regexp"
	"slices"
	"strings"
)

var aliasName = regexp.MustCompile(`^[a-zA-Z0-9\-_]+$`)

// published makes the version and the alias that AutoPublishAlias asks for.
func (m *macro) published(fn *made) (version, alias *made, c *cause) {
	p := m.properties
	name, ok := m.resolve(p["AutoPublishAlias"]).(string)
	if !ok {
		return nil, nil, invalidResource(m.id, "'AutoPublishAlias' must be a string or a Ref to a template parameter")
	}
	sha := ""
	if truthy(p["AutoPublishCodeSha256"]) {
		if sha, ok = m.resolve(p["AutoPublishCodeSha256"]).(string); !ok {
			return nil, nil, invalidResource(m.id, "AutoPublishCodeSha256 must be a string")
		}
		switch description := m.resolve(p["Description"]).(type) {
		case nil:
			fn.properties["Description"] = sha
		case string:
			fn.properties["Description"] = strings.TrimSpace(description + " " + sha)
		default:
			fn.properties["Description"] = map[string]any{"Fn::Join": []any{" ", []any{description, sha}}}
		}
	}
	version = m.version(fn, sha)
	if name == "" {
		return nil, nil, invalidResource(m.id, "Alias name is required to create an alias")
	}
	if !aliasName.MatchString(name) || strings.Trim(name, "0123456789") == "" {
		return nil, nil, invalidResource(m.id, "AutoPublishAlias name ('%s') must contain only alphanumeric characters, hyphens, or underscores matching (?!^[0-9]+$)([a-zA-Z0-9-_]+) pattern.", name)
	}
	alias = m.new(fn.id+"Alias"+strings.NewReplacer("-", "D", "_", "U").Replace(name), "AWS::Lambda::Alias", m.passed())
	alias.set("Name", name)
	alias.set("FunctionName", ref(fn.id))
	alias.set("FunctionVersion", getAtt(version.id, "Version"))
	if truthy(p["ProvisionedConcurrencyConfig"]) {
		alias.set("ProvisionedConcurrencyConfig", p["ProvisionedConcurrencyConfig"])
	}
	return version, alias, nil
}

// version makes the version. Its logical id changes with the code, so that CloudFormation makes a new one.
func (m *macro) version(fn *made, sha string) *made {
	p := m.properties
	basis := map[string]any{}
	if all, _ := p["AutoPublishAliasAllProperties"].(bool); all {
		for k, v := range fn.properties {
			basis[k] = v
		}
		layers, _ := fn.properties["Layers"].([]any)
		for _, l := range layers {
			r, _ := l.(map[string]any)
			id, _ := r["Ref"].(string)
			layer, _ := m.original[id]["Properties"].(map[string]any)
			if publish, _ := layer["PublishLambdaVersion"].(bool); publish {
				basis[id] = layer
			}
		}
	} else {
		code, _ := m.resolve(fn.properties["Code"]).(map[string]any)
		for k, v := range code {
			basis[k] = v
		}
		environment, _ := fn.properties["Environment"].(map[string]any)
		for k, v := range environment {
			basis[k] = v
		}
		if truthy(fn.properties["MemorySize"]) {
			basis["MemorySize"] = fn.properties["MemorySize"]
		}
		if snap, ok := fn.properties["SnapStart"].(map[string]any); ok && snap["ApplyOn"] != nil && snap["ApplyOn"] != "None" {
			basis["SnapStart"] = snap
		}
	}
	suffix := hash(basis)
	if sha != "" {
		suffix = sha[:min(len(sha), 10)]
	}
	v := m.new(m.id+"Version"+suffix, "AWS::Lambda::Version", m.passed())
	if _, has := v.attributes["DeletionPolicy"]; !has {
		switch {
		case p["VersionDeletionPolicy"] != nil:
			v.attributes["DeletionPolicy"] = p["VersionDeletionPolicy"]
		case p["CapacityProviderConfig"] != nil:
			v.attributes["DeletionPolicy"] = "Delete"
		default:
			v.attributes["DeletionPolicy"] = "Retain"
		}
	}
	v.set("FunctionName", ref(fn.id))
	v.set("Description", p["VersionDescription"])
	if p["CapacityProviderConfig"] != nil {
		v.set("FunctionScalingConfig", p["FunctionScalingConfig"])
	}
	return v
}

// functionURL makes what FunctionUrlConfig asks for.
func (m *macro) functionURL(t *target) ([]*made, *cause) {
	config, ok := m.properties["FunctionUrlConfig"].(map[string]any)
	if !ok || len(config) == 0 {
		return nil, nil
	}
	auth := config["AuthType"]
	if !isIntrinsic(config) && !(truthy(auth) && isIntrinsic(auth)) && auth != "AWS_IAM" && auth != "NONE" {
		return nil, invalidResource(m.id, "AuthType is required to configure function property `FunctionUrlConfig`. Please provide either AWS_IAM or NONE.")
	}
	if c := m.checkCORS(config); c != nil {
		return nil, c
	}
	u := m.new(m.id+"Url", "AWS::Lambda::Url", m.passed())
	if truthy(config["Cors"]) {
		u.set("Cors", config["Cors"])
	}
	u.set("AuthType", auth)
	u.set("TargetFunctionArn", t.name)
	u.set("InvokeMode", config["InvokeMode"])
	if auth != "NONE" {
		return []*made{u}, nil
	}
	public := m.new(m.id+"UrlPublicPermissions", "AWS::Lambda::Permission", m.passed())
	public.set("Action", "lambda:InvokeFunctionUrl")
	public.set("FunctionName", t.name)
	public.set("Principal", "*")
	public.set("FunctionUrlAuthType", auth)
	invoke := m.new(m.id+"URLInvokeAllowPublicAccess", "AWS::Lambda::Permission", m.passed())
	invoke.set("Action", "lambda:InvokeFunction")
	invoke.set("FunctionName", t.name)
	invoke.set("Principal", "*")
	invoke.set("InvokedViaFunctionUrl", true)
	return []*made{u, public, invoke}, nil
}

func (m *macro) checkCORS(config map[string]any) *cause {
	if !truthy(config["Cors"]) || isIntrinsic(config) || isIntrinsic(config["Cors"]) {
		return nil
	}
	cors, ok := config["Cors"].(map[string]any)
	if !ok {
		return invalidResource(m.id, "Property 'FunctionUrlConfig.Cors' should be a map.")
	}
	kinds := map[string]string{"AllowOrigins": "list", "AllowMethods": "list", "AllowCredentials": "bool", "AllowHeaders": "list", "ExposeHeaders": "list", "MaxAge": "int"}
	for _, name := range sortedKeys(cors) {
		kind, known := kinds[name]
		if !known {
			return invalidResource(m.id, "%s is not a valid property for configuring Cors.", name)
		}
		if !isIntrinsic(cors[name]) && !hasKind(cors[name], kind) {
			return invalidResource(m.id, "%s must be of type %s.", name, kind)
		}
	}
	return nil
}

// eventInvokeConfig makes what EventInvokeConfig asks for, with the policies that the function's role needs for it.
func (m *macro) eventInvokeConfig(fn *made, aliasName string, alias *made) (all []*made, policies []any, c *cause) {
	config, ok := m.resolve(m.properties["EventInvokeConfig"]).(map[string]any)
	if !ok || len(config) == 0 {
		return nil, nil, nil
	}
	out := m.new(fn.id+"EventInvokeConfig", "AWS::Lambda::EventInvokeConfig", m.attributes)
	if alias != nil {
		out.attributes["DependsOn"] = []any{alias.id}
	}
	destinations := map[string]any{}
	if truthy(config["DestinationConfig"]) {
		given, ok := config["DestinationConfig"].(map[string]any)
		if !ok {
			return nil, nil, invalidResource(m.id, "Property 'EventInvokeConfig.DestinationConfig' should be a map.")
		}
		for _, name := range []string{"OnSuccess", "OnFailure"} {
			if given[name] == nil {
				continue
			}
			destination, ok := given[name].(map[string]any)
			if !ok {
				return nil, nil, invalidResource(m.id, "Property 'EventInvokeConfig.DestinationConfig.%s' should be a map.", name)
			}
			res, arn, policy, c := m.invokeDestination(destination, name, out.id)
			if c != nil {
				return nil, nil, c
			}
			destinations[name] = map[string]any{"Destination": arn}
			if res != nil {
				all = append(all, res)
			}
			policies = append(policies, policy)
		}
	}
	qualifier := "$LATEST"
	if aliasName != "" {
		qualifier = aliasName
	}
	out.set("FunctionName", ref(fn.id))
	out.set("Qualifier", qualifier)
	out.set("DestinationConfig", destinations)
	out.set("MaximumEventAgeInSeconds", config["MaximumEventAgeInSeconds"])
	out.set("MaximumRetryAttempts", config["MaximumRetryAttempts"])
	return append(all, out), policies, nil
}

// invokeDestination returns where results of asynchronous invocations go: a queue or topic is made if none is named.
func (m *macro) invokeDestination(config map[string]any, event, configID string) (res *made, arn any, policy any, c *cause) {
	typ, _ := config["Type"].(string)
	if !slices.Contains([]string{"SQS", "SNS", "EventBridge", "Lambda", "S3Bucket"}, typ) {
		shown := config["Type"]
		if shown == nil {
			shown = "None"
		}
		return nil, nil, nil, invalidResource(m.id, "'Type: %v' must be one of ['SQS', 'SNS', 'EventBridge', 'Lambda', 'S3Bucket']", shown)
	}
	id := configID + event
	arn = config["Destination"]
	condition, given, c := m.destinationCondition(arn, configID)
	if c != nil {
		return nil, nil, nil, c
	}
	if arn == nil || condition != "" {
		suffix := map[string]string{"SQS": "Queue", "SNS": "Topic"}[typ]
		if suffix == "" {
			return nil, nil, nil, invalidResource(m.id, "Destination is required if Type is not ['SQS', 'SNS']")
		}
		both := m.bothConditions(condition)
		res = m.new(id+suffix, "AWS::"+typ+"::"+suffix, m.passed())
		if both != "" {
			res.attributes["Condition"] = both
		}
		own := any(getAtt(res.id, "Arn"))
		if typ == "SNS" {
			own = ref(res.id)
		}
		arn = own
		if condition != "" {
			arn = map[string]any{"Fn::If": []any{condition, own, given}}
		}
	}
	switch typ {
	case "SQS":
		policy = allow(id+"SQSPolicy", "sqs:SendMessage", arn)
	case "SNS":
		policy = allow(id+"SNSPolicy", "sns:publish", arn)
	case "EventBridge":
		policy = allow(id+"EventBridgePolicy", "events:PutEvents", arn)
	case "Lambda":
		policy = allow(id+"LambdaPolicy", "lambda:InvokeFunction", arn)
	case "S3Bucket":
		policy = allowToBucket(id+"S3Policy", arn)
	}
	return res, arn, policy, nil
}

// destinationCondition returns the condition under which a destination has to be made, if it is a Fn::If with AWS::NoValue, and the other branch.
func (m *macro) destinationCondition(destination any, id string) (condition string, given any, c *cause) {
	args, isIf := ifOf(destination)
	if !isIf {
		return "", nil, nil
	}
	if len(args) != 3 {
		return "", nil, invalidResource(id, "Malformed 'Destination' property: Fn::If requires 3 arguments.")
	}
	name, _ := args[0].(string)
	switch {
	case isNoValue(args[1]) && isNoValue(args[2]):
		return "", nil, nil
	case isNoValue(args[1]):
		return name, args[2], nil
	case isNoValue(args[2]):
		not := "NOT" + name + hash(id)
		m.conditions[not] = map[string]any{"Fn::Not": []any{map[string]any{"Condition": name}}}
		return not, args[1], nil
	}
	return "", nil, nil
}

// bothConditions joins a condition with that of the resource.
func (m *macro) bothConditions(condition string) string {
	own, _ := m.attributes["Condition"].(string)
	if own == "" || condition == "" {
		return own + condition
	}
	name := own + "AND" + condition + hash(m.id)
	m.conditions[name] = map[string]any{"Fn::And": []any{map[string]any{"Condition": own}, map[string]any{"Condition": condition}}}
	return name
}
