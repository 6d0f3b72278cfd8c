package sam

import (
	"encoding/json"
	"slices"
	"strings"
)

// A property is one that a type of SAM takes.
type property struct {
	name     string
	kind     string // "any", "str", "map", "bool", "int", "list", "strmap" (string or map), "strs" (list of strings and maps), "maps" (map of maps), ...
	required bool
	literal  bool // a function of CloudFormation is checked as the map that it is
}

// schema reads property definitions: "Name:kind", with "!" behind the name if required, and "=" before the kind if literal.
func schema(text string) []property {
	var all []property
	for _, w := range strings.Fields(text) {
		name, kind, _ := strings.Cut(w, ":")
		p := property{kind: kind}
		p.name, p.required = strings.CutSuffix(name, "!")
		if p.kind == "" {
			p.kind, p.literal = "any", true
		}
		if k, ok := strings.CutPrefix(p.kind, "="); ok {
			p.kind, p.literal = k, true
		}
		all = append(all, p)
	}
	return all
}

// schemas by type. The order of properties is that in which AWS checks them.
var schemas = map[string][]property{
	"AWS::Serverless::Function": schema(`FunctionName:strmap Handler Runtime CodeUri ImageUri PackageType InlineCode DeadLetterQueue:map Description
		MemorySize Timeout VpcConfig Role:str AssumeRolePolicyDocument:map Policies:policies RolePath PermissionsBoundary:str Environment:maps
		Events:maps Tags:map PropagateTags:bool Tracing:strmap KmsKeyArn DeploymentPreference:map ReservedConcurrentExecutions Layers:strs
		EventInvokeConfig:map EphemeralStorage AutoPublishAlias:str1 AutoPublishCodeSha256:str1 AutoPublishAliasAllProperties:=bool VersionDescription
		ProvisionedConcurrencyConfig FileSystemConfigs ImageConfig CodeSigningConfigArn Architectures SnapStart:map FunctionUrlConfig:map
		RuntimeManagementConfig LoggingConfig RecursiveLoop SourceKMSKeyArn CapacityProviderConfig:map FunctionScalingConfig:map
		VersionDeletionPolicy:Delete|Retain PublishToLatestPublished TenancyConfig DurableConfig:map`),
	"AWS::Serverless::SimpleTable": schema(`PointInTimeRecoverySpecification PrimaryKey:strs-by-name ProvisionedThroughput:ints-by-name
		TableName:strmap Tags:map SSESpecification:map`),
	"AWS::Serverless::LayerVersion": schema(`LayerName:strmap Description:str PublishLambdaVersion:bool ContentUri!:strmap CompatibleArchitectures:strs
		CompatibleRuntimes:strs LicenseInfo:str RetentionPolicy:str`),
	"AWS::Serverless::StateMachine": schema(`Definition:map DefinitionUri:strmap Logging:map Role:str RolePath DefinitionSubstitutions:map Events:maps
		Name:str Type:str Tags:map PropagateTags:bool Policies:policies-no-map Tracing:map PermissionsBoundary:str AutoPublishAlias
		DeploymentPreference UseAliasAsEventTarget:=bool`),
	"AWS::Serverless::WebSocketApi": schema(`ApiKeySelectionExpression:str AccessLogSettings:map Auth:map DefaultRouteSettings:map Description:str
		DisableExecuteApiEndpoint:bool Domain:map DisableSchemaValidation:bool FailOnWarnings:bool IpAddressType:str Name:str PropagateTags:bool
		Routes!:map RouteSettings:map RouteSelectionExpression!:str StageName:strmap StageVariables:map Tags:map`),
	"AWS::Serverless::Connector": schema(`Source!:map Destination!:maplist Permissions!:strs`),
}

// eventSchemas by type of event.
var eventSchemas = map[string][]property{
	"Schedule": schema(`Schedule!:str RuleName:str Input:str Enabled:bool State:str Name:str Description:str DeadLetterConfig:map RetryPolicy:map`),
	"CloudWatchEvent": schema(`EventBusName:str RuleName:str Pattern:map DeadLetterConfig:map RetryPolicy:map Input:str InputPath:str Target:map Enabled:bool
		State:str InputTransformer:map`),
	"ScheduleV2": schema(`PermissionsBoundary:str ScheduleExpression!:str FlexibleTimeWindow:map Name:str State:str Description:str StartDate:str EndDate:str
		ScheduleExpressionTimezone:str GroupName:str KmsKeyArn:str Input:str RoleArn:str DeadLetterConfig:map RetryPolicy:map OmitName:=bool`),
	"CloudWatchLogs": schema(`LogGroupName!:str FilterPattern!:str`),
	"SNS":            schema(`Topic!:str Region:str FilterPolicy:map FilterPolicyScope:str SqsSubscription:boolmap RedrivePolicy:map`),
	"S3":             schema(`Bucket!:str Events!:strlist Filter:map`),
	"DynamoDB":       schema(pullProperties + ` Stream! StartingPosition!`),
	"Kinesis":        schema(pullProperties + ` Stream! StartingPosition!`),
	"SQS":            schema(pullProperties + ` Queue!`),
}

