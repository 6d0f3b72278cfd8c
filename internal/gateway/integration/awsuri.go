package integration

import (
	"fmt"
	"strings"

	"github.com/sallyport/sallyport/internal/arn"
)

// An awsURI is the URI of an integration with a service of AWS:
// arn:aws:apigateway:{region}:{subdomain.service|service}:{path|action}/{rest}.
type awsURI struct {
	region  string
	host    string // with subdomain: "dynamodb", "a1b2c3d4e5.execute-api"
	service string // signing name
	action  string // of the action form, else ""
	rest    string // path, or what follows the action: "&Version=…"
}

// signingNames are those of endpoints whose signatures name another service.
var signingNames = map[string]string{
	"bedrock-runtime": "bedrock", "bedrock-agent-runtime": "bedrock", "email": "ses", "data.iot": "iotdata", "runtime.lex": "lex",
	"states-sync": "states", "sync-states": "states",
}

func readAWSURI(uri string) (awsURI, error) {
	a, err := arn.Parse(uri)
	if err != nil || a.Service != "apigateway" || a.Account == "" {
		return awsURI{}, fmt.Errorf("integration URI %q is no arn:aws:apigateway:{region}:{service}:action/{name} or path/{path}", uri)
	}
	u := awsURI{region: a.Region, host: a.Account, service: a.Account[strings.LastIndexByte(a.Account, '.')+1:]}
	if name, ok := signingNames[u.host]; ok {
		u.service = name
	}
	form, rest, _ := strings.Cut(a.Resource, "/")
	switch {
	case form == "path":
		u.rest = "/" + strings.TrimLeft(rest, "/")
	case form == "action" && rest != "":
		u.action, u.rest, _ = strings.Cut(rest, "&")
	default:
		return awsURI{}, fmt.Errorf("integration URI %q has neither path/ nor action/", uri)
	}
	if u.region == "" {
		return awsURI{}, fmt.Errorf("integration URI %q has no region", uri)
	}
	return u, nil
}

// global are the services whose endpoints have no region, and whose signatures are of us-east-1.
var global = map[string]bool{"iam": true, "route53": true, "cloudfront": true, "organizations": true}

// endpoint returns AWS's host and the region of signatures for it.
func (u *awsURI) endpoint() (host, region string) {
	if global[u.service] {
		return u.host + ".amazonaws.com", "us-east-1"
	}
	host = u.host
	if strings.HasSuffix(u.action, "StartSyncExecution") && host == "states" {
		host = "sync-states"
	}
	return host + "." + u.region + ".amazonaws.com", u.region
}

// A jsonService takes actions by X-Amz-Target.
type jsonService struct{ prefix, version string }

// jsonServices are those whose actions are called by a header. AWS: for others Action= is added to the query.
var jsonServices = map[string]jsonService{
	"dynamodb":       {"DynamoDB_20120810", "1.0"},
	"kinesis":        {"Kinesis_20131202", "1.1"},
	"firehose":       {"Firehose_20150804", "1.1"},
	"states":         {"AWSStepFunctions", "1.0"},
	"ssm":            {"AmazonSSM", "1.1"},
	"events":         {"AWSEvents", "1.1"},
	"logs":           {"Logs_20140328", "1.1"},
	"secretsmanager": {"secretsmanager", "1.1"},
	"kms":            {"TrentService", "1.1"},
	"cognito-idp":    {"AWSCognitoIdentityProviderService", "1.1"},
}

// versions are those that actions of the Query protocol have to name.
var versions = map[string]string{
	"sqs": "2012-11-05", "sns": "2010-03-31", "sts": "2011-06-15", "iam": "2010-05-08", "monitoring": "2010-08-01", "cloudformation": "2010-05-15",
	"ssm": "2014-11-06", "ses": "2010-12-01", "autoscaling": "2011-01-01", "ec2": "2016-11-15",
}
