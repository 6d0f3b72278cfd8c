package logs

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/sallyport/sallyport/internal/awsapi"
	"github.com/sallyport/sallyport/internal/awsapi/sigv4"
	"github.com/sallyport/sallyport/internal/bus"
	busmem "github.com/sallyport/sallyport/internal/bus/mem"
	"github.com/sallyport/sallyport/internal/store"
	"github.com/sallyport/sallyport/internal/store/mem"
)

const (
	testAccount = "000000000000"
	testKey     = "AKIAEXAMPLE"
	testSecret  = "secret"
)

// keys knows one key, of an administrator.
type keys struct{}

func (keys) Credential(context.Context, string, string) (string, awsapi.Caller, error) {
	return testSecret, awsapi.Caller{Account: testAccount, AccessKeyID: testKey, Admin: true}, nil
}

func (keys) Authorize(context.Context, string, string, map[string][]string) error { return nil }

// A fixture is the service behind its protocol.
type fixture struct {
	t       testing.TB
	service *Service
	handler http.Handler
	stores  store.Stores
	bus     bus.Bus
	region  string
}

func newFixture(t testing.TB) *fixture { return newFixtureOn(t, mem.New(), busmem.New()) }

func newFixtureOn(t testing.TB, stores store.Stores, b bus.Bus) *fixture {
	logger := slog.New(slog.DiscardHandler)
	s := New(stores, b, logger)
	gate := awsapi.NewGatekeeper(keys{}, logger, awsapi.GateOptions{})
	return &fixture{
		t: t, service: s, stores: stores, bus: b, region: "us-east-1",
		handler: awsapi.Handler(awsapi.NewCatalog([]awsapi.Service{s}), gate, keys{}, awsapi.Options{Log: logger}),
	}
}

func (f *fixture) ctx() context.Context {
	return awsapi.WithCaller(f.t.Context(), awsapi.Caller{Account: testAccount, Region: f.region, Admin: true})
}

type object = map[string]any

// call calls an operation over HTTP; the error is "" or code and message.
func (f *fixture) call(operation string, in object) (out object, failure string) {
	f.t.Helper()
	body, err := json.Marshal(in)
	if err != nil {
		f.t.Fatal(err)
	}
	r := httptest.NewRequest("POST", "/", bytes.NewReader(body))
	r.Host = "127.0.0.1:4566"
	r.Header.Set("Content-Type", "application/x-amz-json-1.1")
	r.Header.Set("X-Amz-Target", "Logs_20140328."+operation)
	signed := sigv4.Request{Method: "POST", Target: "/", Host: r.Host, Body: body, Header: []sigv4.Field{{Name: "X-Amz-Target", Value: "Logs_20140328." + operation}}}
	signer := sigv4.Signer{AccessKeyID: testKey, Secret: testSecret, Region: f.region, Service: "logs"}
	signer.Sign(&signed, time.Now())
	for _, h := range signed.Header[1:] {
		r.Header.Set(h.Name, h.Value)
	}
	w := httptest.NewRecorder()
	f.handler.ServeHTTP(w, r)
	if w.Body.Len() > 0 {
		if err := json.Unmarshal(w.Body.Bytes(), &out); err != nil {
			f.t.Fatalf("%s: %q", operation, w.Body)
		}
	}
	if w.Code != 200 {
		message, _ := out["message"].(string)
		code, _ := out["__type"].(string)
		return nil, code[strings.LastIndexByte(code, '#')+1:] + ": " + message
	}
	return out, ""
}

func (f *fixture) must(operation string, in object) object {
	f.t.Helper()
	out, failure := f.call(operation, in)
	if failure != "" {
		f.t.Fatalf("%s(%.200v): %s", operation, in, failure)
	}
	return out
}

// stream makes group g and stream s.
func (f *fixture) stream() {
	f.t.Helper()
	f.must("CreateLogGroup", object{"logGroupName": "g"})
	f.must("CreateLogStream", object{"logGroupName": "g", "logStreamName": "s"})
}

