package lambda

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/sallyport/sallyport/internal/bus"
)

// A postman keeps what was sent to destinations.
type postman struct {
	mu   sync.Mutex // guards sent
	sent []letter
}

type letter struct {
	to, body   string
	attributes map[string]string
}

func (p *postman) Deliver(_ context.Context, to string, record []byte, attributes map[string]string) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.sent = append(p.sent, letter{to, string(record), attributes})
	return nil
}

// wait returns the first letter to arn.
func (p *postman) wait(t *testing.T, to string) letter {
	t.Helper()
	var found letter
	eventually(t, "letter to "+to, func() bool {
		p.mu.Lock()
		defer p.mu.Unlock()
		for _, l := range p.sent {
			if l.to == to {
				found = l
				return true
			}
		}
		return false
	})
	return found
}

func (p *postman) count(to string) (n int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, l := range p.sent {
		if l.to == to {
			n++
		}
	}
	return n
}

// A watchedBus tells when a job of a queue is to be tried again.
type watchedBus struct {
	bus.Bus
	retried chan struct{}
}

func (b *watchedBus) Queue(ctx context.Context, name string) (bus.Queue, error) {
	q, err := b.Bus.Queue(ctx, name)
	return watchedQueue{q, b.retried}, err
}

type watchedQueue struct {
	bus.Queue
	retried chan struct{}
}

func (q watchedQueue) Run(ctx context.Context, workers int, f func(context.Context, bus.Job) error) error {
	return q.Queue.Run(ctx, workers, func(ctx context.Context, job bus.Job) error {
		err := f(ctx, job)
		if _, ok := errors.AsType[*bus.Retry](err); ok {
			q.retried <- struct{}{}
		}
		return err
	})
}

const queueARN = "arn:aws:sqs:us-east-1:111111111111:"

