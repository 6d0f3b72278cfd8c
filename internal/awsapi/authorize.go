package awsapi

import (
	"context"
	"strings"

	"github.com/sallyport/sallyport/internal/awsapi/wire"
)

// authorize asks whether the caller may make this call. AWS: GetCallerIdentity is never denied; for AssumeRole the role's own policy
// counts too, which only the service knows.
func (h *handler) authorize(ctx context.Context, c *call, t *wire.Type, input any) error {
	caller := CallerOf(ctx)
	if caller.Admin || c.operation == "GetCallerIdentity" || c.operation == "AssumeRole" || c.anonymous() {
		return nil
	}
	var conditions map[string][]string
	if c.entry.conditions != nil {
		conditions = c.entry.conditions(ctx, input)
	}
	return h.authz.Authorize(ctx, c.action(), c.resource(&caller, t.Strings(input)), conditions)
}

// action returns the IAM action of a call. It is the operation's name but for a few.
func (c *call) action() string {
	api := c.entry.api
	if api.SigningName == "apigateway" { // AWS: actions are the methods
		return "apigateway:" + c.r.Method
	}
	name := c.operation
	switch api.Name + ":" + name {
	case "lambda:Invoke", "lambda:InvokeAsync", "lambda:InvokeWithResponseStream":
		name = "InvokeFunction"
	case "dynamodb:TransactGetItems":
		name = "GetItem"
	case "dynamodb:TransactWriteItems":
		name = "PutItem"
	}
	return api.SigningName + ":" + name
}

// resource returns the ARN that a call is about, as far as its input names one, or "*".
func (c *call) resource(caller *Caller, in map[string]string) string {
	api := c.entry.api
	local := func(rest string) string {
		return "arn:aws:" + api.SigningName + ":" + caller.Region + ":" + caller.Account + ":" + rest
	}
	global := func(rest string) string { return "arn:aws:iam::" + caller.Account + ":" + rest }
	if api.SigningName == "apigateway" {
		path := strings.TrimPrefix(c.r.URL.Path, "/v2")
		return "arn:aws:apigateway:" + caller.Region + "::" + path
	}
	for _, m := range []struct{ member, prefix string }{
		{"TableName", "table/"},
		{"ResourceArn", ""},
		{"StreamArn", ""},
		{"FunctionName", "function:"},
		{"LayerName", "layer:"},
		{"LogGroupName", "log-group:"},
		{"LogGroupIdentifier", "log-group:"},
		{"StateMachineArn", ""},
		{"ExecutionArn", ""},
		{"TopicArn", ""},
		{"QueueName", ""},
		{"RoleArn", ""},
		{"PolicyArn", ""},
		{"StackName", "stack/"},
	} {
		value := in[m.member]
		switch {
		case value == "" || (m.member == "PolicyArn" || m.member == "RoleArn") && in["RoleName"]+in["UserName"] != "":
			continue
		case m.member == "RoleArn" && api.SigningName != "sts":
			continue
		case strings.HasPrefix(value, "arn:"):
			return value
		case m.prefix == "stack/":
			return local("stack/" + value + "/*")
		case m.prefix == "log-group:":
			return local(m.prefix + value + ":*")
		}
		return local(m.prefix + value)
	}
	if api.SigningName == "iam" {
		for _, m := range []struct{ member, prefix string }{{"RoleName", "role/"}, {"UserName", "user/"}, {"GroupName", "group/"}, {"PolicyName", "policy/"}} {
			if in[m.member] != "" {
				return global(m.prefix + in[m.member])
			}
		}
	}
	return "*"
}
