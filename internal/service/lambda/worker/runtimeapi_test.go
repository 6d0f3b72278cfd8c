package worker

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"
)

// handRuntime is a function whose runtime is the test itself: its process only tells where the Runtime API is.
func handRuntime(t *testing.T, p *Pool) (s *Spec, api func() string) {
	t.Helper()
	dir := code(t, "bootstrap", "#!/bin/sh\necho \"$AWS_LAMBDA_RUNTIME_API\" > address.tmp\nmv address.tmp address\nexec sleep 600\n")
	s, _ = spec(t, "provided.al2023", "x", dir)
	return s, func() string {
		for deadline := time.Now().Add(time.Minute); time.Now().Before(deadline); {
			if b, err := os.ReadFile(filepath.Join(dir, "address")); err == nil {
				return "http://" + strings.TrimSpace(string(b)) + "/2018-06-01/runtime"
			}
			<-time.After(5 * time.Millisecond) // another process writes the file
		}
		t.Fatal("the process does not start")
		return ""
	}
}

func do(t *testing.T, method, url, body string, headers ...string) (*http.Response, string) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), method, url, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	for i := 0; i < len(headers); i += 2 {
		req.Header.Set(headers[i], headers[i+1])
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatalf("%s %s: %v", method, url, err)
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return resp, string(b)
}

