package sns

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/sallyport/sallyport/internal/awsapi"
	busmem "github.com/sallyport/sallyport/internal/bus/mem"
	"github.com/sallyport/sallyport/internal/service/events/delivery"
	"github.com/sallyport/sallyport/internal/service/sqs"
	"github.com/sallyport/sallyport/internal/store/mem"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

type object = map[string]any

const (
	prefix   = "arn:aws:sqs:us-east-1:111111111111:"
	anyTopic = `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"Service":"sns.amazonaws.com"},"Action":"sqs:SendMessage","Resource":"*"}]}`
)

// calls keeps what functions and endpoints are called with; an endpoint that is down answers so.
type calls struct {
	mu  sync.Mutex // guards all
	all []string
}

func (c *calls) add(s string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.all = append(c.all, s)
}

func (c *calls) got() []string {
	c.mu.Lock()
	defer c.mu.Unlock()
	return append([]string(nil), c.all...)
}

func (c *calls) EnqueueFrom(_ context.Context, principal, source, _ string, event []byte) error {
	c.add(principal + " " + source + " " + string(event))
	return nil
}

func (c *calls) Do(_ context.Context, _, url string, header map[string]string, body []byte) (int, []byte, error) {
	c.add(header["x-amz-sns-message-type"] + " " + string(body))
	if strings.Contains(url, "down") {
		return 503, nil, nil
	}
	return 200, nil, nil
}

type late struct{ *awsapi.Catalog }

func (l *late) Call(ctx context.Context, service, operation string, in []byte) ([]byte, error) {
	return l.Catalog.Call(ctx, service, operation, in)
}

type fixture struct {
	*calls
	t       *testing.T
	ctx     context.Context
	catalog *awsapi.Catalog
}

