package test

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/coder/websocket"
)

// TestEndpoints calls DynamoDB and @connections from functions with each of AWS's SDKs: with no endpoint setting, with AWS's address,
// and with AWS's address without a scheme, which the first SDKs for Node.js and Go complete and the later ones refuse by themselves,
// here as on AWS.
func TestEndpoints_LA061_LA062(t *testing.T) {
	need(t, "node", "npm", "python3", "go")
	s := dev(t, t.TempDir(), "endpoints")
	c := connect(t.Context(), t, s, s.socket("ws"))
	defer c.CloseNow()

	for _, tt := range []struct {
		sdk        string
		schemeless string // what the SDK says to an endpoint without a scheme
	}{
		{sdk: "node2", schemeless: "called"},
		{sdk: "node3", schemeless: "Invalid URL"},
		{sdk: "python", schemeless: "ValueError: Invalid endpoint"},
		{sdk: "go1", schemeless: "called"},
		{sdk: "go2", schemeless: "unsupported protocol scheme"},
	} {
		for _, call := range []struct {
			name, service string
			scheme        *string
			want          string
		}{
			{"dynamodb by default", "dynamodb", nil, "called"},
			{"dynamodb https", "dynamodb", new("https://"), "called"},
			{"dynamodb schemeless", "dynamodb", new(""), tt.schemeless},
			{"connections https", "connections", new("https://"), "called"},
			{"connections schemeless", "connections", new(""), tt.schemeless},
		} {
			t.Run(tt.sdk+" "+call.name, func(t *testing.T) {
				message, err := json.Marshal(struct {
					Action  string  `json:"action"`
					Service string  `json:"service"`
					Scheme  *string `json:"scheme,omitempty"`
				}{tt.sdk, call.service, call.scheme})
				if err != nil {
					t.Fatal(err)
				}
				if err := c.Write(t.Context(), websocket.MessageText, message); err != nil {
					t.Fatal(err)
				}
				read := func() string {
					_, data, err := c.Read(t.Context())
					if err != nil {
						t.Fatalf("read: %v\n%s", err, s.out.String())
					}
					return string(data)
				}
				got := read()
				if call.service == "connections" && call.want == "called" {
					if got != "pushed" {
						t.Fatalf("the client got %q before the reply, want what the function pushed", got)
					}
					got = read()
				}
				if !strings.Contains(got, call.want) {
					t.Errorf("the function says %q, want %q", got, call.want)
				}
			})
		}
	}
}
