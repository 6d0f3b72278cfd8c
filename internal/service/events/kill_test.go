package events

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
	"github.com/sallyport/sallyport/internal/service/events/delivery"
	"github.com/sallyport/sallyport/internal/service/logs"
	"github.com/sallyport/sallyport/internal/service/sqs"
	storenats "github.com/sallyport/sallyport/internal/store/nats"
	"go.uber.org/goleak"
)

// killDir makes this program a process that puts events in the directory named there until it is killed.
const killDir = "SALLYPORT_TEST_EVENTS_DIR"

// killTell makes it say what comes into the queue and the group of logs, too.
const killTell = "SALLYPORT_TEST_EVENTS_TELL"

const killEvents = 150

func TestMain(m *testing.M) {
	if dir := os.Getenv(killDir); dir != "" {
		fmt.Println(serveEvents(dir))
		os.Exit(1)
	}
	goleak.VerifyTestMain(m)
}

// printer is a function that prints who asks for it and what it is given.
type printer struct{ mu sync.Mutex }

func (p *printer) EnqueueFrom(ctx context.Context, _, _, _ string, event []byte) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	fmt.Println("call", awsapi.CallerOf(ctx).RequestID, string(event))
	return nil
}

// serveEvents puts every event, as somebody who does not know what the process before him has put, and says if asked what came
// into the queue and the group of logs.
func serveEvents(dir string) error {
	engine, err := natsd.Embedded(natsd.Config{Dir: dir})
	if err != nil {
		return err
	}
	stores, b, log := storenats.New(engine.Conn()), busnats.New(engine.Conn()), slog.New(slog.NewTextHandler(io.Discard, nil))
	services := &late{}
	s := New(Config{Stores: stores, Bus: b, Targets: delivery.New(&printer{}, services), Log: log})
	queues, groups := sqs.New(sqs.Config{Stores: stores, Log: log}), logs.New(stores, b, log)
	services.Catalog = awsapi.NewCatalog([]awsapi.Service{s, queues, groups})
	caller := awsapi.Caller{Account: account, Region: "us-east-1", Admin: true, Repeats: true}
	call := func(request, service, op string, in any) (out object, err error) {
		c := caller
		c.RequestID = request
		data, _ := json.Marshal(in)
		answer, err := services.Call(awsapi.WithCaller(context.Background(), c), service, op, data)
		_ = json.Unmarshal(answer, &out)
		return out, err
	}
	for _, run := range []func(context.Context) error{s.Run, queues.Run, groups.Run} {
		go func() { _ = run(context.Background()) }()
	}
	_, _ = call("", "logs", "CreateLogGroup", object{"logGroupName": "lines"}) // it may be there
	for _, one := range []struct {
		service, op string
		in          object
	}{
		{"sqs", "CreateQueue", object{"QueueName": "q", "Attributes": object{"Policy": anyQueue}}},
		{"events", "PutRule", object{"Name": "r", "EventPattern": `{"source":["a"]}`}},
		{"events", "PutTargets", object{"Rule": "r", "Targets": []object{
			{"Id": "f", "Arn": "arn:aws:lambda:us-east-1:111111111111:function:f", "InputPath": "$.detail.n"},
			{"Id": "l", "Arn": "arn:aws:logs:us-east-1:111111111111:log-group:lines"},
			{"Id": "q", "Arn": "arn:aws:sqs:us-east-1:111111111111:q", "InputPath": "$.detail.n"},
		}}},
	} {
		if _, err := call("", one.service, one.op, one.in); err != nil {
			return err
		}
	}
	for i := range killEvents {
		if _, err := call(fmt.Sprint("request ", i), "events", "PutEvents", object{"Entries": []object{entry("a", fmt.Sprintf(`{"n":%d}`, i))}}); err != nil {
			return err
		}
	}
	if os.Getenv(killTell) == "" {
		select {}
	}
	told := map[any]bool{}
	for {
		out, err := call("", "logs", "FilterLogEvents", object{"logGroupName": "lines"})
		if err != nil {
			return err
		}
		for _, e := range out["events"].([]any) {
			id := e.(object)["eventId"]
			if told[id] {
				continue
			}
			told[id] = true
			var event struct{ Detail struct{ N int } }
			if err := json.Unmarshal([]byte(e.(object)["message"].(string)), &event); err != nil {
				return err
			}
			fmt.Println("line", event.Detail.N)
		}
		out, err = call("", "sqs", "ReceiveMessage", object{"QueueUrl": "https://x/" + account + "/q", "MaxNumberOfMessages": 10, "WaitTimeSeconds": 1, "VisibilityTimeout": 3600})
		if err != nil {
			return err
		}
		some, _ := out["Messages"].([]any)
		for _, m := range some {
			fmt.Println("message", m.(object)["Body"])
		}
	}
}

// TestKill kills the process with -9 while it takes and delivers events: nobody misses one, queues and groups of logs get each once,
// and a function that is called twice is so by the same request.
func TestKill_EV032_EV056(t *testing.T) {
	if testing.Short() {
		t.Skip("takes some seconds of real time")
	}
	dir := t.TempDir()
	requests, lines, messages := map[string]map[string]bool{}, map[string]int{}, map[string]int{}
	told := func(line string) (complete bool) {
		what, rest, _ := strings.Cut(line, " ")
		switch what {
		case "call":
			request, n, _ := strings.Cut(rest, " ")
			if requests[n] == nil {
				requests[n] = map[string]bool{}
			}
			requests[n][request] = true
		case "line":
			lines[rest]++
		case "message":
			messages[rest]++
		default:
			t.Errorf("the process says %q", line)
		}
		return len(requests) == killEvents && len(lines) == killEvents && len(messages) == killEvents
	}
	for round := range 5 {
		if len(requests) < killEvents {
			killRound(t, dir, 15+11*round, told)
		}
	}
	killRound(t, dir, 0, told)
	for i := range killEvents {
		n := fmt.Sprint(i)
		if len(requests[n]) != 1 || lines[n] != 1 || messages[n] != 1 {
			t.Errorf("event %d: %d requests for the function, %d lines, %d messages", i, len(requests[n]), lines[n], messages[n])
		}
	}
}

// killRound runs the process, and kills it after so many calls of the function. If that is 0, the process also tells what came into the
// queue and the group of logs, and is killed when everything has come, and nothing more for a time.
func killRound(t *testing.T, dir string, after int, told func(line string) (complete bool)) {
	t.Helper()
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), killDir+"="+dir)
	patience := 20 * time.Second // there may be nothing left to be called
	if after == 0 {
		cmd.Env = append(cmd.Env, killTell+"=1")
		patience = 3 * time.Minute
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
		complete := told(lines.Text())
		switch {
		case after > 0 && n == after:
			cmd.Process.Kill() // what it still says is read on
		case complete && !settling:
			settling = true
			timer.Reset(8 * time.Second) // what is done again comes within the time that a dead worker has for its job
		}
	}
}
