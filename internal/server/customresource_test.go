package server

import (
	"fmt"
	"os"
	"os/exec"
	"testing"
)

// TestCustomResource has a function answer for a custom resource as those of the CDK do: it takes host and path of the URL, and nothing else.
func TestCustomResource_DE068(t *testing.T) {
	for _, tt := range []struct{ name, program, runtime, code string }{
		{"node", "node", "nodejs22.x", `const https = require('https'), url = require('url');
			exports.handler = (event) => new Promise((done, fail) => {
				const to = url.parse(event.ResponseURL), { StackId, RequestId, LogicalResourceId } = event;
				const body = JSON.stringify({ Status: 'SUCCESS', PhysicalResourceId: 'made', StackId, RequestId, LogicalResourceId, Data: { Said: 'hello' } });
				const r = https.request({ hostname: to.hostname, path: to.path, method: 'PUT', headers: { 'content-type': '', 'content-length': Buffer.byteLength(body) } }, (res) => { res.resume(); res.on('end', done) });
				r.on('error', fail); r.end(body);
			});`},
		{"python", "python3", "python3.12", `import json, urllib.request
def handler(event, context):
    body = {k: event[k] for k in ('StackId', 'RequestId', 'LogicalResourceId')}
    body.update(Status='SUCCESS', PhysicalResourceId='made', Data={'Said': 'hello'})
    urllib.request.urlopen(urllib.request.Request(event['ResponseURL'], data=json.dumps(body).encode(), method='PUT', headers={'content-type': ''}))
`},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if _, err := exec.LookPath(tt.program); err != nil {
				if os.Getenv("CI") == "true" {
					t.Fatalf("%s is missing", tt.program)
				}
				t.Skipf("%s is missing", tt.program)
			}
			s, _ := run(t, Config{Data: t.TempDir()})
			stack := deployed(t, s, "s", fmt.Sprintf(`{"Resources":{
				"R":{"Type":"AWS::IAM::Role","Properties":{"AssumeRolePolicyDocument":{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"Service":"lambda.amazonaws.com"},"Action":"sts:AssumeRole"}]}}},
				"F":{"Type":"AWS::Lambda::Function","Properties":{"Runtime":%q,"Handler":"index.handler","Timeout":30,"Role":{"Fn::GetAtt":"R.Arn"},"Code":{"ZipFile":%q}}},
				"C":{"Type":"Custom::Greeting","Properties":{"ServiceToken":{"Fn::GetAtt":"F.Arn"}}}},
				"Outputs":{"Said":{"Value":{"Fn::GetAtt":"C.Said"}},"ID":{"Value":{"Ref":"C"}}}}`, tt.runtime, tt.code))
			if got := fmt.Sprint(stack["Outputs"]); got != "[map[OutputKey:Said OutputValue:hello] map[OutputKey:ID OutputValue:made]]" {
				t.Errorf("outputs %s", got)
			}
		})
	}
}
