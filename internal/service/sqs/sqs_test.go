package sqs

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/sallyport/sallyport/internal/awsapi"
	"github.com/sallyport/sallyport/internal/store"
	"github.com/sallyport/sallyport/internal/store/mem"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

type object = map[string]any

// A fixture is a running service that is called as other services call it.
type fixture struct {
	t       testing.TB
	ctx     context.Context
	catalog *awsapi.Catalog
	stop    func()
}

func start(t testing.TB, stores store.Stores) *fixture {
	t.Helper()
	s := New(Config{Stores: stores, Log: slog.New(slog.NewTextHandler(t.Output(), nil))})
	ctx, cancel := context.WithCancel(context.Background())
	var wg sync.WaitGroup
	wg.Go(func() {
		if err := s.Run(ctx); err != nil {
			t.Errorf("run: %v", err)
		}
	})
	f := &fixture{t: t, catalog: awsapi.NewCatalog([]awsapi.Service{s})}
	f.ctx = awsapi.WithCaller(ctx, awsapi.Caller{Account: "111111111111", Region: "us-east-1", UserID: "AIDA", Admin: true})
	f.stop = sync.OnceFunc(func() { cancel(); wg.Wait() })
	return f
}

// call returns the output, or the error as text.
func (f *fixture) call(op string, in object) (out object, failure string) {
	f.t.Helper()
	data, err := json.Marshal(in)
	if err != nil {
		f.t.Fatal(err)
	}
	answer, err := f.catalog.Call(f.ctx, "sqs", op, data)
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
	out, failure := f.call(op, in)
	if failure != "" {
		f.t.Fatalf("%s: %s", op, failure)
	}
	return out
}

func (f *fixture) queue(name string, attributes object) string {
	f.t.Helper()
	if strings.HasSuffix(name, ".fifo") {
		if attributes == nil {
			attributes = object{}
		}
		attributes["FifoQueue"] = "true"
	}
	return f.ok("CreateQueue", object{"QueueName": name, "Attributes": attributes})["QueueUrl"].(string)
}

// receive returns bodies and handles.
func (f *fixture) receive(url string, in object) (bodies []string, handles []string) {
	f.t.Helper()
	all := object{"QueueUrl": url, "MaxNumberOfMessages": 10}
	for k, v := range in {
		all[k] = v
	}
	messages, _ := f.ok("ReceiveMessage", all)["Messages"].([]any)
	for _, m := range messages {
		bodies = append(bodies, m.(object)["Body"].(string))
		handles = append(handles, m.(object)["ReceiptHandle"].(string))
	}
	return bodies, handles
}

func (f *fixture) send(url, body string, more object) object {
	f.t.Helper()
	in := object{"QueueUrl": url, "MessageBody": body}
	for k, v := range more {
		in[k] = v
	}
	return f.ok("SendMessage", in)
}

// inBubble runs a test with virtual time.
func inBubble(t *testing.T, test func(t *testing.T, f *fixture)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		f := start(t, mem.New())
		defer f.stop()
		test(t, f)
	})
}

