package gateway_test

import (
	"context"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/sallyport/sallyport/internal/apigateway"
	"github.com/sallyport/sallyport/internal/gateway"
	"github.com/sallyport/sallyport/internal/gateway/loop"
	"github.com/sallyport/sallyport/internal/store"
)

const forbiddenBody = `{"message":"Forbidden"}`

func TestAddresses(t *testing.T) {
	w := newWorld(t)
	n := w.node()
	w.on("connect", returns(`{"statusCode":200}`))
	w.deploy(route("$connect"))
	w.deployAs("q7d3k9x2ac", "off", func(s *apigateway.Snapshot) { s.Deployment.API.DisableExecuteAPIEndpoint = true })
	local := "Host: localhost:4566"
	for _, tt := range []struct {
		name, target string
		header       []string
		status       int
		body         string
	}{
		{"DP-001 stage", "/prod", nil, 101, ""},
		{"DP-001 host_with_port", "/prod", []string{"Host: " + host + ":443"}, 101, ""},
		{"DP-002 trailing_slash", "/prod/", nil, 101, ""},
		{"DP-002 trailing_slashes", "/prod//", nil, 403, forbiddenBody},
		{"DP-003 further_segment", "/prod/extra", nil, 403, forbiddenBody},
		{"DP-004 no_stage", "/", nil, 403, forbiddenBody},
		{"DP-005 unknown_stage", "/nosuchstage", nil, 403, forbiddenBody},
		{"DP-005 other_case", "/Prod", nil, 403, forbiddenBody},
		{"DP-006 unknown_api", "/prod", []string{"Host: zzzzzzzzzz.execute-api.us-east-1.amazonaws.com"}, 403, forbiddenBody},
		{"DP-006 other_region", "/prod", []string{"Host: " + apiID + ".execute-api.eu-west-1.amazonaws.com"}, 403, forbiddenBody},
		{"DP-007 not_deployed", "/dev", nil, 403, forbiddenBody},
		{"DP-008 query", "/prod?room=blue", nil, 101, ""},
		{"DP-013 disabled_endpoint", "/off", []string{"Host: q7d3k9x2ac.execute-api.us-east-1.amazonaws.com"}, 403, forbiddenBody},
		{"DP-013 disabled_endpoint_local", "/q7d3k9x2ac/off", []string{local}, 403, forbiddenBody},
		{"local", "/" + apiID + "/prod", []string{local}, 101, ""},
		{"local_trailing_slash", "/" + apiID + "/prod/?x=y", []string{local}, 101, ""},
		{"local_without_api", "/prod", []string{local}, 403, forbiddenBody},
		{"local_further_segment", "/" + apiID + "/prod/x", []string{local}, 403, forbiddenBody},
		{"local_empty_segment", "//prod", []string{local}, 403, forbiddenBody},
		{"DP-015 plain_get", "/prod", []string{"Upgrade:-", "Connection:-"}, 426, `{"message":"Upgrade Required"}`},
		{"DP-015 plain_get_local", "/" + apiID + "/prod", []string{local, "Upgrade:-", "Connection:-"}, 426, `{"message":"Upgrade Required"}`},
		{"plain_get_unknown", "/nosuch", []string{"Upgrade:-", "Connection:-"}, 403, forbiddenBody},
		{"DP-016 version", "/prod", []string{"Sec-WebSocket-Version: 12"}, 400, "*"},
		{"DP-017 long_url", "/prod?x=" + strings.Repeat("a", 4097-len("ws://"+host+"/prod?x=")), nil, 414, "*"},
		{"DP-018 longest_url", "/prod?x=" + strings.Repeat("a", 4096-len("ws://"+host+"/prod?x=")), nil, 101, ""},
		{"DP-021 origin", "/prod", []string{"Origin: https://evil.example"}, 101, ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			before := len(w.functions.of("connect"))
			_, resp := n.upgrade(tt.target, tt.header...)
			if resp.StatusCode != tt.status {
				t.Fatalf("status %d, want %d", resp.StatusCode, tt.status)
			}
			ran := len(w.functions.of("connect")) - before
			if tt.status == 101 {
				if got := resp.Header.Get("Sec-WebSocket-Accept"); got != "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=" || ran != 1 {
					t.Errorf("Sec-WebSocket-Accept %q, $connect ran %d times", got, ran)
				}
				return
			}
			body, _ := io.ReadAll(resp.Body)
			if tt.body != "*" && string(body) != tt.body {
				t.Errorf("body %q, want %q", body, tt.body)
			}
			if ran != 0 {
				t.Errorf("$connect ran %d times", ran)
			}
			if tt.body == forbiddenBody && (resp.Header.Get("x-amzn-RequestId") == "" || resp.Header.Get("x-amzn-ErrorType") != "ForbiddenException") {
				t.Errorf("headers %v", resp.Header)
			}
		})
	}
	w.eventually(func() bool { r := w.records.last("connect"); return r.Status == 101 && r.Stage == "prod" }, "no record of the last")
}

