package iam

import (
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/sallyport/sallyport/internal/policy"
)

// awsStatements has the statements of policies that AWS manages, by the ARN's end: what they allow of the services that we have.
var awsStatements = map[string]string{
	"service-role/AWSLambdaBasicExecutionRole": allowAll("logs:CreateLogGroup", "logs:CreateLogStream", "logs:PutLogEvents"),
	"service-role/AWSLambdaDynamoDBExecutionRole": allowAll("dynamodb:DescribeStream", "dynamodb:GetRecords", "dynamodb:GetShardIterator", "dynamodb:ListStreams",
		"logs:CreateLogGroup", "logs:CreateLogStream", "logs:PutLogEvents"),
	"service-role/AWSLambdaSQSQueueExecutionRole": allowAll("sqs:ReceiveMessage", "sqs:DeleteMessage", "sqs:GetQueueAttributes",
		"logs:CreateLogGroup", "logs:CreateLogStream", "logs:PutLogEvents"),
	"service-role/AWSLambdaVPCAccessExecutionRole": allowAll("logs:CreateLogGroup", "logs:CreateLogStream", "logs:PutLogEvents", "ec2:CreateNetworkInterface",
		"ec2:DescribeNetworkInterfaces", "ec2:DescribeSubnets", "ec2:DeleteNetworkInterface", "ec2:AssignPrivateIpAddresses", "ec2:UnassignPrivateIpAddresses"),
	"service-role/AWSLambdaRole":                        allowAll("lambda:InvokeFunction"),
	"service-role/AmazonAPIGatewayPushToCloudWatchLogs": allowAll("logs:CreateLogGroup", "logs:CreateLogStream", "logs:DescribeLogGroups", "logs:DescribeLogStreams", "logs:PutLogEvents", "logs:GetLogEvents", "logs:FilterLogEvents"),
	"AWSLambdaExecute":                                  allowAll("logs:*") + `,{"Effect":"Allow","Action":["s3:GetObject","s3:PutObject"],"Resource":"arn:aws:s3:::*"}`,
	"AWSLambdaInvocation-DynamoDB":                      allowAll("lambda:InvokeFunction", "dynamodb:DescribeStream", "dynamodb:GetRecords", "dynamodb:GetShardIterator", "dynamodb:ListStreams"),
	"AWSLambda_FullAccess":                              allowAll("lambda:*", "logs:Describe*", "iam:ListRoles", "iam:ListRolePolicies", "iam:ListAttachedRolePolicies", "iam:GetRole", "iam:GetRolePolicy", "iam:GetPolicy", "iam:GetPolicyVersion", "iam:PassRole"),
	"AWSXrayWriteOnlyAccess":                            allowAll("xray:PutTraceSegments", "xray:PutTelemetryRecords", "xray:GetSamplingRules", "xray:GetSamplingTargets", "xray:GetSamplingStatisticSummaries"),
	"AWSXRayDaemonWriteAccess":                          allowAll("xray:PutTraceSegments", "xray:PutTelemetryRecords", "xray:GetSamplingRules", "xray:GetSamplingTargets", "xray:GetSamplingStatisticSummaries"),
	"AmazonDynamoDBFullAccess":                          allowAll("dynamodb:*", "dax:*", "application-autoscaling:*", "cloudwatch:*Alarm*", "cloudwatch:GetMetric*", "iam:GetRole", "iam:ListRoles", "lambda:ListFunctions", "resource-groups:*", "tag:GetResources"),
	"AmazonDynamoDBReadOnlyAccess":                      allowAll("dynamodb:BatchGetItem", "dynamodb:Describe*", "dynamodb:List*", "dynamodb:GetItem", "dynamodb:Query", "dynamodb:Scan", "dynamodb:PartiQLSelect"),
	"AmazonAPIGatewayInvokeFullAccess":                  `{"Effect":"Allow","Action":["execute-api:Invoke","execute-api:ManageConnections"],"Resource":"arn:aws:execute-api:*:*:*"}`,
	"AmazonAPIGatewayAdministrator":                     `{"Effect":"Allow","Action":"apigateway:*","Resource":"arn:aws:apigateway:*::/*"}`,
	"AmazonS3FullAccess":                                allowAll("s3:*", "s3-object-lambda:*"),
	"AmazonS3ReadOnlyAccess":                            allowAll("s3:Get*", "s3:List*", "s3:Describe*"),
	"AmazonSQSFullAccess":                               allowAll("sqs:*"),
	"AmazonSNSFullAccess":                               allowAll("sns:*"),
	"AmazonEventBridgeFullAccess":                       allowAll("events:*", "schemas:*", "scheduler:*", "pipes:*"),
	"AWSStepFunctionsFullAccess":                        allowAll("states:*"),
	"CloudWatchLogsFullAccess":                          allowAll("logs:*", "cloudwatch:GenerateQuery"),
	"CloudWatchFullAccess":                              allowAll("cloudwatch:*", "logs:*", "sns:*", "autoscaling:Describe*", "iam:GetPolicy", "iam:GetPolicyVersion", "iam:GetRole"),
	"AdministratorAccess":                               allowAll("*"),
	"PowerUserAccess":                                   `{"Effect":"Allow","NotAction":["iam:*","organizations:*","account:*"],"Resource":"*"}`,
	"ReadOnlyAccess":                                    readOnly,
}

