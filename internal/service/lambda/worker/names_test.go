package worker

import (
	"bufio"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"fmt"
	"io"
	"log"
	"math/big"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/sallyport/sallyport/internal/service/lambda/runtime"
	"github.com/sallyport/sallyport/internal/service/lambda/sdk"
)

// An edge stands where Sallyport's own edge will: it answers for AWS's host names with a certificate of a local CA.
type edge struct {
	addr  string // TLS
	proxy string // a CONNECT proxy that leads everything to addr
	ca    string // file

	mu   sync.Mutex
	seen []string
}

func (e *edge) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, _ := io.ReadAll(r.Body)
	scheme := "http"
	if r.TLS != nil {
		scheme = "https(" + r.TLS.ServerName + ")"
	}
	e.mu.Lock()
	e.seen = append(e.seen, fmt.Sprintf("%s %s %s%s %q", r.Method, scheme, r.Host, r.URL.EscapedPath(), body))
	e.mu.Unlock()
	if r.Method == "CONNECT" {
		up, err := net.Dial("tcp", e.addr)
		if err != nil {
			w.WriteHeader(502)
			return
		}
		c, buf, _ := http.NewResponseController(w).Hijack()
		fmt.Fprint(c, "HTTP/1.1 200 OK\r\n\r\n")
		go func() { io.Copy(up, buf); up.Close() }()
		io.Copy(c, up)
		c.Close()
		return
	}
	if len(r.Header["Authorization"]) > 0 && strings.Contains(r.URL.Path, "@connections/gone") {
		w.Header().Set("x-amzn-ErrorType", "GoneException")
		w.WriteHeader(410)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	fmt.Fprint(w, `{}`)
}

// last returns the newest request that was no CONNECT.
func (e *edge) last() string {
	e.mu.Lock()
	defer e.mu.Unlock()
	for i := len(e.seen) - 1; i >= 0; i-- {
		if !strings.HasPrefix(e.seen[i], "CONNECT") {
			return e.seen[i]
		}
	}
	return ""
}

func startEdge(t *testing.T) *edge {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	ca := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "test CA"}, NotAfter: time.Now().Add(time.Hour), IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign}
	caDER, err := x509.CreateCertificate(rand.Reader, ca, ca, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	leaf := &x509.Certificate{SerialNumber: big.NewInt(2), NotAfter: time.Now().Add(time.Hour), DNSNames: []string{"*.execute-api.us-east-1.amazonaws.com", "*.us-east-1.amazonaws.com"}}
	der, err := x509.CreateCertificate(rand.Reader, leaf, ca, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	e := &edge{ca: filepath.Join(t.TempDir(), "ca.pem")}
	if err := os.WriteFile(e.ca, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: caDER}), 0o644); err != nil {
		t.Fatal(err)
	}
	config := &tls.Config{Certificates: []tls.Certificate{{Certificate: [][]byte{der}, PrivateKey: key}}, NextProtos: []string{"h2", "http/1.1"}}
	serve := func() *http.Server {
		s := &http.Server{Handler: e, TLSConfig: config.Clone(), ErrorLog: log.New(io.Discard, "", 0)}
		t.Cleanup(func() { s.Close() })
		return s
	}
	both, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	// The edge has one port for TLS and plain: the first byte tells.
	secure, plain := &acceptor{addr: both.Addr(), ch: make(chan net.Conn)}, &acceptor{addr: both.Addr(), ch: make(chan net.Conn)}
	go serve().ServeTLS(secure, "", "")
	go serve().Serve(plain)
	t.Cleanup(func() { both.Close() })
	go func() {
		defer close(secure.ch)
		defer close(plain.ch)
		for {
			c, err := both.Accept()
			if err != nil {
				return
			}
			p := &peeked{Conn: c, r: bufio.NewReader(c)}
			if b, err := p.r.Peek(1); err == nil && b[0] == 0x16 {
				secure.ch <- p
			} else {
				plain.ch <- p
			}
		}
	}()
	e.addr, e.proxy = both.Addr().String(), "http://"+both.Addr().String()
	return e
}

type peeked struct {
	net.Conn
	r *bufio.Reader
}

func (p *peeked) Read(b []byte) (int, error) { return p.r.Read(b) }

type acceptor struct {
	addr net.Addr
	ch   chan net.Conn
}

func (a *acceptor) Accept() (net.Conn, error) {
	if c, ok := <-a.ch; ok {
		return c, nil
	}
	return nil, net.ErrClosed
}
func (a *acceptor) Close() error   { return nil }
func (a *acceptor) Addr() net.Addr { return a.addr }