// put puts lines of the times into g/s.
func (f *fixture) put(lines ...line) object {
	f.t.Helper()
	var events []object
	for _, l := range lines {
		events = append(events, object{"timestamp": l.at, "message": l.message})
	}
	return f.must("PutLogEvents", object{"logGroupName": "g", "logStreamName": "s", "logEvents": events})
}

type line struct {
	at      int64
	message string
}

// lines returns what an answer has.
func linesOf(out object) (lines []line) {
	for _, e := range out["events"].([]any) {
		lines = append(lines, line{int64(e.(object)["timestamp"].(float64)), e.(object)["message"].(string)})
	}
	return lines
}

func TestRefusals(t *testing.T) {
	f := newFixture(t)
	f.stream()
	now := time.Now().UnixMilli()
	event := func(at int64) object { return object{"timestamp": at, "message": "m"} }
	for _, tt := range []struct {
		name, operation string
		in              object
		want            string
	}{
		{"EV-064 group twice", "CreateLogGroup", object{"logGroupName": "g"}, "ResourceAlreadyExistsException: The specified log group already exists"},
		{"stream twice", "CreateLogStream", object{"logGroupName": "g", "logStreamName": "s"}, "ResourceAlreadyExistsException: The specified log stream already exists"},
		{"EV-065 no group", "PutLogEvents", object{"logGroupName": "x", "logStreamName": "s", "logEvents": []object{event(now)}}, "ResourceNotFoundException: The specified log group does not exist."},
		{"EV-065 no stream", "PutLogEvents", object{"logGroupName": "g", "logStreamName": "x", "logEvents": []object{event(now)}}, "ResourceNotFoundException: The specified log stream does not exist."},
		{"EV-066 order", "PutLogEvents", object{"logGroupName": "g", "logStreamName": "s", "logEvents": []object{event(now), event(now - 1)}}, "InvalidParameterException: Log events in a single PutLogEvents request must be in chronological order."},
		{"EV-071 limit", "GetLogEvents", object{"logGroupName": "g", "logStreamName": "s", "limit": 10001}, "InvalidParameterException: 1 validation error detected: Value '10001' at 'limit' failed to satisfy constraint: Member must have value less than or equal to 10000"},
		{"EV-072 token", "GetLogEvents", object{"logGroupName": "g", "logStreamName": "s", "nextToken": "x"}, "InvalidParameterException: The specified nextToken is invalid."},
		{"EV-072 filter token", "FilterLogEvents", object{"logGroupName": "g", "nextToken": "invalid-token"}, "InvalidParameterException: The specified nextToken is invalid."},
		{"EV-079 retention", "PutRetentionPolicy", object{"logGroupName": "g", "retentionInDays": 8}, "InvalidParameterException: 1 validation error"},
		{"prefix and pattern", "DescribeLogGroups", object{"logGroupNamePrefix": "a", "logGroupNamePattern": "a"}, "InvalidParameterException: LogGroup name prefix and LogGroup name pattern are mutually exclusive parameters."},
		{"EV-083 prefix and time", "DescribeLogStreams", object{"logGroupName": "g", "logStreamNamePrefix": "a", "orderBy": "LastEventTime"}, "InvalidParameterException: Cannot order by LastEventTime with a logStreamNamePrefix."},
		{"EV-088 space", "CreateLogGroup", object{"logGroupName": "a b"}, "InvalidParameterException: 1 validation error detected: Value 'a b' at 'logGroupName'"},
		{"EV-087 too large", "PutLogEvents", object{"logGroupName": "g", "logStreamName": "s", "logEvents": []object{{"timestamp": now, "message": strings.Repeat("m", 1<<20)}}}, "InvalidParameterException: Log event too large: 1048602 bytes exceeds limit of 1048576"},
		{"filter pattern", "FilterLogEvents", object{"logGroupName": "g", "filterPattern": "{ $.a = }"}, "InvalidParameterException: Invalid filter pattern: a value is missing after ="},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if _, failure := f.call(tt.operation, tt.in); !strings.HasPrefix(failure, tt.want) {
				t.Errorf("%.200q, want %q", failure, tt.want)
			}
		})
	}
}

