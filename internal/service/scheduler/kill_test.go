package scheduler

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
	"testing"
	"time"

	"github.com/sallyport/sallyport/internal/awsapi"
	busnats "github.com/sallyport/sallyport/internal/bus/nats"
	"github.com/sallyport/sallyport/internal/natsd"
	"github.com/sallyport/sallyport/internal/service/events/delivery"
	"github.com/sallyport/sallyport/internal/service/sqs"
	storenats "github.com/sallyport/sallyport/internal/store/nats"
	"go.uber.org/goleak"
)

// killDir makes this program a process that serves schedules in the directory named there until it is killed.
const killDir = "SALLYPORT_TEST_SCHEDULER_DIR"

// killTell makes it say what comes into the queue, too.
const killTell = "SALLYPORT_TEST_SCHEDULER_TELL"

const killSchedules = 60

func TestMain(m *testing.M) {
	if dir := os.Getenv(killDir); dir != "" {
		fmt.Println(serveSchedules(dir))
		os.Exit(1)
	}
	goleak.VerifyTestMain(m)
}

// printer is a function that prints who asks for it and what it is given.
type printer struct{}

func (printer) EnqueueFrom(ctx context.Context, _, _, _ string, event []byte) error {
	fmt.Println("call " + awsapi.CallerOf(ctx).RequestID + " " + string(event))
	return nil
}

// serveSchedules makes schedules that are due, six at a time, within the next seconds, half of them for a function and half for a queue.
func serveSchedules(dir string) error {
	engine, err := natsd.Embedded(natsd.Config{Dir: dir})
	if err != nil {
		return err
	}
	stores, log := storenats.New(engine.Conn()), slog.New(slog.NewTextHandler(io.Discard, nil))
	services := &late{}
	s := New(Config{Stores: stores, Bus: busnats.New(engine.Conn()), Targets: delivery.New(printer{}, services), Log: log})
	queues := sqs.New(sqs.Config{Stores: stores, Log: log})
	services.Catalog = awsapi.NewCatalog([]awsapi.Service{s, queues})
	ctx := awsapi.WithCaller(context.Background(), awsapi.Caller{Account: "111111111111", Region: "us-east-1", Admin: true})
	call := func(service, op string, in any) (out object, err error) {
		data, _ := json.Marshal(in)
		answer, err := services.Call(ctx, service, op, data)
		_ = json.Unmarshal(answer, &out)
		return out, err
	}
	for _, run := range []func(context.Context) error{s.Run, queues.Run} {
		go func() { _ = run(context.Background()) }()
	}
	if _, err := call("sqs", "CreateQueue", object{"QueueName": "q"}); err != nil {
		return err
	}
	began, err := os.ReadFile(dir + "/began") // by the first process
	if err != nil {
		began = []byte(time.Now().UTC().Format(time.RFC3339))
		if err := os.WriteFile(dir+"/began", began, 0o600); err != nil {
			return err
		}
	}
	first, err := time.Parse(time.RFC3339, string(began))
	if err != nil {
		return err
	}
	for i := range killSchedules {
		target := "arn:aws:lambda:us-east-1:111111111111:function:f"
		if i%2 == 1 {
			target = "arn:aws:sqs:us-east-1:111111111111:q"
		}
		_, err := call("scheduler", "CreateSchedule", object{
			"Name": fmt.Sprint("s", i), "FlexibleTimeWindow": object{"Mode": "OFF"},
			"ScheduleExpression": first.Add(time.Duration(3+i/6) * time.Second).Format("at(2006-01-02T15:04:05)"),
			"Target":             object{"Arn": target, "RoleArn": "arn:aws:iam::111111111111:role/r", "Input": fmt.Sprint(i)},
		})
		if err != nil && awsapi.Code(err) != "ConflictException" {
			return err
		}
	}
	if os.Getenv(killTell) == "" {
		select {}
	}
	for {
		out, err := call("sqs", "ReceiveMessage", object{"QueueUrl": "https://x/111111111111/q", "MaxNumberOfMessages": 10, "WaitTimeSeconds": 1, "VisibilityTimeout": 3600})
		if err != nil {
			return err
		}
		some, _ := out["Messages"].([]any)
		for _, m := range some {
			fmt.Println("message", m.(object)["MessageId"], m.(object)["Body"])
		}
	}
}

// TestKill kills the process with -9 while schedules become due: each calls its target, and does so once.
func TestKill_EV058(t *testing.T) {
	if testing.Short() {
		t.Skip("takes some seconds of real time")
	}
	dir := t.TempDir()
	calls := map[string]map[string]int{} // by schedule and request or message
	for round := range 5 {
		if len(calls) < killSchedules/2 {
			killRound(t, dir, 2+round, calls)
		}
	}
	killRound(t, dir, 0, calls)
	for i := range killSchedules {
		got := calls[fmt.Sprint(i)]
		if len(got) != 1 {
			t.Errorf("schedule %d: %v", i, got)
		}
		for id, n := range got {
			if i%2 == 1 && n != 1 { // a function that was called may not be known to be; it is asked again by the same request
				t.Errorf("schedule %d: %s came %d times", i, id, n)
			}
		}
	}
}

// killRound runs the process, and kills it after so many calls of functions. If that is 0, the process also tells what came into the
// queue, and is killed when everything has come, and nothing more for a time.
func killRound(t *testing.T, dir string, after int, calls map[string]map[string]int) {
	t.Helper()
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), killDir+"="+dir)
	patience, all := 20*time.Second, killSchedules/2 // there may be nothing left to be called
	if after == 0 {
		cmd.Env = append(cmd.Env, killTell+"=1")
		patience, all = 3*time.Minute, killSchedules
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	timer := time.AfterFunc(patience, func() { cmd.Process.Kill() })
	defer timer.Stop()
	defer cmd.Wait() //nolint:errcheck // it was killed
	lines := bufio.NewScanner(out)
	for n, settling := 1, false; lines.Scan(); n++ {
		parts := strings.Fields(lines.Text())
		if len(parts) != 3 {
			cmd.Process.Kill()
			t.Fatalf("the process says %q", lines.Text())
		}
		if calls[parts[2]] == nil {
			calls[parts[2]] = map[string]int{}
		}
		calls[parts[2]][parts[1]]++
		switch complete := len(calls) == all; {
		case after > 0 && (n == after || complete):
			cmd.Process.Kill() // what it still says is read on
		case complete && !settling:
			settling = true
			timer.Reset(8 * time.Second) // what is done again comes within the time that a dead worker has for its job
		}
	}
}
