package asl

import (
	"slices"
	"strings"
)

// A Resource is the parsed Resource of a Task state.
type Resource struct {
	Kind    ResourceKind
	ARN     string
	Service string // "lambda", "dynamodb"; of aws-sdk integrations the SDK's name: "sfn"
	Action  string // "invoke"
	Suffix  string // "", "sync", "sync:2", "waitForTaskToken"
}

// ResourceKind says how a task is done.
type ResourceKind uint8

// Kinds.
const (
	ResourceFunction  ResourceKind = iota // a Lambda function by its ARN
	ResourceActivity                      // an activity by its ARN
	ResourceOptimized                     // an integration such as lambda:invoke
	ResourceSDK                           // aws-sdk:service:action
)

// HistoryResource is how events name the resource: "invoke.waitForTaskToken".
func (r *Resource) HistoryResource() string {
	if r.Suffix == "" {
		return r.Action
	}
	return r.Action + "." + r.Suffix
}

// HistoryType is how events name the service: "lambda", "aws-sdk:sfn".
func (r *Resource) HistoryType() string {
	if r.Kind == ResourceSDK {
		return "aws-sdk:" + r.Service
	}
	return r.Service
}

// optimized lists the actions of the integrations that are not aws-sdk. AWS: what it does not list is refused when a machine is
// created. For services that are not here the action fails when it is run.
var optimized = map[string][]string{
	"lambda":           {"invoke"},
	"dynamodb":         {"getItem", "putItem", "updateItem", "deleteItem"},
	"events":           {"putEvents"},
	"sqs":              {"sendMessage"},
	"sns":              {"publish"},
	"states":           {"startExecution"},
	"apigateway":       {"invoke"},
	"http":             {"invoke"},
	"batch":            {"submitJob"},
	"ecs":              {"runTask"},
	"glue":             {"startJobRun"},
	"codebuild":        {"startBuild", "stopBuild", "batchDeleteBuilds", "batchGetReports", "startBuildBatch", "stopBuildBatch", "retryBuildBatch", "deleteBuildBatch"},
	"athena":           {"startQueryExecution", "stopQueryExecution", "getQueryExecution", "getQueryResults"},
	"bedrock":          {"invokeModel", "createModelCustomizationJob"},
	"databrew":         {"startJobRun"},
	"sagemaker":        {"createEndpoint", "createEndpointConfig", "createHyperParameterTuningJob", "createLabelingJob", "createModel", "createProcessingJob", "createTrainingJob", "createTransformJob", "updateEndpoint"},
	"elasticmapreduce": {"createCluster", "terminateCluster", "addStep", "cancelStep", "setClusterTerminationProtection", "modifyInstanceFleetByName", "modifyInstanceGroupByName"},
	"emr-containers":   {"createVirtualCluster", "deleteVirtualCluster", "startJobRun"},
	"emr-serverless":   {"createApplication", "startApplication", "stopApplication", "deleteApplication", "startJobRun", "cancelJobRun"},
	"eks":              {"createCluster", "deleteCluster", "createFargateProfile", "deleteFargateProfile", "createNodegroup", "deleteNodegroup", "call", "runJob"},
	"mediaconvert":     {"createJob"},
	"aws-sdk":          nil,
}

// ParseResource reads the Resource of a Task state.
func ParseResource(text string) (*Resource, bool) {
	parts := strings.SplitN(text, ":", 6)
	if len(parts) < 6 || parts[0] != "arn" || !strings.HasPrefix(parts[1], "aws") {
		return nil, false
	}
	rest := parts[5]
	switch {
	case parts[2] == "lambda" && strings.HasPrefix(rest, "function:") && len(rest) > len("function:"):
		return &Resource{Kind: ResourceFunction, ARN: text, Service: "lambda"}, true
	case parts[2] == "states" && strings.HasPrefix(rest, "activity:"):
		return &Resource{Kind: ResourceActivity, ARN: text, Service: "activity"}, true
	case parts[2] != "states" || parts[3] != "" || parts[4] != "":
		return nil, false
	}
	r := &Resource{Kind: ResourceOptimized, ARN: text}
	if sdk, ok := strings.CutPrefix(rest, "aws-sdk:"); ok {
		r.Kind, rest = ResourceSDK, sdk
	}
	var ok bool
	if r.Service, rest, ok = strings.Cut(rest, ":"); !ok || r.Service == "" {
		return nil, false
	}
	r.Action, r.Suffix, _ = strings.Cut(rest, ".")
	if r.Action == "" || strings.HasSuffix(rest, ".") {
		return nil, false
	}
	if r.Kind == ResourceSDK {
		lower := r.Action[0] >= 'a' && r.Action[0] <= 'z'
		return r, lower && (r.Suffix == "" || r.Suffix == "waitForTaskToken")
	}
	return r, slices.Contains(optimized[r.Service], r.Action) && r.suffixAllowed()
}

// noToken are the services whose integrations hand out no task tokens.
var noToken = []string{
	"athena", "batch", "codebuild", "databrew", "dynamodb", "elasticmapreduce", "emr-containers", "emr-serverless", "glue", "http", "mediaconvert", "sagemaker",
}

func (r *Resource) suffixAllowed() bool {
	switch r.Suffix {
	case "":
		return true
	case "waitForTaskToken":
		return !slices.Contains(noToken, r.Service)
	case "sync":
		return !slices.Contains([]string{"lambda", "dynamodb", "sqs", "sns", "events", "apigateway", "http"}, r.Service)
	case "sync:2":
		return r.Service == "states"
	}
	return false
}

// resource checks the Resource of a Task state.
func (p *parser) resource(text, at string) {
	if !strings.HasPrefix(text, "arn:") {
		p.schema(at, "Value is not a valid resource ARN")
		return
	}
	r, ok := ParseResource(text)
	if ok && r.Kind == ResourceSDK && r.Service == "apigatewaymanagementapi" && !p.options.Extensions {
		ok = false
	}
	if !ok {
		p.schema(at, "The resource provided %s is not recognized. The value is not a valid resource ARN, or the resource is not available in this region.", text)
		return
	}
	if !p.options.Express {
		return
	}
	switch {
	case r.Kind == ResourceActivity:
		p.schema(at, "Express state machine does not support Activity ARN")
	case strings.HasPrefix(r.Suffix, "sync"):
		p.schema(at, "Express state machine does not support '.sync' service integration")
	case r.Suffix == "waitForTaskToken": // AWS: with a blank at the end
		p.schema(at, "Express state machine does not support '.waitForTaskToken' service integration ")
	}
}
