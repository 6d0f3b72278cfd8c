package awsapi

import (
	"cmp"
	"context"
	"encoding/json"
	"slices"
	"strings"

	"github.com/sallyport/sallyport/internal/awsapi/wire"
)

// authorize asks whether the caller may make this call. AWS: GetCallerIdentity is never denied; for AssumeRole the role's own policy
// counts too, which only the service knows.
func (h *handler) authorize(ctx context.Context, c *call, t *wire.Type, input any) error {
	if c.operation == "GetCallerIdentity" || c.operation == "AssumeRole" || c.anonymous() {
		return nil
	}
	return asked{c.entry, c.operation, c.r.Method, c.r.URL.Path}.allow(ctx, h.authz, t, input)
}

// CallAs is Call for a caller whom authz must allow it.
func (c *Catalog) CallAs(ctx context.Context, authz Authorizer, service, operation string, in []byte) ([]byte, error) {
	e, op, err := c.find(service, operation)
	if err != nil {
		return nil, err
	}
	return c.run(ctx, e, op, in, func(input any) error {
		a := asked{entry: e, operation: e.nameOf(operation)}
		b := e.api.Operations[a.operation]
		a.method, a.path = b.Method, b.URI
		for name, value := range op.in().Strings(input) {
			a.path = replaceLabel(a.path, name, value)
		}
		return denied(e.api, a.allow(ctx, authz, op.in(), input))
	})
}

// nameOf returns an operation's name as the API writes it.
func (e *entry) nameOf(operation string) string {
	for name := range e.ops {
		if strings.EqualFold(name, operation) {
			return name
		}
	}
	return operation
}

// replaceLabel puts a value where a path has its member's name: {apiId}.
func replaceLabel(path, name, value string) string {
	for _, label := range []string{"{" + name + "}", "{" + strings.ToLower(name[:1]) + name[1:] + "}"} {
		path = strings.ReplaceAll(path, label, value)
	}
	return path
}

// An asked is what somebody asks to do.
type asked struct {
	entry        *entry
	operation    string
	method, path string // of services whose actions are methods
}

func (a asked) allow(ctx context.Context, authz Authorizer, t *wire.Type, input any) error {
	caller := CallerOf(ctx)
	if caller.Admin {
		return nil
	}
	var conditions map[string][]string
	if a.entry.conditions != nil {
		conditions = a.entry.conditions(ctx, input)
	}
	for _, resource := range a.resources(&caller, t, input) {
		if err := authz.Authorize(ctx, a.action(), resource, conditions); err != nil {
			return err
		}
	}
	return nil
}

// action returns the IAM action of a call. It is the operation's name but for a few.
func (a asked) action() string {
	api := a.entry.api
	if api.SigningName == "apigateway" { // AWS: actions are the methods
		return "apigateway:" + a.method
	}
	name := a.operation
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

// resources returns the ARNs that a call is about. AWS: each event's bus is asked for, and each parameter.
func (a asked) resources(caller *Caller, t *wire.Type, input any) []string {
	var in struct {
		Entries []struct{ EventBusName string }
		Names   []string
	}
	switch a.entry.api.Name + ":" + a.operation {
	case "events:PutEvents", "ssm:GetParameters", "ssm:DeleteParameters":
		if doc, err := t.AppendDocument(nil, input); err != nil || json.Unmarshal(doc, &in) != nil {
			return []string{"*"}
		}
	default:
		return []string{a.resource(caller, t.Strings(input))}
	}
	var parameters []string
	for _, name := range in.Names {
		parameters = append(parameters, parameterARN(caller, name))
	}
	if in.Names != nil {
		return parameters
	}
	var buses []string
	for _, e := range in.Entries {
		bus := cmp.Or(e.EventBusName, "default")
		if !strings.HasPrefix(bus, "arn:") {
			bus = "arn:aws:events:" + caller.Region + ":" + caller.Account + ":event-bus/" + bus
		}
		if !slices.Contains(buses, bus) {
			buses = append(buses, bus)
		}
	}
	return buses
}

// resource returns the ARN that a call is about, as far as its input names one, or "*".
func (a asked) resource(caller *Caller, in map[string]string) string {
	api := a.entry.api
	local := func(rest string) string {
		return "arn:aws:" + api.SigningName + ":" + caller.Region + ":" + caller.Account + ":" + rest
	}
	global := func(rest string) string { return "arn:aws:iam::" + caller.Account + ":" + rest }
	if name := in["Name"] + in["Path"]; api.Name == "ssm" && name != "" {
		return parameterARN(caller, name)
	}
	if api.SigningName == "apigateway" {
		return "arn:aws:apigateway:" + caller.Region + "::" + strings.TrimPrefix(a.path, "/v2")
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
		{"TargetArn", ""},
		{"QueueUrl", ""},
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
		case m.member == "QueueUrl": // …/account/name
			return local(value[strings.LastIndexByte(value, '/')+1:])
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

// parameterARN returns the ARN of a parameter, or of a path of some. AWS: a selector behind the name is no part of it.
func parameterARN(caller *Caller, name string) string {
	if strings.HasPrefix(name, "arn:") {
		return name
	}
	name, _, _ = strings.Cut(strings.TrimPrefix(name, "/"), ":")
	return "arn:aws:ssm:" + caller.Region + ":" + caller.Account + ":parameter/" + name
}
