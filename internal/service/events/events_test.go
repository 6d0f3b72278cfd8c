package events

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"net/http"
	"slices"
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
	"github.com/sallyport/sallyport/internal/service/logs"
	"github.com/sallyport/sallyport/internal/service/sqs"
	"github.com/sallyport/sallyport/internal/store"
	"github.com/sallyport/sallyport/internal/store/mem"
)

type object = map[string]any

const (
	account  = "111111111111"
	anyQueue = `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"Service":"events.amazonaws.com"},"Action":"sqs:SendMessage","Resource":"*"}]}`
)

// functions keep what they are called with; those that are not allowed refuse.
type functions struct {
	alive func() bool // nil: yes

	mu    sync.Mutex // guards both
	calls []string
	ids   []string // of the calls' requests
}

func (f *functions) EnqueueFrom(ctx context.Context, principal, source, function string, event []byte) error {
	if !strings.HasSuffix(function, ":allowed") {
		return awsapi.Errorf("AccessDeniedException", 403, "%s may not invoke %s for %s", principal, function, source)
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.alive != nil && !f.alive() {
		return bus.ErrUnavailable
	}
	f.calls, f.ids = append(f.calls, string(event)), append(f.ids, awsapi.CallerOf(ctx).RequestID)
	return nil
}

// requests counts the calls that are not the same request as one before.
func (f *functions) requests() int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return len(slices.Compact(slices.Sorted(slices.Values(f.ids))))
}

func (f *functions) all() []string {
	f.mu.Lock()
	defer f.mu.Unlock()
	return append([]string(nil), f.calls...)
}

// late is the catalog of services, which comes after the service that needs it.
type late struct{ *awsapi.Catalog }

func (l *late) Call(ctx context.Context, service, operation string, in []byte) ([]byte, error) {
	return l.Catalog.Call(ctx, service, operation, in)
}

// A fixture is EventBridge with queues, logs and functions around it.
type fixture struct {
	*Service
	t         testing.TB
	ctx       context.Context
	catalog   *awsapi.Catalog
	functions *functions
	stop      func()
}

func start(t testing.TB, stores store.Stores, b bus.Bus, web Web) *fixture {
	t.Helper()
	log := slog.New(slog.NewTextHandler(t.Output(), nil))
	f := &fixture{t: t, functions: &functions{}}
	services := &late{}
	f.Service = New(Config{Stores: stores, Bus: b, Targets: delivery.New(f.functions, services), Web: web, Log: log})
	queues, groups := sqs.New(sqs.Config{Stores: stores, Log: log}), logs.New(stores, b, log)
	f.catalog = awsapi.NewCatalog([]awsapi.Service{f.Service, queues, groups})
	services.Catalog = f.catalog
	ctx, cancel := context.WithCancel(context.Background())
	var wg sync.WaitGroup
	for _, run := range []func(context.Context) error{f.Run, queues.Run, groups.Run} {
		wg.Go(func() {
			if err := run(ctx); err != nil {
				t.Errorf("run: %v", err)
			}
		})
	}
	f.ctx = awsapi.WithCaller(ctx, awsapi.Caller{Account: account, Region: "us-east-1", Admin: true})
	f.stop = sync.OnceFunc(func() { cancel(); wg.Wait() })
	return f
}

// inBubble runs a test with virtual time.
func inBubble(t *testing.T, test func(t *testing.T, f *fixture)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		f := start(t, mem.New(), busmem.New(), nil)
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
		f.t.Fatalf("%s: %s: %v", op, answer, err)
	}
	return out, ""
}

func (f *fixture) ok(op string, in object) object {
	f.t.Helper()
	out, failure := f.call("events", op, in)
	if failure != "" {
		f.t.Fatalf("%s: %s", op, failure)
	}
	return out
}

// refused checks an operation's error.
func (f *fixture) refused(op string, in object, want string) {
	f.t.Helper()
	if _, failure := f.call("events", op, in); failure != want {
		f.t.Errorf("%s: %q\nwant %q", op, failure, want)
	}
}

