package gateway_test

import (
	"os"
	"os/exec"
	"strings"
	"testing"
)

const botoScript = `
import sys, datetime, boto3
from botocore.config import Config
endpoint, live, gone, secret = sys.argv[1:]
client = boto3.client("apigatewaymanagementapi", endpoint_url=endpoint, region_name="us-east-1", aws_access_key_id="AKIAALL",
                      aws_secret_access_key=secret, config=Config(retries={"total_max_attempts": 1}))
print(client.post_to_connection(ConnectionId=live, Data=b"from boto3")["ResponseMetadata"]["HTTPStatusCode"])
info = client.get_connection(ConnectionId=live)
print(isinstance(info["ConnectedAt"], datetime.datetime), isinstance(info["LastActiveAt"], datetime.datetime), info["Identity"]["SourceIp"])
for call in (lambda: client.post_to_connection(ConnectionId=gone, Data=b"x"), lambda: client.get_connection(ConnectionId=gone), lambda: client.delete_connection(ConnectionId=gone)):
    try:
        call()
        print("no error")
    except client.exceptions.GoneException as e:
        print("GoneException", e.response["ResponseMetadata"]["HTTPStatusCode"])
try:
    client.post_to_connection(ConnectionId=live, Data=b"x" * 131073)
except client.exceptions.PayloadTooLargeException as e:
    print("PayloadTooLargeException", e.response["ResponseMetadata"]["HTTPStatusCode"])
print(client.delete_connection(ConnectionId=live)["ResponseMetadata"]["HTTPStatusCode"])
`

// TestBoto3_DP284_DP286_DP295_AU005 drives @connections with AWS's Python SDK, through both local addresses.
func TestBoto3_DP284_DP286_DP295_AU005(t *testing.T) {
	if err := exec.Command("python3", "-c", "import boto3").Run(); err != nil {
		if os.Getenv("CI") == "true" {
			t.Fatal("python3 with boto3 is needed in CI")
		}
		t.Skip("python3 with boto3 is not installed")
	}
	w, n := connectable(t)
	gone, goneID := n.join("/prod")
	gone.nc.Close()
	w.eventually(func() bool { return n.sockets.Stats().Open == 0 }, "connection is not gone")
	for name, base := range map[string]string{"stage": "/prod", "api_and_stage": "/" + apiID + "/prod"} {
		t.Run(name, func(t *testing.T) {
			c, id := n.join("/prod")
			out, err := exec.Command("python3", "-c", botoScript, "http://"+n.addr+base, id, goneID, "secret").CombinedOutput()
			if err != nil {
				t.Fatalf("%v\n%s", err, out)
			}
			want := `200
True True 127.0.0.1
GoneException 410
GoneException 410
GoneException 410
PayloadTooLargeException 413
204`
			if got := strings.TrimSpace(string(out)); got != want {
				t.Errorf("AU-005 DP-284 DP-286 DP-295: boto3 says\n%s\nwant\n%s", got, want)
			}
			c.want("from boto3")
			c.wantClose(1000, "*")
		})
	}
}
