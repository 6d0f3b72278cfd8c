package lambda

import (
	"encoding/json"
	"os"
	"path/filepath"
	"testing"

	"github.com/sallyport/sallyport/internal/awsapi"
)

func TestQueueFrom(t *testing.T) {
	need(t, "node")
	s := start(t, nil)
	s.create("writes", "async e => require('fs').appendFileSync(e.file, e.text)")
	s.ok("AddPermission", object{"FunctionName": "writes", "StatementId": "s", "Action": "lambda:InvokeFunction", "Principal": "apigateway.amazonaws.com", "SourceArn": executeAPI + "api/*"})
	file := filepath.Join(t.TempDir(), "written")
	event, _ := json.Marshal(map[string]string{"file": file, "text": "done"})
	for _, tt := range []struct{ name, principal, source, function, event, code string }{
		{"no_permission", "apigateway.amazonaws.com", "other/prod/x", "writes", "{}", "AccessDeniedException"},
		{"no_function", "apigateway.amazonaws.com", "api/prod/x", "ghost", "{}", "ResourceNotFoundException"},
		{"no_alias", "arn:aws:iam::111111111111:role/r", "api/prod/x", "writes:live", "{}", "ResourceNotFoundException"},
		{"no_json", "apigateway.amazonaws.com", "api/prod/x", "writes", "hi", "InvalidRequestContentException"},
		{"accepted", "apigateway.amazonaws.com", "api/prod/x", "writes", string(event), ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if err := s.QueueFrom(admin(t), tt.principal, executeAPI+tt.source, arnFn+tt.function, []byte(tt.event)); awsapi.Code(err) != tt.code {
				t.Errorf("error %v, want %q", err, tt.code)
			}
		})
	}
	eventually(t, "the function to run", func() bool {
		got, _ := os.ReadFile(file)
		return string(got) == "done"
	})
}