// queue makes a queue that rules may send to, and returns its ARN.
func (f *fixture) queue(name string) string {
	f.t.Helper()
	attributes := object{"Policy": anyQueue}
	if strings.HasSuffix(name, ".fifo") {
		attributes["FifoQueue"], attributes["ContentBasedDeduplication"] = "true", "true"
	}
	if _, failure := f.call("sqs", "CreateQueue", object{"QueueName": name, "Attributes": attributes}); failure != "" {
		f.t.Fatal(failure)
	}
	return "arn:aws:sqs:us-east-1:" + account + ":" + name
}

// received takes what a queue has, after wait.
func (f *fixture) received(name string, wait int) (bodies []string, messages []object) {
	f.t.Helper()
	for {
		out, failure := f.call("sqs", "ReceiveMessage", object{
			"QueueUrl": "https://x/" + account + "/" + name, "MaxNumberOfMessages": 10, "WaitTimeSeconds": wait,
			"AttributeNames": []string{"All"}, "MessageAttributeNames": []string{"All"},
		})
		if failure != "" {
			f.t.Fatal(failure)
		}
		some, _ := out["Messages"].([]any)
		if len(some) == 0 {
			return bodies, messages
		}
		for _, m := range some {
			bodies = append(bodies, m.(object)["Body"].(string))
			messages = append(messages, m.(object))
			if _, failure := f.call("sqs", "DeleteMessage", object{"QueueUrl": "https://x/" + account + "/" + name, "ReceiptHandle": m.(object)["ReceiptHandle"]}); failure != "" {
				f.t.Fatal(failure)
			}
		}
	}
}

// rule makes a rule on a bus with one target that is a queue; target has its other members.
func (f *fixture) rule(bus, name, pattern, queue string, target object) {
	f.t.Helper()
	in := object{"Name": name, "EventPattern": pattern}
	put := object{"Rule": name, "Targets": []object{{"Id": "t", "Arn": f.queue(queue)}}}
	if bus != "" {
		in["EventBusName"], put["EventBusName"] = bus, bus
	}
	for k, v := range target {
		put["Targets"].([]object)[0][k] = v
	}
	f.ok("PutRule", in)
	f.ok("PutTargets", put)
}

func entry(source, detail string) object {
	return object{"Source": source, "DetailType": "t", "Detail": detail}
}

func (f *fixture) put(entries ...object) []any {
	f.t.Helper()
	return f.ok("PutEvents", object{"Entries": entries})["Entries"].([]any)
}

func TestPutEvents_EV001_EV008_EV009_EV010(t *testing.T) {
	inBubble(t, func(t *testing.T, f *fixture) {
		f.rule("", "r", `{"source":[{"prefix":"app"}]}`, "q", nil)
		sent := f.put(object{"Source": "app", "DetailType": "a<b", "Detail": `{"b": 1, "a": "<&>"}`, "Time": 1767225600.5, "Resources": []string{"x"}})[0].(object)
		bodies, _ := f.received("q", 1)
		want := fmt.Sprintf(`{"version":"0","id":"%s","detail-type":"a<b","source":"app","account":"111111111111","time":"2026-01-01T00:00:00Z","region":"us-east-1","resources":["x"],"detail":{"b":1,"a":"<&>"}}`, sent["EventId"])
		if diff := cmp.Diff([]string{want}, bodies); diff != "" {
			t.Error(diff)
		}
	})
}

