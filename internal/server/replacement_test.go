package server

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"
)

// TestReplacements updates a stack whose table and permission change: some changes are made in place, others need a new resource.
func TestReplacements_DE064_DE065(t *testing.T) {
	s, _ := run(t, Config{Data: t.TempDir()})
	template := func(table, attributes, indexes, source string) string {
		return fmt.Sprintf(`{"Resources":{
			"T":{"Type":"AWS::DynamoDB::Table","Properties":{"TableName":%q,"BillingMode":"PAY_PER_REQUEST","AttributeDefinitions":[{"AttributeName":"id","AttributeType":"S"}%s],
				"KeySchema":[{"AttributeName":"id","KeyType":"HASH"}],"GlobalSecondaryIndexes":[%s]}},
			"R":{"Type":"AWS::IAM::Role","Properties":{"AssumeRolePolicyDocument":{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"Service":"lambda.amazonaws.com"},"Action":"sts:AssumeRole"}]}}},
			"F":{"Type":"AWS::Lambda::Function","Properties":{"FunctionName":"f","Runtime":"nodejs22.x","Handler":"index.handler","Role":{"Fn::GetAtt":"R.Arn"},"Code":{"ZipFile":"exports.handler=async()=>({})"}}},
			"P":{"Type":"AWS::Lambda::Permission","Properties":{"FunctionName":{"Ref":"F"},"Action":"lambda:InvokeFunction","Principal":"apigateway.amazonaws.com","SourceArn":%q}}}}`, table, attributes, indexes, source)
	}
	const source = "arn:aws:execute-api:us-east-1:000000000000:abcdefghij/"
	deployed(t, s, "s", template("first", "", "", source+"*"))
	call(t, s, "dynamodb", "PutItem", `{"TableName":"first","Item":{"id":{"S":"1"}}}`)
	before := statementID(t, s)

	const index = `{"IndexName":"byN","KeySchema":[{"AttributeName":"n","KeyType":"HASH"}],"Projection":{"ProjectionType":"ALL"}}`
	updated(t, s, "s", template("first", `,{"AttributeName":"n","AttributeType":"S"}`, index, source+"*/$connect"))
	table := call(t, s, "dynamodb", "DescribeTable", `{"TableName":"first"}`)["Table"].(map[string]any)
	if count := call(t, s, "dynamodb", "Scan", `{"TableName":"first"}`)["Count"]; fmt.Sprint(count) != "1" || len(table["GlobalSecondaryIndexes"].([]any)) != 1 {
		t.Errorf("after an index was added the table has %v items and %v", count, table["GlobalSecondaryIndexes"])
	}
	if after := statementID(t, s); after == before {
		t.Errorf("the statement is still %s", after)
	}
	updated(t, s, "s", template("second", `,{"AttributeName":"n","AttributeType":"S"}`, index, source+"*/$connect"))
	if names := fmt.Sprint(call(t, s, "dynamodb", "ListTables", `{}`)["TableNames"]); names != "[second]" {
		t.Errorf("after it was renamed there are the tables %s", names)
	}
}

// statementID returns the id of the only statement in the function's policy.
func statementID(t *testing.T, s *Server) string {
	t.Helper()
	var policy struct{ Statement []struct{ Sid string } }
	if err := json.Unmarshal([]byte(call(t, s, "lambda", "GetPolicy", `{"FunctionName":"f"}`)["Policy"].(string)), &policy); err != nil || len(policy.Statement) != 1 {
		t.Fatalf("policy %+v, %v", policy, err)
	}
	return policy.Statement[0].Sid
}

// updated changes a stack and waits for it.
func updated(t *testing.T, s *Server, name, template string) {
	t.Helper()
	in, _ := json.Marshal(map[string]any{"StackName": name, "TemplateBody": template, "Capabilities": []string{"CAPABILITY_NAMED_IAM"}})
	call(t, s, "cloudformation", "UpdateStack", string(in))
	status := ""
	within(t, time.Minute, func() bool {
		status = call(t, s, "cloudformation", "DescribeStacks", `{"StackName":"`+name+`"}`)["Stacks"].([]any)[0].(map[string]any)["StackStatus"].(string)
		return !strings.HasSuffix(status, "IN_PROGRESS")
	})
	if status != "UPDATE_COMPLETE" {
		t.Fatalf("%s: %v", status, call(t, s, "cloudformation", "DescribeStackEvents", `{"StackName":"`+name+`"}`))
	}
}
