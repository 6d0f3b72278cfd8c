package sqs

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/sallyport/sallyport/internal/awsapi"
	"github.com/sallyport/sallyport/internal/natsd"
	"github.com/sallyport/sallyport/internal/store/mem"
	"github.com/sallyport/sallyport/internal/store/nats"
)

const testSecret = "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY"

// identity knows one key, and allows everything.
type identity struct{}

func (identity) Credential(_ context.Context, key, _ string) (string, awsapi.Caller, error) {
	return testSecret, awsapi.Caller{Account: "111111111111", ARN: "arn:aws:iam::111111111111:user/ann", UserID: "AIDA", AccessKeyID: key}, nil
}

func (identity) Authorize(context.Context, string, string, map[string][]string) error { return nil }

func serve(t *testing.T) (*httptest.Server, *fixture) {
	f := start(t, mem.New())
	t.Cleanup(f.stop)
	log := slog.New(slog.NewTextHandler(t.Output(), nil))
	server := httptest.NewServer(awsapi.Handler(f.catalog, awsapi.NewGatekeeper(identity{}, log, awsapi.GateOptions{Permissive: true, Account: "111111111111"}), identity{}, awsapi.Options{Log: log}))
	t.Cleanup(server.Close)
	return server, f
}

func TestBoto3_EV095_EV096(t *testing.T) {
	python, err := exec.LookPath("python3")
	if err == nil {
		err = exec.Command(python, "-c", "import boto3").Run()
	}
	if err != nil {
		if os.Getenv("CI") == "true" {
			t.Fatalf("python3 with boto3 does not work: %v", err)
		}
		t.Skipf("python3 with boto3 does not work here: %v", err)
	}
	server, _ := serve(t)
	cmd := exec.Command(python, "-c", `
import boto3, os
c = boto3.client("sqs")
q = c.create_queue(QueueName="q", Attributes={"VisibilityTimeout": "60"}, tags={"a": "b"})["QueueUrl"]
assert q == os.environ["AWS_ENDPOINT_URL"] + "/111111111111/q", q
r = c.send_message(QueueUrl=q, MessageBody="höllo <&>", MessageAttributes={"k": {"DataType": "String", "StringValue": "v"}, "b": {"DataType": "Binary.png", "BinaryValue": b"\x01\x02"}})
m = c.receive_message(QueueUrl=q, WaitTimeSeconds=1, AttributeNames=["All"], MessageAttributeNames=["All"])["Messages"][0]
assert m["Body"] == "höllo <&>" and m["MessageAttributes"]["b"]["BinaryValue"] == b"\x01\x02", m
c.change_message_visibility(QueueUrl=q, ReceiptHandle=m["ReceiptHandle"], VisibilityTimeout=10)
c.delete_message(QueueUrl=q, ReceiptHandle=m["ReceiptHandle"])
r = c.send_message_batch(QueueUrl=q, Entries=[{"Id": str(i), "MessageBody": str(i)} for i in range(10)])
assert len(r["Successful"]) == 10 and "Failed" not in r or not r["Failed"], r
got = []
while len(got) < 10:
    got += [m["Body"] for m in c.receive_message(QueueUrl=q, MaxNumberOfMessages=10).get("Messages", [])]
assert sorted(got) == [str(i) for i in range(10)], got
assert c.get_queue_attributes(QueueUrl=q, AttributeNames=["All"])["Attributes"]["ApproximateNumberOfMessagesNotVisible"] == "10"
try:
    c.get_queue_url(QueueName="none")
    raise SystemExit("a queue that there is not")
except c.exceptions.QueueDoesNotExist as e:
    assert e.response["Error"]["Code"] == "AWS.SimpleQueueService.NonExistentQueue", e.response
f = c.create_queue(QueueName="f.fifo", Attributes={"FifoQueue": "true"})["QueueUrl"]
r = c.send_message(QueueUrl=f, MessageBody="1", MessageGroupId="g", MessageDeduplicationId="d")
assert len(r["SequenceNumber"]) == 20, r
c.delete_queue(QueueUrl=q)
assert boto3.resource("sqs").get_queue_by_name(QueueName="f.fifo").url == f
`)
	cmd.Env = append(os.Environ(), "AWS_ENDPOINT_URL="+server.URL, "AWS_ACCESS_KEY_ID=AKIAIOSFODNN7EXAMPLE", "AWS_SECRET_ACCESS_KEY="+testSecret, "AWS_DEFAULT_REGION=us-east-1")
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Errorf("%v\n%s", err, out)
	}
}

