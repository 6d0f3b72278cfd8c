package states_test

import (
	"context"
	"crypto/md5"
	"encoding/base64"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"hash/crc32"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/sallyport/sallyport/internal/awsapi"
)

// others stands for the services whose packages are not of this one's test: functions that do as they are told, queues, topics, buses,
// buckets and sockets, each just far enough for what state machines say to them.
type others struct {
	mu        sync.Mutex
	functions map[string]func(ctx context.Context, event json.RawMessage) (json.RawMessage, bool, error)
	queues    map[string][]json.RawMessage
	objects   map[string][]byte
	posts     []string // api/stage/connection body
	events    []json.RawMessage
	count     int
}

func newOthers() *others {
	return &others{
		functions: map[string]func(context.Context, json.RawMessage) (json.RawMessage, bool, error){},
		queues:    map[string][]json.RawMessage{}, objects: map[string][]byte{},
	}
}

func (o *others) Call(ctx context.Context, service, operation string, in []byte) ([]byte, error) {
	switch service + ":" + operation {
	case "lambda:Invoke":
		return o.invoke(ctx, in)
	case "events:PutEvents":
		return o.putEvents(in)
	case "sns:Publish":
		return []byte(`{"MessageId":"` + o.next() + `"}`), nil
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	switch service {
	case "sqs":
		return o.sqs(operation, in)
	case "s3":
		return o.s3(operation, in)
	case "events", "sns":
		return []byte("{}"), nil
	}
	return nil, awsapi.Errorf("UnknownOperationException", 404, "no %s", service)
}

func (o *others) next() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.count++
	return fmt.Sprintf("id-%d", o.count)
}

func (o *others) invoke(ctx context.Context, in []byte) ([]byte, error) {
	var req struct {
		FunctionName, LogType string
		Payload               json.RawMessage
	}
	if err := json.Unmarshal(in, &req); err != nil {
		return nil, err
	}
	name := req.FunctionName
	if _, rest, ok := strings.Cut(name, ":function:"); ok {
		name = rest
	}
	name, _, _ = strings.Cut(name, ":")
	o.mu.Lock()
	f := o.functions[name]
	o.mu.Unlock()
	if f == nil {
		arn := "arn:aws:lambda:us-east-1:111111111111:function:" + name
		if arn != req.FunctionName {
			arn += ":$LATEST"
		}
		return nil, awsapi.Errorf("ResourceNotFoundException", 404, "Function not found: %s", arn)
	}
	if req.Payload == nil {
		req.Payload = json.RawMessage("{}")
	}
	payload, bad, err := f(ctx, req.Payload)
	if err != nil {
		return nil, err
	}
	out := map[string]any{"StatusCode": 200, "ExecutedVersion": "$LATEST", "Payload": payload}
	if req.LogType == "Tail" {
		out["LogResult"] = "bG9n"
	}
	if bad {
		out["FunctionError"] = "Unhandled"
	}
	return json.Marshal(out)
}

func (o *others) putEvents(in []byte) ([]byte, error) {
	var req struct{ Entries []json.RawMessage }
	if err := json.Unmarshal(in, &req); err != nil {
		return nil, err
	}
	failures := 0
	var entries []any
	for _, raw := range req.Entries {
		var e struct{ Detail string }
		if err := json.Unmarshal(raw, &e); err != nil || !strings.HasPrefix(e.Detail, "{") || !json.Valid([]byte(e.Detail)) {
			failures++
			entries = append(entries, map[string]any{"ErrorCode": "MalformedDetail", "ErrorMessage": "Detail is malformed."})
			continue
		}
		o.mu.Lock()
		o.events = append(o.events, raw)
		o.mu.Unlock()
		entries = append(entries, map[string]any{"EventId": o.next()})
	}
	return json.Marshal(map[string]any{"Entries": entries, "FailedEntryCount": failures})
}

func (o *others) sqs(operation string, in []byte) ([]byte, error) {
	var req struct{ QueueName, QueueUrl, MessageBody string }
	if err := json.Unmarshal(in, &req); err != nil {
		return nil, err
	}
	name := req.QueueUrl[strings.LastIndexByte(req.QueueUrl, '/')+1:]
	switch operation {
	case "CreateQueue":
		o.queues[req.QueueName] = nil
		return []byte(`{}`), nil
	case "SendMessage":
		if _, ok := o.queues[name]; !ok {
			return nil, awsapi.Errorf("QueueDoesNotExist", 400, "The specified queue does not exist.")
		}
		o.count++
		msg, _ := json.Marshal(map[string]any{"Body": req.MessageBody, "MessageId": fmt.Sprint(o.count), "ReceiptHandle": fmt.Sprint(o.count)})
		o.queues[name] = append(o.queues[name], msg)
		return []byte(fmt.Sprintf(`{"MD5OfMessageBody":"0","MessageId":"%d"}`, o.count)), nil
	case "ReceiveMessage":
		q := o.queues[name]
		if len(q) == 0 {
			return []byte(`{}`), nil
		}
		o.queues[name] = q[1:]
		return []byte(`{"Messages":[` + string(q[0]) + `]}`), nil
	}
	return []byte(`{}`), nil
}

