package server

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"
)

// machine makes a state machine of one state.
func machine(t *testing.T, s *Server, name, role, state string) (arn string) {
	t.Helper()
	in, err := json.Marshal(map[string]string{"name": name, "roleArn": role, "definition": `{"StartAt":"A","States":{"A":` + state + `}}`})
	if err != nil {
		t.Fatal(err)
	}
	return call(t, s, "states", "CreateStateMachine", string(in))["stateMachineArn"].(string)
}

// execute runs a state machine to its end.
func execute(t *testing.T, s *Server, machine, input string) map[string]any {
	t.Helper()
	in, err := json.Marshal(map[string]string{"stateMachineArn": machine, "input": input})
	if err != nil {
		t.Fatal(err)
	}
	x := call(t, s, "states", "StartExecution", string(in))["executionArn"].(string)
	for deadline := time.Now().Add(time.Minute); time.Now().Before(deadline); time.Sleep(5 * time.Millisecond) {
		if out := call(t, s, "states", "DescribeExecution", `{"executionArn":"`+x+`"}`); out["status"] != "RUNNING" {
			return out
		}
	}
	t.Fatalf("%s does not end", x)
	return nil
}

const trustStates = `{\"Version\":\"2012-10-17\",\"Statement\":[{\"Effect\":\"Allow\",\"Principal\":{\"Service\":\"states.amazonaws.com\"},\"Action\":\"sts:AssumeRole\"}]}`

