package test

import (
	"net/url"
	"strings"
	"testing"

	"github.com/coder/websocket"
)

// onThisMachine turns AWS's address of a stage into that on the one port.
func (s *server) onThisMachine(t *testing.T, invokeURL string) string {
	t.Helper()
	u, err := url.Parse(invokeURL)
	if err != nil {
		t.Fatal(err)
	}
	id, _, _ := strings.Cut(u.Host, ".")
	return strings.Replace(s.Endpoint, "http", "ws", 1) + "/" + id + u.Path
}

// refusal returns the status with which the server refuses a socket, or 101 if it does not.
func refusal(t *testing.T, address string) int {
	t.Helper()
	c, res, err := websocket.Dial(t.Context(), address, nil)
	if err == nil {
		c.CloseNow()
	} else if res == nil {
		t.Fatal(err)
	}
	return res.StatusCode
}