func TestPutEvents_EV002_EV003_EV004_EV005_EV006_EV007(t *testing.T) {
	inBubble(t, func(t *testing.T, f *fixture) {
		f.rule("", "r", `{"source":["app"]}`, "q", nil)
		eleven := make([]object, 11)
		for i := range eleven {
			eleven[i] = entry("app", "{}")
		}
		if _, failure := f.call("events", "PutEvents", object{"Entries": eleven}); !strings.HasPrefix(failure, "ValidationException: 1 validation error detected: Value '[PutEventsRequestEntry(") ||
			!strings.HasSuffix(failure, "at 'entries' failed to satisfy constraint: Member must have length less than or equal to 10") {
			t.Errorf("EV-002: %s", failure)
		}
		out := f.ok("PutEvents", object{"Entries": []object{
			{"DetailType": "t", "Detail": "{}"},
			entry("app", "[]"), entry("app", `"x"`), entry("app", "{bad"), entry("aws.foo", "{}"),
			entry("app", `{"n":1}`),
			{"Source": "app", "DetailType": "t", "Detail": "{}", "EventBusName": "none"},
		}})
		if out["FailedEntryCount"] != 5.0 {
			t.Errorf("%v", out)
		}
		var got []string
		for _, e := range out["Entries"].([]any) {
			code, _ := e.(object)["ErrorCode"].(string)
			message, _ := e.(object)["ErrorMessage"].(string)
			got = append(got, code+" "+message)
		}
		want := []string{
			"InvalidArgument Parameter Source is not valid. Reason: Source is a required argument.", "MalformedDetail Detail is malformed.",
			"MalformedDetail Detail is malformed.", "MalformedDetail Detail is malformed.", "NotAuthorizedForSource Not authorized for the source.", " ", " ",
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Error(diff)
		}
		if bodies, _ := f.received("q", 1); len(bodies) != 1 || !strings.Contains(bodies[0], `{"n":1}`) {
			t.Errorf("delivered %v", bodies)
		}
		big := `{"x":"` + strings.Repeat("x", 1_000_000) + `"}`
		f.put(entry("app", big))
		if bodies, _ := f.received("q", 1); len(bodies) != 1 || !strings.Contains(bodies[0], big) {
			t.Error("EV-007: a large event did not come")
		}
		f.refused("PutEvents", object{"Entries": []object{entry("app", `{"x":"`+strings.Repeat("x", 1<<20)+`"}`)}}, "ValidationException: Total size of the entries in the request is over the limit.")
	})
}

func TestRules_EV011_to_EV015_EV018_EV019(t *testing.T) {
	inBubble(t, func(t *testing.T, f *fixture) {
		f.ok("CreateEventBus", object{"Name": "b"})
		pattern := `{"source":["a"]}`
		if got := f.ok("PutRule", object{"Name": "r", "EventPattern": pattern})["RuleArn"]; got != "arn:aws:events:us-east-1:111111111111:rule/r" {
			t.Errorf("EV-011: %s", got)
		}
		if got := f.ok("PutRule", object{"Name": "r", "EventPattern": pattern, "EventBusName": "b"})["RuleArn"]; got != "arn:aws:events:us-east-1:111111111111:rule/b/r" {
			t.Errorf("EV-011: %s", got)
		}
		f.ok("PutTargets", object{"Rule": "r", "Targets": []object{{"Id": "t", "Arn": f.queue("q")}}})
		f.ok("PutRule", object{"Name": "r", "EventPattern": `{"source":["b"]}`})
		if got := f.ok("DescribeRule", object{"Name": "r"})["EventPattern"]; got != `{"source":["b"]}` {
			t.Errorf("EV-012: %v", got)
		}
		if got := f.ok("ListTargetsByRule", object{"Rule": "r"})["Targets"].([]any); len(got) != 1 {
			t.Errorf("EV-012: %v", got)
		}
		f.refused("PutRule", object{"Name": "x"}, "ValidationException: Parameter(s) EventPattern or ScheduleExpression must be specified.")
		f.refused("PutRule", object{"Name": "x", "EventBusName": "b", "ScheduleExpression": "rate(1 minute)"}, "ValidationException: ScheduleExpression is supported only on the default event bus.")
		for _, bad := range []string{"rate(1 minutes)", "rate(5 minute)", "rate(10 seconds)", "cron(* * * * * *)"} {
			f.refused("PutRule", object{"Name": "x", "ScheduleExpression": bad}, "ValidationException: Parameter ScheduleExpression is not valid.")
		}
		f.refused("DeleteRule", object{"Name": "r"}, "ValidationException: Rule can't be deleted since it has targets.")
		f.refused("DescribeRule", object{"Name": "x"}, "ResourceNotFoundException: Rule x does not exist on EventBus default.")
		f.refused("PutRule", object{"Name": "x", "EventPattern": `{"a":"b"}`}, "InvalidEventPatternException: Event pattern is not valid. Reason: \"a\" must be an object or an array\n at [Source: (String)\"{\"a\":\"b\"}\"; line: 1, column: 9]")
		f.ok("RemoveTargets", object{"Rule": "r", "Ids": []string{"t", "EV-053-none"}})
		f.ok("DeleteRule", object{"Name": "r"})
		f.refused("DescribeRule", object{"Name": "r"}, "ResourceNotFoundException: Rule r does not exist on EventBus default.")
	})
}

