package sam

import (
	"net/url"
	"regexp"
	"slices"
	"strings"
)

// function writes AWS::Serverless::Function out.
func (m *macro) function() ([]*made, *cause) {
	p := m.properties
	if c := m.checkEvents(functionEvents); c != nil {
		return nil, c
	}
	for _, check := range []func() *cause{m.checkCombinations, m.checkDeadLetterQueue, m.checkTenancy} {
		if c := check(); c != nil {
			return nil, c
		}
	}
	fn, c := m.lambda()
	if c != nil {
		return nil, c
	}
	all := []*made{fn}
	if truthy(p["ProvisionedConcurrencyConfig"]) && !truthy(p["AutoPublishAlias"]) {
		return nil, invalidResource(m.id, "To set ProvisionedConcurrencyConfig AutoPublishALias must be defined on the function")
	}
	target := &target{function: fn, name: ref(fn.id), arn: getAtt(fn.id, "Arn")}
	aliasName := ""
	if truthy(p["AutoPublishAlias"]) {
		version, alias, c := m.published(fn)
		if c != nil {
			return nil, c
		}
		aliasName, _ = alias.properties["Name"].(string)
		target.alias, target.name, target.arn = alias, ref(alias.id), ref(alias.id)
		all = append(all, version, alias)
	}
	urls, c := m.functionURL(target)
	if c != nil {
		return nil, c
	}
	all = append(all, urls...)
	if c := m.deploymentPreference(target.alias); c != nil {
		return nil, c
	}
	invoke, invokePolicies, c := m.eventInvokeConfig(fn, aliasName, target.alias)
	if c != nil {
		return nil, c
	}
	all = append(all, invoke...)
	execution, c := m.functionRole(invokePolicies)
	if c != nil {
		return nil, c
	}
	target.role = execution
	if r, c := m.linkRole(fn, execution); c != nil {
		return nil, c
	} else if r {
		all = append(all, execution)
	}
	events, c := m.functionEvents(target)
	if c != nil {
		return nil, c
	}
	all = append(all, events...)
	m.propagateTags(all)
	m.refer(all, map[string]string{
		"Alias": "AWS::Lambda::Alias", "Version": "AWS::Lambda::Version", "DestinationTopic": "AWS::SNS::Topic", "DestinationQueue": "AWS::SQS::Queue",
	})
	return all, nil
}

// A target is what events invoke: the function, or its alias.
type target struct {
	function, alias, role *made
	name, arn             any
}

// linkRole gives the function its role, and reports whether the generated one is needed.
func (m *macro) linkRole(fn, execution *made) (bool, *cause) {
	given := m.properties["Role"]
	if given == nil {
		fn.properties["Role"] = getAtt(execution.id, "Arn")
		return true, nil
	}
	resolved, isIf := ifOf(m.resolve(given))
	if !isIf {
		return false, nil
	}
	if len(resolved) != 3 {
		return false, invalidResource(m.id, "Malformed 'Role' property: Fn::If requires 3 arguments.")
	}
	condition, _ := resolved[0].(string)
	arn := getAtt(execution.id, "Arn")
	switch first, second := isNoValue(resolved[1]), isNoValue(resolved[2]); {
	case first && second:
		fn.properties["Role"] = arn
	case first:
		fn.properties["Role"] = map[string]any{"Fn::If": []any{condition, arn, resolved[2]}}
		execution.attributes["Condition"] = condition
	case second:
		fn.properties["Role"] = map[string]any{"Fn::If": []any{condition, resolved[1], arn}}
		execution.attributes["Condition"] = "NOT" + condition
		m.conditions["NOT"+condition] = map[string]any{"Fn::Not": []any{map[string]any{"Condition": condition}}}
	default:
		return false, nil
	}
	return true, nil
}

