package test

import (
	"bytes"
	"crypto/rand"
	"io"
	"net"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// TestAccidents has things go wrong: each gets a clear error, and nothing else stops.
func TestAccidents(t *testing.T) {
	dir := t.TempDir()
	s := dev(t, dir, example("chat"))
	works := func(t *testing.T) {
		t.Helper()
		if got := ask(t, s, s.socket("ws"), `{"action":"sendmessage","data":"fine"}`); got != "fine" {
			t.Errorf("the chat answers %q now", got)
		}
	}

	t.Run("port in use", func(t *testing.T) {
		u, err := url.Parse(s.Endpoint)
		if err != nil {
			t.Fatal(err)
		}
		other := t.TempDir()
		out := fails(t, other, "dev", example("chat"), "--port", u.Port(), "--data", filepath.Join(other, "data"))
		mustContain(t, "error", out, "port "+u.Port()+" is in use")
		works(t)
	})
	t.Run("data in use", func(t *testing.T) {
		out := fails(t, t.TempDir(), "dev", example("chat"), "--port", "0", "--data", filepath.Join(dir, "data"))
		mustContain(t, "error", out, "process")
		works(t)
	})
	t.Run("garbage", func(t *testing.T) {
		u, err := url.Parse(s.Endpoint)
		if err != nil {
			t.Fatal(err)
		}
		noise := make([]byte, 64<<10)
		_, _ = rand.Read(noise)
		for name, sent := range map[string][]byte{
			"noise": noise, "TLS that is none": append([]byte{0x16, 3, 1, 2, 0}, noise[:600]...), "half a request": []byte("GET / HT"),
			"endless header": append([]byte("GET / HTTP/1.1\r\nX: "), bytes.Repeat([]byte("x"), 1<<20)...),
		} {
			t.Run(name, func(t *testing.T) {
				c, err := net.Dial("tcp4", u.Host)
				if err != nil {
					t.Fatal(err)
				}
				defer c.Close()
				_, _ = c.Write(sent)
				_ = c.(*net.TCPConn).CloseWrite()
				_ = c.SetReadDeadline(time.Now().Add(patience))
				if _, err := io.Copy(io.Discard, c); os.IsTimeout(err) {
					t.Error("the server keeps the connection")
				}
			})
		}
		works(t)
	})
}

// fails runs a command that must end by itself with code 1, and returns what it printed.
func fails(t *testing.T, dir string, args ...string) string {
	t.Helper()
	cmd := exec.Command(binary(t), args...)
	cmd.Env = environment(dir)
	out, err := cmd.CombinedOutput()
	if err == nil || cmd.ProcessState.ExitCode() != 1 {
		t.Errorf("sallyport %s ended with %v, want exit code 1:\n%s", strings.Join(args, " "), err, out)
	}
	return string(out)
}

func TestAccidents_template(t *testing.T) {
	for _, tt := range []struct {
		name, template string
		want           []string
	}{
		{"not YAML", "Resources:\n  A:\n\tType: x\n", []string{"line 3"}},
		{"unknown type", "Resources:\n  Api:\n    Type: AWS::ApiGatewayV2::Api\n    Properties: {Name: a, ProtocolType: WEBSOCKET, RouteSelectionExpression: $request.body.action}\n  Thing:\n    Type: AWS::Made::Up\n", []string{"AWS::Made::Up", "line 6"}},
		{"unknown reference", "Resources:\n  S:\n    Type: AWS::ApiGatewayV2::Stage\n    Properties: {ApiId: !Ref Nobody, StageName: prod}\n", []string{"Unresolved resource dependencies [Nobody]"}},
		{"no resources", "Description: nothing\n", []string{"At least one Resources member must be defined"}},
		{"code that is not there", "Transform: AWS::Serverless-2016-10-31\nResources:\n  F:\n    Type: AWS::Serverless::Function\n    Properties: {CodeUri: gone/, Handler: a.b, Runtime: nodejs20.x}\n", []string{"F", "gone"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			dir := t.TempDir()
			file := filepath.Join(dir, "template.yaml")
			if err := os.WriteFile(file, []byte(tt.template), 0o644); err != nil {
				t.Fatal(err)
			}
			out := fails(t, dir, "dev", file, "--port", "0", "--data", filepath.Join(dir, "data"))
			mustContain(t, "error", out, tt.want...)
		})
	}
}

// TestAccidents_corrupt damages a file of the engine. The server names it instead of serving half of what was there.
func TestAccidents_corrupt(t *testing.T) {
	dir := t.TempDir()
	s := dev(t, dir, example("chat"))
	s.stop(os.Interrupt)
	var blocks []string
	_ = filepath.WalkDir(filepath.Join(dir, "data"), func(path string, _ os.DirEntry, err error) error {
		if err == nil && strings.HasSuffix(path, ".blk") && strings.Contains(path, "apigateway") {
			blocks = append(blocks, path)
		}
		return nil
	})
	if len(blocks) == 0 {
		t.Fatal("the engine has no file to damage")
	}
	data, err := os.ReadFile(blocks[0])
	if err != nil {
		t.Fatal(err)
	}
	for i := len(data) / 4; i < len(data)/4+64 && i < len(data); i++ {
		data[i] ^= 0xff
	}
	if err := os.WriteFile(blocks[0], data, 0o600); err != nil {
		t.Fatal(err)
	}
	out := fails(t, dir, "dev", example("chat"), "--port", "0", "--data", filepath.Join(dir, "data"))
	mustContain(t, "error", out, filepath.Base(blocks[0]))
}

// TestAccidents_throw runs a handler that throws: its callers get AWS's answer, the log the reason, and the next one works.
func TestAccidents_throw(t *testing.T) {
	need(t, "node")
	dir := t.TempDir()
	app := filepath.Join(dir, "app")
	if err := os.CopyFS(app, os.DirFS(example("post"))); err != nil {
		t.Fatal(err)
	}
	handler := filepath.Join(app, "src", "post.js")
	if err := os.WriteFile(handler, []byte(`exports.handler = async (e) => { if (e.body.includes("bad")) throw new TypeError("thrown on purpose"); return { statusCode: 200 }; }`), 0o644); err != nil {
		t.Fatal(err)
	}
	s := dev(t, dir, app)
	if got := ask(t, s, s.socket("ws"), `{"action":"post","data":"bad"}`); !strings.HasPrefix(got, `{"message": "Internal server error", "connectionId":"`) {
		t.Errorf("the client got %q", got)
	}
	eventually(t, "the reason is not printed", func() bool { return strings.Contains(s.out.String(), "thrown on purpose") })
}

// TestAccidents_diskFull fills the disk under a server: calls that would lose data are refused, and the server says why it ends.
func TestAccidents_diskFull(t *testing.T) {
	dir := t.TempDir()
	small := filepath.Join(dir, "small")
	if err := os.Mkdir(small, 0o755); err != nil {
		t.Fatal(err)
	}
	if out, err := exec.Command("mount", "-t", "tmpfs", "-o", "size=96m", "tmpfs", small).CombinedOutput(); err != nil {
		if os.Getenv("CI") == "true" {
			t.Fatalf("a small disk cannot be made here: %v %s", err, out)
		}
		t.Skipf("a small disk cannot be made here (only root can): %v %s", err, out)
	}
	t.Cleanup(func() { _ = exec.Command("umount", "-l", small).Run() })
	s := start(t, dir, "serve", "--listen", "127.0.0.1:0", "--data", filepath.Join(small, "data"))
	d := newDynamo(s)
	d.must(t, "CreateTable", `{"TableName":"big","BillingMode":"PAY_PER_REQUEST","AttributeDefinitions":[{"AttributeName":"id","AttributeType":"S"}],"KeySchema":[{"AttributeName":"id","KeyType":"HASH"}]}`)
	filler := strings.Repeat("x", 300<<10)
	var failure error
	for n := 0; n < 2000 && failure == nil; n++ {
		_, failure = d.call("PutItem", `{"TableName":"big","Item":{"id":{"S":"`+time.Now().String()+`"},"v":{"S":"`+filler+`"}}}`)
	}
	if failure == nil {
		t.Fatal("600 MB fit on a disk of 96 MB")
	}
	eventually(t, "the server does not say that the disk is full: "+s.out.String(), func() bool {
		out := strings.ToLower(s.out.String())
		return strings.Contains(out, "no space") || strings.Contains(out, "disk")
	})
}
