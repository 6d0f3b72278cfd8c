package cli

import (
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