// checkCombinations refuses properties that do not go together.
func (m *macro) checkCombinations() *cause {
	has := func(name string) bool { return m.properties[name] != nil }
	var messages []string
	for _, other := range []string{"ProvisionedConcurrencyConfig", "VpcConfig"} {
		if has("CapacityProviderConfig") && has(other) {
			messages = append(messages, "Cannot specify 'CapacityProviderConfig' and '"+other+"' together.")
		}
	}
	for _, pair := range [][2]string{{"FunctionScalingConfig", "CapacityProviderConfig"}, {"VersionDeletionPolicy", "AutoPublishAlias"}} {
		if has(pair[0]) && !has(pair[1]) {
			messages = append(messages, "'"+pair[0]+"' requires '"+pair[1]+"'.")
		}
	}
	if len(messages) > 0 {
		return invalidResource(m.id, "%s", strings.Join(messages, "\n"))
	}
	return nil
}

func (m *macro) checkDeadLetterQueue() *cause {
	dlq, _ := m.properties["DeadLetterQueue"].(map[string]any)
	if !truthy(m.properties["DeadLetterQueue"]) {
		return nil
	}
	if !truthy(dlq["Type"]) || !truthy(dlq["TargetArn"]) {
		return invalidResource(m.id, "'DeadLetterQueue' requires Type and TargetArn properties to be specified.")
	}
	typ, ok := dlq["Type"].(string)
	if !ok {
		return invalidResource(m.id, "Property 'DeadLetterQueue.Type' should be a string.")
	}
	if typ != "SQS" && typ != "SNS" {
		return invalidResource(m.id, "'DeadLetterQueue' requires Type of ['SQS', 'SNS']")
	}
	return nil
}

func (m *macro) checkTenancy() *cause {
	if !truthy(m.properties["TenancyConfig"]) {
		return nil
	}
	for _, no := range []struct{ name, text string }{
		{"ProvisionedConcurrencyConfig", "Provisioned concurrency"}, {"FunctionUrlConfig", "Function URL"}, {"SnapStart", "SnapStart"},
	} {
		if truthy(m.properties[no.name]) {
			return invalidResource(m.id, "%s is not supported for functions enabled with tenancy configuration.", no.text)
		}
	}
	events, _ := m.properties["Events"].(map[string]any)
	for _, id := range m.doc.Keys("Resources", m.id, "Properties", "Events") {
		event, _ := events[id].(map[string]any)
		if typ, _ := event["Type"].(string); typ != "Api" && typ != "HttpApi" {
			return invalidResource(m.id, "Event source '%s' is not supported for functions enabled with tenancy configuration. Only Api and HttpApi event sources are supported.", typ)
		}
	}
	return nil
}

// lambda makes the function itself.
func (m *macro) lambda() (*made, *cause) {
	p := m.properties
	fn := m.own(m.id, "AWS::Lambda::Function")
	for _, name := range words(`Handler Runtime Description MemorySize Timeout VpcConfig Role Environment KmsKeyArn ReservedConcurrentExecutions
		Layers FileSystemConfigs ImageConfig PackageType Architectures SnapStart EphemeralStorage CodeSigningConfigArn RuntimeManagementConfig
		LoggingConfig TenancyConfig RecursiveLoop DurableConfig PublishToLatestPublished`) {
		fn.set(name, p[name])
	}
	if truthy(p["FunctionName"]) {
		fn.set("FunctionName", p["FunctionName"])
	}
	if truthy(p["FunctionScalingConfig"]) {
		fn.set("FunctionScalingConfig", p["FunctionScalingConfig"])
	}
	if config, ok := p["CapacityProviderConfig"].(map[string]any); ok && len(config) > 0 {
		managed := map[string]any{"CapacityProviderArn": config["Arn"]}
		for _, name := range []string{"PerExecutionEnvironmentMaxConcurrency", "ExecutionEnvironmentMemoryGiBPerVCpu"} {
			if v := config[name]; v != nil {
				managed[name] = v
			}
		}
		fn.set("CapacityProviderConfig", map[string]any{"LambdaManagedInstancesCapacityProviderConfig": managed})
	}
	code, c := m.code()
	if c != nil {
		return nil, c
	}
	fn.set("Code", code)
	tags, c := m.tags("lambda:createdBy")
	if c != nil {
		return nil, c
	}
	fn.set("Tags", tags)
	if m.traced() {
		fn.set("TracingConfig", map[string]any{"Mode": p["Tracing"]})
	}
	if dlq, ok := p["DeadLetterQueue"].(map[string]any); ok && len(dlq) > 0 {
		fn.set("DeadLetterConfig", map[string]any{"TargetArn": dlq["TargetArn"]})
	}
	return fn, m.checkPackage(fn, code)
}

