package server

import (
	"bufio"
	"crypto/tls"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"
)

// TestDomainsAndKeys makes a domain, a key and a plan by the control plane, and looks what clients see, also after a restart.
func TestDomainsAndKeys_CP103_DP009(t *testing.T) {
	cfg := Config{Data: t.TempDir()}
	s, stop := run(t, cfg)
	id := call(t, s, "apigatewayv2", "CreateApi", `{"name":"a","protocolType":"WEBSOCKET","routeSelectionExpression":"$request.body.action"}`)["apiId"].(string)
	target := call(t, s, "apigatewayv2", "CreateIntegration", `{"apiId":"`+id+`","integrationType":"MOCK","requestTemplates":{"$default":"{\"statusCode\":200}"},"templateSelectionExpression":"\\$default"}`)["integrationId"].(string)
	call(t, s, "apigatewayv2", "CreateRoute", `{"apiId":"`+id+`","routeKey":"$connect","apiKeyRequired":true,"target":"integrations/`+target+`"}`)
	call(t, s, "apigatewayv2", "CreateStage", `{"apiId":"`+id+`","stageName":"prod"}`)
	call(t, s, "apigatewayv2", "CreateDeployment", `{"apiId":"`+id+`","stageName":"prod"}`)
	call(t, s, "apigatewayv2", "CreateDomainName", `{"domainName":"*.example.com","domainNameConfigurations":[{"certificateArn":"arn:aws:acm:us-east-1:000000000000:certificate/c"}]}`)
	call(t, s, "apigatewayv2", "CreateApiMapping", `{"domainName":"*.example.com","apiId":"`+id+`","stage":"prod","apiMappingKey":"chat"}`)
	key := call(t, s, "apigateway", "CreateApiKey", `{"name":"k","enabled":true}`)
	plan := call(t, s, "apigateway", "CreateUsagePlan", `{"name":"p","apiStages":[{"apiId":"`+id+`","stage":"prod"}],"quota":{"limit":2,"period":"MONTH"}}`)["id"].(string)
	call(t, s, "apigateway", "CreateUsagePlanKey", `{"usageplanId":"`+plan+`","keyId":"`+key["id"].(string)+`","keyType":"API_KEY"}`)
	call(t, s, "apigateway", "GetAccount", `{}`)
	value := key["value"].(string)

	eventually(t, 101, func() int { return upgrade(t, s, value) })
	if got := upgrade(t, s, "nobody"); got != 403 {
		t.Errorf("unknown key: %d", got)
	}
	if !s.isOurs("a.example.com") || s.isOurs("example.com") || !slices.Contains(s.functionVariables(), "SALLYPORT_NAMES="+awsSuffix+","+urlSuffix+",.example.com") {
		t.Error("functions do not find the domain")
	}
	stop()

	s, _ = run(t, cfg)
	if got := upgrade(t, s, value); got != 101 {
		t.Errorf("second connection of two: %d", got)
	}
	if got := upgrade(t, s, value); got != 429 {
		t.Errorf("third connection of two: %d; the quota did not survive the restart", got)
	}
	used := time.Now().UTC().Format("2006-01-02")
	eventually(t, 1, func() int {
		out := call(t, s, "apigateway", "GetUsage", `{"usageplanId":"`+plan+`","startDate":"`+used+`","endDate":"`+used+`"}`)
		if strings.HasSuffix(fmt.Sprint(out["values"]), ":[[2 0]]]") {
			return 1
		}
		return 0
	})
}

func eventually(t *testing.T, want int, f func() int) {
	t.Helper()
	got := f()
	for deadline := time.Now().Add(time.Minute); got != want; got = f() {
		if time.Now().After(deadline) {
			t.Fatalf("got %d, want %d", got, want)
		}
		time.Sleep(10 * time.Millisecond)
	}
}

// upgrade connects to the domain over TLS and returns the status.
func upgrade(t *testing.T, s *Server, key string) int {
	t.Helper()
	c, err := tls.Dial("tcp4", s.local(), &tls.Config{RootCAs: s.ca.Pool(), ServerName: "a.example.com"})
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	fmt.Fprintf(c, "GET /chat HTTP/1.1\r\nHost: a.example.com\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nx-api-key: %s\r\n\r\n", key)
	res, err := http.ReadResponse(bufio.NewReader(c), &http.Request{Method: "GET"})
	if err != nil {
		t.Fatal(err)
	}
	res.Body.Close()
	return res.StatusCode
}
