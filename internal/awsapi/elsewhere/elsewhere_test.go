package elsewhere_test

import (
	"encoding/json"
	"errors"
	"net/http"
	"strings"
	"testing"

	"github.com/sallyport/sallyport/internal/awsapi/elsewhere"
)

func TestRequest(t *testing.T) {
	for _, tt := range []struct{ service, operation, in, method, path, body string }{
		{"rekognition", "DetectText", `{"Image":{"Bytes":"aGk="}}`, "POST", "/", `{"Image":{"Bytes":"aGk="}}`},
		{"codebuild", "StartBuild", `{"ProjectName":"p","EnvironmentVariablesOverride":[{"Name":"A","Value":"b"}]}`, "POST", "/", `{"environmentVariablesOverride":[{"name":"A","value":"b"}],"projectName":"p"}`},
		{"ecs", "RegisterTaskDefinition", `{"Family":"f","ContainerDefinitions":[{"DockerLabels":{"Own":"Case"}}]}`, "POST", "/", `{"containerDefinitions":[{"dockerLabels":{"Own":"Case"}}],"family":"f"}`},
		{"batch", "SubmitJob", `{"JobName":"j","JobQueue":"q","JobDefinition":"d"}`, "POST", "/v1/submitjob", `{"jobDefinition":"d","jobName":"j","jobQueue":"q"}`},
		{"eks", "DescribeCluster", `{"Name":"a b"}`, "GET", "/clusters/a%20b", ""},
		{"eks", "ListClusters", `{"MaxResults":5}`, "GET", "/clusters", ""},
		{"bedrock", "InvokeModel", `{"ModelId":"a:0","ContentType":"text/plain","Body":"aGk="}`, "POST", "/model/a:0/invoke", "hi"},
	} {
		t.Run(tt.service+" "+tt.operation, func(t *testing.T) {
			s := elsewhere.For(tt.service, tt.operation)
			if s == nil {
				t.Fatal("the service is unknown")
			}
			r, err := s.Request(tt.operation, []byte(tt.in))
			if err != nil || r.Method != tt.method || r.Path != tt.path || string(r.Body) != tt.body {
				t.Errorf("%+v %s, %v", r, r.Body, err)
			}
		})
	}
	if s := elsewhere.For("eks", "NoSuchThing"); s != nil {
		t.Errorf("an operation that is not there is one of %s", s.SDK)
	}
	if _, err := elsewhere.Find("eks").Request("NoSuchThing", []byte("{}")); !errors.Is(err, elsewhere.ErrNoOperation) {
		t.Error(err)
	}
	if _, err := elsewhere.Find("eks").Request("DescribeCluster", []byte("{}")); err == nil {
		t.Error("a cluster without a name was asked for")
	}
	if s := elsewhere.Find("databasemigration"); s.Class != "DatabaseMigration" || s.Host != "dms" {
		t.Error(s)
	}
}

// FuzzAnswer: any answer is an error or a JSON object.
func FuzzAnswer(f *testing.F) {
	f.Add("ecs", "RunTask", []byte(`{"tasks":[{"tags":[{"key":"A"}]}]}`))
	f.Add("bedrock", "InvokeModel", []byte("plain \xff"))
	f.Fuzz(func(t *testing.T, service, operation string, body []byte) {
		s := elsewhere.For(service, operation)
		if s == nil {
			return
		}
		r, err := s.Request(operation, []byte(`{"ModelId":"m","Name":"n"}`))
		if err != nil {
			return
		}
		out, err := s.Answer(r, http.Header{"Content-Type": {"x"}}, body)
		if err == nil && (!json.Valid(out) || !strings.HasPrefix(string(out), "{")) {
			t.Errorf("%q gives %q", body, out)
		}
	})
}
