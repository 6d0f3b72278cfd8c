package cloudformation_test

import (
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"github.com/sallyport/sallyport/internal/awsapi"
	"github.com/sallyport/sallyport/internal/service/cloudformation"
)

// TestWire posts forms as clients do, and looks at the XML.
func TestWire(t *testing.T) {
	w := start(t, cloudformation.Options{})
	log := slog.New(slog.NewTextHandler(t.Output(), nil))
	gate := awsapi.NewGatekeeper(anyone{}, log, awsapi.GateOptions{Permissive: true, Account: "111111111111"})
	server := httptest.NewServer(awsapi.Handler(awsapi.NewCatalog([]awsapi.Service{w.Service}), gate, anyone{}, awsapi.Options{Log: log, Region: "us-east-1"}))
	defer server.Close()
	post := func(form url.Values) (int, string) {
		form.Set("Version", "2010-05-15")
		r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, server.URL, strings.NewReader(form.Encode()))
		if err != nil {
			t.Fatal(err)
		}
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		r.Header.Set("X-Amz-Date", "20261120T060000Z")
		r.Header.Set("Authorization", "AWS4-HMAC-SHA256 Credential=AKIAXXXXXXXXXXXXXXXX/20261120/us-east-1/cloudformation/aws4_request, SignedHeaders=host;x-amz-date, Signature="+strings.Repeat("0", 64))
		res, err := http.DefaultClient.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		defer res.Body.Close()
		body, _ := io.ReadAll(res.Body)
		return res.StatusCode, string(body)
	}
	for _, tt := range []struct {
		name   string
		form   url.Values
		status int
		want   []string
	}{
		{
			"DE-099 unknown members and empty lists",
			url.Values{"Action": {"CreateChangeSet"}, "StackName": {"s"}, "ChangeSetName": {"c"}, "ChangeSetType": {"CREATE"}, "TemplateBody": {oneTopic}, "DeploymentConfig.Mode": {"EXPRESS"}, "Parameters": {""}, "Tags": {""}},
			200,
			[]string{`<CreateChangeSetResponse xmlns="http://cloudformation.amazonaws.com/doc/2010-05-15/"><CreateChangeSetResult>`, "<Id>arn:aws:cloudformation:us-east-1:111111111111:changeSet/c/"},
		},
		{"a review", url.Values{"Action": {"DescribeStacks"}}, 200, []string{"<Stacks><member>", "<StackStatus>REVIEW_IN_PROGRESS</StackStatus>"}},
		{"an error", url.Values{"Action": {"DescribeStacks"}, "StackName": {"ghost"}}, 400, []string{"<Error><Type>Sender</Type><Code>ValidationError</Code><Message>Stack with id ghost does not exist</Message></Error>"}},
		{"a missing change set", url.Values{"Action": {"DescribeChangeSet"}, "StackName": {"s"}, "ChangeSetName": {"none"}}, 404, []string{"<Code>ChangeSetNotFound</Code>"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			status, body := post(tt.form)
			for _, want := range tt.want {
				if status != tt.status || !strings.Contains(body, want) {
					t.Errorf("%d %s, want %d %s", status, body, tt.status, want)
				}
			}
		})
	}
}
