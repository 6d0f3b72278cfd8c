package states

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"math"
	"slices"
	"strings"

	"github.com/sallyport/sallyport/internal/awsapi/elsewhere"
	"github.com/sallyport/sallyport/internal/service/states/asl"
	"github.com/sallyport/sallyport/internal/service/states/machine"
)

// An sdkService is a service as the AWS SDK for Java knows it, whose names the aws-sdk integrations take.
type sdkService struct {
	catalog string // our name
	prefix  string // of errors
	camel   bool   // its API's members begin in lower case; the SDK's do not
}

var sdkServices = map[string]sdkService{
	"dynamodb":              {"dynamodb", "DynamoDb", false},
	"dynamodbstreams":       {"dynamodbstreams", "DynamoDbStreams", false},
	"lambda":                {"lambda", "Lambda", false},
	"sfn":                   {"states", "Sfn", true},
	"s3":                    {"s3", "S3", false},
	"sqs":                   {"sqs", "Sqs", false},
	"sns":                   {"sns", "Sns", false},
	"eventbridge":           {"events", "EventBridge", false},
	"scheduler":             {"scheduler", "Scheduler", false},
	"cloudwatchlogs":        {"logs", "CloudWatchLogs", true},
	"cloudformation":        {"cloudformation", "CloudFormation", false},
	"apigatewayv2":          {"apigatewayv2", "ApiGatewayV2", true},
	"apigateway":            {"apigateway", "ApiGateway", true},
	"iam":                   {"iam", "Iam", false},
	"sts":                   {"sts", "Sts", false},
	"ssm":                   {"ssm", "Ssm", false},
	"secretsmanager":        {"secretsmanager", "SecretsManager", false},
	"kms":                   {"kms", "Kms", false},
	apiGatewayManagementAPI: {"connections", "ApiGatewayManagementApi", false},
}

const apiGatewayManagementAPI = "apigatewaymanagementapi"

// sdk calls any operation of any service.
func (c *taskCall) sdk(ctx context.Context, input any) machine.Result {
	service, ok := sdkServices[c.resource.Service]
	if !ok {
		service = sdkService{catalog: c.resource.Service, prefix: upperFirst(c.resource.Service)}
		if s := elsewhere.Find(c.resource.Service); s != nil {
			service.prefix = s.Class
		}
	}
	params, ok := input.(*asl.Object)
	if !ok {
		return failed(asl.ErrRuntime, "The Parameters '%s' could not be used to start the Task: [The value must be an object]", c.task.Input)
	}
	if c.resource.Service == apiGatewayManagementAPI {
		return c.postToConnection(ctx, params)
	}
	var in any = params
	for _, name := range []string{"Input", "Output", "Cause"} { // AWS: what the API wants as text may be JSON
		if service.catalog == "states" {
			stringify(params, name)
		}
	}
	if service.camel {
		in = recase(params, lowerFirst)
	}
	if service.catalog == "s3" {
		blobBody(params)
	}
	out, err := c.do(ctx, service.catalog, upperFirst(c.resource.Action), in)
	if err != nil {
		return c.sdkFailure(service, err)
	}
	if service.camel {
		out = recase(out, upperFirst)
	}
	if service.catalog == "s3" {
		textBody(out)
	}
	return machine.Result{Output: asl.Encode(dates(out))}
}

// blobBody gives an object's content the form of a blob. AWS: it is JSON, also when it is text.
func blobBody(params *asl.Object) {
	if v, ok := params.Get("Body"); ok {
		params.Set("Body", base64.StdEncoding.EncodeToString(asl.Encode(v)))
	}
}

// textBody gives an object's content the form of text.
func textBody(out any) {
	o, ok := out.(*asl.Object)
	v, there := o.Get("Body")
	s, isText := v.(string)
	if !ok || !there || !isText {
		return
	}
	if raw, err := base64.StdEncoding.DecodeString(s); err == nil {
		o.Set("Body", strings.ToValidUTF8(string(raw), "\uFFFD"))
	}
}

// s3Errors are those of S3 that the SDK has classes for.
var s3Errors = []string{
	"NoSuchKey", "NoSuchBucket", "NoSuchUpload", "BucketAlreadyExists", "BucketAlreadyOwnedByYou", "InvalidObjectState", "InvalidRequest", "EncryptionTypeMismatch",
}

// sdkFailure words an error as the SDK for Java does.
func (c *taskCall) sdkFailure(service sdkService, err error) machine.Result {
	if errors.Is(err, context.DeadlineExceeded) {
		return failed(asl.ErrTimeout, "")
	}
	e := apiError(err)
	name := e.Code
	if generic[name] || service.catalog == "s3" && !slices.Contains(s3Errors, name) {
		name = service.prefix + "Exception"
	} else if !strings.HasSuffix(name, "Exception") {
		name += "Exception"
	}
	extended := ""
	if service.catalog == "s3" {
		extended = ", Extended Request ID: " + c.task.RequestID
	}
	return failed(service.prefix+"."+name, "%s (Service: %s, Status Code: %d, Request ID: %s%s) (SDK Attempt Count: 1)", e.Message, service.prefix, e.Status, c.task.RequestID, extended)
}

// recase changes the first letters of members; what is under tags or free maps keeps its names.
func recase(v any, f func(string) string) any {
	switch v := v.(type) {
	case *asl.Object:
		out := asl.NewObject()
		for _, name := range v.Names() {
			part, _ := v.Get(name)
			if o, isObject := part.(*asl.Object); !isObject || !strings.EqualFold(name, "tags") {
				part = recase(part, f)
			} else {
				part = o
			}
			out.Set(f(name), part)
		}
		return out
	case []any:
		out := make([]any, len(v))
		for i := range v {
			out[i] = recase(v[i], f)
		}
		return out
	}
	return v
}

// dates makes times text, as the SDK for Java prints them: members named …Date, …Time or Timestamp with seconds since 1970.
func dates(v any) any {
	switch v := v.(type) {
	case *asl.Object:
		out := asl.NewObject()
		for _, name := range v.Names() {
			part, _ := v.Get(name)
			n, isNumber := part.(json.Number)
			if isNumber && (strings.HasSuffix(name, "Date") || strings.HasSuffix(name, "DateTime") || name == "Timestamp") {
				if f, err := n.Float64(); err == nil && f > 1e8 && f < 1e11 {
					out.Set(name, machine.Timestamp(int64(math.Round(f*1000))))
					continue
				}
			}
			out.Set(name, dates(part))
		}
		return out
	case []any:
		out := make([]any, len(v))
		for i := range v {
			out[i] = dates(v[i])
		}
		return out
	}
	return v
}