func TestPutLogEvents(t *testing.T) {
	f := newFixture(t)
	f.stream()
	now := time.Now().UnixMilli()
	t.Run("EV-067 sequence token", func(t *testing.T) {
		out := f.must("PutLogEvents", object{"logGroupName": "g", "logStreamName": "s", "sequenceToken": "wrong", "logEvents": []object{{"timestamp": now, "message": "m"}}})
		if token, _ := out["nextSequenceToken"].(string); len(token) != 56 {
			t.Errorf("%v", out)
		}
	})
	t.Run("EV-068 too new and too old", func(t *testing.T) {
		hour := time.Hour.Milliseconds()
		out := f.put(line{now, "a"}, line{now + 3*hour, "b"})
		if got := fmt.Sprint(out["rejectedLogEventsInfo"]); got != "map[tooNewLogEventStartIndex:1]" {
			t.Error(got)
		}
		out = f.put(line{now - 15*24*hour, "a"})
		if got := fmt.Sprint(out["rejectedLogEventsInfo"]); got != "map[tooOldLogEventEndIndex:1]" {
			t.Error(got)
		}
	})
	t.Run("EV-087 nearly a megabyte", func(t *testing.T) {
		message := strings.Repeat("\x01", 1<<20-26) // six times as long in JSON
		f.put(line{now + 1, message})
		got := linesOf(f.must("GetLogEvents", object{"logGroupName": "g", "logStreamName": "s"}))
		if last := got[len(got)-1]; last.message != message {
			t.Errorf("read back %d bytes of %d", len(last.message), len(message))
		}
	})
}

// TestPages writes events in random order, in batches of random size, and holds that pages in both directions give all of
// them, sorted by time.
func TestPages(t *testing.T) {
	f := newFixture(t)
	f.stream()
	random := rand.New(rand.NewPCG(1, 2))
	start := time.Now().UnixMilli() - 100_000
	var all []line
	for i := range 60 {
		var batch []line
		for j := range 1 + random.IntN(60) {
			batch = append(batch, line{start + random.Int64N(1000)*10, fmt.Sprintf("%d-%d %s", i, j, strings.Repeat("x", random.IntN(900)))})
		}
		slices.SortStableFunc(batch, func(a, b line) int { return int(a.at - b.at) })
		f.put(batch...)
		all = append(all, batch...)
	}
	slices.SortStableFunc(all, func(a, b line) int { return int(a.at - b.at) })
	read := func(t *testing.T, in object, next string) (pages [][]line) {
		in["logGroupName"], in["logStreamName"], in["limit"] = "g", "s", 97
		for range 100 {
			out := f.must("GetLogEvents", in)
			pages = append(pages, linesOf(out))
			if in["nextToken"] == out[next] {
				if n := len(pages[len(pages)-1]); n != 0 {
					t.Errorf("the token repeats after a page of %d", n)
				}
				return pages
			}
			in["nextToken"] = out[next]
		}
		t.Fatal("no end of pages")
		return nil
	}
	t.Run("EV-069 forward", func(t *testing.T) {
		checkSame(t, slices.Concat(read(t, object{"startFromHead": true}, "nextForwardToken")...), all)
	})
	t.Run("EV-070 newest first", func(t *testing.T) {
		pages := read(t, object{}, "nextBackwardToken")
		slices.Reverse(pages)
		checkSame(t, slices.Concat(pages...), all)
	})
	t.Run("time range", func(t *testing.T) {
		from, to := start+2000, start+4000
		got := slices.Concat(read(t, object{"startFromHead": true, "startTime": from, "endTime": to}, "nextForwardToken")...)
		checkSame(t, got, slices.DeleteFunc(slices.Clone(all), func(l line) bool { return l.at < from || l.at >= to }))
	})
	t.Run("EV-077 filter range is inclusive", func(t *testing.T) {
		from, to := start+2000, start+4000
		var got []line
		in := object{"logGroupName": "g", "startTime": from, "endTime": to, "limit": 50}
		ids := map[string]bool{}
		for {
			out := f.must("FilterLogEvents", in)
			got = append(got, linesOf(out)...)
			for _, e := range out["events"].([]any) {
				ids[e.(object)["eventId"].(string)] = true
			}
			if in["nextToken"] = out["nextToken"]; out["nextToken"] == nil {
				break
			}
		}
		checkSame(t, got, slices.DeleteFunc(slices.Clone(all), func(l line) bool { return l.at < from || l.at > to }))
		if len(ids) != len(got) {
			t.Errorf("%d event ids of %d events", len(ids), len(got))
		}
	})
	t.Run("EV-091 restart", func(t *testing.T) {
		f.service = New(f.stores, f.bus, slog.New(slog.DiscardHandler))
		checkSame(t, slices.Concat(read(t, object{"startFromHead": true}, "nextForwardToken")...), all)
	})
	t.Run("EV-090 regions", func(t *testing.T) {
		other := newFixtureOn(t, f.stores, f.bus)
		other.region = "eu-west-1"
		if out := other.must("DescribeLogGroups", object{}); len(out["logGroups"].([]any)) != 0 {
			t.Error(out)
		}
	})
}