func TestMessages_EV095(t *testing.T) {
	inBubble(t, func(t *testing.T, f *fixture) {
		url := f.queue("q", nil)
		if url != "https://sqs.us-east-1.amazonaws.com/111111111111/q" {
			t.Errorf("url = %s", url)
		}
		sent := f.send(url, "hello", object{"MessageAttributes": object{
			"n": object{"DataType": "Number", "StringValue": "7"}, "b": object{"DataType": "Binary", "BinaryValue": "AQI="},
		}})
		if sent["MD5OfMessageBody"] != "5d41402abc4b2a76b9719d911017c592" {
			t.Errorf("sent %v", sent)
		}
		out := f.ok("ReceiveMessage", object{"QueueUrl": url, "AttributeNames": []string{"All"}, "MessageAttributeNames": []string{"All"}})
		m := out["Messages"].([]any)[0].(object)
		if m["Body"] != "hello" || m["MD5OfMessageAttributes"] != sent["MD5OfMessageAttributes"] || m["Attributes"].(object)["ApproximateReceiveCount"] != "1" {
			t.Errorf("received %v", m)
		}
		if bodies, _ := f.receive(url, nil); bodies != nil {
			t.Errorf("a message in flight was received: %v", bodies)
		}
		counts := f.ok("GetQueueAttributes", object{"QueueUrl": url, "AttributeNames": []string{"All"}})["Attributes"].(object)
		if counts["ApproximateNumberOfMessages"] != "0" || counts["ApproximateNumberOfMessagesNotVisible"] != "1" || counts["VisibilityTimeout"] != "30" {
			t.Errorf("attributes %v", counts)
		}
		time.Sleep(30 * time.Second)
		bodies, handles := f.receive(url, nil)
		if len(bodies) != 1 {
			t.Fatalf("after the visibility timeout: %v", bodies)
		}
		f.ok("ChangeMessageVisibility", object{"QueueUrl": url, "ReceiptHandle": handles[0], "VisibilityTimeout": 0})
		bodies, handles = f.receive(url, nil)
		if len(bodies) != 1 {
			t.Fatalf("after visibility was set to zero: %v", bodies)
		}
		f.ok("DeleteMessage", object{"QueueUrl": url, "ReceiptHandle": handles[0]})
		time.Sleep(time.Hour)
		if bodies, _ := f.receive(url, nil); bodies != nil {
			t.Errorf("a deleted message was received: %v", bodies)
		}
		if _, failure := f.call("DeleteMessage", object{"QueueUrl": url, "ReceiptHandle": "x"}); !strings.HasPrefix(failure, "ReceiptHandleIsInvalid: ") {
			t.Error(failure)
		}
		if _, failure := f.call("SendMessage", object{"QueueUrl": "https://x/1/none", "MessageBody": "x"}); failure != "QueueDoesNotExist: The specified queue does not exist." {
			t.Error(failure)
		}
	})
}

func TestLongPoll(t *testing.T) {
	inBubble(t, func(t *testing.T, f *fixture) {
		url := f.queue("q", object{"ReceiveMessageWaitTimeSeconds": "20"})
		began := time.Now()
		if bodies, _ := f.receive(url, nil); bodies != nil || time.Since(began) != 20*time.Second {
			t.Errorf("an empty queue answered %v after %s", bodies, time.Since(began))
		}
		began = time.Now()
		go func() {
			time.Sleep(3 * time.Second)
			f.send(url, "x", nil)
		}()
		if bodies, _ := f.receive(url, nil); len(bodies) != 1 || time.Since(began) != 3*time.Second {
			t.Errorf("%v after %s", bodies, time.Since(began))
		}
		began = time.Now()
		f.send(url, "later", object{"DelaySeconds": 5})
		if bodies, _ := f.receive(url, nil); len(bodies) != 1 || bodies[0] != "later" || time.Since(began) < 5*time.Second {
			t.Errorf("a delayed message: %v after %s", bodies, time.Since(began))
		}
	})
}