// TestTaskRoles has the role of a state machine decide what its tasks may do.
func TestTaskRoles(t *testing.T) {
	s, _ := run(t, Config{Data: t.TempDir(), Cache: t.TempDir(), Memory: true, EnforceIAM: true})
	const role = "arn:aws:iam::000000000000:role/machine"
	call(t, s, "iam", "CreateRole", `{"RoleName":"machine","AssumeRolePolicyDocument":"`+trustStates+`"}`)
	call(t, s, "dynamodb", "CreateTable", `{"TableName":"things","BillingMode":"PAY_PER_REQUEST","AttributeDefinitions":[{"AttributeName":"id","AttributeType":"S"}],"KeySchema":[{"AttributeName":"id","KeyType":"HASH"}]}`)
	call(t, s, "sqs", "CreateQueue", `{"QueueName":"queue"}`)
	callS3(t, s, "CreateBucket", `{"Bucket":"bucket"}`)
	queue := "https://sqs.us-east-1.amazonaws.com/000000000000/queue"
	for _, tt := range []struct {
		name, state, action, resource string
		code, cause                   string // when it is not allowed
	}{
		{
			"dynamodb", `{"Type":"Task","Resource":"arn:aws:states:::dynamodb:putItem","Parameters":{"TableName":"things","Item":{"id":{"S":"1"}}},"End":true}`,
			"dynamodb:PutItem", "arn:aws:dynamodb:us-east-1:000000000000:table/things", "DynamoDB.AmazonDynamoDBException",
			"is not authorized to perform: dynamodb:PutItem on resource: arn:aws:dynamodb:us-east-1:000000000000:table/things because no identity-based policy allows the dynamodb:PutItem action (Service: AmazonDynamoDBv2; Status Code: 400; Error Code: AccessDeniedException;",
		},
		{
			"sdk", `{"Type":"Task","Resource":"arn:aws:states:::aws-sdk:dynamodb:getItem","Parameters":{"TableName":"things","Key":{"id":{"S":"1"}}},"End":true}`,
			"dynamodb:GetItem", "arn:aws:dynamodb:us-east-1:000000000000:table/things", "DynamoDb.DynamoDbException", "(Service: DynamoDb, Status Code: 400, Request ID:",
		},
		{
			"sqs", `{"Type":"Task","Resource":"arn:aws:states:::sqs:sendMessage","Parameters":{"QueueUrl":"` + queue + `","MessageBody":{"a":1}},"End":true}`,
			"sqs:SendMessage", "arn:aws:sqs:us-east-1:000000000000:queue", "SQS.AmazonSQSException", "is not authorized to perform: sqs:SendMessage on resource: arn:aws:sqs:us-east-1:000000000000:queue",
		},
		{
			"events", `{"Type":"Task","Resource":"arn:aws:states:::events:putEvents","Parameters":{"Entries":[{"Source":"a","DetailType":"b","Detail":{}}]},"End":true}`,
			"events:PutEvents", "arn:aws:events:us-east-1:000000000000:event-bus/default", "EventBridge.AmazonEventBridgeException", "event-bus/default",
		},
		{
			"s3", `{"Type":"Task","Resource":"arn:aws:states:::aws-sdk:s3:putObject","Parameters":{"Bucket":"bucket","Key":"k","Body":{"a":1}},"End":true}`,
			"s3:PutObject", "arn:aws:s3:::bucket/*", "S3.S3Exception", "is not authorized to perform: s3:PutObject on resource: arn:aws:s3:::bucket/k",
		},
		{
			"another machine", `{"Type":"Task","Resource":"arn:aws:states:::states:startExecution","Parameters":{"StateMachineArn":"arn:aws:states:us-east-1:000000000000:stateMachine:none"},"End":true}`,
			"states:StartExecution", "arn:aws:states:us-east-1:000000000000:stateMachine:none", "StepFunctions.AWSStepFunctionsException", "states:StartExecution",
		},
	} {
		t.Run(tt.name, func(t *testing.T) {
			m := machine(t, s, strings.ReplaceAll(tt.name, " ", "-"), role, tt.state)
			out := execute(t, s, m, "{}")
			if out["error"] != tt.code || !strings.Contains(fmt.Sprint(out["cause"]), tt.cause) || !strings.HasPrefix(fmt.Sprint(out["cause"]), "User: arn:aws:sts::000000000000:assumed-role/machine/") {
				t.Errorf("without a policy: %v, %v", out["error"], out["cause"])
			}
			doc, _ := json.Marshal(`{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"` + tt.action + `","Resource":"` + tt.resource + `"}]}`)
			call(t, s, "iam", "PutRolePolicy", `{"RoleName":"machine","PolicyName":"`+strings.ReplaceAll(tt.name, " ", "-")+`","PolicyDocument":`+string(doc)+`}`)
			for deadline := time.Now().Add(time.Minute); ; time.Sleep(10 * time.Millisecond) { // until the policy is seen
				out = execute(t, s, m, "{}")
				if out["error"] != tt.code || !time.Now().Before(deadline) {
					break
				}
			}
			if out["status"] != "SUCCEEDED" && out["error"] != "StepFunctions.StateMachineDoesNotExistException" {
				t.Errorf("with a policy: %v, %v", out["error"], out["cause"])
			}
		})
	}
	t.Run("trust", func(t *testing.T) {
		call(t, s, "iam", "CreateRole", `{"RoleName":"other","AssumeRolePolicyDocument":"`+strings.Replace(trustStates, "states.", "lambda.", 1)+`"}`)
		_, err := s.Call(t.Context(), "states", "CreateStateMachine", []byte(`{"name":"m","roleArn":"arn:aws:iam::000000000000:role/other","definition":"{\"StartAt\":\"A\",\"States\":{\"A\":{\"Type\":\"Succeed\"}}}"}`))
		if want := "Neither the global service principal states.amazonaws.com, nor the regional one is authorized to assume the provided role."; err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("CreateStateMachine: %v, want %q", err, want)
		}
	})
	t.Run("credentials", func(t *testing.T) {
		m := machine(t, s, "credentials", role, `{"Type":"Task","Resource":"arn:aws:states:::dynamodb:getItem","Credentials":{"RoleArn":"arn:aws:iam::000000000000:role/other"},"Parameters":{"TableName":"things","Key":{"id":{"S":"1"}}},"End":true}`)
		if out := execute(t, s, m, "{}"); out["error"] != "States.TaskFailed" || out["cause"] != "The role "+role+" is not authorized to assume the task state's role, arn:aws:iam::000000000000:role/other." {
			t.Errorf("with a role that trusts somebody else: %v, %v", out["error"], out["cause"])
		}
	})
}

func callS3(t *testing.T, s *Server, operation, in string) map[string]any {
	t.Helper()
	out, err := s.tasks.Call(s.Admin(t.Context()), "s3", operation, []byte(in))
	if err != nil {
		t.Fatalf("%s: %v", operation, err)
	}
	var answer map[string]any
	if err := json.Unmarshal(out, &answer); err != nil {
		t.Fatal(err)
	}
	return answer
}

// TestTasks_lax runs the tasks of machines whose role is not there, or is somebody else's, where policies are not enforced.
func TestTasks_lax(t *testing.T) {
	s, _ := run(t, Config{Data: t.TempDir(), Cache: t.TempDir(), Memory: true})
	callS3(t, s, "CreateBucket", `{"Bucket":"bucket"}`)
	for _, role := range []string{"arn:aws:iam::000000000000:role/none", "arn:aws:iam::123456789012:role/somebodys"} {
		m := machine(t, s, role[len(role)-4:], role, `{"Type":"Task","Resource":"arn:aws:states:::aws-sdk:s3:putObject","Parameters":{"Bucket":"bucket","Key":"k","Body":{"a":1}},"ResultSelector":{"ETag.$":"$.ETag"},"End":true}`)
		if out := execute(t, s, m, "{}"); out["output"] != `{"ETag":"\"bb6cb5c68df4652941caf652a366f2d8\""}` {
			t.Errorf("with role %s: %v", role, out)
		}
	}
}

