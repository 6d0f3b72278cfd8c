package logs

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"io"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/sallyport/sallyport/internal/awsapi"
	busmem "github.com/sallyport/sallyport/internal/bus/mem"
	"github.com/sallyport/sallyport/internal/store/mem"
)

// subscribers keep what they are called with. Their policies name the service by its name of the region.
type subscribers struct {
	mu    sync.Mutex // guards calls
	calls []string
}

func (s *subscribers) EnqueueFrom(_ context.Context, principal, source, _ string, event []byte) error {
	if principal != "logs.us-east-1.amazonaws.com" || source != "arn:aws:logs:us-east-1:111111111111:log-group:g:*" {
		return awsapi.Errorf("AccessDeniedException", 403, "%s %s", principal, source)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.calls = append(s.calls, string(event))
	return nil
}

func TestSubscriptionFilter_EV085(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f, log := &subscribers{}, slog.New(slog.NewTextHandler(io.Discard, nil))
		s := New(mem.New(), busmem.New(), log)
		s.Connect(f)
		running, cancel := context.WithCancel(t.Context())
		var run sync.WaitGroup
		run.Go(func() { _ = s.Run(running) })
		defer run.Wait()
		defer cancel()
		catalog := awsapi.NewCatalog([]awsapi.Service{s})
		ctx := awsapi.WithCaller(running, awsapi.Caller{Account: "111111111111", Region: "us-east-1", Admin: true})
		call := func(op, in string) (string, string) {
			out, err := catalog.Call(ctx, "logs", op, []byte(in))
			if err != nil {
				return "", err.Error()
			}
			return string(out), ""
		}
		put := func(name, to string) string {
			_, failure := call("PutSubscriptionFilter", `{"logGroupName":"g","filterName":"`+name+`","filterPattern":"ERROR","destinationArn":"`+to+`"}`)
			return failure
		}
		function := "arn:aws:lambda:us-east-1:111111111111:function:f"
		if got := put("f", function); got != "ResourceNotFoundException: The specified log group does not exist." {
			t.Error(got)
		}
		s.Append(ctx, "g", "s", time.Now(), "before")
		time.Sleep(time.Second)
		if got := put("f", function); got != "" {
			t.Fatal(got)
		}
		s.Append(ctx, "g", "s", time.Now(), "fine", "ERROR one", "ERROR two")
		time.Sleep(time.Second)
		f.mu.Lock()
		calls := f.calls
		f.mu.Unlock()
		if len(calls) != 1 {
			t.Fatalf("%d calls", len(calls))
		}
		var event struct{ AWSLogs struct{ Data string } }
		if err := json.Unmarshal([]byte(calls[0]), &event); err != nil {
			t.Fatal(err)
		}
		data, err := base64.StdEncoding.DecodeString(event.AWSLogs.Data)
		if err != nil {
			t.Fatal(err)
		}
		var message struct {
			MessageType, Owner, LogGroup, LogStream string
			SubscriptionFilters                     []string
			LogEvents                               []fedLog
		}
		if err := unzip(data, &message); err != nil {
			t.Fatal(err)
		}
		if message.MessageType != "DATA_MESSAGE" || message.Owner != "111111111111" || message.LogGroup != "g" || message.LogStream != "s" || len(message.LogEvents) != 2 ||
			message.LogEvents[1].Message != "ERROR two" || len(message.LogEvents[0].ID) != 56 || message.LogEvents[0].ID == message.LogEvents[1].ID {
			t.Errorf("%+v", message)
		}
		if got := put("g", function) + put("h", function); got != "LimitExceededException: Resource limit exceeded." {
			t.Error(got)
		}
		if out, failure := call("DescribeSubscriptionFilters", `{"logGroupName":"g"}`); failure != "" || strings.Count(out, "destinationArn") != 2 {
			t.Error(out, failure)
		}
		if _, failure := call("DeleteSubscriptionFilter", `{"logGroupName":"g","filterName":"f"}`); failure != "" {
			t.Error(failure)
		}
		if _, failure := call("DeleteSubscriptionFilter", `{"logGroupName":"g","filterName":"f"}`); failure != "ResourceNotFoundException: The specified subscription filter does not exist." {
			t.Error(failure)
		}
	})
}