// traced reports whether Tracing is on: "Disabled" is as good as nothing.
func (m *macro) traced() bool {
	return truthy(m.properties["Tracing"]) && m.resolve(m.properties["Tracing"]) != "Disabled"
}

// tags returns the tags of a resource with SAM's own in front.
func (m *macro) tags(own string) ([]any, *cause) {
	tags, _ := m.properties["Tags"].(map[string]any)
	if own == "lambda:createdBy" {
		for _, reserved := range []string{own, "serverlessrepo:applicationId", "serverlessrepo:semanticVersion"} {
			if _, has := tags[reserved]; has {
				return nil, invalidResource(m.id, "%s is a reserved Tag key name and cannot be set on your resource. Please change the tag key in the input.", reserved)
			}
		}
	}
	return append([]any{map[string]any{"Key": own, "Value": "SAM"}}, tagList(tags)...), nil
}

// propagateTags gives the resource's tags to all that it stands for, if it says so.
func (m *macro) propagateTags(all []*made) {
	tags, _ := m.properties["Tags"].(map[string]any)
	if on, _ := m.properties["PropagateTags"].(bool); !on || len(tags) == 0 {
		return
	}
	for _, r := range all {
		switch {
		case slices.Contains(taggedByMap, r.typ):
			r.properties["Tags"] = clone(tags)
		case slices.Contains(taggedByList, r.typ):
			r.properties["Tags"] = tagList(tags)
		}
	}
}

// The types that PropagateTags reaches, by the form of their property Tags.
var (
	taggedByList = words("AWS::Lambda::Function AWS::IAM::Role AWS::SQS::Queue AWS::SNS::Topic AWS::S3::Bucket AWS::StepFunctions::StateMachine")
	taggedByMap  = words("AWS::ApiGatewayV2::Api AWS::ApiGatewayV2::Stage AWS::ApiGatewayV2::DomainName")
)

func (m *macro) packageType() string {
	if s, ok := m.properties["PackageType"].(string); ok && s != "" {
		return s
	}
	return "Zip"
}

// code returns the function's property Code.
func (m *macro) code() (map[string]any, *cause) {
	p := m.properties
	var code map[string]any
	var c *cause
	switch m.packageType() {
	case "Zip":
		switch {
		case p["InlineCode"] != nil:
			code = map[string]any{"ZipFile": p["InlineCode"]}
		case p["CodeUri"] != nil:
			code, c = m.location(m.id, "CodeUri", map[string]string{"Bucket": "S3Bucket", "Key": "S3Key", "Version": "S3ObjectVersion"})
		default:
			return nil, invalidResource(m.id, "Only one of 'InlineCode' or 'CodeUri' can be set.")
		}
		if c == nil && truthy(p["SourceKMSKeyArn"]) {
			code["SourceKMSKeyArn"] = p["SourceKMSKeyArn"]
		}
	case "Image":
		if p["ImageUri"] == nil {
			return nil, invalidResource(m.id, "'ImageUri' must be set.")
		}
		if !truthy(p["ImageUri"]) {
			return nil, invalidResource(m.id, "'ImageUri' requires that a image hosted at a registry be specified.")
		}
		code = map[string]any{"ImageUri": p["ImageUri"]}
	default:
		return nil, invalidResource(m.id, "invalid 'PackageType' : %s", m.packageType())
	}
	return code, c
}

var dynamicReference = regexp.MustCompile(`\{\{resolve:(ssm|ssm-secure|secretsmanager):[a-zA-Z0-9_.\-/]+(:\d+)?\}\}`)

