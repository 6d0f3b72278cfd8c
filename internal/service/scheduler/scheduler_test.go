package scheduler

import (
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/sallyport/sallyport/internal/awsapi"
	"github.com/sallyport/sallyport/internal/bus"
	busmem "github.com/sallyport/sallyport/internal/bus/mem"
	"github.com/sallyport/sallyport/internal/service/events/delivery"
	"github.com/sallyport/sallyport/internal/service/sqs"
	"github.com/sallyport/sallyport/internal/store"
	"github.com/sallyport/sallyport/internal/store/mem"
)

type object = map[string]any

// functions keep when they are called and with what; those that are down fail.
type functions struct {
	mu    sync.Mutex // guards calls
	calls []string
}

func (f *functions) EnqueueFrom(_ context.Context, principal, _, function string, event []byte) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.calls = append(f.calls, time.Now().UTC().Format("15:04:05")+" "+principal+string(event))
	if strings.HasSuffix(function, ":down") {
		return errors.New("it is down")
	}
	return nil
}

func (f *functions) got() []string {
	f.mu.Lock()
	defer f.mu.Unlock()
	all := f.calls
	f.calls = nil
	return all
}

type late struct{ *awsapi.Catalog }

func (l *late) Call(ctx context.Context, service, operation string, in []byte) ([]byte, error) {
	return l.Catalog.Call(ctx, service, operation, in)
}

type fixture struct {
	*functions
	t       *testing.T
	ctx     context.Context
	catalog *awsapi.Catalog
	stop    func()
}

func start(t *testing.T, stores store.Stores, b bus.Bus) *fixture {
	log := slog.New(slog.NewTextHandler(t.Output(), nil))
	f, services := &fixture{functions: &functions{}, t: t}, &late{}
	s := New(Config{Stores: stores, Bus: b, Targets: delivery.New(f.functions, services), Log: log})
	queues := sqs.New(sqs.Config{Stores: stores, Log: log})
	f.catalog = awsapi.NewCatalog([]awsapi.Service{s, queues})
	services.Catalog = f.catalog
	ctx, cancel := context.WithCancel(context.Background())
	var wg sync.WaitGroup
	for _, run := range []func(context.Context) error{s.Run, queues.Run} {
		wg.Go(func() {
			if err := run(ctx); err != nil {
				t.Errorf("run: %v", err)
			}
		})
	}
	f.ctx = awsapi.WithCaller(ctx, awsapi.Caller{Account: "111111111111", Region: "us-east-1", Admin: true})
	f.stop = sync.OnceFunc(func() { cancel(); wg.Wait() })
	return f
}

func inBubble(t *testing.T, test func(t *testing.T, f *fixture)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		f := start(t, mem.New(), busmem.New())
		defer f.stop()
		test(t, f)
	})
}

func (f *fixture) call(service, op string, in object) (out object, failure string) {
	f.t.Helper()
	data, err := json.Marshal(in)
	if err != nil {
		f.t.Fatal(err)
	}
	answer, err := f.catalog.Call(f.ctx, service, op, data)
	if err != nil {
		return nil, err.Error()
	}
	if err := json.Unmarshal(answer, &out); err != nil {
		f.t.Fatal(err)
	}
	return out, ""
}

// schedule makes a schedule that calls a function.
func (f *fixture) schedule(name, expression string, more object) string {
	f.t.Helper()
	in := object{
		"Name": name, "ScheduleExpression": expression, "FlexibleTimeWindow": object{"Mode": "OFF"},
		"Target": object{"Arn": "arn:aws:lambda:us-east-1:111111111111:function:f", "RoleArn": "arn:aws:iam::111111111111:role/r", "Input": "in"},
	}
	for k, v := range more {
		in[k] = v
	}
	_, failure := f.call("scheduler", "CreateSchedule", in)
	return failure
}

func (f *fixture) want(calls ...string) {
	f.t.Helper()
	if diff := cmp.Diff(calls, f.got()); diff != "" {
		f.t.Error(diff)
	}
}

func TestOnce_EV058_EV061(t *testing.T) {
	inBubble(t, func(t *testing.T, f *fixture) {
		f.schedule("a", "at(2000-01-01T00:10:00)", object{"ActionAfterCompletion": "DELETE"})
		f.schedule("b", "at(2000-01-01T02:00:00)", object{"ScheduleExpressionTimezone": "Europe/Berlin"})
		time.Sleep(9 * time.Minute)
		f.want()
		time.Sleep(24 * time.Hour)
		f.want("00:10:00 in", "01:00:00 in")
		if _, failure := f.call("scheduler", "GetSchedule", object{"Name": "a"}); failure != "ResourceNotFoundException: Schedule a does not exist." {
			t.Error(failure)
		}
		if out, failure := f.call("scheduler", "GetSchedule", object{"Name": "b"}); failure != "" || out["State"] != "ENABLED" {
			t.Error(out, failure)
		}
	})
}