func TestAsync(t *testing.T) {
	need(t, "node")
	post := &postman{}
	var watched *watchedBus
	s := start(t, func(c *Config) {
		watched = &watchedBus{c.Bus, make(chan struct{}, 100)}
		c.Destinations, c.Bus = post, watched
	})
	// attempts is a function that notes its requests in a file, and fails.
	attempts := func(name string, more ...object) (ids func() []string) {
		file := filepath.Join(t.TempDir(), "ids")
		s.create(name, fmt.Sprintf("async (e, c) => { require('fs').appendFileSync(%q, c.awsRequestId + '\\n'); if (e.fail) throw new Error('no'); return { done: e } }", file), more...)
		return func() []string { data, _ := os.ReadFile(file); return strings.Fields(string(data)) }
	}
	record := func(t *testing.T, l letter) object {
		t.Helper()
		var r object
		if err := json.Unmarshal([]byte(l.body), &r); err != nil {
			t.Fatalf("%v: %s", err, l.body)
		}
		if _, err := time.Parse("2006-01-02T15:04:05.000Z", fmt.Sprint(r["timestamp"])); err != nil {
			t.Error(err)
		}
		delete(r, "timestamp")
		return r
	}
	fail := object{"InvocationType": "Event", "Payload": `{"fail":true,"t":"<"}`}
	event := func(name string, in object) string {
		in["FunctionName"] = name
		return s.ok("Invoke", in).header.Get("X-Amzn-Requestid")
	}

	t.Run("LA-079 retries", func(t *testing.T) {
		ids := attempts("retries")
		s.ok("PutFunctionEventInvokeConfig", object{"FunctionName": "retries", "DestinationConfig": object{"OnFailure": object{"Destination": queueARN + "f1"}}})
		id := event("retries", fail)
		r := record(t, post.wait(t, queueARN+"f1"))
		if diff := cmp.Diff([]string{id, id, id}, ids()); diff != "" {
			t.Error(diff)
		}
		trace := r["responsePayload"].(object)["trace"]
		want := object{
			"version": "1.0", "requestPayload": object{"fail": true, "t": "<"},
			"requestContext":  object{"requestId": id, "functionArn": arnFn + "retries:$LATEST", "condition": "RetriesExhausted", "approximateInvokeCount": 3.0},
			"responseContext": object{"statusCode": 200.0, "executedVersion": "$LATEST", "functionError": "Unhandled"},
			"responsePayload": object{"errorType": "Error", "errorMessage": "no", "trace": trace},
		}
		if diff := cmp.Diff(want, r); diff != "" {
			t.Error(diff)
		}
	})
	t.Run("LA-080 no retries", func(t *testing.T) {
		ids := attempts("once")
		s.ok("PutFunctionEventInvokeConfig", object{"FunctionName": "once", "MaximumRetryAttempts": 0, "DestinationConfig": object{"OnFailure": object{"Destination": queueARN + "f2"}}})
		event("once", fail)
		if r := record(t, post.wait(t, queueARN+"f2")); len(ids()) != 1 || r["requestContext"].(object)["approximateInvokeCount"] != 1.0 {
			t.Errorf("%v %v", ids(), r)
		}
	})
	t.Run("LA-081 success", func(t *testing.T) {
		attempts("fine", object{"Publish": true})
		s.ok("PutFunctionEventInvokeConfig", object{"FunctionName": "fine", "Qualifier": "1", "DestinationConfig": object{"OnSuccess": object{"Destination": queueARN + "ok"}}})
		event("fine:1", object{"InvocationType": "Event", "Payload": "{}"})
		r := record(t, post.wait(t, queueARN+"ok"))
		if c := r["requestContext"].(object); c["condition"] != "Success" || c["functionArn"] != arnFn+"fine:1" || r["responseContext"].(object)["executedVersion"] != "1" || r["responsePayload"] == nil {
			t.Errorf("%v", r)
		}
	})
	t.Run("destination function", func(t *testing.T) {
		seen := attempts("next")
		attempts("first")
		s.ok("PutFunctionEventInvokeConfig", object{"FunctionName": "first", "DestinationConfig": object{"OnSuccess": object{"Destination": arnFn + "next"}}})
		id := event("first", object{"InvocationType": "Event"})
		eventually(t, "the next runs", func() bool { return len(seen()) == 1 && seen()[0] != id })
	})
	t.Run("LA-082 dead letter", func(t *testing.T) {
		attempts("dead", object{"DeadLetterConfig": object{"TargetArn": queueARN + "dlq"}})
		id := event("dead", fail)
		l := post.wait(t, queueARN+"dlq")
		if diff := cmp.Diff(letter{queueARN + "dlq", `{"fail":true,"t":"<"}`, map[string]string{"RequestID": id, "ErrorCode": "200", "ErrorMessage": "no"}}, l, cmp.AllowUnexported(letter{})); diff != "" {
			t.Error(diff)
		}
	})
	t.Run("nothing may run", func(t *testing.T) {
		ids := attempts("blocked")
		s.ok("PutFunctionConcurrency", object{"FunctionName": "blocked", "ReservedConcurrentExecutions": 0})
		s.ok("PutFunctionEventInvokeConfig", object{"FunctionName": "blocked", "DestinationConfig": object{"OnFailure": object{"Destination": queueARN + "f3"}}})
		event("blocked", fail)
		if r := record(t, post.wait(t, queueARN+"f3")); r["requestContext"].(object)["condition"] != "ZeroReservedConcurrency" || len(ids()) != 0 {
			t.Errorf("%v", r)
		}
	})
	t.Run("throttled attempts do not count", func(t *testing.T) {
		ids := attempts("busy")
		s.ok("PutFunctionConcurrency", object{"FunctionName": "busy", "ReservedConcurrentExecutions": 1})
		s.ok("PutFunctionEventInvokeConfig", object{"FunctionName": "busy", "DestinationConfig": object{"OnFailure": object{"Destination": queueARN + "f4"}}})
		flying := s.Service.catalog.get(functionKey(account, region, "busy")).flying
		flying.Add(1) // as a call would that takes long
		event("busy", fail)
		<-watched.retried // in a second it is tried again
		flying.Add(-1)
		if r := record(t, post.wait(t, queueARN+"f4")); len(ids()) != 3 || r["requestContext"].(object)["approximateInvokeCount"] != 3.0 {
			t.Errorf("%v %v", ids(), r)
		}
	})
	t.Run("each event ends once", func(t *testing.T) {
		for _, q := range []string{"f1", "f2", "f3", "f4", "ok", "dlq"} {
			if n := post.count(queueARN + q); n != 1 {
				t.Errorf("%s: %d records", q, n)
			}
		}
	})
}

func TestEventAge_LA083(t *testing.T) {
	need(t, "node")
	post := &postman{}
	s := start(t, func(c *Config) { c.Destinations, c.RetryDelays = post, nil }) // AWS's delays
	s.create("old", "async () => { throw new Error('no') }")
	s.ok("PutFunctionEventInvokeConfig", object{"FunctionName": "old", "MaximumEventAgeInSeconds": 60, "DestinationConfig": object{"OnFailure": object{"Destination": queueARN + "f"}}})
	s.ok("Invoke", object{"FunctionName": "old", "InvocationType": "Event"})
	if l := post.wait(t, queueARN+"f"); !strings.Contains(l.body, `"condition":"EventAgeExceeded"`) || !strings.Contains(l.body, `"approximateInvokeCount":1`) {
		t.Errorf("%s", l.body)
	}
	// One that waited too long is not tried at all.
	ev := event{RequestID: "late", Account: account, Region: region, Name: "old", Accepted: time.Now().Add(-time.Hour), payload: []byte("{}")}
	if err := s.send(admin(t), "late", ev, time.Time{}); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the late one ends", func() bool {
		post.mu.Lock()
		defer post.mu.Unlock()
		return len(post.sent) == 2 && strings.Contains(post.sent[1].body, `"approximateInvokeCount":0`) && strings.Contains(post.sent[1].body, "EventAgeExceeded")
	})
}

