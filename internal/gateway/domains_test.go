package gateway_test

import (
	"encoding/base64"
	"strings"
	"testing"

	"github.com/sallyport/sallyport/internal/apigateway"
	"github.com/sallyport/sallyport/internal/awsapi/sigv4"
)

// domain makes a custom domain; mappings are "key=stage".
func (w *world) domain(name string, mappings ...string) {
	d := apigateway.Domain{Place: here, Name: name}
	for i, m := range mappings {
		key, stage, _ := strings.Cut(m, "=")
		d.Mappings = append(d.Mappings, apigateway.Mapping{ID: string(rune('a' + i)), APIID: apiID, Stage: stage, Key: key})
	}
	w.putJSON(apigateway.DomainPrefix+name, d)
}

func TestCustomDomains(t *testing.T) {
	w := newWorld(t)
	w.domain("ws.example.com", "chat=prod", "chat/v2=beta", "lost=nosuch")
	w.domain("root.example.com", "=prod")
	w.domain("*.example.net", "=prod")
	w.domain("own.example.net", "=beta")
	n := w.node()
	w.on("connect", returns(`{}`))
	disabled := func(s *apigateway.Snapshot) { s.Deployment.API.DisableExecuteAPIEndpoint = true }
	w.deployAs(apiID, "prod", route("$connect"), disabled)
	w.deployAs(apiID, "beta", route("$connect"), disabled)
	w.eventually(func() bool { _, _, ok := n.gateway.Served(apiID, "beta"); return ok }, "not served")
	w.eventually(func() bool { _, _, ok := n.gateway.Served(apiID, "prod"); return ok }, "not served")
	for _, tt := range []struct {
		name, host, target string
		stage, domain      string // stage empty: 403
	}{
		{"DP-009 key", "ws.example.com", "/chat", "prod", "ws.example.com"},
		{"slash_at_the_end", "ws.example.com", "/chat/", "prod", "ws.example.com"},
		{"query", "ws.example.com", "/chat?a=b", "prod", "ws.example.com"},
		{"port_and_case", "WS.Example.com:4566", "/chat", "prod", "ws.example.com"},
		{"longest_key", "ws.example.com", "/chat/v2", "beta", "ws.example.com"},
		{"DP-010 root", "root.example.com", "/", "prod", "root.example.com"},
		{"DP-011 unmapped_key", "ws.example.com", "/other", "", ""},
		{"DP-011 no_root", "ws.example.com", "/", "", ""},
		{"DP-011 beginning_of_a_key", "ws.example.com", "/cha", "", ""},
		{"DP-011 longer_than_a_key", "ws.example.com", "/chats", "", ""},
		{"DP-011 case_of_key", "ws.example.com", "/Chat", "", ""},
		{"DP-011 stage_behind_root", "root.example.com", "/prod", "", ""},
		{"DP-011 stage_behind_key", "ws.example.com", "/chat/prod", "", ""},
		{"stage_that_is_not_served", "ws.example.com", "/lost", "", ""},
		{"DP-012 wildcard", "a.example.net", "/", "prod", "a.example.net"},
		{"own_name_before_wildcard", "own.example.net", "/", "beta", "own.example.net"},
		{"wildcard_is_one_label", "a.b.example.net", "/", "", ""},
		{"wildcard_does_not_cover_itself", "example.net", "/", "", ""},
		{"wildcard_label_that_is_no_name", `a"b.example.net`, "/", "", ""},
		{"DP-013 default_endpoint_is_disabled", host, "/prod", "", ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			before := len(w.functions.of("connect"))
			_, resp := n.upgrade(tt.target, "Host: "+tt.host)
			if tt.stage == "" {
				if body := bodyOf(resp); resp.StatusCode != 403 && resp.StatusCode != 400 || resp.StatusCode == 403 && body != forbiddenBody {
					t.Fatalf("status %d %s", resp.StatusCode, body)
				}
				if len(w.functions.of("connect")) > before {
					t.Error("$connect ran")
				}
				return
			}
			if resp.StatusCode != 101 {
				t.Fatalf("status %d %s", resp.StatusCode, bodyOf(resp))
			}
			calls := w.functions.of("connect")
			e := calls[len(calls)-1].event
			if str(e, "requestContext", "stage") != tt.stage || str(e, "requestContext", "domainName") != tt.domain || str(e, "headers", "Host") != tt.domain {
				t.Errorf("event of %v", e)
			}
		})
	}
	t.Run("removed", func(t *testing.T) {
		w.remove(apigateway.DomainPrefix + "root.example.com")
		w.eventually(func() bool { _, resp := n.upgrade("/", "Host: root.example.com"); return resp.StatusCode == 403 }, "still served")
	})
}