func TestTimes_EV059_EV060(t *testing.T) {
	inBubble(t, func(t *testing.T, f *fixture) {
		if got := f.schedule("x", "rate(10 seconds)", nil); got != "ValidationException: Invalid Schedule Expression rate(10 seconds)." {
			t.Error(got)
		}
		if got := f.schedule("x", "rate(1 minute)", object{"ScheduleExpressionTimezone": "Mars/Olympus"}); got != "ValidationException: Invalid ScheduleExpressionTimezone Mars/Olympus." {
			t.Error(got)
		}
		f.schedule("rate", "rate(10 minutes)", object{"EndDate": 946684800 + 1500})
		f.schedule("cron", "cron(30 2 * * ? *)", object{"ScheduleExpressionTimezone": "Asia/Tokyo", "StartDate": 946684800 + 86400})
		if got := f.schedule("cron", "rate(1 minute)", nil); got != "ConflictException: Schedule cron already exists." {
			t.Error(got)
		}
		time.Sleep(time.Hour)
		f.want("00:00:00 in", "00:10:00 in", "00:20:00 in")
		time.Sleep(48 * time.Hour)
		f.want("17:30:00 in")
		if _, failure := f.call("scheduler", "UpdateSchedule", object{
			"Name": "cron", "ScheduleExpression": "rate(1 day)", "State": "DISABLED", "FlexibleTimeWindow": object{"Mode": "OFF"},
			"Target": object{"Arn": "arn:aws:lambda:us-east-1:111111111111:function:f", "RoleArn": "arn:aws:iam::111111111111:role/r"},
		}); failure != "" {
			t.Fatal(failure)
		}
		time.Sleep(72 * time.Hour)
		f.want()
	})
}

// TestNodes: two nodes fire once; what was missed while both were down is made up for once.
func TestNodes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		stores, b := mem.New(), busmem.New()
		one, two := start(t, stores, b), start(t, stores, b)
		one.schedule("s", "rate(1 minute)", nil)
		time.Sleep(9*time.Minute + time.Second)
		if n := len(one.got()) + len(two.got()); n != 10 {
			t.Errorf("%d calls in nine minutes and at once", n)
		}
		one.stop()
		two.stop()
		time.Sleep(time.Hour)
		three := start(t, stores, b)
		defer three.stop()
		time.Sleep(time.Minute) // the next time is due after 59 seconds
		if n := len(three.got()); n != 2 {
			t.Errorf("%d calls after an hour's sleep", n)
		}
	})
}

func TestDeadLettersAndUniversalTargets(t *testing.T) {
	inBubble(t, func(t *testing.T, f *fixture) {
		for _, q := range []string{"dead", "q"} {
			if _, failure := f.call("sqs", "CreateQueue", object{"QueueName": q}); failure != "" {
				t.Fatal(failure)
			}
		}
		role := "arn:aws:iam::111111111111:role/r"
		f.schedule("down", "at(2000-01-01T00:01:00)", object{"Target": object{
			"Arn": "arn:aws:lambda:us-east-1:111111111111:function:down", "RoleArn": role, "Input": "<aws.scheduler.attempt-number>",
			"RetryPolicy": object{"MaximumRetryAttempts": 2}, "DeadLetterConfig": object{"Arn": "arn:aws:sqs:us-east-1:111111111111:dead"},
		}})
		f.schedule("any", "at(2000-01-01T00:01:00)", object{"Target": object{
			"Arn": "arn:aws:scheduler:::aws-sdk:sqs:sendMessage", "RoleArn": role, "Input": `{"QueueUrl":"https://x/111111111111/q","MessageBody":"hello"}`,
		}})
		time.Sleep(5 * time.Minute)
		f.want("00:01:00 1", "00:01:01 2", "00:01:03 3")
		for queue, want := range map[string]string{"dead": "3", "q": "hello"} {
			out, failure := f.call("sqs", "ReceiveMessage", object{"QueueUrl": "https://x/111111111111/" + queue})
			if failure != "" || len(out["Messages"].([]any)) != 1 || out["Messages"].([]any)[0].(object)["Body"] != want {
				t.Errorf("%s: %v %s", queue, out, failure)
			}
		}
	})
}

func TestGroups(t *testing.T) {
	inBubble(t, func(t *testing.T, f *fixture) {
		if got := f.schedule("s", "rate(1 day)", object{"GroupName": "g"}); got != "ResourceNotFoundException: Schedule group g does not exist." {
			t.Error(got)
		}
		out, failure := f.call("scheduler", "CreateScheduleGroup", object{"Name": "g", "Tags": []object{{"Key": "k", "Value": "v"}}})
		if failure != "" || out["ScheduleGroupArn"] != "arn:aws:scheduler:us-east-1:111111111111:schedule-group/g" {
			t.Fatal(out, failure)
		}
		f.schedule("s", "rate(1 day)", object{"GroupName": "g", "State": "DISABLED"})
		f.schedule("t", "rate(1 day)", object{"State": "DISABLED"})
		for group, want := range map[string]int{"g": 1, "": 2} {
			in := object{}
			if group != "" {
				in["GroupName"] = group
			}
			if out, _ := f.call("scheduler", "ListSchedules", in); len(out["Schedules"].([]any)) != want {
				t.Errorf("%q: %v", group, out)
			}
		}
		if out, _ := f.call("scheduler", "ListTagsForResource", object{"ResourceArn": "arn:aws:scheduler:us-east-1:111111111111:schedule-group/g"}); len(out["Tags"].([]any)) != 1 {
			t.Errorf("%v", out)
		}
		if _, failure := f.call("scheduler", "DeleteScheduleGroup", object{"Name": "g"}); failure != "" {
			t.Error(failure)
		}
		if out, _ := f.call("scheduler", "ListSchedules", object{}); len(out["Schedules"].([]any)) != 1 {
			t.Errorf("%v", out)
		}
	})
}
