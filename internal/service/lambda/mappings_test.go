package lambda

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/sallyport/sallyport/internal/awsapi"
	busmem "github.com/sallyport/sallyport/internal/bus/mem"
	"github.com/sallyport/sallyport/internal/service/dynamodb"
	"github.com/sallyport/sallyport/internal/service/lambda/worker"
	"github.com/sallyport/sallyport/internal/service/sqs"
	storemem "github.com/sallyport/sallyport/internal/store/mem"
)

// A scripted pool runs functions that are written in the test.
type scripted struct {
	mu     sync.Mutex // guards all
	events []string   // that the function was given
	answer func(event string) (payload string, failed bool)
}

func (p *scripted) Check(*worker.Spec) error { return nil }
func (p *scripted) Retire(string)            {}

func (p *scripted) Start(_ context.Context, _ *worker.Spec, in worker.Invocation) (func(context.Context) (worker.Result, error), error) {
	r, err := p.run(in)
	return func(context.Context) (worker.Result, error) { return r, err }, nil
}

func (p *scripted) run(in worker.Invocation) (worker.Result, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.events = append(p.events, string(in.Payload))
	if p.answer == nil {
		return worker.Result{Payload: []byte("null")}, nil
	}
	payload, failed := p.answer(string(in.Payload))
	r := worker.Result{Payload: []byte(payload)}
	if failed {
		r.FunctionError = "Unhandled"
	}
	return r, nil
}

// take returns the events since it was last called.
func (p *scripted) take() []string {
	p.mu.Lock()
	defer p.mu.Unlock()
	all := p.events
	p.events = nil
	return all
}

func (p *scripted) script(f func(event string) (string, bool)) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.answer = f
}

// catalogs are the other services, which come after the one that needs them.
type catalogs struct{ *awsapi.Catalog }

func (c *catalogs) Call(ctx context.Context, service, operation string, in []byte) ([]byte, error) {
	return c.Catalog.Call(ctx, service, operation, in)
}

// Deliver implements Destinations, for queues.
func (c *catalogs) Deliver(ctx context.Context, arn string, record []byte, _ map[string]string) error {
	data, _ := json.Marshal(object{"QueueUrl": "https://x/" + account + "/" + arn[strings.LastIndexByte(arn, ':')+1:], "MessageBody": string(record)})
	_, err := c.Catalog.Call(ctx, "sqs", "SendMessage", data)
	return err
}

// sources is Lambda with queues and tables, in virtual time.
type sources struct {
	t    *testing.T
	ctx  context.Context
	all  *catalogs
	pool *scripted
}

func withSources(t *testing.T, test func(t *testing.T, s *sources)) {
	t.Helper()
	dir := t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		log := slog.New(slog.NewTextHandler(t.Output(), &slog.HandlerOptions{Level: slog.LevelError}))
		stores, b := storemem.New(), busmem.New()
		s := &sources{t: t, all: &catalogs{}, pool: &scripted{}}
		l := New(Config{Stores: stores, Bus: b, Pool: s.pool, Logs: &logSink{}, CodeDir: dir, Log: log, Sources: s.all, Destinations: s.all})
		queues, tables := sqs.New(sqs.Config{Stores: stores, Log: log}), dynamodb.New(stores, log)
		s.all.Catalog = awsapi.NewCatalog([]awsapi.Service{l, queues, tables, tables.Streams()})
		ctx, cancel := context.WithCancel(context.Background())
		var wg sync.WaitGroup
		for _, run := range []func(context.Context) error{l.Run, queues.Run, tables.Run} {
			wg.Go(func() {
				if err := run(ctx); err != nil && !errors.Is(err, context.Canceled) {
					t.Errorf("run: %v", err)
				}
			})
		}
		defer wg.Wait()
		defer cancel()
		s.ctx = awsapi.WithCaller(ctx, awsapi.Caller{Account: account, Region: region, Admin: true})
		s.ok("lambda", "CreateFunction", object{"FunctionName": "fn", "Runtime": "nodejs20.x", "Handler": "index.handler", "Role": role, "Code": object{"ZipFile": node(t, echo)}})
		s.ok("sqs", "CreateQueue", object{"QueueName": "q"})
		test(t, s)
	})
}

