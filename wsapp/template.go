package wsapp

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"
	"unicode"
)

// A TemplateOption changes what [App.Template] writes.
type TemplateOption func(*templateOptions)

type templateOptions struct {
	code any
	name func(function string) string
}

// Code sets the CodeUri of the functions: a folder, or a map with Bucket and Key. Without it, it is the folder of the template.
func Code(uri any) TemplateOption { return func(o *templateOptions) { o.code = uri } }

// Names gives the functions names of one's own. Without it CloudFormation makes names up.
func Names(name func(function string) string) TemplateOption {
	return func(o *templateOptions) { o.name = name }
}

// Template returns the app as a template of CloudFormation with the SAM transform, in YAML: API, routes, functions, roles, and the table of
// connections. It is the same for AWS and for Sallyport.
func (a *App) Template(options ...TemplateOption) ([]byte, error) {
	if err := a.check(); err != nil {
		return nil, err
	}
	o := templateOptions{code: "."}
	for _, f := range options {
		f(&o)
	}
	resources := a.apiResources()
	for _, f := range a.functions() {
		resources = append(resources, a.functionResources(f, o)...)
	}
	resources = append(resources, a.routeResources()...)
	outputs := object{{"URL", object{
		{"Description", "Where clients connect"},
		{"Value", sub("wss://${Api}.execute-api.${AWS::Region}.${AWS::URLSuffix}/${Stage}")},
	}}}
	if a.Table != nil {
		outputs = append(outputs, field{"Table", object{{"Description", "The table of connections"}, {"Value", ref("Connections")}}})
	}
	doc := object{{"AWSTemplateFormatVersion", "2010-09-09"}, {"Transform", "AWS::Serverless-2016-10-31"}}
	if a.Description != "" {
		doc = append(doc, field{"Description", a.Description})
	}
	return yamlOf(append(doc, field{"Resources", resources}, field{"Outputs", outputs})), nil
}

// StackName is what the app's stack is called if nobody says otherwise.
func (a *App) StackName() string {
	name := strings.Map(func(r rune) rune {
		if r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' {
			return r
		}
		return '-'
	}, a.Name)
	name = strings.Trim(name, "-")
	if name == "" || name[0] >= '0' && name[0] <= '9' {
		name = "app-" + name
	}
	return strings.TrimRight(name[:min(len(name), 100)], "-")
}

func ref(id string) object               { return object{{"Ref", id}} }
func sub(s string) object                { return object{{"Fn::Sub", s}} }
func att(id, name string) object         { return object{{"Fn::GetAtt", list{id, name}}} }
func resource(kind string, p object) any { return object{{"Type", kind}, {"Properties", p}} }

func (app *App) apiResources() object {
	resources := object{
		{"Api", resource("AWS::ApiGatewayV2::Api", object{
			{"Name", app.Name}, {"ProtocolType", "WEBSOCKET"}, {"RouteSelectionExpression", app.SelectionExpression()},
		})},
		{"Stage", resource("AWS::ApiGatewayV2::Stage", object{{"ApiId", ref("Api")}, {"StageName", app.StageName()}, {"AutoDeploy", true}})},
	}
	if t := app.Table; t != nil {
		p := object{
			{"AttributeDefinitions", list{object{{"AttributeName", t.attribute()}, {"AttributeType", "S"}}}},
			{"KeySchema", list{object{{"AttributeName", t.attribute()}, {"KeyType", "HASH"}}}},
		}
		if t.ReadCapacity > 0 || t.WriteCapacity > 0 {
			p = append(p, field{"ProvisionedThroughput", object{{"ReadCapacityUnits", max(t.ReadCapacity, 1)}, {"WriteCapacityUnits", max(t.WriteCapacity, 1)}}})
		} else {
			p = append(p, field{"BillingMode", "PAY_PER_REQUEST"})
		}
		resources = append(resources, field{"Connections", resource("AWS::DynamoDB::Table", p)})
	}
	if app.Authorizer != nil {
		p := object{
			{"ApiId", ref("Api")},
			{"Name", app.StackName() + "-authorizer"},
			{"AuthorizerType", "REQUEST"},
			{"AuthorizerUri", invocation(app.functionOf(ConnectKey))},
		}
		if len(app.IdentitySource) > 0 {
			p = append(p, field{"IdentitySource", app.IdentitySource})
		}
		resources = append(resources, field{"Authorizer", resource("AWS::ApiGatewayV2::Authorizer", p)})
	}
	return resources
}

// invocation is the address of a function for API Gateway.
func invocation(function string) object {
	return sub("arn:${AWS::Partition}:apigateway:${AWS::Region}:lambda:path/2015-03-31/functions/${" + function + ".Arn}/invocations")
}

// functions returns the logical ids of the functions, in the order of their first route.
func (app *App) functions() []string {
	var names []string
	for _, r := range app.Routes() {
		if f := or(r.Function, "App"); !slices.Contains(names, f) {
			names = append(names, f)
		}
	}
	return names
}

func (app *App) functionOf(key string) string {
	for _, r := range app.Routes() {
		if r.key == key {
			return or(r.Function, "App")
		}
	}
	return "App"
}

