package states_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/sallyport/sallyport/internal/awsapi"
	"github.com/sallyport/sallyport/internal/bus"
	"github.com/sallyport/sallyport/internal/store"
)

// A process is what a server's writes go through. After its last write it is dead: nothing that it does has an effect any more.
type process struct {
	left atomic.Int64 // writes until it dies
	dead chan struct{}
	once sync.Once
}

func newProcess(writes int64) *process {
	p := &process{dead: make(chan struct{})}
	p.left.Store(writes)
	return p
}

// write tells whether one more write has an effect.
func (p *process) write() bool {
	if p.left.Add(-1) >= 0 {
		return true
	}
	p.once.Do(func() { close(p.dead) })
	return false
}

type mortalStores struct {
	store.Stores
	p *process
}

func (s mortalStores) Open(ctx context.Context, name string) (store.Store, error) {
	st, err := s.Stores.Open(ctx, name)
	return mortalStore{st, s.p}, err
}

type mortalStore struct {
	store.Store
	p *process
}

func (s mortalStore) Apply(ctx context.Context, writes ...store.Write) (uint64, error) {
	if !s.p.write() {
		return 0, store.ErrUnavailable
	}
	return s.Store.Apply(ctx, writes...)
}

type mortalBus struct {
	bus.Bus
	p *process
}

func (b mortalBus) Queue(ctx context.Context, name string) (bus.Queue, error) {
	q, err := b.Bus.Queue(ctx, name)
	return mortalQueue{q, b.p}, err
}

type mortalQueue struct {
	bus.Queue
	p *process
}

func (q mortalQueue) Send(ctx context.Context, id string, data []byte, at time.Time) error {
	if !q.p.write() {
		return bus.ErrUnavailable
	}
	return q.Queue.Send(ctx, id, data, at)
}

// Run dies with the process: a job that it has begun is not finished.
func (q mortalQueue) Run(ctx context.Context, workers int, f func(ctx context.Context, job bus.Job) error) error {
	return q.Queue.Run(ctx, workers, func(ctx context.Context, j bus.Job) error {
		err := f(ctx, j)
		_, next := errors.AsType[*bus.Next](err)
		if (err == nil || next) && !q.p.write() { // the acknowledgement is a write, too, and so is the next job
			return bus.ErrUnavailable
		}
		return err
	})
}

// everything is a machine with each thing that an execution may wait for.
const everything = `{"StartAt":"Begin","States":{
  "Begin":{"Type":"Pass","Parameters":{"items":[1,2,3],"id.$":"States.UUID()"},"Assign":{"v.$":"$.id"},"Next":"Both"},
  "Both":{"Type":"Parallel","Next":"Each","ResultPath":"$.both","Branches":[
    {"StartAt":"Pause","States":{"Pause":{"Type":"Wait","Seconds":3,"Next":"Left"},"Left":{"Type":"Task","Resource":"arn:aws:states:::lambda:invoke","Parameters":{"FunctionName":"work","Payload":{"id":"left"}},"ResultSelector":{"id.$":"$.Payload.id"},"End":true}}},
    {"StartAt":"Right","States":{"Right":{"Type":"Task","Resource":"arn:aws:lambda:us-east-1:111111111111:function:work","Parameters":{"id":"right"},"Next":"After"},"After":{"Type":"Wait","Seconds":1,"End":true}}}]},
  "Each":{"Type":"Map","ItemsPath":"$.items","MaxConcurrency":2,"ResultPath":"$.each","Next":"Fails","ItemProcessor":{"StartAt":"One","States":{"One":{"Type":"Task","Resource":"arn:aws:lambda:us-east-1:111111111111:function:work","Parameters":{"id.$":"States.Format('item{}',$)"},"End":true}}}},
  "Fails":{"Type":"Task","Resource":"arn:aws:lambda:us-east-1:111111111111:function:fails","Parameters":{"id":"fails"},"Retry":[{"ErrorEquals":["Again"],"IntervalSeconds":2,"MaxAttempts":2}],"Catch":[{"ErrorEquals":["States.ALL"],"ResultPath":"$.error","Next":"Token"}],"End":true},
  "Token":{"Type":"Task","Resource":"arn:aws:states:::lambda:invoke.waitForTaskToken","Parameters":{"FunctionName":"callback","Payload":{"id":"token","token.$":"$$.Task.Token"}},"ResultPath":"$.token","Next":"Child"},
  "Child":{"Type":"Task","Resource":"arn:aws:states:::states:startExecution.sync:2","Parameters":{"StateMachineArn":"arn:aws:states:us-east-1:111111111111:stateMachine:child","Input":{"a":1}},"ResultSelector":{"out.$":"$.Output"},"ResultPath":"$.child","Next":"Done"},
  "Done":{"Type":"Pass","Parameters":{"both.$":"$.both","each.$":"$.each","error.$":"$.error.Error","token.$":"$.token","child.$":"$.child","same.$":"States.ArrayContains(States.Array($v),$.id)"},"End":true}}}`

const everythingChild = `{"StartAt":"W","States":{"W":{"Type":"Wait","Seconds":2,"Next":"P"},"P":{"Type":"Pass","Result":"child","End":true}}}`