func (s *sources) call(service, op string, in object) (out object, failure string) {
	s.t.Helper()
	data, err := json.Marshal(in)
	if err != nil {
		s.t.Fatal(err)
	}
	answer, err := s.all.Call(s.ctx, service, op, data)
	if err != nil {
		return nil, err.Error()
	}
	if len(answer) > 0 {
		if err := json.Unmarshal(answer, &out); err != nil {
			s.t.Fatalf("%s: %s", op, answer)
		}
	}
	return out, ""
}

func (s *sources) ok(service, op string, in object) object {
	s.t.Helper()
	out, failure := s.call(service, op, in)
	if failure != "" {
		s.t.Fatalf("%s: %s", op, failure)
	}
	return out
}

const sourceQueue = "arn:aws:sqs:us-east-1:111111111111:q"

// mapping makes an event source mapping of fn and waits until it is polled for.
func (s *sources) mapping(more object) (id string) {
	s.t.Helper()
	in := object{"FunctionName": "fn", "EventSourceArn": sourceQueue}
	for k, v := range more {
		in[k] = v
	}
	out := s.ok("lambda", "CreateEventSourceMapping", in)
	if out["State"] != "Creating" {
		s.t.Errorf("State %v", out["State"])
	}
	id = out["UUID"].(string)
	s.reaches(id, "Enabled")
	return id
}

func (s *sources) reaches(id, state string) {
	s.t.Helper()
	time.Sleep(time.Second)
	if got := s.ok("lambda", "GetEventSourceMapping", object{"UUID": id})["State"]; got != state {
		s.t.Errorf("State %v, want %s", got, state)
	}
}

func (s *sources) send(bodies ...string) {
	s.t.Helper()
	for _, b := range bodies {
		s.ok("sqs", "SendMessage", object{"QueueUrl": "https://x/" + account + "/q", "MessageBody": b})
	}
}

// left counts the messages that a queue still has.
func (s *sources) left(queue string) string {
	s.t.Helper()
	a := s.ok("sqs", "GetQueueAttributes", object{"QueueUrl": "https://x/" + account + "/" + queue, "AttributeNames": []string{"All"}})["Attributes"].(object)
	return fmt.Sprint(a["ApproximateNumberOfMessages"], "+", a["ApproximateNumberOfMessagesNotVisible"])
}

// bodies returns the bodies in an event, joined.
func bodies(events []string) string {
	var all []string
	for _, e := range events {
		var in struct{ Records []struct{ Body string } }
		_ = json.Unmarshal([]byte(e), &in)
		var some []string
		for _, r := range in.Records {
			some = append(some, r.Body)
		}
		all = append(all, strings.Join(some, ","))
	}
	return strings.Join(all, " ")
}