func TestScheduledRule_EV016_EV017(t *testing.T) {
	inBubble(t, func(t *testing.T, f *fixture) {
		f.ok("PutRule", object{"Name": "r", "ScheduleExpression": "rate(1 minute)"})
		f.ok("PutTargets", object{"Rule": "r", "Targets": []object{{"Id": "t", "Arn": f.queue("q")}}})
		time.Sleep(59 * time.Second)
		if bodies, _ := f.received("q", 0); bodies != nil {
			t.Errorf("fired before its time: %v", bodies)
		}
		time.Sleep(2 * time.Second)
		bodies, _ := f.received("q", 0)
		if len(bodies) != 1 || !strings.Contains(bodies[0], `"detail-type":"Scheduled Event","source":"aws.events"`) ||
			!strings.Contains(bodies[0], `"resources":["arn:aws:events:us-east-1:111111111111:rule/r"],"detail":{}}`) {
			t.Errorf("%v", bodies)
		}
		f.ok("PutRule", object{"Name": "r", "ScheduleExpression": "cron(0/1 * * * ? *)"})
		time.Sleep(10 * time.Minute)
		if bodies, _ := f.received("q", 0); len(bodies) != 10 {
			t.Errorf("%d times in ten minutes", len(bodies))
		}
		f.ok("DisableRule", object{"Name": "r"})
		time.Sleep(5 * time.Minute)
		if bodies, _ := f.received("q", 0); bodies != nil {
			t.Errorf("a disabled rule fired: %v", bodies)
		}
		f.ok("EnableRule", object{"Name": "r"})
		time.Sleep(3 * time.Minute)
		if bodies, _ := f.received("q", 0); len(bodies) != 3 {
			t.Errorf("%d times in three minutes", len(bodies))
		}
	})
}

// TestScheduleOfTwoNodes: two nodes on one engine fire once.
func TestScheduleOfTwoNodes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		stores, b := mem.New(), busmem.New()
		one, two := start(t, stores, b, nil), start(t, stores, b, nil)
		one.ok("PutRule", object{"Name": "r", "ScheduleExpression": "rate(1 minute)"})
		one.ok("PutTargets", object{"Rule": "r", "Targets": []object{{"Id": "t", "Arn": one.queue("q")}}})
		time.Sleep(10*time.Minute + time.Second)
		if bodies, _ := two.received("q", 0); len(bodies) != 10 {
			t.Errorf("%d times in ten minutes", len(bodies))
		}
		one.stop()
		two.stop()
		time.Sleep(time.Hour)
		three := start(t, stores, b, nil) // what was missed is made up for once
		defer three.stop()
		time.Sleep(61 * time.Second)
		if bodies, _ := three.received("q", 0); len(bodies) != 2 {
			t.Errorf("%d times after an hour's sleep", len(bodies))
		}
	})
}

func TestState_EV020(t *testing.T) {
	inBubble(t, func(t *testing.T, f *fixture) {
		f.rule("", "r", `{"source":["a"]}`, "q", nil)
		f.ok("DisableRule", object{"Name": "r"})
		f.put(entry("a", `{"n":1}`))
		f.ok("EnableRule", object{"Name": "r"})
		f.put(entry("a", `{"n":2}`))
		if bodies, _ := f.received("q", 1); len(bodies) != 1 || !strings.Contains(bodies[0], `{"n":2}`) {
			t.Errorf("%v", bodies)
		}
	})
}