// stateMachineEvents are the events of state machines; the others are those of functions.
var stateMachineEvents = map[string][]property{
	"Schedule": schema(`Schedule!:str Input:str Enabled:bool State:str Name:str Description:str DeadLetterConfig:map RetryPolicy:map Target:=map RoleArn:=str`),
	"CloudWatchEvent": schema(`EventBusName:str RuleName:str Pattern:map Input:str InputPath:str DeadLetterConfig:map RetryPolicy:map State:str Target:=map
		InputTransformer:map`),
}

const pullProperties = `BatchSize:int StartingPositionTimestamp Enabled:bool MaximumBatchingWindowInSeconds:int MaximumRetryAttempts:int
	BisectBatchOnFunctionError:bool MaximumRecordAgeInSeconds:int DestinationConfig:map ParallelizationFactor:int Topics:list Queues:list
	SourceAccessConfigurations:list SecretsManagerKmsKeyId:str TumblingWindowInSeconds:int FunctionResponseTypes:list KafkaBootstrapServers:list
	FilterCriteria:map KmsKeyArn ConsumerGroupId:str ScalingConfig:map ProvisionedPollerConfig:map SchemaRegistryConfig:map MetricsConfig:map LoggingConfig:map`

// check holds properties against a schema. id is that of the resource, or of the resource and its event.
func (t *transformer) check(s []property, id, typ string, properties map[string]any, path []string) *cause {
	names := t.doc.Keys(path...)
	for _, name := range sortedKeys(properties) {
		if !slices.Contains(names, name) {
			names = append(names, name)
		}
	}
	for _, name := range names {
		_, given := properties[name]
		if given && !slices.ContainsFunc(s, func(p property) bool { return p.name == name }) {
			return invalidResource(id, "property %s not defined for resource of type %s", name, typ)
		}
	}
	for _, p := range s {
		v := properties[p.name]
		if m, ok := v.(map[string]any); ok && len(m) == 1 && !p.literal {
			continue // a function, perhaps: CloudFormation will see
		}
		if v == nil {
			if p.required {
				return invalidResource(id, "Missing required property '%s'.", p.name)
			}
			continue
		}
		if !hasKind(v, p.kind) {
			return invalidResource(id, "%s", kindText(p))
		}
	}
	return nil
}

// kindText says of which kind a property should be.
func kindText(p property) string {
	switch {
	case p.kind == "map":
		return "Property '" + p.name + "' should be a map."
	case p.kind == "str":
		return "Property '" + p.name + "' should be a string."
	case strings.Contains(p.kind, "|"):
		values := strings.Split(p.kind, "|")
		return "Property '" + p.name + "' should be a one of the strings: '" + strings.Join(values, "' or '") + "'."
	}
	return "Type of property '" + p.name + "' is invalid."
}

func hasKind(v any, kind string) bool {
	m, isMap := v.(map[string]any)
	s, isString := v.(string)
	list, isList := v.([]any)
	each := func(ok func(e any) bool) bool { return !slices.ContainsFunc(list, func(e any) bool { return !ok(e) }) }
	values := func(ok func(e any) bool) bool {
		for _, e := range m {
			if !ok(e) {
				return false
			}
		}
		return true
	}
	textOrMap := func(e any) bool { return hasKind(e, "strmap") }
	switch kind {
	case "any":
		return true
	case "str", "str1":
		return isString
	case "map":
		return isMap
	case "bool":
		_, ok := v.(bool)
		return ok
	case "boolmap":
		_, ok := v.(bool)
		return ok || isMap
	case "int":
		n, ok := v.(json.Number)
		_, err := n.Int64()
		return ok && err == nil
	case "list":
		return isList
	case "strlist":
		return isString || isList && each(func(e any) bool { return hasKind(e, "str") })
	case "strmap":
		return isString || isMap
	case "strs":
		return isList && each(textOrMap)
	case "maplist":
		return isMap || isList && each(func(e any) bool { return hasKind(e, "map") })
	case "maps":
		return isMap && values(func(e any) bool { return hasKind(e, "map") })
	case "policies":
		return isString || isMap || isList && each(textOrMap)
	case "policies-no-map":
		return isString || isList && each(textOrMap)
	case "strs-by-name":
		return isMap && values(func(e any) bool { return hasKind(e, "str") })
	case "ints-by-name":
		return isMap && values(func(e any) bool { return hasKind(e, "int") || hasKind(e, "map") })
	}
	return isString && slices.Contains(strings.Split(kind, "|"), s)
}