// extra is what the server gives to every function.
func (e *edge) extra() []string {
	return []string{
		"SALLYPORT_NAMES=.amazonaws.com", "SALLYPORT_EDGE=" + e.addr, "NODE_EXTRA_CA_CERTS=" + e.ca, "AWS_CA_BUNDLE=" + e.ca, "REQUESTS_CA_BUNDLE=" + e.ca,
		"HTTPS_PROXY=" + e.proxy, "SSL_CERT_FILE=" + e.ca, "AWS_ENDPOINT_URL=http://" + e.addr,
	}
}

// bundled gives a function the SDK that its runtime has on AWS, or skips the test.
func bundled(t *testing.T, s *Spec) {
	t.Helper()
	dirs, err := sdk.New(sdk.Options{Runtimes: runtime.New(runtime.Options{})}).Modules(t.Context(), sdk.Function{Runtime: s.Runtime, CodeDir: s.CodeDir})
	if err != nil {
		if os.Getenv("CI") == "true" {
			t.Fatal(err)
		}
		t.Skip(err)
	}
	s.Modules = dirs
}

func keys(s *Spec) {
	s.Env = map[string]string{"AWS_ACCESS_KEY_ID": "AKIDEXAMPLE", "AWS_SECRET_ACCESS_KEY": "secret"}
}

func TestNames_Node_LA061(t *testing.T) {
	need(t, "node")
	e := startEdge(t)
	p := startPool(t, Options{})
	const host = "abc123.execute-api.us-east-1.amazonaws.com"
	for _, tt := range []struct{ name, runtime, source, want string }{
		{
			"v3 management API", "nodejs20.x", `
const {ApiGatewayManagementApiClient, PostToConnectionCommand} = require("@aws-sdk/client-apigatewaymanagementapi");
exports.handler = async () => { await new ApiGatewayManagementApiClient({endpoint: "https://` + host + `/prod"}).send(new PostToConnectionCommand({ConnectionId: "L0SM9cOFvHcCIhw=", Data: "hi"})) }`,
			`POST https(` + host + `) ` + host + `/prod/@connections/L0SM9cOFvHcCIhw%3D "hi"`,
		},
		{
			"v3 as an ES module, default endpoint", "nodejs20.x", `
import {DynamoDBClient, ListTablesCommand} from "@aws-sdk/client-dynamodb";
export const handler = async () => { delete process.env.AWS_ENDPOINT_URL; await new DynamoDBClient({}).send(new ListTablesCommand({})) }`,
			`POST https(dynamodb.us-east-1.amazonaws.com) dynamodb.us-east-1.amazonaws.com/ "{}"`,
		},
		{
			"LA-060 v3 honours AWS_ENDPOINT_URL", "nodejs20.x", `
const {DynamoDBClient, ListTablesCommand} = require("@aws-sdk/client-dynamodb");
exports.handler = async () => { await new DynamoDBClient({}).send(new ListTablesCommand({})) }`,
			`POST http ` + e.addr + `/ "{}"`,
		},
		{
			"v2 management API", "nodejs16.x", `
const AWS = require("aws-sdk");
exports.handler = async () => { await new AWS.ApiGatewayManagementApi({apiVersion: "2018-11-29", endpoint: "` + host + `/prod"}).postToConnection({ConnectionId: "x", Data: "hi"}).promise() }`,
			`POST https(` + host + `) ` + host + `/prod/@connections/x "hi"`,
		},
		{
			"v2 DynamoDB with its default endpoint", "nodejs16.x", `
const AWS = require("aws-sdk");
exports.handler = async () => { await new AWS.DynamoDB().listTables({}).promise() }`,
			`POST https(dynamodb.us-east-1.amazonaws.com) dynamodb.us-east-1.amazonaws.com/ "{}"`,
		},
		{
			"fetch", "nodejs20.x", `exports.handler = async () => { await (await fetch("https://` + host + `/prod", {method: "POST", body: "f"})).text() }`,
			`POST https(` + host + `) ` + host + `/prod "f"`,
		},
		{
			"plain http", "nodejs20.x", `exports.handler = async () => { await (await fetch("http://` + host + `/prod")).text() }`,
			`GET http ` + host + `/prod ""`,
		},
		{
			"http2", "nodejs20.x", `exports.handler = () => new Promise((ok, no) => { const c = require("http2").connect("https://` + host + `"); c.on("error", no); const r = c.request({":path": "/two"}); r.resume(); r.on("end", () => { c.close(); ok() }); r.end() })`,
			`GET https(` + host + `) ` + host + `:443/two ""`,
		},
		{
			"https with an agent", "nodejs20.x", `exports.handler = () => new Promise((ok, no) => require("https").get({host: "` + host + `", path: "/a", agent: new (require("https").Agent)({keepAlive: true})}, (r) => { r.resume(); r.on("end", ok) }).on("error", no))`,
			`GET https(` + host + `) ` + host + `/a ""`,
		},
		{
			"others are left alone", "nodejs20.x", `exports.handler = async () => { await (await fetch("http://` + e.addr + `/own")).text() }`,
			`GET http ` + e.addr + `/own ""`,
		},
	} {
		t.Run(tt.name, func(t *testing.T) {
			file := "index.js"
			if strings.Contains(tt.source, "export const") {
				file = "index.mjs"
			}
			s, _ := spec(t, tt.runtime, "index.handler", code(t, file, tt.source))
			s.Extra = e.extra()
			keys(s)
			bundled(t, s)
			if r := invoke(t, p, s, `{}`); r.FunctionError != "" {
				t.Fatalf("result = %s\n%s", r.Payload, r.LogTail)
			}
			if got := e.last(); got != tt.want {
				t.Errorf("the edge saw %s, want %s", got, tt.want)
			}
		})
	}
	t.Run("verification is on", func(t *testing.T) {
		s, _ := js(t, `exports.handler = async () => { try { await fetch("https://`+host+`/") } catch (e) { return e.cause.code } }`)
		s.Extra = []string{"SALLYPORT_NAMES=.amazonaws.com", "SALLYPORT_EDGE=" + e.addr}
		succeeds(t, p, s, `{}`, `"UNABLE_TO_VERIFY_LEAF_SIGNATURE"`)
	})
	t.Run("the name is checked", func(t *testing.T) {
		s, _ := js(t, `exports.handler = async () => { try { await fetch("https://a.b.c.amazonaws.com/") } catch (e) { return e.cause.code } }`)
		s.Extra = e.extra()
		succeeds(t, p, s, `{}`, `"ERR_TLS_CERT_ALTNAME_INVALID"`)
	})
	t.Run("variables are not visible", func(t *testing.T) {
		s, _ := js(t, `exports.handler = async () => Object.keys(process.env).filter((k) => k.startsWith("SALLYPORT"))`)
		s.Extra = e.extra()
		succeeds(t, p, s, `{}`, `[]`)
	})
}