func TestFIFO(t *testing.T) {
	inBubble(t, func(t *testing.T, f *fixture) {
		url := f.queue("q.fifo", object{"ContentBasedDeduplication": "true"})
		for _, m := range []string{"a1", "b1", "a2", "a3", "b2", "a2"} {
			f.send(url, m, object{"MessageGroupId": m[:1]})
		}
		first, handles := f.receive(url, object{"MaxNumberOfMessages": 2})
		if strings.Join(first, " ") != "a1 a2" {
			t.Errorf("first %v", first)
		}
		second, _ := f.receive(url, nil)
		if strings.Join(second, " ") != "b1 b2" {
			t.Errorf("while group a is in flight: %v", second)
		}
		f.ok("DeleteMessage", object{"QueueUrl": url, "ReceiptHandle": handles[0]})
		if more, _ := f.receive(url, nil); more != nil {
			t.Errorf("a3 came before a2 was done: %v", more)
		}
		f.ok("DeleteMessage", object{"QueueUrl": url, "ReceiptHandle": handles[1]})
		if more, _ := f.receive(url, nil); strings.Join(more, " ") != "a3" {
			t.Errorf("then %v", more)
		}
		one := f.send(url, "x", object{"MessageGroupId": "g", "MessageDeduplicationId": "d"})
		time.Sleep(4 * time.Minute)
		if again := f.send(url, "y", object{"MessageGroupId": "g", "MessageDeduplicationId": "d"}); again["MessageId"] != one["MessageId"] || again["SequenceNumber"] != one["SequenceNumber"] {
			t.Errorf("%v then %v", one, again)
		}
		time.Sleep(2 * time.Minute)
		if again := f.send(url, "y", object{"MessageGroupId": "g", "MessageDeduplicationId": "d"}); again["MessageId"] == one["MessageId"] {
			t.Error("a message was held for one of six minutes ago")
		}
		if _, failure := f.call("SendMessage", object{"QueueUrl": url, "MessageBody": "x"}); failure != "MissingRequiredParameterException: The request must contain the parameter MessageGroupId." {
			t.Error(failure)
		}
	})
}

func TestDeadLetters(t *testing.T) {
	inBubble(t, func(t *testing.T, f *fixture) {
		dead := f.queue("dead", nil)
		url := f.queue("q", object{"VisibilityTimeout": "1", "RedrivePolicy": `{"deadLetterTargetArn":"arn:aws:sqs:us-east-1:111111111111:dead","maxReceiveCount":2}`})
		id := f.send(url, "poison", nil)["MessageId"]
		for range 2 {
			if bodies, _ := f.receive(url, nil); len(bodies) != 1 {
				t.Fatalf("received %v", bodies)
			}
			time.Sleep(time.Second)
		}
		if bodies, _ := f.receive(url, nil); bodies != nil {
			t.Errorf("a third time: %v", bodies)
		}
		out := f.ok("ReceiveMessage", object{"QueueUrl": dead, "AttributeNames": []string{"All"}})
		m := out["Messages"].([]any)[0].(object)
		if m["MessageId"] != id || m["Body"] != "poison" || m["Attributes"].(object)["DeadLetterQueueSourceArn"] != "arn:aws:sqs:us-east-1:111111111111:q" {
			t.Errorf("dead letter %v", m)
		}
		if sources := f.ok("ListDeadLetterSourceQueues", object{"QueueUrl": dead})["queueUrls"].([]any); len(sources) != 1 || sources[0] != url {
			t.Errorf("sources %v", sources)
		}
	})
}

