package sam

import "slices"

// pullPolicies are the managed policies that a function's role needs to read from a source.
var pullPolicies = map[string]string{
	"DynamoDB": "AWSLambdaDynamoDBExecutionRole", "Kinesis": "AWSLambdaKinesisExecutionRole", "SQS": "AWSLambdaSQSQueueExecutionRole",
}

// mapping writes the events DynamoDB, Kinesis and SQS out.
func (e *event) mapping(t *target) ([]*made, *cause) {
	out := e.new(e.eid, "AWS::Lambda::EventSourceMapping", e.passed())
	out.set("FunctionName", t.name)
	source := "Stream"
	if e.typ == "SQS" {
		source = "Queue"
	}
	out.set("EventSourceArn", e.p[source])
	for _, name := range words(`StartingPosition StartingPositionTimestamp BatchSize Enabled MaximumBatchingWindowInSeconds MaximumRetryAttempts
		BisectBatchOnFunctionError MaximumRecordAgeInSeconds ParallelizationFactor Topics Queues SourceAccessConfigurations TumblingWindowInSeconds
		FunctionResponseTypes FilterCriteria KmsKeyArn ScalingConfig ProvisionedPollerConfig MetricsConfig LoggingConfig`) {
		out.set(name, e.p[name])
	}
	if filter, ok := e.p["FilterCriteria"].(map[string]any); ok && !isIntrinsic(filter) {
		for k := range filter {
			if k != "Filters" {
				return nil, invalidEvent(e.name, "FilterCriteria field has a wrong format")
			}
		}
	}
	if truthy(e.p["ConsumerGroupId"]) {
		return nil, invalidEvent(e.eid, "Property ConsumerGroupId not defined for resource of type %s.", e.typ)
	}
	policy, c := e.failureDestination(out)
	if c != nil {
		return nil, c
	}
	e.grant(t.role, e.awsPolicy("service-role/"+pullPolicies[e.typ]), policy)
	return []*made{out}, nil
}

// failureDestination sets where records go that could not be handled, and returns the policy that the role needs for it.
func (e *event) failureDestination(out *made) (any, *cause) {
	config, ok := e.p["DestinationConfig"].(map[string]any)
	if !ok || len(config) == 0 {
		return nil, nil
	}
	failure, ok := config["OnFailure"].(map[string]any)
	if !ok {
		return nil, invalidEvent(e.eid, "Property 'DestinationConfig.OnFailure' should be a map.")
	}
	config = clone(config).(map[string]any)
	out.set("DestinationConfig", config)
	if !truthy(failure["Type"]) {
		return nil, nil
	}
	delete(config["OnFailure"].(map[string]any), "Type")
	switch failure["Type"] {
	case "SQS":
		return allow(e.eid+"SQSPolicy", "sqs:SendMessage", failure["Destination"]), nil
	case "SNS":
		return allow(e.eid+"SNSPolicy", "sns:publish", failure["Destination"]), nil
	case "S3":
		return allowToBucket(e.eid+"S3Policy", failure["Destination"]), nil
	case "Kafka":
		return nil, nil
	}
	return nil, invalidEvent(e.eid, "The only valid values for 'Type' are 'SQS', 'SNS', 'S3', and 'Kafka'")
}

// grant adds what an event needs to the function's role.
func (e *event) grant(role *made, managed string, policy any) {
	if role == nil {
		return
	}
	arns, _ := role.properties["ManagedPolicyArns"].([]any)
	if !slices.Contains(arns, any(managed)) {
		role.properties["ManagedPolicyArns"] = append(arns, managed)
	}
	if policy == nil {
		return
	}
	document := func(p any) string {
		m, _ := p.(map[string]any)
		return sortedJSON(m["PolicyDocument"])
	}
	policies, _ := role.properties["Policies"].([]any)
	if !slices.ContainsFunc(policies, func(p any) bool { return document(p) == document(policy) }) {
		role.properties["Policies"] = append(policies, policy)
	}
}