func TestPutTargets_EV021_EV022_EV023_EV029(t *testing.T) {
	inBubble(t, func(t *testing.T, f *fixture) {
		f.ok("PutRule", object{"Name": "r", "EventPattern": `{"source":["a"]}`})
		var six []object
		for i := range 6 {
			six = append(six, object{"Id": fmt.Sprint(i), "Arn": "arn:aws:sqs:us-east-1:111111111111:q"})
		}
		f.refused("PutTargets", object{"Rule": "r", "Targets": six}, "LimitExceededException: The requested resource exceeds the maximum number allowed.")
		one := func(more object) object {
			t := object{"Id": "t", "Arn": "arn:aws:sqs:us-east-1:111111111111:q"}
			for k, v := range more {
				t[k] = v
			}
			return object{"Rule": "r", "Targets": []object{t}}
		}
		f.refused("PutTargets", one(object{"Id": "!@#"}), `ValidationException: 1 validation error detected: Value '!@#' at 'targets.1.member.id' failed to satisfy constraint: Member must satisfy regular expression pattern: [\.\-_A-Za-z0-9]+`)
		f.refused("PutTargets", one(object{"Input": "{}", "InputPath": "$.detail"}), "ValidationException: Only one of Input, InputPath, or InputTransformer must be provided for target t.")
		f.refused("PutTargets", one(object{"InputTransformer": object{"InputTemplate": `"<k>"`}}), "ValidationException: InputTemplate for target t contains invalid placeholder k.")
		f.refused("PutTargets", one(object{"Arn": "x"}), "ValidationException: Parameter x is not valid. Reason: Provided Arn is not in correct format.")
	})
}

func TestFunctions_EV024_EV025(t *testing.T) {
	inBubble(t, func(t *testing.T, f *fixture) {
		f.ok("PutRule", object{"Name": "r", "EventPattern": `{"source":["a"]}`})
		f.ok("PutTargets", object{"Rule": "r", "Targets": []object{
			{"Id": "1", "Arn": "arn:aws:lambda:us-east-1:111111111111:function:allowed"},
			{"Id": "2", "Arn": "arn:aws:lambda:us-east-1:111111111111:function:forbidden", "DeadLetterConfig": object{"Arn": f.queue("dead")}},
		}})
		began := time.Now()
		f.put(entry("a", `{"n":1}`))
		synctest.Wait()
		if calls := f.functions.all(); len(calls) != 1 || !strings.Contains(calls[0], `"detail":{"n":1}`) || time.Since(began) > 100*time.Millisecond {
			t.Errorf("calls %v", calls)
		}
		_, dead := f.received("dead", 1)
		if len(dead) != 1 {
			t.Fatalf("dead letters %v", dead)
		}
		if got := dead[0]["MessageAttributes"].(object)["ERROR_CODE"].(object)["StringValue"]; got != "NO_PERMISSIONS" {
			t.Errorf("error code %v", got)
		}
	})
}

func TestInputs_EV026_EV027_EV028_EV031_EV050(t *testing.T) {
	inBubble(t, func(t *testing.T, f *fixture) {
		bus := "arn:aws:events:us-east-1:111111111111:event-bus/b"
		f.ok("CreateEventBus", object{"Name": "b"})
		f.rule(bus, "constant", `{"source":["a"]}`, "constant", object{"Input": `{"fixed":1}`})
		f.rule(bus, "path", `{"source":["a"]}`, "path", object{"InputPath": "$.detail"})
		f.rule(bus, "template", `{"source":["a"]}`, "template.fifo", object{
			"SqsParameters":    object{"MessageGroupId": "g"},
			"InputTransformer": object{"InputPathsMap": object{"n": "$.detail.n"}, "InputTemplate": `{"n":<n>,"q":"<n>","r":"<aws.events.rule-name>"}`},
		})
		e := entry("a", `{"n":"7"}`)
		e["EventBusName"] = bus
		f.put(e)
		for queue, want := range map[string]string{"constant": `{"fixed":1}`, "path": `{"n":"7"}`, "template.fifo": `{"n":"7","q":"7","r":"template"}`} {
			bodies, messages := f.received(queue, 1)
			if len(bodies) != 1 || bodies[0] != want {
				t.Errorf("%s got %v, want %s", queue, bodies, want)
			} else if group := messages[0]["Attributes"].(object)["MessageGroupId"]; queue == "template.fifo" && group != "g" {
				t.Errorf("group %v", group)
			}
		}
	})
}

