package server

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

// TestTasks_elsewhere has tasks call services of another server, which checks the signatures and speaks each protocol, and of one that this
// server knows nothing of.
func TestTasks_elsewhere(t *testing.T) {
	there, _ := run(t, Config{Data: t.TempDir(), Cache: t.TempDir(), Memory: true, EnforceIAM: true})
	key, _ := there.Credentials()
	t.Setenv("AWS_ACCESS_KEY_ID", key.AccessKeyID)
	t.Setenv("AWS_SECRET_ACCESS_KEY", key.Secret)
	t.Setenv("AWS_SESSION_TOKEN", "")
	var asked []string
	aws := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		signed := strings.Contains(r.Header.Get("Authorization"), "Credential="+key.AccessKeyID+"/")
		asked = append(asked, fmt.Sprint(r.Method, " ", r.URL.Path, " ", r.Header.Get("X-Amz-Target"), " ", signed, " ", string(body)))
		switch {
		case strings.HasSuffix(r.Header.Get("X-Amz-Target"), "DetectLabels"):
			fmt.Fprint(w, `{"Labels":[{"Name":"Dog","Confidence":99.5}]}`)
		case strings.HasSuffix(r.Header.Get("X-Amz-Target"), "RunTask"):
			fmt.Fprint(w, `{"tasks":[{"taskArn":"arn"}],"failures":[]}`)
		case strings.HasSuffix(r.URL.Path, "/invoke"):
			fmt.Fprint(w, `{"completion":"hello"}`)
		default:
			w.Header().Set("X-Amzn-Errortype", "InvalidImageFormatException:http://internal.amazon.com/")
			w.WriteHeader(400)
			fmt.Fprint(w, `{"Message":"bad picture"}`)
		}
	}))
	defer aws.Close()
	endpoints := map[string]string{"rekognition": aws.URL, "ecs": aws.URL, "bedrock": aws.URL}
	for _, name := range []string{"dynamodb", "sqs", "sns", "s3", "scheduler", "apigateway", "iam", "lambda", "events"} {
		endpoints[name] = there.Endpoint()
	}
	s, _ := run(t, Config{Data: t.TempDir(), Cache: t.TempDir(), Memory: true, Endpoints: endpoints})
	call(t, there, "dynamodb", "CreateTable", `{"TableName":"things","BillingMode":"PAY_PER_REQUEST","AttributeDefinitions":[{"AttributeName":"id","AttributeType":"S"}],"KeySchema":[{"AttributeName":"id","KeyType":"HASH"}]}`)
	call(t, there, "sqs", "CreateQueue", `{"QueueName":"queue"}`)
	topic := call(t, there, "sns", "CreateTopic", `{"Name":"news"}`)["TopicArn"].(string)
	call(t, there, "iam", "CreateRole", `{"RoleName":"r","AssumeRolePolicyDocument":"`+trustStates+`","Tags":[{"Key":"a","Value":"b"}]}`)
	callS3(t, there, "CreateBucket", `{"Bucket":"bucket"}`)
	callS3(t, there, "PutObject", `{"Bucket":"bucket","Key":"items.json","Body":"WzEsMl0="}`)
	queue := there.Endpoint() + "/000000000000/queue"
	for i, tt := range []struct{ resource, parameters, selector, want string }{
		{"dynamodb:putItem", `{"TableName":"things","Item":{"id":{"S":"1"},"n":{"N":"5"}}}`, `{"status.$":"$.SdkHttpMetadata.HttpStatusCode"}`, `{"status":200}`},
		{"aws-sdk:dynamodb:getItem", `{"TableName":"things","Key":{"id":{"S":"1"}}}`, `{"n.$":"$.Item.n.N"}`, `{"n":"5"}`},
		{"aws-sdk:dynamodb:getItem", `{"TableName":"none","Key":{"id":{"S":"1"}}}`, `{}`, "DynamoDb.ResourceNotFoundException Requested resource not found (Service: DynamoDb, Status Code: 400"},
		{"sqs:sendMessage", `{"QueueUrl":"` + queue + `","MessageBody":{"a":1}}`, `{"md5.$":"$.MD5OfMessageBody"}`, `{"md5":"bb6cb5c68df4652941caf652a366f2d8"}`},
		{"sns:publish", `{"TopicArn":"` + topic + `","Message":"hi","MessageAttributes":{"a":{"DataType":"String","StringValue":"b"}}}`, `{"one.$":"States.ArrayLength(States.Array($.MessageId))"}`, `{"one":1}`},
		{"aws-sdk:sns:listTopics", `{}`, `{"topics.$":"$.Topics"}`, `{"topics":[{"TopicArn":"` + topic + `"}]}`},
		{"aws-sdk:sns:getTopicAttributes", `{"TopicArn":"` + topic + `"}`, `{"arn.$":"$.Attributes.TopicArn"}`, `{"arn":"` + topic + `"}`},
		{"aws-sdk:sns:getTopicAttributes", `{"TopicArn":"` + topic + `x"}`, `{}`, "Sns.NotFoundException Topic does not exist (Service: Sns, Status Code: 404"},
		{"aws-sdk:iam:listRoleTags", `{"RoleName":"r"}`, `{"tags.$":"$.Tags"}`, `{"tags":[{"Key":"a","Value":"b"}]}`},
		{"aws-sdk:iam:tagRole", `{"RoleName":"r","Tags":[{"Key":"c","Value":"d"},{"Key":"e","Value":"f"}]}`, `{}`, `{}`},
		{"aws-sdk:iam:listRoleTags", `{"RoleName":"r"}`, `{"last.$":"$.Tags[2]"}`, `{"last":{"Key":"e","Value":"f"}}`},
		{"aws-sdk:scheduler:createScheduleGroup", `{"Name":"group"}`, `{"one.$":"$.ScheduleGroupArn"}`, `{"one":"arn:aws:scheduler:us-east-1:000000000000:schedule-group/group"}`},
		{"aws-sdk:scheduler:listScheduleGroups", `{"NamePrefix":"gr","MaxResults":5}`, `{"names.$":"$.ScheduleGroups[*].Name"}`, `{"names":["group"]}`},
		{"aws-sdk:apigatewayv2:createApi", `{"Name":"a","ProtocolType":"WEBSOCKET","RouteSelectionExpression":"$request.body.action"}`, `{"type.$":"$.ProtocolType"}`, `{"type":"WEBSOCKET"}`},
		{"lambda:invoke", `{"FunctionName":"none","Payload":{"a":1}}`, `{}`, "Lambda.ResourceNotFoundException Function not found: arn:aws:lambda:us-east-1:000000000000:function:none"},
		{"aws-sdk:s3:putObject", `{"Bucket":"bucket","Key":"a/b c","Body":{"a":1}}`, `{"tag.$":"$.ETag"}`, `{"tag":"\"bb6cb5c68df4652941caf652a366f2d8\""}`},
		{"aws-sdk:s3:getObject", `{"Bucket":"bucket","Key":"a/b c"}`, `{"body.$":"$.Body"}`, `{"body":"{\"a\":1}"}`},
		{"events:putEvents", `{"Entries":[{"Source":"a","DetailType":"b","Detail":{}}]}`, `{"failed.$":"$.FailedEntryCount"}`, `{"failed":0}`},
		{"aws-sdk:rekognition:detectLabels", `{"Image":{"S3Object":{"Bucket":"b","Name":"n"}}}`, `{"name.$":"$.Labels[0].Name"}`, `{"name":"Dog"}`},
		{"aws-sdk:rekognition:detectFaces", `{"Image":{}}`, `{}`, "Rekognition.InvalidImageFormatException bad picture (Service: Rekognition, Status Code: 400"},
		{"ecs:runTask", `{"Cluster":"c","TaskDefinition":"t"}`, `{"arn.$":"$.Tasks[0].TaskArn"}`, `{"arn":"arn"}`},
		{"bedrock:invokeModel", `{"ModelId":"anthropic.claude:0","Body":{"prompt":"hi"}}`, `{"said.$":"$.Body.completion"}`, `{"said":"hello"}`},
		{"aws-sdk:textract:detectDocumentText", `{"Document":{}}`, `{}`, "Textract.TextractException Sallyport does not have the service textract. Set endpoints.textract"},
		{"athena:stopQueryExecution", `{}`, `{}`, "States.TaskFailed Sallyport does not have the service athena, which the task arn:aws:states:::athena:stopQueryExecution needs: set endpoints.athena."},
		{"ecs:runTask.sync", `{"Cluster":"c"}`, `{}`, "States.TaskFailed Sallyport does not wait for jobs of the service ecs"},
	} {
		t.Run(strings.ReplaceAll(tt.resource, ":", "_"), func(t *testing.T) {
			m := machine(t, s, fmt.Sprint("m", i), "arn:aws:iam::000000000000:role/none",
				`{"Type":"Task","Resource":"arn:aws:states:::`+tt.resource+`","Parameters":`+tt.parameters+`,"ResultSelector":`+tt.selector+`,"End":true}`)
			out := execute(t, s, m, "{}")
			got := fmt.Sprint(out["output"])
			if out["output"] == nil {
				got = fmt.Sprint(out["error"], " ", out["cause"])
			}
			if !strings.HasPrefix(got, tt.want) {
				t.Errorf("gave %s, want %s", got, tt.want)
			}
		})
	}
	m := machine(t, s, "map", "arn:aws:iam::000000000000:role/none", `{"Type":"Map","End":true,"ItemReader":{"Resource":"arn:aws:states:::s3:getObject","Parameters":{"Bucket":"bucket","Key":"items.json"}},
		"ItemProcessor":{"ProcessorConfig":{"Mode":"DISTRIBUTED","ExecutionType":"STANDARD"},"StartAt":"P","States":{"P":{"Type":"Pass","End":true}}}}`)
	if out := execute(t, s, m, "{}"); out["output"] != "[1,2]" {
		t.Errorf("items from elsewhere: %v", out)
	}
	want := []string{
		`POST / RekognitionService.DetectLabels true {"Image":{"S3Object":{"Bucket":"b","Name":"n"}}}`,
		`POST / RekognitionService.DetectFaces true {"Image":{}}`,
		`POST / AmazonEC2ContainerServiceV20141113.RunTask true {"cluster":"c","taskDefinition":"t"}`,
		`POST /model/anthropic.claude:0/invoke  true {"prompt":"hi"}`,
	}
	if fmt.Sprint(asked) != fmt.Sprint(want) {
		t.Errorf("asked\n%s\nwant\n%s", strings.Join(asked, "\n"), strings.Join(want, "\n"))
	}
}