// checkSame compares times and, within one time, lines in whatever order: those of one time come as they were written.
func checkSame(t *testing.T, got, want []line) {
	t.Helper()
	if len(got) != len(want) {
		t.Fatalf("%d lines, want %d", len(got), len(want))
	}
	for i := range got {
		if got[i] != want[i] {
			t.Fatalf("line %d is %d %.20q, want %d %.20q", i, got[i].at, got[i].message, want[i].at, want[i].message)
		}
	}
}

func TestFilter(t *testing.T) {
	f := newFixture(t)
	f.stream()
	f.must("CreateLogStream", object{"logGroupName": "g", "logStreamName": "t"})
	now := time.Now().UnixMilli()
	f.put(line{now, "ERROR one"}, line{now + 2, "INFO two"})
	f.must("PutLogEvents", object{"logGroupName": "g", "logStreamName": "t", "logEvents": []object{{"timestamp": now + 1, "message": "ERROR three"}}})
	t.Run("EV-073 pattern", func(t *testing.T) {
		out := f.must("FilterLogEvents", object{"logGroupName": "g", "filterPattern": "ERROR"})
		if got := fmt.Sprint(linesOf(out)); got != fmt.Sprint([]line{{now, "ERROR one"}, {now + 1, "ERROR three"}}) {
			t.Error(got)
		}
		e := out["events"].([]any)[1].(object)
		if e["logStreamName"] != "t" || len(e["eventId"].(string)) != 56 || fmt.Sprint(out["searchedLogStreams"]) != "[]" {
			t.Error(out)
		}
	})
	t.Run("EV-077 streams", func(t *testing.T) {
		if got := linesOf(f.must("FilterLogEvents", object{"logGroupName": "g", "logStreamNamePrefix": "t"})); len(got) != 1 {
			t.Error(got)
		}
		if got := linesOf(f.must("FilterLogEvents", object{"logGroupName": "g", "logStreamNames": []string{"s"}})); len(got) != 2 {
			t.Error(got)
		}
	})
	t.Run("group by ARN", func(t *testing.T) {
		if got := linesOf(f.must("FilterLogEvents", object{"logGroupIdentifier": "arn:aws:logs:us-east-1:000000000000:log-group:g"})); len(got) != 3 {
			t.Error(got)
		}
	})
}