func TestEventInvokeConfig(t *testing.T) {
	s := start(t, nil)
	s.create("fn", echo)
	a := s.ok("PutFunctionEventInvokeConfig", object{"FunctionName": "fn", "MaximumRetryAttempts": 1})
	if _, ok := a.json["LastModified"].(float64); !ok || a.json["FunctionArn"] != arnFn+"fn:$LATEST" || a.json["MaximumEventAgeInSeconds"] != nil {
		t.Errorf("%s", a.body)
	}
	a = s.ok("UpdateFunctionEventInvokeConfig", object{"FunctionName": "fn", "MaximumEventAgeInSeconds": 100})
	if a.json["MaximumRetryAttempts"] != 1.0 || a.json["MaximumEventAgeInSeconds"] != 100.0 {
		t.Errorf("update keeps what is not named: %s", a.body)
	}
	a = s.ok("PutFunctionEventInvokeConfig", object{"FunctionName": "fn", "MaximumEventAgeInSeconds": 200})
	if a.json["MaximumRetryAttempts"] != nil {
		t.Errorf("put replaces: %s", a.body)
	}
	s.refused("PutFunctionEventInvokeConfig", object{"FunctionName": "fn"}, 400, "InvalidParameterValueException", "You must specify at least one of error handling or destination setting.")
	s.refused("PutFunctionEventInvokeConfig", object{"FunctionName": "ghost", "MaximumRetryAttempts": 1}, 404, "ResourceNotFoundException", "The function doesn't exist.")
	if a := s.ok("ListFunctionEventInvokeConfigs", object{"FunctionName": "fn"}); len(a.json["FunctionEventInvokeConfigs"].([]any)) != 1 {
		t.Errorf("%s", a.body)
	}
	if a := s.ok("DeleteFunctionEventInvokeConfig", object{"FunctionName": "fn"}); a.status != 204 {
		t.Errorf("%d", a.status)
	}
	s.refused("GetFunctionEventInvokeConfig", object{"FunctionName": "fn"}, 404, "ResourceNotFoundException", "The function "+arnFn+"fn:$LATEST doesn't have an EventInvokeConfig")
}

// LA-102: a new process finds everything in the stores, and works off what waits.
func TestRestart_LA102(t *testing.T) {
	need(t, "node")
	flag := filepath.Join(t.TempDir(), "ran")
	first := start(t, nil)
	first.create("fn", `async () => "kept"`, object{"Publish": true, "Tags": object{"k": "v"}})
	first.create("late", fmt.Sprintf("async (e) => require('fs').appendFileSync(%q, e.n)", flag))
	first.create("gone", echo)
	first.ok("DeleteFunction", object{"FunctionName": "gone"})
	first.ok("AddPermission", object{"FunctionName": "fn", "StatementId": "s", "Action": "lambda:InvokeFunction", "Principal": "apigateway.amazonaws.com"})
	first.invoke("fn", "", `"kept"`)
	first.stop()
	// Accepted by a server that has no time to run it.
	if err := first.send(admin(t), "waits", event{RequestID: "r", Account: account, Region: region, Name: "late", Accepted: time.Now(), payload: []byte(`{"n":"x"}`)}, time.Time{}); err != nil {
		t.Fatal(err)
	}

	second := start(t, func(c *Config) { c.Stores, c.Bus = first.stores, first.bus })
	if a := second.ok("ListFunctions", object{}); len(a.json["Functions"].([]any)) != 2 {
		t.Errorf("%s", a.body)
	}
	if result, _, err := second.InvokeFrom(admin(t), "apigateway.amazonaws.com", executeAPI+"a/b/c", arnFn+"fn", nil); err != nil || string(result) != `"kept"` {
		t.Errorf("%s %v", result, err)
	}
	if report := strings.Join(second.logs.lines("/aws/lambda/fn"), "\n"); !strings.Contains(report, "Init Duration") {
		t.Errorf("no cold start: %s", report)
	}
	second.invoke("fn:1", "", `"kept"`)
	eventually(t, "the event is worked off", func() bool { data, _ := os.ReadFile(flag); return string(data) == "x" })
	second.refused("GetFunction", object{"FunctionName": "gone"}, 404, "ResourceNotFoundException", "Function not found: "+arnFn+"gone")
}

// Two nodes on the same stores: what one changes, the other sees.
func TestTwoNodes(t *testing.T) {
	need(t, "node")
	one := start(t, nil)
	two := start(t, func(c *Config) { c.Stores, c.Bus = one.stores, one.bus })
	one.create("fn", "async () => 1")
	sees := func(want string) {
		t.Helper()
		eventually(t, "the other node sees "+want, func() bool { a := two.call("Invoke", object{"FunctionName": "fn"}); return string(a.body) == want })
	}
	sees("1")
	one.ok("UpdateFunctionCode", object{"FunctionName": "fn", "ZipFile": node(t, "async () => 2")})
	sees("2")
	one.ok("DeleteFunction", object{"FunctionName": "fn"})
	eventually(t, "the other node sees the end", func() bool { return two.call("GetFunction", object{"FunctionName": "fn"}).status == 404 })
	eventually(t, "nothing is remembered", func() bool {
		return len(one.Service.catalog.known())+len(two.Service.catalog.known()) == 0
	})
}
