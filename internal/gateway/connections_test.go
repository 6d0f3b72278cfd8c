package gateway_test

import (
	stdjson "encoding/json"
	"net/http"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/sallyport/sallyport/internal/awsapi/sigv4"
	busnats "github.com/sallyport/sallyport/internal/bus/nats"
	"github.com/sallyport/sallyport/internal/gateway"
	"github.com/sallyport/sallyport/internal/natsd"
	storenats "github.com/sallyport/sallyport/internal/store/nats"
)

// join connects and returns the connection's id.
func (n *node) join(target string, header ...string) (*client, string) {
	n.w.t.Helper()
	before := len(n.w.functions.of("connect"))
	c := n.connect(target, header...)
	calls := n.w.functions.of("connect")
	if len(calls) != before+1 {
		n.w.t.Fatal("$connect did not run")
	}
	return c, str(calls[before].event, "requestContext", "connectionId")
}

func connectable(t *testing.T) (*world, *node) {
	w := newWorld(t)
	n := w.node()
	w.on("connect", returns(`{}`))
	w.deploy(route("$connect"))
	return w, n
}

func TestPost(t *testing.T) {
	w, n := connectable(t)
	c, id := n.join("/prod")
	escaped := strings.ReplaceAll(id, "=", "%3D")
	for _, tt := range []struct{ name, target, host string }{
		{"DP-276 DP-278 raw", "/prod/@connections/" + id, host},
		{"DP-277 escaped", "/prod/%40connections/" + escaped, host},
		{"escaped_id", "/prod/@connections/" + escaped, host},
		{"escaped_at", "/prod/%40connections/" + id, host},
		{"trailing_slash", "/prod/@connections/" + id + "/", host},
		{"local_stage", "/prod/@connections/" + id, "localhost:4566"},
		{"local_api_and_stage", "/" + apiID + "/prod/@connections/" + escaped, "127.0.0.1:4566"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			signer := &sigv4.Signer{AccessKeyID: "AKIAALL", Secret: "secret", Region: region, Service: "execute-api"}
			resp, body := n.callHost(tt.host, "POST", tt.target, "hello", signer)
			if resp.StatusCode != 200 || body != "" || resp.Header.Get("x-amzn-RequestId") == "" {
				t.Fatalf("status %d, body %q, headers %v", resp.StatusCode, body, resp.Header)
			}
			c.want("hello")
			if r := w.records.last(gateway.Push); r.Connection != id || r.Status != 200 || r.Out != 5 || r.Stage != "prod" {
				t.Errorf("record %+v", r)
			}
		})
	}
}

func TestPostSizes_DP080_DP279_DP280(t *testing.T) {
	_, n := connectable(t)
	c, id := n.join("/prod")
	for _, size := range []int{0, 1, 100 << 10, 128 << 10} { // DP-080 DP-279
		text := strings.Repeat("x", size)
		if resp, _ := n.call("POST", "/prod/@connections/"+id, text, "AKIAALL"); resp.StatusCode != 200 {
			t.Fatalf("POST of %d bytes: %d", size, resp.StatusCode)
		}
		if got := c.text(); got != text {
			t.Fatalf("POST of %d bytes arrives as %d", size, len(got))
		}
	}
	resp, body := n.call("POST", "/prod/@connections/"+id, strings.Repeat("x", 128<<10+1), "AKIAALL")
	var answer struct{ Message string }
	if resp.StatusCode != 413 || resp.Header.Get("x-amzn-ErrorType") != "PayloadTooLargeException" || stdjson.Unmarshal([]byte(body), &answer) != nil || answer.Message == "" {
		t.Errorf("DP-280: status %d, type %q, body %s", resp.StatusCode, resp.Header.Get("x-amzn-ErrorType"), body)
	}
	c.quiet()
}