// readOnly is shorter than AWS's, and means the same for the services that we have.
var readOnly = func() string {
	var actions []string
	for _, service := range []string{"apigateway", "cloudformation", "dynamodb", "events", "iam", "lambda", "logs", "s3", "scheduler", "sns", "sqs", "ssm", "states", "sts"} {
		for _, verb := range []string{"Get*", "List*", "Describe*"} {
			actions = append(actions, service+":"+verb)
		}
	}
	return allowAll(append(actions, "apigateway:GET", "dynamodb:BatchGetItem", "dynamodb:Query", "dynamodb:Scan", "logs:FilterLogEvents", "logs:StartQuery", "logs:TestMetricFilter")...)
}()

func allowAll(actions ...string) string {
	return `{"Effect":"Allow","Action":["` + strings.Join(actions, `","`) + `"],"Resource":"*"}`
}

// awsDocuments has them parsed.
var awsDocuments = sync.OnceValue(func() map[string]*policy.Document {
	m := map[string]*policy.Document{}
	for end := range awsStatements {
		m[awsPolicyPrefix+end] = readPolicy(awsText(end))
	}
	return m
})

func awsText(end string) string {
	return `{"Version":"2012-10-17","Statement":[` + awsStatements[end] + `]}`
}

// awsDocument returns a policy of AWS's, or nil if we do not know it.
func awsDocument(policyARN string) *policy.Document { return awsDocuments()[policyARN] }

func awsPolicies() []string { return slices.Sorted(maps.Keys(awsDocuments())) }

// awsManaged returns a policy of AWS's as if it were stored. One that we do not know allows nothing.
func awsManaged(policyARN string) (*managed, error) {
	end := strings.TrimPrefix(policyARN, awsPolicyPrefix)
	if end == "" {
		return nil, errNoPolicyARN(policyARN)
	}
	i := strings.LastIndexByte(end, '/') + 1
	text := awsText(end)
	if awsStatements[end] == "" {
		text = `{"Version":"2012-10-17","Statement":[]}`
	}
	since := time.Date(2015, 4, 9, 15, 3, 43, 0, time.UTC)
	return &managed{
		Account: "aws", Name: end[i:], Path: "/" + end[:i], ID: "ANPA" + stableText(end, 17), Created: since, Updated: since, Default: "v1",
		Versions: []version{{ID: "v1", Document: text, Created: since}},
	}, nil
}
