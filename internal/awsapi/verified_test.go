package awsapi_test

import (
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/sallyport/sallyport/internal/awsapi"
)

// inside makes a request of this process, for a caller, to a service.
func inside(c awsapi.Caller, service, method, target, body string, header ...string) *http.Request {
	r := httptest.NewRequest(method, target, strings.NewReader(body))
	r.RemoteAddr = "0.0.0.0:0"
	for i := 0; i < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	return r.WithContext(awsapi.WithVerified(r.Context(), c, service))
}

func TestVerifiedRequests(t *testing.T) {
	ann := awsapi.Caller{Account: "000000000000", Region: "eu-west-1", ARN: "arn:aws:iam::000000000000:user/ann"}
	const formType = "application/x-www-form-urlencoded"
	h := newHandler(io.Discard, &decisions{}, true) // even a server that takes any key from this machine asks for one
	for _, tt := range []struct {
		name   string
		r      *http.Request
		status int
		want   string
	}{
		{"json_target", inside(ann, "dynamodb", "POST", "/", `{"TableName":"t"}`, "X-Amz-Target", "DynamoDB_20120810.DescribeTable"), 200, `"TableName":"t"`},
		{"rest_path", inside(ann, "lambda", "POST", "/2015-03-31/functions/f/invocations", `{"a":1}`), 200, `{"a":1}`},
		{"query_as_xml", inside(ann, "sts", "POST", "/", "Action=GetCallerIdentity", "Content-Type", formType), 200, "<UserId>eu-west-1</UserId>"},
		{"query_as_json", inside(ann, "sts", "POST", "/", "Action=GetCallerIdentity", "Content-Type", formType, "Accept", "application/json"), 200, `{"GetCallerIdentityResponse":{"GetCallerIdentityResult":{`},
		{"query_parameters_as_json", inside(ann, "sts", "POST", "/?Action=GetCallerIdentity", "", "Accept", "application/json"), 200, `"Arn":"arn:aws:iam::000000000000:user/ann"`},
		{"error_as_json", inside(ann, "sts", "POST", "/", "Action=Nothing", "Content-Type", formType, "Accept", "application/json"), 400, `{"Error":{"Code":"InvalidAction","Message":"Could not find operation Nothing for version 2011-06-15","Type":"Sender"},"RequestId":"`},
		{"other_service", inside(ann, "sqs", "POST", "/", `{"TableName":"t"}`, "X-Amz-Target", "DynamoDB_20120810.DescribeTable"), 400, "MissingAuthenticationToken"},
		{"not_verified", httptest.NewRequest("POST", "/2015-03-31/functions/f/invocations", nil), 403, "MissingAuthenticationToken"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			w := httptest.NewRecorder()
			h.ServeHTTP(w, tt.r)
			if w.Code != tt.status || !strings.Contains(w.Body.String()+w.Header().Get("X-Amzn-Errortype"), tt.want) {
				t.Errorf("got %d %s, want %d and %q", w.Code, w.Body, tt.status, tt.want)
			}
		})
	}
}