// location returns a property that names an object of Amazon S3, with the names given for Bucket, Key and Version. Our own forms of a
// location ({S3Bucket, S3Key} from a deployment in this process) do not come here: they are rewritten before the transform.
func (m *macro) location(id, name string, names map[string]string) (map[string]any, *cause) {
	var bucket, key, version any
	switch v := m.properties[name].(type) {
	case map[string]any:
		if !truthy(v["Bucket"]) || !truthy(v["Key"]) {
			return nil, invalidResource(id, "'%s' requires Bucket and Key properties to be specified.", name)
		}
		bucket, key, version = v["Bucket"], v["Key"], v["Version"]
	case string:
		if found := dynamicReference.FindString(v); name != "DefinitionUri" && strings.Contains(found, "/") {
			return nil, invalidResource(id, "Unsupported dynamic reference detected in '%s'. Please consider using alternative 'FunctionCode' object format.", name)
		}
		u, err := url.Parse(v)
		if err != nil || u.Scheme != "s3" || u.Host == "" || u.Path == "" {
			return nil, invalidResource(id, "'%s' is not a valid S3 Uri of the form 's3://bucket/key' with optional versionId query parameter.", name)
		}
		bucket, key = u.Host, strings.TrimLeft(u.Path, "/")
		if versions := u.Query()["versionId"]; len(versions) == 1 {
			version = versions[0]
		}
	default:
		if name == "DefinitionUri" {
			return nil, invalidResource(id, "'DefinitionUri' is not a valid S3 Uri of the form 's3://bucket/key' with optional versionId query parameter.")
		}
		return nil, invalidResource(id, "'%s' must be of type dict or string.", name)
	}
	out := map[string]any{names["Bucket"]: bucket, names["Key"]: key}
	if version != nil {
		out[names["Version"]] = version
	}
	return out, nil
}

// checkPackage checks what a function needs by the kind of its package.
func (m *macro) checkPackage(fn *made, code map[string]any) *cause {
	has := func(name string) bool { return truthy(fn.properties[name]) }
	if m.packageType() == "Image" {
		if has("Handler") || has("Runtime") || has("Layers") {
			return invalidResource(m.id, "Runtime, Handler, Layers cannot be present when PackageType is of type `Image`")
		}
		return nil
	}
	if !has("Runtime") || !has("Handler") {
		return invalidResource(m.id, "Runtime and Handler needs to be present when PackageType is of type `Zip`")
	}
	if truthy(code["ImageUri"]) || has("ImageConfig") {
		return invalidResource(m.id, "ImageUri or ImageConfig cannot be present when PackageType is of type `Zip`")
	}
	return nil
}

// functionRole makes the function's execution role.
func (m *macro) functionRole(invoke []any) (*made, *cause) {
	p := m.properties
	r := role{principal: "lambda.amazonaws.com", trust: p["AssumeRolePolicyDocument"], policies: p["Policies"], path: p["RolePath"], boundary: p["PermissionsBoundary"]}
	basic := "service-role/AWSLambdaBasicExecutionRole"
	if truthy(p["DurableConfig"]) {
		basic = "service-role/AWSLambdaBasicDurableExecutionRolePolicy"
	}
	r.managed = []any{m.awsPolicy(basic)}
	if m.traced() {
		r.managed = append(r.managed, m.awsPolicy("AWSXrayWriteOnlyAccess"))
	}
	if truthy(p["VpcConfig"]) {
		r.managed = append(r.managed, m.awsPolicy("service-role/AWSLambdaVPCAccessExecutionRole"))
	}
	if dlq, ok := p["DeadLetterQueue"].(map[string]any); ok && len(dlq) > 0 {
		action := map[string]string{"SQS": "sqs:SendMessage", "SNS": "sns:Publish"}[dlq["Type"].(string)]
		r.documents = append(r.documents, map[string]any{"PolicyName": "DeadLetterQueuePolicy", "PolicyDocument": map[string]any{
			"Version": "2012-10-17", "Statement": []any{map[string]any{"Action": action, "Resource": dlq["TargetArn"], "Effect": "Allow"}},
		}})
	}
	r.documents = append(r.documents, invoke...)
	var c *cause
	if r.tags, c = m.tags("lambda:createdBy"); c != nil {
		return nil, c
	}
	return m.role(r)
}
