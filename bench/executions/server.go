//go:build linux

package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"
)

// A server is the process that is measured. It can be killed and started again with the same data.
type server struct {
	dir, bin string
	cmd      *exec.Cmd
	endpoint string
}

// start starts the process and returns when it answers.
func (s *server) start() error {
	if s.bin == "" {
		s.bin = filepath.Join(s.dir, "sallyport")
		if out, err := exec.Command("go", "build", "-o", s.bin, "./cmd/sallyport").CombinedOutput(); err != nil {
			return fmt.Errorf("build sallyport: %w: %s", err, out)
		}
	}
	ready := filepath.Join(s.dir, "ready.json")
	os.Remove(ready)
	s.cmd = exec.Command(s.bin, "serve", "--data", filepath.Join(s.dir, "data"), "--listen", "127.0.0.1:0", "--auth", "permissive",
		"--log-level", "error", "--ready-file", ready)
	s.cmd.Stderr = os.Stderr
	s.cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	if err := s.cmd.Start(); err != nil {
		return fmt.Errorf("start server: %w", err)
	}
	for deadline := time.Now().Add(time.Minute); time.Now().Before(deadline); time.Sleep(10 * time.Millisecond) {
		var r struct{ Endpoint string }
		if text, err := os.ReadFile(ready); err == nil && json.Unmarshal(text, &r) == nil {
			s.endpoint = r.Endpoint
			return nil
		}
	}
	return fmt.Errorf("the server is not ready after a minute")
}

// kill ends the process at once.
func (s *server) kill() {
	_ = s.cmd.Process.Kill()
	_ = s.cmd.Wait()
}

// memory returns the anonymous memory of the process in bytes, 0 if nobody can tell.
func (s *server) memory() int {
	text, _ := os.ReadFile(fmt.Sprintf("/proc/%d/status", s.cmd.Process.Pid))
	_, rest, _ := strings.Cut(string(text), "RssAnon:")
	var kb int
	_, _ = fmt.Sscan(rest, &kb)
	return kb * 1024
}

// cpu returns the processor time of the process in seconds, of threads that live.
func (s *server) cpu() (seconds float64) {
	files, _ := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/schedstat", s.cmd.Process.Pid))
	for _, f := range files {
		text, _ := os.ReadFile(f)
		var ns float64
		_, _ = fmt.Sscan(string(text), &ns)
		seconds += ns / 1e9
	}
	return seconds
}

// targets are the prefixes of X-Amz-Target, and the versions of the JSON protocol.
var targets = map[string][2]string{
	"states": {"AWSStepFunctions", "1.0"},
	"events": {"AWSEvents", "1.1"},
	"logs":   {"Logs_20140328", "1.1"},
}

var client = &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: 64}}

// call makes a call of an operation. The server takes any well-formed key from this machine.
func (s *server) call(service, operation string, in, out any) error {
	body, err := json.Marshal(in)
	if err != nil {
		return fmt.Errorf("encode %s: %w", operation, err)
	}
	req, err := http.NewRequest("POST", s.endpoint, bytes.NewReader(body))
	if err != nil {
		return fmt.Errorf("make request: %w", err)
	}
	now := time.Now().UTC()
	req.Header.Set("Content-Type", "application/x-amz-json-"+targets[service][1])
	req.Header.Set("X-Amz-Target", targets[service][0]+"."+operation)
	req.Header.Set("X-Amz-Date", now.Format("20060102T150405Z"))
	req.Header.Set("Authorization", fmt.Sprintf("AWS4-HMAC-SHA256 Credential=AKIAIOSFODNN7EXAMPLE/%s/us-east-1/%s/aws4_request, SignedHeaders=host;x-amz-date, Signature=%064d", now.Format("20060102"), service, 0))
	resp, err := client.Do(req)
	if err != nil {
		return fmt.Errorf("call %s: %w", operation, err)
	}
	defer resp.Body.Close()
	answer, err := io.ReadAll(resp.Body)
	if err != nil {
		return fmt.Errorf("read the answer of %s: %w", operation, err)
	}
	if resp.StatusCode != http.StatusOK {
		return fmt.Errorf("%s is answered with %d %s", operation, resp.StatusCode, answer)
	}
	if out == nil {
		return nil
	}
	return json.Unmarshal(answer, out)
}