func TestConnectionErrors(t *testing.T) {
	w, n := connectable(t)
	w.deployAs(apiID, "dev", route("$connect"))
	w.deployAs("q7d3k9x2ac", "prod", route("$connect"))
	_, id := n.join("/prod")
	_, dev := n.join("/dev")
	gone, goneID := n.join("/prod")
	gone.close(1000, "")
	gone.wantClose(1000, "*")
	gone.nc.Close()
	w.eventually(func() bool { return n.sockets.Stats().Open == 2 }, "connection is not gone")
	for _, tt := range []struct {
		name, method, target, body, key string
		status                          int
		kind, answer                    string
	}{
		{"DP-281 closed", "POST", "/prod/@connections/" + goneID, "x", "AKIAALL", 410, "GoneException", ""},
		{"closed_get", "GET", "/prod/@connections/" + goneID, "", "AKIAALL", 410, "GoneException", ""},
		{"DP-282 never_there", "POST", "/prod/@connections/XB4qEefu52ECKcw=", "x", "AKIAALL", 410, "GoneException", ""},
		{"DP-283 no_id", "POST", "/prod/@connections/abc", "x", "AKIAALL", 400, "BadRequestException", `{"message":"Invalid connectionId: abc"}`},
		{"no_base64", "GET", "/prod/@connections/XB4qEefu52!CKcw=", "", "AKIAALL", 400, "BadRequestException", `{"message":"Invalid connectionId: XB4qEefu52!CKcw="}`},
		{"DP-291 wrong_stage", "POST", "/nosuch/@connections/" + id, "x", "AKIAALL", 403, "ForbiddenException", forbiddenBody},
		{"no_stage", "POST", "/@connections/" + id, "x", "AKIAALL", 403, "ForbiddenException", forbiddenBody},
		{"DP-302 other_stage", "POST", "/prod/@connections/" + dev, "x", "AKIAALL", 410, "GoneException", ""},
		{"DP-294 unsigned", "POST", "/prod/@connections/" + id, "x", "", 403, "MissingAuthenticationTokenException", `{"message":"Missing Authentication Token"}`},
		{"unknown_key", "POST", "/prod/@connections/" + id, "x", "AKIAZZZ", 403, "UnrecognizedClientException", `{"message":"The security token included in the request is invalid."}`},
		{
			"DP-298 denied", "POST", "/prod/@connections/" + id, "x", "AKIANONE", 403, "AccessDeniedException",
			`{"Message":"User: arn:aws:iam::000000000000:user/AKIANONE is not authorized to perform: execute-api:ManageConnections on resource: arn:aws:execute-api:us-east-1:********0000:q7d3k9x2ab/prod/POST/@connections/{connectionId}"}`,
		},
		{"denied_dead", "POST", "/prod/@connections/" + goneID, "x", "AKIANONE", 403, "AccessDeniedException", "*"},
		{"DP-303 utf8", "POST", "/prod/@connections/" + id, "\xff", "AKIAALL", 400, "BadRequestException", "*"},
		{"method", "PUT", "/prod/@connections/" + id, "x", "AKIAALL", 403, "MissingAuthenticationTokenException", `{"message":"Missing Authentication Token"}`},
	} {
		t.Run(tt.name, func(t *testing.T) {
			var signer *sigv4.Signer
			if tt.key != "" {
				signer = &sigv4.Signer{AccessKeyID: tt.key, Secret: "secret", Region: region, Service: "execute-api"}
			}
			resp, body := n.callHost(host, tt.method, tt.target, tt.body, signer)
			if resp.StatusCode != tt.status || resp.Header.Get("x-amzn-ErrorType") != tt.kind || resp.Header.Get("x-amzn-RequestId") == "" {
				t.Errorf("status %d, headers %v, want %d, %s", resp.StatusCode, resp.Header, tt.status, tt.kind)
			}
			if tt.answer != "*" && body != tt.answer {
				t.Errorf("body %s, want %s", body, tt.answer)
			}
			if tt.status == 410 && resp.Header.Get("Content-Length") != "0" {
				t.Errorf("Content-Length %q", resp.Header.Get("Content-Length"))
			}
		})
	}
	t.Run("other_api", func(t *testing.T) {
		signer := &sigv4.Signer{AccessKeyID: "AKIAALL", Secret: "secret", Region: region, Service: "execute-api"}
		if resp, _ := n.callHost("q7d3k9x2ac.execute-api.us-east-1.amazonaws.com", "POST", "/prod/@connections/"+id, "x", signer); resp.StatusCode != 410 {
			t.Errorf("status %d, want 410", resp.StatusCode)
		}
		// Two APIs have a stage prod; on a host of ours the connection tells which is meant.
		if resp, _ := n.callHost("localhost", "POST", "/prod/@connections/"+id, "x", signer); resp.StatusCode != 200 {
			t.Errorf("status %d, want 200", resp.StatusCode)
		}
	})
}

