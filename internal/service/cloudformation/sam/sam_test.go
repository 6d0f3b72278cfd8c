package sam_test

import (
	"encoding/json"
	"errors"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/sallyport/sallyport/internal/service/cloudformation/sam"
	"github.com/sallyport/sallyport/internal/service/cloudformation/template"
)

// transform returns the resources that a template becomes, or the error.
func transform(t *testing.T, text string) (map[string]any, error) {
	t.Helper()
	d, err := template.Parse([]byte(text))
	if err != nil {
		t.Fatal(err)
	}
	out, err := sam.Transform(d, environment())
	if err != nil {
		return nil, err
	}
	b, err := json.Marshal(out.Root)
	if err != nil {
		t.Fatal(err)
	}
	var root map[string]any
	if err := json.Unmarshal(b, &root); err != nil {
		t.Fatal(err)
	}
	return root, nil
}

// at returns the value at a path, or nil.
func at(v any, path ...any) any {
	for _, p := range path {
		switch p := p.(type) {
		case string:
			m, _ := v.(map[string]any)
			v = m[p]
		case int:
			l, _ := v.([]any)
			if p >= len(l) {
				return nil
			}
			v = l[p]
		}
	}
	return v
}

func TestFunction(t *testing.T) {
	root, err := transform(t, `
Globals: {Function: {Runtime: nodejs22.x, Environment: {Variables: {A: global, B: global}}}}
Resources:
  Table: {Type: AWS::Serverless::SimpleTable}
  Fn:
    Type: AWS::Serverless::Function
    Properties:
      InlineCode: exports.handler = 1
      Handler: index.handler
      AutoPublishAlias: live
      Environment: {Variables: {B: own}}
      Policies:
        - DynamoDBCrudPolicy: {TableName: !Ref Table}
        - AWSLambdaRole
        - Statement: [{Effect: Allow, Action: 'execute-api:ManageConnections', Resource: '*'}]
      Events:
        Tick: {Type: Schedule, Properties: {Schedule: rate(1 minute)}}
        Stream: {Type: DynamoDB, Properties: {Stream: !GetAtt Table.StreamArn, StartingPosition: LATEST}}
Outputs: {Alias: {Value: !Ref Fn.Alias}}
`)
	if err != nil {
		t.Fatal(err)
	}
	r := root["Resources"].(map[string]any)
	for _, tt := range []struct {
		name string
		got  any
		want any
	}{
		{"DE-072 trust", at(r, "FnRole", "Properties", "AssumeRolePolicyDocument", "Statement", 0, "Principal", "Service", 0), "lambda.amazonaws.com"},
		{"DE-073 first policy", at(r, "FnRole", "Properties", "Policies", 0, "PolicyName"), "FnRolePolicy0"},
		{"DE-073 third policy", at(r, "FnRole", "Properties", "Policies", 1, "PolicyName"), "FnRolePolicy2"},
		{"DE-074 environment", at(r, "Fn", "Properties", "Environment", "Variables"), map[string]any{"A": "global", "B": "own"}},
		{"DE-076 inline code", at(r, "Fn", "Properties", "Code", "ZipFile"), "exports.handler = 1"},
		{"DE-078 target", at(r, "FnTick", "Properties", "Targets", 0, "Id"), "FnTickLambdaTarget"},
		{"DE-078 permission", at(r, "FnTickPermission", "Properties", "Principal"), "events.amazonaws.com"},
		{"DE-079 mapping", at(r, "FnStream", "Type"), "AWS::Lambda::EventSourceMapping"},
		{"DE-079 policy", at(r, "FnRole", "Properties", "ManagedPolicyArns", 2), "arn:aws:iam::aws:policy/service-role/AWSLambdaDynamoDBExecutionRole"},
		{"DE-080 alias", at(r, "FnAliaslive", "Properties", "Name"), "live"},
		{"DE-080 reference", at(root, "Outputs", "Alias", "Value", "Ref"), "FnAliaslive"},
		{"DE-082 key", at(r, "Table", "Properties", "AttributeDefinitions", 0), map[string]any{"AttributeName": "id", "AttributeType": "S"}},
		{"DE-082 billing", at(r, "Table", "Properties", "BillingMode"), "PAY_PER_REQUEST"},
		{"no transform is left", root["Transform"], nil},
		{"no globals are left", root["Globals"], nil},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if diff := cmp.Diff(tt.want, tt.got); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestWebSocketAPI_DE084_DE085_DE086(t *testing.T) {
	root, err := transform(t, `
Parameters: {Stage: {Type: String, Default: x}}
Resources:
  Fn: {Type: AWS::Serverless::Function, Properties: {InlineCode: x, Handler: i.h, Runtime: nodejs22.x}}
  W:
    Type: AWS::Serverless::WebSocketApi
    Properties:
      RouteSelectionExpression: $request.body.action
      Auth: {AuthType: CUSTOM, AuthArn: !GetAtt Fn.Arn, IdentitySource: [route.request.querystring.t]}
      Routes:
        $connect: {FunctionArn: !GetAtt Fn.Arn}
        sendMessage: {FunctionArn: !GetAtt Fn.Arn, IntegrationTimeout: 5000}
  P: {Type: AWS::Serverless::WebSocketApi, Properties: {StageName: prod, RouteSelectionExpression: x, Routes: {$default: {FunctionArn: a}}}}
  I: {Type: AWS::Serverless::WebSocketApi, Properties: {StageName: !Ref Stage, RouteSelectionExpression: x, Routes: {$default: {FunctionArn: a}}}}
Outputs: {Stage: {Value: !Sub "${W.Stage}"}}
`)
	if err != nil {
		t.Fatal(err)
	}
	r := root["Resources"].(map[string]any)
	for id, want := range map[string]string{
		"W": "AWS::ApiGatewayV2::Api", "WConnectRoute": "AWS::ApiGatewayV2::Route", "WSendmessageRoute": "AWS::ApiGatewayV2::Route",
		"WSendmessageIntegration": "AWS::ApiGatewayV2::Integration", "WSendmessagePermission": "AWS::Lambda::Permission", "WDefaultStage": "AWS::ApiGatewayV2::Stage", // DE-084
		"PprodStage": "AWS::ApiGatewayV2::Stage", "IStage": "AWS::ApiGatewayV2::Stage", // DE-085
		"WConnectAuthorizer": "AWS::ApiGatewayV2::Authorizer", "WAuthorizerPermission": "AWS::Lambda::Permission", // DE-086
	} {
		if got := at(r, id, "Type"); got != want {
			t.Errorf("%s is %v, want %s", id, got, want)
		}
	}
	if got := at(root, "Outputs", "Stage", "Value", "Fn::Sub"); got != "${WDefaultStage}" {
		t.Errorf("DE-088 stage is %v", got)
	}
	if got := at(r, "WSendmessageIntegration", "Properties", "TimeoutInMillis"); got != 5000.0 {
		t.Errorf("timeout is %v", got)
	}
}

func TestLayer_DE081(t *testing.T) {
	root, err := transform(t, `
Resources:
  L: {Type: AWS::Serverless::LayerVersion, Properties: {ContentUri: s3://b/k}}
  Fn: {Type: AWS::Serverless::Function, Properties: {InlineCode: x, Handler: i.h, Runtime: nodejs22.x, Layers: [!Ref L]}}
`)
	if err != nil {
		t.Fatal(err)
	}
	id, _ := at(root, "Resources", "Fn", "Properties", "Layers", 0, "Ref").(string)
	if len(id) != 11 || at(root, "Resources", id, "Properties", "LayerName") != "L" {
		t.Errorf("layer is %q", id)
	}
}

func TestStateMachine_DE083(t *testing.T) {
	root, err := transform(t, `
Resources:
  S:
    Type: AWS::Serverless::StateMachine
    Properties:
      Definition: {StartAt: A, States: {A: {Type: Task, Resource: "${F}", End: true, Own: !Ref AWS::Region}}}
      DefinitionSubstitutions: {F: !GetAtt Fn.Arn}
  Fn: {Type: AWS::Serverless::Function, Properties: {InlineCode: x, Handler: i.h, Runtime: nodejs22.x}}
`)
	if err != nil {
		t.Fatal(err)
	}
	want := map[string]any{"F": map[string]any{"Fn::GetAtt": []any{"Fn", "Arn"}}, "definition_substitution_1": map[string]any{"Ref": "AWS::Region"}}
	if diff := cmp.Diff(want, at(root, "Resources", "S", "Properties", "DefinitionSubstitutions")); diff != "" {
		t.Error(diff)
	}
}

func TestErrors(t *testing.T) {
	for _, tt := range []struct {
		name, text, want string
		line             int
	}{
		{"DE-075 globals", "Globals: {SimpleTable: {Foo: 1}}\nResources: {T: {Type: AWS::Serverless::SimpleTable}}", "'Globals' section is invalid. 'Foo' is not a supported property of 'SimpleTable'. Must be one of the following values - ['SSESpecification']", 1},
		{"DE-077 local code", "Resources:\n  F: {Type: AWS::Serverless::Function, Properties: {CodeUri: ./src, Handler: h, Runtime: r}}", "Resource with id [F] is invalid. 'CodeUri' is not a valid S3 Uri of the form 's3://bucket/key' with optional versionId query parameter.", 2},
		{"DE-087 route", "Resources:\n  W: {Type: AWS::Serverless::WebSocketApi, Properties: {RouteSelectionExpression: x, Routes: {send-message: {FunctionArn: a}}}}", "Resource with id [W] is invalid. Route key 'send-message' must be alphanumeric. Only $connect, $disconnect, and $default special routes are supported.", 2},
		{"no function", "Resources:\n  W: {Type: AWS::Serverless::WebSocketApi, Properties: {RouteSelectionExpression: x, Routes: {a: {}}}}", "Resource with id [W] is invalid. Route must have associated function.", 2},
		{"unknown property", "Resources:\n  F: {Type: AWS::Serverless::Function, Properties: {Foo: 1}}", "Resource with id [F] is invalid. property Foo not defined for resource of type AWS::Serverless::Function", 2},
		{"taken id", "Resources:\n  F: {Type: AWS::Serverless::Function, Properties: {InlineCode: x, Handler: h, Runtime: r}}\n  FRole: {Type: T}", `Transforming resource with id [F] attempts to create a new resource with id [FRole] and type "AWS::IAM::Role". A resource with that id already exists within this template. Please use a different id for that resource.`, 2},
	} {
		t.Run(tt.name, func(t *testing.T) {
			_, err := transform(t, tt.text)
			var e *sam.Error
			if !errors.As(err, &e) || e.Message() != "Invalid Serverless Application Specification document. Number of errors found: 1. "+tt.want || e.Line != tt.line {
				t.Errorf("error is %v (line %d), want line %d of %s", err, e.Line, tt.line, tt.want)
			}
		})
	}
}

func TestManagedPolicyARN(t *testing.T) {
	for name, want := range map[string]string{
		"AWSLambdaExecute": "arn:aws:iam::aws:policy/AWSLambdaExecute", "AWSLambdaVPCAccessExecutionRole": "arn:aws:iam::aws:policy/service-role/AWSLambdaVPCAccessExecutionRole",
	} {
		if got, ok := sam.ManagedPolicyARN(name); !ok || got != want {
			t.Errorf("ManagedPolicyARN(%s) = %s, %t", name, got, ok)
		}
	}
	if _, ok := sam.ManagedPolicyARN("Nobodys"); ok {
		t.Error("Nobodys is known")
	}
}

// FuzzTransform holds that no template makes the transform panic, and that what it makes has no type of its own left that it knows.
func FuzzTransform(f *testing.F) {
	f.Add(`{"Globals":{"Function":{"Runtime":"x","Layers":[1]}},"Resources":{"F":{"Type":"AWS::Serverless::Function","Properties":{"InlineCode":"x","Handler":"h","Policies":[{"S3CrudPolicy":{"BucketName":{"Ref":"B"}}},{"Fn::If":["C","a",{"Ref":"AWS::NoValue"}]}],"Events":{"A":{"Type":"S3","Properties":{"Bucket":{"Ref":"B"},"Events":"x"}}}}},"B":{"Type":"AWS::S3::Bucket"}}}`)
	f.Add(`{"Resources":{"W":{"Type":"AWS::Serverless::WebSocketApi","Properties":{"Routes":{"$connect":{"FunctionArn":1}},"RouteSelectionExpression":"x","Auth":{"AuthType":"CUSTOM","AuthArn":"a"},"Domain":{"DomainName":"d","CertificateArn":"c","BasePath":["a"],"Route53":{"HostedZoneId":"z"}}}}}}`)
	f.Add(`{"Resources":{"S":{"Type":"AWS::Serverless::StateMachine","Properties":{"Definition":{"a":[{"Ref":"x"}]},"Events":{"E":{"Type":"ScheduleV2","Properties":{"ScheduleExpression":"x"}}}}},"L":{"Type":"AWS::Serverless::LayerVersion","Properties":{"ContentUri":{"Bucket":"b","Key":"k"}}}}}`)
	f.Add(`{"Resources":{"F":{"Type":"AWS::Serverless::Function","Properties":{"InlineCode":"x","Handler":"h","Runtime":"r","AutoPublishAlias":"live","DeadLetterQueue":{"Type":"SQS","TargetArn":"a"},"EventInvokeConfig":{"DestinationConfig":{"OnFailure":{"Type":"SNS"}}},"DeploymentPreference":{"Type":"AllAtOnce","Alarms":[]},"FunctionUrlConfig":{"AuthType":"NONE"}}}}}`)
	f.Fuzz(func(t *testing.T, text string) {
		d, err := template.Parse([]byte(text))
		if err != nil {
			return
		}
		before, _ := json.Marshal(d.Root)
		out, err := sam.Transform(d, environment())
		if after, _ := json.Marshal(d.Root); string(after) != string(before) {
			t.Error("the transform changes its input")
		}
		if err != nil {
			return
		}
		for id, r := range out.Root["Resources"].(map[string]any) {
			if typ := at(r, "Type"); typ == "AWS::Serverless::Function" || typ == "AWS::Serverless::WebSocketApi" {
				t.Errorf("%s is still a %s", id, typ)
			}
		}
	})
}

func TestConnector_DE089(t *testing.T) {
	root, err := transform(t, `
Resources:
  Fn:
    Type: AWS::Serverless::Function
    Properties: {InlineCode: x, Handler: i.h, Runtime: nodejs22.x}
    Connectors: {Own: {Properties: {Destination: {Id: Table}, Permissions: [Read]}}}
  Table: {Type: AWS::Serverless::SimpleTable}
  C: {Type: AWS::Serverless::Connector, Properties: {Source: {Id: Fn}, Destination: {Id: Table}, Permissions: [Write]}}
`)
	if err != nil {
		t.Fatal(err)
	}
	r := root["Resources"].(map[string]any)
	for id, action := range map[string]string{"FnOwnPolicy": "dynamodb:GetItem", "CPolicy": "dynamodb:PutItem"} {
		if at(r, id, "Properties", "Roles", 0, "Ref") != "FnRole" || at(r, id, "Properties", "PolicyDocument", "Statement", 0, "Action", 0) != action {
			t.Errorf("%s is %v", id, r[id])
		}
	}
	if at(r, "Fn", "Connectors") != nil || r["C"] != nil {
		t.Error("connectors are left")
	}
	_, err = transform(t, "Resources:\n  T: {Type: AWS::SNS::Topic}\n  C: {Type: AWS::Serverless::Connector, Properties: {Source: {Id: T}, Destination: {Id: T}, Permissions: [Write]}}")
	if err == nil {
		t.Error("a connector between topics is made")
	}
}