// TestDistributedMap_SF040 reads items from S3 and writes results there.
func TestDistributedMap_SF040(t *testing.T) {
	s, _ := run(t, Config{Data: t.TempDir(), Cache: t.TempDir(), Memory: true})
	callS3(t, s, "CreateBucket", `{"Bucket":"bucket"}`)
	for key, body := range map[string]string{
		"in/a.csv": "bixhCjEseAoyLHkK", "in/b.jsonl": "eyJuIjoxfQp7Im4iOjJ9Cg==", "in/c.json": "W3sibiI6MX1d", "in/d.json": "MQ==",
	} {
		callS3(t, s, "PutObject", `{"Bucket":"bucket","Key":"`+key+`","Body":"`+body+`"}`)
	}
	for _, tt := range []struct{ name, reader, output string }{
		{"csv", `"Resource":"arn:aws:states:::s3:getObject","ReaderConfig":{"InputType":"CSV","CSVHeaderLocation":"FIRST_ROW"},"Parameters":{"Bucket":"bucket","Key":"in/a.csv"}`, `[{"n":"1","a":"x"},{"n":"2","a":"y"}]`},
		{"jsonl", `"Resource":"arn:aws:states:::s3:getObject","ReaderConfig":{"InputType":"JSONL"},"Parameters":{"Bucket":"bucket","Key":"in/b.jsonl"}`, `[{"n":1},{"n":2}]`},
		{"json", `"Resource":"arn:aws:states:::s3:getObject","ReaderConfig":{"InputType":"JSON","MaxItems":10},"Parameters":{"Bucket":"bucket","Key":"in/c.json"}`, `[{"n":1}]`},
		{"no list", `"Resource":"arn:aws:states:::s3:getObject","ReaderConfig":{"InputType":"JSON"},"Parameters":{"Bucket":"bucket","Key":"in/d.json"}`, ""},
		{"no object", `"Resource":"arn:aws:states:::s3:getObject","ReaderConfig":{"InputType":"JSON"},"Parameters":{"Bucket":"bucket","Key":"none"}`, ""},
		{"objects", `"Resource":"arn:aws:states:::s3:listObjectsV2","ReaderConfig":{"MaxItems":2},"Parameters":{"Bucket":"bucket","Prefix":"in/"}`, `"Key":"in/a.csv"`},
	} {
		t.Run(tt.name, func(t *testing.T) {
			definition := func(writer string) string {
				return `{"Type":"Map","End":true,"ItemReader":{` + tt.reader + `},` + writer + `"ItemProcessor":{"ProcessorConfig":{"Mode":"DISTRIBUTED","ExecutionType":"EXPRESS"},"StartAt":"P","States":{"P":{"Type":"Pass","End":true}}}}`
			}
			name := strings.ReplaceAll(tt.name, " ", "-")
			out := execute(t, s, machine(t, s, name, "arn:aws:iam::000000000000:role/none", definition("")), "{}")
			switch {
			case tt.output == "" && out["error"] != "States.ItemReaderFailed":
				t.Errorf("%v, want States.ItemReaderFailed", out)
			case tt.output != "" && !strings.Contains(fmt.Sprint(out["output"]), tt.output):
				t.Errorf("%v, want %s", out, tt.output)
			}
			if tt.output == "" {
				return
			}
			out = execute(t, s, machine(t, s, name+"-written", "arn:aws:iam::000000000000:role/none",
				definition(`"ResultWriter":{"Resource":"arn:aws:states:::s3:putObject","Parameters":{"Bucket":"bucket","Prefix":"out"},"WriterConfig":{"Transformation":"COMPACT","OutputType":"JSON"}},`)), "{}")
			var written struct{ ResultWriterDetails struct{ Bucket, Key string } }
			if err := json.Unmarshal([]byte(fmt.Sprint(out["output"])), &written); err != nil {
				t.Fatalf("%v: %v", out, err)
			}
			results := strings.Replace(written.ResultWriterDetails.Key, "manifest.json", "SUCCEEDED_0.json", 1)
			body, err := base64.StdEncoding.DecodeString(callS3(t, s, "GetObject", `{"Bucket":"bucket","Key":"`+results+`"}`)["Body"].(string))
			if err != nil || !strings.Contains(string(body), tt.output) {
				t.Errorf("%s has %s (%v), want %s", results, body, err, tt.output)
			}
		})
	}
}
