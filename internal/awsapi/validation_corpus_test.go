package awsapi_test

import (
	"context"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/sallyport/sallyport/internal/awsapi"
	"github.com/sallyport/sallyport/internal/awsapi/shapes/dynamodb"
	"github.com/sallyport/sallyport/internal/awsapi/shapes/lambda"
	"github.com/sallyport/sallyport/internal/awsapi/shapes/logs"
)

// accepts is an operation that takes every valid input.
func accepts[In any]() awsapi.Operation {
	return awsapi.Op(func(context.Context, *In) (*struct{}, error) { return nil, nil })
}

func validating() *awsapi.Catalog {
	return awsapi.NewCatalog([]awsapi.Service{
		service{lambda.API, map[string]awsapi.Operation{
			"CreateFunction":                  accepts[lambda.CreateFunctionInput](),
			"UpdateFunctionConfiguration":     accepts[lambda.UpdateFunctionConfigurationInput](),
			"UpdateFunctionCode":              accepts[lambda.UpdateFunctionCodeInput](),
			"ListFunctions":                   accepts[lambda.ListFunctionsInput](),
			"GetFunction":                     accepts[lambda.GetFunctionInput](),
			"DeleteFunction":                  accepts[lambda.DeleteFunctionInput](),
			"Invoke":                          accepts[lambda.InvokeInput](),
			"CreateAlias":                     accepts[lambda.CreateAliasInput](),
			"UpdateAlias":                     accepts[lambda.UpdateAliasInput](),
			"AddPermission":                   accepts[lambda.AddPermissionInput](),
			"AddLayerVersionPermission":       accepts[lambda.AddLayerVersionPermissionInput](),
			"PublishLayerVersion":             accepts[lambda.PublishLayerVersionInput](),
			"ListLayers":                      accepts[lambda.ListLayersInput](),
			"CreateFunctionUrlConfig":         accepts[lambda.CreateFunctionUrlConfigInput](),
			"UpdateFunctionUrlConfig":         accepts[lambda.UpdateFunctionUrlConfigInput](),
			"GetFunctionUrlConfig":            accepts[lambda.GetFunctionUrlConfigInput](),
			"DeleteFunctionUrlConfig":         accepts[lambda.DeleteFunctionUrlConfigInput](),
			"ListFunctionUrlConfigs":          accepts[lambda.ListFunctionUrlConfigsInput](),
			"PutFunctionEventInvokeConfig":    accepts[lambda.PutFunctionEventInvokeConfigInput](),
			"PutProvisionedConcurrencyConfig": accepts[lambda.PutProvisionedConcurrencyConfigInput](),
			"PutFunctionRecursionConfig":      accepts[lambda.PutFunctionRecursionConfigInput](),
			"TagResource":                     accepts[lambda.TagResourceInput](),
			"UntagResource":                   accepts[lambda.UntagResourceInput](),
			"ListTags":                        accepts[lambda.ListTagsInput](),
			"ListVersionsByFunction":          accepts[lambda.ListVersionsByFunctionInput](),
		}},
		service{dynamodb.API, map[string]awsapi.Operation{
			"PutItem": accepts[dynamodb.PutItemInput](), "ExecuteStatement": accepts[dynamodb.ExecuteStatementInput](),
			"TransactWriteItems": accepts[dynamodb.TransactWriteItemsInput](), "ExecuteTransaction": accepts[dynamodb.ExecuteTransactionInput](),
		}},
		service{logs.API, map[string]awsapi.Operation{
			"DeleteMetricFilter": accepts[logs.DeleteMetricFilterInput](),
			"PutMetricFilter":    accepts[logs.PutMetricFilterInput](), "GetLogEvents": accepts[logs.GetLogEventsInput](), "FilterLogEvents": accepts[logs.FilterLogEventsInput](),
			"DescribeMetricFilters": accepts[logs.DescribeMetricFiltersInput](), "PutDeliveryDestination": accepts[logs.PutDeliveryDestinationInput](),
		}},
	})
}

// elsewhere are cases that the model's constraints do not decide.
var elsewhere = map[string]bool{
	"lambda_api/function_arns#long_function_name_exc":                                               true, // Lambda's own rule for plain names
	"lambda_api/layer_exceptions#list_layers_exc_compatibleruntime_invalid":                         true, // Lambda checks runtimes itself
	"lambda_api/tag_exceptions#untag_empty_keys":                                                    true, // an empty list is no parameter in a query string
	"dynamodb/kinesis_streaming_destination_crud#update-bad-precision":                              true, // not among our operations
	"logs_metric_filters/put_metric_filter_too_many_transformations#error-too-many-transformations": true, // AWS's model has another order there
}

// TestValidationCorpus compares with what AWS said of inputs that break the model's constraints.
func TestValidationCorpus(t *testing.T) {
	dir := os.Getenv("SALLYPORT_CORPORA")
	if dir == "" {
		dir = "../../../shared/corpora"
	}
	ctx := awsapi.WithCaller(t.Context(), awsapi.Caller{Account: "111111111111", Region: "us-east-1"})
	c := validating()
	for svc, file := range map[string]string{"lambda": "lambda-errors/api-errors.dev.json", "dynamodb": "service-errors/dynamodb.dev.json", "logs": "service-errors/logs.dev.json"} {
		data, err := os.ReadFile(filepath.Join(dir, file))
		if err != nil {
			t.Skip("no corpora: ", err)
		}
		var cases []struct {
			ID, Op, Message string
			Params          map[string]any
		}
		if err := json.Unmarshal(data, &cases); err != nil {
			t.Fatal(err)
		}
		for _, tt := range cases {
			if !strings.Contains(tt.Message, "validation error detected") || tt.Op == "" || tt.Params == nil || strings.Contains(tt.Message, "«") || elsewhere[tt.ID] {
				continue
			}
			t.Run(tt.ID, func(t *testing.T) {
				text, _ := json.Marshal(tt.Params)
				in := []byte(strings.NewReplacer("«ref»", "cmVm", "«bytes»", "cmVm").Replace(string(text))) // base64, and good as a name
				_, err := c.Call(ctx, svc, tt.Op, in)
				if err == nil {
					t.Fatalf("%s accepted %s, AWS said %s", tt.Op, in, tt.Message)
				}
				if _, got, _ := strings.Cut(err.Error(), ": "); got != tt.Message {
					t.Errorf("%s %s\n got %s\nwant %s", tt.Op, in, got, tt.Message)
				}
			})
		}
	}
}