func TestQueueMapping_LA091_LA092_LA094(t *testing.T) {
	withSources(t, func(t *testing.T, s *sources) {
		id := s.mapping(nil)
		s.ok("sqs", "SendMessage", object{
			"QueueUrl": "https://x/" + account + "/q", "MessageBody": "hello", "MessageAttributes": object{"a": object{"DataType": "String", "StringValue": "v"}},
		})
		time.Sleep(time.Second)
		events := s.pool.take()
		if len(events) != 1 {
			t.Fatalf("%d calls", len(events))
		}
		var in struct{ Records []object }
		if err := json.Unmarshal([]byte(events[0]), &in); err != nil {
			t.Fatal(err)
		}
		r := in.Records[0]
		attributes := r["attributes"].(object)
		if len(r["receiptHandle"].(string)) == 0 || len(r["messageId"].(string)) != 36 || attributes["ApproximateReceiveCount"] != "1" || attributes["SenderId"] == nil ||
			attributes["SentTimestamp"] == nil || attributes["ApproximateFirstReceiveTimestamp"] == nil || len(attributes) != 4 {
			t.Errorf("%v", r)
		}
		delete(r, "receiptHandle")
		delete(r, "messageId")
		delete(r, "attributes")
		delete(r, "md5OfMessageAttributes")
		got, _ := json.Marshal(r)
		want := `{"awsRegion":"us-east-1","body":"hello","eventSource":"aws:sqs","eventSourceARN":"` + sourceQueue + `","md5OfBody":"5d41402abc4b2a76b9719d911017c592",` +
			`"messageAttributes":{"a":{"binaryListValues":[],"dataType":"String","stringListValues":[],"stringValue":"v"}}}`
		if string(got) != want {
			t.Errorf("got  %s\nwant %s", got, want)
		}
		if left := s.left("q"); left != "0+0" {
			t.Errorf("LA-091: a message that was taken is still there: %s", left)
		}

		s.pool.script(func(string) (string, bool) { return `{"errorType":"Error"}`, true })
		s.send("a")
		time.Sleep(10 * time.Second)
		if got := bodies(s.pool.take()); got != "a" || s.left("q") != "0+1" {
			t.Errorf("LA-091: at first %q, left %s", got, s.left("q"))
		}
		s.pool.script(nil)
		time.Sleep(30 * time.Second) // its visibility timeout
		if got := bodies(s.pool.take()); got != "a" || s.left("q") != "0+0" {
			t.Errorf("LA-091: after the visibility timeout %q, left %s", got, s.left("q"))
		}

		s.ok("lambda", "UpdateEventSourceMapping", object{"UUID": id, "FunctionResponseTypes": []string{"ReportBatchItemFailures"}, "MaximumBatchingWindowInSeconds": 2})
		s.reaches(id, "Enabled")
		time.Sleep(20 * time.Second)
		s.pool.script(func(event string) (string, bool) {
			var in struct {
				Records []struct{ MessageID, Body string }
			}
			_ = json.Unmarshal([]byte(event), &in)
			for _, r := range in.Records {
				if r.Body == "bad" {
					return `{"batchItemFailures":[{"itemIdentifier":"` + r.MessageID + `"}]}`, false
				}
			}
			return `{"batchItemFailures":[]}`, false
		})
		s.send("x", "bad", "y")
		time.Sleep(10 * time.Second)
		if got := bodies(s.pool.take()); got != "x,bad,y" || s.left("q") != "0+1" {
			t.Errorf("LA-092: %q, left %s", got, s.left("q"))
		}
		time.Sleep(30 * time.Second)
		if got := bodies(s.pool.take()); got != "bad" {
			t.Errorf("LA-092: then %q", got)
		}
		for _, answer := range []string{`{"batchItemFailures":[{"itemIdentifier":""}]}`, `{"batchItemFailures":[{"itemIdentifier":"unknown"}]}`, `[]`} {
			s.ok("sqs", "PurgeQueue", object{"QueueUrl": "https://x/" + account + "/q"})
			s.pool.script(func(string) (string, bool) { return answer, false })
			s.send("z")
			time.Sleep(20 * time.Second)
			if left := s.left("q"); left != "0+1" {
				t.Errorf("LA-092: %s is no answer, but a message was deleted: %s", answer, left)
			}
			time.Sleep(time.Minute)
		}
		s.pool.script(nil)
		time.Sleep(time.Minute)

		if out := s.ok("lambda", "UpdateEventSourceMapping", object{"UUID": id, "Enabled": false}); out["State"] != "Disabling" {
			t.Errorf("LA-094: %v", out["State"])
		}
		s.reaches(id, "Disabled")
		s.pool.take()
		s.send("late")
		time.Sleep(time.Minute)
		if got := s.pool.take(); len(got) > 0 {
			t.Errorf("LA-094: a disabled mapping gave %s", got)
		}
		if out := s.ok("lambda", "UpdateEventSourceMapping", object{"UUID": id, "Enabled": true}); out["State"] != "Enabling" {
			t.Errorf("LA-094: %v", out["State"])
		}
		s.reaches(id, "Enabled")
		time.Sleep(5 * time.Second)
		if got := bodies(s.pool.take()); got != "late" {
			t.Errorf("LA-094: enabled again, %q", got)
		}
		if out := s.ok("lambda", "DeleteEventSourceMapping", object{"UUID": id}); out["State"] != "Deleting" {
			t.Errorf("%v", out["State"])
		}
		time.Sleep(time.Second)
		if _, failure := s.call("lambda", "GetEventSourceMapping", object{"UUID": id}); failure != "ResourceNotFoundException: The resource you requested does not exist." {
			t.Error(failure)
		}
		if all := s.ok("lambda", "ListEventSourceMappings", object{})["EventSourceMappings"]; len(all.([]any)) != 0 {
			t.Errorf("%v", all)
		}
	})
}

func TestQueueMappingFilter_LA089(t *testing.T) {
	withSources(t, func(t *testing.T, s *sources) {
		s.mapping(object{"FilterCriteria": object{"Filters": []object{{"Pattern": `{"body":{"n":[{"numeric":[">",1]}]}}`}, {"Pattern": `{"body":["plain"]}`}}}})
		s.send(`{"n":1}`, `{"n":2}`, "plain", "other")
		time.Sleep(time.Second)
		if got := bodies(s.pool.take()); strings.ReplaceAll(got, " ", ",") != `{"n":2},plain` || s.left("q") != "0+0" {
			t.Errorf("%q, left %s", got, s.left("q"))
		}
	})
}