// tally counts the calls of functions by the request that they belong to.
type tally struct {
	mu       sync.Mutex
	requests map[string]map[string]int // by the event's id
}

func (c *tally) count(ctx context.Context, event json.RawMessage) string {
	var e struct{ ID string }
	_ = json.Unmarshal(event, &e)
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.requests == nil {
		c.requests = map[string]map[string]int{}
	}
	if c.requests[e.ID] == nil {
		c.requests[e.ID] = map[string]int{}
	}
	c.requests[e.ID][awsapi.CallerOf(ctx).RequestID]++
	return e.ID
}

func (w *world) withFunctions() *tally {
	c := &tally{}
	add := func(name string, f func(ctx context.Context, event json.RawMessage) (json.RawMessage, bool, error)) {
		w.others.functions[name] = func(ctx context.Context, event json.RawMessage) (json.RawMessage, bool, error) {
			c.count(ctx, event)
			select { // a call takes its time
			case <-time.After(70 * time.Millisecond):
			case <-ctx.Done():
				return nil, false, ctx.Err()
			}
			return f(ctx, event)
		}
	}
	add("work", func(_ context.Context, event json.RawMessage) (json.RawMessage, bool, error) {
		return event, false, nil
	})
	add("fails", func(context.Context, json.RawMessage) (json.RawMessage, bool, error) {
		return json.RawMessage(`{"errorType":"Again","errorMessage":"no"}`), true, nil
	})
	add("callback", func(_ context.Context, event json.RawMessage) (json.RawMessage, bool, error) {
		var e struct{ Token string }
		if err := json.Unmarshal(event, &e); err != nil {
			return nil, false, err
		}
		w.background.Go(func() { // somebody outside, who tries until it is heard
			for range 100 {
				time.Sleep(time.Second)
				_, err := w.call("states", "SendTaskSuccess", m{"taskToken": e.Token, "output": `"called back"`})
				if err == nil || awsapi.Code(err) == "TaskTimedOut" {
					return
				}
			}
		})
		return json.RawMessage(`{}`), false, nil
	})
	return c
}

// TestCrash_SF077_SF078 lets the process die after every single write of an execution: the next one takes it to the same end, by the
// same events, and what is called twice is called with the same request id.
func TestCrash_SF077_SF078(t *testing.T) {
	type trace struct {
		output string
		events []string
		ids    int // distinct requests
	}
	run := func(t *testing.T, deaths []int64) (tr trace) {
		w := newWorld(t)
		defer func() { w.stop(); w.background.Wait() }()
		calls := w.withFunctions()
		w.create("child", "STANDARD", everythingChild)
		machine := w.create("main", "STANDARD", everything)
		arn := strings.Replace(machine, ":stateMachine:", ":execution:", 1) + ":x"
		begin := true
		for _, writes := range deaths {
			w.stop()
			p := newProcess(writes)
			w.restart(mortalStores{w.stores, p}, mortalBus{w.bus, p})
			if begin {
				_, err := w.call("states", "StartExecution", m{"stateMachineArn": machine, "name": "x", "input": "{}"})
				begin = err != nil // else the client tries again
			}
			select {
			case <-p.dead:
			case <-time.After(time.Hour):
			}
		}
		w.stop()
		w.restart(w.stores, w.bus)
		if begin {
			w.must("StartExecution", m{"stateMachineArn": machine, "name": "x", "input": "{}"})
		}
		out := w.wait(arn)
		tr.output = fmt.Sprint(out["status"], out["output"])
		last := 0.0
		for _, e := range w.history(arn) {
			if e["id"].(float64) != last+1 {
				t.Errorf("event %v after event %v", e["id"], last)
			}
			last = e["id"].(float64)
			if e["type"] != "TaskSubmitted" { // missing when the answer to a token overtakes the call that handed it out
				tr.events = append(tr.events, e["type"].(string))
			}
		}
		slices.Sort(tr.events) // branches take turns as they like
		for _, ids := range calls.requests {
			tr.ids += len(ids)
		}
		return tr
	}
	bubble := func(deaths ...int64) (tr trace) {
		t.Run(fmt.Sprint("after", deaths), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) { tr = run(t, deaths) })
		})
		return tr
	}
	want := bubble()
	if !strings.Contains(want.output, `"same":true`) || !strings.HasPrefix(want.output, "SUCCEEDED") {
		t.Fatalf("without a crash: %s", want.output)
	}
	check := func(deaths ...int64) {
		got := bubble(deaths...)
		if got.output != want.output || !slices.Equal(got.events, want.events) || got.ids != want.ids {
			t.Errorf("after deaths %v:\n got %s, %d events, %d requests: %v\nwant %s, %d events, %d requests: %v", deaths, got.output, len(got.events), got.ids, got.events, want.output, len(want.events), want.ids, want.events)
		}
	}
	for writes := range int64(60) {
		check(writes)
	}
	random := rand.New(rand.NewPCG(7, 7))
	for range 60 {
		var deaths []int64
		for range 1 + random.IntN(6) {
			deaths = append(deaths, random.Int64N(12))
		}
		check(deaths...)
	}
}