func inBubble(t *testing.T, test func(t *testing.T, f *fixture)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		log := slog.New(slog.NewTextHandler(t.Output(), nil))
		f, services, stores := &fixture{calls: &calls{}, t: t}, &late{}, mem.New()
		s := New(Config{Stores: stores, Bus: busmem.New(), Targets: delivery.New(f.calls, services), Web: f.calls, Log: log})
		queues := sqs.New(sqs.Config{Stores: stores, Log: log})
		f.catalog = awsapi.NewCatalog([]awsapi.Service{s, queues})
		services.Catalog = f.catalog
		ctx, cancel := context.WithCancel(t.Context())
		var wg sync.WaitGroup
		defer wg.Wait()
		defer cancel()
		for _, run := range []func(context.Context) error{s.Run, queues.Run} {
			wg.Go(func() {
				if err := run(ctx); err != nil {
					t.Errorf("run: %v", err)
				}
			})
		}
		f.ctx = awsapi.WithCaller(ctx, awsapi.Caller{Account: "111111111111", Region: "us-east-1", Admin: true})
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

func (f *fixture) ok(op string, in object) object {
	f.t.Helper()
	service := "sns"
	if strings.Contains(op, "Queue") || strings.HasSuffix(op, "eMessage") {
		service = "sqs"
	}
	out, failure := f.call(service, op, in)
	if failure != "" {
		f.t.Fatalf("%s: %s", op, failure)
	}
	return out
}

// queue makes a queue that is subscribed to the topic.
func (f *fixture) queue(topic, name string, attributes object) {
	f.t.Helper()
	q := object{"Policy": anyTopic}
	if strings.HasSuffix(name, ".fifo") {
		q["FifoQueue"] = "true"
	}
	f.ok("CreateQueue", object{"QueueName": name, "Attributes": q})
	f.ok("Subscribe", object{"TopicArn": topic, "Protocol": "sqs", "Endpoint": prefix + name, "Attributes": attributes})
}

func (f *fixture) received(name string) (bodies []string, messages []object) {
	f.t.Helper()
	synctest.Wait()
	out := f.ok("ReceiveMessage", object{"QueueUrl": "https://x/111111111111/" + name, "MaxNumberOfMessages": 10, "WaitTimeSeconds": 1, "MessageAttributeNames": []string{"All"}})
	some, _ := out["Messages"].([]any)
	for _, m := range some {
		bodies = append(bodies, m.(object)["Body"].(string))
		messages = append(messages, m.(object))
	}
	return bodies, messages
}

func (f *fixture) topic(name string, attributes object) string {
	f.t.Helper()
	return f.ok("CreateTopic", object{"Name": name, "Attributes": attributes})["TopicArn"].(string)
}

func TestPublish_EV097(t *testing.T) {
	inBubble(t, func(t *testing.T, f *fixture) {
		topic := f.topic("t", nil)
		f.queue(topic, "q", nil)
		f.queue(topic, "raw", object{"RawMessageDelivery": "true"})
		f.queue(topic, "filtered", object{"FilterPolicy": `{"kind":["a",{"prefix":"b"}],"n":[{"numeric":[">",3]}]}`})
		f.ok("Subscribe", object{"TopicArn": topic, "Protocol": "lambda", "Endpoint": "arn:aws:lambda:us-east-1:111111111111:function:f"})
		id := f.ok("Publish", object{"TopicArn": topic, "Message": "hello", "Subject": "s", "MessageAttributes": object{"kind": object{"DataType": "String", "StringValue": "bc"}, "n": object{"DataType": "Number", "StringValue": "4"}}})["MessageId"]
		f.ok("Publish", object{"TopicArn": topic, "Message": "other", "MessageAttributes": object{"kind": object{"DataType": "String", "StringValue": "x"}}})
		bodies, _ := f.received("q")
		if len(bodies) != 2 {
			t.Fatalf("%v", bodies)
		}
		var n object
		for _, b := range bodies {
			if strings.Contains(b, "hello") {
				if err := json.Unmarshal([]byte(b), &n); err != nil {
					t.Fatal(err)
				}
			}
		}
		if n["Type"] != "Notification" || n["MessageId"] != id || n["Subject"] != "s" || fmt.Sprint(n["MessageAttributes"]) != "map[kind:map[Type:String Value:bc] n:map[Type:Number Value:4]]" {
			t.Errorf("%v", n)
		}
		bodies, messages := f.received("raw")
		if len(bodies) != 2 || !strings.Contains(fmt.Sprint(bodies), "hello") || len(messages[0]["MessageAttributes"].(object)) == 0 {
			t.Errorf("raw: %v", messages)
		}
		if bodies, _ := f.received("filtered"); len(bodies) != 1 || !strings.Contains(bodies[0], "hello") {
			t.Errorf("filtered: %v", bodies)
		}
		calls := f.got()
		if len(calls) != 2 || !strings.HasPrefix(calls[0], "sns.amazonaws.com "+topic+" ") || !strings.Contains(strings.Join(calls, ""), `"EventSource":"aws:sns"`) {
			t.Errorf("calls %v", calls)
		}
		if got := f.ok("GetTopicAttributes", object{"TopicArn": topic})["Attributes"].(object)["SubscriptionsConfirmed"]; got != "4" {
			t.Errorf("subscriptions %v", got)
		}
		f.ok("DeleteTopic", object{"TopicArn": topic})
		if _, failure := f.call("sns", "Publish", object{"TopicArn": topic, "Message": "x"}); failure != "NotFound: Topic does not exist" {
			t.Error(failure)
		}
	})
}

func TestFIFO(t *testing.T) {
	inBubble(t, func(t *testing.T, f *fixture) {
		topic := f.topic("t.fifo", object{"FifoTopic": "true"})
		f.queue(topic, "q.fifo", object{"RawMessageDelivery": "true"})
		for i := range 5 {
			f.ok("Publish", object{"TopicArn": topic, "Message": fmt.Sprint(i), "MessageGroupId": "g", "MessageDeduplicationId": fmt.Sprint(i % 4)})
		}
		if bodies, _ := f.received("q.fifo"); strings.Join(bodies, "") != "0123" {
			t.Errorf("%v", bodies)
		}
		if _, failure := f.call("sns", "Publish", object{"TopicArn": topic, "Message": "x", "MessageGroupId": "g"}); !strings.Contains(failure, "ContentBasedDeduplication") {
			t.Error(failure)
		}
	})
}

func TestHTTP(t *testing.T) {
	inBubble(t, func(t *testing.T, f *fixture) {
		topic := f.topic("t", nil)
		f.ok("CreateQueue", object{"QueueName": "dead", "Attributes": object{"Policy": anyTopic}})
		answer := f.ok("Subscribe", object{"TopicArn": topic, "Protocol": "https", "Endpoint": "https://x.example/down", "Attributes": object{"RedrivePolicy": `{"deadLetterTargetArn":"` + prefix + `dead"}`}})
		if answer["SubscriptionArn"] != "pending confirmation" {
			t.Errorf("%v", answer)
		}
		synctest.Wait()
		kind, body, _ := strings.Cut(f.got()[0], " ")
		var n struct{ Token, SubscribeURL string }
		if err := json.Unmarshal([]byte(body), &n); err != nil || kind != "SubscriptionConfirmation" {
			t.Fatalf("%v: %s", err, f.got())
		}
		link, err := url.Parse(n.SubscribeURL)
		if err != nil || link.Query().Get("Token") != n.Token {
			t.Errorf("%s: %v", n.SubscribeURL, err)
		}
		f.ok("ConfirmSubscription", object{"TopicArn": topic, "Token": n.Token})
		f.ok("Publish", object{"TopicArn": topic, "Message": "hello"})
		time.Sleep(30 * time.Minute)
		notified := 0
		for _, c := range f.got() {
			if strings.HasPrefix(c, "Notification ") {
				notified++
			}
		}
		if notified != httpAttempts {
			t.Errorf("%d attempts", notified)
		}
		if bodies, _ := f.received("dead"); len(bodies) != 1 || !strings.Contains(bodies[0], `"Message":"hello"`) {
			t.Errorf("dead letters %v", bodies)
		}
	})
}

func TestBatchAndSubscriptions(t *testing.T) {
	inBubble(t, func(t *testing.T, f *fixture) {
		topic := f.topic("t", object{"DisplayName": "d"})
		f.queue(topic, "q", object{"FilterPolicyScope": "MessageBody", "FilterPolicy": `{"a":{"b":[1]}}`})
		out := f.ok("PublishBatch", object{"TopicArn": topic, "PublishBatchRequestEntries": []object{{"Id": "1", "Message": `{"a":{"b":1}}`}, {"Id": "2", "Message": "x"}, {"Id": "3", "Message": "y", "MessageDeduplicationId": "d"}}})
		if len(out["Successful"].([]any)) != 2 || len(out["Failed"].([]any)) != 1 {
			t.Errorf("%v", out)
		}
		if bodies, _ := f.received("q"); len(bodies) != 1 {
			t.Errorf("%v", bodies)
		}
		subs := f.ok("ListSubscriptionsByTopic", object{"TopicArn": topic})["Subscriptions"].([]any)
		sub := subs[0].(object)["SubscriptionArn"]
		f.ok("SetSubscriptionAttributes", object{"SubscriptionArn": sub, "AttributeName": "RawMessageDelivery", "AttributeValue": "true"})
		if got := f.ok("GetSubscriptionAttributes", object{"SubscriptionArn": sub})["Attributes"].(object); got["RawMessageDelivery"] != "true" || got["FilterPolicyScope"] != "MessageBody" {
			t.Errorf("%v", got)
		}
		f.ok("Unsubscribe", object{"SubscriptionArn": sub})
		if got := f.ok("ListSubscriptions", object{})["Subscriptions"].([]any); len(got) != 0 {
			t.Errorf("%v", got)
		}
		for in, want := range map[string]string{
			`{"Message":""}`: "Empty message",
			`{"Message":"{}","MessageStructure":"json"}`: "Message Structure - No default entry in JSON message body",
		} {
			var o object
			if err := json.Unmarshal([]byte(in), &o); err != nil {
				t.Fatal(err)
			}
			o["TopicArn"] = topic
			if _, failure := f.call("sns", "Publish", o); failure != "InvalidParameter: Invalid parameter: "+want {
				t.Error(failure)
			}
		}
	})
}

// identity knows no key.
type identity struct{}

func (identity) Credential(context.Context, string, string) (string, awsapi.Caller, error) {
	return "", awsapi.Caller{}, awsapi.Errorf("UnrecognizedClientException", 403, "no")
}

func (identity) Authorize(context.Context, string, string, map[string][]string) error { return nil }

// TestConfirmByLink: the link in a message is followed without a signature; nothing else is done without one.
func TestConfirmByLink(t *testing.T) {
	inBubble(t, func(t *testing.T, f *fixture) {
		topic := f.topic("t", nil)
		f.ok("Subscribe", object{"TopicArn": topic, "Protocol": "https", "Endpoint": "https://x.example/"})
		synctest.Wait()
		_, body, _ := strings.Cut(f.got()[0], " ")
		var n struct{ SubscribeURL string }
		if err := json.Unmarshal([]byte(body), &n); err != nil {
			t.Fatal(err)
		}
		log := slog.New(slog.NewTextHandler(t.Output(), nil))
		handler := awsapi.Handler(f.catalog, awsapi.NewGatekeeper(identity{}, log, awsapi.GateOptions{}), identity{}, awsapi.Options{Log: log})
		get := func(path string) *httptest.ResponseRecorder {
			w := httptest.NewRecorder()
			handler.ServeHTTP(w, httptest.NewRequestWithContext(t.Context(), http.MethodGet, path, nil))
			return w
		}
		if w := get(strings.TrimPrefix(n.SubscribeURL, "https://sns.us-east-1.amazonaws.com")); w.Code != 200 || !strings.Contains(w.Body.String(), "<SubscriptionArn>"+topic+":") {
			t.Errorf("%d %s", w.Code, w.Body)
		}
		if w := get("/?Action=DeleteTopic&Version=2010-03-31&TopicArn=" + topic); w.Code != 403 {
			t.Errorf("%d %s", w.Code, w.Body)
		}
	})
}