func TestMappingRefusals_LA093_LA095(t *testing.T) {
	withSources(t, func(t *testing.T, s *sources) {
		id := s.mapping(nil)
		for _, tt := range []struct {
			name string
			in   object
			want string
		}{
			{"LA-093 twice", nil, `ResourceConflictException: The event source arn (" ` + sourceQueue + ` ") and function (" ` + arnFn + `fn ") provided mapping already exists. Please update or delete the existing mapping with UUID ` + id},
			{"no source", object{"EventSourceArn": nil}, "InvalidParameterValueException: Unrecognized event source."},
			{"no function", object{"FunctionName": "ghost"}, "InvalidParameterValueException: Function does not exist"},
			{"no queue", object{"EventSourceArn": sourceQueue + "x"}, "InvalidParameterValueException: Error occurred while ReceiveMessage. SQS Error Code: AWS.SimpleQueueService.NonExistentQueue. SQS Error Message: The specified queue does not exist."},
			{"no stream", object{"EventSourceArn": streamOf("orders", "2026"), "StartingPosition": "LATEST"}, "InvalidParameterValueException: Stream not found: " + streamOf("orders", "2026")},
			{"position", object{"EventSourceArn": streamOf("orders", "2026"), "StartingPosition": "AT_TIMESTAMP"}, "InvalidParameterValueException: Unsupported starting position for arn type: " + streamOf("orders", "2026")},
			{"pattern", object{"FilterCriteria": object{"Filters": []object{{"Pattern": "null"}}}}, "InvalidParameterValueException: Invalid filter pattern definition."},
			{"window", object{"BatchSize": 11}, "InvalidParameterValueException: Maximum batch window in seconds must be greater than 0 if maximum batch size is greater than 10"},
			{"destination", object{"DestinationConfig": object{"OnSuccess": object{"Destination": sourceQueue}}}, "InvalidParameterValueException: Unsupported DestinationConfig parameter for given event source mapping type."},
			{"kinesis", object{"EventSourceArn": "arn:aws:kinesis:us-east-1:111111111111:stream/s"}, "InvalidParameterValueException: Sallyport has no event sources of service kinesis."},
		} {
			in := object{"FunctionName": "fn", "EventSourceArn": sourceQueue}
			for k, v := range tt.in {
				in[k] = v
			}
			if _, failure := s.call("lambda", "CreateEventSourceMapping", in); failure != tt.want {
				t.Errorf("%s: %s\nwant %s", tt.name, failure, tt.want)
			}
		}
		s.ok("lambda", "CreateFunction", object{"FunctionName": "slow", "Timeout": 31, "Runtime": "nodejs20.x", "Handler": "index.handler", "Role": role, "Code": object{"ZipFile": node(t, echo)}})
		if _, failure := s.call("lambda", "CreateEventSourceMapping", object{"FunctionName": "slow", "EventSourceArn": sourceQueue}); failure != "InvalidParameterValueException: Queue visibility timeout: 30 seconds is less than Function timeout: 31 seconds" {
			t.Error(failure)
		}
		arn := "arn:aws:lambda:us-east-1:111111111111:event-source-mapping:" + id
		s.ok("lambda", "TagResource", object{"Resource": arn, "Tags": object{"a": "1", "b": "2"}})
		s.ok("lambda", "UntagResource", object{"Resource": arn, "TagKeys": []string{"a"}})
		if tags := s.ok("lambda", "ListTags", object{"Resource": arn})["Tags"]; fmt.Sprint(tags) != "map[b:2]" {
			t.Errorf("tags %v", tags)
		}
		// LA-095: the mapping of a function that is gone is kept, and what it cannot give stays.
		s.ok("lambda", "DeleteFunction", object{"FunctionName": "fn"})
		s.send("x")
		time.Sleep(time.Minute)
		s.reaches(id, "Enabled")
		if left := s.left("q"); left == "0+0" {
			t.Error("LA-095: a message was taken for a function that is gone")
		}
	})
}

func streamOf(table, label string) string {
	return "arn:aws:dynamodb:us-east-1:111111111111:table/" + table + "/stream/" + label
}