func TestTargets_EV032(t *testing.T) {
	inBubble(t, func(t *testing.T, f *fixture) {
		f.ok("CreateEventBus", object{"Name": "b"})
		f.rule("b", "there", `{"source":["a"]}`, "q", nil)
		if _, failure := f.call("logs", "CreateLogGroup", object{"logGroupName": "/aws/events/g"}); failure != "" {
			t.Fatal(failure)
		}
		f.ok("PutRule", object{"Name": "r", "EventPattern": `{"source":[{"prefix":""}]}`})
		f.ok("PutTargets", object{"Rule": "r", "Targets": []object{
			{"Id": "bus", "Arn": "arn:aws:events:us-east-1:111111111111:event-bus/b"},
			{"Id": "logs", "Arn": "arn:aws:logs:us-east-1:111111111111:log-group:/aws/events/g"},
		}})
		for i := range 20 {
			f.put(entry("a", fmt.Sprintf(`{"n":%d}`, i)))
		}
		if bodies, _ := f.received("q", 2); len(bodies) != 20 {
			t.Errorf("by way of the other bus: %d", len(bodies))
		}
		out, failure := f.call("logs", "FilterLogEvents", object{"logGroupName": "/aws/events/g"})
		if failure != "" || len(out["events"].([]any)) != 20 {
			t.Errorf("logged %v %s", out, failure)
		}
	})
}

// web answers each call by a function.
type web func(method, url string, header map[string]string, body []byte) (int, string)

func (w web) Do(_ context.Context, method, url string, header map[string]string, body []byte) (int, []byte, error) {
	status, answer := w(method, url, header, body)
	return status, []byte(answer), nil
}

func TestAPIDestination_EV033_EV034(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var mu sync.Mutex // guards got
		var got []string
		f := start(t, mem.New(), busmem.New(), web(func(method, url string, header map[string]string, body []byte) (int, string) {
			mu.Lock()
			defer mu.Unlock()
			if strings.Contains(url, "token") {
				return http.StatusOK, `{"access_token":"tok","expires_in":60}`
			}
			got = append(got, method+" "+url+" "+header["X-Key"]+header["Authorization"]+" "+string(body))
			if strings.Contains(url, "down") {
				return http.StatusServiceUnavailable, ""
			}
			return http.StatusOK, "{}"
		}))
		defer f.stop()
		key := f.ok("CreateConnection", object{"Name": "key", "AuthorizationType": "API_KEY", "AuthParameters": object{"ApiKeyAuthParameters": object{"ApiKeyName": "X-Key", "ApiKeyValue": "secret"}}})["ConnectionArn"]
		oauth := f.ok("CreateConnection", object{"Name": "oauth", "AuthorizationType": "OAUTH_CLIENT_CREDENTIALS", "AuthParameters": object{"OAuthParameters": object{
			"ClientParameters": object{"ClientID": "i", "ClientSecret": "s"}, "AuthorizationEndpoint": "https://x.example/token", "HttpMethod": "POST",
		}}})["ConnectionArn"]
		if shown := f.ok("DescribeConnection", object{"Name": "key"}); strings.Contains(fmt.Sprint(shown), "secret\"") || strings.Contains(fmt.Sprint(shown["AuthParameters"]), "secret") {
			t.Errorf("a secret is shown: %v", shown)
		}
		destination := func(name string, connection any, url string) any {
			return f.ok("CreateApiDestination", object{"Name": name, "ConnectionArn": connection, "InvocationEndpoint": url, "HttpMethod": "POST"})["ApiDestinationArn"]
		}
		f.ok("PutRule", object{"Name": "r", "EventPattern": `{"source":["a"]}`})
		f.ok("PutTargets", object{"Rule": "r", "Targets": []object{
			{"Id": "1", "Arn": destination("one", key, "https://x.example/orders/*"), "InputPath": "$.detail", "HttpParameters": object{"PathParameterValues": []string{"a/b"}}},
			{"Id": "2", "Arn": destination("two", oauth, "https://x.example/two"), "Input": "{}"},
			{"Id": "3", "Arn": destination("three", key, "https://x.example/down"), "Input": "{}", "RetryPolicy": object{"MaximumRetryAttempts": 2}, "DeadLetterConfig": object{"Arn": f.queue("dead")}},
		}})
		f.put(entry("a", `{"n":1}`))
		time.Sleep(time.Minute)
		count := map[string]int{}
		mu.Lock()
		for _, g := range got {
			count[g]++
		}
		mu.Unlock()
		want := map[string]int{
			`POST https://x.example/orders/a%2Fb secret {"n":1}`: 1, "POST https://x.example/two Bearer tok {}": 1, "POST https://x.example/down secret {}": 3,
		}
		if diff := cmp.Diff(want, count); diff != "" {
			t.Error(diff)
		}
		_, dead := f.received("dead", 0)
		if len(dead) != 1 {
			t.Fatalf("dead letters: %v", dead)
		}
		attributes := dead[0]["MessageAttributes"].(object)
		for name, want := range map[string]string{
			"RULE_ARN": "arn:aws:events:us-east-1:111111111111:rule/r", "ERROR_CODE": "SDK_CLIENT_ERROR", "RETRY_ATTEMPTS": "2", "EXHAUSTED_RETRY_CONDITION": "MaximumRetryAttempts",
		} {
			if got := attributes[name].(object)["StringValue"]; got != want {
				t.Errorf("%s = %v, want %s", name, got, want)
			}
		}
	})
}

