package events

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/sallyport/sallyport/internal/awsapi"
)

// corpus reads what was recorded on AWS, or skips the test.
func corpus(t *testing.T, name string, into any) {
	t.Helper()
	dir := os.Getenv("SALLYPORT_CORPORA")
	if dir == "" {
		dir = filepath.Join("..", "..", "..", "..", "shared", "corpora")
	}
	data, err := os.ReadFile(filepath.Join(dir, filepath.FromSlash(name)))
	if err != nil {
		t.Skipf("the corpus is not here: %v", err)
	}
	if err := json.Unmarshal(data, into); err != nil {
		t.Fatal(err)
	}
}

func TestRecordedPatterns_EV047(t *testing.T) {
	var cases []struct {
		ID, EventText, EventPatternText, Expect string
		Error                                   struct{ Code, Message string }
	}
	corpus(t, "event-patterns/cases.dev.json", &cases)
	inBubble(t, func(t *testing.T, f *fixture) {
		for _, c := range cases {
			out, failure := f.call("events", "TestEventPattern", object{"Event": c.EventText, "EventPattern": c.EventPatternText})
			failure, _, _ = strings.Cut(failure, "\n")
			switch {
			case c.Expect == "error":
				if want := c.Error.Code + ": " + c.Error.Message; failure != want {
					t.Errorf("%s: %q\nwant %q", c.ID, failure, want)
				}
			case failure != "" || out["Result"] != (c.Expect == "match"):
				t.Errorf("%s: %v %s, want %s", c.ID, out, failure, c.Expect)
			}
		}
		t.Logf("%d cases", len(cases))
	})
}

// TestRecordedErrors holds our errors against those that AWS was recorded to give, for the operations whose parameters were.
func TestRecordedErrors(t *testing.T) {
	var cases []struct {
		ID, Op, Code, Message string
		Params                object
	}
	corpus(t, "service-errors/events.dev.json", &cases)
	tried := 0
	for _, c := range cases {
		if c.Params == nil {
			continue
		}
		tried++
		t.Run(c.ID, func(t *testing.T) {
			inBubble(t, func(t *testing.T, f *fixture) {
				f.ctx = withAccount(f.ctx)
				f.prepare(c.ID, c.Op, c.Params)
				_, failure := f.call("events", c.Op, c.Params)
				want := c.Code + ": " + c.Message
				if i := strings.Index(want, "«"); i >= 0 { // from there on AWS names what it had made
					failure, want = failure[:min(i, len(failure))], want[:i]
				}
				if failure != want {
					t.Errorf("%s\nwant %s", failure, want)
				}
			})
		})
	}
	t.Logf("%d cases", tried)
}

// prepare makes what a recorded case had before it.
func (f *fixture) prepare(id, op string, params object) {
	f.t.Helper()
	pattern := object{"EventPattern": `{"source":["a"]}`}
	with := func(in object, more object) object {
		for k, v := range more {
			in[k] = v
		}
		return in
	}
	bus := "arn:aws:events:us-east-1:" + account + ":event-bus/default"
	switch {
	case op == "CreateEventBus":
		f.ok(op, params)
	case op == "PutTargets":
		f.ok("PutRule", with(object{"Name": params["Rule"]}, pattern))
		for i, target := range params["Targets"].([]any) {
			t := target.(object)
			if t["Arn"] == "queue-arn" {
				t["Arn"] = "arn:aws:sqs:us-east-1:111111111111:q"
			}
			if t["Id"] == "second-invalid-target-id" { // AWS's test had a longer one, which the recording shortened
				f.t.Skipf("target %d is not as it was sent", i)
			}
		}
	case op == "DeleteRule":
		f.ok("PutRule", with(object{"Name": params["Name"]}, pattern))
		f.ok("PutTargets", object{"Rule": params["Name"], "Targets": []object{{"Id": "t", "Arn": "arn:aws:sqs:us-east-1:111111111111:q"}}})
	case op == "StartReplay" && strings.Contains(id, "duplicate"):
		archive := f.ok("CreateArchive", object{"ArchiveName": "archive", "EventSourceArn": bus})["ArchiveArn"]
		in := object{"ReplayName": params["ReplayName"], "EventSourceArn": archive, "EventStartTime": 1, "EventEndTime": 2, "Destination": object{"Arn": bus}}
		f.ok(op, in)
		params["EventSourceArn"] = archive
	case op == "UpdateArchive" && strings.Contains(id, "no"):
		_, _ = f.call("events", "CreateArchive", object{"ArchiveName": params["ArchiveName"], "EventSourceArn": bus})
	}
	for _, k := range []string{"EventStartTime", "EventEndTime"} {
		if params[k] == "«ref»" {
			params[k] = map[string]int{"EventStartTime": 1, "EventEndTime": 2}[k]
		}
	}
	if s := fmt.Sprint(params["EventSourceArn"]); strings.HasPrefix(s, "«") {
		f.t.Skip("the case does not say what it was about")
	}
}

// withAccount is the context of the recordings' account.
func withAccount(ctx context.Context) context.Context {
	return awsapi.WithCaller(ctx, awsapi.Caller{Account: account, Region: "us-east-1", Admin: true})
}