func TestRuntimeAPI(t *testing.T) {
	defer http.DefaultClient.CloseIdleConnections()
	p := startPool(t, Options{})
	start := func(t *testing.T, in Invocation) (string, chan Result) {
		s, api := handRuntime(t, p)
		out := make(chan Result, 1)
		go func() {
			r, err := p.Invoke(t.Context(), s, in)
			if err != nil && t.Context().Err() == nil {
				t.Error(err)
			}
			out <- r
		}()
		return api(), out
	}
	t.Run("LA-056 LA-059 next has six headers", func(t *testing.T) {
		begun := time.Now().Truncate(time.Millisecond)
		url, out := start(t, Invocation{RequestID: "id-1", Payload: []byte(`{"a":1}`), FunctionARN: "arn:f:live", TraceID: "Root=1-2;Parent=3;Sampled=0", ClientContext: `{"c":1}`, Identity: `{"i":1}`})
		resp, body := do(t, "GET", url+"/invocation/next", "")
		for k, want := range map[string]string{
			"Lambda-Runtime-Aws-Request-Id": "id-1", "Lambda-Runtime-Invoked-Function-Arn": "arn:f:live", "Lambda-Runtime-Trace-Id": "Root=1-2;Parent=3;Sampled=0",
			"Lambda-Runtime-Client-Context": `{"c":1}`, "Lambda-Runtime-Cognito-Identity": `{"i":1}`, "Content-Type": "application/json",
		} {
			if got := resp.Header.Get(k); got != want {
				t.Errorf("%s = %q, want %q", k, got, want)
			}
		}
		ms, _ := strconv.ParseInt(resp.Header.Get("Lambda-Runtime-Deadline-Ms"), 10, 64)
		if start := time.UnixMilli(ms).Add(-time.Minute); start.Before(begun) || start.After(time.Now()) {
			t.Errorf("deadline is %v after %v", time.UnixMilli(ms).Sub(begun), begun)
		}
		if resp.StatusCode != 200 || body != `{"a":1}` {
			t.Errorf("next = %d %s", resp.StatusCode, body)
		}
		t.Run("LA-057 unknown request", func(t *testing.T) {
			resp, body := do(t, "POST", url+"/invocation/other/response", `1`)
			if resp.StatusCode != 400 || body != `{"errorMessage":"Invalid request ID","errorType":"InvalidRequestID"}` {
				t.Errorf("answer = %d %s", resp.StatusCode, body)
			}
		})
		resp, body = do(t, "POST", url+"/invocation/id-1/response", `{"ok":true}`)
		if resp.StatusCode != 202 || strings.TrimSpace(body) != `{"status":"OK"}` {
			t.Errorf("response = %d %s", resp.StatusCode, body)
		}
		if r := <-out; string(r.Payload) != `{"ok":true}` || r.FunctionError != "" {
			t.Errorf("result = %s %s", r.Payload, r.FunctionError)
		}
		if resp, _ := do(t, "POST", url+"/invocation/id-1/response", `1`); resp.StatusCode != 403 {
			t.Errorf("second response = %d", resp.StatusCode)
		}
		if resp, _ := do(t, "POST", url+"/init/error", `{}`); resp.StatusCode != 403 {
			t.Errorf("init error after the start = %d", resp.StatusCode)
		}
		if resp, _ := do(t, "GET", url+"/nothing", ``); resp.StatusCode != 404 {
			t.Errorf("unknown path = %d", resp.StatusCode)
		}
	})
	t.Run("error", func(t *testing.T) {
		url, out := start(t, Invocation{RequestID: "id-2"})
		do(t, "GET", url+"/invocation/next", "")
		resp, _ := do(t, "POST", url+"/invocation/id-2/error", `{"errorMessage":"m","errorType":"T"}`, "Lambda-Runtime-Function-Error-Type", "T")
		if r := <-out; resp.StatusCode != 202 || string(r.Payload) != `{"errorMessage":"m","errorType":"T"}` || r.FunctionError != "Unhandled" {
			t.Errorf("%d, result = %s %s", resp.StatusCode, r.Payload, r.FunctionError)
		}
	})
	t.Run("LA-058 init error", func(t *testing.T) {
		url, out := start(t, Invocation{RequestID: "id-3"})
		resp, _ := do(t, "POST", url+"/init/error", `{"errorMessage":"i","errorType":"Init"}`)
		if r := <-out; resp.StatusCode != 202 || string(r.Payload) != `{"errorMessage":"i","errorType":"Init"}` || r.FunctionError != "Unhandled" {
			t.Errorf("%d, result = %s %s", resp.StatusCode, r.Payload, r.FunctionError)
		}
	})
	t.Run("LA-033 too large", func(t *testing.T) {
		url, out := start(t, Invocation{RequestID: "id-4"})
		do(t, "GET", url+"/invocation/next", "")
		resp, body := do(t, "POST", url+"/invocation/id-4/response", strings.Repeat("x", MaxResponse+1))
		if resp.StatusCode != 413 || !strings.Contains(body, "RequestEntityTooLarge") {
			t.Errorf("response = %d %s", resp.StatusCode, body)
		}
		if r := <-out; string(r.Payload) != `{"errorType":"Function.ResponseSizeTooLarge","errorMessage":"Response payload size exceeded maximum allowed payload size (6291556 bytes)."}` {
			t.Errorf("result = %s", r.Payload)
		}
	})
	t.Run("streamed response", func(t *testing.T) {
		url, out := start(t, Invocation{RequestID: "id-5"})
		do(t, "GET", url+"/invocation/next", "")
		pr, pw := io.Pipe()
		go func() {
			for i := range 3 {
				fmt.Fprintf(pw, "chunk%d ", i)
			}
			pw.Close()
		}()
		req, _ := http.NewRequestWithContext(t.Context(), "POST", url+"/invocation/id-5/response", pr)
		req.Header.Set("Lambda-Runtime-Function-Response-Mode", "streaming")
		resp, err := http.DefaultClient.Do(req)
		if err != nil || resp.StatusCode != 202 {
			t.Fatal(resp, err)
		}
		resp.Body.Close()
		if r := <-out; string(r.Payload) != "chunk0 chunk1 chunk2 " {
			t.Errorf("result = %s", r.Payload)
		}
	})
	t.Run("a request lost with its connection is sent again", func(t *testing.T) {
		url, out := start(t, Invocation{RequestID: "id-7", Payload: []byte(`{"a":1}`)})
		do(t, "GET", url+"/invocation/next", "")
		http.DefaultClient.CloseIdleConnections()
		eventually(t, "the connection is gone", func() bool {
			p.mu.Lock()
			defer p.mu.Unlock()
			for e := range p.live {
				e.mu.Lock()
				gone := e.call != nil && e.call.id == "id-7" && e.call.via == nil
				e.mu.Unlock()
				if gone {
					return true
				}
			}
			return false
		})
		if _, body := do(t, "GET", url+"/invocation/next", ""); body != `{"a":1}` {
			t.Errorf("second next = %s", body)
		}
		do(t, "POST", url+"/invocation/id-7/response", `1`)
		if r := <-out; string(r.Payload) != `1` {
			t.Errorf("result = %s", r.Payload)
		}
	})
	t.Run("extension registers", func(t *testing.T) {
		url, out := start(t, Invocation{RequestID: "id-6"})
		base := strings.TrimSuffix(url, "/2018-06-01/runtime")
		resp, body := do(t, "POST", base+"/2020-01-01/extension/register", `{"events":["INVOKE"]}`)
		if resp.StatusCode != 200 || resp.Header.Get("Lambda-Extension-Identifier") == "" || !strings.Contains(body, `"functionName":"fn"`) {
			t.Errorf("register = %d %s", resp.StatusCode, body)
		}
		do(t, "GET", url+"/invocation/next", "")
		do(t, "POST", url+"/invocation/id-6/response", `1`)
		<-out
	})
}

