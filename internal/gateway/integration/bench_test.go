package integration

import (
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/sallyport/sallyport/internal/apigateway"
	"github.com/sallyport/sallyport/internal/awsapi"
)

// BenchmarkHTTPProxy compares a call through an integration with the same request made by net/http alone, over kept connections.
func BenchmarkHTTPProxy(b *testing.B) {
	body := `{"action":"join","text":"` + strings.Repeat("x", 100) + `"}`
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(w, r.Body)
	}))
	b.Cleanup(server.Close)
	client := NewHTTPClient(HTTPConfig{})
	b.Cleanup(client.Close)
	backends := Backends{HTTP: client}
	parameters := map[string]string{
		"integration.request.header.connectionId": "context.connectionId", "integration.request.header.user": "route.request.body.action",
		"integration.request.querystring.stage": "context.stage",
	}
	compile := func(kind string, parameters map[string]string) *Integration {
		i := backends.Compile(&apigateway.Integration{
			Type: kind, URI: server.URL + "/path", Method: "POST", RequestParameters: parameters,
			Responses: []apigateway.IntegrationResponse{{Key: `/2\d\d/`}},
		}, Stage{API: "q7d3k9x2ab"})
		if len(i.Problems) > 0 {
			b.Fatal(i.Problems)
		}
		return i
	}
	run := func(name string, call func(ctx context.Context) (int, error)) {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				ctx, cancel := context.WithTimeout(b.Context(), DefaultTimeout)
				if n, err := call(ctx); err != nil || n != len(body) {
					b.Fatalf("%d, %v", n, err)
				}
				cancel()
			}
		})
	}
	run("direct", func(ctx context.Context) (int, error) {
		req, err := http.NewRequestWithContext(ctx, "POST", server.URL+"/path", strings.NewReader(body))
		if err != nil {
			return 0, err
		}
		req.Header.Set("Content-Type", "application/json")
		resp, err := client.internet.RoundTrip(req)
		if err != nil {
			return 0, err
		}
		defer resp.Body.Close()
		all, err := io.ReadAll(resp.Body)
		return len(all), err
	})
	values := Values{Context: []byte(`{"routeKey":"join","stage":"prod","connectionId":"av_04fNZ_zgCAAE="}`)}
	for _, tt := range []struct {
		name string
		i    *Integration
	}{
		{"HTTP_PROXY", compile(apigateway.HTTPProxy, nil)},
		{"HTTP_PROXY_with_parameters", compile(apigateway.HTTPProxy, parameters)},
		{"HTTP", compile(apigateway.HTTP, nil)},
	} {
		run(tt.name, func(ctx context.Context) (int, error) {
			resp, err := tt.i.Call(ctx, &Request{Body: []byte(body), TwoWay: true, Values: values})
			return len(resp.Body), err
		})
	}
}

// roles takes on any role.
type roles struct{}

func (roles) ServiceRole(context.Context, string, string, string) (awsapi.Caller, error) {
	return awsapi.Caller{Account: "000000000000", ARN: "arn:aws:sts::000000000000:assumed-role/r/s"}, nil
}

// BenchmarkAWSAction is what an integration costs beside the service's handler.
func BenchmarkAWSAction(b *testing.B) {
	backends := Backends{AWS: AWS{Roles: roles{}, Here: func(string) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { _, _ = io.Copy(w, r.Body) })
	}}}
	i := backends.Compile(&apigateway.Integration{
		Type: apigateway.AWS, URI: "arn:aws:apigateway:us-east-1:dynamodb:action/PutItem", CredentialsARN: "arn:aws:iam::000000000000:role/r",
		RequestTemplates: map[string]string{"$default": `{"TableName":"T","Item":{"id":{"S":"$context.connectionId"}}}`},
	}, Stage{})
	if len(i.Problems) > 0 {
		b.Fatal(i.Problems)
	}
	ctx := awsapi.WithCaller(b.Context(), awsapi.Caller{Account: "000000000000", Region: "us-east-1"})
	b.ReportAllocs()
	for b.Loop() {
		r := Request{Body: []byte(`{}`), Values: Values{Context: []byte(`{"connectionId":"av_04fNZ_zgCAAE="}`)}}
		if _, err := i.Call(ctx, &r); err != nil {
			b.Fatal(err)
		}
	}
}