func TestBatchesAndQueues(t *testing.T) {
	inBubble(t, func(t *testing.T, f *fixture) {
		url := f.queue("q", nil)
		entries := []object{}
		for i := range 9 {
			entries = append(entries, object{"Id": fmt.Sprint(i), "MessageBody": fmt.Sprint(i)})
		}
		entries = append(entries, object{"Id": "bad", "MessageBody": "x", "DelaySeconds": 901})
		out := f.ok("SendMessageBatch", object{"QueueUrl": url, "Entries": entries})
		if len(out["Successful"].([]any)) != 9 || out["Failed"].([]any)[0].(object)["Code"] != "InvalidParameterValue" {
			t.Errorf("%v", out)
		}
		bodies, handles := f.receive(url, nil)
		if strings.Join(bodies, "") != "012345678" {
			t.Errorf("received %v", bodies)
		}
		deletions := []object{}
		for i, h := range handles {
			deletions = append(deletions, object{"Id": fmt.Sprint(i), "ReceiptHandle": h})
		}
		if out := f.ok("DeleteMessageBatch", object{"QueueUrl": url, "Entries": deletions}); len(out["Successful"].([]any)) != 9 {
			t.Errorf("%v", out)
		}
		f.send(url, "x", nil)
		f.ok("PurgeQueue", object{"QueueUrl": url})
		if bodies, _ := f.receive(url, nil); bodies != nil {
			t.Errorf("a purged queue has %v", bodies)
		}
		big := strings.Repeat("x", maxMessage)
		f.send(url, big, nil)
		if bodies, handles := f.receive(url, nil); len(bodies) != 1 || bodies[0] != big {
			t.Error("a message of 1 MiB came back as another one")
		} else {
			f.ok("DeleteMessage", object{"QueueUrl": url, "ReceiptHandle": handles[0]})
		}
		if _, failure := f.call("SendMessage", object{"QueueUrl": url, "MessageBody": big + "x"}); !strings.Contains(failure, "shorter than 1048576 bytes") {
			t.Error(failure)
		}
		f.queue("q", nil) // once more is no error
		if _, failure := f.call("CreateQueue", object{"QueueName": "q", "Attributes": object{"DelaySeconds": "3"}}); !strings.HasPrefix(failure, "QueueNameExists") {
			t.Error(failure)
		}
		f.ok("TagQueue", object{"QueueUrl": url, "Tags": object{"a": "b"}})
		if tags := f.ok("ListQueueTags", object{"QueueUrl": url})["Tags"].(object); tags["a"] != "b" {
			t.Errorf("%v", tags)
		}
		f.queue("r", nil)
		if urls := f.ok("ListQueues", object{"QueueNamePrefix": "r"})["QueueUrls"].([]any); len(urls) != 1 {
			t.Errorf("%v", urls)
		}
		f.ok("DeleteQueue", object{"QueueUrl": url})
		if _, failure := f.call("GetQueueUrl", object{"QueueName": "q"}); !strings.HasPrefix(failure, "QueueDoesNotExist") {
			t.Error(failure)
		}
	})
}

func TestPolicy(t *testing.T) {
	inBubble(t, func(t *testing.T, f *fixture) {
		url := f.queue("q", nil)
		f.ctx = awsapi.WithCaller(f.ctx, awsapi.Caller{Account: "111111111111", Region: "us-east-1", Service: "events.amazonaws.com", ARN: "arn:aws:events:us-east-1:111111111111:rule/r", Admin: true})
		if _, failure := f.call("SendMessage", object{"QueueUrl": url, "MessageBody": "x"}); !strings.HasPrefix(failure, "AccessDeniedException: events.amazonaws.com is not authorized") {
			t.Error(failure)
		}
		f.ok("SetQueueAttributes", object{"QueueUrl": url, "Attributes": object{"Policy": `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"Service":"events.amazonaws.com"},"Action":"sqs:SendMessage","Resource":"arn:aws:sqs:us-east-1:111111111111:q","Condition":{"ArnEquals":{"aws:SourceArn":"arn:aws:events:us-east-1:111111111111:rule/r"}}}]}`}})
		f.send(url, "x", nil)
	})
}

// TestTwoNodes: two nodes on one store share a queue; each message is received once, and order holds.
func TestTwoNodes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		stores := mem.New()
		a, b := start(t, stores), start(t, stores)
		defer a.stop()
		defer b.stop()
		url := a.queue("q", nil)
		synctest.Wait()
		seen := map[string]int{}
		var mu sync.Mutex // guards seen
		var all sync.WaitGroup
		for n, f := range []*fixture{a, b} {
			all.Go(func() {
				for i := range 100 {
					f.send(url, fmt.Sprint(n, "-", i), nil)
				}
			})
			for range 3 {
				all.Go(func() {
					for {
						bodies, handles := f.receive(url, object{"WaitTimeSeconds": 2})
						if bodies == nil {
							return
						}
						for i, body := range bodies {
							mu.Lock()
							seen[body]++
							mu.Unlock()
							f.ok("DeleteMessage", object{"QueueUrl": url, "ReceiptHandle": handles[i]})
						}
					}
				})
			}
		}
		all.Wait()
		if len(seen) != 200 {
			t.Errorf("%d messages of 200", len(seen))
		}
		for body, n := range seen {
			if n != 1 {
				t.Errorf("%s was received %d times", body, n)
			}
		}
	})
}