// TestQuery: old SDKs and API Gateway's integrations send forms, to the root or to the queue's URL.
func TestQuery(t *testing.T) {
	server, f := serve(t)
	queue := f.queue("q", nil)
	post := func(path string, form url.Values) string {
		t.Helper()
		req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, server.URL+path, strings.NewReader(form.Encode()))
		if err != nil {
			t.Fatal(err)
		}
		req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		req.Header.Set("Authorization", "AWS4-HMAC-SHA256 Credential=AKIAIOSFODNN7EXAMPLE/"+time.Now().UTC().Format("20060102")+"/us-east-1/sqs/aws4_request, SignedHeaders=host;x-amz-date, Signature="+strings.Repeat("0", 64))
		req.Header.Set("X-Amz-Date", time.Now().UTC().Format("20060102T150405Z"))
		resp, err := http.DefaultClient.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		defer resp.Body.Close()
		body, err := io.ReadAll(resp.Body)
		if err != nil {
			t.Fatal(err)
		}
		return string(body)
	}
	defer http.DefaultClient.CloseIdleConnections()
	sent := post("/111111111111/q", url.Values{"Action": {"SendMessage"}, "MessageBody": {"hello"}, "MessageAttribute.1.Name": {"k"}, "MessageAttribute.1.Value.DataType": {"String"}, "MessageAttribute.1.Value.StringValue": {"v"}})
	if !strings.Contains(sent, "<SendMessageResult><MD5OfMessageBody>5d41402abc4b2a76b9719d911017c592</MD5OfMessageBody>") {
		t.Error(sent)
	}
	got := post("/", url.Values{"Action": {"ReceiveMessage"}, "Version": {"2012-11-05"}, "QueueUrl": {queue}, "MessageAttributeName.1": {"All"}, "AttributeName.1": {"SenderId"}})
	for _, want := range []string{"<ReceiveMessageResult><Message><MessageId>", "<Body>hello</Body>", "<Attribute><Name>SenderId</Name>", "<MessageAttribute><Name>k</Name><Value><StringValue>v</StringValue>"} {
		if !strings.Contains(got, want) {
			t.Errorf("%s\nlacks %s", got, want)
		}
	}
	if got := post("/", url.Values{"Action": {"GetQueueUrl"}, "QueueName": {"none"}}); !strings.Contains(got, "<Code>AWS.SimpleQueueService.NonExistentQueue</Code>") {
		t.Error(got)
	}
	batch := post("/", url.Values{"Action": {"SendMessageBatch"}, "QueueUrl": {queue}, "SendMessageBatchRequestEntry.1.Id": {"a"}, "SendMessageBatchRequestEntry.1.MessageBody": {"x"}})
	if !strings.Contains(batch, "<SendMessageBatchResultEntry><Id>a</Id>") {
		t.Error(batch)
	}
}

// killDir tells the child of TestKill where its data is.
const killDir = "SALLYPORT_TEST_KILL_DIR"

// TestKillChild is no test: it is the process that TestKill kills. It says what was acknowledged.
func TestKillChild(t *testing.T) {
	dir := os.Getenv(killDir)
	if dir == "" {
		t.Skip("runs only as a child of TestKill")
	}
	engine, err := natsd.Embedded(natsd.Config{Dir: dir})
	if err != nil {
		t.Fatal(err)
	}
	f := start(t, nats.New(engine.Conn()))
	url := f.queue("q", nil)
	for i := 0; ; i++ {
		f.send(url, fmt.Sprint(i), nil)
		fmt.Println("sent", i)
		if i%3 == 2 {
			bodies, handles := f.receive(url, object{"MaxNumberOfMessages": 1})
			for k := range bodies {
				f.ok("DeleteMessage", object{"QueueUrl": url, "ReceiptHandle": handles[k]})
				fmt.Println("deleted", bodies[k])
			}
		}
	}
}

// TestKill kills a process that sends and deletes: what was acknowledged as sent and not as deleted is there, what was deleted is not.
func TestKill(t *testing.T) {
	dir := t.TempDir()
	child := exec.Command(os.Args[0], "-test.run=^TestKillChild$", "-test.v")
	child.Env = append(os.Environ(), killDir+"="+dir)
	out, err := child.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := child.Start(); err != nil {
		t.Fatal(err)
	}
	want := map[string]bool{}
	deleted := map[string]bool{}
	last := 0
	buf := make([]byte, 0, 1<<16)
	for chunk := make([]byte, 4096); len(want) < 300; {
		n, err := out.Read(chunk)
		if err != nil {
			t.Fatal(err)
		}
		buf = append(buf, chunk[:n]...)
		for {
			line, rest, ok := strings.Cut(string(buf), "\n")
			if !ok {
				break
			}
			buf = []byte(rest)
			if id, ok := strings.CutPrefix(line, "sent "); ok {
				want[id] = true
				last++
			} else if id, ok := strings.CutPrefix(line, "deleted "); ok {
				deleted[id] = true
				delete(want, id)
			}
		}
	}
	if err := child.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = child.Wait()
	if len(deleted) == 0 {
		t.Fatal("nothing was deleted")
	}

	engine, err := natsd.Embedded(natsd.Config{Dir: dir})
	if err != nil {
		t.Fatal(err)
	}
	defer engine.Close()
	f := start(t, nats.New(engine.Conn()))
	defer f.stop()
	url := f.ok("GetQueueUrl", object{"QueueName": "q"})["QueueUrl"].(string)
	inFlight := 0
	for {
		bodies, _ := f.receive(url, nil)
		if bodies == nil {
			break
		}
		for _, b := range bodies {
			if deleted[b] {
				t.Errorf("%s was deleted", b)
			}
			delete(want, b)
		}
	}
	counts := f.ok("GetQueueAttributes", object{"QueueUrl": url, "AttributeNames": []string{"All"}})["Attributes"].(object)
	if _, err := fmt.Sscan(counts["ApproximateNumberOfMessagesNotVisible"].(string), &inFlight); err != nil {
		t.Fatal(err)
	}
	if len(want) > 1 { // one may have been received when the process died, and not be visible yet
		t.Errorf("lost: %v of %d", want, last)
	}
}

func BenchmarkQueue(b *testing.B) {
	engine, err := natsd.Embedded(natsd.Config{Dir: b.TempDir()})
	if err != nil {
		b.Fatal(err)
	}
	defer engine.Close()
	f := start(b, nats.New(engine.Conn()))
	defer f.stop()
	url := f.queue("q", nil)
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			f.send(url, "a message of some bytes", nil)
			if bodies, handles := f.receive(url, object{"MaxNumberOfMessages": 1, "WaitTimeSeconds": 5}); len(bodies) == 1 {
				f.ok("DeleteMessage", object{"QueueUrl": url, "ReceiptHandle": handles[0]})
			}
		}
	})
}