func TestSignatures(t *testing.T) {
	_, n := connectable(t)
	_, id := n.join("/prod")
	for _, tt := range []struct {
		name   string
		method string
		signer sigv4.Signer
		status int
	}{
		{"DP-295 encoded_twice", "POST", sigv4.Signer{AccessKeyID: "AKIAALL", Secret: "secret", Region: region, Service: "execute-api"}, 200},
		{"DP-296 encoded_once", "POST", sigv4.Signer{AccessKeyID: "AKIAALL", Secret: "secret", Region: region, Service: "execute-api", EncodeOnce: true}, 200},
		{"DP-297 wrong_secret", "POST", sigv4.Signer{AccessKeyID: "AKIAALL", Secret: "wrong", Region: region, Service: "execute-api"}, 403},
		{"wrong_service", "POST", sigv4.Signer{AccessKeyID: "AKIAALL", Secret: "secret", Region: region, Service: "lambda"}, 403},
		{"wrong_region", "POST", sigv4.Signer{AccessKeyID: "AKIAALL", Secret: "secret", Region: "eu-west-1", Service: "execute-api"}, 403},
		{"DP-299 allowed_method", "POST", sigv4.Signer{AccessKeyID: "AKIAPOST", Secret: "secret", Region: region, Service: "execute-api"}, 200},
		{"other_method", "GET", sigv4.Signer{AccessKeyID: "AKIAPOST", Secret: "secret", Region: region, Service: "execute-api"}, 403},
	} {
		t.Run(tt.name, func(t *testing.T) {
			resp, body := n.callHost(host, tt.method, "/prod/@connections/"+strings.ReplaceAll(id, "=", "%3D"), "", &tt.signer)
			if resp.StatusCode != tt.status {
				t.Errorf("status %d, want %d: %s", resp.StatusCode, tt.status, body)
			}
			if tt.signer.Secret == "wrong" && !strings.Contains(body, "The request signature we calculated does not match") {
				t.Errorf("body %s", body)
			}
		})
	}
}

func TestGet_DP285_DP287_DP288(t *testing.T) {
	w, n := connectable(t)
	c, id := n.join("/prod", "User-Agent:-") // DP-288
	get := func() (connected, active time.Time) {
		t.Helper()
		resp, body := n.call("GET", "/prod/@connections/"+id, "", "AKIAALL")
		form := regexp.MustCompile(`^\{"connectedAt":"([^"]+)","identity":\{"sourceIp":"127.0.0.1","userAgent":""\},"lastActiveAt":"([^"]+)"\}$`)
		m := form.FindStringSubmatch(body)
		if resp.StatusCode != 200 || resp.Header.Get("Content-Type") != "application/json" || m == nil {
			t.Fatalf("DP-285: status %d, body %s", resp.StatusCode, body)
		}
		for i, at := range []*time.Time{&connected, &active} {
			var err error
			if *at, err = time.Parse("2006-01-02T15:04:05.000Z", m[i+1]); err != nil {
				t.Fatalf("DP-286: %v", err)
			}
		}
		return connected, active
	}
	connected, active := get()
	if !connected.Equal(active) {
		t.Errorf("before the first message: connected %v, active %v", connected, active)
	}
	w.clock.advance(time.Minute)
	c.send("x")
	c.wantError("Forbidden")
	if again, later := get(); !again.Equal(connected) || later.Sub(active) < 59*time.Second {
		t.Errorf("DP-287: active %v after %v", later, active)
	}
}