func TestBuses_EV048_EV049_EV051_EV052_EV054_EV055(t *testing.T) {
	inBubble(t, func(t *testing.T, f *fixture) {
		f.ok("CreateEventBus", object{"Name": "b", "Tags": []object{{"Key": "k", "Value": "v"}}})
		f.refused("CreateEventBus", object{"Name": "b"}, "ResourceAlreadyExistsException: Event bus b already exists.")
		f.refused("DeleteEventBus", object{"Name": "default"}, "ValidationException: Cannot delete event bus default.")
		f.refused("DescribeEventBus", object{"Name": "x"}, "ResourceNotFoundException: Event bus x does not exist.")
		for i := range 5 {
			f.ok("PutRule", object{"Name": fmt.Sprint("r", i), "EventPattern": `{"source":["a"]}`})
		}
		f.ok("PutRule", object{"Name": "s", "EventPattern": `{"source":["a"]}`})
		var names []string
		in := object{"NamePrefix": "r", "Limit": 2}
		for {
			out := f.ok("ListRules", in)
			for _, r := range out["Rules"].([]any) {
				names = append(names, r.(object)["Name"].(string))
			}
			if out["NextToken"] == nil {
				break
			}
			in["NextToken"] = out["NextToken"]
		}
		if strings.Join(names, " ") != "r0 r1 r2 r3 r4" {
			t.Errorf("EV-051: %v", names)
		}
		queue := f.queue("q")
		f.ok("PutTargets", object{"Rule": "r3", "Targets": []object{{"Id": "t", "Arn": queue}}})
		if got := f.ok("ListRuleNamesByTarget", object{"TargetArn": queue})["RuleNames"].([]any); len(got) != 1 || got[0] != "r3" {
			t.Errorf("EV-052: %v", got)
		}
		rule := "arn:aws:events:us-east-1:111111111111:rule/r1"
		f.ok("TagResource", object{"ResourceARN": rule, "Tags": []object{{"Key": "a", "Value": "1"}, {"Key": "b", "Value": "2"}}})
		f.ok("UntagResource", object{"ResourceARN": rule, "TagKeys": []string{"a"}})
		for resource, want := range map[string]string{rule: "[map[Key:b Value:2]]", "arn:aws:events:us-east-1:111111111111:event-bus/b": "[map[Key:k Value:v]]"} {
			if got := fmt.Sprint(f.ok("ListTagsForResource", object{"ResourceARN": resource})["Tags"]); got != want {
				t.Errorf("EV-054: %s", got)
			}
		}
		f.ok("PutPermission", object{"EventBusName": "b", "Action": "events:PutEvents", "Principal": "222222222222", "StatementId": "s"})
		if got, _ := f.ok("DescribeEventBus", object{"Name": "b"})["Policy"].(string); !strings.Contains(got, `"AWS":"arn:aws:iam::222222222222:root"`) {
			t.Errorf("EV-055: %s", got)
		}
		f.refused("RemovePermission", object{"EventBusName": "b", "StatementId": "x"}, "ResourceNotFoundException: Statement with the provided id does not exist.")
		f.ok("RemovePermission", object{"EventBusName": "b", "StatementId": "s"})
		f.ok("DeleteEventBus", object{"Name": "b"})
		if got := f.ok("ListEventBuses", object{})["EventBuses"].([]any); len(got) != 1 {
			t.Errorf("%v", got)
		}
	})
}