func TestGroups(t *testing.T) {
	f := newFixture(t)
	f.must("CreateLogGroup", object{"logGroupName": "/aws/lambda/f", "tags": object{"a": "b"}})
	f.must("CreateLogGroup", object{"logGroupName": "/aws/lambda/g"})
	f.must("CreateLogGroup", object{"logGroupName": "other"})
	const arn = "arn:aws:logs:us-east-1:000000000000:log-group:/aws/lambda/f"
	t.Run("EV-079 EV-081 describe", func(t *testing.T) {
		f.must("PutRetentionPolicy", object{"logGroupName": "/aws/lambda/f", "retentionInDays": 7})
		out := f.must("DescribeLogGroups", object{"logGroupNamePrefix": "/aws/lambda/f"})
		g := out["logGroups"].([]any)[0].(object)
		if g["arn"] != arn+":*" || g["logGroupArn"] != arn || g["retentionInDays"] != 7.0 || g["logGroupClass"] != "STANDARD" || g["metricFilterCount"] != 0.0 {
			t.Error(out)
		}
	})
	t.Run("pages", func(t *testing.T) {
		var names []string
		in := object{"limit": 2}
		for {
			out := f.must("DescribeLogGroups", in)
			for _, g := range out["logGroups"].([]any) {
				names = append(names, g.(object)["logGroupName"].(string))
			}
			if in["nextToken"] = out["nextToken"]; out["nextToken"] == nil {
				break
			}
		}
		if fmt.Sprint(names) != "[/aws/lambda/f /aws/lambda/g other]" {
			t.Error(names)
		}
	})
	t.Run("EV-082 tags", func(t *testing.T) {
		f.must("TagResource", object{"resourceArn": arn, "tags": object{"c": "d"}})
		for _, resource := range []string{arn, arn + ":*"} {
			if got := fmt.Sprint(f.must("ListTagsForResource", object{"resourceArn": resource})["tags"]); got != "map[a:b c:d]" {
				t.Error(got)
			}
		}
		f.must("UntagResource", object{"resourceArn": arn, "tagKeys": []string{"a"}})
		if got := fmt.Sprint(f.must("ListTagsLogGroup", object{"logGroupName": "/aws/lambda/f"})["tags"]); got != "map[c:d]" {
			t.Error(got)
		}
	})
}

func TestStreams(t *testing.T) {
	f := newFixture(t)
	f.must("CreateLogGroup", object{"logGroupName": "g"})
	now := time.Now()
	for i, name := range []string{"a", "b", "c"} {
		f.service.Append(f.ctx(), "g", name, now.Add(time.Duration(-i)*time.Second), "x")
	}
	f.service.flush(f.ctx())
	t.Run("EV-083 by time", func(t *testing.T) {
		out := f.must("DescribeLogStreams", object{"logGroupName": "g", "orderBy": "LastEventTime", "descending": true, "limit": 2})
		first := out["logStreams"].([]any)[0].(object)
		if first["logStreamName"] != "a" || int64(first["lastEventTimestamp"].(float64)) != now.UnixMilli() || first["arn"] != "arn:aws:logs:us-east-1:000000000000:log-group:g:log-stream:a" {
			t.Error(out)
		}
		out = f.must("DescribeLogStreams", object{"logGroupName": "g", "orderBy": "LastEventTime", "descending": true, "nextToken": out["nextToken"]})
		if rest := out["logStreams"].([]any); len(rest) != 1 || rest[0].(object)["logStreamName"] != "c" || out["nextToken"] != nil {
			t.Error(out)
		}
	})
	t.Run("delete", func(t *testing.T) {
		f.must("DeleteLogStream", object{"logGroupName": "g", "logStreamName": "a"})
		if _, failure := f.call("DeleteLogStream", object{"logGroupName": "g", "logStreamName": "a"}); failure != "ResourceNotFoundException: The specified log stream does not exist." {
			t.Error(failure)
		}
		// One that is made again under the name has nothing of the old.
		f.service.Append(f.ctx(), "g", "a", now, "new")
		f.service.flush(f.ctx())
		if got := linesOf(f.must("GetLogEvents", object{"logGroupName": "g", "logStreamName": "a"})); len(got) != 1 || got[0].message != "new" {
			t.Error(got)
		}
	})
	t.Run("EV-084 delete group", func(t *testing.T) {
		f.must("DeleteLogGroup", object{"logGroupName": "g"})
		if _, failure := f.call("DeleteLogGroup", object{"logGroupName": "g"}); !strings.HasPrefix(failure, "ResourceNotFoundException") {
			t.Error(failure)
		}
		if left := f.documents(); len(left) != 0 {
			t.Errorf("left: %v", left)
		}
	})
}

// documents returns the keys of all documents.
func (f *fixture) documents() (keys []string) {
	f.t.Helper()
	docs, err := f.service.open(f.ctx())
	if err != nil {
		f.t.Fatal(err)
	}
	list, err := docs.List(f.ctx(), "")
	if err != nil {
		f.t.Fatal(err)
	}
	for _, d := range list {
		keys = append(keys, d.Key)
	}
	return keys
}