func TestPostOrder_DP301(t *testing.T) {
	_, n := connectable(t)
	c, id := n.join("/prod")
	for i := range 10 {
		n.call("POST", "/prod/@connections/"+id, strconv.Itoa(i), "AKIAALL")
	}
	for i := range 10 {
		c.want(strconv.Itoa(i))
	}
}

func TestClientDoesNotRead_DP300(t *testing.T) {
	_, n := connectable(t)
	_, id := n.join("/prod")
	for range 400 {
		resp, body := n.call("POST", "/prod/@connections/"+id, strings.Repeat("x", 128<<10), "AKIAALL")
		switch resp.StatusCode {
		case 200:
			continue
		case 429:
			if body != "" || resp.Header.Get("x-amzn-ErrorType") != "LimitExceededException" {
				t.Errorf("body %q, headers %v", body, resp.Header)
			}
			return
		}
		t.Fatalf("status %d", resp.StatusCode)
	}
	t.Error("50 MB were posted to a client that does not read")
}

func TestTwoNodes(t *testing.T) {
	t.Run("memory", func(t *testing.T) { twoNodes(t, newWorld(t)) })
	t.Run("nats", func(t *testing.T) {
		engine, err := natsd.Embedded(natsd.Config{Dir: t.TempDir()})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { engine.Close() })
		w := newWorld(t)
		w.stores, w.bus = storenats.New(engine.Conn()), busnats.New(engine.Conn())
		twoNodes(t, w)
	})
}

func twoNodes(t *testing.T, w *world) {
	a, b := w.node(), w.node()
	w.on("connect", returns(`{}`))
	w.on("disconnect", returns(`{}`))
	w.deploy(route("$connect"), route("$disconnect"))
	w.deployAs("q7d3k9x2ac", "prod")
	c, id := a.join("/prod")
	target := "/prod/@connections/" + id
	if resp, _ := b.call("POST", target, "from b", "AKIAALL"); resp.StatusCode != 200 {
		t.Fatalf("POST through the other node: %d", resp.StatusCode)
	}
	c.want("from b")
	if resp, body := b.call("GET", target, "", "AKIAALL"); resp.StatusCode != 200 || !strings.Contains(body, `"userAgent":"test/1"`) {
		t.Errorf("GET through the other node: %d %s", resp.StatusCode, body)
	}
	signer := &sigv4.Signer{AccessKeyID: "AKIAALL", Secret: "secret", Region: region, Service: "execute-api"}
	if resp, _ := b.callHost("localhost", "POST", target, "local", signer); resp.StatusCode != 200 {
		t.Errorf("POST by stage alone: %d", resp.StatusCode)
	}
	c.want("local")
	if resp, _ := b.call("POST", "/prod/@connections/"+id, "\xff", "AKIAALL"); resp.StatusCode != 400 {
		t.Errorf("invalid UTF-8: %d", resp.StatusCode)
	}
	if resp, _ := b.call("DELETE", target, "", "AKIAALL"); resp.StatusCode != 204 {
		t.Errorf("DELETE through the other node: %d", resp.StatusCode)
	}
	c.wantClose(1000, "*")
	c.nc.Close()
	w.eventually(func() bool { return len(w.functions.of("disconnect")) == 1 }, "$disconnect did not run")
	if resp, _ := b.call("POST", target, "x", "AKIAALL"); resp.StatusCode != 410 {
		t.Errorf("POST after the end: %d", resp.StatusCode)
	}
	_, id = a.join("/prod")
	a.stop()
	if resp, _ := b.call("POST", "/prod/@connections/"+id, "x", "AKIAALL"); resp.StatusCode != 410 {
		t.Errorf("POST to a node that is gone: %d", resp.StatusCode)
	}
}

func TestPlainRequests(t *testing.T) {
	w := newWorld(t)
	n := w.node()
	w.deploy()
	for target, want := range map[string]int{"/prod": http.StatusUpgradeRequired, "/nosuch": 403, "/": 403, "/prod/x/y": 403, "/%zz": 400} {
		resp, _ := n.callHost(host, "GET", target, "", nil)
		if resp.StatusCode != want {
			t.Errorf("GET %s: %d, want %d", target, resp.StatusCode, want)
		}
	}
}
