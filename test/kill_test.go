package test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/coder/websocket"
)

// TestKill kills the server with -9 in the middle of chat traffic and starts it again: configuration, functions and every
// acknowledged table write are there, and clients connect again.
func TestKill(t *testing.T) {
	dir := t.TempDir()
	s := dev(t, dir, example("chat"))
	apiBefore := s.APIs[0].APIID

	var wg sync.WaitGroup
	var received atomic.Int64
	for i := range 5 {
		c := connect(t.Context(), t, s, s.socket("ws"))
		wg.Go(func() {
			for n := 0; ; n++ {
				if c.Write(t.Context(), websocket.MessageText, fmt.Appendf(nil, `{"action":"sendmessage","data":"%d/%d"}`, i, n)) != nil {
					return
				}
				if _, _, err := c.Read(t.Context()); err != nil {
					return
				}
				received.Add(1)
			}
		})
	}
	written := putItems(t, s) // until the server is gone
	eventually(t, "the chat did not flow", func() bool { return received.Load() > 200 && len(written.acknowledged()) > 50 })
	s.stop(syscall.SIGKILL)
	wg.Wait()
	keys := written.stop()

	again := dev(t, dir, example("chat"))
	if got := again.APIs[0].APIID; got != apiBefore {
		t.Errorf("the API is %s after the restart, was %s", got, apiBefore)
	}
	have := map[string]bool{}
	for _, id := range scan(t, again) {
		have[id] = true
	}
	for _, k := range keys {
		if !have[k] {
			t.Errorf("the acknowledged item %s is lost", k)
		}
	}
	t.Logf("%d acknowledged writes and %d messages before the kill", len(keys), received.Load())

	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	c := connect(ctx, t, again, again.socket("ws"))
	defer c.CloseNow()
	if err := c.Write(ctx, websocket.MessageText, []byte(`{"action":"sendmessage","data":"back"}`)); err != nil {
		t.Fatal(err)
	}
	if _, data, err := c.Read(ctx); err != nil || string(data) != "back" {
		t.Errorf("after the restart: %q, %v\n%s", data, err, again.out.String())
	}
}

// A writer puts items into a table for as long as the server answers.
type writer struct {
	mu   sync.Mutex // guards keys
	keys []string
	done chan struct{}
}

func (w *writer) acknowledged() []string {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.keys
}

func (w *writer) stop() []string {
	<-w.done
	return w.acknowledged()
}

const killTable = "kept"

func putItems(t *testing.T, s *server) *writer {
	t.Helper()
	c := newDynamo(s)
	c.must(t, "CreateTable", `{"TableName":"kept","BillingMode":"PAY_PER_REQUEST","AttributeDefinitions":[{"AttributeName":"id","AttributeType":"S"}],"KeySchema":[{"AttributeName":"id","KeyType":"HASH"}]}`)
	w := &writer{done: make(chan struct{})}
	go func() {
		defer close(w.done)
		for n := 0; ; n++ {
			id := fmt.Sprintf("item-%06d", n)
			if _, err := c.call("PutItem", fmt.Sprintf(`{"TableName":%q,"Item":{"id":{"S":%q}}}`, killTable, id)); err != nil {
				var refused *refusedError
				if errors.As(err, &refused) {
					t.Errorf("put item: %v", err)
				}
				return
			}
			w.mu.Lock()
			w.keys = append(w.keys, id)
			w.mu.Unlock()
		}
	}()
	return w
}

func scan(t *testing.T, s *server) []string {
	t.Helper()
	c := newDynamo(s)
	var ids []string
	for from := ""; ; {
		answer := c.must(t, "Scan", `{"TableName":"`+killTable+`"`+from+`}`)
		var page struct {
			Items            []map[string]map[string]string
			LastEvaluatedKey json.RawMessage
		}
		if err := json.Unmarshal(answer, &page); err != nil {
			t.Fatal(err)
		}
		for _, item := range page.Items {
			ids = append(ids, item["id"]["S"])
		}
		if page.LastEvaluatedKey == nil {
			return ids
		}
		from = `,"ExclusiveStartKey":` + string(page.LastEvaluatedKey)
	}
}

// TestRestart stops the server politely while a client is connected: the client is told, and all is there at the next start.
func TestRestart(t *testing.T) {
	dir := t.TempDir()
	s := dev(t, dir, example("chat"))
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	c := connect(ctx, t, s, s.socket("ws"))
	go s.stop(syscall.SIGINT)
	_, _, err := c.Read(ctx)
	if websocket.CloseStatus(err) != websocket.StatusGoingAway {
		t.Errorf("the client saw %v, want close code 1001", err)
	}
	<-s.done
	if out := s.out.String(); !strings.Contains(out, "stopped") {
		t.Errorf("the server did not end politely:\n%s", out)
	}
	began := time.Now()
	again := dev(t, dir, example("chat"))
	t.Logf("ready again after %v", time.Since(began))
	if got := ask(t, again, again.socket("ws"), `{"action":"sendmessage","data":"again"}`); got != "again" {
		t.Errorf("got %q", got)
	}
}
