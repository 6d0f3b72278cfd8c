package states_test

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/exec"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/sallyport/sallyport/internal/awsapi"
	busnats "github.com/sallyport/sallyport/internal/bus/nats"
	"github.com/sallyport/sallyport/internal/natsd"
	"github.com/sallyport/sallyport/internal/service/states"
	storenats "github.com/sallyport/sallyport/internal/store/nats"
)

// killDir makes this program a process that runs executions in the directory named there until it is killed.
const killDir = "SALLYPORT_TEST_STATES_DIR"

// Of the orders, the last killChildren are child executions of one execution.
const killOrders, killChildren = 60, 20

func TestMain(m *testing.M) {
	if dir := os.Getenv(killDir); dir != "" {
		fmt.Println(serveOrders(dir))
		os.Exit(1)
	}
	os.Exit(m.Run())
}

// printer prints each notification: order, step, request.
type printer struct{ mu sync.Mutex }

func (p *printer) Call(ctx context.Context, _, _ string, in []byte) ([]byte, error) {
	var req struct{ Entries []struct{ Detail string } }
	if err := json.Unmarshal(in, &req); err != nil {
		return nil, err
	}
	var d struct{ Order, Step int }
	if err := json.Unmarshal([]byte(req.Entries[0].Detail), &d); err != nil {
		return nil, err
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	fmt.Println(d.Order, d.Step, awsapi.CallerOf(ctx).RequestID)
	return []byte(`{"Entries":[{"EventId":"1"}],"FailedEntryCount":0}`), nil
}

// serveOrders starts the orders, or goes on with them, and says "done" when all have ended.
func serveOrders(dir string) error {
	engine, err := natsd.Embedded(natsd.Config{Dir: dir, Grouped: true})
	if err != nil {
		return err
	}
	ctx := awsapi.WithCaller(context.Background(), awsapi.Caller{Account: account, Region: "us-east-1", Admin: true})
	s := states.New(states.Config{Stores: storenats.NewSynced(engine.Conn(), engine.Sync), Bus: busnats.NewSynced(engine.Conn(), engine.Sync), Log: slog.New(slog.NewTextHandler(io.Discard, nil))})
	s.Connect(&printer{}, nil)
	catalog := awsapi.NewCatalog([]awsapi.Service{s})
	call := func(op string, in any) (map[string]any, error) {
		data, _ := json.Marshal(in)
		out, err := catalog.Call(ctx, "states", op, data)
		var v map[string]any
		_ = json.Unmarshal(out, &v)
		return v, err
	}
	if _, err := call("CreateStateMachine", m{"name": "pizza", "definition": pizza(1), "roleArn": role}); err != nil {
		return err
	}
	if _, err := call("CreateStateMachine", m{"name": "feast", "definition": distributed("", strings.Trim(pizza(1), "{}")+"}}"), "roleArn": role}); err != nil {
		return err
	}
	go func() { _ = s.Run(ctx) }()
	var feast []string
	for i := range killChildren {
		feast = append(feast, fmt.Sprintf(`{"order":%d}`, killOrders-killChildren+i))
	}
	in := m{"stateMachineArn": "arn:aws:states:us-east-1:" + account + ":stateMachine:feast", "name": "feast", "input": "[" + strings.Join(feast, ",") + "]"}
	if _, err := call("StartExecution", in); err != nil && awsapi.Code(err) != "ExecutionAlreadyExists" {
		return err
	}
	for i := range killOrders - killChildren {
		in := m{"stateMachineArn": "arn:aws:states:us-east-1:" + account + ":stateMachine:pizza", "name": fmt.Sprint("order", i), "input": fmt.Sprintf(`{"order":%d}`, i)}
		if _, err := call("StartExecution", in); err != nil && awsapi.Code(err) != "ExecutionAlreadyExists" {
			return err
		}
	}
	names := []string{"feast:feast"}
	for i := range killOrders - killChildren {
		names = append(names, fmt.Sprint("pizza:order", i))
	}
	for _, name := range names {
		for {
			out, err := call("DescribeExecution", m{"executionArn": "arn:aws:states:us-east-1:" + account + ":execution:" + name})
			if err == nil && out["status"] == "SUCCEEDED" {
				break
			}
			time.Sleep(20 * time.Millisecond)
		}
	}
	if err := sameHistories(call); err != nil {
		return err
	}
	fmt.Println("done")
	select {}
}

// sameHistories tells whether each child execution has the same steps in its history as an execution of its own, and each once.
func sameHistories(call func(string, any) (map[string]any, error)) error {
	base := "arn:aws:states:us-east-1:" + account + ":execution:"
	steps := func(arn any) (string, error) {
		out, err := call("GetExecutionHistory", m{"executionArn": arn, "maxResults": 1000})
		if err != nil {
			return "", err
		}
		var events []map[string]any
		for _, e := range out["events"].([]any) {
			events = append(events, e.(map[string]any))
		}
		return strings.Join(kinds(events), " "), nil
	}
	want, err := steps(base + "pizza:order0")
	if err != nil {
		return err
	}
	runs, err := call("ListMapRuns", m{"executionArn": base + "feast:feast"})
	if err != nil {
		return err
	}
	out, err := call("ListExecutions", m{"mapRunArn": runs["mapRuns"].([]any)[0].(m)["mapRunArn"], "statusFilter": "SUCCEEDED"})
	if err != nil {
		return err
	}
	children := out["executions"].([]any)
	if len(children) != killChildren {
		return fmt.Errorf("%d children", len(children))
	}
	for _, c := range children {
		if got, err := steps(c.(m)["executionArn"]); err != nil || got != want {
			return fmt.Errorf("a child has the events %s (%w), not %s", got, err, want)
		}
	}
	return nil
}

// TestKill kills the process with -9 again and again: each order has all its notifications, in order; one that comes twice has the
// same request id, which is so only when the process died between the call and the next write.
func TestKill_SF077(t *testing.T) {
	if testing.Short() {
		t.Skip("takes some seconds of real time")
	}
	dir := t.TempDir()
	steps := make([][]string, killOrders) // request ids by step
	repeated := 0
	for round := 0; ; round++ {
		cmd := exec.Command(os.Args[0])
		cmd.Env = append(os.Environ(), killDir+"="+dir)
		out, err := cmd.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		timer := time.AfterFunc(90*time.Second, func() { cmd.Process.Kill() })
		done := false
		lines := bufio.NewScanner(out)
		for n := 0; lines.Scan(); n++ {
			line := lines.Text()
			if line == "done" {
				done = true
				cmd.Process.Kill()
				break
			}
			var order, step int
			var request string
			if _, err := fmt.Sscan(line, &order, &step, &request); err != nil {
				t.Fatalf("the process says %q", line)
			}
			switch have := steps[order]; {
			case step == len(have)+1:
				steps[order] = append(have, request)
			case step == len(have) && have[step-1] == request:
				repeated++
			default:
				t.Errorf("order %d: notification %d (%s) after %s", order, step, request, strings.Join(have, " "))
			}
			if round < 5 && n == 40+15*round {
				cmd.Process.Kill() // what it still says is read on
			}
		}
		timer.Stop()
		cmd.Wait() //nolint:errcheck // it was killed
		if done {
			break
		}
		if round > 8 {
			t.Fatal("the orders do not end")
		}
	}
	for order, have := range steps {
		if len(have) != 6 {
			t.Errorf("order %d has %d notifications", order, len(have))
		}
	}
	t.Logf("%d of %d notifications came twice", repeated, 6*killOrders)
}