// table makes a table with a stream, and returns the stream's ARN.
func (s *sources) table() string {
	s.t.Helper()
	out := s.ok("dynamodb", "CreateTable", object{
		"TableName": "orders", "BillingMode": "PAY_PER_REQUEST", "KeySchema": []object{{"AttributeName": "id", "KeyType": "HASH"}},
		"AttributeDefinitions": []object{{"AttributeName": "id", "AttributeType": "S"}}, "StreamSpecification": object{"StreamEnabled": true, "StreamViewType": "NEW_AND_OLD_IMAGES"},
	})
	time.Sleep(time.Second)
	return out["TableDescription"].(object)["LatestStreamArn"].(string)
}

func (s *sources) put(ids ...string) {
	s.t.Helper()
	for _, id := range ids {
		s.ok("dynamodb", "PutItem", object{"TableName": "orders", "Item": object{"id": object{"S": id}}})
	}
}

type streamed struct {
	Records []struct {
		EventName, EventSourceARN, EventSource, EventVersion, AwsRegion, EventID string

		UserIdentity object
		Dynamodb     struct {
			ApproximateCreationDateTime    float64
			SequenceNumber, StreamViewType string
			Keys, NewImage, OldImage       object
		}
	}
}

// changes returns what is in events of a stream, as "INSERT a,MODIFY a REMOVE a": a space stands between calls.
func changes(events []string) string {
	var all []string
	for _, e := range events {
		var in streamed
		_ = json.Unmarshal([]byte(e), &in)
		var some []string
		for _, r := range in.Records {
			some = append(some, r.EventName+":"+r.Dynamodb.Keys["id"].(object)["S"].(string))
		}
		all = append(all, strings.Join(some, ","))
	}
	return strings.Join(all, " ")
}

func TestStreamMapping_LA084_LA085_LA086_LA089(t *testing.T) {
	withSources(t, func(t *testing.T, s *sources) {
		arn := s.table()
		s.put("before")
		time.Sleep(time.Second)
		latest := s.mapping(object{"EventSourceArn": arn, "StartingPosition": "LATEST"})
		s.put("a")
		s.ok("dynamodb", "PutItem", object{"TableName": "orders", "Item": object{"id": object{"S": "a"}, "n": object{"N": "1"}}})
		s.ok("dynamodb", "DeleteItem", object{"TableName": "orders", "Key": object{"id": object{"S": "a"}}})
		time.Sleep(2 * time.Second)
		events := s.pool.take()
		if got := strings.ReplaceAll(changes(events), " ", ","); got != "INSERT:a,MODIFY:a,REMOVE:a" {
			t.Fatalf("LA-084, LA-086: %s", got)
		}
		var in streamed
		if err := json.Unmarshal([]byte(events[0]), &in); err != nil {
			t.Fatal(err)
		}
		r := in.Records[0]
		if r.EventSourceARN != arn || r.EventSource != "aws:dynamodb" || r.EventVersion != "1.1" || r.AwsRegion != region || r.EventID == "" || r.UserIdentity != nil ||
			r.Dynamodb.StreamViewType != "NEW_AND_OLD_IMAGES" || r.Dynamodb.SequenceNumber == "" || r.Dynamodb.ApproximateCreationDateTime < 946684800 || r.Dynamodb.NewImage["id"] == nil {
			t.Errorf("LA-084: %s", events[0])
		}
		s.ok("lambda", "DeleteEventSourceMapping", object{"UUID": latest})
		time.Sleep(time.Second)
		horizon := s.mapping(object{"EventSourceArn": arn, "StartingPosition": "TRIM_HORIZON", "FilterCriteria": object{"Filters": []object{{"Pattern": `{"eventName":["INSERT","REMOVE"]}`}}}})
		time.Sleep(time.Second)
		if got := changes(s.pool.take()); got != "INSERT:before,INSERT:a,REMOVE:a" {
			t.Errorf("LA-086, LA-089: %s", got)
		}
		s.ok("dynamodb", "UpdateTimeToLive", object{"TableName": "orders", "TimeToLiveSpecification": object{"Enabled": true, "AttributeName": "ttl"}})
		s.ok("dynamodb", "PutItem", object{"TableName": "orders", "Item": object{"id": object{"S": "old"}, "ttl": object{"N": fmt.Sprint(time.Now().Unix() + 5)}}})
		time.Sleep(time.Hour)
		events = s.pool.take()
		if got := strings.ReplaceAll(changes(events), " ", ","); got != "INSERT:old,REMOVE:old" {
			t.Fatalf("LA-085: %s", got)
		}
		if !strings.Contains(events[len(events)-1], `"userIdentity":{"type":"Service","principalId":"dynamodb.amazonaws.com"}`) {
			t.Errorf("LA-085: %s", events[len(events)-1])
		}
		if got := s.ok("lambda", "GetEventSourceMapping", object{"UUID": horizon})["LastProcessingResult"]; got != "OK" {
			t.Errorf("LastProcessingResult %v", got)
		}
	})
}

