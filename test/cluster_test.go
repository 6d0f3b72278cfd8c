package test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"net"
	"net/url"
	"os"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/coder/websocket"
	nats "github.com/nats-io/nats-server/v2/server"
)

// TestCluster runs two servers on a cluster of three NATS servers: what is deployed at one is served by both, clients of both reach each
// other, and when a server or a NATS server dies the others go on.
func TestCluster(t *testing.T) {
	need(t, "aws")
	urls, engines := natsCluster(t)
	dirs := []string{t.TempDir(), t.TempDir()}
	a, b := serve(t, dirs[0], "--nats", urls), serve(t, dirs[1], "--nats", urls)
	t.Cleanup(func() {
		if t.Failed() {
			t.Logf("the first node:\n%s\nthe second:\n%s", a.out.String(), b.out.String())
		}
	})
	if a.Credentials != b.Credentials {
		t.Errorf("two administrators: %s and %s", a.Credentials.AccessKeyID, b.Credentials.AccessKeyID)
	}
	if out, err := a.run("deploy", example("chat")); err != nil {
		t.Fatalf("deploy: %v\n%s", err, out)
	}
	apiID := output(t, b, "apigatewayv2", "get-apis", "--query", "Items[0].ApiId", "--output", "text")
	address := func(s *server) string { return strings.Replace(s.Endpoint, "http", "ws", 1) + "/" + apiID + "/prod" }
	eventually(t, "the other node does not serve the stage", func() bool {
		c, _, err := websocket.Dial(t.Context(), address(b), nil)
		if err != nil {
			return false
		}
		c.CloseNow()
		return true
	})
	ann, bob := connect(t.Context(), t, a, address(a)), connect(t.Context(), t, b, address(b))
	defer ann.CloseNow()
	defer bob.CloseNow()

	say(t, ann, "from a")
	hear(t, ann, "from a")
	hear(t, bob, "from a")
	say(t, bob, "from b")
	hear(t, ann, "from b")
	hear(t, bob, "from b")

	execution := output(t, a, "stepfunctions", "create-state-machine", "--name", "wait", "--role-arn", "arn:aws:iam::000000000000:role/any",
		"--definition", `{"StartAt":"Wait","States":{"Wait":{"Type":"Wait","Seconds":3,"End":true}}}`, "--query", "stateMachineArn", "--output", "text")
	execution = output(t, a, "stepfunctions", "start-execution", "--state-machine-arn", execution, "--query", "executionArn", "--output", "text")
	a.stop(syscall.SIGKILL)
	say(t, bob, "alone")
	hear(t, bob, "alone")
	eventually(t, "the other node does not go on with the execution", func() bool {
		return output(t, b, "stepfunctions", "describe-execution", "--execution-arn", execution, "--query", "status", "--output", "text") == "SUCCEEDED"
	})

	a = serve(t, dirs[0], "--nats", urls)
	ann = connect(t.Context(), t, a, address(a))
	defer ann.CloseNow()
	say(t, ann, "back")
	hear(t, ann, "back")
	hear(t, bob, "back")

	engines[0].Shutdown()
	engines[0].WaitForShutdown()
	// A message may be lost while the engine elects: as on AWS, its sender is told. Then all is well again.
	eventually(t, "nothing flows without one NATS server", func() bool {
		ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
		defer cancel()
		c, _, err := websocket.Dial(ctx, address(b), nil)
		if err != nil {
			return false
		}
		defer c.CloseNow()
		if c.Write(ctx, websocket.MessageText, []byte(`{"action":"sendmessage","data":"two of three"}`)) != nil {
			return false
		}
		_, data, err := c.Read(ctx)
		return err == nil && string(data) == "two of three"
	})
	for _, s := range []*server{a, b} {
		s.stop(os.Interrupt)
	}
}

func say(t *testing.T, c *websocket.Conn, text string) {
	t.Helper()
	if err := c.Write(t.Context(), websocket.MessageText, fmt.Appendf(nil, `{"action":"sendmessage","data":%q}`, text)); err != nil {
		t.Fatal(err)
	}
}

func hear(t *testing.T, c *websocket.Conn, text string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	if _, data, err := c.Read(ctx); err != nil || string(data) != text {
		t.Fatalf("got %q, %v, want %q", data, err, text)
	}
}

// natsCluster starts three NATS servers that know each other.
func natsCluster(t *testing.T) (urls string, servers []*nats.Server) {
	t.Helper()
	var routes []*url.URL
	var ports []int
	for len(ports) < 3 { // each must know all before it starts
		port := 15_000 + rand.IntN(15_000) // the system gives none of these to somebody else meanwhile
		ln, err := net.Listen("tcp4", fmt.Sprint("127.0.0.1:", port))
		if err != nil {
			continue
		}
		ln.Close()
		if slices.Contains(ports, port) {
			continue
		}
		routes = append(routes, &url.URL{Scheme: "nats", Host: ln.Addr().String()})
		ports = append(ports, port)
	}
	for i, port := range ports {
		s, err := nats.NewServer(&nats.Options{
			ServerName: fmt.Sprint("n", i), Host: "127.0.0.1", Port: -1, NoSigs: true, NoLog: true, JetStream: true, StoreDir: t.TempDir(),
			Cluster: nats.ClusterOpts{Name: "c", Host: "127.0.0.1", Port: port}, Routes: routes,
		})
		if err != nil {
			t.Fatal(err)
		}
		s.Start()
		t.Cleanup(func() { s.Shutdown(); s.WaitForShutdown() })
		servers = append(servers, s)
		urls += s.ClientURL() + ","
	}
	eventually(t, "the NATS cluster has no leader", func() bool { return slices.ContainsFunc(servers, (*nats.Server).JetStreamIsLeader) })
	return strings.TrimSuffix(urls, ","), servers
}