func (o *others) s3(operation string, in []byte) ([]byte, error) {
	var req struct{ Bucket, Key, Body, Prefix string }
	if err := json.Unmarshal(in, &req); err != nil {
		return nil, err
	}
	if operation == "CreateBucket" {
		o.objects[req.Bucket] = nil
		return []byte(`{}`), nil
	}
	if _, ok := o.objects[req.Bucket]; !ok {
		return nil, awsapi.Errorf("NoSuchBucket", 404, "The specified bucket does not exist")
	}
	key := req.Bucket + "/" + req.Key
	switch operation {
	case "PutObject":
		body, err := base64.StdEncoding.DecodeString(req.Body)
		if err != nil {
			return nil, err
		}
		o.objects[key] = body
		return json.Marshal(map[string]any{"ChecksumCRC32": crc(body), "ChecksumType": "FULL_OBJECT", "ETag": etag(body), "ServerSideEncryption": "AES256"})
	case "GetObject":
		body, ok := o.objects[key]
		if !ok {
			return nil, awsapi.Errorf("NoSuchKey", 404, "The specified key does not exist.")
		}
		return json.Marshal(map[string]any{
			"AcceptRanges": "bytes", "Body": base64.StdEncoding.EncodeToString(body), "ContentLength": len(body), "ContentType": "binary/octet-stream",
			"ETag": etag(body), "LastModified": "2026-01-01T00:00:00Z", "Metadata": map[string]any{}, "ServerSideEncryption": "AES256",
		})
	}
	var contents []any
	var keys []string
	for k := range o.objects {
		if rest, ok := strings.CutPrefix(k, req.Bucket+"/"); ok && strings.HasPrefix(rest, req.Prefix) {
			keys = append(keys, rest)
		}
	}
	slices.Sort(keys)
	for _, k := range keys {
		contents = append(contents, map[string]any{"Key": k, "Size": len(o.objects[req.Bucket+"/"+k]), "Etag": "\"0\"", "LastModified": 1, "StorageClass": "STANDARD"})
	}
	return json.Marshal(map[string]any{"Contents": contents})
}

func etag(body []byte) string { return fmt.Sprintf("\"%x\"", md5.Sum(body)) }

func crc(body []byte) string {
	return base64.StdEncoding.EncodeToString(binary.BigEndian.AppendUint32(nil, crc32.ChecksumIEEE(body)))
}

// Post implements states.Sockets.
func (o *others) Post(_ context.Context, api, stage, connection string, data []byte) error {
	o.mu.Lock()
	defer o.mu.Unlock()
	if connection == "gone" {
		return awsapi.Errorf("GoneException", 410, "")
	}
	o.posts = append(o.posts, api+"/"+stage+"/"+connection+" "+string(data))
	return nil
}

// Disconnect implements states.Sockets.
func (o *others) Disconnect(context.Context, string, string, string) error { return nil }

// behave makes a function of a recorded description.
func (o *others) behave(name string, b behavior) {
	f := func(ctx context.Context, event json.RawMessage) (json.RawMessage, bool, error) {
		switch b.Behavior {
		case "echo":
			return event, false, nil
		case "return":
			if b.RawBody.Count > 0 {
				return json.RawMessage(`"` + strings.Repeat(b.RawBody.Repeat, b.RawBody.Count) + `"`), false, nil
			}
			return b.Payload, false, nil
		case "prefix":
			out, err := json.Marshal(b.Prefix + strings.ReplaceAll(string(event), `"`, "'"))
			return out, false, err
		case "error":
			return b.Payload, true, nil
		case "sleep":
			t := time.NewTimer(time.Duration(b.Seconds * float64(time.Second)))
			defer t.Stop()
			select {
			case <-t.C:
			case <-ctx.Done():
				return nil, false, ctx.Err()
			}
			return event, false, nil
		}
		return nil, false, fmt.Errorf("behavior %s", b.Behavior)
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	o.functions[name] = f
}

type behavior struct {
	Behavior string
	Prefix   string
	Payload  json.RawMessage
	RawBody  struct {
		Repeat string
		Count  int
	}
	Seconds float64
}