func TestStreamFailures_LA087_LA088_LA090(t *testing.T) {
	withSources(t, func(t *testing.T, s *sources) {
		arn := s.table()
		s.put("a", "bad", "c")
		poisoned := func(event string) (string, bool) {
			return `{"errorType":"Error"}`, strings.Contains(event, `"S":"bad"`)
		}
		s.pool.script(poisoned)
		id := s.mapping(object{"EventSourceArn": arn, "StartingPosition": "TRIM_HORIZON", "MaximumRetryAttempts": 2, "DestinationConfig": object{"OnFailure": object{"Destination": sourceQueue}}})
		s.put("d")
		time.Sleep(time.Minute)
		whole := "INSERT:a,INSERT:bad,INSERT:c"
		if got := changes(s.pool.take()); got != strings.Repeat(whole+" ", 3)+"INSERT:d" {
			t.Errorf("LA-087: %s", got)
		}
		got := s.ok("sqs", "ReceiveMessage", object{"QueueUrl": "https://x/" + account + "/q"})["Messages"].([]any)[0].(object)["Body"].(string)
		var r struct {
			RequestContext     struct{ RequestID, FunctionArn, Condition string }
			ResponseContext    struct{ FunctionError string }
			DDBStreamBatchInfo struct {
				ShardID, StartSequenceNumber, EndSequenceNumber, StreamArn string
				BatchSize                                                  int
			}
		}
		if err := json.Unmarshal([]byte(got), &r); err != nil {
			t.Fatal(err)
		}
		i := r.DDBStreamBatchInfo
		if r.RequestContext.Condition != "RetryAttemptsExhausted" || r.RequestContext.FunctionArn != arnFn+"fn" || r.ResponseContext.FunctionError != "Unhandled" ||
			i.BatchSize != 3 || i.StreamArn != arn || i.ShardID == "" || i.StartSequenceNumber >= i.EndSequenceNumber || !strings.Contains(got, `"approximateInvokeCount":3`) {
			t.Errorf("LA-087: %s", got)
		}

		s.ok("lambda", "UpdateEventSourceMapping", object{"UUID": id, "BisectBatchOnFunctionError": true, "MaximumRetryAttempts": 1, "MaximumBatchingWindowInSeconds": 1})
		s.reaches(id, "Enabled")
		s.put("e", "bad2", "f", "g")
		s.pool.script(func(event string) (string, bool) { return `{}`, strings.Contains(event, `"S":"bad2"`) })
		time.Sleep(time.Minute)
		if got := changes(s.pool.take()); got != "INSERT:e,INSERT:bad2,INSERT:f,INSERT:g INSERT:e,INSERT:bad2 INSERT:e INSERT:bad2 INSERT:bad2 INSERT:f,INSERT:g" {
			t.Errorf("LA-088: %s", got)
		}

		s.ok("lambda", "UpdateEventSourceMapping", object{"UUID": id, "BisectBatchOnFunctionError": false, "FunctionResponseTypes": []string{"ReportBatchItemFailures"}, "MaximumRetryAttempts": 5})
		s.reaches(id, "Enabled")
		failures := 0
		s.pool.script(func(event string) (string, bool) {
			var in streamed
			_ = json.Unmarshal([]byte(event), &in)
			for _, r := range in.Records {
				if r.Dynamodb.Keys["id"].(object)["S"] == "odd" && failures < 2 {
					failures++
					return `{"batchItemFailures":[{"itemIdentifier":"` + r.Dynamodb.SequenceNumber + `"}]}`, false
				}
			}
			return `{"batchItemFailures":[]}`, false
		})
		s.put("h", "odd", "i")
		time.Sleep(time.Minute)
		if got := changes(s.pool.take()); got != "INSERT:h,INSERT:odd,INSERT:i INSERT:odd,INSERT:i INSERT:odd,INSERT:i" {
			t.Errorf("LA-090: %s", got)
		}
	})
}