func TestCustomDomainEvents(t *testing.T) {
	w := newWorld(t)
	w.domain("ws.example.com", "chat=prod")
	n := w.node()
	for _, name := range []string{"connect", "disconnect", "join", "auth"} {
		w.on(name, returns(`{"body":"ok"}`))
	}
	w.on("auth", returns(policy("Allow", "*", `,"context":{"domainName":"from the authorizer"}`)))
	w.deploy(route("$connect"), route("$disconnect"), route("join", twoWay), custom())
	c := n.connect("/chat", "Host: ws.example.com", `User-Agent: "domainName":"from the client"`)
	c.send(`{"action":"join"}`)
	c.want("ok")
	c.close(1000, "")
	w.eventually(func() bool { return len(w.functions.of("disconnect")) == 1 }, "$disconnect does not run")
	for _, name := range []string{"auth", "connect", "join", "disconnect"} {
		if got := str(w.functions.of(name)[0].event, "requestContext", "domainName"); got != "ws.example.com" {
			t.Errorf("%s: domainName %q", name, got)
		}
	}
	for _, name := range []string{"auth", "connect", "disconnect"} {
		if got := str(w.functions.of(name)[0].event, "headers", "Host"); got != "ws.example.com" {
			t.Errorf("%s: Host %q", name, got)
		}
	}
}

func TestConnectionsOnCustomDomains(t *testing.T) {
	w := newWorld(t)
	w.domain("ws.example.com", "chat=prod")
	w.domain("root.example.com", "=prod")
	n := w.node()
	w.on("connect", returns(`{}`))
	w.deploy(route("$connect"))
	c := n.connect("/chat", "Host: ws.example.com")
	id := str(w.functions.of("connect")[0].event, "requestContext", "connectionId")
	if _, err := base64.URLEncoding.DecodeString(id); err != nil {
		t.Fatalf("connection id %q", id)
	}
	signer := &sigv4.Signer{AccessKeyID: "AKIAALL", Secret: "secret", Region: region, Service: "execute-api"}
	elsewhere := &sigv4.Signer{AccessKeyID: "AKIAALL", Secret: "secret", Region: "eu-west-1", Service: "execute-api"}
	for _, tt := range []struct {
		name, host, method, target string
		signer                     *sigv4.Signer
		status                     int
		body                       string // "*": any
	}{
		{"DP-292 key", "ws.example.com", "POST", "/chat/@connections/" + id, signer, 200, ""},
		{"DP-292 escaped", "ws.example.com", "POST", "/chat/%40connections/" + strings.ReplaceAll(id, "=", "%3D"), signer, 200, ""},
		{"DP-292 root", "root.example.com", "POST", "/@connections/" + id, signer, 200, ""},
		{"get", "root.example.com", "GET", "/@connections/" + id, signer, 200, "*"},
		{"DP-293 stage_behind_root", "root.example.com", "POST", "/prod/@connections/" + id, signer, 404, `{"message":"No method found matching route prod/@connections/` + id + ` for http method POST."}`},
		{"DP-293 stage_behind_key", "ws.example.com", "GET", "/chat/prod/@connections/" + id, signer, 404, "*"},
		{"unmapped_key", "ws.example.com", "POST", "/other/@connections/" + id, signer, 403, forbiddenBody},
		{"unsigned", "ws.example.com", "POST", "/chat/@connections/" + id, nil, 403, `{"message":"Missing Authentication Token"}`},
		{"other_region", "ws.example.com", "POST", "/chat/@connections/" + id, elsewhere, 403, "*"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			resp, body := n.callHost(tt.host, tt.method, tt.target, "hello", tt.signer)
			if resp.StatusCode != tt.status || tt.body != "*" && body != tt.body {
				t.Fatalf("status %d %s, want %d %s", resp.StatusCode, body, tt.status, tt.body)
			}
			if tt.status == 200 && tt.method == "POST" {
				c.want("hello")
			}
			if tt.status == 404 && resp.Header.Get("x-amzn-ErrorType") != "NotFoundException" {
				t.Errorf("type %s", resp.Header.Get("x-amzn-ErrorType"))
			}
		})
	}
	if resp, _ := n.callHost("ws.example.com", "GET", "/chat", "", nil); resp.StatusCode != 426 {
		t.Errorf("plain request: %d, want 426", resp.StatusCode)
	}
}
