package events

import (
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/sallyport/sallyport/internal/awsapi"
	"github.com/sallyport/sallyport/internal/bus/bustest"
	busmem "github.com/sallyport/sallyport/internal/bus/mem"
	"github.com/sallyport/sallyport/internal/store/mem"
)

// everywhere makes a rule with a target of each kind that takes an event once, an archive, and a second bus.
func (f *fixture) everywhere() {
	f.t.Helper()
	f.ok("CreateEventBus", object{"Name": "second"})
	f.rule("second", "there", `{"source":["a"]}`, "behind", nil)
	f.rule("", "here", `{"source":["a"]}`, "q", nil)
	f.ok("CreateArchive", object{"ArchiveName": "kept", "EventSourceArn": "arn:aws:events:us-east-1:111111111111:event-bus/default"})
	if _, failure := f.call("logs", "CreateLogGroup", object{"logGroupName": "lines"}); failure != "" {
		f.t.Fatal(failure)
	}
	f.ok("PutTargets", object{"Rule": "here", "Targets": []object{
		{"Id": "f", "Arn": "arn:aws:lambda:us-east-1:111111111111:function:allowed"},
		{"Id": "b", "Arn": "arn:aws:events:us-east-1:111111111111:event-bus/second"},
		{"Id": "l", "Arn": "arn:aws:logs:us-east-1:111111111111:log-group:lines"},
	}})
}

// repeated puts an event as a caller does that may do so again.
func (f *fixture) repeated(request string) (id string, err error) {
	c := awsapi.CallerOf(f.ctx)
	c.RequestID, c.Repeats = request, true
	out, err := f.catalog.Call(awsapi.WithCaller(f.ctx, c), "events", "PutEvents", []byte(`{"Entries":[{"Source":"a","DetailType":"t","Detail":"{\"request\":\"`+request+`\"}"}]}`))
	if err != nil {
		return "", err
	}
	_, id, _ = strings.Cut(string(out), `"EventId":"`)
	id, _, _ = strings.Cut(id, `"`)
	return id, nil
}

// counts tells how often an event came where. Of a function, the requests are counted.
func (f *fixture) counts() string {
	f.t.Helper()
	here, _ := f.received("q", 1)
	behind, _ := f.received("behind", 1)
	out, failure := f.call("logs", "FilterLogEvents", object{"logGroupName": "lines"})
	if failure != "" {
		f.t.Fatal(failure)
	}
	kept := f.ok("DescribeArchive", object{"ArchiveName": "kept"})["EventCount"]
	return fmt.Sprint("queue ", len(here), ", second bus ", len(behind), ", function ", f.functions.requests(), ", lines ", len(out["events"].([]any)), ", archive ", kept)
}

const onceEach = "queue 1, second bus 1, function 1, lines 1, archive 1"

// TestPutEvents_again: a request that comes twice is one event, also when the first has long been delivered.
func TestPutEvents_again_EV032(t *testing.T) {
	inBubble(t, func(t *testing.T, f *fixture) {
		f.everywhere()
		var ids []string
		for _, wait := range []time.Duration{0, time.Minute, 0} {
			id, err := f.repeated("r1")
			if err != nil {
				t.Fatal(err)
			}
			ids = append(ids, id)
			time.Sleep(wait)
		}
		if ids[0] == "" || ids[0] != ids[1] || ids[0] != ids[2] {
			t.Errorf("one request, several events: %v", ids)
		}
		if got := f.counts(); got != onceEach {
			t.Error(got)
		}
		time.Sleep(time.Hour) // what was remembered is forgotten
		st, err := f.cfg.Stores.Open(f.ctx, "events-done")
		if err != nil {
			t.Fatal(err)
		}
		if docs, err := st.List(f.ctx, ""); err != nil || len(docs) > 0 {
			t.Errorf("%d deliveries are remembered for ever (%v)", len(docs), err)
		}
		other, err := f.repeated("r2")
		if err != nil || other == ids[0] {
			t.Errorf("another request is the same event %s (%v)", other, err)
		}
	})
}

// TestCrash_EV056 lets the process die after every single write between a PutEvents and the last of its deliveries. Whoever sent the
// event does not know whether it was taken, and sends it again to the next process: everybody gets it once.
func TestCrash_EV032_EV056(t *testing.T) {
	for writes := range int64(40) {
		t.Run(fmt.Sprint("after ", writes), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				stores, b := mem.New(), busmem.New()
				f := start(t, stores, b, nil)
				f.everywhere()
				synctest.Wait()
				f.stop()

				p := bustest.NewMortal(writes)
				f = start(t, p.Stores(stores), p.Bus(b), nil)
				f.functions.mu.Lock()
				f.functions.alive = p.Write
				f.functions.mu.Unlock()
				_, _ = f.repeated("r1")
				select {
				case <-p.Dead():
				case <-time.After(time.Minute):
				}
				f.stop()
				ids := f.functions.ids

				f = start(t, stores, b, nil)
				defer f.stop()
				f.functions.mu.Lock() // what has waited is being delivered
				f.functions.ids = append(f.functions.ids, ids...)
				f.functions.mu.Unlock()
				if _, err := f.repeated("r1"); err != nil {
					t.Fatal(err)
				}
				time.Sleep(time.Minute)
				if got := f.counts(); got != onceEach {
					t.Error(got)
				}
			})
		})
	}
}

// TestScheduledCrash lets the process die after every single write between two times of a rule with a schedule.
func TestScheduledCrash_EV017(t *testing.T) {
	for writes := int64(1); writes < 24; writes++ { // with none, it does not begin
		t.Run(fmt.Sprint("after ", writes), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				stores, b := mem.New(), busmem.New()
				f := start(t, stores, b, nil)
				f.ok("PutRule", object{"Name": "r", "ScheduleExpression": "rate(10 minutes)"})
				f.ok("PutTargets", object{"Rule": "r", "Targets": []object{{"Id": "q", "Arn": f.queue("q"), "InputPath": "$.time"}}})
				time.Sleep(5 * time.Minute)
				f.stop()

				p := bustest.NewMortal(writes)
				f = start(t, p.Stores(stores), p.Bus(b), nil)
				select {
				case <-p.Dead():
				case <-time.After(20 * time.Minute):
				}
				f.stop()

				f = start(t, stores, b, nil)
				defer f.stop()
				time.Sleep(time.Until(time.Date(2000, 1, 1, 0, 35, 0, 0, time.UTC)))
				bodies, _ := f.received("q", 1)
				if got := strings.Join(bodies, " "); got != `"2000-01-01T00:10:00Z" "2000-01-01T00:20:00Z" "2000-01-01T00:30:00Z"` {
					t.Error(got)
				}
			})
		})
	}
}