func TestNames_Python_LA062(t *testing.T) {
	name := pythonRuntime(t)
	if err := exec.Command("python3", "-c", "import boto3").Run(); err != nil {
		t.Skip("boto3 is missing")
	}
	e := startEdge(t)
	p := startPool(t, Options{})
	for _, tt := range []struct{ name, source, want string }{
		{"management API", `
import boto3
def handler(event, context):
    domain, stage = "abc123.execute-api.us-east-1.amazonaws.com", "prod"
    client = boto3.client('apigatewaymanagementapi', endpoint_url=f'https://{domain}/{stage}')
    client.post_to_connection(ConnectionId='L0SM9cOFvHcCIhw=', Data=b'hi')
    try:
        client.post_to_connection(ConnectionId='gone', Data=b'hi')
    except client.exceptions.GoneException:
        return "gone"
`, `POST https(abc123.execute-api.us-east-1.amazonaws.com) abc123.execute-api.us-east-1.amazonaws.com/prod/@connections/gone "hi"`},
		{"LA-060 AWS_ENDPOINT_URL", `
import boto3
def handler(event, context):
    boto3.client('dynamodb').list_tables()
    return "gone"
`, `POST http ` + e.addr + `/ "{}"`},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s, _ := spec(t, name, "app.handler", code(t, "app.py", tt.source))
			s.Extra = append(e.extra(), "NO_PROXY=127.0.0.1,localhost")
			s.Timeout = 30 * time.Second
			keys(s)
			succeeds(t, p, s, `{}`, `"gone"`)
			if got := e.last(); got != tt.want {
				t.Errorf("the edge saw %s, want %s", got, tt.want)
			}
		})
	}
}

const goClient = `package main

import (
	"net/http"
	"strings"

	"github.com/aws/aws-lambda-go/lambda"
)

func main() {
	lambda.Start(func() (int, error) {
		resp, err := http.Post("https://abc123.execute-api.us-east-1.amazonaws.com/prod/@connections/x", "", strings.NewReader("hi"))
		if err != nil {
			return 0, err
		}
		return resp.StatusCode, nil
	})
}
`

func TestNames_Go(t *testing.T) {
	dir := buildGo(t, "v1.55.1", goClient)
	e := startEdge(t)
	p := startPool(t, Options{})
	s, _ := spec(t, "provided.al2023", "x", dir)
	s.Extra = e.extra()
	succeeds(t, p, s, `{}`, `200`)
	if got, want := e.last(), `POST https(abc123.execute-api.us-east-1.amazonaws.com) abc123.execute-api.us-east-1.amazonaws.com/prod/@connections/x "hi"`; got != want {
		t.Errorf("the edge saw %s, want %s", got, want)
	}
}
