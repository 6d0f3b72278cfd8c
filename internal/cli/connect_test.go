package cli

import (
	"io"
	"net"
	"strings"
	"testing"
)

// TestResolve holds AWS's addresses to the server that AWS's variables name, not to the one that was started last on this machine.
func TestResolve(t *testing.T) {
	t.Setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:4599/")
	t.Setenv("AWS_ACCESS_KEY_ID", "key")
	for _, tt := range []struct{ name, target, want string }{
		{"aws", "wss://q7d3k9x2ab.execute-api.us-east-1.amazonaws.com/prod?a=b", "ws://127.0.0.1:4599/q7d3k9x2ab/prod?a=b"},
		{"local", "ws://127.0.0.1:1/q7d3k9x2ab/prod", "ws://127.0.0.1:1/q7d3k9x2ab/prod"},
		{"elsewhere", "wss://ws.example.com/prod", "wss://ws.example.com/prod"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if got, _, err := resolve(t.Context(), tt.target); got != tt.want || err != nil {
				t.Errorf("resolve(%q) = %q, %v, want %q", tt.target, got, err, tt.want)
			}
		})
	}
}

// TestConnectHeaders: functions see headers as they were written.
func TestConnectHeaders(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	request := make(chan string, 1)
	go func() {
		c, err := l.Accept()
		if err != nil {
			return
		}
		defer c.Close()
		buf := make([]byte, 4096)
		n, _ := c.Read(buf)
		request <- string(buf[:n])
	}()
	_ = connect(t.Context(), connectOptions{target: "ws://" + l.Addr().String(), headers: []string{"token: hello", "token:again", "X-my-Name: me", "host: chat.example.com"}, out: io.Discard, errs: io.Discard})
	got := <-request
	for _, want := range []string{"\r\ntoken: hello\r\n", "\r\ntoken: again\r\n", "\r\nX-my-Name: me\r\n", "\r\nSec-Websocket-Key: ", "\r\nHost: chat.example.com\r\n"} {
		if !strings.Contains(got, want) {
			t.Errorf("the request lacks %q:\n%s", want, got)
		}
	}
}

func TestFindStage(t *testing.T) {
	two := []statusAPI{{APIID: "a1", Name: "chat", Stages: []string{"dev", "prod"}}, {APIID: "b2", Name: "idle"}}
	for _, tt := range []struct {
		name   string
		apis   []statusAPI
		target string
		want   string // id/stage, or a part of the error
	}{
		{"by_name", two, "chat/prod", "a1/prod"},
		{"by_id", two, "a1/dev", "a1/dev"},
		{"several", two, "chat", "say which API: chat/dev, chat/prod"},
		{"unknown", two, "chess", `there is no API "chess"`},
		{"none", nil, "", "has no WebSocket API"},
		{"no_stage", two[1:], "idle", "no API of the running server has a stage"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			id, stage, err := findStage(tt.apis, tt.target)
			got := id + "/" + stage
			if err != nil {
				got = err.Error()
			}
			if !strings.Contains(got, tt.want) {
				t.Errorf("got %q, want %q", got, tt.want)
			}
		})
	}
}