func (app *App) functionResources(f string, o templateOptions) object {
	variables := object{{endpointVariable, sub("https://${Api}.execute-api.${AWS::Region}.${AWS::URLSuffix}/" + app.StageName())}}
	if app.Table != nil {
		variables = append(variables, field{app.Table.VariableName(), ref("Connections")})
	}
	for _, name := range slices.Sorted(maps.Keys(app.Environment)) {
		variables = append(variables, field{name, app.Environment[name]})
	}
	p := object{}
	if o.name != nil {
		p = append(p, field{"FunctionName", o.name(f)})
	}
	p = append(p, object{
		{"CodeUri", o.code},
		{"Handler", "bootstrap"},
		{"Runtime", "provided.al2023"},
		{"Role", att(f+"Role", "Arn")},
		{"MemorySize", or(app.Memory, 128)},
		{"Timeout", int(or(app.Timeout, 29*time.Second).Seconds())},
		{"Environment", object{{"Variables", variables}}},
	}...)
	var statements list
	for _, s := range app.statements(f) {
		statements = append(statements, object{{"Effect", "Allow"}, {"Action", s.Actions}, {"Resource", list(s.Resources)}})
	}
	return object{
		{f + "Role", resource("AWS::IAM::Role", object{
			{"AssumeRolePolicyDocument", object{{"Version", "2012-10-17"}, {"Statement", list{object{
				{"Effect", "Allow"}, {"Action", "sts:AssumeRole"}, {"Principal", object{{"Service", "lambda.amazonaws.com"}}},
			}}}}},
			{"ManagedPolicyArns", list{sub("arn:${AWS::Partition}:iam::aws:policy/service-role/AWSLambdaBasicExecutionRole")}},
			{"Policies", list{object{{"PolicyName", "app"}, {"PolicyDocument", object{{"Version", "2012-10-17"}, {"Statement", statements}}}}}},
		})},
		{f, object{{"Type", "AWS::Serverless::Function"}, {"Metadata", object{{"BuildMethod", "go1.x"}}}, {"Properties", p}}},
		{f + "Permission", resource("AWS::Lambda::Permission", object{
			{"Action", "lambda:InvokeFunction"},
			{"FunctionName", ref(f)},
			{"Principal", "apigateway.amazonaws.com"},
			{"SourceArn", sub("arn:${AWS::Partition}:execute-api:${AWS::Region}:${AWS::AccountId}:${Api}/*")},
		})},
		{f + "Integration", resource("AWS::ApiGatewayV2::Integration", object{
			{"ApiId", ref("Api")}, {"IntegrationType", "AWS_PROXY"}, {"IntegrationUri", invocation(f)},
		})},
	}
}

// statements returns what a function may do.
func (app *App) statements(f string) []Statement {
	all := []Statement{{
		[]string{"execute-api:ManageConnections"},
		[]any{sub("arn:${AWS::Partition}:execute-api:${AWS::Region}:${AWS::AccountId}:${Api}/*")},
	}}
	if app.Table != nil {
		all = append(all, Statement{[]string{"dynamodb:PutItem", "dynamodb:DeleteItem", "dynamodb:Scan"}, []any{att("Connections", "Arn")}})
	}
	all = append(all, app.Statements...)
	for _, r := range app.Routes() {
		if or(r.Function, "App") == f {
			all = append(all, r.Statements...)
		}
	}
	return all
}

func (app *App) routeResources() object {
	var resources object
	used := map[string]int{}
	for _, r := range app.Routes() {
		id := logicalID(r.key)
		if used[id]++; used[id] > 1 {
			id += fmt.Sprint(used[id])
		}
		p := object{{"ApiId", ref("Api")}, {"RouteKey", r.key}}
		if r.OperationName != "" {
			p = append(p, field{"OperationName", r.OperationName})
		}
		if r.key == ConnectKey && app.Authorizer != nil {
			p = append(p, field{"AuthorizationType", "CUSTOM"}, field{"AuthorizerId", ref("Authorizer")})
		} else {
			p = append(p, field{"AuthorizationType", "NONE"})
		}
		if r.replies {
			p = append(p, field{"RouteResponseSelectionExpression", DefaultKey})
		}
		p = append(p, field{"Target", sub("integrations/${" + or(r.Function, "App") + "Integration}")})
		resources = append(resources, field{id + "Route", resource("AWS::ApiGatewayV2::Route", p)})
		if r.replies {
			resources = append(resources, field{id + "RouteResponse", resource("AWS::ApiGatewayV2::RouteResponse", object{
				{"ApiId", ref("Api")}, {"RouteId", ref(id + "Route")}, {"RouteResponseKey", DefaultKey},
			})})
		}
	}
	return resources
}

// logicalID makes a name for a route's resources of its key.
func logicalID(key string) string {
	var b strings.Builder
	upper := true
	for _, r := range key {
		switch {
		case r > unicode.MaxASCII || !unicode.IsLetter(r) && !unicode.IsDigit(r):
			upper = true
		case upper:
			b.WriteRune(unicode.ToUpper(r))
			upper = false
		default:
			b.WriteRune(r)
		}
	}
	return "On" + b.String()
}