func TestRefusalSaysWhy(t *testing.T) {
	w := newWorld(t)
	n := w.node()
	n.upgrade("/nosuch")
	w.eventually(func() bool { return w.records.last("connect").Cause != nil }, "no record")
	if got := w.records.last("connect"); !strings.Contains(got.Cause.Error(), "no stage nosuch of an API "+apiID) || got.Status != 403 {
		t.Errorf("record %+v", got)
	}
}

func TestDisabledOnlyWhenDeployed_DP014(t *testing.T) {
	// The copy of the API in the deployment counts; the API itself is not in a snapshot.
	w := newWorld(t)
	n := w.node()
	w.deploy()
	n.connect("/prod")
	w.deploy(func(s *apigateway.Snapshot) { s.Deployment.API.DisableExecuteAPIEndpoint = true })
	w.eventually(func() bool { _, resp := n.upgrade("/prod"); return resp.StatusCode == 403 }, "endpoint is still enabled")
	if resp, body := n.call("GET", "/prod/@connections/XB4qEefu52ECKcw=", "", "AKIAALL"); resp.StatusCode != 403 || body != forbiddenBody {
		t.Errorf("@connections on a disabled endpoint: %d %s", resp.StatusCode, body)
	}
}

// lateStores is a store whose watch begins when the test says so.
type lateStores struct {
	store.Stores
	begin chan struct{}
}

func (l lateStores) Open(ctx context.Context, name string) (store.Store, error) {
	<-l.begin
	return l.Stores.Open(ctx, name)
}

func TestStartWaitsForStages(t *testing.T) {
	w := newWorld(t)
	w.deploy()
	w.late = true
	begin := make(chan struct{})
	n := w.node(func(c *gateway.Config, _ *loop.Config) { c.Stores = lateStores{c.Stores, begin} })
	status := make(chan int)
	go func() { _, resp := n.upgrade("/prod"); status <- resp.StatusCode }()
	go func() {
		resp, _ := n.call("GET", "/prod/@connections/XB4qEefu52ECKcw=", "", "AKIAALL")
		status <- resp.StatusCode
	}()
	w.eventually(func() bool { return n.sockets.Stats().Pending == 1 && n.sockets.Stats().HTTP == 1 }, "no requests are pending")
	close(begin)
	if a, b := <-status, <-status; a+b != 101+410 {
		t.Errorf("status %d and %d, want 101 and 410", a, b)
	}
}

func TestTwoAPIs_DP022(t *testing.T) {
	w := newWorld(t)
	n := w.node()
	w.on("connect", returns(`{}`))
	w.on("other", returns(`{}`))
	w.deploy(route("$connect"))
	w.deployAs("q7d3k9x2ac", "prod", route("$connect", func(_ *apigateway.Route, i *apigateway.Integration) { i.URI = lambda + "other" }))
	n.connect("/prod", "Host: q7d3k9x2ac.execute-api.us-east-1.amazonaws.com")
	if a, b := len(w.functions.of("connect")), len(w.functions.of("other")); a != 0 || b != 1 {
		t.Errorf("the first API's $connect ran %d times, the second's %d", a, b)
	}
}

func TestExtensions_DP019_DP020(t *testing.T) {
	w := newWorld(t)
	n := w.node()
	w.deploy()
	c, resp := n.upgrade("/prod", "Sec-WebSocket-Extensions: permessage-deflate; client_max_window_bits")
	if resp.StatusCode != http.StatusSwitchingProtocols || resp.Header.Get("Sec-WebSocket-Extensions") != "" {
		t.Fatalf("DP-019: status %d, extensions %q", resp.StatusCode, resp.Header.Get("Sec-WebSocket-Extensions"))
	}
	c.frame(0x81|0x40, []byte("x"))
	c.wantClose(1002, "*") // DP-020
}