// TestRestart_EV056: what was accepted is delivered by the next process.
func TestRestart_EV056(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		stores, b := mem.New(), busmem.New()
		f := start(t, stores, b, nil)
		f.rule("", "r", `{"source":["a"]}`, "q", nil)
		f.stop()
		// The service takes events, but delivers none before it runs.
		j := job{ID: awsapi.NewRequestID(), Bus: "default", Place: place{account, "us-east-1"}, Ingested: now(), event: []byte(`{"kept":true}`)}
		if err := f.enqueue(context.WithoutCancel(f.ctx), j, []goal{{Rule: "r", Target: "t"}}); err != nil {
			t.Fatal(err)
		}
		f = start(t, stores, b, nil)
		defer f.stop()
		time.Sleep(time.Minute)
		if bodies, _ := f.received("q", 1); len(bodies) != 1 || bodies[0] != `{"kept":true}` {
			t.Errorf("%v", bodies)
		}
	})
}

func TestArchive_EV063(t *testing.T) {
	inBubble(t, func(t *testing.T, f *fixture) {
		bus := "arn:aws:events:us-east-1:111111111111:event-bus/default"
		arn := f.ok("CreateArchive", object{"ArchiveName": "a", "EventSourceArn": bus, "EventPattern": `{"source":["keep"]}`})["ArchiveArn"]
		f.rule("", "r", `{"source":["keep","other"]}`, "q", nil)
		from := time.Now().Add(-time.Minute).Unix()
		for i := range 3 {
			f.put(entry("keep", fmt.Sprintf(`{"n":%d}`, i)), entry("other", "{}"))
		}
		if bodies, _ := f.received("q", 1); len(bodies) != 6 {
			t.Errorf("at first %d", len(bodies))
		}
		if got := f.ok("DescribeArchive", object{"ArchiveName": "a"})["EventCount"]; got != 3.0 {
			t.Errorf("kept %v", got)
		}
		in := object{"ReplayName": "again", "EventSourceArn": arn, "EventStartTime": from, "EventEndTime": time.Now().Add(time.Minute).Unix(), "Destination": object{"Arn": bus}}
		f.ok("StartReplay", in)
		bodies, _ := f.received("q", 1)
		if len(bodies) != 3 || !strings.Contains(bodies[0], `,"replay-name":"again"}`) {
			t.Errorf("replayed %v", bodies)
		}
		if got := f.ok("DescribeReplay", object{"ReplayName": "again"})["State"]; got != "COMPLETED" {
			t.Errorf("state %v", got)
		}
		if got := f.ok("DescribeArchive", object{"ArchiveName": "a"})["EventCount"]; got != 3.0 {
			t.Errorf("a replay was kept again: %v", got)
		}
		f.refused("StartReplay", in, "ResourceAlreadyExistsException: Replay again already exists.")
		in["ReplayName"], in["EventSourceArn"] = "b", "arn:aws:events:us-east-1:111111111111:archive/none"
		f.refused("StartReplay", in, "ValidationException: Parameter EventSourceArn is not valid. Reason: Archive none does not exist.")
		f.ok("CreateEventBus", object{"Name": "b"})
		in["EventSourceArn"], in["Destination"] = arn, object{"Arn": "arn:aws:events:us-east-1:111111111111:event-bus/b"}
		f.refused("StartReplay", in, "ValidationException: Parameter Destination.Arn is not valid. Reason: Cross event bus replay is not permitted.")
		f.ok("DeleteArchive", object{"ArchiveName": "a"})
		f.refused("DescribeArchive", object{"ArchiveName": "a"}, "ResourceNotFoundException: Archive a does not exist.")
	})
}