func FuzzReadHead(f *testing.F) {
	f.Add([]byte("GET /2018-06-01/runtime/invocation/next HTTP/1.1\r\nHost: x\r\n\r\n"))
	f.Add([]byte("POST /x HTTP/1.1\r\nContent-Length: 3\r\n\r\nabc"))
	f.Add([]byte("POST /x HTTP/1.1\r\nTransfer-Encoding: chunked\r\nExpect: 100-continue\r\n\r\n3;a=b\r\nabc\r\n0\r\nLambda-Runtime-Function-Error-Type: E\r\n\r\n"))
	f.Fuzz(func(t *testing.T, b []byte) {
		read := func(r io.Reader) (apiRequest, error) {
			br := bufio.NewReaderSize(r, 4<<10)
			q, err := readHead(br)
			if err == nil {
				err = q.readBody(br)
			}
			return q, err
		}
		// However the bytes are cut into reads, the request is the same, and its body is part of what was sent.
		q, err := read(bytes.NewReader(b))
		q2, err2 := read(iotestOneByte{bytes.NewReader(b)})
		if (err == nil) != (err2 == nil) || err == nil && (q.path != q2.path || !bytes.Equal(q.body, q2.body) || q.errorType != q2.errorType) {
			t.Fatalf("%+v %v, in single bytes %+v %v", q, err, q2, err2)
		}
		if len(q.body) > len(b) && err == nil {
			t.Fatalf("body of %d bytes from %d", len(q.body), len(b))
		}
	})
}

type iotestOneByte struct{ r io.Reader }

func (o iotestOneByte) Read(p []byte) (int, error) { return o.r.Read(p[:min(1, len(p))]) }

func FuzzLineScanner(f *testing.F) {
	f.Add([]byte("one\ntwo\r\nthree"), 3)
	f.Add([]byte("text\xffLG\x01\x00\x00\x00\x03a\nbmore\n"), 5)
	f.Fuzz(func(t *testing.T, b []byte, cut int) {
		// However output is cut into reads, the events are the same.
		scan := func(parts ...[]byte) []string {
			var s lineScanner
			var out []string
			for _, p := range parts {
				out = append(out, s.scan(p)...)
			}
			return append(out, s.rest()...)
		}
		cut = min(max(cut, 0), len(b))
		whole, parts := scan(b), scan(b[:cut], b[cut:])
		if strings.Join(whole, "\x00|") != strings.Join(parts, "\x00|") {
			t.Fatalf("whole %q, cut at %d %q", whole, cut, parts)
		}
	})
}
